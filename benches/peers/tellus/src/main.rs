//! tellus on tokio's current-thread runtime, as configured by default: unbounded mailboxes, stop on failure.
//! Sends with `tell` and asks with `ask`, which needs a time limit. The outside is a task of the same
//! runtime, where it is woken sooner than as the runtime's main future.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bench_harness::Library;
use tellus::{Actor, ActorContext, ActorRef, ActorSystem, Control, Incoming, ReplyTo, Untimed};
use tokio::sync::oneshot;

type Handled<S> = Result<Control<S>, Infallible>;

struct Counter;

enum Count {
    Item(u64),
    Ask(u64, ReplyTo<u64>),
    Return(Turn, ActorRef<Turn>),
}

impl Actor for Counter {
    type Message = Count;
    type Timers = Untimed;
    type State = u64;
    type Error = Infallible;

    fn init(&self, _: &ActorContext<Count>) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn receive(&self, _: &ActorContext<Count>, message: Incoming<Count>, sum: u64) -> Handled<u64> {
        match message {
            Incoming::Message(Count::Item(number)) => return Ok(Control::Continue(sum + number)),
            Incoming::Message(Count::Ask(number, reply)) => reply.reply(sum + number),
            Incoming::Message(Count::Return(turn, source)) => source.tell(turn),
            Incoming::Terminated(_) => {}
        }
        Ok(Control::Continue(sum))
    }
}

struct Source {
    targets: Vec<ActorRef<Count>>,
    each: u64,
    turns: u64,
    done: Once<()>,
}

struct Turn;

impl Actor for Source {
    type Message = Turn;
    type Timers = Untimed;
    /// The number of turns so far.
    type State = u64;
    type Error = Infallible;

    fn init(&self, _: &ActorContext<Turn>) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn receive(&self, ctx: &ActorContext<Turn>, turn: Incoming<Turn>, turns: u64) -> Handled<u64> {
        let Incoming::Message(turn) = turn else { return Ok(Control::Continue(turns)) };
        if turns == self.turns {
            self.done.send(());
            return Ok(Control::Continue(turns));
        }
        let mut sent = turns * self.each * self.targets.len() as u64;
        for target in &self.targets {
            for _ in 0..self.each {
                sent += 1;
                target.tell(Count::Item(sent));
            }
        }
        if let Some(last) = self.targets.last() {
            last.tell(Count::Return(turn, ctx.self_ref().clone()));
        }
        Ok(Control::Continue(turns + 1))
    }
}

struct Player {
    rounds: u64,
    done: Once<u64>,
}

enum Play {
    Meet(ActorRef<Play>),
    Ball,
}

struct Playing {
    played: u64,
    other: Option<ActorRef<Play>>,
}

impl Actor for Player {
    type Message = Play;
    type Timers = Untimed;
    type State = Playing;
    type Error = Infallible;

    fn init(&self, _: &ActorContext<Play>) -> Result<Playing, Infallible> {
        Ok(Playing { played: 0, other: None })
    }

    fn receive(
        &self,
        _: &ActorContext<Play>,
        message: Incoming<Play>,
        mut state: Playing,
    ) -> Handled<Playing> {
        match (message, &state.other) {
            (Incoming::Message(Play::Meet(other)), _) => state.other = Some(other),
            (Incoming::Message(Play::Ball), Some(other)) if state.played < self.rounds => {
                state.played += 1;
                other.tell(Play::Ball);
            }
            (Incoming::Message(Play::Ball), _) => self.done.send(state.played),
            (Incoming::Terminated(_), _) => {}
        }
        Ok(Control::Continue(state))
    }
}

/// The sender of a channel for one value, behind a lock because actors are shared here. Used once a run.
struct Once<T>(Mutex<Option<oneshot::Sender<T>>>);

impl<T> Once<T> {
    fn new(sender: Option<oneshot::Sender<T>>) -> Once<T> {
        Once(Mutex::new(sender))
    }

    fn send(&self, value: T) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        sender.map(|sender| sender.send(value));
    }
}

/// Actors have parents in tellus: the root makes them, and is asked once for all that are wanted.
struct Root;

struct Make(Job);

type Job = Box<dyn FnOnce(&ActorContext<Make>) + Send>;

impl Actor for Root {
    type Message = Make;
    type Timers = Untimed;
    type State = ();
    type Error = Infallible;

    fn init(&self, _: &ActorContext<Make>) -> Result<(), Infallible> {
        Ok(())
    }

    fn receive(&self, ctx: &ActorContext<Make>, message: Incoming<Make>, (): ()) -> Handled<()> {
        if let Incoming::Message(Make(make)) = message {
            make(ctx);
        }
        Ok(Control::Continue(()))
    }
}

struct Tellus(ActorSystem<Make>);

impl Tellus {
    async fn make<T: Send + 'static>(
        &self,
        new: impl FnOnce(&ActorContext<Make>) -> T + Send + 'static,
    ) -> T {
        let (reply, made) = oneshot::channel();
        self.0.root().tell(Make(Box::new(move |ctx| drop(reply.send(new(ctx))))));
        made.await.expect("the root makes what it is asked for")
    }
}

/// Far more than an answer takes.
const LIMIT: Duration = Duration::from_secs(10);

impl Library for Tellus {
    type Counter = ActorRef<Count>;

    async fn counters(&self, count: u64) -> Vec<ActorRef<Count>> {
        let counters = self.make(move |ctx| (0..count).map(|_| ctx.spawn(Counter)).collect::<Vec<_>>()).await;
        // Tasks start in turn: the last one runs when all others do.
        if let Some(last) = counters.last() {
            self.ask(last, 0).await;
        }
        counters
    }

    fn tell(&self, counter: &ActorRef<Count>, number: u64) {
        counter.tell(Count::Item(number));
    }

    async fn ask(&self, counter: &ActorRef<Count>, number: u64) -> u64 {
        counter.ask(LIMIT, |reply| Count::Ask(number, reply)).await.expect("it answers")
    }

    async fn turn(&self) {
        tokio::task::yield_now().await;
    }

    async fn spread(&self, counters: &[ActorRef<Count>], each: u64, turns: u64) {
        let (done, all_sent) = oneshot::channel();
        let source = Source { targets: counters.to_vec(), each, turns, done: Once::new(Some(done)) };
        self.make(|ctx| ctx.spawn(source)).await.tell(Turn);
        all_sent.await.expect("the source says when it is done");
    }

    async fn pingpong(&self, rounds: u64) -> u64 {
        let (done, played) = oneshot::channel();
        let a = Player { rounds, done: Once::new(Some(done)) };
        let b = Player { rounds: u64::MAX, done: Once::new(None) };
        let (a, b) = self.make(|ctx| (ctx.spawn(a), ctx.spawn(b))).await;
        a.tell(Play::Meet(b.clone()));
        b.tell(Play::Meet(a.clone()));
        a.tell(Play::Ball);
        played.await.expect("the first player says how many rounds there were")
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let tellus = Tellus(ActorSystem::new(Root));
        tokio::spawn(bench_harness::main(tellus)).await.expect("it does not panic")
    })
}
