//! The processors of the two sides.

/// The variable in which the driver names the processors of the near side, which measures, and of the far side: `1,0`.
/// Without it the sides stay where they are.
pub const SIDES: &str = "BENCH_SIDES";

/// Puts the calling thread, and whatever it starts from now on, on the near side's processor.
///
/// # Errors
///
/// Why that is not possible.
pub fn near() -> Result<(), String> {
    go(0)
}

/// Puts the calling thread, and whatever it starts from now on, on the far side's processor.
///
/// # Errors
///
/// Why that is not possible.
pub fn far() -> Result<(), String> {
    go(1)
}

fn go(side: usize) -> Result<(), String> {
    let Ok(sides) = std::env::var(SIDES) else { return Ok(()) };
    let unreadable = || format!("{SIDES} is {sides:?} instead of two numbers");
    let processor = sides.split(',').nth(side).and_then(|number| number.parse().ok());
    set(processor.ok_or_else(unreadable)?).map_err(|error| format!("{SIDES}={sides}: {error}"))
}

#[cfg(target_os = "linux")]
fn set(processor: usize) -> Result<(), String> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(processor);
    rustix::thread::sched_setaffinity(None, &set).map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
fn set(_: usize) -> Result<(), String> {
    Err("processors can be chosen on Linux only".into())
}
