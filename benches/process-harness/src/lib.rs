//! What the measured programs of two and more processes share.
//!
//! # Called as
//!
//! As all measured programs are (see `bench-harness`), but that one run may print several lines: a workload of
//! latencies gives `NAME_p50` and `NAME_p99`, in nanoseconds. A program that needs another process of its own starts
//! itself as `program --side ROLE PORT`: see [`OtherSide`].
//!
//! # Where it runs
//!
//! The driver chooses the processors, and what a program starts inherits them. Where the two sides of a workload are to
//! be on a processor each, it names the two in [`SIDES`], and the sides go there themselves: [`near`], [`far`].

mod offers;
mod place;
#[cfg(feature = "tokio")]
mod remote;
mod side;
#[cfg(feature = "tokio")]
mod window;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench_harness::{Job, Measurement, Workload};

pub use offers::{Came, FLOOD_LOSS, OFFERS, Offer, SMALL_BUFFER};
pub use place::{SIDES, far, near};
#[cfg(feature = "tokio")]
pub use remote::{REMOTE, remote};
pub use side::{OtherSide, connect_back, free_port, stay_with_parent, stream_of_near_side};
#[cfg(feature = "tokio")]
pub use window::{Send1, WINDOW, windowed};

/// The longest that a program waits for one answer before it gives up.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What a workload gives: one line each.
pub type Figures = Result<Vec<Measurement>, String>;

/// What the command line asks for.
#[derive(Debug)]
pub enum Call {
    /// To measure this.
    Measure(Job),
    /// To be the other process of a workload, which listens on this port of the loopback address or is to.
    Side(String, u16),
}

impl Call {
    /// Reads the command line of a program that knows these workloads.
    ///
    /// # Errors
    ///
    /// How the program ends when there is nothing to do.
    pub fn from_command_line(known: &[Workload]) -> Result<Call, ExitCode> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        if let [option, role, port] = &words[..]
            && option == "--side"
            && let Ok(port) = port.parse()
        {
            return Ok(Call::Side(role.clone(), port));
        }
        Job::from_command_line(known).map(Call::Measure)
    }
}

/// Prints what was measured, or why it was not.
pub fn finish(job: Job, figures: Figures) -> ExitCode {
    match figures {
        Ok(figures) => {
            figures.iter().for_each(|figure| println!("{figure}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", job.workload.name);
            ExitCode::FAILURE
        }
    }
}

/// One figure: a value for each of this many operations.
pub fn figure(name: impl Into<String>, value: f64, ops: u64) -> Measurement {
    Measurement { workload: name.into(), value, ops }
}

/// The figure of operations that took this long together.
pub fn each(job: Job, took: Duration, ops: u64) -> Figures {
    Ok(vec![figure(job.workload.name, bench_harness::each_ns(took, ops).0, ops)])
}

/// The figures of operations that took this long, each.
pub fn latencies(job: Job, mut took: Vec<Duration>) -> Figures {
    took.sort_unstable();
    let ops = took.len() as u64;
    let percentiles = [("p50", 50), ("p99", 99)];
    percentiles
        .into_iter()
        .map(|(suffix, percent)| {
            let took = percentile(&took, percent).ok_or("no round was timed")?;
            Ok(figure(format!("{}_{suffix}", job.workload.name), took.as_secs_f64() * 1e9, ops))
        })
        .collect()
}

/// Times this many rounds, each by itself, after a tenth as many to warm up.
///
/// # Errors
///
/// The first round's that fails.
pub fn rounds(ops: u64, mut round: impl FnMut(u64) -> Result<(), String>) -> Result<Vec<Duration>, String> {
    (0..ops / 10).try_for_each(&mut round)?;
    let timed = |number| {
        let begun = Instant::now();
        round(number)?;
        Ok(begun.elapsed())
    };
    (0..ops).map(timed).collect()
}

/// The least value that this many of a hundred do not exceed.
pub fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// 64 bytes of text: what every message between processes carries besides its number.
pub fn payload() -> String {
    "x".repeat(64)
}

/// What the kernel charges a process for, its share of what it shares included. Bytes.
///
/// # Errors
///
/// What could not be read.
pub fn proportional_memory(process: u32) -> Result<u64, String> {
    let file = format!("/proc/{process}/smaps_rollup");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{file} (Linux only): {error}"))?;
    let kib =
        text.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok());
    kib.map(|kib: u64| kib * 1024).ok_or_else(|| format!("{file} has no Pss line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values_and_is_not_exceeded_by_so_many() {
        let values: Vec<Duration> = (1..=200).map(Duration::from_nanos).collect();
        assert_eq!(percentile(&values, 50), Some(Duration::from_nanos(100)));
        assert_eq!(percentile(&values, 99), Some(Duration::from_nanos(198)));
        assert_eq!(percentile(&values[..1], 99), Some(Duration::from_nanos(1)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn the_own_process_is_charged_for_something() {
        let bytes = proportional_memory(std::process::id()).expect("it runs");
        assert!(bytes > 64 * 1024, "{bytes}");
    }
}
