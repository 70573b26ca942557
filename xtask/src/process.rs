//! Running other programs: always in the workspace's root, and always as a line that a person can repeat.

use std::env;
use std::fmt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::failure::{Failure, Outcome};

/// A program, its arguments and the variables set for it. Displayed, it is the line to type into a shell.
#[derive(Clone)]
pub(crate) struct Cmd {
    program: &'static str,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
}

impl Cmd {
    pub(crate) fn cargo(args: &[&str]) -> Cmd {
        Cmd::new("cargo", args)
    }

    pub(crate) fn git(args: &[&str]) -> Cmd {
        Cmd::new("git", args)
    }

    fn new(program: &'static str, args: &[&str]) -> Cmd {
        Cmd { program, args: args.iter().map(|&arg| arg.to_owned()).collect(), env: Vec::new() }
    }

    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Cmd {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Cmd {
        self.env.push((name, value.to_owned()));
        self
    }

    /// Runs it with our own input and output; anything but success is a failure.
    pub(crate) fn run(&self, root: &Path) -> Outcome {
        let status = self.command(root).status().map_err(|error| self.not_started(&error))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::Check(format!("{status}: `{self}`")))
    }

    /// Runs it and returns what it printed; anything but success is a failure that shows its error output.
    pub(crate) fn read(&self, root: &Path) -> Outcome<String> {
        let output = self.output(root)?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Failure::Check(format!("{}: `{self}`\n{}", output.status, errors.trim_end())));
        }
        String::from_utf8(output.stdout)
            .map_err(|_| Failure::Check(format!("`{self}` printed something that is not UTF-8")))
    }

    /// Runs it and returns everything, for a caller to whom failing is an answer.
    pub(crate) fn output(&self, root: &Path) -> Outcome<Output> {
        self.command(root).stdin(Stdio::null()).output().map_err(|error| self.not_started(&error))
    }

    fn command(&self, root: &Path) -> Command {
        // Cargo names itself in `CARGO`, so that the toolchain that started us is the one that goes on.
        let program = match self.program {
            "cargo" => env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            other => other.into(),
        };
        let mut command = Command::new(program);
        command.args(&self.args).current_dir(root);
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        Failure::Check(format!("`{}` could not be started: {error}; wanted: `{self}`", self.program))
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// The word as a POSIX shell has to read it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The line of a failed program's error output that says most about why: cargo's first error, or what a panic said,
/// or else the last line.
pub(crate) fn gist(errors: &str) -> String {
    let lines: Vec<&str> = errors.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let error = lines.iter().find(|line| line.starts_with("error"));
    if let Some(line) = error.or_else(|| lines.iter().find(|line| line.contains(" panicked at "))) {
        // The message of a panic stands in the line below its place.
        let message = lines.iter().skip_while(|other| *other != line).nth(1);
        return match message {
            Some(message) if !line.starts_with("error") => format!("{line} {message}"),
            _ => (*line).to_owned(),
        };
    }
    lines.last().map_or_else(|| "it gave no reason".to_owned(), |line| (*line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_displayed_as_the_line_to_type() {
        let cmd = Cmd::cargo(&["doc", "it's"]).env("RUSTDOCFLAGS", "-D warnings").args(["x=y"]);
        assert_eq!(cmd.to_string(), r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s' x=y");
    }

    #[test]
    fn a_failing_program_and_a_missing_one_are_failures_that_name_the_command() {
        let here = Path::new(".");
        let Err(Failure::Check(text)) = Cmd::cargo(&["no-such-command"]).read(here) else {
            panic!("`cargo no-such-command` succeeded");
        };
        assert!(text.contains("`cargo no-such-command`"), "{text}");
        let Err(Failure::Check(text)) = Cmd::new("no-such-program", &[]).run(here) else {
            panic!("`no-such-program` succeeded");
        };
        assert!(text.contains("could not be started"), "{text}");
    }

    #[test]
    fn the_gist_of_a_failure_is_its_first_error_or_its_panic_or_its_last_line() {
        assert_eq!(gist("warning: x\nerror[E0432]: y\nerror: could not compile\n"), "error[E0432]: y");
        let panic = "start\nthread 'main' (7) panicked at a.rs:3:5:\noops\nnote: run with a backtrace\n";
        assert_eq!(gist(panic), "thread 'main' (7) panicked at a.rs:3:5: oops");
        assert_eq!(gist("one\n two \n\n"), "two");
        assert_eq!(gist(""), "it gave no reason");
    }
}
