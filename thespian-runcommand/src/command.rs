//! What to run, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, Bytes, Message};

use crate::CommandProblem;
use crate::omit::{LONGEST_OMITTED, Omit};
use crate::room::beginning;

/// The most output of one stream that a command can be allowed to have kept: 256 MiB.
pub const MOST_KEPT: usize = 256 << 20;

/// The most input that a command can be given: 256 MiB. It is in memory twice while the command runs.
pub const MOST_INPUT: usize = 256 << 20;

/// The longest time limit: 100 years of 365 days. A command that may run longer has no limit.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A command to run: what a [`RunCommand`](crate::RunCommand) actor is sent, and answers with a
/// [`CommandResult`](crate::CommandResult) (guide section 8.5).
///
/// ```
/// use std::time::Duration;
/// use thespian_runcommand::Command;
///
/// let build = Command {
///     timeout: Some(Duration::from_secs(60)),
///     report_on_start: true,
///     ..Command::new("cc", ["-c", "hello.c"])
/// };
/// assert_eq!(build.to_string(), "cc -c hello.c");
/// assert!(build.check().is_ok());
/// ```
///
/// Its text forms, `Display` and `Debug`, show `...` for the [`omit_string`](Command::omit_string), and neither the input nor
/// the values of the environment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-runcommand.Command")]
pub struct Command {
    /// The program: a path, or a name that is looked up in the `PATH` the command gets. With
    /// [`use_shell`](Command::use_shell) a script for the shell.
    pub exe: String,
    /// Its arguments. With a shell those of the script: `$1` and so on.
    pub args: Vec<String>,
    /// Whether `exe` is a script for `/bin/sh`.
    pub use_shell: bool,
    /// What no log and no text form may show, such as a password: `...` stands in its place. It is in the output as it came.
    /// At most 4 KiB.
    pub omit_string: Option<String>,
    /// Whether a failure is expected now and then: it is logged as information then, and as an error otherwise.
    pub error_ok: bool,
    /// Where the command's start, its output and its end are logged.
    pub logger: Logger,
    /// What each line in the log begins with; `exe` by default.
    pub logtag: Option<String>,
    /// What the command finds on its standard input, which is at its end at once where this is `None`. Bytes, at most
    /// [`MOST_INPUT`].
    pub input_src: Option<Bytes>,
    /// Who is sent the output while the command runs, in [`CommandOutput`](crate::CommandOutput) and
    /// [`CommandError`](crate::CommandError) messages.
    pub output_updates: Option<ActorAddress>,
    /// How much of each of the two streams is kept for the result: of more, the first half of this and the last. Bytes, from
    /// 1 to [`MOST_KEPT`]; 1 MiB by default. Less comes where [messages](crate#the-size-of-messages) cannot have so much.
    pub max_bufsize: usize,
    /// The command's whole environment; that of the actor's process by default.
    pub env: Option<BTreeMap<String, String>>,
    /// How long the command may run from its start; then it is terminated. More than zero, at most [`LONGEST_TIMEOUT`]; no
    /// limit by default.
    pub timeout: Option<Duration>,
    /// Whether the sender is told of the start, by a [`CommandStarted`](crate::CommandStarted).
    pub report_on_start: bool,
}

/// Where a command is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Logger {
    /// In the log of the process that runs the command.
    #[default]
    Log,
    /// At this actor, which is sent [`CommandLog`](crate::CommandLog) messages.
    Actor(ActorAddress),
    /// Nowhere.
    Silent,
}

impl Command {
    /// A program and its arguments, and everything else by default.
    pub fn new<A: Into<String>>(exe: impl Into<String>, args: impl IntoIterator<Item = A>) -> Command {
        Command {
            exe: exe.into(),
            args: args.into_iter().map(Into::into).collect(),
            use_shell: false,
            omit_string: None,
            error_ok: false,
            logger: Logger::Log,
            logtag: None,
            input_src: None,
            output_updates: None,
            max_bufsize: 1 << 20,
            env: None,
            timeout: None,
            report_on_start: false,
        }
    }

    /// A script for `/bin/sh`.
    pub fn shell(script: impl Into<String>) -> Command {
        Command { use_shell: true, ..Command::new(script, [""; 0]) }
    }

    /// Whether the settings make sense. An actor that is sent a command for which they do not answers with a result that
    /// says the same.
    ///
    /// # Errors
    ///
    /// [`CommandProblem::Setting`] names the first that does not.
    pub fn check(&self) -> Result<(), CommandProblem> {
        if self.exe.is_empty() {
            return Err(problem("exe", "is empty, and must name a program".into()));
        }
        no_nul("exe", &self.exe)?;
        for (index, argument) in self.args.iter().enumerate() {
            no_nul(&format!("args[{index}]"), argument)?;
        }
        for (name, value) in self.env.iter().flatten() {
            check_variable(name, value)?;
        }
        match self.omit_string.as_ref().map(String::len) {
            Some(0) => return Err(problem("omit_string", "is empty, and must be left out then".into())),
            Some(length) if length > LONGEST_OMITTED => {
                return Err(above("omit_string", length, LONGEST_OMITTED, "bytes"));
            }
            _ => {}
        }
        match self.input_src.as_ref().map(|input| input.0.len()) {
            Some(length) if length > MOST_INPUT => {
                return Err(above("input_src", length, MOST_INPUT, "bytes"));
            }
            _ => {}
        }
        match self.max_bufsize {
            0 => return Err(problem("max_bufsize", "is zero, and must be at least one byte".into())),
            size if size > MOST_KEPT => return Err(above("max_bufsize", size, MOST_KEPT, "bytes")),
            _ => {}
        }
        match self.timeout {
            Some(Duration::ZERO) => {
                Err(problem("timeout", "is zero, and must be more: the command could not even start".into()))
            }
            Some(timeout) if timeout > LONGEST_TIMEOUT => {
                let text = format!(
                    "is {timeout:?}, and must be at most {LONGEST_TIMEOUT:?}, or left out for no limit"
                );
                Err(problem("timeout", text))
            }
            _ => Ok(()),
        }
    }

    /// What is not to be shown of this command.
    pub(crate) fn omit(&self) -> Omit<'_> {
        Omit::new(self.omit_string.as_deref())
    }

    /// What lines in the log begin with.
    pub(crate) fn tag(&self) -> &str {
        self.logtag.as_deref().unwrap_or(&self.exe)
    }

    /// How much there is of it that is not in its [outline](Command::outline). Bytes, at most.
    pub(crate) fn beyond_outline(&self) -> usize {
        let input = self.input_src.as_ref().map_or(0, |input| input.0.len());
        // Each text has a length before it.
        let variable = |(name, value): (&String, &String)| name.len() + value.len() + 20;
        input + self.env.iter().flatten().map(variable).sum::<usize>()
    }

    /// An outline that is short: the beginning of the line that people read is in place of program and arguments, with
    /// nothing in it of what is to be omitted. Its texts have so many bytes at most, and a mark.
    pub(crate) fn abridged(self, most: usize) -> Command {
        let exe = beginning(self.to_string(), most);
        let logtag = self.logtag.as_ref().map(|tag| beginning(self.omit().clean(tag), most));
        Command { exe, args: Vec::new(), logtag, ..self }
    }

    /// The command without what may be large: for messages of which there are many.
    pub(crate) fn outline(&self) -> Command {
        Command {
            use_shell: self.use_shell,
            omit_string: self.omit_string.clone(),
            error_ok: self.error_ok,
            logger: self.logger,
            logtag: self.logtag.clone(),
            input_src: None,
            output_updates: self.output_updates,
            max_bufsize: self.max_bufsize,
            env: None,
            timeout: self.timeout,
            report_on_start: self.report_on_start,
            ..Command::new(&self.exe, &self.args)
        }
    }
}

/// The command line as people read it: no quoting, and nothing of what is to be omitted.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.exe.clone();
        for argument in &self.args {
            line.push(' ');
            line.push_str(argument);
        }
        f.write_str(&self.omit().clean(&line))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let omit = self.omit();
        // Cleaned before it is quoted, because a quoted secret looks different, and after, because the parts are together
        // only then.
        let args: Vec<String> = self.args.iter().map(|argument| omit.clean(argument)).collect();
        let variables =
            self.env.as_ref().map(|env| env.keys().map(|name| omit.clean(name)).collect::<Vec<_>>());
        let text = format!(
            "Command {{ exe: {:?}, args: {args:?}, use_shell: {:?}, error_ok: {:?}, logger: {:?}, logtag: {:?}, \
             input_src: {:?}, output_updates: {:?}, max_bufsize: {:?}, variables: {variables:?}, timeout: {:?}, \
             report_on_start: {:?} }}",
            omit.clean(&self.exe),
            self.use_shell,
            self.error_ok,
            self.logger,
            self.logtag.as_ref().map(|tag| omit.clean(tag)),
            self.input_src,
            self.output_updates,
            self.max_bufsize,
            self.timeout,
            self.report_on_start,
        );
        f.write_str(&omit.clean(&text))
    }
}

fn no_nul(setting: &str, text: &str) -> Result<(), CommandProblem> {
    // The text itself is not repeated: it may be what must not be shown.
    match text.find('\0') {
        Some(at) => Err(problem(setting, format!("has a zero byte at {at}, which no system can pass on"))),
        None => Ok(()),
    }
}

fn check_variable(name: &str, value: &str) -> Result<(), CommandProblem> {
    if name.is_empty() || name.contains('=') {
        let text = "has a variable whose name is empty or contains an equals sign".into();
        return Err(problem("env", text));
    }
    no_nul("env", name)?;
    no_nul("env", value)
}

fn above(setting: &str, size: usize, most: usize, unit: &str) -> CommandProblem {
    problem(setting, format!("is {size} {unit}, and must be at most {most}"))
}

fn problem(setting: &str, problem: String) -> CommandProblem {
    CommandProblem::Setting { setting: format!("Command::{setting}"), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Command {
        Command::new("echo", ["hello"])
    }

    fn refused(command: Command) -> String {
        command.check().expect_err("refused").to_string()
    }

    #[test]
    fn settings_at_their_bounds_are_taken() {
        let command = Command {
            omit_string: Some("x".repeat(LONGEST_OMITTED)),
            max_bufsize: MOST_KEPT,
            timeout: Some(LONGEST_TIMEOUT),
            input_src: Some(Bytes(Vec::new())),
            env: Some(BTreeMap::new()),
            ..plain()
        };
        assert_eq!(command.check(), Ok(()));
        let command = Command { max_bufsize: 1, timeout: Some(Duration::from_nanos(1)), ..plain() };
        assert_eq!(command.check(), Ok(()));
    }

    #[test]
    fn others_are_refused_with_the_setting_and_the_bound() {
        let zero = Duration::ZERO;
        let env = |name: &str, value: &str| Some(BTreeMap::from([(name.to_string(), value.to_string())]));
        let cases = [
            (Command::new("", ["x"]), "Command::exe is empty"),
            (Command::new("a\0b", ["x"]), "Command::exe has a zero byte at 1"),
            (Command::new("a", ["x", "\0"]), "Command::args[1] has a zero byte at 0"),
            (Command { env: env("", "x"), ..plain() }, "Command::env has a variable whose name is empty"),
            (Command { env: env("a=b", "x"), ..plain() }, "Command::env has a variable whose name is empty"),
            (Command { env: env("a", "x\0"), ..plain() }, "Command::env has a zero byte at 1"),
            (Command { omit_string: Some(String::new()), ..plain() }, "Command::omit_string is empty"),
            (Command { omit_string: Some("x".repeat(4097)), ..plain() }, "at most 4096"),
            (Command { max_bufsize: 0, ..plain() }, "Command::max_bufsize is zero"),
            (Command { max_bufsize: usize::MAX, ..plain() }, "at most 268435456"),
            (Command { timeout: Some(zero), ..plain() }, "Command::timeout is zero"),
            (Command { timeout: Some(Duration::MAX), ..plain() }, "at most 3153600000s"),
            (
                Command { input_src: Some(Bytes(vec![0; MOST_INPUT + 1])), ..plain() },
                "Command::input_src is 268435457",
            ),
        ];
        for (command, expected) in cases {
            let text = refused(command);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn no_text_form_shows_what_is_to_be_omitted() {
        let secret = "se\"cret";
        let command = Command {
            omit_string: Some(secret.into()),
            logtag: Some(format!("login {secret}")),
            input_src: Some(Bytes(secret.as_bytes().to_vec())),
            env: Some(BTreeMap::from([("PASSWORD".into(), secret.into())])),
            ..Command::new("login", [format!("--password={secret}"), "now".into()])
        };
        assert_eq!(command.to_string(), "login --password=... now");
        let debug = format!("{command:?} {command:#?}");
        assert!(!debug.contains(secret) && !debug.contains("cret"), "{debug}");
        assert!(
            debug.contains("--password=...") && debug.contains("login ...") && debug.contains("7 bytes"),
            "{debug}"
        );
    }

    #[test]
    fn a_secret_in_two_arguments_is_omitted_too() {
        let command =
            Command { omit_string: Some("open sesame".into()), ..Command::new("say", ["open", "sesame"]) };
        assert_eq!(command.to_string(), "say ...");
    }

    #[test]
    fn an_outline_has_everything_but_what_is_large() {
        let command = Command {
            use_shell: true,
            omit_string: Some("x".into()),
            error_ok: true,
            logger: Logger::Silent,
            logtag: Some("tag".into()),
            output_updates: Some(ActorAddress::NOBODY),
            max_bufsize: 7,
            timeout: Some(LONGEST_TIMEOUT),
            report_on_start: true,
            ..plain()
        };
        let large =
            Command { input_src: Some(Bytes(vec![1])), env: Some(BTreeMap::new()), ..command.clone() };
        assert_eq!(large.outline(), command);
    }
}
