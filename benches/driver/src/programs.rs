//! The measured programs: where they are, what they can do, and running them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use bench_harness::{Measurement, Workload};

/// The program whose figure is the unit.
const FLOOR: &str = "floors";

/// Our program, and then the peers. They have the names of their packages.
pub(crate) const MEASURED: &[&str] = &["ours", "peer-actix", "peer-kameo", "peer-ractor", "peer-tellus"];

/// A run takes a second or two; one that takes this long hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A program that was built.
pub(crate) struct Program {
    pub(crate) package: String,
    path: PathBuf,
    workloads: Vec<String>,
}

impl Program {
    pub(crate) fn knows(&self, workload: Workload) -> bool {
        self.workloads.iter().any(|name| name == workload.name)
    }
}

/// What there is to run.
pub(crate) struct Found {
    pub(crate) floor: Program,
    pub(crate) measured: Vec<Program>,
    /// Packages that cannot be measured, and why.
    pub(crate) missing: Vec<(String, String)>,
}

/// Finds the programs in the driver's own folder, but for those that are known not to have been built: what is there
/// under their name is old.
pub(crate) fn find(not_built: &[(String, String)]) -> Result<Found, String> {
    let own = std::env::current_exe().map_err(|error| format!("the driver's own folder: {error}"))?;
    let folder = own.parent().unwrap_or(Path::new("."));
    let look = |package: &str| match not_built.iter().find(|(name, _)| name == package) {
        Some((_, reason)) => Err(reason.clone()),
        None => open(folder, package),
    };
    let floor = look(FLOOR).map_err(|reason| format!("{FLOOR}, which gives the unit: {reason}"))?;
    let mut found = Found { floor, measured: Vec::new(), missing: Vec::new() };
    for package in MEASURED {
        match look(package) {
            Ok(program) => found.measured.push(program),
            Err(reason) => found.missing.push(((*package).to_owned(), reason)),
        }
    }
    let others = not_built.iter().filter(|(name, _)| !MEASURED.contains(&name.as_str()));
    found.missing.extend(others.cloned());
    Ok(found)
}

fn open(folder: &Path, package: &str) -> Result<Program, String> {
    let path = folder.join(format!("{package}{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        return Err("it was not built; `cargo xtask bench` does that".into());
    }
    let list = finish(Command::new(&path).arg("--list"))?;
    Ok(Program { package: package.to_owned(), path, workloads: list.lines().map(str::to_owned).collect() })
}

/// How programs are run.
pub(crate) struct Runner {
    quick: bool,
    /// The processor that they run on, if one can be chosen.
    processor: Option<String>,
}

impl Runner {
    pub(crate) fn new(quick: bool) -> Runner {
        let processor = last_allowed_processor().filter(|processor| {
            let tried = Command::new("taskset").args(["-c", processor, "true"]).output();
            tried.is_ok_and(|output| output.status.success())
        });
        Runner { quick, processor }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.processor.is_some()
    }

    /// Runs a workload once and returns its value, or why there is none.
    pub(crate) fn run(&self, program: &Program, workload: Workload) -> Result<f64, String> {
        let mut command = match &self.processor {
            Some(processor) => {
                let mut command = Command::new("taskset");
                command.args(["-c", processor]).arg(&program.path);
                command
            }
            None => Command::new(&program.path),
        };
        command.arg(workload.name).args(self.quick.then_some("--quick"));
        let measurement: Measurement = finish(&mut command)?.trim().parse()?;
        if measurement.workload == workload.name {
            Ok(measurement.value)
        } else {
            Err(format!("it measured {} instead of {}", measurement.workload, workload.name))
        }
    }
}

/// The last processor that this process may use: the first has most of the machine's interrupts.
fn last_allowed_processor() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list.trim().rsplit([',', '-']).next().map(str::to_owned)
}

/// Runs a program to its end, which has to be a good one, and returns what it printed.
fn finish(command: &mut Command) -> Result<String, String> {
    let output = output_within_limit(command)?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| "it printed something that is not UTF-8".into());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let mut said =
        errors.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("note:"));
    Err(said.next_back().map_or_else(|| output.status.to_string(), str::to_owned))
}

/// What the program printed is a line or two, so it can wait in the pipe until the program has ended.
fn output_within_limit(command: &mut Command) -> Result<Output, String> {
    let failed = |error: std::io::Error| format!("it could not be run: {error}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let begun = Instant::now();
    while child.try_wait().map_err(failed)?.is_none() {
        if begun.elapsed() > LIMIT {
            child.kill().map_err(failed)?;
            child.wait().map_err(failed)?;
            return Err(format!("no end after {} s", LIMIT.as_secs()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().map_err(failed)
}
