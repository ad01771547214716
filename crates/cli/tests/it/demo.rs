//! What a newcomer sees first, and that it survives whatever ends it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use domain::{Detail, Enrolment, InstallState, Owned};
use secrecy::SecretString;
use server::{App, Clock, Config, app::sign_in::SignIn, serve};
use sim::apple::{Holder, Ledger, Rng};
use store::{EventFilter, SyncStatus};

use crate::{
    derived::is_as_decided,
    lab::{install_crypto, until},
};

/// The demo as a newcomer starts it, with its data kept.
struct Demo(Child);

impl Demo {
    fn start(folder: &Path) -> Demo {
        Demo::start_with(folder, &[])
    }

    fn start_with(folder: &Path, arguments: &[&str]) -> Demo {
        let child = Command::new(env!("CARGO_BIN_EXE_allotment"))
            .args(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the demo starts");
        Demo(child)
    }

    /// Reads what it prints until it says how to end it: address and password.
    fn greeting(&mut self) -> (String, String) {
        let (url, password, _) = self.whole_greeting();
        (url, password)
    }

    /// The same, and where the books of the simulated Apple are.
    fn whole_greeting(&mut self) -> (String, String, String) {
        let output = self.0.stdout.take().expect("what it prints");
        let (mut url, mut password, mut books) = (None, None, None);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["Open", address] => url = Some(address.to_owned()),
                ["Sign", "in", "admin", "/", word] => password = Some(word.to_owned()),
                ["The", "simulated", "Apple's", "own", "books:", address] => books = Some(address.to_owned()),
                ["Ctrl-C", ..] => break,
                _ => {}
            }
        }
        (
            url.expect("an address"),
            password.expect("a password"),
            books.expect("another address"),
        )
    }

    fn kill(mut self) {
        // SIGKILL: server, Apple and devices are gone at once.
        self.0.kill().expect("a running demo");
        self.0.wait().expect("it ended");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The database of a demo, beside the server that works on it.
async fn look_into(folder: &Path, url: String) -> App {
    let look = Config::local(
        SocketAddr::from(([127, 0, 0, 1], 0)),
        format!("sqlite:{}", folder.join("allotment.db").display()),
        folder.join("key"),
        url,
    );
    serve::open(look, Clock::System)
        .await
        .expect("the database of the demo")
}

/// Killed at random moments, most of them while the sample is still being made: nobody is there twice, the login that
/// was printed first still opens the console, and everything goes on to the same end.
#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_was_killed_goes_on_where_it_was() {
    install_crypto();
    let seed = std::env::var("ALLOTMENT_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("replay: ALLOTMENT_TEST_SEED={seed} cargo test -p allotment --test it a_demo_that_was_killed");
    let mut chance = Rng::new(seed);
    let folder = tempfile::tempdir().expect("a folder");

    for _ in 0..8 {
        let demo = Demo::start(folder.path());
        tokio::time::sleep(Duration::from_millis(chance.below(1500) as u64)).await;
        demo.kill();
    }
    let mut demo = Demo::start(folder.path());
    let (url, password) = demo.greeting();
    demo.kill();
    let mut demo = Demo::start(folder.path());
    assert_eq!(demo.greeting(), (url.clone(), password.clone()));

    let app = look_into(folder.path(), url).await;
    let password = SecretString::from(password);
    let given = SignIn {
        login: "admin",
        password: &password,
        source: [127, 0, 0, 1].into(),
        known_browser: None,
        browser: "",
    };
    assert!(app.sign_in(given).await.is_ok());
    let people = app.people().await.unwrap();
    let addresses: BTreeSet<_> = people.iter().map(|person| &person.email).collect();
    assert_eq!((people.len(), addresses.len()), (40, 40));
    let groups = app.groups().await.unwrap();
    let names: BTreeSet<_> = groups.iter().map(|group| &group.name).collect();
    assert_eq!(groups.len(), names.len());

    until("every device is enrolled, and only once", async || {
        let devices = app.devices().await.unwrap();
        assert!(devices.len() <= 62);
        let enrolled = devices.iter().filter(|it| it.enrolment == Enrolment::Enrolled);
        enrolled.count() == 62
    })
    .await;
    let devices = app.devices().await.unwrap();
    let nobodys = devices.iter().filter(|device| device.owner().is_none());
    assert_eq!(nobodys.count(), 2, "the kiosks belong to nobody");
    until("the apps are deployed, and the first devices have one", async || {
        let view = app.overview().await.unwrap().unwrap();
        for app in &view.apps {
            let counts = app.decision.counts;
            if let Owned::Count(owned) = counts.owned {
                assert!(counts.used + counts.on_the_way + counts.foreign <= owned, "{counts:?}");
            }
        }
        let deployed = view.apps.iter().filter(|it| it.facts.deployments.len() == 1).count();
        deployed == 5
            && view.apps.iter().any(|it| {
                it.decision
                    .people
                    .values()
                    .any(|person| person.state == InstallState::Installed)
            })
    })
    .await;
}

/// As large as one likes: everybody and everything is there from the first moment, Apple's books say the same, and what is
/// decided of all that gives nobody anything to do but those devices that live. It is the same after a kill.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_demo_agrees_with_its_apple_and_only_the_living_move() {
    const PEOPLE: usize = 50;
    const DEVICES: usize = 70;
    const ALIVE: usize = 12;
    install_crypto();
    let folder = tempfile::tempdir().expect("a folder");
    let asked = ["--people", "50", "--devices", "70"];
    let mut demo = Demo::start_with(folder.path(), &asked);
    let greeting = demo.greeting();
    demo.kill();
    let mut demo = Demo::start(folder.path());
    let (url, password, books) = demo.whole_greeting();
    assert_eq!((url.clone(), password), greeting);

    let app = look_into(folder.path(), url).await;
    until("the living are enrolled", async || {
        app.devices().await.unwrap().len() == DEVICES
    })
    .await;
    let people = app.people().await.unwrap();
    let names: BTreeSet<_> = people.iter().map(|person| &person.name).collect();
    assert_eq!((people.len(), names.len()), (PEOPLE, PEOPLE));
    let location = app.location_view().await.unwrap().unwrap().row.id;
    until("everything was read from Apple", async || {
        let syncs = app.store.syncs(location, 1).await.unwrap();
        syncs.iter().any(|sync| sync.status == SyncStatus::Completed)
    })
    .await;
    until("the living have the apps of their people", async || {
        let view = app.overview().await.unwrap().unwrap();
        view.apps.iter().all(|app| {
            let people = app.decision.people.values();
            let mut devices = people.flat_map(|person| person.devices.values());
            devices.all(|device| {
                let waits = device.detail == Detail::WaitingForLicense;
                device.state == InstallState::Installed || waits
            })
        })
    })
    .await;
    is_as_decided(&app).await;

    let ledger: Ledger = reqwest::get(books).await.unwrap().json().await.unwrap();
    let users: BTreeMap<_, _> = app
        .store
        .client_user_people(location)
        .await
        .unwrap()
        .into_iter()
        .collect();
    let apps = app.store.apps(location).await.unwrap();
    assert_eq!(apps.len(), 20);
    for (number, row) in apps.iter().enumerate() {
        let held = ledger.main().holders(&row.adam_id).iter().map(|holder| match holder {
            Holder::User(user) => domain::Holder::Person(users[user]),
            Holder::Device(serial) => panic!("{serial} holds something"),
        });
        let held: BTreeSet<_> = held.collect();
        let seats = app.store.seats(row.id).await.unwrap();
        assert_eq!(held, seats.iter().map(|seat| seat.holder).collect(), "app {number}");
        assert_eq!((row.foreign_held, row.taken), (0, seats.len() as i64));
        let everybody = row.total > row.assigned;
        assert_eq!(seats.len(), if everybody { PEOPLE } else { PEOPLE / 2 });
    }
    assert!(apps.iter().any(|row| row.total == row.assigned), "some wait");
    assert!(apps.iter().any(|row| row.total > row.assigned), "some do not");
    let filter = EventFilter {
        limit: 10_000,
        ..EventFilter::default()
    };
    let told = app.events(&filter).await.unwrap();
    let licences = told.iter().filter(|event| event.kind.starts_with("licence"));
    assert_eq!(licences.count(), 0, "nobody got a licence, and nobody lost one");
    let commanded = told.iter().filter(|event| event.kind == "installCommanded");
    let moved: BTreeSet<_> = commanded.filter_map(|event| event.device_id).collect();
    assert_eq!(moved.len(), ALIVE, "only the living were told anything");
}
