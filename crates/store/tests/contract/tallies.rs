//! How many there are is counted as they come and go, and is what counting says, whatever happens and whoever does it.

use domain::{DeviceId, Platform};
use store::{Devices, MasterKey, People, Store, testing::Fresh};
use uuid::Uuid;

use crate::hand::Hand;

async fn store(fresh: &Fresh) -> Store {
    Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap()
}

fn person(number: u128) -> String {
    let id = Uuid::from_u128(number);
    format!("INSERT INTO people (id, name, created_at) VALUES ('{id}', '', 1);")
}

fn device(number: u128, platform: &str) -> String {
    let (id, person) = (DeviceId(Uuid::from_u128(0x100 + number)), Uuid::from_u128(number));
    format!(
        "INSERT INTO devices (id, udid, name, product_name, platform, person_id, enrolment, dep, awaiting_configuration)
         VALUES ('{id}', '{id}', '', '', '{platform}', '{person}', 'enrolled', TRUE, FALSE);"
    )
}

/// One after the other, many in a statement, none at all, back and forth, undone: and devices of nobody are no people.
async fn counted_as_they_come_and_go(fresh: Fresh) {
    let store = store(&fresh).await;
    let mut hand = Hand::on(&fresh).await;
    let nobody = Uuid::from_u128(0x900);
    let happenings = [
        person(1) + &person(2) + &person(3) + &device(1, "iOS") + &device(2, "iPadOS") + &device(3, "iOS"),
        format!("INSERT INTO people (id, kind, name, created_at) VALUES ('{nobody}', 'device', '', 1)"),
        "UPDATE people SET left_at = 2".to_owned(),
        "UPDATE people SET left_at = 3 WHERE left_at = 2".to_owned(),
        "UPDATE people SET left_at = NULL WHERE id LIKE '%1'".to_owned(),
        format!("UPDATE people SET kind = 'person' WHERE id = '{nobody}'"),
        format!("UPDATE people SET kind = 'device' WHERE id = '{nobody}'"),
        "INSERT INTO people (id, name, created_at) SELECT id || 'x', name, 1 FROM people".to_owned(),
        "DELETE FROM people WHERE id LIKE '%x'".to_owned(),
        "DELETE FROM people WHERE id = 'none of them'".to_owned(),
        "UPDATE devices SET silent_since = 1, leaving_since = 1".to_owned(),
        "UPDATE devices SET gone_at = 5 WHERE platform = 'iOS'".to_owned(),
        "UPDATE devices SET dep = FALSE, platform = 'macOS' WHERE gone_at IS NULL".to_owned(),
        "UPDATE devices SET gone_at = NULL, silent_since = NULL, leaving_since = NULL".to_owned(),
        "BEGIN; DELETE FROM devices; ROLLBACK".to_owned(),
        "UPDATE devices SET last_seen_at = 7".to_owned(),
        "INSERT INTO concerns (location_id, person_id, concern, name) SELECT 'l', id, 'terms', '' FROM people"
            .to_owned(),
        "DELETE FROM concerns WHERE person_id LIKE '%2'".to_owned(),
        "DELETE FROM devices WHERE platform = 'macOS'".to_owned(),
    ];
    for happens in happenings {
        hand.run(&happens).await.unwrap();
        assert_eq!(store.miscounted().await.unwrap(), [], "after {happens}");
    }
    let tally = store.tally(None).await.unwrap();
    assert_eq!((tally.people, tally.devices), (3, 2));
    assert_eq!(store.people_counted(People::Here).await.unwrap(), 1);
    assert_eq!(store.people_counted(People::Left).await.unwrap(), 2);
    assert_eq!(store.devices_counted(Devices::Here).await.unwrap(), 2);
    assert_eq!(store.devices_counted(Devices::Dep).await.unwrap(), 2);
    assert_eq!(store.devices_counted(Devices::Silent).await.unwrap(), 0);
    assert_eq!(store.platforms_counted().await.unwrap(), [(Platform::Ios, 2)].into());
    store.close().await;
    fresh.close().await;
}

#[tokio::test]
async fn counted_as_they_come_and_go_on_sqlite() {
    counted_as_they_come_and_go(Fresh::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn counted_as_they_come_and_go_on_postgres() {
    counted_as_they_come_and_go(Fresh::postgres().await).await;
}

/// Many add people at once. Nobody waits for one who has not come to an end, what is undone is not counted, and afterwards
/// there is one row for each of them at most.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn whoever_counts_waits_for_nobody() {
    const WRITERS: u128 = 4;
    let fresh = Fresh::postgres().await;
    let store = store(&fresh).await;
    let mut hands = Vec::new();
    for writer in 0..WRITERS {
        let mut hand = Hand::on(&fresh).await;
        // One that had to wait would fail.
        hand.run("SET lock_timeout = '1ms'; BEGIN").await.unwrap();
        hands.push((writer, hand));
    }
    for turn in 0..10 {
        for (writer, hand) in &mut hands {
            hand.run(&person(1_000 * *writer + turn)).await.unwrap();
        }
        assert_eq!(store.tally(None).await.unwrap().people, 0, "nobody is there yet");
    }
    for (writer, hand) in &mut hands {
        let end = if *writer == 0 { "ROLLBACK" } else { "COMMIT" };
        hand.run(end).await.unwrap();
        assert_eq!(store.miscounted().await.unwrap(), []);
    }
    let mut hand = Hand::on(&fresh).await;
    for number in 0..20 {
        hand.run(&person(9_000 + number)).await.unwrap();
    }
    assert_eq!(store.tally(None).await.unwrap().people, 50);
    let rows = hand
        .texts::<1>("SELECT COUNT(*)::text FROM tallies WHERE what = 'peopleHere'")
        .await;
    assert!(rows[0][0].parse::<u128>().unwrap() <= WRITERS, "{rows:?}");
    store.close().await;
    fresh.close().await;
}
