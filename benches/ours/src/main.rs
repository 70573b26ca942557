//! Our own system on the simple base: every call from outside runs the actors until nothing is left to do, in the
//! caller's thread. Nothing is set: these are the default limits.
//!
//! Messages and actors are written by hand where programs would use the macros, which make the same code.

use std::pin::pin;
use std::process::ExitCode;
use std::task::{Poll, Waker};
use std::time::Duration;

use bench_harness::Library;
use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorSystem, AnyMessage, Context, Failure, Flow, Handled, Message, TypeName,
};
use thespian_simple::Simple;

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident $fields:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Serialize, Deserialize)]
        struct $name $fields;

        impl Message for $name {
            fn type_name() -> TypeName {
                TypeName::Borrowed(concat!("bench.", stringify!($name)))
            }
        }
    )*};
}

messages! {
    /// A number to add.
    Item(u64);
    /// Asks for the sum plus this number.
    Ask(u64);
    /// A sender's next turn: goes to a counter, and comes back.
    Turn();
    /// Tells a player whom to play with; the last message goes to whoever introduced them.
    Meet(ActorAddress);
    /// What players send to each other.
    Ball();
}

struct Counter {
    sum: u64,
}

impl Actor for Counter {
    type Start = ();

    fn type_name() -> TypeName {
        "bench.Counter".into()
    }

    fn start((): ()) -> Result<Counter, Failure> {
        Ok(Counter { sum: 0 })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if let Some(Item(number)) = message.downcast_ref() {
            self.sum += number;
        } else if let Some(Ask(number)) = message.downcast_ref() {
            return ctx.reply(self.sum + number);
        } else if message.is::<Turn>() {
            return ctx.reply(Turn());
        }
        Ok(Flow::Done)
    }
}

struct Source {
    targets: Vec<ActorAddress>,
    each: u64,
    turns_left: u64,
    sent: u64,
}

impl Actor for Source {
    type Start = (Vec<ActorAddress>, u64, u64);

    fn type_name() -> TypeName {
        "bench.Source".into()
    }

    fn start((targets, each, turns_left): Self::Start) -> Result<Source, Failure> {
        Ok(Source { targets, each, turns_left, sent: 0 })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if message.is::<Turn>() && self.turns_left > 0 {
            self.turns_left -= 1;
            for target in &self.targets {
                for _ in 0..self.each {
                    self.sent += 1;
                    ctx.send(target, Item(self.sent));
                }
            }
            if let Some(last) = self.targets.last() {
                ctx.send(last, Turn());
            }
        }
        Ok(Flow::Done)
    }
}

struct Player {
    rounds: u64,
    played: u64,
    /// The other player, and who introduced them.
    met: Option<(ActorAddress, ActorAddress)>,
}

impl Actor for Player {
    type Start = u64;

    fn type_name() -> TypeName {
        "bench.Player".into()
    }

    fn start(rounds: u64) -> Result<Player, Failure> {
        Ok(Player { rounds, played: 0, met: None })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if message.is::<Ball>() {
            let (other, referee) = self.met.ok_or_else(|| Failure::new("a ball before an introduction"))?;
            if self.played == self.rounds {
                ctx.send(&referee, self.played);
            } else {
                self.played += 1;
                ctx.send(&other, Ball());
            }
        } else if let Some(Meet(other)) = message.downcast_ref() {
            self.met = Some((*other, ctx.sender()));
        }
        Ok(Flow::Done)
    }
}

struct Ours(ActorSystem);

/// Never waited for: the answer is there when the actors have run.
const LIMIT: Duration = Duration::from_secs(10);

impl Library for Ours {
    type Counter = ActorAddress;

    async fn counters(&self, count: u64) -> Vec<ActorAddress> {
        (0..count).map(|_| self.0.create_actor::<Counter>().expect("it can always start")).collect()
    }

    fn tell(&self, counter: &ActorAddress, number: u64) {
        self.0.tell(counter, Item(number)).expect("the system is up");
    }

    async fn ask(&self, counter: &ActorAddress, number: u64) -> u64 {
        let answer = self.0.ask(counter, Ask(number), LIMIT).expect("the system is up");
        answer.take().expect("the counter answers with a number")
    }

    async fn request(&self, counter: &ActorAddress, number: u64) -> u64 {
        self.0.request(counter, Ask(number), LIMIT).expect("the counter answers with a number")
    }

    /// Every `tell` has let them run already.
    async fn turn(&self) {}

    async fn spread(&self, counters: &[ActorAddress], each: u64, turns: u64) {
        let source = Source::spec().start((counters.to_vec(), each, turns));
        let source = self.0.create(source).expect("it can always start");
        self.0.tell(&source, Turn()).expect("the system is up");
    }

    async fn pingpong(&self, rounds: u64) -> u64 {
        let player = |rounds: u64| self.0.create(Player::spec().start(rounds)).expect("it can always start");
        let (a, b) = (player(rounds), player(u64::MAX));
        self.0.tell(&a, Meet(b)).expect("the system is up");
        self.0.tell(&b, Meet(a)).expect("the system is up");
        let answer = self.0.ask(&a, Ball(), LIMIT).expect("the system is up");
        answer.take().expect("the first player says how many rounds there were")
    }
}

fn main() -> ExitCode {
    let system = match ActorSystem::builder().base(Simple).unregistered().start() {
        Ok(system) => system,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    // No call of ours waits for anything, so one poll is all it takes.
    let mut all = pin!(bench_harness::main(Ours(system)));
    match all.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(end) => end,
        Poll::Pending => ExitCode::FAILURE,
    }
}
