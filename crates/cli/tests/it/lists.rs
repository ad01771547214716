//! Lists that lag, events that overtake each other or hang, requests that are done in part.

use std::{collections::BTreeMap, time::Duration};

use domain::{Approval, Detail, InstallState, Patience, PersonId};
use server::app::Caller;
use sim::apple::{EventOrder, Fault, Garbage, Named, Overassign, TokenKind, Trouble, sample::adam_id};
use store::EventFilter;

use crate::{
    lab::{Database, Lab, Setup, each, iphone, members_are, until},
    oracle,
};

/// People with a device each, in one group.
async fn people(lab: &Lab, count: usize) -> (Vec<PersonId>, domain::GroupId) {
    let mut people = Vec::new();
    for number in 0..count {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("모두", &people).await;
    (people, group)
}

/// How often the history tells of it.
async fn told(lab: &Lab, kind: &str) -> usize {
    let filter = EventFilter {
        limit: 10_000,
        ..EventFilter::default()
    };
    let history = lab.app.events(&filter).await.expect("the history");
    history.iter().filter(|event| event.kind == kind).count()
}

/// How often Apple was asked for each licence, by holder.
fn asked(lab: &Lab, path: &str) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for write in lab.apple.writes().iter().filter(|write| write.path == path) {
        for id in write.body["clientUserIds"].as_array().into_iter().flatten() {
            *asked.entry(id.as_str().expect("an id").to_owned()).or_default() += 1;
        }
    }
    asked
}

#[test]
fn what_was_just_given_is_not_lost_to_a_list_that_lags_on_sqlite() {
    each(&[("sqlite", Database::Sqlite)], lists_lag);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_was_just_given_is_not_lost_to_a_list_that_lags_on_postgres() {
    each(&[("postgres", Database::Postgres)], lists_lag);
}

/// With lists four seconds behind, three of four fresh licences were once declared lost, and asked for again.
async fn lists_lag(database: Database) {
    let lab = Lab::open(Setup {
        adjust: |config| {
            config.apple.patience = Patience {
                request: Duration::from_secs(2),
                event: Duration::from_secs(5),
                lag: Duration::from_secs(5),
            };
        },
        ..Setup::on(database)
    })
    .await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let adam = adam_id(1);
        let app = lab.app_known(&adam).await;
        let (people, group) = people(&lab, 4).await;
        let joined = lab.app_known(&adam_id(3)).await;
        lab.deploy(joined, group, Approval::Required).await;
        until("all have joined", async || lab.installed(joined).await == 4).await;
        lab.agrees_with_apple().await;
        let before = asked(&lab, "assets/associate");

        // One after the other, so that a list which shows the first does not show those after it.
        let few = lab.group("차례로", &[]).await;
        lab.apple.switch(|switches| switches.read_lag_ms = 4000);
        lab.deploy(app, few, Approval::Required).await;
        let members = async |members: &[PersonId]| {
            let members: Vec<_> = members.iter().map(|person| person.0).collect();
            members_are(&lab.app, few, &members).await;
        };
        for count in 1..=4 {
            members(&people[..count]).await;
            until("one more has it", async || lab.installed(app).await == count).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        lab.agrees_with_apple().await;
        assert_eq!(
            (told(&lab, "licenceLost").await, told(&lab, "licenceFound").await),
            (0, 0)
        );
        for (holder, times) in asked(&lab, "assets/associate") {
            assert_eq!(times, before[&holder] + 1, "{holder}");
        }

        lab.deploy(app, few, Approval::Uninstall).await;
        until("all are back", async || lab.apple_holders(&adam).is_empty()).await;
        lab.agrees_with_apple().await;
        assert_eq!(told(&lab, "licenceFound").await, 0);
        let once = asked(&lab, "assets/disassociate");
        assert!(once.len() == 4 && once.values().all(|times| *times == 1), "{once:?}");
    })
    .await;
    lab.close().await;
}

#[test]
fn what_a_list_that_is_not_whole_does_not_show_is_not_lost_on_sqlite() {
    each(&not_whole(), |garbage| lists_not_whole(Database::Sqlite, garbage));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_a_list_that_is_not_whole_does_not_show_is_not_lost_on_postgres() {
    each(&not_whole(), |garbage| lists_not_whole(Database::Postgres, garbage));
}

fn not_whole() -> [(&'static str, Garbage); 2] {
    [
        ("entries that say nothing", Garbage::EmptyEntries),
        ("entries that are missing", Garbage::NoEntries),
    ]
}

/// Lists whose entries nobody could read once took everybody's licences, everybody's membership and all that is owned.
async fn lists_not_whole(database: Database, garbage: Garbage) {
    let mut lab = Lab::open(Setup::on(database)).await;
    // No list of it is empty by right.
    lab.foreign.assigns(&lab.apple, &adam_id(1), "old-server-guest");
    lab.link(TokenKind::Valid).await;
    let (app, other) = (lab.app_known(&adam_id(1)).await, lab.app_known(&adam_id(3)).await);
    let (_, group) = people(&lab, 2).await;
    lab.deploy(app, group, Approval::Required).await;
    until("both have it", async || lab.installed(app).await == 2).await;
    lab.agrees_with_apple().await;

    let calls = ["GET assets", "GET assignments", "GET users"];
    let spoilt = calls.map(|call| Fault {
        call: call.to_owned(),
        is: Trouble::Garbled(garbage),
        times: u32::MAX,
    });
    lab.apple.switch(|switches| switches.faults = spoilt.to_vec());
    // Longer ago than lists may lag.
    tokio::time::sleep(lab.app.config.apple.patience.lag * 2).await;
    let sync = lab.app.sync_now(&Caller::System).await.expect("a sync");
    until("everything is read", async || {
        let sync = lab.app.sync(sync).await.unwrap().unwrap();
        sync.status == store::SyncStatus::Completed
    })
    .await;
    // What became of a lost answer is not known of whom the list does not show. Both may be in one request, or in one each.
    lab.apple.switch(|switches| {
        switches.faults.push(Fault {
            call: "POST assets/disassociate".to_owned(),
            is: Trouble::Lost,
            times: u32::MAX,
        });
    });
    lab.deploy(app, group, Approval::Uninstall).await;
    until("both let go of it", async || lab.installed(app).await == 0).await;
    lab.deploy(other, group, Approval::Required).await;
    until("another app is there", async || lab.installed(other).await == 2).await;
    for kind in ["licenceLost", "programUserRetired", "licenceReturned"] {
        assert_eq!(told(&lab, kind).await, 0, "{kind}");
    }
    let overview = lab.app.overview().await.unwrap().unwrap();
    assert!(overview.apps.iter().all(|app| app.row.gone_at.is_none()));

    lab.apple.switch(|switches| switches.faults.clear());
    until("it shows", async || told(&lab, "licenceReturned").await == 2).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// An event that hangs holds its own licences. What is asked for after it overtakes it.
#[tokio::test(flavor = "multi_thread")]
async fn one_stuck_event_holds_its_own_licences_and_nobody_elses() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let (stuck, other) = (lab.app_known(&adam_id(1)).await, lab.app_known(&adam_id(3)).await);
        let (_, group) = people(&lab, 2).await;
        let third = lab.app_known(&adam_id(4)).await;
        // Both are known to Apple before anything hangs.
        lab.deploy(third, group, Approval::Required).await;
        until("the first app is there", async || lab.installed(third).await == 2).await;

        lab.apple.switch(|switches| {
            switches.event_order = EventOrder::Shuffled;
            switches.event_delay_ms = Some(12_000);
        });
        lab.deploy(stuck, group, Approval::Required).await;
        until("the event is pending", async || {
            lab.apple.ledger().main().pending_events() == 1
        })
        .await;
        lab.apple.switch(|switches| switches.event_delay_ms = None);
        lab.deploy(other, group, Approval::Required).await;
        until("the other app is there", async || lab.installed(other).await == 2).await;
        assert_eq!(
            lab.apple.ledger().main().pending_events(),
            1,
            "and the first hangs still"
        );
        assert_eq!(lab.installed(stuck).await, 0);

        until("the stuck one is there at last", async || {
            lab.installed(stuck).await == 2
        })
        .await;
    })
    .await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Apple took the requests in and did the work, and never tells: once nothing more can come of an event, lists do.
#[test]
fn an_event_of_which_apple_never_tells_ends_all_the_same() {
    let broken = [
        Trouble::Gateway {
            status: 500,
            retry_after_s: None,
        },
        // A class that nobody waits for.
        Trouble::Refused {
            number: 9700,
            retry_after_s: None,
        },
    ];
    let broken = broken.map(|is| (format!("{is:?}"), is));
    each(&broken, never_told);
}

async fn never_told(is: Trouble) {
    let lab = Lab::open(Setup {
        adjust: |config| {
            config.apple.patience = Patience {
                request: Duration::from_secs(1),
                event: Duration::from_secs(2),
                lag: Duration::from_millis(200),
            };
        },
        ..Setup::on(Database::Sqlite)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(1)).await;
    let (_, group) = people(&lab, 2).await;
    lab.apple.switch(|switches| {
        switches.faults = vec![Fault {
            call: "GET status".to_owned(),
            is,
            times: u32::MAX,
        }];
    });
    lab.deploy(app, group, Approval::Required).await;
    until("both have it", async || lab.installed(app).await == 2).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Another server took two of three licences where we could not know it: what Apple tells of it differs, what comes of
/// it does not.
#[test]
fn what_apple_does_in_part_is_taken_for_what_it_is_however_it_is_told() {
    let mut shapes = Vec::new();
    for named in [Named::AssetsAndHolders, Named::Assets, Named::Holders, Named::Nobody] {
        for overassign in [Overassign::Partial, Overassign::AllOrNothing] {
            shapes.push((format!("{named:?}, {overassign:?}"), (named, overassign)));
        }
    }
    each(&shapes, |(named, overassign)| done_in_part(named, overassign));
}

async fn done_in_part(named: Named, overassign: Overassign) {
    let mut lab = Lab::open(Setup {
        // Whatever others do is heard of by a refusal, and not by a look.
        adjust: |config| config.apple.poll_every = Duration::from_secs(3600),
        ..Setup::on(Database::Sqlite)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(1);
    let app = lab.app_known(&adam).await;
    let (people, group) = people(&lab, 3).await;
    // Everybody has joined before the licences get short.
    let joined = lab.app_known(&adam_id(3)).await;
    lab.deploy(joined, group, Approval::Required).await;
    lab.until_asking("all have joined", async || lab.installed(joined).await == 3)
        .await;
    assert!(lab.apple.buy(&adam, -17));
    lab.until_asking("three are owned", async || lab.owned(app).await == 3)
        .await;
    for holder in ["old-server-1", "old-server-2"] {
        lab.foreign.assigns(&lab.apple, &adam, holder);
    }
    lab.apple.switch(|switches| {
        switches.failures_name = named;
        switches.overassign = overassign;
        switches.shuffle_tasks = true;
    });

    lab.deploy(app, group, Approval::Required).await;
    until("one has it, and two wait for a licence", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let decision = &overview.app(app).unwrap().decision;
        let waits = |person: &&PersonId| {
            let verdict = &decision.people[person];
            (verdict.state, verdict.detail) == (InstallState::PendingInstall, Detail::WaitingForLicense)
        };
        people.iter().filter(waits).count() == 2 && lab.installed(app).await == 1
    })
    .await;
    lab.agrees_when_asked().await;

    assert!(lab.apple.buy(&adam, 2));
    lab.until_asking("everybody has it", async || lab.installed(app).await == 3)
        .await;
    lab.agrees_when_asked().await;
    lab.close().await;
}

/// Tasks that fail at Apple for no reason are Apple's trouble: nobody is told that licences are short, and all get theirs.
#[tokio::test(flavor = "multi_thread")]
async fn what_apple_refuses_for_a_moment_is_its_own_trouble_and_no_want_of_licences() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(1)).await;
    let (_, group) = people(&lab, 3).await;
    let joined = lab.app_known(&adam_id(3)).await;
    lab.deploy(joined, group, Approval::Required).await;
    until("all have joined", async || lab.installed(joined).await == 3).await;

    lab.apple.switch(|switches| switches.task_failure = 1.0);
    lab.deploy(app, group, Approval::Required).await;
    let details = async || -> Vec<Detail> {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let decision = &overview.app(app).unwrap().decision;
        assert_eq!(
            decision.waiting,
            [],
            "nobody waits for a licence: {:?}",
            decision.counts
        );
        let people = decision.people.values().map(|person| person.detail);
        people.collect()
    };
    until("Apple's trouble is told of", async || {
        details().await.contains(&Detail::AppleTrouble)
    })
    .await;
    assert!(!details().await.contains(&Detail::NoLicenseAvailable));
    lab.apple.switch(|switches| switches.task_failure = 0.0);
    until("all have it", async || lab.installed(app).await == 3).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Two of five that are in use are refunded: nobody loses theirs, and nobody new gets one until the books are even again.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_a_licence_before_a_refund_is_made_up_for() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(1);
    let app = lab.app_known(&adam).await;
    let (mut everybody, group) = people(&lab, 2).await;
    lab.deploy(app, group, Approval::Required).await;
    until("both have it", async || lab.installed(app).await == 2).await;

    assert!(lab.apple.refund(&adam, 19));
    until("the refund is seen", async || lab.owned(app).await == 1).await;
    let counts = async || {
        lab.app
            .overview()
            .await
            .unwrap()
            .unwrap()
            .app(app)
            .unwrap()
            .decision
            .counts
    };
    assert_eq!((counts().await.short, counts().await.free), (1, Some(0)));
    let writes = lab.apple.writes().len();
    let third = lab.person("사람 3").await;
    lab.enrol(third, iphone(3)).await;
    everybody.push(third);
    let members: Vec<_> = everybody.iter().map(|person| person.0).collect();
    members_are(&lab.app, group, &members).await;
    until("the third has joined, and waits", async || {
        let joined = lab.app.overview().await.unwrap().unwrap();
        let joined = joined
            .client_users
            .get(&third)
            .is_some_and(|user| user.accepted_at.is_some());
        joined && counts().await.waiting == 1
    })
    .await;
    assert_eq!(lab.apple_holders(&adam).len(), 2, "nobody loses theirs");
    // One that is bought makes up for the refund; the next one is for the third.
    assert!(lab.apple.buy(&adam, 1));
    until("the books are even", async || lab.owned(app).await == 2).await;
    assert_eq!((counts().await.short, counts().await.waiting), (0, 1));
    let asked = |write: &&sim::apple::Write| write.path == "assets/associate";
    assert_eq!(lab.apple.writes()[writes..].iter().filter(asked).count(), 0);
    assert!(lab.apple.buy(&adam, 1));
    until("the third has it", async || lab.installed(app).await == 3).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Apple accepted it, the answer was lost, and the work is done seconds later: no list shows it before, and asking again
/// would be asking twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_was_lost_is_not_asked_again_while_it_may_be_alive() {
    let lab = Lab::open(Setup {
        adjust: |config| {
            config.apple.patience = Patience {
                request: Duration::from_secs(1),
                event: Duration::from_secs(5),
                lag: Duration::from_millis(200),
            };
        },
        ..Setup::on(Database::Sqlite)
    })
    .await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let adam = adam_id(1);
        let app = lab.app_known(&adam).await;
        let (_, group) = people(&lab, 2).await;
        let lost = ["POST users/create", "POST assets/associate", "POST assets/disassociate"].map(|call| Fault {
            call: call.to_owned(),
            is: Trouble::Lost,
            times: 1,
        });
        lab.apple.switch(|switches| {
            switches.faults = lost.into();
            switches.event_delay_ms = Some(2500);
        });
        lab.deploy(app, group, Approval::Required).await;
        until("both have it", async || lab.installed(app).await == 2).await;
        lab.deploy(app, group, Approval::Uninstall).await;
        until("both are back", async || lab.apple_holders(&adam).is_empty()).await;
        lab.agrees_with_apple().await;
        assert!(lab.apple.switches().faults.is_empty(), "each was lost once");
        for path in ["assets/associate", "assets/disassociate"] {
            let once = asked(&lab, path);
            assert!(
                once.len() == 2 && once.values().all(|times| *times == 1),
                "{path}: {once:?}"
            );
        }
    })
    .await;
    lab.close().await;
}
