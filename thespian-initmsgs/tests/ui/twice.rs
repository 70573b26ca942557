use thespian_core::{ActorSpec, actor};
use thespian_initmsgs::{Init, InitActor, Initialized};

struct Foo;

#[actor]
impl Foo {
    #[start]
    fn new(_: Init<(u32,)>) -> Foo {
        Foo
    }
}

impl InitActor for Foo {}

fn main() {
    let _ = ActorSpec::of::<Initialized<Initialized<Foo>>>();
}
