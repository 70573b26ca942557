//! The messages of the runtime itself (guide section 7).
//!
//! Each [is a system message](crate::AnyMessage::is_system); what application code sends is not, so actors can tell
//! the two apart by type (guide section 3).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ActorAddress, ActorStatus, AnyMessage, Bytes, Capabilities, Message, SystemStatus, TypeName};

macro_rules! system_messages {
    ($($type:ty => $name:literal),* $(,)?) => {$(
        impl Message for $type {
            const SYSTEM: bool = true;

            fn type_name() -> TypeName {
                Cow::Borrowed(concat!("thespian::", $name))
            }
        }
    )*};
}

system_messages! {
    ActorExitRequest => "ActorExitRequest",
    ChildActorExited => "ChildActorExited",
    PoisonMessage => "PoisonMessage",
    WakeupMessage => "WakeupMessage",
    WatchMessage => "WatchMessage",
    DeadEnvelope => "DeadEnvelope",
    ActorSystemConventionUpdate => "ActorSystemConventionUpdate",
    ValidateSource => "ValidateSource",
    ValidatedSource => "ValidatedSource",
    LoadedSource => "LoadedSource",
    UnloadedSource => "UnloadedSource",
    StatusReq => "StatusReq",
    SystemStatus => "SystemStatus",
    ActorStatus => "ActorStatus",
}

/// Asks an actor to exit (guide section 7.4).
///
/// Delivered to the actor's own handler, so that it can clean up; it cannot refuse. When the handler returns, or
/// fails, the actor's children are asked to exit too, and when they have, the actor is gone and its parent is told.
///
/// Anybody who has an actor's address can send one. It overtakes ordinary messages that wait.
#[derive(Debug, Serialize, Deserialize)]
pub struct ActorExitRequest {
    recursive: Cell<bool>,
}

impl ActorExitRequest {
    /// A request that goes on to the actor's children.
    pub fn new() -> ActorExitRequest {
        ActorExitRequest { recursive: Cell::new(true) }
    }

    /// Whether the children are asked to exit too.
    pub fn is_recursive(&self) -> bool {
        self.recursive.get()
    }

    /// Lets the children live on: they become the system's and end with it (decision D12). Called by the sender on
    /// a request of its own, or by the handler of the actor that exits.
    pub fn not_recursive(&self) -> &ActorExitRequest {
        self.recursive.set(false);
        self
    }

    /// Makes the request recursive again: a failed attempt's `not_recursive` does not count (decision D4).
    #[doc(hidden)]
    pub fn set_recursive(&self, recursive: bool) {
        self.recursive.set(recursive);
    }
}

impl Default for ActorExitRequest {
    fn default() -> ActorExitRequest {
        ActorExitRequest::new()
    }
}

/// Tells a parent that a child is gone: exactly once for each child, whatever ended it (guide section 7.5,
/// decision D11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildActorExited {
    /// The child's address, equal to the one that creating it returned. The sender of this message may be another.
    pub child_address: ActorAddress,
    /// What ended it.
    pub cause: ExitCause,
}

/// What ended an actor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExitCause {
    /// It handled an [`ActorExitRequest`].
    Requested,
    /// It never ran: no compatible system, an unknown type, a constructor that failed. The text says which.
    NeverStarted(String),
    /// Its process ended without being asked to, or was killed. The text says how.
    Killed(String),
    /// The system it ran on is gone.
    HostLost,
}

impl fmt::Display for ExitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitCause::Requested => f.write_str("exited on request"),
            ExitCause::NeverStarted(why) => write!(f, "never started: {why}"),
            ExitCause::Killed(how) => write!(f, "killed: {how}"),
            ExitCause::HostLost => f.write_str("its host was lost"),
        }
    }
}

/// Brings a message back to its sender, because the handler failed on it twice (guide section 7.1, decision D1), or
/// because it could not be sent or its target could never start (decisions D7 and D10).
#[derive(Debug, Serialize, Deserialize)]
pub struct PoisonMessage {
    /// The message as it was sent.
    pub message: AnyMessage,
    /// What went wrong: the error's or panic's text, and a backtrace where there is one.
    pub details: String,
}

/// A timer that an actor set has run out (guide section 7.2). Its sender is the actor itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct WakeupMessage {
    /// The delay that was asked for.
    pub delay_period: Duration,
    /// What was given to `wakeup_after` to be given back.
    pub payload: Option<AnyMessage>,
}

impl WakeupMessage {
    /// The payload, if there is one of this type.
    pub fn payload<M: Message>(&self) -> Option<&M> {
        self.payload.as_ref()?.downcast_ref()
    }
}

/// Some of the watched descriptors can be read (guide section 7.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchMessage {
    /// Those of the watched descriptors that can be read.
    pub ready: Vec<i32>,
}

/// A message that could not be delivered, for the actor that handles dead letters (guide section 7.6).
#[derive(Debug, Serialize, Deserialize)]
pub struct DeadEnvelope {
    /// Whom it was for.
    pub dead_address: ActorAddress,
    /// The message.
    pub dead_message: AnyMessage,
    /// Who sent it.
    pub sender: ActorAddress,
    /// Why it could not be delivered.
    pub reason: DeadReason,
    /// Whether the target may have handled it before it died: it was handed over and never acknowledged.
    pub maybe_handled: bool,
}

/// Why a message became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DeadReason {
    /// The target has exited, or never was.
    Dead,
    /// The target could never start.
    NeverStarted,
    /// The system on which the target ran cannot be reached any more.
    HostLost,
    /// The address was not made by the system it names.
    InvalidAddress,
    /// The target, an outside caller's endpoint, is full.
    EndpointFull,
    /// The target did not take it within the delivery limit.
    Expired,
    /// The system is shutting down.
    Shutdown,
    /// The network lost it, or it came too late: on a base that sends messages once (guide section 9.5).
    Lost,
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeadReason::Dead => "the target is dead",
            DeadReason::NeverStarted => "the target never started",
            DeadReason::HostLost => "the target's host is lost",
            DeadReason::InvalidAddress => "the address was not made by the system it names",
            DeadReason::EndpointFull => "the endpoint's queue is full",
            DeadReason::Expired => "the target did not take it within the delivery limit",
            DeadReason::Shutdown => "the system is shutting down",
            DeadReason::Lost => "it was lost on its way",
        })
    }
}

/// A system joined or left the convention (guide section 7.7).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorSystemConventionUpdate {
    /// The address of the other system's admin.
    pub remote_admin_address: ActorAddress,
    /// What that system can do.
    pub remote_capabilities: Capabilities,
    /// Whether it joined; otherwise it left, or was given up.
    pub remote_added: bool,
}

/// Identifies a loaded source by its content (guide section 5.9).
pub type SourceHash = String;

/// Asks the source authority whether a loaded source may run (guide section 7.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidateSource {
    /// The hash of what was loaded.
    pub source_hash: SourceHash,
    /// What was loaded.
    pub source_data: Bytes,
}

/// The source authority's answer (guide section 7.9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatedSource {
    /// The hash from the [`ValidateSource`] that this answers.
    pub source_hash: SourceHash,
    /// The source as it may run, or `None` to reject it.
    pub source_zip: Option<Bytes>,
    /// A text for people, given to those who are told of the load.
    pub source_info: String,
}

/// A source can be used from now on (guide section 7.10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedSource {
    /// The hash of the source.
    pub source_hash: SourceHash,
    /// The authority's text about it.
    pub source_info: String,
}

/// A source can be used no longer (guide section 7.11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnloadedSource {
    /// The hash of the source.
    pub source_hash: SourceHash,
    /// The authority's text about it.
    pub source_info: String,
}

/// Asks an actor, or the system by its admin's address, how it is (guide section 7.12). The runtime answers with an
/// [`ActorStatus`] or a [`SystemStatus`]; the actor's code does not see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReq;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DecodeLimits, decode, encode};

    #[test]
    fn a_poison_message_brings_the_message_back_whole_from_another_process() {
        let poison = PoisonMessage { message: AnyMessage::new(7u32), details: "no".into() };
        let back: PoisonMessage =
            decode(&encode(&poison).expect("encodes"), DecodeLimits::default()).expect("decodes");
        assert_eq!(back.message.downcast_ref::<u32>(), Some(&7));
        assert_eq!(back.details, "no");
    }

    #[test]
    fn an_exit_request_is_recursive_until_told_otherwise() {
        let request = ActorExitRequest::new();
        assert!(request.is_recursive());
        assert!(!request.not_recursive().is_recursive());
        let bytes = encode(&request).expect("encodes");
        let back: ActorExitRequest = decode(&bytes, DecodeLimits::default()).expect("decodes");
        assert!(!back.is_recursive());
    }

    #[test]
    fn system_messages_can_be_told_from_others_with_and_without_their_type() {
        assert!(AnyMessage::new(StatusReq).is_system());
        assert!(!AnyMessage::new(1u8).is_system());
        let travelled = AnyMessage::encoded(AnyMessage::new(StatusReq).type_names(), Vec::new());
        assert!(travelled.is_system());
    }

    #[test]
    fn a_falsy_payload_is_still_a_payload() {
        let wakeup = WakeupMessage { delay_period: Duration::ZERO, payload: Some(AnyMessage::new(0u8)) };
        assert_eq!(wakeup.payload::<u8>(), Some(&0));
        assert_eq!(wakeup.payload::<u16>(), None);
    }
}
