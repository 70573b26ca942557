//! Actors' links over a relay that loses, repeats and reorders datagrams: what best effort promises, for real.

use std::time::{Duration, Instant};

use thespian_core::engine::link::{Carrier, Lane, Links};
use thespian_core::engine::{Output, Outputs};
use thespian_core::transport::{PeerId, PortEvent, Role};
use thespian_core::{ActorAddress, ActorExitRequest, AnyMessage, DeadReason, Limits, Time};

use crate::kit::{Dice, Faults, Relay, Side, address, locator, open, udp};

const COUNT: u64 = 2_000;

/// An actor's links, and the port they go by.
struct End {
    side: Side,
    links: Links,
    me: ActorAddress,
    peer: Option<PeerId>,
    out: Outputs,
    taken: Vec<u64>,
    exits: u64,
    lost: Vec<u64>,
}

impl End {
    fn new(me: u64) -> End {
        let limits = Limits { resend_after: Duration::from_millis(20), ..Limits::default() };
        let links = Links::new(address(me), limits.into(), Carrier::BestEffort);
        let (taken, lost) = (Vec::new(), Vec::new());
        let side = open(&udp(), Role::Host);
        End { side, links, me: address(me), peer: None, out: Outputs::new(), taken, exits: 0, lost }
    }

    fn sends(&mut self, now: Time, to: u64, message: AnyMessage, by_runtime: bool) {
        let envelope = message.seal(&address(to), &self.me);
        let envelope = if by_runtime { envelope.by_runtime() } else { envelope };
        self.links.send(now, envelope, &mut self.out).expect("it can travel");
    }

    /// Lets happen what is due, and takes what has come.
    fn turn(&mut self, now: Time) {
        let progress = self.links.handle_timeout(now, &mut self.out);
        let mut undelivered = progress.undelivered;
        self.side.wait(Duration::from_micros(200));
        for event in std::mem::take(&mut self.side.events) {
            let PortEvent::Frame { peer, from, frame, .. } = event else { continue };
            self.peer.get_or_insert(peer);
            let mut arrived = Vec::new();
            let progress = self.links.handle(now, from, frame.borrow(), &mut arrived, &mut self.out);
            undelivered.extend(progress.undelivered);
            for envelope in arrived {
                match envelope.message().downcast_ref::<u64>() {
                    Some(number) => self.taken.push(*number),
                    None => self.exits += 1,
                }
                self.links.handled(from, Lane::of(envelope.message()), envelope.place());
            }
        }
        self.links.flush_acks(&mut self.out);
        for undelivered in undelivered {
            assert_eq!((undelivered.reason, undelivered.maybe_handled), (DeadReason::Lost, false));
            self.lost.push(*undelivered.envelope.message().downcast_ref::<u64>().expect("a user's"));
        }
        while let Some(output) = self.out.poll() {
            assert!(matches!(output, Output::Frame), "links only ask for frames");
            let departure = self.out.poll_frame().expect("a frame");
            let Some(peer) = self.peer else { continue };
            for frame in self.links.departing(&departure) {
                self.side.port.send(peer, departure.from, departure.to, frame);
            }
        }
        self.side.port.flush();
    }
}

/// Nothing of a user twice or out of turn; each is taken or known to be lost; all of the runtime's are taken, and every
/// request to exit.
#[test]
fn supervision_holds_and_every_message_is_accounted_for_in_a_storm() {
    for seed in 0..3 {
        let (mut a, mut b) = (End::new(1), End::new(2));
        let relay = Relay::start(b.side.place(), seed);
        relay.set(Faults { loses: 200, repeats: 100, delays: 200 });
        a.peer = Some(a.side.port.connect(&locator(relay.place)));
        let (start, mut dice, mut sent, mut exits) = (Instant::now(), Dice(seed), 0, 0);
        while sent < COUNT || !a.links.is_idle() {
            assert!(start.elapsed() < Duration::from_secs(60), "seed {seed}: {} taken", b.taken.len());
            let now = Time::ZERO + start.elapsed();
            for _ in 0..dice.below(20) {
                if sent < COUNT {
                    a.sends(now, 2, AnyMessage::new(sent), is_by_runtime(sent));
                    sent += 1;
                }
            }
            if dice.below(20) == 0 && exits < 20 {
                a.sends(now, 2, AnyMessage::new(ActorExitRequest::new()), false);
                exits += 1;
            }
            a.turn(now);
            b.turn(now);
        }
        assert!(b.taken.is_sorted_by(|one, next| one < next), "seed {seed}");
        assert_eq!(b.exits, exits, "seed {seed}");
        assert!(!a.lost.iter().any(|number| is_by_runtime(*number)), "seed {seed}");
        // Messages share datagrams, so one that is lost takes many along.
        assert!(!a.lost.is_empty() && b.taken.len() > 100, "seed {seed}: {} lost", a.lost.len());
        let mut all = [b.taken, a.lost].concat();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..COUNT), "seed {seed}: each once");
    }
}

fn is_by_runtime(number: u64) -> bool {
    number.is_multiple_of(50)
}
