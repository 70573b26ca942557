use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn switch(&mut self, on: &bool, _: &mut Context<'_>) -> bool {
        *on
    }
}

fn main() {}
