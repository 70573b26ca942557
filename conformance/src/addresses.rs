//! Addresses: who they name, where they can be, what they never do (guide section 1.2, decisions D9 and D17).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, ActorExitRequest, Context, DeadReason, Error, Handled, Message, actor};

use crate::actors::{Puppet, Step, What};
use crate::ground::{Ground, SOON};

type Places = BTreeMap<String, Vec<ActorAddress>>;

/// An address, as deep as one would put it.
#[derive(Serialize, Deserialize, Message)]
struct Deep {
    list: Vec<Option<(u8, Places)>>,
}

/// Finds the address inside and sends "found" to it.
#[derive(Default)]
struct Finder;

#[actor]
impl Finder {
    fn deep(&mut self, deep: &Deep, ctx: &mut Context<'_>) {
        let addresses = deep.list.iter().flatten().flat_map(|(_, map)| map.values()).flatten();
        for address in addresses {
            ctx.send(address, "found");
        }
    }

    fn give_back(&mut self, address: &ActorAddress, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(*address)
    }

    fn who_are_you(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(ctx.my_address())
    }
}

pub(crate) fn an_address_is_equal_to_itself_everywhere(ground: &Ground<'_>) {
    let stage = ground.system();
    let (finder, puppet) = (stage.actor::<Finder>(), stage.puppet());
    let back: ActorAddress = stage.query(&finder, puppet);
    assert_eq!(back, puppet);
    assert_eq!(puppet, back);
    assert_ne!(back, finder);
    assert!(HashSet::from([puppet]).contains(&back));
}

pub(crate) fn an_address_works_inside_any_container(ground: &Ground<'_>) {
    let stage = ground.system();
    let (finder, puppet) = (stage.actor::<Finder>(), stage.puppet());
    let map = BTreeMap::from([("somewhere".to_string(), vec![puppet])]);
    stage.tell(&finder, Deep { list: vec![None, Some((1, map))] }).expect("sent");
    let journal = stage.journal(&puppet, 1);
    assert_eq!(journal.len(), 1);
    assert_eq!((journal[0].from, &journal[0].what), (finder, &What::text("found")));
}

pub(crate) fn an_address_can_be_used_before_the_actor_runs(ground: &Ground<'_>) {
    let stage = ground.system();
    let (parent, third) = (stage.puppet(), stage.puppet());
    // In one attempt: a child, and messages for it that are released together with its creation.
    stage.order(
        &parent,
        [
            Step::create::<Puppet>(),
            Step::SendToChild(thespian_core::AnyMessage::new(String::from("first"))),
            Step::SendToChild(thespian_core::AnyMessage::new(String::from("second"))),
        ],
    );
    let child = stage.children(&parent)[0];
    stage.order(&third, [Step::send(&child, "third")]);
    let journal = stage.journal(&child, 3);
    let from_parent: Vec<_> = journal.iter().filter(|entry| entry.from == parent).map(|entry| &entry.what).collect();
    assert_eq!(from_parent, [&What::text("first"), &What::text("second")]);
    assert!(journal.iter().any(|entry| entry.from == third && entry.what == What::text("third")));
}

pub(crate) fn an_address_of_the_dead_never_reaches_the_living(ground: &Ground<'_>) {
    let stage = ground.system();
    let mut dead = BTreeSet::new();
    for _ in 0..20 {
        let puppet = stage.puppet();
        assert!(dead.insert(puppet), "an address was given out twice");
        stage.tell(&puppet, ActorExitRequest::new()).expect("sent");
        stage.await_death(&puppet);
    }
    let living = stage.puppet();
    for address in &dead {
        stage.tell(address, "for the dead").expect("sent");
    }
    assert_eq!(stage.journal(&living, 0), []);
}

pub(crate) fn an_actor_knows_its_own_address(ground: &Ground<'_>) {
    let stage = ground.system();
    let finder = stage.actor::<Finder>();
    assert_eq!(stage.query::<ActorAddress>(&finder, ()), finder);
}

pub(crate) fn a_child_is_the_sender_of_its_first_message(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let child = stage.child(&parent);
    stage.order(&child, [Step::send(&parent, "hello")]);
    let journal = stage.journal(&parent, 1);
    assert_eq!(journal[0].from, child);
    assert_eq!(child, journal[0].from);
}

pub(crate) fn addresses_can_be_hashed_ordered_and_printed(ground: &Ground<'_>) {
    let stage = ground.system();
    let addresses: Vec<ActorAddress> = (0..50).map(|_| stage.puppet()).collect();
    assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), 50);
    assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), 50);
    let printed: HashSet<String> = addresses.iter().map(ToString::to_string).collect();
    assert_eq!(printed.len(), 50);
}

pub(crate) fn an_address_that_was_made_up_reaches_nobody(ground: &Ground<'_>) {
    let stage = ground.system();
    let (puppet, handler) = (stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters(true)]);
    stage.settle();
    // Somebody else's bytes that name the puppet's place: its seal does not fit.
    let mut bytes = thespian_core::encode(&puppet).expect("encoded");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let forged: ActorAddress = thespian_core::decode(&bytes, Default::default()).expect("well-formed");
    assert_ne!(forged, puppet);
    stage.tell(&forged, "psst").expect("sent");
    let journal = stage.journal(&handler, 1);
    let What::Dead { to, reason, .. } = &journal[0].what else { panic!("{journal:?}") };
    assert_eq!((*to, *reason), (forged, DeadReason::InvalidAddress));
    assert_eq!(stage.journal(&puppet, 0), []);
}

pub(crate) fn nobody_is_no_target(ground: &Ground<'_>) {
    let stage = ground.system();
    let nobody = ActorAddress::NOBODY;
    assert!(matches!(stage.tell(&nobody, "?"), Err(Error::InvalidActorAddress { .. })));
    assert!(matches!(stage.ask(&nobody, "?", SOON), Err(Error::InvalidActorAddress { .. })));
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::send(&nobody, "?")]);
    stage.pass(Duration::from_millis(1));
    assert_eq!(stage.journal(&puppet, 0), []);
}
