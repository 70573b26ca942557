//! Running a program once, within a time limit and on chosen processors.

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bench_harness::Measurement;

use crate::orphans;
use crate::place::{Place, Processors};
use crate::programs::Program;

/// A run takes a second or two, the longest a quarter of a minute; one that takes this long hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// How programs are run.
pub(crate) struct Runner {
    quick: bool,
    processors: Processors,
}

impl Runner {
    pub(crate) fn new(quick: bool) -> Runner {
        orphans::adopt();
        Runner { quick, processors: Processors::allowed() }
    }

    /// One processor, where one can be chosen.
    pub(crate) fn one_core_if_possible(&self) -> Place {
        if self.processors.can(Place::OneCore) { Place::OneCore } else { Place::Anywhere }
    }

    /// Runs a workload that gives one value, once.
    pub(crate) fn value(&self, program: &Program, workload: &str, place: Place) -> Result<f64, String> {
        match &self.run(program, workload, place)?[..] {
            [measurement] if measurement.workload == workload => Ok(measurement.value),
            [other] => Err(format!("it measured {} instead of {workload}", other.workload)),
            several => Err(format!("it gave {} figures instead of one", several.len())),
        }
    }

    /// Runs a workload once and returns its figures, or why there are none.
    pub(crate) fn run(
        &self,
        program: &Program,
        workload: &str,
        place: Place,
    ) -> Result<Vec<Measurement>, String> {
        if !program.knows(workload) {
            return Err("it does not have this workload".into());
        }
        let mut command = program.command();
        command.arg(workload).args(self.quick.then_some("--quick"));
        let said = self.processors.during(place, &mut command, finish)?;
        said.lines().map(str::parse).collect()
    }
}

/// Runs a program to its end, which has to be a good one, and returns what it printed. What it leaves running is ended.
pub(crate) fn finish(command: &mut Command) -> Result<String, String> {
    let output = output_within_limit(command)?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| "it printed something that is not UTF-8".into());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let mut said =
        errors.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("note:"));
    Err(said.next_back().map_or_else(|| output.status.to_string(), str::to_owned))
}

/// What the program printed is a line or two, so it can wait in the pipe until the program has ended. A process that it
/// left has the pipe too, and is ended before the pipe is read to its end.
fn output_within_limit(command: &mut Command) -> Result<Output, String> {
    let failed = |error: std::io::Error| format!("it could not be run: {error}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let begun = Instant::now();
    let mut in_time = true;
    while child.try_wait().map_err(failed)?.is_none() {
        if begun.elapsed() > LIMIT {
            in_time = false;
            child.kill().map_err(failed)?;
            child.wait().map_err(failed)?;
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let left = orphans::end();
    let output = child.wait_with_output().map_err(failed)?;
    match left {
        _ if !in_time => Err(format!("no end after {} s", LIMIT.as_secs())),
        0 => Ok(output),
        left if output.status.success() => Err(format!("it left {left} processes behind, which were killed")),
        _ => Ok(output),
    }
}
