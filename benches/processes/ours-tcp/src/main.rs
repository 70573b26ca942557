//! Our own system with a process for each actor, measured: thespian-multiproc over thespian-tcp, on one host. Nothing is
//! set but the port: these are the default limits, the default way to start processes, and the macros of the guide.

mod actors;
mod loss;
mod processes;
mod system;
mod workloads;

use std::process::ExitCode;

use process_harness::Call;

fn main() -> ExitCode {
    system::init();
    if let Err(reason) = system::ready() {
        eprintln!("{reason}");
        return ExitCode::FAILURE;
    }
    match Call::from_command_line(workloads::WORKLOADS) {
        Ok(Call::Measure(job)) => process_harness::finish(job, workloads::measure(job, system::start)),
        Ok(Call::Side(role, _)) => {
            eprintln!("there is no role {role}: the system starts its processes itself");
            ExitCode::FAILURE
        }
        Err(end) => end,
    }
}
