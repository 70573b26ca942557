//! What is measured of processes, where, against what, and what it may cost: all of it as data.

use process_harness::FLOOD_LOSS;

use crate::place::Place;

/// The program with the floors.
pub(crate) const FLOORS: &str = "process-floors";
/// Our program, over TCP.
pub(crate) const OURS: &str = "ours-tcp";
/// The same over queues.
pub(crate) const QUEUE: &str = "ours-mpqueue";
/// And over UDP.
pub(crate) const UDP: &str = "ours-udp";
const ELFO: &str = "peer-elfo";
const RACTOR: &str = "peer-ractor-cluster";
/// The Python original, which is no package.
pub(crate) const PYTHON: &str = "python";

/// The packages of this group.
pub(crate) const PROGRAMS: &[&str] = &[FLOORS, OURS, QUEUE, UDP, ELFO, RACTOR];

/// Workloads that are compared with each other, and with one floor.
#[derive(Debug)]
pub(crate) struct Section {
    /// What it is called on command lines and in tables.
    pub(crate) name: &'static str,
    /// What it costs, for people.
    pub(crate) about: &'static str,
    pub(crate) unit: Unit,
    pub(crate) place: Place,
    /// The workload of [`FLOORS`] that values are divided by.
    pub(crate) floor: Option<&'static str>,
    /// Programs and their workloads; the floor goes before them by itself.
    pub(crate) runs: &'static [(&'static str, &'static str)],
    /// The program of ours that the budgets are about.
    pub(crate) ours: &'static str,
    pub(crate) budgets: &'static [Budget],
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds an operation.
    Time,
    Bytes,
    Count,
    /// What arrived of [offers](process_harness::OFFERS): it has a table of its own.
    Arrived,
}

/// What a figure of ours has to be.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) about: &'static str,
    /// A figure of the section's program of ours.
    pub(crate) ours: &'static str,
    pub(crate) wanted: Wanted,
}

/// A program and one of its figures.
pub(crate) type Figure = (&'static str, &'static str);

/// The condition.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// At most so many times the other figure.
    Times(f64, Figure),
    /// So many times as fast as the other at least.
    Faster(f64, Figure),
    /// At most so much more than the other.
    More(f64, Figure),
    /// At most so much.
    Most(f64),
}

use Wanted::{Faster, More, Most, Times};

const MIO: Figure = (FLOORS, "floor_tcp_rtt_mio_p50");

const ROUND_TRIPS: &[(&str, &str)] = &[
    (FLOORS, "floor_tcp_rtt"),
    (OURS, "rtt"),
    (OURS, "ask"),
    (OURS, "request"),
    (ELFO, "r_ask1"),
    (RACTOR, "r_ask1"),
    (PYTHON, "ask"),
    (PYTHON, "rtt"),
];

const QUEUE_ROUND_TRIPS: &[(&str, &str)] =
    &[(QUEUE, "rtt"), (QUEUE, "ask"), (QUEUE, "request"), (OURS, "rtt")];

const QUEUE_RTT: &[Budget] = &[
    Budget {
        about: "queue: round trip",
        ours: "rtt_p50",
        wanted: Times(1.5, (FLOORS, "floor_unix_rtt_mio_p50")),
    },
    Budget { about: "queue: round trip", ours: "rtt_p50", wanted: Faster(1.0, (OURS, "rtt_p50")) },
];

const UDP_ROUND_TRIPS: &[(&str, &str)] = &[(UDP, "rtt"), (UDP, "ask"), (UDP, "request"), (OURS, "rtt")];

const UDP_RTT: &[Budget] = &[Budget {
    about: "UDP: round trip",
    ours: "rtt_p50",
    wanted: Times(1.5, (FLOORS, "floor_udp_rtt_mio_p50")),
}];

/// Everything, in the order of the tables.
pub(crate) const SECTIONS: &[Section] = &[
    Section {
        name: "rtt_one_core",
        about: "there and back with 64 B, both sides on one processor",
        unit: Unit::Time,
        place: Place::OneCore,
        floor: Some("floor_tcp_rtt_mio"),
        runs: ROUND_TRIPS,
        ours: OURS,
        budgets: &[
            Budget { about: "round trip on one core", ours: "rtt_p50", wanted: Times(1.5, MIO) },
            Budget {
                about: "`request` from outside, one core",
                ours: "request_p50",
                wanted: Times(1.7, MIO),
            },
            Budget {
                about: "round trip, one core",
                ours: "rtt_p50",
                wanted: Faster(1.0, (ELFO, "r_ask1_p50")),
            },
            Budget {
                about: "round trip, one core",
                ours: "rtt_p50",
                wanted: Faster(1.0, (RACTOR, "r_ask1_p50")),
            },
            Budget { about: "`ask`, one core", ours: "ask_p50", wanted: Faster(40.0, (PYTHON, "ask_p50")) },
        ],
    },
    Section {
        name: "rtt_two_cores",
        about: "the same, each side on a processor of its own and asleep until the message comes",
        unit: Unit::Time,
        place: Place::Apart,
        floor: Some("floor_tcp_rtt_mio"),
        runs: ROUND_TRIPS,
        ours: OURS,
        budgets: &[
            Budget { about: "round trip on two cores", ours: "rtt_p50", wanted: Times(1.5, MIO) },
            Budget {
                about: "`request` from outside, two cores",
                ours: "request_p50",
                wanted: Times(1.7, MIO),
            },
            Budget {
                about: "round trip, two cores",
                ours: "rtt_p50",
                wanted: Faster(1.0, (ELFO, "r_ask1_p50")),
            },
            Budget {
                about: "round trip, two cores",
                ours: "rtt_p50",
                wanted: Faster(1.0, (RACTOR, "r_ask1_p50")),
            },
            Budget { about: "`ask`, two cores", ours: "ask_p50", wanted: Faster(6.0, (PYTHON, "ask_p50")) },
        ],
    },
    Section {
        name: "one_way",
        about: "a message of 64 B one way, sent and counted",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_tcp_flood_framed"),
        runs: &[(OURS, "flood"), (ELFO, "r_flood"), (RACTOR, "r_flood"), (PYTHON, "one_way")],
        ours: OURS,
        budgets: &[
            Budget {
                about: "flood of 64 B (1/10 of the floor's rate)",
                ours: "flood",
                wanted: Times(10.0, (FLOORS, "floor_tcp_flood_framed")),
            },
            Budget { about: "flood of 64 B", ours: "flood", wanted: Faster(3.0, (ELFO, "r_flood")) },
            Budget { about: "flood of 64 B", ours: "flood", wanted: Faster(1.0, (RACTOR, "r_flood")) },
            Budget { about: "flood of 64 B", ours: "flood", wanted: Faster(1000.0, (PYTHON, "one_way")) },
        ],
    },
    Section {
        name: "bulk_64k",
        about: "a message of 64 KiB one way, against a socket copy",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_tcp_copy_64k"),
        runs: &[(OURS, "flood_64k")],
        ours: OURS,
        budgets: &[],
    },
    Section {
        name: "bulk_1m",
        about: "a message of 1 MiB one way, against a socket copy",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_tcp_copy_1m"),
        runs: &[(OURS, "flood_1m")],
        ours: OURS,
        budgets: &[Budget {
            about: "messages of 1 MiB (1/2 of the floor's rate)",
            ours: "flood_1m",
            wanted: Times(2.0, (FLOORS, "floor_tcp_copy_1m")),
        }],
    },
    Section {
        name: "create_process",
        about: "an actor in a process of its own, until it answers; create_call, and the original's create, until the call returns",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_fork"),
        runs: &[
            (FLOORS, "floor_exec"),
            (OURS, "create"),
            (OURS, "create_outside"),
            (OURS, "create_call"),
            (PYTHON, "create"),
        ],
        ours: OURS,
        budgets: &[
            Budget { about: "create (fork)", ours: "create", wanted: Times(3.0, (FLOORS, "floor_fork")) },
            Budget {
                about: "create from outside",
                ours: "create_call",
                wanted: Faster(10.0, (PYTHON, "create")),
            },
        ],
    },
    Section {
        name: "startup",
        about: "a system started, until its first actor answers; the floor is one new image",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_exec"),
        runs: &[(OURS, "startup")],
        ours: OURS,
        budgets: &[Budget { about: "start-up to the first answer", ours: "startup_p50", wanted: Most(50e6) }],
    },
    Section {
        name: "process_mem",
        about: "memory of an actor's process that waits (PSS), beside a forked process that sleeps",
        unit: Unit::Bytes,
        place: Place::TwoCores,
        floor: Some("floor_fork_idle_pss"),
        runs: &[(OURS, "idle_pss")],
        ours: OURS,
        budgets: &[Budget {
            about: "memory of an idle actor",
            ours: "idle_pss",
            wanted: More(1_048_576.0, (FLOORS, "floor_fork_idle_pss")),
        }],
    },
    Section {
        name: "idle_wakeups",
        about: "how often any thread of an idle system wakes up in 10 s",
        unit: Unit::Count,
        place: Place::TwoCores,
        floor: None,
        runs: &[(OURS, "idle_wakeups")],
        ours: OURS,
        budgets: &[Budget { about: "wake-ups when idle", ours: "idle_wakeups", wanted: Most(0.0) }],
    },
    Section {
        name: "queue_rtt_one_core",
        about: "there and back with 64 B over Unix sockets, both sides on one processor",
        unit: Unit::Time,
        place: Place::OneCore,
        floor: Some("floor_unix_rtt_mio"),
        runs: QUEUE_ROUND_TRIPS,
        ours: QUEUE,
        budgets: QUEUE_RTT,
    },
    Section {
        name: "queue_rtt_two_cores",
        about: "the same, each side on a processor of its own and asleep until the message comes",
        unit: Unit::Time,
        place: Place::Apart,
        floor: Some("floor_unix_rtt_mio"),
        runs: QUEUE_ROUND_TRIPS,
        ours: QUEUE,
        budgets: QUEUE_RTT,
    },
    Section {
        name: "queue_one_way",
        about: "a message of 64 B one way over Unix sockets, sent and counted",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_unix_flood_framed"),
        runs: &[(QUEUE, "flood"), (OURS, "flood")],
        ours: QUEUE,
        budgets: &[Budget {
            about: "queue: flood of 64 B",
            ours: "flood",
            wanted: Faster(2.0, (OURS, "flood")),
        }],
    },
    Section {
        name: "queue_bulk_64k",
        about: "a message of 64 KiB one way, against a copy over Unix sockets",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_unix_copy_64k"),
        runs: &[(QUEUE, "flood_64k"), (OURS, "flood_64k")],
        ours: QUEUE,
        budgets: &[Budget {
            about: "queue: messages of 64 KiB (1/2 of the floor's rate)",
            ours: "flood_64k",
            wanted: Times(2.0, (FLOORS, "floor_unix_copy_64k")),
        }],
    },
    Section {
        name: "queue_bulk_1m",
        about: "a message of 1 MiB one way, against a copy over Unix sockets",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_unix_copy_1m"),
        runs: &[(QUEUE, "flood_1m"), (OURS, "flood_1m")],
        ours: QUEUE,
        budgets: &[],
    },
    Section {
        name: "udp_rtt_one_core",
        about: "there and back with 64 B by UDP, both sides on one processor",
        unit: Unit::Time,
        place: Place::OneCore,
        floor: Some("floor_udp_rtt_mio"),
        runs: UDP_ROUND_TRIPS,
        ours: UDP,
        budgets: UDP_RTT,
    },
    Section {
        name: "udp_rtt_two_cores",
        about: "the same, each side on a processor of its own and asleep until the message comes",
        unit: Unit::Time,
        place: Place::Apart,
        floor: Some("floor_udp_rtt_mio"),
        runs: UDP_ROUND_TRIPS,
        ours: UDP,
        budgets: UDP_RTT,
    },
    Section {
        name: "udp_one_way",
        about: "a message of 64 B one way by UDP, sent and counted; the floor is TCP's, and one that is lost fails the run",
        unit: Unit::Time,
        place: Place::TwoCores,
        floor: Some("floor_tcp_flood_framed"),
        runs: &[(UDP, "flood"), (OURS, "flood")],
        ours: UDP,
        budgets: &[],
    },
    Section {
        name: "udp_loss",
        about: "what arrives of floods of 64 B at one actor, and what is lost by UDP; senders are held back as always",
        unit: Unit::Arrived,
        place: Place::TwoCores,
        floor: None,
        runs: &[(UDP, FLOOD_LOSS), (OURS, FLOOD_LOSS)],
        ours: UDP,
        budgets: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    impl Section {
        /// Whether a figure of that name comes out of one of the section's runs.
        fn gives(&self, program: &str, figure: &str) -> bool {
            let workload = figure.strip_suffix("_p50").unwrap_or(figure);
            let floor = self.floor.map(|floor| (FLOORS, floor));
            self.runs.iter().copied().chain(floor).any(|run| run == (program, workload))
        }
    }

    #[test]
    fn every_budget_is_about_figures_that_its_section_measures() {
        for section in SECTIONS {
            for budget in section.budgets {
                assert!(section.gives(section.ours, budget.ours), "{}: {}", section.name, budget.ours);
                if let Times(_, (program, figure))
                | Faster(_, (program, figure))
                | More(_, (program, figure)) = budget.wanted
                {
                    assert!(section.gives(program, figure), "{}: {program} {figure}", section.name);
                }
            }
        }
    }

    #[test]
    fn every_program_of_the_group_is_run_and_no_other() {
        for section in SECTIONS {
            for (program, _) in section.runs {
                assert!(PROGRAMS.contains(program) || *program == PYTHON, "{program}");
            }
        }
        for program in PROGRAMS.iter().filter(|&&program| program != FLOORS) {
            assert!(
                SECTIONS.iter().any(|section| section.runs.iter().any(|run| run.0 == *program)),
                "{program}"
            );
        }
    }
}
