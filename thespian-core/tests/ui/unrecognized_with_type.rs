use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    #[unrecognized]
    fn rest(&mut self, _: &bool, _: &mut Context<'_>) {}
}

fn main() {}
