//! An actor that greets, on a base of your choice: `hello --base tcp` gives it a process of its own.

#![expect(clippy::print_stdout, reason = "printing is what the program is for")]

use std::time::Duration;

use clap::Parser;
use thespian_core::{Context, Error, Handled, actor};
use thespian_examples::bases::Choice;

#[derive(Default)]
struct Greeter;

#[actor]
impl Greeter {
    // A text is a message too, where that says enough.
    fn name(&mut self, name: &String, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("Hello, {name}"))
    }
}

/// Greets the world.
#[derive(Parser)]
#[command(name = "hello", version)]
struct Args {
    #[command(flatten)]
    choice: Choice,
}

fn main() -> Result<(), Error> {
    thespian_multiproc::init();
    let Args { choice } = Args::parse();
    choice.run(|system| {
        let greeter = system.create_actor::<Greeter>()?;
        let greeting: String = system.request(&greeter, "world", Duration::from_secs(10))?;
        println!("{greeting}");
        Ok(())
    })
}
