//! How a connection is cut into frames, and what has come is put together again.
//!
//! Each wire frame is a head of four bytes (the length of what follows in the lower 24 bits, at most [`LARGEST`], and what
//! it is in the upper 8, little-endian) and so many bytes. What does not fit into one travels in parts: each names the
//! stream it belongs to, and parts of different streams, and whole frames, come between each other. So a small message
//! waits for one part of a large one, and not for all of it.
//!
//! No length is believed: the largest thing that one makes room for is a wire frame, and a message that comes in parts
//! has room for four times as much as has come of it, of which it uses what has come.

use std::fmt;

use thespian_core::transport::wire::{Decoder, Malformed};
use thespian_core::transport::{Happened, PeerId, PortEvent};

/// The most bytes behind the head of a wire frame.
pub const LARGEST: usize = 64 * 1024;

/// The bytes of a head.
pub(crate) const HEAD: usize = 4;

/// How many messages may be coming in parts at once on one connection; more wait at the sender. One more stream is for
/// the host's own words.
pub const STREAMS: usize = 16;

/// The stream of the host's own words.
pub(crate) const CONTROL_STREAM: u8 = STREAMS as u8;

/// Room beside the message in what comes in parts: addresses, numbers and names.
const BESIDE: usize = 64 * 1024;

pub(crate) const FRAME: u8 = 1;
pub(crate) const NOBODY: u8 = 2;
pub(crate) const CONTROL: u8 = 3;
pub(crate) const PART: u8 = 4;
pub(crate) const LAST: u8 = 5;

/// The head of a wire frame.
#[inline]
pub(crate) fn head(kind: u8, length: usize) -> [u8; HEAD] {
    debug_assert!(length <= LARGEST, "wire frames are cut to size");
    (length as u32 | u32::from(kind) << 24).to_le_bytes()
}

/// What the other side may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A wire frame is longer than [`LARGEST`], or has bytes behind what it is.
    TooLong,
    /// A wire frame is of no known kind.
    UnknownKind,
    /// More messages than [`STREAMS`] come in parts at once.
    UnknownStream,
    /// A part of a message is empty.
    EmptyPart,
    /// A message is larger than the system's largest.
    MessageTooLarge,
    /// What is in a wire frame is none of ours.
    Malformed(Malformed),
}

/// What puts together what comes by one connection.
pub(crate) struct Inbox {
    peer: PeerId,
    /// Of what comes whole, in order.
    decoder: Decoder,
    /// What has come of the messages in parts.
    streams: Vec<Vec<u8>>,
    largest_message: usize,
}

impl Inbox {
    pub(crate) fn new(peer: PeerId, message_size: usize) -> Inbox {
        let largest_message = message_size.saturating_add(BESIDE);
        Inbox { peer, decoder: Decoder::with_tables(), streams: Vec::new(), largest_message }
    }

    /// Whether a message has come in part.
    pub(crate) fn is_amid(&self) -> bool {
        self.streams.iter().any(|stream| !stream.is_empty())
    }

    /// Takes the whole wire frames from the front of the bytes, and hands over what they bring. How many bytes they were.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &[u8], happened: &mut Happened<'_>) -> Result<usize, Violation> {
        let mut rest = bytes;
        while let Some((head, behind)) = rest.split_first_chunk::<HEAD>() {
            let head = u32::from_le_bytes(*head);
            let length = (head & 0xff_ffff) as usize;
            if length > LARGEST {
                return Err(Violation::TooLong);
            }
            let Some((body, behind)) = behind.split_at_checked(length) else { break };
            rest = behind;
            match (head >> 24) as u8 {
                FRAME => {
                    // Not by way of a `?`, which would move all of it once more.
                    match self.decoder.frame(body) {
                        Ok((from, to, frame)) => {
                            happened(PortEvent::Frame { peer: self.peer, from, to, frame });
                        }
                        Err(malformed) => return Err(Violation::Malformed(malformed)),
                    }
                }
                kind => self.take_other(kind, body, happened)?,
            }
        }
        Ok(bytes.len() - rest.len())
    }

    fn take_other(
        &mut self,
        kind: u8,
        mut body: &[u8],
        happened: &mut Happened<'_>,
    ) -> Result<(), Violation> {
        let peer = self.peer;
        match kind {
            NOBODY => {
                let address = self.decoder.address(&mut body).map_err(Violation::Malformed)?;
                let sender = self.decoder.address(&mut body).map_err(Violation::Malformed)?;
                if !body.is_empty() {
                    return Err(Violation::TooLong);
                }
                happened(PortEvent::Nobody { peer, address, sender });
            }
            CONTROL => happened(PortEvent::Control { peer, bytes: body.to_vec() }),
            PART => {
                let (stream, part) = self.stream(body)?;
                // One that could be repeated for ever with nothing to show for it.
                if part.is_empty() {
                    return Err(Violation::EmptyPart);
                }
                add(stream, part);
            }
            LAST => {
                let number = body.first().copied();
                let (stream, part) = self.stream(body)?;
                let mut whole = std::mem::take(stream);
                let is_control = number == Some(CONTROL_STREAM);
                if is_control || !whole.is_empty() {
                    add(&mut whole, part);
                }
                if is_control {
                    happened(PortEvent::Control { peer, bytes: whole });
                } else {
                    let mut plain = Decoder::plain();
                    if whole.is_empty() {
                        let (from, to, frame) = plain.frame(part).map_err(Violation::Malformed)?;
                        happened(PortEvent::Frame { peer, from, to, frame });
                    } else {
                        let (from, to, frame) = plain.whole_frame(whole).map_err(Violation::Malformed)?;
                        happened(PortEvent::Frame { peer, from, to, frame: frame.borrow() });
                    }
                }
            }
            _ => return Err(Violation::UnknownKind),
        }
        Ok(())
    }

    /// The stream that a part belongs to, which has room for it.
    fn stream<'a>(&mut self, body: &'a [u8]) -> Result<(&mut Vec<u8>, &'a [u8]), Violation> {
        let (number, part) = body.split_first().ok_or(Violation::EmptyPart)?;
        if *number > CONTROL_STREAM {
            return Err(Violation::UnknownStream);
        }
        if self.streams.is_empty() {
            self.streams.resize(STREAMS + 1, Vec::new());
        }
        let stream = &mut self.streams[usize::from(*number)];
        if stream.len() + part.len() > self.largest_message {
            return Err(Violation::MessageTooLarge);
        }
        Ok((stream, part))
    }
}

impl std::error::Error for Violation {}

/// Adds a part to a message. Room that is not used costs nothing yet, and each time that there is too little of it may cost a
/// copy of all that has come.
fn add(message: &mut Vec<u8>, part: &[u8]) {
    let size = message.len() + part.len();
    if size > message.capacity() {
        message.reserve_exact(4 * size - message.len());
    }
    message.extend_from_slice(part);
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::TooLong => f.write_str("a wire frame is longer than it may be"),
            Violation::UnknownKind => f.write_str("a wire frame is of no known kind"),
            Violation::UnknownStream => write!(f, "more than {STREAMS} messages come in parts at once"),
            Violation::EmptyPart => f.write_str("a part of a message is empty"),
            Violation::MessageTooLarge => {
                f.write_str("a message is larger than the system's largest (Limits::message_size)")
            }
            Violation::Malformed(malformed) => malformed.fmt(f),
        }
    }
}
