//! The rules by which licences come back, with devices and Apple behind the real protocols.

use std::time::Duration;

use domain::{Approval, Policy, Reclaim, ReclaimRules};
use server::{
    Clock,
    app::{Base, Caller, contract::Agreed, leavers::Devices},
};
use sim::apple::{TokenKind, sample::adam_id};

use crate::lab::{Database, Lab, Setup, iphone, members_are, quick_policy, until};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn licences_come_back_by_the_rules_that_are_on_and_each_is_counted_on_sqlite() {
    by_the_rules(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn licences_come_back_by_the_rules_that_are_on_and_each_is_counted_on_postgres() {
    by_the_rules(Database::Postgres).await;
}

impl Lab {
    /// How many licences came back by the rule.
    async fn reclaimed(&self, rule: Reclaim) -> i64 {
        let rows = self.app.store.reclaims().await.expect("rows");
        rows.iter().find(|row| row.rule == rule).map_or(0, |row| row.returned)
    }

    async fn rules_are(&self, left_all_groups: bool, removed_after: Option<Duration>) {
        let policy = Policy {
            reclaim: ReclaimRules {
                left_all_groups,
                removed_after,
            },
            ..self.app.policy().await.expect("a policy")
        };
        let set = self.app.policy_set(&Caller::System, Base::Latest, policy).await;
        set.expect("settings");
    }
}

/// Three have the app. One leaves the group and keeps it while that rule is off; one removes an app that is only available; one
/// leaves the organisation.
async fn by_the_rules(database: Database) {
    let (clock, hand) = Clock::moved();
    let lab = Lab::open(Setup {
        clock,
        policy: Policy {
            inventory_every: DAY,
            ..quick_policy()
        },
        ..Setup::on(database)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(4);
    let app = lab.app_known(&adam).await;
    let bundle_id = lab.app.store.app(app).await.unwrap().unwrap().bundle_id.unwrap();
    let mut people = Vec::new();
    for number in 0..3 {
        people.push(lab.person(&format!("사람 {number}")).await);
        lab.enrol(people[number], iphone(number)).await;
    }
    let group = lab.group("영업팀", &people).await;
    lab.deploy(app, group, Approval::Required).await;
    until("all have it", async || lab.installed(app).await == 3).await;
    let there = |number: usize| {
        let device = lab.fleet.device(&iphone(number).serial).unwrap();
        device.apps.get(&bundle_id).is_some_and(|state| state == "Managed")
    };

    // Out of the group, and nothing is taken: somebody else, who leaves, shows that the loop went by.
    lab.rules_are(false, None).await;
    members_are(&lab.app, group, &[people[1].0, people[2].0]).await;
    let agreed = Agreed::default();
    let leave = lab
        .app
        .person_leave(&Caller::System, people[2], Base::Latest, Devices::Retire, &agreed);
    leave.await.expect("they leave");
    until("the leaver's licence is back", async || {
        lab.apple_holders(&adam).len() == 2
    })
    .await;
    assert_eq!(lab.reclaimed(Reclaim::PersonLeft).await, 1);
    assert!(there(0), "what they have they keep");
    // Switched on, it goes.
    lab.rules_are(true, None).await;
    until("theirs is back", async || lab.apple_holders(&adam).len() == 1).await;
    assert!(!there(0));
    assert_eq!(lab.reclaimed(Reclaim::LeftAllGroups).await, 1);

    // It becomes available instead of required, somebody asks for it, and removes it.
    lab.deploy(app, group, Approval::Available).await;
    let asks = async || {
        let asked = lab.app.app_request(&Caller::System, app, people[1]).await;
        asked.expect("a request");
    };
    asks().await;
    assert!(lab.fleet.user_removes_app(&iphone(1).serial, &bundle_id));
    hand.passes(2 * DAY);
    lab.app.look_again();
    until("it is known that it was removed", async || {
        lab.installed(app).await == 0
    })
    .await;
    lab.rules_are(true, Some(DAY * 30)).await;
    hand.passes(29 * DAY);
    lab.app.look_again();
    lab.app.sync_now(&Caller::System).await.expect("a sync");
    lab.agrees_with_apple().await;
    assert_eq!(lab.apple_holders(&adam).len(), 1, "it is theirs for a day still");
    hand.passes(2 * DAY);
    lab.app.look_again();
    until("nobody has a licence", async || lab.apple_holders(&adam).is_empty()).await;
    assert_eq!(lab.reclaimed(Reclaim::RemovedByPerson).await, 1);
    // They asked for it before they removed it. Now they ask again.
    asks().await;
    until("it is theirs again", async || lab.installed(app).await == 1).await;
    assert_eq!(lab.apple_holders(&adam).len(), 1);
    lab.agrees_with_apple().await;
    lab.close().await;
}
