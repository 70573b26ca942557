//! Decoding of foreign bytes: whatever they are, the outcome is a value or an error, at a cost that their length bounds.
//!
//! The numbers, strings and runs of bytes are read by postcard. What nests and repeats is counted here, following
//! postcard's [wire format]: a list and a map begin with the number of their elements, an enum with that of its
//! variant, an option with a 0 or a 1; tuples and structs are their fields and nothing else.
//!
//! [wire format]: https://postcard.jamesmunns.com/wire-format.html

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer};

/// How much bytes from elsewhere may ask of the decoder.
///
/// The default is what messages are decoded under. There is no limit on bytes: strings and runs of bytes are never
/// larger than the input, whose size is the business of whoever received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// How many levels may lie inside each other, where each list, map, tuple, struct, enum, newtype and `Some` is
    /// one level: the bound of the stack. 128 by default, which takes less than 512 KiB in a debug build.
    pub depth: u32,
    /// How many elements all lists and maps together may declare, beyond one for each byte of the input.
    ///
    /// An element that takes a byte or more never needs these; those of a `Vec<()>` take none, and would otherwise
    /// turn ten bytes into a loop of 2^64 steps. 64 by default.
    pub spare_items: usize,
}

impl Default for DecodeLimits {
    fn default() -> DecodeLimits {
        DecodeLimits { depth: 128, spare_items: 64 }
    }
}

/// Why bytes could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The value nests deeper than [`DecodeLimits::depth`].
    TooDeep {
        /// How many levels there may be.
        limit: u32,
    },
    /// The lists and maps declare more elements than the input has bytes, and [`DecodeLimits::spare_items`] more.
    TooManyItems {
        /// How many elements there could have been in this input.
        limit: usize,
    },
    /// The value is whole, and bytes are left behind it.
    TrailingBytes {
        /// How many.
        left: usize,
    },
    /// The bytes are not a value of the type.
    Malformed {
        /// What postcard, or the type's own `Deserialize`, found wrong.
        cause: String,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::TooDeep { limit } => write!(
                f,
                "the value nests deeper than {limit} levels: send a flatter one, or decode with a larger `depth`"
            ),
            DecodeError::TooManyItems { limit } => write!(
                f,
                "the value declares more than the {limit} elements that bytes of this length may have: they are \
                 cut off or damaged; or, if the elements really take no bytes, send their number instead"
            ),
            DecodeError::TrailingBytes { left } => write!(
                f,
                "{left} bytes are left behind the value: sender and receiver must agree on the type and its version"
            ),
            DecodeError::Malformed { cause } => write!(
                f,
                "the bytes are not a value of the type ({cause}): they are damaged, or sender and receiver do not \
                 agree on the type and its version"
            ),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Decodes a value that is all of `bytes`.
///
/// # Errors
///
/// Every [`DecodeError`]; which bytes give which is said there.
///
/// ```
/// use thespian_msgs::{DecodeError, DecodeLimits, decode, encode};
///
/// let limits = DecodeLimits::default();
/// let bytes = encode(&vec!["a", "b"]).unwrap();
/// assert_eq!(decode::<Vec<String>>(&bytes, limits), Ok(vec!["a".to_owned(), "b".to_owned()]));
/// assert_eq!(decode::<u8>(&[7, 0], limits), Err(DecodeError::TrailingBytes { left: 1 }));
///
/// // Four bytes that declare a list of 2^27 elements of no size.
/// let bomb = [0x80, 0x80, 0x80, 0x40];
/// assert_eq!(decode::<Vec<()>>(&bomb, limits), Err(DecodeError::TooManyItems { limit: 4 + 64 }));
/// ```
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limits: DecodeLimits) -> Result<T, DecodeError> {
    match decode_prefix(bytes, limits)? {
        (value, []) => Ok(value),
        (_, rest) => Err(DecodeError::TrailingBytes { left: rest.len() }),
    }
}

/// Decodes a value that stands at the beginning of `bytes`, and returns it with the bytes behind it.
///
/// # Errors
///
/// Every [`DecodeError`] but [`TrailingBytes`](DecodeError::TrailingBytes).
///
/// ```
/// use thespian_msgs::{DecodeLimits, decode_prefix};
///
/// let (value, rest) = decode_prefix::<(u8, bool)>(&[7, 1, 2, 3], DecodeLimits::default()).unwrap();
/// assert_eq!((value, rest), ((7, true), &[2, 3][..]));
/// ```
pub fn decode_prefix<T: DeserializeOwned>(
    bytes: &[u8],
    limits: DecodeLimits,
) -> Result<(T, &[u8]), DecodeError> {
    let limit = bytes.len().saturating_add(limits.spare_items);
    let mut decoder = Decoder { rest: bytes, levels: limits.depth, items: limit, overrun: None };
    let result = T::deserialize(&mut decoder);
    // Asked first: what became of the error on its way through the type's own `Deserialize` is not known.
    match (decoder.overrun, result) {
        (Some(Overrun::Levels), _) => Err(DecodeError::TooDeep { limit: limits.depth }),
        (Some(Overrun::Items), _) => Err(DecodeError::TooManyItems { limit }),
        (None, Err(Fault(error))) => Err(*error),
        (None, Ok(value)) => Ok((value, decoder.rest)),
    }
}

/// What remains of the input and of the limits.
struct Decoder<'de> {
    rest: &'de [u8],
    levels: u32,
    items: usize,
    /// The first limit that was passed. Kept here because a type may swallow the error or make it another.
    overrun: Option<Overrun>,
}

#[derive(Clone, Copy)]
enum Overrun {
    Levels,
    Items,
}

impl<'de> Decoder<'de> {
    /// Reads what has no parts of its own, as postcard does.
    #[inline]
    fn leaf<T: Deserialize<'de>>(&mut self) -> Result<T, Fault> {
        let (value, rest) = postcard::take_from_bytes(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// Reads a number without a sign, as postcard does. One of few bytes is read here: it fits whatever its type is, and to have
    /// postcard read it costs as much as all else that a small message takes.
    #[inline]
    fn number<T: Deserialize<'de> + TryFrom<u64>>(&mut self) -> Result<T, Fault> {
        let few = size_of::<T>();
        let mut number = 0;
        for (at, byte) in self.rest.iter().take(few).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80
                && let Ok(number) = T::try_from(number)
            {
                self.rest = &self.rest[at + 1..];
                return Ok(number);
            }
        }
        self.leaf()
    }

    /// Reads bytes with their number before them.
    #[inline]
    fn bytes(&mut self) -> Result<&'de [u8], Fault> {
        let length = self.number::<usize>()?;
        let (bytes, rest) =
            self.rest.split_at_checked(length).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn text(&mut self) -> Result<&'de str, Fault> {
        core::str::from_utf8(self.bytes()?).map_err(|_| postcard::Error::DeserializeBadUtf8.into())
    }

    /// One level down. Nothing goes down after a limit was passed, so a type that swallows errors ends soon as well.
    #[inline]
    fn enter(&mut self) -> Result<(), Fault> {
        match self.levels.checked_sub(1) {
            Some(left) if self.overrun.is_none() => {
                self.levels = left;
                Ok(())
            }
            _ => Err(self.overrun(Overrun::Levels)),
        }
    }

    #[inline]
    fn leave(&mut self) {
        self.levels += 1;
    }

    /// Reads the number of a list's or map's elements, and pays for all of them.
    ///
    /// Every element that takes a byte pays with its first one, which no other element claims: before the elements of
    /// a list inside it comes the length of that list. So only elements without bytes need spare items.
    /// Since all is paid here, capacity reserved by size hints adds up to no more than the limit, however lists nest.
    #[inline]
    fn length(&mut self) -> Result<usize, Fault> {
        let length = self.number::<usize>()?;
        match self.items.checked_sub(length) {
            Some(left) => {
                self.items = left;
                Ok(length)
            }
            None => Err(self.overrun(Overrun::Items)),
        }
    }

    #[cold]
    fn overrun(&mut self, overrun: Overrun) -> Fault {
        self.overrun.get_or_insert(overrun);
        Fault::custom("a limit of the decoder was passed")
    }
}

/// An error on its way through the type. One pointer, because a result of it is part of every step and stack frame.
#[derive(Debug)]
struct Fault(Box<DecodeError>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            DecodeError::Malformed { cause } => f.write_str(cause),
            other => other.fmt(f),
        }
    }
}

impl core::error::Error for Fault {}

impl serde::de::Error for Fault {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> Fault {
        Fault(Box::new(DecodeError::Malformed { cause: text.to_string() }))
    }
}

impl From<postcard::Error> for Fault {
    #[cold]
    fn from(error: postcard::Error) -> Fault {
        Fault::custom(error)
    }
}

/// The types without parts, and how they are read.
macro_rules! leaves {
    ($($method:ident => $visit:ident($read:ident $(::<$type:ty>)?)),* $(,)?) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.$read$(::<$type>)?()?)
        }
    )*};
}

/// What needs to read a type from the bytes, which do not say it.
macro_rules! not_in_the_bytes {
    ($($method:ident),* $(,)?) => {$(
        #[cold]
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
            Err(Fault::custom(
                "the encoding does not say of what type a value is, which untagged and internally tagged enums \
                 and flattened fields ask for",
            ))
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = Fault;

    leaves! {
        deserialize_bool => visit_bool(leaf::<bool>), deserialize_char => visit_char(leaf::<char>),
        deserialize_u8 => visit_u8(leaf::<u8>), deserialize_u16 => visit_u16(number::<u16>),
        deserialize_u32 => visit_u32(number::<u32>), deserialize_u64 => visit_u64(number::<u64>),
        deserialize_u128 => visit_u128(leaf::<u128>),
        deserialize_i8 => visit_i8(leaf::<i8>), deserialize_i16 => visit_i16(leaf::<i16>),
        deserialize_i32 => visit_i32(leaf::<i32>), deserialize_i64 => visit_i64(leaf::<i64>),
        deserialize_i128 => visit_i128(leaf::<i128>),
        deserialize_f32 => visit_f32(leaf::<f32>), deserialize_f64 => visit_f64(leaf::<f64>),
        deserialize_str => visit_borrowed_str(text), deserialize_string => visit_borrowed_str(text),
        deserialize_bytes => visit_borrowed_bytes(bytes), deserialize_byte_buf => visit_borrowed_bytes(bytes),
    }

    not_in_the_bytes! { deserialize_any, deserialize_identifier, deserialize_ignored_any }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.leaf::<u8>()? {
            0 => visitor.visit_none(),
            1 => {
                self.enter()?;
                let value = visitor.visit_some(&mut *self);
                self.leave();
                value
            }
            _ => Err(postcard::Error::DeserializeBadOption.into()),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.enter()?;
        let value = visitor.visit_newtype_struct(&mut *self);
        self.leave();
        value
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.length()?;
        self.deserialize_tuple(left, visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Fault> {
        self.enter()?;
        let value = visitor.visit_seq(Elements { decoder: self, left });
        self.leave();
        value
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(left, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.length()?;
        self.enter()?;
        let value = visitor.visit_map(Elements { decoder: self, left });
        self.leave();
        value
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.enter()?;
        let value = visitor.visit_enum(&mut *self);
        self.leave();
        value
    }
}

/// The elements of a list, tuple or struct, or the entries of a map, that are still to come.
struct Elements<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: usize,
}

impl Elements<'_, '_> {
    #[inline]
    fn next(&mut self) -> bool {
        let next = self.left.checked_sub(1);
        self.left = next.unwrap_or(0);
        next.is_some()
    }

    /// How many are left, if there are bytes for them.
    #[inline]
    fn hint(&self) -> Option<usize> {
        (self.left <= self.decoder.rest.len()).then_some(self.left)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        if self.next() { seed.deserialize(&mut *self.decoder).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.next_element_seed(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.decoder)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'de> EnumAccess<'de> for &mut Decoder<'de> {
    type Error = Fault;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let index: U32Deserializer<Fault> = self.leaf::<u32>()?.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

/// A variant's content lies on the level of its enum.
impl<'de> VariantAccess<'de> for &mut Decoder<'de> {
    type Error = Fault;

    #[inline]
    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Elements { decoder: self, left })
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_seq(Elements { decoder: self, left: fields.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec;
    use alloc::vec::Vec;
    use serde::Serialize;

    const LIMITS: DecodeLimits = DecodeLimits { depth: 128, spare_items: 64 };

    /// A varint of ten bytes: the longest there is.
    const HUGE: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Chain {
        End,
        Link(Box<Chain>),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Tree(Vec<Tree>);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Unit,
        Newtype(Option<char>),
        Tuple(i8, i128),
        Struct { name: String, at: (f32, f64) },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        shapes: Vec<Shape>,
        map: BTreeMap<String, Vec<u16>>,
        unit: (),
        signed: (i16, i32, i64),
        unsigned: (u8, u32, u64, u128),
        yes: bool,
        tree: Tree,
        array: [u8; 4],
    }

    fn too_many<T>(bytes: &[u8]) -> Result<T, DecodeError> {
        Err(DecodeError::TooManyItems { limit: bytes.len() + 64 })
    }

    #[test]
    fn numbers_and_texts_are_read_as_postcard_reads_them() {
        fn same<T: DeserializeOwned + PartialEq + fmt::Debug>(bytes: &[u8]) {
            let ours = decode_prefix::<T>(bytes, LIMITS).ok();
            assert_eq!(ours, postcard::take_from_bytes::<T>(bytes).ok(), "{bytes:?}");
        }
        // Of all lengths, with room to spare and without, some written in more bytes than they need.
        for length in 0..12 {
            for last in [0, 1, 3, 0x0f, 0x7f, 0x80, 0xff] {
                for rest in [0x80, 0x81, 0xff] {
                    let mut bytes = vec![rest; length];
                    bytes.extend([last, b'a', b'b', 0xc3, 0xbc]);
                    for bytes in [&bytes[..], &bytes[..length + 1]] {
                        same::<u8>(bytes);
                        same::<u16>(bytes);
                        same::<u32>(bytes);
                        same::<u64>(bytes);
                        same::<u128>(bytes);
                        same::<usize>(bytes);
                        same::<String>(bytes);
                    }
                }
            }
        }
    }

    #[test]
    fn every_kind_of_type_comes_back() {
        let value = Everything {
            shapes: vec![
                Shape::Unit,
                Shape::Newtype(None),
                Shape::Newtype(Some('ß')),
                Shape::Tuple(-1, i128::MIN),
                Shape::Struct { name: "n".into(), at: (1.5, -0.25) },
            ],
            map: BTreeMap::from([("a".into(), vec![1, 2]), (String::new(), vec![])]),
            unit: (),
            signed: (i16::MIN, i32::MAX, i64::MIN),
            unsigned: (255, 1 << 31, u64::MAX, u128::MAX),
            yes: true,
            tree: Tree(vec![Tree(vec![]), Tree(vec![Tree(vec![])])]),
            array: [1, 2, 3, 4],
        };
        let mut bytes = crate::encode(&value).expect("encodes");
        assert_eq!(decode(&bytes, LIMITS), Ok(value.clone()));
        assert_eq!(postcard::from_bytes(&bytes), Ok(value.clone()), "the format is postcard's");
        for end in 0..bytes.len() {
            assert!(decode::<Everything>(&bytes[..end], LIMITS).is_err(), "{end} bytes of {}", bytes.len());
        }
        bytes.push(9);
        assert_eq!(decode_prefix(&bytes, LIMITS), Ok((value, &[9][..])));
        assert_eq!(decode::<Everything>(&bytes, LIMITS), Err(DecodeError::TrailingBytes { left: 1 }));
    }

    #[test]
    fn the_depth_is_the_last_level_that_decodes() {
        let chain = |links| [vec![1; links], vec![0]].concat();
        assert!(decode::<Chain>(&chain(127), LIMITS).is_ok());
        assert_eq!(decode::<Chain>(&chain(128), LIMITS), Err(DecodeError::TooDeep { limit: 128 }));
        let flat = DecodeLimits { depth: 0, ..LIMITS };
        assert_eq!(decode(&[7], flat), Ok(7u8));
        assert_eq!(decode::<Vec<u8>>(&[0], flat), Err(DecodeError::TooDeep { limit: 0 }));
    }

    #[test]
    fn every_kind_of_nesting_is_a_level_and_is_left_again() {
        #[derive(Deserialize)]
        struct Newtype<T>(T);
        fn depth_of<T: DeserializeOwned>(bytes: &[u8]) -> u32 {
            let fits = |depth: &u32| decode::<T>(bytes, DecodeLimits { depth: *depth, ..LIMITS }).is_ok();
            (0..9).find(fits).expect("decodes")
        }
        assert_eq!(depth_of::<u8>(&[0]), 0);
        assert_eq!(depth_of::<Option<u8>>(&[0]), 0);
        assert_eq!(depth_of::<Option<u8>>(&[1, 0]), 1);
        assert_eq!(depth_of::<Vec<u8>>(&[0]), 1);
        assert_eq!(depth_of::<BTreeMap<u8, u8>>(&[0]), 1);
        assert_eq!(depth_of::<(u8,)>(&[0]), 1);
        assert_eq!(depth_of::<Newtype<u8>>(&[0]), 1);
        assert_eq!(depth_of::<Chain>(&[0]), 1);
        assert_eq!(depth_of::<Box<u8>>(&[0]), 0, "a box is not in the bytes");
        assert_eq!(depth_of::<(Vec<(u8,)>, Option<u8>, Chain, Newtype<u8>)>(&[2, 0, 0, 1, 0, 0, 0]), 3);
    }

    #[test]
    fn elements_without_bytes_are_limited() {
        assert_eq!(decode::<Vec<()>>(&HUGE, LIMITS), too_many(&HUGE));
        assert_eq!(decode::<BTreeMap<(), ()>>(&HUGE, LIMITS), too_many(&HUGE));
        assert_eq!(decode::<Vec<()>>(&[65], LIMITS), Ok(vec![(); 65]));
        assert_eq!(decode::<Vec<()>>(&[66], LIMITS), too_many(&[66]));
        let none = DecodeLimits { spare_items: 0, ..LIMITS };
        assert_eq!(decode::<Vec<()>>(&[2], none), Err(DecodeError::TooManyItems { limit: 1 }));
        let many = DecodeLimits { spare_items: usize::MAX, ..LIMITS };
        assert_eq!(decode::<Vec<()>>(&[100], many), Ok(vec![(); 100]));
    }

    #[test]
    fn a_list_of_bombs_is_limited_as_a_whole() {
        // Each of the lists alone would be within the limit.
        let bytes = [3, 60, 60, 60];
        assert_eq!(decode::<Vec<Vec<()>>>(&bytes, LIMITS), too_many(&bytes));
        let bytes = [&[1][..], &HUGE].concat();
        assert_eq!(decode::<Vec<Vec<u64>>>(&bytes, LIMITS), too_many(&bytes));
        assert_eq!(
            decode::<BTreeMap<u8, Vec<u8>>>(&[&[1, 1][..], &HUGE].concat(), LIMITS),
            too_many(&[0; 12])
        );
        let nested = HUGE.repeat(9);
        assert_eq!(decode::<Tree>(&nested, LIMITS), too_many(&nested));
    }

    #[test]
    fn elements_with_bytes_need_no_spare_items() {
        let none = DecodeLimits { spare_items: 0, ..LIMITS };
        let trees = Tree(vec![Tree(vec![Tree(vec![]); 100]); 100]);
        assert_eq!(decode(&crate::encode(&trees).expect("encodes"), none), Ok(trees));
        let pairs: Vec<(Vec<u8>, Option<u8>)> = vec![(vec![0; 9], None); 1000];
        assert_eq!(decode(&crate::encode(&pairs).expect("encodes"), none), Ok(pairs));
    }

    #[test]
    fn size_hints_are_never_larger_than_the_rest_of_the_input() {
        struct Hint(Option<usize>);
        impl<'de> Deserialize<'de> for Hint {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hint, D::Error> {
                deserializer.deserialize_seq(Hint(None))
            }
        }
        impl<'de> Visitor<'de> for Hint {
            type Value = Hint;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Hint, A::Error> {
                Ok(Hint(seq.size_hint()))
            }
        }
        let hint = |bytes: &[u8]| decode_prefix::<Hint>(bytes, LIMITS).expect("decodes").0.0;
        assert_eq!(hint(&[2, 0, 0]), Some(2));
        assert_eq!(hint(&[3, 0, 0]), None);
    }

    #[test]
    fn a_type_that_swallows_errors_does_not_swallow_a_passed_limit() {
        /// Takes whatever it is for its default.
        #[derive(Debug, Default, PartialEq)]
        struct Lenient<T>(T);
        impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Lenient<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lenient<T>, D::Error> {
                Ok(Lenient(T::deserialize(deserializer).unwrap_or_default()))
            }
        }
        /// Branches without end and without bytes.
        #[derive(Debug, PartialEq)]
        struct Endless;
        impl<'de> Deserialize<'de> for Endless {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Endless, D::Error> {
                Ok(<(Endless, Endless)>::deserialize(deserializer).map_or(Endless, |_| Endless))
            }
        }

        assert_eq!(decode::<Lenient<u8>>(&[], LIMITS), Ok(Lenient(0)), "no limit was passed");
        assert_eq!(decode::<Lenient<Vec<()>>>(&HUGE, LIMITS), too_many(&HUGE));
        assert_eq!(decode::<(Lenient<Vec<()>>, u8)>(&[99, 1], LIMITS), too_many(&[99, 1]));
        let shallow = DecodeLimits { depth: 1, ..LIMITS };
        let outcome = decode::<(Lenient<Vec<u8>>, u8)>(&[1, 1], shallow);
        assert_eq!(outcome, Err(DecodeError::TooDeep { limit: 1 }));
        assert_eq!(decode::<Endless>(&[], LIMITS), Err(DecodeError::TooDeep { limit: 128 }));
    }

    #[test]
    fn what_is_malformed_is_said_in_the_words_of_who_found_it() {
        fn cause<T: DeserializeOwned + fmt::Debug>(bytes: &[u8]) -> String {
            match decode::<T>(bytes, LIMITS) {
                Err(DecodeError::Malformed { cause }) => cause,
                other => panic!("{other:?}"),
            }
        }
        assert!(cause::<u8>(&[]).contains("end of buffer"));
        assert!(cause::<u64>(&[0xff; 11]).contains("varint"));
        assert!(cause::<bool>(&[2]).contains("bool"));
        assert!(cause::<Option<u8>>(&[2]).contains("Option"));
        assert!(cause::<String>(&[1, 0xff]).contains("utf-8"));
        assert!(cause::<Chain>(&[2]).contains("variant index"));
        assert!(cause::<core::num::NonZeroU8>(&[0]).contains("nonzero"));
        assert!(cause::<serde::de::IgnoredAny>(&[0]).contains("does not say of what type"));
        assert!(cause::<crate::AnyMessage>(&[0, 0]).contains("without a type name"));
    }

    #[test]
    fn every_error_says_what_and_what_to_do() {
        for (error, what, to_do) in [
            (DecodeError::TooDeep { limit: 5 }, "deeper than 5 levels", "flatter"),
            (DecodeError::TooManyItems { limit: 68 }, "more than the 68 elements", "send their number"),
            (DecodeError::TrailingBytes { left: 3 }, "3 bytes are left", "agree on the type"),
            (DecodeError::Malformed { cause: "bad tag".into() }, "(bad tag)", "agree on the type"),
        ] {
            let text = error.to_string();
            assert!(text.contains(what) && text.contains(to_do), "{text}");
        }
    }
}
