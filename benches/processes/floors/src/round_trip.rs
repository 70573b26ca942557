//! There and back between two processes over loopback: blocking, and with the readiness loop that a process of ours has.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use bench_harness::Job;
use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use process_harness::{Figures, OtherSide};

/// The role of the side that answers from a readiness loop.
pub(crate) const ECHO_MIO: &str = "echo_mio";
/// The same over a pair of Unix sockets.
pub(crate) const ECHO_UNIX: &str = "echo_unix";

const MESSAGE: usize = 64;

pub(crate) fn measure(job: Job, role: &str) -> Figures {
    process_harness::near()?;
    if role == ECHO_UNIX {
        let (side, stream) = OtherSide::paired(role)?;
        return measure_by(job, side, Wire::ready(stream).map_err(failed)?);
    }
    let (side, stream) = OtherSide::connected(role)?;
    measure_by(job, side, Wire::new(stream, role)?)
}

fn measure_by(job: Job, side: OtherSide, mut wire: Wire<impl Socket>) -> Figures {
    let mut message = [7; MESSAGE];
    let took = process_harness::rounds(job.workload.ops(job.quick), |_| {
        wire.send(&message).map_err(failed)?;
        match wire.receive(&mut message).map_err(failed)? {
            true => Ok(()),
            false => Err("the other side has gone".into()),
        }
    })?;
    drop(wire);
    side.join()?;
    process_harness::latencies(job, took)
}

/// The other side: sends back what comes, until nothing does.
pub(crate) fn echo(stream: TcpStream, role: &str) -> Result<(), String> {
    echo_by(Wire::new(stream, role)?)
}

/// The same over a pair of Unix sockets.
pub(crate) fn echo_unix(stream: UnixStream) -> Result<(), String> {
    echo_by(Wire::ready(stream).map_err(failed)?)
}

fn echo_by(mut wire: Wire<impl Socket>) -> Result<(), String> {
    process_harness::far()?;
    let mut message = [0; MESSAGE];
    while wire.receive(&mut message).map_err(failed)? {
        wire.send(&message).map_err(failed)?;
    }
    Ok(())
}

fn failed(error: Error) -> String {
    format!("the connection: {error}")
}

/// A socket, and what it is in a readiness loop.
trait Socket: Read + Write {
    type Ready: Source + Read + Write;

    fn ready(self) -> Result<Self::Ready, Error>;
}

impl Socket for TcpStream {
    type Ready = mio::net::TcpStream;

    fn ready(self) -> Result<mio::net::TcpStream, Error> {
        self.set_nonblocking(true)?;
        Ok(mio::net::TcpStream::from_std(self))
    }
}

impl Socket for UnixStream {
    type Ready = mio::net::UnixStream;

    fn ready(self) -> Result<mio::net::UnixStream, Error> {
        self.set_nonblocking(true)?;
        Ok(mio::net::UnixStream::from_std(self))
    }
}

enum Wire<S: Socket> {
    Blocking(S),
    Ready { stream: S::Ready, poll: Poll, events: Events },
}

impl<S: Socket> Wire<S> {
    fn new(stream: S, role: &str) -> Result<Wire<S>, String> {
        if role == ECHO_MIO { Wire::ready(stream).map_err(failed) } else { Ok(Wire::Blocking(stream)) }
    }

    fn ready(stream: S) -> Result<Wire<S>, Error> {
        let mut stream = stream.ready()?;
        let poll = Poll::new()?;
        poll.registry().register(&mut stream, Token(0), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Wire::Ready { stream, poll, events: Events::with_capacity(64) })
    }

    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        match self {
            Wire::Blocking(stream) => stream.write_all(message),
            // With one round under way a message always fits the socket's buffer, so this is one call.
            Wire::Ready { stream, .. } => stream.write_all(message),
        }
    }

    /// Fills the message; false at the end of the stream.
    fn receive(&mut self, message: &mut [u8]) -> Result<bool, Error> {
        let mut filled = 0;
        while filled < message.len() {
            let got = match self {
                Wire::Blocking(stream) => stream.read(&mut message[filled..]),
                Wire::Ready { stream, .. } => stream.read(&mut message[filled..]),
            };
            match (got, &mut *self) {
                (Ok(0), _) => return Ok(false),
                (Ok(more), _) => filled += more,
                (Err(error), Wire::Ready { poll, events, .. }) if error.kind() == ErrorKind::WouldBlock => {
                    poll.poll(events, None)?;
                }
                (Err(error), _) if error.kind() == ErrorKind::Interrupted => {}
                (Err(error), _) => return Err(error),
            }
        }
        Ok(true)
    }
}
