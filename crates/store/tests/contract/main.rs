//! What the store promises, on both databases.

#![expect(
    clippy::disallowed_methods,
    reason = "tests ask the machine how long something took, and for names that are new"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{
    AccountId, Approval, AssetId, Deployment, DeploymentId, DeviceId, Enrolment, EnrolmentId, Failure, FailureClass,
    GroupId, GroupKind, HolderKind, Install, InstallCommand, Installation, LicenseType, LocationId, OperationId, Owned,
    PersonId, Platform, Policy, Program, Refusal, RefusalReason, Seat, Seen, SessionId, StoreVersion, SyncId, Time,
    TokenState, invitation::Ending,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection;
use store::{
    Account, Actor, Assignee, Base, Change, CheckInRefusal, CheckInRow, ClientUserRow, ClientUserStatus, CommandRow,
    CommandState, Cut, EnrolmentRow, EventFilter, GroupRow, InvitationRow, Kept, LocationRow, MasterKey, MovedUpRow,
    NewEnrolment, NewEvent, ObservedAsset, OperationKind, OperationRow, OperationState, People, PersonChange,
    PersonRow, PushRow, Role, SeatState, Session, Span, Store, StoreError, SyncStatus, Version, testing::Fresh,
};
use uuid::Uuid;

const NOW: Time = Time(1_795_410_300_000);
const BY: Change<'static> = Change {
    at: NOW, by: "홍라온"
};
const TOKEN: &str = "c2VjcmV0IG9mIHRoZSBsb2NhdGlvbg==";

/// Makes one test for each database out of a story that is told on a store.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($fresh:ident: &Fresh, $store:ident: Store) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            async fn story($fresh: &Fresh, $store: Store) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                let fresh = Fresh::sqlite();
                let store = Store::open(fresh.url(), key()).await.unwrap();
                story(&fresh, store.clone()).await;
                store.close().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs PostgreSQL"]
            async fn on_postgres() {
                let fresh = Fresh::postgres().await;
                let store = Store::open(fresh.url(), key()).await.unwrap();
                story(&fresh, store.clone()).await;
                store.close().await;
                fresh.close().await;
            }
        }
    )*};
}

mod counting;
mod derived;
mod hand;
mod hot;
// After the macro that they use.
mod marks;
mod outage;
mod stopped;
mod tallies;
mod targets;

fn key() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

fn location_row() -> LocationRow {
    LocationRow {
        id: LocationId(Uuid::now_v7()),
        uid: "204977130058".into(),
        display_name: "본사 토큰".into(),
        apple_id: "vpp@example.com".into(),
        token_sha256: "aa".into(),
        organization_name: "서린들".into(),
        location_name: "본사".into(),
        country: "KR".into(),
        default_platform: "enterprisestore".into(),
        website_url: None,
        expires_at: NOW + Duration::from_secs(86_400 * 300),
        state: TokenState::Valid,
        owner_name: None,
        owner_metadata: None,
        mdm_id: "m".into(),
        uploaded_by: Some("홍라온".into()),
        last_modified_at: NOW,
        last_sync_at: None,
        assets_version: None,
        assignments_version: None,
        users_version: None,
        created_at: NOW,
        unanswered_since: None,
    }
}

fn observed(adam_id: &str, total: i64) -> ObservedAsset {
    ObservedAsset {
        adam_id: adam_id.into(),
        pricing_param: "STDQ".into(),
        product_type: "App".into(),
        total,
        assigned: 0,
        available: total,
        retired: 0,
        device_assignable: true,
        revocable: true,
        platforms: vec!["iOS".into()],
    }
}

fn new_asset() -> AssetId {
    AssetId(Uuid::now_v7())
}

/// A location that owns so many licences of one app.
async fn one_asset(store: &Store, total: i64) -> (LocationId, AssetId) {
    let location = location_row();
    let mut tx = store.begin().await.unwrap();
    tx.location_insert(&location, &SecretString::from(TOKEN)).await.unwrap();
    tx.assets_observed(location.id, &[observed("900000101", total)], true, NOW, &new_asset)
        .await
        .unwrap();
    let asset = tx.apps(location.id).await.unwrap()[0].id;
    tx.commit().await.unwrap();
    (location.id, asset)
}

async fn people(store: &Store, count: usize) -> Vec<PersonId> {
    let mut tx = store.begin().await.unwrap();
    let mut people = Vec::new();
    for number in 0..count {
        let id = PersonId(Uuid::now_v7());
        let row = PersonRow {
            id,
            name: format!("사람 {number}"),
            email: None,
            department: None,
            office: None,
            created_at: NOW,
            left_at: None,
            version: Version::default(),
        };
        tx.person_insert(&row).await.unwrap();
        people.push(id);
    }
    tx.commit().await.unwrap();
    people
}

async fn device(store: &Store, person: PersonId) -> DeviceId {
    let mut tx = store.begin().await.unwrap();
    let enrolment = EnrolmentRow {
        id: EnrolmentId(Uuid::now_v7()),
        person_id: Some(person),
        token_sha256: Uuid::now_v7().to_string(),
        created_at: NOW,
        expires_at: NOW,
        downloaded_at: None,
        certificate_sha256: None,
        not_after: None,
        access_rights: None,
        revoked_at: None,
        device_id: None,
    };
    tx.enrolment_insert(&enrolment).await.unwrap();
    let new = NewEnrolment {
        id: DeviceId(Uuid::now_v7()),
        udid: Uuid::now_v7().to_string(),
        serial: Some("C02X".into()),
        name: "iPhone".into(),
        product_name: "iPhone15,4".into(),
        platform: Platform::Ios,
        os_version: Some("18.0".into()),
        build_version: None,
        person_id: person,
        topic: "topic".into(),
        enrolment_id: enrolment.id,
    };
    tx.device_authenticated(&new, NOW).await.unwrap();
    assert!(tx.enrolment_used(enrolment.id, new.id).await.unwrap());
    tx.device_token(new.id, vec![1, 2, 3], "magic", NOW).await.unwrap();
    tx.device_enrolled(new.id, true, NOW).await.unwrap();
    tx.device_configured(new.id).await.unwrap();
    tx.commit().await.unwrap();
    new.id
}

/// Takes what is to be woken now, as a loop does: nobody else gets it for a minute.
async fn claim(store: &Store, now: Time) -> Vec<PushRow> {
    let minute = Duration::from_secs(60);
    let mut tx = store.begin().await.unwrap();
    let claimed = tx.pushes_claim(now, now + minute, now + minute * 60, 10).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn queue(store: &Store, device: DeviceId) {
    let mut tx = store.begin().await.unwrap();
    let row = CommandRow::new(Uuid::now_v7(), device, "DeviceConfigured", None, None, vec![1], NOW);
    tx.command_insert(&row).await.unwrap();
    tx.commit().await.unwrap();
}

async fn take(store: &Store, asset: AssetId, person: PersonId) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    tx.seat_insert(asset, person.into(), SeatState::Reserved, None, NOW)
        .await?;
    tx.commit().await
}

/// Runs a statement that the store does not have.
async fn by_hand(fresh: &Fresh, statement: &str) -> Result<(), sqlx::Error> {
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    match fresh.url().strip_prefix("sqlite:") {
        Some(path) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await?;
            sqlx::query::<sqlx::Sqlite>(statement).execute(&mut connection).await?;
        }
        None => {
            let mut connection = sqlx::PgConnection::connect(fresh.url()).await?;
            sqlx::query::<sqlx::Postgres>(statement)
                .execute(&mut connection)
                .await?;
        }
    }
    Ok(())
}

/// What is written down and not committed yet could not be withdrawn: whoever was back in that moment was retired all the
/// same, and had to accept the terms anew.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_is_back_while_their_retirement_is_being_written_down_withdraws_it() {
    let fresh = Fresh::postgres().await;
    let store = Store::open(fresh.url(), key()).await.unwrap();
    let (location, _) = one_asset(&store, 1).await;
    let person = people(&store, 1).await[0];
    let id = OperationId(Uuid::now_v7());
    let operation = OperationRow::queued(id, location, OperationKind::RetireUsers, 1, NOW);
    let mut tx = store.begin().await.unwrap();
    let mut user = ClientUserRow::new("u-1".into(), location, person, operation.id, NOW);
    user.status = ClientUserStatus::Associated;
    tx.client_user_insert(&user).await.unwrap();
    assert!(tx.person_left(person, Base::Latest, BY).await.unwrap());
    tx.commit().await.unwrap();

    let mut retiring = store.begin().await.unwrap();
    retiring.operation_insert(&operation).await.unwrap();
    assert!(retiring.client_user_retiring("u-1", operation.id, NOW).await.unwrap());
    let back = tokio::spawn({
        let store = store.clone();
        async move {
            let mut tx = store.begin().await.unwrap();
            assert!(tx.person_back(person, Base::Latest, BY).await.unwrap());
            let withdrawn = tx.retirements_withdraw(person).await.unwrap();
            tx.commit().await.unwrap();
            withdrawn
        }
    });
    let mut looking = sqlx::PgConnection::connect(fresh.url()).await.unwrap();
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while !back.is_finished()
        && sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&mut looking)
            .await
            .unwrap()
            == 0
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    retiring.commit().await.unwrap();
    assert_eq!(back.await.unwrap(), [location]);
    let user = store.client_user(person, location).await.unwrap().unwrap();
    assert_eq!((user.retiring_at, user.operation_id), (None, None));
    store.close().await;
    fresh.close().await;
}

on_both! {
    /// What the loop read is what it ends: whoever was moved up anew since then stays so.
    async fn a_moving_up_ends_only_as_it_was_read(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (_, asset) = one_asset(&store, 1).await;
        let mina = people(&store, 1).await[0];
        let anew = MovedUpRow {
            person_id: mina,
            moved_at: NOW,
            moved_by: "admin".to_owned(),
            reason: "The ward opens on Monday".to_owned(),
        };
        let mut tx = store.begin().await.unwrap();
        assert!(tx.moved_up_put(asset, &anew).await.unwrap());
        let read_before = Time(NOW.0 - 1);
        assert!(!tx.moved_up_over(asset, mina, read_before).await.unwrap());
        assert_eq!(tx.moved_up(asset, &[mina]).await.unwrap(), BTreeMap::from([(mina, anew)]));
        assert!(tx.moved_up_over(asset, mina, NOW).await.unwrap());
        assert_eq!(tx.moved_up(asset, &[mina]).await.unwrap(), BTreeMap::new());
        tx.commit().await.unwrap();
    }

    /// Whatever the program thinks, Apple gets no user for a device that belongs to nobody; and who reads people reads none.
    async fn what_stands_for_a_device_of_nobody_is_registered_nowhere_and_read_with_no_people(fresh: &Fresh, store: Store) {
        let (location, _) = one_asset(&store, 1).await;
        let person = people(&store, 1).await[0];
        let kiosk = device(&store, person).await;
        let mut tx = store.begin().await.unwrap();
        let nobody = tx.nobody_put(kiosk, NOW).await.unwrap();
        assert_eq!(tx.nobody_put(kiosk, NOW).await.unwrap(), nobody, "once is enough");
        tx.commit().await.unwrap();
        by_hand(fresh, &format!("UPDATE devices SET person_id = '{}' WHERE id = '{kiosk}'", nobody.0)).await.unwrap();
        assert_eq!(store.device(kiosk).await.unwrap().unwrap().owner(), None);

        let operation = OperationId(Uuid::now_v7());
        for (whom, taken) in [(nobody, false), (person, true)] {
            let mut tx = store.begin().await.unwrap();
            let user = ClientUserRow::new(format!("u-{}", whom.0), location, whom, operation, NOW);
            assert_eq!(tx.client_user_insert(&user).await.is_ok(), taken, "{taken}");
            if taken {
                tx.commit().await.unwrap();
            }
        }
        let world = store.world(location, NOW).await.unwrap();
        assert!(world.is_nobody(nobody) && !world.is_nobody(person));
        assert_eq!(world.devices[&kiosk].owner(), None);

        let mut tx = store.begin().await.unwrap();
        assert!(!tx.person_stays(nobody).await.unwrap());
        assert!(!tx.person_left(nobody, Base::Latest, BY).await.unwrap());
        assert!(!tx.person_change(nobody, Base::Latest, &PersonChange::default(), BY).await.unwrap());
        let stay = tx.members_stay(GroupKind::User, &[nobody.0, person.0]).await.unwrap();
        assert_eq!(stay, BTreeSet::from([person.0]));
        assert_eq!(tx.person(nobody).await.unwrap(), None);
        tx.commit().await.unwrap();
        let read: Vec<PersonId> = store.people().await.unwrap().iter().map(|row| row.id).collect();
        assert_eq!(read, [person]);
        assert_eq!(store.people_rows(&[nobody, person]).await.unwrap().len(), 1);
        assert_eq!(store.people_after(None, 10).await.unwrap(), [person]);
        assert_eq!(store.people_counted(People::Here).await.unwrap(), 1);
    }

    /// Thirty-two writers at once, twenty licences: the database itself lets twenty through.
    async fn no_crowd_of_writers_takes_more_than_is_owned(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (_, asset) = one_asset(&store, 20).await;
        let people = people(&store, 32).await;
        let mut writers = Vec::new();
        for person in people {
            let store = store.clone();
            writers.push(tokio::spawn(async move { take(&store, asset, person).await }));
        }
        let (mut taken, mut refused) = (0, 0);
        for writer in writers {
            match writer.await.unwrap() {
                Ok(()) => taken += 1,
                Err(StoreError::Overdraft) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!((taken, refused), (20, 12));
        assert_eq!(store.app(asset).await.unwrap().unwrap().taken, 20);
        assert_eq!(store.seats(asset).await.unwrap().len(), 20);
    }

    /// What others hold is not free; what Apple lists as ours counts, and is not refused; what is given back is free.
    async fn the_sum_counts_everybody(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, asset) = one_asset(&store, 3).await;
        let people = people(&store, 4).await;
        let mut tx = store.begin().await.unwrap();
        tx.assignments_observed(asset, &[Assignee::User("somebody else's".into()), Assignee::Device("S1".into())], true, NOW)
            .await
            .unwrap();
        tx.asset_recount(asset).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.app(asset).await.unwrap().unwrap().foreign_held, 2);

        take(&store, asset, people[0]).await.unwrap();
        assert!(matches!(take(&store, asset, people[1]).await, Err(StoreError::Overdraft)));

        let mut tx = store.begin().await.unwrap();
        tx.seat_insert(asset, people[2].into(), SeatState::Held, None, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.app(asset).await.unwrap().unwrap().taken, 2);

        // Apple sold back two: a fact. Nothing more goes out until enough came back.
        let mut tx = store.begin().await.unwrap();
        tx.assets_observed(location, &[observed("900000101", 1)], true, NOW, &new_asset).await.unwrap();
        tx.seat_delete(asset, people[2].into(), NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(take(&store, asset, people[3]).await, Err(StoreError::Overdraft)));

        let mut tx = store.begin().await.unwrap();
        tx.assets_observed(location, &[observed("900000101", i64::from(i32::MAX))], true, NOW, &new_asset).await.unwrap();
        tx.commit().await.unwrap();
        take(&store, asset, people[3]).await.unwrap();
        let world = store.world(location, NOW).await.unwrap();
        assert_eq!(world.apps[&asset].owned, Owned::Unlimited);
    }

    /// What a list has to know before it may correct a seat, and what Apple is asked for it.
    async fn a_seat_is_read_with_what_it_waits_for_and_when_the_last_one_ended(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, asset) = one_asset(&store, 5).await;
        let person = people(&store, 1).await[0];
        let later = NOW + Duration::from_secs(60);
        let id = OperationId(Uuid::now_v7());
        let operation = OperationRow {
            state: OperationState::Sending,
            attempts: 1,
            sent_at: Some(NOW),
            dead_at: Some(later),
            ..OperationRow::queued(id, location, OperationKind::Associate, 1, NOW)
        };
        let mut tx = store.begin().await.unwrap();
        let user = ClientUserRow::new("u-1".into(), location, person, operation.id, NOW);
        tx.client_user_insert(&user).await.unwrap();
        tx.seat_insert(asset, person.into(), SeatState::Held, None, NOW).await.unwrap();
        tx.seat_delete(asset, person.into(), NOW).await.unwrap();
        tx.operation_insert(&operation).await.unwrap();
        tx.seat_insert(asset, person.into(), SeatState::Reserved, Some(operation.id), later).await.unwrap();
        tx.commit().await.unwrap();

        let open = store.seats_open(asset).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].row.seat(), open[0].dead_at), (Seat::Reserved { since: later }, Some(later)));
        assert_eq!(store.seats_ended(asset).await.unwrap(), [(person.into(), NOW)]);
        let asked = store.operation_seats(operation.id).await.unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!((asked[0].named.as_str(), asked[0].ended), ("u-1", Some(NOW)));

        let mut tx = store.begin().await.unwrap();
        tx.seats_ended_trim(NOW).await.unwrap();
        assert_eq!(tx.seats_ended(asset).await.unwrap().len(), 1, "not older than that");
        tx.seats_ended_trim(later).await.unwrap();
        assert_eq!(tx.seats_ended(asset).await.unwrap(), []);
        tx.seat_set(asset, person.into(), SeatState::Held, None, later).await.unwrap();
        tx.commit().await.unwrap();
        let open = store.seats_open(asset).await.unwrap();
        assert_eq!((open[0].row.seat(), open[0].dead_at), (Seat::Held { since: later }, None));
    }

    /// Two servers on one machine both see its clock set. What was moved by both lay ahead of its time, thirteen hours for
    /// each server but the first.
    async fn what_two_servers_move_along_with_the_clock_is_moved_once(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, asset) = one_asset(&store, 5).await;
        let person = people(&store, 1).await[0];
        let horizon = Duration::from_secs(600);
        let hours_13 = Duration::from_secs(13 * 3600);
        let id = OperationId(Uuid::now_v7());
        let operation = OperationRow {
            state: OperationState::Sending,
            attempts: 1,
            sent_at: Some(NOW),
            dead_at: Some(NOW + horizon),
            ..OperationRow::queued(id, location, OperationKind::Associate, 1, NOW)
        };
        let mut tx = store.begin().await.unwrap();
        let user = ClientUserRow::new("u-1".into(), location, person, operation.id, NOW);
        tx.client_user_insert(&user).await.unwrap();
        tx.operation_insert(&operation).await.unwrap();
        tx.seat_insert(asset, person.into(), SeatState::Reserved, Some(operation.id), NOW).await.unwrap();
        tx.commit().await.unwrap();

        for _ in 0..2 {
            store.clock_set("a", NOW, NOW + hours_13, horizon).await.unwrap();
            let open = store.operations_open(location).await.unwrap().remove(0);
            assert_eq!((open.sent_at, open.dead_at), (Some(NOW + hours_13), Some(NOW + hours_13 + horizon)));
            let seat = store.seats_open(asset).await.unwrap()[0].row.seat();
            assert_eq!(seat, Seat::Reserved { since: NOW + hours_13 });
            assert!(!store.nothing_ahead(NOW + hours_13, horizon).await.unwrap());
        }
        for _ in 0..2 {
            store.clock_set("a", NOW + hours_13, NOW, horizon).await.unwrap();
            let open = store.operations_open(location).await.unwrap().remove(0);
            assert_eq!((open.sent_at, open.dead_at), (Some(NOW), Some(NOW + horizon)));
            assert!(!store.nothing_ahead(NOW, horizon).await.unwrap());
        }
    }

    async fn refusals_of_one_licence_are_counted_until_it_is_given(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (_, asset) = one_asset(&store, 5).await;
        let people = people(&store, 2).await;
        let refusal = Refusal { reason: RefusalReason::Temporary, not_before: NOW };
        let mut tx = store.begin().await.unwrap();
        for attempts in 1..=3 {
            tx.refusal_put(asset, people[0].into(), 9604, refusal, NOW).await.unwrap();
            assert_eq!(tx.refusal_attempts(asset, people[0].into()).await.unwrap(), attempts);
        }
        assert_eq!(tx.refusal_attempts(asset, people[1].into()).await.unwrap(), 0);
        tx.refusal_clear(asset, people[0].into()).await.unwrap();
        assert_eq!(tx.refusal_attempts(asset, people[0].into()).await.unwrap(), 0);
        tx.commit().await.unwrap();
    }

    /// Past the program, by hand: the count, the seats' owners and the history cannot be bent.
    async fn the_database_refuses_what_the_program_would_never_do(fresh: &Fresh, store: Store) {
        let (_, asset) = one_asset(&store, 1).await;
        let people = people(&store, 2).await;
        take(&store, asset, people[0]).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.event(&NewEvent::new(NOW, Actor::System, "something")).await.unwrap();
        tx.commit().await.unwrap();
        for statement in [
            "UPDATE assets SET taken = 0".to_owned(),
            format!("UPDATE seats SET holder_id = '{}'", people[1]),
            format!("INSERT INTO seats VALUES ('{asset}', '{}', 'user', 'reserved', NULL, 0)", people[1]),
            format!("INSERT INTO seats VALUES ('{asset}', '{}', 'user', 'returning', NULL, 0)", people[1]),
            "UPDATE events SET kind = 'nothing'".to_owned(),
            "DELETE FROM events".to_owned(),
        ] {
            assert!(by_hand(fresh, &statement).await.is_err(), "{statement}");
        }
        assert_eq!(store.app(asset).await.unwrap().unwrap().taken, 1);
    }

    /// A transaction that is not committed leaves nothing behind, its seats included.
    async fn a_crash_in_the_middle_takes_nothing(fresh: &Fresh, store: Store) {
        let (_, asset) = one_asset(&store, 1).await;
        let people = people(&store, 2).await;
        let mut tx = store.begin().await.unwrap();
        tx.seat_insert(asset, people[0].into(), SeatState::Reserved, None, NOW).await.unwrap();
        drop(tx);
        take(&store, asset, people[1]).await.unwrap();
        let other = Store::open(fresh.url(), key()).await.unwrap();
        assert_eq!(other.seats(asset).await.unwrap().len(), 1, "another server sees the same");
        other.close().await;
    }

    /// The token is sealed, opens with its key only, and is not in the file.
    async fn secrets_are_sealed(fresh: &Fresh, store: Store) {
        let (location, _) = one_asset(&store, 1).await;
        assert_eq!(store.location_token(location).await.unwrap().expose_secret(), TOKEN);
        store.close().await;
        if let Some(path) = fresh.url().strip_prefix("sqlite:") {
            let bytes = std::fs::read(path).unwrap();
            assert!(!bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
        }
        let wrong = Store::open(fresh.url(), MasterKey::from_bytes([8; 32])).await;
        assert!(matches!(wrong, Err(StoreError::Sealed)));
    }

    /// First in, first out; the same again until it is answered; what was put off waits for the device to come by itself.
    async fn a_device_gets_its_commands_in_order(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let device = device(&store, person).await;
        let mut tx = store.begin().await.unwrap();
        let mut uuids = Vec::new();
        for number in 0..2_u64 {
            let uuid = Uuid::now_v7();
            let at = NOW + Duration::from_millis(number);
            let row = CommandRow::new(uuid, device, "InstallApplication", None, None, vec![1], at);
            tx.command_insert(&row).await.unwrap();
            uuids.push(uuid);
        }
        tx.commit().await.unwrap();
        assert_eq!(claim(&store, NOW).await.len(), 1);

        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.command_next(device, true, NOW).await.unwrap().unwrap().uuid, uuids[0]);
        assert_eq!(tx.command_next(device, true, NOW).await.unwrap().unwrap().uuid, uuids[0]);
        // Nobody answers for another device.
        let stranger = DeviceId(Uuid::now_v7());
        assert!(tx.command_answer(stranger, uuids[0], CommandState::Acknowledged, None, NOW).await.unwrap().is_none());
        tx.command_answer(device, uuids[0], CommandState::NotNow, None, NOW).await.unwrap().unwrap();
        assert_eq!(tx.command_next(device, false, NOW).await.unwrap().unwrap().uuid, uuids[1]);
        let before = tx.command(uuids[1]).await.unwrap();
        assert_eq!(before.unwrap().state, CommandState::Sent);
        let after = tx.command_answer(device, uuids[1], CommandState::Acknowledged, None, NOW).await.unwrap();
        assert_eq!(after.unwrap().state, CommandState::Acknowledged);
        assert!(tx.command_answer(device, uuids[1], CommandState::Acknowledged, None, NOW).await.unwrap().is_none());
        assert!(tx.command_next(device, false, NOW).await.unwrap().is_none());
        assert_eq!(tx.command_next(device, true, NOW).await.unwrap().unwrap().uuid, uuids[0]);
        assert_eq!(tx.commands_drop(device, NOW).await.unwrap().len(), 1);
        assert!(tx.command_next(device, true, NOW).await.unwrap().is_none());
        tx.commit().await.unwrap();
    }

    /// A result of a push says something of the push: of nothing that the device told while it was under way.
    async fn a_push_changes_what_it_was_about(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let device = device(&store, person).await;
        assert!(claim(&store, NOW).await.is_empty(), "nothing waits for it");
        queue(&store, device).await;
        let push = claim(&store, NOW).await.remove(0);
        assert!(claim(&store, NOW).await.is_empty(), "another server leaves it alone");

        // It checks out, comes back with another token: Apple's word on the old one is no news.
        let mut tx = store.begin().await.unwrap();
        tx.device_over(device, Enrolment::Gone, NOW).await.unwrap();
        assert!(!tx.push_token_dead(&push, NOW).await.unwrap());
        assert_eq!(tx.device(device).await.unwrap().unwrap().enrolment, Enrolment::Gone);
        tx.device_enrolled(device, false, NOW).await.unwrap();
        tx.device_token(device, vec![4, 5], "magic", NOW).await.unwrap();
        assert!(!tx.push_token_dead(&push, NOW).await.unwrap());
        tx.push_failed(&push, NOW, NOW + Duration::from_secs(900), None).await.unwrap();
        let row = tx.device(device).await.unwrap().unwrap();
        assert_eq!((row.push_token, row.unreachable_since), (Some(vec![4, 5]), None));
        tx.commit().await.unwrap();
        assert_eq!(claim(&store, NOW).await.len(), 1, "it has another token, and is woken by it");
    }

    async fn what_is_queued_during_a_push_asks_for_another(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let device = device(&store, person).await;
        queue(&store, device).await;
        let push = claim(&store, NOW).await.remove(0);
        queue(&store, device).await;
        let mut tx = store.begin().await.unwrap();
        tx.push_sent(&push, NOW, NOW + Duration::from_secs(900)).await.unwrap();
        tx.commit().await.unwrap();
        let push = claim(&store, NOW).await.remove(0);
        let mut tx = store.begin().await.unwrap();
        tx.push_sent(&push, NOW, NOW + Duration::from_secs(900)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(claim(&store, NOW).await.is_empty());
        let later = NOW + Duration::from_secs(900);
        let push = claim(&store, later).await.remove(0);

        // Apple wants it left alone, whatever is queued and whatever it says meanwhile.
        let hour = Duration::from_secs(3600);
        let mut tx = store.begin().await.unwrap();
        tx.push_failed(&push, later, later + hour, Some(later + hour)).await.unwrap();
        let udid = tx.device(device).await.unwrap().unwrap().udid;
        tx.device_heard(&udid, later).await.unwrap();
        tx.commit().await.unwrap();
        queue(&store, device).await;
        assert!(claim(&store, later + Duration::from_secs(60)).await.is_empty());
        assert_eq!(claim(&store, later + hour).await.len(), 1);

        // A clock that was a day ahead has written that it is due tomorrow.
        assert_eq!(claim(&store, NOW + Duration::from_secs(24 * 3600)).await.len(), 1);
        assert_eq!(claim(&store, NOW).await.len(), 1);
    }

    /// Many wait for their turn; two are due, one of them by a clock that was wrong.
    async fn whoever_is_due_is_called_and_nobody_else(fresh: &Fresh, store: Store) {
        let person = people(&store, 1).await[0];
        let mut devices = Vec::new();
        for _ in 0..12 {
            let device = device(&store, person).await;
            queue(&store, device).await;
            devices.push(device);
        }
        let turn = NOW + Duration::from_secs(900);
        by_hand(fresh, &format!("UPDATE devices SET next_push_at = {}", turn.ms())).await.unwrap();
        assert_eq!(claim(&store, NOW).await, []);
        let (due, wrong) = (devices[7], devices[3]);
        let year = NOW + Duration::from_secs(365 * 86_400);
        for (device, at) in [(due, NOW - Duration::from_secs(1)), (wrong, year)] {
            by_hand(fresh, &format!("UPDATE devices SET next_push_at = {} WHERE id = '{device}'", at.ms())).await.unwrap();
        }
        let called: BTreeSet<DeviceId> = claim(&store, NOW).await.into_iter().map(|push| push.device).collect();
        assert_eq!(called, [due, wrong].into());
        // No more at once than there is room for; then the others.
        assert_eq!(claim(&store, turn).await.len(), 10);
        assert_eq!(claim(&store, turn).await.len(), 2);
        assert_eq!(claim(&store, turn).await.len(), 0);
    }

    /// Servers write down whom they heard, each when it comes to it.
    async fn when_devices_were_heard_never_moves_back(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let (one, other) = (device(&store, person).await, device(&store, person).await);
        let nobody = DeviceId(Uuid::now_v7());
        let at = |seconds| NOW + Duration::from_secs(seconds);
        for heard in [vec![(other, at(9)), (one, at(5)), (nobody, at(1))], vec![(one, at(4)), (other, at(10))]] {
            let mut tx = store.begin().await.unwrap();
            tx.devices_spoke(&heard).await.unwrap();
            tx.commit().await.unwrap();
        }
        let heard = async |id| store.device(id).await.unwrap().unwrap().last_seen_at;
        assert_eq!((heard(one).await, heard(other).await), (Some(at(5)), Some(at(10))));
    }

    /// An idle poll reads all that it needs at once: of its own device, with an identity that counts.
    async fn a_poll_sees_what_waits_for_its_device(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let (mine, other) = (device(&store, person).await, device(&store, person).await);
        let row = store.device(mine).await.unwrap().unwrap();
        let (udid, enrolment) = (row.udid.clone(), row.enrolment_id.unwrap());
        let others = store.device(other).await.unwrap().unwrap().udid;
        let identity = store::NewIdentity { sha256: "aa", not_after: NOW, access_rights: 0 };
        let mut tx = store.begin().await.unwrap();
        assert!(tx.enrolment_downloaded(enrolment, &identity, NOW).await.unwrap());
        tx.commit().await.unwrap();

        let poll = store.poll("aa", &udid).await.unwrap().unwrap();
        assert_eq!((poll.device, poll.enrolment), (mine, Enrolment::Enrolled));
        assert_eq!((poll.last_seen_at, poll.waits, poll.is_news), (Some(NOW), false, false));
        assert_eq!(store.poll("aa", &others).await.unwrap(), None);
        assert_eq!(store.poll("bb", &udid).await.unwrap(), None);
        queue(&store, mine).await;
        assert!(store.poll("aa", &udid).await.unwrap().unwrap().waits);
        let push = claim(&store, NOW).await.remove(0);
        let mut tx = store.begin().await.unwrap();
        tx.push_failed(&push, NOW, NOW + Duration::from_secs(5), None).await.unwrap();
        assert!(tx.poll("aa", &udid).await.unwrap().unwrap().is_news, "it could not be woken");
        tx.device_spoke(&udid, NOW).await.unwrap();
        assert!(!tx.poll("aa", &udid).await.unwrap().unwrap().is_news);
        tx.enrolment_revoked(enrolment, NOW).await.unwrap();
        assert_eq!(tx.poll("aa", &udid).await.unwrap(), None);
    }

    /// One identity for one device; for support a few of its messages.
    async fn an_enrolment_belongs_to_one_device(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let (one, other) = (device(&store, person).await, device(&store, person).await);
        let mut tx = store.begin().await.unwrap();
        let enrolment = tx.device(one).await.unwrap().unwrap().enrolment_id.unwrap();
        assert!(!tx.enrolment_used(enrolment, other).await.unwrap());
        assert!(tx.enrolment_used(enrolment, one).await.unwrap());
        assert!(tx.enrolment_revoked(enrolment, NOW).await.unwrap());
        assert!(!tx.enrolment_revoked(enrolment, NOW + Duration::from_secs(1)).await.unwrap());
        assert_eq!(tx.enrolment(enrolment).await.unwrap().unwrap().revoked_at, Some(NOW));
        let message = |device_id: Option<DeviceId>, source: &str, number: i32, taken: bool| CheckInRow {
            id: Uuid::now_v7(),
            device_id,
            source: device_id.is_none().then(|| source.to_owned()),
            at: NOW,
            kind: "TokenUpdate".into(),
            refusal: (!taken).then_some(CheckInRefusal::Identity),
            reason: (!taken).then(|| "no".into()),
            body: number.to_string(),
        };
        for number in 0..30 {
            tx.check_in_insert(&message(Some(one), "", number, true)).await.unwrap();
        }
        // Whoever is refused pushes nothing of the device's own out.
        for number in 100..130 {
            tx.check_in_insert(&message(Some(one), "", number, false)).await.unwrap();
        }
        let kept = tx.check_ins(one).await.unwrap();
        let bodies: Vec<&str> = kept.iter().map(|row| row.body.as_str()).collect();
        assert_eq!((bodies.len(), bodies[0], bodies[19], bodies[20], bodies[39]), (40, "129", "110", "29", "10"));
        assert_eq!(kept[0].refusal, Some(CheckInRefusal::Identity));
        assert_eq!(kept[20].refusal, None);
        for source in 0..30 {
            for number in 0..25 {
                let row = message(None, &format!("203.0.113.{source}"), number, false);
                tx.check_in_insert(&row).await.unwrap();
            }
        }
        let strangers = tx.check_ins_of_strangers(1000).await.unwrap();
        assert_eq!(strangers.len(), 500);
        let last = strangers.iter().filter(|row| row.source.as_deref() == Some("203.0.113.29"));
        assert_eq!(last.count(), 20);
        tx.commit().await.unwrap();
    }

    /// One holder at a time; a number that grows when another takes over.
    async fn a_lease_has_one_holder(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let minute = Duration::from_secs(60);
        let first = store.lease_take("location", "a", minute).await.unwrap().unwrap();
        assert_eq!(store.lease_take("location", "b", minute).await.unwrap(), None);
        assert_eq!(store.lease_take("location", "a", minute).await.unwrap(), Some(first.clone()));
        store.leases_release("a").await.unwrap();
        let second = store.lease_take("location", "b", minute).await.unwrap().unwrap();
        assert!(second.fence() > first.fence());
        // What was given back long ago is not given back again.
        store.leases_release("a").await.unwrap();
        assert_eq!(store.lease_take("location", "a", minute).await.unwrap(), None);
    }

    /// Its end was moved while another server looked at the clock.
    async fn a_lease_that_was_just_renewed_does_not_look_like_one_of_the_future(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (longer, shorter) = (Duration::from_secs(30), Duration::from_secs(20));
        let kept = store.lease_take("location", "a", longer).await.unwrap().unwrap();
        assert_eq!(store.lease_take("location", "b", shorter).await.unwrap(), None);
        store.lease_renew(&kept).await.unwrap();
        // One that was written by a clock that was wrong is free all the same.
        let far = store.lease_take("other", "a", longer * 100).await.unwrap();
        assert!(far.is_some());
        assert!(store.lease_take("other", "b", shorter).await.unwrap().is_some());
    }

    /// Apple is away for hours at a time of the schedule: one row in the list of syncs, and not one a minute.
    async fn a_read_that_failed_is_asked_for_once_more_in_its_own_row(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, _) = one_asset(&store, 1).await;
        let id = SyncId(Uuid::now_v7());
        let mut tx = store.begin().await.unwrap();
        tx.sync_request(id, location, store::SyncCause::Schedule, "system", NOW).await.unwrap();
        assert!(!tx.sync_again(location, store::SyncCause::Schedule, NOW).await.unwrap(), "it waits");
        let mut row = tx.sync(id).await.unwrap().unwrap();
        row.status = SyncStatus::Failed;
        (row.started_at, row.finished_at) = (Some(NOW), Some(NOW));
        row.error_code = Some("unreachable".into());
        tx.sync_update(&row).await.unwrap();
        let later = NOW + Duration::from_secs(1);
        assert!(!tx.sync_again(location, store::SyncCause::Schedule, later).await.unwrap(), "the next time of day");
        assert!(!tx.sync_again(location, store::SyncCause::Person, NOW).await.unwrap());
        assert!(tx.sync_again(location, store::SyncCause::Schedule, NOW).await.unwrap());
        let open = tx.sync_open(location).await.unwrap().unwrap();
        assert_eq!((open.id, open.status, open.error_code), (id, SyncStatus::None, None));
        assert_eq!((open.started_at, open.finished_at, open.requested_at), (None, None, NOW));
        // What a person asked for meanwhile reads everything too.
        row.status = SyncStatus::Failed;
        tx.sync_update(&row).await.unwrap();
        let by_hand = SyncId(Uuid::now_v7());
        tx.sync_request(by_hand, location, store::SyncCause::Person, "홍라온", NOW).await.unwrap();
        assert!(!tx.sync_again(location, store::SyncCause::Schedule, NOW).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// A server that was slow must not write what it decided before somebody else took over.
    async fn whoever_lost_a_lease_writes_nothing(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let moment = Duration::from_millis(50);
        let slow = store.lease_take("location", "a", moment).await.unwrap().unwrap();
        let taken_over = async {
            loop {
                // Without a sign of life the lease ends by the database's clock.
                if let Some(lease) = store.lease_take("location", "b", moment).await.unwrap() {
                    return lease;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let quick = taken_over.await;
        assert!(matches!(store.begin_as(&slow).await, Err(StoreError::LeaseLost)));
        assert!(matches!(store.lease_renew(&slow).await, Err(StoreError::LeaseLost)));
        // A lease that has run out and that nobody wants is still held.
        tokio::time::sleep(moment * 2).await;
        store.begin_as(&quick).await.unwrap().commit().await.unwrap();
    }

    /// PostgreSQL counted it before it knew whether anything would be inserted.
    async fn a_licence_that_is_there_already_is_not_counted_again(fresh: &Fresh, store: Store) {
        let (_, asset) = one_asset(&store, 3).await;
        let person = people(&store, 1).await[0];
        let mut hand = hand::Hand::on(fresh).await;
        let again = format!(
            "INSERT INTO seats (asset_id, holder_id, kind, state, since) VALUES ('{asset}', '{person}', 'user', 'reserved', 1)
             ON CONFLICT DO NOTHING"
        );
        for _ in 0..3 {
            hand.run(&again).await.unwrap();
            assert_eq!(store.app(asset).await.unwrap().unwrap().taken, 1);
        }
    }

    /// Whoever moves what is kept along with the clock goes on; others have read by the time that was.
    async fn a_clock_that_is_set_takes_the_leases_of_the_others(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let minute = Duration::from_secs(60);
        let ours = store.lease_take("ours", "a", minute).await.unwrap().unwrap();
        let theirs = store.lease_take("theirs", "b", minute).await.unwrap().unwrap();
        store.clock_set("a", NOW, NOW + minute, minute).await.unwrap();
        store.lease_renew(&ours).await.unwrap();
        assert!(matches!(store.begin_as(&theirs).await, Err(StoreError::LeaseLost)));
        let again = store.lease_take("theirs", "b", minute).await.unwrap().unwrap();
        assert!(again.fence() > theirs.fence());
    }

    /// Everything that is known of an app on a device comes back as it was written.
    async fn an_install_is_kept_whole(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, asset) = one_asset(&store, 1).await;
        let person = people(&store, 1).await[0];
        let device = device(&store, person).await;
        let install = Install {
            seen: Some(Seen::AwaitingConsent),
            seen_at: Some(NOW),
            version: Some(StoreVersion(7)),
            told: Some(StoreVersion(8)),
            command: Some(InstallCommand::Remove { since: NOW }),
            with: HolderKind::Device,
            accepted_at: Some(Time(1)),
            removed_at: Some(Time(2)),
            checks: 3,
            failure: Some(Failure {
                class: FailureClass::LicenceNotFound,
                code: "MCMDMErrorDomain 12064".into(),
                at: Time(4),
                attempts: 5,
            }),
            asked_again_at: Some(Time(6)),
        };
        let mut tx = store.begin().await.unwrap();
        tx.install_asked_again(device, asset, Time(6)).await.unwrap();
        tx.install_put(device, asset, &install).await.unwrap();
        assert_eq!(tx.install(device, asset).await.unwrap(), install);
        tx.commit().await.unwrap();
        let world = store.world(location, NOW).await.unwrap();
        assert_eq!(world.apps[&asset].installs[&device], install);
        assert_eq!(store.world_of(location, &[person], NOW).await.unwrap(), world, "by name, too");
    }

    /// One of the invitations of a person is open, whoever invites; what is given up may turn out well after all.
    async fn a_person_has_one_open_invitation(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, _) = one_asset(&store, 5).await;
        let person = people(&store, 1).await[0];
        let device = device(&store, person).await;
        let user = ClientUserRow::new("u-1".into(), location, person, OperationId(Uuid::now_v7()), NOW);
        let invitation = |number: u32| InvitationRow {
            id: Uuid::now_v7(),
            client_user_id: "u-1".into(),
            person_id: person,
            device_id: device,
            round: 1,
            queued_at: NOW + Duration::from_secs(1) * number,
            ended_at: None,
            outcome: None,
            error: None,
        };
        let (first, second) = (invitation(1), invitation(2));
        let mut tx = store.begin().await.unwrap();
        tx.client_user_insert(&user).await.unwrap();
        let command = CommandRow::new(first.id, device, "InviteToProgram", None, Some(person), vec![1], NOW);
        tx.command_insert(&command).await.unwrap();
        tx.invitation_insert(&first).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = store.begin().await.unwrap();
        let again = tx.invitation_insert(&second).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
        drop(tx);

        let mut tx = store.begin().await.unwrap();
        let given_up = tx.invitation_close("u-1", Ending::Silent, NOW).await.unwrap();
        assert_eq!(given_up.map(|row| row.id), Some(first.id));
        assert_eq!(tx.command(first.id).await.unwrap().unwrap().state, CommandState::Dropped);
        tx.invitation_insert(&second).await.unwrap();
        assert!(!tx.invitation_ended(first.id, Ending::Failed, Some("x"), NOW).await.unwrap());
        assert!(tx.invitation_ended(first.id, Ending::Shown, None, NOW).await.unwrap());
        assert!(!tx.invitation_ended(first.id, Ending::Shown, None, NOW).await.unwrap(), "once");
        tx.commit().await.unwrap();

        let attempts: Vec<_> = store.invitations_now(location).await.unwrap();
        let outcomes: Vec<_> = attempts.iter().map(|row| (row.id, row.outcome)).collect();
        assert_eq!(outcomes, [(first.id, Some(Ending::Shown)), (second.id, None)]);
        let mut tx = store.begin().await.unwrap();
        tx.client_user_round("u-1", NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.invitations_now(location).await.unwrap(), [], "what was tried before does not count");
        assert_eq!(store.invitations_of(person).await.unwrap().len(), 2);
    }

    /// What a person was shown is told for ever, or they would be invited again; what was tried in vain goes, and what
    /// was before Apple had them anew.
    async fn an_invitation_that_ended_is_deleted_unless_it_keeps_the_person_from_being_invited_again(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, _) = one_asset(&store, 5).await;
        let people = people(&store, 3).await;
        let [invited, again, anew] = people[..] else { panic!("three people") };
        let phone = device(&store, invited).await;
        let mut tx = store.begin().await.unwrap();
        let mut said = BTreeMap::new();
        for (user, person) in [("u-1", invited), ("u-2", again), ("u-3", anew)] {
            let mut row = ClientUserRow::new(user.into(), location, person, OperationId(Uuid::now_v7()), NOW);
            row.status = ClientUserStatus::Retired;
            tx.client_user_insert(&row).await.unwrap();
            for (what, outcome) in [
                ("silent", Some(Ending::Silent)),
                ("failed", Some(Ending::Failed)),
                ("dropped", Some(Ending::Dropped)),
                ("withdrawn", Some(Ending::Withdrawn)),
                ("shown", Some(Ending::Shown)),
                ("open", None),
            ] {
                let invitation = InvitationRow {
                    id: Uuid::now_v7(),
                    client_user_id: user.into(),
                    person_id: person,
                    device_id: phone,
                    round: 1,
                    queued_at: NOW,
                    ended_at: None,
                    outcome: None,
                    error: None,
                };
                tx.invitation_insert(&invitation).await.unwrap();
                if let Some(outcome) = outcome {
                    tx.invitation_ended(invitation.id, outcome, None, NOW).await.unwrap();
                }
                said.insert(invitation.id, what);
            }
        }
        // What the others were shown does not count any more.
        tx.client_user_round("u-2", NOW).await.unwrap();
        assert!(tx.client_user_replaced("u-3", NOW).await.unwrap());
        tx.commit().await.unwrap();

        let kept = |work: Time| Kept { work, uploads: work, browsers: work, sessions: work, now: work };
        let left = async |person| {
            let rows = store.invitations_of(person).await.unwrap();
            rows.iter().map(|row| said[&row.id]).collect::<BTreeSet<_>>()
        };
        assert_eq!(store.past_trim(kept(NOW)).await.unwrap(), 0, "they have just ended");
        assert_eq!(left(invited).await.len(), 6);
        store.past_trim(kept(NOW + Duration::from_secs(1))).await.unwrap();
        assert_eq!(left(invited).await, ["open", "shown"].into());
        assert_eq!(left(again).await, ["open"].into());
        assert_eq!(left(anew).await, ["open"].into());
    }

    /// Found: a device that spoke while a push to it failed counted as unreachable for ever, and was never invited on.
    async fn a_device_that_nobody_calls_any_more_does_not_count_as_unreachable(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let phone = device(&store, person).await;
        queue(&store, phone).await;
        let push = claim(&store, NOW).await.remove(0);
        // It fetches what waits for it, and then Apple says that it could not be woken.
        let mut tx = store.begin().await.unwrap();
        let udid = tx.device(phone).await.unwrap().unwrap().udid;
        tx.device_heard(&udid, NOW).await.unwrap();
        let command = tx.command_next(phone, true, NOW).await.unwrap().unwrap().uuid;
        tx.command_answer(phone, command, CommandState::Acknowledged, None, NOW).await.unwrap().unwrap();
        tx.push_failed(&push, NOW, NOW + Duration::from_secs(5), None).await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.device(phone).await.unwrap().unwrap().unreachable_since.is_some());

        assert!(claim(&store, NOW + Duration::from_secs(5)).await.is_empty(), "nothing waits");
        assert_eq!(store.device(phone).await.unwrap().unwrap().unreachable_since, None);
    }

    /// P1, when Apple retired a person: what it lists for the old client user is the same person's, and is counted once.
    async fn of_a_persons_client_users_one_is_current(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, asset) = one_asset(&store, 5).await;
        let person = people(&store, 1).await[0];
        let operation = OperationId(Uuid::now_v7());
        let mut old = ClientUserRow::new("u-old".into(), location, person, operation, NOW);
        let new = ClientUserRow::new("u-new".into(), location, person, operation, NOW);
        let mut tx = store.begin().await.unwrap();
        tx.client_user_insert(&old).await.unwrap();
        assert!(!tx.client_user_replaced("u-old", NOW).await.unwrap(), "it is not retired");
        old.status = ClientUserStatus::Retired;
        old.retired_at = Some(NOW);
        tx.client_user_observed(&old).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let second = tx.client_user_insert(&new).await;
        assert!(matches!(second, Err(StoreError::Conflict)), "{second:?}");
        drop(tx);

        let mut tx = store.begin().await.unwrap();
        assert!(tx.client_user_replaced("u-old", NOW).await.unwrap());
        assert!(!tx.client_user_replaced("u-old", NOW).await.unwrap(), "once");
        tx.client_user_insert(&new).await.unwrap();
        tx.seat_insert(asset, person.into(), SeatState::Held, Some(operation), NOW).await.unwrap();
        let user = |id: &str| Assignee::User(id.into());
        for (holders, foreign, theirs) in [
            (vec![user("u-old")], 0, 0),
            (vec![user("u-new")], 0, 0),
            (vec![user("u-new"), user("somebody")], 1, 0),
            (vec![user("u-old"), user("u-new")], 1, 1),
        ] {
            tx.assignments_observed(asset, &holders, true, NOW).await.unwrap();
            tx.asset_recount(asset).await.unwrap();
            assert_eq!(tx.app(asset).await.unwrap().unwrap().foreign_held, foreign, "{holders:?}");
            assert_eq!(tx.foreign_among(asset, &[person.into()]).await.unwrap(), theirs, "{holders:?}");
        }
        let asked = tx.operation_seats(operation).await.unwrap();
        let asked: Vec<_> = asked.iter().map(|seat| seat.named.as_str()).collect();
        assert_eq!(asked, ["u-new"], "Apple is asked about who is known there");
        tx.commit().await.unwrap();

        let known = store.client_users(location).await.unwrap();
        assert_eq!(known.iter().map(|row| row.client_user_id.as_str()).collect::<Vec<_>>(), ["u-new"]);
        let all = store.client_users_of(person).await.unwrap();
        assert_eq!(all.iter().map(|row| row.client_user_id.as_str()).collect::<Vec<_>>(), ["u-new", "u-old"]);
        assert_eq!(store.client_user_people(location).await.unwrap().len(), 2);
    }

    /// One read brings everything that a decision may look at.
    async fn the_world_is_complete(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, asset) = one_asset(&store, 5).await;
        let people = people(&store, 2).await;
        let device = device(&store, people[0]).await;
        let group = GroupId(Uuid::now_v7());
        let mut tx = store.begin().await.unwrap();
        let row = GroupRow {
            id: group,
            kind: GroupKind::User,
            name: "영업팀".into(),
            priority: 3,
            created_at: NOW,
            members: 0,
            membership_rule: None,
            version: Version::default(),
            members_version: Version::default(),
        };
        tx.group_insert(&row).await.unwrap();
        let members = [people[0].0, people[1].0];
        let come = tx.group_members_change((group, GroupKind::User), Base::Latest, &members, &[], BY).await.unwrap();
        assert_eq!(come, Some((2, 0)));
        let line = Deployment {
            id: DeploymentId(Uuid::now_v7()),
            app: asset,
            group,
            kind: GroupKind::User,
            approval: Approval::Required,
            deadline: Some(NOW),
            license_type: LicenseType::Automatic,
            installation: Installation::External,
            kept_licenses: 3,
            since: NOW,
        };
        tx.deployments_replace(asset, std::slice::from_ref(&line), NOW).await.unwrap();
        tx.client_user_insert(&ClientUserRow {
            client_user_id: "u-1".into(),
            location_id: location,
            person_id: people[0],
            status: ClientUserStatus::Associated,
            invite_code: None,
            id_hash: None,
            round: 1,
            accepted_at: Some(NOW),
            operation_id: None,
            observed_at: Some(NOW),
            error_number: None,
            not_before: None,
            created_at: Some(NOW),
            retired_at: None,
            replaced_at: None,
            retiring_at: None,
        })
        .await
        .unwrap();
        tx.seat_insert(asset, people[0].into(), SeatState::Reserved, None, NOW).await.unwrap();
        let refusal = Refusal { reason: RefusalReason::Stock, not_before: NOW + Duration::from_secs(5) };
        tx.refusal_put(asset, people[1].into(), 9709, refusal, NOW).await.unwrap();
        assert!(tx.request_put(asset, people[1], NOW).await.unwrap());
        assert!(!tx.request_put(asset, people[1], NOW + Duration::from_secs(1)).await.unwrap(), "it keeps its place");
        assert!(!tx.request_delete(asset, people[0]).await.unwrap(), "nothing was asked for");
        let uuid = Uuid::now_v7();
        tx.command_insert(&CommandRow::new(uuid, device, "ManagedApplicationList", None, None, vec![1], NOW))
            .await
            .unwrap();
        tx.invitation_insert(&InvitationRow {
            id: Uuid::now_v7(),
            client_user_id: "u-1".into(),
            person_id: people[0],
            device_id: device,
            round: 1,
            queued_at: NOW,
            ended_at: None,
            outcome: None,
            error: None,
        })
        .await
        .unwrap();
        let policy = Policy { policy_2016: true, ..Policy::default() };
        assert!(tx.policy_set(Base::Version(0), &policy, BY).await.unwrap());
        tx.commit().await.unwrap();

        // Read at one instant, it is the world of that instant, whatever is written meanwhile.
        let mut snapshot = store.snapshot().await.unwrap();
        assert_eq!(snapshot.apps(location).await.unwrap()[0].taken, 1);
        let mut tx = store.begin().await.unwrap();
        tx.seat_insert(asset, people[1].into(), SeatState::Reserved, None, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(snapshot.world(location, NOW).await.unwrap().apps[&asset].seats.len(), 1);
        drop(snapshot);
        let mut tx = store.begin().await.unwrap();
        tx.seat_delete(asset, people[1].into(), NOW).await.unwrap();
        tx.commit().await.unwrap();

        let world = store.world(location, NOW).await.unwrap();
        assert_eq!(world.policy, policy);
        assert_eq!(world.token, TokenState::Valid);
        assert_eq!(world.people[&people[0]].program, Program::Associated { since: NOW });
        assert_eq!(world.people[&people[0]].invited.len(), 1);
        assert_eq!(world.people[&people[1]].program, Program::None);
        assert_eq!(world.devices[&device].os_version, [18], "zeros at the end say nothing");
        assert!(world.devices[&device].asked_apps && !world.devices[&device].asked_information);
        assert_eq!(world.groups[&group].people, people.iter().copied().collect::<BTreeSet<_>>());
        let app = &world.apps[&asset];
        assert_eq!(app.deployments, [line]);
        assert_eq!(app.seats[&people[0].into()], Seat::Reserved { since: NOW });
        assert_eq!(app.refusals[&people[1].into()], refusal);
        assert_eq!(app.requests[&people[1]], NOW);
        assert_eq!(app.platforms, [Platform::Ios, Platform::IpadOs].into());
        assert_eq!(store.world_of(location, &people, NOW).await.unwrap(), world, "everybody by name is everybody");
        let about = store.world_about(location, asset, &people, NOW).await.unwrap();
        assert_eq!(about.apps.keys().collect::<Vec<_>>(), [&asset]);
        assert_eq!(about.apps[&asset], world.apps[&asset]);
        assert_eq!(domain::World { apps: world.apps.clone(), ..about }, world, "nothing of them is left out");
    }

    /// Only what is new or different is counted, and what Apple lists no more has no licences left.
    async fn assets_come_change_and_go(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, asset) = one_asset(&store, 5).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.assets_observed(location, &[observed("900000101", 5)], true, NOW, &new_asset).await.unwrap(), 0);
        assert_eq!(tx.assets_observed(location, &[observed("900000101", 6)], true, NOW, &new_asset).await.unwrap(), 1);
        // A list that is not whole says nothing of what is not in it.
        assert_eq!(tx.assets_observed(location, &[], false, NOW, &new_asset).await.unwrap(), 0);
        assert_eq!(tx.app(asset).await.unwrap().unwrap().gone_at, None);
        let holder = Assignee::User("u-1".into());
        tx.assignments_observed(asset, std::slice::from_ref(&holder), true, NOW).await.unwrap();
        tx.assignments_observed(asset, &[], false, NOW).await.unwrap();
        assert_eq!(tx.assignments(asset).await.unwrap(), [holder]);
        tx.assignments_observed(asset, &[], true, NOW).await.unwrap();
        assert_eq!(tx.assignments(asset).await.unwrap(), []);

        assert_eq!(tx.assets_observed(location, &[], true, NOW, &new_asset).await.unwrap(), 1);
        assert_eq!(tx.assets_observed(location, &[], true, NOW, &new_asset).await.unwrap(), 0);
        let gone = tx.app(asset).await.unwrap().unwrap();
        assert_eq!((gone.owned, gone.gone_at), (0, Some(NOW)));
        assert!(tx.apps(location).await.unwrap().is_empty());
        tx.commit().await.unwrap();
    }

    /// A second wish for a read is the first one, until it is done.
    async fn syncs_do_not_pile_up(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, _) = one_asset(&store, 1).await;
        let id = || domain::SyncId(Uuid::now_v7());
        let mut tx = store.begin().await.unwrap();
        let first = tx.sync_request(id(), location, store::SyncCause::Person, "홍라온", NOW).await.unwrap();
        assert_eq!(tx.sync_request(id(), location, store::SyncCause::Schedule, "system", NOW).await.unwrap(), first);
        let mut row = tx.sync_open(location).await.unwrap().unwrap();
        row.status = store::SyncStatus::Completed;
        tx.sync_update(&row).await.unwrap();
        assert_ne!(tx.sync_request(id(), location, store::SyncCause::Schedule, "system", NOW).await.unwrap(), first);
        tx.commit().await.unwrap();
    }

    /// While the owner's new password is computed, an administrator may set another, end the session or the account.
    async fn a_password_is_changed_only_upon_the_old_one_from_a_session_that_lives(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let hash = |text: &str| SecretString::from(text.to_owned());
        let read = Account {
            id: AccountId(Uuid::now_v7()),
            login: "hong".into(),
            login_key: "hong".into(),
            name: "홍라온".into(),
            password_hash: hash("old"),
            role: Role::Full,
            language: None,
            created_at: NOW,
            disabled_at: None,
            version: Version::default(),
            signed_in_at: None,
            unlocked_at: None,
        };
        let session = Session {
            id: SessionId(Uuid::now_v7()),
            account_id: read.id,
            created_at: NOW,
            expires_at: NOW + Duration::from_secs(3600),
            last_seen_at: NOW,
            source: "203.0.113.7".into(),
            browser: String::new(),
        };
        let mut tx = store.begin().await.unwrap();
        tx.account_insert(&read).await.unwrap();
        let nowhere = SessionId(Uuid::now_v7());
        assert!(!tx.account_password_change(&read, nowhere, &hash("mine")).await.unwrap());
        tx.session_insert(&session, "t", NOW - Duration::from_secs(60)).await.unwrap();
        assert!(tx.account_password_change(&read, session.id, &hash("mine")).await.unwrap());
        tx.account_password(read.id, &hash("set")).await.unwrap();
        let changed = Account { password_hash: hash("mine"), ..read };
        assert!(!tx.account_password_change(&changed, session.id, &hash("mine again")).await.unwrap());
        let mut now = tx.account(changed.id).await.unwrap().unwrap();
        assert_eq!(now.password_hash.expose_secret(), "set");
        now.disabled_at = Some(NOW);
        assert!(tx.account_change(&now, BY).await.unwrap());
        assert!(!tx.account_password_change(&now, session.id, &hash("mine")).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// PostgreSQL refuses a NUL, SQLite keeps it: what one could not say must not stop the other.
    async fn a_nul_from_outside_is_kept_as_the_sign_for_what_cannot_be_shown(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let change = PersonChange { name: Some("a\0b".to_owned()), ..PersonChange::default() };
        let mut tx = store.begin().await.unwrap();
        assert!(tx.person_change(person, Base::Latest, &change, BY).await.unwrap());
        assert_eq!(tx.person(person).await.unwrap().unwrap().name, "a\u{fffd}b");
        tx.commit().await.unwrap();
        // A question with one is answered too.
        assert!(store.account_by_login_key("a\0b").await.unwrap().is_none());
    }

    async fn a_change_upon_an_old_version_changes_nothing(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (_, asset) = one_asset(&store, 3).await;
        let person = people(&store, 1).await[0];
        let name = |name: &str| PersonChange { name: Some(name.to_owned()), ..PersonChange::default() };
        let mut tx = store.begin().await.unwrap();
        assert!(tx.person_change(person, Base::Version(1), &name("a"), BY).await.unwrap());
        assert!(!tx.person_change(person, Base::Version(1), &name("b"), BY).await.unwrap());
        assert!(tx.person_change(person, Base::Latest, &PersonChange::default(), BY).await.unwrap());
        let row = tx.person(person).await.unwrap().unwrap();
        assert_eq!((row.name.as_str(), row.version.number), ("a", 3));
        assert_eq!((row.version.changed_at, row.version.changed_by.as_deref()), (Some(NOW), Some(BY.by)));

        for (base, taken) in [(2, false), (1, true), (1, false)] {
            assert_eq!(tx.deployments_begin(asset, Base::Version(base), BY).await.unwrap(), taken);
        }
        assert_eq!(tx.deployments_version(asset).await.unwrap().unwrap().number, 2);

        let policy = Policy { policy_2016: true, ..Policy::default() };
        for (base, taken) in [(1, false), (0, true), (0, false), (1, true)] {
            assert_eq!(tx.policy_set(Base::Version(base), &policy, BY).await.unwrap(), taken, "{base}");
        }
        assert_eq!(tx.policy_version().await.unwrap().number, 2);
        tx.commit().await.unwrap();
    }

    /// Whoever edits the members sees that somebody left.
    async fn a_member_that_goes_alone_counts_as_a_version_of_the_members(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let person = people(&store, 1).await[0];
        let id = GroupId(Uuid::now_v7());
        let row = GroupRow {
            id,
            kind: GroupKind::User,
            name: "전사".into(),
            priority: 0,
            created_at: NOW,
            members: 0,
            membership_rule: None,
            version: Version::default(),
            members_version: Version::default(),
        };
        let mut tx = store.begin().await.unwrap();
        tx.group_insert(&row).await.unwrap();
        let twice = [person.0, person.0];
        assert_eq!(tx.group_members_change((id, GroupKind::User), Base::Version(1), &twice, &[], BY).await.unwrap(), Some((1, 0)));
        assert_eq!(tx.group(id).await.unwrap().unwrap().members_version.number, 2);
        tx.group_member_remove(id, person.0, BY).await.unwrap();
        assert_eq!(tx.group_members_change((id, GroupKind::User), Base::Version(2), &[person.0], &[], BY).await.unwrap(), None);
        let row = tx.group(id).await.unwrap().unwrap();
        assert_eq!((row.members, row.members_version.number, row.version.number), (0, 3, 1));
        assert!(!tx.group_delete(id, Base::Version(2)).await.unwrap());
        // Whoever is in it already, or is not, changes nothing of it.
        let come = [person.0];
        assert_eq!(tx.group_members_change((id, GroupKind::User), Base::Latest, &come, &[], BY).await.unwrap(), Some((1, 0)));
        assert_eq!(tx.group_members_change((id, GroupKind::User), Base::Latest, &come, &[Uuid::now_v7()], BY).await.unwrap(), Some((0, 0)));
        tx.group_member_remove(id, Uuid::now_v7(), BY).await.unwrap();
        let row = tx.group(id).await.unwrap().unwrap();
        assert_eq!((row.members, row.members_version.number), (1, 5));
        assert!(tx.group_delete(id, Base::Version(1)).await.unwrap());
        assert!(tx.group_members(id).await.unwrap().is_empty(), "and nobody is left in what is no more");
    }

    /// Names are kept beside the members, so that a page of them is found by an index.
    async fn members_are_listed_by_the_names_that_they_have_now(fresh: &Fresh, store: Store) {
        let mut hand = hand::Hand::on(fresh).await;
        let people = people(&store, 4).await;
        let id = GroupId(Uuid::now_v7());
        let row = GroupRow {
            id,
            kind: GroupKind::User,
            name: "전사".into(),
            priority: 0,
            created_at: NOW,
            members: 0,
            membership_rule: None,
            version: Version::default(),
            members_version: Version::default(),
        };
        let mut tx = store.begin().await.unwrap();
        tx.group_insert(&row).await.unwrap();
        let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
        tx.group_members_change((id, GroupKind::User), Base::Latest, &ids[..3], &[], BY).await.unwrap();
        tx.commit().await.unwrap();
        for (person, name) in people.iter().zip(["다래", "가람", "나리", "가온"]) {
            let sql = format!("UPDATE people SET name = '{name}', email = '{name}@x' WHERE id = '{person}'");
            hand.run(&sql).await.unwrap();
        }
        let listed = async |span, query, most| {
            let cut = Cut { span, query, most };
            store.group_members_listed(id, GroupKind::User, cut).await.unwrap()
        };
        assert_eq!(listed(Span::First, "", 9).await, [ids[1], ids[2], ids[0]]);
        assert_eq!(listed(Span::First, "", 2).await, [ids[1], ids[2]]);
        assert_eq!(listed(Span::After(ids[2]), "", 9).await, [ids[0]]);
        assert_eq!(listed(Span::Before(ids[0]), "", 1).await, [ids[2]]);
        assert_eq!(listed(Span::First, "나리@", 9).await, [ids[2]]);
        let offered = async |query| store.group_members_offered(id, GroupKind::User, query, 9).await.unwrap();
        assert_eq!(offered("가").await, [ids[3]], "who is in it is not offered");
        hand.run(&format!("UPDATE people SET left_at = 1 WHERE id = '{}'", ids[3])).await.unwrap();
        assert!(offered("").await.is_empty(), "nor who has left");
        assert_eq!(store.group_members_among(id, &ids[2..]).await.unwrap(), [ids[2]]);
        assert_eq!(store.group_members_after(id, Some(ids[0]), 1).await.unwrap(), [ids[1]]);
    }

    async fn history_is_read_backwards(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let people = people(&store, 2).await;
        let mut tx = store.begin().await.unwrap();
        for (number, person) in [people[0], people[1], people[0]].into_iter().enumerate() {
            let event = NewEvent::new(NOW, Actor::Apple, &format!("event{number}")).person(person);
            tx.event(&event).await.unwrap();
        }
        tx.commit().await.unwrap();
        let filter = EventFilter { person: Some(people[0]), limit: 10, ..EventFilter::default() };
        let events = store.events(&filter).await.unwrap();
        assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["event2", "event0"]);
        let earlier = EventFilter { before: Some(events[0].seq), ..filter };
        assert_eq!(store.events(&earlier).await.unwrap().len(), 1);
    }
}
