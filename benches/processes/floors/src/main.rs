//! The least that two processes, a fork and a new image can cost: plain Rust and the kernel, no actors. What actors
//! in processes take is given as multiples of it.

mod fork;
mod round_trip;
mod stream;
mod udp;

use std::io::Write;
use std::process::ExitCode;

use bench_harness::{Job, Workload};
use process_harness::{Call, Figures};

const WORKLOADS: &[Workload] = &[
    Workload::new("floor_tcp_rtt", "64 bytes there and back, blocking", 20_000),
    Workload::new("floor_tcp_rtt_mio", "64 bytes there and back, with a readiness loop", 20_000),
    Workload::new("floor_tcp_flood_framed", "a framed message of 64 bytes, in blocks of 64 KiB", 5_000_000),
    Workload::new("floor_tcp_copy_64k", "64 KiB written and read", 20_000),
    Workload::new("floor_tcp_copy_1m", "1 MiB written and read", 2_000),
    Workload::new(
        "floor_unix_rtt_mio",
        "64 bytes there and back over Unix sockets, with a readiness loop",
        20_000,
    ),
    Workload::new("floor_unix_flood_framed", "the flood over Unix sockets", 5_000_000),
    Workload::new("floor_unix_copy_64k", "64 KiB written and read over Unix sockets", 20_000),
    Workload::new("floor_unix_copy_1m", "1 MiB written and read over Unix sockets", 2_000),
    Workload::new("floor_udp_rtt_mio", "64 bytes there and back by UDP, with a readiness loop", 20_000),
    Workload::new("floor_fork", "fork, a byte over a pipe, exit, wait", 2_000),
    Workload::new("floor_fork_idle_pss", "bytes a forked process that sleeps", 1_000),
    Workload::new("floor_exec", "the same as the fork, with a new image", 500),
];

fn main() -> ExitCode {
    match Call::from_command_line(WORKLOADS) {
        Ok(Call::Measure(job)) => process_harness::finish(job, measure(job)),
        Ok(Call::Side(role, port)) => match side(&role, port) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{role}: {error}");
                ExitCode::FAILURE
            }
        },
        Err(end) => end,
    }
}

fn measure(job: Job) -> Figures {
    match job.workload.name {
        "floor_tcp_rtt" => round_trip::measure(job, "echo"),
        "floor_tcp_rtt_mio" => round_trip::measure(job, round_trip::ECHO_MIO),
        "floor_tcp_flood_framed" => stream::flood(job),
        "floor_tcp_copy_64k" => stream::copy(job, stream::COPY_64K),
        "floor_tcp_copy_1m" => stream::copy(job, stream::COPY_1M),
        "floor_unix_rtt_mio" => round_trip::measure(job, round_trip::ECHO_UNIX),
        "floor_unix_flood_framed" => stream::flood_unix(job),
        "floor_unix_copy_64k" => stream::copy_unix(job, stream::COPY_64K_UNIX),
        "floor_unix_copy_1m" => stream::copy_unix(job, stream::COPY_1M_UNIX),
        "floor_udp_rtt_mio" => udp::measure(job),
        "floor_fork" => fork::create(job),
        "floor_fork_idle_pss" => fork::idle(job),
        "floor_exec" => fork::exec(job),
        other => Err(format!("{other} is in the list and not in the program")),
    }
}

/// The other process of the floors that have one.
fn side(role: &str, port: u16) -> Result<(), String> {
    match role {
        fork::HELLO => std::io::stdout().write_all(b"x").map_err(|error| error.to_string()),
        "flood" => stream::send_frames(process_harness::connect_back(port)?),
        stream::COPY_64K => stream::send_blocks(process_harness::connect_back(port)?, 64 << 10),
        stream::COPY_1M => stream::send_blocks(process_harness::connect_back(port)?, 1 << 20),
        round_trip::ECHO_UNIX => round_trip::echo_unix(process_harness::stream_of_near_side()?),
        stream::FLOOD_UNIX => stream::send_frames(process_harness::stream_of_near_side()?),
        stream::COPY_64K_UNIX => stream::send_blocks(process_harness::stream_of_near_side()?, 64 << 10),
        stream::COPY_1M_UNIX => stream::send_blocks(process_harness::stream_of_near_side()?, 1 << 20),
        udp::ECHO => udp::echo(process_harness::connect_back(port)?),
        _ => round_trip::echo(process_harness::connect_back(port)?, role),
    }
}
