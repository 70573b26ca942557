use thespian_core::*;

struct Lamp;

#[actor]
impl Lamp {
    #[start]
    fn new() -> Option<Self> {
        Some(Lamp)
    }
}

fn main() {}
