//! The argument parser: options declared as data, so that parsing, `help` and error texts cannot disagree.

use crate::failure::{Failure, Outcome};
use crate::nearest;

/// One option of a command.
pub(crate) struct Opt {
    /// With its dashes: `--seeds`.
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) about: &'static str,
}

/// What follows an option's name. The text is the value's name in usage lines.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    Nothing,
    One(&'static str),
    /// One value each time; the option may be repeated.
    Many(&'static str),
}

/// A command line that was understood. Asking it for an option that the command did not declare gives "not there".
#[derive(Debug, Default)]
pub(crate) struct Args {
    given: Vec<(&'static str, String)>,
    operands: Vec<String>,
}

impl Args {
    /// Understands `words` as the rest of the line after `command`.
    ///
    /// Values are given as `--name value` or `--name=value`; after `--` everything is an operand.
    pub(crate) fn parse(
        command: &str,
        options: &'static [Opt],
        operands: Option<&str>,
        words: &[String],
    ) -> Outcome<Args> {
        let mut args = Args::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                args.operands.extend(words.by_ref().cloned());
            } else if word.starts_with('-') && word.len() > 1 {
                args.take_option(command, options, word, &mut words)?;
            } else {
                args.operands.push(word.clone());
            }
        }
        match args.operands.first() {
            Some(extra) if operands.is_none() => {
                Err(Failure::Usage(format!("`{command}` takes no operands, but was given `{extra}`")))
            }
            _ => Ok(args),
        }
    }

    fn take_option<'a>(
        &mut self,
        command: &str,
        options: &'static [Opt],
        word: &str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Outcome {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        let Some(option) = options.iter().find(|option| option.name == name) else {
            let known: Vec<&str> = options.iter().map(|option| option.name).collect();
            return Err(Failure::Usage(nearest::unknown(&format!("option of `{command}`"), name, &known)));
        };
        if self.flag(option.name) && !matches!(option.takes, Takes::Many(_)) {
            return Err(Failure::Usage(format!("`{name}` is given twice")));
        }
        let value = match (option.takes, attached) {
            (Takes::Nothing, None) => String::new(),
            (Takes::Nothing, Some(_)) => return Err(Failure::Usage(format!("`{name}` takes no value"))),
            (Takes::One(_) | Takes::Many(_), Some(value)) => value,
            (Takes::One(what) | Takes::Many(what), None) => match rest.next() {
                Some(value) => value.clone(),
                None => return Err(Failure::Usage(format!("`{name}` needs a value: {name} {what}"))),
            },
        };
        self.given.push((option.name, value));
        Ok(())
    }

    /// Whether the option was given at all.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// Every value of an option that may be repeated, in order.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(move |(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// The option's value as a whole number, if it was given.
    pub(crate) fn number(&self, name: &str) -> Outcome<Option<u64>> {
        let Some(value) = self.values(name).next() else { return Ok(None) };
        match value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Failure::Usage(format!("`{name}` needs a whole number, but was given `{value}`"))),
        }
    }

    /// The words that are not options, in order.
    pub(crate) fn operands(&self) -> &[String] {
        &self.operands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[Opt] = &[
        Opt { name: "--seeds", takes: Takes::One("N"), about: "" },
        Opt { name: "--power", takes: Takes::Nothing, about: "" },
        Opt { name: "--only", takes: Takes::Many("STEP"), about: "" },
    ];

    fn parse(line: &str, operands: Option<&str>) -> Result<Args, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Args::parse("demo", OPTIONS, operands, &words).map_err(|failure| match failure {
            Failure::Usage(text) => text,
            Failure::Check(text) => panic!("a parser has nothing to check: {text}"),
        })
    }

    #[test]
    fn both_spellings_of_a_value_flags_and_operands_are_understood() {
        let args = parse("--seeds 7 one --power --only=a --only b -- --two", Some("WORD")).unwrap();
        assert_eq!(args.number("--seeds").unwrap(), Some(7));
        assert!(args.flag("--power"));
        assert_eq!(args.values("--only").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(args.operands(), ["one", "--two"]);
        assert_eq!(parse("", None).unwrap().number("--seeds").unwrap(), None);
    }

    #[test]
    fn every_misuse_is_named() {
        assert!(parse("--powr", None).unwrap_err().contains("did you mean `--power`?"));
        assert!(parse("--seeds", None).unwrap_err().contains("--seeds N"));
        assert!(parse("--power=yes", None).unwrap_err().contains("takes no value"));
        assert!(parse("--power --power", None).unwrap_err().contains("twice"));
        assert!(parse("word", None).unwrap_err().contains("takes no operands"));
        let Err(Failure::Usage(text)) = parse("--seeds many", None).unwrap().number("--seeds") else {
            panic!("`many` was taken for a number");
        };
        assert!(text.contains("`many`"), "{text}");
    }
}
