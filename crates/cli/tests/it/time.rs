//! The whole product while time passes, and while the clock is set.

use std::{net::Ipv4Addr, time::Duration};

use domain::{Approval, AssetId, Detail, InstallState, PersonId, Policy};
use server::{Clock, serve};
use sim::{
    apple::{TokenKind, sample::adam_id},
    devices::{DeviceSpec, Prompt},
};
use tokio::net::TcpListener;

use crate::lab::{Database, Lab, Setup, iphone, members_are, quick_policy, until};

const HOUR: Duration = Duration::from_secs(3600);

async fn installed(lab: &Lab, app: AssetId) -> usize {
    let overview = lab.app.overview().await.unwrap().unwrap();
    let people = &overview.app(app).unwrap().decision.people;
    let devices = people.values().flat_map(|person| person.devices.values());
    devices.filter(|device| device.state == InstallState::Installed).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_thirteen_hours_and_back_costs_seconds_on_sqlite() {
    jumps(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_clock_that_jumps_thirteen_hours_and_back_costs_seconds_on_postgres() {
    jumps(Database::Postgres).await;
}

/// It stopped licence work for thirteen hours, and a restart did not help. Lists that lag behind must not be believed
/// for it either: a licence that has just been given is no older because somebody set the clock.
async fn jumps(database: Database) {
    let (clock, hand) = Clock::moved();
    let lab = Lab::open(Setup {
        clock,
        ..Setup::on(database)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(4);
    let app = lab.app_known(&adam).await;
    let mut people: Vec<PersonId> = Vec::new();
    let group = lab.group("영업팀", &[]).await;
    lab.deploy(app, group, Approval::Required).await;
    let real = lab.app.now();

    for (number, set_by) in [0, 13, -13, 7, -7].into_iter().enumerate() {
        // While things are on their way for the person before.
        hand.is_set_by(set_by * 3_600_000);
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
        let members: Vec<_> = people.iter().map(|person| person.0).collect();
        members_are(&lab.app, group, &members).await;
        until("one more has a licence", async || {
            lab.apple_holders(&adam).len() == people.len()
        })
        .await;
    }
    until("everybody has the app", async || {
        installed(&lab, app).await == people.len()
    })
    .await;
    until("the clock is right again", async || lab.app.now().since(real) < HOUR).await;
    lab.agrees_with_apple().await;
    assert_eq!(lab.apple_holders(&adam).len(), people.len());
    for device in lab.fleet.devices() {
        assert!(device.protocol_errors.is_empty(), "{:?}", device.protocol_errors);
        assert_eq!(device.invitations_shown, 1, "{}", device.serial);
    }
    lab.close().await;
}

/// Each server follows the clock of its machine, and moves what is kept along with it. What the second one moved again lay
/// thirteen hours ahead, and licences on their way waited until somebody noticed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_clock_that_two_servers_follow_leaves_nothing_ahead_of_its_time_on_postgres() {
    let (clock, hand) = Clock::moved();
    let lab = Lab::open(Setup {
        clock,
        ..Setup::on(Database::Postgres)
    })
    .await;
    let (clock, other_hand) = Clock::moved();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut config = lab.app.config.clone();
    config.listen = listener.local_addr().unwrap();
    let other = serve::serve_on(config, clock, listener).await.unwrap();
    let patience = lab.app.config.apple.patience;
    let horizon = patience.request + patience.event + patience.lag;

    lab.link(TokenKind::Valid).await;
    let adam = adam_id(4);
    let app = lab.app_known(&adam).await;
    let group = lab.group("영업팀", &[]).await;
    lab.deploy(app, group, Approval::Required).await;
    let mut members = Vec::new();
    for (number, set_by) in [0, 13, -13].into_iter().enumerate() {
        // A licence on its way, and a request that Apple has not done.
        lab.apple.switch(|switches| switches.stuck_events = true);
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        members.push(person.0);
        members_are(&lab.app, group, &members).await;
        let location = lab.app.location_view().await.unwrap().unwrap().row.id;
        until("Apple works on it", async || {
            let open = lab.app.store.operations_open(location).await.unwrap();
            open.iter().any(|operation| operation.event_id.is_some())
        })
        .await;

        let real = lab.app.now();
        for hand in [&hand, &other_hand] {
            hand.is_set_by(set_by * 3_600_000);
        }
        let moved = i64::from(set_by != 0);
        until("both have followed", async || {
            [lab.app.now(), other.app.now()]
                .iter()
                .all(|now| now.ms().abs_diff(real.ms()) as i64 >= moved * 12 * 3_600_000)
        })
        .await;
        let ahead = lab.app.store.nothing_ahead(lab.app.now(), horizon).await.unwrap();
        assert!(!ahead, "set by {set_by} hours");
        lab.apple.switch(|switches| switches.stuck_events = false);
        until("one more has the app", async || {
            installed(&lab, app).await == members.len()
        })
        .await;
    }
    lab.agrees_with_apple().await;
    other.stop().await;
    lab.close().await;
}

/// A29, A48: what a device said is good for a week; then it is asked again, and what its owner removed comes back. Nobody
/// is asked earlier, and whoever cancelled is asked again at the same pace.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_removed_or_cancelled_comes_back_with_the_inventory() {
    let (clock, hand) = Clock::moved();
    let lab = Lab::open(Setup {
        clock,
        policy: Policy {
            inventory_every: 7 * 24 * HOUR,
            ..quick_policy()
        },
        ..Setup::on(Database::Sqlite)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let bundle_id = {
        let overview = lab.app.overview().await.unwrap().unwrap();
        overview.app(app).unwrap().row.bundle_id.clone().unwrap()
    };
    let (keeps, cancels) = (lab.person("지키는 사람").await, lab.person("취소하는 사람").await);
    lab.enrol(keeps, iphone(0)).await;
    let unwilling = DeviceSpec {
        supervised: false,
        prompt: Prompt::Reject {
            after: Duration::from_millis(50),
        },
        ..iphone(1)
    };
    lab.enrol(cancels, unwilling).await;
    let group = lab.group("영업팀", &[keeps, cancels]).await;
    lab.deploy(app, group, Approval::Required).await;
    until("one has it, and the other said no", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let people = &overview.app(app).unwrap().decision.people;
        let state = |person| people[person].devices.values().next().map(|device| device.state);
        state(&keeps) == Some(InstallState::Installed) && state(&cancels) == Some(InstallState::Failed)
    })
    .await;

    let (kept, cancelled) = (iphone(0).serial, iphone(1).serial);
    assert!(lab.fleet.user_removes_app(&kept, &bundle_id));
    let accept = Prompt::Accept {
        after: Duration::from_millis(50),
    };
    assert!(lab.fleet.change(&cancelled, |spec| spec.prompt = accept));
    hand.passes(6 * 24 * HOUR);
    lab.app.look_again();
    // A device that does anything at all meanwhile does not bring it back.
    let third = lab.person("새로 온 사람").await;
    lab.enrol(third, iphone(2)).await;
    until("the new one was asked what it is", async || {
        lab.fleet.device(&iphone(2).serial).unwrap().results_delivered > 0
    })
    .await;
    let there = |serial: &str| {
        let device = lab.fleet.device(serial).unwrap();
        device.apps.get(&bundle_id).is_some_and(|state| state == "Managed")
    };
    assert!(!there(&kept) && !there(&cancelled), "asked before the week was over");

    hand.passes(25 * HOUR);
    lab.app.look_again();
    until("the one is asked again, and of the other it is known", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let person = &overview.app(app).unwrap().decision.people[&keeps];
        let detail = person.devices.values().next().map(|device| device.detail);
        there(&cancelled) && detail == Some(Detail::ManagedAppNoLongerPresent)
    })
    .await;
    assert!(!there(&kept), "it comes back with the next inventory, and no sooner");
    hand.passes(7 * 24 * HOUR);
    lab.app.look_again();
    until("both have it", async || there(&kept) && there(&cancelled)).await;
    lab.close().await;
}
