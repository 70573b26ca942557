//! The flood of libraries that have no back-pressure between processes: the sender keeps to a window by itself.

use std::collections::VecDeque;
use std::future::Future;
use std::time::{Duration, Instant};

/// The most messages that a sender may be ahead of what the receiver has counted.
pub const WINDOW: u64 = 10_000;

/// How to send one message: a closure, or a type where sending has to be awaited.
pub trait Send1: Send {
    /// Sends the message of that number.
    fn send1(&mut self, number: u64) -> impl Future<Output = ()> + Send;
}

impl<F: FnMut(u64) + Send> Send1 for F {
    async fn send1(&mut self, number: u64) {
        self(number);
    }
}

/// Sends this many one-way messages and returns how long it took until the receiver had counted the last. The count is
/// asked for once in a quarter of the [`WINDOW`], and waited for only when the window is used up.
///
/// # Errors
///
/// That the receiver counted something else.
pub async fn windowed<F>(
    ops: u64,
    mut to: impl Send1,
    mut count: impl FnMut() -> F,
) -> Result<Duration, String>
where
    F: Future<Output = u64> + Send + 'static,
{
    const TURN: u64 = WINDOW / 4;
    let begun = Instant::now();
    let (mut sent, mut seen) = (0, 0);
    let mut asked = VecDeque::new();
    while seen < ops {
        while sent < ops && sent - seen + TURN <= WINDOW {
            for _ in 0..TURN.min(ops - sent) {
                to.send1(sent).await;
                sent += 1;
            }
            asked.push_back(tokio::spawn(count()));
        }
        let answer = asked.pop_front().unwrap_or_else(|| tokio::spawn(count()));
        seen = seen.max(answer.await.map_err(|error| format!("asking for the count: {error}"))?);
    }
    let took = begun.elapsed();
    bench_harness::check("messages counted", seen, ops)?;
    Ok(took)
}
