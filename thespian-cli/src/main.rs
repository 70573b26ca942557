//! The command `thespian`: looks after actor systems that run.
//!
//! ```console
//! $ thespian status
//! $ thespian actors --port 1900 --json
//! $ thespian shutdown --timeout 30
//! ```
//!
//! It attaches to a system of `multiprocTCPBase` on this machine as a client, or with `--base udp` (or that in `THESPIAN_BASE`) to one
//! of `multiprocUDPBase`, needs no code of the application, and never starts a system. The system is the one at `--port`, or at
//! the variable `THESPIAN_ADMIN_PORT`, or at the base's own port, 1900 or 1029. Its secret is the
//! user's own, unless `--secret-file` or the variable `THESPIAN_SECRET_FILE` names another; its address is
//! 127.0.0.1, unless the variable `THESPIAN_BASE_IPADDR` says otherwise.
//!
//! | command | does |
//! | --- | --- |
//! | `status` | the system: state, counters, names, capabilities |
//! | `actors` | the tree of actors: type, address, process, state, memory, queues, messages per second |
//! | `ping` | how long the admin takes to answer |
//! | `logs` | the end of the system's log file, and what is written to it from now on |
//! | `shutdown` | ends the system, and waits until it has ended |
//!
//! `logs` looks for more five times a second. A file that is renamed is read to its end first; if it is renamed twice between
//! two looks, what was only in the one between is not shown.
//!
//! # Exit codes
//!
//! | code | means |
//! | --- | --- |
//! | 0 | all is well |
//! | 1 | the system is there, and something is wrong: it is shutting down, an actor or a ping was not answered, there is no log file |
//! | 2 | the command line, or a variable, is wrong |
//! | 3 | nobody is there |
//! | 4 | what is there cannot be joined: another secret, base or version, a program that is no actor system, a system on its way down |
//! | 5 | time ran out |
//!
//! # JSON
//!
//! With `--json` a command prints one document to the standard output, and what went wrong as text to the standard error
//! output, with the same exit codes. Fields are added, and those that are here stay. Times are in seconds, sizes in bytes,
//! addresses are text, and what is not known is `null`.
//!
//! - `status`: `place`, `base`, `admin_address`, `state` (`running`, `shutting down`), `uptime_seconds`, `actor_count`, `counters`
//!   (`sent`, `handled`, `poisoned`, `dead_lettered`, `refused`, `failed_attempts`, `lost`, `late`), `outgoing` (messages that
//!   nobody has handled yet), `outgoing_bytes`, `dead_letter_handler`, `dead_letters_dropped` (that came too fast for their handler, or
//!   for the admin),
//!   `global_names` (name to address), `capabilities` (name to value).
//! - `actors`: `place`, `actor_count`, `actors`: a list, in which each comes after its parent, of `address`, `parent`, `name` (its
//!   global name), `answered`, `type`, `pid`, `state` (`idle`, `busy`, `paused`, `exiting`), `busy_seconds`, `memory_rss_bytes`,
//!   `memory_pss_bytes` (its share of what it shares with others), `queue_user`, `queue_system`, `queue_outgoing`,
//!   `queue_user_bytes`, `queue_system_bytes`, `queue_outgoing_bytes`, `pending_wakeups`, `handled_per_second`, `counters`. Where a
//!   system has more actors than it lists (`Limits::status_actors`), `actor_count` is larger than the list is long.
//! - `ping`: `place`, `sent`, `answered`, `round_trip_seconds` (a list), `minimum_seconds`, `mean_seconds`, `maximum_seconds`.
//! - `logs`: `place`, `log_file`; it follows nothing.
//! - `shutdown`: `place`, `base`, `actors_ended`, `seconds`.
//!
//! # Dependencies
//!
//! `thespian-core`, `thespian-multiproc`, `thespian-tcp` and `thespian-udp` (attaching), `clap` (reads command lines), `serde` and
//! `serde_json` (`--json`).

#![forbid(unsafe_code)]

mod actors;
mod args;
mod exit;
mod json;
mod logs;
mod memory;
mod output;
mod pause;
mod ping;
mod sample;
mod shutdown;
mod status;
mod table;
mod target;
mod tree;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::Outcome;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome: Outcome = match &args.command {
        Command::Status => status::run(&args.target),
        Command::Actors(options) => actors::run(&args.target, options),
        Command::Ping(options) => ping::run(&args.target, options),
        Command::Logs(options) => logs::run(&args.target, options),
        Command::Shutdown => shutdown::run(&args.target),
    };
    match outcome {
        Ok(code) => code.into(),
        Err(failure) => {
            output::complain(&failure.text);
            failure.code.into()
        }
    }
}
