//! Joining a system that runs, at the place where this one would have its admin or at another.

use thespian_core::Error;
use thespian_core::transport::{Attached, Locator, Role};

use crate::settings::{NAME, Tcp};

pub(crate) fn attach(tcp: &Tcp, at: Option<&Locator>) -> Result<Option<Attached>, Error> {
    // A system that takes any port is not to be found at one.
    let Some(place) = tcp.internet.sought(at)? else { return Ok(None) };
    let open = || tcp.port_at(0, None, Role::Client);
    let locator = Locator::new(place.to_string());
    let holder = || tcp.internet.holder(place);
    thespian_transport::attach(NAME, &locator, tcp.internet.limits.attach, open, holder)
}
