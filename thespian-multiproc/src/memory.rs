//! Whether a process that was ended by a signal may have run out of memory: the signal itself does not say so.

use nix::sys::signal::Signal;

use crate::sys::Ended;

/// How often the out-of-memory killer of the system has been at work, as was last seen.
pub(crate) struct Killer {
    seen: Option<u64>,
}

impl Killer {
    /// From now on.
    pub(crate) fn new() -> Killer {
        Killer { seen: kills() }
    }

    /// How a process ended, in words, with what is to be known about memory.
    pub(crate) fn explain(&mut self, ended: &Ended) -> String {
        match ended {
            Ended::Signal(Signal::SIGKILL, _) => {
                let before = std::mem::replace(&mut self.seen, kills());
                explain_kill(ended, before, self.seen)
            }
            _ => ended.to_string(),
        }
    }
}

fn explain_kill(ended: &Ended, before: Option<u64>, now: Option<u64>) -> String {
    match before.zip(now) {
        Some((before, now)) if now > before => format!(
            "{ended}, and memory may have run out: the system's out-of-memory killer has ended {} of all processes since it \
             was last looked at",
            now - before
        ),
        _ => ended.to_string(),
    }
}

/// How many processes the out-of-memory killer has ended since the system was booted, for want of memory in the whole system
/// or in a group of processes.
fn kills() -> Option<u64> {
    kills_in(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

fn kills_in(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// The bound on the memory of a process, in bytes, if it has one. A process that has ended and was not reaped has it still.
pub(crate) fn limit_of(pid: nix::unistd::Pid) -> Option<u64> {
    limit_in(&std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?)
}

fn limit_in(limits: &str) -> Option<u64> {
    let bounds = ["Max address space", "Max data size"];
    let bound = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    bounds.into_iter().filter_map(bound).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: Ended = Ended::Signal(Signal::SIGKILL, None);

    #[test]
    fn the_killers_count_is_read() {
        assert_eq!(kills_in("drop_slab 0\noom_kill 12\nnuma_hit 3\n"), Some(12));
        assert_eq!(kills_in("drop_slab 0\n"), None);
    }

    #[test]
    fn a_kill_is_explained_if_the_killer_was_at_work_meanwhile() {
        let plain = "its process was ended by signal SIGKILL (kill -9)";
        assert_eq!(explain_kill(&KILLED, Some(3), Some(3)), plain);
        assert_eq!(explain_kill(&KILLED, None, Some(3)), plain);
        let explained = explain_kill(&KILLED, Some(3), Some(5));
        assert!(
            explained.starts_with(plain) && explained.contains("has ended 2 of all processes"),
            "{explained}"
        );
    }

    #[test]
    fn the_tightest_bound_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max data size             4096                 unlimited            bytes     \n\
                      Max stack size            8388608              unlimited            bytes     \n\
                      Max address space         8192                 unlimited            bytes     \n";
        assert_eq!(limit_in(limits), Some(4096));
        assert_eq!(limit_in(&limits.replace("4096", "unlimited")), Some(8192));
        assert_eq!(limit_in("Max data size unlimited unlimited bytes"), None);
        let text = Ended::Signal(Signal::SIGABRT, Some(4096)).to_string();
        assert!(text.contains("SIGABRT") && text.contains("4096 bytes"), "{text}");
    }
}
