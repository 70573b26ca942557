//! A frame between two addresses, as data: in the bytes in which transports carry it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thespian_core::engine::link::Frame;
use thespian_core::transport::wire::{Decoder, Encoder};
use thespian_core::{ActorAddress, Bytes};

/// A frame, with the addresses that it is from and to.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) from: ActorAddress,
    pub(crate) to: ActorAddress,
    pub(crate) frame: Frame,
}

impl Carried {
    pub(crate) fn new(from: ActorAddress, to: ActorAddress, frame: Frame) -> Carried {
        Carried { from, to, frame }
    }
}

impl Serialize for Carried {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        Encoder::default().frame(&mut bytes, &self.from, &self.to, &self.frame.borrow());
        Bytes(bytes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Carried {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Carried, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        let (from, to, frame) = Decoder::default().whole_frame(bytes.0).map_err(D::Error::custom)?;
        Ok(Carried { from, to, frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thespian_core::engine::link::Lane;
    use thespian_core::{AddressKey, SystemId};

    #[test]
    fn a_frame_comes_back_as_it_was() {
        let key = AddressKey::new([1; 16]);
        let system = SystemId::from_bits(7);
        let (from, to) = (key.seal(system, 1, 2), key.seal(system, 3, 4));
        let carried = Carried::new(from, to, Frame::Ack { lane: Lane::Urgent, link: 5, handled: 6 });
        let bytes = thespian_core::encode(&carried).expect("encodes");
        let back: Carried = thespian_core::decode(&bytes, Default::default()).expect("decodes");
        assert_eq!((back.from, back.to), (from, to));
        assert!(matches!(back.frame, Frame::Ack { lane: Lane::Urgent, link: 5, handled: 6 }));
        assert!(thespian_core::decode::<Carried>(&bytes[..bytes.len() - 1], Default::default()).is_err());
    }
}
