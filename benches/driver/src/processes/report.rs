//! The tables of the group, and its budgets.

use std::fmt;

use super::losses;
use super::plan::{Budget, FLOORS, OURS, PYTHON, QUEUE, UDP, Unit, Wanted};
use super::results::Results;
use crate::grid;
use crate::spread::{Spread, number};
use crate::table::short;

/// All that was measured. Displayed, it is what the driver prints.
pub(crate) struct Report {
    pub(crate) repeats: usize,
    pub(crate) quick: bool,
    pub(crate) all: Vec<Results>,
    /// Programs that could not be measured, and why.
    pub(crate) missing: Vec<(String, String)>,
}

impl Report {
    /// Whether a workload of ours ended with an error.
    pub(crate) fn has_failure_of_ours(&self) -> bool {
        self.all.iter().any(|results| {
            results.failures.iter().any(|(program, _, _)| [OURS, QUEUE, UDP].contains(program))
        })
    }

    /// Whatever is not in the tables, and why.
    fn write_missing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.missing.iter().map(|(program, reason)| format!("{program}: {reason}"));
        let failed = self.all.iter().flat_map(|results| {
            let section = results.section.name;
            let line = move |(program, workload, reason): &(&str, &str, String)| {
                // The program has named the workload, too.
                let reason = reason.strip_prefix(&format!("{workload}: ")).unwrap_or(reason);
                format!("{workload} of {program} in {section}: {reason}")
            };
            results.failures.iter().map(line)
        });
        let all: Vec<String> = missing.chain(failed).collect();
        if !all.is_empty() {
            writeln!(f, "\nNot measured")?;
        }
        all.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }

    fn write_budgets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let budgets = self
            .all
            .iter()
            .flat_map(|results| results.section.budgets.iter().map(|budget| verdict(results, budget)));
        let head = ["budget", "measured", "wanted", ""].map(str::to_owned).to_vec();
        let lines: Vec<Vec<String>> = std::iter::once(head).chain(budgets).collect();
        if lines.len() > 1 {
            writeln!(f, "\nBudgets\n")?;
            grid::write(f, &lines)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Processes. Median (range) of {} runs in turns; the last column is divided by the floor of",
            self.repeats
        )?;
        writeln!(f, "its own round. Less is better.")?;
        for results in &self.all {
            writeln!(f, "\n{}: {}\n", results.section.name, results.section.about)?;
            write_section(f, results)?;
        }
        if self.quick {
            writeln!(f, "\nA quick run shows that it works; its figures mean nothing.")?;
        } else {
            self.write_budgets(f)?;
        }
        self.write_missing(f)
    }
}

fn write_section(f: &mut fmt::Formatter<'_>, results: &Results) -> fmt::Result {
    if results.lines.is_empty() {
        return writeln!(f, "nothing was measured");
    }
    if results.section.unit == Unit::Arrived {
        return losses::write(f, results);
    }
    let floor = results.section.floor.unwrap_or("no floor");
    let mut lines = vec![["program", "figure", "value", floor].map(str::to_owned).to_vec()];
    for line in &results.lines {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        lines.push(vec![
            who(line.program).to_owned(),
            line.figure.clone(),
            or_dash(line.spread().map(|spread| amount(spread, results.section.unit))),
            or_dash(results.multiples(line).map(|spread| format!("x {spread}"))),
        ]);
    }
    grid::write(f, &lines)
}

/// A budget, what was measured, what is wanted, and whether that is met.
fn verdict(results: &Results, budget: &Budget) -> Vec<String> {
    let unit = results.section.unit;
    let other = |program: &str, figure: &str| format!("{} {figure}", who(program));
    let wanted = match budget.wanted {
        Wanted::Times(most, (program, figure)) => {
            format!("at most {} x {}", number(most), other(program, figure))
        }
        Wanted::Faster(1.0, (program, figure)) => format!("ahead of {}", other(program, figure)),
        Wanted::Faster(least, (program, figure)) => {
            format!("at least {} x as fast as {}", number(least), other(program, figure))
        }
        Wanted::More(most, (program, figure)) => {
            format!("at most {} more than {}", single(most, unit), other(program, figure))
        }
        Wanted::Most(most) => format!("at most {}", single(most, unit)),
    };
    let Some(spread) = results.measured(budget.ours, budget.wanted) else {
        return vec![budget.about.into(), "-".into(), wanted, "not measured".into()];
    };
    let (measured, met) = match budget.wanted {
        Wanted::Times(most, _) => (format!("x {spread}"), spread.median <= most),
        Wanted::Faster(1.0, _) => (format!("x {spread}"), spread.median > 1.0),
        Wanted::Faster(least, _) => (format!("x {spread}"), spread.median >= least),
        Wanted::More(most, _) | Wanted::Most(most) => (amount(spread, unit), spread.median <= most),
    };
    vec![budget.about.into(), measured, wanted, if met { "met" } else { "missed" }.into()]
}

/// A program's name for people.
fn who(program: &str) -> &str {
    match program {
        FLOORS => "floor",
        OURS => "ours",
        QUEUE => "ours (queue)",
        UDP => "ours (UDP)",
        PYTHON => "Python",
        peer => short(peer),
    }
}

/// Values in the unit that suits the median.
fn amount(spread: Spread, unit: Unit) -> String {
    let (divisor, name) = scale(spread.median, unit);
    format!("{} {name}", spread.divided_by(divisor)).trim_end().to_owned()
}

fn single(value: f64, unit: Unit) -> String {
    let (divisor, name) = scale(value, unit);
    format!("{} {name}", number(value / divisor)).trim_end().to_owned()
}

fn scale(size: f64, unit: Unit) -> (f64, &'static str) {
    match unit {
        Unit::Count | Unit::Arrived => (1.0, ""),
        Unit::Bytes => (1024.0, "KiB"),
        Unit::Time if size < 1e3 => (1.0, "ns"),
        Unit::Time if size < 1e6 => (1e3, "us"),
        Unit::Time if size < 1e9 => (1e6, "ms"),
        Unit::Time => (1e9, "s"),
    }
}

#[cfg(test)]
mod tests {
    use bench_harness::Measurement;

    use super::super::plan::SECTIONS;
    use super::*;

    fn figure(name: &str, value: f64) -> Vec<Measurement> {
        vec![Measurement { workload: name.into(), value, ops: 1 }]
    }

    /// The round trip on one core: the floor takes 10 us, and ours as long as said.
    fn report(ours: f64) -> Report {
        let mut results = Results::new(&SECTIONS[0]);
        results.add(FLOORS, 0, figure("floor_tcp_rtt_mio_p50", 10_000.0));
        results.add(OURS, 0, figure("rtt_p50", ours));
        results.add("peer-elfo", 0, figure("r_ask1_p50", 20_000.0));
        results.fail(PYTHON, "ask", "ask: no answer".into());
        let missing = vec![("peer-ractor-cluster".to_owned(), "error: no".to_owned())];
        Report { repeats: 1, quick: false, all: vec![results], missing }
    }

    #[test]
    fn a_line_has_its_value_and_its_multiple_of_the_floor() {
        let text = report(14_000.0).to_string();
        assert!(text.contains("| ours    | rtt_p50 "), "{text}");
        assert!(text.contains("| 14.0 (14.0-14.0) us | x 1.40 (1.40-1.40) |"), "{text}");
    }

    #[test]
    fn every_budget_is_met_missed_or_not_measured() {
        let line = |text: &str, of: &str| text.lines().find(|line| line.contains(of)).map(str::to_owned);
        let floor = "at most 1.50 x floor floor_tcp_rtt_mio_p50";
        let met = report(15_000.0).to_string();
        assert!(line(&met, floor).expect("it is there").ends_with("| met          |"), "{met}");
        assert!(line(&met, "ahead of elfo").expect("it is there").contains("x 1.33 (1.33-1.33)"), "{met}");
        assert!(line(&met, "ahead of ractor-cluster").expect("it is there").ends_with("| not measured |"));
        let missed = report(20_000.0).to_string();
        assert!(line(&missed, floor).expect("it is there").ends_with("| missed       |"), "{missed}");
        assert!(
            line(&missed, "ahead of elfo").expect("it is there").ends_with("| missed       |"),
            "{missed}"
        );
    }

    #[test]
    fn what_is_not_measured_is_named_with_its_reason() {
        let report = report(1.0);
        let end =
            "Not measured\n  peer-ractor-cluster: error: no\n  ask of python in rtt_one_core: no answer\n";
        assert!(report.to_string().ends_with(end), "{report}");
        assert!(!report.has_failure_of_ours());
    }

    #[test]
    fn a_table_without_a_figure_says_so() {
        let report =
            Report { repeats: 1, quick: true, all: vec![Results::new(&SECTIONS[0])], missing: Vec::new() };
        assert!(report.to_string().contains("nothing was measured"), "{report}");
    }

    #[test]
    fn amounts_have_the_unit_that_suits_them() {
        let of = |value, unit| amount(Spread::of(&[value]).expect("there is one"), unit);
        assert_eq!(of(31.7, Unit::Time), "31.7 (31.7-31.7) ns");
        assert_eq!(of(2_500_000.0, Unit::Time), "2.50 (2.50-2.50) ms");
        assert_eq!(of(0.0, Unit::Count), "0.0 (0.0-0.0)");
        assert_eq!(single(1_048_576.0, Unit::Bytes), "1024 KiB");
    }
}
