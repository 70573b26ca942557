//! Runs every measured program on every workload, in turns, and prints what came out as tables.
//!
//! There are two groups: [`simple`], one thread with everything in it, and [`processes`], a process for each actor. In
//! both, a round runs each workload once with each program, the floor first: what is compared was measured within
//! seconds, so a machine that slows down slows down all of it. Each run is a fresh process, on the processors that its
//! [`Place`](place::Place) says. A time is divided by the floor of its own round and workload, and the tables show the
//! median of these ratios and their range. So they can be read on any machine; the budgets below them, too.
//!
//! `bench-driver [WORKLOAD...] [--group NAME]... [--repeats N] [--quick] [--missing PACKAGE=REASON]...`, which is how
//! `cargo xtask bench` calls it after building the programs. They are looked for in the driver's own folder.

mod grid;
mod options;
mod orphans;
mod place;
mod processes;
mod programs;
mod progress;
mod runner;
mod simple;
mod spread;
mod table;

use std::process::ExitCode;

use crate::options::Options;
use crate::runner::Runner;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let runner = Runner::new(options.quick);
    let mut all_is_well = true;
    if !options.workloads.is_empty() {
        all_is_well &=
            conclude(simple::run(&options, &runner).map(|table| (table.has_failure_of_ours(), table)));
    }
    if !options.sections.is_empty() {
        let report = processes::run(&options, &runner).map(|report| (report.has_failure_of_ours(), report));
        all_is_well &= conclude(report);
    }
    if all_is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what a group gave, and says whether it is as it should be.
fn conclude(group: Result<(bool, impl std::fmt::Display), String>) -> bool {
    match group {
        Ok((failed, text)) => {
            println!("{text}");
            !failed
        }
        Err(error) => {
            eprintln!("{error}");
            false
        }
    }
}
