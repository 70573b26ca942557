//! The decoders of this crate by themselves, for those who give them hostile bytes. No part of the API.

use std::sync::Arc;

use thespian_core::SystemId;
use thespian_core::transport::{PeerId, PortEvent, Role};

use crate::framing::Inbox;
use crate::handshake::{Handshake, Local, Progress};
use crate::secret::Secret;

/// Reads wire frames that come so many bytes at a time. What they bring, and whether they were refused.
pub fn frames(bytes: &[u8], step: usize, largest_message: usize) -> (Vec<PortEvent>, bool) {
    let mut inbox = Inbox::new(PeerId(1), largest_message);
    let (mut events, mut partial) = (Vec::new(), Vec::new());
    for part in bytes.chunks(step.max(1)) {
        partial.extend_from_slice(part);
        match inbox.take(&partial, &mut |event| events.push(event.to_event())) {
            Ok(taken) => drop(partial.drain(..taken)),
            Err(_) => return (events, true),
        }
    }
    (events, false)
}

/// What a process of a system says first when it connects.
pub fn hello() -> Vec<u8> {
    let mut said = Vec::new();
    Handshake::connecting(local(), [1; 32], &mut said);
    said
}

/// What another answers to that.
pub fn answer() -> Vec<u8> {
    let mut said = Vec::new();
    // Always more: the proof is to come.
    let _ = Handshake::accepting(local(), [2; 32]).read(&hello(), &mut said);
    said
}

/// Listens to a handshake, as either side, to what comes so many bytes at a time. How many bytes were said in turn, and
/// whether the other side was taken for one of ours.
pub fn handshake(bytes: &[u8], accepting: bool, step: usize) -> (usize, bool) {
    let mut said = Vec::new();
    let mut handshake = match accepting {
        true => Handshake::accepting(local(), [2; 32]),
        false => Handshake::connecting(local(), [1; 32], &mut said),
    };
    for part in bytes.chunks(step.max(1)) {
        match handshake.read(part, &mut said) {
            Ok(Progress::More) => {}
            Ok(Progress::Done(..)) => return (said.len(), true),
            Err(_) => break,
        }
    }
    (said.len(), false)
}

fn local() -> Arc<Local> {
    Arc::new(Local {
        base: "aBase".into(),
        system: Some(SystemId::from_bits(1)),
        role: Role::Admin,
        secret: Secret::new(vec![7; 32]),
        binding: Vec::new(),
    })
}
