//! The group of the simple base: one thread that does everything, ours beside the floor and the peers.

use bench_harness::{FLOOR, IDLE_MEM};

use crate::options::Options;
use crate::place::Place;
use crate::processes;
use crate::programs::{self, Program};
use crate::progress::Progress;
use crate::runner::Runner;
use crate::table::{Cell, Row, Table};

/// The program whose figure is the unit.
const FLOORS: &str = "floors";

/// Our program, and then the peers. They have the names of their packages.
pub(crate) const MEASURED: &[&str] = &["ours", "peer-actix", "peer-kameo", "peer-ractor", "peer-tellus"];

/// Measures the group.
pub(crate) fn run(options: &Options, runner: &Runner) -> Result<Table, String> {
    let floor = programs::find(FLOORS, &options.missing)
        .map_err(|reason| format!("{FLOORS}, which gives the unit: {reason}"))?;
    let (measured, mut missing) = programs::find_all(MEASURED, &options.missing);
    let known = |package: &str| MEASURED.contains(&package) || processes::PROGRAMS.contains(&package);
    missing.extend(options.missing.iter().filter(|(package, _)| !known(package)).cloned());

    let place = runner.one_core_if_possible();
    let mut progress = Progress::new(options.repeats * options.workloads.len() * measured.len());
    let mut rows: Vec<Row> =
        options.workloads.iter().map(|&workload| Row::new(workload, &measured)).collect();
    for _ in 0..options.repeats {
        for row in &mut rows {
            let unit = unit(runner, place, &floor, row)?;
            for (program, cell) in measured.iter().zip(&mut row.cells) {
                progress.step(row.workload.name, &program.package);
                let Cell::Values(values) = cell else { continue };
                match runner.value(program, row.workload.name, place) {
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
        pinned: place == Place::OneCore,
        programs: measured.into_iter().map(|program| program.package).collect(),
        rows,
        missing,
    })
}

/// What the values of this round and row are divided by: the floor, measured now; bytes stay bytes.
fn unit(runner: &Runner, place: Place, floor: &Program, row: &mut Row) -> Result<f64, String> {
    if row.workload.name == IDLE_MEM {
        return Ok(1.0);
    }
    let nanoseconds =
        runner.value(floor, FLOOR.name, place).map_err(|reason| format!("the floor: {reason}"))?;
    row.floor.push(nanoseconds);
    Ok(nanoseconds)
}
