use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    #[capability_check]
    fn check(_: &Capabilities, _: &Value) -> u32 {
        1
    }
}

fn main() {}
