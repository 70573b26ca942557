//! How quick two ports are, in two processes over loopback: a flood of messages of 64 bytes, messages of 1 MiB, and
//! round trips with one under way.
//!
//! ```sh
//! cargo run --release -p thespian-tcp --example flood
//! ```

use std::env;
use std::process::{Command, Stdio};
use std::time::Instant;

use thespian_core::engine::link::{Frame, Lane};
use thespian_core::transport::{Identity, Locator, PeerId, Port, PortEvent, Role, Transport};
use thespian_core::{ActorAddress, AddressKey, Payload, SystemId, TypeName, TypeNames};
use thespian_tcp::Tcp;

const FLOOD: u64 = 5_000_000;
const LARGE: u64 = 2_000;
const ROUND_TRIPS: u64 = 50_000;

/// How many messages are sent before the port is waited for.
const BATCH: u64 = 1000;

const SYSTEM: SystemId = SystemId::from_bits(7);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match env::args().nth(1) {
        Some(locator) => echo(&Locator::new(locator)),
        None => measure(),
    }
}

fn open() -> Result<Box<dyn Port>, thespian_core::Error> {
    let tcp = Tcp::default().secret(vec![7; 32]);
    tcp.open(Identity { system: SYSTEM, role: Role::Host })
}

fn address(slot: u64) -> ActorAddress {
    AddressKey::new([1; 16]).seal(SYSTEM, slot, slot + 1)
}

fn message(sequence: u64, names: &TypeNames, bytes: &Payload) -> Frame {
    Frame::Data {
        lane: Lane::User,
        link: 1,
        sequence,
        base: sequence.saturating_sub(30),
        number: sequence,
        by_runtime: false,
        asks: false,
        names: names.clone(),
        bytes: bytes.clone(),
    }
}

fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let mut port = open()?;
    let program = env::current_exe()?;
    let mut child = Command::new(program).arg(port.locator().as_str()).stdin(Stdio::null()).spawn()?;
    let peer = loop {
        let mut up = None;
        port.wait(None, &mut |event| {
            if let PortEvent::Up { peer, .. } = event {
                up = Some(peer);
            }
        });
        if let Some(peer) = up {
            break peer;
        }
    };
    let names = TypeNames::from(vec![TypeName::Borrowed("bench.Message")]);
    let (small, large): (Payload, Payload) = (vec![5; 64].into(), vec![5; 1 << 20].into());
    let seconds = flood(port.as_mut(), peer, FLOOD, BATCH, |n| message(n, &names, &small));
    show("64 B flood, million messages a second", FLOOD as f64 / seconds / 1e6);
    let seconds = flood(port.as_mut(), peer, LARGE, 16, |n| message(n, &names, &large));
    show("1 MiB flood, MiB a second", LARGE as f64 / seconds);
    let start = Instant::now();
    for n in 0..ROUND_TRIPS {
        port.send(peer, address(1), address(3), message(n, &names, &small).borrow());
        await_frames(port.as_mut(), 1);
    }
    show("round trip of 64 B, microseconds", start.elapsed().as_secs_f64() * 1e6 / ROUND_TRIPS as f64);
    port.disconnect(peer);
    write_all(port.as_mut());
    child.wait()?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what a measurement is for")]
fn show(what: &str, value: f64) {
    println!("{what:40} {value:10.2}");
}

fn flood(port: &mut dyn Port, peer: PeerId, count: u64, batch: u64, message: impl Fn(u64) -> Frame) -> f64 {
    let start = Instant::now();
    for n in 0..count {
        port.send(peer, address(1), address(2), message(n).borrow());
        if n % batch == 0 {
            write_all(port);
        }
    }
    port.send(peer, address(1), address(3), message(0).borrow());
    await_frames(port, 1);
    start.elapsed().as_secs_f64()
}

fn write_all(port: &mut dyn Port) {
    port.flush();
    while port.has_unwritten() {
        port.wait(None, &mut |_| {});
        port.flush();
    }
}

fn await_frames(port: &mut dyn Port, count: u64) {
    let mut came = 0;
    while came < count {
        port.wait(None, &mut |event| came += u64::from(matches!(event, PortEvent::Frame { .. })));
    }
}

/// Sends back what is for the third address.
fn echo(to: &Locator) -> Result<(), Box<dyn std::error::Error>> {
    let mut port = open()?;
    let peer = port.connect(to);
    let (wanted, mut ended) = (address(3), false);
    let mut answers = Vec::new();
    while !ended {
        port.wait(None, &mut |event| match event {
            PortEvent::Frame { from, to, frame, .. } if to == wanted => {
                answers.push((to, from, frame.to_frame()))
            }
            PortEvent::Down { .. } => ended = true,
            _ => {}
        });
        for (from, to, frame) in answers.drain(..) {
            port.send(peer, from, to, frame.borrow());
        }
    }
    Ok(())
}
