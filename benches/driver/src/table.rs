//! The table, and the budgets that are read from it.

use std::fmt;

use bench_harness::{FLOOR, IDLE_MEM, Workload};

use crate::grid;
use crate::programs::Program;
use crate::simple::MEASURED;
use crate::spread::{Spread, number};

/// All that was measured. Displayed, it is what the driver prints.
pub(crate) struct Table {
    pub(crate) repeats: usize,
    pub(crate) quick: bool,
    pub(crate) pinned: bool,
    /// The packages, in the order of the cells.
    pub(crate) programs: Vec<String>,
    pub(crate) rows: Vec<Row>,
    /// Packages that could not be measured, and why.
    pub(crate) missing: Vec<(String, String)>,
}

/// One workload.
pub(crate) struct Row {
    pub(crate) workload: Workload,
    /// Nanoseconds, one for each round. Empty for bytes.
    pub(crate) floor: Vec<f64>,
    pub(crate) cells: Vec<Cell>,
}

/// One workload of one program.
pub(crate) enum Cell {
    /// Multiples of the floor, or bytes; one for each round.
    Values(Vec<f64>),
    Failed(String),
    /// The program does not have the workload.
    Unknown,
}

/// What ours may cost at most: multiples of the floor, or bytes. The first two are the two ways to send one small message
/// and receive it.
const BUDGETS: &[(&str, f64)] =
    &[("flood", 3.0), ("flood_inside", 3.0), ("pingpong", 10.0), ("request", 5.0), (IDLE_MEM, 512.0)];

impl Row {
    pub(crate) fn new(workload: Workload, programs: &[Program]) -> Row {
        let cell = |program: &Program| match program.knows(workload.name) {
            true => Cell::Values(Vec::new()),
            false => Cell::Unknown,
        };
        Row { workload, floor: Vec::new(), cells: programs.iter().map(cell).collect() }
    }

    /// The measured programs and what they took.
    fn spreads<'a>(&'a self, programs: &'a [String]) -> impl Iterator<Item = (&'a str, Spread)> {
        let measured = |(program, cell): (&'a String, &Cell)| Some((program.as_str(), cell.spread()?));
        programs.iter().zip(&self.cells).filter_map(measured)
    }

    /// A value with its unit.
    fn amount(&self, value: f64) -> String {
        format!("{} {}", number(value), if self.workload.name == IDLE_MEM { "B" } else { "Q" })
    }

    /// What the budgets say about ours.
    fn verdict(&self, programs: &[String]) -> String {
        let spreads: Vec<(&str, Spread)> = self.spreads(programs).collect();
        let Some((_, ours)) = spreads.iter().find(|(program, _)| *program == MEASURED[0]) else {
            return "ours was not measured".into();
        };
        let word = |met: bool| if met { "met" } else { "missed" };
        let mut parts = vec![format!("ours {}", self.amount(ours.median))];
        if let Some((_, limit)) = BUDGETS.iter().find(|(name, _)| *name == self.workload.name) {
            parts.push(format!("at most {}: {}", self.amount(*limit), word(ours.median <= *limit)));
        }
        let peers = spreads.iter().filter(|(program, _)| *program != MEASURED[0]);
        parts.push(match peers.min_by(|(_, a), (_, b)| a.median.total_cmp(&b.median)) {
            Some((name, best)) => format!(
                "ahead of all peers: {} ({} {}{})",
                word(ours.median < best.median),
                short(name),
                self.amount(best.median),
                if ours.overlaps(best) { ", ranges overlap" } else { "" }
            ),
            None => "no peer was measured".into(),
        });
        parts.join("; ")
    }
}

impl Cell {
    fn spread(&self) -> Option<Spread> {
        match self {
            Cell::Values(values) => Spread::of(values),
            _ => None,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pinned { "on one processor" } else { "wherever the scheduler put them" };
        writeln!(
            f,
            "Median (range) of {} runs, {place}. Q is {}; other times are",
            self.repeats, FLOOR.about
        )?;
        writeln!(f, "multiples of it, memory is bytes an actor. Less is better.\n")?;
        self.write_cells(f)?;
        writeln!(f)?;
        for row in &self.rows {
            writeln!(f, "  {:width$}  {}", row.workload.name, row.workload.about, width = self.name_width())?;
        }
        if self.quick {
            writeln!(f, "\nA quick run shows that it works; its figures mean nothing.")?;
        } else {
            writeln!(f, "\nBudgets")?;
            for row in &self.rows {
                let verdict = row.verdict(&self.programs);
                writeln!(f, "  {:width$}  {verdict}", row.workload.name, width = self.name_width())?;
            }
        }
        self.write_missing(f)
    }
}

impl Table {
    /// Whether a workload of ours ended with an error.
    pub(crate) fn has_failure_of_ours(&self) -> bool {
        let ours = self.programs.iter().position(|program| program == MEASURED[0]);
        ours.is_some_and(|ours| self.rows.iter().any(|row| matches!(row.cells[ours], Cell::Failed(_))))
    }

    fn name_width(&self) -> usize {
        self.rows.iter().map(|row| row.workload.name.len()).max().unwrap_or(0)
    }

    fn write_cells(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![vec!["workload".to_owned(), "floor Q".to_owned()]];
        lines[0].extend(self.programs.iter().map(|program| short(program).to_owned()));
        for row in &self.rows {
            let floor = Spread::of(&row.floor).map_or("-".into(), |floor| format!("{floor} ns"));
            let mut line = vec![row.workload.name.to_owned(), floor];
            line.extend(row.cells.iter().map(Cell::to_string));
            lines.push(line);
        }
        grid::write(f, &lines)
    }

    /// Whatever is not in the table, and why.
    fn write_missing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.rows.iter().flat_map(|row| {
            self.programs.iter().zip(&row.cells).filter_map(|(program, cell)| match cell {
                Cell::Failed(reason) => Some((format!("{} of {program}", row.workload.name), reason)),
                _ => None,
            })
        });
        let missing = self.missing.iter().map(|(package, reason)| (package.clone(), reason));
        let all: Vec<(String, &String)> = missing.chain(failed).collect();
        if !all.is_empty() {
            writeln!(f, "\nNot measured")?;
        }
        all.iter().try_for_each(|(what, reason)| writeln!(f, "  {what}: {reason}"))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Values(values) => Spread::of(values).map_or(Ok(()), |spread| spread.fmt(f)),
            Cell::Failed(_) => f.write_str("failed"),
            Cell::Unknown => f.write_str("-"),
        }
    }
}

/// A program's name for people.
pub(crate) fn short(package: &str) -> &str {
    package.strip_prefix("peer-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use bench_harness::WORKLOADS;

    use super::*;

    fn table(cells: Vec<Cell>) -> Table {
        let programs = ["ours", "peer-actix", "peer-kameo"].map(str::to_owned).into();
        let row = Row { workload: WORKLOADS[0], floor: vec![12.0, 11.0, 40.0], cells };
        let missing = vec![("peer-ractor".to_owned(), "error: no".to_owned())];
        Table { repeats: 3, quick: false, pinned: true, programs, rows: vec![row], missing }
    }

    #[test]
    fn a_budget_is_met_or_missed_by_the_median() {
        let values = |values: &[f64]| Cell::Values(values.to_vec());
        let text = table(vec![values(&[2.0, 2.9, 9.0]), values(&[5.0, 6.0]), values(&[7.0])]).to_string();
        assert!(
            text.contains("at most 3.0 Q: met; ahead of all peers: met (actix 5.5 Q, ranges over"),
            "{text}"
        );
        assert!(text.contains("| flood    | 12.0 (11.0-40.0) ns | 2.90 (2.0-9.0) "), "{text}");
        let text = table(vec![values(&[3.1]), values(&[7.0]), values(&[3.0])]).to_string();
        assert!(text.contains("at most 3.0 Q: missed; ahead of all peers: missed (kameo 3.0 Q)"), "{text}");
    }

    #[test]
    fn what_is_not_measured_is_named_with_its_reason() {
        let cells =
            vec![Cell::Values(vec![1.0]), Cell::Failed("rounds: 3 instead of 4".into()), Cell::Unknown];
        let text = table(cells).to_string();
        assert!(text.contains("no peer was measured"), "{text}");
        let end = "Not measured\n  peer-ractor: error: no\n  flood of peer-actix: rounds: 3 instead of 4\n";
        assert!(text.ends_with(end), "{text}");
    }
}
