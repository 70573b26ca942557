//! Numbers from a seed.

/// SplitMix64 (Steele, Lea and Flood, 2014). Written out, and not taken from a crate, because a seed has to replay the
/// same run for as long as somebody has it in a bug report.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias of the remainder is below 2^-32 for every range that a simulation uses.
        self.bits64().checked_rem(end).unwrap_or(0)
    }

    /// True with this probability: 0 is never, 1 is always.
    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.bits64() >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    /// One of the items, if there are any.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// 128 bits.
    pub fn bits128(&mut self) -> u128 {
        u128::from(self.bits64()) << 64 | u128::from(self.bits64())
    }

    /// Another source, whose numbers do not depend on how many this one is asked for later.
    pub fn fork(&mut self) -> Random {
        Random(self.bits64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut random = Random::new(1);
        let numbers = [random.bits64(), random.bits64(), random.bits64()];
        assert_eq!(numbers, [10451216379200822465, 13757245211066428519, 17911839290282890590]);
    }

    #[test]
    fn chance_keeps_to_its_limits() {
        let mut random = Random::new(7);
        assert!((0..1000).all(|_| !random.chance(0.0)));
        assert!((0..1000).all(|_| random.chance(1.0)));
        let hits = (0..10_000).filter(|_| random.chance(0.3)).count();
        assert!((2_700..3_300).contains(&hits), "{hits}");
    }
}
