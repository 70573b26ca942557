//! Our own system with a process for each actor, measured: thespian-multiproc over thespian-udp. Everything but the
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

use process_harness::{Call, FLOOD_LOSS, SMALL_BUFFER};
use thespian_core::{ActorSystem, Error};
use thespian_multiproc::Multiproc;
use thespian_udp::Udp;

fn main() -> ExitCode {
    thespian_multiproc::init();
    match Call::from_command_line(workloads::WORKLOADS) {
        Ok(Call::Measure(job)) if job.workload.name == FLOOD_LOSS => {
            process_harness::finish(job, loss::measure(job, start, Some(start_with_small_buffer)))
        }
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
    start_with(Udp::default())
}

/// A new system whose sockets keep little.
fn start_with_small_buffer() -> Result<ActorSystem, Error> {
    start_with(Udp::default().receive_buffer(SMALL_BUFFER))
}

fn start_with(udp: Udp) -> Result<ActorSystem, Error> {
    ActorSystem::builder().base(Multiproc::new(udp)).capability("Admin Port", 0).unregistered().start()
}
