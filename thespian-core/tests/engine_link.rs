//! [`Links`]: every message once, in order, acknowledged when it has been handled.
//!
//! The first half looks from the sender `a`, the second from the receiver `b`, the third at hostile peers.

mod kit;

use core::mem;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use kit::{
    Random, Stubborn, actor, compare, data, data_on, drain, incarnation, letter, limits, ms, post,
    undelivered_text,
};
use thespian_core::engine::Outputs;
use thespian_core::engine::link::Lane::{self, Urgent, User};
use thespian_core::engine::link::{Carrier, Frame, Gaps, Links, Progress, Refusal, Sifted};
use thespian_core::{ActorAddress, ActorExitRequest, DeadReason, Envelope, IntoMessage, Limits, Time};

/// The links of one actor.
struct Side {
    me: char,
    links: Links,
    now: Time,
    out: Outputs,
    lines: Vec<String>,
    /// Of which link the frames are that come.
    link: u64,
    /// By which place the links know a message that came, for its sequence number.
    places: BTreeMap<(char, Lane, u64), u64>,
}

impl Side {
    /// The links of an actor with a window of 3.
    fn new(me: char) -> Side {
        Side::with(me, limits(|_| {}))
    }

    fn with(me: char, limits: Arc<Limits>) -> Side {
        Side::by(Carrier::Lossy, me, limits)
    }

    /// The links of an actor whose frames are lost only with the connection.
    fn connected(me: char) -> Side {
        Side::by(Carrier::Reliable, me, limits(|_| {}))
    }

    /// The links of an actor whose messages are sent once.
    fn hopeful(me: char) -> Side {
        Side::by(Carrier::BestEffort, me, limits(|_| {}))
    }

    fn by(carrier: Carrier, me: char, limits: Arc<Limits>) -> Side {
        let links = Links::new(actor(me), limits, carrier);
        Side {
            me,
            links,
            now: Time::ZERO,
            out: Outputs::new(),
            lines: Vec::new(),
            link: 1,
            places: BTreeMap::new(),
        }
    }

    /// From now on it is so many milliseconds after the start.
    fn at(&mut self, milliseconds: u64) -> &mut Side {
        self.now = ms(milliseconds);
        self
    }

    /// From now on frames of this link come.
    fn on(&mut self, link: u64) -> &mut Side {
        self.link = link;
        self
    }

    fn sends(&mut self, to: char, message: impl IntoMessage) -> &mut Side {
        let envelope = kit::letter(self.me, to, message);
        self.links.send(self.now, envelope, &mut self.out).expect("the message can travel");
        self
    }

    /// The runtime sends.
    fn system_sends(&mut self, to: char, message: impl IntoMessage) -> &mut Side {
        let envelope = kit::letter(self.me, to, message).by_runtime();
        self.links.send(self.now, envelope, &mut self.out).expect("the message can travel");
        self
    }

    /// A user frame with a message comes.
    fn gets(&mut self, from: char, sequence: u64, base: u64, message: &str) -> &mut Side {
        let frame = data_on(self.link, User, sequence, base, message);
        self.frame(from, frame)
    }

    /// A user frame with a message comes that asks for its acknowledgement.
    fn asked(&mut self, from: char, sequence: u64) -> &mut Side {
        let Frame::Data { lane, link, base, number, by_runtime, names, bytes, .. } =
            data_on(self.link, User, sequence, 0, "m")
        else {
            unreachable!("it is a message");
        };
        self.frame(
            from,
            Frame::Data { lane, link, sequence, base, number, by_runtime, asks: true, names, bytes },
        )
    }

    /// Word comes that all below this place has been dealt with.
    fn ack(&mut self, from: char, lane: Lane, handled: u64) -> &mut Side {
        let link = self.link;
        self.frame(from, Frame::Ack { lane, link, handled })
    }

    fn closed(&mut self, from: char, lane: Lane, handled: u64) -> &mut Side {
        let link = self.link;
        self.frame(from, Frame::Closed { lane, link, handled, reason: DeadReason::Dead })
    }

    /// Word comes that this was dealt with but for the gaps.
    fn ack_but(&mut self, from: char, handled: u64, known_from: u64, ranges: &[(u64, u64)]) -> &mut Side {
        let gaps = Gaps { known_from, ranges: ranges.into() };
        let link = self.link;
        self.frame(from, Frame::AckButGaps { lane: User, link, handled, gaps, closed: None })
    }

    /// Word comes that nothing below this place will come again.
    fn past(&mut self, from: char, base: u64) -> &mut Side {
        let link = self.link;
        self.frame(from, Frame::Past { lane: User, link, base })
    }

    fn frame(&mut self, from: char, frame: Frame) -> &mut Side {
        let mut arrived: Vec<Envelope> = Vec::new();
        let lane = match frame {
            Frame::Data { lane, .. }
            | Frame::Ack { lane, .. }
            | Frame::Closed { lane, .. }
            | Frame::AckButGaps { lane, .. }
            | Frame::Past { lane, .. } => lane,
        };
        let progress = self.links.handle(self.now, actor(from), frame.borrow(), &mut arrived, &mut self.out);
        for envelope in &arrived {
            let sequence = (envelope.number() & 0xff) - 1;
            self.places.insert((from, lane, sequence), envelope.place());
        }
        drain(&self.links, &mut self.out, &mut self.lines);
        self.lines.extend(arrived.iter().map(|envelope| format!("arrived {}", post(envelope))));
        self.note(progress)
    }

    /// The actor has dealt with the messages of these sequence numbers.
    fn handled(&mut self, from: char, lane: Lane, sequences: impl IntoIterator<Item = u64>) -> &mut Side {
        for sequence in sequences {
            self.links.handled(actor(from), lane, self.places[&(from, lane, sequence)]);
        }
        self
    }

    fn flushes_acks(&mut self) -> &mut Side {
        self.links.flush_acks(&mut self.out);
        self
    }

    /// The actor has more to do.
    fn tells(&mut self) -> &mut Side {
        self.links.tell(self.now, false, &mut self.out);
        self
    }

    /// The actor has more to do, and has done much.
    fn tells_after_much(&mut self) -> &mut Side {
        self.links.tell(self.now, true, &mut self.out);
        self
    }

    /// The actor has nothing more to do.
    fn rests(&mut self) -> &mut Side {
        self.links.rest(self.now, &mut self.out);
        self
    }

    /// The actor waits for those that it has sent to.
    fn asks_how_far(&mut self) -> &mut Side {
        self.links.ask_how_far(&mut self.out);
        self
    }

    /// Messages from this one come and are handled, and the actor rests.
    fn handles(&mut self, from: char, sequences: core::ops::Range<u64>) -> &mut Side {
        for sequence in sequences.clone() {
            self.gets(from, sequence, 0, "m");
        }
        self.anything().handled(from, User, sequences).rests()
    }

    fn closes(&mut self, lane: Lane) -> &mut Side {
        self.links.close(lane, DeadReason::Dead, &mut self.out);
        self
    }

    fn loses(&mut self, peer: char) -> &mut Side {
        let progress = self.links.peer_gone(actor(peer), DeadReason::HostLost, "cut off");
        self.note(progress)
    }

    /// There is another connection to this peer.
    fn reconnects(&mut self, peer: char) -> &mut Side {
        self.links.peer_back(self.now, actor(peer), &mut self.out);
        self
    }

    fn timeout(&mut self) -> &mut Side {
        let progress = self.links.handle_timeout(self.now, &mut self.out);
        drain(&self.links, &mut self.out, &mut self.lines);
        self.note(progress)
    }

    fn note(&mut self, progress: Progress) -> &mut Side {
        for undelivered in &progress.undelivered {
            self.lines.push(format!("undelivered {}", undelivered_text(undelivered)));
        }
        if progress.acknowledged > 0 {
            self.lines.push(format!("acknowledged {}", progress.acknowledged));
        }
        self
    }

    /// Compares all that came of the inputs since the last call.
    #[track_caller]
    fn gives(&mut self, expected: &[&str]) -> &mut Side {
        drain(&self.links, &mut self.out, &mut self.lines);
        compare(&self.lines, expected);
        self.lines.clear();
        self
    }

    /// Lets what came of the inputs go.
    fn anything(&mut self) -> &mut Side {
        drain(&self.links, &mut self.out, &mut self.lines);
        self.lines.clear();
        self
    }

    /// When it is to be called next, in milliseconds.
    fn due(&self) -> Option<u128> {
        self.links.poll_timeout().map(|due| due.since_start().as_millis())
    }
}

// -- the sender ------------------------------------------------------------------------------------------------

#[test]
fn messages_are_numbered_per_target_and_lane_and_links_are_counted() {
    let mut a = Side::new('a');
    a.sends('b', "one").sends('c', "two").sends('b', "three").sends('b', ActorExitRequest::new()).gives(&[
        "frame a->b user#1 0 (base 0) one",
        "frame a->c user#2 0 (base 0) two",
        "frame a->b user#1 1 (base 0) three",
        "frame a->b urgent#3 0 (base 0) exit",
    ]);
}

#[test]
fn the_window_fills_and_is_refilled_by_acknowledgements() {
    let mut a = Side::new('a');
    for message in ["one", "two", "three", "four", "five", "six"] {
        a.sends('b', message);
    }
    a.gives(&[
        "frame a->b user#1 0 (base 0) one",
        "frame a->b user#1 1 (base 0) two",
        "frame a->b user#1 2 (base 0) three",
    ]);
    a.ack('b', User, 2).gives(&[
        "frame a->b user#1 3 (base 2) four",
        "frame a->b user#1 4 (base 2) five",
        "acknowledged 2",
    ]);
    a.ack('b', User, 5).gives(&["frame a->b user#1 5 (base 5) six", "acknowledged 3"]);
    assert!(!a.links.is_idle());
    a.ack('b', User, 6).gives(&["acknowledged 1"]);
    assert!(a.links.is_idle());
    assert_eq!(a.due(), None);
}

#[test]
fn an_acknowledgement_that_says_nothing_new_does_nothing() {
    let mut a = Side::new('a');
    a.sends('b', "one").sends('b', "two").anything();
    a.ack('b', User, 0).gives(&[]);
    a.ack('b', User, 1).gives(&["acknowledged 1"]);
    a.ack('b', User, 1).gives(&[]);
    a.ack('b', User, 0).gives(&[]);
}

#[test]
fn messages_of_the_runtime_are_not_counted_as_acknowledged() {
    let mut a = Side::new('a');
    a.system_sends('b', "status").sends('b', "one").anything();
    a.ack('b', User, 1).gives(&[]);
    a.ack('b', User, 2).gives(&["acknowledged 1"]);
    assert!(a.links.is_idle());
}

#[test]
fn what_is_not_acknowledged_is_sent_again_ever_more_seldom() {
    let mut a = Side::new('a');
    a.at(0).sends('b', "one").gives(&["frame a->b user#1 0 (base 0) one"]);
    // 200 ms after sending, and then after 2, 4, 8, 16 and 16 times as long.
    for (due, just_before) in [(200, 199), (600, 599), (1_400, 1_399), (3_000, 2_999), (6_200, 6_199)] {
        assert_eq!(a.due(), Some(due.into()));
        a.at(just_before).timeout().gives(&[]);
        a.at(due).timeout().gives(&["frame a->b user#1 0 (base 0) one"]);
    }
    assert_eq!(a.due(), Some(9_400));
    a.at(9_400).timeout().gives(&["frame a->b user#1 0 (base 0) one"]);
    assert_eq!(a.due(), Some(12_600));
}

#[test]
fn all_that_is_in_flight_is_sent_again_and_what_waits_is_not() {
    let mut a = Side::new('a');
    a.sends('b', "one").sends('b', "two").sends('b', "three").sends('b', "four").anything();
    a.at(200).timeout().gives(&[
        "frame a->b user#1 0 (base 0) one",
        "frame a->b user#1 1 (base 0) two",
        "frame a->b user#1 2 (base 0) three",
    ]);
}

#[test]
fn an_acknowledgement_ends_the_back_off() {
    let mut a = Side::new('a');
    a.sends('b', "one").sends('b', "two").at(200).timeout().at(600).timeout().anything();
    assert_eq!(a.due(), Some(1_400));
    a.at(700).ack('b', User, 1).gives(&["acknowledged 1"]);
    assert_eq!(a.due(), Some(900), "one time-out after the acknowledgement, not four after the last try");
    a.at(900).timeout().gives(&["frame a->b user#1 1 (base 1) two"]);
}

#[test]
fn after_the_delivery_limit_messages_are_given_up_and_the_base_moves_on() {
    let mut a = Side::with('a', limits(|limits| limits.delivery_limit = Duration::from_millis(100)));
    a.at(0).sends('b', "one").sends('b', "two").sends('b', "three").sends('b', "four").anything();
    a.at(50).sends('b', "five").gives(&[]);
    assert_eq!(a.due(), Some(100));
    a.at(99).timeout().gives(&[]);
    // The fourth never left, so it was certainly not handled; the fifth has time yet, and its turn has come.
    a.at(100).timeout().gives(&[
        "frame a->b user#1 3 (base 3) five",
        "undelivered a->b one (Expired, maybe handled)",
        "undelivered a->b two (Expired, maybe handled)",
        "undelivered a->b three (Expired, maybe handled)",
        "undelivered a->b four (Expired)",
    ]);
    assert_eq!(a.due(), Some(150));
    a.at(150).timeout().gives(&["undelivered a->b five (Expired, maybe handled)"]);
    assert!(a.links.is_idle());
    a.sends('b', "six").gives(&["frame a->b user#1 4 (base 4) six"]);
}

#[test]
fn a_link_on_which_all_was_given_up_has_no_deadline_any_more() {
    let mut a = Side::with('a', limits(|limits| limits.delivery_limit = Duration::from_millis(250)));
    a.at(0).sends('b', "one").at(100).sends('c', "two").anything();
    a.at(200).timeout().at(250).timeout().anything();
    assert_eq!(a.due(), Some(300), "that of the other link, and none that is over");
}

#[test]
fn a_closed_lane_gives_back_what_was_not_handled() {
    let mut a = Side::new('a');
    for message in ["one", "two", "three", "four"] {
        a.sends('b', message);
    }
    a.anything();
    // What was handled counts as acknowledged, and all the rest as not handled, whether it was sent or not. Nothing is sent
    // any more.
    a.closed('b', User, 1).gives(&[
        "undelivered a->b two (Dead)",
        "undelivered a->b three (Dead)",
        "undelivered a->b four (Dead)",
        "acknowledged 1",
    ]);
    assert!(a.links.is_idle());
}

#[test]
fn a_closed_lane_leaves_the_other_alone() {
    let mut a = Side::new('a');
    a.sends('b', "one").sends('b', ActorExitRequest::new()).anything();
    a.closed('b', User, 0).gives(&["undelivered a->b one (Dead)"]);
    a.on(2).ack('b', Urgent, 1).gives(&["acknowledged 1"]);
}

#[test]
fn when_a_peer_is_gone_what_was_sent_may_have_been_handled_and_what_waited_was_not() {
    let mut a = Side::new('a');
    for message in ["one", "two", "three", "four"] {
        a.sends('b', message);
    }
    a.sends('c', "five").sends('b', ActorExitRequest::new()).anything();
    a.loses('b').gives(&[
        "undelivered a->b exit (HostLost, maybe handled)",
        "undelivered a->b one (HostLost, maybe handled)",
        "undelivered a->b two (HostLost, maybe handled)",
        "undelivered a->b three (HostLost, maybe handled)",
        "undelivered a->b four (HostLost)",
    ]);
    a.on(2).ack('c', User, 1).gives(&["acknowledged 1"]);
    assert!(a.links.is_idle());
}

#[test]
fn why_a_peer_is_gone_is_told_with_the_message() {
    let mut a = Side::new('a');
    a.sends('b', "one").anything();
    let progress = a.links.peer_gone(actor('b'), DeadReason::NeverStarted, "no such type");
    assert_eq!(progress.undelivered.len(), 1);
    assert_eq!(progress.undelivered[0].details, "no such type");
}

#[test]
fn an_exit_request_does_not_wait_for_the_window_of_ordinary_messages() {
    let mut a = Side::new('a');
    for message in ["one", "two", "three", "four"] {
        a.sends('b', message);
    }
    a.anything();
    a.sends('b', ActorExitRequest::new()).gives(&["frame a->b urgent#2 0 (base 0) exit"]);
    a.on(2).ack('b', Urgent, 1).gives(&["acknowledged 1"]);
    assert!(!a.links.is_idle(), "the ordinary messages are still under way");
}

#[test]
fn the_window_grows_while_it_holds_back_a_target_that_keeps_up_and_shrinks_again() {
    let mut a = Side::with('a', limits(|limits| (limits.window, limits.window_max) = (2, 7)));
    for number in 0..50 {
        a.sends('b', format!("{number}"));
    }
    let mut handled = 0;
    // How many are on their way after all that are have been handled so many milliseconds after they were sent.
    let mut next = |a: &mut Side, after: u64| {
        a.anything();
        handled += a.links.in_flight(&actor('b'), User) as u64;
        let now = a.now.since_start().as_millis() as u64;
        a.at(now + after).ack('b', User, handled);
        a.links.in_flight(&actor('b'), User)
    };
    assert_eq!(a.links.in_flight(&actor('b'), User), 2);
    let took = [1, 100, 1, 101, 200, 201, 201, 201, 1];
    let flights: Vec<usize> = took.into_iter().map(|after| next(&mut a, after)).collect();
    assert_eq!(flights, [4, 7, 7, 7, 7, 3, 2, 2, 4]);
}

#[test]
fn a_window_that_holds_nothing_back_does_not_grow() {
    let mut a = Side::with('a', limits(|limits| (limits.window, limits.window_max) = (2, 8)));
    for number in 0..20_u64 {
        a.sends('b', "one").ack('b', User, number + 1);
    }
    a.sends('b', "one").sends('b', "two").anything();
    a.sends('b', "three").gives(&[]);
}

#[test]
fn no_more_bytes_are_on_their_way_than_the_bound_but_one_message_always_may() {
    let mut a = Side::with('a', limits(|limits| limits.window_bytes = 10));
    // A string is one byte longer than its text.
    a.sends('b', "1234").sends('b', "12345").sends('b', &*"x".repeat(100)).sends('b', "z");
    a.gives(&["frame a->b user#1 0 (base 0) 1234"]);
    a.ack('b', User, 1).gives(&["frame a->b user#1 1 (base 1) 12345", "acknowledged 1"]);
    let long = format!("frame a->b user#1 2 (base 2) {}", "x".repeat(100));
    a.ack('b', User, 2).gives(&[&long, "acknowledged 1"]);
    a.ack('b', User, 3).gives(&["frame a->b user#1 3 (base 3) z", "acknowledged 1"]);
}

#[test]
fn a_message_that_cannot_be_encoded_is_refused_and_given_back() {
    let mut a = Side::new('a');
    let refused = a.links.send(ms(0), kit::letter('a', 'b', Stubborn), &mut a.out);
    let (envelope, refusal) = refused.expect_err("it cannot travel");
    assert!(envelope.message().is::<Stubborn>());
    assert!(matches!(refusal, Refusal::NotEncodable(error) if error.type_name == "Stubborn"));
    // It took no place.
    a.sends('b', "one").gives(&["frame a->b user#1 0 (base 0) one"]);
}

#[test]
fn a_message_over_the_size_limit_is_refused_and_one_at_the_limit_travels() {
    let mut a = Side::with('a', limits(|limits| limits.message_size = 5));
    // A text is its length and its bytes.
    let refused = a.links.send(ms(0), kit::letter('a', 'b', "12345"), &mut a.out);
    let (_, refusal) = refused.expect_err("it is too large");
    assert!(matches!(refusal, Refusal::TooLarge { size: 6 }), "{refusal:?}");
    a.sends('b', "1234").gives(&["frame a->b user#1 0 (base 0) 1234"]);
}

#[test]
fn all_that_is_not_acknowledged_is_named_when_the_sender_goes() {
    let mut a = Side::new('a');
    for message in ["one", "two", "three", "four", "five"] {
        a.sends('b', message);
    }
    a.ack('b', User, 1).anything();
    let left = a.links.into_unacknowledged();
    let left: Vec<_> = left.map(|(envelope, maybe)| (kit::text(envelope.message()), maybe)).collect();
    let named = |text: &str, maybe| (text.to_string(), maybe);
    assert_eq!(left, [named("two", true), named("three", true), named("four", true), named("five", false)]);
}

#[test]
fn the_bytes_that_are_not_acknowledged_are_counted_whatever_becomes_of_them() {
    let mut a = Side::with('a', limits(|limits| limits.delivery_limit = Duration::from_millis(100)));
    let bytes = |a: &Side| (a.links.unacknowledged(), a.links.unacknowledged_bytes());
    // Three are on their way, and two wait for room.
    for message in ["1", "22", "333", "4444", "55555"] {
        a.sends('b', message);
    }
    a.sends('c', "666666");
    let each = |texts: &[usize]| (texts.len(), texts.iter().map(|text| text + 1).sum());
    assert_eq!(bytes(&a), each(&[1, 2, 3, 4, 5, 6]));
    a.ack('b', User, 2).anything();
    assert_eq!(bytes(&a), each(&[3, 4, 5, 6]));
    let _ = a.links.peer_gone(actor('c'), DeadReason::Dead, "");
    assert_eq!(bytes(&a), each(&[3, 4, 5]));
    a.at(50).sends('b', "7777777").at(100);
    let _ = a.links.handle_timeout(a.now, &mut a.out);
    assert_eq!(bytes(&a), each(&[7]));
    let _ = a.links.peer_gone(actor('b'), DeadReason::Dead, "");
    assert_eq!(bytes(&a), (0, 0));
}

/// Other peers, so many that links are looked through for those that are not used.
fn crowd() -> impl Iterator<Item = ActorAddress> {
    (2..65).map(|generation| incarnation('z', generation))
}

#[test]
fn a_sender_forgets_a_link_that_was_idle_for_a_delivery_limit_and_opens_another() {
    for (later, expected) in
        [(99, "frame a->b user#1 1 (base 1) two"), (100, "frame a->b user#65 0 (base 0) two")]
    {
        let mut a = Side::with('a', limits(|limits| limits.delivery_limit = Duration::from_millis(100)));
        a.at(0).sends('b', "one").ack('b', User, 1).anything();
        a.at(later);
        for peer in crowd() {
            let envelope = "m".into_message().seal(&peer, &actor('a'));
            a.links.send(a.now, envelope, &mut a.out).expect("it can travel");
        }
        a.anything().sends('b', "two").gives(&[expected]);
    }
}

#[test]
fn word_about_an_earlier_link_says_nothing_about_this_one() {
    let mut a = Side::new('a');
    a.sends('b', "one").anything().loses('b').gives(&["undelivered a->b one (HostLost, maybe handled)"]);
    a.sends('b', "two").gives(&["frame a->b user#2 0 (base 0) two"]);
    a.ack('b', User, 1).closed('b', User, 0).gives(&[]);
    a.on(3).ack('b', User, 1).gives(&[]);
    a.on(2).ack('b', User, 1).gives(&["acknowledged 1"]);
}

// -- on connections ---------------------------------------------------------------------------------------------

#[test]
fn on_a_connection_nothing_is_sent_again_by_time_and_the_deadline_is_that_of_giving_up() {
    let mut a = Side::connected('a');
    a.sends('b', "one").at(1_000).sends('b', "two").anything();
    assert_eq!(a.due(), Some(300_000));
    a.at(200_000).timeout().gives(&[]);
    assert_eq!(a.due(), Some(300_000));
    a.at(300_000).timeout().gives(&["undelivered a->b one (Expired, maybe handled)"]);
    assert_eq!(a.due(), Some(301_000));
    a.at(301_000).timeout().gives(&["undelivered a->b two (Expired, maybe handled)"]);
    assert_eq!(a.due(), None);
}

#[test]
fn after_a_reconnect_all_that_is_not_acknowledged_is_sent_again_and_what_waits_is_not() {
    let mut a = Side::connected('a');
    for message in ["one", "two", "three", "four", "five"] {
        a.sends('b', message);
    }
    a.sends('b', ActorExitRequest::new()).sends('c', "other").ack('b', User, 1).anything();
    a.reconnects('b').gives(&[
        "frame a->b urgent#2 0 (base 0) exit",
        "frame a->b user#1 1 (base 1, asks) two",
        "frame a->b user#1 2 (base 1) three",
        "frame a->b user#1 3 (base 1, asks) four",
    ]);
    a.ack('b', User, 4).gives(&["frame a->b user#1 4 (base 4) five", "acknowledged 3"]);
    a.ack('b', User, 5).anything();
    a.reconnects('b').gives(&["frame a->b urgent#2 0 (base 0) exit"]);
    a.reconnects('d').gives(&[]);
}

#[test]
fn what_is_sent_again_after_a_reconnect_is_taken_once() {
    let mut b = Side::connected('b');
    b.gets('a', 0, 0, "one").gets('a', 1, 0, "two").gives(&["arrived a->b one", "arrived a->b two"]);
    b.handled('a', User, [0]).flushes_acks().gives(&["frame b->a ack user#1 1"]);
    // The acknowledgement was lost, and so was the third message.
    b.gets('a', 0, 0, "one").gets('a', 1, 0, "two").gets('a', 2, 0, "three");
    b.gives(&["frame b->a ack user#1 1", "frame b->a ack user#1 1", "arrived a->b three"]);
    b.handled('a', User, [1, 2]).flushes_acks().gives(&["frame b->a ack user#1 3"]);
}

#[test]
fn after_a_reconnect_a_receiver_says_again_how_far_it_came() {
    let mut b = Side::connected('b');
    b.gets('a', 0, 0, "one").gets('a', 1, 0, "two").handled('a', User, [0]).flushes_acks().anything();
    b.reconnects('a').gives(&["frame b->a ack user#1 1"]);
    b.closes(User).anything();
    b.reconnects('a').gives(&["frame b->a closed user#1 1"]);
    b.reconnects('c').gives(&[]);
}

#[test]
fn on_a_connection_what_was_given_up_counts_until_the_target_says_that_it_came_past() {
    let mut a = Side::connected('a');
    for message in ["one", "two", "three"] {
        a.sends('b', message);
    }
    a.at(299_000).sends('b', "four").at(300_000).timeout().anything();
    // The target has not lost the three, and takes no more than a window.
    a.gives(&[]);
    a.ack('b', User, 2).gives(&[]);
    a.ack('b', User, 3).gives(&["frame a->b user#1 3 (base 3) four"]);
}

#[test]
fn a_connection_that_comes_back_too_late_has_nothing_to_send_again() {
    let mut a = Side::connected('a');
    a.sends('b', "one").gives(&["frame a->b user#1 0 (base 0) one"]);
    a.at(300_000).timeout().gives(&["undelivered a->b one (Expired, maybe handled)"]);
    a.reconnects('b').gives(&[]);
    for message in ["two", "three", "four"] {
        a.sends('b', message);
    }
    a.gives(&[
        "frame a->b user#1 1 (base 1) two",
        "frame a->b user#1 2 (base 1, asks) three",
        "frame a->b user#1 3 (base 1) four",
    ]);
}

// -- the receiver ----------------------------------------------------------------------------------------------

#[test]
fn messages_arrive_in_order_and_are_acknowledged_when_handled() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").gets('a', 1, 0, "two").gives(&["arrived a->b one", "arrived a->b two"]);
    b.flushes_acks().gives(&[]);
    b.handled('a', User, [0]).flushes_acks().gives(&["frame b->a ack user#1 1"]);
    b.handled('a', User, [1]).flushes_acks().gives(&["frame b->a ack user#1 2"]);
    b.flushes_acks().gives(&[]);
}

#[test]
fn one_acknowledgement_serves_for_many_messages() {
    let mut b = Side::new('b');
    for place in 0..3 {
        b.gets('a', place, 0, "m");
    }
    b.gets('c', 0, 0, "m").anything();
    b.handled('a', User, 0..3).handled('c', User, [0]);
    b.flushes_acks().gives(&["frame b->a ack user#1 3", "frame b->c ack user#1 1"]);
}

#[test]
fn a_message_handled_out_of_turn_is_not_acknowledged_before_those_in_front() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").gets('a', 1, 0, "two").anything();
    b.handled('a', User, [1]).flushes_acks().gives(&[]);
    b.handled('a', User, [0]).flushes_acks().gives(&["frame b->a ack user#1 2"]);
}

#[test]
fn a_repetition_is_not_taken_twice_and_acknowledged_again() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").gives(&["arrived a->b one"]);
    // It is still being handled, and the sender is told so.
    b.gets('a', 0, 0, "one").gives(&["frame b->a ack user#1 0"]);
    b.handled('a', User, [0]).flushes_acks().gives(&["frame b->a ack user#1 1"]);
    b.gets('a', 0, 0, "one").gives(&["frame b->a ack user#1 1"]);
}

#[test]
fn what_comes_early_waits_for_its_turn() {
    let mut b = Side::new('b');
    b.gets('a', 2, 0, "three").gives(&[]);
    b.gets('a', 1, 0, "two").gives(&[]);
    b.gets('a', 1, 0, "two").gives(&[]);
    b.gets('a', 0, 0, "one").gives(&["arrived a->b one", "arrived a->b two", "arrived a->b three"]);
    b.handled('a', User, 0..3).flushes_acks().gives(&["frame b->a ack user#1 3"]);
}

#[test]
fn no_more_comes_early_than_the_window_has_room_for() {
    let mut b = Side::new('b');
    for place in 1..100 {
        b.gets('a', place, 0, &format!("place {place}"));
    }
    b.gives(&[]);
    b.gets('a', 0, 0, "place 0");
    let taken: Vec<String> = (0..6).map(|place| format!("arrived a->b place {place}")).collect();
    b.gives(&taken.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_gap_that_the_sender_gave_up_is_not_waited_for() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").gets('a', 2, 0, "three").gives(&["arrived a->b one"]);
    // The base says that places 0 and 1 will not come again.
    b.gets('a', 3, 2, "four").gives(&["arrived a->b three", "arrived a->b four"]);
    b.gets('a', 1, 0, "two").gives(&["frame b->a ack user#1 0"]);
    b.handled('a', User, [0, 2, 3]).flushes_acks().gives(&["frame b->a ack user#1 4"]);
}

#[test]
fn what_came_early_and_was_given_up_meanwhile_is_still_taken_once_and_in_order() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").gets('a', 2, 0, "three").gives(&["arrived a->b one"]);
    b.gets('a', 5, 5, "six").gives(&["arrived a->b three", "arrived a->b six"]);
    b.gets('a', 2, 0, "three").gives(&["frame b->a ack user#1 0"]);
}

#[test]
fn a_link_that_begins_in_the_middle_begins_at_the_base() {
    let mut b = Side::new('b');
    b.gets('a', 8, 7, "later").gives(&[]);
    b.gets('a', 7, 7, "sooner").gives(&["arrived a->b sooner", "arrived a->b later"]);
}

#[test]
fn the_lanes_do_not_wait_for_each_other() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").frame('a', data(Urgent, 0, 0, ActorExitRequest::new()));
    b.gives(&["arrived a->b one", "arrived a->b exit"]);
    b.handled('a', Urgent, [0]).flushes_acks().gives(&["frame b->a ack urgent#1 1"]);
    b.handled('a', User, [0]).flushes_acks().gives(&["frame b->a ack user#1 1"]);
}

#[test]
fn senders_do_not_wait_for_each_other() {
    let mut b = Side::new('b');
    b.gets('a', 1, 0, "early").gets('c', 0, 0, "from c").gives(&["arrived c->b from c"]);
}

#[test]
fn closing_tells_every_sender_how_far_it_came() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").gets('a', 1, 0, "two").gets('c', 0, 0, "three").gets('c', 2, 0, "early");
    b.frame('a', data(Urgent, 0, 0, ActorExitRequest::new())).anything();
    b.handled('a', User, [0]).handled('c', User, [0]);
    b.closes(User).gives(&["frame b->a closed user#1 1", "frame b->c closed user#1 1"]);
    b.closes(Urgent).gives(&["frame b->a closed urgent#1 0"]);
}

#[test]
fn a_closed_lane_takes_nothing_and_says_so() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").handled('a', User, [0]).closes(User).anything();
    b.gets('a', 1, 0, "two").gives(&["frame b->a closed user#1 1"]);
    b.gets('c', 4, 4, "from a stranger").gives(&["frame b->c closed user#1 4"]);
    b.frame('a', data(Urgent, 0, 0, ActorExitRequest::new())).gives(&["arrived a->b exit"]);
}

#[test]
fn a_later_link_of_a_sender_begins_anew_and_an_earlier_one_is_over() {
    let mut b = Side::new('b');
    b.on(3).gets('a', 0, 0, "one").gets('a', 2, 0, "early").gives(&["arrived a->b one"]);
    b.on(2).gets('a', 0, 0, "old").gives(&[]);
    b.on(4).gets('a', 0, 0, "two").gives(&["arrived a->b two"]);
    b.on(3).gets('a', 1, 0, "old").gives(&[]);
    b.on(4).gets('a', 1, 0, "three").gives(&["arrived a->b three"]);
    b.handled('a', User, 0..2).flushes_acks().gives(&["frame b->a ack user#4 2"]);
}

#[test]
fn what_is_handled_of_an_earlier_link_is_not_taken_for_the_later_ones() {
    let mut b = Side::new('b');
    b.on(1).gets('a', 0, 0, "one").anything();
    let first = b.places[&('a', User, 0)];
    b.on(2).gets('a', 0, 0, "two").anything();
    b.links.handled(actor('a'), User, first);
    b.flushes_acks().gives(&[]);
    b.handled('a', User, [0]).flushes_acks().gives(&["frame b->a ack user#2 1"]);
}

#[test]
fn a_repetition_that_comes_when_the_peer_is_gone_is_not_taken_twice() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").handled('a', User, [0]).anything();
    b.loses('a').gets('a', 0, 0, "one").gives(&["frame b->a ack user#1 1"]);
}

#[test]
fn a_receiver_with_very_many_senders_forgets_the_oldest_before_their_time() {
    let limits = limits(|limits| limits.idle_links = 200);
    let key = thespian_core::AddressKey::new([9; 16]);
    let mut links = Links::new(actor('b'), limits, Carrier::Reliable);
    let (mut arrived, mut out) = (Vec::new(), Outputs::new());
    for sender in 0..10_000_u64 {
        let from = key.seal(thespian_core::SystemId::from_bits(1), sender, sender + 1);
        let frame = data(User, 0, 0, 1_u8);
        let now = Time::after_start(core::time::Duration::from_millis(sender));
        drop(links.handle(now, from, frame.borrow(), &mut arrived, &mut out));
        let envelope = arrived.pop().expect("it is new");
        links.handled(from, User, envelope.place());
        links.flush_acks(&mut out);
        assert!(links.len() <= 201, "{}", links.len());
    }
    assert!(links.len() >= 100, "{}", links.len());
}

#[test]
fn a_receiver_forgets_a_link_that_was_not_used_for_two_delivery_limits_but_not_what_is_being_handled() {
    for (later, expected) in [(199, "frame b->a ack user#1 1"), (200, "arrived a->b one")] {
        let mut b = Side::with('b', limits(|limits| limits.delivery_limit = Duration::from_millis(100)));
        b.at(0).gets('a', 0, 0, "one").gets('c', 0, 0, "two").handled('a', User, [0]);
        b.flushes_acks().anything().at(later);
        for peer in crowd() {
            b.links.handle(b.now, peer, data(User, 0, 0, "m").borrow(), &mut Vec::new(), &mut b.out);
        }
        b.anything().gets('a', 0, 0, "one").gives(&[expected]);
        b.gets('c', 0, 0, "two").gives(&["frame b->c ack user#1 0"]);
    }
}

// -- acknowledgements that nobody waits for ----------------------------------------------------------------------

/// The links of an actor with a window as large as they are.
fn roomy(me: char) -> Side {
    Side::by(Carrier::Reliable, me, Arc::new(Limits::default()))
}

#[test]
fn a_sender_that_has_just_had_an_acknowledgement_gets_the_next_with_others_after_a_while() {
    let mut b = roomy('b');
    b.at(1).handles('a', 0..1).gives(&["frame b->a ack user#1 1"]);
    assert_eq!(b.due(), None);
    b.at(3).handles('a', 1..3).gives(&[]);
    assert_eq!(b.due(), Some(11));
    b.at(5).handles('a', 3..4).handles('c', 0..1).gives(&["frame b->c ack user#1 1"]);
    assert_eq!(b.due(), Some(11));
    b.at(10).timeout().gives(&[]);
    b.at(11).timeout().gives(&["frame b->a ack user#1 4"]);
    assert_eq!(b.due(), None);
    // A sender that comes seldom has each of its own.
    b.at(21).handles('a', 4..5).gives(&["frame b->a ack user#1 5"]);
}

#[test]
fn an_acknowledgement_goes_along_with_what_is_sent_to_the_same_actor() {
    let mut b = roomy('b');
    b.at(1).handles('a', 0..1).anything().at(2).handles('a', 1..2).gives(&[]);
    b.at(3).sends('c', "other").rests().gives(&["frame b->c user#1 0 (base 0) other"]);
    b.sends('a', "reply").rests();
    b.gives(&["frame b->a user#2 0 (base 0) reply", "frame b->a ack user#1 2"]);
    assert_ne!(b.due(), Some(11));
}

#[test]
fn who_may_wait_for_room_does_not_wait_for_the_acknowledgement() {
    let mut b = roomy('b');
    b.at(1).handles('a', 0..1).anything().at(2).handles('a', 1..200).gives(&[]);
    // It asks, and is told when that and what came before has been dealt with, though there is more to do.
    b.asked('a', 200).gets('a', 201, 0, "m").anything().handled('a', User, [200]).tells();
    b.gives(&["frame b->a ack user#1 201"]);
    // Word that was sent is not waited for.
    b.rests();
    assert_eq!(b.due(), None);
    b.handled('a', User, [201]).rests().gives(&[]);
    assert_eq!(b.due(), Some(12));
    // What is dealt with out of turn does not take the question along.
    b.gets('a', 202, 0, "m").asked('a', 203).anything().handled('a', User, [203]).tells().gives(&[]);
    b.handled('a', User, [202]).tells().gives(&["frame b->a ack user#1 204"]);
    // Nor does it get lost where messages overtake each other.
    let mut late = Side::by(Carrier::BestEffort, 'b', Arc::new(Limits::default()));
    late.at(1).handles('a', 0..1).anything().at(2).asked('a', 2).gets('a', 1, 0, "m").anything();
    late.handled('a', User, [1]).tells().gives(&[]).handled('a', User, [2]).tells();
    late.gives(&["frame b->a ack user#1 3"]);
    // It has sent many bytes.
    b.at(3).gets('a', 204, 0, &"x".repeat(65_536)).anything().handled('a', User, [204]).rests();
    b.gives(&["frame b->a ack user#1 205"]);
}

#[test]
fn an_actor_that_does_not_rest_tells_those_who_wait_and_after_much_those_who_have_waited() {
    let mut b = roomy('b');
    b.at(1).handles('a', 0..1).handles('c', 0..1).anything();
    b.at(2).gets('a', 1, 0, "m").asked('c', 1).anything().handled('a', User, [1]).handled('c', User, [1]);
    b.tells().gives(&["frame b->c ack user#1 2"]);
    b.tells_after_much().gives(&[]).at(11).tells().gives(&[]);
    b.tells_after_much().gives(&["frame b->a ack user#1 2"]);
}

#[test]
fn a_sender_asks_when_half_of_its_window_is_in_use_and_again_after_as_much() {
    for carrier in [Carrier::Reliable, Carrier::BestEffort] {
        let mut a = Side::by(carrier, 'a', Arc::new(Limits::default()));
        let asking = |a: &mut Side, count: usize| -> Vec<usize> {
            for _ in 0..count {
                a.sends('b', "m");
            }
            drain(&a.links, &mut a.out, &mut a.lines);
            let lines = mem::take(&mut a.lines);
            lines.iter().enumerate().filter(|(_, line)| line.contains("asks")).map(|(at, _)| at).collect()
        };
        assert_eq!(asking(&mut a, 31), []);
        assert_eq!(asking(&mut a, 33), [0, 32]);
        // The target is quick, so the window becomes twice as large.
        a.at(1).ack('b', User, 64).anything();
        assert_eq!(asking(&mut a, 128), [63, 127]);
        a.at(2).ack('b', User, 192).anything();
        // Few are acknowledged late, and none of them asks.
        for round in 0..10 {
            assert_eq!(asking(&mut a, 100), []);
            a.at(13 + 10 * round).ack('b', User, 292 + 100 * round).anything();
        }
        // A large window is not waited for.
        assert_eq!(asking(&mut a, 256), [127, 255]);
        a.at(104).ack('b', User, 1448).anything();
        assert_eq!(asking(&mut a, 512), [255, 383, 511]);
    }
    let mut a = Side::new('a');
    for _ in 0..64 {
        a.sends('b', "m");
    }
    drain(&a.links, &mut a.out, &mut a.lines);
    assert!(!a.lines.iter().any(|line| line.contains("asks")), "who repeats all is told in any case");
}

#[test]
fn a_sender_that_is_held_back_while_nothing_asks_says_so() {
    let limits = Arc::new(Limits { window_bytes: 100, message_size: 100, ..Limits::default() });
    let mut a = Side::by(Carrier::Reliable, 'a', limits);
    let (large, small) = ("x".repeat(90), "y".repeat(40));
    let (first, second) =
        (format!("frame a->b user#1 0 (base 0, asks) {small}"), format!("user#1 1 (base 1, asks) {large}"));
    a.sends('b', small.as_str()).sends('b', large.as_str()).gives(&[&first, "frame a->b past user#1 0"]);
    a.sends('b', large.as_str()).gives(&[]);
    a.ack('b', User, 1).gives(&[&format!("frame a->b {second}"), "acknowledged 1"]);
    a.ack('b', User, 2).gives(&[&format!("frame a->b user#1 2 (base 2, asks) {large}"), "acknowledged 1"]);

    // What was given up, and the target may still hold, holds it back too.
    let mut a = Side::connected('a');
    a.sends('b', "one").sends('b', "two").sends('b', "three").at(600_000).timeout().anything();
    a.sends('b', "four").gives(&["frame a->b past user#1 3"]).sends('b', "five").gives(&[]);
    a.ack('b', User, 3);
    a.gives(&["frame a->b user#1 3 (base 3) four", "frame a->b user#1 4 (base 3, asks) five"]);
}

#[test]
fn a_sender_that_waits_asks_those_who_would_not_say_it_and_is_told_at_once() {
    let mut a = roomy('a');
    a.sends('b', "one").sends('d', "two").anything().asks_how_far();
    a.gives(&["frame a->b past user#1 0", "frame a->d past user#2 0"]);
    // Once is enough, also if the frames are lost with the connection.
    a.asks_how_far().gives(&[]).reconnects('d').gives(&["frame a->d user#2 0 (base 0, asks) two"]);
    a.sends('d', "three").ack('b', User, 1).anything();
    a.asks_how_far().gives(&["frame a->d past user#2 0"]);
    // Whose last message asks says it in any case.
    for _ in 0..32 {
        a.sends('b', "more");
    }
    a.anything().asks_how_far().gives(&[]);

    let mut b = roomy('b');
    b.at(1).handles('a', 0..1).anything().at(2).handles('a', 1..2).gives(&[]);
    b.gets('a', 2, 0, "m").anything().past('a', 0).gives(&["frame b->a ack user#1 2"]);
    // Also of what it had yet to do.
    b.handled('a', User, [2]).tells().gives(&["frame b->a ack user#1 3"]);
    // A question about a link that is not there, or any more, is none.
    b.on(7).past('a', 5).gives(&[]);
    b.past('z', 5).on(1).gets('a', 3, 0, "next").gives(&["arrived a->b next"]);
}

#[test]
fn a_link_with_something_to_acknowledge_is_not_forgotten() {
    let limits = Arc::new(Limits { idle_links: 10, ..Limits::default() });
    let mut b = Side::by(Carrier::Reliable, 'b', limits);
    b.at(1).handles('a', 0..1).anything().at(2).handles('a', 1..2).gives(&[]);
    for (peer, number) in crowd().chain([actor('z')]).zip(0..) {
        b.now = ms(3) + Duration::from_micros(number);
        let mut arrived = Vec::new();
        b.links.handle(b.now, peer, data(User, 0, 0, "m").borrow(), &mut arrived, &mut b.out);
        let envelope = arrived.pop().expect("it is new");
        b.links.handled(peer, User, envelope.place());
        b.links.rest(b.now, &mut b.out);
    }
    assert!(b.links.len() < 64, "the oldest are forgotten: {}", b.links.len());
    b.anything().at(11).timeout().gives(&["frame b->a ack user#1 2"]);
}

// -- best effort -----------------------------------------------------------------------------------------------

#[test]
fn what_a_user_sends_is_not_repeated_but_probed_for_and_ever_more_seldom() {
    let mut a = Side::hopeful('a');
    a.sends('b', "one").sends('b', "two");
    a.gives(&["frame a->b user#1 0 (base 0) one", "frame a->b user#1 1 (base 1, asks) two"]);
    assert_eq!(a.due(), Some(200));
    a.at(199).timeout().gives(&[]);
    a.at(200).timeout().gives(&["frame a->b past user#1 2"]);
    assert_eq!(a.due(), Some(600));
    a.at(600).timeout().gives(&["frame a->b past user#1 2"]);
    a.ack('b', User, 2).gives(&["acknowledged 2"]);
    assert_eq!(a.due(), None);
}

#[test]
fn a_probe_is_not_about_what_was_sent_a_moment_ago() {
    let mut a = Side::hopeful('a');
    a.sends('b', "one").at(199).sends('b', "two").anything();
    a.at(200).timeout().gives(&["frame a->b past user#1 1"]);
    a.at(600).timeout().gives(&["frame a->b past user#1 2"]);
}

#[test]
fn what_the_runtime_sends_is_repeated_and_waited_for() {
    let mut a = Side::hopeful('a');
    a.sends('b', "lost").system_sends('b', "kept").sends('b', "behind").gives(&[
        "frame a->b user#1 0 (base 0) lost",
        "frame a->b user#1 1 (base 1, asks) kept",
        "frame a->b user#1 2 (base 1) behind",
    ]);
    a.at(200).timeout().gives(&["frame a->b user#1 1 (base 1, asks) kept"]);
    a.ack_but('b', 2, 0, &[(0, 1)]).gives(&["undelivered a->b lost (Lost)"]);
    a.at(400).timeout().gives(&["frame a->b past user#1 3"]);
    a.ack('b', User, 3).gives(&["acknowledged 1"]);
}

#[test]
fn requests_to_exit_are_repeated_whoever_sends_them() {
    let mut a = Side::hopeful('a');
    a.sends('b', ActorExitRequest::new()).anything();
    a.at(200).timeout().gives(&["frame a->b urgent#1 0 (base 0) exit"]);
}

#[test]
fn what_is_lost_is_passed_over_by_what_comes_behind_and_named_until_it_is_long_ago() {
    let mut b = Side::hopeful('b');
    b.gets('a', 0, 0, "one").gets('a', 3, 3, "four").gives(&["arrived a->b one", "arrived a->b four"]);
    assert_eq!(b.links.sifted(), Sifted { lost: 2, late: 0 });
    b.handled('a', User, [0, 3]).flushes_acks().gives(&["frame b->a ack user#1 4 but 1..3"]);
    b.gets('a', 4, 4, "five").handled('a', User, [4]).flushes_acks();
    b.gives(&["arrived a->b five", "frame b->a ack user#1 5 but 1..3"]);
    // The largest window of the kit.
    let far = 3 + u64::from(limits(|_| {}).window_max);
    b.past('a', far).gives(&[&format!("frame b->a ack user#1 {far} but 5..{far}")]);
}

#[test]
fn what_comes_late_is_dropped_and_counted() {
    let mut b = Side::hopeful('b');
    b.gets('a', 1, 1, "two").gives(&["arrived a->b two"]);
    b.gets('a', 0, 0, "one").gives(&["frame b->a ack user#1 1 but 0..1"]);
    b.gets('a', 1, 1, "two").gives(&["frame b->a ack user#1 1 but 0..1"]);
    assert_eq!(b.links.sifted(), Sifted { lost: 1, late: 1 });
}

#[test]
fn what_comes_early_waits_for_the_runtimes_message_and_no_longer() {
    let mut b = Side::hopeful('b');
    b.gets('a', 2, 1, "three").gets('a', 4, 1, "five").gives(&[]);
    b.gets('a', 1, 1, "two").gives(&["arrived a->b two", "arrived a->b three"]);
    // A sender with a window of 3 does not keep the first any more.
    b.past('a', 4).gives(&["frame b->a ack user#1 1 but 3..4", "arrived a->b five"]);
    assert_eq!(b.links.sifted(), Sifted { lost: 2, late: 0 });
}

#[test]
fn a_probe_on_a_link_of_which_nothing_came_says_that_all_was_lost() {
    let mut b = Side::hopeful('b');
    b.past('a', 2).gives(&["frame b->a ack user#1 2 but 0..2"]);
    b.gets('a', 0, 0, "one").gives(&["frame b->a ack user#1 2 but 0..2"]);
    b.gets('a', 2, 2, "three").gives(&["arrived a->b three"]);
}

#[test]
fn a_closed_lane_names_what_it_passed_over() {
    let mut b = Side::hopeful('b');
    b.gets('a', 1, 1, "two").handled('a', User, [1]).closes(User);
    b.gives(&["arrived a->b two", "frame b->a closed user#1 2 but 0..1"]);
    b.past('a', 9).gives(&["frame b->a closed user#1 2 but 0..1"]);
    let mut a = Side::hopeful('a');
    a.sends('b', "one").sends('b', "two").sends('b', "three").anything();
    let gaps = Gaps { known_from: 0, ranges: vec![(0, 1)] };
    let closed = Some(DeadReason::Dead);
    a.frame('b', Frame::AckButGaps { lane: User, link: 1, handled: 2, gaps, closed }).gives(&[
        "undelivered a->b one (Lost)",
        "undelivered a->b three (Dead)",
        "acknowledged 1",
    ]);
}

#[test]
fn what_nobody_knows_any_more_may_have_been_handled() {
    let mut a = Side::hopeful('a');
    a.sends('b', "one").sends('b', "two").sends('b', "three").anything();
    a.ack_but('b', 3, 1, &[(2, 3)]).gives(&[
        "undelivered a->b one (Lost, maybe handled)",
        "undelivered a->b three (Lost)",
        "acknowledged 1",
    ]);
    assert!(a.links.is_idle());
}

#[test]
fn a_probe_means_nothing_where_everything_is_repeated() {
    let mut b = Side::new('b');
    b.past('a', 3).gives(&[]);
    b.gets('a', 0, 0, "one").gives(&["arrived a->b one"]);
}

/// Everything that a user sends is taken once and in order, or is lost for certain; what the runtime sends is taken.
#[test]
fn by_best_effort_everything_is_taken_or_known_to_be_lost_whatever_the_network_does() {
    const COUNT: u64 = 60;
    let mut lost_in_all = 0;
    for seed in 0..200 {
        let mut random = Random(seed);
        let (mut a, mut b) = (Side::hopeful('a'), Side::hopeful('b'));
        let mut under_way: Vec<(bool, Frame)> = Vec::new();
        let (mut taken, mut lost): (Vec<u64>, Vec<u64>) = Default::default();
        let mut sent = 0;
        for step in 0u64.. {
            assert!(step < 200_000, "seed {seed}: {} of {sent} taken, {} lost", taken.len(), lost.len());
            (a.now, b.now) = (ms(step), ms(step));
            if sent < COUNT && random.below(3) == 0 {
                match is_kept(sent) {
                    true => a.system_sends('b', format!("{sent}")),
                    false => a.sends('b', format!("{sent}")),
                };
                sent += 1;
            }
            let mut progress = a.links.handle_timeout(a.now, &mut a.out);
            for (to_b, side) in [(true, &mut a), (false, &mut b)] {
                for frame in poll_frames(&side.links, &mut side.out) {
                    let copies = random.pick(&[0, 1, 1, 2]);
                    under_way.extend((0..copies).map(|_| (to_b, frame.clone())));
                }
            }
            if !under_way.is_empty() {
                // Mostly the next, so that not all is lost.
                let at = random.below(under_way.len().min(3) as u64) as usize;
                let (to_b, frame) = under_way.remove(at);
                let mut arrived = Vec::new();
                let (to, from) = if to_b { (&mut b, 'a') } else { (&mut a, 'b') };
                let more = to.links.handle(to.now, actor(from), frame.borrow(), &mut arrived, &mut to.out);
                progress.undelivered.extend(more.undelivered);
                for envelope in arrived {
                    taken.push(kit::text(envelope.message()).parse().expect("a number"));
                    b.links.handled(actor('a'), User, envelope.place());
                }
                if random.below(3) == 0 {
                    b.links.flush_acks(&mut b.out);
                }
            } else if sent == COUNT && a.links.is_idle() {
                break;
            }
            for undelivered in progress.undelivered {
                assert_eq!((undelivered.reason, undelivered.maybe_handled), (DeadReason::Lost, false));
                lost.push(kit::text(undelivered.envelope.message()).parse().expect("a number"));
            }
        }
        assert!(taken.is_sorted_by(|one, next| one < next), "seed {seed}: {taken:?}");
        lost_in_all += lost.len();
        let mut all = [taken, lost.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..COUNT).collect::<Vec<u64>>(), "seed {seed}: each once");
        assert!(!lost.iter().any(|number| is_kept(*number)), "seed {seed}: {lost:?}");
    }
    assert!(lost_in_all > 1_000, "much is lost: {lost_in_all}");
}

/// Which messages of that test the runtime sends.
fn is_kept(number: u64) -> bool {
    number % 7 == 3
}

// -- both ------------------------------------------------------------------------------------------------------

/// Two sides and a network that loses, repeats and reorders, driven by a seed.
#[test]
fn everything_is_delivered_once_and_in_order_over_a_network_that_does_its_worst() {
    for seed in 0..50 {
        let mut random = Random(seed);
        let (mut a, mut b) = (Side::new('a'), Side::new('b'));
        let mut under_way: Vec<(bool, Frame)> = Vec::new();
        let mut taken: Vec<String> = Vec::new();
        let mut sent = 0;
        let mut acknowledged = 0;
        for step in 0u64.. {
            assert!(step < 200_000, "seed {seed}: {} of {sent} taken", taken.len());
            (a.now, b.now) = (ms(step), ms(step));
            if sent < 40 && random.below(3) == 0 {
                a.sends('b', format!("{sent}"));
                sent += 1;
            }
            let progress = a.links.handle_timeout(a.now, &mut a.out);
            assert!(progress.undelivered.is_empty(), "seed {seed}: nothing expires");
            for (to_b, side) in [(true, &mut a), (false, &mut b)] {
                for frame in poll_frames(&side.links, &mut side.out) {
                    let copies = random.pick(&[0, 1, 1, 2]);
                    under_way.extend((0..copies).map(|_| (to_b, frame.clone())));
                }
            }
            if under_way.is_empty() {
                if acknowledged == 40 {
                    break;
                }
                continue;
            }
            let (to_b, frame) = under_way.swap_remove(random.below(under_way.len() as u64) as usize);
            let mut arrived = Vec::new();
            let (to, from) = if to_b { (&mut b, 'a') } else { (&mut a, 'b') };
            let progress = to.links.handle(to.now, actor(from), frame.borrow(), &mut arrived, &mut to.out);
            acknowledged += progress.acknowledged;
            for envelope in arrived {
                taken.push(kit::text(envelope.message()));
                b.links.handled(actor('a'), User, envelope.place());
            }
            b.links.flush_acks(&mut b.out);
        }
        let expected: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        assert_eq!(taken, expected, "seed {seed}");
        assert!(a.links.is_idle(), "seed {seed}");
    }
}

/// Takes all frames that links ask to carry.
fn poll_frames(links: &Links, out: &mut Outputs) -> Vec<Frame> {
    use thespian_core::engine::Output;
    let mut frames = Vec::new();
    while let Some(output) = out.poll() {
        assert!(matches!(output, Output::Frame), "links only ask for frames, not {output:?}");
        let departure = out.poll_frame().expect("it is there");
        frames.extend(links.departing(&departure).map(|frame| frame.to_frame()));
    }
    frames
}

// -- hostile peers ---------------------------------------------------------------------------------------------

#[test]
fn an_acknowledgement_of_what_was_never_sent_settles_what_was_and_nothing_that_follows() {
    let mut a = Side::new('a');
    for message in ["one", "two", "three", "four"] {
        a.sends('b', message);
    }
    a.anything();
    a.ack('b', User, u64::MAX).gives(&["frame a->b user#1 3 (base 3) four", "acknowledged 3"]);
    a.sends('b', "five").gives(&["frame a->b user#1 4 (base 3) five"]);
}

#[test]
fn word_from_a_stranger_changes_nothing() {
    let mut a = Side::new('a');
    a.sends('b', "one").anything();
    a.ack('x', User, 7).closed('x', User, 7).loses('x').gives(&[]);
    a.ack('b', Urgent, 7).closed('b', Urgent, 7).gives(&[]);
    assert!(!a.links.is_idle());
}

#[test]
fn a_closed_lane_that_says_it_handled_more_than_was_sent_settles_all() {
    let mut a = Side::new('a');
    a.sends('b', "one").sends('b', "two").anything();
    a.closed('b', User, u64::MAX).gives(&["acknowledged 2"]);
    assert!(a.links.is_idle());
}

#[test]
fn a_place_far_ahead_is_not_kept() {
    let mut b = Side::new('b');
    b.gets('a', 0, 0, "one").anything();
    for place in [6, 7, 1 << 32, u64::MAX - 1, u64::MAX] {
        b.gets('a', place, 0, "far").gives(&[]);
    }
    b.gets('a', 1, 0, "two").gets('a', 2, 0, "three");
    b.gives(&["arrived a->b two", "arrived a->b three"]);
}

#[test]
fn a_base_above_its_own_place_only_loses_the_sender_its_messages() {
    let mut b = Side::new('b');
    b.gets('a', 0, 9, "one").gives(&["frame b->a ack user#1 9"]);
    b.gets('a', 3, 20, "two").gives(&["frame b->a ack user#1 20"]);
    b.gets('a', 20, 0, "three").gives(&["arrived a->b three"]);
}

#[test]
fn the_last_of_all_places_is_not_taken_and_overflows_nothing() {
    let mut b = Side::new('b');
    b.gets('a', u64::MAX - 1, u64::MAX - 1, "one").gives(&["arrived a->b one"]);
    b.gets('a', u64::MAX, u64::MAX, "two").gives(&[]);
    b.gets('c', u64::MAX, u64::MAX, "three").gives(&[]);
    b.gets('c', 7, 7, "four").gives(&["frame b->c ack user#1 18446744073709551615"]);
}

/// Peers that know the frames but not the rules.
#[test]
fn a_hundred_thousand_random_frames_are_taken_at_most_once_each_and_in_order() {
    for carrier in [Carrier::Lossy, Carrier::BestEffort] {
        random_frames_are_taken_at_most_once_each_and_in_order(carrier);
    }
}

fn random_frames_are_taken_at_most_once_each_and_in_order(carrier: Carrier) {
    const PEERS: [char; 3] = ['x', 'y', 'z'];
    let limits = limits(|_| {});
    let window = limits.window as usize;
    let mut b = Side::by(carrier, 'b', limits);
    let mut random = Random(0x0b5e_55ed);
    let mut last_taken: BTreeMap<(char, Lane), u64> = BTreeMap::new();
    let mut taken = 0u32;
    // Where each peer is, more or less: its link, and its place there.
    let mut positions: BTreeMap<char, (u64, u64)> = BTreeMap::new();
    for step in 0..100_000u64 {
        b.now = ms(step);
        let peer = random.pick(&PEERS);
        let lane = random.pick(&[User, User, User, Urgent]);
        let (link, around) = positions.entry(peer).or_insert((5, 0));
        match random.below(1_000) {
            0..50 => *around += random.below(5),
            50..53 => (*link, *around) = (*link + 1, 0),
            53..55 => *around += random.below(1 << 30),
            _ => {}
        }
        let around = *around;
        let link = *link - u64::from(random.below(20) == 0);
        let near = |random: &mut Random| (around + random.below(12)).saturating_sub(4);
        let place = match random.below(50) {
            0 => u64::MAX - random.below(1 << 30),
            1 => u64::MAX - random.below(2),
            _ => near(&mut random),
        };
        let base = near(&mut random);
        let frame = match random.below(20) {
            0 => Frame::Ack { lane, link: random.below(10), handled: place },
            1 => Frame::Closed { lane, link: random.below(10), handled: place, reason: DeadReason::Dead },
            2 => Frame::Past { lane, link, base },
            3 => {
                let ranges = (0..random.below(4)).map(|_| (near(&mut random), near(&mut random))).collect();
                let gaps = Gaps { known_from: near(&mut random), ranges };
                Frame::AckButGaps { lane, link: random.below(10), handled: place, gaps, closed: None }
            }
            _ if lane == Urgent => data_on(link, lane, place, base, ActorExitRequest::new()),
            _ => data_on(link, lane, place, base, "m"),
        };
        if random.below(10) == 0 {
            let envelope = kit::letter('b', peer, "answer");
            b.links.send(b.now, envelope, &mut b.out).expect("it can travel");
        }
        let mut arrived = Vec::new();
        b.links.handle(b.now, actor(peer), frame.borrow(), &mut arrived, &mut b.out);
        assert!(arrived.len() <= 2 * window, "step {step}: one frame brings {} messages", arrived.len());
        for envelope in arrived {
            let number = envelope.number();
            let before = last_taken.insert((peer, lane), number);
            assert!(before.is_none_or(|before| before < number), "step {step}: {number:x} after {before:x?}");
            b.links.handled(actor(peer), lane, envelope.place());
            taken += 1;
        }
        if random.below(4) == 0 {
            b.links.handle_timeout(b.now, &mut b.out);
            b.links.flush_acks(&mut b.out);
        }
        // Each sends at most its flight again, and says once how far it came.
        assert!(
            b.out.len() <= PEERS.len() * 2 * (2 * window + 1) + 1,
            "step {step}: {} outputs",
            b.out.len()
        );
        poll_frames(&b.links, &mut b.out);
    }
    assert!(taken > 1_000, "the peers are hostile, but not so that nothing is taken: {taken}");
}

#[test]
fn an_acknowledgement_of_what_the_runtime_sent_ends_the_back_off_too() {
    let mut links = Links::new(actor('a'), limits(|_| {}), Carrier::Lossy);
    let mut out = Outputs::new();
    for _ in 0..2 {
        links.send(ms(0), letter('a', 'b', "m").by_runtime(), &mut out).expect("it travels");
    }
    links.handle_timeout(ms(200), &mut out);
    links.handle_timeout(ms(600), &mut out);
    let ack = Frame::Ack { lane: User, link: 1, handled: 1 };
    links.handle(ms(700), actor('b'), ack, &mut Vec::new(), &mut out);
    assert_eq!(links.poll_timeout(), Some(ms(900)));
}

#[test]
fn a_peer_that_ignores_the_window_does_not_fill_the_mailbox() {
    let mut b = Side::new('b');
    for place in 0..1000 {
        b.gets('a', place, 0, "m");
    }
    // Twice the largest window, and no more until some of that has been handled.
    b.gives(&["arrived a->b m"; 6]);
    b.handled('a', User, [0]).gets('a', 6, 0, "m").gets('a', 7, 0, "m").gives(&["arrived a->b m"]);
}

#[test]
fn a_peer_that_ignores_the_bound_in_bytes_does_not_fill_the_memory() {
    let mut b = Side::with('b', limits(|limits| limits.window_bytes = 10));
    // A string is one byte longer than its text.
    for place in 0..6 {
        b.gets('a', place, 0, "123456");
    }
    b.gives(&["arrived a->b 123456"; 2]);
    b.handled('a', User, [0, 1]).gets('a', 2, 0, &"x".repeat(100)).gets('a', 3, 0, "m");
    b.gives(&[&format!("arrived a->b {}", "x".repeat(100))]);
    b.handled('a', User, [2]).gets('a', 3, 0, "m").gives(&["arrived a->b m"]);
}

#[test]
fn what_comes_early_again_and_again_counts_once() {
    let mut b = Side::with('b', limits(|limits| limits.window_bytes = 10));
    for _ in 0..100 {
        b.gets('a', 1, 0, "123456");
    }
    b.gets('a', 0, 0, "123456").gives(&["arrived a->b 123456"; 2]);
}

#[test]
fn a_message_in_the_wrong_lane_is_not_taken() {
    let mut links = Links::new(actor('b'), limits(|_| {}), Carrier::Lossy);
    let (mut arrived, mut out) = (Vec::new(), Outputs::new());
    for frame in [data(Lane::Urgent, 0, 0, "m"), data(User, 0, 0, ActorExitRequest::new())] {
        links.handle(ms(0), actor('a'), frame.borrow(), &mut arrived, &mut out);
    }
    assert!(arrived.is_empty() && out.is_empty());
}
