use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn switch(&mut self, on: &mut bool, ctx: &mut Context<'_>) {
        let _ = (on, ctx);
    }
}

fn main() {}
