//! What people are asked on their devices when an app comes (A84).
//!
//! Whose licence it is, and how the device is managed, is all that makes a difference. The table is the one of 2020, which was
//! measured there; who has accepted the programme's terms, or has the app, is not asked again.

use serde::{Deserialize, Serialize};

use crate::{Device, HolderKind, Ownership};

/// How a device is managed, as far as it makes a difference to what is asked on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Management {
    /// The person's own. What nobody said anything of counts as such: more is asked there.
    Personal,
    CompanyUnsupervised,
    CompanySupervised,
    /// Supervised, and nobody's or several people's.
    Kiosk,
}

impl Management {
    pub const ALL: [Management; 4] = [
        Management::Personal,
        Management::CompanyUnsupervised,
        Management::CompanySupervised,
        Management::Kiosk,
    ];

    /// Apple goes by supervision: a device that is supervised is the company's, whatever somebody said of it.
    pub fn of(device: &Device) -> Management {
        // An iPad that several people share is supervised, or it could not be shared.
        let supervised = device.supervised || device.shared;
        match (supervised, device.ownership) {
            (true, _) if device.shared || device.owner().is_none() => Management::Kiosk,
            (true, _) => Management::CompanySupervised,
            (false, Some(Ownership::Company)) => Management::CompanyUnsupervised,
            (false, Some(Ownership::Personal) | None) => Management::Personal,
        }
    }
}

/// What is asked of whoever gets the app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prompts {
    /// To join the programme: once, before anything else.
    pub join: bool,
    /// Whether the app may be installed.
    pub install: bool,
    /// The password of their Apple ID.
    pub apple_id: bool,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    pub management: Management,
    pub licence: HolderKind,
    /// `None`: not advised, and nobody has said what is asked then. But by the policy of 2016, such a device has no licence but its
    /// own.
    pub prompts: Option<Prompts>,
}

const fn case(management: Management, licence: HolderKind, [join, install, apple_id]: [bool; 3]) -> Case {
    Case {
        management,
        licence,
        prompts: Some(Prompts {
            join,
            install,
            apple_id,
        }),
    }
}

/// A84, row by row.
pub const TABLE: [Case; 8] = [
    case(Management::Personal, HolderKind::User, [true, true, true]),
    case(Management::CompanyUnsupervised, HolderKind::User, [true, true, true]),
    case(Management::CompanySupervised, HolderKind::User, [true, false, true]),
    Case {
        management: Management::Kiosk,
        licence: HolderKind::User,
        prompts: None,
    },
    case(Management::Personal, HolderKind::Device, [false, true, false]),
    case(
        Management::CompanyUnsupervised,
        HolderKind::Device,
        [false, true, false],
    ),
    case(Management::CompanySupervised, HolderKind::Device, [false, false, false]),
    case(Management::Kiosk, HolderKind::Device, [false, false, false]),
];

/// What is asked on the device when the app comes with such a licence.
pub fn prompts(device: &Device, licence: HolderKind) -> Prompts {
    let management = Management::of(device);
    let case = TABLE
        .iter()
        .find(|case| case.management == management && case.licence == licence);
    case.and_then(|case| case.prompts).unwrap_or_default()
}

/// How often people are asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prompted {
    /// So many people are invited to join.
    pub join: u64,
    /// On so many devices somebody is asked whether the app may be installed …
    pub install: u64,
    /// … and on so many for the password of an Apple ID.
    pub apple_id: u64,
}

impl Prompted {
    pub fn is_nothing(&self) -> bool {
        *self == Prompted::default()
    }

    /// On one device more. Whether somebody is invited is not the device's to say.
    pub(crate) fn on(mut self, prompts: Prompts) -> Prompted {
        self.install += u64::from(prompts.install);
        self.apple_id += u64::from(prompts.apple_id);
        self
    }
}

impl std::iter::Sum for Prompted {
    fn sum<I: Iterator<Item = Prompted>>(all: I) -> Prompted {
        all.fold(Prompted::default(), |sum, one| Prompted {
            join: sum.join + one.join,
            install: sum.install + one.install,
            apple_id: sum.apple_id + one.apple_id,
        })
    }
}
