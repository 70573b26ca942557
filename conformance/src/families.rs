//! Many actors: trees, chains, rings, and families that are rebuilt.

use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, ActorExitRequest, ChildActorExited, Context, Failure, Handled, Message, PoisonMessage, actor,
};

use crate::actors::{Step, What};
use crate::ground::Ground;

/// Builds a tree of this many levels below, and sums up what its leaves say.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Grow {
    levels: u32,
    width: u32,
    value: u64,
}

#[derive(Serialize, Deserialize, Message)]
struct Sum {
    value: u64,
    actors: u64,
}

#[derive(Default)]
struct Tree {
    asker: Option<ActorAddress>,
    waiting: u32,
    sum: u64,
    actors: u64,
}

#[actor]
impl Tree {
    fn grow(&mut self, grow: &Grow, ctx: &mut Context<'_>) -> Handled {
        self.asker = Some(ctx.sender());
        self.sum = grow.value;
        self.actors = 1;
        if grow.levels == 0 {
            return ctx.reply(Sum { value: self.sum, actors: 1 });
        }
        for n in 0..grow.width {
            let child = ctx.create_actor::<Tree>();
            let value = grow.value * u64::from(grow.width) + u64::from(n);
            ctx.send(&child, Grow { levels: grow.levels - 1, value, ..*grow });
            self.waiting += 1;
        }
        Ok(().into())
    }

    fn sum(&mut self, sum: &Sum, ctx: &mut Context<'_>) {
        self.sum += sum.value;
        self.actors += sum.actors;
        self.waiting -= 1;
        if self.waiting == 0
            && let Some(asker) = self.asker
        {
            ctx.send(&asker, Sum { value: self.sum, actors: self.actors });
        }
    }
}

/// The same sum without actors.
fn plain(levels: u32, width: u32, value: u64) -> (u64, u64) {
    let (mut sum, mut actors) = (value, 1);
    if levels > 0 {
        for n in 0..width {
            let (more, count) = plain(levels - 1, width, value * u64::from(width) + u64::from(n));
            sum += more;
            actors += count;
        }
    }
    (sum, actors)
}

pub(crate) fn a_tree_of_250_actors_adds_up(ground: &Ground<'_>) {
    let stage = ground.system();
    for (levels, width) in [(3, 6), (2, 15), (7, 2)] {
        let tree = stage.actor::<Tree>();
        let sum: Sum = stage.query(&tree, Grow { levels, width, value: 1 });
        assert_eq!((sum.value, sum.actors), plain(levels, width, 1));
        assert!(sum.actors > 240);
        stage.tell(&tree, ActorExitRequest::new()).expect("sent");
        stage.eventually("the tree is gone", || stage.status().expect("status").actor_count == 0);
    }
}

/// Keeps a family of this many levels below it, and rebuilds what is lost.
#[derive(Default)]
struct Ancestor {
    levels: u32,
    heir: Option<ActorAddress>,
    rebuilt: u32,
}

/// To the member this many levels further down.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Down(u32, Errand);

#[derive(Clone, Serialize, Deserialize)]
enum Errand {
    Fail,
    Exit,
    Count,
}

#[actor]
impl Ancestor {
    fn found(&mut self, levels: &u32, ctx: &mut Context<'_>) {
        self.levels = *levels;
        if *levels > 0 {
            let heir = ctx.create_actor::<Ancestor>();
            ctx.send(&heir, levels - 1);
            self.heir = Some(heir);
        }
    }

    fn down(&mut self, down: &Down, ctx: &mut Context<'_>) -> Handled {
        match (down, self.heir) {
            (Down(0, Errand::Fail), _) => return Err(Failure::new("a family quarrel")),
            (Down(0, Errand::Exit), _) => ctx.send(&ctx.my_address(), ActorExitRequest::new()),
            (Down(0, Errand::Count), _) => return ctx.reply(self.rebuilt),
            (Down(levels, errand), Some(heir)) => ctx.send(&heir, Down(levels - 1, errand.clone())),
            (Down(..), None) => return Err(Failure::new("no heir")),
        }
        Ok(().into())
    }

    fn heir_is_gone(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        if Some(notice.child_address) == self.heir {
            self.rebuilt += 1;
            let levels = self.levels;
            self.found(&levels, ctx);
        }
    }

    /// A member that failed is replaced.
    fn quarrel(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) {
        if poison.message.is::<Down>() {
            ctx.send(&ctx.sender(), ActorExitRequest::new());
        }
    }
}

pub(crate) fn a_family_four_levels_deep_is_rebuilt_after_failures(ground: &Ground<'_>) {
    let stage = ground.system();
    let top = stage.actor::<Ancestor>();
    stage.tell(&top, 4_u32).expect("sent");
    let all = || stage.status().expect("status").actor_count;
    stage.eventually("the family is there", || all() == 5);
    let mut expected = 0;
    for (depth, errand) in [(1, Errand::Exit), (4, Errand::Fail), (1, Errand::Fail), (2, Errand::Exit)] {
        let before = stage.status().expect("status").actors;
        stage.tell(&top, Down(depth, errand)).expect("sent");
        expected += u32::from(depth == 1);
        stage.eventually("the family is there again", || {
            let status = stage.status().expect("status");
            status.actor_count == 5 && status.actors != before
        });
        stage.settle();
        assert_eq!(all(), 5);
    }
    assert_eq!(stage.query::<u32>(&top, Down(0, Errand::Count)), expected);
}

pub(crate) fn grandchildren_outlive_a_failure_of_their_parent(ground: &Ground<'_>) {
    let stage = ground.system();
    let top = stage.puppet();
    let middle = stage.child(&top);
    let bottom = stage.child(&middle);
    stage.order(&top, [Step::send(&middle, "panic!")]);
    stage.journal(&top, 1);
    stage.order(&middle, [Step::send(&bottom, "still my child")]);
    assert_eq!(stage.journal(&bottom, 1)[0].what, What::text("still my child"));
}

/// Hands on to a new actor until the count is down, and the last answers the first.
#[derive(Serialize, Deserialize, Message)]
struct Chain(u32, ActorAddress);

#[derive(Default)]
struct Link;

#[actor]
impl Link {
    fn begin(&mut self, count: &u32, ctx: &mut Context<'_>) {
        let next = ctx.create_actor::<Link>();
        let asker = ctx.sender();
        ctx.send(&next, Chain(count - 1, asker));
    }

    fn pass(&mut self, chain: &Chain, ctx: &mut Context<'_>) {
        if chain.0 == 0 {
            ctx.send(&chain.1, ctx.my_address());
        } else {
            let next = ctx.create_actor::<Link>();
            ctx.send(&next, Chain(chain.0 - 1, chain.1));
        }
    }
}

pub(crate) fn a_chain_of_100_actors_passes_a_message_on(ground: &Ground<'_>) {
    let stage = ground.system();
    let first = stage.actor::<Link>();
    let last: ActorAddress = stage.query(&first, 100_u32);
    assert!(!stage.is_dead(&last));
    assert_eq!(stage.status().expect("status").actor_count, 101);
    // From one end to the other.
    stage.tell(&first, ActorExitRequest::new()).expect("sent");
    stage.eventually("the chain is gone", || stage.status().expect("status").actor_count == 0);
}

pub(crate) fn a_thousand_siblings_answer(ground: &Ground<'_>) {
    #[derive(Default)]
    struct Parent {
        answers: u32,
        asker: Option<ActorAddress>,
    }
    #[actor]
    impl Parent {
        fn go(&mut self, count: &u32, ctx: &mut Context<'_>) {
            self.asker = Some(ctx.sender());
            for _ in 0..*count {
                let child = ctx.create_actor::<crate::actors::Puppet>();
                ctx.send(&child, "echo!");
            }
        }

        fn answer(&mut self, _: &String, ctx: &mut Context<'_>) {
            self.answers += 1;
            if self.answers == 1000
                && let Some(asker) = self.asker
            {
                ctx.send(&asker, self.answers);
            }
        }
    }
    let stage = ground.system();
    let parent = stage.actor::<Parent>();
    assert_eq!(stage.query::<u32>(&parent, 1000_u32), 1000);
}

/// Where to send what goes round.
#[derive(Serialize, Deserialize, Message)]
struct Next(ActorAddress);

#[derive(Serialize, Deserialize, Message)]
struct Token {
    left: u32,
    home: ActorAddress,
}

#[derive(Default)]
struct Ring(Option<ActorAddress>);

#[actor]
impl Ring {
    fn next(&mut self, next: &Next, ctx: &mut Context<'_>) -> Handled {
        self.0 = Some(next.0);
        ctx.reply(())
    }

    fn token(&mut self, token: &Token, ctx: &mut Context<'_>) {
        match (token.left, self.0) {
            (0, _) | (_, None) => ctx.send(&token.home, "round"),
            (left, Some(next)) => ctx.send(&next, Token { left: left - 1, home: token.home }),
        }
    }
}

pub(crate) fn a_ring_of_actors_comes_round(ground: &Ground<'_>) {
    let stage = ground.system();
    let ring: Vec<ActorAddress> = (0..50).map(|_| stage.actor::<Ring>()).collect();
    for (at, actor) in ring.iter().enumerate() {
        stage.query::<()>(actor, Next(ring[(at + 1) % ring.len()]));
    }
    stage.tell(&ring[0], Token { left: 50 * 20, home: stage.endpoint() }).expect("sent");
    let answer = stage.listen(crate::ground::SOON).expect("up");
    assert_eq!(answer.get::<String>().map(String::as_str), Some("round"));
    assert_eq!(answer.sender(), Some(ring[0]));
}
