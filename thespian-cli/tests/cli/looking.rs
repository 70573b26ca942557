//! What the commands show that change nothing.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use nix::unistd::Pid;
use thespian_core::{ActorAddress, ActorSpec, ActorStatus, ActorSystem, Limits, StatusReq};
use thespian_multiproc::{LogFile, Logging, Multiproc};
use thespian_tcp::Tcp;

use crate::kit::{Block, Breed, Ended, Log, PATIENCE, Puppet, Spin, Stage, Stopped};

fn breed(system: &ActorSystem, parent: &ActorAddress, count: u32) -> Vec<ActorAddress> {
    let children: Vec<ActorAddress> = system.request(parent, Breed(count), PATIENCE).unwrap();
    for child in &children {
        // It runs when it answers.
        let number: u64 = system.request(child, 7_u64, PATIENCE).unwrap();
        assert_eq!(number, 7);
    }
    children
}

pub(crate) fn status_shows_the_system() {
    let stage = Stage::with(|builder, _| builder.capability("Has \u{1b}[2J", true));
    let named = stage.system.create(ActorSpec::of::<Puppet>().global_name("king")).unwrap();
    let place = format!("127.0.0.1:{}", stage.port);

    let ended = stage.run(&["status"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let value = |name: &str| {
        let line = ended.stdout.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name:?} in {}", ended.stdout)).trim().to_string()
    };
    assert_eq!(value("system "), format!("multiprocTCPBase at {place}"));
    assert_eq!(value("state "), "running");
    assert_eq!(value("actors "), "1");
    assert_eq!(value("name "), format!("king = {named}"));
    assert!(ended.stdout.contains(&format!("capability       Admin Port = {}\n", stage.port)), "{ended:?}");
    assert!(ended.stdout.contains("Has \u{FFFD}[2J = "), "{ended:?}");

    let json = stage.json(&["status"]);
    assert_eq!((&json["place"], &json["base"]), (&place.into(), &"multiprocTCPBase".into()));
    assert_eq!(json["admin_address"], stage.system.system_address().to_string());
    assert_eq!((&json["state"], &json["actor_count"]), (&"running".into(), &1.into()));
    assert!(json["uptime_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(json["global_names"]["king"], named.to_string());
    assert_eq!(json["capabilities"]["Admin Port"], stage.port);
    assert!(json["dead_letter_handler"].is_null());
    let counters = json["counters"].as_object().unwrap();
    let expected =
        ["sent", "handled", "poisoned", "dead_lettered", "refused", "failed_attempts", "lost", "late"];
    assert!(expected.iter().all(|name| counters[*name].is_u64()), "{counters:?}");
}

pub(crate) fn actors_are_a_tree_with_what_their_processes_cost() {
    let stage = Stage::new();
    let parent = stage.system.create(ActorSpec::of::<Puppet>().global_name("king")).unwrap();
    let children = breed(&stage.system, &parent, 2);
    let grandchild = breed(&stage.system, &children[0], 1)[0];

    let ended = stage.run(&["actors", "--interval", "0"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let [first, second, third, fourth] =
        [parent, children[0], grandchild, children[1]].map(|actor| actor.to_string());
    let header: Vec<&str> = lines[0].split_ascii_whitespace().collect();
    assert_eq!(
        header,
        ["ACTOR", "ADDRESS", "PID", "STATE", "MEMORY", "QUEUE", "SIZE", "OUT", "SIZE", "MSG/S"]
    );
    let expected = [
        ("Puppet \"king\"  ", &first),
        ("├─ Puppet  ", &second),
        ("│  └─ Puppet  ", &third),
        ("└─ Puppet  ", &fourth),
    ];
    for (line, (branch, address)) in lines[1..].iter().zip(expected) {
        assert!(line.starts_with(branch) && line.contains(&format!("  {address}  ")), "{}", ended.stdout);
    }
    assert!(ended.stdout.lines().last().unwrap().starts_with("4 actors, "), "{}", ended.stdout);

    let json = stage.json(&["actors", "--interval", "0"]);
    let actors = json["actors"].as_array().unwrap();
    assert_eq!((json["actor_count"].as_u64(), actors.len()), (Some(4), 4));
    let addresses: Vec<&str> = actors.iter().map(|actor| actor["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, [&first, &second, &third, &fourth]);
    let parents: Vec<Option<&str>> = actors.iter().map(|actor| actor["parent"].as_str()).collect();
    assert_eq!(parents, [None, Some(first.as_str()), Some(&second), Some(&first)]);
    for actor in actors {
        assert_eq!((&actor["answered"], &actor["state"]), (&true.into(), &"idle".into()));
        assert!(actor["type"].as_str().unwrap().ends_with("Puppet"), "{actor}");
        let pid = Pid::from_raw(actor["pid"].as_i64().unwrap() as i32);
        assert!(nix::sys::signal::kill(pid, None).is_ok());
        let (rss, pss) =
            (actor["memory_rss_bytes"].as_u64().unwrap(), actor["memory_pss_bytes"].as_u64().unwrap());
        assert!(0 < pss && pss <= rss && rss < 1 << 30, "{actor}");
        assert!(actor["busy_seconds"].is_null() && actor["handled_per_second"].is_null(), "{actor}");
        let queues = ["queue_user", "queue_system", "queue_outgoing", "pending_wakeups"];
        let sizes = ["queue_user_bytes", "queue_system_bytes", "queue_outgoing_bytes"];
        assert!(sizes.iter().all(|name| actor[*name].is_u64()), "{actor}");
        assert!(queues.iter().all(|name| actor[*name].is_u64()), "{actor}");
        assert!(actor["counters"]["handled"].is_u64(), "{actor}");
    }
    assert_eq!(actors[0]["name"], "king");
    assert!(actors[1]["name"].is_null());
}

pub(crate) fn an_actor_whose_handler_runs_is_shown_as_busy() {
    let stage = Stage::new();
    let puppet = stage.puppet();
    stage.system.tell(&puppet, Block).unwrap();
    stage.system.tell(&puppet, Spin).unwrap();
    stage.system.tell(&puppet, "x".repeat(3 << 10)).unwrap();
    let waits =
        || stage.system.request::<ActorStatus>(&puppet, StatusReq, PATIENCE).unwrap().queues.user == 2;
    while !waits() {}
    let json = stage.json(&["actors", "--interval", "0"]);
    let actor = &json["actors"][0];
    assert_eq!((&actor["state"], &actor["queue_user"]), (&"busy".into(), &2.into()));
    let waits = actor["queue_user_bytes"].as_u64().unwrap();
    assert!((3 << 10..4 << 10).contains(&waits), "{actor}");
    assert!(actor["busy_seconds"].as_f64().unwrap() > 0.0, "{actor}");
    let ended = stage.run(&["actors", "--interval", "0"]);
    assert!(ended.stdout.contains("  busy ") && ended.stdout.contains("  3 KiB  "), "{ended:?}");
    // What waits there has been sent by somebody: this program.
    let ended = stage.run(&["status"]);
    assert!(ended.stdout.lines().any(|line| line.starts_with("outgoing ")), "{ended:?}");
    assert!(stage.json(&["status"])["outgoing_bytes"].is_u64());
    // Nobody should wait for the handler.
    let pid = stage.process(&format!("thespian actor {} {puppet}", actor["type"].as_str().unwrap()));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

pub(crate) fn an_actor_that_does_not_answer_is_shown_with_its_process_and_is_a_problem() {
    let stage = Stage::new();
    let (stands, goes) = (stage.puppet(), stage.puppet());
    let status: ActorStatus = stage.system.request(&stands, StatusReq, PATIENCE).unwrap();
    let pid = status.pid.unwrap();
    let stopped = Stopped::new(Pid::from_raw(pid as i32));
    let ended = stage.run(&["actors", "--timeout", "0.3"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let line = ended.stdout.lines().find(|line| line.contains(&stands.to_string())).unwrap();
    assert!(
        line.starts_with("Puppet ") && line.contains("no answer") && line.contains(&pid.to_string()),
        "{line}"
    );
    let line = ended.stdout.lines().find(|line| line.contains(&goes.to_string())).unwrap();
    assert!(line.contains("  idle"), "{line}");
    assert!(ended.stdout.contains("2 actors, ") && ended.stdout.contains(", 1 gave no answer"), "{ended:?}");

    let ended = stage.run(&["actors", "--timeout", "0.3", "--json"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let silent =
        json["actors"].as_array().unwrap().iter().find(|actor| actor["address"] == stands.to_string());
    let silent = silent.unwrap();
    assert_eq!((&silent["answered"], &silent["pid"]), (&false.into(), &pid.into()));
    assert!(silent["state"].is_null() && silent["counters"].is_null(), "{silent}");
    drop(stopped);
}

pub(crate) fn an_actor_that_works_has_a_rate_and_one_that_does_not_has_none() {
    let stage = Stage::new();
    let (works, rests) = (stage.puppet(), stage.puppet());
    stage.system.tell(&works, Spin).unwrap();
    let json = stage.json(&["actors", "--interval", "0.3", "--timeout", "30"]);
    let rate = |address: &ActorAddress| {
        let actors = json["actors"].as_array().unwrap();
        let actor = actors.iter().find(|actor| actor["address"] == address.to_string()).unwrap();
        actor["handled_per_second"].as_f64().unwrap()
    };
    assert!(rate(&works) > 100.0, "{}", rate(&works));
    assert_eq!(rate(&rests), 0.0);
}

pub(crate) fn many_actors_are_asked_at_once() {
    let stage = Stage::new();
    let parent = stage.puppet();
    breed(&stage.system, &parent, 300);
    let json = stage.json(&["actors", "--interval", "0", "--timeout", "30"]);
    let actors = json["actors"].as_array().unwrap();
    assert_eq!(actors.len(), 301);
    assert!(actors.iter().all(|actor| actor["answered"] == true));
}

pub(crate) fn a_system_that_lists_few_of_its_actors_shows_their_children_and_says_what_is_missing() {
    let stage = Stage::with(|builder, _| builder.limits(Limits { status_actors: 1, ..Limits::default() }));
    stage.puppet();
    stage.puppet();
    let children = |actor: &ActorAddress| -> Vec<ActorAddress> {
        stage.system.request::<ActorStatus>(actor, StatusReq, PATIENCE).unwrap().children
    };
    // The one with the least address is listed, which its child may have.
    let (listed, child) = loop {
        let listed = stage.system.status().unwrap().actors[0];
        match children(&listed).first() {
            Some(child) => break (listed, *child),
            None => drop(breed(&stage.system, &listed, 1)),
        }
    };
    let count = stage.system.status().unwrap().actor_count;
    let ended = stage.run(&["actors", "--interval", "0"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for address in [listed, child] {
        assert!(ended.stdout.contains(&address.to_string()), "{ended:?}");
    }
    let expected = format!("; the system has {count}, and lists no more of them (Limits::status_actors)");
    assert!(ended.stdout.contains(&expected), "{ended:?}");
}

pub(crate) fn pings_are_answered() {
    let stage = Stage::new();
    let ended = stage.run(&["ping", "--count", "3", "--interval", "0"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let answer = format!("answer from 127.0.0.1:{} after ", stage.port);
    assert!(lines[..3].iter().all(|line| line.starts_with(&answer) && line.ends_with(" ms")), "{ended:?}");
    assert!(lines[3].starts_with("3 sent, 3 answered; least "), "{ended:?}");

    let json = stage.json(&["ping", "-c", "5", "-i", "0"]);
    assert_eq!((&json["sent"], &json["answered"]), (&5.into(), &5.into()));
    let times: Vec<f64> =
        json["round_trip_seconds"].as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
    assert_eq!(times.len(), 5);
    let [least, mean, most] =
        ["minimum_seconds", "mean_seconds", "maximum_seconds"].map(|name| json[name].as_f64().unwrap());
    assert!(
        0.0 < least && least <= mean && mean <= most && times.contains(&least) && times.contains(&most),
        "{json}"
    );
}

pub(crate) fn logs_follows_the_file_through_rotations_until_the_system_ends() {
    let stage = Stage::with(|builder, folder| {
        let file = LogFile::new(folder.join("system.log")).max_bytes(4096).old_files(20);
        let transport = Tcp::default().secret_file(folder.join("secret"));
        builder.base(Multiproc::new(transport).logging(Logging::new().to_file(file)))
    });
    let log = stage.folder.join("system.log");
    assert_eq!(stage.json(&["logs"])["log_file"], log.to_str().unwrap());
    let puppet = stage.puppet();
    let say = |texts: Vec<String>| stage.system.tell(&puppet, Log(texts)).unwrap();
    say(vec!["one".into(), "two".into()]);
    let mut child = stage.command(&["logs", "-n", "100"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut comes = |text: &str| lines.any(|line| line.unwrap().ends_with(text));
    assert!(comes("one") && comes("two"));
    let ended = stage.run(&["logs", "--no-follow", "-n", "1"]);
    assert_eq!((ended.code, ended.stderr.as_str(), ended.stdout.lines().count()), (0, "", 1));
    assert!(ended.stdout.ends_with("two\n"), "{ended:?}");

    // More than a file takes, and not so much at once that two are full between two looks.
    let long = "x".repeat(200);
    for round in 0..6 {
        let texts: Vec<String> = (0..10).map(|number| format!("{long} {round}.{number}")).collect();
        say(texts.clone());
        assert!(texts.iter().all(|text| comes(text)), "round {round}");
    }
    assert!(stage.folder.join("system.log.1").exists());
    stage.system.shutdown().unwrap();
    assert!(!comes("nothing more"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

pub(crate) fn without_a_log_file_logs_says_where_the_log_goes() {
    let stage = Stage::new();
    stage.run(&["logs"]).refused(1, &["has no log file", "standard error output", "to_file"]);
    let ended = stage.run(&["logs", "--json"]);
    assert_eq!(ended.code, 1);
    assert!(serde_json::from_str::<serde_json::Value>(&ended.stdout).unwrap()["log_file"].is_null());
    let gone = Stage::with(|builder, folder| {
        let transport = Tcp::default().secret_file(folder.join("secret"));
        let file = LogFile::new(folder.join("none/system.log"));
        builder.base(Multiproc::new(transport).logging(Logging::new().to_file(file)))
    });
    gone.run(&["logs", "--no-follow"]).refused(1, &["system.log cannot be read: "]);
}

pub(crate) fn a_reader_that_stops_early_is_no_error() {
    let stage = Stage::new();
    let mut child = stage.command(&["ping", "-c", "3", "-i", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let ended = Ended::of(
        stage.command(&["status"]).env("THESPIAN_ADMIN_PORT", "1").args(["--port", &stage.port.to_string()]),
    );
    assert_eq!(ended.code, 0, "the option goes before the variable: {ended:?}");
}
