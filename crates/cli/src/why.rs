//! Why a person or a device has an app, or has it not, for whoever sits at the server's own machine.

use clap::ValueEnum;
use domain::{AssetId, DeviceId, PersonId, why::Tense};
use server::{
    App, Clock,
    app::why::Answer,
    http::api,
    messages::{Lang, Speak},
    reasons::{self, Line},
    serve,
};
use uuid::Uuid;

use crate::{ConfigArgument, Failure};

#[derive(clap::Args)]
pub struct WhyArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// A person (id, mail address or full name) or a device (id, serial number or name).
    whom: String,
    /// An app: id, Apple's number or name.
    app: String,
    /// In which language to answer; the server's if not given.
    #[arg(long)]
    lang: Option<Language>,
    /// As the REST API answers.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Ko,
    En,
}

pub async fn run(arguments: WhyArguments) -> Result<(), Failure> {
    let app = serve::attach(arguments.config.load()?, Clock::System).await?;
    let whom = whom(&app, &arguments.whom).await?;
    let asset = asset(&app, &arguments.app).await?;
    let answer = app.why(whom, asset).await?;
    let lang = match arguments.lang {
        Some(Language::Ko) => Lang::Ko,
        Some(Language::En) => Lang::En,
        None => app.config.language.unwrap_or(Lang::En),
    };
    let s = Speak {
        lang,
        now: answer.world.now,
        zone: app.config.zone(),
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&api::why::Why::of(&answer, &s))?);
    } else {
        print!("{}", text(&answer, &s, app.config.public_url.as_str()));
    }
    Ok(())
}

/// Something that goes by a name.
struct Candidate {
    id: Uuid,
    kind: &'static str,
    name: String,
}

/// The one that is meant, or what is wrong with asking so.
fn one(mut found: Vec<Candidate>, asked: &str, what: &str) -> Result<Uuid, Failure> {
    if found.len() > 1 {
        let lines: Vec<String> = found
            .iter()
            .map(|it| format!("  {} {} ({})", it.id, it.name, it.kind))
            .collect();
        let list = lines.join("\n");
        return Err(Failure::new(format!(
            "{asked:?} may be one of these; give the id:\n{list}"
        )));
    }
    found
        .pop()
        .map(|it| it.id)
        .ok_or_else(|| Failure::new(format!("there is no {what} {asked:?}")))
}

/// So many that are called like it are looked at; who is not among them is found by id.
const CANDIDATES: usize = 1_000;

async fn whom(app: &App, asked: &str) -> Result<Uuid, Failure> {
    let same = |text: &str| text.to_lowercase() == asked.to_lowercase();
    let id: Option<Uuid> = asked.parse().ok();
    let mut people = app.people_like(asked, CANDIDATES).await?;
    if let Some(id) = id {
        people.extend(app.person(PersonId(id)).await?);
    }
    let people = people.into_iter().filter(|row| {
        let mail = row.email.as_deref().is_some_and(same);
        mail || same(&row.name) || Some(row.id.0) == id
    });
    let people = people.map(|row| Candidate {
        id: row.id.0,
        kind: "person",
        name: row
            .email
            .map_or(row.name.clone(), |mail| format!("{}, {mail}", row.name)),
    });
    let mut devices = app.devices_like(asked, CANDIDATES).await?;
    if let Some(id) = id {
        devices.extend(app.device(DeviceId(id)).await?);
    }
    let devices = devices.into_iter().filter(|row| {
        let serial = row.serial.as_deref().is_some_and(same);
        serial || same(&row.name) || Some(row.id.0) == id
    });
    let devices = devices.map(|row| Candidate {
        id: row.id.0,
        kind: "device",
        name: row
            .serial
            .map_or(row.name.clone(), |serial| format!("{}, {serial}", row.name)),
    });
    one(people.chain(devices).collect(), asked, "person or device")
}

async fn asset(app: &App, asked: &str) -> Result<AssetId, Failure> {
    let same = |text: &str| text.to_lowercase() == asked.to_lowercase();
    let Some(location) = app.location_view().await? else {
        return Err(Failure::new("no token is linked, so there are no apps yet"));
    };
    let apps = app.store.apps(location.row.id).await?.into_iter().filter(|row| {
        let name = row.name.as_deref().is_some_and(same);
        name || same(&row.adam_id) || same(&row.id.to_string())
    });
    let apps = apps.map(|row| Candidate {
        id: row.id.0,
        kind: "app",
        name: format!(
            "{}, {} {}",
            row.name.unwrap_or_default(),
            row.adam_id,
            row.pricing_param
        ),
    });
    Ok(AssetId(one(apps.collect(), asked, "app")?))
}

/// The answer as lines of text. `url` is where the console is.
fn text(answer: &Answer, s: &Speak, url: &str) -> String {
    let said = reasons::said(answer, s);
    let mut lines = vec![said.sentence.clone(), String::new()];
    let with_reason = |line: &Line| match &line.reason {
        Some(reason) => format!("{} ({reason})", line.text),
        None => line.text.clone(),
    };
    let waits = said
        .waits_for
        .as_ref()
        .map_or_else(|| s.t("answer-nothing"), with_reason);
    lines.extend(
        said.licence
            .iter()
            .map(|line| format!("{}: {}", s.t("column-licence"), with_reason(line))),
    );
    lines.push(format!("{}: {waits}", s.t("answer-waits-for")));
    lines.push(format!("{}: {}", s.t("answer-who"), with_reason(&said.who)));
    let mut section = |title: &str, items: Vec<String>| {
        if !items.is_empty() {
            lines.extend([String::new(), s.t(title)]);
            lines.extend(items.into_iter().map(|item| format!("  {item}")));
        }
    };
    section("stopped-title", said.stopped.clone());
    let links = said.links.iter().map(|link| {
        let mark = match link.link.tense {
            Tense::Done => "✓",
            Tense::Now => "→",
            Tense::Ahead => "·",
        };
        let at = link.link.at.map(|at| format!("{} ", s.full(at))).unwrap_or_default();
        format!("{mark} {at}{} · {}", with_reason(&link.line), link.by)
    });
    section("answer-chain", links.collect());
    let rules = said.rules.iter().map(|rule| {
        let approval = s.approval(rule.deployment.approval);
        format!("{} · {approval} · {}", rule.group, with_reason(&rule.outcome))
    });
    section("answer-rules", rules.collect());
    let base = url.trim_end_matches('/');
    let remedies = said
        .remedies
        .iter()
        .map(|remedy| format!("{} · {base}{}", with_reason(&remedy.line), remedy.href));
    section("answer-helps", remedies.collect());
    lines.push(String::new());
    lines.join("\n")
}
