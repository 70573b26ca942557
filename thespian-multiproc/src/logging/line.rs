//! A record as a line of text.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use super::{Format, LogRecord};

/// Escapes what would make more or other of a line than a line: control characters, what Unicode takes for ends of
/// lines, and what changes the direction of writing.
///
/// `\n`, `\r` and `\t` become these two characters each, all else is shown as its number: `\u{1b}`.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_escaped(*c)) {
            f.write_str(&rest[..at])?;
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            }
            rest = &rest[at + c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

fn is_escaped(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A time as RFC 3339 has it, in UTC.
pub(super) struct Timestamp {
    time: SystemTime,
    /// 3 or 6.
    digits: u32,
}

impl Timestamp {
    pub(super) fn millis(time: SystemTime) -> Timestamp {
        Timestamp { time, digits: 3 }
    }

    pub(super) fn micros(time: SystemTime) -> Timestamp {
        Timestamp { time, digits: 6 }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_epoch = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = since_epoch.as_secs();
        let (year, month, day) = date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        let fraction = since_epoch.subsec_nanos() / 10_u32.pow(9 - self.digits);
        let digits = self.digits as usize;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}Z")
    }
}

/// Year, month and day, counted from 1, of the day that many days after 1970-01-01, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    // In eras of 400 years that begin on a first of March, so that the leap day is a year's last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, passed) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + passed, month, day)
}

/// Who logged: the actor, or the process.
struct Who<'a>(&'a LogRecord);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.actor, &self.0.actor_type) {
            (Some(actor), Some(actor_type)) => write!(f, "{} {actor}", Escaped(actor_type)),
            (Some(actor), None) => write!(f, "{actor}"),
            (None, _) => write!(f, "pid {}", self.0.pid),
        }
    }
}

/// The line, without its end. `level` is how the level is shown: in colours, perhaps.
pub(super) fn line(record: &LogRecord, format: Format, level: &dyn fmt::Display) -> String {
    let (who, text) = (Who(record), Escaped(&record.text));
    let mut line = String::with_capacity(record.text.len() + 128);
    // Writing to a string does not fail.
    let _ = match format {
        Format::Full => write!(
            line,
            "[{} {level} {} {who}] {text}",
            Timestamp::millis(record.time),
            Escaped(&record.target)
        ),
        Format::Brief => write!(line, "{level} {who}: {text}"),
    };
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::log::Level;

    use super::*;
    use crate::logging::testing::{address, record};

    #[test]
    fn what_could_break_out_of_a_line_is_escaped_and_nothing_else() {
        let escaped = |text| Escaped(text).to_string();
        assert_eq!(escaped("a\nb\r\nc\td"), "a\\nb\\r\\nc\\td");
        assert_eq!(escaped("\u{1b}[2J\u{0}\u{7f}\u{9b}"), "\\u{1b}[2J\\u{0}\\u{7f}\\u{9b}");
        assert_eq!(escaped("\u{202e}x\u{2069}\u{2028}"), "\\u{202e}x\\u{2069}\\u{2028}");
        assert_eq!(escaped("plain, größe, \u{1F980}, \\, \"\""), "plain, größe, \u{1F980}, \\, \"\"");
    }

    #[test]
    fn names_are_escaped_too() {
        let record = LogRecord {
            target: "t\n".into(),
            actor: Some(address(3)),
            actor_type: Some("A\u{1b}c".into()),
            ..record(Level::Warn, "x\n[2026 forged]")
        };
        let line = line(&record, Format::Full, &"WARN ");
        assert!(line.ends_with(" WARN  t\\n A\\u{1b}c actor-00000001/3.8] x\\n[2026 forged]"), "{line}");
        assert!(!line.contains(char::is_control));
    }

    #[test]
    fn a_line_shows_the_actor_or_else_the_process() {
        let mut record = LogRecord { pid: 77, ..record(Level::Warn, "x") };
        assert_eq!(line(&record, Format::Brief, &"WARN "), "WARN  pid 77: x");
        record.actor = Some(address(3));
        assert_eq!(line(&record, Format::Brief, &"WARN "), "WARN  actor-00000001/3.8: x");
        record.actor_type = Some("A".into());
        assert_eq!(line(&record, Format::Brief, &"WARN "), "WARN  A actor-00000001/3.8: x");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |seconds, nanos| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
        let shown = |seconds, nanos| Timestamp::millis(at(seconds, nanos)).to_string();
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(951_782_399, 999_999_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(shown(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        assert_eq!(shown(951_868_800, 0), "2000-03-01T00:00:00.000Z");
        assert_eq!(shown(1_709_251_199, 0), "2024-02-29T23:59:59.000Z");
        assert_eq!(shown(1_735_689_599, 7_000_000), "2024-12-31T23:59:59.007Z");
        assert_eq!(shown(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
        assert_eq!(Timestamp::micros(at(1, 2_000)).to_string(), "1970-01-01T00:00:01.000002Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = date(0);
        for days in 1..200_000 {
            let next = date(days);
            let follows = match (next.0 - last.0, next.1, next.2) {
                (0, month, day) if month == last.1 => day == last.2 + 1,
                (0, month, 1) => month == last.1 + 1 && last.2 >= 28,
                (1, 1, 1) => (last.1, last.2) == (12, 31),
                _ => false,
            };
            assert!(follows, "{last:?} {next:?}");
            last = next;
        }
        assert_eq!(date(199_999), (2517, 7, 31));
    }
}
