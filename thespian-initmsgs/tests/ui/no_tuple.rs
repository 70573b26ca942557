use thespian_core::actor;
use thespian_initmsgs::Init;

struct Foo;

#[actor]
impl Foo {
    #[start]
    fn new(_: Init<u32>) -> Foo {
        Foo
    }
}

fn main() {}
