//! What happens when the database cannot do its job, and after.

use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

use domain::{HeldChangeId, Time};
use sqlx::{Connection, PgConnection};
use store::{
    Actor, ChangeFilter, ChangeKind, EventFilter, EventPlace, HeldEnd, HeldRow, HeldState, Kept, NewChange, NewEvent,
    Store, StoreError, testing::Fresh,
};

use crate::{NOW, hand::Hand, key};

async fn write(store: &Store, bytes: usize) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let event = NewEvent::new(NOW, Actor::System, "test");
    tx.event(&event.with(serde_json::json!({ "much": "x".repeat(bytes) })))
        .await?;
    tx.commit().await
}

/// The driver went on to believe that a transaction was open, and only a restart helped.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_writing_goes_on_by_itself_when_there_is_room() {
    let fresh = Fresh::sqlite();
    let store = Store::open(fresh.url(), key()).await.unwrap();
    for _ in 0..3 {
        store.no_more_room().await.unwrap();
        let refused = write(&store, 1_000_000).await.unwrap_err();
        assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
        assert!(refused.is_outage());

        write(&store, 1_000_000).await.expect("there is room again");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn nothing_that_is_guarded_can_be_emptied_at_one_stroke() {
    let fresh = Fresh::postgres().await;
    let store = Store::open(fresh.url(), key()).await.unwrap();
    write(&store, 1).await.unwrap();
    let mut by_hand = PgConnection::connect(fresh.url()).await.unwrap();
    for table in ["events", "seats", "operations", "leases", "claims"] {
        let sql = format!("TRUNCATE {table} CASCADE");
        let refused = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut by_hand).await;
        let refused = refused.expect_err(table).to_string();
        assert!(refused.contains("is not emptied"), "{table}: {refused}");
    }
    store.close().await;
    fresh.close().await;
}

/// Two servers that start for the first time at once would each issue identities that the other refuses.
#[tokio::test(flavor = "multi_thread")]
async fn two_first_starts_at_once_agree_on_one_secret_on_sqlite() {
    let fresh = Fresh::sqlite();
    let store = Store::open(fresh.url(), key()).await.unwrap();
    agree(&store, &store.clone()).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn two_first_starts_at_once_agree_on_tables_and_one_secret_on_postgres() {
    let fresh = Fresh::postgres().await;
    let (one, other) = tokio::join!(Store::open(fresh.url(), key()), Store::open(fresh.url(), key()));
    let (one, other) = (one.expect("tables"), other.expect("tables"));
    agree(&one, &other).await;
    one.close().await;
    other.close().await;
    fresh.close().await;
}

async fn agree(one: &Store, other: &Store) {
    let (a, b) = tokio::join!(one.secret_once("ca", b"one"), other.secret_once("ca", b"other"));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a, b);
    assert_eq!(one.secret("ca").await.unwrap(), Some(a));
}

/// A process that ends gives back what it holds, and nothing of others.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_gives_its_leases_back_at_once() {
    let fresh = Fresh::sqlite();
    let store = Store::open(fresh.url(), key()).await.unwrap();
    let minute = std::time::Duration::from_secs(60);
    assert!(store.lease_take("a", "one", minute).await.unwrap().is_some());
    assert!(store.lease_take("b", "other", minute).await.unwrap().is_some());

    store.leases_release("one").await.unwrap();

    assert!(store.lease_take("a", "third", minute).await.unwrap().is_some());
    assert!(store.lease_take("b", "third", minute).await.unwrap().is_none());
    store.close().await;
}

/// A server that was stopped in the middle of a transaction, or lost its network there, kept the row of the lease locked:
/// nobody could take over, for as long as it stood still.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_stands_still_while_writing_keeps_the_lease_no_longer_than_another() {
    let fresh = Fresh::postgres().await;
    let (one, other) = tokio::join!(Store::open(fresh.url(), key()), Store::open(fresh.url(), key()));
    let (one, other) = (one.unwrap(), other.unwrap());
    let moment = std::time::Duration::from_millis(50);
    let lease = one.lease_take("location", "one", moment).await.unwrap().unwrap();
    let mut standing = one.begin_as(&lease).await.unwrap();
    standing
        .event(&NewEvent::new(NOW, Actor::System, "test"))
        .await
        .unwrap();

    // Its other loops want to write too. Each would have kept the row once more.
    for _ in 0..2 {
        let (one, lease) = (one.clone(), lease.clone());
        tokio::spawn(async move {
            let _standing = one.begin_as(&lease).await;
            std::future::pending::<()>().await;
        });
    }

    let begun = std::time::Instant::now();
    let taken = loop {
        let asked = std::time::Instant::now();
        let taken = other.lease_take("location", "other", moment).await.unwrap();
        // PostgreSQL gives up on whoever stands still after eight seconds; asking never takes that long.
        assert!(
            asked.elapsed() < std::time::Duration::from_secs(7),
            "nobody waits for what another is writing"
        );
        if let Some(lease) = taken {
            break lease;
        }
        tokio::time::sleep(moment).await;
        assert!(begun.elapsed() < std::time::Duration::from_secs(15), "it is kept");
    };

    assert!(taken.fence() > lease.fence());
    assert!(
        standing.commit().await.is_err(),
        "what was begun before is not written any more"
    );
    assert!(other.events_after(EventPlace::default(), 10).await.unwrap().is_empty());
    one.close().await;
    other.close().await;
    fresh.close().await;
}

/// Identity values become visible out of order: a reader that went on from the largest missed the smaller one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn who_follows_the_history_misses_nothing_of_transactions_that_overlap() {
    let fresh = Fresh::postgres().await;
    let store = Store::open(fresh.url(), key()).await.unwrap();
    let event = |kind: &str| NewEvent::new(NOW, Actor::System, kind);
    let mut place = EventPlace::default();
    let mut read = Vec::new();
    let mut follow = async |read: &mut Vec<String>| {
        for (next, row) in store.events_after(place, 1).await.unwrap() {
            place = next;
            read.push(row.kind);
        }
    };

    // Both ways: the earlier number ends later, and the earlier transaction has the later number.
    for round in 0..3 {
        let mut early = store.begin().await.unwrap();
        early.event(&event(&format!("{round} early, first"))).await.unwrap();
        let mut late = store.begin().await.unwrap();
        late.event(&event(&format!("{round} late"))).await.unwrap();
        early.event(&event(&format!("{round} early, second"))).await.unwrap();
        if round == 1 {
            early.commit().await.unwrap();
            follow(&mut read).await;
            late.commit().await.unwrap();
        } else {
            late.commit().await.unwrap();
            follow(&mut read).await;
            early.commit().await.unwrap();
        }
        follow(&mut read).await;
    }
    // A transaction anywhere on the PostgreSQL server holds the reader back, other tests' among them.
    let begun = std::time::Instant::now();
    while read.len() < 9 && begun.elapsed() < std::time::Duration::from_secs(60) {
        follow(&mut read).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    read.sort();
    let mut all = Vec::new();
    for round in 0..3 {
        all.extend(["early, first", "early, second", "late"].map(|what| format!("{round} {what}")));
    }
    assert_eq!(read, all);
    store.close().await;
    fresh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_whole_and_writes_over_nothing() {
    let fresh = Fresh::sqlite();
    let store = Store::open(fresh.url(), key()).await.unwrap();
    write(&store, 10).await.unwrap();
    let file = fresh.folder().join("copy.db");

    assert!(store.backup(&file).await.unwrap());
    write(&store, 10).await.unwrap();

    assert!(store.backup(&file).await.is_err(), "what is there stays");
    let url = format!("sqlite:{}", file.display());
    let copy = Store::open(&url, key()).await.unwrap();
    let read = copy.events_after(EventPlace::default(), 10).await.unwrap();
    assert_eq!(read.len(), 1);
    copy.close().await;
    store.close().await;
}

on_both! {
    /// A server that starts with an empty database, or was idle for longer than history is kept, has nothing to complain of.
    async fn where_nothing_happened_lately_there_is_nothing_wrong_with_retention(_fresh: &Fresh, store: Store) {
        assert_eq!(store.history_trim(NOW).await.unwrap(), 0);
        let mut tx = store.begin().await.unwrap();
        tx.event(&NewEvent::new(Time(1), Actor::System, "test")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.history_trim(NOW).await.unwrap(), 0);
        let all = EventFilter { limit: 10, ..EventFilter::default() };
        assert_eq!(store.events(&all).await.unwrap().len(), 1);
        store.close().await;
    }

    /// What was changed goes with the history, and in no other way; what waits for somebody stays.
    async fn changes_go_with_the_history_and_are_never_rewritten(fresh: &Fresh, store: Store) {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        let mut tx = store.begin().await.unwrap();
        let mut ids = Vec::new();
        for days_ago in [400, 20, 0] {
            let at = Time(NOW.ms() - days_ago * DAY_MS);
            tx.event(&NewEvent::new(at, Actor::System, "test")).await.unwrap();
            let new = NewChange {
                at,
                actor: Actor::System,
                by: "system".to_owned(),
                kind: ChangeKind::Settings,
                thing: "settings".to_owned(),
                name: String::new(),
                before: serde_json::json!({ "days": days_ago }),
                after: serde_json::json!({}),
                promised: serde_json::json!({}),
                digest: None,
                undoes: ids.last().copied(),
                held: None,
                asked_by: None,
            };
            ids.push(tx.change_insert(&new).await.unwrap());
        }
        let held = |number, at: Time| HeldRow {
            id: HeldChangeId(uuid::Uuid::from_u128(number)),
            kind: ChangeKind::Settings,
            thing: "settings".to_owned(),
            name: String::new(),
            intent: serde_json::json!({}),
            base: 1,
            digest: "d".to_owned(),
            take_back: 12,
            promised: serde_json::json!({}),
            undoes: None,
            asked_at: at,
            asked_by: "a".to_owned(),
            asker_kind: "system".to_owned(),
            asker_id: None,
            expires_at: at + Duration::from_secs(7),
            state: HeldState::Open,
            ended_at: None,
            ended_by: None,
            reason: None,
            change: None,
        };
        let old = Time(NOW.ms() - 400 * DAY_MS);
        for number in [1, 2] {
            tx.held_change_insert(&held(number, old)).await.unwrap();
        }
        let end = HeldEnd { state: HeldState::TurnedDown, at: old, by: "b", reason: Some("no"), change: None };
        assert!(tx.held_change_end(held(1, old).id, end).await.unwrap());
        assert!(!tx.held_change_end(held(1, old).id, end).await.unwrap(), "once");
        tx.commit().await.unwrap();

        let row = store.change(ids[1]).await.unwrap().unwrap();
        assert_eq!((row.undoes, &row.before), (Some(ids[0]), &serde_json::json!({ "days": 20 })));
        let all = ChangeFilter { thing: Some("settings".to_owned()), before: None, limit: 2 };
        let listed: Vec<i64> = store.changes(&all).await.unwrap().iter().map(|row| row.id).collect();
        assert_eq!(listed, [ids[2], ids[1]]);
        assert_eq!(store.changes_since("settings", ids[1], 10).await.unwrap().len(), 1);
        assert_eq!(store.changes_undoing(ids[0]).await.unwrap()[0].id, ids[1]);
        let ended = store.held_changes_ended(10).await.unwrap();
        assert_eq!((ended.len(), ended[0].reason.as_deref(), ended[0].take_back), (1, Some("no"), 12));

        let mut hand = Hand::on(fresh).await;
        for sql in ["UPDATE changes SET made_by = 'somebody else'", "DELETE FROM changes"] {
            assert!(hand.run(sql).await.is_err(), "{sql}");
        }
        // An event, a change, and what had ended.
        assert_eq!(store.history_trim(Time(NOW.ms() - 395 * DAY_MS)).await.unwrap(), 3);
        assert_eq!(store.change(ids[0]).await.unwrap(), None);
        assert_eq!(store.changes(&ChangeFilter { thing: None, ..all }).await.unwrap().len(), 2);
        assert_eq!(store.held_changes_open(NOW).await.unwrap(), []);
        let open = store.held_changes_expired(NOW).await.unwrap();
        assert_eq!((open.len(), open[0].id), (1, held(2, old).id));
        assert_eq!(store.held_changes_open(old).await.unwrap(), open);
        store.close().await;
    }

    /// Retention lets through what is old, and nobody else deletes anything.
    async fn history_goes_when_it_is_old_and_in_no_other_way(fresh: &Fresh, store: Store) {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        let mut tx = store.begin().await.unwrap();
        for days_ago in [400, 390, 20, 0] {
            let at = Time(NOW.ms() - days_ago * DAY_MS);
            tx.event(&NewEvent::new(at, Actor::System, "test")).await.unwrap();
        }
        tx.commit().await.unwrap();

        assert_eq!(store.history_trim(Time(NOW.ms() - 395 * DAY_MS)).await.unwrap(), 1);
        assert_eq!(store.history_trim(Time(NOW.ms() - 395 * DAY_MS)).await.unwrap(), 0);
        // However little is to be kept, the last 30 days are.
        assert_eq!(store.history_trim(Time(NOW.ms() - 10 * DAY_MS)).await.unwrap(), 1);
        let all = EventFilter { limit: 10, ..EventFilter::default() };
        assert_eq!(store.events(&all).await.unwrap().len(), 2);

        // By hand, old or not: the word of retention was taken back.
        for sql in [
            "DELETE FROM events",
            "DELETE FROM retention",
            "UPDATE retention SET history_before = 9000000000000000",
        ] {
            let refused = by_hand(fresh, sql).await.expect_err(sql).to_string();
            assert!(refused.contains("not deleted") || refused.contains("one row"), "{refused}");
        }
        let kept = Kept { work: NOW, uploads: NOW, browsers: NOW, sessions: NOW, now: NOW };
        store.past_trim(kept).await.unwrap();
    }
}

async fn by_hand(fresh: &Fresh, sql: &'static str) -> Result<(), sqlx::Error> {
    if let Some(path) = fresh.url().strip_prefix("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(path).await?;
        sqlx::query(sql).execute(&mut connection).await?;
    } else {
        let mut connection = PgConnection::connect(fresh.url()).await?;
        sqlx::query(sql).execute(&mut connection).await?;
    }
    Ok(())
}

/// Whoever gave up while a transaction began left it open: whoever got the connection next read of an instant that was over,
/// until the database ended it after eight seconds, and could not begin.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_gives_up_while_a_transaction_begins_leaves_none_open() {
    let fresh = Fresh::postgres().await;
    let store = Store::open(fresh.url(), key()).await.unwrap();
    store.policy().await.unwrap();
    let mut by_hand = PgConnection::connect(fresh.url()).await.unwrap();
    for wakes in 0..12 {
        let mut begins = store.snapshot();
        // Given up after it was woken so often: while it gets a connection, or while the database begins.
        let mut woken = 0;
        poll_fn(|context| {
            woken += 1;
            match woken > wakes {
                true => Poll::Ready(()),
                false => begins.as_mut().poll(context).map(drop),
            }
        })
        .await;
        drop(begins);
        let given_up = Instant::now();
        loop {
            let open: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'",
            )
            .fetch_one(&mut by_hand)
            .await
            .unwrap();
            if open == 0 {
                break;
            }
            assert!(
                given_up.elapsed() < Duration::from_secs(5),
                "a transaction stays open after {wakes} wakes"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    store.close().await;
    fresh.close().await;
}
