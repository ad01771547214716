//! Versions of a list, by which a client asks for what changed since.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::rng::mix;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Counts the changes to one kind of records, and remembers when each happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    number: u64,
    kept: VecDeque<(u64, i64)>,
    touched: bool,
}

impl Version {
    pub(super) fn new(now: i64) -> Self {
        Version {
            number: 0,
            kept: [(0, now)].into(),
            touched: false,
        }
    }

    /// The number of the version that the change at hand belongs to.
    pub(super) fn touch(&mut self) -> u64 {
        self.touched = true;
        self.number + 1
    }

    pub(super) fn commit(&mut self, now: i64, days: u32) {
        if !self.touched {
            return;
        }
        self.touched = false;
        self.number += 1;
        self.kept.push_back((self.number, now));
        while self.kept.len() > 1 && (self.kept[0].1 + i64::from(days) * DAY_MS < now || self.kept.len() > 10_000) {
            self.kept.pop_front();
        }
    }

    /// The `versionId`: says nothing to a client, and comes back as `sinceVersionId`.
    pub fn id(&self, place: &str) -> String {
        version_id(place, self.number)
    }

    /// The number behind a `sinceVersionId`, if it is still known.
    pub fn find(&self, place: &str, id: &str) -> Option<u64> {
        let number = u64::from_str_radix(id.get(..8)?, 16).ok()?;
        if version_id(place, number) != id {
            return None;
        }
        if number == self.number {
            return Some(number);
        }
        self.kept.iter().any(|(kept, _)| *kept == number).then_some(number)
    }
}

fn version_id(place: &str, number: u64) -> String {
    let mut sum = mix(number);
    for byte in place.bytes() {
        sum = mix(sum ^ u64::from(byte));
    }
    let more = mix(sum);
    format!(
        "{number:08x}-{:04x}-1{:03x}-8{:03x}-{:012x}",
        sum >> 48,
        sum & 0xfff,
        more >> 52,
        more & 0xffff_ffff_ffff
    )
}
