//! What a change would bring each person of an app, before anything is changed: of its deployment, of who is in a group
//! that it is deployed to, of who and what is in the organisation, or of the policy.
//!
//! It looks at the people whom the change reaches, some at a time, with the functions of [`decide`](crate::decide()); of
//! everybody else only those in the line for a licence matter, and of them only their wish. What it keeps is a few words a
//! person, however much is known of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    ops::RangeInclusive,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Asset, AssetId, Counts, Deployment, DeploymentId, Detail, DeviceId, Group, GroupId, GroupKind, Holder, HolderKind,
    Installation, Leaver, LeavingDevice, Owned, PersonId, Policy, Program, Prompted, Reclaimable, Returner, Stand,
    Time, Unmet, Wish, World,
    decide::{Footing, Line, Shares, Standing, keeping, stands},
    owners::Owners,
};

/// What an app comes to for one person, as things are or as they would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// Gets one of the licences that are free now.
    Now,
    /// Gets one that comes back first.
    Later,
    /// One is left for them, once they have accepted the programme's terms or Apple is asked again.
    OnceReady,
    /// Wants one, and none is left.
    Waits,
    /// Has it, and keeps it.
    Has,
    /// Has it until whoever is to have one instead has it: the person, or a device.
    HandsOver,
    /// It is taken from them.
    Goes,
    /// Shall have it, and cannot.
    Cannot,
    /// May ask for it, and has not.
    MayAsk,
    Nothing,
}

impl Fate {
    /// Wants a licence, and has none.
    fn is_in_line(self) -> bool {
        matches!(self, Fate::Now | Fate::Later | Fate::OnceReady | Fate::Waits)
    }
}

/// What the change does to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Gets a licence that is free now.
    Gains,
    /// Gets a licence that comes back first.
    GainsLater,
    /// Gets a licence once they have accepted the terms, or Apple is asked again.
    GainsOnceReady,
    /// Waits for a licence.
    Waits,
    /// Loses the app that they have.
    Loses,
    /// Shall have it, and cannot.
    Cannot,
    /// May ask for it from now on.
    MayAsk,
    /// Keeps what was about to be taken from them.
    Keeps,
    /// Gives a licence back once another has taken its place: the person's own, or that of a device.
    HandsOver,
    /// Is due nothing any more, and had nothing.
    Drops,
    None,
}

/// One person, or one device that has or is to have a licence of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub holder: Holder,
    /// The person, or who has the device.
    pub person: PersonId,
    pub before: Fate,
    pub after: Fate,
    /// Place among those who wait for a licence afterwards, from 1, as a decision tells it.
    pub place: Option<u32>,
    /// What stands in the way: of whoever cannot have it, or has to be ready first.
    pub obstacle: Option<Detail>,
    /// Devices that get the app, lose it, or cannot have it.
    pub devices: u32,
    /// Which of the groups that the change is about they are reached through: the one whose line carries the result, else the
    /// first.
    pub group: Option<GroupId>,
    /// A licence comes back from them that would not without the change.
    pub gives_back: bool,
    /// Who installs what they get or have, and of what they lose, who installed it. Of what somebody else installed the licence
    /// goes and the app stays where it is, and stops working. Told of those whom the change is about.
    pub installation: Installation,
    /// Apple is asked for a client user for them first.
    pub creates_user: bool,
    /// What they will be asked (A84) because of the change: to join as soon as they want a licence, and on their devices when
    /// they get one.
    pub prompted: Prompted,
}

impl Outcome {
    pub fn effect(&self) -> Effect {
        match (self.before, self.after) {
            (before, after) if before == after => Effect::None,
            (_, Fate::Now) => Effect::Gains,
            (_, Fate::Later) => Effect::GainsLater,
            (_, Fate::OnceReady) => Effect::GainsOnceReady,
            (_, Fate::Waits) => Effect::Waits,
            (_, Fate::Has) => Effect::Keeps,
            (_, Fate::HandsOver) => Effect::HandsOver,
            (Fate::Has | Fate::HandsOver, _) => Effect::Loses,
            (_, Fate::Cannot) => Effect::Cannot,
            (before, Fate::MayAsk) if !before.is_in_line() => Effect::MayAsk,
            // What was going, goes.
            (Fate::Goes, Fate::Nothing) | (Fate::Nothing, Fate::Goes) => Effect::None,
            _ => Effect::Drops,
        }
    }

    /// Something happens to them, or they stand in the line.
    fn matters(&self) -> bool {
        self.effect() != Effect::None || self.after.is_in_line()
    }

    /// Wants a licence afterwards, and would not without the change.
    pub fn needs_another(&self) -> bool {
        self.after.is_in_line() && !self.before.is_in_line()
    }
}

/// From when on a change that takes licences back is more than one click.
///
/// The bounds leave no organisation without: whatever is set, a change that takes back more than half of the licences of an app,
/// and more than a hundred, is agreed to twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TakeBackLimits {
    /// A change that takes back more than this share of the licences of an app that are ours, in a hundred …
    pub share: u64,
    /// … and more than so many, is agreed to twice.
    pub more_than: u64,
    /// Of those, one that takes back more than so many in all is approved by another administrator; `None`: none is.
    pub approval_above: Option<u64>,
}

impl TakeBackLimits {
    pub const SHARES: RangeInclusive<u64> = 1..=50;
    pub const COUNTS: RangeInclusive<u64> = 1..=100;
    pub const APPROVALS: RangeInclusive<u64> = 0..=10_000;

    pub fn are_sane(&self) -> bool {
        Self::SHARES.contains(&self.share)
            && Self::COUNTS.contains(&self.more_than)
            && self.approval_above.is_none_or(|above| Self::APPROVALS.contains(&above))
    }

    /// Whether these let pass without another administrator what `before` would not have: whoever could do that alone would need
    /// nobody.
    pub fn loosen(&self, before: &TakeBackLimits) -> bool {
        let Some(above) = before.approval_above else {
            return false;
        };
        self.approval_above.is_none_or(|now| now > above)
            || self.share > before.share
            || self.more_than > before.more_than
    }
}

impl Default for TakeBackLimits {
    fn default() -> TakeBackLimits {
        TakeBackLimits {
            share: 20,
            more_than: 10,
            approval_above: None,
        }
    }
}

/// So many people are named of those to whom the same happens.
const FIRST: usize = 4;

/// People, or devices with licences of their own, to whom the same happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// Which of the two.
    pub kind: HolderKind,
    pub effect: Effect,
    /// What they go on with, when nothing happens to them.
    pub fate: Option<Fate>,
    /// What stands in their way.
    pub obstacle: Option<Detail>,
    /// Which of the groups that the change is about they are reached through.
    pub group: Option<GroupId>,
    pub number: u64,
    /// Devices that it is about.
    pub devices: u64,
    /// Who installs it: [`Outcome::installation`].
    pub installation: Installation,
    /// What they will be asked.
    pub prompted: Prompted,
    /// A few of them: those who wait as they stand in the line, everybody else by their ids.
    pub first: Vec<Holder>,
}

/// What becomes of it at a deadline, if nothing else changes until then (A24).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    pub deadline: Time,
    /// How many will want a licence then, and have none now.
    pub needed: u64,
    /// For whom none would be left, first in line first.
    pub waiting: Vec<Holder>,
}

/// What a change would bring. The sums add up: everybody who needs a licence is in one of four fates, and what is left of
/// the free ones and of those that come back is what nobody needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Everybody whom the change is about, or who is in a group that it is about, and everybody in the line, by the ids of
    /// people; devices with licences of their own after whoever has them.
    pub outcomes: Vec<Outcome>,
    pub owned: Owned,
    /// Licences that are out, whoever has them.
    pub out: u64,
    /// So many licences are kept afterwards for those who have the app by lines that keep some, and so many of these are not out
    /// by them: what of these is free is nobody else's.
    pub kept: u64,
    pub unmet: u64,
    /// How many of those that are kept as things are are not out by the lines that keep them.
    pub unmet_before: u64,
    /// Licences that come back, because of the change or anyhow.
    pub returning: u64,
    /// How many wait for a licence as things are.
    pub waited: u64,
    /// Who waits for one afterwards, first in line first.
    pub waiting: Vec<Holder>,
    /// At each deadline that lies ahead, the next first.
    pub at_deadlines: Vec<Later>,
}

impl Preview {
    /// Licences that are free now; `None` where there is no end of them.
    pub fn free(&self) -> Option<u64> {
        left(self.owned, self.out).free
    }

    /// How many more are out than are owned: so many have to come back before one is free again.
    pub fn short(&self) -> u64 {
        left(self.owned, self.out).short
    }

    /// How many of those that are free now are kept as things are.
    pub fn kept_before(&self) -> u64 {
        self.free().map_or(0, |free| free.min(self.unmet_before))
    }

    /// How many of those that are free now are kept afterwards.
    pub fn kept_of_free(&self) -> u64 {
        self.free().map_or(0, |free| free.min(self.unmet))
    }

    /// How many more are kept than are owned: so many are kept for nothing.
    pub fn kept_in_vain(&self) -> u64 {
        match self.owned {
            Owned::Count(owned) => self.kept.saturating_sub(owned),
            Owned::Unlimited => 0,
        }
    }

    fn count(&self, counts: impl Fn(&Outcome) -> bool) -> u64 {
        self.outcomes.iter().filter(|outcome| counts(outcome)).count() as u64
    }

    pub fn of_fate(&self, fate: Fate) -> u64 {
        self.count(|outcome| outcome.after == fate)
    }

    pub fn of_effect(&self, effect: Effect) -> u64 {
        self.count(|outcome| outcome.effect() == effect)
    }

    /// Licences that are wanted: by those who wait already, too.
    pub fn needed(&self) -> u64 {
        self.count(|outcome| outcome.after.is_in_line())
    }

    /// Licences that the change takes back.
    pub fn taken_back(&self) -> u64 {
        self.count(|outcome| outcome.gives_back)
    }

    /// What people will be asked.
    pub fn prompted(&self) -> Prompted {
        self.outcomes.iter().map(|outcome| outcome.prompted).sum()
    }

    /// Who is invited to join: each once, whatever else is previewed beside this.
    pub fn joining(&self) -> impl Iterator<Item = PersonId> {
        let outcomes = self.outcomes.iter().filter(|outcome| outcome.prompted.join > 0);
        outcomes.map(|outcome| outcome.person)
    }

    /// How many licences it takes back, when they are so many that whoever saves has to say so: of those that are `ours` now.
    pub fn take_back_to_confirm(&self, limits: &TakeBackLimits, ours: u64) -> Option<u64> {
        let taken_back = self.taken_back();
        let many = taken_back > limits.more_than && taken_back * 100 > ours * limits.share;
        many.then_some(taken_back)
    }

    /// What stays free when everything has come back and everybody has what is left for them.
    pub fn left(&self) -> Option<u64> {
        let back = self.returning.saturating_sub(self.short());
        Some((self.free()? + back).saturating_sub(self.needed() - self.of_fate(Fate::Waits)))
    }

    /// The same of people to whom the same happens, by what happens: however many they are, they fit on a page.
    pub fn affected(&self) -> Vec<Affected> {
        let mut groups: BTreeMap<_, Vec<&Outcome>> = BTreeMap::new();
        for outcome in &self.outcomes {
            let effect = outcome.effect();
            // What stands in the way says more of them than where they are.
            let group = outcome
                .group
                .filter(|_| outcome.obstacle.is_none() && effect != Effect::None);
            let fate = (effect == Effect::None).then_some(outcome.after);
            let obstacle = outcome.obstacle.filter(|_| effect != Effect::None);
            let kind = outcome.holder.kind();
            let by = outcome.installation;
            let of = groups.entry((effect, fate, obstacle, group, kind, by)).or_default();
            of.push(outcome);
        }
        let affected = groups
            .into_iter()
            .map(|((effect, fate, obstacle, group, kind, installation), mut holders)| {
                holders.sort_by_key(|outcome| (outcome.place.unwrap_or(u32::MAX), outcome.holder));
                Affected {
                    kind,
                    effect,
                    fate,
                    obstacle,
                    group,
                    number: holders.len() as u64,
                    devices: holders.iter().map(|outcome| u64::from(outcome.devices)).sum(),
                    installation,
                    prompted: holders.iter().map(|outcome| outcome.prompted).sum(),
                    first: holders.iter().take(FIRST).map(|outcome| outcome.holder).collect(),
                }
            });
        affected.collect()
    }

    /// Hands over, bit by bit, all that a change is agreed to by: what happens to whom, who stands in the line, and the
    /// licences that it was counted from. The same outcome says the same, and another one something else.
    pub fn said(&self, mut hear: impl FnMut(&[u8])) {
        for outcome in self.outcomes.iter().filter(|outcome| outcome.matters()) {
            hear(outcome.holder.id().as_bytes());
            hear(&[outcome.before as u8, outcome.after as u8, u8::from(outcome.gives_back)]);
            hear(&[
                outcome.obstacle.map_or(u8::MAX, |detail| detail as u8),
                outcome.installation as u8,
            ]);
            for prompted in [
                outcome.prompted.join,
                outcome.prompted.install,
                outcome.prompted.apple_id,
            ] {
                hear(&prompted.to_be_bytes());
            }
        }
        let free = self.free().unwrap_or(u64::MAX);
        for number in [free, self.short(), self.returning, self.kept, self.unmet] {
            hear(&number.to_be_bytes());
        }
        for later in &self.at_deadlines {
            hear(&later.needed.to_be_bytes());
            hear(&(later.waiting.len() as u64).to_be_bytes());
        }
    }
}

/// Who comes into a group, and who goes: people or devices, as the group has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    pub group: GroupId,
    pub kind: GroupKind,
    pub come: BTreeSet<Uuid>,
    pub go: BTreeSet<Uuid>,
}

/// The policy as it would be, and what follows from it for devices that have been silent for long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyChange {
    pub policy: Policy,
    /// Devices that count as gone by it, unless they are heard first, and would not.
    pub silent: BTreeSet<DeviceId>,
    /// Devices that do not count as gone any more, and would.
    pub back: BTreeSet<DeviceId>,
}

/// Whom a change of the policy can do something to, of an app: beside the people of the devices that it names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touched {
    /// Everybody of whom something is said.
    pub everybody: bool,
    /// [`Reclaimable::unreached`].
    pub unreached: bool,
    /// [`Reclaimable::removed`].
    pub removed: bool,
}

impl PolicyChange {
    /// Whether nothing is another one in it by which anybody has an app or not, where `before` is the policy as it is.
    pub fn is_idle(&self, before: &Policy) -> bool {
        let decides = |policy: &Policy| (policy.policy_2016, policy.rule_set, policy.reclaim.clone());
        self.silent.is_empty() && self.back.is_empty() && decides(&self.policy) == decides(before)
    }

    /// Whom it can do something to, where `before` is the policy as it is and `lines` are the deployment of the app.
    pub fn touches(&self, before: &Policy, lines: &[Deployment]) -> Touched {
        let (is, was) = (&self.policy, before);
        Touched {
            // What a single line says is the same by all rules.
            everybody: is.policy_2016 != was.policy_2016 || (is.rule_set != was.rule_set && lines.len() > 1),
            unreached: is.reclaim.left_all_groups != was.reclaim.left_all_groups,
            removed: is.reclaim.removed_after != was.reclaim.removed_after,
        }
    }

    fn make(&self, world: &mut World) {
        world.policy.clone_from(&self.policy);
        for (devices, silent_since) in [(&self.silent, Some(world.now)), (&self.back, None)] {
            for device in devices {
                if let Some(device) = world.devices.get_mut(device) {
                    device.silent_since = silent_since;
                }
            }
        }
    }
}

impl Touched {
    /// Whether it can do something to somebody of whom this is so.
    pub fn includes(&self, reclaimable: Reclaimable) -> bool {
        self.everybody || (self.unreached && reclaimable.unreached) || (self.removed && reclaimable.removed)
    }
}

/// What would be changed.
#[derive(Debug)]
enum Change {
    /// The deployment as it would be.
    Lines(Vec<Deployment>),
    Members(Vec<Members>),
    Leaves(Leaver),
    Returns(Returner),
    Device(LeavingDevice),
    Policy(Box<PolicyChange>),
}

impl Change {
    fn make(&self, world: &mut World, app: &mut Asset) {
        match self {
            Change::Lines(lines) => app.deployments.clone_from(lines),
            Change::Members(moves) => {
                for members in moves {
                    if let Some(group) = world.groups.get_mut(&members.group) {
                        members.change(group);
                    }
                }
            }
            Change::Leaves(leaver) => leaver.leaves(world, app),
            Change::Returns(returner) => returner.returns(world),
            Change::Device(leaving) => leaving.leaves(world),
            Change::Policy(change) => change.make(world),
        }
    }
}

impl Members {
    fn change(&self, group: &mut Group) {
        match self.kind {
            GroupKind::User => {
                group.people.retain(|person| !self.go.contains(&person.0));
                group.people.extend(self.come.iter().copied().map(PersonId));
            }
            GroupKind::Device => {
                group.devices.retain(|device| !self.go.contains(&device.0));
                group.devices.extend(self.come.iter().copied().map(DeviceId));
            }
        }
    }

    /// Whether the person comes or goes, or one of their devices does.
    fn concerns(&self, owners: &Owners<'_>, person: PersonId) -> bool {
        let moves = |id: &Uuid| self.come.contains(id) || self.go.contains(id);
        match self.kind {
            GroupKind::User => moves(&person.0),
            GroupKind::Device => owners.devices(person).iter().any(|device| moves(&device.id.0)),
        }
    }
}

/// A preview under way: people come in some at a time.
#[derive(Debug)]
pub struct Previewing {
    app: AssetId,
    change: Change,
    /// What the change is about: the groups whose line comes, goes, or says something else.
    changed: Vec<(GroupId, GroupKind)>,
    /// A group that is made with the change.
    made: Option<Group>,
    deadlines: Vec<Time>,
    people: Vec<Told>,
    /// How many licences lines keep, before the change and after: told by whoever is taken.
    keeping: [BTreeMap<DeploymentId, u64>; 2],
    /// What these people, and their devices, come to at each of the deadlines.
    then: Vec<Then>,
}

/// What people come to at a deadline.
#[derive(Debug, Clone, Default)]
struct Then {
    wishes: Vec<(Holder, Wish)>,
    /// How many licences of theirs are out by each line that keeps some.
    out: BTreeMap<DeploymentId, u64>,
}

/// Somebody in the line, or a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter {
    pub holder: Holder,
    /// The person, or who has the device.
    pub person: PersonId,
    pub wish: Wish,
}

/// What is kept of a person, or of a device of theirs, until all are there.
#[derive(Debug)]
struct Told {
    holder: Holder,
    person: PersonId,
    before: Footing,
    after: Footing,
    group: Option<GroupId>,
    /// Told of, whatever happens to them.
    meant: bool,
    has_user: bool,
}

impl Previewing {
    /// `before` and `lines` are the whole deployment of the app, as it is and as it would be.
    pub fn new(app: AssetId, before: &[Deployment], lines: Vec<Deployment>, now: Time) -> Previewing {
        let among = |lines: &[Deployment], line: &Deployment| lines.iter().any(|other| other.said() == line.said());
        let mut changed = Vec::new();
        let come = lines.iter().filter(|line| !among(before, line));
        for line in come.chain(before.iter().filter(|line| !among(&lines, line))) {
            if !changed.contains(&(line.group, line.kind)) {
                changed.push((line.group, line.kind));
            }
        }
        let early = lines.iter().filter(|line| line.is_early(now));
        let deadlines: BTreeSet<Time> = early.filter_map(|line| line.deadline).collect();
        Previewing {
            app,
            change: Change::Lines(lines),
            changed,
            made: None,
            keeping: Default::default(),
            then: vec![Then::default(); deadlines.len()],
            deadlines: deadlines.into_iter().collect(),
            people: Vec::new(),
        }
    }

    /// Of an app that is deployed to the group. Those are to be handed over who come or go, and, of a device group, whose
    /// devices do. What deadlines will change is not told.
    pub fn members(app: AssetId, members: Members) -> Previewing {
        Previewing::members_of_several(app, vec![members])
    }

    /// The same of several groups whose members change together.
    pub fn members_of_several(app: AssetId, moves: Vec<Members>) -> Previewing {
        Previewing {
            app,
            changed: moves.iter().map(|members| (members.group, members.kind)).collect(),
            change: Change::Members(moves),
            made: None,
            keeping: Default::default(),
            then: Vec::new(),
            deadlines: Vec::new(),
            people: Vec::new(),
        }
    }

    /// Of an app that the person has anything to do with. They are to be handed over. What deadlines will change is not told.
    pub fn leaves(app: AssetId, leaver: Leaver) -> Previewing {
        Previewing::about_nobody_else(app, Change::Leaves(leaver))
    }

    /// Of an app, when the person comes back. They are to be handed over. What deadlines will change is not told.
    pub fn returns(app: AssetId, returner: Returner) -> Previewing {
        Previewing::about_nobody_else(app, Change::Returns(returner))
    }

    /// Of an app that whoever has the device has anything to do with, when it leaves. They are to be handed over. What deadlines will
    /// change is not told.
    pub fn device(app: AssetId, leaving: LeavingDevice) -> Previewing {
        Previewing::about_nobody_else(app, Change::Device(leaving))
    }

    /// Of an app, when the policy becomes another one. Whom that can do something to ([`PolicyChange::touches`]) is to be handed
    /// over. What deadlines will change is not told, nor what the new policy will take back later.
    pub fn policy(app: AssetId, change: PolicyChange) -> Previewing {
        Previewing::about_nobody_else(app, Change::Policy(Box::new(change)))
    }

    /// A change that is about no group.
    fn about_nobody_else(app: AssetId, change: Change) -> Previewing {
        Previewing {
            app,
            changed: Vec::new(),
            made: None,
            change,
            keeping: Default::default(),
            then: Vec::new(),
            deadlines: Vec::new(),
            people: Vec::new(),
        }
    }

    /// The same, with a group that is made for it, and that one of the lines is of. Its people are to be handed over too, and,
    /// of a device group, the people of its devices.
    pub fn with_group(mut self, made: Group) -> Previewing {
        self.made = Some(made);
        self
    }

    /// The groups whose people are to be handed over, and, of a device group, the people of its devices: those that the
    /// change is about, and those to whom a deadline does something later.
    pub fn groups(&self) -> BTreeSet<GroupId> {
        let Change::Lines(lines) = &self.change else {
            return BTreeSet::new();
        };
        let later = lines.iter().filter(|line| {
            let deadline = line.deadline;
            deadline.is_some_and(|deadline| self.deadlines.contains(&deadline))
        });
        let changed = self.changed.iter().map(|(group, _)| *group);
        changed.chain(later.map(|line| line.group)).collect()
    }

    /// Takes some people: `world` holds them, with whatever is theirs of this app and reaches them. Each comes once; where nobody
    /// is to be taken, nobody comes once.
    pub fn add(&mut self, mut world: World) {
        let Some(mut app) = world.apps.remove(&self.app) else {
            return;
        };
        if let Some(made) = &self.made {
            let here = made.among(&world);
            world.groups.insert(made.id, here);
        }
        let about: Vec<GroupId> = self.changed.iter().map(|(group, _)| *group).collect();
        let before = stands(&world, &Owners::of(&world), &app, &about);
        self.keeping[0] = keeping(&world.policy, &app.deployments);
        self.change.make(&mut world, &mut app);
        self.keeping[1] = keeping(&world.policy, &app.deployments);
        let owners = Owners::of(&world);
        let after = stands(&world, &owners, &app, &about);
        for ((person, before), (_, after)) in before.into_iter().zip(&after) {
            let facts = &world.people[&person];
            let reaches = |(group, kind): &&(GroupId, GroupKind)| {
                world.groups.get(group).is_some_and(|group| match kind {
                    GroupKind::User => group.people.contains(&person),
                    GroupKind::Device => {
                        let mut devices = owners.devices(person).iter();
                        devices.any(|device| group.devices.contains(&device.id))
                    }
                })
            };
            let reached = || self.changed.iter().find(reaches).map(|(group, _)| *group);
            let owns = |device: DeviceId| world.owner(Holder::Device(device)) == Some(person);
            let has_user = !matches!(
                facts.program,
                Program::None | Program::Refused { .. } | Program::Retired
            );
            let holders: BTreeSet<Holder> = before.keys().chain(after.keys()).copied().collect();
            for holder in &holders {
                let footing = |of: &BTreeMap<Holder, Footing>| of.get(holder).copied().unwrap_or(Footing::NONE);
                let (before, after) = (footing(&before), footing(after));
                // Of a person for whom nothing is wanted but for their devices there is nothing to be told.
                let nothing = |of: &Footing| of.standing == Standing::Nothing;
                if holder.person().is_some() && holders.len() > 1 && nothing(&before) && nothing(&after) {
                    continue;
                }
                let group = match &self.change {
                    Change::Lines(_) => after.by.or_else(reached),
                    Change::Members(moves) => {
                        let concerned = moves.iter().find(|members| members.concerns(&owners, person));
                        concerned.map(|members| members.group)
                    }
                    Change::Leaves(_) | Change::Returns(_) | Change::Device(_) | Change::Policy(_) => None,
                };
                let meant = match &self.change {
                    Change::Lines(_) | Change::Members(_) => group.is_some(),
                    Change::Leaves(leaver) => leaver.person == person,
                    Change::Returns(returner) => returner.person == person,
                    Change::Device(leaving) => owns(leaving.device),
                    // Who it is about is who is another one by it.
                    Change::Policy(_) => before != after,
                };
                self.people.push(Told {
                    holder: *holder,
                    person,
                    before,
                    after,
                    group,
                    meant,
                    has_user,
                });
            }
        }
        for (deadline, then) in self.deadlines.iter().zip(&mut self.then) {
            world.now = *deadline;
            let people = stands(&world, &Owners::of(&world), &app, &[]).into_iter();
            for (holder, stand) in people.flat_map(|(_, holders)| holders) {
                then.wishes.extend(stand.standing.wish().map(|wish| (holder, wish)));
                if let Some(line) = stand.out_by {
                    *then.out.entry(line).or_default() += 1;
                }
            }
        }
    }

    /// What it comes to, when everybody of [`Previewing::groups`] was taken. `others` are those in the line who were not:
    /// whoever was is not looked at again. `out` of the licences that are `owned` are out now; beside those of the people who
    /// were taken, none comes back. `out_by` are those that are out to others by the lines that keep some.
    pub fn done(
        mut self,
        others: Vec<Waiter>,
        out_by: &BTreeMap<DeploymentId, u64>,
        owned: Owned,
        out: u64,
    ) -> Preview {
        let Counts { free, short, .. } = left(owned, out);
        self.people.sort_unstable_by_key(|told| (told.person, told.holder));
        let taken = |other: &Waiter| {
            self.people
                .binary_search_by_key(&other.person, |told| told.person)
                .is_ok()
        };
        let others: Vec<Waiter> = others.into_iter().filter(|other| !taken(other)).collect();
        let their_wishes = || others.iter().map(|other| (other.holder, other.wish));

        let given_back =
            |stand: fn(&Told) -> &Footing| self.people.iter().filter(move |told| stand(told).gives_back).count();
        let returning = [given_back(|told| &told.before), given_back(|told| &told.after)].map(|it| it as u64);
        let unmet = |stand: fn(&Told) -> &Footing, keeping: &BTreeMap<DeploymentId, u64>| {
            let mut out = out_by.clone();
            for line in self.people.iter().filter_map(|told| stand(told).out_by) {
                *out.entry(line).or_default() += 1;
            }
            Unmet::of(keeping, &out)
        };
        let unmet = [
            unmet(|told| &told.before, &self.keeping[0]),
            unmet(|told| &told.after, &self.keeping[1]),
        ];
        let fates = |stand: fn(&Told) -> &Footing, unmet: &Unmet, returning| {
            let own = self.people.iter().filter_map(|told| match stand(told).standing {
                Standing::InLine(wish) => Some((told.holder, wish, false)),
                Standing::InLineAgain(wish) => Some((told.holder, wish, true)),
                _ => None,
            });
            let others = their_wishes().map(|(holder, wish)| (holder, wish, false));
            let shares = Shares {
                left: free,
                unmet: unmet.clone(),
            };
            in_line(
                own.chain(others).collect(),
                shares,
                u64::saturating_sub(returning, short),
            )
        };
        let before = fates(|told| &told.before, &unmet[0], returning[0]);
        let after = fates(|told| &told.after, &unmet[1], returning[1]);
        let waiting = |stand: fn(&Told) -> &Footing, unmet: &Unmet| {
            let people = self.people.iter();
            let wishes = people.filter_map(|told| Some((told.holder, stand(told).standing.wish()?)));
            Line::of(wishes.chain(their_wishes()), free, unmet.clone()).waiting
        };
        let waited = waiting(|told| &told.before, &unmet[0]).len() as u64;
        let waiting = waiting(|told| &told.after, &unmet[1]);
        let places: BTreeMap<Holder, u32> = waiting.iter().copied().zip(1..).collect();

        let mut outcomes: Vec<Outcome> = Vec::with_capacity(self.people.len() + others.len());
        for told in &self.people {
            let fate = |stand: &Footing, line: &Fates| match stand.standing {
                Standing::InLine(_) | Standing::InLineAgain(_) => line.of(told.holder),
                Standing::Has => Fate::Has,
                Standing::HandsOver => Fate::HandsOver,
                Standing::Goes => Fate::Goes,
                Standing::Cannot(_) => Fate::Cannot,
                Standing::MayAsk => Fate::MayAsk,
                Standing::Nothing => Fate::Nothing,
            };
            let (before, after) = (fate(&told.before, &before), fate(&told.after, &after));
            let outcome = Outcome {
                holder: told.holder,
                person: told.person,
                before,
                after,
                place: places.get(&told.holder).copied(),
                obstacle: match told.after.standing {
                    Standing::Cannot(detail) => Some(detail),
                    Standing::InLine(wish) | Standing::InLineAgain(wish) if after == Fate::OnceReady => {
                        Some(unready(&wish))
                    }
                    _ => None,
                },
                // As of everybody else in the line: why somebody was looked at says nothing of them.
                devices: match after {
                    _ if !told.meant => 0,
                    Fate::Goes | Fate::Nothing => told.before.devices,
                    _ => told.after.devices,
                },
                group: told.group,
                gives_back: told.after.gives_back && !told.before.gives_back,
                // As with the devices.
                installation: match after {
                    _ if !told.meant => Installation::default(),
                    Fate::Goes | Fate::Nothing => told.before.installation,
                    _ => told.after.installation,
                },
                creates_user: false,
                prompted: Prompted::default(),
            };
            // Whoever was looked at for another reason, and to whom nothing happens, is none of it.
            if told.meant || outcome.matters() {
                outcomes.push(Outcome {
                    creates_user: outcome.needs_another() && !told.has_user && told.holder.person().is_some(),
                    prompted: match after {
                        _ if !told.meant || !outcome.needs_another() => Prompted::default(),
                        Fate::Waits => Prompted {
                            join: told.after.prompted.join,
                            ..Prompted::default()
                        },
                        _ => told.after.prompted,
                    },
                    ..outcome
                });
            }
        }
        outcomes.extend(others.iter().map(|other| {
            let after = after.of(other.holder);
            Outcome {
                holder: other.holder,
                person: other.person,
                before: before.of(other.holder),
                after,
                place: places.get(&other.holder).copied(),
                obstacle: (after == Fate::OnceReady).then(|| unready(&other.wish)),
                devices: 0,
                group: None,
                gives_back: false,
                installation: Installation::default(),
                creates_user: false,
                prompted: Prompted::default(),
            }
        }));
        outcomes.sort_unstable_by_key(|outcome| (outcome.person, outcome.holder));

        let at_deadlines = iter::zip(&self.deadlines, &self.then).map(|(deadline, then)| {
            let mut out = out_by.clone();
            for (line, theirs) in &then.out {
                *out.entry(*line).or_default() += theirs;
            }
            let unmet = Unmet::of(&self.keeping[1], &out);
            Later {
                deadline: *deadline,
                needed: (then.wishes.len() + others.len()) as u64,
                waiting: Line::of(then.wishes.iter().copied().chain(their_wishes()), free, unmet).waiting,
            }
        });
        Preview {
            at_deadlines: at_deadlines.collect(),
            outcomes,
            owned,
            out,
            kept: self.keeping[1].values().sum(),
            unmet: unmet[1].total(),
            unmet_before: unmet[0].total(),
            returning: returning[1],
            waited,
            waiting,
        }
    }
}

/// What is left of the licences, or lacks, when so many are out, whoever has them.
fn left(owned: Owned, out: u64) -> Counts {
    Counts::with(owned, 0, out, 0, 0)
}

/// What keeps somebody for whom a licence is left from having it.
fn unready(wish: &Wish) -> Detail {
    match wish.stand {
        Stand::Refused => Detail::LicenseRefused,
        Stand::Trouble => Detail::AppleTrouble,
        Stand::OutOfStock => Detail::WaitingForLicense,
        Stand::Ready => Detail::LicenseReturnPending,
        Stand::NotMember => Detail::UserNotEnrolledInProgram,
    }
}

/// What becomes of those in a line, by their ids.
struct Fates(Vec<(Holder, Fate)>);

impl Fates {
    fn of(&self, holder: Holder) -> Fate {
        let at = self.0.binary_search_by_key(&holder, |(holder, _)| *holder);
        at.map_or(Fate::Nothing, |at| self.0[at].1)
    }
}

/// Plays the line out: what is free goes to those who can use a licence, in order; then what comes back; and of what is left
/// then, one is kept for each who can use none yet, in order. Of whoever gives one back first, nothing is due at once. Each time
/// those come first for whom licences are kept.
fn in_line(mut line: Vec<(Holder, Wish, bool)>, mut shares: Shares, returning: u64) -> Fates {
    line.sort_unstable_by_key(|(holder, wish, _)| (wish.rank, *holder));
    let mut fates = Vec::with_capacity(line.len());
    let mut hand_out = |shares: &mut Shares, to: Vec<(Holder, Wish, bool)>, fate: Fate| {
        let gets = shares.hand_out(to.iter().map(|(_, wish, _)| wish.kept_by));
        let mut others = Vec::new();
        for (waiter, gets) in iter::zip(to, gets) {
            match gets {
                true => fates.push((waiter.0, fate)),
                false => others.push(waiter),
            }
        }
        others
    };
    let (ready, mut unready): (Vec<_>, Vec<_>) = line.into_iter().partition(|(_, wish, _)| wish.stand == Stand::Ready);
    let (later, now): (Vec<_>, Vec<_>) = ready
        .into_iter()
        .partition(|(_, _, gives_back_first)| *gives_back_first);
    let in_order = |mut line: Vec<(Holder, Wish, bool)>| {
        line.sort_unstable_by_key(|(holder, wish, _)| (wish.rank, *holder));
        line
    };
    let missed = hand_out(&mut shares, now, Fate::Now);
    shares.left = shares.left.map(|left| left + returning);
    let missed = hand_out(&mut shares, in_order([later, missed].concat()), Fate::Later);
    unready.extend(missed);
    for (holder, ..) in hand_out(&mut shares, in_order(unready), Fate::OnceReady) {
        fates.push((holder, Fate::Waits));
    }
    fates.sort_unstable_by_key(|(holder, _)| *holder);
    Fates(fates)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn takes_back(licences: u128) -> Preview {
        let goes = |number| Outcome {
            holder: PersonId(Uuid::from_u128(number)).into(),
            person: PersonId(Uuid::from_u128(number)),
            before: Fate::Has,
            after: Fate::Goes,
            place: None,
            obstacle: None,
            devices: 1,
            group: None,
            gives_back: true,
            installation: Installation::Managed,
            creates_user: false,
            prompted: Prompted::default(),
        };
        Preview {
            outcomes: (0..licences).map(goes).collect(),
            owned: Owned::Count(1_000),
            out: 1_000,
            kept: 0,
            unmet: 0,
            unmet_before: 0,
            returning: 0,
            waited: 0,
            waiting: Vec::new(),
            at_deadlines: Vec::new(),
        }
    }

    #[test]
    fn more_than_ten_and_more_than_a_fifth_of_ours_is_agreed_to_twice() {
        let asked = |licences, ours| takes_back(licences).take_back_to_confirm(&TakeBackLimits::default(), ours);
        assert_eq!(asked(10, 10), None, "all of them, but few");
        assert_eq!(asked(11, 54), Some(11));
        assert_eq!(asked(11, 55), None, "a fifth");
        assert_eq!(asked(200, 1_000), None);
        assert_eq!(asked(201, 1_000), Some(201));
    }

    #[test]
    fn what_is_asked_twice_follows_the_limits_and_is_never_nothing() {
        let limits = |share, more_than| TakeBackLimits {
            share,
            more_than,
            approval_above: None,
        };
        let asked =
            |share, more_than, licences| takes_back(licences).take_back_to_confirm(&limits(share, more_than), 1_000);
        assert_eq!(asked(1, 1, 10), None, "a hundredth");
        assert_eq!(asked(1, 1, 11), Some(11));
        assert_eq!(asked(50, 100, 500), None, "half of them");
        assert_eq!(asked(50, 100, 501), Some(501));
        for (share, more_than) in [(0, 10), (51, 10), (20, 0), (20, 101)] {
            assert!(!limits(share, more_than).are_sane(), "{share} {more_than}");
        }
        assert!(limits(1, 1).are_sane() && limits(50, 100).are_sane());
    }

    #[test]
    fn whoever_needs_another_administrator_needs_one_to_need_none() {
        let limits = |share, more_than, approval_above| TakeBackLimits {
            share,
            more_than,
            approval_above,
        };
        let before = limits(20, 10, Some(50));
        for looser in [
            limits(20, 10, None),
            limits(20, 10, Some(51)),
            limits(21, 10, Some(50)),
            limits(20, 11, Some(0)),
        ] {
            assert!(looser.loosen(&before), "{looser:?}");
            assert!(!looser.loosen(&limits(20, 10, None)), "nobody is needed");
        }
        for stricter in [before, limits(20, 10, Some(49)), limits(19, 9, Some(50))] {
            assert!(!stricter.loosen(&before), "{stricter:?}");
        }
    }
}
