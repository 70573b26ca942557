//! Finds the words in a text that are in no list of words.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use thespian_core::{ActorSpec, ActorSystem, Error};
use thespian_examples::bases::Choice;
use thespian_examples::spell::{self, Check, Checked, Desk};

const AFTER_HELP: &str = "\
The text is read from the standard input. Each line begins with its language and a colon:

  $ printf 'en: A gren frog\\nde: Ein grüner Frosch\\n' | spell --words en=english.txt --words de=deutsch.txt
  en:1: gren -> green

The exit code is 0 if every word was found, 1 if one was not, and 2 if something could not be checked.";

/// Finds the words in a text that are in no list of words.
#[derive(Parser)]
#[command(name = "spell", version, after_help = AFTER_HELP)]
struct Args {
    /// A language, and a file with its words, one on each line
    #[arg(long, value_name = "LANGUAGE=FILE", required = true, value_parser = list)]
    words: Vec<(String, String)>,
    #[command(flatten)]
    choice: Choice,
}

fn list(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((language, file)) if !language.is_empty() && !file.is_empty() => {
            Ok((language.into(), file.into()))
        }
        _ => Err("must be a language, an equals sign and a file, such as en=words.txt".into()),
    }
}

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(spell::actor_types()).run();
    let args = Args::parse();
    let lines: Result<Vec<String>, io::Error> = io::stdin().lock().lines().collect();
    let outcome = match lines {
        Ok(lines) => {
            let files = args.words.into_iter().collect();
            args.choice.run(|system| check(system, files, &lines)).map_err(|error: Error| error.to_string())
        }
        Err(error) => Err(format!("standard input: {error}")),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            complain(problem);
            ExitCode::from(2)
        }
    }
}

/// Checks the lines, prints what is wrong with them, and returns the exit code.
fn check(system: &ActorSystem, files: BTreeMap<String, String>, lines: &[String]) -> Result<u8, Error> {
    let desk = system.create(ActorSpec::with::<Desk>(files))?;
    let mut code = 0;
    let mut asked: BTreeMap<u64, &str> = BTreeMap::new();
    for (number, line) in (1..).zip(lines) {
        let Some((language, text)) = line.split_once(':') else {
            if !line.trim().is_empty() {
                complain(format_args!("line {number} does not begin with its language and a colon"));
                code = 2;
            }
            continue;
        };
        asked.insert(number, language);
        system.tell(&desk, Check { line: number, language: language.into(), text: text.into() })?;
    }
    let mut answers: BTreeMap<u64, Checked> = BTreeMap::new();
    while answers.len() < asked.len() {
        match system.listen(Duration::from_secs(60))?.take::<Checked>() {
            Ok(checked) => drop(answers.insert(checked.line, checked)),
            Err(answer) => {
                complain(format_args!("no answer came: {answer:?}"));
                return Ok(2);
            }
        }
    }
    for (line, Checked { unknown, .. }) in answers {
        let language = asked[&line];
        match unknown {
            Ok(unknown) => {
                for word in unknown {
                    code = code.max(1);
                    let nearest = word.nearest.map_or_else(String::new, |nearest| format!(" -> {nearest}"));
                    print(format_args!("{language}:{line}: {}{nearest}", word.word));
                }
            }
            Err(why) => {
                code = 2;
                complain(format_args!("line {line}, language {language}: {why}"));
            }
        }
    }
    Ok(code)
}

/// Whoever stops reading has seen enough.
fn print(line: impl Display) {
    writeln!(io::stdout(), "{line}").ok();
}

fn complain(problem: impl Display) {
    // There is nowhere left to say that this failed.
    writeln!(io::stderr(), "spell: {problem}").ok();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_list_needs_a_language_and_a_file() {
        assert_eq!(list("en=a=b"), Ok(("en".into(), "a=b".into())));
        assert!(list("en").is_err() && list("=a").is_err() && list("en=").is_err());
    }
}
