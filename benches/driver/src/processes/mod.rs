//! The group of the process bases: ours with a process for each actor, beside floors, peers and the Python original.

mod losses;
pub(crate) mod plan;
mod python;
mod report;
mod results;

use crate::options::Options;
use crate::programs::{self, Program};
use crate::progress::Progress;
use crate::runner::Runner;
use plan::{FLOORS, PYTHON, Section};
use report::Report;
use results::Results;

pub(crate) use plan::PROGRAMS;

/// Measures the group. A run that fails is named in the report with the reason; the others go on.
pub(crate) fn run(options: &Options, runner: &Runner) -> Result<Report, String> {
    let (mut found, mut missing) = programs::find_all(PROGRAMS, &options.missing);
    if options.sections.iter().any(|section| section.runs.iter().any(|(program, _)| *program == PYTHON)) {
        match python::prepare() {
            Ok(program) => found.push(program),
            Err(reason) => missing.push((PYTHON.to_owned(), reason)),
        }
    }
    let runs: usize = options.sections.iter().map(|section| all_runs(section).count()).sum();
    let mut progress = Progress::new(options.repeats * runs);
    let mut all: Vec<Results> = options.sections.iter().map(|section| Results::new(section)).collect();
    for round in 0..options.repeats {
        for results in &mut all {
            for (program, workload) in all_runs(results.section) {
                progress.step(&format!("{} {workload}", results.section.name), program);
                measure(runner, &found, results, round, (program, workload));
            }
        }
    }
    progress.end();
    Ok(Report { repeats: options.repeats, quick: options.quick, all, missing })
}

/// The floor, and then the others.
fn all_runs(section: &Section) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
    let floor = section.floor.map(|floor| (FLOORS, floor));
    floor.into_iter().chain(section.runs.iter().copied())
}

/// One run, unless the program is not there or has failed at this before: it would take the same time to fail again.
fn measure(
    runner: &Runner,
    found: &[Program],
    results: &mut Results,
    round: usize,
    (program, workload): (&'static str, &'static str),
) {
    let Some(found) = found.iter().find(|found| found.package == program) else { return };
    if results.has_failed(program, workload) {
        return;
    }
    match runner.run(found, workload, results.section.place) {
        Ok(figures) => results.add(program, round, figures),
        Err(reason) => results.fail(program, workload, reason),
    }
}
