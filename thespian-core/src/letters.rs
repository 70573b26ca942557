//! Messages that an attempt sends to other processes, written as soon as they are sent.
//!
//! The value is not needed any more then, so it needs no box, and what it held is given back while it is at hand. What cannot be
//! written takes the way of all others, and is refused there (decision D7).

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::iter::Peekable;
use core::mem;

use crate::driver::panics;
use crate::{ActorAddress, EncodeError, ErasedMessage, KnownNames, Payload, TypeNames};

/// A message of more bytes than this is not written behind others, and travels in what it was written to.
const LARGE: usize = 64 * 1024;

/// The letters of an attempt, in order.
#[derive(Default)]
pub(crate) struct Letters {
    pub(crate) is_on: bool,
    letters: Vec<Letter>,
    /// The bytes of those that are not large, one behind the other.
    bytes: Vec<u8>,
    names: KnownNames,
}

/// A message and where it goes.
struct Letter {
    to: ActorAddress,
    names: TypeNames,
    /// Its place among all sends of the attempt.
    place: usize,
    content: Content,
}

enum Content {
    /// Behind that of the letter before, up to here.
    UpTo(usize),
    Large(Payload),
}

impl Letters {
    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.letters.len()
    }

    /// Writes a message. Whether that could be done.
    #[inline]
    pub(crate) fn write(&mut self, place: usize, to: &ActorAddress, message: &dyn ErasedMessage) -> bool {
        let before = self.bytes.len();
        let (bytes, names) = (&mut self.bytes, &mut self.names);
        let written = panics::catch(|| {
            message.encode_into(bytes)?;
            Ok::<_, EncodeError>(names.of_value(message))
        });
        let Ok(Ok(names)) = written else {
            self.bytes.truncate(before);
            return false;
        };
        let content = match self.bytes.len() - before {
            0..=LARGE => Content::UpTo(self.bytes.len()),
            _ => Content::Large(self.take_behind(before)),
        };
        self.letters.push(Letter { to: *to, names, place, content });
        true
    }

    #[cold]
    fn take_behind(&mut self, before: usize) -> Payload {
        match before {
            0 => mem::take(&mut self.bytes).into(),
            _ => self.bytes.split_off(before).into(),
        }
    }

    /// Hands them out, in order. They are to be [cleared](Letters::clear) afterwards.
    pub(crate) fn open(&mut self) -> Opened<'_> {
        Opened { letters: self.letters.drain(..).peekable(), bytes: &self.bytes, at: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.letters.clear();
        self.bytes.clear();
        self.bytes.shrink_to(LARGE);
    }
}

/// Letters that are handed out.
pub(crate) struct Opened<'a> {
    letters: Peekable<vec::Drain<'a, Letter>>,
    bytes: &'a [u8],
    at: usize,
}

impl Opened<'_> {
    /// The one that has this place among all sends, if there is one: to whom it goes, and what it is.
    #[inline]
    pub(crate) fn next_at(&mut self, place: usize) -> Option<(ActorAddress, TypeNames, Payload)> {
        let Letter { to, names, content, .. } = self.letters.next_if(|letter| letter.place == place)?;
        let bytes = match content {
            Content::UpTo(end) => {
                let begin = mem::replace(&mut self.at, end);
                Payload::from(&self.bytes[begin..end])
            }
            Content::Large(bytes) => bytes,
        };
        Some((to, names, bytes))
    }
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.letters.iter().map(|letter| (&letter.to, &letter.names))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddressKey, SystemId};
    use alloc::string::String;

    #[test]
    fn letters_come_out_as_they_were_written_whatever_their_size() {
        let to = AddressKey::new([1; 16]).seal(SystemId::from_bits(1), 1, 1);
        let sizes = [0, 1, Payload::INLINE, 1000, LARGE + 1, 5, LARGE - 3, LARGE + 1, LARGE + 2, 7];
        let mut letters = Letters::default();
        for _ in 0..2 {
            for (at, size) in sizes.into_iter().enumerate() {
                assert!(letters.write(2 * at, &to, &"x".repeat(size)));
            }
            assert_eq!(letters.len(), sizes.len());
            let mut opened = letters.open();
            for (at, size) in sizes.into_iter().enumerate() {
                let (_, names, bytes) = opened.next_at(2 * at).expect("it was written");
                assert_eq!(names[0], "str");
                let text: String = crate::decode(&bytes, crate::DecodeLimits::default()).expect("a text");
                assert_eq!(text, "x".repeat(size));
                assert!(opened.next_at(2 * at + 1).is_none());
            }
            drop(opened);
            letters.clear();
            assert!(letters.bytes.capacity() <= LARGE);
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let to = ActorAddress::NOBODY;
        let mut letters = Letters::default();
        assert!(letters.write(0, &to, &7_u8));
        assert!(!letters.write(1, &to, &Unwritable));
        assert!(letters.write(2, &to, &8_u8));
        let mut opened = letters.open();
        assert_eq!(opened.next_at(0).map(|(.., bytes)| bytes), Some(Payload::from(&[7][..])));
        assert!(opened.next_at(1).is_none());
        assert_eq!(opened.next_at(2).map(|(.., bytes)| bytes), Some(Payload::from(&[8][..])));
    }

    struct Unwritable;

    impl serde::Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serde::Serializer::serialize_u8(serializer, 1).and(Err(serde::ser::Error::custom("not this one")))
        }
    }

    impl<'de> serde::Deserialize<'de> for Unwritable {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Unwritable, D::Error> {
            Ok(Unwritable)
        }
    }

    impl crate::Message for Unwritable {
        fn type_name() -> crate::TypeName {
            "test::Unwritable".into()
        }
    }
}
