use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor]
impl Drop for Lamp {
    fn drop(&mut self) {}
}

fn main() {}
