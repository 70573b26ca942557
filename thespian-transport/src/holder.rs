//! Who holds a port of this machine, as far as the system tells.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What kind of socket has the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that listens for connections.
    Tcp,
    /// One that takes datagrams from anywhere.
    Udp,
}

/// Who listens there: "process 4711 (nginx) of user 1000", or as much of that as can be found out.
pub fn of(kind: Kind, place: SocketAddr) -> String {
    let (tables, state) = match kind {
        Kind::Tcp => (["/proc/net/tcp", "/proc/net/tcp6"], "0A"),
        Kind::Udp => (["/proc/net/udp", "/proc/net/udp6"], "07"),
    };
    let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let listeners: Vec<Listener> =
        tables.iter().flat_map(|table| table.lines().filter_map(|line| listener(line, state))).collect();
    let holds = |listener: &&Listener| listener.holds(place);
    let Some(found) = listeners.iter().find(holds) else { return "another program".into() };
    match process_with(found.inode) {
        Some((process, name)) => format!("process {process} ({name}) of user {}", found.user),
        None => format!("a process of user {}", found.user),
    }
}

struct Listener {
    place: SocketAddr,
    user: u32,
    inode: u64,
}

impl Listener {
    fn holds(&self, place: SocketAddr) -> bool {
        self.place.port() == place.port()
            && (self.place.ip() == place.ip()
                || self.place.ip().is_unspecified()
                || place.ip().is_unspecified())
    }
}

/// A line of `/proc/net/tcp` or its like that is about a socket in this state.
fn listener(line: &str, wanted: &str) -> Option<Listener> {
    let mut columns = line.split_ascii_whitespace().skip(1);
    let place = socket_address(columns.next()?)?;
    let state = columns.nth(1)?;
    let user = columns.nth(3)?.parse().ok()?;
    let inode = columns.nth(1)?.parse().ok()?;
    (state == wanted).then_some(Listener { place, user, inode })
}

/// `0100007F:1F90`: the address in words of 32 bits as the machine has them, and the port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = address.get(8 * at..8 * at + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let address = match address.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// The process that has the socket open, and its name, if it is ours to see.
fn process_with(inode: u64) -> Option<(u32, String)> {
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        entry.ok().and_then(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()))
    });
    for process in processes {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { continue };
        let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        if targets.any(|target| target.as_os_str() == wanted.as_str()) {
            let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            // A process gives itself its name, so it is shown with care.
            return Some((process, name.trim_end().escape_debug().to_string()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn a_listener_of_this_process_is_found_with_its_number() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = listener.local_addr().expect("an address");
        let holder = of(Kind::Tcp, place);
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
        drop(listener);
        assert_eq!(of(Kind::Tcp, place), "another program");
    }

    #[test]
    fn a_socket_for_datagrams_is_found_with_its_number() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let place = socket.local_addr().expect("an address");
        let holder = of(Kind::Udp, place);
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
        drop(socket);
        assert_eq!(of(Kind::Udp, place), "another program");
    }

    #[test]
    fn lines_of_the_table_are_read() {
        let line = "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0";
        let found = listener(line, "0A").expect("a listener");
        assert_eq!((found.user, found.inode), (1000, 4711));
        assert_eq!(found.place, SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert!(listener(&line.replace(" 0A ", " 01 "), "0A").is_none());
        let six = line.replace("0100007F", "00000000000000000000000001000000");
        assert_eq!(listener(&six, "0A").expect("a listener").place.to_string(), "[::1]:8080");
        assert!(listener("  sl  local_address rem_address   st tx_queue", "0A").is_none());
    }
}
