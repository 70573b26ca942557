//! The sockets of a port: their buffers, what could not be sent at once, and what the system says of what was sent.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};

/// How large the buffers of a socket are asked to be, unless it is said otherwise, in bytes; the system may give less.
pub(crate) const BUFFER: usize = 4 << 20;

/// How much waits for a socket that takes no more, in bytes. What is beyond is lost.
const UNSENT: usize = 4 << 20;

/// A socket for datagrams from anywhere, or from one place.
pub(crate) struct Socket {
    pub(crate) udp: UdpSocket,
    /// What the system did not take, in order.
    unsent: VecDeque<(Vec<u8>, SocketAddr)>,
    unsent_bytes: usize,
    /// How large the buffer for what comes is, as the system says, and was to be.
    pub(crate) buffer: usize,
    wanted: usize,
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
    /// A socket at a place, with a buffer of so many bytes for what comes, if the system allows it.
    pub(crate) fn at(place: SocketAddr, receive_buffer: usize) -> io::Result<Socket> {
        let socket = raw(place, receive_buffer)?;
        socket.bind(&place.into())?;
        Socket::of(socket, receive_buffer)
    }

    /// Another one like this, at any port of its address.
    pub(crate) fn elsewhere(&self) -> io::Result<Socket> {
        Socket::at(SocketAddr::new(self.udp.local_addr()?.ip(), 0), self.wanted)
    }

    /// One more socket at the place of this one, for the datagrams between here and another place alone. Those that are at the
    /// place [share it](Socket::share_place) meanwhile.
    ///
    /// # Errors
    ///
    /// Those of the operating system; and this one is at every address of the machine, or at one from which it does not go
    /// there.
    pub(crate) fn between_here_and(&self, there: SocketAddr) -> io::Result<Socket> {
        let here = self.udp.local_addr()?;
        // At no address in particular to begin with: so all that comes goes to the one that is.
        let anywhere = match here.ip() {
            ip if ip.is_unspecified() => return Err(io::ErrorKind::Unsupported.into()),
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = raw(here, self.wanted)?;
        setsockopt(&socket, sockopt::ReusePort, &true)?;
        socket.bind(&SocketAddr::new(anywhere, here.port()).into())?;
        setsockopt(&socket, sockopt::ReusePort, &false)?;
        socket.connect(&there.into())?;
        let socket = Socket::of(socket, self.wanted)?;
        // It would be at another address if the way there begins at one.
        if socket.udp.local_addr()? == here {
            Ok(socket)
        } else {
            Err(io::ErrorKind::AddrNotAvailable.into())
        }
    }

    /// Lets other sockets of the same user that want to be at the same place, or no more.
    pub(crate) fn share_place(&self, shares: bool) {
        // If it cannot, they cannot be there.
        let _ = setsockopt(&self.udp, sockopt::ReusePort, &shares);
    }

    fn of(socket: RawSocket, wanted: usize) -> io::Result<Socket> {
        let buffer = socket.recv_buffer_size()?;
        Ok(Socket {
            udp: UdpSocket::from_std(socket.into()),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            buffer,
            wanted,
            overrun: 0,
            control: nix::cmsg_space!(u32, [u8; 128]),
        })
    }

    /// Sends a datagram to the place that the socket is for, now. `None`: the system takes no more at present.
    #[inline]
    pub(crate) fn send_there(&mut self, bytes: &[u8]) -> Option<Sent> {
        loop {
            match self.udp.send(bytes) {
                Ok(_) => return Some(Sent::Yes),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => return None,
                    // As below.
                    io::ErrorKind::ConnectionRefused => {
                        let _ = self.udp.send(bytes);
                        return Some(Sent::Undelivered);
                    }
                    _ => return Some(Sent::Failed(error)),
                },
            }
        }
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

/// A socket that is at no place yet, and for addresses like this one.
fn raw(place: SocketAddr, receive_buffer: usize) -> io::Result<RawSocket> {
    let socket = RawSocket::new(Domain::for_address(place), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if place.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    enlarge(&socket, receive_buffer);
    // The system then tells of each datagram that nobody was there for, and where that was.
    match place {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    setsockopt(&socket, sockopt::RxqOvfl, &1)?;
    Ok(socket)
}

/// Makes the buffers as large as they are to be and the system allows.
fn enlarge(socket: &RawSocket, receive_buffer: usize) {
    // For those that may go beyond what the system allows others; for them it is what follows.
    if setsockopt(socket, sockopt::RcvBufForce, &receive_buffer).is_err() {
        let _ = socket.set_recv_buffer_size(receive_buffer);
    }
    let _ = socket.set_send_buffer_size(BUFFER);
}

/// How large a buffer for what comes the system gives, if it gives a socket.
pub(crate) fn given(receive_buffer: usize) -> Option<usize> {
    let socket = RawSocket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).ok()?;
    enlarge(&socket, receive_buffer);
    socket.recv_buffer_size().ok()
}

fn place(address: &SockaddrStorage) -> Option<SocketAddr> {
    let four = address.as_sockaddr_in().map(|four| SocketAddrV4::new(four.ip(), four.port()).into());
    four.or_else(|| address.as_sockaddr_in6().map(|six| SocketAddrV6::from(*six).into()))
}
