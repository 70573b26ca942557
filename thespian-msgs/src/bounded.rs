//! Stand-in until the bounded decoder is there.
use alloc::string::{String, ToString};
/// Limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecodeLimits {}
/// Error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Bad.
    Malformed {
        /// Why.
        cause: String,
    },
}
impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self:?}")
    }
}
/// Decodes.
pub fn decode_prefix<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    _: DecodeLimits,
) -> Result<(T, &[u8]), DecodeError> {
    postcard::take_from_bytes(bytes).map_err(|e| DecodeError::Malformed { cause: e.to_string() })
}
/// Decodes.
pub fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8], _: DecodeLimits) -> Result<T, DecodeError> {
    postcard::from_bytes(bytes).map_err(|e| DecodeError::Malformed { cause: e.to_string() })
}
