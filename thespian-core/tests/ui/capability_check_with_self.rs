use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    #[capability_check]
    fn check(&self, _: &Capabilities) -> bool {
        true
    }
}

fn main() {}
