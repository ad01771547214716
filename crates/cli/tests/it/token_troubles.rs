//! What Apple says of a token, and what is made of it: doubted, believed, healed, taken over, given back.

use std::time::Duration;

use domain::{Approval, AssetId, GroupId, TokenState};
use server::app::{
    AppError, Caller,
    tokens::{TokenRefused, TokenUpload},
};
use sim::apple::{self, Fault, MdmInfo, TokenKind, Trouble, sample::adam_id};
use store::EventFilter;

use crate::{
    lab::{Database, Lab, Setup, each, iphone, until},
    oracle,
};

async fn state(lab: &Lab) -> TokenState {
    lab.app.location_view().await.unwrap().expect("a location").state
}

async fn history(lab: &Lab) -> Vec<String> {
    let filter = EventFilter {
        limit: 10_000,
        ..EventFilter::default()
    };
    let events = lab.app.events(&filter).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

fn file(lab: &Lab, kind: TokenKind) -> TokenUpload {
    TokenUpload {
        file: lab.apple.token_file(kind).into_bytes(),
        display_name: "토큰".to_owned(),
        apple_id: "vpp@example.com".to_owned(),
    }
}

/// Two people with an app that is proved to be there.
async fn at_work(lab: &Lab) -> (AssetId, GroupId) {
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(1)).await;
    let mut people = Vec::new();
    for number in 0..2 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("모두", &people).await;
    lab.deploy(app, group, Approval::Required).await;
    lab.until_asking("both have it", async || lab.installed(app).await == 2)
        .await;
    (app, group)
}

/// Licences are given as before: what stopped them has passed.
async fn works_again(lab: &Lab, group: GroupId) {
    let other = lab.app_known(&adam_id(3)).await;
    lab.deploy(other, group, Approval::Required).await;
    until("another app is there", async || lab.installed(other).await == 2).await;
    lab.agrees_with_apple().await;
}

/// Apple's edge answers 401 now and then to a token that is good.
#[test]
fn a_token_that_is_called_dead_once_is_asked_again_before_that_is_believed() {
    let words = [
        ("a bare 401", None),
        ("revoked", Some(9625)),
        ("not valid", Some(9622)),
        ("expired", Some(9621)),
    ];
    each(&words, async |number| {
        let lab = Lab::open(Setup::on(Database::Sqlite)).await;
        let (_, group) = at_work(&lab).await;
        for times in [1, 2] {
            lab.apple.switch(|switches| {
                switches.token_refusal_number = number;
                switches.token_refusals = times;
            });
            until("Apple has refused the token", async || {
                lab.apple.switches().token_refusals == 0
            })
            .await;
            let sync = lab
                .app
                .sync_now(&Caller::System)
                .await
                .expect("it is doubted, and not refused");
            until("everything is read", async || {
                let sync = lab.app.sync(sync).await.unwrap().unwrap();
                assert_ne!(sync.status, store::SyncStatus::Failed, "{sync:?}");
                sync.status == store::SyncStatus::Completed
            })
            .await;
        }
        assert_eq!(state(&lab).await, TokenState::Valid);
        assert!(!history(&lab).await.contains(&"tokenUnusable".to_owned()));
        works_again(&lab, group).await;
        lab.close().await;
    });
}

/// The portal gives the same file out again. Who uploads it after Apple has taken the token back into grace is healed.
#[test]
fn a_token_that_apple_refuses_stops_everything_until_the_same_good_file_heals_it() {
    let ends = [
        ("revoked", (apple::TokenState::Revoked, TokenState::Revoked)),
        ("expired", (apple::TokenState::Expired, TokenState::Expired)),
        ("unknown", (apple::TokenState::Unknown, TokenState::Invalid)),
    ];
    each(&ends, async |(at_apple, here)| {
        let lab = Lab::open(Setup {
            // It does not heal by itself meanwhile.
            adjust: |config| config.apple.poll_every = Duration::from_secs(3600),
            ..Setup::on(Database::Sqlite)
        })
        .await;
        let (app, group) = at_work(&lab).await;
        lab.apple.set_token_state(TokenKind::Valid, at_apple);
        let sync = lab.app.sync_now(&Caller::System).await.expect("nothing is known yet");
        until("it is believed", async || state(&lab).await == here).await;
        let sync = lab.app.sync(sync).await.unwrap().unwrap();
        assert_eq!(sync.status, store::SyncStatus::Failed, "the sync says why: {sync:?}");
        assert!(sync.error_code.is_some());

        // A sync that cannot run is not accepted as if it would.
        let refused = lab.app.sync_now(&Caller::System).await;
        assert!(
            matches!(&refused, Err(AppError::Token(TokenRefused::NotUsable { state })) if *state == here),
            "{refused:?}"
        );
        let writes = lab.apple.writes().len();
        lab.deploy(app, group, Approval::Uninstall).await;
        until("the devices let go of it", async || lab.installed(app).await == 0).await;
        assert_eq!(lab.apple.writes().len(), writes, "nothing is asked with a dead token");
        let upload = lab.app.token_read(&Caller::System, file(&lab, TokenKind::Valid)).await;
        assert!(matches!(upload, Err(AppError::Token(_))), "it is dead still");

        lab.apple.set_token_state(TokenKind::Valid, apple::TokenState::Valid);
        lab.link(TokenKind::Valid).await;
        assert_eq!(state(&lab).await, TokenState::Valid);
        until("the licences come back", async || {
            lab.apple_holders(&adam_id(1)).is_empty()
        })
        .await;
        lab.agrees_when_asked().await;
        let other = lab.app_known(&adam_id(3)).await;
        lab.deploy(other, group, Approval::Required).await;
        until("another app is there", async || lab.installed(other).await == 2).await;
        lab.agrees_when_asked().await;
        lab.close().await;
    });
}

/// What was asked with the old token may be answered when the new one is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_of_the_old_token_says_nothing_of_the_renewed_one() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    let (_, group) = at_work(&lab).await;
    lab.apple.switch(|switches| {
        switches.faults = vec![Fault {
            call: "GET users".to_owned(),
            is: Trouble::Late { ms: 1500 },
            times: 1,
        }];
    });
    lab.apple.set_token_state(TokenKind::Valid, apple::TokenState::Revoked);
    until("the old token is asked about", async || {
        lab.apple.switches().faults.is_empty()
    })
    .await;
    lab.link(TokenKind::Renewal).await;
    let renewed = lab.app.now();
    until("the late answer has come", async || {
        lab.app.now().since(renewed) > Duration::from_millis(2500)
    })
    .await;
    assert_eq!(state(&lab).await, TokenState::Valid);
    assert!(!history(&lab).await.contains(&"tokenUnusable".to_owned()));
    works_again(&lab, group).await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_only_read_is_refused_at_its_upload() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    let refused = lab
        .app
        .token_read(&Caller::System, file(&lab, TokenKind::ReadOnly))
        .await;
    assert!(
        matches!(refused, Err(AppError::Token(TokenRefused::NotAllowed { number: 9637 }))),
        "{refused:?}"
    );
    assert!(lab.app.location_view().await.unwrap().is_none());
    // What found that out asked for nothing.
    for write in lab.apple.writes() {
        assert_eq!(
            (write.path.as_str(), &write.body["clientUserIds"]),
            ("assets/associate", &serde_json::Value::Null)
        );
    }
    lab.close().await;
}

/// The administrator who downloaded the token loses the right to assign, and gets it back.
#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_lost_later_stop_the_writing_and_not_the_reading() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    let (_, group) = at_work(&lab).await;
    let refused = |call: &str| Fault {
        call: call.to_owned(),
        is: Trouble::Refused {
            number: 9637,
            retry_after_s: None,
        },
        times: u32::MAX,
    };
    let calls = ["POST users/create", "POST assets/associate", "POST assets/disassociate"];
    lab.apple
        .switch(|switches| switches.faults = calls.iter().map(|call| refused(call)).collect());
    let other = lab.app_known(&adam_id(3)).await;
    lab.deploy(other, group, Approval::Required).await;
    until("it is noticed", async || state(&lab).await == TokenState::ReadOnly).await;

    lab.apple.buy(&adam_id(4), 7);
    until("what is bought is seen", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        overview
            .apps
            .iter()
            .any(|app| app.row.adam_id == adam_id(4) && app.row.owned == 67)
    })
    .await;
    lab.app
        .sync_now(&Caller::System)
        .await
        .expect("what can be read can be synced");
    let events = || lab.apple.ledger().main().events.len();
    let before = events();
    lab.apple.switch(|switches| switches.faults.clear());
    until("it may write again", async || state(&lab).await == TokenState::Valid).await;
    until("everybody is served", async || lab.installed(other).await == 2).await;
    assert!(events() > before);
    lab.agrees_with_apple().await;
    lab.close().await;
}

#[test]
fn a_takeover_freezes_the_writing_while_reading_goes_on_and_the_hand_back_is_noticed_on_sqlite() {
    each(&[("sqlite", Database::Sqlite)], taken_over);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_takeover_freezes_the_writing_while_reading_goes_on_and_the_hand_back_is_noticed_on_postgres() {
    each(&[("postgres", Database::Postgres)], taken_over);
}

async fn taken_over(database: Database) {
    let mut lab = Lab::open(Setup::on(database)).await;
    let (app, group) = at_work(&lab).await;
    let ours = lab.apple.ledger().main().mdm_info.clone().expect("we manage it");
    let thief = MdmInfo {
        id: "somebody-else".into(),
        name: "Other MDM".into(),
        metadata: "mdm.other.example".into(),
    };
    lab.apple.set_mdm_info(Some(thief));
    until("it is noticed", async || {
        state(&lab).await == TokenState::AssignedToExternalMdm
    })
    .await;
    let view = lab.app.location_view().await.unwrap().unwrap();
    assert_eq!(view.row.owner_name.as_deref(), Some("Other MDM"));

    // Not one write from here on, whatever is wanted; and what the other server does is seen.
    let writes = lab.apple.writes().len();
    lab.deploy(app, group, Approval::Uninstall).await;
    lab.foreign.assigns(&lab.apple, &adam_id(1), "old-server-guest");
    lab.apple.buy(&adam_id(1), 5);
    until("the devices let go of it", async || lab.installed(app).await == 0).await;
    until("what the other server does is seen", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let row = &overview.app(app).unwrap().row;
        (row.owned, row.foreign_held) == (25, 1)
    })
    .await;
    assert_eq!(lab.apple.writes().len(), writes);
    assert_eq!(lab.apple_holders(&adam_id(1)).len(), 3, "licences stay where they are");

    oracle::watched(&lab.app, &lab.apple, async {
        // Let go of, it is nobody's: who takes it is for a person to say (P2).
        lab.apple.set_mdm_info(None);
        until("it is seen that nobody has it", async || {
            let view = lab.app.location_view().await.unwrap().unwrap();
            view.row.owner_name.is_none()
        })
        .await;
        let looks = || lab.apple.ledger().traffic.requests["client/config"];
        let before = looks();
        until("it is looked at again", async || looks() > before + 3).await;
        assert_eq!(state(&lab).await, TokenState::AssignedToExternalMdm);
        assert_eq!(lab.apple.writes().len(), writes);
        assert_eq!(lab.apple.ledger().main().mdm_info, None);

        lab.link(TokenKind::Valid).await;
        assert_eq!(state(&lab).await, TokenState::Valid);
        assert_eq!(
            lab.apple.ledger().main().mdm_info.as_ref().map(|info| &info.id),
            Some(&ours.id)
        );
        until("the licences come back", async || {
            lab.apple_holders(&adam_id(1)).len() == 1
        })
        .await;
        works_again(&lab, group).await;
    })
    .await;
    lab.close().await;
}
