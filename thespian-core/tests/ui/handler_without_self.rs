use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn switch(on: &bool, ctx: &mut Context<'_>) {
        let _ = (on, ctx);
    }
}

fn main() {}
