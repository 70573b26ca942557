//! The processes of the system, as the kernel sees them.

use std::fs;
use std::path::PathBuf;

/// The other processes that run this program: those of the one system that there is.
pub(crate) fn of_system() -> Result<Vec<u32>, String> {
    let failed = |error: std::io::Error| format!("looking for the system's processes (Linux only): {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let own = std::process::id();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // What has ended meanwhile, or is another user's, is none of them.
        let runs_it = fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|path| path == program);
        if runs_it && process != own {
            found.push(process);
        }
    }
    Ok(found)
}

/// How often the threads of these processes, and those of this one but for its first, have gone to sleep: once for each
/// time that they woke up.
pub(crate) fn wake_ups(processes: &[u32]) -> Result<u64, String> {
    let own = std::process::id();
    let mut sum = 0;
    for &process in processes.iter().chain([&own]) {
        for thread in threads(process)? {
            let is_main = thread.file_name().is_some_and(|name| name.to_str() == Some(&own.to_string()));
            if !is_main {
                sum += voluntary_switches(&thread.join("status"))?;
            }
        }
    }
    Ok(sum)
}

fn threads(process: u32) -> Result<Vec<PathBuf>, String> {
    let folder = format!("/proc/{process}/task");
    let failed = |error: std::io::Error| format!("{folder}: {error}");
    let entries = fs::read_dir(&folder).map_err(failed)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

fn voluntary_switches(status: &PathBuf) -> Result<u64, String> {
    let text = fs::read_to_string(status).map_err(|error| format!("{}: {error}", status.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    let number = line.and_then(|number| number.trim().parse().ok());
    number.ok_or_else(|| format!("{} does not say how often it slept", status.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_is_seen_to_wake_up() {
        let status = PathBuf::from("/proc/thread-self/status");
        let before = voluntary_switches(&status).expect("this thread runs");
        let (to, from) = std::sync::mpsc::channel();
        let (back, answers) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || from.iter().for_each(|()| back.send(()).expect("it waits")));
        for _ in 0..100 {
            to.send(()).expect("it waits");
            answers.recv().expect("it answers");
        }
        drop(to);
        other.join().expect("it ends");
        assert!(voluntary_switches(&status).expect("this thread runs") > before);
    }
}
