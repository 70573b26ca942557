//! What the runtime itself has to say: to the system's log, and to the internals log of guide section 4.13.3.

use std::sync::OnceLock;

use crate::logging::{Internals, LogSource, RUNTIME_TARGET};

/// The internals log of a process whose system collects no logs.
static ALONE: OnceLock<Internals> = OnceLock::new();

/// Says something.
pub(crate) fn say(level: log::Level, text: &str) {
    if LogSource::installed().is_some() {
        log::log!(target: RUNTIME_TARGET, level, "{text}");
    } else {
        internals().write(level, text);
    }
}

/// Notes something that was asked for, whatever the threshold.
pub(crate) fn note(text: &str) {
    match LogSource::installed() {
        Some(source) => source.internals().note(text),
        None => internals().note(text),
    }
}

fn internals() -> &'static Internals {
    ALONE.get_or_init(|| Internals::from_env().0)
}
