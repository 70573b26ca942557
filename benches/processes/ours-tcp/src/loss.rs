//! Floods at some rates, from one actor and from several to one, and how much of them arrives.

use std::time::{Duration, Instant};

use bench_harness::Job;
use process_harness::{Came, Figures, LIMIT, OFFERS, Offer, payload};
use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, ActorSystem, Context, Handled, Message, actor};

use crate::workloads::{Start, System, text};

/// How often a sender looks at the clock. A sleep takes longer than it should by a tenth of that.
const PACE: Duration = Duration::from_millis(1);

/// How many messages are sent between two flushes by who sends as fast as it may.
const BATCH: u64 = 100;

/// How long it takes at most until nothing more comes, once all is sent; there is no event that says so.
const REST: Duration = Duration::from_millis(150);

/// Runs all that is offered, each on a system of its own. The offers with a small buffer take a way to start one with it.
pub(crate) fn measure(job: Job, start: Start, start_with_small_buffer: Option<Start>) -> Figures {
    process_harness::near()?;
    let lasts = Duration::from_millis(job.workload.ops(job.quick));
    let mut figures = Vec::new();
    for offer in OFFERS {
        let start = if offer.has_small_buffer { start_with_small_buffer } else { Some(start) };
        let Some(start) = start else { continue };
        let system = System::start(start)?;
        figures.extend(offer.figures(flood(&system, offer, lasts)?));
        system.shutdown().map_err(text)?;
    }
    Ok(figures)
}

fn flood(system: &ActorSystem, offer: &Offer, lasts: Duration) -> Result<Came, String> {
    let target = system.create_actor::<Taker>().map_err(text)?;
    let mut spouts = Vec::new();
    for _ in 0..offer.senders {
        let spout = system.create_actor::<Spout>().map_err(text)?;
        // So that it runs, and knows the target.
        let Poured(1) = request(system, &spout, Pour { target, limit: 1, rate: None, lasts })? else {
            return Err("more than one message was poured for a beginning".into());
        };
        spouts.push(spout);
    }
    let before = settled(system, &target, HowMany { afresh: true })?;
    if before.count != offer.senders {
        return Err(format!("{} of the first {} messages arrived", before.count, offer.senders));
    }
    let rate = offer.rate.map(|rate| rate / offer.senders);
    for spout in &spouts {
        system.tell(spout, Pour { target, limit: u64::MAX, rate, lasts }).map_err(text)?;
    }
    let mut sent = 0;
    for _ in &spouts {
        let poured = system.listen(LIMIT).map_err(text)?;
        let Poured(count) =
            poured.take().map_err(|other| format!("instead of the word of a sender: {other:?}"))?;
        sent += count;
    }
    let after = settled(system, &target, HowMany { afresh: false })?;
    Ok(Came { sent, arrived: after.count, rate: after.count as f64 / after.took.as_secs_f64().max(1e-9) })
}

/// What the target has when nothing comes any more. Questions may be lost, too.
fn settled(system: &ActorSystem, target: &ActorAddress, question: HowMany) -> Result<Taken, String> {
    let ask = |question| system.request::<Taken>(target, question, Duration::from_secs(1));
    let end = Instant::now() + LIMIT;
    let mut last = None;
    while Instant::now() < end {
        std::thread::sleep(REST);
        let Ok(taken) = ask(HowMany { afresh: false }) else { continue };
        if last == Some(taken.count) && (!question.afresh || ask(question.clone()).is_ok()) {
            return Ok(taken);
        }
        last = Some(taken.count);
    }
    Err("the target did not come to rest".into())
}

fn request(system: &ActorSystem, spout: &ActorAddress, pour: Pour) -> Result<Poured, String> {
    system.request(spout, pour, LIMIT).map_err(text)
}

/// Asks a spout to send, for so long or up to so many messages.
#[derive(Serialize, Deserialize, Message)]
struct Pour {
    target: ActorAddress,
    limit: u64,
    /// Messages a second; as many as it is let if there is none.
    rate: Option<u64>,
    lasts: Duration,
}

/// How many messages were sent.
#[derive(Serialize, Deserialize, Message)]
struct Poured(u64);

/// Sends in one handler, flushing as it goes. It is held back when the target does not keep up.
#[derive(Default)]
struct Spout;

#[actor]
impl Spout {
    fn pour(&mut self, pour: &Pour, ctx: &mut Context<'_>) -> Handled {
        let (begun, mut sent) = (Instant::now(), 0);
        while sent < pour.limit && begun.elapsed() < pour.lasts {
            let due = match pour.rate {
                Some(rate) => (begun.elapsed().as_secs_f64() * rate as f64) as u64,
                None => sent + BATCH,
            };
            for _ in sent..due.min(pour.limit) {
                ctx.send(&pour.target, Drop(payload()));
            }
            sent = due.min(pour.limit);
            ctx.flush();
            if pour.rate.is_some() {
                std::thread::sleep(PACE);
            }
        }
        ctx.reply(Poured(sent))
    }
}

/// One of many.
#[derive(Serialize, Deserialize, Message)]
struct Drop(String);

/// Asks a taker what it has, and whether it is to begin afresh.
#[derive(Clone, Serialize, Deserialize, Message)]
struct HowMany {
    afresh: bool,
}

/// How many messages came, and how long it took from the first to the last.
#[derive(Serialize, Deserialize, Message)]
struct Taken {
    count: u64,
    took: Duration,
}

/// Counts what comes.
#[derive(Default)]
struct Taker {
    count: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

#[actor]
impl Taker {
    fn drop(&mut self, _: &Drop, _: &mut Context<'_>) {
        self.count += 1;
        // To ask for the time costs as much as the rest of it.
        if self.first.is_none() || self.count.is_multiple_of(64) {
            let now = Instant::now();
            self.first.get_or_insert(now);
            self.last = Some(now);
        }
    }

    fn how_many(&mut self, question: &HowMany, ctx: &mut Context<'_>) -> Handled {
        let took = match (self.first, self.last) {
            (Some(first), Some(last)) => last - first,
            _ => Duration::ZERO,
        };
        let taken = Taken { count: self.count, took };
        if question.afresh {
            *self = Taker::default();
        }
        ctx.reply(taken)
    }
}
