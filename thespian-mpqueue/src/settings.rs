//! The transport as a value: its place and its secret, its bounds.

use std::io;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use thespian_core::transport::{
    Attached, Identity, Lifetime, LinkedTransport, Locator, Port, Role, Transport,
};
use thespian_core::{Capabilities, DecodeLimits, Error, Feature, Limits, SystemId, decode, encode};
use thespian_transport::handshake::Local;
use thespian_transport::secret::Secret;
use thespian_transport::{PortLimits, StreamPort};

use crate::name::Name;
use crate::sockets::{QueueSockets, listen};

/// The base that this transport makes.
pub const NAME: &str = "multiprocQueueBase";

/// The capability that says where the system's admin is (guide section 9.3).
pub const ADMIN_ADDRESS: &str = "Admin Address";

/// Its value, which is the same for every system: nobody else could use a better one.
pub const THE_ADMIN_ADDRESS: &str = "ThespianQ";

/// The capability that says how processes are started.
const STARTUP_METHOD: &str = "Process Startup Method";

/// What the names of capabilities begin with that make a system part of a convention (guide section 9.4).
const CONVENTION: &str = "Convention Address";

/// The transport over queues: `Multiproc::new(MpQueue::default())`.
///
/// Clones lead to one system: the first one that is started makes it, and those that are started while it runs join it.
///
/// ```
/// use thespian_core::transport::Transport;
/// use thespian_mpqueue::MpQueue;
///
/// assert_eq!(MpQueue::default().base(), "multiprocQueueBase");
/// ```
#[derive(Clone, Debug)]
pub struct MpQueue {
    /// Where the system of this value and its clones is, made when the first is configured.
    home: Arc<OnceLock<Home>>,
    limits: PortLimits,
    message_size: usize,
}

/// Where a system's admin listens, and what its processes know each other by.
#[derive(Clone, Debug)]
struct Home {
    name: Name,
    secret: Secret,
}

/// What other processes of the system are given.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    secret: Secret,
    limits: PortLimits,
    message_size: usize,
}

thespian_core::__private::inventory::submit! {
    LinkedTransport { base: NAME, restore: |settings| Ok(Box::new(MpQueue::restore(settings)?)) }
}

impl Default for MpQueue {
    fn default() -> MpQueue {
        MpQueue {
            home: Arc::default(),
            limits: PortLimits::default(),
            message_size: Limits::default().message_size,
        }
    }
}

impl MpQueue {
    /// Other bounds than the default.
    #[must_use]
    pub fn limits(mut self, limits: PortLimits) -> MpQueue {
        self.limits = limits;
        self
    }

    /// The transport from its [`settings`](Transport::settings).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`]: the bytes are of another release, or damaged.
    pub fn restore(settings: &[u8]) -> Result<MpQueue, Error> {
        let problem = || Error::InvalidSetting {
            setting: "the settings of the queue transport".into(),
            problem: "are not as this release writes them: run all processes of a system from one program"
                .into(),
        };
        let stored: Stored = decode(settings, DecodeLimits::default()).map_err(|_| problem())?;
        let name = Name::parse(&stored.name).ok_or_else(problem)?;
        let home = Home { name, secret: stored.secret };
        let home = Arc::new(OnceLock::from(home));
        Ok(MpQueue { home, limits: stored.limits, message_size: stored.message_size })
    }

    /// Where the system is, as long as there may be one.
    fn home(&self) -> Result<&Home, Error> {
        let unmade = || failure("the transport opens ports once it has been configured".into());
        self.home.get().ok_or_else(unmade)
    }

    /// Opens a port that listens under this name.
    fn port_at(
        &self,
        name: Name,
        system: Option<SystemId>,
        role: Role,
    ) -> Result<StreamPort<QueueSockets>, Error> {
        let secret = self.home()?.secret.clone();
        let listener = listen(name).map_err(|error| cannot_listen(name, &error))?;
        let local = Local { base: NAME.into(), system, role, secret, binding: Vec::new() };
        let port =
            StreamPort::new(listener, Locator::new(name.to_string()), local, self.limits, self.message_size);
        port.map_err(|error| failure(format!("a port cannot be opened: {error}")))
    }

    fn any_port(&self, system: Option<SystemId>, role: Role) -> Result<StreamPort<QueueSockets>, Error> {
        self.port_at(Name::random().map_err(failure)?, system, role)
    }
}

impl Transport for MpQueue {
    fn base(&self) -> &'static str {
        NAME
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::OfItsStarter
    }

    fn read_only(&self) -> &'static [&'static str] {
        &[ADMIN_ADDRESS]
    }

    fn configure(&mut self, capabilities: &mut Capabilities, limits: &Limits) -> Result<(), Error> {
        check(capabilities)?;
        self.limits.check()?;
        self.message_size = limits.message_size;
        capabilities.set(ADMIN_ADDRESS, THE_ADMIN_ADDRESS);
        if self.home.get().is_none() {
            let name = Name::random().map_err(failure)?;
            let secret = Secret::random().map_err(failure)?;
            // If another clone was quicker, this one is of its system.
            let _ = self.home.set(Home { name, secret });
        }
        Ok(())
    }

    fn settings(&self) -> Vec<u8> {
        // Before `configure` there is no home, and the empty bytes restore nothing.
        let Some(home) = self.home.get() else { return Vec::new() };
        let stored = Stored {
            name: home.name.to_string(),
            secret: home.secret.clone(),
            limits: self.limits,
            message_size: self.message_size,
        };
        encode(&stored).unwrap_or_default()
    }

    fn place(&self) -> Locator {
        Locator::new(THE_ADMIN_ADDRESS)
    }

    fn attach(&self, at: Option<&Locator>) -> Result<Option<Attached>, Error> {
        let home = Locator::new(self.home()?.name.to_string());
        let open = || self.any_port(None, Role::Client);
        let holder = || String::from("another program");
        thespian_transport::attach(NAME, at.unwrap_or(&home), self.limits.attach, open, holder)
    }

    fn open_admin(&self, identity: Identity) -> Result<Box<dyn Port>, Error> {
        Ok(Box::new(self.port_at(self.home()?.name, Some(identity.system), identity.role)?))
    }

    fn open(&self, identity: Identity) -> Result<Box<dyn Port>, Error> {
        Ok(Box::new(self.any_port(Some(identity.system), identity.role)?))
    }
}

/// Whether the user asks for nothing that this base does not have.
fn check(capabilities: &Capabilities) -> Result<(), Error> {
    let invalid = |name: &str, problem: &str| Error::InvalidSetting {
        setting: format!("capability {name:?}"),
        problem: problem.into(),
    };
    if capabilities.get(ADMIN_ADDRESS).is_some() {
        return Err(invalid(ADMIN_ADDRESS, "is read-only: the system sets it itself"));
    }
    if capabilities.iter().any(|(name, _)| name.starts_with(CONVENTION)) {
        return Err(Error::NotSupported { feature: Feature::Conventions, base: NAME.into() });
    }
    if capabilities.get(STARTUP_METHOD).and_then(|method| method.as_str()) == Some("forkserver") {
        return Err(invalid(
            STARTUP_METHOD,
            "is \"forkserver\", and must be \"fork\" or \"spawn\": the system ends with the program that starts it, and has \
             no process that forks for it (guide section 9.3)",
        ));
    }
    Ok(())
}

fn failure(cause: String) -> Error {
    Error::StartupFailure { base: NAME.into(), cause }
}

fn cannot_listen(name: Name, error: &io::Error) -> Error {
    match error.kind() {
        // The name is random, so it is the system of a clone.
        io::ErrorKind::AddrInUse => Error::PlaceTaken {
            base: NAME.into(),
            place: name.to_string(),
            holder: "another system of this program".into(),
        },
        _ => failure(format!("it cannot listen as {name}: {error}")),
    }
}
