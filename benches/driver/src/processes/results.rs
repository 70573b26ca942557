//! The figures of one section, as they come in.

use bench_harness::Measurement;

use super::plan::{FLOORS, Section, Wanted};
use crate::spread::Spread;

/// What the runs of a section have given so far.
pub(crate) struct Results {
    pub(crate) section: &'static Section,
    /// In the order in which they first came.
    pub(crate) lines: Vec<Line>,
    /// Runs that failed, and why.
    pub(crate) failures: Vec<(&'static str, &'static str, String)>,
}

/// One figure of one program.
pub(crate) struct Line {
    pub(crate) program: &'static str,
    pub(crate) figure: String,
    /// The rounds and their values.
    values: Vec<(usize, f64)>,
}

impl Line {
    pub(crate) fn spread(&self) -> Option<Spread> {
        let values: Vec<f64> = self.values.iter().map(|(_, value)| *value).collect();
        Spread::of(&values)
    }

    /// What comes of this line and another, round by round: only values of the same round are compared.
    fn with(&self, other: &Line, combine: impl Fn(f64, f64) -> f64) -> Option<Spread> {
        let of_round = |round| other.values.iter().find(|(of, _)| *of == round).map(|(_, value)| *value);
        let both = self.values.iter().filter_map(|&(round, value)| Some(combine(value, of_round(round)?)));
        Spread::of(&both.collect::<Vec<f64>>())
    }
}

impl Results {
    pub(crate) fn new(section: &'static Section) -> Results {
        Results { section, lines: Vec::new(), failures: Vec::new() }
    }

    pub(crate) fn add(&mut self, program: &'static str, round: usize, figures: Vec<Measurement>) {
        for Measurement { workload: figure, value, .. } in figures {
            let known = |line: &&mut Line| line.program == program && line.figure == figure;
            match self.lines.iter_mut().find(known) {
                Some(line) => line.values.push((round, value)),
                None => self.lines.push(Line { program, figure, values: vec![(round, value)] }),
            }
        }
    }

    pub(crate) fn fail(&mut self, program: &'static str, workload: &'static str, reason: String) {
        self.failures.push((program, workload, reason));
    }

    pub(crate) fn has_failed(&self, program: &str, workload: &str) -> bool {
        self.failures.iter().any(|(of, at, _)| *of == program && *at == workload)
    }

    fn line(&self, program: &str, figure: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.program == program && line.figure == figure)
    }

    /// A line as multiples of the floor: percentiles of the floor's percentiles, where the floor has them.
    pub(crate) fn multiples(&self, line: &Line) -> Option<Spread> {
        let floor = self.section.floor?;
        let percentile = line.figure.rsplit_once("_p").map_or("", |(_, percent)| percent);
        let same = self.line(FLOORS, &format!("{floor}_p{percentile}"));
        line.with(same.or_else(|| self.line(FLOORS, floor))?, |value, floor| value / floor)
    }

    /// What a budget of the section is about: a ratio, a difference or a value, as its condition says.
    pub(crate) fn measured(&self, ours: &str, wanted: Wanted) -> Option<Spread> {
        let line = self.line(self.section.ours, ours)?;
        match wanted {
            Wanted::Times(_, (program, figure)) => {
                line.with(self.line(program, figure)?, |ours, other| ours / other)
            }
            Wanted::Faster(_, (program, figure)) => {
                line.with(self.line(program, figure)?, |ours, other| other / ours)
            }
            Wanted::More(_, (program, figure)) => {
                line.with(self.line(program, figure)?, |ours, other| ours - other)
            }
            Wanted::Most(_) => line.spread(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::OURS;
    use super::super::plan::SECTIONS;
    use super::*;

    fn figures(lines: &[(&str, f64)]) -> Vec<Measurement> {
        let figure = |&(name, value): &(&str, f64)| Measurement { workload: name.into(), value, ops: 1 };
        lines.iter().map(figure).collect()
    }

    fn median(spread: Option<Spread>) -> Option<f64> {
        spread.map(|spread| spread.median)
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_within_a_percentile() {
        let mut results = Results::new(&SECTIONS[0]);
        let floor = SECTIONS[0].floor.unwrap();
        let (p50, p99) = (format!("{floor}_p50"), format!("{floor}_p99"));
        results.add(FLOORS, 0, figures(&[(&p50, 10.0), (&p99, 20.0)]));
        results.add(FLOORS, 1, figures(&[(&p50, 100.0), (&p99, 100.0)]));
        results.add(OURS, 1, figures(&[("rtt_p50", 150.0), ("rtt_p99", 200.0)]));
        let multiples = |figure| median(results.multiples(results.line(OURS, figure).unwrap()));
        assert_eq!((multiples("rtt_p50"), multiples("rtt_p99")), (Some(1.5), Some(2.0)));
    }

    #[test]
    fn a_floor_without_percentiles_is_the_floor_of_all() {
        let section = SECTIONS.iter().find(|section| section.name == "startup").unwrap();
        let mut results = Results::new(section);
        results.add(FLOORS, 0, figures(&[("floor_exec", 2.0)]));
        results.add(OURS, 0, figures(&[("startup_p50", 8.0)]));
        assert_eq!(median(results.multiples(&results.lines[1])), Some(4.0));
        assert_eq!(median(results.measured("startup_p50", Wanted::Most(1.0))), Some(8.0));
    }

    #[test]
    fn every_kind_of_condition_has_its_own_arithmetic() {
        let mut results = Results::new(&SECTIONS[0]);
        results.add(OURS, 0, figures(&[("rtt_p50", 4.0)]));
        results.add(FLOORS, 0, figures(&[("f", 2.0)]));
        let measured = |wanted| median(results.measured("rtt_p50", wanted));
        assert_eq!(measured(Wanted::Times(1.0, (FLOORS, "f"))), Some(2.0));
        assert_eq!(measured(Wanted::Faster(1.0, (FLOORS, "f"))), Some(0.5));
        assert_eq!(measured(Wanted::More(1.0, (FLOORS, "f"))), Some(2.0));
        assert_eq!(measured(Wanted::Times(1.0, (FLOORS, "g"))), None);
    }
}
