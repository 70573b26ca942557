//! What a troupe costs: the same jobs through a troupe of eight, and dealt out in turn to eight actors by hand, as the ratio
//! of the medians of interleaved repeats. Both run in the program's only thread, so what is measured is the time that it had a
//! processor, where the system tells of that: then others who are at work on the machine matter less.
//!
//! ```console
//! $ cargo run --release -p thespian-troupe --example speed
//! ```

#![expect(clippy::print_stdout, reason = "printing is what the program is for")]

use std::fs;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, ActorSystem, Context, Error, Handled, Message, actor};
use thespian_simple::Simple;
use thespian_troupe::{Troupe, TroupeSettings};

const JOBS: u64 = 100_000;
const WORKERS: u32 = 8;
const REPEATS: usize = 5;
/// How often each repeat does them all: the system tells of processor time in steps of milliseconds.
const ROUNDS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers every number.
#[derive(Default)]
struct Trivial;

#[actor]
impl Trivial {
    fn job(&mut self, job: &u64, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(*job)
    }
}

/// Deals out jobs in turn, and says when all are answered.
#[derive(Default)]
struct Dealer {
    asker: Option<ActorAddress>,
    to: Vec<ActorAddress>,
    sent: u64,
    answered: u64,
}

/// To whom to deal, and how many may be under way at the same time.
#[derive(Serialize, Deserialize, Message)]
struct Deal {
    to: Vec<ActorAddress>,
    window: u64,
}

#[actor]
impl Dealer {
    fn deal(&mut self, deal: &Deal, ctx: &mut Context<'_>) {
        *self = Dealer { asker: Some(ctx.sender()), to: deal.to.clone(), sent: 0, answered: 0 };
        for _ in 0..deal.window {
            self.next(ctx);
        }
    }

    fn answer(&mut self, _: &u64, ctx: &mut Context<'_>) {
        self.answered += 1;
        if self.sent < JOBS {
            self.next(ctx);
        } else if self.answered == JOBS
            && let Some(asker) = self.asker
        {
            ctx.send(&asker, ());
        }
    }

    #[helper]
    fn next(&mut self, ctx: &mut Context<'_>) {
        let to = self.to[self.sent as usize % self.to.len()];
        ctx.send(&to, self.sent);
        self.sent += 1;
    }
}

fn main() -> Result<(), Error> {
    println!(
        "{JOBS} jobs, {WORKERS} workers, {REPEATS} repeats of {ROUNDS} rounds; nanoseconds per job, medians"
    );
    for (title, window) in [("all at once", JOBS), ("100 under way", 100), ("8 under way", 8)] {
        report(title, |system, to| {
            let dealer = system.create_actor::<Dealer>()?;
            system.request::<()>(&dealer, Deal { to: to.to_vec(), window }, PATIENCE)
        })?;
    }
    report("asked one by one from outside", |system, to| {
        for job in 0..JOBS {
            system.request::<u64>(&to[job as usize % to.len()], job, PATIENCE)?;
        }
        Ok(())
    })
}

/// Measures one way of sending the jobs.
fn report(
    title: &str,
    run: impl Fn(&ActorSystem, &[ActorAddress]) -> Result<(), Error>,
) -> Result<(), Error> {
    let timed = |system: &ActorSystem, to: &[ActorAddress]| -> Result<Duration, Error> {
        let watch = Watch::start();
        for _ in 0..ROUNDS {
            run(system, to)?;
        }
        Ok(watch.elapsed())
    };
    let (mut by_hand, mut by_troupe) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let system = ActorSystem::builder().base(Simple).unregistered().start()?;
        let workers: Result<Vec<_>, _> = (0..WORKERS).map(|_| system.create_actor::<Trivial>()).collect();
        by_hand.push(timed(&system, &workers?)?);
        system.shutdown()?;

        let system = ActorSystem::builder().base(Simple).unregistered().start()?;
        let settings =
            TroupeSettings { max_count: WORKERS, idle_count: WORKERS, ..TroupeSettings::default() };
        let troupe = system.create(Troupe::<Trivial>::of(settings)?)?;
        by_troupe.push(timed(&system, &[troupe])?);
        system.shutdown()?;
    }
    let ratios =
        by_hand.iter().zip(&by_troupe).map(|(hand, troupe)| troupe.as_secs_f64() / hand.as_secs_f64());
    let (least, most) =
        ratios.fold((f64::MAX, f64::MIN), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
    let (by_hand, by_troupe) = (per_job(by_hand), per_job(by_troupe));
    println!(
        "{title}: by hand {by_hand:.0}, by troupe {by_troupe:.0}, ratio {:.2} ({least:.2} to {most:.2})",
        by_troupe / by_hand
    );
    Ok(())
}

/// The time that this thread has had a processor since then; on systems that do not tell, the time that has passed.
struct Watch {
    begin: Instant,
    begin_on_processor: Option<Duration>,
}

impl Watch {
    fn start() -> Watch {
        Watch { begin: Instant::now(), begin_on_processor: Watch::on_processor() }
    }

    fn elapsed(&self) -> Duration {
        match (self.begin_on_processor, Watch::on_processor()) {
            (Some(begin), Some(end)) => end.saturating_sub(begin),
            _ => self.begin.elapsed(),
        }
    }

    fn on_processor() -> Option<Duration> {
        let schedule = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        schedule.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }
}

/// The median, in nanoseconds for one job.
fn per_job(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_nanos() as f64 / (JOBS * ROUNDS) as f64
}
