//! Status (guide sections 7.12 to 7.14).

use std::time::Duration;

use thespian_core::{ActorExitRequest, ActorState, ActorStatus, StatusReq, SystemState, SystemStatus};

use crate::actors::{Step, What};
use crate::ground::Ground;

pub(crate) fn an_actor_tells_its_status(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let child = stage.child(&puppet);
    stage.order(&puppet, [Step::wakeup(3_600_000), Step::wakeup(7_200_000)]);
    // A request for the status does not wait behind the order, so something has to that does.
    assert_eq!(stage.journal(&puppet, 0), []);
    let status: ActorStatus = stage.query(&puppet, StatusReq);
    assert_eq!(status.address, puppet);
    assert_eq!(status.actor_type, "conformance.Puppet");
    assert_eq!(status.state, ActorState::Idle);
    assert_eq!(status.children, [child]);
    assert_eq!(status.pending_wakeups, 2);
    assert!(status.counters.handled > 0);
}

pub(crate) fn a_system_tells_its_status(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Sockets", 2));
    let puppets = [stage.puppet(), stage.puppet()];
    stage.order(&puppets[0], [Step::HandleDeadLetters(true)]);
    stage.eventually("it handles dead letters", || {
        stage.status().is_ok_and(|status| status.dead_letter_handler == Some(puppets[0]))
    });
    let status = stage.status().expect("status");
    assert_eq!(status.admin_address, stage.system_address());
    assert_eq!(status.base, ground.base());
    assert_eq!(status.state, SystemState::Running);
    assert_eq!(status.actor_count, 2);
    let mut actors = status.actors.clone();
    actors.sort();
    let mut expected = puppets;
    expected.sort();
    assert_eq!(actors, expected);
    assert_eq!(status.dead_letter_handler, Some(puppets[0]));
    assert!(status.capabilities.has("Sockets", 2));
}

pub(crate) fn a_status_request_does_not_reach_the_handler(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let _: ActorStatus = stage.query(&puppet, StatusReq);
    assert_eq!(stage.journal(&puppet, 0), []);
}

pub(crate) fn status_can_be_read_by_people(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let text = stage.query::<ActorStatus>(&puppet, StatusReq).to_string();
    assert!(text.contains("conformance.Puppet") && text.contains(&puppet.to_string()), "{text}");
    let text = stage.query::<SystemStatus>(&stage.system_address(), StatusReq).to_string();
    assert!(text.contains(ground.base()) && text.contains("Rust Version"), "{text}");
}

pub(crate) fn an_actor_can_ask_for_status(ground: &Ground<'_>) {
    let stage = ground.system();
    let (asker, puppet) = (stage.puppet(), stage.puppet());
    stage.order(&asker, [Step::send(&puppet, StatusReq), Step::send(&stage.system_address(), StatusReq)]);
    let mut names: Vec<String> = stage
        .journal(&asker, 2)
        .into_iter()
        .map(|entry| match entry.what {
            What::Other(name) => name,
            other => panic!("{other:?}"),
        })
        .collect();
    names.sort();
    assert_eq!(names, ["thespian::ActorStatus", "thespian::SystemStatus"]);
}

pub(crate) fn every_message_is_counted(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target, gone) = (stage.puppet(), stage.puppet(), stage.puppet());
    stage.tell(&gone, ActorExitRequest::new()).expect("sent");
    stage.await_death(&gone);
    let mut steps: Vec<Step> = (0..20_u64).map(|n| Step::send(&target, n)).collect();
    steps.extend((0..3).map(|_| Step::send(&target, "fail!")));
    steps.extend((0..4).map(|_| Step::send(&gone, "hello?")));
    stage.order(&sender, steps);
    stage.pass(Duration::from_millis(50));
    // Between two looks nothing is under way but the second look itself.
    let counters = stage.status().expect("status").counters;
    let ended = counters.handled + counters.poisoned + counters.dead_lettered + counters.refused;
    assert!(counters.sent >= ended && counters.sent - ended <= 1, "{counters:?}");
    assert_eq!(counters.poisoned, 3);
    assert!(counters.dead_lettered >= 4);
}
