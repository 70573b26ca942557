//! `cargo xtask tidy`: the small rules that no compiler and no formatter holds.
//!
//! Each rule is a function from one file to what it found there, with a test that shows it fail. They look at what
//! git tracks or would track, so a file that was never added is checked too, and what a build left behind is not.

mod code;
mod text;

use std::path::Path;

use crate::args::Args;
use crate::failure::Outcome;
use crate::{Command, files, finding};

pub(crate) const COMMAND: Command = Command {
    name: "tidy",
    operands: None,
    about: "check the small rules that no compiler and no formatter holds",
    options: &[],
    run,
};

fn run(root: &Path, _args: &Args) -> Outcome {
    let files = files::all(root)?;
    let tests = files::test_modules(&files);
    let mut findings = Vec::new();
    for file in &files {
        for rule in text::RULES {
            findings.extend(rule(file));
        }
        if file.is_rust() {
            let source = code::Source::new(file, tests.contains(file.path.as_str()));
            for rule in code::RULES {
                findings.extend(rule(&source));
            }
        }
    }
    let rules = text::RULES.len() + code::RULES.len();
    finding::conclude("tidy", &format!("{} files, {rules} rules", files.len()), &findings)
}
