//! Floods of which something may be lost: what is offered, and how the figures of one are called.

use bench_harness::Measurement;

use crate::figure;

/// The workload.
pub const FLOOD_LOSS: &str = "flood_loss";

/// What is offered to one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it is called in figures.
    pub name: &'static str,
    /// How many actors send.
    pub senders: u64,
    /// How many messages a second they send together. `None`: as many as they are let.
    pub rate: Option<u64>,
    /// Whether sockets get [`SMALL_BUFFER`] to keep in what was not read, where the transport loses what is beyond.
    pub has_small_buffer: bool,
}

/// How much a socket keeps then, in bytes.
pub const SMALL_BUFFER: usize = 32 << 10;

/// All that is offered, one after the other.
pub const OFFERS: &[Offer] = &[
    Offer::new("1_20k", 1, Some(20_000)),
    Offer::new("1_100k", 1, Some(100_000)),
    Offer::new("1_400k", 1, Some(400_000)),
    Offer::new("1_most", 1, None),
    Offer::new("8_most", 8, None),
    Offer::new("40_most", 40, None),
    Offer::new("8_100k_small", 8, Some(100_000)).with_small_buffer(),
    Offer::new("1_most_small", 1, None).with_small_buffer(),
    Offer::new("8_most_small", 8, None).with_small_buffer(),
    Offer::new("40_most_small", 40, None).with_small_buffer(),
];

/// What came of an offer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Came {
    /// How many messages were sent.
    pub sent: u64,
    /// How many of them arrived.
    pub arrived: u64,
    /// How many arrived in a second.
    pub rate: f64,
}

impl Offer {
    const fn new(name: &'static str, senders: u64, rate: Option<u64>) -> Offer {
        Offer { name, senders, rate, has_small_buffer: false }
    }

    const fn with_small_buffer(self) -> Offer {
        Offer { has_small_buffer: true, ..self }
    }

    /// The figure with the number of messages that arrived in a second.
    pub fn rate_figure(&self) -> String {
        format!("{FLOOD_LOSS}_{}_rate", self.name)
    }

    /// The figure with the share of messages that arrived, in per cent.
    pub fn arrived_figure(&self) -> String {
        format!("{FLOOD_LOSS}_{}_arrived", self.name)
    }

    /// What came of it, as figures.
    pub fn figures(&self, came: Came) -> [Measurement; 2] {
        let share = came.arrived as f64 / came.sent as f64 * 100.0;
        [figure(self.rate_figure(), came.rate, came.sent), figure(self.arrived_figure(), share, came.sent)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offer_has_figures_of_its_own() {
        let mut names: Vec<String> =
            OFFERS.iter().flat_map(|offer| [offer.rate_figure(), offer.arrived_figure()]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OFFERS.len() * 2);
    }

    #[test]
    fn what_arrived_is_a_share_of_what_was_sent() {
        let [rate, arrived] = OFFERS[0].figures(Came { sent: 400, arrived: 399, rate: 7.0 });
        assert_eq!((rate.value, arrived.value), (7.0, 99.75));
    }
}
