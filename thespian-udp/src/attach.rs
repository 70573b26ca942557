//! Joining a system that runs, or finding out what is there instead (decision D32).

use std::net::SocketAddr;

use thespian_core::transport::{Attached, Locator, Role};
use thespian_core::{AttachProblem, Error};
use thespian_transport::handshake::Refused;
use thespian_transport::holder::{self, Kind};

use crate::handshake::VERSIONS;
use crate::session::Failure;
use crate::settings::{NAME, Udp, failure};

pub(crate) fn attach(udp: &Udp, at: Option<&Locator>) -> Result<Option<Attached>, Error> {
    let place = match at {
        Some(locator) => Some(locator.as_str().parse().map_err(|_| Error::InvalidSetting {
            setting: "the place of the system".into(),
            problem: format!(
                "is {:?}, and must be an address and a port, such as 127.0.0.1:1029",
                locator.as_str()
            ),
        })?),
        None => udp.admin_place(),
    };
    // A system that takes any port is not to be found at one.
    let Some(place) = place else { return Ok(None) };
    match try_once(udp, place)? {
        // It may have been on its way down. If so, nobody listens now.
        Outcome::Failed(Failure::Closed) => conclude(udp, place, try_once(udp, place)?),
        outcome => conclude(udp, place, outcome),
    }
}

enum Outcome {
    Joined(Attached),
    Failed(Failure),
}

fn try_once(udp: &Udp, place: SocketAddr) -> Result<Outcome, Error> {
    let mut port = udp.port_at(0, None, Role::Client)?;
    Ok(match port.connect_now(&Locator::new(place.to_string()), udp.attach_limit()) {
        Ok((admin, system)) => {
            port.join(system);
            Outcome::Joined(Attached { port: Box::new(port), admin, system })
        }
        Err(failure) => Outcome::Failed(failure),
    })
}

fn conclude(udp: &Udp, place: SocketAddr, outcome: Outcome) -> Result<Option<Attached>, Error> {
    let failed = match outcome {
        Outcome::Joined(attached) => return Ok(Some(attached)),
        Outcome::Failed(failed) => failed,
    };
    let holder = || holder::of(Kind::Udp, place);
    let problem = match failed {
        Failure::NobodyListens => return Ok(None),
        Failure::Late => AttachProblem::Silent { waited: udp.attach_limit(), holder: holder() },
        Failure::Refused(Refused::OtherBase(base)) => AttachProblem::OtherBase { base },
        Failure::Refused(Refused::OtherVersion(oldest, newest)) => {
            AttachProblem::OtherVersion { theirs: (oldest, newest), ours: VERSIONS }
        }
        Failure::Refused(Refused::WrongSecret) => AttachProblem::WrongSecret { holder: holder() },
        Failure::Refused(Refused::ShuttingDown) => AttachProblem::ShuttingDown,
        Failure::Refused(Refused::Full(limit)) => AttachProblem::Full { limit },
        Failure::Closed | Failure::Refused(Refused::Foreign | Refused::OtherSystem) => {
            AttachProblem::Foreign { holder: holder() }
        }
        Failure::Unreachable(error) => {
            return Err(failure(format!("whether a system runs at {place} cannot be found out: {error}")));
        }
        Failure::Ended(text) => return Err(failure(text.into())),
        _ => AttachProblem::Foreign { holder: holder() },
    };
    Err(Error::AttachFailure { base: NAME.into(), place: place.to_string(), problem })
}
