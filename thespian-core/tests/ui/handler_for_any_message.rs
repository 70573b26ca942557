use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn anything(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) {
        let _ = (message, ctx);
    }
}

fn main() {}
