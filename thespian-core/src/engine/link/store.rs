//! Where a link keeps the messages that are not acknowledged: as their bytes, one behind the other.
//!
//! They come and go in order, so there is nothing to look for and little to keep account of: bytes stand in blocks that are
//! given back when nothing of them is waited for any more, and names are kept once for all messages in a row that have the
//! same. A large message is a block of its own, which others can share.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::{Payload, PayloadRef, TypeNames};

/// A message of more bytes than this is a block of its own.
const LARGE: usize = 4 * 1024;

/// The first block of a link has so many bytes, and is kept when there is nothing in it.
const SMALLEST: usize = 512;

/// Each block has twice as many bytes as the one before, up to so many.
const LARGEST: usize = 16 * 1024;

/// The messages of a link.
#[derive(Default)]
pub(super) struct Store {
    blocks: VecDeque<Block>,
    names: VecDeque<TypeNames>,
    /// How many of both were given back.
    blocks_gone: u32,
    names_gone: u32,
}

/// Where a message is. Counts wrap around, so that those in use are found by their distance from those that are gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    names: u32,
    block: u32,
    begin: u32,
    length: usize,
}

enum Block {
    Small(Vec<u8>),
    Large(Payload),
}

impl Stored {
    /// How many bytes it has.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.length
    }
}

impl Store {
    /// Keeps a message.
    #[inline]
    pub(super) fn add(&mut self, names: &TypeNames, bytes: PayloadRef<'_>) -> Stored {
        if !self.names.back().is_some_and(|last| last.is_same(names)) {
            self.names.push_back(names.clone());
        }
        let names = self.names_gone.wrapping_add(self.names.len() as u32 - 1);
        let length = bytes.len();
        let begin = match self.blocks.back_mut() {
            Some(Block::Small(block)) if length <= block.capacity() - block.len() => {
                let begin = block.len();
                block.extend_from_slice(&bytes);
                begin
            }
            _ => {
                self.add_block(bytes);
                0
            }
        };
        let block = self.blocks_gone.wrapping_add(self.blocks.len() as u32 - 1);
        // A small block has few bytes.
        Stored { names, block, begin: begin as u32, length }
    }

    /// Begins a block with a message.
    #[cold]
    fn add_block(&mut self, bytes: PayloadRef<'_>) {
        let size = bytes.len();
        if size > LARGE {
            return self.blocks.push_back(Block::Large(bytes.into()));
        }
        let before = self.blocks.iter().rev().find_map(|block| match block {
            Block::Small(block) => Some(block.capacity()),
            Block::Large(_) => None,
        });
        let room = before.map_or(SMALLEST, |before| (2 * before).min(LARGEST));
        let mut block = Vec::with_capacity(room.max(size));
        block.extend_from_slice(&bytes);
        self.blocks.push_back(Block::Small(block));
    }

    /// The names of the type of a message that is kept.
    #[inline]
    pub(super) fn names(&self, message: Stored) -> &TypeNames {
        &self.names[message.names.wrapping_sub(self.names_gone) as usize]
    }

    /// The bytes of a message that is kept.
    #[inline]
    pub(super) fn bytes(&self, message: Stored) -> PayloadRef<'_> {
        match &self.blocks[message.block.wrapping_sub(self.blocks_gone) as usize] {
            Block::Small(block) => PayloadRef::Read(&block[message.begin as usize..][..message.length]),
            Block::Large(bytes) => PayloadRef::Kept(bytes),
        }
    }

    /// Gives back what stands before a message: the oldest that is still waited for. Without one that is all.
    #[inline]
    pub(super) fn keep_from(&mut self, oldest: Option<Stored>) {
        let Some(oldest) = oldest else { return self.clear() };
        let names = oldest.names.wrapping_sub(self.names_gone);
        if names > 0 {
            self.names.drain(..names as usize);
            self.names_gone = oldest.names;
        }
        let blocks = oldest.block.wrapping_sub(self.blocks_gone);
        if blocks > 0 {
            self.blocks.drain(..blocks as usize);
            self.blocks_gone = oldest.block;
        }
    }

    #[inline]
    fn clear(&mut self) {
        // The names are mostly wanted again, and so is a small block.
        if let (1, Some(Block::Small(block))) = (self.blocks.len(), self.blocks.front_mut())
            && block.capacity() <= SMALLEST
        {
            block.clear();
        } else {
            self.clear_blocks();
        }
        if self.names.len() > 1 {
            let gone = self.names.len() - 1;
            self.names.drain(..gone);
            self.names_gone = self.names_gone.wrapping_add(gone as u32);
        }
    }

    #[cold]
    fn clear_blocks(&mut self) {
        self.blocks_gone = self.blocks_gone.wrapping_add(self.blocks.len() as u32);
        self.blocks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TypeName;
    use alloc::vec;

    fn names(name: &'static str) -> TypeNames {
        vec![TypeName::Borrowed(name)].into()
    }

    fn content(number: usize, size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 7 + number) as u8).collect()
    }

    /// Messages of all sizes come and go in order, and each is what it was as long as it is there.
    #[test]
    fn what_is_kept_is_what_it_was() {
        let sizes = [0, 1, 66, 500, 513, 1000, LARGE, LARGE + 1, 100_000, 3];
        let (one, other) = (names("one"), names("other"));
        // The counts wrap around in the middle.
        let mut store = Store { blocks_gone: u32::MAX - 5, names_gone: u32::MAX - 5, ..Store::default() };
        let mut kept = VecDeque::new();
        for number in 0..1000 {
            let size = sizes[number * 3 % sizes.len()];
            let names = if number / 3 % 2 == 0 { &one } else { &other };
            let bytes = content(number, size);
            kept.push_back((number, size, names, store.add(names, PayloadRef::Read(&bytes))));
            if number % 50 > 20 {
                kept.pop_front();
                kept.pop_front();
                store.keep_from(kept.front().map(|(.., stored)| *stored));
            }
            for (number, size, names, stored) in &kept {
                assert_eq!(stored.len(), *size);
                assert_eq!(&store.bytes(*stored)[..], &content(*number, *size));
                assert!(store.names(*stored).is_same(names));
            }
            assert!(store.blocks.len() <= kept.len() + 1 && store.names.len() <= kept.len() / 3 + 2);
        }
    }

    #[test]
    fn a_large_one_is_shared_and_goes_when_it_is_not_waited_for() {
        let payload = Payload::from(vec![7; 100_000]);
        let mut store = Store::default();
        let stored = store.add(&names("a"), PayloadRef::Kept(&payload));
        assert_eq!(store.bytes(stored).as_ptr(), payload.as_ptr());
        store.keep_from(None);
        assert!(store.blocks.is_empty());
    }

    #[test]
    fn a_link_with_nothing_to_keep_holds_one_small_block_at_most() {
        let mut store = Store::default();
        for size in [66, 66, 500, 66] {
            let bytes = content(1, size);
            let first = store.add(&names("a"), PayloadRef::Read(&bytes));
            let more: Vec<Stored> =
                (0..100).map(|_| store.add(&names("b"), PayloadRef::Read(&bytes))).collect();
            store.keep_from(Some(first));
            store.keep_from(more.last().copied());
            store.keep_from(None);
            assert!(store.blocks.is_empty() && store.names.len() == 1);
            store.add(&names("a"), PayloadRef::Read(b"few"));
            store.keep_from(None);
            assert_eq!((store.blocks.len(), store.names.len()), (1, 1));
        }
    }
}
