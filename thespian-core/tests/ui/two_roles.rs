use thespian_core::*;

struct Lamp;

#[actor]
impl Lamp {
    #[start]
    #[helper]
    fn new() -> Self {
        Lamp
    }
}

fn main() {}
