use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn on(&mut self, _: &bool, _: &mut Context<'_>) {}
    fn off(&mut self, _: &bool, _: &mut Context<'_>) {}
}

fn main() {}
