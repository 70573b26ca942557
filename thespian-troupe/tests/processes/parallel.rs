//! Workers whose handlers run at the same time, and their processes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_conformance::processes::{
    LINGER, Process, ProcessScenario, Processes, eventually, kill_actor, pid_of,
};
use thespian_core::{ActorAddress, ActorTypes, Context, Failure, Handled, Message, actor};
use thespian_troupe::Troupe;

use crate::ground::{DELAY, Ended, Ground, Plain, Release, settings};

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("parallel::fifty_two_jobs_run_as_many_at_once_as_there_may_be_workers", fifty_two_jobs),
    ("parallel::a_worker_that_is_dismissed_takes_its_process_along", dismissed_with_their_processes),
    ("parallel::a_killed_troupe_takes_its_workers_along", workers_of_a_killed_troupe),
];

/// Those with thousands of messages at the same time, of which UDP may lose some.
pub(crate) const FLOODS: &[ProcessScenario] =
    &[("parallel::those_that_rest_help_when_those_that_have_enough_are_stuck", stuck)];

/// How many workers there may be.
const WORKERS: u32 = 13;

/// A job that lasts until it and all before it, and the rest of its round, have begun, in so many rounds of all workers.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Job {
    number: u32,
    /// Where every job leaves word of its begin and its end.
    folder: PathBuf,
}

/// How many jobs were under way when this one had begun, itself included.
#[derive(Serialize, Deserialize, Message)]
struct Done {
    under_way: usize,
}

/// A job that lasts until there is this file.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Until(PathBuf);

/// Blocks in its handler.
#[derive(Default)]
struct Blocker;

#[actor]
impl Blocker {
    fn quick(&mut self, number: &u32, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(*number)
    }

    fn until(&mut self, until: &Until, ctx: &mut Context<'_>) -> Handled {
        if !eventually(PATIENCE, || until.0.exists()) {
            return Err(Failure::new("there is no such file"));
        }
        ctx.reply(until.clone())
    }

    fn work(&mut self, job: &Job, ctx: &mut Context<'_>) -> Handled {
        let (begun, ended) = (job.folder.join("begun"), job.folder.join("ended"));
        File::create(begun.join(job.number.to_string()))?;
        // In this order: one that ends, and makes room for another in between, would count twice otherwise.
        let of_the_begun = count(&begun)?;
        let under_way = of_the_begun.saturating_sub(count(&ended)?);
        let needed = (job.number / WORKERS + 1) * WORKERS;
        let all_there = || count(&begun).is_ok_and(|count| count >= needed as usize);
        if !eventually(PATIENCE, all_there) {
            return Err(Failure::new("the others do not begin while this one is at work"));
        }
        File::create(ended.join(job.number.to_string()))?;
        ctx.reply(Done { under_way })
    }
}

/// How long a job waits for the others.
const PATIENCE: Duration = Duration::from_secs(20);

fn count(folder: &Path) -> Result<usize, Failure> {
    Ok(fs::read_dir(folder)?.count())
}

pub(crate) fn actor_types() -> ActorTypes {
    Troupe::<Blocker>::types()
}

fn real() -> Ground {
    Ground::real(Plain { on: crate::chosen::put_on, kill: Some(kill_actor) })
}

fn fifty_two_jobs(processes: &Processes) {
    let folder = processes.folder();
    for part in ["begun", "ended"] {
        fs::create_dir(folder.join(part)).unwrap();
    }
    let ground = real();
    let spec = Troupe::<Blocker>::of(settings(WORKERS, WORKERS)).unwrap();
    let troupe = ground.asker(ground.system.create(spec).unwrap());
    for number in 0..52 {
        troupe.tell(Job { number, folder: folder.clone() });
    }
    let mut workers = BTreeSet::new();
    for _ in 0..52 {
        let reply = troupe.next();
        let done: Done = reply.message.downcast().unwrap();
        assert!(done.under_way <= WORKERS as usize, "{} at once", done.under_way);
        workers.insert(reply.sender);
    }
    assert_eq!(workers.len(), WORKERS as usize);
    let pids: BTreeSet<u32> = workers.iter().filter_map(|worker| pid_of(&ground.system, worker)).collect();
    assert_eq!(pids.len(), WORKERS as usize);
    troupe.await_status("13 workers (0 busy, 13 idle");
    drop(troupe);
    ground.finish();
}

fn stuck(processes: &Processes) {
    const BLOCKED: u32 = 5;
    const BETWEEN: u32 = 300;
    const JOBS: u32 = 9_000;
    // What stands behind one that blocks waits with it. Fewer jobs than answers may wait for a caller.
    const BEHIND: u32 = 256;
    let release = processes.folder().join("release");
    let ground = real();
    let spec = Troupe::<Blocker>::of(settings(BLOCKED + 1, BLOCKED + 1)).unwrap();
    let troupe = ground.asker(ground.system.create(spec).unwrap());
    // The first of them show that all workers are quick. Soon a few have enough, and the others rest.
    for number in 0..JOBS {
        troupe.tell(number);
        if number > JOBS / 2 && number % BETWEEN == 0 && number / BETWEEN <= JOBS / 2 / BETWEEN + BLOCKED {
            troupe.tell(Until(release.clone()));
        }
    }
    let mut done = BTreeSet::new();
    while done.len() < (JOBS - BLOCKED * BEHIND) as usize {
        assert!(done.insert(troupe.take::<u32>()));
    }
    File::create(&release).unwrap();
    let mut released = 0;
    while done.len() + released < (JOBS + BLOCKED) as usize {
        let message = troupe.next().message;
        match message.downcast::<u32>() {
            Ok(number) => assert!(done.insert(number)),
            Err(message) => {
                let Until(_) = message.downcast().unwrap();
                released += 1;
            }
        }
    }
    assert_eq!(released, BLOCKED as usize);
    troupe.await_status("0 messages wait; 9005 done, 0 failed, 0 redelivered");
    drop(troupe);
    ground.finish();
}

/// The processes of actors.
fn processes_of(ground: &Ground, actors: &[ActorAddress]) -> Vec<Process> {
    actors.iter().map(|actor| Process::of(pid_of(&ground.system, actor).unwrap())).collect()
}

fn assert_gone(processes: &[Process]) {
    let gone = eventually(LINGER, || !processes.iter().any(Process::is_alive));
    assert!(gone, "of {processes:?} some are alive");
}

fn dismissed_with_their_processes(_: &Processes) {
    let ground = real();
    let bees = ground.bees(settings(3, 0));
    let workers: Vec<ActorAddress> = (0..3).map(|_| bees.hold()).collect();
    let processes = processes_of(&ground, &workers);
    for worker in &workers {
        bees.tell_to(worker, Release);
        bees.take::<Ended>();
    }
    ground.pass(DELAY);
    bees.await_status("0 workers (0 busy, 0 idle, 0 leaving)");
    assert_gone(&processes);
    drop(bees);
    ground.finish();
}

fn workers_of_a_killed_troupe(_: &Processes) {
    let ground = real();
    let bees = ground.bees(settings(3, 1));
    let workers = [bees.hold(), bees.hold()];
    let processes = processes_of(&ground, &workers);
    kill_actor(&ground.system, &bees.troupe);
    assert_gone(&processes);
    drop(bees);
    ground.finish();
}
