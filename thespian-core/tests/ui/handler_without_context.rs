use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Lamp {
    fn switch(&mut self, on: &bool) {
        let _ = on;
    }
}

fn main() {}
