use thespian_core::{Actor, Context, Flow, Handled, Helpers, actor};
use thespian_initmsgs::{Init, InitActor, InitPassthru, InitPassthruActor, Initialized};
use thespian_transient::{Millis, Transient, TransientIdle};

struct Foo;

#[actor]
impl Foo {
    #[start]
    fn new(_: Init<(u32,)>) -> Foo {
        Foo
    }
}

impl InitActor for Foo {}

impl InitPassthruActor for Foo {
    type InitSet = (u32,);

    fn init_done(&mut self, _: (u32,), _: &mut Context<'_>) -> Handled {
        Ok(Flow::Done)
    }
}

fn main() {
    let _ = <Initialized<Transient<Foo, Millis<2250>>>>::spec();
    let _ = <Initialized<Transient<TransientIdle<Foo>>>>::spec();
    let _ = <InitPassthru<TransientIdle<Foo>>>::spec();
    let both = Helpers::TRANSIENT.and(Helpers::INITIALIZING);
    assert_eq!(<Initialized<Transient<Foo>>>::HELPERS, both);
    assert_eq!(<InitPassthru<Transient<Foo>>>::HELPERS, both);
}
