//! `multiprocQueueBase`: what all bases with processes do (see [`bases`]), and
//!
//! - [`starter`]: the system is that of the program that started it
//! - [`sockets`]: who may use its sockets, and what goes by them

#[path = "../bases/mod.rs"]
mod bases;
mod sockets;
mod starter;

use std::process::ExitCode;

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(thespian_conformance::actor_types()).run();
    bases::suite(&[starter::SCENARIOS, sockets::SCENARIOS], &[starter::PROGRAMS, sockets::PROGRAMS]).run()
}

/// Which base this is.
mod base {
    use thespian_core::Builder;
    use thespian_mpqueue::MpQueue;
    use thespian_multiproc::Multiproc;

    pub(crate) use thespian_mpqueue::NAME;

    pub(crate) const METHODS: &[&str] = &["fork", "spawn"];

    pub(crate) fn transport() -> MpQueue {
        MpQueue::default()
    }

    pub(crate) fn put(builder: Builder) -> Builder {
        builder.base(Multiproc::new(transport()))
    }
}
