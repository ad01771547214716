//! Whose licence an app on a device runs with: what its deployments ask for, within what Apple and the policy permit.

use crate::{Asset, Deployment, HolderKind, LicenseType, Licensing, LicensingReason, World};

/// Of a device that these lines reach, and carry the result of; `shared` when several people sign in to it. The same is
/// asked of a person, who is not.
///
/// One that belongs to nobody never has any licence but its own; where nobody gives it one, [`needs_user`] says so.
///
/// Where lines ask for different licences, that of the device is the better one: nobody has to join anything for it. Where
/// nothing but a licence of the device is asked for, and Apple permits none for the app, there is no way to have it.
pub(super) fn licensing<'a>(
    world: &World,
    app: &Asset,
    (nobody, shared): (bool, bool),
    lines: impl Iterator<Item = &'a Deployment> + Clone,
) -> Licensing {
    let asks = |kind: LicenseType| lines.clone().any(|line| line.license_type == kind);
    let (kind, reason) = if nobody && !shared {
        (HolderKind::Device, LicensingReason::NoUser)
    } else if world.policy.policy_2016 && !nobody {
        (HolderKind::User, LicensingReason::Policy2016)
    } else if shared {
        (HolderKind::Device, LicensingReason::SharedDevice)
    } else if asks(LicenseType::Device) && (app.device_assignable || !can_be_had(world, app, lines.clone())) {
        (HolderKind::Device, LicensingReason::Deployment)
    } else if asks(LicenseType::Automatic) {
        match app.device_assignable {
            true => (HolderKind::Device, LicensingReason::Assignable),
            false => (HolderKind::User, LicensingReason::NotAssignable),
        }
    } else {
        (HolderKind::User, LicensingReason::Deployment)
    };
    Licensing { kind, reason }
}

/// Whether these lines give licences to people only, so that a device that belongs to nobody gets none by them. In 2016 no line
/// gave any other; on a device to which several people sign in a licence of its own is given whatever they ask for.
pub(super) fn needs_user<'a>(world: &World, shared: bool, lines: impl Iterator<Item = &'a Deployment>) -> bool {
    let mut lines = lines.peekable();
    let of_people = |line: &Deployment| line.license_type == LicenseType::User;
    lines.peek().is_some() && (world.policy.policy_2016 || (!shared && lines.all(of_people)))
}

/// Whether a licence that these lines ask for can be had on any device.
pub(super) fn can_be_had<'a>(world: &World, app: &Asset, mut lines: impl Iterator<Item = &'a Deployment>) -> bool {
    world.policy.policy_2016 || app.device_assignable || !lines.all(is_of_device)
}

fn is_of_device(line: &Deployment) -> bool {
    line.license_type == LicenseType::Device
}
