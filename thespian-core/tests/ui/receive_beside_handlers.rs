use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn receive(&mut self, _: &AnyMessage, _: &mut Context<'_>) {}
    fn switch(&mut self, _: &bool, _: &mut Context<'_>) {}
}

fn main() {}
