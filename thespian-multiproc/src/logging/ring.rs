//! Packets that wait, up to so many bytes.

use std::collections::VecDeque;

/// What a packet costs beside its bytes.
const OVERHEAD: usize = size_of::<Box<[u8]>>();

/// A queue with a bound in bytes.
#[derive(Debug)]
pub(super) struct Ring {
    packets: VecDeque<Box<[u8]>>,
    bytes: usize,
    limit: usize,
}

impl Ring {
    pub(super) const fn new(limit: usize) -> Ring {
        Ring { packets: VecDeque::new(), bytes: 0, limit }
    }

    /// Adds a packet, if there is room.
    pub(super) fn push(&mut self, packet: Vec<u8>) -> bool {
        let cost = packet.len() + OVERHEAD;
        if self.bytes + cost > self.limit {
            return false;
        }
        self.bytes += cost;
        self.packets.push_back(packet.into_boxed_slice());
        true
    }

    pub(super) fn front(&self) -> Option<&[u8]> {
        self.packets.front().map(|packet| &**packet)
    }

    /// Removes the oldest. The memory of a ring that ran empty is given back.
    pub(super) fn pop(&mut self) {
        if let Some(packet) = self.packets.pop_front() {
            self.bytes -= packet.len() + OVERHEAD;
        }
        if self.packets.is_empty() {
            self.packets = VecDeque::new();
        }
    }

    /// Removes all, and says how many.
    pub(super) fn clear(&mut self) -> u64 {
        let packets = self.packets.len() as u64;
        *self = Ring::new(self.limit);
        packets
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn is_at_most_half_full(&self) -> bool {
        self.bytes <= self.limit / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_takes_no_more_than_its_bytes_and_gives_them_back_in_order() {
        let mut ring = Ring::new(10 * (1 + OVERHEAD));
        let taken = (0..20).filter(|&number| ring.push(vec![number])).count();
        assert_eq!(taken, 10);
        assert!(!ring.is_at_most_half_full());
        for number in 0..10 {
            assert_eq!(ring.front(), Some(&[number][..]));
            ring.pop();
        }
        assert!(ring.is_empty() && ring.is_at_most_half_full());
        ring.pop();
        assert!((0..20).filter(|&number| ring.push(vec![number])).count() == 10);
        assert_eq!((ring.clear(), ring.clear()), (10, 0));
    }
}
