use thespian_core::{Actor, Context, Flow, Handled, actor};
use thespian_initmsgs::{Init, InitPassthru, InitPassthruActor};
use thespian_transient::TransientIdle;

struct Foo;

#[actor]
impl Foo {
    #[start]
    fn new(_: Init<(u32,)>) -> Foo {
        Foo
    }
}

impl InitPassthruActor for Foo {
    type InitSet = (u32,);

    fn init_done(&mut self, _: (u32,), _: &mut Context<'_>) -> Handled {
        Ok(Flow::Done)
    }
}

fn main() {
    let _ = <TransientIdle<InitPassthru<Foo>>>::spec();
}
