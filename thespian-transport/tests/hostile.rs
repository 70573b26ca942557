//! Hostile bytes, given to the decoders that face the network: frames as the engines' transports write them, wire
//! frames, and the handshake.
//!
//! Whatever the bytes are: no panic, no more memory than their length allows, the same outcome in pieces of any size, and
//! what decodes encodes and decodes again to the same.

#[path = "../../thespian-msgs/tests/kit/hostile.rs"]
mod kit;

use std::panic::{AssertUnwindSafe, catch_unwind};

use kit::{Random, hostile, measured};
use thespian_core::engine::link::{Frame, Gaps, Lane};
use thespian_core::transport::wire::{Decoder, Encoder};
use thespian_core::{ActorAddress, AddressKey, DeadReason, SystemId, TypeName};
use thespian_transport::handshake::LONGEST;
use thespian_transport::probe;

/// How many inputs each decoder gets.
const INPUTS: u64 = 20_000;

/// The seed of the whole run. Every input has one of its own, made of this, the decoder's number and its own number.
const SEED: u64 = 0x7468_6573_7069_616e;

/// How many bytes of memory a decoder may use for each byte of the input. The greediest are empty names of types, of a
/// byte each.
const MEMORY: usize = 256;

/// And whatever the input is: the tables of a connection, filled from one end to the other.
const TABLES: usize = 320 * 1024;

#[test]
fn hostile_bytes_never_panic_nor_cost_more_than_their_length_allows() {
    let examples = [engine_frames(), wire_frames(), handshakes()];
    let all = examples.each_ref().map(Vec::as_slice);
    let decoders: [Check; 3] = [check_frames, check_wire, check_handshake];
    for (number, (decoder, own)) in (0u64..).zip(decoders.into_iter().zip(&examples)) {
        for input in 0..INPUTS {
            let seed = SEED ^ (number << 32) ^ input;
            let bytes = hostile(&mut Random(seed), own, &all);
            let outcome = catch_unwind(AssertUnwindSafe(|| decoder(&bytes)));
            let outcome = outcome.unwrap_or_else(|_| Err("a panic, see above".into()));
            outcome.unwrap_or_else(|failure| panic!("{failure}; seed {seed:#x}; input {bytes:02x?}"));
        }
    }
}

#[test]
fn honest_bytes_are_what_they_were() {
    let mut decoder = Decoder::with_tables();
    let mut encoder = Encoder::with_tables();
    for (from, to, frame) in frames() {
        let mut bytes = Vec::new();
        encoder.frame(&mut bytes, &from, &to, &frame.borrow());
        let back = decoder.frame(&bytes).expect("a frame");
        assert_eq!(format!("{back:?}"), format!("{:?}", (from, to, frame)));
    }
    for bytes in wire_frames() {
        let (events, refused) = probe::frames(&bytes, usize::MAX, 1 << 20);
        assert!(!refused && !events.is_empty());
    }
}

#[test]
fn lengths_that_promise_much_cost_nothing() {
    // A wire frame, a name, a number of names: each as large as can be said.
    let promises: [&[u8]; 4] = [
        &[0, 0, 1, 1],
        &[0xff, 0xff, 0xff, 1],
        &[14, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 0],
        &[14, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ];
    for bytes in promises {
        let (_, memory) = measured(|| probe::frames(bytes, usize::MAX, 1 << 30));
        assert!(memory < 4096, "{memory} bytes of memory for {bytes:02x?}");
    }
}

// The decoders.

/// Decodes, and says what is wrong with how.
type Check = fn(&[u8]) -> Result<(), String>;

fn check_frames(bytes: &[u8]) -> Result<(), String> {
    let mut decoder = Decoder::with_tables();
    let (outcome, memory) = measured(|| decoder.frame(bytes));
    within(memory, bytes)?;
    let Ok((from, to, frame)) = outcome else { return Ok(()) };
    let mut again = Vec::new();
    Encoder::plain().frame(&mut again, &from, &to, &frame);
    let mut decoder = Decoder::plain();
    let back = decoder.frame(&again).map_err(|error| format!("{frame:?}: {error}"))?;
    if format!("{back:?}") == format!("{:?}", (from, to, &frame)) {
        Ok(())
    } else {
        Err(format!("{frame:?} came back as {back:?}"))
    }
}

fn check_wire(bytes: &[u8]) -> Result<(), String> {
    let (whole, memory) = measured(|| probe::frames(bytes, usize::MAX, 10_000));
    within(memory, bytes)?;
    for step in [1, 3, 64] {
        let pieces = probe::frames(bytes, step, 10_000);
        if format!("{pieces:?}") != format!("{whole:?}") {
            return Err(format!("{whole:?} in one, {pieces:?} in pieces of {step}"));
        }
    }
    Ok(())
}

fn check_handshake(bytes: &[u8]) -> Result<(), String> {
    for accepting in [false, true] {
        let (whole, memory) = measured(|| probe::handshake(bytes, accepting, usize::MAX));
        within(memory, bytes)?;
        if memory > 8 * LONGEST || whole.0 > LONGEST {
            return Err(format!("{memory} bytes of memory, {} were said", whole.0));
        }
        if whole.1 {
            return Err("it was taken for one of ours, without the secret".into());
        }
        for step in [1, 5] {
            let pieces = probe::handshake(bytes, accepting, step);
            if pieces != whole {
                return Err(format!("{whole:?} in one, {pieces:?} in pieces of {step}"));
            }
        }
    }
    Ok(())
}

fn within(memory: usize, bytes: &[u8]) -> Result<(), String> {
    let most = TABLES + MEMORY * bytes.len();
    if memory <= most { Ok(()) } else { Err(format!("{memory} bytes of memory, and {most} would be much")) }
}

// What is damaged.

fn frames() -> Vec<(ActorAddress, ActorAddress, Frame)> {
    let address = |slot| AddressKey::new([1; 16]).seal(SystemId::from_bits(3), slot, slot + 1);
    let data = |sequence: u64, names: Vec<TypeName>, length| Frame::Data {
        lane: if sequence.is_multiple_of(2) { Lane::User } else { Lane::Urgent },
        link: sequence + 1,
        sequence,
        base: sequence / 2,
        number: 3 * sequence,
        by_runtime: sequence.is_multiple_of(3),
        asks: sequence.is_multiple_of(5),
        names: names.into(),
        bytes: vec![9; length].into(),
    };
    vec![
        (address(1), address(2), data(0, vec!["app.Order".into()], 20)),
        (address(1), address(2), data(1, vec!["app.Order".into()], 0)),
        (address(1), address(300), data(1 << 40, vec!["app.Order".into(), "app.Any".into()], 3)),
        (address(2), ActorAddress::NOBODY, Frame::Ack { lane: Lane::User, link: 1, handled: 1 << 20 }),
        (
            address(2),
            address(1),
            Frame::Closed { lane: Lane::Urgent, link: 1, handled: 2, reason: DeadReason::Expired },
        ),
        (address(1), address(2), Frame::Past { lane: Lane::User, link: 1, base: 300 }),
        (
            address(1),
            address(2),
            Frame::AckButGaps {
                lane: Lane::User,
                link: 1,
                handled: 300,
                gaps: Gaps { known_from: 3, ranges: vec![(3, 5), (200, 201)] },
                closed: Some(DeadReason::Dead),
            },
        ),
    ]
}

fn engine_frames() -> Vec<Vec<u8>> {
    let mut encoder = Encoder::with_tables();
    let mut plain = Encoder::plain();
    let mut examples = Vec::new();
    for (from, to, frame) in frames() {
        for encoder in [&mut encoder, &mut plain] {
            let mut bytes = Vec::new();
            encoder.frame(&mut bytes, &from, &to, &frame.borrow());
            examples.push(bytes);
        }
    }
    examples
}

/// Streams of wire frames: whole ones, and some in parts.
fn wire_frames() -> Vec<Vec<u8>> {
    let wire = |kind: u8, body: &[u8]| {
        let mut bytes = (body.len() as u32 | u32::from(kind) << 24).to_le_bytes().to_vec();
        bytes.extend(body);
        bytes
    };
    let (mut encoder, mut whole) = (Encoder::with_tables(), Vec::new());
    for (from, to, frame) in frames() {
        let mut body = Vec::new();
        encoder.frame(&mut body, &from, &to, &frame.borrow());
        whole.extend(wire(1, &body));
    }
    let parts: Vec<u8> = engine_frames()
        .iter()
        .skip(1)
        .step_by(2)
        .flat_map(|frame| {
            let (first, second) = frame.split_at(frame.len() / 2);
            [wire(4, &[&[3], first].concat()), wire(5, &[&[3], second].concat())].concat()
        })
        .collect();
    let controls = [wire(3, b"words"), wire(4, b"\x10more "), wire(3, b""), wire(5, b"\x10words")].concat();
    vec![whole.clone(), parts.clone(), controls.clone(), [parts, controls, whole].concat()]
}

fn handshakes() -> Vec<Vec<u8>> {
    vec![probe::hello(), probe::answer()]
}
