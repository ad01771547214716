//! What people are asked (A84), cell by cell.

use domain::{
    prompts::{Management, Prompts, TABLE, prompts},
    *,
};

use crate::worlds::*;

/// The table of the original, as it is printed: to join, whether to install, the password.
const A84: &[(Management, HolderKind, Option<[&str; 3]>)] = &[
    (Management::Personal, HolderKind::User, Some(["yes", "yes", "yes"])),
    (
        Management::CompanyUnsupervised,
        HolderKind::User,
        Some(["yes", "yes", "yes"]),
    ),
    (
        Management::CompanySupervised,
        HolderKind::User,
        Some(["yes", "no", "yes"]),
    ),
    (Management::Personal, HolderKind::Device, Some(["no", "yes", "no"])),
    (
        Management::CompanyUnsupervised,
        HolderKind::Device,
        Some(["no", "yes", "no"]),
    ),
    (
        Management::CompanySupervised,
        HolderKind::Device,
        Some(["no", "no", "no"]),
    ),
    (Management::Kiosk, HolderKind::Device, Some(["no", "no", "no"])),
    (Management::Kiosk, HolderKind::User, None),
];

fn managed(management: Management) -> Vec<Device> {
    let phone = |supervised, ownership| Device {
        supervised,
        ownership,
        ..iphone(0, person(0))
    };
    let (company, personal) = (Some(Ownership::Company), Some(Ownership::Personal));
    match management {
        Management::Personal => vec![phone(false, personal), phone(false, None)],
        Management::CompanyUnsupervised => vec![phone(false, company)],
        Management::CompanySupervised => vec![phone(true, company), phone(true, None), phone(true, personal)],
        Management::Kiosk => {
            let of_nobody = Device {
                person: PersonId::nobody(device(0)),
                ..phone(true, company)
            };
            let shared = Device {
                shared: true,
                ..phone(false, None)
            };
            vec![of_nobody, shared]
        }
    }
}

#[test]
fn every_cell_of_the_table_is_as_it_is_printed() {
    assert_eq!(TABLE.len(), A84.len());
    for (management, licence, printed) in A84 {
        let says = |word: &str| word == "yes";
        let printed = printed.map(|[join, install, apple_id]| Prompts {
            join: says(join),
            install: says(install),
            apple_id: says(apple_id),
        });
        let case = TABLE
            .iter()
            .find(|case| (case.management, case.licence) == (*management, *licence))
            .unwrap();
        assert_eq!(case.prompts, printed, "{management:?} {licence:?}");
        for device in managed(*management) {
            assert_eq!(Management::of(&device), *management, "{device:?}");
            assert_eq!(prompts(&device, *licence), printed.unwrap_or_default(), "{device:?}");
        }
    }
}

/// What nobody supervises asks, though it is nobody's: only what is supervised can be kept to one app.
#[test]
fn a_device_of_nobody_that_is_not_supervised_asks_like_any_other() {
    let device = Device {
        person: PersonId::nobody(device(0)),
        ownership: Some(Ownership::Company),
        ..iphone(0, person(0))
    };
    assert_eq!(Management::of(&device), Management::CompanyUnsupervised);
    assert!(prompts(&device, HolderKind::Device).install);
}
