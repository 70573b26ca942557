//! What the runtime says of a message that is too large to be sent back with it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::{AnyMessage, DeadEnvelope, Envelope, PoisonMessage};

/// So much is said of what went wrong, in bytes.
const DETAILS: usize = 400;

/// The same poison or dead letter without the bytes of the message that it is about, which has just fitted by itself:
/// whom it concerns must hear of it all the same. The names of its type stay, and poison says what is left out. `None` for
/// anything else.
pub(super) fn bare(envelope: &Envelope, size: usize, limit: usize) -> Option<Envelope> {
    if !envelope.is_by_runtime() {
        return None;
    }
    let message = envelope.message();
    let bare = if let Some(poison) = message.downcast_ref::<PoisonMessage>() {
        let left_out = format!(
            "{} (its bytes are left out: with what is said here they would be {size}, over the limit of {limit}, \
             Limits::message_size)",
            beginning(&poison.details)
        );
        AnyMessage::new(PoisonMessage { message: without_bytes(&poison.message), details: left_out })
    } else {
        let letter = message.downcast_ref::<DeadEnvelope>()?;
        let dead_message = without_bytes(&letter.dead_message);
        AnyMessage::new(DeadEnvelope { dead_message, ..*letter })
    };
    let mut bare = bare.seal(envelope.to(), envelope.from()).by_runtime();
    bare.set_number(envelope.number());
    Some(bare)
}

fn without_bytes(message: &AnyMessage) -> AnyMessage {
    AnyMessage::encoded(message.type_names(), Vec::new())
}

fn beginning(details: &str) -> String {
    let end = (0..=DETAILS.min(details.len())).rev().find(|end| details.is_char_boundary(*end));
    String::from(&details[..end.unwrap_or(0)])
}
