//! The workloads: each starts a system of its own, and shuts it down.

use std::fmt::Display;
use std::ops::Deref;
use std::time::{Duration, Instant};

use bench_harness::{Job, Workload, check, sum_to};
use process_harness::{
    FLOOD_LOSS, Figures, LIMIT, each, figure, latencies, payload, proportional_memory, rounds,
};
use thespian_core::{ActorAddress, ActorSystem, Error};

use crate::actors::{
    Ball, Counter, Echo, Far, Flood, Made, Make, Parent, Play, Played, Player, Process, Source, Sum,
    WhichProcess,
};
use crate::{loss, processes};

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload::new("rtt", "there and back between two actors", 20_000),
    Workload::new("ask", "a question from outside, and its answer", 20_000),
    Workload::new("request", "the same, with an answer nobody else can give", 20_000),
    Workload::new("flood", "a message of 64 bytes from actor to actor", 1_000_000),
    Workload::new("flood_64k", "a message of 64 KiB from actor to actor", 20_000),
    Workload::new("flood_1m", "a message of 1 MiB from actor to actor", 2_000),
    Workload::new(
        FLOOD_LOSS,
        "messages that arrive of floods of some rates, over so many milliseconds each",
        400,
    ),
    Workload::new("create", "an actor created by an actor, until it answers", 500),
    Workload::new("create_outside", "an actor created from outside, until it answers", 500),
    Workload::new("create_call", "an actor created from outside, until the call returns", 500),
    Workload::new("startup", "a system started, until its first actor answers", 20),
    Workload::new("idle_pss", "bytes the process of an actor that waits", 1_000),
    Workload::new("idle_wakeups", "wake-ups of an idle system, over so many milliseconds", 10_000),
];

/// How a system is started.
pub(crate) type Start = fn() -> Result<ActorSystem, Error>;

/// Actors of the system that has nothing to do.
const IDLE_ACTORS: usize = 10;

/// How long a system gets to come to rest. It has no event that says so.
const REST: Duration = Duration::from_secs(2);

/// Runs one workload.
pub(crate) fn measure(job: Job, start: Start) -> Figures {
    // What the system starts inherits the side.
    process_harness::near()?;
    if job.workload.name == "startup" {
        let took: Result<Vec<Duration>, String> =
            (0..job.workload.ops(job.quick)).map(|_| startup(start)).collect();
        return latencies(job, took?);
    }
    if job.workload.name == FLOOD_LOSS {
        return loss::measure(job, start, None);
    }
    let system = System::start(start)?;
    let figures = measure_on(job, &system)?;
    system.shutdown().map_err(text)?;
    Ok(figures)
}

fn measure_on(job: Job, system: &ActorSystem) -> Figures {
    let ops = job.workload.ops(job.quick);
    match job.workload.name {
        "rtt" => latencies(job, round_trips(system, ops)?),
        "ask" => latencies(job, questions(system, ops, ask)?),
        "request" => latencies(job, questions(system, ops, request)?),
        "flood" => each(job, flood(system, ops, 0, 100)?, ops),
        "flood_64k" => each(job, flood(system, ops, 64 << 10, 16)?, ops),
        "flood_1m" => each(job, flood(system, ops, 1 << 20, 1)?, ops),
        "create" => each(job, create(system, ops)?, ops),
        "create_outside" => each(job, create_outside(system, ops)?, ops),
        "create_call" => each(job, create_call(system, ops)?, ops),
        "idle_pss" => Ok(vec![figure("idle_pss", idle_memory(system, ops)?, ops)]),
        "idle_wakeups" => Ok(vec![figure("idle_wakeups", idle_wakeups(system, ops)?, ops)]),
        other => Err(format!("{other} is in the list and not in the program")),
    }
}

/// A system that is shut down when it is dropped, however the workload ended: one that outlives its starter would be
/// there still when the next is measured.
pub(crate) struct System(ActorSystem);

impl System {
    pub(crate) fn start(start: Start) -> Result<System, String> {
        start().map(System).map_err(text)
    }
}

impl Deref for System {
    type Target = ActorSystem;

    fn deref(&self) -> &ActorSystem {
        &self.0
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            eprintln!("the system did not shut down: {error}");
        }
    }
}

pub(crate) fn text(error: impl Display) -> String {
    error.to_string()
}

/// An actor on the far side that answers.
fn far_echo(system: &ActorSystem) -> Result<ActorAddress, String> {
    let echo = system.create_actor::<Echo>().map_err(text)?;
    let Far = system.request(&echo, Far, LIMIT).map_err(text)?;
    Ok(echo)
}

fn round_trips(system: &ActorSystem, rounds: u64) -> Result<Vec<Duration>, String> {
    let other = far_echo(system)?;
    let player = system.create_actor::<Player>().map_err(text)?;
    let play = |rounds| system.request(&player, Play { other, rounds }, LIMIT).map_err(text);
    let Played(_) = play((rounds / 10).max(1))?;
    let Played(took) = play(rounds)?;
    check("rounds", took.len() as u64, rounds)?;
    Ok(took.into_iter().map(Duration::from_nanos).collect())
}

/// A way to ask from outside.
type Question = fn(&ActorSystem, &ActorAddress, Ball) -> Result<Ball, String>;

fn ask(system: &ActorSystem, target: &ActorAddress, ball: Ball) -> Result<Ball, String> {
    let answer = system.ask(target, ball, LIMIT).map_err(text)?;
    answer.take().map_err(|other| format!("instead of an answer: {other:?}"))
}

fn request(system: &ActorSystem, target: &ActorAddress, ball: Ball) -> Result<Ball, String> {
    system.request(target, ball, LIMIT).map_err(text)
}

fn questions(system: &ActorSystem, ops: u64, question: Question) -> Result<Vec<Duration>, String> {
    let echo = far_echo(system)?;
    rounds(ops, |number| {
        let answer = question(system, &echo, Ball(number, payload()))?;
        check("answer", answer.0, number)
    })
}

/// From the order to send until the order's sender has the sum of what was received.
fn flood(system: &ActorSystem, ops: u64, size: usize, batch: u64) -> Result<Duration, String> {
    let target = system.create_actor::<Counter>().map_err(text)?;
    let source = system.create_actor::<Source>().map_err(text)?;
    let order = |ops| {
        let answer: Result<Sum, Error> = system.request(&source, Flood { target, ops, size, batch }, LIMIT);
        answer.map(|Sum(sum)| sum).map_err(text)
    };
    // So that both run, and know each other.
    check("sum of the first message", order(1)?, 1)?;
    let begun = Instant::now();
    let sum = order(ops)?;
    let took = begun.elapsed();
    check("sum of the flood", sum, sum_to(ops) + 1)?;
    Ok(took)
}

fn create(system: &ActorSystem, ops: u64) -> Result<Duration, String> {
    let parent = system.create_actor::<Parent>().map_err(text)?;
    let make = |ops| system.request(&parent, Make(ops), LIMIT).map_err(text);
    let Made(_) = make(1)?;
    let begun = Instant::now();
    let Made(made) = make(ops)?;
    let took = begun.elapsed();
    check("children that answered", made, ops)?;
    Ok(took)
}

fn create_outside(system: &ActorSystem, ops: u64) -> Result<Duration, String> {
    echoes(system, 1)?;
    let begun = Instant::now();
    echoes(system, ops)?;
    Ok(begun.elapsed())
}

/// Only the calls, as the Python original is measured. That all can be used is seen afterwards.
fn create_call(system: &ActorSystem, ops: u64) -> Result<Duration, String> {
    echoes(system, 1)?;
    let begun = Instant::now();
    let actors = create_echoes(system, ops)?;
    let took = begun.elapsed();
    processes_of(system, &actors)?;
    Ok(took)
}

/// Creates actors, and has an answer of each: its process.
fn echoes(system: &ActorSystem, count: u64) -> Result<Vec<u32>, String> {
    processes_of(system, &create_echoes(system, count)?)
}

fn create_echoes(system: &ActorSystem, count: u64) -> Result<Vec<ActorAddress>, String> {
    (0..count).map(|_| system.create_actor::<Echo>().map_err(text)).collect()
}

fn processes_of(system: &ActorSystem, actors: &[ActorAddress]) -> Result<Vec<u32>, String> {
    let which = |actor: &ActorAddress| system.request(actor, WhichProcess, LIMIT).map_err(text);
    actors.iter().map(|actor| which(actor).map(|Process(process)| process)).collect()
}

/// The clock stops before the system is shut down.
fn startup(start: Start) -> Result<Duration, String> {
    let begun = Instant::now();
    let system = System::start(start)?;
    echoes(&system, 1)?;
    let took = begun.elapsed();
    system.shutdown().map_err(text)?;
    Ok(took)
}

fn idle_memory(system: &ActorSystem, ops: u64) -> Result<f64, String> {
    let processes = echoes(system, ops)?;
    let bytes: Result<Vec<u64>, String> = processes.into_iter().map(proportional_memory).collect();
    Ok(bytes?.iter().sum::<u64>() as f64 / ops as f64)
}

fn idle_wakeups(system: &ActorSystem, milliseconds: u64) -> Result<f64, String> {
    echoes(system, IDLE_ACTORS as u64)?;
    let processes = processes::of_system()?;
    if processes.len() < IDLE_ACTORS {
        return Err(format!("{IDLE_ACTORS} actors run in {} processes", processes.len()));
    }
    std::thread::sleep(REST);
    let before = processes::wake_ups(&processes)?;
    std::thread::sleep(Duration::from_millis(milliseconds));
    Ok(processes::wake_ups(&processes)?.saturating_sub(before) as f64)
}

#[cfg(test)]
mod tests {
    use thespian_simple::Simple;

    use super::*;

    fn simple() -> Result<ActorSystem, Error> {
        ActorSystem::builder().base(Simple).unregistered().start()
    }

    #[test]
    fn every_workload_adds_up_on_the_base_without_processes() {
        for &workload in WORKLOADS {
            let figures = measure(Job { workload, quick: true }, simple);
            if workload.name == "idle_wakeups" {
                assert_eq!(figures, Err("10 actors run in 0 processes".into()));
                continue;
            }
            let figures = figures.unwrap_or_else(|error| panic!("{}: {error}", workload.name));
            assert!(figures.iter().all(|figure| figure.workload.starts_with(workload.name)), "{figures:?}");
            assert!(figures.iter().all(|figure| figure.value > 0.0), "{figures:?}");
        }
    }
}
