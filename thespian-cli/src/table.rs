//! Aligned columns, and numbers for people.

use std::fmt;
use std::time::Duration;

/// What is between two columns.
const GAP: &str = "  ";

/// Rows of columns, each as wide as its widest cell.
pub(crate) struct Table<'a> {
    /// The names of the columns; empty for none.
    pub(crate) header: Vec<String>,
    /// Which columns have numbers, which stand to the right.
    pub(crate) numbers: &'a [usize],
    pub(crate) rows: Vec<Vec<String>>,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = (!self.header.is_empty()).then_some(&self.header);
        let lines: Vec<&Vec<String>> = header.into_iter().chain(&self.rows).collect();
        let columns = lines.iter().map(|line| line.len()).max().unwrap_or(0);
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (at, line) in lines.iter().enumerate() {
            let cell = |(column, cell): (usize, &String)| match self.numbers.contains(&column) {
                true => format!("{cell:>width$}", width = widths[column]),
                false => format!("{cell:<width$}", width = widths[column]),
            };
            let cells: Vec<String> = line.iter().enumerate().map(cell).collect();
            let end = if at + 1 < lines.len() { "\n" } else { "" };
            write!(f, "{}{end}", cells.join(GAP).trim_end())?;
        }
        Ok(())
    }
}

/// Text from elsewhere, which must not move the cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

/// A time with as much detail as people want.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match seconds {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A size in the unit that fits.
pub(crate) fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        ..1024.0 => format!("{bytes} B"),
        ..1_048_576.0 => format!("{:.0} KiB", bytes / 1024.0),
        ..1_073_741_824.0 => format!("{:.1} MiB", bytes / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_where_their_text_does() {
        let text = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        let table = Table {
            header: text(&["A", "N", "LAST"]),
            numbers: &[1],
            rows: vec![text(&["é", "1000", ""]), text(&["long", "2", "x"])],
        };
        assert_eq!(table.to_string(), "A        N  LAST\né     1000\nlong     2  x");
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(time(Duration::from_millis(1550)), "1.6 s");
        assert_eq!(time(Duration::from_secs(61)), "1 min 1 s");
        assert_eq!(time(Duration::from_secs(7_260)), "2 h 1 min");
        assert_eq!(time(Duration::from_secs(180_000)), "2 d 2 h");
        assert_eq!(
            [size(12), size(2048), size(3 << 20), size(5 << 30)],
            ["12 B", "2 KiB", "3.0 MiB", "5.0 GiB"]
        );
    }

    #[test]
    fn text_from_elsewhere_cannot_move_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{FFFD}[2Jb\u{FFFD}");
    }
}
