//! People on their way into the programme: invited on one device after the other, and anew after Apple retired them.

use std::time::Duration;

use domain::{Approval, AssetId, InstallState, PersonId, invitation::Ending};
use sim::{
    apple::{TokenKind, sample::adam_id},
    devices::{DeviceSpec, InvitationManner},
};
use store::{ClientUserStatus, EventFilter};

use crate::lab::{Database, Lab, Setup, iphone, until};

/// On how many devices of the person the app is proved to be.
async fn installed(lab: &Lab, app: AssetId, person: PersonId) -> usize {
    let overview = lab.app.overview().await.unwrap().unwrap();
    let decision = &overview.app(app).unwrap().decision;
    let Some(verdict) = decision.people.get(&person) else {
        return 0;
    };
    let states = verdict.devices.values().map(|device| device.state);
    states.filter(|state| *state == InstallState::Installed).count()
}

/// A person whose first phone cannot show the invitation, and who then gets another one.
async fn the_next_phone_is_asked(database: Database, manner: InvitationManner, ending: Ending, error: Option<&str>) {
    let mut setup = Setup::on(database);
    setup.policy.invite_next_after = Duration::from_millis(300);
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let person = lab.person("윤가람").await;
    let first = DeviceSpec {
        invitation: manner,
        ..iphone(1)
    };
    lab.enrol(person, first).await;
    let group = lab.group("영업팀", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    until("the first phone was asked in vain", async || {
        let invitations = lab.app.invitations(person).await.unwrap();
        let Some(invitation) = invitations.first() else {
            return false;
        };
        let asked = lab.app.device_commands(invitation.device_id, 20).await.unwrap();
        let asked = asked
            .iter()
            .any(|row| row.uuid == invitation.id && row.sent_at.is_some());
        asked && (ending == Ending::Silent || invitation.outcome == Some(ending))
    })
    .await;

    let account = iphone(1).account;
    lab.enrol(person, DeviceSpec { account, ..iphone(2) }).await;
    until("the app is on both phones", async || {
        installed(&lab, app, person).await == 2
    })
    .await;

    let invitations = lab.app.invitations(person).await.unwrap();
    let told: Vec<_> = invitations
        .iter()
        .map(|row| (row.outcome, row.error.as_deref()))
        .collect();
    assert_eq!(told, [(Some(Ending::Shown), None), (Some(ending), error)]);
    let shown = |serial: &str| lab.fleet.device(serial).unwrap().invitations_shown;
    assert_eq!((shown("TEST000001"), shown("TEST000002")), (0, 1));
    lab.agrees_with_apple().await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_turns_the_invitation_down_gives_way_to_the_next() {
    let error = Some("MCMDMErrorDomain 12010");
    the_next_phone_is_asked(Database::Sqlite, InvitationManner::Fails, Ending::Failed, error).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_calls_the_invitation_useless_gives_way_to_the_next() {
    let error = Some("InvalidInvitationURL");
    the_next_phone_is_asked(Database::Sqlite, InvitationManner::Rejects, Ending::Failed, error).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_never_has_time_for_the_invitation_gives_way_to_the_next() {
    let error = Some("NotNow");
    the_next_phone_is_asked(Database::Sqlite, InvitationManner::NotNow, Ending::Silent, error).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_says_nothing_to_the_invitation_gives_way_to_the_next() {
    the_next_phone_is_asked(Database::Sqlite, InvitationManner::Silent, Ending::Silent, None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_phone_that_says_nothing_to_the_invitation_gives_way_to_the_next_on_postgres() {
    the_next_phone_is_asked(Database::Postgres, InvitationManner::Silent, Ending::Silent, None).await;
}

/// The first phone shows the invitation and cannot say so; when it can, the second, which was asked meanwhile, need not.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_shows_the_invitation_late_is_believed() {
    let mut setup = Setup::on(Database::Sqlite);
    setup.policy.invite_next_after = Duration::from_millis(300);
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let person = lab.person("윤가람").await;
    let group = lab.group("영업팀", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    let manners = [InvitationManner::Late, InvitationManner::Silent];
    for (number, invitation) in manners.into_iter().enumerate() {
        let phone = DeviceSpec {
            invitation,
            accepts_invitation_after: None,
            ..iphone(number)
        };
        lab.enrol(person, phone).await;
        until("the phone is asked", async || {
            let invitations = lab.app.invitations(person).await.unwrap();
            let asked = lab.fleet.device("TEST000000").unwrap().invitations_shown == 1;
            asked && invitations.len() == number + 1
        })
        .await;
    }

    lab.fleet.go_online("TEST000000");
    let outcomes = async || {
        let invitations = lab.app.invitations(person).await.unwrap();
        invitations.iter().map(|row| row.outcome).collect::<Vec<_>>()
    };
    until("the first is known to show it", async || {
        outcomes().await == [Some(Ending::Withdrawn), Some(Ending::Shown)]
    })
    .await;
    lab.close().await;
}

/// A Shared iPad says of itself what it is; a Mac of the same person could not show it either.
#[tokio::test(flavor = "multi_thread")]
async fn an_ipad_that_several_people_share_is_not_asked() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let person = lab.person("한봄").await;
    let shared = DeviceSpec {
        product_name: "iPad13,1".to_owned(),
        shared: true,
        ..iphone(1)
    };
    lab.enrol(person, shared).await;
    until("the iPad has told what it is", async || {
        lab.app.devices().await.unwrap().iter().any(|device| device.shared)
    })
    .await;
    lab.enrol(person, iphone(2)).await;
    let group = lab.group("영업팀", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    until("the person has joined", async || installed(&lab, app, person).await > 0).await;

    let invitations = lab.app.invitations(person).await.unwrap();
    let device = lab.app.device(invitations[0].device_id).await.unwrap().unwrap();
    assert_eq!((invitations.len(), device.name.as_str()), (1, "iPhone 2"));
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_apple_retires_is_registered_and_invited_anew_on_sqlite() {
    registered_anew(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_apple_retires_is_registered_and_invited_anew_on_postgres() {
    registered_anew(Database::Postgres).await;
}

/// Somebody retires a person in Apple's own books. Their licences went with it; they get others, and nobody else's change.
async fn registered_anew(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(4);
    let app = lab.app_known(&adam).await;
    let mut people = Vec::new();
    for number in 0..2 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("영업팀", &people).await;
    lab.deploy(app, group, Approval::Required).await;
    until("the app is on both phones", async || {
        installed(&lab, app, people[0]).await + installed(&lab, app, people[1]).await == 2
    })
    .await;
    let known = async |person: PersonId| lab.app.registrations(person).await.unwrap().remove(0);
    let (old, other) = (known(people[0]).await, known(people[1]).await);

    assert!(lab.apple.retire(&old.client_user_id));
    until("the person holds a licence under another id", async || {
        let now = known(people[0]).await;
        let holders = lab.apple_holders(&adam);
        assert!(holders.contains(&other.client_user_id), "nobody else is touched");
        let overview = lab.app.overview().await.unwrap().unwrap();
        let counts = overview.app(app).unwrap().decision.counts;
        assert!(counts.used + counts.on_the_way + counts.foreign <= 60, "{counts:?}");
        now.client_user_id != old.client_user_id
            && now.status == ClientUserStatus::Associated
            && holders.contains(&now.client_user_id)
            && overview.app(app).unwrap().facts.seats[&people[0].into()].is_held()
    })
    .await;

    lab.agrees_with_apple().await;
    assert_eq!(lab.apple_holders(&adam).len(), 2);
    let registrations = lab.app.registrations(people[0]).await.unwrap();
    assert_eq!(registrations.len(), 2);
    assert_eq!(registrations[1].client_user_id, old.client_user_id);
    assert!(registrations[1].retired_at.is_some() && registrations[1].replaced_at.is_some());
    assert_eq!(known(people[1]).await.client_user_id, other.client_user_id);
    assert_eq!(lab.fleet.device("TEST000000").unwrap().invitations_shown, 2);
    let history = EventFilter {
        person: Some(people[0]),
        limit: 100,
        ..EventFilter::default()
    };
    let history = lab.app.store.events(&history).await.unwrap();
    for kind in ["programUserRetired", "licenceLost", "programUserReplaced"] {
        let times = history.iter().filter(|event| event.kind == kind).count();
        assert_eq!(times, 1, "{kind}");
    }

    lab.deploy(app, group, Approval::Uninstall).await;
    until("everything is returned", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        overview.app(app).unwrap().decision.counts.used == 0 && lab.apple_holders(&adam).is_empty()
    })
    .await;
    lab.agrees_with_apple().await;
    lab.close().await;
}
