use thespian_core::*;

struct Lamp {
    watts: u32,
}

#[actor]
impl Lamp {
    fn power(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.watts)
    }
}

fn main() {}
