//! How much goes to Apple at once: no more than it takes, and no less than there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::Approval;
use sim::apple::{TokenKind, sample::adam_id};
use store::{OperationKind, OperationState};

use crate::lab::{Database, Lab, Setup, iphone, until};

/// What was planned by the old limits is refused as a whole, cut to size, and served without anybody's help.
#[tokio::test(flavor = "multi_thread")]
async fn when_apple_takes_less_at_once_everybody_is_served_all_the_same() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let (first, second) = (adam_id(1), adam_id(3));
    let app = lab.app_known(&first).await;
    let other = lab.app_known(&second).await;
    let mut people = Vec::new();
    for number in 0..5 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("먼저", &people).await;
    lab.deploy(app, group, Approval::Required).await;
    until("five have the first app", async || lab.apple_holders(&first).len() == 5).await;

    let before: BTreeSet<_> = lab
        .app
        .operations_recent(100)
        .await
        .unwrap()
        .iter()
        .map(|it| it.id)
        .collect();
    lab.apple.switch(|switches| {
        switches.limits = BTreeMap::from([("maxUsers".to_owned(), 3), ("maxClientUserIds".to_owned(), 2)]);
    });
    for number in 5..9 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("모두", &people).await;
    lab.deploy(other, group, Approval::Required).await;
    until("nine have the second app", async || {
        lab.apple_holders(&second).len() == 9
    })
    .await;
    until("nothing is open", async || {
        let operations = lab.app.operations_recent(100).await.unwrap();
        operations
            .iter()
            .all(|operation| operation.state == OperationState::Done)
    })
    .await;

    // The request for four new people was refused; it, and the five licences behind it, went out in parts.
    let operations = lab.app.operations_recent(100).await.unwrap();
    let later: Vec<_> = operations.iter().filter(|it| !before.contains(&it.id)).collect();
    assert!(later.iter().any(|it| it.attempts >= 2), "{later:#?}");
    assert!(
        later.iter().all(|it| match it.kind {
            OperationKind::CreateUsers => it.requested <= 3,
            _ => it.requested <= 2,
        }),
        "{later:#?}"
    );
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Apple works on one request after the other, half a minute on each: whoever comes meanwhile must not queue up one by one.
#[tokio::test(flavor = "multi_thread")]
async fn people_who_come_while_apple_is_busy_go_out_together() {
    let lab = Lab::open(Setup {
        // An event counts as stuck after fifteen of these: not before everybody came, on a machine that is busy too.
        adjust: |config| config.apple.event_poll_every = Duration::from_secs(6),
        ..Setup::on(Database::Sqlite)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(3);
    let app = lab.app_known(&adam).await;
    let mut people = Vec::new();
    for number in 0..7 {
        people.push(lab.person(&format!("사람 {number}")).await);
    }
    let group = lab.group("모두", &people).await;
    lab.deploy(app, group, Approval::Required).await;
    let users = async || lab.app.overview().await.unwrap().unwrap().client_users.len();

    lab.apple.switch(|switches| switches.stuck_events = true);
    for (number, person) in people.iter().enumerate() {
        lab.enrol(*person, iphone(number)).await;
        until("the person is planned for", async || users().await == number + 1).await;
    }
    lab.apple.switch(|switches| switches.stuck_events = false);
    until("all have the app", async || lab.apple_holders(&adam).len() == 7).await;

    let operations = lab.app.operations_recent(100).await.unwrap();
    let mut creations: Vec<_> = operations
        .iter()
        .filter(|it| it.kind == OperationKind::CreateUsers)
        .map(|it| it.requested)
        .collect();
    creations.sort_unstable();
    assert_eq!(creations, [1, 6]);
    until("nothing is open", async || {
        let operations = lab.app.operations_recent(100).await.unwrap();
        operations
            .iter()
            .all(|operation| operation.state == OperationState::Done)
    })
    .await;
    lab.agrees_with_apple().await;
    lab.close().await;
}
