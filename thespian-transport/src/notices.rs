//! What is said to the log of strangers and shortages: seldom, however often it happens.

use std::time::{Duration, Instant};

/// How often one source is spoken of.
const INTERVAL: Duration = Duration::from_secs(10);

/// How many sources are remembered; of more, the one that was spoken of longest ago is forgotten.
const SOURCES: usize = 64;

/// When each source was spoken of last.
pub struct Notices<S>(Vec<(Option<S>, Instant)>);

impl<S> Default for Notices<S> {
    fn default() -> Notices<S> {
        Notices(Vec::new())
    }
}

impl<S: PartialEq> Notices<S> {
    /// Whether something is to be said now of this source, or of this process itself.
    pub fn is_due(&mut self, now: Instant, source: Option<S>) -> bool {
        if let Some((_, last)) = self.0.iter_mut().find(|(known, _)| *known == source) {
            let due = now >= *last + INTERVAL;
            if due {
                *last = now;
            }
            return due;
        }
        if self.0.len() >= SOURCES
            && let Some((oldest, _)) = self.0.iter().enumerate().min_by_key(|(_, (_, last))| *last)
        {
            self.0.swap_remove(oldest);
        }
        self.0.push((source, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_is_spoken_of_once_in_a_while() {
        let (mut notices, start) = (Notices::default(), Instant::now());
        let source = |number: u16| Some(number);
        assert!(notices.is_due(start, source(1)));
        assert!(!notices.is_due(start + INTERVAL / 2, source(1)));
        assert!(notices.is_due(start + INTERVAL / 2, source(2)));
        assert!(notices.is_due(start + INTERVAL, source(1)));
        assert!((0..=255).all(|last| notices.is_due(start + 3 * INTERVAL, source(last))));
        assert_eq!(notices.0.len(), SOURCES);
    }
}
