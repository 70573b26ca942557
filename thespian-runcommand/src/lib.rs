//! An actor that runs commands of the operating system, none of whose processes outlives it.
//!
//! Guide section 8.5. The actor is sent a [`Command`], runs it, and answers with a [`CommandResult`]:
//!
//! ```
//! use std::time::Duration;
//!
//! use thespian_core::{ActorSystem, Error};
//! use thespian_runcommand::{Command, CommandResult, RunCommand};
//! use thespian_simple::Simple;
//!
//! fn main() -> Result<(), Error> {
//!     let system = ActorSystem::builder().base(Simple).unregistered().start()?;
//!     let runner = system.create_actor::<RunCommand>()?;
//!
//!     let sort = Command {
//!         input_src: Some(b"to\nbe\nor\nnot\n".to_vec().into()),
//!         timeout: Some(Duration::from_secs(10)),
//!         ..Command::new("sort", ["-r"])
//!     };
//!     let result: CommandResult = system.request(&runner, sort, 20)?;
//!     assert!(result.success(), "{result}");
//!     assert_eq!(result.stdout.text(), "to\nor\nnot\nbe\n");
//!
//!     let missing: CommandResult = system.request(&runner, Command::new("no-such-program", ["x"]), 20)?;
//!     assert_eq!(missing.exitcode, 2);
//!     assert!(missing.errorstr().starts_with("No such file or directory"));
//!     system.shutdown()
//! }
//! ```
//!
//! # The model
//!
//! - **One at a time.** An actor runs one command, and those that come meanwhile wait in the order they came. Who wants two at
//!   once creates two actors, or a troupe of them.
//! - **Each command is answered once**, with a result: when it has ended, when it could not be started, when it makes no sense
//!   or finds no room, and when the actor exits. A result is the last message of its command. A request to exit overtakes what is
//!   still in the actor's mailbox, as with every actor: commands that it has not taken by then, and those that come later, are
//!   dead letters and not answered. Who has to know asks something that is answered at once before, such as a command that
//!   cannot be run.
//! - **A command is all that it starts.** It has ended when its own process has; what that has left running is killed then, and
//!   the output of all of them is in the result. Nothing of a command is left when the result comes.
//! - **Time** counts from the start of the process. A command that runs longer than its [`timeout`](Command::timeout), or is
//!   [aborted](CommandAbort), is sent a signal to terminate (the whole process group of it), and after
//!   [`grace`](RunCommandSettings::grace) everything that is left is killed. An actor that is asked to exit does the same, and
//!   waits for it; commands that wait then never run.
//! - **Output** is bytes. The actor keeps it for the result, within bounds, and can send it on [as it
//!   comes](Command::output_updates).
//! - **Input** is a file in memory, so a command can read it when and as far as it likes. Without input the standard input is
//!   at its end.
//! - The command leads a session of its own, without a terminal, and has nothing of what the actor's process has open.
//!
//! # Two modes
//!
//! On a base that watches descriptors (the capability `Thespian Watch Supported`), the actor watches the command's pipes and
//! stays responsive: it takes commands and aborts, and exits when it is asked to, while one runs.
//!
//! On others, the simple base and the simulator, it **blocks** in the handler of the command until that has ended, and says so
//! in the log, once. What is sent to it waits in its mailbox, and a [`CommandAbort`] finds nothing to abort; a timeout works as
//! it does elsewhere. What the actor sends meanwhile, partial output above all, arrives once the command has ended, because the
//! others have to wait too. In the simulator commands are as real as anywhere, and take no virtual time.
//!
//! # Settings
//!
//! Of an actor, in [`RunCommandSettings`]:
//!
//! | setting | unit | default | allowed |
//! | --- | --- | --- | --- |
//! | `queue_limit` | commands | 1,000 | 0 to 100,000; one more is answered with [`CommandProblem::QueueFull`] |
//! | `grace` | time | 2 s | 0 to an hour |
//!
//! Of a command, in [`Command`]:
//!
//! | setting | unit | default | allowed |
//! | --- | --- | --- | --- |
//! | `exe`, `args` | text | | without zero bytes; `exe` not empty |
//! | `use_shell` | | no | |
//! | `omit_string` | text | none | 1 byte to 4 KiB |
//! | `error_ok` | | no | |
//! | `logger` | | the process's log | that, an actor, or none |
//! | `logtag` | text | `exe` | |
//! | `input_src` | bytes | none | up to [`MOST_INPUT`] |
//! | `output_updates` | address | nobody | |
//! | `max_bufsize` | bytes, for each stream | 1 MiB | 1 to [`MOST_KEPT`] |
//! | `env` | variables | the actor's | names without `=`, not empty |
//! | `timeout` | time | none | more than 0, up to [`LONGEST_TIMEOUT`] |
//! | `report_on_start` | | no | |
//!
//! Settings that are not allowed are typed errors: of an actor when it is specified or created, of a command in its result
//! ([`Ending::Refused`]), or before that by [`Command::check`].
//!
//! # The size of messages
//!
//! Messages have a largest size where they are encoded (`Limits::message_size`; on `multiprocUDPBase` at most 65,000 bytes), which
//! may be less than the settings above allow. All that the actor says fits into it, if it is 8 KiB or more:
//!
//! - Output goes on to [`output_updates`](Command::output_updates) in as many pieces as it takes. They add up to what the command
//!   has written, however little of that is in the result, on a base that loses no messages: on `multiprocUDPBase` a command that
//!   writes faster than its watcher reads may lose some.
//! - A result that would be too large has its [`command`](CommandResult::command) without input and environment. If it still is,
//!   less of the output is in it, from the beginning and the end as with a smaller `max_bufsize`: each stream gets half of the
//!   room, and what the other does not need. The command's log says so.
//! - A command whose line takes half of the room is [shown](CommandResult::command) with the beginning of it in what is sent with
//!   output and in results that do not fit, and a line of the log for an actor may be its beginning.
//!
//! A command that is too large itself, by its input for example, does not come to the actor: it is refused to whoever sends it
//! (`Error::MessageTooLarge` outside; to an actor as poison).
//!
//! # Exit codes
//!
//! | code | means |
//! | --- | --- |
//! | 0 and above, [`Ending::Exited`] | what the command's process said |
//! | below 0 | the number of the signal that ended it, negated |
//! | above 0, [`Ending::NotStarted`] | the system's error number; its text is in `stderr` |
//! | above 0, [`Ending::Refused`] | `EINVAL` or `EAGAIN`; the reason is in `stderr`, and as data in the ending |
//! | [`NOT_RUN`] | it waited when the actor exited |
//! | [`UNKNOWN`] | nobody knows how it ended |
//!
//! # What is not left behind
//!
//! No process of a command outlives its actor, whatever has ended that: an exit request, `exit`, `abort`, or a signal that
//! cannot be caught. That holds for processes that lead a group or a session of their own, and for those whose parents are
//! gone. It is the work of a *guardian*, a process between the actor's and the command's: the kernel hands it every process
//! below the command that loses its parent, tells it when the actor is gone, and tells it when there is nobody left to end.
//! It is called `thespian-guard` in lists of processes, is a copy of the actor's process that shares its memory, and is gone when
//! the command is.
//!
//! What it cannot end is a process that has become another user's, by a program with the set-user-id bit for example, unless it
//! may: it waits for that one. Should somebody kill the guardian with force, the command dies with it, and what the command
//! has started goes to the next process above that has asked the kernel for such: on the bases with processes, the system's
//! admin.
//!
//! # Compared with the Python helper
//!
//! Commands that wait are run first come, first served; the arguments of a shell's script are `$1` and so on; output is bytes;
//! what a command leaves running ends with it; how a command ended is data, so one that timed out keeps the exit code it had.
//!
//! # Platforms
//!
//! Linux 5.9 or later, with `/proc` mounted. A kernel without what the guardian needs is said in the result of the first
//! command.
//!
//! # Dependencies
//!
//! `serde` (commands and results are messages), `log` (what commands do is logged there), `nix` (pipes, polling, signals and
//! what else the guardian asks of the kernel). For tests: `libtest-mimic` (tests whose program is also the actor's process that
//! is killed).

#[cfg(not(target_os = "linux"))]
compile_error!(
    "thespian-runcommand ends what commands leave behind with subreapers and pidfds, which are Linux's: it builds on no other \
     system yet"
);

mod command;
mod guardian;
mod journal;
mod messages;
mod omit;
mod output;
mod process;
mod room;
mod run_command;
mod settings;

pub use command::{Command, LONGEST_TIMEOUT, Logger, MOST_INPUT, MOST_KEPT};
pub use messages::{
    CommandAbort, CommandError, CommandLog, CommandOutput, CommandProblem, CommandResult, CommandStarted,
    Ending, LogLevel, NOT_RUN, UNKNOWN,
};
pub use output::Captured;
pub use run_command::{RunCommand, RunCommandWith};
pub use settings::RunCommandSettings;
