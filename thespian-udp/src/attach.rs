//! Joining a system that runs, or finding out what is there instead (decision D32).

use std::net::SocketAddr;

use thespian_core::transport::{Attached, Locator, Role};
use thespian_core::{AttachProblem, Error};

use crate::handshake::VERSIONS;
use crate::session::Failure;
use crate::settings::{NAME, Udp};

pub(crate) fn attach(udp: &Udp, at: Option<&Locator>) -> Result<Option<Attached>, Error> {
    // A system that takes any port is not to be found at one.
    let Some(place) = udp.internet.sought(at)? else { return Ok(None) };
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
    Ok(match port.connect_now(&Locator::new(place.to_string()), udp.internet.limits.attach) {
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
    let holder = || udp.internet.holder(place);
    let problem = match failed {
        Failure::NobodyListens => return Ok(None),
        Failure::Late => AttachProblem::Silent { waited: udp.internet.limits.attach, holder: holder() },
        Failure::Refused(refused) => refused.problem(VERSIONS, holder),
        Failure::Unreachable(error) => {
            return Err(udp
                .internet
                .failure(format!("whether a system runs at {place} cannot be found out: {error}")));
        }
        Failure::Ended(text) => return Err(udp.internet.failure(text.into())),
        _ => AttachProblem::Foreign { holder: holder() },
    };
    Err(Error::AttachFailure { base: NAME.into(), place: place.to_string(), problem })
}
