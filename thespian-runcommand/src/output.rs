//! What is kept of a stream.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};
use thespian_core::Bytes;

use crate::omit::Omit;

/// What a command has written to one of its streams: all of it, or the beginning and the end of what was too much for
/// [`Command::max_bufsize`](crate::Command::max_bufsize), or for [a message](crate#the-size-of-messages).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The whole output, or its beginning: half of what is kept, rounded down.
    pub head: Bytes,
    /// The end of output that is not whole: the rest of what is kept.
    pub tail: Bytes,
    /// How much between the two was left out. Bytes.
    pub left_out: u64,
}

impl Captured {
    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.left_out == 0
    }

    /// Whether there was no output.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// How much the command has written. Bytes.
    pub fn total(&self) -> u64 {
        self.head.0.len() as u64 + self.left_out + self.tail.0.len() as u64
    }

    /// The output as it came, if it is whole.
    pub fn whole(&self) -> Option<&[u8]> {
        self.is_whole().then_some(&self.head.0)
    }

    /// How much of it is here. Bytes.
    pub(crate) fn kept(&self) -> usize {
        self.head.0.len() + self.tail.0.len()
    }

    /// The same with so many bytes kept at most, as if no more had been kept from the start.
    pub(crate) fn cut(self, limit: usize) -> Captured {
        if self.kept() <= limit {
            return self;
        }
        let total = self.total();
        let (head_limit, tail_limit) = halves(limit);
        let Captured { head: Bytes(mut head), tail: Bytes(tail), .. } = self;
        // Of output that is whole the end is in the head.
        let end = if tail.is_empty() { &head } else { &tail };
        let tail = end[end.len() - tail_limit..].to_vec();
        head.truncate(head_limit);
        head.shrink_to_fit();
        Captured { head: Bytes(head), tail: Bytes(tail), left_out: total - limit as u64 }
    }

    /// What was kept as a text, with ` [...] ` where something was left out. What is not UTF-8 is replaced. Nothing is
    /// omitted from it: it is for programs.
    pub fn text(&self) -> Cow<'_, str> {
        if self.is_whole() {
            String::from_utf8_lossy(&self.head.0)
        } else {
            Omit::new(None).text(self).into()
        }
    }
}

/// How much there is, and nothing of it: it may have in it what the command wants omitted.
impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.left_out {
            0 => write!(f, "Captured({} bytes)", self.total()),
            left_out => write!(f, "Captured({} bytes, {left_out} of them left out)", self.total()),
        }
    }
}

/// Keeps the beginning and the end of what comes.
pub(crate) struct Keeper {
    head: Vec<u8>,
    head_limit: usize,
    tail: VecDeque<u8>,
    tail_limit: usize,
    left_out: u64,
}

impl Keeper {
    /// One that keeps so many bytes at most.
    pub(crate) fn new(limit: usize) -> Keeper {
        let (head_limit, tail_limit) = halves(limit);
        Keeper { head: Vec::new(), head_limit, tail: VecDeque::new(), tail_limit, left_out: 0 }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let room = self.head_limit - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        // What does not even fit on its own is not copied first.
        let (skipped, rest) = rest.split_at(rest.len().saturating_sub(self.tail_limit));
        let over = (self.tail.len() + rest.len()).saturating_sub(self.tail_limit);
        self.tail.drain(..over);
        self.tail.extend(rest);
        self.left_out += (skipped.len() + over) as u64;
    }

    pub(crate) fn finish(self) -> Captured {
        let Keeper { mut head, tail, left_out, .. } = self;
        let mut tail = Vec::from(tail);
        if left_out == 0 {
            head.append(&mut tail);
        }
        Captured { head: Bytes(head), tail: Bytes(tail), left_out }
    }
}

/// How much of output that is cut is from its beginning, and how much from its end.
fn halves(limit: usize) -> (usize, usize) {
    (limit / 2, limit - limit / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of a text that comes in pieces of a size.
    fn kept(limit: usize, text: &str, piece: usize) -> (String, String, u64) {
        let mut keeper = Keeper::new(limit);
        text.as_bytes().chunks(piece).for_each(|piece| keeper.add(piece));
        let Captured { head, tail, left_out } = keeper.finish();
        let text = |bytes: Bytes| String::from_utf8(bytes.0).expect("it was a text");
        (text(head), text(tail), left_out)
    }

    #[test]
    fn output_within_the_limit_is_whole() {
        for piece in 1..12 {
            assert_eq!(kept(10, "0123456789", piece), ("0123456789".into(), String::new(), 0));
            assert_eq!(kept(1, "0", piece), ("0".into(), String::new(), 0));
        }
    }

    #[test]
    fn of_more_the_first_half_and_the_last_are_kept() {
        let text = "0123456789abcdefghij";
        for piece in 1..21 {
            assert_eq!(kept(10, text, piece), ("01234".into(), "fghij".into(), 10), "in pieces of {piece}");
            assert_eq!(kept(7, text, piece), ("012".into(), "ghij".into(), 13), "in pieces of {piece}");
            assert_eq!(
                kept(19, text, piece),
                ("012345678".into(), "abcdefghij".into(), 1),
                "in pieces of {piece}"
            );
            assert_eq!(kept(1, text, piece), (String::new(), "j".into(), 19), "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_cut_later_is_as_if_no_more_had_been_kept() {
        let text: Vec<u8> = (0..40).collect();
        let keep = |limit| {
            let mut keeper = Keeper::new(limit);
            keeper.add(&text);
            keeper.finish()
        };
        for limit in 1..50 {
            for less in 0..50 {
                let expected = if less < limit { keep(less) } else { keep(limit) };
                assert!(keep(limit).cut(less) == expected, "{limit} and {less}");
            }
        }
    }

    #[test]
    fn what_is_left_out_is_counted_and_marked() {
        let mut keeper = Keeper::new(4);
        keeper.add(b"abcdefgh");
        let output = keeper.finish();
        assert_eq!((output.total(), output.is_whole(), output.whole()), (8, false, None));
        assert_eq!(output.text(), "ab [...] gh");
        assert_eq!(format!("{output:?}"), "Captured(8 bytes, 4 of them left out)");
        assert!(Captured::default().is_empty());
    }
}
