//! Waiting between two looks at something: the only place where this program sleeps.

use std::thread;
use std::time::Duration;

/// Waits for so long. Nobody could wake it: people chose the time, or what is looked at says nothing of its own accord.
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}
