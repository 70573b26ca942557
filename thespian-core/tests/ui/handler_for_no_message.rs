use thespian_core::*;

#[derive(Default)]
struct Lamp;

struct Watts(f64);

#[actor]
impl Lamp {
    fn power(&mut self, watts: &Watts, _: &mut Context<'_>) {
        let _ = watts.0;
    }
}

fn main() {}
