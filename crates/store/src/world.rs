//! Everything that a decision may look at, in one read.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Asset, AssetId, Attempt, Device, DeviceId, Group, GroupId, GroupKind, Holder, Install, LocationId, Owned,
    Ownership, Person, PersonId, PersonKind, Program, Refusal, Seat, Time, TokenState, World,
};
use uuid::Uuid;

use crate::{
    AppRow, ClientUserRow, InvitationRow, LocationRow, SeatState, StoreError,
    db::{Conn, Record, gathered, listed, reads, values},
    installs::install,
    invitations::invitation,
    people::client_user,
    seats::holder,
};

reads! {
    /// The world of one location, as of `now`. A location that is not there has an unusable token and no apps.
    ///
    /// It is the whole organisation: for judges and for previews, and not for what runs all the time.
    world(location: LocationId, now: Time) -> World;
    /// The same with these people only: what is theirs, and whatever may reach them.
    world_of(location: LocationId, people: &'a [PersonId], now: Time) -> World;
    /// The same with one app, as far as a decision about it looks: what their devices were asked, and when they were invited, is
    /// left out.
    world_of_app(location: LocationId, app: AssetId, people: &'a [PersonId], now: Time) -> World;
    /// The same with one app, and nothing left out: for a page of one.
    world_about(location: LocationId, app: AssetId, people: &'a [PersonId], now: Time) -> World;
    /// What the location has that is no app, books above all. Nothing is decided about it; its licences are counted.
    world_beside(location: LocationId) -> BTreeMap<AssetId, Asset>;
    /// The same with what these people have of it only.
    world_beside_of(location: LocationId, people: &'a [PersonId]) -> BTreeMap<AssetId, Asset>;
}

/// Whose facts are read: everybody's, or those of a list of ids as one value ([`listed`]).
enum Whom {
    Everybody,
    These(String),
}

impl Whom {
    fn these(people: &[PersonId]) -> Whom {
        let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
        Whom::These(listed(&ids))
    }
}

/// Reads columns of facts of everybody, or of the people who are asked for: one text, and to narrow it down, in both
/// databases' ways, a condition that ends where the list begins.
macro_rules! facts {
    ($conn:expr, $whom:expr, [$($value:expr),*], [$first:literal $(, $column:literal)*], $from:literal,
     $only:literal in $list:literal $end:literal, $read:expr) => {
        match $whom {
            Whom::Everybody => {
                let sql = gathered!(pg [$first $(, $column)*] $from);
                $conn.all(sql, values![$($value),*], $read).await
            }
            Whom::These(ids) => {
                let sql = $conn.text(
                    gathered!(lite [$first $(, $column)*] $from, " AND ", $only,
                              " IN (SELECT value FROM json_each(", $list, "))", $end),
                    gathered!(pg [$first $(, $column)*] $from, " AND ", $only,
                              " = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(", $list, " AS jsonb))))", $end),
                );
                $conn.gathered(sql, &[$first $(, $column)*], values![$($value,)* ids.as_str()], $read).await
            }
        }
    };
}

/// Reads what people have, and what their devices have: `kind` says which.
macro_rules! held {
    ($conn:expr, $whom:expr, [$value:expr], [$($column:literal),*], $from:literal, $list:literal, $read:expr) => {{
        let held = facts!(
            $conn, $whom, [$value], [$($column),*], $from, "kind = 'user' AND holder_id" in $list "", $read);
        match ($whom, held) {
            (Whom::These(_), Ok(mut held)) => {
                let devices = facts!(
                    $conn, $whom, [$value], [$($column),*], $from,
                    "kind = 'device' AND holder_id IN (SELECT id FROM devices WHERE person_id" in $list ")", $read);
                devices.map(|devices: Vec<_>| {
                    held.extend(devices);
                    held
                })
            }
            (_, held) => held,
        }
    }};
}

impl Conn<'_> {
    async fn world(&mut self, location: LocationId, now: Time) -> Result<World, StoreError> {
        self.world_with(location, &Whom::Everybody, now).await
    }

    async fn world_of(&mut self, location: LocationId, people: &[PersonId], now: Time) -> Result<World, StoreError> {
        self.world_with(location, &Whom::these(people), now).await
    }

    async fn world_with(&mut self, location: LocationId, whom: &Whom, now: Time) -> Result<World, StoreError> {
        let row = self.location(location).await?;
        let token = row.map_or(TokenState::Invalid, |row| token(&row, now));
        let mut apps: BTreeMap<AssetId, Asset> = self
            .apps(location)
            .await?
            .into_iter()
            .filter(AppRow::is_app)
            .map(|row| (row.id, app(row)))
            .collect();
        self.fill(location, whom, &mut apps).await?;
        Ok(World {
            now,
            policy: self.policy().await?,
            token,
            people: self.people_with(location, whom).await?,
            devices: self.devices_with(whom).await?,
            groups: self.groups_with(whom).await?,
            apps,
        })
    }

    pub(crate) async fn world_of_app(
        &mut self,
        location: LocationId,
        asset: AssetId,
        people: &[PersonId],
        now: Time,
    ) -> Result<World, StoreError> {
        let whom = &Whom::these(people);
        let people = self.people_as(location, whom, BTreeMap::new()).await?;
        let devices = self.devices_as(whom).await?;
        self.world_with_app(location, asset, whom, people, devices, now).await
    }

    async fn world_about(
        &mut self,
        location: LocationId,
        asset: AssetId,
        people: &[PersonId],
        now: Time,
    ) -> Result<World, StoreError> {
        let whom = &Whom::these(people);
        let people = self.people_with(location, whom).await?;
        let devices = self.devices_with(whom).await?;
        self.world_with_app(location, asset, whom, people, devices, now).await
    }

    async fn world_with_app(
        &mut self,
        location: LocationId,
        asset: AssetId,
        whom: &Whom,
        people: BTreeMap<PersonId, Person>,
        devices: BTreeMap<DeviceId, Device>,
        now: Time,
    ) -> Result<World, StoreError> {
        let row = self.location(location).await?;
        let mut apps = BTreeMap::new();
        if let Some(row) = self.app(asset).await?.filter(AppRow::is_app) {
            let mut app = app(row);
            app.deployments = self.deployments(asset).await?;
            self.fill_of(asset, whom, &mut app).await?;
            apps.insert(asset, app);
        }
        Ok(World {
            now,
            policy: self.policy().await?,
            token: row.map_or(TokenState::Invalid, |row| token(&row, now)),
            people,
            devices,
            groups: self.groups_with(whom).await?,
            apps,
        })
    }

    async fn world_beside(&mut self, location: LocationId) -> Result<BTreeMap<AssetId, Asset>, StoreError> {
        self.beside_with(location, &Whom::Everybody).await
    }

    async fn world_beside_of(
        &mut self,
        location: LocationId,
        people: &[PersonId],
    ) -> Result<BTreeMap<AssetId, Asset>, StoreError> {
        self.beside_with(location, &Whom::these(people)).await
    }

    async fn beside_with(&mut self, location: LocationId, whom: &Whom) -> Result<BTreeMap<AssetId, Asset>, StoreError> {
        let rows = self.apps(location).await?.into_iter();
        let mut beside: BTreeMap<AssetId, Asset> =
            rows.filter(|row| !row.is_app()).map(|row| (row.id, app(row))).collect();
        if !beside.is_empty() {
            self.fill(location, whom, &mut beside).await?;
        }
        Ok(beside)
    }

    async fn people_with(
        &mut self,
        location: LocationId,
        whom: &Whom,
    ) -> Result<BTreeMap<PersonId, Person>, StoreError> {
        let invitations: Vec<InvitationRow> = facts!(
            self, whom, [location],
            ["id", "client_user_id", "person_id", "device_id", "round", "queued_at", "ended_at", "outcome", "error"],
            "FROM invitations JOIN client_users USING (client_user_id, round)
             WHERE location_id = $1 AND replaced_at IS NULL",
            "person_id" in "$2" "",
            invitation
        )?;
        let mut invited: BTreeMap<PersonId, Vec<InvitationRow>> = BTreeMap::new();
        for row in invitations {
            invited.entry(row.person_id).or_default().push(row);
        }
        let invited = invited
            .into_iter()
            .map(|(person, mut rows)| {
                rows.sort_by_key(|row| (row.queued_at, row.id));
                (person, rows.iter().map(InvitationRow::attempt).collect())
            })
            .collect();
        self.people_as(location, whom, invited).await
    }

    /// People, who were invited so.
    async fn people_as(
        &mut self,
        location: LocationId,
        whom: &Whom,
        mut invited: BTreeMap<PersonId, Vec<Attempt>>,
    ) -> Result<BTreeMap<PersonId, Person>, StoreError> {
        let users: Vec<ClientUserRow> = facts!(
            self, whom, [location],
            ["client_user_id", "location_id", "person_id", "status", "invite_code", "id_hash", "round", "accepted_at", "operation_id", "observed_at", "error_number", "not_before", "created_at", "retired_at", "replaced_at", "retiring_at"],
            "FROM client_users WHERE location_id = $1 AND replaced_at IS NULL",
            "person_id" in "$2" "",
            client_user
        )?;
        let programs: BTreeMap<PersonId, Program> = users
            .into_iter()
            .map(|row| {
                let invited = invited.get(&row.person_id).map_or(&[][..], Vec::as_slice);
                (row.person_id, row.program(invited))
            })
            .collect();
        let people: Vec<(PersonId, PersonKind, bool)> = facts!(
            self, whom, [],
            ["id", "kind", "left_at"],
            "FROM people WHERE TRUE",
            "id" in "$1" "",
            |row| Ok((row.parsed("id")?, row.word("kind")?, row.time_or_none("left_at")?.is_some()))
        )?;
        Ok(people
            .into_iter()
            .map(|(id, kind, left)| {
                let person = Person {
                    id,
                    kind,
                    program: programs.get(&id).copied().unwrap_or_default(),
                    invited: invited.remove(&id).unwrap_or_default(),
                    left,
                };
                (id, person)
            })
            .collect())
    }

    async fn devices_with(&mut self, whom: &Whom) -> Result<BTreeMap<DeviceId, Device>, StoreError> {
        // Which questions are on their way to which device.
        let questions: Vec<(DeviceId, String)> = facts!(
            self, whom, [],
            ["device_id", "request_type"],
            "FROM commands
             WHERE state IN ('queued', 'sent', 'notNow')
               AND request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList',
                                    'RemoveProfile', 'EraseDevice')",
            "device_id IN (SELECT id FROM devices WHERE person_id" in "$1" ")",
            |row| Ok((row.parsed("device_id")?, row.text("request_type")?))
        )?;
        let mut asked: BTreeMap<DeviceId, BTreeSet<String>> = BTreeMap::new();
        for (device, request_type) in questions {
            asked.entry(device).or_default().insert(request_type);
        }
        let mut devices = self.devices_as(whom).await?;
        for device in devices.values_mut() {
            let asked = asked.remove(&device.id).unwrap_or_default();
            device.asked_configured = asked.contains("DeviceConfigured");
            device.asked_information = asked.contains("DeviceInformation");
            device.asked_apps = asked.contains("ManagedApplicationList");
            device.asked_to_leave = asked.contains("RemoveProfile") || asked.contains("EraseDevice");
        }
        Ok(devices)
    }

    /// Devices, but for what they are asked.
    async fn devices_as(&mut self, whom: &Whom) -> Result<BTreeMap<DeviceId, Device>, StoreError> {
        let devices: Vec<Device> = facts!(
            self, whom, [],
            ["id", "person_id", "platform", "os_version", "enrolment", "dep", "serial", "shared", "supervised", "awaiting_configuration", "informed_at", "unreachable_since", "last_seen_at", "silent_since"],
            "FROM devices WHERE TRUE",
            "person_id" in "$1" "",
            device
        )?;
        let mut devices: BTreeMap<DeviceId, Device> = devices.into_iter().map(|device| (device.id, device)).collect();
        let owned: Vec<(DeviceId, Ownership)> = facts!(
            self, whom, [],
            ["device_id", "ownership"],
            "FROM device_ownership WHERE ownership IS NOT NULL",
            "device_id IN (SELECT id FROM devices WHERE person_id" in "$1" ")",
            |row| Ok((row.parsed("device_id")?, row.word("ownership")?))
        )?;
        for (device, ownership) in owned {
            if let Some(device) = devices.get_mut(&device) {
                device.ownership = Some(ownership);
            }
        }
        Ok(devices)
    }

    /// Every group, with those of its members who are asked for.
    async fn groups_with(&mut self, whom: &Whom) -> Result<BTreeMap<GroupId, Group>, StoreError> {
        let sql = self.text(
            gathered!(lite ["id", "kind", "priority"] "FROM groups"),
            gathered!(pg ["id", "kind", "priority"] "FROM groups"),
        );
        let groups: Vec<Group> = self
            .gathered(sql, &["id", "kind", "priority"], values![], |row| {
                Ok(Group {
                    id: row.parsed("id")?,
                    kind: row.word("kind")?,
                    priority: row.int("priority")?,
                    people: BTreeSet::new(),
                    devices: BTreeSet::new(),
                })
            })
            .await?;
        let mut groups: BTreeMap<GroupId, Group> = groups.into_iter().map(|group| (group.id, group)).collect();
        let member = |row: &Record| Ok((row.parsed("group_id")?, row.parsed("member_id")?));
        let mut members: Vec<(GroupId, Uuid)> = facts!(
            self, whom, [],
            ["group_id", "member_id"],
            "FROM group_members WHERE TRUE",
            "member_id" in "$1" "",
            member
        )?;
        if matches!(whom, Whom::These(_)) {
            let theirs: Vec<(GroupId, Uuid)> = facts!(
                self, whom, [],
                ["group_id", "member_id"],
                "FROM group_members JOIN devices ON devices.id = member_id WHERE TRUE",
                "person_id" in "$1" "",
                member
            )?;
            members.extend(theirs);
        }
        for (group, member) in members {
            if let Some(group) = groups.get_mut(&group) {
                match group.kind {
                    GroupKind::User => group.people.insert(PersonId(member)),
                    GroupKind::Device => group.devices.insert(DeviceId(member)),
                };
            }
        }
        Ok(groups)
    }

    /// Adds to each app its deployments, and of those who are asked for their requests, whether they were moved up, seats,
    /// refusals and installs.
    async fn fill(
        &mut self,
        location: LocationId,
        whom: &Whom,
        apps: &mut BTreeMap<AssetId, Asset>,
    ) -> Result<(), StoreError> {
        for line in self.deployments_all(location).await? {
            if let Some(app) = apps.get_mut(&line.app) {
                app.deployments.push(line);
            }
        }
        let requests: Vec<(AssetId, PersonId, Time)> = facts!(
            self, whom, [location],
            ["asset_id", "person_id", "requested_at"],
            "FROM install_requests JOIN assets ON assets.id = asset_id
             WHERE location_id = $1",
            "person_id" in "$2" "",
            |row| Ok((row.parsed("asset_id")?, row.parsed("person_id")?, row.time("requested_at")?))
        )?;
        for (asset, person, at) in requests {
            if let Some(app) = apps.get_mut(&asset) {
                app.requests.insert(person, at);
            }
        }
        let moved_up: Vec<(AssetId, PersonId, Time)> = facts!(
            self, whom, [location],
            ["asset_id", "person_id", "moved_at"],
            "FROM moved_up JOIN assets ON assets.id = asset_id WHERE location_id = $1",
            "person_id" in "$2" "",
            |row| Ok((row.parsed("asset_id")?, row.parsed("person_id")?, row.time("moved_at")?))
        )?;
        for (asset, person, at) in moved_up {
            if let Some(app) = apps.get_mut(&asset) {
                app.moved_up.insert(person, at);
            }
        }
        let seats: Vec<(AssetId, Holder, Seat)> = held!(
            self,
            whom,
            [location],
            ["asset_id", "holder_id", "kind", "state", "since"],
            "FROM seats JOIN assets ON assets.id = asset_id WHERE location_id = $1",
            "$2",
            |row| Ok((row.parsed("asset_id")?, holder(row)?, seat(row)?))
        )?;
        for (asset, holder, seat) in seats {
            if let Some(app) = apps.get_mut(&asset) {
                app.seats.insert(holder, seat);
            }
        }
        let refusals: Vec<(AssetId, Holder, Refusal)> = held!(
            self,
            whom,
            [location],
            ["asset_id", "holder_id", "kind", "reason", "not_before"],
            "FROM seat_refusals JOIN assets ON assets.id = asset_id WHERE location_id = $1",
            "$2",
            |row| Ok((row.parsed("asset_id")?, holder(row)?, refusal(row)?))
        )?;
        for (asset, holder, refusal) in refusals {
            if let Some(app) = apps.get_mut(&asset) {
                app.refusals.insert(holder, refusal);
            }
        }
        // Both tables side by side.
        let installs: Vec<(AssetId, DeviceId, Install)> = facts!(
            self, whom, [location],
            ["device_id", "asset_id", "seen", "seen_at", "version", "command", "command_since", "license", "told_version", "accepted_at", "removed_at", "checks", "failure_class", "failure_code", "failure_at", "failure_attempts", "asked_again_at"],
            "FROM installs LEFT JOIN device_apps USING (device_id, asset_id)
             WHERE asset_id IN (SELECT id FROM assets WHERE location_id = $1)",
            "device_id IN (SELECT id FROM devices WHERE person_id" in "$2" ")",
            |row| Ok((row.parsed("asset_id")?, row.parsed("device_id")?, install(row)?))
        )?;
        for (asset, device, install) in installs {
            if let Some(app) = apps.get_mut(&asset) {
                app.installs.insert(device, install);
            }
        }
        Ok(())
    }
}

impl Conn<'_> {
    /// The requests, seats, refusals and installs of one app, of those who are asked for.
    async fn fill_of(&mut self, asset: AssetId, whom: &Whom, app: &mut Asset) -> Result<(), StoreError> {
        let requests: Vec<(PersonId, Time)> = facts!(
            self, whom, [asset],
            ["person_id", "requested_at"],
            "FROM install_requests WHERE asset_id = $1",
            "person_id" in "$2" "",
            |row| Ok((row.parsed("person_id")?, row.time("requested_at")?))
        )?;
        app.requests.extend(requests);
        let moved_up: Vec<(PersonId, Time)> = facts!(
            self, whom, [asset],
            ["person_id", "moved_at"],
            "FROM moved_up WHERE asset_id = $1",
            "person_id" in "$2" "",
            |row| Ok((row.parsed("person_id")?, row.time("moved_at")?))
        )?;
        app.moved_up.extend(moved_up);
        let seats: Vec<(Holder, Seat)> = held!(
            self,
            whom,
            [asset],
            ["holder_id", "kind", "state", "since"],
            "FROM seats WHERE asset_id = $1",
            "$2",
            |row| Ok((holder(row)?, seat(row)?))
        )?;
        app.seats.extend(seats);
        let refusals: Vec<(Holder, Refusal)> = held!(
            self,
            whom,
            [asset],
            ["holder_id", "kind", "reason", "not_before"],
            "FROM seat_refusals WHERE asset_id = $1",
            "$2",
            |row| Ok((holder(row)?, refusal(row)?))
        )?;
        app.refusals.extend(refusals);
        let installs: Vec<(DeviceId, Install)> = facts!(
            self, whom, [asset],
            ["device_id", "seen", "seen_at", "version", "command", "command_since", "license", "told_version", "accepted_at", "removed_at", "checks", "failure_class", "failure_code", "failure_at", "failure_attempts", "asked_again_at"],
            "FROM installs LEFT JOIN device_apps USING (device_id, asset_id) WHERE asset_id = $1",
            "device_id IN (SELECT id FROM devices WHERE person_id" in "$2" ")",
            |row| Ok((row.parsed("device_id")?, install(row)?))
        )?;
        app.installs.extend(installs);
        Ok(())
    }
}

/// What Apple last said of the token, and what the clock says since.
pub(crate) fn token(row: &LocationRow, now: Time) -> TokenState {
    match row.state {
        TokenState::Valid if row.expires_at <= now => TokenState::Expired,
        said => said,
    }
}

fn seat(row: &Record) -> Result<Seat, StoreError> {
    let state: SeatState = row.word("state")?;
    Ok(state.since(row.time("since")?))
}

fn refusal(row: &Record) -> Result<Refusal, StoreError> {
    Ok(Refusal {
        reason: row.word("reason")?,
        not_before: row.time("not_before")?,
    })
}

/// But for what it is asked.
fn device(row: &Record) -> Result<Device, StoreError> {
    Ok(Device {
        id: row.parsed("id")?,
        person: row.parsed("person_id")?,
        platform: row.word("platform")?,
        os_version: version(row.text_or_none("os_version")?.as_deref()),
        enrolment: row.word("enrolment")?,
        dep: row.flag("dep")?,
        has_serial: row.text_or_none("serial")?.is_some(),
        shared: row.flag("shared")?,
        supervised: row.flag_or_none("supervised")?.unwrap_or(false),
        ownership: None,
        awaiting_configuration: row.flag("awaiting_configuration")?,
        asked_configured: false,
        asked_information: false,
        informed_at: row.time_or_none("informed_at")?,
        asked_apps: false,
        unreachable_since: row.time_or_none("unreachable_since")?,
        heard_at: row.time_or_none("last_seen_at")?,
        asked_to_leave: false,
        silent_since: row.time_or_none("silent_since")?,
    })
}

fn app(row: AppRow) -> Asset {
    Asset {
        id: row.id,
        owned: Owned::of(row.total, row.retired),
        foreign: u64::try_from(row.foreign_held).unwrap_or(0),
        revocable: row.revocable,
        device_assignable: row.device_assignable,
        platforms: row.runs_on(),
        bundle_id: row.bundle_id,
        minimum_os: version(row.minimum_os.as_deref()),
        newest: row.store_version,
        updates: row.updates,
        deployments: Vec::new(),
        seats: BTreeMap::new(),
        refusals: BTreeMap::new(),
        requests: BTreeMap::new(),
        moved_up: BTreeMap::new(),
        installs: BTreeMap::new(),
    }
}

/// `17.6.1` as `[17, 6, 1]`, `16.0` as `[16]`; what is not a number ends it.
fn version(text: Option<&str>) -> Vec<u32> {
    let mut parts: Vec<u32> = text
        .unwrap_or_default()
        .split('.')
        .map_while(|part| part.trim().parse().ok())
        .collect();
    while parts.last() == Some(&0) {
        parts.pop();
    }
    parts
}
