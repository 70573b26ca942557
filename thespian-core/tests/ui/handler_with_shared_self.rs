use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn switch(&self, on: &bool, ctx: &mut Context<'_>) {
        let _ = (on, ctx);
    }
}

fn main() {}
