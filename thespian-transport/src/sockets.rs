//! What a port wants of the kind of socket that it is made of.

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use mio::event::Source;

/// A kind of stream socket: how one is connected, accepted and ended. All are non-blocking.
///
/// A [`StreamPort`](crate::StreamPort) is generic over it, so nothing on the way of a frame is looked up at run time.
pub trait Sockets: Send + 'static {
    /// Where something listens; what the text of a [`Locator`](thespian_core::transport::Locator) means.
    type Place;
    /// A socket that listens.
    type Listener: Source + Send;
    /// A connection.
    type Stream: Source + Read + Write + AsRawFd + Send;
    /// Where a connection came from, as far as it tells strangers apart in the log: for TCP, the address of the machine.
    type Origin: Clone + PartialEq + Display + Send;

    /// What a place looks like, for people: "an address and a port, such as 127.0.0.1:4711".
    const PLACE_FORM: &'static str;

    /// The place that a text means.
    fn place(text: &str) -> Option<Self::Place>;

    /// Begins to connect to a place.
    ///
    /// # Errors
    ///
    /// Those of the operating system. [`ConnectionRefused`](io::ErrorKind::ConnectionRefused): nobody listens there.
    fn connect(to: &Self::Place) -> io::Result<Self::Stream>;

    /// Whether a socket that was being connected is connected by now; if so, it is tuned for frames.
    ///
    /// # Errors
    ///
    /// As [`connect`](Sockets::connect). A socket that was connected to itself counts as one that nobody listens to.
    fn is_connected(stream: &Self::Stream) -> io::Result<bool>;

    /// Takes the next connection that waits, tuned for frames, and says where it came from.
    ///
    /// # Errors
    ///
    /// Those of the operating system. [`WouldBlock`](io::ErrorKind::WouldBlock): there is none.
    fn accept(listener: &Self::Listener) -> io::Result<(Self::Stream, Self::Origin)>;

    /// Whether whoever is at the other side may be there at all, before a word is said: where the operating system tells
    /// who it is. Asked on both sides.
    ///
    /// # Errors
    ///
    /// Who it is, for people: it may not.
    fn admit(stream: &Self::Stream) -> Result<(), String> {
        let _ = stream;
        Ok(())
    }

    /// Says that no more will be written.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    fn shut(stream: &Self::Stream) -> io::Result<()>;
}
