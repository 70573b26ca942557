//! The lock's protocol as a model, of which every order in which things can happen is tried.

use std::collections::{BTreeSet, VecDeque};

/// Takes a change of a world that may happen.
type Add<'a> = &'a mut dyn FnMut(Change<'_>);
type Change<'a> = &'a dyn Fn(&mut World);

/// What the model leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Without {
    Nothing,
    Heavy,
    Light,
    /// The second look, with the mutex in hand.
    Look,
}

/// The owner and a borrower, each somewhere in its part of the protocol, on processors that delay writes: what one has written
/// it sees at once, and the other when it has left its queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    memory: Words,
    /// The owner's writes to `place` and the borrower's to `borrowed` that are on their way.
    leaving: VecDeque<bool>,
    lending: VecDeque<bool>,
    owner: OwnerAt,
    borrower: BorrowerAt,
    /// Who has the mutex.
    mutex: Option<Who>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Words {
    away: bool,
    borrowed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Owner,
    Borrower,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OwnerAt {
    /// It has the value.
    Here,
    Away,
    /// It has written that it is here.
    Written,
    /// A read that the compiler has moved up, before the write.
    ReadEarly(bool),
    WantsMutex,
    HasMutex,
    Sleeps,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum BorrowerAt {
    Out,
    HasMutex,
    HasSet,
    HasFenced,
    /// It has the value.
    In,
    WantsMutex,
    GivesBack,
}

impl World {
    fn new() -> World {
        World {
            memory: Words { away: false, borrowed: false },
            leaving: VecDeque::new(),
            lending: VecDeque::new(),
            owner: OwnerAt::Here,
            borrower: BorrowerAt::Out,
            mutex: None,
        }
    }

    /// Whatever may happen next.
    fn next(&self, without: Without) -> Vec<World> {
        let mut all = Vec::new();
        let mut add = |change: Change<'_>| {
            let mut next = self.clone();
            change(&mut next);
            all.push(next);
        };
        if let Some(away) = self.leaving.front().copied() {
            add(&|world| {
                world.leaving.pop_front();
                world.memory.away = away;
            });
        }
        if let Some(borrowed) = self.lending.front().copied() {
            add(&|world| {
                world.lending.pop_front();
                world.memory.borrowed = borrowed;
            });
        }
        self.owner_next(without, &mut add);
        self.borrower_next(without, &mut add);
        all
    }

    fn owner_next(&self, without: Without, add: Add<'_>) {
        let borrowed = self.memory.borrowed;
        let go_on = |borrowed| if borrowed { OwnerAt::WantsMutex } else { OwnerAt::Here };
        match self.owner {
            // It may stay as long as it likes, but a queue is not endless.
            OwnerAt::Here if self.leaving.len() < 2 => add(&|world| {
                world.leaving.push_back(true);
                world.owner = OwnerAt::Away;
            }),
            OwnerAt::Here => {}
            OwnerAt::Away if without == Without::Light => {
                add(&|world| world.owner = OwnerAt::ReadEarly(borrowed));
            }
            OwnerAt::Away => add(&|world| {
                world.leaving.push_back(false);
                world.owner = OwnerAt::Written;
            }),
            OwnerAt::ReadEarly(borrowed) => add(&|world| {
                world.leaving.push_back(false);
                world.owner = go_on(borrowed);
            }),
            OwnerAt::Written => add(&|world| world.owner = go_on(borrowed)),
            OwnerAt::WantsMutex if without == Without::Look => add(&|world| world.owner = OwnerAt::Here),
            // To take a mutex, or to give it back, is a fence too.
            OwnerAt::WantsMutex if self.mutex.is_none() => add(&|world| {
                world.settle(Who::Owner);
                world.mutex = Some(Who::Owner);
                world.owner = OwnerAt::HasMutex;
            }),
            OwnerAt::HasMutex => add(&|world| {
                world.mutex = None;
                world.owner = if borrowed { OwnerAt::Sleeps } else { OwnerAt::Here };
            }),
            OwnerAt::WantsMutex | OwnerAt::Sleeps => {}
        }
    }

    fn borrower_next(&self, without: Without, add: Add<'_>) {
        let away = self.memory.away;
        match self.borrower {
            BorrowerAt::Out | BorrowerAt::WantsMutex if self.mutex.is_none() => add(&|world| {
                world.settle(Who::Borrower);
                world.mutex = Some(Who::Borrower);
                world.borrower = match world.borrower {
                    BorrowerAt::Out => BorrowerAt::HasMutex,
                    _ => BorrowerAt::GivesBack,
                };
            }),
            BorrowerAt::Out | BorrowerAt::WantsMutex => {}
            BorrowerAt::HasMutex => add(&|world| {
                world.lending.push_back(true);
                world.borrower = BorrowerAt::HasSet;
            }),
            BorrowerAt::HasSet => add(&|world| {
                if without != Without::Heavy {
                    world.settle(Who::Owner);
                    world.settle(Who::Borrower);
                }
                world.borrower = BorrowerAt::HasFenced;
            }),
            BorrowerAt::HasFenced => add(&|world| {
                if !away {
                    world.lending.push_back(false);
                }
                world.settle(Who::Borrower);
                world.mutex = None;
                world.borrower = if away { BorrowerAt::In } else { BorrowerAt::Out };
            }),
            BorrowerAt::In => add(&|world| world.borrower = BorrowerAt::WantsMutex),
            BorrowerAt::GivesBack => add(&|world| {
                world.lending.push_back(false);
                world.settle(Who::Borrower);
                world.mutex = None;
                world.borrower = BorrowerAt::Out;
                // It is called, and looks with the mutex in hand.
                if world.owner == OwnerAt::Sleeps {
                    world.owner = OwnerAt::WantsMutex;
                }
            }),
        }
    }

    /// What this one has written can be seen by the other.
    fn settle(&mut self, who: Who) {
        let words = match who {
            Who::Owner => (&mut self.leaving, &mut self.memory.away),
            Who::Borrower => (&mut self.lending, &mut self.memory.borrowed),
        };
        if let Some(last) = words.0.drain(..).next_back() {
            *words.1 = last;
        }
    }

    fn both_have_it(&self) -> bool {
        let lent = matches!(self.borrower, BorrowerAt::In | BorrowerAt::WantsMutex | BorrowerAt::GivesBack);
        lent && self.owner == OwnerAt::Here
    }
}

/// Goes through everything that can happen. How many worlds there are, and how many in which both have the value, and
/// in which nothing can happen any more.
fn explore(without: Without) -> (usize, usize, usize) {
    let mut known = BTreeSet::from([World::new()]);
    let mut open = vec![World::new()];
    let (mut both, mut stuck) = (0, 0);
    while let Some(world) = open.pop() {
        both += usize::from(world.both_have_it());
        let next = world.next(without);
        stuck += usize::from(next.is_empty());
        open.extend(next.into_iter().filter(|next| known.insert(next.clone())));
    }
    (known.len(), both, stuck)
}

#[test]
fn in_all_orders_in_which_things_can_happen_one_has_it_at_a_time() {
    let (worlds, both, stuck) = explore(Without::Nothing);
    assert!(worlds > 50, "{worlds}");
    assert_eq!((both, stuck), (0, 0));
}

#[test]
fn each_part_of_the_protocol_is_needed() {
    for without in [Without::Heavy, Without::Light, Without::Look] {
        let (_, both, _) = explore(without);
        assert!(both > 0, "{without:?}");
    }
}
