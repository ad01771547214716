//! "Why does she not have the app?", from the first deployment to the proof that it is there.

use std::process::{Command, Output};

use domain::{
    Approval, AssetId, PersonId, Place,
    why::{Remedy, Sentence, Stage, Tense, Who, Why},
};
use server::messages::{Lang, Speak};
use server::{app::why::Answer, reasons};
use sim::apple::{TokenKind, sample};

use crate::lab::{Database, Lab, Setup, iphone, members_are, until};

const ADAM: &str = "9000000001";

async fn why(lab: &Lab, person: PersonId, app: AssetId) -> Answer {
    lab.app.why(person.0, app).await.expect("an answer")
}

/// Waits until this is what is said of somebody.
async fn until_said(lab: &Lab, person: PersonId, app: AssetId, what: &str, holds: impl Fn(&Why) -> bool) -> Answer {
    let mut said = None;
    until(what, async || {
        let answer = why(lab, person, app).await;
        let held = holds(&answer.why);
        said = Some(answer);
        held
    })
    .await;
    said.expect("an answer")
}

fn text(lab: &Lab, answer: &Answer, lang: Lang) -> String {
    let s = Speak {
        lang,
        now: lab.app.now(),
        zone: lab.app.config.zone(),
    };
    reasons::said(answer, &s).sentence
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_told_how_many_to_buy_and_has_the_app_once_they_are_bought_on_sqlite() {
    one_licence_for_two(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_waits_is_told_how_many_to_buy_and_has_the_app_once_they_are_bought_on_postgres() {
    one_licence_for_two(Database::Postgres).await;
}

/// The second is told her place and what to buy, and has the app once that is bought.
async fn one_licence_for_two(database: Database) {
    let mut setup = Setup::on(database);
    setup.organisations[0].assets.push(sample::App::sample(ADAM, 1));
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(ADAM).await;
    let (first, second) = (lab.person("윤가람").await, lab.person("홍라온").await);
    let said = why(&lab, second, app).await;
    assert_eq!(
        (&said.why.sentence, said.why.who),
        (&Sentence::NotDeployed, Who::Administrator)
    );
    assert_eq!(said.why.remedies, [Remedy::Deploy]);

    let group = lab.group("먼저", &[first]).await;
    lab.deploy(app, group, Approval::Required).await;
    assert_eq!(why(&lab, second, app).await.why.sentence, Sentence::NotReached);
    assert_eq!(why(&lab, first, app).await.why.sentence, Sentence::NoDevice);
    lab.enrol(first, iphone(1)).await;
    until_said(&lab, first, app, "the first has it", |why| {
        matches!(why.sentence, Sentence::Installed { at: Some(_) })
    })
    .await;

    lab.enrol(second, iphone(2)).await;
    members_are(&lab.app, group, &[first.0, second.0]).await;
    let waits = until_said(&lab, second, app, "the second waits, and has accepted", |why| {
        let accepted = why
            .links
            .iter()
            .any(|link| (link.stage, link.tense) == (Stage::Terms, Tense::Done));
        why.sentence
            == Sentence::InLine {
                place: Place::At(1),
                waiting: 1,
            }
            && accepted
    })
    .await;
    assert_eq!(waits.why.who, Who::Administrator);
    assert_eq!(
        waits.why.remedies,
        [
            Remedy::Buy {
                licences: Some(1),
                for_all: 1
            },
            // The other one has the only licence (A44).
            Remedy::Free { licences: 1 }
        ]
    );
    let name = reasons::app_name(&waits);
    assert_eq!(
        text(&lab, &waits, Lang::En),
        format!("홍라온 waits for a licence of {name}: of 1 none is left, and 홍라온 is number 1 of 1 who wait.")
    );
    assert!(text(&lab, &waits, Lang::Ko).contains("대기 1건 가운데 1번째입니다."));
    says_so(&lab, &waits).await;

    assert!(lab.apple.buy(ADAM, 1));
    let has = until_said(&lab, second, app, "the second has it", |why| {
        matches!(why.sentence, Sentence::Installed { at: Some(_) })
    })
    .await;
    assert_eq!((has.why.who, has.why.now()), (Who::Nobody, None));
    assert!(
        has.why.links.iter().all(|link| link.tense == Tense::Done),
        "{:?}",
        has.why.links
    );
    let kinds: Vec<&str> = has.events.iter().map(|event| event.kind.as_str()).collect();
    for kind in [
        "licenceReserved",
        "licenceAssigned",
        "installCommanded",
        "installAccepted",
        "appInstalled",
    ] {
        assert!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
    }
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// The command beside the server says the same, by whatever name somebody goes.
async fn says_so(lab: &Lab, answer: &Answer) {
    let person = answer.person.as_ref().expect("somebody has it").id.to_string();
    let name = reasons::app_name(answer);
    let english = text(lab, answer, Lang::En);
    for (whom, app) in [("홍라온", name), (person.as_str(), ADAM)] {
        let output = run(lab, &[whom, app, "--lang", "en"]).await;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.starts_with(&english), "{said}");
        assert!(said.contains("Buy 1 more licence"), "{said}");
    }
    let output = run(lab, &["홍라온", ADAM, "--json"]).await;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&json["code"], &json["arguments"]["place"]),
        (&"inLine".into(), &1.into())
    );

    lab.person("동명이인").await;
    lab.person("동명이인").await;
    for (whom, app, problem) in [
        ("동명이인", ADAM, "give the id"),
        ("아무개", ADAM, "there is no person or device"),
        ("홍라온", "no such app", "there is no app"),
    ] {
        let output = run(lab, &[whom, app]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(problem), "{said}");
    }
}

async fn run(lab: &Lab, arguments: &[&str]) -> Output {
    let config = &lab.app.config;
    let mut command = Command::new(env!("CARGO_BIN_EXE_allotment"));
    command
        .arg("why")
        .args(arguments)
        .env("ALLOTMENT_PUBLIC_URL", &config.public_url)
        .env("ALLOTMENT_DATABASE_URL", &config.database_url)
        .env("ALLOTMENT_KEY_FILE", &config.key_file)
        .current_dir(lab.folder());
    tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("an end")
        .expect("a process")
}
