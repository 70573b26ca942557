//! Joining a system that runs, or finding out what is there instead (decision D32).

use std::time::Duration;

use thespian_core::transport::{Attached, Locator};
use thespian_core::{AttachProblem, Error};

use crate::connection::Failure;
use crate::handshake::VERSIONS;
use crate::port::StreamPort;
use crate::sockets::Sockets;

/// Joins the system whose admin is at a place, as a client: with a port that `open` opens, of no system yet. `None` if nobody
/// is there. `holder` says who has the place, as far as can be found out, and is asked only if that is to be told.
///
/// # Errors
///
/// [`Error::AttachFailure`] says what is there instead, after `limit` at the latest. [`Error::StartupFailure`]: that cannot
/// be found out.
pub fn attach<S: Sockets>(
    base: &str,
    place: &Locator,
    limit: Duration,
    open: impl Fn() -> Result<StreamPort<S>, Error>,
    holder: impl Fn() -> String,
) -> Result<Option<Attached>, Error> {
    let mut outcome = try_once(open()?, place, limit);
    // It may have been on its way down. If so, nobody listens now.
    if matches!(outcome, Err(Failure::Closed { heard: false })) {
        outcome = try_once(open()?, place, limit);
    }
    let failed = match outcome {
        Ok(attached) => return Ok(Some(attached)),
        Err(failed) => failed,
    };
    let cannot = |cause: String| Err(Error::StartupFailure { base: base.into(), cause });
    let problem = match failed {
        Failure::NobodyListens => return Ok(None),
        Failure::Late => AttachProblem::Silent { waited: limit, holder: holder() },
        Failure::Refused(refused) => refused.problem(VERSIONS, holder),
        Failure::Outsider(who) => AttachProblem::Foreign { holder: who },
        Failure::Closed { .. } => AttachProblem::Foreign { holder: holder() },
        Failure::Unreachable(error) => {
            return cannot(format!("whether a system runs at {place} cannot be found out: {error}"));
        }
        Failure::Ended(text) => return cannot(text.into()),
        Failure::Violation(_) | Failure::BadLocator(_) => AttachProblem::Foreign { holder: holder() },
    };
    Err(Error::AttachFailure { base: base.into(), place: place.to_string(), problem })
}

fn try_once<S: Sockets>(
    mut port: StreamPort<S>,
    place: &Locator,
    limit: Duration,
) -> Result<Attached, Failure> {
    let (admin, system) = port.connect_now(place, limit)?;
    port.join(system);
    Ok(Attached { port: Box::new(port), admin, system })
}
