//! The type dispatcher (guide section 5.17).

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, AnyMessage, ChildActorExited, Context, Failure, Flow, Handled, Message,
    PoisonMessage, TypeName, WakeupMessage, actor,
};

use crate::ground::{Ground, SOON};

#[derive(Clone, Default, Serialize, Deserialize, Message)]
struct Base {
    report: String,
}

#[derive(Clone, Default, Serialize, Deserialize, Message)]
struct Short {
    #[message(extends)]
    base: Base,
}

#[derive(Clone, Default, Serialize, Deserialize, Message)]
struct Long {
    #[message(extends)]
    base: Base,
    pages: u32,
}

/// Extends what extends.
#[derive(Serialize, Deserialize, Message)]
struct Endless(#[message(extends)] Long);

/// The guide's example.
#[derive(Default)]
struct Typer;

#[actor]
impl Typer {
    fn text(&mut self, _: &String, ctx: &mut Context<'_>) -> Handled {
        ctx.reply("Got a string")
    }

    fn number(&mut self, _: &i32, ctx: &mut Context<'_>) -> Handled {
        ctx.reply("Got an int")
    }

    fn long(&mut self, long: &Long, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("Got a long message of {} pages", long.pages))
    }

    fn base(&mut self, base: &Base, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("Got a message: {}", base.report))
    }
}

/// The guide's derived dispatcher.
#[derive(Default)]
struct Subtyper {
    typer: Typer,
}

#[actor(extends = typer)]
impl Subtyper {
    fn short(&mut self, _: &Short, ctx: &mut Context<'_>) -> Handled {
        ctx.reply("Got a short message")
    }

    fn number(&mut self, _: &i32, ctx: &mut Context<'_>) -> Handled {
        ctx.reply("Got an int, and do it my way")
    }
}

fn answer(ground: &Ground<'_>, actor: impl FnOnce(&crate::ground::Stage<'_>) -> ActorAddress, message: AnyMessage) -> String {
    let stage = ground.system();
    let actor = actor(&stage);
    stage.query(&actor, message)
}

fn message(message: impl Message) -> AnyMessage {
    AnyMessage::new(message)
}

fn short() -> Short {
    Short { base: Base { report: "short".into() } }
}

pub(crate) fn a_message_goes_to_the_handler_for_its_type(ground: &Ground<'_>) {
    let stage = ground.system();
    let typer = stage.actor::<Typer>();
    assert_eq!(stage.query::<String>(&typer, 1), "Got an int");
    assert_eq!(stage.query::<String>(&typer, "1"), "Got a string");
}

pub(crate) fn a_message_goes_to_the_handler_of_the_type_it_extends(ground: &Ground<'_>) {
    let got = answer(ground, |stage| stage.actor::<Typer>(), message(short()));
    assert_eq!(got, "Got a message: short");
}

pub(crate) fn the_most_specific_handler_is_taken(ground: &Ground<'_>) {
    let got = answer(ground, |stage| stage.actor::<Typer>(), message(Long { pages: 7, ..Long::default() }));
    assert_eq!(got, "Got a long message of 7 pages");
}

pub(crate) fn a_message_that_extends_two_levels_up_is_found(ground: &Ground<'_>) {
    let endless = Endless(Long { base: Base { report: "deep".into() }, pages: 9 });
    let got = answer(ground, |stage| stage.actor::<Typer>(), message(endless));
    assert_eq!(got, "Got a long message of 9 pages");
}

pub(crate) fn an_extending_actor_adds_and_replaces_handlers(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<Subtyper>();
    assert_eq!(stage.query::<String>(&actor, short()), "Got a short message");
    assert_eq!(stage.query::<String>(&actor, 1), "Got an int, and do it my way");
    assert_eq!(stage.query::<String>(&actor, "1"), "Got a string");
    assert_eq!(stage.query::<String>(&actor, Long { pages: 1, ..Long::default() }), "Got a long message of 1 pages");
}

/// Handles the parent's type, while the actor it extends handles the message's own.
#[derive(Default)]
struct General {
    typer: Typer,
}

#[actor(extends = typer)]
impl General {
    fn base(&mut self, _: &Base, ctx: &mut Context<'_>) -> Handled {
        ctx.reply("general")
    }
}

pub(crate) fn the_actors_own_handler_for_the_parent_comes_after_the_extended_actors_own(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<General>();
    // The message's type decides first, then the actor's.
    assert_eq!(stage.query::<String>(&actor, Long { pages: 2, ..Long::default() }), "Got a long message of 2 pages");
    assert_eq!(stage.query::<String>(&actor, short()), "general");
}

/// Looks at messages and passes them on.
#[derive(Default)]
struct Onlooker {
    seen: Vec<String>,
    typer: Typer,
}

#[actor(extends = typer)]
impl Onlooker {
    fn seen(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.seen.clone())
    }

    fn number(&mut self, _: &i32, _: &mut Context<'_>) -> Flow {
        self.seen.push("number".into());
        Flow::Super
    }

    fn endless(&mut self, _: &Endless, _: &mut Context<'_>) -> Flow {
        self.seen.push("endless".into());
        Flow::Super
    }

    fn long(&mut self, _: &Long, _: &mut Context<'_>) -> Flow {
        self.seen.push("long".into());
        Flow::Super
    }
}

pub(crate) fn super_goes_on_to_the_extended_actor(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<Onlooker>();
    assert_eq!(stage.query::<String>(&actor, 5), "Got an int");
    assert_eq!(stage.query::<Vec<String>>(&actor, ()), ["number"]);
}

pub(crate) fn super_goes_on_to_the_extended_type(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<Onlooker>();
    let endless = Endless(Long { pages: 3, ..Long::default() });
    assert_eq!(stage.query::<String>(&actor, endless), "Got a long message of 3 pages");
    assert_eq!(stage.query::<Vec<String>>(&actor, ()), ["endless", "long"]);
}

pub(crate) fn an_unrecognized_message_is_dropped(ground: &Ground<'_>) {
    let stage = ground.system();
    let typer = stage.actor::<Typer>();
    stage.tell(&typer, vec![1_u8]).expect("sent");
    stage.tell(&typer, true).expect("sent");
    assert_eq!(stage.query::<String>(&typer, 1), "Got an int");
    assert!(stage.listen(0).expect("up").is_timed_out());
}

#[derive(Default)]
struct CatchAll {
    typer: Typer,
}

#[actor(extends = typer)]
impl CatchAll {
    fn flag(&mut self, _: &bool, _: &mut Context<'_>) -> Flow {
        Flow::Super
    }

    #[unrecognized]
    fn rest(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("no idea what a {} is", message.type_name()))
    }
}

/// Leaves the fallback to the actor it extends, or passes to it.
#[derive(Default)]
struct Heir {
    catch_all: CatchAll,
}

#[actor(extends = catch_all)]
impl Heir {
    #[unrecognized]
    fn rest(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        match message.is::<u64>() {
            true => ctx.reply("a number"),
            false => Ok(Flow::Super),
        }
    }
}

pub(crate) fn an_unrecognized_message_goes_to_the_fallback(ground: &Ground<'_>) {
    let got = answer(ground, |stage| stage.actor::<CatchAll>(), message(2.5_f64));
    assert_eq!(got, "no idea what a f64 is");
}

pub(crate) fn super_from_every_handler_ends_at_the_fallback(ground: &Ground<'_>) {
    let got = answer(ground, |stage| stage.actor::<CatchAll>(), message(true));
    assert_eq!(got, "no idea what a bool is");
}

pub(crate) fn the_fallback_of_the_extended_actor_is_taken(ground: &Ground<'_>) {
    let stage = ground.system();
    let heir = stage.actor::<Heir>();
    assert_eq!(stage.query::<String>(&heir, 2.5_f64), "no idea what a f64 is");
    assert_eq!(stage.query::<String>(&heir, 9_u64), "a number");
    assert_eq!(stage.query::<String>(&heir, 1), "Got an int");
}

#[derive(Default)]
struct OneDoor(u32);

#[actor]
impl OneDoor {
    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Result<(), Failure> {
        self.0 += 1;
        if message.is_system() {
            return Ok(());
        }
        ctx.send(&ctx.sender(), format!("{} {}", self.0, message.type_name()));
        Ok(())
    }
}

pub(crate) fn a_single_entry_point_sees_everything(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<OneDoor>();
    assert_eq!(stage.query::<String>(&actor, 1_u8), "1 u8");
    assert_eq!(stage.query::<String>(&actor, "x"), "2 str");
    stage.tell(&actor, ActorExitRequest::new()).expect("sent");
    stage.await_death(&actor);
}

/// The trait by hand, without any macro.
struct ByHand(u32);

impl Actor for ByHand {
    type Start = u32;

    fn type_name() -> TypeName {
        "conformance.ByHand".into()
    }

    fn start(start: u32) -> Result<ByHand, Failure> {
        Ok(ByHand(start))
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        match message.downcast_ref::<u32>() {
            Some(number) => ctx.reply(self.0 + number),
            None => Ok(Flow::Done),
        }
    }
}

/// The trait by hand, with the rest filled in.
#[derive(Default)]
struct ByHandMostly;

#[actor(name = "conformance.ByHandMostly")]
impl Actor for ByHandMostly {
    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(message.type_name().to_string())
    }
}

pub(crate) fn an_actor_by_hand_sees_everything(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.create(ByHand::spec().start(40_u32)).expect("created");
    assert_eq!(stage.query::<u32>(&actor, 2_u32), 42);
    let other = stage.create("conformance.ByHandMostly").expect("registered");
    assert_eq!(stage.query::<String>(&other, 2.5_f32), "f32");
}

/// Notes which handlers for system messages were called.
#[derive(Default)]
struct SystemWatcher {
    seen: Vec<String>,
    child: Option<ActorAddress>,
    listener: Option<ActorAddress>,
}

#[actor]
impl SystemWatcher {
    fn go(&mut self, _: &(), ctx: &mut Context<'_>) {
        self.listener = Some(ctx.sender());
        self.child = Some(ctx.create_actor::<Failing>());
        ctx.wakeup_after(std::time::Duration::ZERO);
    }

    fn wake(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) {
        self.seen.push("wakeup".into());
        if let Some(child) = self.child {
            ctx.send(&child, "fail");
        }
    }

    fn poison(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) {
        self.seen.push(format!("poison {}", poison.message.type_name()));
        ctx.send(&ctx.sender(), ActorExitRequest::new());
    }

    fn gone(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        self.seen.push(format!("exited {}", Some(notice.child_address) == self.child));
        if let Some(listener) = self.listener {
            ctx.send(&listener, self.seen.clone());
        }
    }
}

#[derive(Default)]
struct Failing;

#[actor]
impl Failing {
    fn text(&mut self, text: &String, _: &mut Context<'_>) -> Result<(), Failure> {
        Err(Failure::new(text))
    }
}

pub(crate) fn system_messages_are_dispatched_by_type(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<SystemWatcher>();
    let seen: Vec<String> = stage.query(&actor, ());
    assert_eq!(seen, ["wakeup", "poison str", "exited true"]);
}

#[derive(Default)]
struct Returns;

#[actor]
impl Returns {
    fn nothing(&mut self, _: &u8, ctx: &mut Context<'_>) {
        ctx.send(&ctx.sender(), "nothing");
    }

    fn flow(&mut self, _: &u16, ctx: &mut Context<'_>) -> Flow {
        ctx.send(&ctx.sender(), "flow");
        Flow::Done
    }

    fn handled(&mut self, _: &u32, ctx: &mut Context<'_>) -> Handled {
        ctx.reply("handled")
    }

    fn result(&mut self, text: &String, ctx: &mut Context<'_>) -> Result<(), std::num::ParseIntError> {
        let number: u32 = text.parse()?;
        ctx.send(&ctx.sender(), format!("result {number}"));
        Ok(())
    }

    fn watch(&mut self, _: &u64, ctx: &mut Context<'_>) -> Flow {
        ctx.send(&ctx.sender(), "watch");
        Flow::watch([99_999])
    }
}

pub(crate) fn handlers_may_return_what_they_like(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<Returns>();
    assert_eq!(stage.query::<String>(&actor, 1_u8), "nothing");
    assert_eq!(stage.query::<String>(&actor, 1_u16), "flow");
    assert_eq!(stage.query::<String>(&actor, 1_u32), "handled");
    assert_eq!(stage.query::<String>(&actor, "12"), "result 12");
    assert_eq!(stage.query::<String>(&actor, 1_u64), "watch");
    let answer = stage.ask(&actor, "twelve", SOON).expect("up");
    let poison = answer.get::<PoisonMessage>().expect("poison");
    assert!(poison.details.contains("invalid digit"), "{}", poison.details);
}

#[derive(Serialize, Deserialize, Message)]
struct Boxed<M>(M);

#[derive(Default)]
struct Unboxer;

#[actor]
impl Unboxer {
    fn text(&mut self, boxed: &Boxed<String>, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("text {}", boxed.0))
    }

    fn number(&mut self, boxed: &Boxed<u32>, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("number {}", boxed.0))
    }
}

pub(crate) fn a_generic_message_keeps_its_parameters_apart(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<Unboxer>();
    assert_eq!(stage.query::<String>(&actor, Boxed(String::from("x"))), "text x");
    assert_eq!(stage.query::<String>(&actor, Boxed(5_u32)), "number 5");
    assert!(Boxed::<u32>::type_name().ends_with("Boxed<u32>"), "{}", Boxed::<u32>::type_name());
}

#[derive(Serialize, Deserialize, Message)]
#[message(name = "shop.order")]
struct Order;

pub(crate) fn a_message_keeps_the_name_it_was_given(ground: &Ground<'_>) {
    assert_eq!(Order::type_name(), "shop.order");
    assert_eq!(Base::type_name(), concat!(module_path!(), "::Base"));
    let got = answer(ground, |stage| stage.actor::<CatchAll>(), message(Order));
    assert_eq!(got, "no idea what a shop.order is");
}

/// Those that cannot register themselves at link time.
pub(crate) fn actor_types() -> thespian_core::ActorTypes {
    thespian_core::actors![ByHand, ByHandMostly]
}
