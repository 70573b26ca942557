use thespian_core::{Actor, actor};
use thespian_initmsgs::{Init, InitActor, Initialized};
use thespian_transient::Transient;

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
    let _ = <Transient<Initialized<Foo>>>::spec();
}
