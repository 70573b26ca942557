//! Joining the system that the command line names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use thespian_core::{ActorSystem, Error, StatusReq, SystemStatus};
use thespian_multiproc::Multiproc;
use thespian_tcp::{ADDRESS_VARIABLE, ADMIN_PORT, Tcp};

use crate::args::Target;

/// How long an answer may take, unless the command line says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

impl Target {
    /// Joins the system; never starts one.
    ///
    /// # Errors
    ///
    /// What is there instead, or that nobody is.
    pub(crate) fn attach(&self) -> Result<ActorSystem, Error> {
        let transport = match &self.secret_file {
            Some(file) => Tcp::default().secret_file(file),
            None => Tcp::default(),
        };
        ActorSystem::builder()
            .base(Multiproc::new(transport))
            .capability(ADMIN_PORT, i64::from(self.port))
            .unregistered()
            .attach()
    }

    /// Where the system is, for people.
    pub(crate) fn place(&self) -> String {
        let address = std::env::var(ADDRESS_VARIABLE).ok().and_then(|text| text.parse::<IpAddr>().ok());
        SocketAddr::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), self.port).to_string()
    }

    /// How long to wait for an answer of the admin.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout.unwrap_or(PATIENCE)
    }

    /// How the system is.
    ///
    /// # Errors
    ///
    /// When it does not say so in time.
    pub(crate) fn status(&self, system: &ActorSystem) -> Result<SystemStatus, Error> {
        system.request(&system.system_address(), StatusReq, self.patience())
    }
}
