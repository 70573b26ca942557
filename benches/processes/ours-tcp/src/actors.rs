//! The actors and their messages, written as the guide has it.

use std::time::Instant;

use process_harness::payload;
use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, Bytes, Context, Failure, Flow, Handled, Message, actor};

/// What goes there and back: a number and 64 bytes of text.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, Message)]
pub(crate) struct Ball(pub(crate) u64, pub(crate) String);

/// Asks an actor to go to the far side's processor, and comes back.
#[derive(Clone, Serialize, Deserialize, Message)]
pub(crate) struct Far;

/// Asks an actor for the number of its process.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct WhichProcess;

/// The number of a process.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Process(pub(crate) u32);

/// Sends back what it gets.
#[derive(Default)]
pub(crate) struct Echo;

#[actor]
impl Echo {
    fn ball(&mut self, ball: &Ball, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(ball.clone())
    }

    fn far(&mut self, far: &Far, ctx: &mut Context<'_>) -> Handled {
        process_harness::far().map_err(Failure::new)?;
        ctx.reply(far.clone())
    }

    fn which_process(&mut self, _: &WhichProcess, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(Process(std::process::id()))
    }
}

/// Asks a player to play this many rounds with another actor.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Play {
    pub(crate) other: ActorAddress,
    pub(crate) rounds: u64,
}

/// How long each round took. Nanoseconds.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Played(pub(crate) Vec<u64>);

/// Plays, and times each round.
#[derive(Default)]
pub(crate) struct Player {
    game: Option<Game>,
}

struct Game {
    referee: ActorAddress,
    rounds: u64,
    begun: Instant,
    took: Vec<u64>,
}

#[actor]
impl Player {
    fn play(&mut self, play: &Play, ctx: &mut Context<'_>) {
        let took = Vec::with_capacity(play.rounds as usize);
        let (referee, begun) = (ctx.sender(), Instant::now());
        self.game = Some(Game { referee, rounds: play.rounds, begun, took });
        ctx.send(&play.other, Ball(0, payload()));
    }

    fn ball(&mut self, ball: &Ball, ctx: &mut Context<'_>) -> Handled {
        let game = self.game.as_mut().ok_or_else(|| Failure::new("a ball before the game"))?;
        game.took.push(game.begun.elapsed().as_nanos() as u64);
        if (game.took.len() as u64) < game.rounds {
            game.begun = Instant::now();
            return ctx.reply(Ball(ball.0 + 1, payload()));
        }
        let played = Played(std::mem::take(&mut game.took));
        ctx.send(&game.referee, played);
        Ok(Flow::Done)
    }
}

/// A number to add, with the text that every small message carries.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Item(u64, String);

/// Asks for the sum.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Report;

/// The sum of the numbers of all messages.
#[derive(Clone, Serialize, Deserialize, Message)]
pub(crate) struct Sum(pub(crate) u64);

/// Adds up the numbers that it gets. A large message has its number in its first eight bytes.
#[derive(Default)]
pub(crate) struct Counter {
    sum: u64,
}

#[actor]
impl Counter {
    fn item(&mut self, item: &Item, _: &mut Context<'_>) {
        self.sum += item.0;
    }

    fn large(&mut self, Bytes(bytes): &Bytes, _: &mut Context<'_>) {
        self.sum += bytes.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
    }

    fn report(&mut self, _: &Report, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(Sum(self.sum))
    }
}

/// Asks a source to send the numbers from 1 on.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Flood {
    pub(crate) target: ActorAddress,
    pub(crate) ops: u64,
    /// Bytes of a large message; 0 for a small one.
    pub(crate) size: usize,
    /// Messages between two flushes.
    pub(crate) batch: u64,
}

/// Sends in one handler, flushing as it goes, and passes on what the target says at the end.
#[derive(Default)]
pub(crate) struct Source {
    referee: Option<ActorAddress>,
}

#[actor]
impl Source {
    fn flood(&mut self, flood: &Flood, ctx: &mut Context<'_>) {
        self.referee = Some(ctx.sender());
        let mut block = vec![7; flood.size];
        for number in 1..=flood.ops {
            match block.first_chunk_mut() {
                Some(place) => {
                    *place = number.to_le_bytes();
                    ctx.send(&flood.target, Bytes(block.clone()));
                }
                None => ctx.send(&flood.target, Item(number, payload())),
            }
            if number % flood.batch == 0 {
                ctx.flush();
            }
        }
        ctx.send(&flood.target, Report);
    }

    fn sum(&mut self, sum: &Sum, ctx: &mut Context<'_>) -> Handled {
        let referee = self.referee.ok_or_else(|| Failure::new("a sum before a flood"))?;
        ctx.send(&referee, sum.clone());
        Ok(Flow::Done)
    }
}

/// Asks a parent for this many children.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Make(pub(crate) u64);

/// How many children have answered.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Made(pub(crate) u64);

/// Creates children, and says when all have answered.
#[derive(Default)]
pub(crate) struct Parent {
    referee: Option<ActorAddress>,
    wanted: u64,
    answered: u64,
}

#[actor]
impl Parent {
    fn make(&mut self, make: &Make, ctx: &mut Context<'_>) {
        (self.referee, self.wanted, self.answered) = (Some(ctx.sender()), make.0, 0);
        for number in 0..make.0 {
            let child = ctx.create_actor::<Echo>();
            ctx.send(&child, Ball(number, payload()));
        }
    }

    fn ball(&mut self, _: &Ball, ctx: &mut Context<'_>) {
        self.answered += 1;
        if let Some(referee) = self.referee.filter(|_| self.answered == self.wanted) {
            ctx.send(&referee, Made(self.answered));
        }
    }
}
