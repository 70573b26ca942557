//! Descriptors of actors, and the waker.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use thespian_core::transport::{Interest, NotOpen, PortEvent, Role};

use crate::kit::{Side, is_alone, open, pair, tcp, until};

fn keys(side: &mut Side) -> Vec<u64> {
    let key = |event: PortEvent| if let PortEvent::Ready { key } = event { Some(key) } else { None };
    let mut keys: Vec<u64> = side.events.drain(..).filter_map(key).collect();
    keys.sort_unstable();
    keys
}

/// What is ready by now.
fn ready(side: &mut Side) -> Vec<u64> {
    side.wait(Duration::ZERO);
    keys(side)
}

#[test]
fn a_descriptor_is_told_when_it_becomes_ready_and_at_once_if_it_is() {
    let (mut side, (mut reader, mut writer)) = (open(&tcp(), Role::Host), pipe().expect("a pipe"));
    side.port.watch(reader.as_raw_fd(), 7, Interest::Readable).expect("it is open");
    assert!(ready(&mut side).is_empty());
    writer.write_all(b"x").expect("written");
    assert_eq!(ready(&mut side), [7]);
    // Not again, as long as nothing changes; but whoever watches again is told again.
    assert!(ready(&mut side).is_empty());
    side.port.watch(reader.as_raw_fd(), 7, Interest::Readable).expect("it is open");
    assert_eq!(ready(&mut side), [7]);
    reader.read_exact(&mut [0]).expect("read");
    side.port.watch(reader.as_raw_fd(), 7, Interest::Readable).expect("it is open");
    assert!(ready(&mut side).is_empty());
    // The end is something to read.
    drop(writer);
    assert_eq!(ready(&mut side), [7]);
    side.port.unwatch(7);
    side.port.unwatch(7);
}

#[test]
fn a_watch_for_both_is_told_when_it_can_be_written() {
    let (mut side, (_reader, writer)) = (open(&tcp(), Role::Host), pipe().expect("a pipe"));
    side.port.watch(writer.as_raw_fd(), 1, Interest::Both).expect("it is open");
    assert_eq!(ready(&mut side), [1]);
    side.port.watch(writer.as_raw_fd(), 1, Interest::Readable).expect("it is open");
    assert!(ready(&mut side).is_empty());
}

#[test]
fn a_descriptor_under_two_keys_is_told_to_both_and_stays_with_one() {
    let (mut side, (reader, mut writer)) = (open(&tcp(), Role::Host), pipe().expect("a pipe"));
    side.port.watch(reader.as_raw_fd(), 1, Interest::Readable).expect("it is open");
    side.port.watch(reader.as_raw_fd(), 2, Interest::Both).expect("it is open");
    writer.write_all(b"x").expect("written");
    assert_eq!(ready(&mut side), [1, 2]);
    side.port.unwatch(1);
    writer.write_all(b"x").expect("written");
    assert_eq!(ready(&mut side), [2]);
}

#[test]
fn a_key_moves_to_another_descriptor() {
    let mut side = open(&tcp(), Role::Host);
    let (first, mut to_first) = pipe().expect("a pipe");
    let (second, mut to_second) = pipe().expect("a pipe");
    side.port.watch(first.as_raw_fd(), 1, Interest::Readable).expect("it is open");
    side.port.watch(second.as_raw_fd(), 1, Interest::Readable).expect("it is open");
    to_first.write_all(b"x").expect("written");
    assert!(ready(&mut side).is_empty());
    to_second.write_all(b"x").expect("written");
    assert_eq!(ready(&mut side), [1]);
}

#[test]
fn a_file_is_told_once_for_each_call() {
    let mut side = open(&tcp(), Role::Host);
    let file = File::open(std::env::current_exe().expect("a program")).expect("a file");
    for _ in 0..2 {
        side.port.watch(file.as_raw_fd(), 3, Interest::Readable).expect("it is open");
        assert_eq!(ready(&mut side), [3]);
        assert!(ready(&mut side).is_empty());
    }
    side.port.watch(file.as_raw_fd(), 3, Interest::Readable).expect("it is open");
    side.port.unwatch(3);
    assert!(ready(&mut side).is_empty());
}

#[test]
fn what_is_no_open_descriptor_is_refused() {
    let mut side = open(&tcp(), Role::Host);
    for descriptor in [-1, i32::MIN, 1_000_000, i32::MAX] {
        assert_eq!(side.port.watch(descriptor, 1, Interest::Readable), Err(NotOpen));
    }
}

#[test]
fn a_descriptor_that_is_closed_meanwhile_does_no_harm() {
    // Alone, so that nobody else takes the number that is given back.
    if !is_alone("watch::a_descriptor_that_is_closed_meanwhile_does_no_harm", "true", &[]) {
        return;
    }
    let (mut a, mut b, to_b, _) = pair();
    let mut third = open(&tcp(), Role::Host);
    // Its number will be that of a connection of the port itself, or of another descriptor that is watched.
    let (reader, writer) = pipe().expect("a pipe");
    a.port.watch(reader.as_raw_fd(), 1, Interest::Readable).expect("it is open");
    drop((reader, writer));
    let (again, mut to_again) = pipe().expect("a pipe");
    a.port.watch(again.as_raw_fd(), 2, Interest::Readable).expect("it is open");
    to_again.write_all(b"x").expect("written");
    until([&mut a], |[a]| a.events.iter().any(|event| matches!(event, PortEvent::Ready { key: 2 })));
    drop((again, to_again));
    let peer = a.port.connect(&third.port.locator());
    a.port.unwatch(1);
    a.port.unwatch(2);
    a.send(peer, 5, b"by a connection with that number");
    a.send(to_b, 6, b"by an older one");
    until([&mut a, &mut b, &mut third], |[_, b, third]| {
        b.messages().len() == 1 && third.messages().len() == 1
    });
}

#[test]
fn a_socket_of_an_actor_is_watched_like_any_other() {
    let mut side = open(&tcp(), Role::Host);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    side.port.watch(listener.as_raw_fd(), 11, Interest::Readable).expect("it is open");
    let _client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    until([&mut side], |[side]| !side.events.is_empty());
    assert_eq!(keys(&mut side), [11]);
}

#[test]
fn the_waker_ends_a_wait_from_another_thread_and_the_next_one() {
    let mut side = open(&tcp(), Role::Host);
    let waker = side.port.waker();
    waker.wake_by_ref();
    side.port.wait(None, &mut |_| {});
    let thread = thread::spawn(move || waker.wake());
    side.port.wait(None, &mut |_| {});
    thread.join().expect("no panic");
}
