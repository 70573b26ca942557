//! What several runs gave.

use std::fmt;

/// The median of several values, and the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Nothing has no spread.
    pub(crate) fn of(values: &[f64]) -> Option<Spread> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&least, &most) = (sorted.first()?, sorted.last()?);
        let half = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 };
        Some(Spread { least, median, most })
    }

    pub(crate) fn overlaps(&self, other: &Spread) -> bool {
        self.least <= other.most && other.least <= self.most
    }

    /// Each value in a unit that has so many of this one's.
    pub(crate) fn divided_by(self, divisor: f64) -> Spread {
        Spread { least: self.least / divisor, median: self.median / divisor, most: self.most / divisor }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}-{})", number(self.median), number(self.least), number(self.most))
    }
}

/// With as many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size < 3.0 && value.fract() != 0.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle_or_between_the_two() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, most: 3.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn small_numbers_have_more_digits_than_large_ones() {
        let shown = |values: &[f64]| Spread::of(values).expect("there are values").to_string();
        assert_eq!(shown(&[0.5, 1.527, 30.55]), "1.53 (0.50-30.6)");
        assert_eq!(shown(&[2.0, 99.94, 300.1]), "99.9 (2.0-300)");
    }
}
