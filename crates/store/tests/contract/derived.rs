//! After anything at all, in any order, what is kept of the decisions is what a decision about the whole says.
//!
//! Facts change by statements of chance, past the store: whoever writes them, the marks are the database's. In between
//! somebody decides, a few people at a time, and sometimes crashes before the end. Whenever nobody is left to be decided, all
//! that is kept is compared with the decision about everybody.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use domain::{
    Approval, Asset, AssetId, Breach, Concern, Counted, Counts, Decision, Deployment, DeploymentId, DeviceExit,
    DeviceId, Each, Effect, Fault, GroupKind, Holder, InstallState, Installation, Leaver, LeaverDevices, LeavingDevice,
    LicenseType, LocationId, Members, Outcome, PersonId, Place, PolicyChange, Precedence, Preview, Previewing,
    Returner, RuleSet, Seat, Stand, Step, Time, Wish, World, decide, decide_each, keeping, plan,
};
use store::{
    Cut, ListedDevice, Look, Many, MasterKey, PLACES, PairRow, People, Sought, Span, States, Store, Taken,
    testing::Fresh,
};
use uuid::Uuid;

use crate::hand::Hand;

const PEOPLE: u64 = 6;
const DEVICES: u64 = 8;
const GROUPS: u64 = 4;
const ASSETS: u64 = 3;
const DAY_MS: i64 = 86_400_000;
const LOCATION: LocationId = LocationId(Uuid::from_u128(1));

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Chance(u64);

impl Chance {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn of<T: Copy>(&mut self, words: &[T]) -> T {
        words[usize::try_from(self.below(words.len() as u64)).unwrap()]
    }

    fn person(&mut self) -> String {
        id(2, self.below(PEOPLE))
    }

    fn device(&mut self) -> String {
        id(3, self.below(DEVICES))
    }

    /// Whose a device is: a person's, or nobody's.
    fn owner(&mut self, device: &str) -> String {
        if self.one_in(3) {
            device.to_owned()
        } else {
            self.person()
        }
    }

    /// Somebody who may have a licence: a person, or a device.
    fn holder(&mut self) -> (&'static str, String) {
        if self.one_in(2) {
            ("user", self.person())
        } else {
            ("device", self.device())
        }
    }

    fn group(&mut self) -> String {
        id(4, self.below(GROUPS))
    }

    fn asset(&mut self) -> String {
        id(5, self.below(ASSETS))
    }

    /// NULL, or a time within three weeks.
    fn time_or_none(&mut self, now: Time) -> String {
        if self.one_in(3) {
            "NULL".to_owned()
        } else {
            self.time(now)
        }
    }

    /// Three weeks before and after.
    fn time(&mut self, now: Time) -> String {
        let span = u64::try_from(42 * DAY_MS).unwrap();
        (now.ms() - 21 * DAY_MS + i64::try_from(self.below(span)).unwrap()).to_string()
    }

    fn flag(&mut self) -> &'static str {
        if self.one_in(2) { "TRUE" } else { "FALSE" }
    }
}

fn id(kind: u128, number: u64) -> String {
    Uuid::from_u128(kind << 64 | u128::from(number)).to_string()
}

/// What is there before anything happens.
fn beginning(now: Time) -> String {
    let at = now.ms();
    let mut sql = format!(
        "INSERT INTO locations (id, uid, display_name, apple_id, token_sealed, token_sha256, organization_name,
                                location_name, country, default_platform, expires_at, state, mdm_id, last_modified_at,
                                created_at)
         VALUES ('{}', '1', '', '', 't', '', '', '', '', '', {}, 'valid', '', 1, 1);",
        LOCATION.0,
        at + 900 * DAY_MS
    );
    for person in 0..PEOPLE {
        let person = id(2, person);
        sql += &format!("INSERT INTO people (id, name, created_at) VALUES ('{person}', '', 1);");
    }
    for device in 0..DEVICES {
        let (device, owner) = (id(3, device), id(2, device % PEOPLE));
        sql += &format!(
            "INSERT INTO people (id, kind, name, created_at) VALUES ('{device}', 'device', '', 1);
             INSERT INTO devices (id, udid, serial, name, product_name, platform, person_id, enrolment, dep,
                                  awaiting_configuration, informed_at)
             VALUES ('{device}', '{device}', '{device}', '', '', 'iOS', '{owner}', 'enrolled', FALSE, FALSE, {at});"
        );
    }
    for group in 0..GROUPS {
        let kind = if group == 0 { "device" } else { "user" };
        let id = id(4, group);
        sql += &format!(
            "INSERT INTO groups (id, kind, name, priority, created_at) VALUES ('{id}', '{kind}', '{id}', {group}, 1);"
        );
    }
    for asset in 0..ASSETS {
        let id = id(5, asset);
        sql += &format!(
            "INSERT INTO assets (id, location_id, adam_id, pricing_param, product_type, owned, total, assigned, available,
                                 retired, unlimited, device_assignable, revocable, platforms, observed_at)
             VALUES ('{id}', '{}', '{asset}1', 'STDQ', 'App', 2, 2, 0, 2, 0, FALSE, TRUE, TRUE, '[\"iOS\"]', 1);
             INSERT INTO app_metadata (asset_id, name, bundle_id, device_families, observed_at)
             VALUES ('{id}', '', 'b{asset}', '[]', 1);",
            LOCATION.0
        );
    }
    sql
}

/// Something happens.
fn happening(chance: &mut Chance, now: Time) -> String {
    let at = now.ms();
    match chance.below(22) {
        0 => {
            let left = if chance.one_in(3) { chance.time(now) } else { "NULL".to_owned() };
            let name = chance.of(&["가", "나", "b", "B"]);
            format!("UPDATE people SET left_at = {left}, name = '{name}' WHERE id = '{}'", chance.person())
        }
        1 => {
            let device = chance.device();
            let owner = chance.owner(&device);
            format!(
            "UPDATE devices SET name = '{}', person_id = '{owner}', platform = '{}', os_version = '{}', dep = {}, shared = {}, serial = {} WHERE id = '{}'",
            chance.of(&["iPhone", "iPad", "아이폰"]),
            chance.of(&["iOS", "iOS", "iPadOS", "macOS"]),
            chance.of(&["17.5", "15", ""]),
            chance.flag(),
            chance.flag(),
            chance.of(&["NULL", "'S'", "'S'"]),
            device
            )
        }
        2 => format!(
            "UPDATE devices SET enrolment = '{}', awaiting_configuration = {}, silent_since = {}, unreachable_since = {},
                                informed_at = {} WHERE id = '{}'",
            chance.of(&["enrolled", "enrolled", "enrolled", "pending", "retiring", "wiping", "gone"]),
            if chance.one_in(6) { "TRUE" } else { "FALSE" },
            if chance.one_in(6) { chance.time(now) } else { "NULL".to_owned() },
            if chance.one_in(6) { chance.time(now) } else { "NULL".to_owned() },
            chance.time_or_none(now),
            chance.device()
        ),
        3 | 4 => {
            let (group, person, device) = (chance.group(), chance.person(), chance.device());
            let member = if group == id(4, 0) { device } else { person };
            format!("INSERT INTO group_members (group_id, member_id) VALUES ('{group}', '{member}') ON CONFLICT DO NOTHING")
        }
        5 => {
            let (person, device) = (chance.person(), chance.device());
            format!("DELETE FROM group_members WHERE member_id = '{}'", chance.of(&[&person, &device]))
        }
        6 => format!("UPDATE groups SET priority = {} WHERE id = '{}'", chance.below(3), chance.group()),
        7 | 8 => {
            let (asset, group) = (chance.asset(), chance.group());
            let approval = chance.of(&["required", "required", "available", "notApplicable", "uninstall"]);
            let deadline = match approval {
                "required" if chance.one_in(2) => chance.time(now),
                _ => "NULL".to_owned(),
            };
            let license_type = chance.of(&["user", "user", "device", "automatic"]);
            let installation = chance.of(&["managed", "managed", "external"]);
            let kept = chance.of(&[0, 0, 0, 1, 2]);
            format!(
                "INSERT INTO deployments (id, asset_id, group_id, approval, deadline, license_type, installation,
                                          kept_licenses, since, updated_at)
                 VALUES ('{}', '{asset}', '{group}', '{approval}', {deadline}, '{license_type}', '{installation}', {kept},
                         {}, {at})
                 ON CONFLICT (asset_id, group_id) DO UPDATE SET approval = excluded.approval,
                     deadline = excluded.deadline, license_type = excluded.license_type,
                     installation = excluded.installation, kept_licenses = excluded.kept_licenses,
                     since = excluded.since",
                id(6, chance.number()),
                chance.time(now)
            )
        }
        9 => format!(
            "DELETE FROM deployments WHERE asset_id = '{}' AND group_id = '{}'",
            chance.asset(),
            chance.group()
        ),
        10 => {
            // Of what Apple lists no more nothing is owned.
            let (owned, gone) = match chance.below(5) {
                0 => (0, at.to_string()),
                _ => (chance.below(5), "NULL".to_owned()),
            };
            let asset = chance.asset();
            format!(
                "UPDATE assets SET owned = {owned}, total = {owned}, foreign_held = {}, revocable = {},
                                   device_assignable = {}, gone_at = {gone}, product_type = '{}' WHERE id = '{asset}'",
                chance.below(2),
                if chance.one_in(5) { "FALSE" } else { "TRUE" },
                if chance.one_in(5) { "FALSE" } else { "TRUE" },
                chance.of(&["App", "App", "App", "App", "Book"])
            )
        }
        11 => format!(
            "UPDATE app_metadata SET bundle_id = {}, minimum_os = {}, device_families = '{}' WHERE asset_id = '{}'",
            chance.of(&["NULL", "'b'", "'b'", "'b'"]),
            chance.of(&["NULL", "'16.0'", "'17.5'"]),
            chance.of(&["[]", "[\"ipad\"]", "[\"iphone\",\"ipad\"]"]),
            chance.asset()
        ),
        12 => {
            let person = chance.person();
            format!(
                "UPDATE client_users SET replaced_at = {at} WHERE person_id = '{person}' AND replaced_at IS NULL
                                                              AND status = 'Retired';
                 INSERT INTO client_users (client_user_id, location_id, person_id, status, created_at)
                 SELECT '{}', '{}', '{person}', 'creating', {at}
                 WHERE NOT EXISTS (SELECT 1 FROM client_users WHERE person_id = '{person}' AND replaced_at IS NULL)",
                id(7, chance.number()),
                LOCATION.0
            )
        }
        13 | 14 => format!(
            "UPDATE client_users SET status = '{}', invite_code = {}, accepted_at = {}, observed_at = {}, not_before = {},
                                     error_number = 9635, retiring_at = {}
             WHERE person_id = '{}' AND replaced_at IS NULL",
            chance.of(&["creating", "refused", "Registered", "Registered", "Associated", "Associated", "Associated", "Retired"]),
            chance.of(&["NULL", "'code'", "'code'"]),
            chance.time_or_none(now),
            chance.time_or_none(now),
            chance.time_or_none(now),
            if chance.one_in(8) { chance.time(now) } else { "NULL".to_owned() },
            chance.person()
        ),
        15 => {
            let person = chance.person();
            let ended = chance.of(&["shown", "failed", "silent", "withdrawn"]);
            let round = chance.below(2);
            format!(
                "UPDATE invitations SET ended_at = {at}, outcome = '{ended}'
                 WHERE ended_at IS NULL AND client_user_id IN (SELECT client_user_id FROM client_users
                                                               WHERE person_id = '{person}');
                 UPDATE client_users SET round = round + {round} WHERE person_id = '{person}';
                 INSERT INTO invitations (id, client_user_id, device_id, round, queued_at)
                 SELECT '{}', client_user_id, '{}', round, {} FROM client_users
                 WHERE person_id = '{person}' AND replaced_at IS NULL",
                id(8, chance.number()),
                chance.device(),
                chance.time(now)
            )
        }
        16 => {
            let (asset, (kind, holder)) = (chance.asset(), chance.holder());
            match chance.below(4) {
                0 => format!("DELETE FROM seats WHERE asset_id = '{asset}' AND holder_id = '{holder}'"),
                1 => format!(
                    "UPDATE seats SET state = '{}', since = {at} WHERE asset_id = '{asset}' AND holder_id = '{holder}'",
                    chance.of(&["held", "returning"])
                ),
                // What is refused for want of a licence did not happen.
                _ => format!(
                    "INSERT INTO seats (asset_id, holder_id, kind, state, since)
                     VALUES ('{asset}', '{holder}', '{kind}', '{}', {at}) ON CONFLICT DO NOTHING",
                    chance.of(&["reserved", "held"])
                ),
            }
        }
        17 => {
            let (asset, (kind, holder)) = (chance.asset(), chance.holder());
            if chance.one_in(3) {
                return format!("DELETE FROM seat_refusals WHERE asset_id = '{asset}' AND holder_id = '{holder}'");
            }
            format!(
                "INSERT INTO seat_refusals (asset_id, holder_id, kind, error_number, at, attempts, not_before, reason)
                 VALUES ('{asset}', '{holder}', '{kind}', 1, {at}, 1, {}, '{}')
                 ON CONFLICT (asset_id, holder_id) DO UPDATE SET not_before = excluded.not_before,
                                                                 reason = excluded.reason",
                chance.time(now),
                chance.of(&["stock", "temporary", "refused"])
            )
        }
        18 if chance.one_in(3) => {
            let (asset, person) = (chance.asset(), chance.person());
            if chance.one_in(3) {
                return format!("DELETE FROM moved_up WHERE asset_id = '{asset}' AND person_id = '{person}'");
            }
            format!(
                "INSERT INTO moved_up (asset_id, person_id, moved_at, moved_by, reason)
                 VALUES ('{asset}', '{person}', {}, '', '') ON CONFLICT DO NOTHING",
                chance.time(now)
            )
        }
        18 => {
            let (asset, person) = (chance.asset(), chance.person());
            if chance.one_in(3) {
                return format!("DELETE FROM install_requests WHERE asset_id = '{asset}' AND person_id = '{person}'");
            }
            format!(
                "INSERT INTO install_requests (asset_id, person_id, requested_at)
                 VALUES ('{asset}', '{person}', {}) ON CONFLICT DO NOTHING",
                chance.time(now)
            )
        }
        19 => {
            let (asset, device) = (chance.asset(), chance.device());
            let class = chance.of(&["NULL", "NULL", "'retry'", "'user'", "'permanent'"]);
            let seen = chance.of(&["absent", "installing", "installed", "installed", "removedByUser", "rejected", "unknown"]);
            format!(
                "DELETE FROM device_apps WHERE asset_id = '{asset}' AND device_id = '{device}';
                 DELETE FROM installs WHERE asset_id = '{asset}' AND device_id = '{device}';
                 INSERT INTO installs (device_id, asset_id, command, command_since, accepted_at, removed_at, checks,
                                       failure_class, failure_code, failure_at, failure_attempts, asked_again_at)
                 VALUES ('{device}', '{asset}', {}, {at}, {}, {}, {}, {class}, 'code', {}, {}, {});
                 INSERT INTO device_apps (device_id, asset_id, seen, seen_at)
                 VALUES ('{device}', '{asset}', '{seen}', {})",
                chance.of(&["NULL", "NULL", "NULL", "'install'", "'remove'"]),
                chance.time_or_none(now),
                chance.time_or_none(now),
                chance.below(4),
                chance.time(now),
                1 + chance.below(5),
                chance.time_or_none(now),
                chance.time(now)
            )
        }
        20 => {
            let question = chance.of(&["DeviceInformation", "ManagedApplicationList", "DeviceConfigured", "RemoveProfile"]);
            let device = chance.device();
            if chance.one_in(2) {
                return format!("UPDATE commands SET state = 'acknowledged' WHERE device_id = '{device}'");
            }
            format!(
                "INSERT INTO commands (uuid, device_id, request_type, body, state, created_at, not_now_count)
                 VALUES ('{}', '{device}', '{question}', 'b', 'queued', {at}, 0)",
                id(9, chance.number())
            )
        }
        _ => {
            let policy = format!(
                "{{\"policy2016\":{},\"ruleSet\":\"{}\",\"reclaim\":{{\"leftAllGroups\":{},\"removedAfter\":{}}}}}",
                chance.one_in(3),
                chance.of(&["2016", "2020"]),
                chance.one_in(2),
                chance.of(&["null", "{\"secs\":259200,\"nanos\":0}"])
            );
            match chance.below(3) {
                0 => format!(
                    "INSERT INTO settings (key, value, updated_at) VALUES ('policy', '{policy}', {at})
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value"
                ),
                // Whether the token can be used, and until when.
                1 => format!(
                    "UPDATE locations SET state = '{}', expires_at = {}",
                    chance.of(&["valid", "valid", "revoked"]),
                    chance.time(now)
                ),
                _ => format!("UPDATE locations SET state = 'valid', expires_at = {}", at + 900 * DAY_MS),
            }
        }
    }
}

/// What the loop sees when it looks.
async fn look(store: &Store, now: Time, looked: bool) -> Look {
    let world = store.world_of(LOCATION, &[], now).await.unwrap();
    Look {
        now,
        looked,
        token_usable: world.token.usable(),
    }
}

/// What the loop does, but for the steps. Half of the time it crashes before the end.
async fn decides(store: &Store, look: Look, most: usize, crashes: bool) -> Taken {
    let mut tx = store.begin().await.unwrap();
    let taken = tx.decide_take(LOCATION, look, most).await.unwrap();
    let world = tx.world_of(LOCATION, &taken.people, look.now).await.unwrap();
    let each = decide_each(&world);
    tx.decided(LOCATION, &taken.people, &each).await.unwrap();
    if !look.looked {
        let asked = each.steps.iter().filter_map(Step::asked_of_apple);
        let asked: Vec<PersonId> = asked.filter_map(|holder| world.owner(holder)).collect();
        tx.decide_after_look(LOCATION, &asked).await.unwrap();
    }
    if !crashes {
        tx.commit().await.unwrap();
    }
    taken
}

/// As far as which places are counted: nowhere near, and to the end.
const BOUNDS: [u64; 3] = [1, 2, PLACES];

/// A place is the one that it is, where it lies within the bound, and else not told wrong.
fn says(bound: u64, told: Place, is: Place) {
    match (told, is) {
        (Place::After(after), Place::At(at)) => assert!(bound <= after && after < at, "{told:?} of {is:?}"),
        (told, is) => assert_eq!(told, is),
    }
}

/// Everything that is kept is what follows from the facts, whoever wrote them.
async fn is_as_decided(store: &Store, now: Time) {
    let look = look(store, now, true).await;
    while decides(store, look, 3, false).await != Taken::default() {}
    let world = store.world(LOCATION, now).await.unwrap();
    let each = decide_each(&world);
    let kept: BTreeMap<(AssetId, PersonId), PairRow> = store
        .pairs(LOCATION)
        .await
        .unwrap()
        .into_iter()
        .map(|row| ((row.asset_id, row.person_id), row))
        .collect();
    let follows: BTreeMap<(AssetId, PersonId), PairRow> = each
        .pairs
        .iter()
        .map(|((asset, person), pair)| ((*asset, *person), PairRow::of(*asset, *person, pair)))
        .collect();
    assert_eq!(kept, follows);
    for (verdict, times, counted) in store.verdicts_counted().await.unwrap() {
        assert_eq!(times, counted, "of how many {verdict} is said");
    }
    assert_eq!(store.moments(LOCATION).await.unwrap(), each.again);
    assert_eq!(store.concerns(LOCATION).await.unwrap(), each.concerns);

    let mut places: BTreeMap<(AssetId, Holder), Place> = BTreeMap::new();
    for app in world.apps.values() {
        let waiting = decide(&world, app).waiting.into_iter().zip(1..);
        places.extend(waiting.map(|(holder, place)| ((app.id, holder), Place::At(place))));
    }
    for bound in BOUNDS {
        let mut told = BTreeMap::new();
        for person in world.people.keys() {
            for (asset, theirs) in store.places(LOCATION, *person, bound).await.unwrap() {
                told.extend(theirs.into_iter().map(|(holder, place)| ((asset, holder), place)));
            }
        }
        assert!(told.keys().eq(places.keys()), "who stands somewhere");
        for (pair, place) in &places {
            says(bound, told[pair], *place);
        }
    }
    for ((asset, person), pair) in &each.pairs {
        let last = pair.last.and_then(|(last, _)| places.get(&(*asset, last)).copied());
        moves_up_as_decided(store, &world, &each, (*asset, *person), last).await;
        let devices = pair.devices.keys().map(|device| Holder::Device(*device));
        // What stands for a device that belongs to nobody has its id, and stands in no line.
        let own = (!is_nobody(*person)).then_some(Holder::Person(*person));
        for holder in devices.chain(own) {
            stands_as_decided(store, &each, (*asset, holder), &places).await;
        }
    }
    let decisions: Vec<Decision> = world.apps.values().map(|app| decide(&world, app)).collect();
    for decision in &decisions {
        lists_are_as_decided(store, decision).await;
    }
    directory_is_as_decided(store, &decisions).await;
    members_are_as_they_are_called(store).await;
    for concern in [Concern::Terms, Concern::Refused, Concern::NoDevice] {
        let whom = each.concerns.iter().filter(|(_, of)| *of == concern);
        let whom: BTreeSet<PersonId> = whom.map(|(person, _)| *person).collect();
        let which = People::Of(LOCATION, concern);
        assert_eq!(store.people_counted(which).await.unwrap(), whom.len() as u64);
        let listed = pages(
            async |span| store.people_listed(which, a_few(span)).await.unwrap(),
            |id| id.0,
        )
        .await;
        assert_eq!(listed, by_name(store, &whom).await, "{concern:?}");
    }
    if !look.token_usable {
        return;
    }
    let given: Vec<(AssetId, Holder)> = plan(&world)
        .steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Associate { app, holder } => Some((app, holder)),
            _ => None,
        })
        .collect();
    let mut tx = store.begin().await.unwrap();
    assert_eq!(
        tx.line_next(LOCATION, 1_000).await.unwrap(),
        given,
        "who gets a licence now"
    );
    let undecided = store.undecided(LOCATION, look).await.unwrap();
    assert_eq!(undecided, !given.is_empty(), "who gets something is looked for");
    let Some((app, holder)) = given.first().copied() else {
        return;
    };
    let stopped = Fault {
        person: world.owner(holder).unwrap(),
        breach: Breach::NotWanted,
        step: Step::Associate { app, holder },
    };
    tx.stopped_add(LOCATION, &[stopped], now).await.unwrap();
    assert_eq!(
        tx.line_next(LOCATION, 1_000).await.unwrap(),
        given_without(&world, &each, stopped.person),
        "who gets a licence instead of somebody whose plan was stopped"
    );
}

/// Who gets the licences that are free, if this one gets none.
fn given_without(world: &World, each: &Each, person: PersonId) -> Vec<(AssetId, Holder)> {
    let mut given = Vec::new();
    for app in world.apps.values() {
        let pairs = each
            .pairs
            .iter()
            .filter(|((asset, of), _)| *asset == app.id && *of != person);
        let wishes = pairs.flat_map(|(_, pair)| &pair.wishes);
        let ready = wishes.filter(|(_, wish)| wish.stand == Stand::Ready);
        let mut line: Vec<_> = ready.map(|(holder, wish)| (wish.rank, *holder, wish.kept_by)).collect();
        line.sort();
        let mut free = Counts::of(app.owned, app.foreign, app.seats.values().copied()).free;
        let mut unmet = kept_and_not_out(world, each, app);
        // First those for whom some are kept, and then everybody else, each in order.
        let mut gets: BTreeSet<usize> = BTreeSet::new();
        for (at, (_, _, kept_by)) in line.iter().enumerate() {
            let kept = kept_by.and_then(|line| unmet.get_mut(&line)).filter(|kept| **kept > 0);
            if let (Some(kept), Some(free)) = (kept, free.as_mut().filter(|free| **free > 0)) {
                (*kept, *free) = (*kept - 1, *free - 1);
                gets.insert(at);
            }
        }
        let open = free.map(|free| free.saturating_sub(unmet.values().sum()));
        let others: Vec<usize> = (0..line.len()).filter(|at| !gets.contains(at)).collect();
        let most = open.map_or(usize::MAX, |open| usize::try_from(open).unwrap());
        gets.extend(others.into_iter().take(most));
        given.extend(gets.into_iter().map(|at| (app.id, line[at].1)));
    }
    given
}

/// What lines keep of an app, less what is out to those who have it by them.
fn kept_and_not_out(world: &World, each: &Each, app: &Asset) -> BTreeMap<DeploymentId, u64> {
    let keeping = keeping(&world.policy, &app.deployments);
    let unmet = keeping.into_iter().map(|(line, keeps)| {
        let theirs = each
            .pairs
            .iter()
            .filter(|((of, _), pair)| *of == app.id && pair.kept_by == Some(line));
        let seats = theirs.flat_map(|(_, pair)| {
            let devices = pair.devices.values().map(|device| (device.seat, device.keeps));
            devices.chain([(pair.seat, pair.keeps)])
        });
        let out = seats.filter(|(seat, keeps)| *keeps && seat.is_some_and(Seat::is_out));
        (line, keeps.saturating_sub(out.count() as u64))
    });
    unmet.collect()
}

/// Everybody who stands in the line of an asset, with what brings them there.
fn line_of(each: &Each, asset: AssetId) -> BTreeMap<Holder, Wish> {
    let pairs = each.pairs.iter().filter(|((of, _), _)| *of == asset);
    pairs.flat_map(|(_, pair)| pair.wishes.clone()).collect()
}

/// What is told of where somebody stands in the line is so.
async fn stands_as_decided(
    store: &Store,
    each: &Each,
    (asset, holder): (AssetId, Holder),
    places: &BTreeMap<(AssetId, Holder), Place>,
) {
    let position = store.position(asset, holder, PLACES).await.unwrap();
    let place = places.get(&(asset, holder)).copied();
    assert_eq!(position.place, place, "{position:?} of {holder:?}");
    let line = line_of(each, asset);
    let ready = |wish: &Wish| wish.stand == Stand::Ready;
    let all_ready = line.values().filter(|wish| ready(wish)).count() as u64;
    assert_eq!(position.line.ready(), Counted::Exactly(all_ready));
    let before = line.iter().filter(|(other, wish)| {
        let own = line.get(&holder).map(|own| (own.rank, holder));
        ready(wish) && own.is_some_and(|own| (wish.rank, **other) < own)
    });
    assert_eq!(position.ahead.ready(), Counted::Exactly(before.count() as u64));
    for bound in BOUNDS {
        let bounded = store.position(asset, holder, bound).await.unwrap();
        assert_eq!((bounded.counts, &bounded.line), (position.counts, &position.line));
        assert_eq!(bounded.place.is_some(), place.is_some());
        if let (Some(told), Some(place)) = (bounded.place, place) {
            says(bound, told, place);
        }
        match (bounded.missing(), position.missing()) {
            (Counted::AtLeast(least), Counted::Exactly(missing)) => assert!(bound < least && least <= missing),
            (told, missing) => assert_eq!(told, missing),
        }
    }
}

/// What moving somebody up is said to change is what it changes.
async fn moves_up_as_decided(
    store: &Store,
    world: &World,
    each: &Each,
    (asset, person): (AssetId, PersonId),
    place: Option<Place>,
) {
    let told = store.move_up(asset, person, world.now, PLACES).await.unwrap();
    let Some(from) = place else {
        assert_eq!(told, None);
        return;
    };
    let told = told.unwrap();
    assert_eq!(told.from, from);
    let mut app = world.apps[&asset].clone();
    // Nobody is moved up once more, and whoever comes next comes after all who were.
    if app.moved_up.contains_key(&person) || app.moved_up.values().any(|at| *at >= world.now) {
        return;
    }
    let line = each.pairs.iter().filter(|((other, _), _)| *other == asset);
    let line =
        line.flat_map(|((_, owner), pair)| pair.wishes.iter().map(|(holder, wish)| (wish.rank, *holder, *owner)));
    let passed = line.filter(|(rank, ..)| matches!(rank.precedence, Precedence::Priority(_)));
    let first = passed.min().map(|(.., first)| first);
    assert_eq!(told.overtakes, first.filter(|first| *first != person));
    app.moved_up.insert(person, world.now);
    assert_eq!(told.to, decide(world, &app).people[&person].place);
}

/// A change that nobody makes is previewed from a few people, and at any moment, as it is from all of them.
async fn is_as_previewed(store: &Store, chance: &mut Chance, now: Time) {
    let world = store.world(LOCATION, now).await.unwrap();
    for app in world.apps.values() {
        let mut lines = app.deployments.clone();
        lines.retain(|_| !chance.one_in(3));
        for group in world.groups.values() {
            if chance.one_in(2) {
                continue;
            }
            lines.retain(|line| line.group != group.id);
            let approval = chance.of(&["required", "required", "available", "uninstall"]);
            let approval: Approval = serde_json::from_value(approval.into()).unwrap();
            let deadline = chance.time_or_none(now).parse().ok().map(Time);
            lines.push(Deployment {
                id: DeploymentId(Uuid::from_u128(u128::from(chance.number()))),
                app: app.id,
                group: group.id,
                kind: group.kind,
                approval,
                deadline: deadline.filter(|_| approval == Approval::Required),
                license_type: chance.of(&[LicenseType::User, LicenseType::Device, LicenseType::Automatic]),
                installation: chance.of(&[Installation::Managed, Installation::Managed, Installation::External]),
                kept_licenses: chance.of(&[0, 0, 0, 1, 2]),
                since: now,
            });
        }
        let told = store.previewed(LOCATION, app.id, &lines, now).await.unwrap().unwrap();
        let present = store.deployments(app.id).await.unwrap();
        let all = Previewing::new(app.id, &present, lines.clone(), now);
        says_the_same(told, all, &world, app);
        for group in world.groups.values() {
            if chance.one_in(2) {
                continue;
            }
            let mut some = || -> BTreeSet<Uuid> {
                let ids = (0..PEOPLE.max(DEVICES)).filter(|_| chance.one_in(3));
                let kind = if group.kind == GroupKind::User { 2 } else { 3 };
                ids.map(|number| id(kind, number).parse().unwrap()).collect()
            };
            let come = some();
            let members = Members {
                group: group.id,
                kind: group.kind,
                go: some().difference(&come).copied().collect(),
                come,
            };
            let told = store
                .previewed_members(LOCATION, app.id, std::slice::from_ref(&members), now)
                .await
                .unwrap()
                .unwrap();
            says_the_same(told, Previewing::members(app.id, members), &world, app);
        }
        let leaver = Leaver {
            person: PersonId(chance.person().parse().unwrap()),
            devices: match chance.one_in(2) {
                true => LeaverDevices::Retire,
                false => LeaverDevices::Keep,
            },
        };
        let told = store
            .previewed_leaver(LOCATION, app.id, leaver, now)
            .await
            .unwrap()
            .unwrap();
        says_the_same(told, Previewing::leaves(app.id, leaver), &world, app);
        let person = PersonId(chance.person().parse().unwrap());
        let groups = world
            .groups
            .values()
            .filter(|group| group.kind == GroupKind::User && chance.one_in(3));
        let returner = Returner {
            person,
            program: world.people[&person].program,
            groups: groups.map(|group| group.id).collect(),
        };
        let told = store
            .previewed_return(LOCATION, app.id, &returner, now)
            .await
            .unwrap()
            .unwrap();
        says_the_same(told, Previewing::returns(app.id, returner), &world, app);
        let leaving = LeavingDevice {
            device: DeviceId(chance.device().parse().unwrap()),
            exit: chance.of(&[DeviceExit::Retires, DeviceExit::IsWiped, DeviceExit::IsTakenOut]),
        };
        let told = store
            .previewed_device(LOCATION, app.id, leaving, now)
            .await
            .unwrap()
            .unwrap();
        says_the_same(told, Previewing::device(app.id, leaving), &world, app);
        let change = another_policy(chance, &world);
        let told = store.previewed_policy(LOCATION, app.id, &change, now).await.unwrap();
        policy_says_the_same(told, Previewing::policy(app.id, change), &world, app);
    }
}

/// Some of the policy is another one, and some devices count as gone by it, or do not any more.
fn another_policy(chance: &mut Chance, world: &World) -> PolicyChange {
    let mut policy = world.policy.clone();
    match chance.below(5) {
        0 => policy.policy_2016 = !policy.policy_2016,
        1 => {
            policy.rule_set = match policy.rule_set {
                RuleSet::Y2016 => RuleSet::Y2020,
                RuleSet::Y2020 => RuleSet::Y2016,
            };
        }
        2 => policy.reclaim.left_all_groups = !policy.reclaim.left_all_groups,
        3 => {
            let days = Duration::from_secs(86_400 * chance.below(9));
            policy.reclaim.removed_after = chance.of(&[None, Some(days)]);
        }
        _ => {}
    }
    let mut change = PolicyChange {
        policy,
        ..PolicyChange::default()
    };
    for device in world.devices.values() {
        match device.silent_since {
            None if chance.one_in(6) && !device.enrolment.is_over() => drop(change.silent.insert(device.id)),
            Some(_) if chance.one_in(3) => drop(change.back.insert(device.id)),
            _ => {}
        }
    }
    change
}

/// Where nobody was looked at, nothing happens to anybody.
fn policy_says_the_same(told: Option<Preview>, mut all: Previewing, world: &World, app: &Asset) {
    if let Some(told) = told {
        return says_the_same(told, all, world, app);
    }
    all.add(world.clone());
    let all = all.done(
        Vec::new(),
        &BTreeMap::new(),
        app.owned,
        app.seats.len() as u64 + app.foreign,
    );
    assert_eq!(all.of_effect(Effect::None), all.outcomes.len() as u64, "{all:#?}");
}

fn says_the_same(told: Preview, mut all: Previewing, world: &World, app: &Asset) {
    all.add(world.clone());
    let all = all.done(
        Vec::new(),
        &BTreeMap::new(),
        app.owned,
        app.seats.len() as u64 + app.foreign,
    );
    let said: BTreeMap<Holder, Outcome> = told.outcomes.iter().map(|it| (it.holder, *it)).collect();
    assert_eq!(said.len(), all.outcomes.len(), "{told:#?}\n{all:#?}");
    for outcome in &all.outcomes {
        let told = said[&outcome.holder];
        // Of whom only the wish is known, no device is.
        let devices = if told.devices == 0 { 0 } else { outcome.devices };
        assert_eq!(told, Outcome { devices, ..*outcome });
    }
    assert_eq!(
        (told.needed(), told.returning, told.waited),
        (all.needed(), all.returning, all.waited)
    );
    assert_eq!(
        (told.kept, told.unmet, told.unmet_before),
        (all.kept, all.unmet, all.unmet_before)
    );
    assert_eq!((told.waiting, told.at_deadlines), (all.waiting, all.at_deadlines));
}

/// What is counted of an app's people and devices is who is listed, and both are as decided.
async fn lists_are_as_decided(store: &Store, decision: &Decision) {
    let asset = decision.app;
    let sums = store.sums_at(asset, decision.counts.free).await.unwrap();
    assert_eq!(sums.waiting(), decision.counts.waiting);
    let everybody: Vec<PersonId> = decision.people.keys().copied().collect();
    for bound in BOUNDS {
        let places = store.places_in(asset, &everybody, bound).await.unwrap();
        assert_eq!(places.len(), decision.waiting.len());
        for (holder, place) in decision.waiting.iter().zip(1..) {
            says(bound, places[holder], Place::At(place));
        }
    }
    let (mut people, mut devices) = (States::new(), States::new());
    let mut in_state: BTreeMap<Option<InstallState>, BTreeSet<PersonId>> = BTreeMap::new();
    let mut devices_in: BTreeMap<Option<InstallState>, BTreeSet<ListedDevice>> = BTreeMap::new();
    for (person, verdict) in &decision.people {
        // What is said of nobody is said of the device alone.
        if !is_nobody(*person) {
            *people.entry((verdict.state, verdict.detail)).or_default() += 1;
            for state in [None, Some(verdict.state)] {
                in_state.entry(state).or_default().insert(*person);
            }
        }
        for device in verdict.devices.values().filter(|device| device.concerns()) {
            *devices.entry((device.state, device.detail)).or_default() += 1;
            for state in [None, Some(device.state)] {
                let listed = ListedDevice {
                    device: device.device,
                    person: *person,
                };
                devices_in.entry(state).or_default().insert(listed);
            }
        }
    }
    assert_eq!((sums.people(), sums.devices()), (people, devices));
    for (state, wanted) in in_state {
        let parts = store.parts(&sums, true, sought(state)).await.unwrap();
        assert_eq!(
            pages(
                async |span| store.people_said(&parts, a_few(span)).await.unwrap(),
                |id| id.0
            )
            .await,
            by_name(store, &wanted).await
        );
    }
    for (state, wanted) in devices_in {
        let parts = store.parts(&sums, false, sought(state)).await.unwrap();
        let listed = pages(
            async |span| store.devices_said(&parts, a_few(span)).await.unwrap(),
            |row| row.device.0,
        )
        .await;
        assert_eq!(listed.len(), wanted.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), wanted);
    }
}

/// Over all apps: who has something that failed, or waits for a licence, on which devices, and what is said of each.
async fn directory_is_as_decided(store: &Store, decisions: &[Decision]) {
    let mut all = Vec::new();
    for decision in decisions {
        all.push(store.sums_at(decision.app, decision.counts.free).await.unwrap());
    }
    let mut told: BTreeMap<(AssetId, PersonId), (InstallState, bool)> = BTreeMap::new();
    let mut told_of_devices: BTreeMap<(AssetId, ListedDevice), InstallState> = BTreeMap::new();
    for decision in decisions {
        for (person, verdict) in &decision.people {
            if !is_nobody(*person) {
                told.insert((decision.app, *person), (verdict.state, verdict.place.is_some()));
            }
            for device in verdict.devices.values().filter(|device| device.concerns()) {
                let listed = ListedDevice {
                    device: device.device,
                    person: *person,
                };
                told_of_devices.insert((decision.app, listed), device.state);
            }
        }
    }
    for sought in [
        Sought::Anything,
        Sought::Failed,
        Sought::Waiting,
        Sought::State(InstallState::PendingInstall),
    ] {
        let is = |state: InstallState, waits: bool| match sought {
            Sought::Anything => true,
            Sought::Failed => state.is_failure(),
            Sought::Waiting => waits,
            Sought::State(wanted) => state == wanted,
        };
        let (mut people, mut devices) = (Vec::new(), Vec::new());
        for sums in &all {
            people.extend(store.parts(sums, true, sought).await.unwrap());
            devices.extend(store.parts(sums, false, sought).await.unwrap());
        }
        let wanted = told.iter().filter(|(_, (state, waits))| is(*state, *waits));
        let wanted: BTreeSet<PersonId> = wanted.map(|((_, person), _)| *person).collect();
        let counted = store.people_said_counted(&people).await.unwrap();
        assert_eq!(counted, Many::from(wanted.len() as u64), "{sought:?}");
        let listed = pages(
            async |span| store.people_said(&people, a_few(span)).await.unwrap(),
            |id| id.0,
        )
        .await;
        assert_eq!(listed, by_name(store, &wanted).await, "{sought:?}");
        if sought == Sought::Waiting {
            continue;
        }
        let wanted = told_of_devices.iter().filter(|(_, state)| is(**state, false));
        let wanted: BTreeSet<ListedDevice> = wanted.map(|((_, device), _)| *device).collect();
        let counted = store.devices_said_counted(&devices).await.unwrap();
        assert_eq!(counted, Many::from(wanted.len() as u64), "{sought:?}");
        let listed = pages(
            async |span| store.devices_said(&devices, a_few(span)).await.unwrap(),
            |row| row.device.0,
        )
        .await;
        assert_eq!(listed.len(), wanted.len(), "{sought:?}");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), wanted, "{sought:?}");
    }
    let edges = store.edges(&all).await.unwrap();
    let waits = |asset| all.iter().find(|sums| sums.asset_id == asset).unwrap();
    let people: BTreeSet<PersonId> = told.keys().map(|(_, person)| *person).collect();
    let people: Vec<PersonId> = people.into_iter().collect();
    let mut said = BTreeMap::new();
    for row in store.said_of_people(LOCATION, &people).await.unwrap() {
        let waits = waits(row.asset_id).waits(&row, edges.get(&row.asset_id));
        let state = if waits {
            row.verdict.said.waiting.0
        } else {
            row.verdict.said.served.0
        };
        said.insert((row.asset_id, row.of), (state, waits));
    }
    assert_eq!(said, told);
    let devices: BTreeSet<ListedDevice> = told_of_devices.keys().map(|(_, device)| *device).collect();
    let devices: Vec<ListedDevice> = devices.into_iter().collect();
    let mut said = BTreeMap::new();
    for row in store.said_of_devices(LOCATION, &devices).await.unwrap() {
        let waits = waits(row.asset_id).waits(&row, edges.get(&row.asset_id));
        let state = if waits {
            row.verdict.said.waiting.0
        } else {
            row.verdict.said.served.0
        };
        let listed = devices.iter().find(|listed| listed.device == row.of).unwrap();
        said.insert((row.asset_id, *listed), state);
    }
    assert_eq!(said, told_of_devices);
}

/// The members of each group by name, and how many there are.
async fn members_are_as_they_are_called(store: &Store) {
    for group in store.groups().await.unwrap() {
        let members = store.group_members(group.id).await.unwrap();
        assert_eq!(group.members, members.len() as i64, "{}", group.name);
        let names = store.names(&members).await.unwrap();
        let called = |id: &Uuid| match group.kind {
            GroupKind::User => names.people[&PersonId(*id)].clone(),
            GroupKind::Device => names.devices[&DeviceId(*id)].clone(),
        };
        let mut wanted: Vec<_> = members.iter().map(|id| (called(id), *id)).collect();
        wanted.sort();
        let listed = pages(
            async |span| {
                store
                    .group_members_listed(group.id, group.kind, a_few(span))
                    .await
                    .unwrap()
            },
            |id| id,
        )
        .await;
        assert_eq!(
            listed,
            wanted.into_iter().map(|(_, id)| id).collect::<Vec<_>>(),
            "{}",
            group.name
        );
    }
}

/// What stands for a device that belongs to nobody.
fn is_nobody(person: PersonId) -> bool {
    person.0.as_u128() >> 64 == 3
}

/// Two of them a page, so that there are several.
fn a_few(span: Span) -> Cut<'static> {
    Cut {
        span,
        query: "",
        most: 2,
    }
}

async fn by_name(store: &Store, people: &BTreeSet<PersonId>) -> Vec<PersonId> {
    let people: Vec<PersonId> = people.iter().copied().collect();
    let rows = store.people_rows(&people).await.unwrap();
    let mut ordered: Vec<_> = rows.into_iter().map(|row| (row.name, row.id)).collect();
    ordered.sort();
    ordered.into_iter().map(|(_, id)| id).collect()
}

fn sought(state: Option<InstallState>) -> Sought {
    state.map_or(Sought::Anything, Sought::State)
}

/// A list page by page, to its end and back to its beginning, which is the same.
async fn pages<T: Copy + PartialEq + std::fmt::Debug>(
    page: impl AsyncFn(Span) -> Vec<T>,
    id: impl Fn(T) -> Uuid,
) -> Vec<T> {
    let mut rows = page(Span::First).await;
    while let Some(last) = rows.last().copied() {
        let next = page(Span::After(id(last))).await;
        if next.is_empty() {
            break;
        }
        rows.extend(next);
    }
    let mut back: Vec<T> = rows.last().copied().into_iter().collect();
    while let Some(first) = back.first().copied() {
        let mut before = page(Span::Before(id(first))).await;
        if before.is_empty() {
            break;
        }
        before.append(&mut back);
        back = before;
    }
    assert_eq!(rows, back);
    rows
}

/// So many things happen, one after the other.
async fn whatever_happens(fresh: Fresh, seed: u64, happenings: u64) {
    eprintln!(
        "replay: ALLOTMENT_TEST_SEED={seed} cargo test -p store --test contract whatever_happens -- --include-ignored"
    );
    let mut chance = Chance(seed);
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
    let mut hand = Hand::on(&fresh).await;
    let mut now = Time(1_000_000_000_000);
    hand.run(&beginning(now)).await.unwrap();
    for happened in 0..happenings {
        let sql = happening(&mut chance, now);
        match hand.run(&sql).await {
            Ok(()) => {}
            // As the database promises, whoever asks.
            Err(error) if error.to_string().contains("overdraft") => {}
            Err(error) => panic!("{error}: {sql}"),
        }
        match chance.below(12) {
            0 => now = now + Duration::from_millis(chance.below(3 * 86_400_000)),
            1 => now = now + Duration::from_secs(chance.below(7_200)),
            2 if chance.one_in(3) => {
                let set_to = Time(now.ms() - i64::try_from(chance.below(20 * 86_400_000)).unwrap());
                store
                    .clock_set("a", now, set_to, Duration::from_secs(900))
                    .await
                    .unwrap();
                now = set_to;
            }
            3..=5 => {
                let look = look(&store, now, chance.one_in(2)).await;
                let (most, crashes) = (1 + usize::try_from(chance.below(4)).unwrap(), chance.one_in(2));
                decides(&store, look, most, crashes).await;
            }
            _ => {}
        }
        assert_eq!(store.miscounted().await.unwrap(), [], "after {sql}");
        if happened % 4 == 3 {
            is_as_previewed(&store, &mut chance, now).await;
        }
        if happened % 8 == 7 {
            is_as_decided(&store, now).await;
            is_as_previewed(&store, &mut chance, now).await;
        }
    }
    store.close().await;
    fresh.close().await;
}

/// Two people have nothing but the same deployment with licences of devices, and none is left. The device of one of them becomes
/// the other's, and both are decided at once: its place in the line is the same, and it waits for somebody else.
async fn a_device_changes_hands_while_it_waits(fresh: Fresh) {
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
    let mut hand = Hand::on(&fresh).await;
    let now = Time(1_000_000_000_000);
    let (asset, group, device, next) = (id(5, 0), id(4, 1), id(3, 0), id(2, 1));
    hand.run(&beginning(now)).await.unwrap();
    hand.run(&format!(
        "INSERT INTO group_members (group_id, member_id) VALUES ('{group}', '{}'), ('{group}', '{next}');
         INSERT INTO deployments (id, asset_id, group_id, approval, license_type, since, updated_at)
         VALUES ('{}', '{asset}', '{group}', 'required', 'device', 1, 1);
         UPDATE assets SET foreign_held = owned WHERE id = '{asset}'",
        id(2, 0),
        id(6, 0)
    ))
    .await
    .unwrap();
    is_as_decided(&store, now).await;
    hand.run(&format!(
        "UPDATE devices SET person_id = '{next}' WHERE id = '{device}'"
    ))
    .await
    .unwrap();
    let look = look(&store, now, true).await;
    while decides(&store, look, 100, false).await != Taken::default() {}
    let next = PersonId(next.parse().unwrap());
    let places = store.places(LOCATION, next, PLACES).await.unwrap();
    let asset = AssetId(asset.parse().unwrap());
    let device = Holder::Device(DeviceId(device.parse().unwrap()));
    assert!(places[&asset].contains_key(&device), "{places:?}");
    is_as_decided(&store, now).await;
    store.close().await;
    fresh.close().await;
}

#[tokio::test]
async fn a_device_that_changes_hands_while_it_waits_waits_for_whoever_has_it_on_sqlite() {
    a_device_changes_hands_while_it_waits(Fresh::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_device_that_changes_hands_while_it_waits_waits_for_whoever_has_it_on_postgres() {
    a_device_changes_hands_while_it_waits(Fresh::postgres().await).await;
}

/// One of two licences is somebody's for whom it is kept, and the other is open. Theirs is lost, and they are not decided anew yet:
/// nobody else gets it meanwhile.
async fn what_came_back_is_given_to_nobody_before_it_is_known_whose_it_is(fresh: Fresh) {
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
    let mut hand = Hand::on(&fresh).await;
    let now = Time(1_000_000_000_000);
    hand.run(&beginning(now)).await.unwrap();
    let asset = id(5, 0);
    let mut sql = format!(
        "INSERT INTO seats (asset_id, holder_id, kind, state, since) VALUES ('{asset}', '{}', 'user', 'held', 1);",
        id(2, 0)
    );
    for person in 0..3 {
        let (id_of, group) = (id(2, person), id(4, if person == 0 { 1 } else { 2 }));
        sql += &format!(
            "INSERT INTO client_users (client_user_id, location_id, person_id, status, created_at)
             VALUES ('{id_of}', '{}', '{id_of}', 'Associated', 1);
             INSERT INTO group_members (group_id, member_id) VALUES ('{group}', '{id_of}');",
            LOCATION.0
        );
    }
    for (group, kept) in [(1, 1), (2, 0)] {
        sql += &format!(
            "INSERT INTO deployments (id, asset_id, group_id, approval, kept_licenses, since, updated_at)
             VALUES ('{}', '{asset}', '{}', 'required', {kept}, 1, 1);",
            id(6, group),
            id(4, group)
        );
    }
    hand.run(&sql).await.unwrap();
    is_as_decided(&store, now).await;
    let next = async || {
        let given = store.begin().await.unwrap().line_next(LOCATION, 10).await.unwrap();
        given
            .into_iter()
            .map(|(_, holder)| holder.id().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(next().await, [id(2, 1)], "one is open");
    hand.run(&format!("DELETE FROM seats WHERE holder_id = '{}'", id(2, 0)))
        .await
        .unwrap();
    assert_eq!(next().await, [""; 0], "nobody knows yet whose it is");
    is_as_decided(&store, now).await;
    let given: BTreeSet<String> = next().await.into_iter().collect();
    assert_eq!(given, BTreeSet::from([id(2, 0), id(2, 1)]), "theirs, and the open one");
    store.close().await;
    fresh.close().await;
}

#[tokio::test]
async fn what_came_back_is_given_to_nobody_before_it_is_known_whose_it_is_on_sqlite() {
    what_came_back_is_given_to_nobody_before_it_is_known_whose_it_is(Fresh::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_came_back_is_given_to_nobody_before_it_is_known_whose_it_is_on_postgres() {
    what_came_back_is_given_to_nobody_before_it_is_known_whose_it_is(Fresh::postgres().await).await;
}

/// The first ones, always the same, and a fresh one; as many as `ALLOTMENT_TEST_SEEDS` says, or the one to be replayed.
fn seeds(number: u64) -> Vec<u64> {
    let given = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = given("ALLOTMENT_TEST_SEED") {
        return vec![seed];
    }
    let fresh = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let number = given("ALLOTMENT_TEST_SEEDS").unwrap_or(number);
    (0..number).chain([fresh]).collect()
}

#[tokio::test]
async fn whatever_happens_what_is_kept_is_what_follows_from_it_on_sqlite() {
    for seed in seeds(7) {
        whatever_happens(Fresh::sqlite(), seed, 160).await;
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn whatever_happens_what_is_kept_is_what_follows_from_it_on_postgres() {
    for seed in seeds(1) {
        whatever_happens(Fresh::postgres().await, seed, 160).await;
    }
}
