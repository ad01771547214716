//! The store has a newer version of an app: which devices get it, and when.

use std::time::Duration;

use domain::{
    Approval, AssetId, Detail, DeviceId, InstallState, PersonId, StoreVersion, Time, Update, Updates,
    why::{Remedy, Sentence},
};
use server::app::{Base, Caller};
use sim::{
    apple::{TokenKind, sample},
    devices::{DeviceSpec, Prompt},
};

use crate::{
    lab::{Database, Lab, Setup, TestClock, iphone, until},
    oracle,
};

const ADAM: &str = "9000000021";
const DAY: Duration = Duration::from_secs(24 * 3600);
const INSTALLED: (InstallState, Detail) = (InstallState::Installed, Detail::NoAdditionalDetails);
const OLDER: (InstallState, Detail) = (InstallState::Installed, Detail::VppAppHasUpdateAvailable);

/// Two people who have the app. The second is asked on the screen whenever something is installed.
struct Company {
    lab: Lab,
    clock: TestClock,
    app: AssetId,
    people: [PersonId; 2],
}

impl Company {
    async fn open(database: Database, approval: Approval) -> Company {
        let clock = TestClock::start();
        let mut setup = Setup {
            clock: clock.clock(),
            ..Setup::on(database)
        };
        setup.organisations[0].assets.push(sample::App::sample(ADAM, 5));
        let lab = Lab::open(setup).await;
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(ADAM).await;
        let people = [lab.person("가람").await, lab.person("나래").await];
        lab.enrol(people[0], iphone(0)).await;
        let asked = DeviceSpec {
            supervised: false,
            ..iphone(1)
        };
        lab.enrol(people[1], asked).await;
        let group = lab.group("모두", &people).await;
        lab.deploy(app, group, approval).await;
        if approval == Approval::Available {
            for person in people {
                lab.app
                    .app_request(&Caller::System, app, person)
                    .await
                    .expect("asked for");
            }
        }
        let company = Company {
            lab,
            clock,
            app,
            people,
        };
        company.is_said("everybody has it", [INSTALLED; 2]).await;
        company
    }

    async fn said(&self, number: usize) -> Option<(InstallState, Detail)> {
        let why = self.lab.app.why(self.people[number].0, self.app).await;
        why.expect("an answer").why.said
    }

    async fn is_said(&self, what: &str, expected: [(InstallState, Detail); 2]) {
        until(what, async || {
            [self.said(0).await, self.said(1).await] == expected.map(Some)
        })
        .await;
    }

    async fn update(&self, number: usize) -> Option<Update> {
        let why = self.lab.app.why(self.people[number].0, self.app).await;
        match why.expect("an answer").why.sentence {
            Sentence::Outdated { update, .. } => Some(update),
            _ => None,
        }
    }

    async fn device(&self, number: usize) -> DeviceId {
        let devices = self.lab.app.devices_of(self.people[number]).await.expect("devices");
        devices[0].id
    }

    /// When the device last told of the app.
    async fn seen_at(&self, number: usize) -> Option<Time> {
        let device = self.device(number).await;
        let install = self.lab.app.store.install(device, self.app).await;
        install.expect("an install").seen_at
    }

    /// How often the device was told to install it.
    async fn told(&self, number: usize) -> usize {
        let device = self.device(number).await;
        let commands = self.lab.app.device_commands(device, 1000).await.expect("commands");
        let installs = commands.iter().filter(|row| row.request_type == "InstallApplication");
        installs.count()
    }

    /// The store has a newer version, which is read a day later.
    async fn publish(&self, version: &str) -> StoreVersion {
        let before = self.lab.app.updates(self.app).await.expect("an app").0.store_version;
        assert!(self.lab.apple.publish(ADAM, version));
        self.clock.jump(DAY + DAY / 24);
        let mut newest = before;
        until("the store was read", async || {
            newest = self.lab.app.updates(self.app).await.expect("an app").0.store_version;
            newest > before
        })
        .await;
        newest.expect("a version")
    }

    async fn updates(&self, updates: Updates) {
        let set = self
            .lab
            .app
            .updates_set(&Caller::System, self.app, Base::Latest, updates);
        set.await.expect("set");
    }

    fn prompts(&self, number: usize, prompt: Prompt) {
        self.lab
            .fleet
            .change(&iphone(number).serial, |spec| spec.prompt = prompt);
    }
}

async fn a_new_version_reaches_everybody(database: Database) {
    for approval in [Approval::Required, Approval::Available] {
        let company = Company::open(database, approval).await;
        oracle::watched(&company.lab.app, &company.lab.apple, async {
            company.prompts(1, Prompt::Reject { after: Duration::ZERO });
            company.publish("2.0").await;
            company.is_said("who is not asked has it", [INSTALLED, OLDER]).await;
            until("the other turned it down", async || {
                company.update(1).await == Some(Update::NotTaken)
            })
            .await;
            assert_eq!([company.told(0).await, company.told(1).await], [2, 2]);

            // A week of lists, and nobody is told again.
            for _ in 0..3 {
                let later = company.lab.app.now() + DAY * 7;
                company.clock.jump(DAY * 8);
                until("both told their apps", async || {
                    let first = company.seen_at(0).await > Some(later);
                    first && company.seen_at(1).await > Some(later)
                })
                .await;
            }
            assert_eq!([company.told(0).await, company.told(1).await], [2, 2]);

            // But when somebody asks.
            let device = company.device(1).await;
            let why = company.lab.app.why(device.0, company.app).await.expect("an answer").why;
            assert_eq!(why.remedies, [Remedy::TryAgain { on: device }]);
            company.prompts(1, Prompt::Accept { after: Duration::ZERO });
            let again = company.lab.app.install_again(&Caller::System, device, company.app);
            again.await.expect("asked");
            company.is_said("they have it too", [INSTALLED; 2]).await;
            company.lab.agrees_with_apple().await;
        })
        .await;
        company.lab.close().await;
    }
}

async fn what_is_released_by_hand_waits_for_it(database: Database) {
    let company = Company::open(database, Approval::Required).await;
    oracle::watched(&company.lab.app, &company.lab.apple, async {
        company.updates(Updates::ByHand { released: None }).await;
        let version = company.publish("2.0").await;
        company.is_said("both have the older one", [OLDER; 2]).await;
        assert_eq!(company.update(0).await, Some(Update::NotReleased));
        assert_eq!([company.told(0).await, company.told(1).await], [1, 1]);

        let released = Some(version);
        company.updates(Updates::ByHand { released }).await;
        company.is_said("both have the newer one", [INSTALLED; 2]).await;
        assert_eq!([company.told(0).await, company.told(1).await], [2, 2]);

        let unknown = Some(StoreVersion(version.0 + 1));
        let refused = company.lab.app.updates_set(
            &Caller::System,
            company.app,
            Base::Latest,
            Updates::ByHand { released: unknown },
        );
        assert!(refused.await.is_err(), "nobody has seen that version");
    })
    .await;
    company.lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_reaches_everybody_who_does_not_turn_it_down_on_sqlite() {
    a_new_version_reaches_everybody(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_new_version_reaches_everybody_who_does_not_turn_it_down_on_postgres() {
    a_new_version_reaches_everybody(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_released_by_hand_waits_for_it_on_sqlite() {
    what_is_released_by_hand_waits_for_it(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_is_released_by_hand_waits_for_it_on_postgres() {
    what_is_released_by_hand_waits_for_it(Database::Postgres).await;
}
