//! `multiprocUDPBase`: what all bases with processes do (see [`bases`]).

#[path = "../bases/mod.rs"]
mod bases;

use std::process::ExitCode;

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(thespian_conformance::actor_types()).run();
    bases::suite(&[], &[]).run()
}

/// Which base this is.
mod base {
    use thespian_core::Builder;
    use thespian_multiproc::Multiproc;
    use thespian_udp::Udp;

    pub(crate) use thespian_conformance::processes::METHODS;
    pub(crate) use thespian_udp::NAME;

    pub(crate) fn transport() -> Udp {
        Udp::default()
    }

    pub(crate) fn put(builder: Builder) -> Builder {
        builder.base(Multiproc::new(transport())).capability(thespian_udp::ADMIN_PORT, 0)
    }
}
