//! What the fuzz targets share.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thespian_msgs::{AnyMessage, DecodeLimits, Message, decode_prefix, encode};

/// Decodes a `T`, which must encode and come back the same. Compares encodings, for not every type has an equality.
pub fn decoded<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let limits = DecodeLimits::default();
    let (value, _) = decode_prefix::<T>(bytes, limits).ok()?;
    let first = encode(&value).expect("what was decoded encodes");
    // The encoding may be shorter than the bytes were, for numbers can be written in more bytes than they need.
    let limits = DecodeLimits { spare_items: limits.spare_items + bytes.len(), ..limits };
    let (again, rest) = decode_prefix::<T>(&first, limits).expect("what was encoded decodes");
    assert!(rest.is_empty(), "{} bytes left", rest.len());
    assert_eq!(encode(&again).expect("what was decoded encodes"), first);
    Some(value)
}

/// Takes a message for an `M` at each of its levels.
pub fn opened<M: Message>(message: &AnyMessage) -> Option<&M> {
    let mut level = Some(message.level());
    while let Some(at) = level {
        if let Some(Ok(value)) = at.get::<M>() {
            return Some(value);
        }
        level = at.parent();
    }
    None
}
