//! Files that are not a token of ours: each has its own sentence, and nothing changes.

use base64::{Engine, engine::general_purpose::STANDARD};
use server::app::{
    AppError, Caller,
    tokens::{TokenRefused, TokenUpload},
};
use sim::apple::{MdmInfo, TokenKind};

use crate::lab::{Database, Lab, Setup};

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

    lab.link(TokenKind::Valid).await;
    let before = lab.app.location_view().await.unwrap().unwrap().row;

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

/// P2: when another server takes the location, nothing is written any more, and the page can say who it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_another_server_took_is_left_alone() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    lab.app_known(&sim::apple::sample::adam_id(1)).await;
    let thief = MdmInfo {
        id: "somebody-else".into(),
        name: "Other MDM".into(),
        metadata: "mdm.other.example".into(),
    };
    lab.apple.set_mdm_info(Some(thief));
    crate::lab::until("it is noticed", async || {
        let view = lab.app.location_view().await.unwrap().unwrap();
        view.state == domain::TokenState::AssignedToExternalMdm && view.row.owner_name.as_deref() == Some("Other MDM")
    })
    .await;
    lab.close().await;
}
