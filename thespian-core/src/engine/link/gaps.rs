//! What a receiver passed over on a carrier that loses messages, so that the sender learns which they were.

use alloc::vec::Vec;

/// Places of a link that were passed over: their messages had not come, and are not taken any more.
///
/// An acknowledgement carries them again and again while the sender may still keep what they were about, so that losing
/// one acknowledgement loses no knowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// From this place on they are all here; of those below it nothing is known.
    pub known_from: u64,
    /// The first place of each gap and the first behind it, in order.
    pub ranges: Vec<(u64, u64)>,
}

impl Gaps {
    /// How many gaps are remembered, and acknowledged at once. With more, nothing is known below the newest of them.
    pub const MOST: usize = 64;

    /// What is known of a place.
    pub(super) fn fate(&self, place: u64) -> Fate {
        match self.ranges.binary_search_by(|(from, _)| from.cmp(&place)) {
            _ if place < self.known_from => Fate::Unknown,
            Ok(_) => Fate::Lost,
            Err(at) if at > 0 && place < self.ranges[at - 1].1 => Fate::Lost,
            Err(_) => Fate::Taken,
        }
    }
}

/// What became of the message at a place that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was taken.
    Taken,
    /// It was not, and never will be.
    Lost,
    /// Nobody knows any more.
    Unknown,
}

/// What the receiver of a link on such a carrier remembers.
pub(super) struct Sieve {
    gaps: Gaps,
    /// A sender keeps no more messages than this behind the last that it has sent.
    reach: u64,
}

impl Sieve {
    /// Of a link of which nothing is known below this place.
    pub(super) fn new(known_from: u64, reach: u32) -> Sieve {
        Sieve { gaps: Gaps { known_from, ranges: Vec::new() }, reach: reach.into() }
    }

    /// These places are passed over. Says how many of them were messages that the sender may still keep.
    pub(super) fn pass_over(&mut self, from: u64, to: u64) -> u64 {
        let from = from.max(to.saturating_sub(self.reach));
        self.forget_below(from.min(to.saturating_sub(self.reach)));
        match self.gaps.ranges.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ => self.gaps.ranges.push((from, to)),
        }
        if self.gaps.ranges.len() > Gaps::MOST {
            let (_, end) = self.gaps.ranges.remove(0);
            self.gaps.known_from = self.gaps.known_from.max(end);
        }
        to - from
    }

    /// Whether this place, which is below the next one to take, was passed over as far as is remembered.
    pub(super) fn has_lost(&self, place: u64) -> bool {
        self.gaps.fate(place) == Fate::Lost
    }

    /// What the sender has to be told by a receiver that waits for the message at this place.
    pub(super) fn report(&mut self, expected: u64) -> Option<&Gaps> {
        let floor = expected.saturating_sub(self.reach);
        self.forget_below(floor);
        (!self.gaps.ranges.is_empty() || self.gaps.known_from > floor).then_some(&self.gaps)
    }

    /// Forgets what the sender does not keep any more.
    fn forget_below(&mut self, floor: u64) {
        let over = self.gaps.ranges.partition_point(|(_, end)| *end <= floor);
        self.gaps.ranges.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(gaps: &Gaps, places: core::ops::Range<u64>) -> Vec<Fate> {
        places.map(|place| gaps.fate(place)).collect()
    }

    #[test]
    fn a_place_is_lost_exactly_if_it_was_passed_over() {
        use Fate::{Lost, Taken};
        let mut sieve = Sieve::new(0, 100);
        assert_eq!(sieve.report(1), None);
        assert_eq!(sieve.pass_over(1, 2), 1);
        assert_eq!(sieve.pass_over(4, 6), 2);
        assert_eq!(sieve.pass_over(6, 7), 1);
        let gaps = sieve.report(8).expect("gaps").clone();
        assert_eq!(gaps.ranges, [(1, 2), (4, 7)], "neighbours are one gap");
        assert_eq!(fates(&gaps, 0..8), [Taken, Lost, Taken, Taken, Lost, Lost, Lost, Taken]);
    }

    #[test]
    fn what_the_sender_cannot_keep_any_more_is_forgotten() {
        let mut sieve = Sieve::new(0, 10);
        assert_eq!(sieve.pass_over(0, 1_000), 10, "it cannot have kept more");
        assert_eq!(sieve.report(1_000).expect("a gap").ranges, [(990, 1_000)]);
        assert!(sieve.report(1_009).is_some());
        assert_eq!(sieve.report(1_010), None);
    }

    #[test]
    fn beyond_the_most_gaps_the_oldest_are_not_known_any_more() {
        let mut sieve = Sieve::new(0, 10_000);
        for gap in 0..Gaps::MOST as u64 + 2 {
            sieve.pass_over(10 * gap, 10 * gap + 1);
        }
        let gaps = sieve.report(10 * (Gaps::MOST as u64 + 2)).expect("gaps");
        assert_eq!(gaps.ranges.len(), Gaps::MOST);
        assert_eq!(gaps.known_from, 11);
        assert_eq!(fates(gaps, 9..12), [Fate::Unknown, Fate::Unknown, Fate::Taken]);
        assert_eq!(gaps.fate(20), Fate::Lost);
    }

    #[test]
    fn a_link_whose_beginning_was_forgotten_says_so_until_it_does_not_matter() {
        let mut sieve = Sieve::new(500, 10);
        assert_eq!(sieve.report(505).expect("known from there").fate(499), Fate::Unknown);
        assert_eq!(sieve.report(510), None);
    }

    #[test]
    fn the_highest_places_overflow_nothing() {
        let mut sieve = Sieve::new(0, 10);
        assert_eq!(sieve.pass_over(5, u64::MAX), 10);
        assert!(sieve.has_lost(u64::MAX - 1));
        assert!(!sieve.has_lost(u64::MAX));
    }
}
