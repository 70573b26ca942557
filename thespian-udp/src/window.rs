//! Which datagrams of a session came already, so that none is taken twice.

/// How far behind the newest a datagram may come, in datagrams; older ones are refused.
pub(crate) const REACH: u64 = 1024;

const WORDS: usize = (REACH / 64) as usize;

/// The datagrams that came of the last [`REACH`], by their counters, which begin with 1.
pub(crate) struct Window {
    newest: u64,
    seen: [u64; WORDS],
}

impl Window {
    pub(crate) const fn new() -> Window {
        Window { newest: 0, seen: [0; WORDS] }
    }

    /// Whether a datagram with this counter would be new. To be asked before it is known to be genuine.
    #[inline]
    pub(crate) fn may_take(&self, counter: u64) -> bool {
        if counter > self.newest {
            return true;
        }
        counter > 0 && self.newest - counter < REACH && !self.has_seen(counter)
    }

    /// A genuine datagram with this counter, which [was new](Window::may_take), has come. Whether it is the newest.
    #[inline]
    pub(crate) fn take(&mut self, counter: u64) -> bool {
        let is_newest = counter > self.newest;
        if is_newest {
            self.advance(counter);
        }
        self.seen[word(counter)] |= bit(counter);
        is_newest
    }

    #[inline]
    fn has_seen(&self, counter: u64) -> bool {
        self.seen[word(counter)] & bit(counter) != 0
    }

    #[inline]
    fn advance(&mut self, to: u64) {
        if to - self.newest >= REACH {
            self.seen = [0; WORDS];
        } else {
            for counter in self.newest + 1..=to {
                self.seen[word(counter)] &= !bit(counter);
            }
        }
        self.newest = to;
    }
}

fn word(counter: u64) -> usize {
    ((counter % REACH) / 64) as usize
}

fn bit(counter: u64) -> u64 {
    1 << (counter % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(window: &mut Window, counter: u64) -> bool {
        let takes = window.may_take(counter);
        if takes {
            window.take(counter);
        }
        takes
    }

    #[test]
    fn each_is_taken_once_whatever_the_order() {
        let mut window = Window::new();
        for counter in [1, 3, 2, 70, 69, 4, 1_000, 999] {
            assert!(takes(&mut window, counter), "{counter}");
            assert!(!takes(&mut window, counter), "{counter} again");
        }
    }

    #[test]
    fn what_is_too_old_is_refused_and_nothing_is_numbered_zero() {
        let mut window = Window::new();
        assert!(!window.may_take(0));
        assert!(takes(&mut window, 5_000));
        assert!(!takes(&mut window, 5_000 - REACH));
        assert!(takes(&mut window, 5_001 - REACH));
    }

    #[test]
    fn a_leap_forgets_what_was_before_and_nothing_else() {
        let mut window = Window::new();
        assert!(takes(&mut window, 1));
        assert!(takes(&mut window, REACH));
        assert!(!takes(&mut window, 1));
        assert!(takes(&mut window, REACH + 1));
        assert!(!takes(&mut window, 1), "it is too old, and its place is another's");
        assert!(takes(&mut window, 2));
        assert!(takes(&mut window, u64::MAX));
        assert!(takes(&mut window, u64::MAX - REACH + 1));
        assert!(!takes(&mut window, u64::MAX - REACH));
    }

    #[test]
    fn it_agrees_with_a_list_of_all_that_came() {
        let (mut window, mut all, mut newest, mut random) = (Window::new(), Vec::new(), 0_u64, 1_u64);
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let counter = (newest + 40).saturating_sub((random >> 33) % 1_200);
            let expected = counter > 0 && counter + REACH > newest && !all.contains(&counter);
            assert_eq!(takes(&mut window, counter), expected, "{counter}, newest {newest}");
            if expected {
                all.push(counter);
                newest = newest.max(counter);
            }
        }
    }
}
