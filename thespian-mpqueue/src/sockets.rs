//! The sockets of a port over queues: Unix streams under abstract names.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixListener as StdListener;

use mio::net::{UnixListener, UnixStream};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use socket2::SockRef;
use thespian_transport::Sockets;

use crate::name::Name;

/// How many connections the system completes before they are accepted: all processes of a system may begin at once while
/// its admin is busy. The system may allow less. Whoever comes when there are as many tries again.
const BACKLOG: i32 = 4096;

/// Unix stream sockets under abstract names.
pub(crate) struct QueueSockets;

/// The user of whoever is at the other side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User(u32);

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}", self.0)
    }
}

/// Listens under a name.
pub(crate) fn listen(name: Name) -> io::Result<UnixListener> {
    let listener = StdListener::bind_addr(&name.address()?)?;
    listener.set_nonblocking(true)?;
    SockRef::from(&listener).listen(BACKLOG)?;
    Ok(UnixListener::from_std(listener))
}

/// How much of what was written the system keeps until the other side reads it, if it allows so much. By default that is some three
/// messages of 64 KiB, after which their sender sleeps. Bytes, and as many more that the system needs for itself.
const ROOM: usize = 256 * 1024;

fn make_room(stream: &UnixStream) {
    // Without it, large messages take longer.
    let _ = SockRef::from(stream).set_send_buffer_size(ROOM);
}

impl Sockets for QueueSockets {
    type Place = Name;
    type Listener = UnixListener;
    type Stream = UnixStream;
    type Origin = User;

    const PLACE_FORM: &'static str =
        "the name of a socket of this base, @thespian- and 32 hexadecimal digits";

    fn place(text: &str) -> Option<Name> {
        Name::parse(text)
    }

    fn connect(to: &Name) -> io::Result<UnixStream> {
        let stream = UnixStream::connect_addr(&to.address()?)?;
        make_room(&stream);
        Ok(stream)
    }

    fn is_connected(stream: &UnixStream) -> io::Result<bool> {
        // Such a socket is connected at once or not at all.
        stream.take_error()?.map_or(Ok(true), Err)
    }

    fn accept(listener: &UnixListener) -> io::Result<(UnixStream, User)> {
        let (stream, _) = listener.accept()?;
        make_room(&stream);
        let user = getsockopt(&stream, PeerCredentials)?.uid();
        Ok((stream, User(user)))
    }

    /// Processes of this user alone: for one that accepted, that is who listened there; for one that connected, who did.
    fn admit(stream: &UnixStream) -> Result<(), String> {
        let other = getsockopt(stream, PeerCredentials)
            .map_err(|error| format!("somebody of whom the system does not tell who it is ({error})"))?;
        if other.uid() == geteuid().as_raw() {
            return Ok(());
        }
        Err(format!("process {} of user {}", other.pid(), other.uid()))
    }

    fn shut(stream: &UnixStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_listened_under_once_and_is_free_when_nobody_listens() {
        let name = Name::random().expect("random bits");
        let first = listen(name).expect("listening");
        assert_eq!(listen(name).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
        let stream = QueueSockets::connect(&name).expect("connected");
        assert!(QueueSockets::is_connected(&stream).expect("no error"));
        let (accepted, from) = QueueSockets::accept(&first).expect("accepted");
        assert_eq!(from, User(geteuid().as_raw()));
        assert_eq!((QueueSockets::admit(&stream), QueueSockets::admit(&accepted)), (Ok(()), Ok(())));
        let (usual, _) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let room = |socket: SockRef<'_>| socket.send_buffer_size().expect("it can be asked");
        for stream in [&stream, &accepted] {
            assert!(room(SockRef::from(stream)) > room(SockRef::from(&usual)));
        }
        drop(first);
        let refused = QueueSockets::connect(&name).expect_err("nobody listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        listen(name).expect("free again");
    }
}
