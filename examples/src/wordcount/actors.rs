//! The actors that count, and what they tell each other.
//!
//! ```text
//! program --Chunk--> Acceptor --Chunk--> Counter (one of several)
//!    ^                 ^   |                |
//!    |                 |   |             Partial
//!    +------Done-------+   +-----Top----+   |
//!    |                 |                v   v
//!    |                 +-----Done------ Merger
//!    +------------------Summary-----------+
//! ```
//!
//! Each chunk is answered with one [`Done`], when its words are in the merger's counts or when it is clear that they
//! never will be. The program waits for these before it sends more, so that all queues stay short.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, Bytes, ChildActorExited, Context, Failure, Message, PoisonMessage, actor,
};

use super::text;

/// The longest chunk that a counter takes, in bytes.
pub const LONGEST_CHUNK: usize = 1 << 20;

/// How many counters may be lost while they have a chunk. It may be the chunk that ends them.
const MOST_LOST: u32 = 3;

/// A piece of text, to be counted.
#[derive(Clone, Serialize, Deserialize, Message)]
pub struct Chunk {
    /// The number by which the program knows it.
    pub number: u64,
    /// The text, which ends at the end of a word.
    pub text: Bytes,
}

/// A chunk is dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct Done {
    /// The chunk's number.
    pub chunk: u64,
    /// Why its words are not counted, if they are not.
    pub result: Result<(), String>,
}

/// Asks for the [`Summary`] of all chunks that are done.
#[derive(Serialize, Deserialize, Message)]
pub struct Top {
    /// How many words to list.
    pub words: u32,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct Summary {
    /// The most frequent words, each with its count; those of equal count in alphabetical order.
    pub top: Vec<(String, u64)>,
    /// How many words there are.
    pub words: u64,
    /// How many different words there are.
    pub distinct: u64,
}

/// How often each word occurs in a chunk.
#[derive(Serialize, Deserialize, Message)]
struct Partial {
    chunk: u64,
    counts: HashMap<String, u64>,
    acceptor: ActorAddress,
}

/// A [`Top`], with the one who asked for it.
#[derive(Serialize, Deserialize, Message)]
struct TopFor {
    words: u32,
    asker: ActorAddress,
}

/// Takes chunks and deals them out to counters, of which it makes as many as it was told to.
pub struct Acceptor {
    counters_wanted: usize,
    /// How many chunks each counter has. The one that has waited longest for its next comes first.
    counters: VecDeque<(ActorAddress, u32)>,
    merger: Merging,
    under_way: BTreeMap<u64, Job>,
}

enum Merging {
    NotYet,
    By(ActorAddress),
    /// The merger is gone, and all counts with it.
    Lost(String),
}

struct Job {
    counter: ActorAddress,
    giver: ActorAddress,
    /// Kept until the chunk is done: its counter may be lost, and then another one has to do it.
    text: Bytes,
    /// How many counters were lost while they had it.
    lost: u32,
}

#[actor]
impl Acceptor {
    #[start]
    fn new(counters: u32) -> Acceptor {
        Acceptor {
            counters_wanted: counters as usize,
            counters: VecDeque::new(),
            merger: Merging::NotYet,
            under_way: BTreeMap::new(),
        }
    }

    fn chunk(&mut self, chunk: &Chunk, ctx: &mut Context<'_>) -> Result<(), Failure> {
        let merger = self.merger(ctx)?;
        let counter = self.next_counter(merger, ctx);
        let job = Job { counter, giver: ctx.sender(), text: chunk.text.clone(), lost: 0 };
        self.under_way.insert(chunk.number, job);
        ctx.send(&counter, chunk.clone());
        Ok(())
    }

    fn done(&mut self, done: &Done, ctx: &mut Context<'_>) {
        self.finish(done.clone(), ctx);
    }

    /// A counter failed on a chunk, or could not start.
    fn poison(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) {
        if let Some(chunk) = poison.message.downcast_ref::<Chunk>() {
            self.finish(Done { chunk: chunk.number, result: Err(poison.details.clone()) }, ctx);
        }
    }

    /// What a counter that is gone had under way is for others, if the merger is still there. A counter is replaced when the
    /// next chunk needs one.
    fn exit(&mut self, exit: &ChildActorExited, ctx: &mut Context<'_>) {
        let child = exit.child_address;
        self.counters.retain(|(counter, _)| *counter != child);
        match self.merger {
            Merging::By(merger) if merger == child => {
                let cause = format!("the merger is gone: {}", exit.cause);
                self.merger = Merging::Lost(cause.clone());
                for chunk in self.under_way.keys().copied().collect::<Vec<_>>() {
                    self.finish(Done { chunk, result: Err(cause.clone()) }, ctx);
                }
            }
            Merging::By(merger) => {
                let with_it = self.under_way.iter().filter(|(_, job)| job.counter == child);
                for chunk in with_it.map(|(chunk, _)| *chunk).collect::<Vec<_>>() {
                    self.hand_on(chunk, merger, exit, ctx);
                }
            }
            Merging::NotYet | Merging::Lost(_) => {}
        }
    }

    /// Gives a chunk whose counter is gone to another one. Should both have counted it, the merger takes only one.
    #[helper]
    fn hand_on(&mut self, number: u64, merger: ActorAddress, exit: &ChildActorExited, ctx: &mut Context<'_>) {
        let Some(mut job) = self.under_way.remove(&number) else { return };
        job.lost += 1;
        if job.lost >= MOST_LOST {
            let cause = format!("{MOST_LOST} counters are gone that had it, the last one: {}", exit.cause);
            ctx.send(&job.giver, Done { chunk: number, result: Err(cause) });
            return;
        }
        job.counter = self.next_counter(merger, ctx);
        ctx.send(&job.counter, Chunk { number, text: job.text.clone() });
        self.under_way.insert(number, job);
    }

    fn top(&mut self, top: &Top, ctx: &mut Context<'_>) -> Result<(), Failure> {
        let merger = self.merger(ctx)?;
        ctx.send(&merger, TopFor { words: top.words, asker: ctx.sender() });
        Ok(())
    }

    #[helper]
    fn merger(&mut self, ctx: &mut Context<'_>) -> Result<ActorAddress, Failure> {
        match &self.merger {
            Merging::By(merger) => Ok(*merger),
            Merging::Lost(cause) => Err(Failure::new(cause)),
            Merging::NotYet => {
                let merger = ctx.create_actor::<Merger>();
                self.merger = Merging::By(merger);
                Ok(merger)
            }
        }
    }

    /// A new counter until there are enough, then the one with the fewest chunks.
    #[helper]
    fn next_counter(&mut self, merger: ActorAddress, ctx: &mut Context<'_>) -> ActorAddress {
        let least = (0..self.counters.len()).min_by_key(|&at| self.counters[at].1);
        let (counter, chunks) = least
            .filter(|_| self.counters.len() >= self.counters_wanted)
            .and_then(|at| self.counters.remove(at))
            .unwrap_or_else(|| (ctx.create(Counter::spec().start(merger)), 0));
        self.counters.push_back((counter, chunks + 1));
        counter
    }

    /// Tells whoever gave the chunk, once: the death of a counter can be known twice.
    #[helper]
    fn finish(&mut self, done: Done, ctx: &mut Context<'_>) {
        let Some(job) = self.under_way.remove(&done.chunk) else { return };
        if let Some((_, chunks)) = self.counters.iter_mut().find(|(counter, _)| *counter == job.counter) {
            *chunks -= 1;
        }
        ctx.send(&job.giver, done);
    }
}

/// Counts the words of one chunk at a time.
struct Counter {
    merger: ActorAddress,
}

#[actor]
impl Counter {
    #[start]
    fn new(merger: ActorAddress) -> Counter {
        Counter { merger }
    }

    fn chunk(&mut self, chunk: &Chunk, ctx: &mut Context<'_>) -> Result<(), Failure> {
        let text = &chunk.text.0;
        if text.len() > LONGEST_CHUNK {
            return Err(Failure::new(format_args!(
                "a chunk of {} bytes is over the limit of {LONGEST_CHUNK}",
                text.len()
            )));
        }
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut folded = String::new();
        for (_, word) in text::words(text) {
            text::fold(word, &mut folded);
            add(&mut counts, &folded, 1);
        }
        ctx.send(&self.merger, Partial { chunk: chunk.number, counts, acceptor: ctx.sender() });
        Ok(())
    }

    /// The merger failed on a chunk's counts.
    fn poison(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) {
        if let Some(partial) = poison.message.downcast_ref::<Partial>() {
            let result = Err(poison.details.clone());
            ctx.send(&partial.acceptor, Done { chunk: partial.chunk, result });
        }
    }
}

/// Adds up the counts of all chunks, each once.
#[derive(Default)]
struct Merger {
    counts: HashMap<String, u64>,
    merged: Numbers,
}

#[actor]
impl Merger {
    fn merge(&mut self, partial: &Partial, ctx: &mut Context<'_>) {
        // A counter that was lost may have counted it before.
        if self.merged.insert(partial.chunk) {
            for (word, count) in &partial.counts {
                add(&mut self.counts, word, *count);
            }
        }
        ctx.send(&partial.acceptor, Done { chunk: partial.chunk, result: Ok(()) });
    }

    fn top(&mut self, top: &TopFor, ctx: &mut Context<'_>) {
        let mut words: Vec<(&String, u64)> = self.counts.iter().map(|(word, count)| (word, *count)).collect();
        words.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        words.truncate(top.words as usize);
        let summary = Summary {
            top: words.into_iter().map(|(word, count)| (word.clone(), count)).collect(),
            words: self.counts.values().sum(),
            distinct: self.counts.len() as u64,
        };
        ctx.send(&top.asker, summary);
    }
}

fn add(counts: &mut HashMap<String, u64>, word: &str, count: u64) {
    match counts.get_mut(word) {
        Some(sum) => *sum += count,
        None => {
            counts.insert(word.to_owned(), count);
        }
    }
}

/// A set of numbers that come nearly in order, as ranges: from the first to the one after the last.
#[derive(Default)]
struct Numbers(BTreeMap<u64, u64>);

impl Numbers {
    /// Adds a number. Says whether it is new.
    fn insert(&mut self, number: u64) -> bool {
        let before = self.0.range(..=number).next_back().map(|(begin, end)| (*begin, *end));
        if before.is_some_and(|(_, end)| number < end) {
            return false;
        }
        let begin = before.filter(|(_, end)| *end == number).map_or(number, |(begin, _)| begin);
        let end = self.0.remove(&(number + 1)).unwrap_or(number + 1);
        self.0.insert(begin, end);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_once_and_grow_together() {
        let mut numbers = Numbers::default();
        for number in [0, 1, 5, 3, 4, 2, 9] {
            assert!(numbers.insert(number));
            assert!(!numbers.insert(number));
        }
        assert_eq!(numbers.0, BTreeMap::from([(0, 6), (9, 10)]));
        assert!((0..6).all(|number| !numbers.insert(number)));
    }
}
