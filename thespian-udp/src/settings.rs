//! The transport as a value: where it listens, its secret, its bounds.

use std::env;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::transport::{Attached, Identity, LinkedTransport, Locator, Port, Transport};
use thespian_core::{Capabilities, DecodeLimits, Error, Limits, SystemId, decode, encode};
use thespian_transport::PortLimits;
use thespian_transport::handshake::Local;
use thespian_transport::holder::{self, Kind};
use thespian_transport::secret::{self, SHORTEST, Secret};

use crate::attach;
use crate::port::UdpPort;
use crate::socket::{self, Socket};

/// The base that this transport makes.
pub const NAME: &str = "multiprocUDPBase";

/// The capability that says at which port the system's admin listens (guide section 9.5).
pub const ADMIN_PORT: &str = "Admin Port";

/// Where the admin listens if the capability is not set (guide section 9.5).
pub const DEFAULT_ADMIN_PORT: u16 = 1029;

/// The largest encoded message, in bytes: what a datagram has beyond is left to addresses, the names of types, and the seal.
pub const LARGEST_MESSAGE: usize = 65_000;

/// What the system needs of a socket's buffer for a small datagram, more or less, in bytes.
const KEPT_PER_DATAGRAM: usize = 1024;

/// The variable that names the address at which the processes of a system listen (guide section 9.5).
pub const ADDRESS_VARIABLE: &str = "THESPIAN_BASE_IPADDR";

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
    secret: Source,
    bind: Option<IpAddr>,
    advertise: Option<IpAddr>,
    port: u16,
    limits: PortLimits,
}

/// Where the secret comes from.
#[derive(Clone, Debug)]
enum Source {
    Default,
    File(PathBuf),
    Known(Secret),
}

/// What other processes of the system are given.
#[derive(Serialize, Deserialize)]
struct Stored {
    secret: Secret,
    bind: IpText,
    advertise: Option<IpText>,
    port: u16,
    limits: PortLimits,
}

/// An address as text, which is the same in every version of everything.
#[derive(Serialize, Deserialize)]
struct IpText(String);

thespian_core::__private::inventory::submit! {
    LinkedTransport { base: NAME, restore: |settings| Ok(Box::new(Udp::restore(settings)?)) }
}

impl Default for Udp {
    fn default() -> Udp {
        Udp {
            secret: Source::Default,
            bind: None,
            advertise: None,
            port: DEFAULT_ADMIN_PORT,
            limits: PortLimits::default(),
        }
    }
}

impl Udp {
    /// The address of this machine at which the system's processes listen; goes before `THESPIAN_BASE_IPADDR`.
    pub fn bind(mut self, address: IpAddr) -> Udp {
        self.bind = Some(address);
        self
    }

    /// The address by which others reach them, where it is not the one they listen at.
    pub fn advertise(mut self, address: IpAddr) -> Udp {
        self.advertise = Some(address);
        self
    }

    /// The secret by which processes of the system know each other, of at least 16 bytes; the default is the one in the
    /// user's file.
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Udp {
        self.secret = Source::Known(Secret::new(secret.into()));
        self
    }

    /// The file with the secret, which is made if it is not there; goes before `THESPIAN_SECRET_FILE`.
    pub fn secret_file(mut self, file: impl Into<PathBuf>) -> Udp {
        self.secret = Source::File(file.into());
        self
    }

    /// Other bounds than the default.
    pub fn limits(mut self, limits: PortLimits) -> Udp {
        self.limits = limits;
        self
    }

    /// The transport from its [`settings`](Transport::settings).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`]: the bytes are of another release, or damaged.
    pub fn restore(settings: &[u8]) -> Result<Udp, Error> {
        let problem = || Error::InvalidSetting {
            setting: "the settings of the UDP transport".into(),
            problem: "are not as this release writes them: run all processes of a system from one program"
                .into(),
        };
        let stored: Stored = decode(settings, DecodeLimits::default()).map_err(|_| problem())?;
        let address = |text: IpText| text.0.parse().map_err(|_| problem());
        Ok(Udp {
            secret: Source::Known(stored.secret),
            bind: Some(address(stored.bind)?),
            advertise: stored.advertise.map(address).transpose()?,
            port: stored.port,
            limits: stored.limits,
        })
    }

    fn known_secret(&self) -> Result<Secret, Error> {
        let file = match &self.secret {
            Source::Known(secret) if secret.len() < SHORTEST => {
                let problem = format!("has {} bytes, and must have {SHORTEST} at least", secret.len());
                return Err(Error::InvalidSetting { setting: "Udp::secret".into(), problem });
            }
            Source::Known(secret) => return Ok(secret.clone()),
            Source::File(file) => Ok(file.clone()),
            Source::Default => secret::default_file(|name| env::var_os(name)),
        };
        file.and_then(|file| Secret::of_file(&file)).map_err(failure)
    }

    fn bound(&self) -> IpAddr {
        self.bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn check(&self) -> Result<(), Error> {
        if self.bound().is_unspecified() && self.advertise.is_none_or(|address| address.is_unspecified()) {
            return Err(Error::InvalidSetting {
                setting: "Udp::advertise".into(),
                problem: format!(
                    "must name the address by which others reach this machine when the system listens at {}, which is \
                     all of them",
                    self.bound()
                ),
            });
        }
        self.limits.check()
    }

    /// Where the admin of this system would be, if that is known before it is there.
    pub(crate) fn admin_place(&self) -> Option<SocketAddr> {
        let bound = self.bound();
        // What listens at all addresses is reached at its own.
        let reached = if bound.is_unspecified() { self.advertise.unwrap_or(bound) } else { bound };
        (self.port != 0).then(|| SocketAddr::new(reached, self.port))
    }

    pub(crate) fn attach_limit(&self) -> Duration {
        self.limits.attach
    }

    /// Opens a port that listens at this number.
    pub(crate) fn port_at(
        &self,
        number: u16,
        system: Option<SystemId>,
        role: thespian_core::transport::Role,
    ) -> Result<UdpPort, Error> {
        let place = SocketAddr::new(self.bound(), number);
        let socket = Socket::at(place).map_err(|error| cannot_listen(place, &error))?;
        let cannot = |error: io::Error| failure(format!("a port at {place} cannot be opened: {error}"));
        let bound = socket.udp.local_addr().map_err(cannot)?;
        let advertised = SocketAddr::new(self.advertise.unwrap_or(self.bound()), bound.port());
        let local =
            Local { base: NAME.into(), system, role, secret: self.known_secret()?, binding: Vec::new() };
        UdpPort::new(socket, Locator::new(advertised.to_string()), local, self.limits).map_err(cannot)
    }
}

impl Transport for Udp {
    fn base(&self) -> &'static str {
        NAME
    }

    fn configure(&mut self, capabilities: &mut Capabilities, _: &Limits) -> Result<(), Error> {
        self.port = admin_port(capabilities)?;
        capabilities.set(ADMIN_PORT, i64::from(self.port));
        if self.bind.is_none()
            && let Some(text) = env::var_os(ADDRESS_VARIABLE).filter(|text| !text.is_empty())
        {
            let parsed = text.to_str().and_then(|text| text.parse().ok());
            self.bind = Some(parsed.ok_or_else(|| Error::InvalidSetting {
                setting: ADDRESS_VARIABLE.into(),
                problem: format!("is {text:?}, and must be an address such as 192.0.2.7 or ::1"),
            })?);
        }
        self.check()?;
        self.secret = Source::Known(self.known_secret()?);
        Ok(())
    }

    fn narrow(&self, limits: &mut Limits) {
        limits.message_size = limits.message_size.min(LARGEST_MESSAGE);
        // What a target has not read yet is in its socket's buffer, and more than fits is lost. A quarter, because it may
        // have several senders, and because the system counts what it needs to keep a datagram.
        let Some(buffer) = socket::buffer() else { return };
        limits.window_bytes = limits.window_bytes.min(buffer / 4).max(1);
        let fit = u32::try_from(buffer / 4 / KEPT_PER_DATAGRAM).unwrap_or(u32::MAX).max(1);
        limits.window_max = limits.window_max.min(fit);
        limits.window = limits.window.min(limits.window_max);
    }

    fn settings(&self) -> Vec<u8> {
        let secret = match &self.secret {
            Source::Known(secret) => secret.clone(),
            // Before `configure` there is none, and with none no port opens.
            Source::Default | Source::File(_) => Secret::new(Vec::new()),
        };
        let text = |address: IpAddr| IpText(address.to_string());
        let stored = Stored {
            secret,
            bind: text(self.bound()),
            advertise: self.advertise.map(text),
            port: self.port,
            limits: self.limits,
        };
        encode(&stored).unwrap_or_default()
    }

    fn place(&self) -> Locator {
        let place = self.admin_place().unwrap_or(SocketAddr::new(self.bound(), self.port));
        Locator::new(place.to_string())
    }

    fn attach(&self, at: Option<&Locator>) -> Result<Option<Attached>, Error> {
        attach::attach(self, at)
    }

    fn open_admin(&self, identity: Identity) -> Result<Box<dyn Port>, Error> {
        Ok(Box::new(self.port_at(self.port, Some(identity.system), identity.role)?))
    }

    fn open(&self, identity: Identity) -> Result<Box<dyn Port>, Error> {
        Ok(Box::new(self.port_at(0, Some(identity.system), identity.role)?))
    }

    fn opened(&self, port: &dyn Port, capabilities: &mut Capabilities) {
        if let Ok(place) = port.locator().as_str().parse::<SocketAddr>() {
            capabilities.set(ADMIN_PORT, i64::from(place.port()));
        }
    }
}

fn admin_port(capabilities: &Capabilities) -> Result<u16, Error> {
    let Some(value) = capabilities.get(ADMIN_PORT) else { return Ok(DEFAULT_ADMIN_PORT) };
    let port = value.as_int().and_then(|number| u16::try_from(number).ok());
    port.ok_or_else(|| Error::InvalidSetting {
        setting: format!("capability {ADMIN_PORT:?}"),
        problem: format!(
            "is the {} {value}, and must be an integer from 0 to 65535, where 0 is any port that is free",
            value.kind()
        ),
    })
}

pub(crate) fn failure(cause: String) -> Error {
    Error::StartupFailure { base: NAME.into(), cause }
}

fn cannot_listen(place: SocketAddr, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => Error::PlaceTaken {
            base: NAME.into(),
            place: place.to_string(),
            holder: holder::of(Kind::Udp, place),
        },
        io::ErrorKind::AddrNotAvailable => failure(format!(
            "{} is no address of this machine (address not local): give Udp::bind or {ADDRESS_VARIABLE} one that is",
            place.ip()
        )),
        io::ErrorKind::PermissionDenied => {
            failure(format!("this user may not listen at {place}: choose an {ADMIN_PORT:?} of 1024 or more"))
        }
        _ => failure(format!("it cannot listen at {place}: {error}")),
    }
}
