//! What a message is.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{AnyMessage, EncodedMessage, TypeNames};

/// The stable name of a message type: what travels on the wire, and what people read in logs and errors.
pub type TypeName = Cow<'static, str>;

/// Names with this prefix belong to the messages of the runtime itself.
pub(crate) const SYSTEM_PREFIX: &str = "thespian::";

/// A type that actors can send to each other.
///
/// Any serde type can be one; derive it. The derive takes the crate and module path as the type's stable name, or
/// the one that `#[message(name = "...")]` gives, which outlives moves and renames of the Rust type:
///
/// ```ignore
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(name = "shop.order")]
/// struct Order { #[message(extends)] base: Request, item: String, count: u32 }
/// ```
///
/// Strings, integers, floats, `bool`, `()`, [`Bytes`](crate::Bytes), `Option`, `Vec`, `Box`, maps and tuples of
/// messages, and [`ActorAddress`](crate::ActorAddress) are messages already.
///
/// # Extending
///
/// A message whose *first* field is marked `#[message(extends)]` is also a message of that field's type: an actor
/// with no handler for `Order` handles it as a `Request` (guide section 5.17). The field comes first because that
/// lets a receiver that has never heard of `Order` decode the `Request` at its front.
///
/// # Errors
///
/// A value that serde cannot serialise (a map with keys of a type that refuses, say) is a message that cannot be
/// sent between processes: it comes back to its sender as a [`PoisonMessage`](crate::PoisonMessage) (decision D7).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    note = "derive it: `#[derive(Serialize, Deserialize, Message)]`"
)]
pub trait Message: Serialize + DeserializeOwned + Send + 'static {
    /// Whether this is a message of the runtime itself (guide section 3). Only system messages say `true`.
    const SYSTEM: bool = false;

    /// The stable name of the type.
    fn type_name() -> TypeName;

    /// This message seen as the type it extends, if it extends one.
    fn parent(&self) -> Option<&dyn ErasedMessage> {
        None
    }

    /// Adds the names of the types that this one extends, nearest first.
    fn ancestors(_names: &mut Vec<TypeName>) {}

    /// A copy, for types that are `Clone`. The others are copied by encoding and decoding them.
    fn try_clone(&self) -> Option<Self> {
        None
    }
}

/// The object-safe face of [`Message`], which every message has; not implemented by hand.
pub trait ErasedMessage: Any + Send {
    /// The stable name of the type.
    fn name(&self) -> TypeName;

    /// The stable name and the names of the types that this one extends, nearest first.
    fn names(&self) -> TypeNames;

    /// Whether this is a message of the runtime itself.
    fn is_system(&self) -> bool;

    /// This message seen as the type it extends.
    fn parent(&self) -> Option<&dyn ErasedMessage>;

    /// Adds the encoded message to a buffer.
    ///
    /// # Errors
    ///
    /// What serde said when it could not; the buffer then is as it was.
    fn encode_into(&self, buffer: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// A copy of the message.
    ///
    /// # Errors
    ///
    /// A message that is not `Clone` is copied through its encoding, which can fail.
    fn duplicate(&self) -> Result<AnyMessage, EncodeError>;

    /// Puts a copy where a message of its type may be, or has been: into an `Option` of it, if the type is `Clone`. Says whether
    /// it has.
    fn clone_to(&self, place: &mut dyn Any) -> bool;

    /// The message, if it is one that came encoded. Asked of every message, and quicker than looking at its type.
    fn as_encoded(&self) -> Option<&EncodedMessage> {
        None
    }

    /// The same, to be changed.
    fn as_encoded_mut(&mut self) -> Option<&mut EncodedMessage> {
        None
    }
}

impl<M: Message> ErasedMessage for M {
    fn name(&self) -> TypeName {
        M::type_name()
    }

    fn names(&self) -> TypeNames {
        let mut names = alloc::vec![M::type_name()];
        M::ancestors(&mut names);
        names.into()
    }

    fn is_system(&self) -> bool {
        M::SYSTEM
    }

    fn parent(&self) -> Option<&dyn ErasedMessage> {
        Message::parent(self)
    }

    fn encode_into(&self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = buffer.len();
        postcard::serialize_with_flavor(self, Appended(buffer)).map_err(|error| {
            buffer.truncate(before);
            EncodeError { type_name: M::type_name(), cause: error.to_string() }
        })
    }

    fn duplicate(&self) -> Result<AnyMessage, EncodeError> {
        match self.try_clone() {
            Some(copy) => Ok(AnyMessage::new(copy)),
            None => {
                let mut bytes = Vec::new();
                self.encode_into(&mut bytes)?;
                Ok(AnyMessage::encoded(self.names(), bytes))
            }
        }
    }

    fn clone_to(&self, place: &mut dyn Any) -> bool {
        let Some(place) = place.downcast_mut::<Option<M>>() else { return false };
        *place = self.try_clone();
        place.is_some()
    }
}

/// Where postcard writes: the end of a buffer that may have something in it already.
struct Appended<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Appended<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        /// A number has no more bytes.
        const NUMBER: usize = 10;
        // A number has just been put together byte by byte, and to copy that as a whole would wait for each of them.
        match bytes.len() {
            0..=NUMBER => bytes.iter().for_each(|byte| self.0.push(*byte)),
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Encodes a value the way messages are encoded.
///
/// # Errors
///
/// What serde said when the value could not be serialised.
///
/// ```
/// let bytes = thespian_msgs::encode(&(1u8, "two")).unwrap();
/// assert_eq!(thespian_msgs::decode::<(u8, String)>(&bytes, Default::default()), Ok((1, "two".into())));
/// ```
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    postcard::to_allocvec(value)
        .map_err(|error| EncodeError { type_name: TypeName::Borrowed("value"), cause: error.to_string() })
}

/// The same, behind what is in a buffer already.
///
/// # Errors
///
/// What serde said when the value could not be serialised; the buffer then is as it was.
#[inline]
pub fn encode_into<T: Serialize + ?Sized>(value: &T, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
    let before = buffer.len();
    postcard::serialize_with_flavor(value, Appended(buffer)).map_err(|error| {
        buffer.truncate(before);
        EncodeError { type_name: TypeName::Borrowed("value"), cause: error.to_string() }
    })
}

/// Why a message could not be encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodeError {
    /// The type of the message.
    pub type_name: TypeName,
    /// What serde or postcard said.
    pub cause: String,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message of type {} cannot be encoded: {}", self.type_name, self.cause)
    }
}

impl core::error::Error for EncodeError {}
