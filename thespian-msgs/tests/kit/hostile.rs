//! Bytes that nobody means well with, and what a decoder allocates for them. Shared by the tests of the decoders.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Noise, or one of these encodings with some damage, which may be a piece of any decoder's.
pub(crate) fn hostile(random: &mut Random, own: &[Vec<u8>], all: &[&[Vec<u8>]]) -> Vec<u8> {
    if random.below(8) == 0 {
        return (0..random.below(64)).map(|_| random.next() as u8).collect();
    }
    let mut bytes = random.one(own).clone();
    for _ in 0..=random.below(4) {
        damage(random, &mut bytes, all);
    }
    bytes
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>, all: &[&[Vec<u8>]]) {
    let from = random.below(bytes.len() + 1);
    let to = bytes.len().min(from + random.below(16));
    match random.below(8) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte = *random.one(&[0, 1, 2, 3, 4, 5, 6, 16, 17, 0x7f, 0x80, 0xff]);
            }
        }
        3 => bytes.truncate(from),
        4 => drop(bytes.drain(from..to)),
        5 => {
            let times = *random.one(&[2, 2, 3, 20, 150]);
            let piece = bytes[from..to].repeat(times);
            bytes.splice(from..to, piece);
        }
        6 => {
            let decoder: &&[Vec<u8>] = random.one(all);
            let other = random.one(decoder);
            bytes.splice(from..to, other[random.below(other.len() + 1)..].iter().copied());
        }
        // A length, if it stood here, that promises far more than there is.
        _ => {
            let length = random.next() >> random.below(60);
            let end = bytes.len().min(from + 1);
            bytes.splice(from..end, variable(length));
        }
    }
}

/// A number as lengths are encoded: seven bits a byte, the lowest first.
fn variable(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>), with whose seed every input can be made again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, or 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }

    pub(crate) fn one<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// The system's allocator, and what each thread has from it.
struct Counting;

thread_local! {
    /// Bytes that the thread has allocated and not given back; less than none if others gave it theirs.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // Not counted: what a thread still does when its counters are gone.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + change);
        PEAK.try_with(|peak| peak.set(peak.get().max(live.get())))
    });
}

#[expect(
    unsafe_code,
    reason = "only an allocator sees what a decoder allocates; this one passes everything on"
)]
// SAFETY: the system's allocator does the work, and counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the work returned, and the most bytes it had allocated at one time.
pub(crate) fn measured<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get().abs_diff(before))
}
