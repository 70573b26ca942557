//! Timers (guide sections 4.7 and 5.5, decisions D6, D22 and D28).

use std::time::Duration;

use thespian_core::{ActorAddress, ActorExitRequest, ActorStatus, Limits, Context, StatusReq, WakeupMessage, actor};

use crate::actors::{Entry, Step, What};
use crate::ground::{Ground, SOON};

/// The payloads of the wakeups in a journal, in order.
fn payloads(journal: &[Entry]) -> Vec<&str> {
    let payloads = journal.iter().filter_map(|entry| match &entry.what {
        What::Wakeup { payload, .. } => Some(payload.as_deref().unwrap_or("none")),
        _ => None,
    });
    payloads.collect()
}

pub(crate) fn a_wakeup_comes_once_and_not_early(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let before = stage.status().expect("status").uptime;
    stage.order(&puppet, [Step::wakeup(15)]);
    stage.pass(Duration::from_millis(40));
    let journal = stage.journal(&puppet, 1);
    let [Entry { what: What::Wakeup { delay, at, .. }, .. }] = &journal[..] else { panic!("{journal:?}") };
    assert_eq!(*delay, Duration::from_millis(15));
    assert!(*at >= before + Duration::from_millis(15), "{before:?} {at:?}");
}

pub(crate) fn a_wakeup_brings_its_payload(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::wakeup_with(2, "the payload"), Step::wakeup(4)]);
    assert_eq!(payloads(&stage.journal(&puppet, 2)), ["the payload", "none"]);
}

pub(crate) fn a_falsy_payload_is_a_payload(ground: &Ground<'_>) {
    #[derive(Default)]
    struct Sleeper;
    #[actor]
    impl Sleeper {
        fn doze(&mut self, _: &(), ctx: &mut Context<'_>) {
            let asker = ctx.sender();
            ctx.wakeup_after_with(Duration::ZERO, (asker, false));
            ctx.wakeup_after_with(Duration::ZERO, (asker, 0_u8));
            ctx.wakeup_after_with(Duration::ZERO, (asker, String::new()));
            ctx.wakeup_after_with(Duration::ZERO, (asker, ()));
        }

        fn wake(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) {
            if let Some((asker, false)) = wakeup.payload::<(ActorAddress, bool)>() {
                ctx.send(asker, "false");
            } else if let Some((asker, 0)) = wakeup.payload::<(ActorAddress, u8)>() {
                ctx.send(asker, "zero");
            } else if let Some((asker, text)) = wakeup.payload::<(ActorAddress, String)>() {
                ctx.send(asker, format!("text {text:?}"));
            } else if let Some((asker, ())) = wakeup.payload::<(ActorAddress, ())>() {
                ctx.send(asker, "unit");
            }
        }
    }
    let stage = ground.system();
    let sleeper = stage.actor::<Sleeper>();
    stage.tell(&sleeper, ()).expect("sent");
    for expected in ["false", "zero", "text \"\"", "unit"] {
        let answer = stage.listen(SOON).expect("up");
        assert_eq!(answer.get::<String>().map(String::as_str), Some(expected));
    }
}

pub(crate) fn wakeups_come_in_due_order(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let delays = [9, 3, 12, 6, 0, 15];
    stage.order(&puppet, delays.map(|delay| Step::wakeup_with(delay, delay.to_string())));
    stage.pass(Duration::from_millis(30));
    assert_eq!(payloads(&stage.journal(&puppet, 6)), ["0", "3", "6", "9", "12", "15"]);
}

pub(crate) fn equal_delays_come_in_the_order_asked(ground: &Ground<'_>) {
    #[derive(Default)]
    struct Sleeper {
        order: Vec<u32>,
        asker: Option<ActorAddress>,
    }
    #[actor(name = "conformance.EqualSleeper")]
    impl Sleeper {
        fn doze(&mut self, _: &(), ctx: &mut Context<'_>) {
            self.asker = Some(ctx.sender());
            // The clock of some bases may go on in between, and then later ones are due later, which is the same order.
            for n in 0..100_u32 {
                ctx.wakeup_after_with(Duration::from_millis(3), n);
            }
        }

        fn wake(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) {
            self.order.extend(wakeup.payload::<u32>());
            if self.order.len() == 100
                && let Some(asker) = self.asker
            {
                ctx.send(&asker, self.order.clone());
            }
        }
    }
    let stage = ground.system();
    let sleeper = stage.actor::<Sleeper>();
    let order: Vec<u32> = stage.query(&sleeper, ());
    assert_eq!(order, (0..100).collect::<Vec<_>>());
}

pub(crate) fn a_wakeup_without_delay_comes_at_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::wakeup(0), Step::send(&puppet, "sent")]);
    let journal = stage.journal(&puppet, 2);
    assert_eq!(payloads(&journal), ["none"]);
    assert_eq!(journal.len(), 2);
}

pub(crate) fn a_wakeup_comes_from_the_actor_itself(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::wakeup(1)]);
    assert_eq!(stage.journal(&puppet, 1)[0].from, puppet);
}

pub(crate) fn wakeups_and_messages_mix(ground: &Ground<'_>) {
    let stage = ground.system();
    let (puppet, sender) = (stage.puppet(), stage.puppet());
    stage.order(&puppet, (0..20).map(Step::wakeup).collect::<Vec<_>>());
    for n in 0..20_u64 {
        stage.order(&sender, [Step::send(&puppet, n)]);
        stage.pass(Duration::from_millis(1));
    }
    let journal = stage.journal(&puppet, 40);
    assert_eq!(payloads(&journal).len(), 20);
    assert_eq!(journal.iter().filter(|entry| matches!(entry.what, What::Number(_))).count(), 20);
}

pub(crate) fn many_wakeups_are_pending_at_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order(&puppet, (0..2000).map(|n| Step::wakeup_with(n % 7, n.to_string())).collect::<Vec<_>>());
    stage.pass(Duration::from_millis(20));
    assert_eq!(payloads(&stage.journal(&puppet, 2000)).len(), 2000);
}

pub(crate) fn no_wakeup_comes_after_an_exit(ground: &Ground<'_>) {
    let stage = ground.system();
    let (puppet, handler) = (stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters(true)]);
    let child = stage.child(&puppet);
    stage.order(&child, [Step::wakeup(5), Step::OnExit(vec![Step::wakeup(0), Step::wakeup(5)])]);
    stage.tell(&child, ActorExitRequest::new()).expect("sent");
    stage.await_death(&child);
    stage.pass(Duration::from_millis(20));
    assert!(stage.is_dead(&child));
    // A timer that will not run is no message, so it is no dead letter either.
    let letters = stage.journal(&handler, 0);
    let wakeups = |entry: &&Entry| matches!(&entry.what, What::Dead { message, .. } if message.contains("Wakeup"));
    assert_eq!(letters.iter().filter(wakeups).count(), 0, "{letters:?}");
}

/// Answers when its timer has run out.
#[derive(Default)]
struct EggTimer;

#[actor]
impl EggTimer {
    fn boil(&mut self, time: &Duration, ctx: &mut Context<'_>) {
        ctx.wakeup_after_with(*time, ctx.sender());
    }

    fn done(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) {
        if let Some(cook) = wakeup.payload::<ActorAddress>() {
            ctx.send(cook, "done");
        }
    }
}

pub(crate) fn an_ask_waits_for_the_wakeups_it_needs(ground: &Ground<'_>) {
    let stage = ground.system();
    let timer = stage.actor::<EggTimer>();
    let answer = stage.ask(&timer, Duration::from_millis(10), SOON).expect("up");
    assert_eq!(answer.get::<String>().map(String::as_str), Some("done"));
    assert!(stage.ask(&timer, SOON * 10, Duration::from_millis(10)).expect("up").is_timed_out());
}

pub(crate) fn a_wakeup_can_set_the_next(ground: &Ground<'_>) {
    #[derive(Default)]
    struct Metronome {
        beats: u32,
        listener: Option<ActorAddress>,
    }
    #[actor]
    impl Metronome {
        fn start(&mut self, beats: &u32, ctx: &mut Context<'_>) {
            self.beats = *beats;
            self.listener = Some(ctx.sender());
            ctx.wakeup_after(Duration::from_millis(1));
        }

        fn beat(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) {
            self.beats -= 1;
            match self.listener {
                Some(listener) if self.beats == 0 => ctx.send(&listener, "end"),
                _ => ctx.wakeup_after(Duration::from_millis(1)),
            }
        }
    }
    let stage = ground.system();
    let metronome = stage.actor::<Metronome>();
    assert_eq!(stage.query::<String>(&metronome, 20_u32), "end");
}

pub(crate) fn a_very_long_wakeup_does_no_harm(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::Wakeup(Duration::MAX, None), Step::wakeup(1)]);
    assert_eq!(stage.journal(&puppet, 1).len(), 1);
}

pub(crate) fn an_actor_has_a_limited_number_of_pending_wakeups(ground: &Ground<'_>) {
    let limits = Limits { wakeups: 3, ..Limits::default() };
    let stage = ground.system_with(|builder| builder.limits(limits));
    let puppet = stage.puppet();
    stage.order(&puppet, (1..=5).map(|hours| Step::wakeup(hours * 3_600_000)).collect::<Vec<_>>());
    let journal = stage.journal(&puppet, 2);
    assert_eq!(journal.len(), 2, "{journal:?}");
    for entry in &journal {
        let What::Poison { type_name, details, .. } = &entry.what else { panic!("{entry:?}") };
        assert!(type_name.contains("WakeupMessage") && details.contains("Limits::wakeups"), "{type_name}: {details}");
    }
    assert_eq!(stage.query::<ActorStatus>(&puppet, StatusReq).pending_wakeups, 3);
}

pub(crate) fn pending_wakeups_are_counted(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order(&puppet, (1..=5).map(|hours| Step::wakeup(hours * 3_600_000)).collect::<Vec<_>>());
    // A request for the status does not wait behind the order, so something has to that does.
    assert_eq!(stage.journal(&puppet, 0), []);
    assert_eq!(stage.query::<ActorStatus>(&puppet, StatusReq).pending_wakeups, 5);
}
