//! What each base can do. The only way to skip a scenario, and the source of the table in the documentation.

/// Something that not every base can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Messages are encoded on their way, so some cannot travel.
    Encoding,
    /// An actor can be killed from outside.
    Kills,
    /// Handlers of different actors run at the same time.
    Parallel,
    /// Actors run in the memory of the program that started the system.
    Shared,
    /// Descriptors can be watched.
    Watch,
    /// Other programs join a system that runs, which outlives the program that started it.
    Joining,
    /// Processes can be started by one that the admin has forked at its start.
    ForkServer,
    /// A message may be as large as the system's bounds allow.
    Large,
    /// Systems work together.
    Conventions,
    /// Actor source can be loaded at run time.
    Sources,
}

impl Ability {
    /// All of them, as the documentation lists them.
    pub const ALL: [Ability; 10] = [
        Ability::Encoding,
        Ability::Kills,
        Ability::Parallel,
        Ability::Shared,
        Ability::Watch,
        Ability::Joining,
        Ability::ForkServer,
        Ability::Large,
        Ability::Conventions,
        Ability::Sources,
    ];

    /// As a row of the documentation's table.
    pub fn title(self) -> &'static str {
        match self {
            Ability::Encoding => "messages are encoded between actors, and refused if they cannot be",
            Ability::Kills => "an actor can be killed without taking anything else along",
            Ability::Parallel => "handlers of different actors run at the same time",
            Ability::Shared => "actors run in the memory of the program that started the system",
            Ability::Watch => "watched descriptors",
            Ability::Joining => "other programs join a system, which outlives its starter",
            Ability::ForkServer => "the startup method `forkserver`",
            Ability::Large => "messages of more than 64 KiB",
            Ability::Conventions => "conventions of several systems",
            Ability::Sources => "loading actor source",
        }
    }
}

/// A base, and what it cannot do and why.
pub struct BaseRow {
    /// The base's name.
    pub name: &'static str,
    /// What it cannot do, with the reason.
    pub cannot: &'static [(Ability, &'static str)],
}

/// The bases that the suite runs on.
pub const BASES: &[BaseRow] = &[
    BaseRow {
        name: "simpleSystemBase",
        cannot: &[
            (Ability::Encoding, "a message moves to its receiver as it is"),
            (Ability::Kills, "an actor has no process of its own"),
            (Ability::Parallel, "there is one thread, the caller's"),
            (Ability::Watch, "the guide offers it where actors have processes (section 4.8)"),
            (Ability::Joining, "a system is a value of the program that started it"),
            (Ability::ForkServer, "no process is started"),
            (Ability::Conventions, "as in the guide (section 9.2)"),
            (Ability::Sources, "the crate that loads them is not there yet"),
        ],
    },
    BaseRow {
        name: "simulatedSystemBase",
        cannot: &[
            (Ability::Parallel, "one thing happens at a time, so that a seed replays"),
            (Ability::Watch, "there are no descriptors in a simulated world"),
            (Ability::Joining, "a system is a value of the program that started it"),
            (Ability::ForkServer, "no process is started"),
            (Ability::Conventions, "the crate that brings them is not there yet"),
            (Ability::Sources, "the crate that loads them is not there yet"),
        ],
    },
    BaseRow { name: "multiprocTCPBase", cannot: PROCESSES },
    BaseRow {
        name: "multiprocUDPBase",
        cannot: &[
            (Ability::Shared, SHARED),
            (Ability::Large, "a message is one datagram (guide section 9.5)"),
            (Ability::Conventions, CONVENTIONS),
            (Ability::Sources, SOURCES),
        ],
    },
    BaseRow {
        name: "multiprocQueueBase",
        cannot: &[
            (Ability::Shared, SHARED),
            (Ability::Joining, "the system is that of the process that started it (section 9.3)"),
            (Ability::ForkServer, "as in the guide (section 9.3)"),
            (Ability::Conventions, "as in the guide (section 9.3)"),
            (Ability::Sources, SOURCES),
        ],
    },
];

/// What no base with processes can do yet, or ever.
const PROCESSES: &[(Ability, &str)] =
    &[(Ability::Shared, SHARED), (Ability::Conventions, CONVENTIONS), (Ability::Sources, SOURCES)];

const SHARED: &str = "every actor has a process of its own";
const CONVENTIONS: &str = "the crate that brings them is not there yet";
const SOURCES: &str = "the crate that loads them is not there yet";

/// Transports that exist for tests only, so that the documentation does not list them.
const OF_TESTS: &[BaseRow] = &[BaseRow { name: "plainSystemBase", cannot: PROCESSES }];

/// Why a base cannot do something; `None` if it can.
///
/// # Panics
///
/// If the base has no row.
pub fn why_not(base: &str, ability: Ability) -> Option<&'static str> {
    let row = BASES.iter().chain(OF_TESTS).find(|row| row.name == base);
    let row = row.unwrap_or_else(|| panic!("{base} has no row in the table of what bases can do"));
    row.cannot.iter().find(|(cannot, _)| *cannot == ability).map(|(_, why)| *why)
}

/// The table as it stands in the documentation.
pub fn as_markdown() -> String {
    let mut text = String::from("| |");
    let mut line = String::from("| --- |");
    for base in BASES {
        text.push_str(&format!(" {} |", base.name));
        line.push_str(" --- |");
    }
    text.push_str(&format!("\n{line}\n"));
    for ability in Ability::ALL {
        text.push_str(&format!("| {} |", ability.title()));
        for base in BASES {
            match why_not(base.name, ability) {
                None => text.push_str(" yes |"),
                Some(why) => text.push_str(&format!(" no: {why} |")),
            }
        }
        text.push('\n');
    }
    text
}
