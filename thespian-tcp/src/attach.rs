//! Joining a system that runs, at the place where this one would have its admin or at another.

use std::net::SocketAddr;

use thespian_core::Error;
use thespian_core::transport::{Attached, Locator, Role};
use thespian_transport::holder::{self, Kind};

use crate::settings::{NAME, Tcp};

pub(crate) fn attach(tcp: &Tcp, at: Option<&Locator>) -> Result<Option<Attached>, Error> {
    let place: Option<SocketAddr> = match at {
        Some(locator) => Some(locator.as_str().parse().map_err(|_| Error::InvalidSetting {
            setting: "the place of the system".into(),
            problem: format!(
                "is {:?}, and must be an address and a port, such as 127.0.0.1:1900",
                locator.as_str()
            ),
        })?),
        None => tcp.admin_place(),
    };
    // A system that takes any port is not to be found at one.
    let Some(place) = place else { return Ok(None) };
    let open = || tcp.port_at(0, None, Role::Client);
    let locator = Locator::new(place.to_string());
    thespian_transport::attach(NAME, &locator, tcp.attach_limit(), open, || holder::of(Kind::Tcp, place))
}
