//! What runs all the time finds what it asks for by an index, however large the organisation is.
//!
//! The database itself explains how it goes about each statement. Where it walks through a table that grows with people,
//! devices or history, a test fails and names the statement.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AssetId, Breach, Concern, DeploymentId, DeviceId, Each, Fault, GroupId, GroupKind, LocationId, MembershipRule,
    PersonId, Policy, PolicyChange, Rules, Step, Time,
};
use store::{
    Assignee, Base, Change, ChangeFilter, CommandState, Cut, Devices, GroupRow, ListedDevice, Look, MasterKey, PLACES,
    Part, People, Span, Store, Version,
    testing::{Explained, Fresh, explain_from_now_on, explained_so_far},
};
use uuid::Uuid;

use crate::hand::Hand;

/// As many as there are apps, groups of them, and locations, or as there is to say of an app: every decision looks at them.
const SMALL: [&str; 9] = [
    "assets",
    "app_metadata",
    "deciding",
    "deployments",
    "groups",
    "locations",
    "settings",
    "tallies",
    "verdicts",
];

const LOCATION: LocationId = LocationId(Uuid::from_u128(1));

const DEVICES: [Devices; 6] = [
    Devices::Here,
    Devices::Gone,
    Devices::Dep,
    Devices::Leaving,
    Devices::Silent,
    Devices::Unheard(Time(1)),
];

/// Rules are asked of whom something changed, and new ones of everybody, some at a time.
async fn groups_follow_their_rules(store: &Store, ids: &[Uuid], now: Time) {
    let by = Change { at: now, by: "test" };
    for (kind, number) in [(GroupKind::User, 5), (GroupKind::Device, 6)] {
        let mut tx = store.begin().await.unwrap();
        let id = GroupId(Uuid::from_u128(number));
        let row = GroupRow {
            id,
            kind,
            name: format!("rule {number}"),
            priority: 0,
            created_at: now,
            members: 0,
            membership_rule: None,
            version: Version::default(),
            members_version: Version::default(),
        };
        tx.group_insert(&row).await.unwrap();
        tx.membership_rules_hold().await.unwrap();
        let all = MembershipRule::all();
        assert!(tx.group_rule_set(id, Base::Latest, Some(&all), by).await.unwrap());
        tx.commit().await.unwrap();
        assert!(store.members_to_follow().await.unwrap());
        assert!(store.groups_walked().await.unwrap().contains(&id));
        let mut tx = store.begin().await.unwrap();
        // Marks of either kind, and a rule that is new.
        for _ in 0..3 {
            tx.members_follow(2).await.unwrap();
        }
        let rules = Rules::new(tx.membership_rules(kind).await.unwrap()).unwrap();
        tx.members_by_rule(kind, &rules, ids, &[]).await.unwrap();
        let after = tx.subjects_after(kind, None, 2).await.unwrap();
        tx.group_used_by(id).await.unwrap();
        tx.device_ownership(DeviceId(id.0)).await.unwrap();
        if kind == GroupKind::Device
            && let Some(device) = after.first().copied().map(DeviceId)
        {
            tx.device_ownership_set(device, Base::Latest, None, by).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

/// An organisation of which nothing is known but that it is there.
async fn nobody(fresh: &Fresh) -> Store {
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
    let mut hand = Hand::on(fresh).await;
    hand.run(&format!(
        "INSERT INTO locations (id, uid, display_name, apple_id, token_sealed, token_sha256, organization_name,
                                location_name, country, default_platform, expires_at, state, mdm_id, last_modified_at,
                                created_at)
         VALUES ('{}', '1', '', '', 't', '', '', '', '', '', 1, 'valid', '', 1, 1)",
        LOCATION.0
    ))
    .await
    .unwrap();
    store
}

/// Which tables a statement walks through from one end to the other, be it along an index.
fn walks(explained: &Explained) -> Vec<String> {
    let mut walks = Vec::new();
    for (at, step) in explained.steps.iter().enumerate() {
        let words: Vec<&str> = step.split_whitespace().skip_while(|word| *word == "->").collect();
        let sought = explained
            .steps
            .get(at + 1)
            .is_some_and(|next| next.contains("Index Cond:"));
        // What is in it is on its way, and as much is shown; and a list that was handed over is no table.
        if step.contains("seats_moving") || step.contains("VIRTUAL TABLE") {
            continue;
        }
        walks.extend(match words[..] {
            ["SCAN", table, ..] => Some(table),
            ["Seq", "Scan", "on", table, ..] => Some(table),
            ["Bitmap", "Index", "Scan", "on", index, ..] if !sought => Some(index),
            ["Index", "Scan", "using", _, "on", table, ..] if !sought => Some(table),
            ["Index", "Only", "Scan", "using", _, "on", table, ..] if !sought => Some(table),
            _ => None,
        });
    }
    // A list that was handed over is no table, and how a part of the statement is made up is a step of its own.
    let made_up: Vec<&str> = explained
        .steps
        .iter()
        .filter_map(|step| step.strip_prefix("CO-ROUTINE "))
        .collect();
    walks.retain(|table| !SMALL.contains(table) && !table.starts_with("json") && *table != "CONSTANT");
    walks.retain(|table| !made_up.contains(table));
    walks.into_iter().map(str::to_owned).collect()
}

async fn deciding_walks_through_nothing_that_grows(fresh: Fresh, store: Store) {
    let people: Vec<PersonId> = (0..3).map(|number| PersonId(Uuid::from_u128(0x100 + number))).collect();
    store
        .people_arrive(&people.iter().map(|person| person.0).collect::<Vec<_>>())
        .await
        .unwrap();
    let now = Time(1_000_000_000_000);
    let look = Look {
        now,
        looked: true,
        token_usable: true,
    };

    explain_from_now_on();
    assert!(store.undecided(LOCATION, look).await.unwrap());
    assert_eq!(store.channel(LOCATION).await.unwrap(), None);
    assert_eq!(store.channel_at("nowhere").await.unwrap(), None);
    let mut tx = store.begin().await.unwrap();
    let taken = tx.decide_take(LOCATION, look, 200).await.unwrap();
    assert!(taken.people.len() >= 3);
    let world = tx.world_of(LOCATION, &taken.people, now).await.unwrap();
    assert_eq!(world.people.len(), taken.people.len());
    let again = BTreeMap::from([(people[0], now)]);
    let each = Each {
        again,
        ..domain::decide_each(&world)
    };
    tx.decided(LOCATION, &taken.people, &each).await.unwrap();
    for asset in world.apps.keys() {
        tx.moved_up_over(*asset, people[0], now).await.unwrap();
        tx.moved_up_delete(*asset, people[0]).await.unwrap();
    }
    tx.decide_after_look(LOCATION, &taken.people).await.unwrap();
    assert_eq!(tx.line_next(LOCATION, 100).await.unwrap(), []);
    let fault = Fault {
        person: people[0],
        breach: Breach::NotWanted,
        step: Step::CreateUser { person: people[0] },
    };
    tx.stopped_keep(LOCATION, &taken.people, &[fault], now).await.unwrap();
    tx.stopped_keep(LOCATION, &taken.people, &[], now).await.unwrap();
    tx.channel_hint(LOCATION, now).await.unwrap();
    tx.channel_hint_take(LOCATION).await.unwrap();
    assert!(!tx.operation_told(LOCATION, "event", 3, now).await.unwrap());
    tx.commit().await.unwrap();
    // Whatever concerns many is found by what it is about.
    let mut hand = Hand::on(&fresh).await;
    for scope in ["group", "asset"] {
        let id = GroupId(Uuid::nil());
        hand.run(&format!(
            "INSERT INTO dirty_many (location_id, scope, id) VALUES ('{}', '{scope}', '{id}')",
            LOCATION.0
        ))
        .await
        .unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    tx.decide_take(LOCATION, look, 200).await.unwrap();
    tx.commit().await.unwrap();
    // And so does a page about one person.
    let (person, mut page) = (people[0], store.snapshot().await.unwrap());
    page.world_of(LOCATION, &[person], now).await.unwrap();
    page.world_beside_of(LOCATION, &[person]).await.unwrap();
    page.places(LOCATION, person, PLACES).await.unwrap();
    page.devices_of(person).await.unwrap();
    page.groups_of(person.0).await.unwrap();
    page.invitations_of(person).await.unwrap();
    page.client_users_of(person).await.unwrap();
    page.names(&[person.0]).await.unwrap();
    // And a preview, whoever is decided yet.
    let (asset, group) = (AssetId(Uuid::from_u128(2)), GroupId(Uuid::from_u128(3)));
    page.line_of(asset).await.unwrap();
    page.undecided_people(LOCATION, now, 100).await.unwrap();
    page.world_of_app(LOCATION, asset, &people, now).await.unwrap();
    page.world_about(LOCATION, asset, &people, now).await.unwrap();
    page.seats(asset).await.unwrap();
    page.counts(asset).await.unwrap();
    for kind in [GroupKind::User, GroupKind::Device] {
        page.group_people(group, kind, Some(person.0), 100).await.unwrap();
    }
    // And one of another policy: who is touched is found by what is said of them, and devices by when they were heard.
    let another = PolicyChange {
        silent: BTreeSet::from([DeviceId(person.0)]),
        ..PolicyChange::default()
    };
    let another = PolicyChange {
        policy: Policy {
            policy_2016: true,
            ..Policy::default()
        },
        ..another
    };
    page.people_touched(asset, &another).await.unwrap();
    for silent in [false, true] {
        page.devices_heard_between(silent, Time(1), now).await.unwrap();
    }
    page.client_user_unretired(person, LOCATION).await.unwrap();
    page.position(asset, person.into(), PLACES).await.unwrap();
    page.operation_of_seat(asset, person.into()).await.unwrap();
    page.events_of_pair(asset, person.into(), 20).await.unwrap();
    page.events_of_pair(asset, DeviceId(person.0).into(), 20).await.unwrap();
    // And one about many, which shows how many there are and some of them.
    page.sums(LOCATION).await.unwrap();
    page.seats_moving(LOCATION).await.unwrap();
    page.sums_of(asset).await.unwrap();
    let line = Some(DeploymentId(Uuid::from_u128(9)));
    for kept_by in [None, line] {
        page.served(asset, kept_by, 3).await.unwrap();
        page.edge(asset, kept_by, 3).await.unwrap();
    }
    page.keeping(LOCATION).await.unwrap();
    page.unmet(asset).await.unwrap();
    page.out_to(asset, &people).await.unwrap();
    for span in [Span::First, Span::After(person.0), Span::Before(person.0)] {
        let cut = Cut {
            span,
            query: "",
            most: 50,
        };
        page.people_said(&[(1, Part::All)], cut).await.unwrap();
        page.devices_said(&[(1, Part::All)], cut).await.unwrap();
        page.seats_page(asset, span, 50).await.unwrap();
    }
    // And all of them, but for what is looked for and what is counted.
    for span in [Span::First, Span::After(person.0), Span::Before(person.0)] {
        let cut = Cut {
            span,
            query: "",
            most: 50,
        };
        for which in [
            People::Here,
            People::Left,
            People::Of(LOCATION, Concern::Terms),
            People::Of(LOCATION, Concern::NoDevice),
        ] {
            page.people_listed(which, cut).await.unwrap();
        }
        for which in DEVICES {
            page.devices_listed(which, cut).await.unwrap();
        }
        for kind in [GroupKind::User, GroupKind::Device] {
            page.group_members_listed(group, kind, cut).await.unwrap();
        }
    }
    page.group_members_after(group, Some(person.0), 100).await.unwrap();
    page.group_members_among(group, &[person.0]).await.unwrap();
    page.group(group).await.unwrap();
    page.groups().await.unwrap();
    // What every page shows of them all was counted before.
    page.tally(Some(LOCATION)).await.unwrap();
    page.platforms_counted().await.unwrap();
    for which in [People::Here, People::Left, People::Of(LOCATION, Concern::Refused)] {
        page.people_counted(which).await.unwrap();
    }
    for which in DEVICES
        .into_iter()
        .filter(|which| !matches!(which, Devices::Unheard(_)))
    {
        page.devices_counted(which).await.unwrap();
    }
    page.people_after(Some(person.0), 100).await.unwrap();
    page.devices_after(Some(person.0), 100).await.unwrap();
    page.devices_of_ids(&[DeviceId(person.0)]).await.unwrap();
    page.devices_of_each(&people).await.unwrap();
    page.licences_of_each(&people).await.unwrap();
    page.people_said_counted(&[(1, Part::All)]).await.unwrap();
    page.devices_said_counted(&[(1, Part::All)]).await.unwrap();
    page.devices_erasable(&[DeviceId(person.0)]).await.unwrap();
    page.devices_told_to_leave(&[DeviceId(person.0)]).await.unwrap();
    page.terms_open(LOCATION).await.unwrap();
    page.said_of_people(LOCATION, &people).await.unwrap();
    let listed = ListedDevice {
        device: DeviceId(person.0),
        person,
    };
    page.said_of_devices(LOCATION, &[listed]).await.unwrap();
    page.sums_at(asset, Some(3)).await.unwrap();
    page.line_since(asset, &[(None, 0), (line, 3)]).await.unwrap();
    page.line_page(asset, &[(None, false), (line, true)], 50).await.unwrap();
    page.places_in(asset, &people, PLACES).await.unwrap();
    page.moved_up(asset, &people).await.unwrap();
    for asset in world.apps.keys() {
        page.move_up(*asset, person, now, PLACES).await.unwrap();
    }
    page.people_rows(&people).await.unwrap();
    page.device_rows(&people).await.unwrap();
    page.client_user_rows(LOCATION, &people).await.unwrap();
    page.client_users_called(LOCATION, &["u"]).await.unwrap();
    page.invitation_rows(LOCATION, &people).await.unwrap();
    page.stopped_of(LOCATION, &people).await.unwrap();
    page.stopped_after(LOCATION, Some(person), 100).await.unwrap();
    page.stopped_counted(LOCATION).await.unwrap();
    page.held_changes_open(now).await.unwrap();
    page.held_changes_expired(now).await.unwrap();
    for thing in [None, Some("settings".to_owned())] {
        let filter = ChangeFilter {
            thing,
            before: None,
            limit: 100,
        };
        page.changes(&filter).await.unwrap();
    }
    page.change(1).await.unwrap();
    page.changes_since("settings", 1, 20).await.unwrap();
    page.changes_undoing(1).await.unwrap();
    drop(page);
    // A device that polls, one that answers, those that were heard, and those that are to be woken.
    let device = DeviceId(person.0);
    store.poll("aa", "a device").await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.device_speaks("a device", "aa").await.unwrap();
    tx.device_spoke("a device", now).await.unwrap();
    tx.command_answer(device, Uuid::nil(), CommandState::Acknowledged, None, now)
        .await
        .unwrap();
    tx.command_next(device, true, now).await.unwrap();
    tx.devices_spoke(&[(device, now)]).await.unwrap();
    tx.pushes_claim(Time(0), now, now, 50).await.unwrap();
    tx.commit().await.unwrap();
    // Of whom Apple lists for an asset, who comes and who goes.
    hand.run(&format!(
        "INSERT INTO assets (id, location_id, adam_id, pricing_param, product_type, owned, total, assigned, available, retired,
                             unlimited, device_assignable, revocable, platforms, observed_at)
         VALUES ('{asset}', '{}', 'listed', 'STDQ', 'App', 1, 1, 0, 1, 0, FALSE, TRUE, TRUE, '[]', 1)",
        LOCATION.0
    ))
    .await
    .unwrap();
    let mut tx = store.begin().await.unwrap();
    let listed = [Assignee::User("u".to_owned()), Assignee::Device("S".to_owned())];
    assert!(tx.assignments_observed(asset, &listed, true, now).await.unwrap());
    assert!(tx.assignments_observed(asset, &[], true, now).await.unwrap());
    tx.asset_recount(asset).await.unwrap();
    let holders = [person.into(), DeviceId(person.0).into()];
    tx.foreign_among(asset, &holders).await.unwrap();
    tx.foreign_moves(asset, 1).await.unwrap();
    tx.commit().await.unwrap();
    // And who is in a group is changed by naming them.
    let mut tx = store.begin().await.unwrap();
    let all = GroupId(Uuid::from_u128(4));
    tx.group_insert(&GroupRow {
        id: all,
        kind: GroupKind::User,
        name: "everybody".to_owned(),
        priority: 0,
        created_at: now,
        members: 0,
        membership_rule: None,
        version: Version::default(),
        members_version: Version::default(),
    })
    .await
    .unwrap();
    let by = Change { at: now, by: "test" };
    let ids = [person.0];
    for kind in [GroupKind::User, GroupKind::Device] {
        tx.members_stay(kind, &ids).await.unwrap();
    }
    let changed = tx
        .group_members_change((all, GroupKind::User), Base::Latest, &ids, &[], by)
        .await
        .unwrap();
    assert_eq!(changed, Some((1, 0)));
    let changed = tx
        .group_members_change((all, GroupKind::User), Base::Latest, &[], &ids, by)
        .await
        .unwrap();
    assert_eq!(changed, Some((0, 1)));
    tx.group_member_remove(all, person.0, by).await.unwrap();
    assert!(tx.group_delete(all, Base::Latest).await.unwrap());
    tx.commit().await.unwrap();
    groups_follow_their_rules(&store, &ids, now).await;
    let explained = explained_so_far();
    // What reads everybody does walk, and is found out.
    explain_from_now_on();
    store.world(LOCATION, now).await.unwrap();
    let walked: Vec<String> = explained_so_far().iter().flat_map(walks).collect();
    for table in ["people", "devices", "group_members"] {
        assert!(
            walked.iter().any(|walked| walked.starts_with(table)),
            "{table} of {walked:?}"
        );
    }

    assert!(explained.len() > 30, "{} statements", explained.len());
    // Whoever has a licence is no one to look through for whom one could be given.
    let mut ready = explained
        .iter()
        .filter(|it| it.sql.contains("stand = 'ready'"))
        .peekable();
    assert!(ready.peek().is_some());
    for statement in ready {
        let steps = &statement.steps;
        assert!(
            steps
                .iter()
                .any(|step| step.contains("wishes_ready") || step.contains("pairs_ready")),
            "{}\n{steps:#?}",
            statement.sql
        );
    }
    // Whether one of ours is listed is looked up by who that is, and not among all that are listed.
    let recounts: Vec<&Explained> = explained
        .iter()
        .filter(|it| it.sql.contains("SET foreign_held") || it.sql.contains("has_seat"))
        .collect();
    assert_eq!(recounts.len(), 4, "of all, of people, of devices, and what is moved");
    for Explained { sql, steps } in recounts {
        let by_whom = |step: &String| step.contains("holder=?") || step.contains("(holder = ");
        let mut of_kind = steps.iter().filter(|step| step.contains("holder_kind"));
        assert!(of_kind.all(by_whom), "{sql}\n{steps:#?}");
    }
    // And what is said of somebody is found by who that is, and not among all that is said.
    let mut said = explained
        .iter()
        .filter(|it| it.sql.contains("said, stand, behind"))
        .peekable();
    assert!(said.peek().is_some());
    for statement in said {
        let by_person = ["(person_id=?", "pairs_pkey"];
        let found = |step: &String| by_person.iter().any(|by| step.contains(by));
        let steps = &statement.steps;
        assert!(steps.iter().any(found), "{}\n{steps:#?}", statement.sql);
    }
    for statement in &explained {
        let walks = walks(statement);
        assert!(
            walks.is_empty(),
            "walks through {walks:?}: {}\n{:#?}",
            statement.sql,
            statement.steps
        );
    }
    store.close().await;
    fresh.close().await;
}

#[tokio::test]
async fn deciding_walks_through_nothing_that_grows_on_sqlite() {
    let fresh = Fresh::sqlite();
    let store = nobody(&fresh).await;
    deciding_walks_through_nothing_that_grows(fresh, store).await;
}

/// PostgreSQL decides by how much there is, and would rather walk through what is nearly empty. Three thousand people with
/// a device each, which has an identity, was asked something and has an app, are enough; where an index can do, a walk is forbidden.
const CROWD: &str = "
    INSERT INTO people (id, name, created_at) SELECT gen_random_uuid()::text, '', 1 FROM generate_series(1, 3000);
    INSERT INTO devices (id, udid, name, product_name, platform, person_id, enrolment, dep, awaiting_configuration)
    SELECT gen_random_uuid()::text, id, '', '', 'iOS', id, 'enrolled', FALSE, FALSE FROM people;
    INSERT INTO device_ownership (device_id, ownership) SELECT id, 'company' FROM devices;
    INSERT INTO enrolments (id, person_id, token_sha256, created_at, expires_at, certificate_sha256, device_id)
    SELECT gen_random_uuid()::text, person_id, id, 1, 1, id, id FROM devices;
    INSERT INTO commands (uuid, device_id, request_type, body, state, created_at, not_now_count)
    SELECT gen_random_uuid()::text, id, 'DeviceInformation', 'b', 'queued', 1, 0 FROM devices;
    INSERT INTO assets (id, location_id, adam_id, pricing_param, product_type, owned, total, assigned, available,
                        retired, unlimited, device_assignable, revocable, platforms, observed_at)
    SELECT gen_random_uuid()::text, id, '1', 'STDQ', 'App', 9000, 9000, 0, 9000, 0, FALSE, TRUE, TRUE, '[]', 1
    FROM locations;
    INSERT INTO groups (id, kind, name, priority, created_at) VALUES (gen_random_uuid()::text, 'user', 'all', 1, 1);
    INSERT INTO group_members (group_id, member_id) SELECT groups.id, people.id FROM groups, people;
    INSERT INTO deployments (id, asset_id, group_id, approval, kept_licenses, since, updated_at)
    SELECT gen_random_uuid()::text, assets.id, groups.id, 'required', 5, 1, 1 FROM assets, groups;
    INSERT INTO client_users (client_user_id, location_id, person_id, status, observed_at)
    SELECT people.id, locations.id, people.id, 'Registered', 1 FROM people, locations;
    INSERT INTO invitations (id, client_user_id, device_id, round, queued_at)
    SELECT gen_random_uuid()::text, person_id, id, 1, 1 FROM devices;
    INSERT INTO seats (asset_id, holder_id, kind, state, since)
    SELECT assets.id, people.id, 'user', 'held', 1 FROM assets, people;
    INSERT INTO seats (asset_id, holder_id, kind, state, since)
    SELECT assets.id, devices.id, 'device', 'held', 1 FROM assets, devices;
    INSERT INTO seat_refusals (asset_id, holder_id, error_number, at, attempts, not_before)
    SELECT assets.id, people.id, 1, 1, 1, 1 FROM assets, people;
    INSERT INTO install_requests (asset_id, person_id, requested_at) SELECT assets.id, people.id, 1 FROM assets, people;
    INSERT INTO moved_up (asset_id, person_id, moved_at, moved_by, reason)
    SELECT assets.id, people.id, 1, '', '' FROM assets, people;
    INSERT INTO installs (device_id, asset_id, checks) SELECT devices.id, assets.id, 0 FROM assets, devices;
    INSERT INTO device_apps (device_id, asset_id) SELECT devices.id, assets.id FROM assets, devices;
    INSERT INTO verdicts (asset_id, said, times)
    SELECT id, 'person rwk- - notMember notMember pendingInstall noAdditionalDetails pendingInstall noAdditionalDetails', 3000 FROM assets;
    INSERT INTO verdicts (asset_id, said, times)
    SELECT id, 'device -- - notMember pendingInstall noAdditionalDetails pendingInstall noAdditionalDetails', 3000 FROM assets;
    INSERT INTO pairs (person_id, asset, verdict, stand, behind, only_available, since, device, holder, name)
    SELECT decode(replace(people.id, '-', ''), 'hex'), number, no, 'notMember', 1, FALSE, 1, FALSE,
           decode(replace(people.id, '-', ''), 'hex'), ''
    FROM assets JOIN verdicts ON asset_id = assets.id AND said LIKE 'person%', people;
    INSERT INTO wishes (asset, holder, device, person_id, stand, behind, only_available, since)
    SELECT asset, holder, device, person_id, stand, behind, only_available, since FROM pairs;
    INSERT INTO device_pairs (person_id, device_id, asset, verdict, own, name)
    SELECT decode(replace(person_id, '-', ''), 'hex'), decode(replace(devices.id, '-', ''), 'hex'), number, no, FALSE, ''
    FROM assets JOIN verdicts ON asset_id = assets.id AND said LIKE 'device%', devices;
    INSERT INTO decide_again (location_id, person_id, at)
    SELECT locations.id, people.id, 9000000000000 FROM locations, people;
    -- The worst day there can be: nobody's plan is sound.
    INSERT INTO stopped_plans (location_id, person_id, breach, step, since)
    SELECT locations.id, decode(replace(people.id, '-', ''), 'hex'), 'notWanted',
           '{\"step\":\"createUser\",\"person\":\"' || people.id || '\"}', 1
    FROM locations, people;
    -- A thousand were heard at some time each, and count as gone.
    UPDATE devices SET silent_since = 1, last_seen_at = 2000000000000 + hashtext(id)
    WHERE id IN (SELECT id FROM devices ORDER BY id LIMIT 1000);
    -- A few hundred of them belong to nobody.
    INSERT INTO people (id, kind, name, created_at)
    SELECT id, 'device', '', 1 FROM (SELECT id FROM devices LIMIT 300) AS kiosks;
    UPDATE devices SET person_id = id WHERE id IN (SELECT id FROM people WHERE kind = 'device');
    ANALYZE";

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn deciding_walks_through_nothing_that_grows_on_postgres() {
    let fresh = Fresh::postgres().await;
    nobody(&fresh).await.close().await;
    let mut hand = Hand::on(&fresh).await;
    hand.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database()); END $$")
        .await
        .unwrap();
    hand.run(CROWD).await.unwrap();
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
    deciding_walks_through_nothing_that_grows(fresh, store).await;
}
