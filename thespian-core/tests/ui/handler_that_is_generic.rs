use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn switch<M: Message>(&mut self, on: &M, ctx: &mut Context<'_>) {
        let _ = (on, ctx);
    }
}

fn main() {}
