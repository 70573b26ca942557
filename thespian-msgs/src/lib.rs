//! What Thespian actors exchange: addresses, the [`Message`] trait and its codec, and every system message.
//!
//! Plain data: this crate knows no actors and no engines, has no clock, no socket, no thread and no randomness,
//! and is `no_std` so that the compiler holds it to that.
//!
//! # The model
//!
//! - An [`ActorAddress`] names one incarnation of one actor, for ever. It can be compared, hashed, ordered, printed
//!   and put inside any message; it cannot be made up, because it carries a seal under its system's key.
//! - A [`Message`] is any serde type with a stable name. `#[derive(Message)]` gives it one.
//! - An [`AnyMessage`] is a message whose type the holder need not know: what an actor receives, what a
//!   [`PoisonMessage`] brings back, what one message carries inside another. In one process it *is* the original
//!   value. From elsewhere it is a name and bytes, decoded when somebody asks for the type they know.
//! - [`Value`] and [`Capabilities`] describe systems; [`system`](crate::ActorExitRequest) messages are what the
//!   runtime itself sends.
//!
//! ```
//! use thespian_msgs::AnyMessage;
//!
//! let message = AnyMessage::new(String::from("hello"));
//! assert_eq!(message.type_name(), "str");
//! assert_eq!(message.downcast_ref::<String>().map(String::as_str), Some("hello"));
//! assert!(message.downcast_ref::<u32>().is_none());
//! ```
//!
//! # Encoding
//!
//! Messages are encoded with postcard: compact, quick, and with a written-down format. Foreign bytes are decoded
//! under [`DecodeLimits`], never panic, and never make the decoder allocate or loop more than their own length
//! allows.
//!
//! # Dependencies
//!
//! `serde` (the data model everybody's types already speak), `postcard` (the wire format), `siphasher` (the keyed
//! hash behind an address's seal).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod address;
mod any;
mod bounded;
mod builtin;
mod message;
mod names;
mod payload;
mod status;
mod std_collections;
mod system;
mod value;

pub use address::{ActorAddress, AddressKey, SystemId};
pub use any::{AnyMessage, EncodedMessage, Envelope, IntoMessage, Level, SpareMessage};
pub use bounded::{DecodeError, DecodeLimits, decode, decode_prefix};
pub use builtin::Bytes;
pub use message::{EncodeError, ErasedMessage, Message, TypeName, encode, encode_into};
pub use names::{KnownNames, TypeNames};
pub use payload::{Payload, PayloadRef};
pub use status::{ActorState, ActorStatus, Counters, QueueStatus, SystemState, SystemStatus};
pub use system::{
    ActorExitRequest, ActorSystemConventionUpdate, ChildActorExited, DeadEnvelope, DeadReason, ExitCause,
    LoadedSource, PoisonMessage, SourceHash, StatusReq, UnloadedSource, ValidateSource, ValidatedSource,
    WakeupMessage, WatchMessage,
};
pub use value::{Capabilities, Value};
