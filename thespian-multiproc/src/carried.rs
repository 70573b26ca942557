//! A frame between two addresses, as data.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thespian_core::engine::link::{Frame, Lane};
use thespian_core::{ActorAddress, Bytes, DeadReason, TypeName};

/// A frame, with the addresses that it is from and to.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) from: ActorAddress,
    pub(crate) to: ActorAddress,
    pub(crate) frame: Frame,
}

/// What a frame is in bytes.
#[derive(Serialize, Deserialize)]
enum Plain {
    Data {
        urgent: bool,
        link: u64,
        sequence: u64,
        base: u64,
        number: u64,
        by_runtime: bool,
        names: Vec<TypeName>,
        bytes: Bytes,
    },
    Ack {
        urgent: bool,
        link: u64,
        handled: u64,
    },
    Closed {
        urgent: bool,
        link: u64,
        handled: u64,
        reason: DeadReason,
    },
}

fn lane(urgent: bool) -> Lane {
    if urgent { Lane::Urgent } else { Lane::User }
}

impl Serialize for Carried {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = match &self.frame {
            Frame::Data { lane, link, sequence, base, number, by_runtime, names, bytes } => Plain::Data {
                urgent: *lane == Lane::Urgent,
                link: *link,
                sequence: *sequence,
                base: *base,
                number: *number,
                by_runtime: *by_runtime,
                names: names.to_vec(),
                bytes: Bytes(bytes.to_vec()),
            },
            Frame::Ack { lane, link, handled } => {
                Plain::Ack { urgent: *lane == Lane::Urgent, link: *link, handled: *handled }
            }
            Frame::Closed { lane, link, handled, reason } => Plain::Closed {
                urgent: *lane == Lane::Urgent,
                link: *link,
                handled: *handled,
                reason: *reason,
            },
        };
        (self.from, self.to, plain).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Carried {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Carried, D::Error> {
        let (from, to, plain) = <(ActorAddress, ActorAddress, Plain)>::deserialize(deserializer)?;
        let frame = match plain {
            Plain::Data { urgent, link, sequence, base, number, by_runtime, names, bytes } => {
                if names.is_empty() {
                    return Err(D::Error::custom("a message without a type name"));
                }
                let (names, bytes) = (names.into(), bytes.0.into());
                Frame::Data { lane: lane(urgent), link, sequence, base, number, by_runtime, names, bytes }
            }
            Plain::Ack { urgent, link, handled } => Frame::Ack { lane: lane(urgent), link, handled },
            Plain::Closed { urgent, link, handled, reason } => {
                Frame::Closed { lane: lane(urgent), link, handled, reason }
            }
        };
        Ok(Carried { from, to, frame })
    }
}
