//! How the totals look.

use std::fmt;

use super::Totals;

/// The widest that the column of words gets. A longer word sticks out of it.
const WIDEST: usize = 40;

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let top = &self.summary.top;
        let width = top.iter().map(|(word, _)| word.chars().count()).max().unwrap_or(0).clamp(4, WIDEST);
        let digits = top.first().map_or(0, |(_, count)| count.to_string().len()).max(5);
        if !top.is_empty() {
            writeln!(f, "rank  {:width$}  {:>digits$}   share", "word", "count")?;
        }
        for (index, (word, count)) in top.iter().enumerate() {
            let share = 100.0 * *count as f64 / self.summary.words as f64;
            writeln!(f, "{:4}  {word:width$}  {count:digits$}  {share:5.2}%", index + 1)?;
        }
        let words = plural(self.summary.words, "word");
        let files = plural(self.files, "file");
        let bytes = plural(self.bytes, "byte");
        writeln!(f, "{words}, {} distinct, {files}, {bytes}", self.summary.distinct)
    }
}

fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::super::Summary;
    use super::*;

    fn shown(top: &[(&str, u64)], words: u64) -> String {
        let top: Vec<_> = top.iter().map(|(word, count)| (word.to_string(), *count)).collect();
        let summary = Summary { distinct: top.len() as u64, top, words };
        Totals { summary, files: 1, bytes: 1234 }.to_string()
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let expected = "rank  word     count   share\n   \
                           1  données  12345  99.99%\n   \
                           2  x            1   0.01%\n\
                        12346 words, 2 distinct, 1 file, 1234 bytes\n";
        assert_eq!(shown(&[("données", 12345), ("x", 1)], 12346), expected);
    }

    #[test]
    fn one_long_word_does_not_widen_the_other_rows() {
        let shown = shown(&[("a", 2), (&"x".repeat(1000), 1)], 3);
        assert!(shown.lines().nth(1).unwrap().len() < 80);
        assert!(shown.lines().nth(2).unwrap().len() > 1000);
    }

    #[test]
    fn without_words_there_is_only_the_last_line() {
        assert_eq!(shown(&[], 0), "0 words, 0 distinct, 1 file, 1234 bytes\n");
    }
}
