//! The bounds of a port.

use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use serde::{Deserialize, Serialize};
use thespian_core::Error;

/// Descriptors that are left to the actors of a process when connections have taken all they may.
const RESERVED: usize = 64;

/// The fewest connections that a port allows by default, however few descriptors there are.
const FEWEST: usize = 16;

/// How many descriptors are reckoned with if the system does not say: the usual limit.
const USUAL: u64 = 1024;

/// The bounds of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortLimits {
    /// How many connections there are at once; `None`, the default: as many as the process may have descriptors, but for
    /// 64. When there are as many, those that were idle for longest are closed. Connections.
    pub connections: Option<usize>,
    /// How long a connection may be without use before it is closed, where there are more than [`PortLimits::FEW`].
    pub idle: Duration,
    /// How many connections there are at once that are not authenticated; the oldest has to go for another. Connections.
    pub strangers: usize,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// How long a process may take before it begins to answer a handshake: its handler may block.
    pub answer: Duration,
    /// How long whoever is where a system's admin would be has for the whole handshake.
    pub attach: Duration,
}

impl Default for PortLimits {
    fn default() -> PortLimits {
        PortLimits {
            connections: None,
            idle: Duration::from_secs(30),
            strangers: 128,
            handshake: Duration::from_secs(5),
            answer: Duration::from_secs(60),
            attach: Duration::from_secs(2),
        }
    }
}

impl PortLimits {
    /// So many connections are kept however long they are without use: most processes talk to fewer others.
    pub const FEW: usize = 64;

    /// Whether they are bounds with which a port can work.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`]: one that must be more is zero.
    pub fn check(&self) -> Result<(), Error> {
        let limits = *self;
        let zero = [
            ("connections", limits.connections == Some(0)),
            ("idle", limits.idle.is_zero()),
            ("strangers", limits.strangers == 0),
            ("handshake", limits.handshake.is_zero()),
            ("answer", limits.answer.is_zero()),
            ("attach", limits.attach.is_zero()),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(Error::InvalidSetting {
                setting: format!("PortLimits::{name}"),
                problem: "is zero, and must be more".into(),
            }),
            None => Ok(()),
        }
    }
}

/// How many connections a process can have: as many as it may have descriptors, but for some.
pub(crate) fn connections_by_default() -> usize {
    let allowed = getrlimit(Resource::RLIMIT_NOFILE).map_or(USUAL, |(soft, _)| soft);
    usize::try_from(allowed).unwrap_or(usize::MAX).saturating_sub(RESERVED).max(FEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_room_for_some_connections() {
        assert!(connections_by_default() >= FEWEST);
    }
}
