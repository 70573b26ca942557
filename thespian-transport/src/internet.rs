//! What transports at an IP address and a port have in common: where a system listens, its secret, its bounds.

use std::env;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thespian_core::transport::{Locator, Role};
use thespian_core::{Capabilities, Error, SystemId};

use crate::PortLimits;
use crate::handshake::Local;
use crate::holder::{self, Kind};
use crate::secret::{self, SHORTEST, Secret};

/// The capability that says at which port the system's admin listens (guide sections 9.4 and 9.5).
pub const ADMIN_PORT: &str = "Admin Port";

/// The variable that names the address at which the processes of a system listen (guide sections 9.4 and 9.5).
pub const ADDRESS_VARIABLE: &str = "THESPIAN_BASE_IPADDR";

/// Which transport it is, in the words of its errors.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Its base, such as `multiprocTCPBase`.
    pub base: &'static str,
    /// Its type, such as `Tcp`.
    pub value: &'static str,
    /// Its protocol, for people.
    pub protocol: &'static str,
    /// Its protocol, for the system.
    pub kind: Kind,
    /// Where its admins listen if the capability is not set.
    pub admin_port: u16,
}

/// Where a system listens, its secret, its bounds.
#[derive(Clone, Debug)]
pub struct Internet {
    names: Names,
    secret: Source,
    /// The address to listen at; goes before the variable.
    pub bind: Option<IpAddr>,
    /// The address by which others reach the processes, where it is not the one they listen at.
    pub advertise: Option<IpAddr>,
    port: u16,
    /// The bounds of ports.
    pub limits: PortLimits,
}

/// Where the secret comes from.
#[derive(Clone, Debug)]
enum Source {
    Default,
    File(PathBuf),
    Known(Secret),
}

/// The same, for other processes of the system.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    secret: Secret,
    bind: IpText,
    advertise: Option<IpText>,
    port: u16,
    limits: PortLimits,
}

/// An address as text, which is the same in every version of everything.
#[derive(Serialize, Deserialize)]
struct IpText(String);

impl Internet {
    /// At `127.0.0.1`, with the user's secret.
    pub fn new(names: Names) -> Internet {
        Internet {
            names,
            secret: Source::Default,
            bind: None,
            advertise: None,
            port: names.admin_port,
            limits: PortLimits::default(),
        }
    }

    /// With this secret.
    pub fn set_secret(&mut self, secret: Vec<u8>) {
        self.secret = Source::Known(Secret::new(secret));
    }

    /// With the secret in this file.
    pub fn set_secret_file(&mut self, file: PathBuf) {
        self.secret = Source::File(file);
    }

    /// As it was stored; `None` if it was not stored by this release.
    pub fn restore(names: Names, stored: Stored) -> Option<Internet> {
        let address = |text: IpText| text.0.parse().ok();
        let advertise = match stored.advertise {
            Some(text) => Some(address(text)?),
            None => None,
        };
        Some(Internet {
            names,
            secret: Source::Known(stored.secret),
            bind: Some(address(stored.bind)?),
            advertise,
            port: stored.port,
            limits: stored.limits,
        })
    }

    /// Says that what should be stored settings is none.
    pub fn not_restored(names: Names) -> Error {
        Error::InvalidSetting {
            setting: format!("the settings of the {} transport", names.protocol),
            problem: "are not as this release writes them: run all processes of a system from one program"
                .into(),
        }
    }

    /// To be stored for other processes.
    pub fn stored(&self) -> Stored {
        let secret = match &self.secret {
            Source::Known(secret) => secret.clone(),
            // Before `configure` there is none, and with none no port opens.
            Source::Default | Source::File(_) => Secret::new(Vec::new()),
        };
        let text = |address: IpAddr| IpText(address.to_string());
        let (bind, advertise) = (text(self.bound()), self.advertise.map(text));
        Stored { secret, bind, advertise, port: self.port, limits: self.limits }
    }

    /// Takes the port from the capabilities and the address from the variable, checks all of it, and finds the secret.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] names what is wrong; [`Error::StartupFailure`]: there is no secret to be had.
    pub fn configure(&mut self, capabilities: &mut Capabilities) -> Result<(), Error> {
        self.port = self.admin_port(capabilities)?;
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
        if self.bound().is_unspecified() && self.advertise.is_none_or(|address| address.is_unspecified()) {
            return Err(Error::InvalidSetting {
                setting: format!("{}::advertise", self.names.value),
                problem: format!(
                    "must name the address by which others reach this machine when the system listens at {}, which is \
                     all of them",
                    self.bound()
                ),
            });
        }
        self.limits.check()?;
        self.secret = Source::Known(self.known_secret()?);
        Ok(())
    }

    /// Where the admin is looked for, for people.
    pub fn place(&self) -> Locator {
        let place = self.admin_place().unwrap_or(SocketAddr::new(self.bound(), self.port));
        Locator::new(place.to_string())
    }

    /// The number of the admin's port, 0 for any.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where to look for a system: at this place, or where this one's admin would be. `None` if that is nowhere known before it
    /// is there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`]: the place is no address and port.
    pub fn sought(&self, at: Option<&Locator>) -> Result<Option<SocketAddr>, Error> {
        let Some(locator) = at else { return Ok(self.admin_place()) };
        let place = locator.as_str().parse().map_err(|_| Error::InvalidSetting {
            setting: "the place of the system".into(),
            problem: format!(
                "is {:?}, and must be an address and a port, such as 127.0.0.1:{}",
                locator.as_str(),
                self.names.admin_port
            ),
        })?;
        Ok(Some(place))
    }

    /// Who has a place, as far as can be found out.
    pub fn holder(&self, place: SocketAddr) -> String {
        holder::of(self.names.kind, place)
    }

    /// Opens a port at this number: `listen` opens a socket there and says where it is, and `open` makes a port of it.
    ///
    /// # Errors
    ///
    /// [`Error::PlaceTaken`], or [`Error::StartupFailure`] with the reason.
    pub fn open<L, P>(
        &self,
        number: u16,
        system: Option<SystemId>,
        role: Role,
        listen: impl FnOnce(SocketAddr) -> io::Result<L>,
        bound: impl FnOnce(&L) -> io::Result<SocketAddr>,
        open: impl FnOnce(L, Locator, Local) -> io::Result<P>,
    ) -> Result<P, Error> {
        let place = SocketAddr::new(self.bound(), number);
        let listener = listen(place).map_err(|error| self.cannot_listen(place, &error))?;
        let cannot = |error: io::Error| self.failure(format!("a port at {place} cannot be opened: {error}"));
        let bound = bound(&listener).map_err(cannot)?;
        let advertised = SocketAddr::new(self.advertise.unwrap_or(self.bound()), bound.port());
        let base = self.names.base.into();
        let local = Local { base, system, role, secret: self.known_secret()?, binding: Vec::new() };
        open(listener, Locator::new(advertised.to_string()), local).map_err(cannot)
    }

    fn bound(&self) -> IpAddr {
        self.bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Where the admin of this system would be, if that is known before it is there.
    fn admin_place(&self) -> Option<SocketAddr> {
        let bound = self.bound();
        // What listens at all addresses is reached at its own.
        let reached = if bound.is_unspecified() { self.advertise.unwrap_or(bound) } else { bound };
        (self.port != 0).then(|| SocketAddr::new(reached, self.port))
    }

    fn admin_port(&self, capabilities: &Capabilities) -> Result<u16, Error> {
        let Some(value) = capabilities.get(ADMIN_PORT) else { return Ok(self.names.admin_port) };
        let port = value.as_int().and_then(|number| u16::try_from(number).ok());
        port.ok_or_else(|| Error::InvalidSetting {
            setting: format!("capability {ADMIN_PORT:?}"),
            problem: format!(
                "is the {} {value}, and must be an integer from 0 to 65535, where 0 is any port that is free",
                value.kind()
            ),
        })
    }

    fn known_secret(&self) -> Result<Secret, Error> {
        let file = match &self.secret {
            Source::Known(secret) if secret.len() < SHORTEST => {
                let problem = format!("has {} bytes, and must have {SHORTEST} at least", secret.len());
                return Err(Error::InvalidSetting {
                    setting: format!("{}::secret", self.names.value),
                    problem,
                });
            }
            Source::Known(secret) => return Ok(secret.clone()),
            Source::File(file) => Ok(file.clone()),
            Source::Default => secret::default_file(|name| env::var_os(name)),
        };
        file.and_then(|file| Secret::of_file(&file)).map_err(|cause| self.failure(cause))
    }

    /// That no port opens, and why.
    pub fn failure(&self, cause: String) -> Error {
        Error::StartupFailure { base: self.names.base.into(), cause }
    }

    fn cannot_listen(&self, place: SocketAddr, error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AddrInUse => Error::PlaceTaken {
                base: self.names.base.into(),
                place: place.to_string(),
                holder: self.holder(place),
            },
            io::ErrorKind::AddrNotAvailable => self.failure(format!(
                "{} is no address of this machine (address not local): give {}::bind or {ADDRESS_VARIABLE} one that is",
                place.ip(),
                self.names.value
            )),
            io::ErrorKind::PermissionDenied => self
                .failure(format!("this user may not listen at {place}: choose an {ADMIN_PORT:?} of 1024 or more")),
            _ => self.failure(format!("it cannot listen at {place}: {error}")),
        }
    }
}

/// Completes the capabilities of a system whose admin has its port, which may have been any.
pub fn opened(locator: &Locator, capabilities: &mut Capabilities) {
    if let Ok(place) = locator.as_str().parse::<SocketAddr>() {
        capabilities.set(ADMIN_PORT, i64::from(place.port()));
    }
}
