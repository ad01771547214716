//! What to say of a person and their devices: a state, and why.
//!
//! *Installed* is said on the word of the device alone.

use super::{
    DeviceVerdict, PersonVerdict,
    claim::{Claim, DeviceClaim},
};
use crate::{
    App, Detail, Install, InstallCommand, InstallState, Place, Program, RefusalReason, Resolution, Seat, Seen, World,
};

/// What the line for licences means to one person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub place: Option<Place>,
}

type Said = (InstallState, Detail);

pub(super) fn of(world: &World, app: &App, claim: &Claim<'_>, turn: Turn) -> PersonVerdict {
    let words = Words {
        world,
        app,
        claim,
        turn,
    };
    let devices: Vec<DeviceVerdict> = claim
        .devices
        .iter()
        .map(|device| {
            let (state, detail) = words.of_device(device);
            DeviceVerdict {
                device: device.device.id,
                resolution: device.resolution.clone(),
                eligible: device.obstacle.is_none(),
                wants: device.wants(),
                state,
                detail,
            }
        })
        .collect();
    // A device with which the app has nothing to do says nothing of the person.
    let concerned = devices.iter().filter(|device| device.concerns());
    let worst = concerned
        .map(|device| (device.state, device.detail))
        .min_by_key(|(state, _)| *state);
    let (state, detail) = worst.unwrap_or_else(|| words.without_device());
    PersonVerdict {
        person: claim.person.id,
        program: claim.person.program,
        seat: claim.seat,
        place: turn.place,
        waiting_since: claim.rank.map(|rank| rank.since),
        state,
        detail,
        devices: devices.into_iter().map(|device| (device.device, device)).collect(),
        wants_seat: claim.rank.is_some(),
        keeps_seat: claim.keeps_seat,
        resolution: claim.resolution.clone(),
    }
}

/// What everything said of one person is said from.
struct Words<'a> {
    world: &'a World,
    app: &'a App,
    claim: &'a Claim<'a>,
    turn: Turn,
}

impl Words<'_> {
    fn without_device(&self) -> Said {
        let resolution = &self.claim.resolution;
        if resolution.required || (resolution.available && self.claim.requested.is_some()) {
            return (InstallState::PendingInstall, Detail::NoEligibleDevice);
        }
        if resolution.available {
            return not_requested(None, resolution);
        }
        self.unwanted_and_gone(resolution)
    }

    fn of_device(&self, device: &DeviceClaim<'_>) -> Said {
        let install = device.install.cloned().unwrap_or_default();
        if device.device.enrolment.is_leaving() {
            return match device.install {
                Some(install) if install.is_proven() => (InstallState::Installed, Detail::DeviceLeaving),
                Some(install) if install.may_be_there() => (InstallState::Unknown, Detail::DeviceLeaving),
                _ => self.unwanted_and_gone(&device.resolution),
            };
        }
        if !device.resolution.keeps() {
            return match device.install {
                Some(install) if install.may_be_there() => unwanted(install),
                _ => self.unwanted_and_gone(&device.resolution),
            };
        }
        if install.is_proven() {
            // An app may be there before its licence is: after a licence was lost, or from another server.
            let missing = if device.wants() { self.missing_licence() } else { None };
            return (
                InstallState::Installed,
                missing.map_or(Detail::NoAdditionalDetails, |(_, detail)| detail),
            );
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
            return not_requested(device.install, &device.resolution);
        }
        match self.missing_licence().unwrap_or_else(|| self.on_its_way(&install)) {
            (state, Detail::AwaitingDevice) if device.device.unreachable_since.is_some() => {
                (state, Detail::DeviceUnreachable)
            }
            said => said,
        }
    }

    /// What is missing before the device may be told to install; `None` when nothing is.
    fn missing_licence(&self) -> Option<Said> {
        let pending = |detail| Some((InstallState::PendingInstall, detail));
        let member = self.claim.is_member();
        match self.claim.seat {
            Some(Seat::Held { .. }) if member => None,
            Some(Seat::Held { .. }) => pending(Detail::UserNotEnrolledInProgram),
            _ if !self.world.token.usable() => pending(Detail::TokenNotUsable),
            Some(Seat::Reserved { .. }) => pending(Detail::LicenseAssociationPending),
            Some(Seat::Returning { .. }) => pending(Detail::LicenseReturnPending),
            None if let Some(detail) = self.refused() => pending(detail),
            None if self.turn.place.is_some() => match self.world.policy.policy_2016 {
                // A11.
                true => Some((InstallState::Failed, Detail::NoLicenseAvailable)),
                false => pending(Detail::WaitingForLicense),
            },
            None if matches!(self.claim.person.program, Program::Refused { .. }) => pending(Detail::ProgramRefused),
            None if !member => pending(Detail::UserNotEnrolledInProgram),
            None => pending(Detail::LicenseAssociationPending),
        }
    }

    /// What Apple said when it was asked last, while it is not asked again. A want of stock shows as a place in the line.
    fn refused(&self) -> Option<Detail> {
        let refusal = self.app.refusals.get(&self.claim.person.id)?;
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

    /// `resolution` is the device's, or the person's where there is no device.
    fn unwanted_and_gone(&self, resolution: &Resolution) -> Said {
        let claim = self.claim;
        if claim.seat.is_some() && !claim.keeps_seat && self.app.revocable {
            let usable = self.world.token.usable();
            let detail = if usable {
                Detail::LicenseReturnPending
            } else {
                Detail::TokenNotUsable
            };
            return (InstallState::NotInstalled, detail);
        }
        if resolution.not_applicable {
            return (InstallState::NotApplicable, Detail::NoAdditionalDetails);
        }
        (InstallState::NotInstalled, Detail::NoAdditionalDetails)
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
