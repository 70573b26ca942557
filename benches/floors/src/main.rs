//! The least that a message can cost: a boxed closure that is pushed to a queue, popped and called. It is the unit Q
//! of the table. It allocates once and calls through a pointer once, as any message of any type must; at most
//! [`BATCH`] wait in the queue, as in the workloads that are held against it.

use std::collections::VecDeque;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use bench_harness::{BATCH, FLOOR, Job, check, each_ns, sum_to};

fn main() -> ExitCode {
    match Job::from_command_line(&[FLOOR]) {
        Ok(job) => {
            let ops = FLOOR.ops(job.quick);
            job.finish(queue(ops / 8).and_then(|_| queue(ops)))
        }
        Err(end) => end,
    }
}

type Closure = Box<dyn FnOnce(&mut u64)>;

fn queue(ops: u64) -> Result<(f64, u64), String> {
    let mut queue: VecDeque<Closure> = VecDeque::new();
    let mut sum = 0;
    let begun = Instant::now();
    for number in 1..=ops {
        let number = black_box(number);
        queue.push_back(Box::new(move |sum| *sum += number));
        if number % BATCH == 0 {
            while let Some(add) = queue.pop_front() {
                add(&mut sum);
            }
        }
    }
    queue.into_iter().for_each(|add| add(&mut sum));
    let took = begun.elapsed();
    check("sum of the closures", sum, sum_to(ops))?;
    Ok(each_ns(took, ops))
}
