//! Lines of cells, as wide as they have to be.

use std::fmt;

/// Writes the lines, the first of which is the head.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, lines: &[Vec<String>]) -> fmt::Result {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
    for (index, line) in lines.iter().enumerate() {
        write_line(f, line, &widths)?;
        if index == 0 {
            write_line(f, &rule, &widths)?;
        }
    }
    Ok(())
}

fn write_line(f: &mut fmt::Formatter<'_>, line: &[String], widths: &[usize]) -> fmt::Result {
    for (text, &width) in line.iter().zip(widths) {
        write!(f, "| {text:width$} ")?;
    }
    writeln!(f, "|")
}
