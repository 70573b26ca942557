//! actix on its system's own thread. Sends with `do_send`, which ignores the mailbox's bound, and asks with
//! `send`, without a time limit. The outside is a task of the same runtime, where it is woken sooner than as
//! the runtime's main future.

use std::process::ExitCode;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, System};
use bench_harness::Library;
use tokio::sync::oneshot;

struct Counter {
    sum: u64,
}

impl Actor for Counter {
    type Context = Context<Counter>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Item(u64);

impl Handler<Item> for Counter {
    type Result = ();

    fn handle(&mut self, Item(number): Item, _: &mut Context<Counter>) {
        self.sum += number;
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Ask(u64);

impl Handler<Ask> for Counter {
    type Result = u64;

    fn handle(&mut self, Ask(number): Ask, _: &mut Context<Counter>) -> u64 {
        self.sum + number
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Return(Addr<Source>);

impl Handler<Return> for Counter {
    type Result = ();

    fn handle(&mut self, Return(source): Return, _: &mut Context<Counter>) {
        source.do_send(Turn);
    }
}

struct Source {
    targets: Vec<Addr<Counter>>,
    each: u64,
    turns_left: u64,
    sent: u64,
    done: Option<oneshot::Sender<()>>,
}

impl Actor for Source {
    type Context = Context<Source>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Turn;

impl Handler<Turn> for Source {
    type Result = ();

    fn handle(&mut self, _: Turn, ctx: &mut Context<Source>) {
        if self.turns_left == 0 {
            self.done.take().map(|done| done.send(()));
            return;
        }
        self.turns_left -= 1;
        for target in &self.targets {
            for _ in 0..self.each {
                self.sent += 1;
                target.do_send(Item(self.sent));
            }
        }
        if let Some(last) = self.targets.last() {
            last.do_send(Return(ctx.address()));
        }
    }
}

struct Player {
    rounds: u64,
    played: u64,
    other: Option<Addr<Player>>,
    done: Option<oneshot::Sender<u64>>,
}

impl Actor for Player {
    type Context = Context<Player>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Meet(Addr<Player>);

impl Handler<Meet> for Player {
    type Result = ();

    fn handle(&mut self, Meet(other): Meet, _: &mut Context<Player>) {
        self.other = Some(other);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Ball;

impl Handler<Ball> for Player {
    type Result = ();

    fn handle(&mut self, _: Ball, _: &mut Context<Player>) {
        match &self.other {
            Some(other) if self.played < self.rounds => {
                self.played += 1;
                other.do_send(Ball);
            }
            _ => drop(self.done.take().map(|done| done.send(self.played))),
        }
    }
}

struct Actix;

impl Library for Actix {
    type Counter = Addr<Counter>;

    async fn counters(&self, count: u64) -> Vec<Addr<Counter>> {
        let counters: Vec<_> = (0..count).map(|_| Counter { sum: 0 }.start()).collect();
        // Tasks start in turn: the last one runs when all others do.
        if let Some(last) = counters.last() {
            self.ask(last, 0).await;
        }
        counters
    }

    fn tell(&self, counter: &Addr<Counter>, number: u64) {
        counter.do_send(Item(number));
    }

    async fn ask(&self, counter: &Addr<Counter>, number: u64) -> u64 {
        counter.send(Ask(number)).await.expect("it answers")
    }

    async fn turn(&self) {
        tokio::task::yield_now().await;
    }

    async fn spread(&self, counters: &[Addr<Counter>], each: u64, turns: u64) {
        let (done, all_sent) = oneshot::channel();
        let targets = counters.to_vec();
        let source = Source { targets, each, turns_left: turns, sent: 0, done: Some(done) }.start();
        source.do_send(Turn);
        all_sent.await.expect("the source says when it is done");
    }

    async fn pingpong(&self, rounds: u64) -> u64 {
        let (done, played) = oneshot::channel();
        let player = |rounds, done| Player { rounds, played: 0, other: None, done }.start();
        let (a, b) = (player(rounds, Some(done)), player(u64::MAX, None));
        a.do_send(Meet(b.clone()));
        b.do_send(Meet(a.clone()));
        a.do_send(Ball);
        played.await.expect("the first player says how many rounds there were")
    }
}

fn main() -> ExitCode {
    System::new()
        .block_on(async { actix::spawn(bench_harness::main(Actix)).await.expect("it does not panic") })
}
