//! What changing the deployment of an app, the members of a group or the policy, or somebody's leaving, would bring, read person by
//! person.
//!
//! It reads those whom the change reaches, and of everybody else the line for the app as it was decided. Whoever something
//! happened to since is read, too; so it is right at every moment, and costs what it is about.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AssetId, Deployment, DeviceId, Group, GroupId, GroupKind, Leaver, LeavingDevice, LocationId, Members, Owned,
    PersonId, PolicyChange, Preview, Previewing, Returner, Time, Touched,
};

use crate::{
    Cut, Of, Part, Span, StoreError,
    db::{Conn, Record, hexed, reads, values},
};

/// So many people are read at once.
const AT_ONCE: usize = 2_000;
/// So many members of a group.
const MEMBERS: i64 = 20_000;
/// So many people to whom something happened since they were decided are read beside. Of more, what is kept of the line is no
/// help, and everybody whom the app reaches is read.
const UNDECIDED: i64 = 5_000;

reads! {
    /// What it would bring if `lines` were the whole deployment of the app. `None` when there is no such app.
    previewed(location: LocationId, asset: AssetId, lines: &'a [Deployment], now: Time) -> Option<Preview>;
    /// The same, with a group that is made for it and has members at once.
    previewed_with_group(location: LocationId, asset: AssetId, lines: &'a [Deployment], made: &'a Group, now: Time) -> Option<Preview>;
    /// What it would bring, of this app, if these came into groups, to some of which it is deployed, and those went. `None` when
    /// there is no such app.
    previewed_members(location: LocationId, asset: AssetId, moves: &'a [Members], now: Time) -> Option<Preview>;
    /// What it would bring, of this app, if this person left. `None` when there is no such app.
    previewed_leaver(location: LocationId, asset: AssetId, leaver: Leaver, now: Time) -> Option<Preview>;
    /// What it would bring, of this app, if this person came back. `None` when there is no such app.
    previewed_return(location: LocationId, asset: AssetId, returner: &'a Returner, now: Time) -> Option<Preview>;
    /// What it would bring, of this app, if this device left. `None` when there is no such app, or no such device.
    previewed_device(location: LocationId, asset: AssetId, leaving: LeavingDevice, now: Time) -> Option<Preview>;
    /// What it would bring, of this app, if the policy became another one. `None` when that can do nothing to anybody, or there is
    /// no such app. Costs a look at what is said of the app, and those to whom it can do something.
    previewed_policy(location: LocationId, asset: AssetId, change: &'a PolicyChange, now: Time) -> Option<Preview>;
    /// To whom another policy can do something, by what was decided of them; `None` when it can do nothing to anybody who has
    /// anything to do with the app, whatever was decided of them.
    people_touched(asset: AssetId, change: &'a PolicyChange) -> Option<BTreeSet<PersonId>>;
    /// Devices that were heard last in this span of time: those that begin to count as gone, or end to, when the time changes after
    /// which a silent one does. `silent`: those that count as gone by now, and else those that are with us.
    devices_heard_between(silent: bool, from: Time, before: Time) -> Vec<DeviceId>;
}

impl Conn<'_> {
    async fn previewed(
        &mut self,
        location: LocationId,
        asset: AssetId,
        lines: &[Deployment],
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        self.previewed_lines(location, asset, lines, None, now).await
    }

    async fn previewed_with_group(
        &mut self,
        location: LocationId,
        asset: AssetId,
        lines: &[Deployment],
        made: &Group,
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        self.previewed_lines(location, asset, lines, Some(made), now).await
    }

    async fn previewed_lines(
        &mut self,
        location: LocationId,
        asset: AssetId,
        lines: &[Deployment],
        made: Option<&Group>,
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        let present = self.deployments(asset).await?;
        let kinds: BTreeMap<GroupId, GroupKind> = present
            .iter()
            .chain(lines)
            .map(|line| (line.group, line.kind))
            .collect();
        let mut previewing = Previewing::new(asset, &present, lines.to_vec(), now);
        let mut people = BTreeSet::new();
        if let Some(made) = made {
            people.extend(&made.people);
            let devices: Vec<DeviceId> = made.devices.iter().copied().collect();
            let rows = self.devices_of_ids(&devices).await?;
            people.extend(rows.into_iter().map(|row| row.person_id));
            previewing = previewing.with_group(made.clone());
        }
        for group in previewing.groups() {
            if let Some(kind) = kinds.get(&group) {
                self.people_reached(group, *kind, &mut people).await?;
            }
        }
        self.played(location, asset, previewing, people, kinds, now).await
    }

    async fn previewed_members(
        &mut self,
        location: LocationId,
        asset: AssetId,
        moves: &[Members],
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        let present = self.deployments(asset).await?;
        let kinds = present.iter().map(|line| (line.group, line.kind)).collect();
        let mut people = BTreeSet::new();
        for members in moves {
            let moved = members.come.iter().chain(&members.go).copied();
            match members.kind {
                GroupKind::User => people.extend(moved.map(PersonId)),
                GroupKind::Device => {
                    let devices: Vec<DeviceId> = moved.map(DeviceId).collect();
                    let rows = self.devices_of_ids(&devices).await?;
                    people.extend(rows.into_iter().map(|row| row.person_id));
                }
            }
        }
        let previewing = Previewing::members_of_several(asset, moves.to_vec());
        self.played(location, asset, previewing, people, kinds, now).await
    }

    async fn previewed_leaver(
        &mut self,
        location: LocationId,
        asset: AssetId,
        leaver: Leaver,
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        let present = self.deployments(asset).await?;
        let kinds = present.iter().map(|line| (line.group, line.kind)).collect();
        let people = BTreeSet::from([leaver.person]);
        let previewing = Previewing::leaves(asset, leaver);
        self.played(location, asset, previewing, people, kinds, now).await
    }

    async fn previewed_return(
        &mut self,
        location: LocationId,
        asset: AssetId,
        returner: &Returner,
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        let present = self.deployments(asset).await?;
        let kinds = present.iter().map(|line| (line.group, line.kind)).collect();
        let people = BTreeSet::from([returner.person]);
        let previewing = Previewing::returns(asset, returner.clone());
        self.played(location, asset, previewing, people, kinds, now).await
    }

    async fn previewed_device(
        &mut self,
        location: LocationId,
        asset: AssetId,
        leaving: LeavingDevice,
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        let rows = self.devices_of_ids(&[leaving.device]).await?;
        let people: BTreeSet<PersonId> = rows.into_iter().map(|row| row.person_id).collect();
        if people.is_empty() {
            return Ok(None);
        }
        let present = self.deployments(asset).await?;
        let kinds = present.iter().map(|line| (line.group, line.kind)).collect();
        let previewing = Previewing::device(asset, leaving);
        self.played(location, asset, previewing, people, kinds, now).await
    }

    async fn previewed_policy(
        &mut self,
        location: LocationId,
        asset: AssetId,
        change: &PolicyChange,
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        let Some(mut people) = self.people_touched(asset, change).await? else {
            return Ok(None);
        };
        match self.undecided_people(location, now, UNDECIDED).await? {
            // Of the others it is known that it does nothing to them.
            Some(undecided) if people.is_empty() && undecided.is_empty() => return Ok(None),
            Some(_) => {}
            // What is kept of anybody may not be so any more, also of whom nothing reaches.
            None => {
                let sql = "SELECT DISTINCT person_id FROM installs JOIN devices ON devices.id = device_id WHERE asset_id = $1";
                let there: Vec<PersonId> = self.all(sql, values![asset], |row| row.parsed("person_id")).await?;
                people.extend(there);
            }
        }
        let present = self.deployments(asset).await?;
        let kinds = present.iter().map(|line| (line.group, line.kind)).collect();
        let previewing = Previewing::policy(asset, change.clone());
        self.played(location, asset, previewing, people, kinds, now).await
    }

    async fn people_touched(
        &mut self,
        asset: AssetId,
        change: &PolicyChange,
    ) -> Result<Option<BTreeSet<PersonId>>, StoreError> {
        let touched = change.touches(&self.policy().await?, &self.deployments(asset).await?);
        let devices: Vec<DeviceId> = change.silent.union(&change.back).copied().collect();
        if touched == Touched::default() && devices.is_empty() {
            return Ok(None);
        }
        let said = self
            .sums_of(asset)
            .await?
            .into_iter()
            .filter(|sum| match sum.verdict.of {
                Of::Person { reclaimable, .. } => touched.includes(reclaimable),
                Of::Device { .. } => false,
            });
        let said: Vec<(i64, Part)> = said.map(|sum| (sum.no, Part::All)).collect();
        let everybody = Cut {
            span: Span::First,
            query: "",
            most: usize::MAX,
        };
        let mut people: BTreeSet<PersonId> = self.people_said(&said, everybody).await?.into_iter().collect();
        for devices in devices.chunks(AT_ONCE) {
            let rows = self.devices_of_ids(devices).await?;
            let owners: Vec<PersonId> = rows.into_iter().map(|row| row.person_id).collect();
            people.extend(self.people_said_of(asset, &owners).await?);
        }
        Ok(Some(people))
    }

    /// Those of these people of whom something is said about the app.
    async fn people_said_of(&mut self, asset: AssetId, people: &[PersonId]) -> Result<Vec<PersonId>, StoreError> {
        let listed = hexed(people.iter().map(|person| person.0));
        let sql = self.text(
            "SELECT person_id FROM pairs
             WHERE person_id IN (SELECT unhex(value) FROM json_each($2))
               AND asset = (SELECT number FROM assets WHERE id = $1)",
            "SELECT person_id FROM pairs
             WHERE asset = (SELECT number FROM assets WHERE id = $1)
               AND person_id = ANY (ARRAY (
                   SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS value))",
        );
        let read = |row: &Record| Ok(PersonId(row.key("person_id")?));
        self.all(sql, values![asset, listed], read).await
    }

    async fn devices_heard_between(
        &mut self,
        silent: bool,
        from: Time,
        before: Time,
    ) -> Result<Vec<DeviceId>, StoreError> {
        // Those that count as gone are few, and found by that.
        let sql = match silent {
            true => {
                "SELECT id FROM devices WHERE silent_since IS NOT NULL AND last_seen_at >= $1 AND last_seen_at < $2
                 ORDER BY last_seen_at"
            }
            false => {
                "SELECT id FROM devices
                 WHERE gone_at IS NULL AND silent_since IS NULL AND last_seen_at >= $1 AND last_seen_at < $2
                 ORDER BY last_seen_at"
            }
        };
        self.all(sql, values![from, before], |row| row.parsed("id")).await
    }

    /// Hands over whoever the change reaches, and everybody else who matters. `kinds` are all groups that can have anything to do
    /// with the app.
    async fn played(
        &mut self,
        location: LocationId,
        asset: AssetId,
        mut previewing: Previewing,
        mut people: BTreeSet<PersonId>,
        kinds: BTreeMap<GroupId, GroupKind>,
        now: Time,
    ) -> Result<Option<Preview>, StoreError> {
        let Some(app) = self.app(asset).await? else {
            return Ok(None);
        };
        let mut others = Vec::new();
        let mut out_by = BTreeMap::new();
        match self.undecided_people(location, now, UNDECIDED).await? {
            Some(undecided) => {
                let line = self.line_of(asset).await?;
                people.extend(undecided);
                people.extend(line.returning);
                // When Apple is asked again for somebody is known of whom is read.
                let refused = line.wishes.iter().filter(|waiter| waiter.wish.stand.is_refused());
                people.extend(refused.map(|waiter| waiter.person));
                others = line.wishes;
                out_by = line.out_by;
            }
            // Nobody but these can have anything to do with the app.
            None => {
                for (group, kind) in kinds {
                    self.people_reached(group, kind, &mut people).await?;
                }
                let sql =
                    "SELECT COALESCE((SELECT person_id FROM devices WHERE id = holder_id), holder_id) AS person_id
                           FROM seats WHERE asset_id = $1";
                let holders: Vec<PersonId> = self.all(sql, values![asset], |row| row.parsed("person_id")).await?;
                people.extend(holders);
            }
        }
        let people: Vec<PersonId> = people.into_iter().collect();
        if people.is_empty() {
            previewing.add(self.world_of_app(location, asset, &[], now).await?);
        }
        for people in people.chunks(AT_ONCE) {
            previewing.add(self.world_of_app(location, asset, people, now).await?);
            if out_by.is_empty() {
                continue;
            }
            // What is out to them is counted by what they come to.
            for (line, out) in self.out_to(asset, people).await? {
                out_by
                    .entry(line)
                    .and_modify(|all: &mut u64| *all = all.saturating_sub(out));
            }
        }
        let held_elsewhere = u64::try_from(app.foreign_held).unwrap_or(0);
        let out = u64::try_from(app.taken).unwrap_or(0) + held_elsewhere;
        Ok(Some(previewing.done(
            others,
            &out_by,
            Owned::of(app.total, app.retired),
            out,
        )))
    }

    async fn people_reached(
        &mut self,
        group: GroupId,
        kind: GroupKind,
        people: &mut BTreeSet<PersonId>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let members = self.group_people(group, kind, after, MEMBERS).await?;
            after = members.last().map(|(member, _)| *member);
            people.extend(members.iter().map(|(_, person)| *person));
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
