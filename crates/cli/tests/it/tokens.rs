//! Files that are not a token of ours: each has its own sentence, and nothing changes.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Approval, TokenState};
use server::app::{
    AppError, Caller,
    tokens::{TokenRefused, TokenUpload},
};
use sim::apple::{MdmInfo, TokenKind, Write, sample::adam_id};
use store::SyncStatus;

use crate::lab::{Database, Lab, Setup, iphone, until};

async fn refused(lab: &Lab, file: impl Into<Vec<u8>>) -> TokenRefused {
    let upload = TokenUpload {
        file: file.into(),
        display_name: "토큰".to_owned(),
        apple_id: "vpp@example.com".to_owned(),
    };
    match lab.app.token_read(&Caller::System, upload).await {
        Err(AppError::Token(refused)) => refused,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("taken"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_our_token_is_refused_with_its_own_reason_and_changes_nothing() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;

    // Before anything is linked: a token that another server holds.
    let held = refused(&lab, lab.apple.token_file(TokenKind::ExternalMdm)).await;
    assert!(
        matches!(&held, TokenRefused::HeldByOther { name, .. } if name == "Other MDM"),
        "{held:?}"
    );
    assert!(lab.app.location_view().await.unwrap().is_none());
    assert_eq!(lab.apple.writes(), [], "nothing is asked of Apple but who it is");

    lab.link(TokenKind::Valid).await;
    let before = lab.app.location_view().await.unwrap().unwrap().row;
    let written = effects(&lab);
    assert_eq!(written.len(), 1, "the claim: {written:?}");

    assert_eq!(refused(&lab, "").await, TokenRefused::Empty);
    assert_eq!(
        refused(&lab, [0xff, 0x00, 0xfe, 0x9d, 0x81]).await,
        TokenRefused::NotBase64
    );
    assert!(matches!(
        refused(&lab, "text ".repeat(1_000_000)).await,
        TokenRefused::TooLarge { .. }
    ));
    let other_json = STANDARD.encode(r#"{"name":"not a token"}"#);
    assert!(matches!(
        refused(&lab, other_json).await,
        TokenRefused::NotAContentToken { .. }
    ));
    assert_eq!(
        refused(&lab, STANDARD.encode("no JSON at all")).await,
        TokenRefused::NotJson
    );
    let enrolment = "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\nMIME-Version: 1.0\r\n\r\nMIIB";
    assert_eq!(refused(&lab, enrolment).await, TokenRefused::DeviceEnrolmentToken);
    assert!(matches!(
        refused(&lab, lab.apple.token_file(TokenKind::Expired)).await,
        TokenRefused::Expired { .. }
    ));
    assert_eq!(
        refused(&lab, lab.apple.token_file(TokenKind::Revoked)).await,
        TokenRefused::Revoked
    );
    assert_eq!(
        refused(&lab, lab.apple.token_file(TokenKind::Valid)).await,
        TokenRefused::SameAgain
    );
    let other = refused(&lab, lab.apple.token_file(TokenKind::OtherAccount)).await;
    assert!(matches!(&other, TokenRefused::OtherAccount { linked, given } if linked == "본사" && given == "부산"));

    // Another server takes our own location: its renewed token is refused, and says by whom.
    let thief = MdmInfo {
        id: "somebody-else".into(),
        name: "Other MDM".into(),
        metadata: "mdm.other.example".into(),
    };
    lab.apple.set_mdm_info(Some(thief));
    let held = refused(&lab, lab.apple.token_file(TokenKind::Renewal)).await;
    assert!(
        matches!(&held, TokenRefused::HeldByOther { name, .. } if name == "Other MDM"),
        "{held:?}"
    );

    let after = lab.app.location_view().await.unwrap().unwrap().row;
    assert_eq!(
        (after.token_sha256, after.expires_at),
        (before.token_sha256, before.expires_at)
    );
    assert_eq!(effects(&lab), written, "no refused file wrote anything");
    lab.close().await;
}

/// A16: the box has to be ticked; and the renewed token of the same account is taken without losing anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_needs_the_confirmation_and_a_renewal_keeps_everything() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    let upload = TokenUpload {
        file: lab.apple.token_file(TokenKind::Valid).into_bytes(),
        display_name: "토큰".to_owned(),
        apple_id: "vpp@example.com".to_owned(),
    };
    let id = lab.app.token_read(&Caller::System, upload).await.unwrap();
    let unticked = lab.app.token_link(&Caller::System, id, false).await;
    assert!(matches!(unticked, Err(AppError::Token(TokenRefused::NotConfirmed))));
    assert!(lab.app.location_view().await.unwrap().is_none());
    lab.app.token_link(&Caller::System, id, true).await.unwrap();
    let first = lab.app.location_view().await.unwrap().unwrap();

    lab.link(TokenKind::Renewal).await;
    let renewed = lab.app.location_view().await.unwrap().unwrap();
    assert_eq!(
        (renewed.row.id, &renewed.row.uid, &renewed.row.mdm_id),
        (first.row.id, &first.row.uid, &first.row.mdm_id)
    );
    assert!(renewed.row.expires_at > first.row.expires_at);
    lab.close().await;
}

/// Two files were read before either was confirmed. The second said "nothing was changed", and the location at Apple was ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_account_is_refused_before_it_is_claimed_at_apple() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    let mut uploads = Vec::new();
    for kind in [TokenKind::Valid, TokenKind::OtherAccount] {
        let upload = TokenUpload {
            file: lab.apple.token_file(kind).into_bytes(),
            display_name: "토큰".to_owned(),
            apple_id: "vpp@example.com".to_owned(),
        };
        uploads.push(lab.app.token_read(&Caller::System, upload).await.unwrap());
    }
    lab.app.token_link(&Caller::System, uploads[0], true).await.unwrap();
    let written = effects(&lab);

    let second = lab.app.token_link(&Caller::System, uploads[1], true).await;

    assert!(
        matches!(&second, Err(AppError::Token(TokenRefused::OtherAccount { linked, given }))
            if linked == "본사" && given == "부산"),
        "{second:?}"
    );
    assert_eq!(effects(&lab), written);
    lab.close().await;
}

/// What left for Apple and could have had an effect: not the question whether the token may write, which wants nothing.
fn effects(lab: &Lab) -> Vec<Write> {
    let mut writes = lab.apple.writes();
    writes.retain(|write| write.path != "assets/associate" || write.body["assets"] != serde_json::json!([]));
    writes
}

/// Two full reads, one after the other: whatever the server wanted to do, it had time for.
async fn looked_around(lab: &Lab) {
    for _ in 0..2 {
        lab.app.sync_now(&Caller::System).await.unwrap();
        until("everything is read", async || {
            let syncs = lab.app.syncs(1).await.unwrap();
            syncs.first().is_some_and(|sync| sync.status == SyncStatus::Completed)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_another_server_took_is_left_alone_until_it_is_given_back_on_sqlite() {
    left_alone(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_location_that_another_server_took_is_left_alone_until_it_is_given_back_on_postgres() {
    left_alone(Database::Postgres).await;
}

/// P2: when another server takes the location, the page can say who it is, and nothing is written any more: not for
/// whoever gains an app, nor for whoever loses one, nor for whoever is new.
async fn left_alone(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    lab.link(TokenKind::Valid).await;
    let (first, second) = (adam_id(1), adam_id(4));
    let (losing, gaining) = (lab.app_known(&first).await, lab.app_known(&second).await);
    let mut people = Vec::new();
    for number in 0..2 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("먼저", &people).await;
    lab.deploy(losing, group, Approval::Required).await;
    until("both have the first app", async || lab.apple_holders(&first).len() == 2).await;
    lab.agrees_with_apple().await;

    let ours = lab.apple.ledger().main().mdm_info.clone();
    let thief = MdmInfo {
        id: "somebody-else".into(),
        name: "Other MDM".into(),
        metadata: "mdm.other.example".into(),
    };
    lab.apple.set_mdm_info(Some(thief));
    until("it is noticed", async || {
        let view = lab.app.location_view().await.unwrap().unwrap();
        view.state == TokenState::AssignedToExternalMdm && view.row.owner_name.as_deref() == Some("Other MDM")
    })
    .await;

    let before = effects(&lab);
    assert!(before.len() > 2, "it was written before: {before:?}");
    let newcomer = lab.person("새 사람").await;
    lab.enrol(newcomer, iphone(2)).await;
    let everybody = lab.group("모두", &[people[0], people[1], newcomer]).await;
    lab.deploy(losing, group, Approval::Uninstall).await;
    lab.deploy(gaining, everybody, Approval::Required).await;
    looked_around(&lab).await;
    assert_eq!(effects(&lab), before, "no write left");
    assert_eq!(lab.apple_holders(&first).len(), 2);

    // Given back, it goes on by itself with all that was wanted meanwhile.
    lab.apple.set_mdm_info(ours);
    until("it goes on", async || {
        lab.apple_holders(&first).is_empty() && lab.apple_holders(&second).len() == 3
    })
    .await;
    lab.agrees_with_apple().await;
    lab.close().await;
}
