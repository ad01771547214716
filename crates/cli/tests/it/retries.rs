//! What does not get through is tried again, ever more rarely, and at no other time.

use std::time::Duration;

use domain::{Approval, AssetId, Detail, DeviceId, Install, InstallState, PersonId, Policy, Step, plan};
use serde_json::Value;
use server::tasks::push;
use sim::{
    apple::{TokenKind, sample::adam_id},
    devices::DeviceSpec,
};

use crate::{
    buttons::Console,
    derived,
    lab::{Database, Lab, Setup, TestClock, iphone, quick_policy, until},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(1);

#[tokio::test(flavor = "multi_thread")]
async fn pushes_that_fail_are_tried_again_ever_more_rarely_until_one_gets_through_on_sqlite() {
    pushes_fail(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn pushes_that_fail_are_tried_again_ever_more_rarely_until_one_gets_through_on_postgres() {
    pushes_fail(Database::Postgres).await;
}

/// Apple takes no pushes for an hour. The clock stands still but when it is moved, so that nothing is due by itself.
async fn pushes_fail(database: Database) {
    let clock = TestClock::start();
    let lab = Lab::open(Setup {
        clock: clock.clock(),
        // As it is unless somebody says otherwise; other stories have no time for it.
        adjust: |config| config.mdm.push_again_after = 900 * SECOND,
        ..Setup::on(database)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let person = lab.person("윤가람").await;
    lab.enrol(person, iphone(0)).await;
    let group = lab.group("영업팀", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    until("it has the app", async || lab.installed(app).await == 1).await;
    let device = lab.app.devices().await.unwrap()[0].id;
    let planned = async || lab.app.store.push_planned(device).await.unwrap();
    let unreachable_since = async || lab.app.device(device).await.unwrap().unwrap().unreachable_since;

    clock.stands_still(true);
    lab.apple.switch(|switches| switches.push_unavailable = 1.0);
    lab.deploy(app, group, Approval::Uninstall).await;
    until("the first push has failed", async || planned().await.0 == 1).await;
    let since = unreachable_since().await.expect("it cannot be woken");

    let waits = [5, 10, 20, 40, 80, 160, 320, 640, 900, 900].map(|seconds| SECOND * seconds);
    for (number, wait) in (1..).zip(waits) {
        let failed_at = lab.app.now();
        assert_eq!(
            planned().await,
            (number, Some(failed_at + wait)),
            "what is planned next"
        );
        clock.jump(wait - TICK);
        push::step(&lab.app).await.unwrap();
        assert_eq!(lab.apple.pushes_refused(), number as u64, "{wait:?} are not over");
        clock.jump(TICK);
        until("it is tried again, and fails", async || planned().await.0 == number + 1).await;
        assert_eq!(lab.apple.pushes_refused(), number as u64 + 1, "once, after {wait:?}");
        assert_eq!(
            unreachable_since().await,
            Some(since),
            "since the first one that failed"
        );
    }

    lab.apple.switch(|switches| switches.push_unavailable = 0.0);
    clock.jump(SECOND * 900 - TICK);
    push::step(&lab.app).await.unwrap();
    assert!(unreachable_since().await.is_some(), "nobody knows yet");
    let bundle_id = {
        let overview = lab.app.overview().await.unwrap().unwrap();
        overview.app(app).unwrap().row.bundle_id.clone().unwrap()
    };
    assert!(
        lab.fleet
            .device(&iphone(0).serial)
            .unwrap()
            .apps
            .contains_key(&bundle_id)
    );
    clock.jump(TICK);
    until("it is woken, and removes the app", async || {
        !lab.fleet
            .device(&iphone(0).serial)
            .unwrap()
            .apps
            .contains_key(&bundle_id)
    })
    .await;
    until("that is known", async || {
        unreachable_since().await.is_none() && planned().await.0 == 0
    })
    .await;
    clock.stands_still(false);
    until("the licence is back", async || {
        lab.apple_holders(&adam_id(4)).is_empty()
    })
    .await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// One person, one phone that turns the app down, and an administrator who looks on.
struct TurnedDown {
    lab: Lab,
    clock: TestClock,
    app: AssetId,
    person: PersonId,
    device: DeviceId,
    console: Console,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_installation_is_tried_again_ever_more_rarely_and_then_with_the_inventory_on_sqlite() {
    installs_fail(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_failed_installation_is_tried_again_ever_more_rarely_and_then_with_the_inventory_on_postgres() {
    installs_fail(Database::Postgres).await;
}

async fn installs_fail(database: Database) {
    // All of it in less time than somebody stays signed in.
    let policy = Policy {
        retry_after: 10 * MINUTE,
        inventory_every: 120 * MINUTE,
        ..quick_policy()
    };
    let (first, inventory) = (policy.retry_after, policy.inventory_every);
    let it = TurnedDown::open(database, policy).await;

    for (number, wait) in (1..).zip([first, 2 * first, 4 * first, 8 * first, inventory, inventory]) {
        it.failed(number).await;
        // Five in a row are enough to call it failed; before that, it is on its way.
        it.is_shown(number >= 5).await;
        it.becomes_due_after(wait).await;
    }
    it.failed(7).await;
    it.is_shown(true).await;
    let (lab, app) = (&it.lab, it.app);
    lab.fleet.change(&iphone(0).serial, |spec| spec.refused_installs = 0);
    it.becomes_due_after(inventory).await;
    it.clock.stands_still(false);
    until("it has the app", async || lab.installed(app).await == 1).await;
    assert_eq!(it.asked().await, 8);
    let (summary, status) = it.in_the_api().await;
    assert_eq!(
        (&summary["failedDeviceCount"], &summary["installedDeviceCount"]),
        (&0.into(), &1.into())
    );
    assert_eq!(status["errorCode"], Value::Null);
    lab.agrees_with_apple().await;
    it.lab.close().await;
}

impl TurnedDown {
    async fn open(database: Database, policy: Policy) -> TurnedDown {
        let clock = TestClock::start();
        let lab = Lab::open(Setup {
            clock: clock.clock(),
            policy,
            ..Setup::on(database)
        })
        .await;
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(&adam_id(4)).await;
        let person = lab.person("윤가람").await;
        let spec = DeviceSpec {
            refused_installs: 1000,
            // The App Store could not be asked.
            install_error: 12023,
            ..iphone(0)
        };
        lab.enrol(person, spec).await;
        let group = lab.group("영업팀", &[person]).await;
        let device = lab.app.devices().await.unwrap()[0].id;
        let console = Console::of(&lab).await;
        let it = TurnedDown {
            lab,
            clock,
            app,
            person,
            device,
            console,
        };
        it.lab.deploy(app, group, Approval::Required).await;
        it.failed(1).await;
        it.clock.stands_still(true);
        it
    }

    async fn install(&self) -> Install {
        self.lab.app.store.install(self.device, self.app).await.unwrap()
    }

    /// How often the device was told to install it.
    async fn asked(&self) -> usize {
        let commands = self.lab.app.device_commands(self.device, 1000).await.unwrap();
        let installs = commands.iter().filter(|row| row.request_type == "InstallApplication");
        installs.count()
    }

    /// Waits until it failed so often; it was not asked more often than that.
    async fn failed(&self, times: u32) {
        until(&format!("it failed {times} times"), async || {
            let failure = self.install().await.failure;
            failure.is_some_and(|failure| failure.attempts == times)
        })
        .await;
        assert_eq!(self.asked().await, times as usize);
    }

    /// Lets so much time pass since it failed. Until then, no installation is among what the server does when it looks.
    async fn becomes_due_after(&self, wait: Duration) {
        let failed_at = self.install().await.failure.expect("it failed").at;
        self.clock.jump((failed_at + wait).since(self.lab.app.now()) - TICK);
        let location = self.lab.app.location_view().await.unwrap().unwrap().row.id;
        let world = self.lab.app.store.world(location, self.lab.app.now()).await.unwrap();
        let steps = plan(&world).steps;
        let installs = steps.iter().any(|step| matches!(step, Step::Install { .. }));
        assert!(!installs, "{wait:?} are not over: {steps:?}");
        self.clock.jump(TICK);
    }

    async fn in_the_api(&self) -> (Value, Value) {
        derived::everybody_is_decided(&self.lab.app).await;
        let path = format!("/api/v1/apps/{}", self.app);
        let app = self.console.api(&path).await;
        let statuses = self.console.api(&format!("{path}/deviceStatuses")).await;
        (app["installSummary"].clone(), statuses["value"][0].clone())
    }

    /// In the decision, the API and on every page with what the device said, and as failed only when it is.
    async fn is_shown(&self, failed: bool) {
        let state = if failed {
            InstallState::Failed
        } else {
            InstallState::PendingInstall
        };
        let said = (state, Detail::SeeInstallErrorCode);
        let overview = self.lab.app.overview().await.unwrap().unwrap();
        let person = &overview.app(self.app).unwrap().decision.people[&self.person];
        let device = &person.devices[&self.device];
        assert_eq!((device.state, device.detail), said);
        assert_eq!((person.state, person.detail), said);

        let code = "MCMDMErrorDomain 12023";
        let (summary, status) = self.in_the_api().await;
        let count = |state| summary[state].as_u64().unwrap();
        assert_eq!(count("failedDeviceCount"), u64::from(failed), "{summary}");
        assert_eq!(count("pendingInstallDeviceCount"), u64::from(!failed), "{summary}");
        assert_eq!(status["installState"], if failed { "failed" } else { "pendingInstall" });
        assert_eq!(status["installStateDetail"], "seeInstallErrorCode");
        assert_eq!(status["errorCode"], code);
        for (lang, word) in [("ko", "설치 실패"), ("en", "Failed")] {
            let list = self.console.page("/apps", lang).await;
            assert_eq!(list.contains(&format!(r#"data-label="{word}">1<"#)), failed, "{list}");
        }
        for path in [
            format!("/apps/{}?tab=devices", self.app),
            format!("/apps/{}?tab=users", self.app),
            format!("/devices/{}", self.device),
            format!("/people/{}", self.person),
        ] {
            let html = self.console.page(&path, "ko").await;
            assert!(html.contains(code), "{path}");
            assert_eq!(html.contains(r#"title="failed""#), failed, "{path}");
        }
    }
}
