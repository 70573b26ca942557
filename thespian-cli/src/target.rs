//! Joining the system that the command line names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use thespian_core::{ActorSystem, Error, StatusReq, SystemStatus};
use thespian_multiproc::Multiproc;
use thespian_tcp::{ADDRESS_VARIABLE, ADMIN_PORT, Tcp};
use thespian_udp::Udp;

use crate::args::{Base, Target};

/// How long an answer may take, unless the command line says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

impl Target {
    /// Joins the system; never starts one.
    ///
    /// # Errors
    ///
    /// What is there instead, or that nobody is.
    pub(crate) fn attach(&self) -> Result<ActorSystem, Error> {
        let base = match (self.base, &self.secret_file) {
            (Base::Tcp, Some(file)) => Multiproc::new(Tcp::default().secret_file(file)),
            (Base::Tcp, None) => Multiproc::new(Tcp::default()),
            (Base::Udp, Some(file)) => Multiproc::new(Udp::default().secret_file(file)),
            (Base::Udp, None) => Multiproc::new(Udp::default()),
        };
        // All bases call it the same.
        let builder = ActorSystem::builder().base(base).capability(ADMIN_PORT, i64::from(self.port()));
        builder.unregistered().attach()
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(match self.base {
            Base::Tcp => thespian_tcp::DEFAULT_ADMIN_PORT,
            Base::Udp => thespian_udp::DEFAULT_ADMIN_PORT,
        })
    }

    /// Where the system is, for people.
    pub(crate) fn place(&self) -> String {
        let address = std::env::var(ADDRESS_VARIABLE).ok().and_then(|text| text.parse::<IpAddr>().ok());
        SocketAddr::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), self.port()).to_string()
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

impl Base {
    /// Its name as systems have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Base::Tcp => thespian_tcp::NAME,
            Base::Udp => thespian_udp::NAME,
        }
    }
}
