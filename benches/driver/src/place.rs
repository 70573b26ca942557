//! The processors that a program runs on.

use std::process::Command;

use process_harness::SIDES;

/// Where a program and whatever it starts runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On one processor: what it costs to wake another one is left out.
    OneCore,
    /// The two sides of a workload on a processor each, which both sleep when there is nothing to do.
    Apart,
    /// On two processors, wherever the scheduler likes.
    TwoCores,
    /// Wherever the scheduler likes.
    Anywhere,
}

/// The processors that this process may use.
pub(crate) struct Processors(Vec<usize>);

impl Processors {
    /// All that the driver was started on. None where that cannot be known.
    pub(crate) fn allowed() -> Processors {
        affinity::current().map_or_else(|_| Processors(Vec::new()), Processors)
    }

    /// Whether there are as many as the place has.
    pub(crate) fn can(&self, place: Place) -> bool {
        self.of(place).is_ok()
    }

    /// Runs a command through `finish` in that place.
    pub(crate) fn during<T>(
        &self,
        place: Place,
        command: &mut Command,
        finish: impl FnOnce(&mut Command) -> Result<T, String>,
    ) -> Result<T, String> {
        let chosen = self.of(place)?;
        if let (Place::Apart, [near, far]) = (place, chosen) {
            command.env(SIDES, format!("{near},{far}"));
        }
        if place == Place::Anywhere {
            return finish(command);
        }
        // What is started inherits the processors of this thread.
        let _back = Restored::after_setting(chosen, &self.0)?;
        finish(command)
    }

    /// The last ones: the first has most of the machine's interrupts.
    fn of(&self, place: Place) -> Result<&[usize], String> {
        let count = match place {
            Place::Anywhere => 0,
            Place::OneCore => 1,
            Place::Apart | Place::TwoCores => 2,
        };
        let first = self.0.len().checked_sub(count).ok_or_else(|| {
            format!("it needs {count} processors that can be chosen, and there are {}", self.0.len())
        })?;
        Ok(&self.0[first..])
    }
}

/// The processors of this thread, which are as before when this is dropped.
struct Restored<'a>(&'a [usize]);

impl<'a> Restored<'a> {
    fn after_setting(chosen: &[usize], before: &'a [usize]) -> Result<Restored<'a>, String> {
        affinity::set(chosen)?;
        Ok(Restored(before))
    }
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        // They were allowed a moment ago; if they are not any more, the kernel has chosen others.
        let _ = affinity::set(self.0);
    }
}

#[cfg(target_os = "linux")]
mod affinity {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub(super) fn current() -> Result<Vec<usize>, String> {
        let set = sched_getaffinity(None).map_err(|error| error.to_string())?;
        Ok((0..CpuSet::MAX_CPU).filter(|&processor| set.is_set(processor)).collect())
    }

    pub(super) fn set(processors: &[usize]) -> Result<(), String> {
        let mut set = CpuSet::new();
        processors.iter().for_each(|&processor| set.set(processor));
        sched_setaffinity(None, &set).map_err(|error| format!("processors {processors:?}: {error}"))
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    pub(super) fn current() -> Result<Vec<usize>, String> {
        Err("processors can be chosen on Linux only".into())
    }

    pub(super) fn set(_: &[usize]) -> Result<(), String> {
        current().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_processors_are_taken_and_too_few_are_an_error() {
        let processors = Processors(vec![0, 2, 5]);
        assert_eq!(processors.of(Place::OneCore), Ok(&[5][..]));
        assert_eq!(processors.of(Place::Apart), Ok(&[2, 5][..]));
        assert!(!Processors(vec![3]).can(Place::TwoCores));
        assert!(Processors(Vec::new()).can(Place::Anywhere));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_started_is_on_the_processor_of_the_place_and_the_driver_is_not_afterwards() {
        let processors = Processors::allowed();
        let mut command = Command::new("cat");
        command.arg("/proc/self/status");
        let status = processors.during(Place::OneCore, &mut command, crate::runner::finish).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        let last = processors.0.last().unwrap();
        assert_eq!(line.trim(), last.to_string());
        assert_eq!(affinity::current().unwrap(), processors.0);
    }
}
