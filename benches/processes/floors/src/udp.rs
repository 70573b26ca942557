//! There and back between two processes by datagrams, with the readiness loop that a process of ours has.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};

use bench_harness::Job;
use mio::{Events, Interest, Poll, Token};
use process_harness::{Figures, OtherSide};

/// The role of the other side.
pub(crate) const ECHO: &str = "echo_udp";

const MESSAGE: usize = 64;

pub(crate) fn measure(job: Job) -> Figures {
    process_harness::near()?;
    let (side, stream) = OtherSide::connected(ECHO)?;
    let mut pair = Pair::meet(stream).map_err(failed)?;
    let mut message = [7; MESSAGE];
    let took = process_harness::rounds(job.workload.ops(job.quick), |_| {
        pair.send(&message).map_err(failed)?;
        pair.receive(&mut message).map_err(failed).map(|_| ())
    })?;
    // The end.
    pair.send(&[]).map_err(failed)?;
    side.join()?;
    process_harness::latencies(job, took)
}

/// The other side: sends back what comes, until that is nothing.
pub(crate) fn echo(stream: TcpStream) -> Result<(), String> {
    process_harness::far()?;
    let mut pair = Pair::meet(stream).map_err(failed)?;
    let mut message = [0; MESSAGE];
    while pair.receive(&mut message).map_err(failed)? > 0 {
        pair.send(&message).map_err(failed)?;
    }
    Ok(())
}

fn failed(error: Error) -> String {
    format!("the socket: {error}")
}

/// One of two sockets that know each other.
struct Pair {
    socket: mio::net::UdpSocket,
    poll: Poll,
    events: Events,
}

impl Pair {
    /// Tells the other side by the stream where this one is.
    fn meet(mut stream: TcpStream) -> Result<Pair, Error> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        stream.write_all(&socket.local_addr()?.port().to_le_bytes())?;
        let mut port = [0; 2];
        stream.read_exact(&mut port)?;
        socket.connect(("127.0.0.1", u16::from_le_bytes(port)))?;
        socket.set_nonblocking(true)?;
        let mut socket = mio::net::UdpSocket::from_std(socket);
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Pair { socket, poll, events: Events::with_capacity(64) })
    }

    fn send(&self, message: &[u8]) -> Result<(), Error> {
        self.socket.send(message).map(|_| ())
    }

    fn receive(&mut self, message: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.socket.recv(message) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.poll.poll(&mut self.events, None)?
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }
}
