//! `multiprocTCPBase`: what all bases with processes do (see [`bases`]), and
//!
//! - [`places`]: what a program finds where it expected a system

#[path = "../bases/mod.rs"]
mod bases;
mod places;

use std::process::ExitCode;

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(thespian_conformance::actor_types()).run();
    bases::suite(&[places::SCENARIOS], &[]).run()
}

/// Which base this is.
mod base {
    use thespian_core::Builder;
    use thespian_multiproc::Multiproc;
    use thespian_tcp::Tcp;

    pub(crate) use thespian_conformance::processes::METHODS;
    pub(crate) use thespian_tcp::NAME;

    pub(crate) fn transport() -> Tcp {
        Tcp::default()
    }

    pub(crate) fn put(builder: Builder) -> Builder {
        builder.base(Multiproc::new(transport())).capability(thespian_tcp::ADMIN_PORT, 0)
    }
}
