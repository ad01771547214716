//! What is said of people, or of devices, and an asset, as it is kept: one line of words for all of whom the same is said.

use std::{fmt, str::FromStr};

use domain::{Pair, Said, Stand};

use crate::{
    SeatState, StoreError,
    db::{Record, word},
};

/// What is said of people, or of devices, and an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verdict {
    pub of: Of,
    /// How the person stands in the line for a licence, and so whether `said.waiting` may be what is said.
    pub stand: Option<Stand>,
    pub said: Said,
}

/// Of whom something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Of {
    Person {
        required: bool,
        wants: bool,
        keeps: bool,
        seat: Option<SeatState>,
    },
    Device,
}

impl Verdict {
    pub(crate) fn of_person(pair: &Pair) -> Verdict {
        Verdict {
            of: Of::Person {
                required: pair.required,
                wants: pair.wants,
                keeps: pair.keeps,
                seat: pair.seat.map(SeatState::of),
            },
            stand: pair.wish.map(|wish| wish.stand),
            said: pair.said,
        }
    }

    pub(crate) fn of_device(pair: &Pair, said: Said) -> Verdict {
        Verdict {
            of: Of::Device,
            // What does not depend on the line is said whatever becomes of it.
            stand: pair.wish.map(|wish| wish.stand).filter(|_| said.served != said.waiting),
            said,
        }
    }
}

/// As it is kept.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Of::Person {
                required,
                wants,
                keeps,
                seat,
            } => {
                let flags = [(required, 'r'), (wants, 'w'), (keeps, 'k')].map(|(is, flag)| if is { flag } else { '-' });
                let flags: String = flags.iter().collect();
                write!(f, "person {flags} {}", seat.map_or("-".to_owned(), |seat| word(&seat)))?;
            }
            Of::Device => write!(f, "device")?,
        }
        let Said { served, waiting } = self.said;
        write!(
            f,
            " {} {} {} {} {}",
            self.stand.map_or("-".to_owned(), |stand| word(&stand)),
            word(&served.0),
            word(&served.1),
            word(&waiting.0),
            word(&waiting.1),
        )
    }
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
            ["person", flags, seat, ref rest @ ..] => {
                let of = Of::Person {
                    required: flags.contains('r'),
                    wants: flags.contains('w'),
                    keeps: flags.contains('k'),
                    seat: some(seat)?,
                };
                (of, rest)
            }
            ["device", ref rest @ ..] => (Of::Device, rest),
            _ => return Err(()),
        };
        let [stand, served, detail, waiting, detail_waiting] = rest[..] else {
            return Err(());
        };
        Ok(Verdict {
            of,
            stand: some(stand)?,
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
        let person = |number: u32, seat, stand| Verdict {
            of: Of::Person {
                required: number & 1 > 0,
                wants: number & 2 > 0,
                keeps: number & 4 > 0,
                seat,
            },
            stand,
            said,
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
            let device = Verdict {
                of: Of::Device,
                stand,
                said,
            };
            for verdict in (0..8).map(|number| person(number, seat, stand)).chain([device]) {
                let text = verdict.to_string();
                assert_eq!(text.parse(), Ok(verdict), "{text}");
                texts.insert(text);
            }
        }
        assert_eq!(texts.len(), 8 * 16 + 4, "no two look alike");
        for wrong in [
            "",
            "person",
            "device - installed",
            "somebody - installed noAdditionalDetails - -",
        ] {
            assert_eq!(wrong.parse::<Verdict>(), Err(()), "{wrong}");
        }
    }
}
