//! The sockets of a port over TCP.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use socket2::SockRef;
use thespian_transport::Sockets;

use crate::listen::{control_congestion, watch_for_silence};

/// Stream sockets over TCP.
pub(crate) struct TcpSockets;

impl Sockets for TcpSockets {
    type Place = SocketAddr;
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Origin = IpAddr;

    const PLACE_FORM: &'static str = "an address and a port, such as 127.0.0.1:4711";

    fn place(text: &str) -> Option<SocketAddr> {
        text.parse().ok()
    }

    fn connect(to: &SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(*to)?;
        watch_for_silence(&stream, *to);
        control_congestion(SockRef::from(&stream), *to);
        Ok(stream)
    }

    fn is_connected(stream: &TcpStream) -> io::Result<bool> {
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            // A port without a listener that is given to the socket itself connects it to itself.
            Ok(there) if stream.local_addr().is_ok_and(|here| here == there) => {
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            Ok(_) => {
                let _ = stream.set_nodelay(true);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn accept(listener: &TcpListener) -> io::Result<(TcpStream, IpAddr)> {
        let (stream, from) = listener.accept()?;
        let _ = stream.set_nodelay(true);
        watch_for_silence(&stream, from);
        Ok((stream, from.ip()))
    }

    fn shut(stream: &TcpStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }
}
