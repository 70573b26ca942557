//! The socket of a port: its buffers, what could not be sent at once, and what the system says of what was sent.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};

/// How large the buffers of a socket are asked to be, in bytes; the system may give less.
const BUFFER: usize = 4 << 20;

/// How much waits for a socket that takes no more, in bytes. What is beyond is lost.
const UNSENT: usize = 4 << 20;

/// A socket for datagrams from anywhere.
pub(crate) struct Socket {
    pub(crate) udp: UdpSocket,
    /// What the system did not take, in order.
    unsent: VecDeque<(Vec<u8>, SocketAddr)>,
    unsent_bytes: usize,
    /// How large the buffer for what comes is, as the system says.
    pub(crate) buffer: usize,
    /// How many datagrams the system dropped because that was full.
    overrun: u32,
    control: Vec<u8>,
}

/// What became of a datagram that was to be sent.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The system has it, or will when it takes more.
    Yes,
    /// It is lost, because more waits than may.
    Dropped,
    /// It is lost, and this is why.
    Failed(io::Error),
    /// The system has it, and says that something that was sent before did not arrive: see [`Socket::undelivered`].
    Undelivered,
}

impl Socket {
    /// A socket at a place.
    pub(crate) fn at(place: SocketAddr) -> io::Result<Socket> {
        let socket = RawSocket::new(Domain::for_address(place), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if place.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        enlarge(&socket);
        // The system then tells of each datagram that nobody was there for, and where that was.
        match place {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
        }
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        let buffer = socket.recv_buffer_size()?;
        socket.bind(&place.into())?;
        Ok(Socket {
            udp: UdpSocket::from_std(socket.into()),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            buffer,
            overrun: 0,
            control: nix::cmsg_space!(u32, [u8; 128]),
        })
    }

    /// Sends a datagram, now or when the system takes more.
    #[inline]
    pub(crate) fn send(&mut self, bytes: &[u8], to: SocketAddr) -> Sent {
        if !self.unsent.is_empty() {
            return self.keep(bytes, to);
        }
        loop {
            match self.udp.send_to(bytes, to) {
                Ok(_) => return Sent::Yes,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => return self.keep(bytes, to),
                    // About another datagram: the system says it once, so this one can be sent now.
                    io::ErrorKind::ConnectionRefused => {
                        let _ = self.udp.send_to(bytes, to);
                        return Sent::Undelivered;
                    }
                    _ => return Sent::Failed(error),
                },
            }
        }
    }

    #[cold]
    fn keep(&mut self, bytes: &[u8], to: SocketAddr) -> Sent {
        if self.unsent_bytes + bytes.len() > UNSENT {
            return Sent::Dropped;
        }
        self.unsent_bytes += bytes.len();
        self.unsent.push_back((bytes.to_vec(), to));
        Sent::Yes
    }

    /// Sends what waits, as far as the system takes it.
    pub(crate) fn send_unsent(&mut self) {
        while let Some((bytes, to)) = self.unsent.front() {
            match self.udp.send_to(bytes, *to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It is sent, or lost.
                _ => {
                    self.unsent_bytes -= bytes.len();
                    self.unsent.pop_front();
                }
            }
        }
    }

    /// Whether something waits.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Takes the next datagram.
    #[inline]
    pub(crate) fn receive(&mut self, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.udp.recv_from(bytes)
    }

    /// The same, and how many were dropped since this was last called because the buffer was full.
    pub(crate) fn receive_counted(&mut self, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr, u32)> {
        let mut parts = [IoSliceMut::new(bytes)];
        let message = recvmsg::<SockaddrStorage>(
            self.udp.as_raw_fd(),
            &mut parts,
            Some(&mut self.control),
            MsgFlags::empty(),
        )?;
        let from = message.address.as_ref().and_then(place).ok_or(io::ErrorKind::InvalidData)?;
        let mut overrun = self.overrun;
        // What is cut off is not there.
        for control in message.cmsgs().into_iter().flatten() {
            if let ControlMessageOwned::RxqOvfl(count) = control {
                overrun = count;
            }
        }
        let dropped = overrun.wrapping_sub(self.overrun);
        let length = message.bytes;
        self.overrun = overrun;
        Ok((length, from, dropped))
    }

    /// A place for which something was sent and where nobody is, if the system has another one to tell.
    pub(crate) fn undelivered(&mut self) -> Option<SocketAddr> {
        loop {
            let mut nothing = [0; 1];
            let mut parts = [IoSliceMut::new(&mut nothing)];
            let message = recvmsg::<SockaddrStorage>(
                self.udp.as_raw_fd(),
                &mut parts,
                Some(&mut self.control),
                MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
            );
            let message = match message {
                Ok(message) => message,
                Err(Errno::EINTR) => continue,
                Err(_) => return None,
            };
            let refused = Errno::ECONNREFUSED as u32;
            let is_refused = message.cmsgs().into_iter().flatten().any(|control| match control {
                ControlMessageOwned::Ipv4RecvErr(error, _) => error.ee_errno == refused,
                ControlMessageOwned::Ipv6RecvErr(error, _) => error.ee_errno == refused,
                _ => false,
            });
            // Others, such as that the way there takes no datagram of that size, change nothing for whoever sent it.
            if is_refused && let Some(place) = message.address.as_ref().and_then(place) {
                return Some(place);
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.udp.as_fd()
    }
}

/// Makes the buffers as large as the system allows.
fn enlarge(socket: &RawSocket) {
    // For those that may go beyond what the system allows others; for them it is what follows.
    if setsockopt(socket, sockopt::RcvBufForce, &BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(BUFFER);
    }
    let _ = socket.set_send_buffer_size(BUFFER);
}

/// How large the buffer of a socket for what comes is, if one can be had.
pub(crate) fn buffer() -> Option<usize> {
    let socket = RawSocket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).ok()?;
    enlarge(&socket);
    socket.recv_buffer_size().ok()
}

fn place(address: &SockaddrStorage) -> Option<SocketAddr> {
    let four = address.as_sockaddr_in().map(|four| SocketAddrV4::new(four.ip(), four.port()).into());
    four.or_else(|| address.as_sockaddr_in6().map(|six| SocketAddrV6::from(*six).into()))
}
