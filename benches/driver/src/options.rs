//! The command line.

use bench_harness::{WORKLOADS, Workload};

/// What the driver is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// In the order of the table, each once.
    pub(crate) workloads: Vec<Workload>,
    /// At least one.
    pub(crate) repeats: usize,
    pub(crate) quick: bool,
    /// Packages that did not build, and why.
    pub(crate) missing: Vec<(String, String)>,
}

const USAGE: &str = "usage: bench-driver [WORKLOAD...] [--repeats N] [--quick] [--missing PACKAGE=REASON]...";

const REPEATS: usize = 5;

impl Options {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Options, String> {
        let mut words = words.into_iter();
        let mut named = Vec::new();
        let mut options =
            Options { workloads: Vec::new(), repeats: REPEATS, quick: false, missing: Vec::new() };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--repeats" => {
                    let repeats = words.next().and_then(|number| number.parse().ok());
                    options.repeats = repeats
                        .filter(|&repeats| repeats > 0)
                        .ok_or("`--repeats` needs a whole number from 1 on")?;
                }
                "--missing" => {
                    let word = words.next().ok_or("`--missing` needs PACKAGE=REASON")?;
                    let (package, reason) = word.split_once('=').ok_or("`--missing` needs PACKAGE=REASON")?;
                    options.missing.push((package.to_owned(), reason.to_owned()));
                }
                option if option.starts_with('-') => return Err(format!("no option `{option}`\n{USAGE}")),
                _ => named.push(word),
            }
        }
        let names: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        if let Some(unknown) = named.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(format!("no workload `{unknown}`; there are: {}", names.join(", ")));
        }
        let wanted =
            |workload: &&Workload| named.is_empty() || named.iter().any(|name| name == workload.name);
        options.workloads = WORKLOADS.iter().filter(wanted).copied().collect();
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Options, String> {
        Options::parse(line.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn without_a_word_everything_is_measured_five_times() {
        let options = parse(&[]).expect("an empty line is a good one");
        assert_eq!(options.workloads.len(), WORKLOADS.len());
        assert_eq!((options.repeats, options.quick), (5, false));
    }

    #[test]
    fn the_line_that_xtask_writes_is_understood() {
        let line = ["spawn", "ask", "ask", "--repeats", "3", "--quick", "--missing", "peer=error: a=b"];
        let options = parse(&line).expect("a good line");
        let names: Vec<&str> = options.workloads.iter().map(|workload| workload.name).collect();
        assert_eq!(names, ["ask", "spawn"]);
        assert_eq!((options.repeats, options.quick), (3, true));
        assert_eq!(options.missing, [("peer".to_owned(), "error: a=b".to_owned())]);
    }

    #[test]
    fn what_is_not_known_is_named_together_with_what_is() {
        let error = parse(&["fload"]).expect_err("there is no such workload");
        assert!(error.contains("`fload`") && error.contains("flood, flood_inside"), "{error}");
        let error = parse(&["--fast"]).expect_err("there is no such option");
        assert!(error.contains("`--fast`") && error.contains("--quick"), "{error}");
        parse(&["--repeats", "0"]).expect_err("nothing would be measured");
        parse(&["--missing", "peer"]).expect_err("there is no reason");
    }
}
