//! What messages carry, and those that cannot travel (guide section 5.4, decisions D3 and D7).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Debug;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use thespian_core::{
    ActorAddress, Answer, AnyMessage, Bytes, Context, Error, Failure, Handled, Limits, Message, PoisonMessage,
    Value, actor,
};

use crate::actors::{Step, What};
use crate::ground::{Ground, SOON};
use crate::table::Ability;

/// Sends everything back.
#[derive(Default)]
struct Mirror;

#[actor]
impl Mirror {
    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Result<(), Failure> {
        if !message.is_system() {
            ctx.send(&ctx.sender(), message.duplicate()?);
        }
        Ok(())
    }
}

pub(crate) fn every_built_in_type_arrives_as_itself(ground: &Ground<'_>) {
    let stage = ground.system();
    let mirror = stage.actor::<Mirror>();
    fn back<M: Message + Clone + PartialEq + Debug>(
        stage: &crate::ground::Stage<'_>,
        mirror: &ActorAddress,
        message: M,
    ) {
        let copy: M = stage.query(mirror, message.clone());
        assert_eq!(copy, message);
    }
    back(&stage, &mirror, ());
    back(&stage, &mirror, true);
    back(&stage, &mirror, 'ß');
    back(&stage, &mirror, String::from("ein Text"));
    back(&stage, &mirror, (u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX, usize::MAX));
    back(&stage, &mirror, (i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN, isize::MIN));
    back(&stage, &mirror, (1.5_f32, f64::MIN_POSITIVE));
    back(&stage, &mirror, Duration::from_nanos(1));
    back(&stage, &mirror, Some(5_u8));
    back(&stage, &mirror, None::<u8>);
    back(&stage, &mirror, vec![1_u32, 2, 3]);
    back(&stage, &mirror, VecDeque::from([1_u8]));
    back(&stage, &mirror, Box::new(7_u8));
    back(&stage, &mirror, BTreeSet::from([3_u8]));
    back(&stage, &mirror, BTreeMap::from([(1_u8, String::from("one"))]));
    back(&stage, &mirror, HashMap::from([(String::from("one"), 1_u8)]));
    back(&stage, &mirror, Bytes(vec![0, 255]));
    back(&stage, &mirror, mirror);
    back(&stage, &mirror, Value::map([("a", Value::from(vec![1, 2]))]));
    back(&stage, &mirror, stage.capabilities().expect("up"));
}

pub(crate) fn a_message_of_50_megabytes_arrives(ground: &Ground<'_>) {
    let stage = ground.system();
    let mirror = stage.actor::<Mirror>();
    let bytes: Vec<u8> = (0..50 << 20).map(|n: u32| (n % 251) as u8).collect();
    let back: Bytes = stage.query(&mirror, Bytes(bytes.clone()));
    assert!(back.0 == bytes, "{} bytes came back, and they are others", back.0.len());
}

pub(crate) fn a_message_inside_a_message_arrives(ground: &Ground<'_>) {
    let stage = ground.system();
    let (mirror, puppet) = (stage.actor::<Mirror>(), stage.puppet());
    #[derive(Serialize, Deserialize, Message)]
    struct Wrapped(AnyMessage, Option<Box<Wrapped>>);
    let inner = Wrapped(AnyMessage::new(puppet), None);
    let back: Wrapped =
        stage.query(&mirror, Wrapped(AnyMessage::new(String::from("outer")), Some(Box::new(inner))));
    assert_eq!(back.0.downcast_ref::<String>().map(String::as_str), Some("outer"));
    let inner = back.1.expect("the inner one");
    assert_eq!(inner.0.downcast_ref::<ActorAddress>(), Some(&puppet));
}

/// Sends everything on to whoever has sent it a unit, and says so in between.
#[derive(Default)]
struct Router {
    to: Option<ActorAddress>,
}

/// What a router does beside sending a message on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
enum Route {
    Once,
    Twice,
    AndFail,
    AndFlush,
}

#[actor(failure_policy = thespian_core::FailurePolicy::NO_RETRY)]
impl Router {
    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Result<(), Failure> {
        if message.is::<()>() {
            self.to = Some(ctx.sender());
        }
        let Some(to) = self.to.filter(|_| !message.is_system() && !message.is::<()>()) else { return Ok(()) };
        let route = message.downcast_ref().cloned().unwrap_or(Route::Once);
        ctx.send(&to, "before");
        ctx.forward(&to, message)?;
        ctx.send(&to, "after");
        match route {
            Route::Once => {}
            Route::Twice => ctx.forward(&to, message)?,
            Route::AndFail => return Err(Failure::new("as told")),
            Route::AndFlush => {
                ctx.flush();
                ctx.send(&to, "flushed");
            }
        }
        Ok(())
    }
}

/// A router to somebody outside, and who that is.
fn router(stage: &crate::ground::Stage<'_>) -> (ActorAddress, thespian_core::Private) {
    let outside = stage.private().expect("up");
    let router = stage.actor::<Router>();
    outside.tell(&router, ()).expect("up");
    (router, outside)
}

pub(crate) fn a_message_that_is_sent_on_arrives_as_it_came_and_in_turn(ground: &Ground<'_>) {
    let stage = ground.system();
    let (router, outside) = router(&stage);
    let next = || match outside.listen(SOON).expect("up") {
        Answer::Message(reply) => reply,
        other => panic!("no message came: {other:?}"),
    };
    for round in 0..100_u32 {
        outside.tell(&router, (round, String::from("it"))).expect("up");
    }
    for round in 0..100_u32 {
        assert_eq!(next().message.downcast_ref::<String>().map(String::as_str), Some("before"));
        let reply = next();
        assert_eq!(reply.sender, router);
        assert_eq!(reply.message.downcast_ref(), Some(&(round, String::from("it"))));
        assert_eq!(next().message.downcast_ref::<String>().map(String::as_str), Some("after"));
    }
}

pub(crate) fn a_message_is_sent_on_twice_or_before_a_flush_or_not_at_all(ground: &Ground<'_>) {
    let stage = ground.system();
    let (router, outside) = router(&stage);
    for (route, expected) in [
        (Route::Twice, &["before", "it", "after", "it"][..]),
        (Route::AndFlush, &["before", "it", "after", "flushed"]),
        // Nothing of a failed attempt is sent, and its message comes back whole.
        (Route::AndFail, &["poison"]),
        (Route::Once, &["before", "it", "after"]),
    ] {
        outside.tell(&router, route.clone()).expect("up");
        for what in expected {
            let Answer::Message(reply) = outside.listen(SOON).expect("up") else {
                panic!("{what} did not come after {route:?}");
            };
            let message = &reply.message;
            match *what {
                "it" => assert_eq!(message.downcast_ref(), Some(&route)),
                "poison" => {
                    let poison = message.downcast_ref::<PoisonMessage>().expect("poison");
                    assert_eq!(poison.message.downcast_ref(), Some(&route));
                }
                text => assert_eq!(message.downcast_ref::<String>().map(String::as_str), Some(text)),
            }
        }
    }
}

pub(crate) fn an_empty_message_arrives(ground: &Ground<'_>) {
    #[derive(Debug, PartialEq, Serialize, Deserialize, Message)]
    struct Nothing;
    let stage = ground.system();
    let mirror = stage.actor::<Mirror>();
    assert_eq!(stage.query::<Nothing>(&mirror, Nothing), Nothing);
    assert_eq!(stage.query::<String>(&mirror, ""), "");
    assert_eq!(stage.query::<Vec<u8>>(&mirror, Vec::<u8>::new()), []);
}

pub(crate) fn a_falsy_message_arrives(ground: &Ground<'_>) {
    let stage = ground.system();
    let mirror = stage.actor::<Mirror>();
    assert!(!stage.query::<bool>(&mirror, false));
    assert_eq!(stage.query::<i32>(&mirror, 0), 0);
    assert_eq!(stage.query::<Option<String>>(&mirror, None::<String>), None);
    assert_eq!(stage.query::<Value>(&mirror, Value::Null), Value::Null);
}

/// A message that its handler can change although it only borrows it.
#[derive(Serialize, Deserialize, Message)]
struct Tally(Vec<u32>);

pub(crate) fn a_message_is_the_same_at_both_attempts(ground: &Ground<'_>) {
    #[derive(Default)]
    struct Reader {
        seen: Vec<Vec<u32>>,
    }
    #[actor]
    impl Reader {
        fn read(&mut self, tally: &Tally, ctx: &mut Context<'_>) -> Handled {
            self.seen.push(tally.0.clone());
            match self.seen.len() {
                1 => Err(Failure::new("again")),
                _ => ctx.reply(self.seen.clone()),
            }
        }
    }
    let stage = ground.system();
    let reader = stage.actor::<Reader>();
    let seen: Vec<Vec<u32>> = stage.query(&reader, Tally(vec![1, 2, 3]));
    assert_eq!(seen, [[1, 2, 3], [1, 2, 3]]);
}

/// Refuses to be encoded.
#[derive(Clone, Deserialize, Message)]
#[message(name = "conformance.Stubborn")]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("I am not to be written down"))
    }
}

/// Panics when it is to be encoded.
#[derive(Clone, Deserialize, Message)]
#[message(name = "conformance.Explosive")]
struct Explosive;

impl Serialize for Explosive {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("I am not to be touched")
    }
}

/// Sends what a test cannot put into an order.
#[derive(Default)]
struct Courier {
    back: Option<String>,
    from: Option<ActorAddress>,
}

#[actor]
impl Courier {
    fn stubborn(&mut self, to: &ActorAddress, ctx: &mut Context<'_>) {
        ctx.send(to, "before");
        ctx.send(to, Stubborn);
        ctx.send(to, "after");
    }

    fn big(&mut self, (to, size): &(ActorAddress, u32), ctx: &mut Context<'_>) {
        ctx.send(to, "before");
        ctx.send(to, Bytes(vec![7; *size as usize]));
        ctx.send(to, "after");
    }

    fn explosive(&mut self, (to, ()): &(ActorAddress, ()), ctx: &mut Context<'_>) {
        ctx.send(to, "before");
        ctx.send(to, Explosive);
        ctx.send(to, "after");
    }

    fn how_large(&mut self, _: &bool, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(ctx.largest_message())
    }

    fn poison(&mut self, poison: &thespian_core::PoisonMessage, ctx: &mut Context<'_>) {
        self.back = Some(format!("{}: {}", poison.message.type_name(), poison.details));
        self.from = Some(ctx.sender());
    }

    fn what_came_back(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply((self.back.clone(), self.from))
    }
}

/// The message came back to its sender, from the target, which has seen nothing of it.
fn refused(ground: &Ground<'_>, limits: Limits, order: impl FnOnce(ActorAddress) -> AnyMessage, why: &[&str]) {
    let stage = ground.system_with(|builder| builder.limits(limits));
    let (courier, puppet) = (stage.actor::<Courier>(), stage.puppet());
    stage.tell(&courier, order(puppet)).expect("sent");
    let seen: Vec<_> = stage.journal(&puppet, 2).into_iter().map(|entry| entry.what).collect();
    assert_eq!(seen, [What::text("before"), What::text("after")]);
    let (back, from): (Option<String>, Option<ActorAddress>) = stage.query(&courier, ());
    let back = back.expect("it came back");
    assert!(why.iter().all(|why| back.contains(why)), "{back}");
    assert_eq!(from, Some(puppet));
}

pub(crate) fn a_message_that_cannot_be_encoded_comes_back(ground: &Ground<'_>) {
    let why = ["conformance.Stubborn", "cannot be encoded"];
    refused(ground, Limits::default(), AnyMessage::new, &why);
}

pub(crate) fn a_message_that_cannot_be_encoded_is_refused_outside(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let told = stage.tell(&puppet, Stubborn);
    let Err(Error::MessageNotEncodable(error)) = told else { panic!("{told:?}") };
    assert_eq!(error.type_name, "conformance.Stubborn");
    assert!(stage.ask(&puppet, Stubborn, SOON).is_err());
    assert_eq!(stage.journal(&puppet, 0), []);
}

pub(crate) fn a_message_that_panics_when_it_is_encoded_comes_back(ground: &Ground<'_>) {
    let why = ["conformance.Explosive", "panicked: I am not to be touched"];
    refused(ground, Limits::default(), |to| AnyMessage::new((to, ())), &why);
    let stage = ground.system();
    let told = stage.tell(&stage.puppet(), Explosive);
    assert!(matches!(told, Err(Error::MessageNotEncodable(_))), "{told:?}");
}

fn one_kilobyte() -> Limits {
    Limits { message_size: 1024, ..Limits::default() }
}

pub(crate) fn an_oversized_message_comes_back(ground: &Ground<'_>) {
    let order = |to| AnyMessage::new((to, 5000_u32));
    refused(ground, one_kilobyte(), order, &["bytes", "limit of 1024", "Limits::message_size"]);
}

pub(crate) fn an_actor_knows_how_large_a_message_may_be(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.limits(one_kilobyte()));
    let (courier, puppet) = (stage.actor::<Courier>(), stage.puppet());
    let largest: Option<usize> = stage.query(&courier, true);
    let Some(largest) = largest else {
        assert!(!ground.can(Ability::Encoding));
        return;
    };
    assert_eq!(largest, 1024);
    // Two bytes say how many follow.
    let size = 1022_u32;
    stage.tell(&courier, (puppet, size)).expect("sent");
    let seen: Vec<_> = stage.journal(&puppet, 3).into_iter().map(|entry| entry.what).collect();
    assert_eq!(seen, [What::text("before"), What::Bytes(size as usize), What::text("after")]);
    let order = |to| AnyMessage::new((to, size + 1));
    refused(ground, one_kilobyte(), order, &["has 1025 bytes, over the limit of 1024"]);
}

pub(crate) fn an_oversized_message_is_refused_outside(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.limits(one_kilobyte()));
    let puppet = stage.puppet();
    let told = stage.tell(&puppet, Bytes(vec![1; 1023]));
    let Err(Error::MessageTooLarge { type_name, size, limit }) = told else { panic!("{told:?}") };
    assert_eq!((&*type_name, size, limit), ("bytes", 1025, 1024));
    stage.tell(&puppet, Bytes(vec![1; 1022])).expect("it just fits");
    assert_eq!(stage.journal(&puppet, 1)[0].what, What::Bytes(1022));
}

pub(crate) fn a_message_of_a_type_nobody_knows_is_dropped(ground: &Ground<'_>) {
    #[derive(Default)]
    struct Narrow;
    #[actor]
    impl Narrow {
        fn known(&mut self, _: &u8, ctx: &mut Context<'_>) -> Handled {
            ctx.reply(true)
        }
    }
    let stage = ground.system();
    let (narrow, sender) = (stage.actor::<Narrow>(), stage.puppet());
    let unknown = AnyMessage::encoded(vec!["somebody.elses.Type".into()], vec![255; 40]);
    stage.order(&sender, [Step::Send(narrow, unknown)]);
    assert_eq!(stage.journal(&sender, 0), []);
    assert!(stage.query::<bool>(&narrow, 1_u8));
}

/// A list of lists of lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Nest(Vec<Nest>);

pub(crate) fn deep_messages_arrive(ground: &Ground<'_>) {
    let stage = ground.system();
    let mirror = stage.actor::<Mirror>();
    let mut nest = Nest(Vec::new());
    for _ in 0..50 {
        nest = Nest(vec![nest, Nest(Vec::new())]);
    }
    assert_eq!(stage.query::<Nest>(&mirror, nest.clone()), nest);
}
