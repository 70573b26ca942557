//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

/// The variable that names the port where `--port` does not.
pub(crate) const PORT_VARIABLE: &str = "THESPIAN_ADMIN_PORT";

/// The variable that names the base where `--base` does not.
pub(crate) const BASE_VARIABLE: &str = "THESPIAN_BASE";

/// The longest time that can be given: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

const AFTER_HELP: &str = "\
Exit codes:
  0  all is well
  1  the system is there, and something is wrong
  2  the command line is wrong
  3  nobody is there
  4  what is there cannot be joined: another secret, base or version, or no actor system
  5  time ran out";

/// Looks after actor systems that run.
#[derive(Debug, Parser)]
#[command(name = "thespian", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which system, and how it is spoken to.
#[derive(Debug, Group)]
pub(crate) struct Target {
    /// What carries the system's messages
    #[arg(long, global = true, value_name = "NAME", env = BASE_VARIABLE, default_value = "tcp")]
    pub(crate) base: Base,
    /// The system's Admin Port [default: 1900, for udp 1029]
    #[arg(long, global = true, value_name = "N", env = PORT_VARIABLE,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// The file with the system's secret, if it is not the user's own
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long to wait for an answer [default: 10, for actors 1, for shutdown 60]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = some_seconds)]
    pub(crate) timeout: Option<Duration>,
}

/// A base on which systems can be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Base {
    Tcp,
    Udp,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the system: state, counters, names, capabilities
    Status,
    /// Show the tree of actors: type, address, process, state, memory, queues, messages per second
    Actors(Actors),
    /// Measure how long the system's admin takes to answer
    Ping(Ping),
    /// Show the end of the system's log file, and what is written to it from now on
    Logs(Logs),
    /// End the system, and wait until it has ended
    Shutdown,
}

#[derive(Debug, Group)]
pub(crate) struct Actors {
    /// Over which time the messages per second are measured; 0 for not at all
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Group)]
pub(crate) struct Ping {
    /// How often to ask
    #[arg(long, short = 'c', value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,
    /// How long to wait before asking again
    #[arg(long, short = 'i', value_name = "SECONDS", default_value = "0.25", value_parser = seconds)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Group)]
pub(crate) struct Logs {
    /// How many lines of what is there to show first
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub(crate) lines: usize,
    /// Show what is there, and do not wait for more
    #[arg(long)]
    pub(crate) no_follow: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=LONGEST).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("must be a number of seconds, such as 0.5".into()),
    }
}

fn some_seconds(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|time| match time.is_zero() {
        true => Err("must be more than zero".into()),
        false => Ok(time),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn times_are_seconds_with_a_bound() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for wrong in ["-1", "inf", "NaN", "1e300", "", "1s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert!(some_seconds("0").is_err());
    }
}
