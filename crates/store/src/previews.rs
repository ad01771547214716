//! What changing the deployment of an app or the members of a group, or somebody's leaving, would bring, read person by person.
//!
//! It reads those whom the change reaches, and of everybody else the line for the app as it was decided. Whoever something
//! happened to since is read, too; so it is right at every moment, and costs what it is about.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AssetId, Deployment, DeviceId, Group, GroupId, GroupKind, Leaver, LocationId, Members, Owned, PersonId, Preview,
    Previewing, Time,
};

use crate::{
    StoreError,
    db::{Conn, reads, values},
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
