//! Whatever happens, in any order: who is in a group that has a rule is whom the rule says.
//!
//! Facts change by statements of chance, past the store: whoever writes them, the marks are the database's. In between
//! somebody follows, a few people and devices at a time, and sometimes crashes before the end. Whenever nothing is left to
//! follow, the members of all groups are compared with what their rules say of everybody.

use domain::{MembershipRule, Ownership, Rules, Subject};
use store::ByRule;

use super::*;
use crate::hand::Hand;

/// What a rule looks at, and what it does not, and why.
struct Facts {
    table: &'static str,
    /// Which row of [`FEW`] is changed.
    row: &'static str,
    /// A column, something else to put there, and who is marked by that.
    marks: &'static [(&'static str, &'static str, &'static [&'static str])],
    unseen: &'static [&'static str],
}

const FEW: &str = "
    INSERT INTO people (id, name, created_at) VALUES ('mina', '', 1), ('joon', '', 1);
    INSERT INTO devices (id, udid, name, product_name, platform, person_id, enrolment, dep, awaiting_configuration)
    VALUES ('phone', '1', '', '', 'iOS', 'mina', 'enrolled', FALSE, FALSE);
    INSERT INTO device_ownership (device_id, ownership) VALUES ('phone', 'company');";

const PHONE: &[&str] = &["device phone"];
const BOTH: &[&str] = &["device phone", "user mina"];

const FACTS: &[Facts] = &[
    Facts {
        table: "people",
        row: "id = 'mina'",
        marks: &[
            ("name", "'x'", BOTH),
            ("email", "'x'", BOTH),
            ("department", "'x'", BOTH),
            ("office", "'x'", BOTH),
            ("left_at", "9", BOTH),
        ],
        unseen: &[
            "id",
            "kind",
            "email_key",
            "created_at",
            "version",
            "changed_at",
            "changed_by",
        ],
    },
    Facts {
        table: "devices",
        row: "id = 'phone'",
        marks: &[
            ("person_id", "'joon'", PHONE),
            ("product_name", "'x'", PHONE),
            ("platform", "'macOS'", PHONE),
            ("os_version", "'17'", PHONE),
            ("supervised", "FALSE", PHONE),
            ("dep", "TRUE", PHONE),
            ("gone_at", "9", PHONE),
        ],
        // Which device it is, what it is called (its user says), how far it is managed, and whether it is awake.
        unseen: &[
            "id",
            "udid",
            "serial",
            "name",
            "build_version",
            "enrolment",
            "shared",
            "awaiting_configuration",
            "push_token",
            "push_magic",
            "push_token_at",
            "push_failures",
            "push_not_before",
            "push_asked",
            "topic",
            "enrolment_id",
            "enrolled_at",
            "last_seen_at",
            "informed_at",
            "next_push_at",
            "pushed_at",
            "store_account_active",
            "store_account_hash",
            "leaving_since",
            "called_at",
            "silent_since",
            "refused_at",
            "unreachable_since",
        ],
    },
    Facts {
        table: "device_ownership",
        row: "device_id = 'phone'",
        marks: &[("ownership", "'personal'", PHONE)],
        unseen: &["device_id", "version", "changed_at", "changed_by"],
    },
];

/// Who is to be asked, each as often as they are marked.
async fn marked(hand: &mut Hand) -> Vec<String> {
    let sql = "SELECT kind || ' ' || member_id FROM group_marks";
    let mut marked: Vec<String> = hand.texts(sql).await.into_iter().map(|[mark]| mark).collect();
    marked.sort();
    marked
}

/// Who is marked by this. Nothing of it stays.
async fn marked_by(hand: &mut Hand, sql: &str) -> Vec<String> {
    hand.run("BEGIN; DELETE FROM group_marks").await.unwrap();
    hand.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let marked = marked(hand).await;
    hand.run("ROLLBACK").await.unwrap();
    marked
}

/// Follows until nothing is left to be followed.
async fn follow(store: &Store) {
    while store.members_to_follow().await.unwrap() {
        let mut tx = store.begin().await.unwrap();
        tx.members_follow(3).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn group_row(id: GroupId, kind: GroupKind) -> GroupRow {
    GroupRow {
        id,
        kind,
        name: id.to_string(),
        priority: 0,
        created_at: NOW,
        members: 0,
        membership_rule: None,
        version: Version::default(),
        members_version: Version::default(),
    }
}

/// A new group, with this rule if there is one.
async fn group(store: &Store, kind: GroupKind, rule: Option<&str>) -> GroupId {
    let id = GroupId(Uuid::now_v7());
    let mut tx = store.begin().await.unwrap();
    tx.group_insert(&group_row(id, kind)).await.unwrap();
    tx.commit().await.unwrap();
    if let Some(rule) = rule {
        set_rule(store, id, kind, rule).await;
    }
    id
}

async fn set_rule(store: &Store, id: GroupId, kind: GroupKind, rule: &str) {
    let rule = MembershipRule::of_kept(kind, rule).unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.membership_rules_hold().await.unwrap();
    assert!(tx.group_rule_set(id, Base::Latest, Some(&rule), BY).await.unwrap());
    tx.commit().await.unwrap();
}

async fn change(store: &Store, group: (GroupId, GroupKind), come: &[Uuid], go: &[Uuid]) -> Option<(u64, u64)> {
    let mut tx = store.begin().await.unwrap();
    let moved = tx
        .group_members_change(group, Base::Latest, come, go, BY)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    moved
}

async fn edit(store: &Store, person: PersonId, change: PersonChange) {
    let mut tx = store.begin().await.unwrap();
    assert!(tx.person_change(person, Base::Latest, &change, BY).await.unwrap());
    tx.commit().await.unwrap();
}

fn works_in(department: &str) -> PersonChange {
    PersonChange {
        department: Some(Some(department.to_owned())),
        ..PersonChange::default()
    }
}

/// Of everybody, read at once and worked out from the definition: a group within a group by asking that one's rule.
async fn as_the_rules_say(store: &Store) {
    let mut read = store.snapshot().await.unwrap();
    for kind in [GroupKind::User, GroupKind::Device] {
        let rules = read.membership_rules(kind).await.unwrap();
        let ids = read.subjects_after(kind, None, 10_000).await.unwrap();
        let subjects: BTreeMap<Uuid, Subject> = read.subjects(kind, &ids).await.unwrap().into_iter().collect();
        let mut kept: BTreeMap<GroupId, BTreeSet<Uuid>> = BTreeMap::new();
        for group in read.groups().await.unwrap() {
            let members: BTreeSet<Uuid> = read.group_members(group.id).await.unwrap().into_iter().collect();
            assert_eq!(group.members, members.len() as i64, "it is counted");
            kept.insert(group.id, members);
        }
        for group in rules.keys() {
            let expected: BTreeSet<Uuid> = subjects
                .iter()
                .filter(|(id, subject)| says(&rules, &kept, *group, **id, subject))
                .map(|(id, _)| *id)
                .collect();
            assert_eq!(kept[group], expected, "{group}: {:?}", rules[group].kept());
        }
    }
}

fn says(
    rules: &BTreeMap<GroupId, MembershipRule>,
    kept: &BTreeMap<GroupId, BTreeSet<Uuid>>,
    group: GroupId,
    id: Uuid,
    subject: &Subject,
) -> bool {
    let Some(rule) = rules.get(&group) else {
        return kept.get(&group).is_some_and(|members| members.contains(&id));
    };
    let uses = rule.uses().into_iter();
    let within = uses.filter(|used| says(rules, kept, *used, id, subject)).collect();
    rule.holds(subject, &within)
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

const RULES: &[&str] = &[
    "all",
    r#"user.department -eq "영업""#,
    r#"user.department -ne "영업" -and user.officeLocation -startsWith "서울""#,
    r#"user.displayName -in ["가", "나"] -or user.mail -contains "@""#,
];
const DEVICE_RULES: &[&str] = &[
    "all",
    "device.osVersion -ge 17.5 -and device.isSupervised -ne true",
    r#"device.operatingSystem -eq iOS -and user.department -eq "영업""#,
    r#"device.managedDeviceOwnerType -eq company -or device.enrolledThroughDep -eq true"#,
    r#"device.model -startsWith "iPad""#,
];

/// Something happens.
fn happening(chance: &mut Chance, people: &[PersonId], devices: &[DeviceId]) -> String {
    let (person, device) = (*chance.of(people), *chance.of(devices));
    match chance.below(8) {
        0 | 1 => format!(
            "UPDATE people SET department = {}, office = {}, name = '{}' WHERE id = '{person}'",
            chance.of(&["NULL", "'영업'", "'연구'"]),
            chance.of(&["NULL", "'서울 본사'", "'부산'"]),
            chance.of(&["가", "나", "다"])
        ),
        2 => format!(
            "UPDATE people SET left_at = {} WHERE id = '{person}'",
            chance.of(&["NULL", "NULL", "9"])
        ),
        3 => format!(
            "UPDATE people SET email = {} WHERE id = '{person}'",
            chance.of(&["NULL", "'a@b.c'"])
        ),
        4 => format!(
            "UPDATE devices SET os_version = {}, platform = '{}', product_name = '{}', supervised = {} WHERE id = '{device}'",
            chance.of(&["NULL", "'17.10'", "'17.4'", "'9.3'"]),
            chance.of(&["iOS", "iPadOS"]),
            chance.of(&["iPhone15,4", "iPad14,1"]),
            chance.of(&["NULL", "TRUE", "FALSE"])
        ),
        5 => format!(
            "UPDATE devices SET person_id = '{}', dep = {}, gone_at = {} WHERE id = '{device}'",
            // Now and then it belongs to nobody.
            if chance.below(3) == 0 { device.0 } else { person.0 },
            chance.of(&["TRUE", "FALSE"]),
            chance.of(&["NULL", "NULL", "9"])
        ),
        6 => format!(
            "INSERT INTO device_ownership (device_id, ownership) VALUES ('{device}', {})
             ON CONFLICT (device_id) DO UPDATE SET ownership = excluded.ownership",
            chance.of(&["NULL", "'company'", "'personal'"])
        ),
        _ => format!("DELETE FROM device_ownership WHERE device_id = '{device}'"),
    }
}

async fn ids_of(store: &Store, kind: GroupKind) -> Vec<Uuid> {
    store.subjects_after(kind, None, 1_000).await.unwrap()
}

on_both! {
    async fn every_fact_that_a_rule_looks_at_marks_whom_it_is_of(fresh: &Fresh, store: Store) {
        let _ = store;
        let mut hand = Hand::on(fresh).await;
        hand.run(FEW).await.unwrap();
        for Facts { table, row, marks, unseen } in FACTS {
            let sql = match hand {
                Hand::Lite(_) => format!("SELECT name, type FROM pragma_table_info('{table}')"),
                Hand::Pg(_) => format!(
                    "SELECT column_name::text, UPPER(data_type::text) FROM information_schema.columns
                     WHERE table_schema = 'public' AND table_name = '{table}'"
                ),
            };
            for [column, kind] in hand.texts(&sql).await {
                let seen = marks.iter().any(|(name, ..)| *name == column);
                assert!(seen != unseen.contains(&column.as_str()), "does a rule look at {table}.{column}?");
                if seen || ["id", "kind", "udid", "device_id"].contains(&column.as_str()) {
                    continue;
                }
                let other = match kind.as_str() {
                    "BIGINT" => format!("COALESCE({column}, 0) + 1"),
                    "BOOLEAN" => format!("NOT COALESCE({column}, FALSE)"),
                    "TEXT" => format!("COALESCE({column}, '') || 'x'"),
                    _ => "'bytes'".to_owned(),
                };
                let found = marked_by(&mut hand, &format!("UPDATE {table} SET {column} = {other} WHERE {row}")).await;
                assert_eq!(found, [] as [&str; 0], "{table}.{column}");
            }
            for (column, other, whom) in *marks {
                let found = marked_by(&mut hand, &format!("UPDATE {table} SET {column} = {other} WHERE {row}")).await;
                assert_eq!(found, *whom, "{table}.{column}");
                let found = marked_by(&mut hand, &format!("UPDATE {table} SET {column} = {column} WHERE {row}")).await;
                assert_eq!(found, [] as [&str; 0], "{table}.{column} as it is");
            }
        }
        for (sql, whom) in [
            ("INSERT INTO people (id, name, created_at) VALUES ('new', '', 1)", &["user new"][..]),
            (
                "INSERT INTO devices (id, udid, name, product_name, platform, person_id, enrolment, dep, awaiting_configuration)
                 VALUES ('new', '2', '', '', 'iOS', 'mina', 'enrolled', FALSE, FALSE)",
                &["device new"],
            ),
            ("DELETE FROM device_ownership WHERE device_id = 'phone'", PHONE),
            ("DELETE FROM device_ownership; DELETE FROM devices WHERE id = 'phone'", &["device phone", "device phone"]),
        ] {
            assert_eq!(marked_by(&mut hand, sql).await, whom, "{sql}");
        }
    }

    async fn after_anything_at_all_the_members_are_whom_the_rules_say(fresh: &Fresh, store: Store) {
        let people = people(&store, 7).await;
        let mut devices = Vec::new();
        for person in &people {
            devices.push(device(&store, *person).await);
        }
        let mut tx = store.begin().await.unwrap();
        for device in &devices {
            tx.nobody_put(*device, NOW).await.unwrap();
        }
        tx.commit().await.unwrap();
        let (mut users, mut machines) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            users.push(group(&store, GroupKind::User, None).await);
            machines.push(group(&store, GroupKind::Device, None).await);
        }
        let mut hand = Hand::on(fresh).await;
        for seed in 0..6 {
            let mut chance = Chance(seed);
            for _ in 0..60 {
                let kind = *chance.of(&[GroupKind::User, GroupKind::Device]);
                let (groups, rules) = match kind {
                    GroupKind::User => (&users, RULES),
                    GroupKind::Device => (&machines, DEVICE_RULES),
                };
                match chance.below(12) {
                    0 => {
                        // One that comes later looks at those before it: there is no circle.
                        let at = chance.below(groups.len());
                        let mut rule = (*chance.of(rules)).to_owned();
                        if at > 0 {
                            let used = groups[chance.below(at)];
                            let joined = chance.of(&["-or", "-and", "-and -not", "-or -not"]);
                            rule = format!("({rule}) {joined} memberOf \"{used}\"");
                        }
                        set_rule(&store, groups[at], kind, &rule).await;
                    }
                    1 if chance.below(3) == 0 => {
                        let mut tx = store.begin().await.unwrap();
                        assert!(tx.group_rule_set(*chance.of(groups), Base::Latest, None, BY).await.unwrap());
                        tx.commit().await.unwrap();
                    }
                    2 | 3 => {
                        // Whoever left is put into nothing.
                        let all = ids_of(&store, kind).await;
                        let subjects = store.subjects(kind, &all).await.unwrap();
                        let here: Vec<Uuid> = subjects.iter().filter(|(_, it)| it.is_here).map(|(id, _)| *id).collect();
                        let come = if here.is_empty() { Vec::new() } else { vec![*chance.of(&here)] };
                        change(&store, (*chance.of(groups), kind), &come, &[*chance.of(&all)]).await;
                    }
                    4 | 5 => {
                        let mut tx = store.begin().await.unwrap();
                        tx.members_follow(3).await.unwrap();
                        // Or it crashes.
                        if chance.below(3) > 0 {
                            tx.commit().await.unwrap();
                        }
                    }
                    _ => hand.run(&happening(&mut chance, &people, &devices)).await.unwrap_or_else(|error| {
                        // A mail address is one person's.
                        assert!(error.to_string().to_lowercase().contains("unique"), "{error}");
                    }),
                }
            }
            follow(&store).await;
            as_the_rules_say(&store).await;
        }
    }

    /// Everybody writes at once, and somebody follows all the time: at the end nothing was lost.
    async fn whoever_changes_something_while_it_is_followed_is_not_missed(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let people = people(&store, 12).await;
        let assigned = group(&store, GroupKind::User, None).await;
        let sales = group(&store, GroupKind::User, Some(r#"user.department -eq "영업""#)).await;
        let within = group(&store, GroupKind::User, None).await;
        let mut writers = tokio::task::JoinSet::new();
        for (number, person) in people.iter().copied().enumerate() {
            let store = store.clone();
            writers.spawn(async move {
                for turn in 0..6 {
                    edit(&store, person, works_in(if (turn + number) % 2 == 0 { "영업" } else { "연구" })).await;
                    let (come, go) = if turn % 2 == 0 { (vec![person.0], vec![]) } else { (vec![], vec![person.0]) };
                    change(&store, (assigned, GroupKind::User), &come, &go).await;
                    // What nobody looked at before is looked at from now on, in the middle of it.
                    if turn == 3 && number == 0 {
                        let rule = format!(r#"memberOf "{assigned}" -or memberOf "{sales}""#);
                        set_rule(&store, within, GroupKind::User, &rule).await;
                    }
                }
            });
        }
        while !writers.is_empty() {
            let mut tx = store.begin().await.unwrap();
            // Whoever gave way is followed another time.
            if tx.members_follow(3).await.is_ok() {
                let _ = tx.commit().await;
            }
            while let Some(done) = writers.try_join_next() {
                done.unwrap();
            }
            tokio::task::yield_now().await;
        }
        follow(&store).await;
        as_the_rules_say(&store).await;
        assert_ne!(store.group_members(within).await.unwrap(), [] as [Uuid; 0]);
    }

    async fn a_group_that_a_rule_looks_at_stays_and_members_of_a_rule_are_not_put_in_by_hand(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let assigned = group(&store, GroupKind::User, None).await;
        let looks = group(&store, GroupKind::User, Some(&format!(r#"memberOf "{assigned}""#))).await;
        assert_eq!(store.group_used_by(assigned).await.unwrap(), [looks.to_string()]);
        assert_eq!(change(&store, (looks, GroupKind::User), &[person.0], &[]).await, None);
        assert_eq!(change(&store, (assigned, GroupKind::User), &[person.0], &[]).await, Some((1, 0)));
        follow(&store).await;
        assert_eq!(store.group_members(looks).await.unwrap(), [person.0]);

        let mut tx = store.begin().await.unwrap();
        assert!(matches!(tx.group_delete(assigned, Base::Latest).await, Err(StoreError::InUse)));
        drop(tx);
        // Without its rule a group keeps whoever is in it, and its version counts as that of its members.
        let seen = store.group(looks).await.unwrap().unwrap();
        let base = Base::Version(seen.members_version.number);
        for expected in [true, false] {
            let mut tx = store.begin().await.unwrap();
            assert_eq!(tx.group_rule_set(looks, base, None, BY).await.unwrap(), expected);
            tx.commit().await.unwrap();
        }
        assert_eq!(store.group_members(looks).await.unwrap(), [person.0]);
        let mut tx = store.begin().await.unwrap();
        assert!(tx.group_delete(assigned, Base::Latest).await.unwrap());
        tx.commit().await.unwrap();
        follow(&store).await;
        assert_eq!(store.group_members(looks).await.unwrap(), [person.0]);
    }

    /// A leaver whose facts were read before they left does not come in after it.
    async fn whoever_leaves_while_a_rule_lets_them_in_is_in_no_group(fresh: &Fresh, store: Store) {
        let person = people(&store, 1).await[0];
        let everybody = group(&store, GroupKind::User, Some("all")).await;
        let mut tx = store.begin().await.unwrap();
        assert!(tx.person_left(person, Base::Latest, BY).await.unwrap());
        tx.group_member_remove(everybody, person.0, BY).await.unwrap();
        let mut following = tokio::spawn({
            let store = store.clone();
            async move { follow(&store).await }
        });
        if fresh.url().starts_with("postgres") {
            // It waits for the leaver's row.
            let waits = tokio::time::timeout(Duration::from_millis(300), &mut following).await;
            assert!(waits.is_err());
        }
        tx.commit().await.unwrap();
        following.await.unwrap();
        assert_eq!(store.group_members(everybody).await.unwrap(), [] as [Uuid; 0]);
        // What is kept of the members counts as edited by nobody.
        assert_eq!(store.group(everybody).await.unwrap().unwrap().members_version.number, 2);

        let mut tx = store.begin().await.unwrap();
        assert!(tx.person_back(person, Base::Latest, BY).await.unwrap());
        tx.commit().await.unwrap();
        follow(&store).await;
        assert_eq!(store.group_members(everybody).await.unwrap(), [person.0]);
    }

    /// A rule that is replaced while it is still being asked of everybody begins anew.
    async fn a_rule_that_is_replaced_on_its_way_is_asked_of_those_before_it_too(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let people = people(&store, 9).await;
        edit(&store, people[0], works_in("영업")).await;
        follow(&store).await;
        let group = group(&store, GroupKind::User, Some("-not all")).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.members_follow(2).await.unwrap().walked, None, "four of nine");
        tx.commit().await.unwrap();
        set_rule(&store, group, GroupKind::User, r#"user.department -eq "영업""#).await;
        let mut walked = None;
        while store.members_to_follow().await.unwrap() {
            let mut tx = store.begin().await.unwrap();
            walked = tx.members_follow(2).await.unwrap().walked.or(walked);
            tx.commit().await.unwrap();
        }
        assert_eq!(store.group_members(group).await.unwrap(), [people[0].0]);
        let walked = walked.unwrap();
        assert_eq!((walked.group, walked.joined, walked.went), (group, 1, 0));
    }

    /// What a preview asks: of members as if some had come and gone.
    async fn rules_are_asked_as_if_somebody_came_into_a_group(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let people = people(&store, 2).await;
        let assigned = group(&store, GroupKind::User, None).await;
        let looks = group(&store, GroupKind::User, Some(&format!(r#"memberOf "{assigned}""#))).await;
        change(&store, (assigned, GroupKind::User), &[people[0].0], &[]).await;
        follow(&store).await;
        let rules = Rules::new(store.membership_rules(GroupKind::User).await.unwrap()).unwrap();
        let moved = |group, come: PersonId, go: PersonId| domain::Members {
            group,
            kind: GroupKind::User,
            come: BTreeSet::from([come.0]),
            go: BTreeSet::from([go.0]),
        };
        let ids = [people[0].0, people[1].0];
        let as_if = moved(assigned, people[1], people[0]);
        let said = store.members_by_rule(GroupKind::User, &rules, &ids, std::slice::from_ref(&as_if)).await.unwrap();
        let within = BTreeMap::from([(looks, vec![people[1].0])]);
        assert_eq!(said, ByRule { moves: vec![moved(looks, people[1], people[0])], within });
        let said = store.members_by_rule(GroupKind::User, &rules, &ids, &[]).await.unwrap();
        assert_eq!(said.moves, []);
    }

    async fn whose_a_device_is_has_a_version_from_the_beginning(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let device = device(&store, person).await;
        let row = store.device_ownership(device).await.unwrap();
        assert_eq!((row.ownership, row.version.number), (None, 0));
        for (base, said, expected) in [
            (Base::Version(0), Some(Ownership::Company), true),
            (Base::Version(0), Some(Ownership::Personal), false),
            (Base::Version(1), None, true),
            (Base::Latest, Some(Ownership::Personal), true),
        ] {
            let mut tx = store.begin().await.unwrap();
            assert_eq!(tx.device_ownership_set(device, base, said, BY).await.unwrap(), expected, "{base:?}");
            tx.commit().await.unwrap();
        }
        let row = store.device_ownership(device).await.unwrap();
        assert_eq!((row.ownership, row.version.number), (Some(Ownership::Personal), 3));
        assert_eq!(row.version.changed_by.as_deref(), Some(BY.by));
    }
}
