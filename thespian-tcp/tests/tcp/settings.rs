//! Ports, addresses and secrets, right and wrong (decisions D30, D33).

use std::env;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use thespian_core::transport::{LinkedTransport, Role, Transport};
use thespian_core::{Capabilities, Error, Limits, Value};
use thespian_tcp::{ADMIN_PORT, NAME, PortLimits, Tcp};

use crate::kit::{SECRET, configured, identity, is_alone, open, tcp, until};

fn with_port(value: impl Into<Value>) -> Result<(Tcp, Capabilities), Error> {
    let mut tcp = Tcp::default().secret(SECRET);
    let mut capabilities = Capabilities::new();
    capabilities.set(ADMIN_PORT, value);
    tcp.configure(&mut capabilities, &Limits::default()).map(|()| (tcp, capabilities))
}

#[test]
fn the_admin_port_is_the_guides_unless_it_is_set() {
    let mut capabilities = Capabilities::new();
    Tcp::default().secret(SECRET).configure(&mut capabilities, &Limits::default()).expect("settings");
    assert_eq!(capabilities.get(ADMIN_PORT), Some(&Value::Int(1900)));
    let (_, capabilities) = with_port(4711).expect("settings");
    assert_eq!(capabilities.get(ADMIN_PORT), Some(&Value::Int(4711)));
}

#[test]
fn any_port_becomes_a_number_once_it_is_open() {
    let (tcp, mut capabilities) = with_port(0).expect("settings");
    let port = tcp.open_admin(identity(Role::Admin)).expect("a port");
    tcp.opened(port.as_ref(), &mut capabilities);
    let number = capabilities.get(ADMIN_PORT).and_then(Value::as_int).expect("a whole number");
    assert!((1..=65535).contains(&number));
    assert_eq!(port.locator().as_str(), format!("127.0.0.1:{number}"));
}

#[test]
fn a_port_that_is_none_is_refused_with_the_range() {
    for value in [Value::from("1900"), (-1).into(), 65536.into(), true.into(), 1.5.into()] {
        match with_port(value.clone()).map(|_| ()) {
            Err(Error::InvalidSetting { setting, problem }) => {
                assert!(setting.contains(ADMIN_PORT), "{setting}");
                assert!(problem.contains("from 0 to 65535") && problem.contains(value.kind()), "{problem}");
            }
            other => panic!("{value:?}: {other:?}"),
        }
    }
}

#[test]
fn a_taken_place_is_told_with_its_holder() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = taken.local_addr().expect("an address");
    let (tcp, _) = with_port(i64::from(place.port())).expect("settings");
    match tcp.open_admin(identity(Role::Admin)).err() {
        Some(Error::PlaceTaken { base, place: at, holder }) => {
            assert_eq!((base.as_str(), at), (NAME, place.to_string()));
            assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_that_was_left_with_connections_can_be_had_again_at_once_and_by_one_alone() {
    let mut admin = open(&tcp(), Role::Admin);
    let place = admin.place();
    let mut host = open(&tcp(), Role::Host);
    host.port.connect(&admin.port.locator());
    until([&mut admin, &mut host], |[admin, host]| admin.ups().len() == 1 && host.ups().len() == 1);
    // The side that closes first is the one whose port the system keeps for a while.
    drop(admin);
    until([&mut host], |[host]| host.has_down());
    drop(host);
    let (tcp, _) = with_port(i64::from(place.port())).expect("settings");
    let again = tcp.open_admin(identity(Role::Admin)).expect("the same place");
    assert!(matches!(tcp.open_admin(identity(Role::Admin)).err(), Some(Error::PlaceTaken { .. })));
    drop(again);
}

#[test]
fn an_address_of_another_machine_is_not_local() {
    // Set aside for documents: nobody's.
    let tcp = configured(Tcp::default().secret(SECRET).bind([192, 0, 2, 1].into()), &Limits::default());
    for error in [tcp.open_admin(identity(Role::Admin)).err(), tcp.open(identity(Role::Host)).err()] {
        match error {
            Some(Error::StartupFailure { cause, .. }) => {
                assert!(cause.contains("address not local") && cause.contains("192.0.2.1"), "{cause}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn all_addresses_need_one_that_others_can_use() {
    let mut tcp = Tcp::default().secret(SECRET).bind(Ipv4Addr::UNSPECIFIED.into());
    let error = tcp.configure(&mut Capabilities::new(), &Limits::default()).expect_err("no address");
    assert!(
        matches!(&error, Error::InvalidSetting { setting, .. } if setting == "Tcp::advertise"),
        "{error}"
    );
    let all = Tcp::default().secret(SECRET).bind(Ipv4Addr::UNSPECIFIED.into());
    let all = configured(all.advertise(Ipv4Addr::LOCALHOST.into()), &Limits::default());
    let (mut a, mut b) = (open(&all, Role::Admin), open(&all, Role::Host));
    assert!(a.port.locator().as_str().starts_with("127.0.0.1:"));
    b.port.connect(&a.port.locator());
    until([&mut a, &mut b], |[a, b]| a.ups().len() == 1 && b.ups().len() == 1);
}

#[test]
fn ipv6_carries_a_system_too() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("not tested: this machine has no IPv6");
        return;
    }
    let six = configured(Tcp::default().secret(SECRET).bind(Ipv6Addr::LOCALHOST.into()), &Limits::default());
    let (mut a, mut b) = (open(&six, Role::Admin), open(&six, Role::Host));
    assert!(a.port.locator().as_str().starts_with("[::1]:"));
    let peer = b.port.connect(&a.port.locator());
    b.send(peer, 1, b"hello");
    until([&mut a, &mut b], |[a, _]| a.messages().len() == 1);
    let taken = a.place();
    let at_taken = Tcp::default().secret(SECRET).bind(Ipv6Addr::LOCALHOST.into());
    let mut capabilities = Capabilities::new();
    capabilities.set(ADMIN_PORT, i64::from(taken.port()));
    let mut at_taken = at_taken;
    at_taken.configure(&mut capabilities, &Limits::default()).expect("settings");
    match at_taken.open_admin(identity(Role::Admin)).err() {
        Some(Error::PlaceTaken { holder, .. }) => assert!(holder.starts_with("process "), "{holder}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_settings_make_the_same_transport_in_another_process() {
    let limits = PortLimits { strangers: 3, answer: Duration::from_secs(9), ..PortLimits::default() };
    let original = Tcp::default().secret(SECRET).bind([127, 0, 0, 1].into()).advertise([127, 0, 0, 1].into());
    let original = configured(original.limits(limits), &Limits { message_size: 77, ..Limits::default() });
    let linked = LinkedTransport::find(NAME).expect("it is linked");
    let restored = (linked.restore)(&original.settings()).expect("the same");
    assert_eq!(restored.settings(), original.settings());
    let mut admin = open(&original, Role::Admin);
    let mut host = crate::kit::Side::new(restored.open(identity(Role::Host)).expect("a port"));
    host.port.connect(&admin.port.locator());
    until([&mut admin, &mut host], |[admin, host]| admin.ups().len() == 1 && host.ups().len() == 1);
}

#[test]
fn damaged_settings_are_refused() {
    let settings = tcp().settings();
    for length in 0..settings.len() {
        assert!(Tcp::restore(&settings[..length]).is_err());
    }
    assert!(Tcp::restore(b"nonsense").is_err());
}

#[test]
fn no_port_opens_with_a_secret_that_is_too_short() {
    let mut short = Tcp::default().secret(*b"fifteen letters");
    let error = short.configure(&mut Capabilities::new(), &Limits::default()).expect_err("too short");
    assert!(error.to_string().contains("16"), "{error}");
    // Settings that were taken too early hold none.
    let early = Tcp::restore(&Tcp::default().settings()).expect("settings");
    assert!(early.open(identity(Role::Host)).is_err());
}

#[test]
fn a_bound_of_zero_is_refused_by_its_name() {
    let zeros = [
        PortLimits { strangers: 0, ..PortLimits::default() },
        PortLimits { connections: Some(0), ..PortLimits::default() },
        PortLimits { handshake: Duration::ZERO, ..PortLimits::default() },
    ];
    for (limits, name) in zeros.into_iter().zip(["strangers", "connections", "handshake"]) {
        let mut tcp = Tcp::default().secret(SECRET).limits(limits);
        let error = tcp.configure(&mut Capabilities::new(), &Limits::default()).expect_err("zero");
        assert!(error.to_string().contains(&format!("PortLimits::{name}")), "{error}");
    }
}

#[test]
fn a_secret_is_never_printed() {
    let text = format!("{:?}", Tcp::default().secret([0xAB; 32]));
    assert!(!text.contains("171") && !text.contains("ab, ab") && text.contains("Secret(..)"), "{text}");
}

/// A folder of the test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let mut bits = [0; 8];
        getrandom::fill(&mut bits).expect("random bits");
        let path = env::temp_dir().join(format!("thespian-tcp-{:016x}", u64::from_le_bytes(bits)));
        fs::create_dir(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn by_default(tcp: Tcp) -> Result<Tcp, Error> {
    let (mut tcp, mut capabilities) = (tcp, Capabilities::new());
    capabilities.set(ADMIN_PORT, 0);
    tcp.configure(&mut capabilities, &Limits::default()).map(|()| tcp)
}

#[test]
fn two_programs_of_one_user_share_the_secret_that_the_first_has_made() {
    let folder = Folder::new();
    let state = [("XDG_STATE_HOME", folder.0.as_os_str()), ("THESPIAN_SECRET_FILE", "".as_ref())];
    let test = "settings::two_programs_of_one_user_share_the_secret_that_the_first_has_made";
    if !is_alone(test, "true", &state) {
        assert!(folder.0.join("thespian/secret").is_file());
        return;
    }
    let first = by_default(Tcp::default()).expect("settings");
    let second = by_default(Tcp::default()).expect("settings");
    let (mut a, mut b) = (open(&first, Role::Admin), open(&second, Role::Host));
    b.port.connect(&a.port.locator());
    until([&mut a, &mut b], |[a, b]| a.ups().len() == 1 && b.ups().len() == 1);
}

#[test]
fn a_user_without_a_home_is_told_what_to_do() {
    let test = "settings::a_user_without_a_home_is_told_what_to_do";
    if is_alone(test, "unset HOME XDG_STATE_HOME THESPIAN_SECRET_FILE", &[]) {
        match by_default(Tcp::default()) {
            Err(Error::StartupFailure { base, cause }) => {
                assert_eq!(base, NAME);
                assert!(cause.contains("HOME") && cause.contains("THESPIAN_SECRET_FILE"), "{cause}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_variable_names_the_address_and_the_program_has_the_last_word() {
    let test = "settings::the_variable_names_the_address_and_the_program_has_the_last_word";
    if is_alone(test, "true", &[("THESPIAN_BASE_IPADDR", "127.0.0.2".as_ref())]) {
        let tcp = Tcp::default().secret(SECRET);
        let port = open(&by_default(tcp.clone()).expect("settings"), Role::Host);
        assert!(port.port.locator().as_str().starts_with("127.0.0.2:"));
        let tcp = tcp.bind(Ipv4Addr::LOCALHOST.into());
        let port = open(&by_default(tcp).expect("settings"), Role::Host);
        assert!(port.port.locator().as_str().starts_with("127.0.0.1:"));
    }
}

#[test]
fn a_variable_that_is_no_address_is_refused() {
    let test = "settings::a_variable_that_is_no_address_is_refused";
    if is_alone(test, "true", &[("THESPIAN_BASE_IPADDR", "localhost".as_ref())]) {
        let error = by_default(Tcp::default().secret(SECRET)).expect_err("no address");
        assert!(matches!(&error, Error::InvalidSetting { setting, .. } if setting == "THESPIAN_BASE_IPADDR"));
    }
}
