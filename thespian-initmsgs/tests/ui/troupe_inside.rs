use thespian_core::{Actor, AnyMessage, Context, Failure, Flow, Handled, Helpers, TypeName};
use thespian_initmsgs::{Init, InitActor, Initialized};

/// As a troupe of actors would be, if it said that it can wait.
struct Troupe;

impl Actor for Troupe {
    type Start = Init<(u32,)>;

    const HELPERS: Helpers = Helpers::TROUPE;

    fn type_name() -> TypeName {
        "Troupe".into()
    }

    fn start(_: Init<(u32,)>) -> Result<Troupe, Failure> {
        Ok(Troupe)
    }

    fn receive(&mut self, _: &AnyMessage, _: &mut Context<'_>) -> Handled {
        Ok(Flow::Done)
    }
}

impl InitActor for Troupe {}

fn main() {
    let _ = <Initialized<Troupe>>::spec();
}
