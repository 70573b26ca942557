//! How datagrams look, and how those of a session are sealed.
//!
//! Numbers are little-endian. The first byte says what a datagram is:
//!
//! | first byte | what | then |
//! | --- | --- | --- |
//! | 1 | of a session | its number at the receiver (32 bits), a counter (64 bits), items, a seal of 16 bytes |
//! | 2 | there is no such session | the seal of the datagram that was for it |
//! | 0x89 | a [handshake](crate::handshake) | |
//!
//! A seal is a keyed hash (SipHash-2-4 of 128 bits) of all before it, under a key that one direction of one session has. An
//! item is a byte that says which it is, its length (16 bits) and its bytes:
//!
//! | byte | item |
//! | --- | --- |
//! | 1 | a frame, as [`wire`](thespian_core::transport::wire) writes it |
//! | 2 | the address that is not there, and who had sent to it |
//! | 3 | a part of a control message: its place, whether it is the last, bytes |
//! | 4 | the place of the first part that has not come |
//! | 5 | a question whether the other side is there |
//! | 6 | the answer |
//! | 7 | the session ends |
//! | 8 | the answer |
//! | 9 | a frame that is from and to the same as the one before it in the datagram, and says from and to nobody |

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};
use thespian_core::ActorAddress;
use thespian_core::engine::link::FrameRef;
use thespian_core::transport::wire::Encoder;

/// The largest datagram that IPv4 carries, in bytes.
pub(crate) const LARGEST: usize = 65_507;

pub(crate) const SESSION: u8 = 1;
pub(crate) const UNKNOWN: u8 = 2;

/// What stands before the items, and behind them.
pub(crate) const HEADER: usize = 13;
pub(crate) const SEAL: usize = 16;

pub(crate) type Seal = [u8; SEAL];

/// What stands before the bytes of an item.
const ITEM_HEADER: usize = 3;

/// One direction's key in one session.
#[derive(Clone)]
pub(crate) struct Key(SipHasher24);

impl Key {
    pub(crate) fn new(bytes: &[u8; 16]) -> Key {
        Key(SipHasher24::new_with_key(bytes))
    }

    #[inline]
    fn seal(&self, bytes: &[u8]) -> Seal {
        let mut hasher = self.0;
        hasher.write(bytes);
        hasher.finish128().as_bytes()
    }
}

/// What is in a datagram of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Item {
    Frame = 1,
    Nobody = 2,
    Control = 3,
    ControlTaken = 4,
    Question = 5,
    Answer = 6,
    Bye = 7,
    ByeTaken = 8,
    NextFrame = 9,
}

impl Item {
    pub(crate) fn of(byte: u8) -> Option<Item> {
        use Item::{Answer, Bye, ByeTaken, Control, ControlTaken, Frame, NextFrame, Nobody, Question};
        const ALL: [Item; 9] =
            [Frame, Nobody, Control, ControlTaken, Question, Answer, Bye, ByeTaken, NextFrame];
        ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }
}

/// A datagram that is being filled.
pub(crate) struct Draft {
    bytes: Vec<u8>,
    /// Whom its last frame is from and to.
    pair: Option<(ActorAddress, ActorAddress)>,
}

impl Draft {
    pub(crate) const fn new() -> Draft {
        Draft { bytes: Vec::new(), pair: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How large the datagram would be.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + SEAL
    }

    /// Adds an item, whose bytes `write` appends. `None` if the item is too large for any datagram; otherwise where it begins,
    /// by which it can be [moved](Draft::split) to the next one.
    #[inline]
    pub(crate) fn add(&mut self, item: Item, write: impl FnOnce(&mut Vec<u8>)) -> Option<usize> {
        let bytes = &mut self.bytes;
        if bytes.is_empty() {
            bytes.resize(HEADER, 0);
        }
        let begins = bytes.len();
        bytes.extend([item as u8, 0, 0]);
        write(bytes);
        let length = bytes.len() - begins - ITEM_HEADER;
        if HEADER + ITEM_HEADER + length + SEAL > LARGEST {
            bytes.truncate(begins);
            if begins == HEADER {
                bytes.clear();
            }
            return None;
        }
        bytes[begins + 1..begins + ITEM_HEADER].copy_from_slice(&(length as u16).to_le_bytes());
        Some(begins)
    }

    /// Adds a frame, as short as it can be said behind the one before it. As [`Draft::add`], but it cannot be moved.
    #[inline]
    pub(crate) fn add_frame(
        &mut self,
        from: &ActorAddress,
        to: &ActorAddress,
        frame: &FrameRef<'_>,
    ) -> Option<usize> {
        const NOBODY: &ActorAddress = &ActorAddress::NOBODY;
        if self.pair.as_ref().is_some_and(|(last_from, last_to)| last_from == from && last_to == to) {
            return self.add(Item::NextFrame, |out| Encoder::plain().frame(out, NOBODY, NOBODY, frame));
        }
        let added = self.add(Item::Frame, |out| Encoder::plain().frame(out, from, to, frame));
        if added.is_some() {
            self.pair = Some((*from, *to));
        }
        added
    }

    /// Whether the item that begins there is the first.
    #[inline]
    pub(crate) fn is_first(begins: usize) -> bool {
        begins == HEADER
    }

    /// Takes the last item, which begins there, into a datagram of its own. What was before it.
    #[cold]
    pub(crate) fn split(&mut self, begins: usize) -> Draft {
        let mut next = vec![0; HEADER];
        next.extend_from_slice(&self.bytes[begins..]);
        self.bytes.truncate(begins);
        Draft { bytes: std::mem::replace(&mut self.bytes, next), pair: self.pair.take() }
    }

    /// Completes the datagram. Its seal is at its end.
    #[inline]
    pub(crate) fn seal(&mut self, session: u32, counter: u64, key: &Key) -> &[u8] {
        let bytes = &mut self.bytes;
        bytes[0] = SESSION;
        bytes[1..5].copy_from_slice(&session.to_le_bytes());
        bytes[5..HEADER].copy_from_slice(&counter.to_le_bytes());
        let seal = key.seal(bytes);
        bytes.extend_from_slice(&seal);
        bytes
    }

    /// Begins another.
    #[inline]
    pub(crate) fn clear(&mut self) {
        // A large message is rare, and so is the need for its room.
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.pair = None;
    }
}

/// The room that a session keeps for its next datagram, in bytes.
const KEPT: usize = 16 * 1024;

/// A datagram of a session, as it came.
pub(crate) struct Sealed<'a> {
    pub(crate) session: u32,
    pub(crate) counter: u64,
    pub(crate) seal: Seal,
    bytes: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// What it says it is.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Sealed<'a>> {
        let (rest, seal) = bytes.split_last_chunk::<SEAL>()?;
        let session = u32::from_le_bytes(*rest.get(1..5)?.first_chunk()?);
        let counter = u64::from_le_bytes(*rest.get(5..HEADER)?.first_chunk()?);
        Some(Sealed { session, counter, seal: *seal, bytes: rest })
    }

    /// Its items, if it is genuine.
    #[inline]
    pub(crate) fn open(&self, key: &Key) -> Option<Items<'a>> {
        is_same(&key.seal(self.bytes), &self.seal).then(|| Items(&self.bytes[HEADER..]))
    }
}

/// Compares in a time that says nothing about where they differ.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differ) == 0
}

/// The items of a genuine datagram. Ends early at what is no item.
pub(crate) struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = (Item, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(Item, &'a [u8])> {
        let (header, rest) = self.0.split_first_chunk::<ITEM_HEADER>()?;
        let length = usize::from(u16::from_le_bytes([header[1], header[2]]));
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((Item::of(header[0])?, bytes))
    }
}

/// Says that there is no session for the datagram with this seal.
pub(crate) fn unknown(seal: &Seal) -> [u8; 1 + SEAL] {
    let mut bytes = [UNKNOWN; 1 + SEAL];
    bytes[1..].copy_from_slice(seal);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::new(&[byte; 16])
    }

    fn draft(items: &[(Item, &[u8])]) -> Draft {
        let mut draft = Draft::new();
        for (item, bytes) in items {
            draft.add(*item, |out| out.extend_from_slice(bytes)).expect("it fits");
        }
        draft
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_alone_and_unchanged() {
        let items: [(Item, &[u8]); 3] =
            [(Item::Frame, b"one"), (Item::Question, b""), (Item::Control, b"two")];
        let bytes = draft(&items).seal(7, 9, &key(1)).to_vec();
        let sealed = Sealed::read(&bytes).expect("a datagram of a session");
        assert_eq!((sealed.session, sealed.counter), (7, 9));
        assert_eq!(sealed.open(&key(1)).expect("genuine").collect::<Vec<_>>(), items);
        assert!(sealed.open(&key(2)).is_none());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            let sealed = Sealed::read(&changed).expect("as long as before");
            assert!(sealed.open(&key(1)).is_none(), "changed at {at}");
        }
        for length in 0..bytes.len() {
            let opened = Sealed::read(&bytes[..length]).and_then(|sealed| sealed.open(&key(1)));
            assert!(opened.is_none(), "cut to {length}");
        }
    }

    #[test]
    fn items_that_are_none_end_the_list() {
        let unknown = [&[Item::Answer as u8, 0, 0][..], &[99, 0, 0], &[Item::Answer as u8, 0, 0]].concat();
        assert_eq!(Items(&unknown).count(), 1);
        assert_eq!(Items(&[Item::Frame as u8, 2, 0, 1]).count(), 0, "cut");
        assert_eq!(Items(&[Item::Frame as u8, 2]).count(), 0, "cut");
    }

    #[test]
    fn a_datagram_is_split_before_its_last_item() {
        let mut second = draft(&[(Item::Frame, b"one"), (Item::Answer, b"")]);
        let begins = second.add(Item::Frame, |out| out.extend_from_slice(b"two")).expect("it fits");
        assert!(!Draft::is_first(begins));
        let mut first = second.split(begins);
        for (draft, expected) in [(&mut first, 2), (&mut second, 1)] {
            let bytes = draft.seal(1, 1, &key(1)).to_vec();
            let items = Sealed::read(&bytes).and_then(|sealed| sealed.open(&key(1))).expect("genuine");
            assert_eq!(items.count(), expected);
        }
    }

    #[test]
    fn the_largest_item_fills_the_largest_datagram_and_a_larger_one_changes_nothing() {
        let largest = LARGEST - HEADER - ITEM_HEADER - SEAL;
        let mut draft = draft(&[]);
        assert_eq!(draft.add(Item::Frame, |out| out.resize(out.len() + largest + 1, 0)), None);
        assert!(draft.is_empty());
        let begins = draft.add(Item::Frame, |out| out.resize(out.len() + largest, 0)).expect("it fits");
        assert!(Draft::is_first(begins));
        assert_eq!(draft.add(Item::Frame, |out| out.resize(out.len() + largest + 1, 0)), None);
        assert_eq!(draft.seal(1, 1, &key(1)).len(), LARGEST);
    }
}
