use thespian_core::*;

struct Lamp;

#[actor]
impl Lamp {
    #[start]
    fn new() -> Self {
        Lamp
    }

    #[start]
    fn bright(_watts: u32) -> Self {
        Lamp
    }
}

fn main() {}
