//! The bases with processes, of which each trial names one: for the tests of crates that work on every base.

use thespian_conformance::processes::{is_trial_of, with_method};
use thespian_core::Builder;
use thespian_mpqueue::MpQueue;
use thespian_multiproc::Multiproc;
use thespian_tcp::Tcp;
use thespian_udp::Udp;

/// How scenarios are played: over TCP with every startup method, and on the other bases with the default one.
pub(crate) const WAYS: &[&str] = &["fork", "forkserver", "spawn", QUEUE, UDP];

const QUEUE: &str = "queue::fork";
pub(crate) const UDP: &str = "udp::fork";

/// Puts a system on the base of the trial that this program plays.
pub(crate) fn put_on(builder: Builder) -> Builder {
    let builder = if is_trial_of(QUEUE) {
        builder.base(Multiproc::new(MpQueue::default()))
    } else if is_trial_of(UDP) {
        builder.base(Multiproc::new(Udp::default())).capability(thespian_udp::ADMIN_PORT, 0)
    } else {
        builder.base(Multiproc::new(Tcp::default())).capability(thespian_tcp::ADMIN_PORT, 0)
    };
    with_method(builder)
}
