//! ractor on tokio's current-thread runtime. Sends with `cast` and asks with `call`, without a time limit.
//! Its mailboxes are unbounded. The outside is a task of the same runtime, where it is woken sooner than as
//! the runtime's main future.

use std::process::ExitCode;

use bench_harness::Library;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::oneshot;

type Handled = Result<(), ActorProcessingErr>;

struct Counter;

enum Count {
    Item(u64),
    Ask(u64, RpcReplyPort<u64>),
    Return(Turn, ActorRef<Turn>),
}

impl Actor for Counter {
    type Msg = Count;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Count>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Count>, message: Count, sum: &mut u64) -> Handled {
        match message {
            Count::Item(number) => *sum += number,
            Count::Ask(number, reply) => reply.send(*sum + number)?,
            Count::Return(turn, source) => source.cast(turn)?,
        }
        Ok(())
    }
}

struct Source;

struct Turn;

struct Sending {
    targets: Vec<ActorRef<Count>>,
    each: u64,
    turns_left: u64,
    sent: u64,
    done: Option<oneshot::Sender<()>>,
}

impl Actor for Source {
    type Msg = Turn;
    type State = Sending;
    type Arguments = Sending;

    async fn pre_start(&self, _: ActorRef<Turn>, sending: Sending) -> Result<Sending, ActorProcessingErr> {
        Ok(sending)
    }

    async fn handle(&self, me: ActorRef<Turn>, turn: Turn, state: &mut Sending) -> Handled {
        if state.turns_left == 0 {
            state.done.take().map(|done| done.send(()));
            return Ok(());
        }
        state.turns_left -= 1;
        for target in &state.targets {
            for _ in 0..state.each {
                state.sent += 1;
                target.cast(Count::Item(state.sent))?;
            }
        }
        if let Some(last) = state.targets.last() {
            last.cast(Count::Return(turn, me))?;
        }
        Ok(())
    }
}

struct Player;

enum Play {
    Meet(ActorRef<Play>),
    Ball,
}

struct Playing {
    rounds: u64,
    played: u64,
    other: Option<ActorRef<Play>>,
    done: Option<oneshot::Sender<u64>>,
}

impl Actor for Player {
    type Msg = Play;
    type State = Playing;
    type Arguments = Playing;

    async fn pre_start(&self, _: ActorRef<Play>, playing: Playing) -> Result<Playing, ActorProcessingErr> {
        Ok(playing)
    }

    async fn handle(&self, _: ActorRef<Play>, message: Play, state: &mut Playing) -> Handled {
        match (message, &state.other) {
            (Play::Meet(other), _) => state.other = Some(other),
            (Play::Ball, Some(other)) if state.played < state.rounds => {
                state.played += 1;
                other.cast(Play::Ball)?;
            }
            (Play::Ball, _) => drop(state.done.take().map(|done| done.send(state.played))),
        }
        Ok(())
    }
}

struct Ractor;

async fn spawn<A: Actor>(actor: A, arguments: A::Arguments) -> ActorRef<A::Msg> {
    A::spawn(None, actor, arguments).await.expect("it can always start").0
}

async fn player(rounds: u64, done: Option<oneshot::Sender<u64>>) -> ActorRef<Play> {
    spawn(Player, Playing { rounds, played: 0, other: None, done }).await
}

impl Library for Ractor {
    type Counter = ActorRef<Count>;

    async fn counters(&self, count: u64) -> Vec<ActorRef<Count>> {
        let mut counters = Vec::with_capacity(count as usize);
        for _ in 0..count {
            counters.push(spawn(Counter, ()).await);
        }
        counters
    }

    fn tell(&self, counter: &ActorRef<Count>, number: u64) {
        counter.cast(Count::Item(number)).expect("it lives");
    }

    async fn ask(&self, counter: &ActorRef<Count>, number: u64) -> u64 {
        let answer = counter.call(|reply| Count::Ask(number, reply), None).await;
        answer.expect("it lives").expect("it answers")
    }

    async fn turn(&self) {
        tokio::task::yield_now().await;
    }

    async fn spread(&self, counters: &[ActorRef<Count>], each: u64, turns: u64) {
        let (done, all_sent) = oneshot::channel();
        let targets = counters.to_vec();
        let sending = Sending { targets, each, turns_left: turns, sent: 0, done: Some(done) };
        let source = spawn(Source, sending).await;
        source.cast(Turn).expect("it lives");
        all_sent.await.expect("the source says when it is done");
    }

    async fn pingpong(&self, rounds: u64) -> u64 {
        let (done, played) = oneshot::channel();
        let (a, b) = (player(rounds, Some(done)).await, player(u64::MAX, None).await);
        a.cast(Play::Meet(b.clone())).expect("it lives");
        b.cast(Play::Meet(a.clone())).expect("it lives");
        a.cast(Play::Ball).expect("it lives");
        played.await.expect("the first player says how many rounds there were")
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::spawn(bench_harness::main(Ractor)).await.expect("it does not panic") })
}
