//! `cargo xtask test-all`: everything that must hold before a change is proposed, in one command.
//!
//! Cheap steps come first, so that a forgotten blank costs a second and not a build. The steps are data: `--list`
//! prints them, `--only` and `--skip` select them by name, and the line printed for repeating a step is the very
//! command that was run.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::args::{Args, Opt, Takes};
use crate::failure::{Failure, Outcome};
use crate::process::Cmd;
use crate::{Command, nearest};

pub(crate) const COMMAND: Command = Command {
    name: "test-all",
    operands: None,
    about: "run every check and every test, stopping at the first failure",
    options: &[
        Opt { name: "--only", takes: Takes::Many("STEP"), about: "run this step alone (repeatable)" },
        Opt { name: "--skip", takes: Takes::Many("STEP"), about: "leave this step out (repeatable)" },
        Opt {
            name: "--list",
            takes: Takes::Nothing,
            about: "print the steps and their commands, run nothing",
        },
    ],
    run,
};

struct Step {
    name: &'static str,
    work: Work,
}

enum Work {
    Program(Cmd),
    /// One of our own commands; run in this process, since it is compiled already.
    Own(&'static [&'static str]),
}

impl Step {
    fn cargo(name: &'static str, args: &[&str]) -> Step {
        Step { name, work: Work::Program(Cmd::cargo(args)) }
    }

    /// The line that repeats the step.
    fn command(&self) -> String {
        match &self.work {
            Work::Program(cmd) => cmd.to_string(),
            Work::Own(words) => format!("cargo xtask {}", words.join(" ")),
        }
    }

    fn perform(&self, root: &Path) -> Outcome {
        match &self.work {
            Work::Program(cmd) => cmd.run(root),
            Work::Own(words) => {
                let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
                crate::dispatch(root, &words)
            }
        }
    }
}

/// The steps, in order.
fn steps() -> Vec<Step> {
    let doc = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    vec![
        Step::cargo("fmt", &["fmt", "--all", "--check"]),
        Step { name: "tidy", work: Work::Own(&["tidy"]) },
        Step { name: "layers", work: Work::Own(&["layers"]) },
        Step::cargo("build", &["build", "--workspace", "--all-targets", "--locked"]),
        // Every kind of target by name, because `--all-targets` would also run benches as tests.
        Step::cargo("test", &["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--locked"]),
        Step::cargo("doctest", &["test", "--workspace", "--doc", "--locked"]),
        Step::cargo(
            "clippy",
            &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        ),
        Step { name: "doc", work: Work::Program(Cmd::cargo(&doc).env("RUSTDOCFLAGS", "-D warnings")) },
        // A workspace of its own, which nothing else looks at. The fuzzer itself is C++, and not needed to look at the targets.
        Step {
            name: "fuzz",
            work: Work::Program(
                Cmd::cargo(&["check", "--manifest-path", "fuzz/Cargo.toml", "--bins", "--locked"])
                    .args(["--target-dir", "target/fuzz"])
                    .env("CUSTOM_LIBFUZZER_PATH", "/nowhere/libfuzzer.a"),
            ),
        },
        Step { name: "explore", work: Work::Own(&["explore", "--power"]) },
        // What the README tells a newcomer to type first.
        Step::cargo(
            "readme",
            &[
                "run",
                "-q",
                "-p",
                "thespian-examples",
                "--bin",
                "wordcount",
                "--",
                "README.md",
                "ARCHITECTURE.md",
                "docs",
            ],
        ),
    ]
}

fn run(root: &Path, args: &Args) -> Outcome {
    let all = steps();
    if args.flag("--list") {
        for step in &all {
            println!("{:8} {}", step.name, step.command());
        }
        return Ok(());
    }
    let only: Vec<&str> = args.values("--only").collect();
    let skip: Vec<&str> = args.values("--skip").collect();
    let steps = selected(&all, &only, &skip)?;
    perform_all(root, &steps)
}

/// The steps that remain after `--only` and `--skip`. A name that selects nothing is refused, because a check that
/// was not run looks like a check that passed; so is a selection that leaves nothing to run.
fn selected<'a>(all: &'a [Step], only: &[&str], skip: &[&str]) -> Outcome<Vec<&'a Step>> {
    let known: Vec<&str> = all.iter().map(|step| step.name).collect();
    if let Some(name) = only.iter().chain(skip).find(|name| !known.contains(name)) {
        return Err(Failure::Usage(nearest::unknown("step of `test-all`", name, &known)));
    }
    let steps: Vec<&Step> = all
        .iter()
        .filter(|step| only.is_empty() || only.contains(&step.name))
        .filter(|step| !skip.contains(&step.name))
        .collect();
    if steps.is_empty() {
        return Err(Failure::Usage("`--only` and `--skip` leave no step to run".into()));
    }
    Ok(steps)
}

fn perform_all(root: &Path, steps: &[&Step]) -> Outcome {
    let begun = Instant::now();
    let count = steps.len();
    for (position, step) in steps.iter().enumerate() {
        let begun = Instant::now();
        println!("\n=== {}/{count} {}: {}", position + 1, step.name, step.command());
        step.perform(root).map_err(|failure| stopped_at(step, failure))?;
        println!("=== {} passed in {}", step.name, seconds(begun.elapsed()));
    }
    let plural = if count == 1 { "step" } else { "steps" };
    println!("\nall {count} {plural} passed in {}", seconds(begun.elapsed()));
    Ok(())
}

fn stopped_at(step: &Step, failure: Failure) -> Failure {
    let (Failure::Usage(text) | Failure::Check(text)) = failure;
    Failure::Check(format!("{text}\n\nstep `{}` failed; repeat it with: {}", step.name, step.command()))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(steps: &[&Step]) -> Vec<&'static str> {
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn only_and_skip_select_by_name_and_keep_the_order() {
        let all = steps();
        assert_eq!(names(&selected(&all, &["clippy", "fmt"], &[]).unwrap()), ["fmt", "clippy"]);
        assert_eq!(selected(&all, &[], &["explore"]).unwrap().len(), all.len() - 1);
        assert_eq!(names(&selected(&all, &["fmt", "tidy"], &["fmt"]).unwrap()), ["tidy"]);
    }

    #[test]
    fn a_step_that_does_not_exist_and_an_empty_selection_are_refused() {
        let all = steps();
        let Err(Failure::Usage(text)) = selected(&all, &[], &["clipy"]) else {
            panic!("`clipy` was skipped")
        };
        assert!(text.contains("did you mean `clippy`?"), "{text}");
        assert!(matches!(selected(&all, &["fmt"], &["fmt"]), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_failed_step_stops_the_run_and_says_how_to_repeat_it() {
        let fails = Step { name: "fails", work: Work::Own(&["tidy", "--no-such-option"]) };
        let never = Step { name: "never", work: Work::Own(&["no-such-command"]) };
        // Even a step that is called wrongly is a failed check: the person typed `test-all` correctly.
        let Err(Failure::Check(text)) = perform_all(Path::new("."), &[&fails, &never]) else {
            panic!("a failing step passed");
        };
        assert!(
            text.ends_with("step `fails` failed; repeat it with: cargo xtask tidy --no-such-option"),
            "{text}"
        );
    }

    #[test]
    fn every_step_that_is_a_command_of_ours_exists() {
        for step in steps() {
            if let Work::Own(words) = step.work {
                assert!(crate::find(words[0]).is_ok(), "{}", step.name);
            }
        }
    }

    #[test]
    fn cheap_steps_come_before_the_build() {
        let all = steps();
        let at = |name: &str| all.iter().position(|step| step.name == name);
        assert!(at("fmt") < at("tidy") && at("tidy") < at("layers") && at("layers") < at("build"));
    }
}
