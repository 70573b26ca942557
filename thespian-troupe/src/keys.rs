//! Which messages belong together, and whose they are.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::num::NonZeroU64;

use thespian_core::{Actor, AnyMessage};

/// What messages have in common that go to the same worker of a [`KeyedTroupe`](crate::KeyedTroupe).
///
/// It is a hash, so two values have the same one by chance once in a long while. Then their messages share a worker, which
/// other keys do too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(NonZeroU64);

impl Key {
    /// The key of a value. Equal values have equal keys.
    ///
    /// ```
    /// use thespian_troupe::Key;
    ///
    /// assert_eq!(Key::of("ada"), Key::of(&String::from("ada")));
    /// assert_ne!(Key::of(&("ada", 1)), Key::of(&("ada", 2)));
    /// ```
    pub fn of<T: Hash + ?Sized>(value: &T) -> Key {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Key(NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MIN))
    }
}

/// A worker type that says which messages belong together: those with the same key go to the same worker, one after the
/// other. See [`KeyedTroupe`](crate::KeyedTroupe).
pub trait Keyed: Actor {
    /// What the message has in common with others; `None` for one that any worker can do.
    ///
    /// It runs in the troupe, once for each message. A message from another process is decoded when it is asked for its type
    /// here, and goes on to the worker as it came. A message for which this panics comes back to its sender as poison.
    fn key(message: &AnyMessage) -> Option<Key>;
}

/// Which keys have a worker, and which. It remembers at least the last half of `limit` keys, and never more than `limit`, but
/// for those whose messages are not done: these it must know, or one key would have two workers.
#[derive(Default)]
pub(crate) struct Keys {
    /// Those that were asked for since the two changed places last.
    recent: HashMap<Key, Home>,
    older: HashMap<Key, Home>,
    places: Vec<Tenancy>,
}

/// A key's place in the table of workers, while the same worker has it.
#[derive(Clone, Copy)]
struct Home {
    place: u32,
    tenant: u64,
}

/// Who has a place, as a count of those that have had it, and how many keys are remembered for it.
#[derive(Clone, Copy, Default)]
struct Tenancy {
    tenant: u64,
    keys: u32,
}

impl Keys {
    /// How many keys have a worker.
    pub(crate) fn count(&self) -> usize {
        self.places.iter().map(|tenancy| tenancy.keys as usize).sum()
    }

    /// How many of them have the worker at this place.
    pub(crate) fn count_at(&self, place: u32) -> u32 {
        self.places.get(place as usize).map_or(0, |tenancy| tenancy.keys)
    }

    /// The worker at this place is gone, or about to go: its keys have none.
    pub(crate) fn vacate(&mut self, place: u32) {
        if let Some(tenancy) = self.places.get_mut(place as usize) {
            *tenancy = Tenancy { tenant: tenancy.tenant + 1, keys: 0 };
        }
    }

    /// The place of a key's worker.
    pub(crate) fn home(&self, key: Key) -> Option<u32> {
        let home = self.recent.get(&key).or_else(|| self.older.get(&key))?;
        self.is_current(home).then_some(home.place)
    }

    /// Gives a key that has no worker the one at this place, or takes note that a key is asked for which has it. `pending` are
    /// the keys whose messages are not done.
    pub(crate) fn settle<I: IntoIterator<Item = Key>>(
        &mut self,
        key: Key,
        place: u32,
        limit: u32,
        pending: impl FnOnce() -> I,
    ) {
        if self.places.len() <= place as usize {
            self.places.resize(place as usize + 1, Tenancy::default());
        }
        if self.recent.get(&key).is_some_and(|home| self.is_current(home)) {
            return;
        }
        let known = self.older.remove(&key).is_some_and(|home| self.is_current(&home));
        let tenancy = &mut self.places[place as usize];
        tenancy.keys += u32::from(!known);
        self.recent.insert(key, Home { place, tenant: tenancy.tenant });
        if self.recent.len() >= (limit / 2).max(1) as usize {
            self.forget_older(pending());
        }
    }

    fn forget_older(&mut self, pending: impl IntoIterator<Item = Key>) {
        let mut forgotten = mem::replace(&mut self.older, mem::take(&mut self.recent));
        for key in pending {
            if let Some(home) = forgotten.remove(&key) {
                self.older.insert(key, home);
            }
        }
        for home in forgotten.into_values() {
            if self.is_current(&home) {
                self.places[home.place as usize].keys -= 1;
            }
        }
    }

    fn is_current(&self, home: &Home) -> bool {
        self.places.get(home.place as usize).is_some_and(|tenancy| tenancy.tenant == home.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        Key::of(&number)
    }

    #[test]
    fn a_key_has_its_worker_until_that_is_gone() {
        let mut keys = Keys::default();
        keys.settle(key(1), 3, 100, Vec::new);
        keys.settle(key(2), 3, 100, Vec::new);
        keys.settle(key(1), 3, 100, Vec::new);
        assert_eq!((keys.home(key(1)), keys.count_at(3), keys.count()), (Some(3), 2, 2));
        keys.vacate(3);
        assert_eq!((keys.home(key(1)), keys.home(key(2)), keys.count()), (None, None, 0));
        keys.settle(key(1), 0, 100, Vec::new);
        assert_eq!((keys.home(key(1)), keys.count_at(0), keys.count_at(3)), (Some(0), 1, 0));
    }

    #[test]
    fn there_are_no_more_keys_than_the_limit_and_those_used_last_stay() {
        let mut keys = Keys::default();
        for number in 0..1000 {
            keys.settle(key(number), number % 7, 10, Vec::new);
            // It is asked for again and again.
            keys.settle(key(0), 0, 10, Vec::new);
            assert!(keys.count() <= 10 && keys.recent.len() + keys.older.len() <= 10);
            assert_eq!(keys.home(key(0)), Some(0));
            for last in number.saturating_sub(3)..=number {
                assert_eq!(keys.home(key(last)), Some(last % 7), "{last} of {number}");
            }
        }
        let counted: u32 = (0..7).map(|place| keys.count_at(place)).sum();
        assert_eq!(counted as usize, keys.count());
    }

    #[test]
    fn a_key_whose_messages_are_not_done_is_never_forgotten() {
        let mut keys = Keys::default();
        for number in 0..100 {
            keys.settle(key(number), 0, 1, || [key(0), key(1)]);
        }
        assert_eq!((keys.home(key(0)), keys.home(key(1)), keys.home(key(2))), (Some(0), Some(0), None));
        assert_eq!(keys.count(), 3);
    }
}
