//! Twenty licences for a hundred people.

use domain::{Approval, Detail, InstallState, PersonId, Place, Policy};
use server::app::{Base, Caller};
use sim::apple::{TokenKind, sample::adam_id};

use crate::lab::{Database, Lab, Setup, iphone, quick_policy, until};

/// Exactly twenty get it, eighty wait in a stable order, and five that are bought reach the next five.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_licences_reach_twenty_people_and_five_more_the_next_five() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(1);
    let app = lab.app_known(&adam).await;
    let mut people = Vec::new();
    for number in 0..100 {
        people.push(lab.person(&format!("사람 {number:03}")).await);
    }
    // Each makes a key and opens it: as many at once as there are cores to do so.
    for number in (0..100).step_by(2) {
        tokio::join!(
            lab.enrol(people[number], iphone(number)),
            lab.enrol(people[number + 1], iphone(number + 1)),
        );
    }
    let group = lab.group("모두", &people).await;
    lab.deploy(app, group, Approval::Required).await;

    until("twenty have it and eighty wait", async || {
        let view = lab.app.overview().await.unwrap().unwrap();
        let decision = &view.app(app).unwrap().decision;
        let counts = decision.counts;
        assert!(counts.used + counts.on_the_way <= 20, "{counts:?}");
        let installed = decision
            .people
            .values()
            .filter(|person| person.state == InstallState::Installed)
            .count();
        let all_accepted = view
            .client_users
            .values()
            .filter(|row| row.accepted_at.is_some())
            .count()
            == 100;
        installed == 20 && decision.waiting.len() == 80 && all_accepted
    })
    .await;
    assert_eq!(lab.apple_holders(&adam).len(), 20);

    let waiting = waiting(&lab, app).await;
    let view = lab.app.overview().await.unwrap().unwrap();
    for (index, person) in waiting.iter().enumerate() {
        let verdict = &view.app(app).unwrap().decision.people[person];
        assert_eq!(
            (verdict.state, verdict.detail),
            (InstallState::PendingInstall, Detail::WaitingForLicense)
        );
        assert_eq!(verdict.place, Some(Place::At(index as u64 + 1)));
    }

    // Under the 2016 policy the same people are told that it failed (A11), in the same order.
    lab.app
        .policy_set(
            &Caller::System,
            Base::Latest,
            Policy {
                policy_2016: true,
                ..quick_policy()
            },
        )
        .await
        .unwrap();
    let view = lab.app.overview().await.unwrap().unwrap();
    for person in &waiting {
        let verdict = &view.app(app).unwrap().decision.people[person];
        assert_eq!(
            (verdict.state, verdict.detail),
            (InstallState::Failed, Detail::NoLicenseAvailable)
        );
    }
    assert_eq!(self::waiting(&lab, app).await, waiting);

    assert!(lab.apple.buy(&adam, 5));
    until("the next five have it", async || {
        let view = lab.app.overview().await.unwrap().unwrap();
        let decision = &view.app(app).unwrap().decision;
        let installed = |person: &PersonId| decision.people[person].state == InstallState::Installed;
        decision.waiting.len() == 75 && waiting[..5].iter().all(installed)
    })
    .await;
    assert_eq!(lab.apple_holders(&adam).len(), 25);
    assert_eq!(self::waiting(&lab, app).await, waiting[5..]);
    lab.agrees_with_apple().await;
    lab.close().await;
}

async fn waiting(lab: &Lab, app: domain::AssetId) -> Vec<PersonId> {
    let view = lab.app.overview().await.unwrap().unwrap();
    let waiting = &view.app(app).unwrap().decision.waiting;
    waiting.iter().filter_map(|holder| holder.person()).collect()
}
