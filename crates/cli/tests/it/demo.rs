//! What a newcomer sees first, and that it survives whatever ends it.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use domain::{Enrolment, InstallState, Owned};
use secrecy::SecretString;
use server::{Clock, Config, app::sign_in::SignIn, serve};
use sim::apple::Rng;

use crate::lab::{install_crypto, until};

/// The demo as a newcomer starts it, with its data kept.
struct Demo(Child);

impl Demo {
    fn start(folder: &Path) -> Demo {
        let child = Command::new(env!("CARGO_BIN_EXE_allotment"))
            .args(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the demo starts");
        Demo(child)
    }

    /// Reads what it prints until it says how to end it: address and password.
    fn greeting(&mut self) -> (String, String) {
        let output = self.0.stdout.take().expect("what it prints");
        let (mut url, mut password) = (None, None);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["Open", address] => url = Some(address.to_owned()),
                ["Sign", "in", "admin", "/", word] => password = Some(word.to_owned()),
                ["Ctrl-C", ..] => break,
                _ => {}
            }
        }
        (url.expect("an address"), password.expect("a password"))
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

    let look = Config::local(
        SocketAddr::from(([127, 0, 0, 1], 0)),
        format!("sqlite:{}", folder.path().join("allotment.db").display()),
        folder.path().join("key"),
        url,
    );
    let app = serve::open(look, Clock::System)
        .await
        .expect("the database of the demo");
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
