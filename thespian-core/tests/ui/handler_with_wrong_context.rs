use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn switch(&mut self, on: &bool, ctx: &Context<'_>) {
        let _ = (on, ctx);
    }
}

fn main() {}
