//! The decoders of this crate by themselves, for those who give them hostile bytes. No part of the API.

use crate::control::Heard;
use crate::datagram::{Draft, Item, Key, Sealed};
use crate::handshake;

/// Whether these bytes are a word of a handshake.
pub fn word(bytes: &[u8]) -> bool {
    handshake::read(bytes).is_ok()
}

/// Reads a datagram of a session whose key everybody knows: how many items it has, and how many bytes its control messages.
pub fn session(bytes: &[u8]) -> (usize, usize) {
    let Some(items) = Sealed::read(bytes).and_then(|sealed| sealed.open(&key())) else { return (0, 0) };
    let (mut count, mut size, mut heard) = (0, 0, Heard::default());
    for (item, bytes) in items {
        count += 1;
        if item == Item::Control && heard.take(bytes, |message| size += message.len()).is_err() {
            break;
        }
    }
    (count, size)
}

/// Seals items with that key: the bytes are those of one item after another.
pub fn sealed(items: &[(u8, &[u8])]) -> Vec<u8> {
    let mut draft = Draft::new();
    for (kind, bytes) in items {
        if let Some(item) = Item::of(*kind) {
            draft.add(item, |out| out.extend_from_slice(bytes));
        }
    }
    if draft.is_empty() { Vec::new() } else { draft.seal(1, 1, &key()).to_vec() }
}

fn key() -> Key {
    Key::new(&[7; 16])
}
