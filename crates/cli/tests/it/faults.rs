//! Everything that can go wrong with one request to Apple, at every kind of call, while the main job is done.
//!
//! Whatever went wrong, the story ends the same: everybody has what is due, nothing was done twice, and at no moment was
//! more out than is owned.

use std::time::{Duration, Instant};

use domain::{Approval, Installation, LicenseType, Patience};
use server::app::{Caller, deployments::DeploymentChoice};
use sim::apple::{EventOrder, Fault, Garbage, Named, Overassign, Rng, TokenKind, Told, Trouble, sample::adam_id};

use crate::{
    lab::{Database, Lab, PATIENCE, Setup, deploy_so, deploy_with, each, iphone, link_patiently, members_are, until},
    oracle,
};

const TROUBLES: [(&str, Trouble); 16] = [
    ("the request is not heard", Trouble::Unheard),
    ("the answer is lost", Trouble::Lost),
    ("the answer is late", Trouble::Late { ms: 1500 }),
    ("a page of a proxy", Trouble::Garbled(Garbage::Html)),
    ("an empty answer", Trouble::Garbled(Garbage::Empty)),
    ("half an answer", Trouble::Garbled(Garbage::Truncated)),
    ("an answer to something else", Trouble::Garbled(Garbage::OtherJson)),
    ("500 after the work", Trouble::DoneButInternalError),
    ("500", refused(9603, None)),
    ("503", refused(9729, None)),
    ("503 with Retry-After", refused(9729, Some(1))),
    ("429", refused(9646, None)),
    ("429 with Retry-After", refused(9646, Some(1))),
    ("maintenance", refused(9644, None)),
    ("502 of a gateway", gateway(502, None)),
    ("503 of a gateway with Retry-After", gateway(503, Some(1))),
];

const fn refused(number: i32, retry_after_s: Option<u32>) -> Trouble {
    Trouble::Refused { number, retry_after_s }
}

const fn gateway(status: u16, retry_after_s: Option<u32>) -> Trouble {
    Trouble::Gateway { status, retry_after_s }
}

#[test]
fn whatever_befalls_a_call_of_any_kind_everything_ends_right_on_sqlite() {
    each(&TROUBLES, |trouble| {
        one_trouble_at_every_call(Database::Sqlite, trouble)
    });
}

/// What is different on PostgreSQL is how transactions meet: four kinds of trouble are enough.
#[test]
#[ignore = "needs PostgreSQL"]
fn whatever_befalls_a_call_of_any_kind_everything_ends_right_on_postgres() {
    let some = [TROUBLES[0], TROUBLES[1], TROUBLES[2], TROUBLES[7]];
    each(&some, |trouble| one_trouble_at_every_call(Database::Postgres, trouble));
}

/// As short as it can be: what Apple has not done after these is not done any more.
fn impatient(config: &mut server::Config) {
    config.apple.patience = Patience {
        request: Duration::from_secs(1),
        event: Duration::from_secs(1),
        lag: Duration::from_millis(200),
    };
}

/// The main job, from the token to the licence that is back, and each kind of call goes wrong once at each stage.
async fn one_trouble_at_every_call(database: Database, trouble: Trouble) {
    let lab = Lab::open(Setup {
        adjust: impatient,
        ..Setup::on(database)
    })
    .await;
    oracle::watched(&lab.app, &lab.apple, async {
        let befalls = |calls: &[&str]| {
            let faults = calls.iter().map(|call| Fault {
                call: (*call).to_owned(),
                is: trouble,
                times: 1,
            });
            lab.apple.switch(|switches| switches.faults.extend(faults));
        };
        befalls(&[
            "GET client/config",
            "POST client/config",
            "POST assets/associate",
            "GET service/config",
        ]);
        link_patiently(&lab.app, &lab.apple, TokenKind::Valid).await;
        let adam = adam_id(1);
        let app = lab.app_known(&adam).await;
        befalls(&["GET assets", "GET assignments", "GET users", "GET client/config"]);
        // What went wrong may have ended one: then somebody asks for another.
        until("everything is read anew", async || {
            lab.app.sync_now(&Caller::System).await.expect("a sync");
            lab.apple.switches().faults.is_empty()
        })
        .await;

        let mut people = Vec::new();
        for number in 0..2 {
            let person = lab.person(&format!("사람 {number}")).await;
            lab.enrol(person, iphone(number)).await;
            people.push(person);
        }
        let group = lab.group("모두", &people).await;
        // The event of a write that was not answered is never asked for: writes and reads go wrong one after the other.
        let (other, reads) = (
            lab.app_known(&adam_id(3)).await,
            ["GET status", "GET assignments", "GET assets"],
        );
        let holds = async |there: bool| match there {
            true => lab.installed(other).await == 2,
            false => lab.apple_holders(&adam_id(3)).is_empty(),
        };
        // On a busy machine an answer may come too late, and nobody asks for the status of an event that nobody was told of:
        // then another write has one.
        let all_befell = async |stage: &str, there: bool| {
            let begun = Instant::now();
            let mut looked = Instant::now();
            while !lab.apple.switches().faults.is_empty() {
                let left = lab.apple.switches().faults;
                assert!(begun.elapsed() < PATIENCE, "{stage} these never befell: {left:?}");
                if looked.elapsed() > Duration::from_secs(5) {
                    for (approval, there) in [(Approval::Required, true), (Approval::Uninstall, false)] {
                        lab.deploy(other, group, approval).await;
                        until(stage, async || holds(there).await).await;
                    }
                    looked = Instant::now();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let approval = if there { Approval::Required } else { Approval::Uninstall };
            lab.deploy(other, group, approval).await;
            until(stage, async || holds(there).await).await;
        };
        befalls(&["POST users/create", "POST assets/associate"]);
        lab.deploy(app, group, Approval::Required).await;
        until("both have it", async || lab.installed(app).await == 2).await;
        befalls(&reads);
        befalls(&["GET users"]);
        lab.deploy(other, group, Approval::Required).await;
        until("both have the other", async || holds(true).await).await;
        all_befell("while licences were given", true).await;

        befalls(&["POST assets/disassociate"]);
        lab.deploy(app, group, Approval::Uninstall).await;
        until("both licences are back", async || lab.apple_holders(&adam).is_empty()).await;
        befalls(&reads);
        lab.deploy(other, group, Approval::Uninstall).await;
        until("the others are back", async || holds(false).await).await;
        all_befell("while licences were taken back", false).await;
    })
    .await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Everything that is asked goes wrong for a while, as if Apple were away. Whatever was under way goes on by itself when it
/// is back, and devices are served meanwhile.
#[test]
fn after_an_outage_of_any_kind_the_work_goes_on_by_itself() {
    let outages = [
        ("nothing is heard", Trouble::Unheard),
        ("nothing is answered", Trouble::Lost),
        ("503", refused(9729, None)),
        ("maintenance with Retry-After", refused(9644, Some(2))),
        ("a gateway without Apple behind it", gateway(502, None)),
    ];
    each(&outages, outage);
}

async fn outage(trouble: Trouble) {
    let lab = Lab::open(Setup {
        adjust: impatient,
        ..Setup::on(Database::Sqlite)
    })
    .await;
    let lasts = Duration::from_secs(4);
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let (first, second) = (lab.app_known(&adam_id(1)).await, lab.app_known(&adam_id(3)).await);
        let mut people = Vec::new();
        for number in 0..2 {
            let person = lab.person(&format!("사람 {number}")).await;
            lab.enrol(person, iphone(number)).await;
            people.push(person);
        }
        let group = lab.group("모두", &people).await;
        lab.deploy(first, group, Approval::Required).await;
        until("both have it", async || lab.installed(first).await == 2).await;

        let calls = [
            "GET users",
            "GET assets",
            "GET assignments",
            "GET status",
            "GET client/config",
            "POST users/create",
            "POST assets/associate",
            "POST assets/disassociate",
        ];
        let faults = calls.map(|call| Fault {
            call: call.to_owned(),
            is: trouble,
            times: u32::MAX,
        });
        let begun = Instant::now();
        lab.apple.switch(|switches| switches.faults = faults.into());
        lab.deploy(first, group, Approval::Uninstall).await;
        lab.deploy(second, group, Approval::Required).await;
        until(
            "the devices have let go of the first, and it is known that Apple is silent",
            async || {
                let silent = lab
                    .app
                    .location_view()
                    .await
                    .unwrap()
                    .unwrap()
                    .row
                    .unanswered_since
                    .is_some();
                silent && lab.installed(first).await == 0 && begun.elapsed() > lasts
            },
        )
        .await;

        lab.apple.switch(|switches| switches.faults.clear());
        until("what was wanted meanwhile is done", async || {
            lab.installed(second).await == 2 && lab.apple_holders(&adam_id(1)).is_empty()
        })
        .await;
        until("Apple answers", async || {
            lab.app
                .location_view()
                .await
                .unwrap()
                .unwrap()
                .row
                .unanswered_since
                .is_none()
        })
        .await;
    })
    .await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Everything at once and by chance, while people come and go and administrators change their minds.
///
/// `ALLOTMENT_TEST_STORMS` says how many to tell, `ALLOTMENT_TEST_SEED` which one.
#[test]
fn a_storm_of_faults_leaves_everything_right_on_sqlite() {
    storms(Database::Sqlite, 2);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_storm_of_faults_leaves_everything_right_on_postgres() {
    storms(Database::Postgres, 1);
}

fn storms(database: Database, usual: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds: Vec<u64> = match number("ALLOTMENT_TEST_SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(1, |since| since.as_millis() as u64);
            (0..number("ALLOTMENT_TEST_STORMS").unwrap_or(usual))
                .map(|nth| first + nth)
                .collect()
        }
    };
    let on = match database {
        Database::Sqlite => "sqlite",
        Database::Postgres => "postgres",
    };
    let replays = seeds.into_iter().map(|seed| {
        let test = format!("storm_of_faults_leaves_everything_right_on_{on}");
        let run = "cargo test -p allotment --test it";
        (
            format!("ALLOTMENT_TEST_SEED={seed} {run} {test} -- --include-ignored"),
            seed,
        )
    });
    each(&replays.collect::<Vec<_>>(), |seed| storm(database, seed));
}

async fn storm(database: Database, seed: u64) {
    let mut chance = Rng::new(seed);
    let mut lab = Lab::open(Setup {
        adjust: |config| {
            config.apple.patience = Patience {
                request: Duration::from_secs(1),
                event: Duration::from_secs(4),
                lag: Duration::from_millis(600),
            };
        },
        ..Setup::on(database)
    })
    .await;
    lab.foreign.assigns(&lab.apple, &adam_id(3), "old-server-guest");
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let assets = [lab.app_known(&adam_id(1)).await, lab.app_known(&adam_id(3)).await];
        let mut people = Vec::new();
        for number in 0..4 {
            let person = lab.person(&format!("사람 {number}")).await;
            lab.enrol(person, iphone(number)).await;
            people.push(person);
        }
        let group = lab.group("모두", &people).await;
        // Fewer of the first than there are people. Whoever is given one before that is known may be one too many.
        assert!(lab.apple.buy(&adam_id(1), -17));
        until("it is known that there are three", async || {
            lab.owned(assets[0]).await == 3
        })
        .await;

        for _ in 0..12 {
            weather(&lab, &mut chance);
            let asset = assets[chance.below(2)];
            let approval = [Approval::Required, Approval::Uninstall, Approval::Required][chance.below(3)];
            let licences = [LicenseType::User, LicenseType::Device, LicenseType::Automatic][chance.below(3)];
            // What somebody else installs for a while, we install again when it clears up.
            let installation = match approval {
                Approval::Required if chance.chance(0.3) => Installation::External,
                _ => Installation::Managed,
            };
            let choice = DeploymentChoice {
                group,
                approval,
                deadline: None,
                license_type: licences,
                installation,
                kept_licenses: 0,
            };
            deploy_so(&lab.app, asset, choice).await;
            let members: Vec<_> = people
                .iter()
                .filter(|_| chance.chance(0.7))
                .map(|person| person.0)
                .collect();
            members_are(&lab.app, group, &members).await;
            tokio::time::sleep(Duration::from_millis(chance.below(900) as u64)).await;
        }

        // It clears up: everybody gets what is due by the last word.
        lab.apple.switch(|switches| {
            let calm = Setup::on(database).switches;
            *switches = calm;
        });
        lab.app.sync_now(&Caller::System).await.expect("a sync");
        let everyone: Vec<_> = people.iter().map(|person| person.0).collect();
        members_are(&lab.app, group, &everyone).await;
        for (asset, licences) in assets.into_iter().zip([LicenseType::Device, LicenseType::User]) {
            deploy_with(&lab.app, asset, group, Approval::Required, licences).await;
        }
        until("all that is owned is given", async || {
            lab.installed(assets[0]).await == 3 && lab.installed(assets[1]).await == 4
        })
        .await;
    })
    .await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Some of everything that the simulated Apple can do wrong.
fn weather(lab: &Lab, chance: &mut Rng) {
    let mut some = |most: f64| if chance.chance(0.4) { most } else { 0.0 };
    let (heavy, light) = (0.25, 0.15);
    let odds = [
        some(light),
        some(light),
        some(light),
        some(light),
        some(heavy),
        some(heavy),
        some(light),
        some(heavy),
    ];
    let garbage = [Garbage::Html, Garbage::Empty, Garbage::Truncated, Garbage::OtherJson][chance.below(4)];
    let named = [Named::AssetsAndHolders, Named::Assets, Named::Holders, Named::Nobody][chance.below(4)];
    let (lag, delay, task) = (
        chance.below(500) as u64,
        chance.below(400) as u64,
        chance.below(100) as u64,
    );
    let (order, short, told) = (chance.chance(0.5), chance.chance(0.5), chance.chance(0.5));
    lab.apple.switch(|switches| {
        switches.internal_error = odds[0];
        switches.unavailable = odds[1];
        switches.unavailable_retry_after_s = None;
        switches.too_many = odds[2];
        switches.garbage = odds[3];
        switches.internal_error_after_write = odds[4];
        switches.cut_after_write = odds[5];
        switches.cut_before_write = odds[6];
        switches.task_failure = odds[7];
        switches.garbage_is = garbage;
        switches.failures_name = named;
        switches.read_lag_ms = lag;
        switches.event_delay_ms = Some(delay);
        switches.task_ms = task;
        switches.shuffle_tasks = order;
        switches.event_order = if order {
            EventOrder::Shuffled
        } else {
            EventOrder::InOrder
        };
        switches.overassign = if short {
            Overassign::AllOrNothing
        } else {
            Overassign::Partial
        };
        switches.unknown_user = if told { Told::Late } else { Told::Early };
    });
}
