//! What is sent arrives: every kind of frame, every size, in order, and small ones pass large ones.

use thespian_core::engine::link::{Frame, Lane};
use thespian_core::transport::{DownReason, PortEvent, Role};
use thespian_core::{ActorAddress, DeadReason, Limits, Payload, TypeName};
use thespian_tcp::Tcp;

use crate::kit::{SECRET, address, configured, data, open, pair, pair_of, tcp, until};

#[test]
fn every_kind_of_frame_arrives_as_it_was_sent() {
    let (mut a, mut b, to_b, to_a) = pair();
    let frames = [
        data(0, b""),
        data(u64::MAX, b"x"),
        Frame::Ack { lane: Lane::Urgent, link: 7, handled: 9 },
        Frame::Closed { lane: Lane::User, link: 7, handled: 9, reason: DeadReason::NeverStarted },
    ];
    for frame in &frames {
        a.port.send(to_b, address(1), ActorAddress::NOBODY, frame.borrow());
    }
    a.port.nobody(to_b, address(3), address(4));
    a.port.control(to_b, b"words".to_vec());
    a.port.control(to_b, Vec::new());
    until([&mut a, &mut b], |[_, b]| b.events.len() == 7);
    for (event, sent) in b.events.iter().zip(&frames) {
        let PortEvent::Frame { peer, from, to, frame } = event else { panic!("{event:?}") };
        assert_eq!((*peer, *from, *to), (to_a, address(1), ActorAddress::NOBODY));
        assert_eq!(format!("{frame:?}"), format!("{sent:?}"));
    }
    assert!(matches!(&b.events[4], PortEvent::Nobody { address: of, sender, .. }
        if *of == address(3) && *sender == address(4)));
    assert!(matches!(&b.events[5], PortEvent::Control { bytes, .. } if bytes == b"words"));
    assert!(matches!(&b.events[6], PortEvent::Control { bytes, .. } if bytes.is_empty()));
}

#[test]
fn messages_of_every_size_arrive_in_order_both_ways() {
    let (mut a, mut b, to_b, to_a) = pair();
    let sizes = [
        0,
        1,
        64,
        1024,
        60_000,
        64_510,
        64_512,
        65_000,
        65_535,
        65_536,
        65_537,
        131_071,
        1 << 20,
        3,
        9 << 20,
        2,
    ];
    let content =
        |sequence: usize, size: usize| -> Vec<u8> { (0..size).map(|at| (at * 7 + sequence) as u8).collect() };
    for (sequence, size) in sizes.into_iter().enumerate() {
        a.send(to_b, sequence as u64, &content(sequence, size));
        b.send(to_a, sequence as u64, &content(sequence, size));
    }
    let all = sizes.len();
    until([&mut a, &mut b], |[a, b]| a.events.len() == all && b.events.len() == all);
    for side in [&a, &b] {
        for (at, (sequence, bytes)) in side.messages().into_iter().enumerate() {
            assert_eq!(sequence, at as u64);
            assert_eq!(*bytes, *content(at, sizes[at]));
        }
    }
}

#[test]
fn a_quarter_of_a_gibibyte_arrives_and_small_messages_pass_it() {
    let (mut a, mut b, to_b, _) = pair();
    let large: Payload = vec![3; 256 << 20].into();
    let frame = match data(1, b"") {
        Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, .. } => {
            Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, bytes: large }
        }
        _ => unreachable!("a message"),
    };
    a.port.send(to_b, address(1), address(2), frame.borrow());
    // It is under way: more than the sockets hold has been read.
    for _ in 0..100 {
        a.port.flush();
        b.wait(std::time::Duration::ZERO);
    }
    a.port.send(to_b, address(3), address(2), data(2, &[1; 1024]).borrow());
    a.port.send(to_b, address(1), address(2), data(3, b"may not pass").borrow());
    a.port.send(to_b, address(2), address(1), Frame::Ack { lane: Lane::User, link: 1, handled: 1 }.borrow());
    until([&mut a, &mut b], |[_, b]| b.events.len() == 4);
    let order: Vec<u64> = b.messages().iter().map(|message| message.0).collect();
    assert_eq!(order, [2, 1, 3]);
    assert!(matches!(b.events[1], PortEvent::Frame { frame: Frame::Ack { .. }, .. }));
    assert!(b.messages()[1].1.iter().all(|byte| *byte == 3));
}

#[test]
fn many_large_messages_at_once_all_arrive() {
    let (mut a, mut b, to_b, _) = pair();
    // More than there are streams; two of each pair.
    for sequence in 0..100 {
        let bytes = vec![sequence as u8; 200_000];
        a.port.send(to_b, address(sequence % 50), address(99), data(sequence, &bytes).borrow());
    }
    a.port.control(to_b, vec![9; 300_000]);
    a.port.control(to_b, b"after".to_vec());
    a.port.control(to_b, Vec::new());
    until([&mut a, &mut b], |[_, b]| b.events.len() == 103);
    let messages = b.messages();
    assert_eq!(messages.len(), 100);
    for (sequence, bytes) in &messages {
        assert_eq!((bytes.len(), bytes[0]), (200_000, *sequence as u8));
    }
    for pair in 0..50 {
        let of_pair: Vec<u64> =
            messages.iter().map(|m| m.0).filter(|sequence| sequence % 50 == pair).collect();
        assert_eq!(of_pair, [pair, pair + 50]);
    }
    let controls = b.events.iter().filter_map(|event| match event {
        PortEvent::Control { bytes, .. } => Some(bytes.len()),
        _ => None,
    });
    assert_eq!(controls.collect::<Vec<_>>(), [300_000, 5, 0]);
}

#[test]
fn names_longer_than_a_wire_frame_arrive() {
    let (mut a, mut b, to_b, _) = pair();
    for (sequence, length) in [(0, 70_000), (1, 5), (2, 63_000), (3, 1024), (4, 200_000)] {
        let Frame::Data { lane, link, base, number, by_runtime, asks, bytes, .. } = data(sequence, b"few")
        else {
            panic!("a message");
        };
        let names = vec![TypeName::Owned("n".repeat(length))].into();
        let frame = Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, bytes };
        a.port.send(to_b, address(1), address(2), frame.borrow());
    }
    until([&mut a, &mut b], |[_, b]| b.events.len() == 5);
    let order: Vec<u64> = b.messages().iter().map(|message| message.0).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

#[test]
fn thousands_of_addresses_share_a_connection() {
    let (mut a, mut b, to_b, _) = pair();
    let mut sent = Vec::new();
    for sequence in 0..30_000 {
        let (from, to) = (address(sequence % 7000), address(sequence % 11_000));
        a.port.send(to_b, from, to, data(sequence, b"hello").borrow());
        sent.push((from, to));
    }
    until([&mut a, &mut b], |[_, b]| b.events.len() == sent.len());
    for (event, expected) in b.events.iter().zip(sent) {
        let PortEvent::Frame { from, to, .. } = event else { panic!("{event:?}") };
        assert_eq!((*from, *to), expected);
    }
}

#[test]
fn what_is_sent_before_a_connection_is_up_is_kept() {
    let (mut a, mut b) = (open(&tcp(), Role::Host), open(&tcp(), Role::Host));
    let to_b = a.port.connect(&b.port.locator());
    assert_eq!(a.port.connect(&b.port.locator()), to_b);
    for sequence in 0..100 {
        a.send(to_b, sequence, &[1; 1000]);
    }
    a.send(to_b, 100, &vec![1; 1_000_000]);
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 101);
    assert!(matches!(b.events[0], PortEvent::Up { role: Role::Host, .. }));
}

#[test]
fn a_message_over_the_limit_ends_the_connection_and_not_the_memory() {
    let small =
        configured(Tcp::default().secret(SECRET), &Limits { message_size: 1000, ..Limits::default() });
    let (mut a, mut b, to_b, _) = pair_of(&tcp(), &small);
    a.send(to_b, 0, &vec![0; 10 << 20]);
    until([&mut a, &mut b], |[a, b]| a.has_down() && b.has_down());
    assert!(b.downs()[0].contains("message_size"), "{:?}", b.downs());
    assert!(matches!(b.events[0], PortEvent::Down { reason: DownReason::Trouble(_), .. }));
}
