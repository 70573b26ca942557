//! Names of sockets: random, so that nobody can be there first, and in no file system.

use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

/// What every name begins with, as people see it. The sign stands for the zero byte of the abstract namespace, as in `ss`.
const PREFIX: &str = "@thespian-";

/// The name of a socket, of 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u128);

impl Name {
    /// A name that nobody else has.
    pub(crate) fn random() -> Result<Name, String> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)
            .map_err(|error| format!("the operating system gives no random bits for a name: {error}"))?;
        Ok(Name(u128::from_le_bytes(bits)))
    }

    /// The name that this text shows.
    pub(crate) fn parse(text: &str) -> Option<Name> {
        let digits = text.strip_prefix(PREFIX)?;
        let is_whole = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_whole.then(|| u128::from_str_radix(digits, 16).ok().map(Name)).flatten()
    }

    /// As the operating system wants it.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        SocketAddr::from_abstract_name(&self.to_string().as_bytes()[1..])
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_nothing_else_is() {
        let name = Name::random().expect("random bits");
        assert!(Name::parse(&name.to_string()) == Some(name));
        assert!(Name::random().expect("random bits") != name);
        let text = name.to_string();
        for other in ["", "@thespian-", &text[1..], &text[..text.len() - 1], &format!("{text}0")] {
            assert!(Name::parse(other).is_none(), "{other}");
        }
        assert!(Name::parse(&text.replace("-", "-+")[..text.len()]).is_none());
    }

    #[test]
    fn a_name_is_in_no_file_system() {
        let address = Name::random().expect("random bits").address().expect("an address");
        assert!(address.as_pathname().is_none());
        assert_eq!(address.as_abstract_name().map(<[u8]>::len), Some(PREFIX.len() - 1 + 32));
    }
}
