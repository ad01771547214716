//! What is said of people, or of devices, and an asset, as it is kept: one line of words for all of whom the same is said.

use std::{fmt, str::FromStr};

use domain::{DeploymentId, DevicePair, HolderKind, Pair, PersonId, Reclaimable, Said, Stand};

use crate::{
    SeatState, StoreError,
    db::{Record, word},
};

/// What is said of people, or of devices, and an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verdict {
    pub of: Of,
    /// How whoever brings the licence stands in the line for it, and so whether `said.waiting` may be what is said; of a person
    /// for whom several stand there, the last.
    pub stand: Option<Stand>,
    /// The line of the deployment that keeps licences for them, where one does.
    pub kept_by: Option<DeploymentId>,
    pub said: Said,
}

/// Of whom something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Of {
    Person {
        /// It is said of nobody: of a device that belongs to nobody, of which the same is said as a device.
        nobody: bool,
        required: bool,
        wants: bool,
        keeps: bool,
        seat: Option<SeatState>,
        /// Devices of theirs that are away have licences.
        left_over: bool,
        reclaimable: Reclaimable,
        /// How they stand in the line for a licence of their own.
        own: Option<Stand>,
    },
    Device {
        /// It is to have a licence of its own.
        own: bool,
        keeps: bool,
        seat: Option<SeatState>,
    },
}

impl Verdict {
    pub(crate) fn of_person(person: PersonId, pair: &Pair) -> Verdict {
        Verdict {
            of: Of::Person {
                nobody: pair.nobody,
                required: pair.required,
                wants: pair.wants,
                keeps: pair.keeps,
                seat: pair.seat.map(SeatState::of),
                left_over: !pair.left_over.is_empty(),
                reclaimable: pair.reclaimable,
                own: pair.wishes.get(&person.into()).map(|wish| wish.stand),
            },
            stand: pair.last.map(|(_, wish)| wish.stand),
            kept_by: pair.kept_by,
            said: pair.said,
        }
    }

    pub(crate) fn of_device(pair: &Pair, device: &DevicePair) -> Verdict {
        let stand = pair.wishes.get(&device.holder).map(|wish| wish.stand);
        let own = device.holder.kind() == HolderKind::Device;
        Verdict {
            of: Of::Device {
                own,
                keeps: device.keeps,
                seat: device.seat.map(SeatState::of),
            },
            // What does not depend on the line is said whatever becomes of it; but whoever stands there is counted.
            stand: stand.filter(|_| own || device.said.served != device.said.waiting),
            kept_by: pair.kept_by,
            said: device.said,
        }
    }
}

impl Verdict {
    /// How whoever this is said of stands in the line themselves, each of them once.
    pub fn in_line(&self) -> Option<Stand> {
        match self.of {
            Of::Person { own, .. } => own,
            Of::Device { own: true, .. } => self.stand,
            Of::Device { own: false, .. } => None,
        }
    }

    /// Whoever this is said of has a licence of their own, or of its own, that is out and stays so.
    pub(crate) fn has_one_that_stays(&self) -> bool {
        let (Of::Person { keeps, seat, .. } | Of::Device { keeps, seat, .. }) = self.of;
        keeps && matches!(seat, Some(SeatState::Reserved | SeatState::Held))
    }
}

/// As it is kept.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Of::Person {
                nobody,
                required,
                wants,
                keeps,
                seat,
                left_over,
                reclaimable: Reclaimable { unreached, removed },
                own,
            } => {
                let flags = flags([
                    (required, 'r'),
                    (wants, 'w'),
                    (keeps, 'k'),
                    (left_over, 'l'),
                    (nobody, 'n'),
                    (unreached, 'u'),
                    (removed, 'd'),
                ]);
                write!(f, "person {flags} {} {}", or_none(seat), or_none(own))?;
            }
            Of::Device { own, keeps, seat } => {
                write!(f, "device {} {}", flags([(own, 'o'), (keeps, 'k')]), or_none(seat))?;
            }
        }
        let Said { served, waiting } = self.said;
        write!(
            f,
            " {} {} {} {} {}",
            or_none(self.stand),
            word(&served.0),
            word(&served.1),
            word(&waiting.0),
            word(&waiting.1),
        )?;
        match self.kept_by {
            Some(line) => write!(f, " {}", line.0.simple()),
            None => Ok(()),
        }
    }
}

fn flags<const N: usize>(flags: [(bool, char); N]) -> String {
    flags.iter().map(|(is, flag)| if *is { *flag } else { '-' }).collect()
}

fn or_none<T: serde::Serialize>(said: Option<T>) -> String {
    said.map_or("-".to_owned(), |said| word(&said))
}

impl FromStr for Verdict {
    type Err = ();

    fn from_str(text: &str) -> Result<Verdict, ()> {
        fn known<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ()> {
            serde_json::from_value(text.into()).map_err(|_| ())
        }
        fn some<T: serde::de::DeserializeOwned>(text: &str) -> Result<Option<T>, ()> {
            if text == "-" { Ok(None) } else { known(text).map(Some) }
        }
        let words: Vec<&str> = text.split(' ').collect();
        let (of, rest) = match words[..] {
            ["person", flags, seat, own, ref rest @ ..] => {
                let of = Of::Person {
                    nobody: flags.contains('n'),
                    required: flags.contains('r'),
                    wants: flags.contains('w'),
                    keeps: flags.contains('k'),
                    left_over: flags.contains('l'),
                    reclaimable: Reclaimable {
                        unreached: flags.contains('u'),
                        removed: flags.contains('d'),
                    },
                    seat: some(seat)?,
                    own: some(own)?,
                };
                (of, rest)
            }
            ["device", flags, seat, ref rest @ ..] => {
                let of = Of::Device {
                    own: flags.contains('o'),
                    keeps: flags.contains('k'),
                    seat: some(seat)?,
                };
                (of, rest)
            }
            _ => return Err(()),
        };
        let (rest, kept_by) = match rest[..] {
            [ref rest @ .., line] if rest.len() == 5 => (rest, Some(line.parse().map_err(|_| ())?)),
            ref rest => (rest, None),
        };
        let [stand, served, detail, waiting, detail_waiting] = *rest else {
            return Err(());
        };
        Ok(Verdict {
            of,
            stand: some(stand)?,
            kept_by,
            said: Said {
                served: (known(served)?, known(detail)?),
                waiting: (known(waiting)?, known(detail_waiting)?),
            },
        })
    }
}

/// The verdict of a row.
pub(crate) fn verdict(row: &Record) -> Result<Verdict, StoreError> {
    row.parsed("said")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::{Detail, InstallState};

    use super::*;

    #[test]
    fn a_verdict_is_read_as_it_is_kept() {
        let said = Said {
            served: (InstallState::PendingInstall, Detail::LicenseAssociationPending),
            waiting: (InstallState::Failed, Detail::NoLicenseAvailable),
        };
        let seats = [
            None,
            Some(SeatState::Reserved),
            Some(SeatState::Held),
            Some(SeatState::Returning),
        ];
        let stands = [None, Some(Stand::Ready), Some(Stand::Refused), Some(Stand::NotMember)];
        let mut texts = HashSet::new();
        for (seat, stand) in seats.into_iter().flat_map(|seat| stands.map(|stand| (seat, stand))) {
            let people = (0..128).flat_map(|number: u32| {
                stands.map(|own| Of::Person {
                    nobody: number & 16 > 0,
                    required: number & 1 > 0,
                    wants: number & 2 > 0,
                    keeps: number & 4 > 0,
                    left_over: number & 8 > 0,
                    reclaimable: Reclaimable {
                        unreached: number & 32 > 0,
                        removed: number & 64 > 0,
                    },
                    seat,
                    own,
                })
            });
            let devices = (0..4).map(|number: u32| Of::Device {
                own: number & 1 > 0,
                keeps: number & 2 > 0,
                seat,
            });
            for of in people.chain(devices) {
                for kept_by in [None, Some(DeploymentId(uuid::Uuid::from_u128(7)))] {
                    let verdict = Verdict {
                        of,
                        stand,
                        kept_by,
                        said,
                    };
                    let text = verdict.to_string();
                    assert_eq!(text.parse(), Ok(verdict), "{text}");
                    texts.insert(text);
                }
            }
        }
        assert_eq!(texts.len(), (128 * 4 + 4) * 16 * 2, "no two look alike");
        for wrong in [
            "",
            "person",
            "device - installed",
            "device -- - - installed noAdditionalDetails installed",
            "device -- - - installed noAdditionalDetails installed noAdditionalDetails somebody",
            "somebody --- - - - installed noAdditionalDetails installed noAdditionalDetails",
        ] {
            assert_eq!(wrong.parse::<Verdict>(), Err(()), "{wrong}");
        }
    }
}
