//! The table of floods of which something may be lost.

use std::fmt;

use process_harness::{OFFERS, Offer};

use super::plan::{OURS, UDP};
use super::results::Results;
use crate::grid;
use crate::spread::Spread;

/// How much may be lost of a flood that counts as one that arrives, in per cent.
const LOST_AT_MOST: f64 = 0.1;

/// Writes what arrived of each offer, and what is the most that arrives.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, results: &Results) -> fmt::Result {
    let mut lines =
        vec![["offered", "UDP: arrived", "UDP: lost", "TCP: arrived"].map(str::to_owned).to_vec()];
    for offer in OFFERS {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        lines.push(vec![
            about(offer),
            or_dash(rate(results, UDP, offer).map(thousands)),
            or_dash(lost(results, UDP, offer).map(|lost| format!("{} %", percent(lost)))),
            or_dash(rate(results, OURS, offer).map(thousands)),
        ]);
    }
    grid::write(f, &lines)?;
    writeln!(f)?;
    let arrives = |offer: &&Offer| {
        lost(results, UDP, offer).is_some_and(|lost| lost.most < LOST_AT_MOST)
            && rate(results, UDP, offer).is_some()
    };
    let median = |offer: &Offer| rate(results, UDP, offer).map_or(0.0, |rate| rate.median);
    let best = OFFERS.iter().filter(arrives).max_by(|one, other| median(one).total_cmp(&median(other)));
    match best {
        Some(offer) => {
            let udp = thousands(rate(results, UDP, offer).unwrap_or_else(nothing));
            write!(
                f,
                "The most of which less than {LOST_AT_MOST} % is lost in every run: {udp}, {}",
                about(offer)
            )?;
            match rate(results, OURS, offer) {
                Some(tcp) => writeln!(f, "; TCP: {}", thousands(tcp)),
                None => writeln!(f),
            }
        }
        None => writeln!(f, "Of each more than {LOST_AT_MOST} % is lost in some run."),
    }
}

fn nothing() -> Spread {
    Spread { least: 0.0, median: 0.0, most: 0.0 }
}

/// An offer, for people.
fn about(offer: &Offer) -> String {
    let by = if offer.senders == 1 { "1 sender".to_owned() } else { format!("{} senders", offer.senders) };
    let rate = match offer.rate {
        Some(rate) => format!("{} k/s", rate / 1000),
        None => "as fast as it goes".into(),
    };
    let buffer = if offer.has_small_buffer { ", small buffers" } else { "" };
    format!("{by}, {rate}{buffer}")
}

fn rate(results: &Results, program: &str, offer: &Offer) -> Option<Spread> {
    spread(results, program, &offer.rate_figure())
}

fn lost(results: &Results, program: &str, offer: &Offer) -> Option<Spread> {
    let arrived = spread(results, program, &offer.arrived_figure())?;
    Some(Spread { least: 100.0 - arrived.most, median: 100.0 - arrived.median, most: 100.0 - arrived.least })
}

fn spread(results: &Results, program: &str, figure: &str) -> Option<Spread> {
    let line = results.lines.iter().find(|line| line.program == program && line.figure == figure);
    line.and_then(super::results::Line::spread)
}

fn thousands(rate: Spread) -> String {
    format!("{} k/s", rate.divided_by(1000.0))
}

/// With digits enough for the bound.
fn percent(lost: Spread) -> String {
    let digits = |value: f64| if value == 0.0 { "0".to_owned() } else { format!("{value:.3}") };
    format!("{} ({}-{})", digits(lost.median), digits(lost.least), digits(lost.most))
}

#[cfg(test)]
mod tests {
    use bench_harness::Measurement;
    use process_harness::Came;

    use super::super::plan::SECTIONS;
    use super::*;

    struct Shown(Results);

    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(f, &self.0)
        }
    }

    fn results() -> Results {
        Results::new(SECTIONS.iter().find(|section| section.name == "udp_loss").expect("it is there"))
    }

    fn came(offer: &Offer, arrived: u64, rate: f64) -> Vec<Measurement> {
        offer.figures(Came { sent: 10_000, arrived, rate }).to_vec()
    }

    #[test]
    fn the_best_is_the_quickest_of_those_that_arrive_in_every_run() {
        let mut results = results();
        for round in 0..2 {
            results.add(UDP, round, came(&OFFERS[0], 10_000, 20_000.0));
            results.add(UDP, round, came(&OFFERS[1], 9_995, 90_000.0));
            // Good in one run alone.
            results.add(UDP, round, came(&OFFERS[2], 10_000 - 11 * round as u64, 300_000.0));
            results.add(OURS, round, came(&OFFERS[1], 10_000, 95_000.0));
        }
        let text = Shown(results).to_string();
        let best = "The most of which less than 0.1 % is lost in every run: 90.0 (90.0-90.0) k/s, 1 sender, 100 k/s; \
                    TCP: 95.0 (95.0-95.0) k/s\n";
        assert!(text.ends_with(best), "{text}");
        assert!(text.contains("| 0.055 (0-0.110) %"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_no_best_is_said() {
        let text = Shown(results()).to_string();
        assert!(text.contains("| -            | -"), "{text}");
        assert!(text.ends_with("Of each more than 0.1 % is lost in some run.\n"), "{text}");
    }
}
