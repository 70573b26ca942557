//! What is sent is a message.

use thespian_core::{ActorAddress, Context};

struct Order;

fn send(target: &ActorAddress, ctx: &mut Context<'_>) {
    ctx.send(target, Order);
}

fn main() {}
