//! The standard types that are messages.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ActorAddress, Capabilities, Message, TypeName, Value};

macro_rules! plain_messages {
    ($($type:ty => $name:literal),* $(,)?) => {$(
        impl Message for $type {
            fn type_name() -> TypeName {
                Cow::Borrowed($name)
            }

            fn try_clone(&self) -> Option<Self> {
                Some(self.clone())
            }
        }
    )*};
}

plain_messages! {
    () => "unit", bool => "bool", char => "char", String => "str", Bytes => "bytes",
    u8 => "u8", u16 => "u16", u32 => "u32", u64 => "u64", u128 => "u128",
    i8 => "i8", i16 => "i16", i32 => "i32", i64 => "i64", i128 => "i128",
    f32 => "f32", f64 => "f64", Duration => "duration",
    ActorAddress => "address", Value => "value", Capabilities => "capabilities",
}

// `usize` travels as 64 bits, so that machines of different sizes agree on what they exchange.
plain_messages! { usize => "usize", isize => "isize" }

macro_rules! container_messages {
    ($($type:ident < $($param:ident $(: $bound:path)?),* > => $name:literal),* $(,)?) => {$(
        impl<$($param: Message $(+ $bound)?),*> Message for $type<$($param),*> {
            fn type_name() -> TypeName {
                let names: &[TypeName] = &[$($param::type_name()),*];
                Cow::Owned(format!("{}<{}>", $name, names.join(", ")))
            }
        }
    )*};
}

container_messages! {
    Option<M> => "option", Vec<M> => "list", VecDeque<M> => "list", Box<M> => "box",
    BTreeSet<M: Ord> => "set", BTreeMap<K: Ord, V> => "map",
}

macro_rules! tuple_messages {
    ($(($($param:ident),+))*) => {$(
        impl<$($param: Message),+> Message for ($($param,)+) {
            fn type_name() -> TypeName {
                let names: &[TypeName] = &[$($param::type_name()),+];
                Cow::Owned(format!("({})", names.join(", ")))
            }
        }
    )*};
}

tuple_messages! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G) (A, B, C, D, E, F, G, H) }

/// Bytes, encoded as one run of bytes.
///
/// A `Vec<u8>` is a message too, but serde takes it for a list and encodes it element by element: an order of
/// magnitude slower for large ones. Use this for anything big.
///
/// ```
/// use thespian_msgs::{AnyMessage, Bytes};
/// let message = AnyMessage::new(Bytes(vec![1, 2, 3]));
/// assert_eq!(message.downcast_ref::<Bytes>().map(|b| b.0.len()), Some(3));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes(bytes)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DecodeLimits, decode, encode};
    use alloc::string::ToString;
    use alloc::vec;

    fn there_and_back<M: Message + PartialEq + fmt::Debug>(value: M) {
        let bytes = encode(&value).expect("encodes");
        assert_eq!(decode::<M>(&bytes, DecodeLimits::default()), Ok(value), "{}", M::type_name());
    }

    #[test]
    fn the_standard_types_survive_a_journey() {
        there_and_back(());
        there_and_back(true);
        there_and_back(-5i64);
        there_and_back(u128::MAX);
        there_and_back(1.5f64);
        there_and_back('ß');
        there_and_back("text".to_string());
        there_and_back(Bytes(vec![0, 255]));
        there_and_back(Some(3u8));
        there_and_back(Option::<u8>::None);
        there_and_back(vec!["a".to_string(), String::new()]);
        there_and_back(BTreeMap::from([(1u8, vec![2u16])]));
        there_and_back((1u8, "two".to_string(), 3.0f32));
        there_and_back(Duration::from_millis(1500));
    }

    #[test]
    fn names_say_what_is_inside() {
        assert_eq!(<Vec<Option<String>>>::type_name(), "list<option<str>>");
        assert_eq!(<BTreeMap<u8, (i32, bool)>>::type_name(), "map<u8, (i32, bool)>");
        assert_ne!(<Vec<u8>>::type_name(), Bytes::type_name());
    }
}
