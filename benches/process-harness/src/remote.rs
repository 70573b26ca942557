//! The main function of a peer that talks between two processes, on tokio.

use std::future::Future;
use std::process::ExitCode;

use bench_harness::{Job, Workload};
use tokio::runtime::{Builder, Runtime};

use crate::{Call, Figures, far, finish, near, stay_with_parent};

/// The workloads of every such peer.
pub const REMOTE: &[Workload] = &[
    Workload::new("r_ask1", "a question to the other process, and its answer", 20_000),
    Workload::new("r_flood", "a message sent to the other process, and counted there", 200_000),
];

/// Measures in one process, which starts the other: this program again, which is told the port to listen on.
pub fn remote<N, F>(measure: impl FnOnce(Job) -> N, serve: impl FnOnce(u16) -> F) -> ExitCode
where
    N: Future<Output = Figures>,
    F: Future<Output = Result<(), String>>,
{
    match Call::from_command_line(REMOTE) {
        Ok(Call::Measure(job)) => {
            finish(job, runtime(near()).and_then(|runtime| runtime.block_on(measure(job))))
        }
        Ok(Call::Side(_, port)) => {
            stay_with_parent();
            match runtime(far()).and_then(|runtime| runtime.block_on(serve(port))) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{error}");
                    ExitCode::FAILURE
                }
            }
        }
        Err(end) => end,
    }
}

/// Two workers, as the machine of the budgets has two processors. They inherit the processor of the side, so that is
/// chosen before.
fn runtime(placed: Result<(), String>) -> Result<Runtime, String> {
    placed?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| format!("tokio's runtime: {error}"))
}
