//! Sockets that listen, and what all sockets of a port are given.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// How many connections the system completes before they are accepted: all processes of a system may begin at once while
/// its admin is busy. The system may allow less.
const BACKLOG: i32 = 4096;

/// How long the other side of a connection may say nothing before the system asks its machine whether it is there; then
/// each second, so many times. Only between machines: the death of a process on this one is known at once.
const SILENCE: Duration = Duration::from_secs(5);
const QUESTIONS: u32 = 5;

/// How a connection within this machine is kept from sending too much, where the system knows this way: it costs least, and there is
/// no network to learn anything about. Some systems have one by default that takes notes of every segment (`bbr`).
const CONGESTION_HERE: &[u8] = b"reno";

/// Listens at a place. A place that was left a moment ago can be had again; one that somebody listens at cannot.
pub(crate) fn at(place: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(place), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&place.into())?;
    // Those that are accepted here have it from this one.
    control_congestion(SockRef::from(&socket), place);
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(StdListener::from(socket)))
}

/// Has the system find out that a machine is gone without a word.
///
/// There is no limit on how long sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`), because the system applies
/// that to a process which does not read as well, and handlers may block for as long as they like.
pub(crate) fn watch_for_silence(stream: &TcpStream, other_side: SocketAddr) {
    if !other_side.ip().is_loopback() {
        let questions = TcpKeepalive::new()
            .with_time(SILENCE)
            .with_interval(Duration::from_secs(1))
            .with_retries(QUESTIONS);
        // Without it, the loss is found out later.
        let _ = SockRef::from(stream).set_tcp_keepalive(&questions);
    }
}

/// Has a connection within this machine do no more than it has to.
pub(crate) fn control_congestion(socket: SockRef<'_>, other_side: SocketAddr) {
    if other_side.ip().is_loopback() {
        // Without it, each message costs a little more.
        let _ = socket.set_tcp_congestion(CONGESTION_HERE);
    }
}

#[cfg(test)]
mod tests {
    use thespian_transport::Sockets as _;

    use super::*;
    use crate::sockets::TcpSockets;

    #[test]
    fn a_place_is_listened_at_once() {
        let first = at(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let place = first.local_addr().expect("an address");
        assert_eq!(at(place).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
        drop(first);
        at(place).expect("free again");
    }

    #[test]
    fn connections_within_the_machine_take_no_notes() {
        let listener = at(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let connecting =
            TcpSockets::connect(&listener.local_addr().expect("an address")).expect("a connection");
        let accepted = loop {
            match TcpSockets::accept(&listener) {
                Ok((accepted, _)) => break accepted,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        };
        for stream in [&connecting, &accepted] {
            let control = SockRef::from(stream).tcp_congestion().expect("it can be asked");
            assert!(control.starts_with(CONGESTION_HERE), "{control:?}");
        }
    }
}
