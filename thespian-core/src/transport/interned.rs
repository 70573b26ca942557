//! Tables of what was sent before, so that it need not be sent in full again.
//!
//! Both sides of a connection keep one for each direction. The sender picks the place of each item and says when it puts
//! another there, so the receiver only follows. A place is picked by a cheap hash, without a search and without a list of
//! what is free; two items that want the same place cost each other a repetition in full, and nothing else.

use alloc::vec::Vec;

/// What the sender knows the receiver to know.
pub(super) struct Sent<T> {
    places: Vec<Option<T>>,
    /// How often an item took the place of another since the table last grew.
    replaced: usize,
    most: usize,
}

/// What the receiver was told.
pub(super) struct Told<T> {
    places: Vec<Option<T>>,
    most: usize,
}

/// Where an item is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The receiver has it there.
    Known(usize),
    /// The receiver is to put it there.
    New(usize),
}

/// A table begins with so many places, and grows by as many times.
const STEP: usize = 16;

impl<T: Clone + PartialEq> Sent<T> {
    /// An empty table that grows to `most` places, a power of [`STEP`].
    pub(super) const fn new(most: usize) -> Sent<T> {
        Sent { places: Vec::new(), replaced: 0, most }
    }

    /// The place of an item with this hash.
    #[inline]
    pub(super) fn place(&mut self, hash: u64, item: &T) -> Place {
        let at = self.index(hash);
        match self.places.get(at) {
            Some(Some(there)) if there == item => Place::Known(at),
            _ => self.enter(hash, item),
        }
    }

    #[cold]
    fn enter(&mut self, hash: u64, item: &T) -> Place {
        // A table that is replaced again and again is too small. What was in it is entered again at its new place.
        if self.replaced >= self.places.len() && self.places.len() < self.most {
            let size = (self.places.len() * STEP).clamp(STEP, self.most);
            self.places.clear();
            self.places.resize(size, None);
            self.replaced = 0;
        }
        let at = self.index(hash);
        self.replaced += usize::from(self.places[at].is_some());
        self.places[at] = Some(item.clone());
        Place::New(at)
    }

    #[inline]
    fn index(&self, hash: u64) -> usize {
        // The number of places is a power of two, or none at all.
        (hash as usize) & self.places.len().saturating_sub(1)
    }
}

impl<T: Clone> Told<T> {
    /// An empty table of at most as many places as the sender's.
    pub(super) const fn new(most: usize) -> Told<T> {
        Told { places: Vec::new(), most }
    }

    /// What is at a place.
    #[inline]
    pub(super) fn at(&self, place: usize) -> Option<&T> {
        self.places.get(place)?.as_ref()
    }

    /// Puts an item at a place. Whether there is such a place.
    pub(super) fn enter(&mut self, place: usize, item: T) -> bool {
        if place >= self.most {
            return false;
        }
        if place >= self.places.len() {
            self.places.resize(place + 1, None);
        }
        self.places[place] = Some(item);
        true
    }
}

/// Spreads what differs in a few bits over all of them.
#[inline]
pub(super) fn spread(bits: u64) -> u64 {
    let mixed = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_entered_is_known_until_another_takes_its_place() {
        let mut sent = Sent::new(256);
        assert_eq!(sent.place(3, &"a"), Place::New(3));
        assert_eq!(sent.place(3, &"a"), Place::Known(3));
        assert_eq!(sent.place(3 + 16, &"b"), Place::New(3));
        assert_eq!(sent.place(3, &"a"), Place::New(3));
    }

    #[test]
    fn a_table_grows_when_it_is_too_small_and_then_knows_all() {
        let mut sent = Sent::new(256);
        let mut told = Told::new(256);
        for _ in 0..8 {
            for item in 0..200_u64 {
                match sent.place(item, &item) {
                    Place::New(at) => assert!(told.enter(at, item)),
                    Place::Known(at) => assert_eq!(told.at(at), Some(&item)),
                }
            }
        }
        assert!((0..200).all(|item| matches!(sent.place(item, &item), Place::Known(_))));
    }

    #[test]
    fn a_receiver_has_no_more_places_than_agreed() {
        let mut told = Told::new(256);
        assert!(told.enter(255, 'x'));
        assert!(!told.enter(256, 'x'));
        assert_eq!(told.at(255), Some(&'x'));
        assert_eq!(told.at(254), None);
    }
}
