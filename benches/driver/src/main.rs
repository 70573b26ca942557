//! Runs every measured program on every workload, in turns, and prints what came out as one table.
//!
//! A round runs each workload once with each program, the floor first: what is compared was measured within a second
//! or two, so a machine that slows down slows down all of it. Each run is a fresh process, on one processor where
//! `taskset` can see to that. A time is divided by the floor of its own round and workload, and the table shows the
//! median of these ratios and their range. So the table can be read on any machine; the budgets below it, too.
//!
//! `bench-driver [WORKLOAD...] [--repeats N] [--quick] [--missing PACKAGE=REASON]...`, which is how `cargo xtask bench`
//! calls it after building the programs. They are looked for in the driver's own folder.

mod options;
mod programs;
mod table;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use bench_harness::{FLOOR, IDLE_MEM, Workload};

use crate::options::Options;
use crate::programs::{Program, Runner};
use crate::table::{Cell, Row, Table};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(table) => {
            print!("{table}");
            if table.has_failure_of_ours() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything.
fn run(options: &Options) -> Result<Table, String> {
    let found = programs::find(&options.missing)?;
    let runner = Runner::new(options.quick);
    let mut progress = Progress::new(options.repeats * options.workloads.len() * found.measured.len());
    let mut rows: Vec<Row> =
        options.workloads.iter().map(|&workload| Row::new(workload, &found.measured)).collect();
    for _ in 0..options.repeats {
        for row in &mut rows {
            let unit = unit(&runner, &found.floor, row)?;
            for (program, cell) in found.measured.iter().zip(&mut row.cells) {
                progress.step(row.workload, program);
                let Cell::Values(values) = cell else { continue };
                match runner.run(program, row.workload) {
                    Ok(value) => values.push(value / unit),
                    Err(reason) => *cell = Cell::Failed(reason),
                }
            }
        }
    }
    progress.end();
    Ok(Table {
        repeats: options.repeats,
        quick: options.quick,
        pinned: runner.is_pinned(),
        programs: found.measured.into_iter().map(|program| program.package).collect(),
        rows,
        missing: found.missing,
    })
}

/// What the values of this round and row are divided by: the floor, measured now; bytes stay bytes.
fn unit(runner: &Runner, floor: &Program, row: &mut Row) -> Result<f64, String> {
    if row.workload.name == IDLE_MEM {
        return Ok(1.0);
    }
    let nanoseconds = runner.run(floor, FLOOR).map_err(|reason| format!("the floor: {reason}"))?;
    row.floor.push(nanoseconds);
    Ok(nanoseconds)
}

/// One line on standard error that says what runs, where a person can see it.
struct Progress {
    done: usize,
    total: usize,
    visible: bool,
}

impl Progress {
    fn new(total: usize) -> Progress {
        Progress { done: 0, total, visible: std::io::stderr().is_terminal() }
    }

    fn step(&mut self, workload: Workload, program: &Program) {
        self.done += 1;
        self.show(&format!("{}/{} {} {}", self.done, self.total, workload.name, program.package));
    }

    fn end(&self) {
        self.show("");
    }

    fn show(&self, line: &str) {
        if self.visible {
            eprint!("\r\x1b[K{line}");
            // A line that cannot be shown is no reason to stop measuring.
            let _ = std::io::stderr().flush();
        }
    }
}
