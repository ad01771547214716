//! What one person may claim, and each of their devices, before it is known whether a licence is left.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    MovedUpEnd, Owners, Precedence, Rank, Stand, Wish, last_in_line,
    licensing::{self, licensing, needs_user},
};
use crate::{
    Approval, Asset, Deployment, DeploymentId, Detail, Device, DeviceId, GroupKind, Holder, HolderKind, Install,
    Installation, Licensing, Person, PersonId, PersonKind, Platform, Program, RefusalReason, Resolution, Rule, Seat,
    Time, World,
    conflict::{self, Intent, resolve},
    reclaim,
};

pub(super) struct Claim<'w> {
    pub person: &'w Person,
    /// The licence that they have themselves.
    pub seat: Option<Seat>,
    /// When the person asked for the app.
    pub requested: Option<Time>,
    /// The strongest of what the devices get, and of what is the person's own where that has to be said; what the person's
    /// groups say when there is no device.
    pub resolution: Resolution,
    /// What is the person's own, whatever devices they have.
    pub own: Option<Own>,
    /// No device speaks for that: it is said beside what is said of the devices.
    pub own_is_said: bool,
    pub devices: Vec<DeviceClaim<'w>>,
    /// Licences of devices of theirs that are away.
    pub left_over: BTreeMap<DeviceId, Seat>,
    /// Place in the order for a licence of their own; `None` for whoever does not want one.
    pub rank: Option<Rank>,
    /// The line that keeps licences for them, and for their devices: [`kept_by`].
    pub kept_by: Option<DeploymentId>,
    /// Of their own licence.
    pub keeps_seat: bool,
    /// Whoever stands in the line for them: themselves, and devices of theirs.
    pub wishes: BTreeMap<Holder, Wish>,
}

/// Somebody else installs the app for the person, on devices that we may never hear of, and the licence is to be theirs. So it
/// depends on no device.
pub(super) struct Own {
    pub resolution: Resolution,
    /// Place in the order; `None` while the person is not due the app.
    pub rank: Option<Rank>,
}

pub(super) struct DeviceClaim<'w> {
    pub device: &'w Device,
    pub install: Option<&'w Install>,
    pub resolution: Resolution,
    /// Required, or available and asked for, whether or not the device can have it.
    pub due: bool,
    /// What keeps the device from having the app, whatever anybody wants.
    pub obstacle: Option<Detail>,
    pub licensing: Licensing,
    /// The licence of the device itself.
    pub seat: Option<Seat>,
    /// Place in the order for a licence of its own; `None` when it does not want one.
    pub rank: Option<Rank>,
    /// Of its own licence.
    pub keeps_seat: bool,
    /// Its person removed the app from every device so long ago that what is only available to them is not due any more.
    pub lapsed: bool,
}

impl<'w> Claim<'w> {
    pub fn of(world: &'w World, owners: &Owners<'w>, app: &'w Asset, person: PersonId) -> Claim<'w> {
        let person = &world.people[&person];
        let requested = requested(app, person);
        let here = owners.devices(person.id);
        let lapsed = reclaim::is_over(world, app, person, here.iter().copied());
        let requested = requested.filter(|_| !lapsed);
        let mut devices: Vec<DeviceClaim<'w>> = here
            .iter()
            .map(|device| DeviceClaim {
                lapsed,
                ..DeviceClaim::of(world, app, person, requested, device)
            })
            .collect();
        let without = resolution(world, app, person, requested, None);
        let own = Own::of(world, app, &without, requested);
        let strongest = devices
            .iter()
            .map(|device| &device.resolution)
            .max_by_key(|resolution| strength(resolution));
        let spoken_for = |own: &Own| {
            let stronger = strongest.is_some_and(|it| strength(it) > strength(&own.resolution));
            let mut devices = devices.iter();
            stronger || devices.any(|device| device.licensing.kind == HolderKind::User && device.keeps())
        };
        let own_is_said = own.as_ref().is_some_and(|own| own.rank.is_some() && !spoken_for(own));
        let resolution = match strongest.filter(|_| !own_is_said) {
            Some(strongest) => strongest.clone(),
            None => without,
        };
        let is_kept = resolution.kept;
        let seat = app.seats.get(&Holder::Person(person.id)).copied();
        let works = seat.is_some_and(Seat::is_held) && is_member(person);
        // Who changes from one licence to another gains before anything goes back.
        for device in &mut devices {
            device.keeps_seat = match device.licensing.kind {
                _ if device.resolution.kept => device.keeps(),
                HolderKind::Device => device.keeps(),
                HolderKind::User => device.keeps() && device.relies() && !(works && device.is_free_of_others()),
            };
        }
        let keeps = |device: &DeviceClaim<'_>| match device.licensing.kind {
            _ if device.resolution.kept => device.keeps(),
            HolderKind::User => device.keeps(),
            HolderKind::Device => {
                let works = device.seat.is_some_and(Seat::is_held);
                device.keeps() && device.relies() && !(works && device.is_free_of_others())
            }
        };
        let of_person = |device: &&DeviceClaim<'_>| device.licensing.kind == HolderKind::User;
        let away = owners.away(person.id).iter();
        let left_over = away.filter_map(|device| Some((device.id, *app.seats.get(&Holder::Device(device.id))?)));
        let mut claim = Claim {
            person,
            seat,
            requested,
            kept_by: kept_by(
                world,
                app,
                devices
                    .iter()
                    .map(|device| &device.resolution)
                    .chain(own.as_ref().map(|own| &own.resolution))
                    .chain([&resolution]),
            ),
            resolution,
            left_over: left_over.collect(),
            rank: devices
                .iter()
                .filter(of_person)
                .filter_map(|device| device.rank)
                .chain(own.as_ref().and_then(|own| own.rank))
                .min()
                .map(|rank| rank.moved_up(app.moved_up.get(&person.id))),
            keeps_seat: is_kept || own.is_some() || devices.iter().any(keeps),
            own,
            own_is_said,
            wishes: BTreeMap::new(),
            devices,
        };
        let without = |seat: Option<Seat>| seat.is_none();
        let own = claim.wish_once_returned(world, app).filter(|_| without(claim.seat));
        claim.wishes.extend(own.map(|wish| (Holder::Person(person.id), wish)));
        for device in claim.devices.iter().filter(|device| without(device.seat)) {
            let wish = device.wish_once_returned(world, app, claim.kept_by);
            claim
                .wishes
                .extend(wish.map(|wish| (Holder::Device(device.device.id), wish)));
        }
        claim
    }

    /// Has accepted the programme's terms: licences work.
    pub fn is_member(&self) -> bool {
        is_member(self.person)
    }

    /// Shall have the app: required, or available and asked for, whether or not a device of theirs can have it.
    pub fn is_due(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.rank.is_some())
            || self.resolution.required
            || (self.resolution.available && self.requested.is_some())
    }

    /// Shall have the app, with no device to have it on: what stands in the way first.
    pub fn due_without_device(&self, world: &World, app: &Asset) -> Option<Detail> {
        let lines = app
            .deployments
            .iter()
            .filter(|line| self.resolution.by.contains(&line.id));
        let due = self.devices.is_empty() && self.own.is_none() && self.is_due();
        due.then(|| match licensing::can_be_had(world, app, lines) {
            true => Detail::NoEligibleDevice,
            false => Detail::NotDeviceAssignable,
        })
    }

    /// Why it is over that they were moved up, if it is. Whom only a device keeps from the line stays moved up, and so does
    /// whose licence Apple has not confirmed: it may turn it down, and they stand in the line again.
    pub fn moved_up_ends(&self) -> Option<MovedUpEnd> {
        let seats = || {
            self.seat
                .into_iter()
                .chain(self.devices.iter().filter_map(|device| device.seat))
        };
        if seats().any(|seat| matches!(seat, Seat::Reserved { .. })) || !self.wishes.is_empty() {
            return None;
        }
        match seats().next() {
            Some(_) => Some(MovedUpEnd::Served),
            None => (!self.is_due()).then_some(MovedUpEnd::NotDue),
        }
    }

    /// What brings the person into the line, as if the licence that they have themselves were back already; `None` for whoever
    /// wants none of their own.
    pub fn wish_once_returned(&self, world: &World, app: &Asset) -> Option<Wish> {
        let ready = match self.is_member() {
            true => Stand::Ready,
            false => Stand::NotMember,
        };
        Some(Wish {
            rank: self.rank?,
            kept_by: self.kept_by,
            stand: stand(world, app, self.person.id.into(), ready),
        })
    }

    /// The licences of theirs that are out and stay so.
    pub fn seats_that_stay(&self) -> u64 {
        let stays = |seat: Option<Seat>, keeps: bool| u64::from(seat.is_some_and(Seat::is_out) && keeps);
        let of_devices = self.devices.iter().map(|device| stays(device.seat, device.keeps_seat));
        stays(self.seat, self.keeps_seat) + of_devices.sum::<u64>()
    }

    /// [`last_in_line`] of those who stand there for the person.
    pub fn last(&self) -> Option<(Holder, Wish)> {
        last_in_line(self.wishes.iter().map(|(holder, wish)| (*holder, *wish)))
    }

    /// Nothing needs the person's licence but devices that are to have one of their own.
    pub fn is_kept_for_devices(&self) -> bool {
        let mut devices = self.devices.iter();
        !self.resolution.kept
            && self.own.is_none()
            && !devices.any(|device| device.licensing.kind == HolderKind::User && device.keeps())
    }

    /// Who brings the licence for the app on a device of theirs.
    pub fn holder(&self, device: &DeviceClaim<'_>) -> Holder {
        match device.licensing.kind {
            HolderKind::User => Holder::Person(self.person.id),
            HolderKind::Device => Holder::Device(device.device.id),
        }
    }

    /// The licence with which the app may be on a device of theirs.
    pub fn seat_for(&self, device: &DeviceClaim<'_>) -> Option<Seat> {
        match device.licensing.kind {
            HolderKind::User => self.seat,
            HolderKind::Device => device.seat,
        }
    }
}

/// The line that keeps licences for somebody for whom this comes out, on their devices and without any. Of several it is the one
/// whose group has the highest priority.
///
/// A person has one, and it is that of their devices, too: of those who stand in the line for them the same one waits then
/// whenever any of them does.
fn kept_by<'a>(
    world: &World,
    app: &Asset,
    resolutions: impl Iterator<Item = &'a Resolution> + Clone,
) -> Option<DeploymentId> {
    let carries = |line: &&Deployment| resolutions.clone().any(|resolution| resolution.by.contains(&line.id));
    let keeping = app.deployments.iter().filter(|line| line.keeps(&world.policy) > 0);
    let priority = |line: &&Deployment| Reverse(world.groups.get(&line.group).map_or(0, |group| group.priority));
    let first = keeping.filter(carries).min_by_key(|line| (priority(line), line.id));
    first.map(|line| line.id)
}

/// When the person asked for the app. A device asks for nothing.
fn requested(app: &Asset, person: &Person) -> Option<Time> {
    let requested = app.requests.get(&person.id).copied();
    requested.filter(|_| person.kind == PersonKind::Person)
}

fn is_member(person: &Person) -> bool {
    matches!(person.program, Program::Associated { .. })
}

/// How somebody stands in the line who would stand so if Apple had not said anything.
fn stand(world: &World, app: &Asset, holder: Holder, otherwise: Stand) -> Stand {
    let refusal = app.refusals.get(&holder);
    let refused = refusal.filter(|refusal| refusal.holds(world.now));
    match refused.map(|refusal| refusal.reason) {
        Some(RefusalReason::Stock) => Stand::OutOfStock,
        Some(RefusalReason::Temporary) => Stand::Trouble,
        Some(RefusalReason::Refused) => Stand::Refused,
        None => otherwise,
    }
}

impl<'w> DeviceClaim<'w> {
    fn of(
        world: &World,
        app: &'w Asset,
        person: &Person,
        requested: Option<Time>,
        device: &'w Device,
    ) -> DeviceClaim<'w> {
        let resolution = resolution(world, app, person, requested, Some(device));
        let carrying = app.deployments.iter().filter(|line| resolution.by.contains(&line.id));
        let nobody = person.kind == PersonKind::Device;
        let licensing = licensing(world, app, (nobody, device.shared), carrying.clone());
        let of_nobody = || nobody && needs_user(world, device.shared, carrying);
        let mut claim = DeviceClaim {
            device,
            install: app.installs.get(&device.id),
            due: resolution.required || (resolution.available && requested.is_some()),
            obstacle: obstacle(world, app, device, licensing.kind, resolution.installation, of_nobody),
            resolution,
            licensing,
            seat: app.seats.get(&Holder::Device(device.id)).copied(),
            rank: None,
            keeps_seat: false,
            lapsed: false,
        };
        if claim.wants() {
            claim.rank = Rank::of(world, app, &claim.resolution.by, requested);
        }
        claim
    }

    /// The app shall be on it, and can be.
    pub fn wants(&self) -> bool {
        self.due && self.obstacle.is_none()
    }

    pub fn may_be_there(&self) -> bool {
        self.install.is_some_and(Install::may_be_there)
    }

    /// The app may be on it: by us, or by somebody else, of which we know nothing.
    fn relies(&self) -> bool {
        self.may_be_there() || self.resolution.is_external()
    }

    /// Nothing on it needs a licence of the other kind any more.
    fn is_free_of_others(&self) -> bool {
        let free = |install: &Install| install.is_free_of_others(self.licensing.kind);
        self.install.is_none_or(free)
    }

    /// What brings the device into the line, as if the licence that it has itself were back already; `None` when it wants none.
    /// `kept_by` is of the whole claim.
    pub fn wish_once_returned(&self, world: &World, app: &Asset, kept_by: Option<DeploymentId>) -> Option<Wish> {
        let rank = self.rank.filter(|_| self.licensing.kind == HolderKind::Device)?;
        Some(Wish {
            rank: rank.moved_up(app.moved_up.get(&self.device.person)),
            kept_by,
            stand: stand(world, app, self.device.id.into(), Stand::Ready),
        })
    }

    /// Whether whatever licence the app is there with, or shall be, stays for it.
    ///
    /// A30: what was installed stays while the app is available. A device that enrols anew is out of reach for a
    /// moment only, and one that cannot have the app any more may still have it.
    /// On its way out a device keeps nothing: what it has goes with it.
    fn keeps(&self) -> bool {
        let leaving = self.device.enrolment.is_leaving();
        let over = self.lapsed && !self.resolution.required && !self.resolution.is_external();
        self.resolution.keeps()
            && !over
            && !leaving
            && (self.resolution.kept
                || self.may_be_there()
                || matches!(
                    self.obstacle,
                    None | Some(Detail::AwaitingDevice | Detail::AppNotDescribed)
                ))
    }
}

impl Own {
    /// Of somebody of whom their groups say this.
    fn of(world: &World, app: &Asset, without: &Resolution, requested: Option<Time>) -> Option<Own> {
        let carrying = app.deployments.iter().filter(|line| without.by.contains(&line.id));
        let theirs = without.is_external() && licensing(world, app, (false, false), carrying).kind == HolderKind::User;
        theirs.then(|| Own {
            rank: Rank::of(world, app, &without.by, requested),
            resolution: without.clone(),
        })
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

    /// The best of what these deployments give, which carry the result. `None` when they give the app to nobody who has not
    /// asked for it.
    fn of(world: &World, app: &Asset, by: &[DeploymentId], requested: Option<Time>) -> Option<Rank> {
        let mut best = None;
        for line in &app.deployments {
            if !by.contains(&line.id) {
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
    app: &Asset,
    person: &Person,
    requested: Option<Time>,
    device: Option<&Device>,
) -> Resolution {
    let reaches = |line: &&Deployment| {
        world.groups.get(&line.group).is_some_and(|group| match line.kind {
            GroupKind::User => person.kind == PersonKind::Person && group.people.contains(&person.id),
            GroupKind::Device => device.is_some_and(|device| group.devices.contains(&device.id)),
        })
    };
    if person.left {
        return Resolution::none();
    }
    let lines: Vec<&Deployment> = app.deployments.iter().filter(reaches).collect();
    if lines.is_empty() && !world.policy.reclaim.left_all_groups && has_it(app, person, device) {
        return Resolution {
            kept: true,
            rule: Rule::KeptWithoutDeployment,
            ..Resolution::none()
        };
    }
    let intents_at = |now: Time| -> Vec<Intent> {
        let intents = lines.iter().map(|line| Intent {
            deployment: line.id,
            kind: line.kind,
            approval: line.approval_at(now),
            // In 2016 nobody else installed anything.
            installation: match world.policy.policy_2016 {
                true => Installation::Managed,
                false => line.installation,
            },
        });
        intents.collect()
    };
    let resolved_at = |now: Time| resolve(world.policy.rule_set, &intents_at(now));
    let mut resolution = resolved_at(world.now);
    if requested.is_some() {
        resolution.installation = conflict::installation(&intents_at(world.now), &resolution.by, true);
    }
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

/// There is something to keep: a licence of theirs, or of the device, or the app on it.
fn has_it(app: &Asset, person: &Person, device: Option<&Device>) -> bool {
    let own = |device: &Device| {
        let install = app.installs.get(&device.id);
        app.seats.contains_key(&device.id.into()) || install.is_some_and(Install::may_be_there)
    };
    app.seats.contains_key(&person.id.into()) || device.is_some_and(own)
}

fn strength(resolution: &Resolution) -> u8 {
    match resolution {
        Resolution { required: true, .. } => 5,
        Resolution { available: true, .. } => 4,
        Resolution { kept: true, .. } => 3,
        Resolution { uninstall: true, .. } => 2,
        Resolution {
            not_applicable: true, ..
        } => 1,
        _ => 0,
    }
}

/// `needs_user` when the device belongs to nobody, and its deployments give licences to people.
fn obstacle(
    world: &World,
    app: &Asset,
    device: &Device,
    kind: HolderKind,
    installation: Installation,
    needs_user: impl FnOnce() -> bool,
) -> Option<Detail> {
    let external = installation == Installation::External;
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
    if kind == HolderKind::Device && !app.device_assignable {
        return Some(Detail::NotDeviceAssignable);
    }
    if needs_user() {
        return Some(Detail::LicenseNeedsUser);
    }
    // By whoever installs the app, who knows it.
    if app.bundle_id.is_none() && !external {
        return Some(Detail::AppNotDescribed);
    }
    if device.enrolment.is_leaving() {
        return Some(Detail::DeviceLeaving);
    }
    if external && kind == HolderKind::User {
        return None;
    }
    let unknown = kind == HolderKind::Device && !device.has_serial;
    (unknown || !device.is_enrolled()).then_some(Detail::AwaitingDevice)
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
