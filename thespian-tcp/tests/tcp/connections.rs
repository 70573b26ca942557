//! How connections begin and end, and what is told of it.

use std::net::TcpListener;
use std::time::Duration;

use thespian_core::transport::{DownReason, Identity, Locator, PortEvent, Role, Transport};
use thespian_core::{Limits, SystemId};
use thespian_tcp::{PortLimits, Tcp};

use crate::kit::{
    Relay, Running, Side, address, configured, data, locator, open, pair, tcp, tcp_with, until,
};

#[test]
fn nobody_there_is_told_as_refused() {
    let mut a = open(&tcp(), Role::Host);
    // A port that was free a moment ago; if somebody takes it, it is no process of ours.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let peer = a.port.connect(&locator(free));
    a.send(peer, 1, b"lost");
    until([&mut a], |[a]| a.has_down());
    assert_eq!(a.downs(), ["Refused"]);
    // The next attempt is another connection.
    assert_ne!(a.port.connect(&locator(free)), peer);
}

#[test]
fn a_place_that_is_none_is_trouble_and_not_a_panic() {
    let mut a = open(&tcp(), Role::Host);
    for text in ["", "nonsense", "127.0.0.1", "127.0.0.1:99999", "localhost:1"] {
        a.port.connect(&Locator::new(text));
    }
    until([&mut a], |[a]| a.downs().len() == 5);
    assert!(a.downs().iter().all(|down| down.contains("not an address and a port")), "{:?}", a.downs());
}

#[test]
fn a_process_of_another_system_is_a_stranger_to_both() {
    let mut a = open(&tcp(), Role::Host);
    let other = Identity { system: SystemId::from_bits(9), role: Role::Host };
    let mut b = Side::new(tcp().open(other).expect("a port"));
    a.port.connect(&b.port.locator());
    until([&mut a, &mut b], |[a, _]| a.has_down());
    assert_eq!(a.downs(), ["Stranger"]);
    assert!(b.events.is_empty());
}

#[test]
fn a_process_with_another_secret_is_a_stranger() {
    let mut a = open(&tcp(), Role::Host);
    let other = configured(Tcp::default().secret([8; 32]), &Limits::default());
    let mut b = open(&other, Role::Host);
    a.port.connect(&b.port.locator());
    until([&mut a, &mut b], |[a, _]| a.has_down());
    assert_eq!(a.downs(), ["Stranger"]);
    assert!(b.events.is_empty());
}

#[test]
fn a_port_connects_to_itself_like_to_any_other() {
    let mut a = open(&tcp(), Role::Host);
    let own = a.port.locator();
    let peer = a.port.connect(&own);
    a.send(peer, 1, b"to myself");
    until([&mut a], |[a]| a.ups().len() == 2 && a.messages().len() == 1);
}

#[test]
fn disconnecting_writes_all_that_was_sent_and_tells_only_the_other_side() {
    let (mut a, mut b, to_b, to_a) = pair();
    for sequence in 0..200 {
        a.send(to_b, sequence, &[5; 100_000]);
    }
    // What the other side sends meanwhile must not destroy it.
    b.send(to_a, 0, &[5; 3_000_000]);
    a.port.disconnect(to_b);
    a.send(to_b, 999, b"after the end");
    until([&mut a, &mut b], |[a, b]| b.has_down() && !a.port.has_unwritten());
    assert_eq!(b.messages().len(), 200);
    assert!(matches!(b.events.last(), Some(PortEvent::Down { reason: DownReason::Lost, .. })));
    assert!(a.events.is_empty(), "{:?}", a.events);
    assert_ne!(a.port.connect(&b.port.locator()), to_b);
}

#[test]
fn what_was_sent_last_survives_what_the_other_side_sends_at_that_moment() {
    let (mut a, mut b, to_b, to_a) = pair();
    for sequence in 0..80 {
        a.send(to_b, sequence, &[5; 100_000]);
    }
    a.port.flush();
    while a.port.has_unwritten() {
        b.wait(Duration::ZERO);
        a.wait(Duration::ZERO);
        a.port.flush();
    }
    a.port.disconnect(to_b);
    a.port.flush();
    // It is written, not read yet, and answered by bytes that nobody wants any more.
    b.send(to_a, 0, &[5; 50_000]);
    b.port.flush();
    for _ in 0..3 {
        a.wait(Duration::ZERO);
        b.send(to_a, 1, &[5; 1000]);
        b.port.flush();
    }
    until([&mut b, &mut a], |[b, a]| b.has_down() && !a.port.has_unwritten());
    assert_eq!(b.messages().len(), 80);
}

#[test]
fn who_flushes_and_waits_until_all_is_written_is_told_when_it_is() {
    let (mut a, b, to_b, _) = pair();
    let reader = Running::start(b);
    for sequence in 0..100 {
        a.send(to_b, sequence, &vec![5; 1 << 20]);
        let start = std::time::Instant::now();
        a.port.flush();
        while a.port.has_unwritten() {
            a.wait(Duration::from_secs(20));
            a.port.flush();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it was written and the wait went on");
    }
    let mut b = reader.stop();
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 100);
}

#[test]
fn one_that_does_not_close_in_turn_is_left_after_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut a = open(&tcp(), Role::Host);
    let peer = a.port.connect(&locator(listener.local_addr().expect("an address")));
    // Nothing was sent, and it is not up: there is nothing to wait for.
    a.port.disconnect(peer);
    assert!(!a.port.has_unwritten());
    until([&mut a], |[a]| !a.port.has_unwritten());
    assert!(a.events.is_empty());
}

#[test]
fn all_that_arrived_is_told_before_the_end() {
    let (mut a, mut b, to_b, to_a) = pair();
    // No more than the sockets hold, so that it has arrived when it is written.
    for sequence in 0..300 {
        a.send(to_b, sequence, &[5; 100]);
    }
    a.port.flush();
    until([&mut a], |[a]| !a.port.has_unwritten());
    drop(a);
    // The process is gone; the other side finds out when it writes.
    for sequence in 0..100 {
        b.send(to_a, sequence, &[5; 60_000]);
        b.port.flush();
    }
    until([&mut b], |[b]| b.has_down());
    assert_eq!(b.messages().len(), 300);
    assert!(matches!(b.events.last(), Some(PortEvent::Down { reason: DownReason::Lost, .. })));
}

#[test]
fn a_process_that_does_not_answer_is_waited_for_and_given_up_at_last() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut a = open(
        &tcp_with(PortLimits { answer: Duration::from_millis(50), ..PortLimits::default() }),
        Role::Host,
    );
    a.port.connect(&locator(silent.local_addr().expect("an address")));
    until([&mut a], |[a]| a.has_down());
    assert_eq!(a.downs(), ["Lost"]);
}

#[test]
fn a_connection_cut_at_any_byte_loses_nothing_that_is_sent_again() {
    let messages = 5;
    // The words of the handshake are some hundred bytes each way; what is behind them are whole frames.
    for cut in (0..640).step_by(3) {
        let (mut a, mut b) = (open(&tcp(), Role::Host), open(&tcp(), Role::Host));
        let forward = cut % 2 == 0;
        let cuts = if forward { (cut, usize::MAX) } else { (usize::MAX, cut) };
        let relay = Relay::start(b.place(), &[cuts, (usize::MAX, usize::MAX)]);
        let peer = a.port.connect(&locator(relay.place));
        let send = |a: &mut Side, peer| (0..messages).for_each(|sequence| a.send(peer, sequence, &[9; 64]));
        send(&mut a, peer);
        until([&mut a, &mut b], |[a, b]| a.has_down() || b.messages().len() as u64 == messages);
        // In order, without a gap, and none damaged.
        let first: Vec<u64> = b.messages().iter().map(|message| message.0).collect();
        assert!(first.iter().copied().eq(0..first.len() as u64), "cut at {cut}: {first:?}");
        a.port.disconnect(peer);
        b.events.clear();
        let again = a.port.connect(&locator(relay.place));
        send(&mut a, again);
        until([&mut a, &mut b], |[_, b]| b.messages().len() as u64 >= messages);
        let all: Vec<u64> = b.messages().iter().rev().take(5).map(|message| message.0).collect();
        assert_eq!(all, [4, 3, 2, 1, 0], "cut at {cut}");
        assert!(b.messages().iter().all(|(_, bytes)| **bytes == [9; 64]), "cut at {cut}");
    }
}

#[test]
fn a_large_message_cut_in_the_middle_is_never_told() {
    for cut in [1000, 70_000, 1_000_000] {
        let (mut a, mut b) = (open(&tcp(), Role::Host), open(&tcp(), Role::Host));
        let relay = Relay::start(b.place(), &[(cut, usize::MAX)]);
        let peer = a.port.connect(&locator(relay.place));
        a.send(peer, 1, &vec![1; 5 << 20]);
        until([&mut a, &mut b], |[a, b]| a.has_down() && b.has_down());
        assert!(b.messages().is_empty());
    }
}

#[test]
fn one_that_floods_does_not_keep_others_from_being_heard() {
    let (mut a, mut b, to_b, _) = pair();
    let mut c = open(&tcp(), Role::Host);
    let from_c = c.port.connect(&b.port.locator());
    until([&mut c, &mut b], |[c, b]| c.ups().len() == 1 && b.ups().len() == 1);
    for sequence in 0..100_000 {
        a.send(to_b, sequence, &[5; 1000]);
    }
    for _ in 0..50 {
        a.port.flush();
        b.wait(Duration::ZERO);
    }
    let before = b.events.len();
    c.port.send(from_c, address(3), address(2), data(1_000_000, b"me too").borrow());
    c.port.flush();
    until([&mut a, &mut b], |[_, b]| b.messages().iter().any(|message| message.0 == 1_000_000));
    let at = b.messages().iter().position(|message| message.0 == 1_000_000).expect("it came");
    assert!(at < before + 40_000, "{before} before, and {at} when it came");
}

#[test]
fn a_wait_ends_when_its_time_is_over() {
    let mut a = open(&tcp(), Role::Host);
    let start = std::time::Instant::now();
    a.wait(Duration::from_millis(30));
    assert!(start.elapsed() >= Duration::from_millis(29));
    assert!(a.events.is_empty());
}
