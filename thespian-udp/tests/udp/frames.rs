//! What is sent arrives, or is lost and harms nothing.

use std::time::{Duration, Instant};

use thespian_core::engine::link::{Carrier, Frame, Lane};
use thespian_core::transport::{PortEvent, Role, Transport};
use thespian_core::{ActorAddress, DeadReason, Limits};
use thespian_udp::{LARGEST_MESSAGE, Udp};

use crate::kit::{
    Faults, Relay, SECRET, Side, address, configured, data, locator, open, pair, pair_of, udp, until,
};

#[test]
fn every_kind_of_frame_arrives_as_it_was_sent() {
    let (mut a, mut b, to_b, _) = pair();
    let frames = [
        data(3, b"payload"),
        Frame::Ack { lane: Lane::Urgent, link: 7, handled: 9 },
        Frame::Closed { lane: Lane::User, link: 7, handled: 9, reason: DeadReason::NeverStarted },
        Frame::Past { lane: Lane::User, link: 1, base: 5 },
    ];
    for frame in &frames {
        a.port.send(to_b, address(1), address(2), frame.borrow());
    }
    a.port.nobody(to_b, address(3), ActorAddress::NOBODY);
    until([&mut a, &mut b], |[_, b]| b.events.len() == 5);
    for (frame, event) in frames.iter().zip(&b.events) {
        let PortEvent::Frame { from, to, frame: came, .. } = event else { panic!("{event:?}") };
        assert_eq!((*from, *to, format!("{came:?}")), (address(1), address(2), format!("{frame:?}")));
    }
    let last = &b.events[4];
    assert!(matches!(last, PortEvent::Nobody { address: there, sender, .. }
        if *there == address(3) && sender.is_nobody()));
    assert_eq!(a.port.carrier(), Carrier::BestEffort);
}

#[test]
fn what_is_sent_before_the_session_is_up_arrives() {
    let (mut a, mut b) = (open(&udp(), Role::Host), open(&udp(), Role::Host));
    let peer = a.port.connect(&b.port.locator());
    for sequence in 0..100 {
        a.send(peer, sequence, &[5; 100]);
    }
    a.port.control(peer, b"word".to_vec());
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 100 && b.words().len() == 1);
}

#[test]
fn messages_up_to_the_largest_arrive_and_one_that_fits_no_datagram_is_lost() {
    let mut limits = Limits::default();
    udp().narrow(&mut limits);
    assert_eq!(limits.message_size, LARGEST_MESSAGE);
    limits.check().expect("bounds that work together");
    let (mut a, mut b, to_b, _) = pair();
    for (at, size) in [0, 1, 1_000, 1_400, 8_000, 20_000, LARGEST_MESSAGE].into_iter().enumerate() {
        a.send(to_b, at as u64, &vec![at as u8; size]);
    }
    a.send(to_b, 98, &vec![0; 65_507]);
    a.send(to_b, 99, b"behind it");
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 8);
    let sizes: Vec<usize> = b.messages().iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(sizes, [0, 1, 1_000, 1_400, 8_000, 20_000, LARGEST_MESSAGE, 9]);
}

#[test]
fn frames_of_many_that_share_datagrams_keep_their_own_addresses() {
    let (mut a, mut b, to_b, _) = pair();
    let mut sent = Vec::new();
    // Two of each in a row, and some of whom one side is the same.
    for sequence in 0..2_000 {
        let (from, to) = (address(sequence / 2 % 3), address(10 + sequence / 4 % 2));
        a.port.send(to_b, from, to, data(sequence, &[7; 30]).borrow());
        if sequence % 5 == 0 {
            a.port.nobody(to_b, address(3), address(4));
        }
        sent.push((from, to, sequence));
    }
    let came = |side: &Side| -> Vec<(ActorAddress, ActorAddress, u64)> {
        let of_event = |event: &PortEvent| match event {
            PortEvent::Frame { from, to, frame: Frame::Data { sequence, .. }, .. } => {
                Some((*from, *to, *sequence))
            }
            _ => None,
        };
        side.events.iter().filter_map(of_event).collect()
    };
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 2_000);
    assert_eq!(came(&b), sent);
}

#[test]
fn small_frames_share_a_datagram() {
    let (mut a, mut b) = (open(&udp(), Role::Host), open(&udp(), Role::Host));
    let relay = Relay::start(b.place(), 1);
    let peer = a.port.connect(&locator(relay.place));
    until([&mut a, &mut b], |[a, b]| a.ups().len() == 1 && b.ups().len() == 1);
    let before = relay.recorded.lock().expect("no panic").len();
    for sequence in 0..10 {
        a.send(peer, sequence, b"small");
    }
    a.port.flush();
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 10);
    let after = relay.recorded.lock().expect("no panic").len();
    assert_eq!(after - before, 1);
    let size = relay.recorded.lock().expect("no panic").last().map_or(0, Vec::len);
    assert!(size < 10 * 50, "{size} bytes: who they are from and to is said once");
}

#[test]
fn control_messages_of_any_size_arrive_once_and_in_order_through_a_storm() {
    let (mut a, mut b) = (open(&udp(), Role::Host), open(&udp(), Role::Host));
    let relay = Relay::start(b.place(), 5);
    relay.set(Faults { loses: 200, repeats: 200, delays: 300 });
    let peer = a.port.connect(&locator(relay.place));
    let words: Vec<Vec<u8>> =
        (0..30_u8).map(|word| vec![word; usize::from(word) * usize::from(word) * 300]).collect();
    words.iter().for_each(|word| a.port.control(peer, word.clone()));
    until([&mut a, &mut b], |[a, b]| b.words().len() == 30 && !a.port.has_unwritten());
    assert!(b.words().iter().zip(&words).all(|(came, sent)| came == sent));
}

#[test]
fn a_flood_that_is_not_read_ends_in_loss_and_not_in_memory() {
    let (mut a, mut b, to_b, _) = pair();
    let start = Instant::now();
    for sequence in 0..3_000 {
        a.send(to_b, sequence, &[5; 60_000]);
    }
    a.port.flush();
    assert!(start.elapsed() < Duration::from_secs(30));
    // What came is whole, and in order.
    a.port.control(to_b, b"end".to_vec());
    until([&mut a, &mut b], |[_, b]| b.words().len() == 1);
    let places: Vec<u64> = b.messages().iter().map(|message| message.0).collect();
    assert!(places.is_sorted_by(|one, next| one < next));
    assert!(!places.is_empty() && places.len() < 3_000, "{}", places.len());
}

#[test]
fn one_that_floods_does_not_keep_others_from_being_heard() {
    let (mut a, mut b, to_b, _) = pair();
    let mut c = open(&udp(), Role::Host);
    let from_c = c.port.connect(&b.port.locator());
    until([&mut c, &mut b], |[c, b]| c.ups().len() == 1 && b.ups().len() == 1);
    for sequence in 0..20_000 {
        a.send(to_b, sequence, &[5; 10]);
    }
    c.port.control(from_c, b"heard".to_vec());
    until([&mut c, &mut a, &mut b], |[_, _, b]| b.words().len() == 1);
}

#[test]
fn a_smaller_buffer_holds_everywhere_and_lets_less_be_on_its_way() {
    let small = configured(Udp::default().secret(SECRET).receive_buffer(64 << 10));
    let restored = Udp::restore(&small.settings()).expect("its own settings");
    let bound = |udp: &Udp| {
        let mut limits = Limits::default();
        udp.narrow(&mut limits);
        (limits.window_bytes, limits.window_max)
    };
    let (bytes, messages) = bound(&restored);
    assert_eq!((bytes, messages), bound(&small));
    // The system doubles what it is asked for.
    assert!(bytes <= (128 << 10) / 4 && messages <= 32, "{bytes} bytes, {messages} messages");
    // What does not fit is lost, and what was counted as on its way fits.
    let (mut a, mut b, to_b, _) = pair_of(&restored);
    for sequence in 0..u64::from(messages) {
        a.send(to_b, sequence, &[1; 64]);
        a.port.flush();
    }
    until([&mut b], |[b]| b.messages().len() == messages as usize);
}
