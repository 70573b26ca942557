//! The transport as a value: where it listens, its secret, its bounds.

use std::net::IpAddr;
use std::path::PathBuf;

use thespian_core::transport::{Attached, Identity, LinkedTransport, Locator, Port, Role, Transport};
use thespian_core::{Capabilities, DecodeLimits, Error, Limits, SystemId, decode, encode};
use thespian_transport::PortLimits;
use thespian_transport::holder::Kind;
use thespian_transport::internet::{self, Internet, Names, Stored};

use crate::attach;
use crate::port::UdpPort;
use crate::socket::{self, Socket};

pub use thespian_transport::internet::{ADDRESS_VARIABLE, ADMIN_PORT};

/// The base that this transport makes.
pub const NAME: &str = "multiprocUDPBase";

/// Where the admin listens if the capability is not set (guide section 9.5).
pub const DEFAULT_ADMIN_PORT: u16 = 1029;

/// The largest encoded message, in bytes: what a datagram has beyond is left to addresses, the names of types, and the seal.
pub const LARGEST_MESSAGE: usize = 65_000;

/// What the system needs of a socket's buffer for a small datagram, more or less, in bytes.
const KEPT_PER_DATAGRAM: usize = 1024;

const NAMES: Names =
    Names { base: NAME, value: "Udp", protocol: "UDP", kind: Kind::Udp, admin_port: DEFAULT_ADMIN_PORT };

/// The transport over UDP: `Multiproc::new(Udp::default())`.
///
/// By default a system listens on this machine alone, at `127.0.0.1`.
///
/// ```
/// use thespian_core::transport::Transport;
/// use thespian_udp::Udp;
///
/// let transport = Udp::default().bind([0, 0, 0, 0].into()).advertise([192, 0, 2, 7].into());
/// assert_eq!(transport.base(), "multiprocUDPBase");
/// ```
#[derive(Clone, Debug)]
pub struct Udp {
    pub(crate) internet: Internet,
    receive_buffer: usize,
}

thespian_core::__private::inventory::submit! {
    LinkedTransport { base: NAME, restore: |settings| Ok(Box::new(Udp::restore(settings)?)) }
}

impl Default for Udp {
    fn default() -> Udp {
        Udp { internet: Internet::new(NAMES), receive_buffer: socket::BUFFER }
    }
}

impl Udp {
    /// The address of this machine at which the system's processes listen; goes before `THESPIAN_BASE_IPADDR`.
    pub fn bind(mut self, address: IpAddr) -> Udp {
        self.internet.bind = Some(address);
        self
    }

    /// The address by which others reach them, where it is not the one they listen at.
    pub fn advertise(mut self, address: IpAddr) -> Udp {
        self.internet.advertise = Some(address);
        self
    }

    /// The secret by which processes of the system know each other, of at least 16 bytes; the default is the one in the
    /// user's file.
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Udp {
        self.internet.set_secret(secret.into());
        self
    }

    /// The file with the secret, which is made if it is not there; goes before `THESPIAN_SECRET_FILE`.
    pub fn secret_file(mut self, file: impl Into<PathBuf>) -> Udp {
        self.internet.set_secret_file(file.into());
        self
    }

    /// How much a socket is to keep of what has come and is not read yet, in bytes as the system counts; the default is 4 MiB. The
    /// system may allow less. What is on its way between two actors is bounded by a quarter of what it does.
    pub fn receive_buffer(mut self, bytes: usize) -> Udp {
        self.receive_buffer = bytes;
        self
    }

    /// Other bounds than the default.
    pub fn limits(mut self, limits: PortLimits) -> Udp {
        self.internet.limits = limits;
        self
    }

    /// The transport from its [`settings`](Transport::settings).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`]: the bytes are of another release, or damaged.
    pub fn restore(settings: &[u8]) -> Result<Udp, Error> {
        let stored: Option<(Stored, usize)> = decode(settings, DecodeLimits::default()).ok();
        let udp = stored.and_then(|(stored, receive_buffer)| {
            Some(Udp { internet: Internet::restore(NAMES, stored)?, receive_buffer })
        });
        udp.ok_or_else(|| Internet::not_restored(NAMES))
    }

    /// Opens a port with this number.
    pub(crate) fn port_at(
        &self,
        number: u16,
        system: Option<SystemId>,
        role: Role,
    ) -> Result<UdpPort, Error> {
        let internet = &self.internet;
        let port = |socket, locator, local| UdpPort::new(socket, locator, local, internet.limits);
        let socket = |place| Socket::at(place, self.receive_buffer);
        internet.open(number, system, role, socket, |socket| socket.udp.local_addr(), port)
    }
}

impl Transport for Udp {
    fn base(&self) -> &'static str {
        NAME
    }

    fn configure(&mut self, capabilities: &mut Capabilities, _: &Limits) -> Result<(), Error> {
        self.internet.configure(capabilities)
    }

    fn narrow(&self, limits: &mut Limits) {
        limits.message_size = limits.message_size.min(LARGEST_MESSAGE);
        // What a target has not read yet is in its socket's buffer, and more than fits is lost. A quarter, because it may
        // have several senders, and because the system counts what it needs to keep a datagram.
        let Some(buffer) = socket::given(self.receive_buffer) else { return };
        limits.window_bytes = limits.window_bytes.min(buffer / 4).max(1);
        let fit = u32::try_from(buffer / 4 / KEPT_PER_DATAGRAM).unwrap_or(u32::MAX).max(1);
        limits.window_max = limits.window_max.min(fit);
        limits.window = limits.window.min(limits.window_max);
    }

    fn settings(&self) -> Vec<u8> {
        encode(&(self.internet.stored(), self.receive_buffer)).unwrap_or_default()
    }

    fn place(&self) -> Locator {
        self.internet.place()
    }

    fn attach(&self, at: Option<&Locator>) -> Result<Option<Attached>, Error> {
        attach::attach(self, at)
    }

    fn open_admin(&self, identity: Identity) -> Result<Box<dyn Port>, Error> {
        Ok(Box::new(self.port_at(self.internet.port(), Some(identity.system), identity.role)?))
    }

    fn open(&self, identity: Identity) -> Result<Box<dyn Port>, Error> {
        Ok(Box::new(self.port_at(0, Some(identity.system), identity.role)?))
    }

    fn opened(&self, port: &dyn Port, capabilities: &mut Capabilities) {
        internet::opened(&port.locator(), capabilities);
    }
}
