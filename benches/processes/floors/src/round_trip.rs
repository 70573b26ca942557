//! There and back between two processes over loopback: blocking, and with the readiness loop that a process of ours has.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::TcpStream;

use bench_harness::Job;
use mio::{Events, Interest, Poll, Token};
use process_harness::{Figures, OtherSide};

/// The role of the side that answers from a readiness loop.
pub(crate) const ECHO_MIO: &str = "echo_mio";

const MESSAGE: usize = 64;

pub(crate) fn measure(job: Job, role: &str) -> Figures {
    process_harness::near()?;
    let (side, stream) = OtherSide::connected(role)?;
    let mut wire = Wire::new(stream, role)?;
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
    process_harness::far()?;
    let mut wire = Wire::new(stream, role)?;
    let mut message = [0; MESSAGE];
    while wire.receive(&mut message).map_err(failed)? {
        wire.send(&message).map_err(failed)?;
    }
    Ok(())
}

fn failed(error: Error) -> String {
    format!("the connection: {error}")
}

enum Wire {
    Blocking(TcpStream),
    Ready { stream: mio::net::TcpStream, poll: Poll, events: Events },
}

impl Wire {
    fn new(stream: TcpStream, role: &str) -> Result<Wire, String> {
        if role == ECHO_MIO { Wire::ready(stream).map_err(failed) } else { Ok(Wire::Blocking(stream)) }
    }

    fn ready(stream: TcpStream) -> Result<Wire, Error> {
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
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
