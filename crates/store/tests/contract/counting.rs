//! How SQLite keeps the count of an asset's licences: it walks through none of them, and nothing else moves it.
//!
//! PostgreSQL knows whether a trigger writes; SQLite does not, so its guard goes by what only a trigger sees.

use std::collections::BTreeSet;

use store::{SeatState, Store, testing::Fresh};

use crate::{NOW, hand::Hand, key, one_asset, people, take};

/// What the statement does to the seats from one to the next, within its triggers too: `EXPLAIN` lists what the database
/// will do, every trigger as a program of its own that begins with `Init`.
async fn walks(hand: &mut Hand, sql: &str) -> Vec<String> {
    let trees = "SELECT CAST(rootpage AS TEXT) FROM sqlite_master WHERE tbl_name = 'seats' AND rootpage > 0";
    let trees: BTreeSet<String> = hand.texts(trees).await.into_iter().map(|[page]| page).collect();
    assert!(trees.len() > 1, "the table, and its indices");
    let mut cursors = BTreeSet::new();
    let mut found = Vec::new();
    for [opcode, p1, p2] in hand.explained(sql).await {
        match opcode.as_str() {
            "Init" => cursors.clear(),
            "OpenRead" | "OpenWrite" | "ReopenIdx" if trees.contains(&p2) => drop(cursors.insert(p1)),
            "OpenRead" | "OpenWrite" | "ReopenIdx" => drop(cursors.remove(&p1)),
            "Next" | "Prev" | "Rewind" | "Last" | "Count" if cursors.contains(&p1) => found.push(opcode),
            _ => {}
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_licence_is_counted_without_a_walk_through_those_of_the_others() {
    let fresh = Fresh::sqlite();
    let store = Store::open(fresh.url(), key()).await.unwrap();
    let mut hand = Hand::on(&fresh).await;
    for sql in [
        "INSERT INTO seats (asset_id, holder_id, kind, state, since) VALUES ('map', 'mina', 'user', 'reserved', 1)",
        "DELETE FROM seats WHERE asset_id = 'map' AND holder_id = 'mina'",
        "UPDATE seats SET state = 'held', since = 2 WHERE asset_id = 'map' AND holder_id = 'mina'",
        "UPDATE assets SET taken = 1 WHERE id = 'map'",
    ] {
        assert_eq!(walks(&mut hand, sql).await, [""; 0], "{sql}");
    }
    // As the guard was before, in a trigger like the others.
    hand.run(
        "CREATE TRIGGER walker AFTER UPDATE OF state ON seats
             WHEN 0 < (SELECT COUNT(*) FROM seats WHERE asset_id = NEW.asset_id)
         BEGIN SELECT RAISE(ABORT, 'walked'); END",
    )
    .await
    .unwrap();
    let sql = "UPDATE seats SET state = 'held' WHERE asset_id = 'map' AND holder_id = 'mina'";
    assert_ne!(walks(&mut hand, sql).await, [""; 0], "a walk is seen");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_licence_that_comes_or_goes_moves_the_count() {
    let fresh = Fresh::sqlite();
    let store = Store::open(fresh.url(), key()).await.unwrap();
    let (_, asset) = one_asset(&store, 5).await;
    let people = people(&store, 4).await;
    let (has, none) = (people[0], people[1]);
    take(&store, asset, has).await.unwrap();
    let mut hand = Hand::on(&fresh).await;

    let up = "UPDATE assets SET taken = taken + 1";
    let down = "UPDATE assets SET taken = taken - 1";
    let lies = [
        format!("INSERT INTO counting VALUES ('{asset}', '{has}', FALSE)"),
        format!("INSERT OR REPLACE INTO counting VALUES ('{asset}', '{none}', TRUE)"),
        format!("INSERT OR REPLACE INTO seats VALUES ('{asset}', '{has}', 'user', 'held', NULL, 1)"),
        up.to_owned(),
        down.to_owned(),
    ];
    let refused = async |hand: &mut Hand| {
        for sql in &lies {
            let error = hand.run(sql).await.expect_err(sql).to_string();
            assert!(error.contains("taken is counted by the database"), "{sql}: {error}");
        }
        assert_eq!(store.app(asset).await.unwrap().unwrap().taken, 1);
    };
    refused(&mut hand).await;
    // Notes that are true help nobody, and cannot be bent.
    hand.run(&format!(
        "INSERT INTO counting VALUES ('{asset}', '{has}', TRUE), ('{asset}', '{none}', FALSE)"
    ))
    .await
    .unwrap();
    refused(&mut hand).await;
    hand.run("UPDATE counting SET there = NOT there")
        .await
        .expect_err("a note is not bent");
    // A licence is still Apple's word when it is told twice.
    hand.run(&format!(
        "INSERT OR IGNORE INTO seats VALUES ('{asset}', '{has}', 'user', 'held', NULL, 1)"
    ))
    .await
    .unwrap();
    refused(&mut hand).await;

    // Several at once, and those of whom there were notes.
    let mut tx = store.begin().await.unwrap();
    tx.seat_delete(asset, has.into(), NOW).await.unwrap();
    for person in &people {
        tx.seat_insert(asset, (*person).into(), SeatState::Reserved, None, NOW)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(store.app(asset).await.unwrap().unwrap().taken, 4);
    hand.run(&format!("DELETE FROM seats WHERE holder_id <> '{has}'"))
        .await
        .unwrap();
    refused(&mut hand).await;
    assert_eq!(hand.texts::<1>("SELECT asset_id FROM counting").await.len(), 0);
    store.close().await;
}
