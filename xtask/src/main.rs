//! `cargo xtask <command>`: the project's own commands, in Rust so that a clone needs nothing but cargo and git.
//!
//! The crate must compile in seconds, because everybody waits for it before anything else happens. It therefore
//! has no dependencies: the argument parser, the JSON reader and the Rust lexer are the few hundred lines that
//! these commands need, and no more. It depends on no crate of the workspace either, so that it can still report
//! on a workspace that does not build.
//!
//! Exit codes: 0 all is well, 1 a check failed, 2 the command line was not understood.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to its user")]

mod args;
mod failure;
mod files;
mod finding;
mod json;
mod lexer;
mod nearest;
mod process;

mod bench;
mod explore;
mod help;
mod layers;
mod test_all;
mod tidy;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use args::{Args, Opt};
use failure::{Failure, Outcome};

/// One command: what `help` prints about it, what its command line may hold, and what it does.
struct Command {
    name: &'static str,
    /// How the operands are named in usage lines, or `None` when the command takes none.
    operands: Option<&'static str>,
    about: &'static str,
    options: &'static [Opt],
    run: fn(root: &Path, args: &Args) -> Outcome,
}

/// Every command, in the order in which `help` lists them.
const COMMANDS: &[Command] =
    &[help::COMMAND, test_all::COMMAND, layers::COMMAND, tidy::COMMAND, bench::COMMAND, explore::COMMAND];

fn main() -> ExitCode {
    let line: Vec<String> = env::args().skip(1).collect();
    let failure = match root().and_then(|root| dispatch(&root, &line)) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    match failure {
        Failure::Usage(text) => {
            eprintln!("error: {text}\n\n`cargo xtask help` lists the commands and their options.");
            ExitCode::from(2)
        }
        Failure::Check(text) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command that `line` spells. `test-all` comes through here too, so that a step which is one of our own
/// commands does exactly what the command printed for repeating it would do.
fn dispatch(root: &Path, line: &[String]) -> Outcome {
    let (name, rest) = match line.split_first() {
        None => ("help", line),
        Some((name, rest)) if matches!(name.as_str(), "-h" | "--help") => ("help", rest),
        Some((name, rest)) => (name.as_str(), rest),
    };
    let command = find(name)?;
    if rest.iter().take_while(|word| *word != "--").any(|word| word == "-h" || word == "--help") {
        print!("{}", help::of_command(command));
        return Ok(());
    }
    let args = Args::parse(command.name, command.options, command.operands, rest)?;
    (command.run)(root, &args)
}

fn find(name: &str) -> Outcome<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name).ok_or_else(|| {
        let known: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
        Failure::Usage(nearest::unknown("command", name, &known))
    })
}

/// The workspace's root: the folder above this crate's.
///
/// Cargo says at run time where the crate is; what was true at compile time is the answer for a binary that is run
/// without cargo. The run-time answer goes first, because a copied target folder may have been built elsewhere.
fn root() -> Outcome<PathBuf> {
    let own = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    match Path::new(&own).parent() {
        Some(root) if root.join("Cargo.toml").is_file() => Ok(root.to_owned()),
        _ => Err(Failure::Check(format!("no workspace above {own}; run this as `cargo xtask`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_unknown_command_is_a_usage_error_that_names_the_nearest_one() {
        let Err(Failure::Usage(text)) = dispatch(Path::new("."), &words("lyers")) else {
            panic!("`lyers` was taken for a command");
        };
        assert!(text.contains("did you mean `layers`?"), "{text}");
        assert!(text.contains("test-all"), "{text}");
    }

    #[test]
    fn no_arguments_and_every_spelling_of_help_succeed() {
        for line in ["", "help", "--help", "-h", "tidy --help", "explore -h"] {
            assert!(dispatch(Path::new("."), &words(line)).is_ok(), "{line}");
        }
    }

    #[test]
    fn an_unknown_option_is_a_usage_error() {
        let Err(Failure::Usage(text)) = dispatch(Path::new("."), &words("explore --sedes 3")) else {
            panic!("`--sedes` was taken for an option");
        };
        assert!(text.contains("did you mean `--seeds`?"), "{text}");
    }
}
