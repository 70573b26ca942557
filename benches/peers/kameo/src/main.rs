//! kameo on tokio's current-thread runtime. Sends with `tell(..).try_send()`, which does not wait, and asks
//! with `ask`, without a time limit. Mailboxes are unbounded. The outside is a task of the same runtime,
//! where it is woken sooner than as the runtime's main future.

use std::convert::Infallible;
use std::process::ExitCode;

use bench_harness::Library;
use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};
use tokio::sync::oneshot;

struct Counter {
    sum: u64,
}

impl Actor for Counter {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Counter>) -> Result<Counter, Infallible> {
        Ok(Counter { sum: 0 })
    }
}

struct Item(u64);

impl Message<Item> for Counter {
    type Reply = ();

    async fn handle(&mut self, Item(number): Item, _: &mut Context<Counter, ()>) {
        self.sum += number;
    }
}

struct Ask(u64);

impl Message<Ask> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Ask(number): Ask, _: &mut Context<Counter, u64>) -> u64 {
        self.sum + number
    }
}

struct Return(ActorRef<Source>);

impl Message<Return> for Counter {
    type Reply = ();

    async fn handle(&mut self, Return(source): Return, _: &mut Context<Counter, ()>) {
        source.tell(Turn).try_send().expect("it lives");
    }
}

struct Source {
    targets: Vec<ActorRef<Counter>>,
    each: u64,
    turns_left: u64,
    sent: u64,
    done: Option<oneshot::Sender<()>>,
}

impl Actor for Source {
    type Args = Source;
    type Error = Infallible;

    async fn on_start(source: Source, _: ActorRef<Source>) -> Result<Source, Infallible> {
        Ok(source)
    }
}

struct Turn;

impl Message<Turn> for Source {
    type Reply = ();

    async fn handle(&mut self, _: Turn, ctx: &mut Context<Source, ()>) {
        if self.turns_left == 0 {
            self.done.take().map(|done| done.send(()));
            return;
        }
        self.turns_left -= 1;
        for target in &self.targets {
            for _ in 0..self.each {
                self.sent += 1;
                target.tell(Item(self.sent)).try_send().expect("it lives");
            }
        }
        if let Some(last) = self.targets.last() {
            last.tell(Return(ctx.actor_ref().clone())).try_send().expect("it lives");
        }
    }
}

struct Player {
    rounds: u64,
    played: u64,
    other: Option<ActorRef<Player>>,
    done: Option<oneshot::Sender<u64>>,
}

impl Actor for Player {
    type Args = Player;
    type Error = Infallible;

    async fn on_start(player: Player, _: ActorRef<Player>) -> Result<Player, Infallible> {
        Ok(player)
    }
}

struct Meet(ActorRef<Player>);

impl Message<Meet> for Player {
    type Reply = ();

    async fn handle(&mut self, Meet(other): Meet, _: &mut Context<Player, ()>) {
        self.other = Some(other);
    }
}

struct Ball;

impl Message<Ball> for Player {
    type Reply = ();

    async fn handle(&mut self, _: Ball, _: &mut Context<Player, ()>) {
        match &self.other {
            Some(other) if self.played < self.rounds => {
                self.played += 1;
                other.tell(Ball).try_send().expect("it lives");
            }
            _ => drop(self.done.take().map(|done| done.send(self.played))),
        }
    }
}

struct Kameo;

fn spawn<A: Spawn>(arguments: A::Args) -> ActorRef<A> {
    A::spawn_with_mailbox(arguments, mailbox::unbounded())
}

impl Library for Kameo {
    type Counter = ActorRef<Counter>;

    async fn counters(&self, count: u64) -> Vec<ActorRef<Counter>> {
        let counters: Vec<_> = (0..count).map(|_| spawn::<Counter>(())).collect();
        // Tasks start in turn: the last one runs when all others do.
        if let Some(last) = counters.last() {
            last.wait_for_startup().await;
        }
        counters
    }

    fn tell(&self, counter: &ActorRef<Counter>, number: u64) {
        counter.tell(Item(number)).try_send().expect("it lives");
    }

    async fn ask(&self, counter: &ActorRef<Counter>, number: u64) -> u64 {
        counter.ask(Ask(number)).await.expect("it answers")
    }

    async fn turn(&self) {
        tokio::task::yield_now().await;
    }

    async fn spread(&self, counters: &[ActorRef<Counter>], each: u64, turns: u64) {
        let (done, all_sent) = oneshot::channel();
        let targets = counters.to_vec();
        let source = spawn::<Source>(Source { targets, each, turns_left: turns, sent: 0, done: Some(done) });
        source.tell(Turn).try_send().expect("it lives");
        all_sent.await.expect("the source says when it is done");
    }

    async fn pingpong(&self, rounds: u64) -> u64 {
        let (done, played) = oneshot::channel();
        let player = |rounds, done| spawn::<Player>(Player { rounds, played: 0, other: None, done });
        let (a, b) = (player(rounds, Some(done)), player(u64::MAX, None));
        a.tell(Meet(b.clone())).try_send().expect("it lives");
        b.tell(Meet(a.clone())).try_send().expect("it lives");
        a.tell(Ball).try_send().expect("it lives");
        played.await.expect("the first player says how many rounds there were")
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::spawn(bench_harness::main(Kameo)).await.expect("it does not panic") })
}
