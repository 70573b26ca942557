//! The command line.

use bench_harness::{WORKLOADS, Workload};

use crate::processes::plan::{SECTIONS, Section};

/// What the driver is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Of the group `simple`: in the order of its table, each once.
    pub(crate) workloads: Vec<Workload>,
    /// Of the group `processes`, the same.
    pub(crate) sections: Vec<&'static Section>,
    /// At least one.
    pub(crate) repeats: usize,
    pub(crate) quick: bool,
    /// Packages that did not build, and why.
    pub(crate) missing: Vec<(String, String)>,
}

const USAGE: &str = "usage: bench-driver [WORKLOAD...] [--group simple|processes]... [--repeats N] [--quick] \
                     [--missing PACKAGE=REASON]...";

const REPEATS: usize = 5;

const GROUPS: [&str; 2] = ["simple", "processes"];

impl Options {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Options, String> {
        let mut words = words.into_iter();
        let (mut named, mut groups) = (Vec::new(), Vec::new());
        let mut options = Options {
            workloads: Vec::new(),
            sections: Vec::new(),
            repeats: REPEATS,
            quick: false,
            missing: Vec::new(),
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--repeats" => {
                    let repeats = words.next().and_then(|number| number.parse().ok());
                    options.repeats = repeats
                        .filter(|&repeats| repeats > 0)
                        .ok_or("`--repeats` needs a whole number from 1 on")?;
                }
                "--group" => {
                    let group = words.next().filter(|group| GROUPS.contains(&group.as_str()));
                    groups
                        .push(group.ok_or_else(|| format!("`--group` needs one of: {}", GROUPS.join(", ")))?);
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
        let has = |group: &str| groups.is_empty() || groups.iter().any(|wanted| wanted == group);
        let wanted = |name: &str| named.is_empty() || named.iter().any(|named| named == name);
        if has("simple") {
            options.workloads = WORKLOADS.to_vec();
        }
        if has("processes") {
            options.sections = SECTIONS.iter().collect();
        }
        options.check(&named)?;
        options.workloads.retain(|workload| wanted(workload.name));
        options.sections.retain(|section| wanted(section.name));
        Ok(options)
    }

    /// Whether the groups that were chosen have all that is named.
    fn check(&self, named: &[String]) -> Result<(), String> {
        let workloads = self.workloads.iter().map(|workload| workload.name);
        let names: Vec<&str> = workloads.chain(self.sections.iter().map(|section| section.name)).collect();
        match named.iter().find(|name| !names.contains(&name.as_str())) {
            Some(unknown) => Err(format!("no workload `{unknown}`; there are: {}", names.join(", "))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Options, String> {
        Options::parse(line.iter().map(|word| (*word).to_owned()))
    }

    fn names(options: &Options) -> (Vec<&str>, Vec<&str>) {
        let workloads = options.workloads.iter().map(|workload| workload.name);
        (workloads.collect(), options.sections.iter().map(|section| section.name).collect())
    }

    #[test]
    fn without_a_word_everything_is_measured_five_times() {
        let options = parse(&[]).expect("an empty line is a good one");
        assert_eq!(options.workloads.len(), WORKLOADS.len());
        assert_eq!(options.sections.len(), SECTIONS.len());
        assert_eq!((options.repeats, options.quick), (5, false));
    }

    #[test]
    fn the_line_that_xtask_writes_is_understood() {
        let line = ["spawn", "ask", "ask", "--repeats", "3", "--quick", "--missing", "peer=error: a=b"];
        let options = parse(&line).expect("a good line");
        assert_eq!(names(&options), (vec!["ask", "spawn"], vec![]));
        assert_eq!((options.repeats, options.quick), (3, true));
        assert_eq!(options.missing, [("peer".to_owned(), "error: a=b".to_owned())]);
    }

    #[test]
    fn a_group_is_measured_alone_when_it_is_named() {
        let options = parse(&["--group", "simple"]).expect("a good line");
        assert_eq!((options.workloads.len(), options.sections.len()), (WORKLOADS.len(), 0));
        let options = parse(&["--group", "processes", "startup", "one_way"]).expect("a good line");
        assert_eq!(names(&options), (vec![], vec!["one_way", "startup"]));
        let error = parse(&["--group", "processes", "spawn"]).expect_err("it is of the other group");
        assert!(error.contains("`spawn`") && !error.contains("fanout32"), "{error}");
        let error = parse(&["--group", "threads"]).expect_err("there is no such group");
        assert!(error.contains("simple, processes"), "{error}");
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

    #[test]
    fn no_name_means_two_things() {
        for section in SECTIONS {
            assert!(WORKLOADS.iter().all(|workload| workload.name != section.name), "{}", section.name);
        }
    }
}
