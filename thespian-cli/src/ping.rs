//! `thespian ping`.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use thespian_core::ActorSystem;

use crate::args::{self, Target};
use crate::exit::{Code, Outcome};
use crate::output;
use crate::pause::pause;

pub(crate) fn run(target: &Target, options: &args::Ping) -> Outcome {
    let system = target.attach()?;
    let place = target.place();
    let mut times = Vec::new();
    for number in 0..options.count {
        if number > 0 {
            pause(options.interval);
        }
        let time = round_trip(&system, target.patience());
        if !target.json {
            output::print(match time {
                Some(time) => format!("answer from {place} after {}", milliseconds(time)),
                None if system.is_down() => format!("the system at {place} is down"),
                None => format!("no answer from {place} within {:?}", target.patience()),
            });
        }
        times.extend(time);
        if system.is_down() {
            break;
        }
    }
    let summary = Summary::of(place, options.count, &times);
    if target.json {
        output::print_json(&summary);
    } else {
        output::print(summary.text());
    }
    Ok(match times.len() {
        0 if !system.is_down() => Code::TimedOut,
        answered if answered == options.count as usize => Code::Fine,
        _ => Code::Wrong,
    })
}

/// How long the admin takes to answer the shortest question there is. The call has no time limit, so a thread makes it, and is
/// left alone when no answer comes.
fn round_trip(system: &ActorSystem, patience: Duration) -> Option<Duration> {
    let (sender, answer) = mpsc::channel();
    let system = system.clone();
    thread::spawn(move || {
        let begin = Instant::now();
        if system.find_actor("").is_ok() {
            // Nobody may wait any more.
            let _ = sender.send(begin.elapsed());
        }
    });
    answer.recv_timeout(patience).ok()
}

#[derive(Serialize)]
struct Summary {
    place: String,
    sent: u32,
    answered: usize,
    round_trip_seconds: Vec<f64>,
    minimum_seconds: Option<f64>,
    mean_seconds: Option<f64>,
    maximum_seconds: Option<f64>,
}

impl Summary {
    fn of(place: String, sent: u32, times: &[Duration]) -> Summary {
        let seconds = |time: Duration| time.as_secs_f64();
        let sum: Duration = times.iter().sum();
        Summary {
            place,
            sent,
            answered: times.len(),
            round_trip_seconds: times.iter().copied().map(seconds).collect(),
            minimum_seconds: times.iter().min().copied().map(seconds),
            mean_seconds: (!times.is_empty()).then(|| seconds(sum) / times.len() as f64),
            maximum_seconds: times.iter().max().copied().map(seconds),
        }
    }

    fn text(&self) -> String {
        let count = format!("{} sent, {} answered", self.sent, self.answered);
        match (self.minimum_seconds, self.mean_seconds, self.maximum_seconds) {
            (Some(least), Some(mean), Some(most)) => {
                let [least, mean, most] =
                    [least, mean, most].map(|time| milliseconds(Duration::from_secs_f64(time)));
                format!("{count}; least {least}, mean {mean}, most {most}")
            }
            _ => count,
        }
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_least_mean_and_most() {
        let times = [1, 2, 6].map(Duration::from_millis);
        let summary = Summary::of("here".into(), 4, &times);
        assert_eq!(summary.text(), "4 sent, 3 answered; least 1.000 ms, mean 3.000 ms, most 6.000 ms");
        assert_eq!(Summary::of("here".into(), 4, &[]).text(), "4 sent, 0 answered");
    }
}
