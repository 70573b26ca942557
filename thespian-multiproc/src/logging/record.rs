//! A log record, and how it travels.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use ::log::Level;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thespian_core::{ActorAddress, DecodeError, DecodeLimits, EncodeError, decode, encode};

/// The longest encoded record, in bytes: one packet of the log channel. The kernel takes packets of up to half its
/// default socket buffer, which is 104 KiB on Linux.
pub const LONGEST_RECORD: usize = 60 * 1024;

/// The longest text of a record, in bytes, with the mark that says that it was cut.
pub const LONGEST_TEXT: usize = 56 * 1024;

/// The longest of each of a record's names (target, module path, file, actor type), in bytes, with the mark.
pub const LONGEST_NAME: usize = 512;

/// The room for everything of a record that is neither text nor name.
const FIXED_PARTS: usize = 256;

const _: () = assert!(LONGEST_TEXT + 4 * LONGEST_NAME + FIXED_PARTS <= LONGEST_RECORD);

/// The longest mark: ` [cut, 18446744073709551615 bytes in all]`.
const LONGEST_MARK: usize = 48;

/// A record is flat: itself, an `Option` in it, an address in that, and the bytes of the address.
const DECODE_LIMITS: DecodeLimits = DecodeLimits { depth: 8, spare_items: 0 };

/// What somebody logged, and who.
///
/// Text and names are what the program made of them: they may hold control characters. What the collector itself writes
/// has them escaped; a handler of the user's has to see to it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct LogRecord {
    /// When the record was made. Travels as nanoseconds since the Unix epoch.
    #[serde(deserialize_with = "from_nanos")]
    pub time: SystemTime,
    /// How important it is.
    pub level: Level,
    /// The target, by default the path of the module; at most [`LONGEST_NAME`] bytes.
    pub target: String,
    /// The module; at most [`LONGEST_NAME`] bytes.
    pub module_path: Option<String>,
    /// The source file; at most [`LONGEST_NAME`] bytes.
    pub file: Option<String>,
    /// The line in the source file.
    pub line: Option<u32>,
    /// The text; at most [`LONGEST_TEXT`] bytes.
    pub text: String,
    /// The actor whose process made the record; `None` in a process without an actor (guide section 4.13).
    pub actor: Option<ActorAddress>,
    /// The actor's type; at most [`LONGEST_NAME`] bytes.
    pub actor_type: Option<String>,
    /// The process that made the record.
    pub pid: u32,
}

impl LogRecord {
    /// What was handed to the `log` macros, made by this process now, in nobody's name.
    pub fn new(record: &::log::Record<'_>) -> LogRecord {
        let draft = Draft::new(record);
        LogRecord {
            time: draft.time,
            level: draft.level,
            target: draft.target.into_owned(),
            module_path: draft.module_path.map(Cow::into_owned),
            file: draft.file.map(Cow::into_owned),
            line: draft.line,
            text: draft.text.into_owned(),
            actor: None,
            actor_type: None,
            pid: draft.pid,
        }
    }

    /// A record of the process itself, about its logging.
    pub(crate) fn of_this_process(level: Level, text: String) -> LogRecord {
        LogRecord {
            time: SystemTime::now(),
            level,
            target: super::RUNTIME_TARGET.into(),
            module_path: None,
            file: None,
            line: None,
            text,
            actor: None,
            actor_type: None,
            pid: std::process::id(),
        }
    }

    /// Reads a record from a packet.
    ///
    /// # Errors
    ///
    /// If it is longer than [`LONGEST_RECORD`], or no record.
    pub fn decode(packet: &[u8]) -> Result<LogRecord, DecodeError> {
        if packet.len() > LONGEST_RECORD {
            let cause = format!("{} bytes, over the limit of {LONGEST_RECORD}", packet.len());
            return Err(DecodeError::Malformed { cause });
        }
        decode(packet, DECODE_LIMITS)
    }
}

/// A record on its way out, which borrows what it can. Its fields are those of [`LogRecord`], in the same order.
#[derive(Debug, Serialize)]
pub(crate) struct Draft<'a> {
    #[serde(serialize_with = "to_nanos")]
    pub(crate) time: SystemTime,
    pub(crate) level: Level,
    pub(crate) target: Cow<'a, str>,
    pub(crate) module_path: Option<Cow<'a, str>>,
    pub(crate) file: Option<Cow<'a, str>>,
    pub(crate) line: Option<u32>,
    pub(crate) text: Cow<'a, str>,
    pub(crate) actor: Option<ActorAddress>,
    pub(crate) actor_type: Option<Cow<'a, str>>,
    pub(crate) pid: u32,
}

impl<'a> Draft<'a> {
    /// What was handed to the `log` macros. Formats the text, which runs the code of whoever logs.
    pub(crate) fn new(record: &::log::Record<'a>) -> Draft<'a> {
        Draft {
            time: SystemTime::now(),
            level: record.level(),
            target: cut(record.target(), LONGEST_NAME),
            module_path: record.module_path().map(|path| cut(path, LONGEST_NAME)),
            file: record.file().map(|file| cut(file, LONGEST_NAME)),
            line: record.line(),
            text: text(record.args()),
            actor: None,
            actor_type: None,
            pid: std::process::id(),
        }
    }

    /// As one packet.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        encode(self)
    }
}

impl<'a> From<&'a LogRecord> for Draft<'a> {
    fn from(record: &'a LogRecord) -> Draft<'a> {
        Draft {
            time: record.time,
            level: record.level,
            target: cut(&record.target, LONGEST_NAME),
            module_path: record.module_path.as_deref().map(|path| cut(path, LONGEST_NAME)),
            file: record.file.as_deref().map(|file| cut(file, LONGEST_NAME)),
            line: record.line,
            text: cut(&record.text, LONGEST_TEXT),
            actor: record.actor,
            actor_type: record.actor_type.as_deref().map(|name| cut(name, LONGEST_NAME)),
            pid: record.pid,
        }
    }
}

/// The formatted text, of which no more than fits is ever in memory.
fn text<'a>(arguments: &fmt::Arguments<'a>) -> Cow<'a, str> {
    if let Some(text) = arguments.as_str() {
        return cut(text, LONGEST_TEXT);
    }
    let mut text = CutText { text: String::new(), total: 0, limit: LONGEST_TEXT };
    // An error is one of the formatted value itself, and then what it wrote before is all there is to say.
    let _ = text.write_fmt(*arguments);
    Cow::Owned(text.finish())
}

/// The text, or as much of it as fits with a mark.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut whole = CutText { text: String::new(), total: 0, limit };
    whole.add(text);
    Cow::Owned(whole.finish())
}

/// Takes a text of any length and keeps its beginning.
struct CutText {
    text: String,
    total: u64,
    limit: usize,
}

impl CutText {
    fn add(&mut self, piece: &str) {
        // A short piece may get in behind a character that did not fit; the mark then takes the place of both.
        let room = self.limit - self.text.len();
        self.text.push_str(&piece[..piece.floor_char_boundary_of(room)]);
        self.total += piece.len() as u64;
    }

    fn finish(mut self) -> String {
        if self.total > self.text.len() as u64 {
            let end = self.text.as_str().floor_char_boundary_of(self.limit - LONGEST_MARK);
            self.text.truncate(end);
            let _ = write!(self.text, " [cut, {} bytes in all]", self.total);
        }
        self.text
    }
}

impl fmt::Write for CutText {
    /// Never fails: what formats itself may rely on that.
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.add(piece);
        Ok(())
    }
}

/// `str::floor_char_boundary`, which the oldest supported compiler does not have.
trait CharBoundary {
    fn floor_char_boundary_of(&self, at: usize) -> usize;
}

impl CharBoundary for str {
    fn floor_char_boundary_of(&self, at: usize) -> usize {
        if at >= self.len() {
            return self.len();
        }
        (0..=at).rev().find(|&at| self.is_char_boundary(at)).unwrap_or(0)
    }
}

/// Times before the epoch travel as the epoch, and those after the year 2554 as its end.
fn to_nanos<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    serializer.serialize_u64(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

fn from_nanos<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    Ok(SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::deserialize(deserializer)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::testing::{address, record};

    fn travelled(record: &LogRecord) -> LogRecord {
        let packet = Draft::from(record).encode().unwrap();
        assert!(packet.len() <= LONGEST_RECORD, "{} bytes", packet.len());
        LogRecord::decode(&packet).unwrap()
    }

    #[test]
    fn a_record_travels_whole() {
        let sent = LogRecord {
            time: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_764_100_677_123_456_789),
            level: Level::Trace,
            module_path: Some("a::b".into()),
            file: Some("src/b.rs".into()),
            line: Some(7),
            actor: Some(address(3)),
            actor_type: Some("Greeter".into()),
            ..record(Level::Info, "hello\n\u{1b}[2J")
        };
        assert_eq!(travelled(&sent), sent);
        let sent = record(Level::Error, "");
        assert_eq!(travelled(&sent), LogRecord { time: travelled(&sent).time, ..sent });
    }

    #[test]
    fn texts_and_names_that_are_too_long_are_cut_between_characters_and_say_so() {
        for shift in 0..4 {
            let long = format!("{}{}", "x".repeat(shift), "\u{1F980}".repeat(LONGEST_TEXT));
            let sent = LogRecord {
                target: long.clone(),
                module_path: Some(long.clone()),
                file: Some(long.clone()),
                actor_type: Some(long.clone()),
                ..record(Level::Info, &long)
            };
            let received = travelled(&sent);
            let mark = format!(" [cut, {} bytes in all]", long.len());
            for (cut, limit) in [(&received.text, LONGEST_TEXT), (&received.target, LONGEST_NAME)] {
                let begin = cut.strip_suffix(&mark).unwrap();
                assert!(long.starts_with(begin) && begin.len() > limit - LONGEST_MARK - 4);
                assert!(cut.len() <= limit);
            }
        }
    }

    #[test]
    fn a_text_that_just_fits_is_not_cut() {
        let fits = "x".repeat(LONGEST_TEXT);
        assert_eq!(cut(&fits, LONGEST_TEXT), fits);
        assert_ne!(cut(&format!("{fits}y"), LONGEST_TEXT), format!("{fits}y"));
    }

    #[test]
    fn an_endless_text_is_cut_while_it_is_formatted_and_shows_its_size() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (0..1_000_000).try_for_each(|_| f.write_str("0123456789"))
            }
        }
        let text = text(&format_args!("{Endless}{}", "tail")).into_owned();
        assert!(text.ends_with(" [cut, 10000004 bytes in all]"), "{}", &text[text.len() - 60..]);
        assert!(text.len() <= LONGEST_TEXT);
    }

    #[test]
    fn a_value_that_cannot_be_formatted_leaves_what_it_wrote() {
        struct Broken;
        impl fmt::Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half")?;
                Err(fmt::Error)
            }
        }
        assert_eq!(text(&format_args!("a {Broken} b")), "a half");
    }

    #[test]
    fn foreign_bytes_are_no_record() {
        assert!(LogRecord::decode(b"").is_err());
        assert!(LogRecord::decode(&[0xff; 100]).is_err());
        let error = LogRecord::decode(&vec![0; LONGEST_RECORD + 1]).unwrap_err();
        assert!(error.to_string().contains("over the limit of 61440"), "{error}");
        let mut packet = Draft::from(&record(Level::Info, "x")).encode().unwrap();
        packet.push(0);
        assert!(LogRecord::decode(&packet).is_err());
    }
}
