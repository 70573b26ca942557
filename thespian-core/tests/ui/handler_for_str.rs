use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn say(&mut self, text: &str, ctx: &mut Context<'_>) {
        let _ = (text, ctx);
    }
}

fn main() {}
