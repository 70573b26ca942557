//! What the operating system knows of an actor's process.

use std::fs;

/// How titles of actors' processes begin; then come the type's name and the address.
const TITLE: &str = "thespian actor ";

/// A process of an actor, as its title says.
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) actor_type: String,
}

/// How much memory a process has, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) rss: Option<u64>,
    /// Where a page that n processes share counts as an n-th of it.
    pub(crate) pss: Option<u64>,
}

/// The memory of an actor's process, as far as it is ours to see. Nothing if the number is that of another process: the
/// actor is on another machine, or gone.
pub(crate) fn of(pid: u32) -> Memory {
    if !title(pid).is_some_and(|title| title.starts_with(TITLE)) {
        return Memory::default();
    }
    if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        return Memory { rss: kilobytes(&text, "Rss:"), pss: kilobytes(&text, "Pss:") };
    }
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    Memory { rss: kilobytes(&text, "VmRSS:"), pss: None }
}

/// The processes of actors that do not say themselves where they are, in the order of the addresses.
pub(crate) fn find(addresses: &[String]) -> Vec<Option<Process>> {
    let numbers = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let titles: Vec<(u32, String)> = numbers.filter_map(|pid| Some((pid, title(pid)?))).collect();
    let process = |address: &String| {
        titles.iter().find_map(|(pid, title)| {
            let actor_type = title.strip_prefix(TITLE)?.strip_suffix(address.as_str())?.trim_end();
            Some(Process { pid: *pid, actor_type: actor_type.into() })
        })
    };
    addresses.iter().map(process).collect()
}

fn title(pid: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let title = line.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(title).trim_end().to_string())
}

/// A line such as `Rss:   1234 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|number| number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_system_are_read() {
        let text = "00400000-7ffd [rollup]\nRss:                1864 kB\nPss:                 228 kB\nPss_Dirty: 1 kB\n";
        assert_eq!((kilobytes(text, "Rss:"), kilobytes(text, "Pss:")), (Some(1_908_736), Some(233_472)));
        assert_eq!(kilobytes(text, "VmRSS:"), None);
    }

    #[test]
    fn a_process_that_is_no_actor_shows_nothing() {
        assert_eq!(of(std::process::id()), Memory::default());
    }
}
