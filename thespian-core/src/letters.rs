//! Messages that an attempt sends to other processes, written as soon as they are sent.
//!
//! The value is not needed any more then, so it needs no box, and what it held is given back while it is at hand. What cannot be
//! written takes the way of all others, and is refused there (decision D7).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::any::{Any, TypeId};
use core::fmt;
use core::mem;

use crate::driver::panics;
use crate::{ActorAddress, EncodeError, ErasedMessage, Payload, PayloadRef, TypeNames};

/// A message of more bytes than this is not written behind others, and travels in what it was written to.
const LARGE: usize = 64 * 1024;

/// The letters of an attempt, in order.
#[derive(Default)]
pub(crate) struct Letters {
    pub(crate) is_on: bool,
    letters: Vec<Letter>,
    /// The bytes of those that are not large, one behind the other.
    bytes: Vec<u8>,
    large: Vec<Payload>,
    /// The names of the types that were ever written, and where those of each are. It grows with the number of message types
    /// in the program.
    names: Vec<TypeNames>,
    places: BTreeMap<TypeId, usize>,
    last: Option<(TypeId, usize)>,
    /// Those of messages that came from elsewhere, which brought them along.
    brought: Vec<TypeNames>,
}

/// A message and where it goes. Small: what has just been written is slow to copy.
struct Letter {
    to: ActorAddress,
    /// Its place among all sends of the attempt.
    place: usize,
    names: Names,
    content: Content,
}

/// Where the names of a letter's type are.
#[derive(Clone, Copy)]
enum Names {
    Own(usize),
    Brought(usize),
}

#[derive(Clone, Copy)]
enum Content {
    /// Behind that of the letter before, up to here.
    UpTo(usize),
    Large(usize),
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
        let written = panics::catch(|| {
            message.encode_into(&mut self.bytes)?;
            Ok::<_, EncodeError>(match message.as_encoded() {
                Some(encoded) => self.bring(encoded.names()),
                None => Names::Own(self.names_of(message)),
            })
        });
        let Ok(Ok(names)) = written else {
            self.bytes.truncate(before);
            return false;
        };
        let end = self.bytes.len();
        let content = if end - before > LARGE { self.take_behind(before) } else { Content::UpTo(end) };
        self.letters.push(Letter { to: *to, place, names, content });
        true
    }

    #[inline]
    fn names_of(&mut self, message: &dyn ErasedMessage) -> usize {
        let of = Any::type_id(message);
        match self.last {
            Some((last, names)) if last == of => names,
            _ => self.find_names(of, message),
        }
    }

    #[cold]
    fn find_names(&mut self, of: TypeId, message: &dyn ErasedMessage) -> usize {
        let names = *self.places.entry(of).or_insert_with(|| {
            self.names.push(message.names());
            self.names.len() - 1
        });
        self.last = Some((of, names));
        names
    }

    fn bring(&mut self, names: &TypeNames) -> Names {
        if !self.brought.last().is_some_and(|last| last.is_same(names)) {
            self.brought.push(names.clone());
        }
        Names::Brought(self.brought.len() - 1)
    }

    fn names(&self, names: Names) -> &TypeNames {
        match names {
            Names::Own(at) => &self.names[at],
            Names::Brought(at) => &self.brought[at],
        }
    }

    #[cold]
    fn take_behind(&mut self, before: usize) -> Content {
        let bytes = match before {
            0 => mem::take(&mut self.bytes),
            _ => self.bytes.split_off(before),
        };
        self.large.push(bytes.into());
        Content::Large(self.large.len() - 1)
    }

    /// Lets them be read, in order.
    pub(crate) fn read(&self) -> Reading<'_> {
        Reading { letters: self, next: 0, at: 0 }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.letters.clear();
        self.bytes.clear();
        if self.bytes.capacity() > LARGE {
            self.bytes = Vec::new();
        }
        self.large.clear();
        self.brought.clear();
    }
}

/// Letters that are being read.
pub(crate) struct Reading<'a> {
    letters: &'a Letters,
    next: usize,
    /// Where its content begins.
    at: usize,
}

impl<'a> Reading<'a> {
    /// The letter that has this place among all sends, if there is one: to whom it goes, and what it is.
    #[inline]
    pub(crate) fn next_at(
        &mut self,
        place: usize,
    ) -> Option<(&'a ActorAddress, &'a TypeNames, PayloadRef<'a>)> {
        let letters = self.letters;
        let letter = letters.letters.get(self.next).filter(|letter| letter.place == place)?;
        self.next += 1;
        let bytes = match letter.content {
            Content::UpTo(end) => {
                let begin = mem::replace(&mut self.at, end);
                PayloadRef::Read(&letters.bytes[begin..end])
            }
            Content::Large(number) => PayloadRef::Kept(&letters.large[number]),
        };
        Some((&letter.to, letters.names(letter.names), bytes))
    }
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.letters.iter().map(|letter| (&letter.to, self.names(letter.names)));
        f.debug_list().entries(letters).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddressKey, AnyMessage, IntoMessage as _, SystemId};
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
            let mut reading = letters.read();
            for (at, size) in sizes.into_iter().enumerate() {
                let (_, names, bytes) = reading.next_at(2 * at).expect("it was written");
                assert_eq!(names[0], "str");
                let text: String = crate::decode(&bytes, crate::DecodeLimits::default()).expect("a text");
                assert_eq!(text, "x".repeat(size));
                assert!(reading.next_at(2 * at + 1).is_none());
            }
            letters.clear();
            assert!(letters.bytes.capacity() <= LARGE);
        }
    }

    #[test]
    fn what_came_from_elsewhere_keeps_its_names_and_others_have_their_own() {
        let to = ActorAddress::NOBODY;
        let mut letters = Letters::default();
        let (first, second) = ([crate::TypeName::Borrowed("first")], [crate::TypeName::Borrowed("second")]);
        let brought = |names: &[crate::TypeName]| {
            let message = AnyMessage::encoded(names.to_vec(), &[5][..]);
            move |letters: &mut Letters, place| {
                let unboxed = message.as_unboxed().expect("it is small");
                assert!(letters.write(place, &to, unboxed));
            }
        };
        let (first, second) = (brought(&first), brought(&second));
        for _ in 0..2 {
            first(&mut letters, 0);
            assert!(letters.write(1, &to, &5_u8));
            first(&mut letters, 2);
            second(&mut letters, 3);
            let mut reading = letters.read();
            for (place, name) in ["first", "u8", "first", "second"].into_iter().enumerate() {
                let (_, names, bytes) = reading.next_at(place).expect("it was written");
                assert_eq!((&names[0][..], &*bytes), (name, &[5][..]));
            }
            assert_eq!((letters.brought.len(), letters.names.len()), (2, 1));
            letters.clear();
            assert!(letters.brought.is_empty());
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let to = ActorAddress::NOBODY;
        let mut letters = Letters::default();
        assert!(letters.write(0, &to, &7_u8));
        assert!(!letters.write(1, &to, &Unwritable));
        assert!(letters.write(2, &to, &8_u8));
        let mut reading = letters.read();
        assert_eq!(reading.next_at(0).map(|(.., bytes)| bytes.into()), Some(Payload::from(&[7][..])));
        assert!(reading.next_at(1).is_none());
        assert_eq!(reading.next_at(2).map(|(.., bytes)| bytes.into()), Some(Payload::from(&[8][..])));
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
