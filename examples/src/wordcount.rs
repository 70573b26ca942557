//! `wordcount`: counts words with actors.
//!
//! The program reads files in chunks and gives these to an [acceptor](actors::Acceptor), which deals them out to
//! counters; a merger adds up what they count. They share no memory: everything is in messages, so it does not matter
//! to them where each of them runs.
//!
//! Memory is that of the different words, and of at most two chunks for each counter.

pub mod actors;
pub mod files;
mod table;
pub mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorSystem, Answer, AnyMessage, Bytes, Error, Message,
    PoisonMessage, Private, Reply,
};

use self::actors::{Acceptor, Chunk, Done, Summary, Top};
use self::files::{Input, Problem};

/// How long a chunk may take before the program gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to count.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many counters there are.
    pub workers: u32,
    /// How many of the most frequent words to list.
    pub top: u32,
    /// The size of a chunk in bytes, at most [`actors::LONGEST_CHUNK`].
    pub chunk_size: usize,
}

impl Default for Options {
    /// A counter for each processor, ten words, and chunks that are large beside a message and small beside a file.
    fn default() -> Options {
        let workers = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
        Options { workers, top: 10, chunk_size: 256 * 1024 }
    }
}

/// What happens while words are counted.
#[derive(Debug)]
pub enum Event<'a> {
    /// So many more bytes are dealt with.
    Progress(u64),
    /// Something is not counted.
    Problem(&'a Problem),
}

/// What was counted. It displays as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The words.
    pub summary: Summary,
    /// How many files were read to their end.
    pub files: u64,
    /// How many bytes were counted.
    pub bytes: u64,
}

/// Counts the words of all inputs, on this system, and tells what happens.
///
/// # Errors
///
/// When the actor system fails, or gives no answer for a minute. A file that cannot be read is an [`Event`].
pub fn count(
    system: &ActorSystem,
    inputs: &[Input],
    options: &Options,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Totals, Error> {
    let acceptor = system.create(Acceptor::spec().start(options.workers))?;
    let window = 2 * options.workers as usize;
    let mut feeder = Feeder {
        system: system.private()?,
        acceptor,
        window,
        tell,
        under_way: BTreeMap::new(),
        next: 0,
        bytes: 0,
    };
    let mut files = 0;
    for input in inputs {
        files += u64::from(feeder.read(input, options.chunk_size)?);
    }
    feeder.drain()?;
    let bytes = feeder.bytes;
    let summary = system.request(&acceptor, Top { words: options.top }, PATIENCE)?;
    system.tell(&acceptor, ActorExitRequest::new())?;
    Ok(Totals { summary, files, bytes })
}

/// Gives chunks to the acceptor, and never has more than `window` of them under way.
struct Feeder<'a> {
    system: Private,
    acceptor: ActorAddress,
    window: usize,
    tell: &'a mut dyn FnMut(Event<'_>),
    under_way: BTreeMap<u64, Part<'a>>,
    next: u64,
    bytes: u64,
}

/// The part of an input that is a chunk.
struct Part<'a> {
    input: &'a Input,
    offset: u64,
    length: u64,
}

impl<'a> Feeder<'a> {
    /// Feeds an input. Says whether it was read to its end.
    fn read(&mut self, input: &'a Input, chunk_size: usize) -> Result<bool, Error> {
        let reader = match input.open() {
            Ok(reader) => reader,
            Err(error) => return Ok(self.report(input, error)),
        };
        let mut offset = 0;
        for chunk in text::Chunks::new(reader, chunk_size) {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Ok(self.report(input, error)),
            };
            let length = chunk.len() as u64;
            self.feed(Part { input, offset, length }, chunk)?;
            offset += length;
        }
        Ok(true)
    }

    fn report(&mut self, input: &Input, cause: impl std::fmt::Display) -> bool {
        (self.tell)(Event::Problem(&Problem::new(&input.path, cause)));
        false
    }

    fn feed(&mut self, part: Part<'a>, text: Vec<u8>) -> Result<(), Error> {
        let chunk = Chunk { number: self.next, text: Bytes(text) };
        self.under_way.insert(self.next, part);
        self.next += 1;
        if self.under_way.len() < self.window {
            return self.system.tell(&self.acceptor, chunk);
        }
        let answer = self.system.ask(&self.acceptor, chunk, PATIENCE)?;
        self.take(answer)
    }

    /// Waits for all that is under way.
    fn drain(&mut self) -> Result<(), Error> {
        while !self.under_way.is_empty() {
            let answer = self.system.listen(PATIENCE)?;
            self.take(answer)?;
        }
        Ok(())
    }

    /// Takes the answer for one chunk.
    fn take(&mut self, answer: Answer) -> Result<(), Error> {
        let message = match answer {
            Answer::Message(Reply { message, .. }) => message,
            Answer::TimedOut => {
                let waited_for = Done::type_name().into_owned();
                return Err(Error::RequestTimeout { waited_for, timeout: PATIENCE });
            }
            Answer::Dead(target) => return Err(Error::TargetDead { target }),
        };
        let done = done(message)?;
        let Some(Part { input, offset, length }) = self.under_way.remove(&done.chunk) else { return Ok(()) };
        match done.result {
            Ok(()) => self.bytes += length,
            Err(cause) => {
                let end = offset + length;
                self.report(input, format_args!("bytes {offset} to {end} are not counted: {cause}"));
            }
        }
        (self.tell)(Event::Progress(length));
        Ok(())
    }
}

/// What a message says of a chunk. It may be that the acceptor itself failed on it.
fn done(message: AnyMessage) -> Result<Done, Error> {
    if let Some(poison) = message.downcast_ref::<PoisonMessage>()
        && let Some(chunk) = poison.message.downcast_ref::<Chunk>()
    {
        return Ok(Done { chunk: chunk.number, result: Err(poison.details.clone()) });
    }
    message
        .downcast()
        .map_err(|other| Error::UnexpectedReply { expected: Done::type_name(), received: other.type_name() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_on_which_the_acceptor_failed_is_not_counted() {
        let poison = |message| AnyMessage::new(PoisonMessage { message, details: "no".into() });
        let chunk = AnyMessage::new(Chunk { number: 7, text: Bytes(Vec::new()) });
        assert_eq!(done(poison(chunk)), Ok(Done { chunk: 7, result: Err("no".into()) }));
        for other in [poison(AnyMessage::new(7u64)), AnyMessage::new(7u64)] {
            assert!(matches!(done(other), Err(Error::UnexpectedReply { .. })));
        }
    }
}
