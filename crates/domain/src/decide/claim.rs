//! What one person may claim, before it is known whether a licence is left.

use std::{cmp::Reverse, collections::BTreeSet};

use super::{MovedUpEnd, Owners, Precedence, Rank, Stand, Wish};
use crate::{
    App, Approval, Deployment, Detail, Device, GroupKind, Install, Person, PersonId, Platform, Program, RefusalReason,
    Resolution, Rule, Seat, Time, World,
    conflict::{Intent, resolve},
};

pub(super) struct Claim<'w> {
    pub person: &'w Person,
    pub seat: Option<Seat>,
    /// When the person asked for the app.
    pub requested: Option<Time>,
    /// The strongest of what the devices get; what the person's groups say when there is no device.
    pub resolution: Resolution,
    pub devices: Vec<DeviceClaim<'w>>,
    /// Place in the order for a licence; `None` for whoever does not want one.
    pub rank: Option<Rank>,
    pub keeps_seat: bool,
}

pub(super) struct DeviceClaim<'w> {
    pub device: &'w Device,
    pub install: Option<&'w Install>,
    pub resolution: Resolution,
    /// Required, or available and asked for, whether or not the device can have it.
    pub due: bool,
    /// What keeps the device from having the app, whatever anybody wants.
    pub obstacle: Option<Detail>,
}

impl<'w> Claim<'w> {
    pub fn of(world: &'w World, owners: &Owners<'w>, app: &'w App, person: PersonId) -> Claim<'w> {
        let person = &world.people[&person];
        let requested = app.requests.get(&person.id).copied();
        let devices: Vec<DeviceClaim<'w>> = owners
            .devices(person.id)
            .iter()
            .map(|device| DeviceClaim::of(world, app, person, requested, device))
            .collect();
        let resolution = devices
            .iter()
            .map(|device| &device.resolution)
            .max_by_key(|resolution| strength(resolution))
            .cloned()
            .unwrap_or_else(|| resolution(world, app, person, requested, None));
        Claim {
            person,
            seat: app.seats.get(&person.id).copied(),
            requested,
            resolution,
            rank: devices
                .iter()
                .filter_map(|device| Rank::of(world, app, device, requested))
                .min()
                .map(|rank| rank.moved_up(app.moved_up.get(&person.id))),
            keeps_seat: devices.iter().any(DeviceClaim::keeps_seat),
            devices,
        }
    }

    /// Has accepted the programme's terms: licences work.
    pub fn is_member(&self) -> bool {
        matches!(self.person.program, Program::Associated { .. })
    }

    /// Shall have the app: required, or available and asked for, whether or not a device of theirs can have it.
    pub fn is_due(&self) -> bool {
        self.resolution.required || (self.resolution.available && self.requested.is_some())
    }

    /// Shall have the app, with no device to have it on.
    pub fn is_due_without_device(&self) -> bool {
        self.devices.is_empty() && self.is_due()
    }

    /// Why it is over that they were moved up, if it is. Whom only a device keeps from the line stays moved up, and so does
    /// whose licence Apple has not confirmed: it may turn it down, and they stand in the line again.
    pub fn moved_up_ends(&self) -> Option<MovedUpEnd> {
        match self.seat {
            Some(Seat::Reserved { .. }) => None,
            Some(Seat::Held { .. } | Seat::Returning { .. }) => Some(MovedUpEnd::Served),
            None => (!self.is_due()).then_some(MovedUpEnd::NotDue),
        }
    }

    /// What brings the person into the line; `None` for whoever wants no licence, or has one.
    pub fn wish(&self, world: &World, app: &App) -> Option<Wish> {
        self.wish_once_returned(world, app).filter(|_| self.seat.is_none())
    }

    /// The same, as if the licence that they have were back already.
    pub fn wish_once_returned(&self, world: &World, app: &App) -> Option<Wish> {
        let rank = self.rank?;
        let refusal = app.refusals.get(&self.person.id);
        let refused = refusal.filter(|refusal| refusal.holds(world.now));
        let stand = match refused.map(|refusal| refusal.reason) {
            Some(RefusalReason::Stock) => Stand::OutOfStock,
            Some(RefusalReason::Temporary) => Stand::Trouble,
            Some(RefusalReason::Refused) => Stand::Refused,
            None if self.is_member() => Stand::Ready,
            None => Stand::NotMember,
        };
        Some(Wish { rank, stand })
    }
}

impl<'w> DeviceClaim<'w> {
    fn of(
        world: &World,
        app: &'w App,
        person: &Person,
        requested: Option<Time>,
        device: &'w Device,
    ) -> DeviceClaim<'w> {
        let resolution = resolution(world, app, person, requested, Some(device));
        DeviceClaim {
            device,
            install: app.installs.get(&device.id),
            due: resolution.required || (resolution.available && requested.is_some()),
            resolution,
            obstacle: obstacle(world, app, device),
        }
    }

    /// The app shall be on it, and can be.
    pub fn wants(&self) -> bool {
        self.due && self.obstacle.is_none()
    }

    /// A30: what was installed stays while the app is available. A device that enrols anew is out of reach for a
    /// moment only, and one that cannot have the app any more may still have it.
    /// On its way out a device keeps nothing: what it has goes with it.
    fn keeps_seat(&self) -> bool {
        let there = self.install.is_some_and(Install::may_be_there);
        let leaving = self.device.enrolment.is_leaving();
        self.resolution.keeps()
            && !leaving
            && (there
                || matches!(
                    self.obstacle,
                    None | Some(Detail::AwaitingDevice | Detail::AppNotDescribed)
                ))
    }
}

impl Rank {
    /// Of somebody who was moved up, if they were: they are due the app by the same deployment, and since when.
    fn moved_up(self, at: Option<&Time>) -> Rank {
        Rank {
            precedence: at.map_or(self.precedence, |at| Precedence::MovedUp(*at)),
            ..self
        }
    }

    /// The best of what the deployments that carry the result give to the device.
    fn of(world: &World, app: &App, device: &DeviceClaim<'_>, requested: Option<Time>) -> Option<Rank> {
        if !device.wants() {
            return None;
        }
        let mut best = None;
        for line in &app.deployments {
            if !device.resolution.by.contains(&line.id) {
                continue;
            }
            let only_available = line.approval_at(world.now) == Approval::Available;
            let since = line.since_at(world.now);
            let since = match (only_available, requested) {
                // Available counts for those who asked.
                (true, None) => continue,
                (true, Some(asked)) => asked,
                // Whoever asked before the deadline does not fall back behind those who did not.
                (false, Some(asked)) if line.deadline.is_some() => since.min(asked.max(line.since)),
                (false, _) => since,
            };
            let priority = Reverse(world.groups.get(&line.group).map_or(0, |group| group.priority));
            best = best
                .into_iter()
                .chain([Rank {
                    precedence: Precedence::Priority(priority),
                    only_available,
                    since,
                }])
                .min();
        }
        best
    }
}

/// What reaches a person on a device, or without any. Whoever left is reached by nothing.
fn resolution(
    world: &World,
    app: &App,
    person: &Person,
    requested: Option<Time>,
    device: Option<&Device>,
) -> Resolution {
    let reaches = |line: &&Deployment| {
        world.groups.get(&line.group).is_some_and(|group| match line.kind {
            GroupKind::User => group.people.contains(&person.id),
            GroupKind::Device => device.is_some_and(|device| group.devices.contains(&device.id)),
        })
    };
    if person.left {
        return Resolution::none();
    }
    let lines: Vec<&Deployment> = app.deployments.iter().filter(reaches).collect();
    let resolved_at = |now: Time| {
        let intents: Vec<Intent> = lines
            .iter()
            .map(|line| Intent {
                deployment: line.id,
                kind: line.kind,
                approval: line.approval_at(now),
            })
            .collect();
        resolve(world.policy.rule_set, &intents)
    };
    let mut resolution = resolved_at(world.now);
    if !resolution.required {
        let early = lines.iter().filter(|line| line.is_early(world.now));
        let ahead: BTreeSet<Time> = early.filter_map(|line| line.deadline).collect();
        resolution.required_from = ahead.into_iter().find(|deadline| resolved_at(*deadline).required);
    }
    if requested.is_some() && !resolution.keeps() && resolution.rule == Rule::OnlyIntent {
        resolution.rule = Rule::AdministratorBeatsUser;
    }
    resolution
}

fn strength(resolution: &Resolution) -> u8 {
    match resolution {
        Resolution { required: true, .. } => 4,
        Resolution { available: true, .. } => 3,
        Resolution { uninstall: true, .. } => 2,
        Resolution {
            not_applicable: true, ..
        } => 1,
        _ => 0,
    }
}

fn obstacle(world: &World, app: &App, device: &Device) -> Option<Detail> {
    // Apple lists an iPad's apps under iOS.
    let runs = app.platforms.contains(&device.platform)
        || (device.platform == Platform::IpadOs && app.platforms.contains(&Platform::Ios));
    if !runs {
        return Some(Detail::PlatformNotApplicable);
    }
    if is_older(&device.os_version, &app.minimum_os) {
        return Some(Detail::MinimumOsVersionNotMet);
    }
    if world.policy.policy_2016 && device.dep {
        return Some(Detail::DeviceEnrolledThroughDep);
    }
    if app.bundle_id.is_none() {
        return Some(Detail::AppNotDescribed);
    }
    if device.enrolment.is_leaving() {
        return Some(Detail::DeviceLeaving);
    }
    (!device.is_enrolled()).then_some(Detail::AwaitingDevice)
}

/// Whether `version` comes before `minimum`. 17 is 17.0; a version that nobody knows is no obstacle.
fn is_older(version: &[u32], minimum: &[u32]) -> bool {
    let part = |version: &[u32], index: usize| version.get(index).copied().unwrap_or(0);
    let parts = 0..version.len().max(minimum.len());
    let padded = |version: &[u32]| parts.clone().map(|index| part(version, index)).collect::<Vec<u32>>();
    !version.is_empty() && padded(version) < padded(minimum)
}

#[cfg(test)]
mod tests {
    use super::is_older;

    #[test]
    fn versions_are_compared_number_by_number() {
        assert!(is_older(&[9, 3], &[10]));
        assert!(is_older(&[17, 4, 1], &[17, 5]));
        assert!(!is_older(&[17, 10], &[17, 9]));
    }

    #[test]
    fn what_is_not_said_of_a_version_is_zero() {
        assert!(!is_older(&[17], &[17, 0]));
        assert!(!is_older(&[17, 0, 0], &[17]));
        assert!(is_older(&[17], &[17, 0, 1]));
    }

    #[test]
    fn a_device_that_has_not_told_its_version_is_not_turned_away() {
        assert!(!is_older(&[], &[17]));
        assert!(!is_older(&[1], &[]));
    }
}
