//! Randomness from a seed, so that a run that failed can be run again.

use serde::{Deserialize, Serialize};

/// A small random number generator (SplitMix64) that is part of the saved state.
///
/// Not for secrets: whoever knows the seed knows every code and token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 up to `end`, without it; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            return 0;
        }
        (self.next_u64() % end as u64) as usize
    }

    /// True with this probability. Takes no number from the sequence when it is 0 or 1,
    /// so a switch that is off leaves all other choices as they were.
    pub fn chance(&mut self, probability: f64) -> bool {
        if probability <= 0.0 {
            return false;
        }
        if probability >= 1.0 {
            return true;
        }
        (self.next_u64() >> 11) as f64 / ((1u64 << 53) as f64) < probability
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next_u64().to_be_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    /// An identifier with the shape of a random UUID.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// Spreads the bits of one number over all the bits of another.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let mut one = Rng::new(7);
        let mut other = Rng::new(7);

        assert_eq!(one.uuid(), other.uuid());
        assert_eq!(one.below(1000), other.below(1000));
        assert_ne!(Rng::new(8).uuid(), Rng::new(7).uuid());
    }

    #[test]
    fn a_switch_that_is_off_takes_no_number() {
        let mut one = Rng::new(7);
        let mut other = Rng::new(7);

        assert!(!one.chance(0.0));
        assert!(one.chance(1.0));

        assert_eq!(one.next_u64(), other.next_u64());
    }
}
