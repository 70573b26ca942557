//! Processes by themselves: what it takes to make one, and what one that does nothing takes.
#![expect(unsafe_code, reason = "there is no other way to fork")]

use std::ffi::c_int;
use std::io::{Error, Read};
use std::process::{Command, Stdio};
use std::time::Instant;

use bench_harness::Job;
use process_harness::{Figures, figure, proportional_memory};

/// The role of the process that says one byte and ends.
pub(crate) const HELLO: &str = "hello";

/// Forks, waits for a byte of the child, and for its end: one after the other.
pub(crate) fn create(job: Job) -> Figures {
    let ops = job.workload.ops(job.quick);
    let begun = Instant::now();
    for _ in 0..ops {
        let child = Child::fork(After::Exit)?;
        child.hello()?;
        child.wait()?;
    }
    process_harness::each(job, begun.elapsed(), ops)
}

/// Forks children that sleep, and returns what the kernel charges for one while all are there.
pub(crate) fn idle(job: Job) -> Figures {
    let ops = job.workload.ops(job.quick);
    let children: Result<Vec<Child>, String> = (0..ops).map(|_| Child::fork(After::Sleep)).collect();
    let children = children?;
    let mut bytes = 0;
    for child in &children {
        child.hello()?;
        bytes += proportional_memory(child.process.unsigned_abs())?;
    }
    Ok(vec![figure(job.workload.name, bytes as f64 / ops as f64, ops)])
}

/// Starts this program again, waits for a byte of it, and for its end: one after the other.
pub(crate) fn exec(job: Job) -> Figures {
    let failed = |error: Error| format!("the new image: {error}");
    let ops = job.workload.ops(job.quick);
    let own = std::env::current_exe().map_err(failed)?;
    let begun = Instant::now();
    for _ in 0..ops {
        let mut command = Command::new(&own);
        let mut child =
            command.args(["--side", HELLO, "0"]).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let said = child.stdout.as_mut().map_or(Ok(()), |pipe| pipe.read_exact(&mut [0]));
        child.wait().map_err(failed)?;
        said.map_err(failed)?;
    }
    process_harness::each(job, begun.elapsed(), ops)
}

/// What a child does when it has said its byte.
#[derive(Clone, Copy)]
enum After {
    Exit,
    Sleep,
}

/// A child that is killed, if it is still there, and waited for when this is dropped.
struct Child {
    process: c_int,
    pipe: c_int,
}

impl Child {
    fn fork(after: After) -> Result<Child, String> {
        let failed = |what: &str| format!("{what}: {}", Error::last_os_error());
        let mut ends = [0; 2];
        // SAFETY: the array has room for the two ends.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
            return Err(failed("pipe"));
        }
        let [pipe, to_parent] = ends;
        // SAFETY: this process has one thread, so the child finds no lock held by a thread that it does not have.
        let process = unsafe { libc::fork() };
        if process == 0 {
            // SAFETY: the byte is one byte, and nothing here runs destructors of the parent's values.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::write(to_parent, [1_u8].as_ptr().cast(), 1);
                if let After::Sleep = after {
                    libc::pause();
                }
                libc::_exit(0);
            }
        }
        // SAFETY: the end is the child's now, and nobody here uses it.
        unsafe { libc::close(to_parent) };
        if process < 0 {
            let error = failed("fork");
            // SAFETY: there is no child that could use it, and no `Child` that will close it.
            unsafe { libc::close(pipe) };
            return Err(error);
        }
        Ok(Child { process, pipe })
    }

    /// Waits for the child's byte.
    fn hello(&self) -> Result<(), String> {
        let mut byte = 0_u8;
        // SAFETY: there is room for one byte.
        let got = unsafe { libc::read(self.pipe, (&raw mut byte).cast(), 1) };
        if got == 1 { Ok(()) } else { Err("a child ended without a word".into()) }
    }

    /// Waits for the child's end.
    fn wait(self) -> Result<(), String> {
        let mut status = 0;
        // SAFETY: there is room for the status.
        let ended = unsafe { libc::waitpid(self.process, &raw mut status, 0) };
        // SAFETY: it is open, and this value, which is forgotten next, is the only one that would close it.
        unsafe { libc::close(self.pipe) };
        std::mem::forget(self);
        if ended > 0 && status == 0 { Ok(()) } else { Err(format!("a child ended with status {status}")) }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: the child has not been waited for, so its number is its own; the pipe's end is open.
        unsafe {
            libc::kill(self.process, libc::SIGKILL);
            libc::waitpid(self.process, std::ptr::null_mut(), 0);
            libc::close(self.pipe);
        }
    }
}
