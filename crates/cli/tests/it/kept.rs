//! Few licences, many people: what is kept for a group goes to its members, and to nobody else.

use domain::{Approval, Installation, LicenseType, why::Sentence};
use server::app::{Base, Caller, contract::Agreed, deployments::DeploymentChoice};
use sim::apple::{TokenKind, sample};

use crate::{
    lab::{Database, Lab, Setup, iphone, until},
    oracle,
};

const ADAM: &str = "9000000001";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_for_a_group_waits_for_its_members_on_sqlite() {
    kept(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_is_kept_for_a_group_waits_for_its_members_on_postgres() {
    kept(Database::Postgres).await;
}

/// Three licences, one of them kept for a designer who may have the app and has not asked. Of three who have to have it two do,
/// and the third waits while one is free. Then the designer asks; then a licence is bought.
async fn kept(database: Database) {
    let mut setup = Setup::on(database);
    setup.organisations[0].assets.push(sample::App::sample(ADAM, 3));
    let lab = Lab::open(setup).await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(ADAM).await;
        let mut people = Vec::new();
        for number in 0..4 {
            people.push(lab.person(&format!("사람 {number}")).await);
            lab.enrol(people[number], iphone(number)).await;
        }
        let all = lab.group("모두", &people[..3]).await;
        let design = lab.group("디자인팀", &people[3..]).await;
        let line = |group, approval, kept_licenses| DeploymentChoice {
            group,
            approval,
            deadline: None,
            license_type: LicenseType::User,
            installation: Installation::Managed,
            kept_licenses,
        };
        let save = async |kept| {
            let lines = vec![
                line(all, Approval::Required, 0),
                line(design, Approval::Available, kept),
            ];
            let agreed = Agreed::default();
            let saved = lab
                .app
                .deployments_save(&Caller::System, app, Base::Latest, lines, &agreed);
            saved.await.expect("a deployment");
        };
        save(1).await;
        until("two have it", async || lab.installed(app).await == 2).await;
        let third = people[..3].iter().copied();
        let mut waits = None;
        until("the third is told for whom it is kept", async || {
            for person in third.clone() {
                let why = lab.app.why(person.0, app).await.expect("an answer").why;
                if matches!(why.sentence, Sentence::KeptForOthers { kept: 1, .. }) {
                    waits = Some(person);
                }
            }
            waits.is_some()
        })
        .await;
        assert_eq!(lab.apple_holders(ADAM).len(), 2, "one is free");

        lab.app
            .app_request(&Caller::System, app, people[3])
            .await
            .expect("a request");
        until("the designer has it", async || lab.installed(app).await == 3).await;
        let why = lab.app.why(waits.unwrap().0, app).await.expect("an answer").why;
        assert!(matches!(why.sentence, Sentence::InLine { .. }), "{why:?}");

        // They give it back: it stays theirs, until it is not kept any more.
        lab.app
            .app_request_withdraw(&Caller::System, app, people[3])
            .await
            .expect("taken back");
        save(2).await;
        lab.agrees_with_apple().await;
        assert_eq!(lab.installed(app).await, 3, "nobody loses what they have");
        lab.apple.buy(ADAM, 1);
        lab.until_asking("one more is owned", async || lab.owned(app).await == 4)
            .await;
        until("it is kept for the designers", async || {
            let why = lab.app.why(waits.unwrap().0, app).await.expect("an answer").why;
            matches!(why.sentence, Sentence::KeptForOthers { kept: 1, .. })
        })
        .await;
        save(1).await;
        until("it goes to whoever waits", async || lab.installed(app).await == 4).await;
        lab.agrees_with_apple().await;
    })
    .await;
    lab.close().await;
}
