//! What a troupe costs: the same jobs through a troupe of eight, and dealt out in turn to eight actors by hand, as the ratio
//! of the medians of interleaved repeats.
//!
//! ```console
//! $ cargo run --release -p thespian-troupe --example speed
//! $ cargo run --release -p thespian-troupe --example speed -- tcp
//! $ cargo run --release -p thespian-troupe --example speed -- tcp "100 under way"
//! ```
//!
//! In one process, without an argument, everything runs in the program's only thread, so what is measured is the time that it
//! had a processor, where the system tells of that: then others who are at work on the machine matter less. On `tcp`, `queue`
//! and `udp` every actor has a process, and the time that passes is measured.

#![expect(clippy::print_stdout, reason = "printing is what the program is for")]

use std::time::{Duration, Instant};
use std::{env, fs};

use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, ActorSystem, Builder, Context, Error, Handled, Message, actor, actors};
use thespian_mpqueue::MpQueue;
use thespian_multiproc::{Init, Multiproc};
use thespian_simple::Simple;
use thespian_tcp::{ADMIN_PORT, Tcp};
use thespian_troupe::{Troupe, TroupeSettings};
use thespian_udp::Udp;

const JOBS: u64 = 100_000;
const WORKERS: u32 = 8;
const REPEATS: usize = 5;
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

/// Where the actors run.
#[derive(Clone, Copy)]
struct Base {
    choose: fn(Builder) -> Builder,
    /// How often each repeat does all jobs. The system tells of a thread's processor time in steps of milliseconds.
    rounds: u64,
    /// Whether everything runs in this thread.
    is_here: bool,
}

impl Base {
    fn find(name: &str) -> Option<Base> {
        let (choose, rounds, is_here): (fn(Builder) -> Builder, _, _) = match name {
            "simple" => (|builder| builder.base(Simple).unregistered(), 10, true),
            "tcp" => {
                (|builder| builder.base(Multiproc::new(Tcp::default())).capability(ADMIN_PORT, 0), 1, false)
            }
            "queue" => (|builder| builder.base(Multiproc::new(MpQueue::default())), 1, false),
            "udp" => (
                |builder| {
                    builder.base(Multiproc::new(Udp::default())).capability(thespian_udp::ADMIN_PORT, 0)
                },
                1,
                false,
            ),
            _ => return None,
        };
        Some(Base { choose, rounds, is_here })
    }
}

fn main() -> Result<(), Error> {
    Init::new().actors(actors![Troupe<Trivial>]).run();
    let name = env::args().nth(1).unwrap_or_else(|| "simple".into());
    let Some(base) = Base::find(&name) else {
        println!("{name} is not one of: simple, tcp, queue, udp");
        std::process::exit(2);
    };
    let only = env::args().nth(2).unwrap_or_default();
    let is_wanted = |title: &str| title.starts_with(&only);
    println!(
        "{JOBS} jobs, {WORKERS} workers, {REPEATS} repeats of {} rounds; nanoseconds per job, medians",
        base.rounds
    );
    for (title, window) in [("all at once", JOBS), ("100 under way", 100), ("8 under way", 8)] {
        if is_wanted(title) {
            report(base, title, |system, to| {
                let dealer = system.create_actor::<Dealer>()?;
                system.request::<()>(&dealer, Deal { to: to.to_vec(), window }, PATIENCE)
            })?;
        }
    }
    let title = "one by one from outside";
    if is_wanted(title) {
        report(base, title, |system, to| {
            for job in 0..JOBS {
                system.request::<u64>(&to[job as usize % to.len()], job, PATIENCE)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Measures one way of sending the jobs.
fn report(
    base: Base,
    title: &str,
    run: impl Fn(&ActorSystem, &[ActorAddress]) -> Result<(), Error>,
) -> Result<(), Error> {
    let timed = |create: &dyn Fn(&ActorSystem) -> Result<Vec<ActorAddress>, Error>| {
        let system = (base.choose)(ActorSystem::builder()).start()?;
        let outcome = (|| {
            let to = create(&system)?;
            // So that all have started.
            for to in &to {
                system.request::<u64>(to, 0_u64, PATIENCE)?;
            }
            let watch = Watch::start(base.is_here);
            for _ in 0..base.rounds {
                run(&system, &to)?;
            }
            Ok(watch.elapsed())
        })();
        system.shutdown()?;
        outcome
    };
    let (mut by_hand, mut by_troupe) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        by_hand.push(timed(&|system| (0..WORKERS).map(|_| system.create_actor::<Trivial>()).collect())?);
        by_troupe.push(timed(&|system| {
            let settings =
                TroupeSettings { max_count: WORKERS, idle_count: WORKERS, ..TroupeSettings::default() };
            Ok(vec![system.create(Troupe::<Trivial>::of(settings)?)?])
        })?);
    }
    let ratios =
        by_hand.iter().zip(&by_troupe).map(|(hand, troupe)| troupe.as_secs_f64() / hand.as_secs_f64());
    let (least, most) =
        ratios.fold((f64::MAX, f64::MIN), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
    let per_job = |times| median(times).as_nanos() as f64 / (JOBS * base.rounds) as f64;
    let (by_hand, by_troupe) = (per_job(by_hand), per_job(by_troupe));
    println!(
        "{title}: by hand {by_hand:.0}, by troupe {by_troupe:.0}, ratio {:.2} ({least:.2} to {most:.2})",
        by_troupe / by_hand
    );
    Ok(())
}

/// Measures the time that this thread has a processor, where all is done in it and the system tells of that; otherwise the time
/// that passes.
struct Watch {
    begin: Instant,
    begin_on_processor: Option<Duration>,
}

impl Watch {
    fn start(is_here: bool) -> Watch {
        let begin_on_processor = if is_here { Watch::on_processor() } else { None };
        Watch { begin: Instant::now(), begin_on_processor }
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

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
