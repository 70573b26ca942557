//! What a [`RunCommand`](crate::RunCommand) actor says, and is told, beside the commands.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{Bytes, Message};

use crate::{Captured, Command};

/// Tells the sender of a command that it runs, if its [`report_on_start`](Command::report_on_start) asks for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-runcommand.CommandStarted")]
pub struct CommandStarted {
    /// The command, without its input and its environment, and [shortened](crate#the-size-of-messages) if its line is very long.
    pub command: Command,
    /// The id of the command's process, which leads a session and a process group of its own.
    pub pid: i32,
}

/// Some of what a command has written to its standard output, for its [`output_updates`](Command::output_updates).
///
/// The outputs of these messages, one after the other, are what the command has written: nothing is omitted, left out, or
/// cut at the ends of lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-runcommand.CommandOutput")]
pub struct CommandOutput {
    /// The command, without its input and its environment, and [shortened](crate#the-size-of-messages) if its line is very long.
    pub command: Command,
    /// What it has written, in the order written. Bytes, never none.
    pub output: Bytes,
}

/// The same for its standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-runcommand.CommandError")]
pub struct CommandError {
    /// The command, without its input and its environment, and [shortened](crate#the-size-of-messages) if its line is very long.
    pub command: Command,
    /// What it has written, in the order written. Bytes, never none.
    pub error_output: Bytes,
}

/// Asks the actor to end the command that runs, if one does: with a signal to terminate, and when it still runs after
/// [`RunCommandSettings::grace`](crate::RunCommandSettings::grace) by force. Those that wait are not touched. There is no
/// answer but the command's result.
///
/// On a base without watch an actor that runs a command is blocked, and sees this when there is nothing to abort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-runcommand.CommandAbort")]
pub struct CommandAbort;

/// A line of the log, for the actor in a command's [`logger`](Command::logger).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-runcommand.CommandLog")]
pub struct CommandLog {
    /// How much it matters.
    pub level: LogLevel,
    /// The line. What the command wants omitted is not in it.
    pub message: String,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LogLevel {
    /// It is good to know.
    Info,
    /// Something has failed.
    Error,
}

/// What has become of a command: sent to its sender, exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-runcommand.CommandResult")]
pub struct CommandResult {
    /// The command as it was sent; without its input and its environment in a result that would be [too
    /// large](crate#the-size-of-messages), and then, if its line is very long, with the beginning of that as its
    /// [`exe`](Command::exe) and no arguments.
    pub command: Command,
    /// The exit code of its process; the number of the signal that ended it, negated; the system's error number for a command
    /// that could not be started; [`NOT_RUN`] or [`UNKNOWN`].
    pub exitcode: i32,
    /// How it has come to its end.
    pub ending: Ending,
    /// What it has written to its standard output.
    pub stdout: Captured,
    /// What it has written to its standard error; the system's text for a command that could not be started.
    pub stderr: Captured,
    /// How long it has run. Zero if it has not.
    pub duration: Duration,
}

/// The exit code of a command that waited when its actor exited.
pub const NOT_RUN: i32 = -3;

/// The exit code of a command of which nobody knows how it ended.
pub const UNKNOWN: i32 = -4;

/// How a command has come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// By itself.
    Exited,
    /// It was terminated because it ran longer than its [`timeout`](Command::timeout).
    TimedOut,
    /// It was terminated because of a [`CommandAbort`].
    Aborted,
    /// Its actor exited: it was terminated if it ran, and never ran if it waited.
    ActorExited,
    /// The system could not start it.
    NotStarted,
    /// It was not even tried.
    Refused(CommandProblem),
    /// The process that looked after it was killed, and the command with it.
    Lost,
}

/// Why a command was not even tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CommandProblem {
    /// A setting makes no sense.
    Setting {
        /// Which.
        setting: String,
        /// What is wrong with it. It never repeats the setting's text.
        problem: String,
    },
    /// As many commands wait as may.
    QueueFull {
        /// [`RunCommandSettings::queue_limit`](crate::RunCommandSettings::queue_limit). Commands.
        queue_limit: u32,
    },
}

impl fmt::Display for CommandProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandProblem::Setting { setting, problem } => write!(f, "{setting} {problem}"),
            CommandProblem::QueueFull { queue_limit } => write!(
                f,
                "{queue_limit} commands wait already, which is RunCommandSettings::queue_limit: send it later, or to \
                 another actor"
            ),
        }
    }
}

impl std::error::Error for CommandProblem {}

impl CommandResult {
    /// Whether the command has come to its end by itself and reports no error.
    pub fn success(&self) -> bool {
        self.exitcode == 0 && self.ending == Ending::Exited
    }

    /// What the command has written to its standard error, as a text; `FAILED` if that is nothing and it has failed. What
    /// the command wants omitted is not in it.
    pub fn errorstr(&self) -> String {
        if self.stderr.is_empty() && !self.success() {
            return "FAILED".into();
        }
        self.command.omit().text(&self.stderr)
    }
}

/// `CommandResult success`, or `CommandResult FAILED Error #` with the exit code and the standard error, and in brackets what
/// has ended a command that did not end by itself.
impl fmt::Display for CommandResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.success() {
            return f.write_str("CommandResult success");
        }
        let mut text = format!("CommandResult FAILED Error #{}", self.exitcode);
        let how = match &self.ending {
            Ending::Exited | Ending::NotStarted | Ending::Refused(_) => None,
            Ending::TimedOut => Some("timed out"),
            Ending::Aborted => Some("aborted"),
            Ending::ActorExited => Some("its actor exited"),
            Ending::Lost => Some("lost with the process that looked after it"),
        };
        if let Some(how) = how {
            text.push_str(&format!(" ({how})"));
        }
        if !self.stderr.is_empty() {
            text.push(' ');
            text.push_str(&self.command.omit().text(&self.stderr));
        }
        f.write_str(&self.command.omit().clean(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(exitcode: i32, ending: Ending, stderr: &str) -> CommandResult {
        let stderr = Captured { head: Bytes(stderr.as_bytes().to_vec()), ..Captured::default() };
        let command = Command { omit_string: Some("hunter2".into()), ..Command::new("login", ["hunter2"]) };
        let (stdout, duration) = (Captured::default(), Duration::ZERO);
        CommandResult { command, exitcode, ending, stdout, stderr, duration }
    }

    #[test]
    fn success_is_an_end_of_its_own_with_code_zero() {
        assert!(result(0, Ending::Exited, "").success());
        assert!(!result(1, Ending::Exited, "").success());
        for ending in [Ending::TimedOut, Ending::Aborted, Ending::ActorExited, Ending::Lost] {
            assert!(!result(0, ending, "").success());
        }
    }

    #[test]
    fn the_error_text_is_what_was_written_or_that_it_failed() {
        assert_eq!(result(0, Ending::Exited, "").errorstr(), "");
        assert_eq!(result(0, Ending::Exited, "a warning\n").errorstr(), "a warning\n");
        assert_eq!(result(2, Ending::Exited, "").errorstr(), "FAILED");
        assert_eq!(result(2, Ending::Exited, "no hunter2 here").errorstr(), "no ... here");
    }

    #[test]
    fn the_text_form_says_what_happened_and_no_secret() {
        assert_eq!(result(0, Ending::Exited, "hunter2").to_string(), "CommandResult success");
        assert_eq!(
            result(3, Ending::Exited, "bad hunter2").to_string(),
            "CommandResult FAILED Error #3 bad ..."
        );
        assert_eq!(
            result(-15, Ending::TimedOut, "").to_string(),
            "CommandResult FAILED Error #-15 (timed out)"
        );
        let debug = format!("{:?}", result(3, Ending::Exited, "bad hunter2"));
        assert!(!debug.contains("hunter2") && debug.contains("Captured(11 bytes)"), "{debug}");
    }
}
