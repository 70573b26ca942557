//! Our own system with a process for each actor, measured: thespian-multiproc over thespian-mpqueue. Everything but the
//! transport is that of `ours-tcp`.

#[path = "../../ours-tcp/src/actors.rs"]
mod actors;
#[path = "../../ours-tcp/src/loss.rs"]
mod loss;
#[path = "../../ours-tcp/src/processes.rs"]
mod processes;
#[path = "../../ours-tcp/src/workloads.rs"]
mod workloads;

use std::process::ExitCode;

use process_harness::Call;
use thespian_core::{ActorSystem, Error};
use thespian_mpqueue::MpQueue;
use thespian_multiproc::Multiproc;

fn main() -> ExitCode {
    thespian_multiproc::init();
    match Call::from_command_line(workloads::WORKLOADS) {
        Ok(Call::Measure(job)) => process_harness::finish(job, workloads::measure(job, start)),
        Ok(Call::Side(role, _)) => {
            eprintln!("there is no role {role}: the system starts its processes itself");
            ExitCode::FAILURE
        }
        Err(end) => end,
    }
}

/// A new system.
fn start() -> Result<ActorSystem, Error> {
    ActorSystem::builder().base(Multiproc::new(MpQueue::default())).unregistered().start()
}
