//! What waits for any worker.

use std::collections::VecDeque;

use thespian_core::{ActorAddress, AnyMessage, EncodedMessage, Payload, PayloadRef, SpareMessage, TypeNames};

use crate::pool::Job;

/// Messages in the order in which they came.
///
/// Those that came from other processes and are small, of which there may be most, are kept as their bytes, one behind the other: with a
/// hundred thousand of them the memory of each counts for more than what is done with it. They come out in the order in which they
/// were put in, whatever else is put between them.
#[derive(Default)]
pub(crate) struct Backlog {
    entries: VecDeque<Entry>,
    bytes: Bytes,
    askers: Runs<ActorAddress>,
    names: Runs<TypeNames>,
}

enum Entry {
    Whole(Job),
    Small {
        number: u64,
        size: u8,
        /// Whether it is the first of another asker, or of another type.
        changes_asker: bool,
        changes_names: bool,
    },
}

impl Entry {
    fn number(&self) -> u64 {
        match self {
            Entry::Whole(job) => job.number(),
            Entry::Small { number, .. } => *number,
        }
    }
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of the first, which came before all others.
    #[inline(always)]
    pub(crate) fn first(&self) -> Option<u64> {
        self.entries.front().map(Entry::number)
    }

    /// Adds a job that came after all others.
    #[inline(always)]
    pub(crate) fn push(&mut self, job: Job) {
        self.entries.push_back(Entry::Whole(job));
    }

    /// The same for one without a key whose message came encoded.
    pub(crate) fn push_encoded(&mut self, number: u64, asker: &ActorAddress, message: &EncodedMessage) {
        let bytes = message.bytes();
        match u8::try_from(bytes.len()) {
            Ok(size) if bytes.len() <= Payload::INLINE => {
                let changes_asker = self.askers.push(asker, |last| last == asker);
                let changes_names = self.names.push(message.names(), |last| last.is_same(message.names()));
                self.bytes.push(bytes);
                self.entries.push_back(Entry::Small { number, size, changes_asker, changes_names });
            }
            _ => {
                let message = AnyMessage::encoded(message.names().clone(), message.payload().clone());
                self.push(Job::new(number, asker, message, None));
            }
        }
    }

    /// Puts a job where those that came before it and those that came later part.
    pub(crate) fn insert(&mut self, job: Job) {
        let at = self.entries.partition_point(|waiting| waiting.number() < job.number());
        self.entries.insert(at, Entry::Whole(job));
    }

    /// Takes the first, perhaps into the memory of another message.
    #[inline(always)]
    pub(crate) fn pop(&mut self, spare: impl FnOnce() -> Option<SpareMessage>) -> Option<Job> {
        match self.entries.pop_front()? {
            Entry::Whole(job) => Some(job),
            Entry::Small { number, size, changes_asker, changes_names } => {
                let asker = *self.askers.pop(changes_asker)?;
                let names = self.names.pop(changes_names)?;
                let bytes = PayloadRef::Read(self.bytes.pop(usize::from(size))?);
                let message = match spare() {
                    Some(spare) => AnyMessage::encoded_in(spare, names, bytes),
                    None => AnyMessage::encoded(names.clone(), bytes),
                };
                Some(Job::new(number, &asker, message, None))
            }
        }
    }

    /// Takes all.
    pub(crate) fn drain(&mut self) -> Vec<Job> {
        std::iter::from_fn(|| self.pop(|| None)).collect()
    }
}

/// What many in a row have in common.
struct Runs<T> {
    /// That of those that were taken last, and those of later ones.
    current: Option<T>,
    later: VecDeque<T>,
}

impl<T> Default for Runs<T> {
    fn default() -> Runs<T> {
        Runs { current: None, later: VecDeque::new() }
    }
}

impl<T: Clone> Runs<T> {
    /// Notes that of the next one to be put in. Whether it is another than that of the one before.
    #[inline]
    fn push(&mut self, value: &T, is_same: impl FnOnce(&T) -> bool) -> bool {
        let changes = !self.later.back().or(self.current.as_ref()).is_some_and(is_same);
        if changes {
            self.later.push_back(value.clone());
        }
        changes
    }

    /// That of the next one to be taken out.
    #[inline]
    fn pop(&mut self, changes: bool) -> Option<&T> {
        if changes {
            self.current = self.later.pop_front();
        }
        self.current.as_ref()
    }
}

/// Bytes, in pieces that come out as they were put in.
#[derive(Default)]
struct Bytes {
    /// Each piece is in one of these.
    blocks: VecDeque<Vec<u8>>,
    /// How much of the first has been taken.
    taken: usize,
    /// One that was emptied.
    spare: Option<Vec<u8>>,
}

/// The size of a block. More than a piece.
const BLOCK: usize = 16 * 1024;

impl Bytes {
    fn push(&mut self, piece: &[u8]) {
        let has_room = |block: &Vec<u8>| block.len() + piece.len() <= BLOCK;
        if !self.blocks.back().is_some_and(has_room) {
            let block = self.spare.take().unwrap_or_else(|| Vec::with_capacity(BLOCK));
            self.blocks.push_back(block);
        }
        if let Some(block) = self.blocks.back_mut() {
            block.extend_from_slice(piece);
        }
    }

    fn pop(&mut self, size: usize) -> Option<&[u8]> {
        let first = self.blocks.front()?;
        // A piece that did not fit is in the next. One of no bytes is anywhere.
        if self.taken == first.len() && size > 0 {
            let mut over = self.blocks.pop_front()?;
            over.clear();
            self.spare = Some(over);
            self.taken = 0;
        }
        let begin = self.taken;
        self.taken += size;
        self.blocks.front()?.get(begin..self.taken)
    }
}

#[cfg(test)]
mod tests {
    use thespian_core::{AddressKey, SystemId, TypeName};

    use super::*;

    fn address(slot: u64) -> ActorAddress {
        AddressKey::new([1; 16]).seal(SystemId::from_bits(1), slot, 1)
    }

    /// The message with this number: of changing types and sizes, from changing askers.
    fn message(names: &[TypeNames], number: u64) -> (ActorAddress, AnyMessage) {
        let size = [0, 1, 40, Payload::INLINE, Payload::INLINE + 1, 1000][number as usize % 6];
        let bytes = vec![number as u8; size];
        (address(number / 7 % 3), AnyMessage::encoded(names[number as usize / 5 % 2].clone(), bytes))
    }

    fn names() -> [TypeNames; 2] {
        [vec![TypeName::Borrowed("a")].into(), vec![TypeName::Borrowed("b")].into()]
    }

    fn push(backlog: &mut Backlog, names: &[TypeNames], number: u64) {
        let (asker, message) = message(names, number);
        backlog.push_encoded(number, &asker, message.as_encoded().expect("it is"));
    }

    fn check(job: &Job, names: &[TypeNames], number: u64) {
        let (asker, message) = message(names, number);
        let bytes = |message: &AnyMessage| message.as_encoded().expect("it is").bytes().to_vec();
        assert_eq!((job.number(), job.asker()), (number, &asker));
        assert_eq!(job.message().type_names(), message.type_names());
        assert_eq!(bytes(job.message()), bytes(&message));
    }

    #[test]
    fn what_is_put_in_comes_out_in_turn_however_many_there_are() {
        let names = names();
        let mut backlog = Backlog::default();
        let (mut put, mut taken) = (0, 0);
        for round in 0..200 {
            for _ in 0..[0, 1, 3, 900][round % 4] {
                push(&mut backlog, &names, put);
                put += 1;
            }
            for _ in 0..[1, 0, 400, 7][round % 4] {
                assert_eq!(backlog.first(), (taken < put).then_some(taken));
                let Some(job) =
                    backlog.pop(|| Some(AnyMessage::new(7_u8).seal(&address(1), &address(1)).emptied()))
                else {
                    break;
                };
                check(&job, &names, taken);
                taken += 1;
            }
            assert_eq!(backlog.len() as u64, put - taken);
        }
        for job in backlog.drain() {
            check(&job, &names, taken);
            taken += 1;
        }
        assert_eq!(taken, put);
        assert!(backlog.is_empty() && backlog.bytes.blocks.len() <= 1);
    }

    #[test]
    fn what_comes_back_stands_where_it_stood() {
        let names = names();
        let mut backlog = Backlog::default();
        (0..100).for_each(|number| push(&mut backlog, &names, number));
        let mut back: Vec<Job> = (0..50).filter_map(|_| backlog.pop(|| None)).collect();
        for job in back.drain(..).rev().step_by(2) {
            backlog.insert(job);
        }
        let (asker, message) = message(&names, 100);
        backlog.push(Job::new(100, &asker, message, None));
        let numbers: Vec<u64> = (0..50).filter(|number| number % 2 == 1).chain(50..101).collect();
        let jobs = backlog.drain();
        assert_eq!(jobs.iter().map(Job::number).collect::<Vec<_>>(), numbers);
        jobs.iter().for_each(|job| check(job, &names, job.number()));
    }

    #[test]
    fn a_hundred_thousand_small_ones_need_a_few_megabytes() {
        let names = names();
        let mut backlog = Backlog::default();
        let small = AnyMessage::encoded(names[0].clone(), vec![7; 8]);
        for number in 0..100_000 {
            backlog.push_encoded(number, &address(1), small.as_encoded().expect("it is"));
        }
        let blocks: usize = backlog.bytes.blocks.iter().map(Vec::capacity).sum();
        assert_eq!((backlog.askers.later.len(), backlog.names.later.len()), (1, 1));
        assert!(blocks < 900_000 && size_of::<Entry>() <= 48, "{blocks} {}", size_of::<Entry>());
    }
}
