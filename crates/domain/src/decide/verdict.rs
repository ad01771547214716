//! What to say of a person and their devices: a state, and why.
//!
//! *Installed* is said on the word of the device alone.

use std::collections::BTreeMap;

use super::{
    DeviceVerdict, PersonVerdict,
    claim::{Claim, DeviceClaim},
};
use crate::{
    Asset, Detail, DeviceId, Holder, HolderKind, Install, InstallCommand, InstallState, Place, Program, RefusalReason,
    Resolution, Seat, Seen, Update, World,
};

type Said = (InstallState, Detail);

/// `places` are those of whoever stands in the line for the person.
///
/// What is said of the person is said as if all of them waited, or as if none did: all do as soon as the last does.
pub(super) fn of(
    world: &World,
    app: &Asset,
    claim: &Claim<'_>,
    places: impl Fn(Holder) -> Option<Place>,
) -> PersonVerdict {
    let words = Words { world, app, claim };
    let devices = claim.devices.iter().map(|device| {
        let place = places(claim.holder(device));
        let (state, detail) = words.of_device(device, place.is_some());
        let said = DeviceVerdict {
            device: device.device.id,
            resolution: device.resolution.clone(),
            eligible: device.obstacle.is_none(),
            wants: device.wants(),
            licensing: device.licensing,
            seat: device.seat,
            keeps_seat: device.keeps_seat,
            place,
            state,
            detail,
        };
        (said.device, said)
    });
    let devices: BTreeMap<DeviceId, DeviceVerdict> = devices.collect();
    let last = claim.last().map(|(holder, _)| holder);
    let place = last.and_then(&places);
    // A device with which the app has nothing to do says nothing of the person.
    let concerned = claim
        .devices
        .iter()
        .filter(|device| devices[&device.device.id].concerns());
    let worst = concerned
        .map(|device| words.of_device(device, place.is_some()))
        .chain(claim.own_is_said.then(|| words.of_own(place.is_some())))
        .min_by_key(|(state, _)| *state);
    let (state, detail) = worst.unwrap_or_else(|| words.without_device());
    let ranks = claim.devices.iter().filter_map(|device| device.rank);
    let ranks = ranks.chain(claim.own.as_ref().and_then(|own| own.rank));
    PersonVerdict {
        person: claim.person.id,
        program: claim.person.program,
        seat: claim.seat,
        left_over: claim.left_over.clone(),
        last,
        place,
        waiting_since: ranks.min().map(|rank| rank.since),
        state,
        detail,
        devices,
        kept_by: claim.kept_by,
        wants_seat: claim.rank.is_some(),
        keeps_seat: claim.keeps_seat,
        resolution: claim.resolution.clone(),
    }
}

/// What everything said of one person is said from.
struct Words<'a> {
    world: &'a World,
    app: &'a Asset,
    claim: &'a Claim<'a>,
}

impl Words<'_> {
    fn without_device(&self) -> Said {
        let resolution = &self.claim.resolution;
        match self.claim.due_without_device(self.world, self.app) {
            Some(Detail::NoEligibleDevice) => return (InstallState::PendingInstall, Detail::NoEligibleDevice),
            Some(obstacle) => return (InstallState::NotApplicable, obstacle),
            None => {}
        }
        if resolution.available {
            return not_requested(None, resolution);
        }
        self.unwanted_and_gone(None)
    }

    /// Of the person's own licence for what somebody else installs, on whatever devices.
    fn of_own(&self, waits: bool) -> Said {
        let holder = Holder::Person(self.claim.person.id);
        self.missing_licence(self.claim.seat, holder, waits).unwrap_or(LICENSED)
    }

    /// `waits` for a licence.
    fn of_device(&self, device: &DeviceClaim<'_>, waits: bool) -> Said {
        let install = device.install.cloned().unwrap_or_default();
        if device.device.enrolment.is_leaving() {
            return match device.install {
                Some(install) if install.is_proven() => (InstallState::Installed, Detail::DeviceLeaving),
                Some(install) if install.may_be_there() => (InstallState::Unknown, Detail::DeviceLeaving),
                _ => self.unwanted_and_gone(Some(device)),
            };
        }
        if !device.resolution.keeps() {
            return match device.install {
                Some(install) if install.may_be_there() => unwanted(install),
                _ => self.unwanted_and_gone(Some(device)),
            };
        }
        if install.is_proven() {
            // An app may be there before its licence is: after a licence was lost, or from another server.
            let missing = if device.wants() {
                self.missing_for(device, waits)
            } else {
                None
            };
            let detail = match missing {
                Some((_, detail)) => detail,
                None if self.is_outdated(device) => Detail::VppAppHasUpdateAvailable,
                None => Detail::NoAdditionalDetails,
            };
            return (InstallState::Installed, detail);
        }
        // Nobody wants it there, so nothing stands in its way.
        if device.resolution.kept {
            return match install.may_be_there() {
                true => (InstallState::Unknown, Detail::NoAdditionalDetails),
                false => self.unwanted_and_gone(Some(device)),
            };
        }
        match device.obstacle {
            Some(Detail::AwaitingDevice) if device.due => {
                return (InstallState::PendingInstall, Detail::AwaitingDevice);
            }
            Some(Detail::AppNotDescribed) if device.due => {
                return (InstallState::PendingInstall, Detail::AppNotDescribed);
            }
            None | Some(Detail::AwaitingDevice | Detail::AppNotDescribed) => {}
            Some(obstacle) => return (InstallState::NotApplicable, obstacle),
        }
        if !device.due {
            let goes_back = self.going_back(Some(device)).filter(|_| device.lapsed);
            return goes_back.unwrap_or_else(|| not_requested(device.install, &device.resolution));
        }
        let missing = self.missing_for(device, waits);
        let then = || match device.resolution.is_external() {
            true => left_to_others(&install),
            false => self.on_its_way(&install),
        };
        match missing.unwrap_or_else(then) {
            (state, Detail::AwaitingDevice) if device.device.unreachable_since.is_some() => {
                (state, Detail::DeviceUnreachable)
            }
            said => said,
        }
    }

    /// An older version than the store's is there, and to bring it to the newer one is ours.
    fn is_outdated(&self, device: &DeviceClaim<'_>) -> bool {
        let (policy, person) = (&self.world.policy, self.claim.person.id);
        let update = |install| Update::of(policy, self.app, install, &device.resolution, person);
        // Who is not managed yet, or no more, is told nothing.
        let here = device.device.is_enrolled();
        here && device.install.and_then(update).is_some() && self.missing_for(device, false).is_none()
    }

    /// What is missing before the device may be told to install; `None` when nothing is.
    fn missing_for(&self, device: &DeviceClaim<'_>, waits: bool) -> Option<Said> {
        self.missing_licence(self.claim.seat_for(device), self.claim.holder(device), waits)
    }

    /// What keeps the holder from having a licence that works, with this one; `None` when nothing does.
    fn missing_licence(&self, seat: Option<Seat>, holder: Holder, waits: bool) -> Option<Said> {
        let pending = |detail| Some((InstallState::PendingInstall, detail));
        // Nobody has to join anything for what is the device's own.
        let member = self.claim.is_member() || holder.kind() == HolderKind::Device;
        match seat {
            Some(Seat::Held { .. }) if member => None,
            Some(Seat::Held { .. }) => pending(Detail::UserNotEnrolledInProgram),
            _ if !self.world.token.usable() => pending(Detail::TokenNotUsable),
            Some(Seat::Reserved { .. }) => pending(Detail::LicenseAssociationPending),
            Some(Seat::Returning { .. }) => pending(Detail::LicenseReturnPending),
            None if let Some(detail) = self.refused(holder) => pending(detail),
            None if waits => match self.world.policy.policy_2016 {
                // A11.
                true => Some((InstallState::Failed, Detail::NoLicenseAvailable)),
                false => pending(Detail::WaitingForLicense),
            },
            None if !member && matches!(self.claim.person.program, Program::Refused { .. }) => {
                pending(Detail::ProgramRefused)
            }
            None if !member => pending(Detail::UserNotEnrolledInProgram),
            None => pending(Detail::LicenseAssociationPending),
        }
    }

    /// What Apple said when it was asked last, while it is not asked again. A want of stock shows as a place in the line.
    fn refused(&self, holder: Holder) -> Option<Detail> {
        let refusal = self.app.refusals.get(&holder)?;
        match refusal.reason {
            _ if !refusal.holds(self.world.now) => None,
            RefusalReason::Stock => None,
            RefusalReason::Temporary => Some(Detail::AppleTrouble),
            RefusalReason::Refused => Some(Detail::LicenseRefused),
        }
    }

    /// The licence is there; this is how far the device is.
    fn on_its_way(&self, install: &Install) -> Said {
        if install.command.is_some() {
            return (InstallState::PendingInstall, Detail::AwaitingDevice);
        }
        if install.is_removal_unproven() {
            return (InstallState::Unknown, Detail::UninstallPending);
        }
        if let Some(failure) = install.failure.as_ref().filter(|_| !install.is_unproven()) {
            let state = if failure.is_final() {
                InstallState::Failed
            } else {
                InstallState::PendingInstall
            };
            return (state, Detail::SeeInstallErrorCode);
        }
        match install.seen {
            Some(Seen::Installing) => (InstallState::PendingInstall, Detail::Installing),
            Some(Seen::AwaitingConsent) => (InstallState::PendingInstall, Detail::AwaitingUserConsent),
            Some(Seen::AwaitingLogin) => (InstallState::PendingInstall, Detail::UserIsNotLoggedIntoAppStore),
            _ if install.is_unproven() => (InstallState::PendingInstall, Detail::InstalledUnverified),
            Some(Seen::RemovedByUser) => (InstallState::NotInstalled, Detail::ManagedAppNoLongerPresent),
            Some(Seen::Rejected) => (InstallState::Failed, Detail::UserRejectedInstall),
            Some(Seen::Unmanaged) => (InstallState::Failed, Detail::InstalledUnmanaged),
            _ => (InstallState::PendingInstall, Detail::AwaitingDevice),
        }
    }

    /// The person's licence goes back, or one of this device.
    fn going_back(&self, device: Option<&DeviceClaim<'_>>) -> Option<Said> {
        let claim = self.claim;
        let goes_back = (claim.seat.is_some() && !claim.keeps_seat)
            || device.is_some_and(|device| device.seat.is_some() && !device.keeps_seat);
        (goes_back && self.app.revocable).then(|| {
            let usable = self.world.token.usable();
            let detail = if usable {
                Detail::LicenseReturnPending
            } else {
                Detail::TokenNotUsable
            };
            (InstallState::NotInstalled, detail)
        })
    }

    fn unwanted_and_gone(&self, device: Option<&DeviceClaim<'_>>) -> Said {
        let claim = self.claim;
        if let Some(said) = self.going_back(device) {
            return said;
        }
        let resolution = device.map_or(&claim.resolution, |device| &device.resolution);
        if resolution.not_applicable {
            return (InstallState::NotApplicable, Detail::NoAdditionalDetails);
        }
        (InstallState::NotInstalled, Detail::NoAdditionalDetails)
    }
}

/// The licence works, and whether the app is there is for somebody else to know.
const LICENSED: Said = (InstallState::Licensed, Detail::ExternalInstallation);

/// The licence is there, and somebody else installs. What the device was told before they took over goes on.
fn left_to_others(install: &Install) -> Said {
    let pending = |detail| (InstallState::PendingInstall, detail);
    match (install.command, install.seen) {
        (Some(InstallCommand::Install { .. }), _) => pending(Detail::AwaitingDevice),
        (Some(InstallCommand::Remove { .. }), _) => LICENSED,
        _ if install.is_removal_unproven() => LICENSED,
        (None, Some(Seen::Installing)) => pending(Detail::Installing),
        (None, Some(Seen::AwaitingConsent)) => pending(Detail::AwaitingUserConsent),
        (None, Some(Seen::AwaitingLogin)) => pending(Detail::UserIsNotLoggedIntoAppStore),
        (None, _) if install.is_unproven() => pending(Detail::InstalledUnverified),
        (None, _) => LICENSED,
    }
}

/// Available, and nobody asked for it.
fn not_requested(install: Option<&Install>, resolution: &Resolution) -> Said {
    match install {
        Some(install) if install.may_be_there() => (InstallState::Unknown, Detail::NoAdditionalDetails),
        Some(install) if install.seen == Some(Seen::RemovedByUser) => {
            (InstallState::NotInstalled, Detail::ManagedAppNoLongerPresent)
        }
        _ if resolution.required_from.is_some() => (InstallState::NotInstalled, Detail::DeadlineAhead),
        _ => (InstallState::NotInstalled, Detail::NotRequested),
    }
}

/// The app shall not be there, and may be.
fn unwanted(install: &Install) -> Said {
    let removing = matches!(install.command, Some(InstallCommand::Remove { .. })) || install.is_unproven();
    match &install.failure {
        Some(failure) if failure.is_final() && !removing => {
            (InstallState::UninstallFailed, Detail::SeeUninstallErrorCode)
        }
        _ if install.is_proven() => (InstallState::Installed, Detail::UninstallPending),
        _ => (InstallState::Unknown, Detail::UninstallPending),
    }
}
