//! The system that is measured.
//!
//! The feature `tcp` switches it on: it needs thespian-multiproc and thespian-tcp. Without them the program says so, and
//! the driver prints that in place of its figures.

use thespian_core::{ActorSystem, Error};

/// The first line of `main`: where the processes of actors begin.
pub(crate) fn init() {
    #[cfg(feature = "tcp")]
    thespian_multiproc::init();
}

/// Whether there is anything to measure.
pub(crate) fn ready() -> Result<(), &'static str> {
    if cfg!(feature = "tcp") { Ok(()) } else { Err("thespian-multiproc and thespian-tcp are not there yet") }
}

/// A new system on a free port.
#[cfg(feature = "tcp")]
pub(crate) fn start() -> Result<ActorSystem, Error> {
    use thespian_multiproc::Multiproc;
    use thespian_tcp::Tcp;
    ActorSystem::builder()
        .base(Multiproc::new(Tcp::default()))
        .capability("Admin Port", 0)
        .unregistered()
        .start()
}

/// Nothing to start: see [`ready`].
#[cfg(not(feature = "tcp"))]
pub(crate) fn start() -> Result<ActorSystem, Error> {
    Err(Error::StartupFailure { base: "multiprocTCPBase".into(), cause: "built without it".into() })
}
