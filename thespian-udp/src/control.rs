//! Control messages, which arrive once and in order: cut into parts that are repeated until the other side has them.

use std::collections::{BTreeMap, VecDeque};

use thespian_core::transport::wire::{put, take};

/// How many parts are on their way at once, and how many that come early are kept.
const WINDOW: usize = 32;

/// The longest control message that is put together, in bytes.
const LONGEST: usize = 64 << 20;

/// What one side says.
#[derive(Default)]
pub(crate) struct Said {
    /// The place of the first part that the other side has not taken.
    first: u64,
    parts: VecDeque<Part>,
    /// How many of them have been sent.
    sent: usize,
}

struct Part {
    is_last: bool,
    bytes: Vec<u8>,
}

impl Said {
    /// Says something, in parts of at most so many bytes.
    pub(crate) fn say(&mut self, bytes: &[u8], part: usize) {
        let count = bytes.len().div_ceil(part).max(1);
        let mut parts = bytes.chunks(part);
        for at in 1..=count {
            let bytes = parts.next().unwrap_or_default().to_vec();
            self.parts.push_back(Part { is_last: at == count, bytes });
        }
    }

    /// Whether the other side has taken all.
    pub(crate) fn is_taken(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether something is on its way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.sent > 0
    }

    /// What is on its way is to be sent again.
    pub(crate) fn repeat(&mut self) {
        self.sent = 0;
    }

    /// The next part to send, if the window has room, as `write` of an item.
    pub(crate) fn next(&mut self) -> Option<impl FnOnce(&mut Vec<u8>)> {
        let part = self.parts.get(self.sent).filter(|_| self.sent < WINDOW)?;
        let place = self.first + self.sent as u64;
        self.sent += 1;
        Some(move |out: &mut Vec<u8>| {
            put(out, place);
            out.push(part.is_last.into());
            out.extend_from_slice(&part.bytes);
        })
    }

    /// The other side has taken all before this place. Whether that is news.
    pub(crate) fn taken(&mut self, mut item: &[u8]) -> bool {
        let Ok(place) = take(&mut item) else { return false };
        let count = place.saturating_sub(self.first);
        // More than was ever sent is no word of ours.
        if count == 0 || count > self.parts.len().min(WINDOW) as u64 {
            return false;
        }
        self.first = place;
        self.parts.drain(..count as usize);
        self.sent = self.sent.saturating_sub(count as usize);
        true
    }
}

/// What one side hears.
#[derive(Default)]
pub(crate) struct Heard {
    expected: u64,
    early: BTreeMap<u64, (bool, Vec<u8>)>,
    /// The parts of a message that is not whole yet.
    message: Vec<u8>,
}

/// The other side says what it may not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Heard {
    /// Takes a part, and hands over the messages that are whole by it.
    pub(crate) fn take(&mut self, mut item: &[u8], mut whole: impl FnMut(Vec<u8>)) -> Result<(), TooLong> {
        let Ok(place) = take(&mut item) else { return Ok(()) };
        let Some((is_last, bytes)) = item.split_first() else { return Ok(()) };
        if place < self.expected || place - self.expected >= WINDOW as u64 {
            return Ok(());
        }
        self.early.insert(place, (*is_last != 0, bytes.to_vec()));
        while let Some((is_last, bytes)) = self.early.remove(&self.expected) {
            self.expected += 1;
            if self.message.len() + bytes.len() > LONGEST {
                return Err(TooLong);
            }
            if self.message.is_empty() {
                self.message = bytes;
            } else {
                self.message.extend_from_slice(&bytes);
            }
            if is_last {
                whole(std::mem::take(&mut self.message));
            }
        }
        Ok(())
    }

    /// Appends how far it has come.
    pub(crate) fn write_taken(&self, out: &mut Vec<u8>) {
        put(out, self.expected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent now.
    fn sent(said: &mut Said) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        while let Some(write) = said.next() {
            let mut item = Vec::new();
            write(&mut item);
            items.push(item);
        }
        items
    }

    fn taken(heard: &Heard) -> Vec<u8> {
        let mut item = Vec::new();
        heard.write_taken(&mut item);
        item
    }

    #[test]
    fn messages_arrive_once_and_in_order_whatever_is_lost_repeated_and_overtaken() {
        let mut random = 1_u64;
        let mut below = |count: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % count
        };
        let messages: Vec<Vec<u8>> = (0..40).map(|at: u8| vec![at; usize::from(at) * 17]).collect();
        let (mut said, mut heard, mut whole) = (Said::default(), Heard::default(), Vec::new());
        messages.iter().for_each(|message| said.say(message, 100));
        let mut rounds = 0;
        while !said.is_taken() {
            rounds += 1;
            assert!(rounds < 10_000, "{} messages came", whole.len());
            let mut items = sent(&mut said);
            while !items.is_empty() {
                let item = items.swap_remove(below(items.len()));
                for _ in 0..[0, 1, 1, 2][below(4)] {
                    heard.take(&item, |message| whole.push(message)).expect("not too long");
                }
            }
            if below(3) > 0 {
                said.taken(&taken(&heard));
            }
            said.repeat();
        }
        assert_eq!(whole, messages);
    }

    #[test]
    fn no_more_is_under_way_than_the_window_and_an_answer_makes_room() {
        let mut said = Said::default();
        said.say(&[7; 100], 1);
        assert_eq!(sent(&mut said).len(), WINDOW);
        assert!(sent(&mut said).is_empty());
        let mut item = Vec::new();
        put(&mut item, 5);
        assert!(said.taken(&item));
        assert!(!said.taken(&item), "no news");
        assert_eq!(sent(&mut said).len(), 5);
    }

    #[test]
    fn an_answer_about_what_was_never_said_changes_nothing() {
        let mut said = Said::default();
        said.say(b"word", 100);
        for place in [2, 33, u64::MAX] {
            let mut item = Vec::new();
            put(&mut item, place);
            assert!(!said.taken(&item), "{place}");
        }
        assert!(!said.taken(b""));
        assert!(!said.is_taken());
    }

    #[test]
    fn parts_far_ahead_are_not_kept_and_damaged_ones_are_none() {
        let mut heard = Heard::default();
        for place in [WINDOW as u64, u64::MAX] {
            let mut item = Vec::new();
            put(&mut item, place);
            item.push(1);
            heard.take(&item, |_| unreachable!("out of turn")).expect("not too long");
        }
        heard.take(b"", |_| unreachable!("nothing")).expect("not too long");
        heard.take(&[0], |_| unreachable!("nothing")).expect("not too long");
        assert!(heard.early.is_empty());
    }

    #[test]
    fn a_message_without_end_is_refused() {
        let mut heard = Heard::default();
        let part = vec![0; 60_000];
        let outcome = (0..).try_for_each(|place| {
            let mut item = Vec::new();
            put(&mut item, place);
            item.push(0);
            item.extend_from_slice(&part);
            heard.take(&item, |_| unreachable!("it has no end"))
        });
        assert_eq!(outcome, Err(TooLong));
        assert!(heard.message.len() <= LONGEST);
    }
}
