//! Processes that a measured program left running: systems that outlive their starter, because it failed or was killed.
//!
//! They would be measured with the next program. So the driver adopts them, and ends them after each run.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

/// How long the last processes of a system that was shut down may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// How long the kernel may take to end what was killed.
const LAST: Duration = Duration::from_secs(10);

/// From now on, whoever loses its parent becomes a child of this process.
pub(crate) fn adopt() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(rustix::process::getpid().into()) {
        eprintln!("processes that are left behind will not be found: {error}");
    }
}

/// Waits until this process has no child, kills those that do not end by themselves, and says how many it killed. For
/// when every child that anybody else waits for has been waited for.
pub(crate) fn end() -> usize {
    let begun = Instant::now();
    let mut killed = Vec::new();
    // An error says that there is no child.
    while let Ok(ended) = rustix::process::wait(WaitOptions::NOHANG) {
        if ended.is_some() {
            continue;
        }
        if begun.elapsed() > GRACE {
            for child in children().filter(|child| !killed.contains(child)).collect::<Vec<Pid>>() {
                // If it has ended just now, the next turn of the loop sees it.
                let _ = rustix::process::kill_process(child, Signal::KILL);
                killed.push(child);
            }
        }
        if begun.elapsed() > GRACE + LAST {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.len()
}

/// The processes whose parent is this one.
fn children() -> impl Iterator<Item = Pid> {
    let own = format!("{}", std::process::id());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let process: i32 = entry.file_name().to_str()?.parse().ok()?;
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        if parent.trim() == own { Pid::from_raw(process) } else { None }
    })
}
