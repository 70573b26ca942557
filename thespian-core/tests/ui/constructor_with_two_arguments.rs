use thespian_core::*;

struct Lamp;

#[actor]
impl Lamp {
    #[start]
    fn new(_watts: u32, _volts: u32) -> Self {
        Lamp
    }
}

fn main() {}
