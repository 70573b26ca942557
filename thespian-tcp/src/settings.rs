//! The transport as a value: where it listens, its secret, its bounds.

use std::net::IpAddr;
use std::path::PathBuf;

use mio::net::TcpListener;
use thespian_core::transport::{Attached, Identity, LinkedTransport, Locator, Port, Role, Transport};
use thespian_core::{Capabilities, DecodeLimits, Error, Limits, SystemId, decode, encode};
use thespian_transport::holder::Kind;
use thespian_transport::internet::{self, Internet, Names, Stored};
use thespian_transport::{PortLimits, StreamPort};

use crate::sockets::TcpSockets;
use crate::{attach, listen};

pub use thespian_transport::internet::{ADDRESS_VARIABLE, ADMIN_PORT};

/// The base that this transport makes.
pub const NAME: &str = "multiprocTCPBase";

/// Where the admin listens if the capability is not set (guide section 9.4).
pub const DEFAULT_ADMIN_PORT: u16 = 1900;

const NAMES: Names =
    Names { base: NAME, value: "Tcp", protocol: "TCP", kind: Kind::Tcp, admin_port: DEFAULT_ADMIN_PORT };

/// The transport over TCP: `Multiproc::new(Tcp::default())`.
///
/// By default a system listens on this machine alone, at `127.0.0.1`.
///
/// ```
/// use thespian_core::transport::Transport;
/// use thespian_tcp::Tcp;
///
/// let transport = Tcp::default().bind([0, 0, 0, 0].into()).advertise([192, 0, 2, 7].into());
/// assert_eq!(transport.base(), "multiprocTCPBase");
/// ```
#[derive(Clone, Debug)]
pub struct Tcp {
    pub(crate) internet: Internet,
    message_size: usize,
}

thespian_core::__private::inventory::submit! {
    LinkedTransport { base: NAME, restore: |settings| Ok(Box::new(Tcp::restore(settings)?)) }
}

impl Default for Tcp {
    fn default() -> Tcp {
        Tcp { internet: Internet::new(NAMES), message_size: Limits::default().message_size }
    }
}

impl Tcp {
    /// The address of this machine at which the system's processes listen; goes before `THESPIAN_BASE_IPADDR`.
    pub fn bind(mut self, address: IpAddr) -> Tcp {
        self.internet.bind = Some(address);
        self
    }

    /// The address by which others reach them, where it is not the one they listen at.
    pub fn advertise(mut self, address: IpAddr) -> Tcp {
        self.internet.advertise = Some(address);
        self
    }

    /// The secret by which processes of the system know each other, of at least 16 bytes; the default is the one in the
    /// user's file.
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Tcp {
        self.internet.set_secret(secret.into());
        self
    }

    /// The file with the secret, which is made if it is not there; goes before `THESPIAN_SECRET_FILE`.
    pub fn secret_file(mut self, file: impl Into<PathBuf>) -> Tcp {
        self.internet.set_secret_file(file.into());
        self
    }

    /// Other bounds than the default.
    pub fn limits(mut self, limits: PortLimits) -> Tcp {
        self.internet.limits = limits;
        self
    }

    /// The transport from its [`settings`](Transport::settings).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`]: the bytes are of another release, or damaged.
    pub fn restore(settings: &[u8]) -> Result<Tcp, Error> {
        let stored: Option<(Stored, usize)> = decode(settings, DecodeLimits::default()).ok();
        let restored = stored.and_then(|(stored, message_size)| {
            Some(Tcp { internet: Internet::restore(NAMES, stored)?, message_size })
        });
        restored.ok_or_else(|| Internet::not_restored(NAMES))
    }

    /// Opens a port that listens at this number.
    pub(crate) fn port_at(
        &self,
        number: u16,
        system: Option<SystemId>,
        role: Role,
    ) -> Result<StreamPort<TcpSockets>, Error> {
        let Tcp { internet, message_size } = self;
        let port = |listener, locator, local| {
            StreamPort::new(listener, locator, local, internet.limits, *message_size)
        };
        internet.open(number, system, role, listen::at, TcpListener::local_addr, port)
    }
}

impl Transport for Tcp {
    fn base(&self) -> &'static str {
        NAME
    }

    fn configure(&mut self, capabilities: &mut Capabilities, limits: &Limits) -> Result<(), Error> {
        self.message_size = limits.message_size;
        self.internet.configure(capabilities)
    }

    fn settings(&self) -> Vec<u8> {
        encode(&(self.internet.stored(), self.message_size)).unwrap_or_default()
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
