//! Devices that poll a server, as many at once as there are connections, each signing what it says.

use std::{sync::Arc, time::Duration};

use domain::{DeviceId, PersonId};
use mdm::{
    checkin::{Authenticate, CheckIn, TokenUpdate},
    command::{self, Command},
    identity::Identity,
    plist::{self, Dictionary, Value},
    profile::ReadProfile,
    report::{Report, Status},
    signing::{self, Form},
};
use secrecy::ExposeSecret;
use server::{
    App, Random,
    app::{Caller, people::NewPerson},
};
use store::CommandRow;
use tokio::{task::JoinSet, time::Instant};

use crate::Failure;

const CHECK_IN: &str = "application/x-apple-aspen-mdm-checkin";
const COMMANDS: &str = "application/x-apple-aspen-mdm";

/// A device whose person has nothing to do with any app: it is asked for what a test asks, and for nothing else.
pub struct Phone {
    device: DeviceId,
    udid: String,
    url: String,
    topic: String,
    identity: Identity,
    http: reqwest::Client,
}

/// What a device waited for each answer, and how many of them were to results.
#[derive(Default)]
pub struct Polled {
    pub took: Vec<Duration>,
    pub results: usize,
}

impl Phone {
    /// Enrols with the server that works on the database of `app`.
    pub async fn enrol(app: &App, number: usize) -> Result<Phone, Failure> {
        let new = NewPerson {
            name: format!("측정 {number}"),
            email: None,
            department: None,
            office: None,
        };
        let person: PersonId = app.person_add(&Caller::System, new).await?;
        let link = app.enrolment_link(&Caller::System, person).await?;
        // One connection each, as devices have.
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(1)
            .build()?;
        let answer = http.post(link.expose_secret()).send().await?.error_for_status()?;
        let profile = ReadProfile::parse(&answer.bytes().await?)?;
        let opened = profile.clone();
        let identity = tokio::task::spawn_blocking(move || Identity::from_p12(&opened.p12, &opened.password)).await??;
        let mut phone = Phone {
            device: DeviceId(uuid::Uuid::nil()),
            udid: format!("00008110-BE7C{number:012X}"),
            url: profile.server_url,
            topic: profile.topic,
            identity,
            http,
        };
        for message in [phone.authenticate(), phone.token_update(number)] {
            phone.say(CHECK_IN, &message.to_dictionary()).await?;
        }
        let enrolled = app.store.device_by_udid(&phone.udid).await?;
        phone.device = enrolled.ok_or_else(|| Failure::new("a device did not enrol"))?.id;
        Ok(phone)
    }

    fn authenticate(&self) -> CheckIn {
        CheckIn::Authenticate(Authenticate {
            id: self.udid.clone(),
            topic: self.topic.clone(),
            product_name: Some("iPhone15,4".to_owned()),
            ..Authenticate::default()
        })
    }

    fn token_update(&self, number: usize) -> CheckIn {
        CheckIn::TokenUpdate(TokenUpdate {
            id: self.udid.clone(),
            topic: self.topic.clone(),
            token: format!("{number:032}").into_bytes(),
            push_magic: format!("magic {number}"),
            ..TokenUpdate::default()
        })
    }

    /// Signs and sends. What came back, and how long that took.
    async fn say(&self, content_type: &str, message: &Dictionary) -> Result<(Vec<u8>, Duration), Failure> {
        let body = plist::write(message);
        let signature = signing::sign(&body, &self.identity, Form::AppleBer)?;
        let request = self.http.put(&self.url).header("content-type", content_type);
        let request = request.header("mdm-signature", signature).body(body);
        let began = Instant::now();
        let answer = request.send().await?.error_for_status()?;
        let body = answer.bytes().await?.to_vec();
        Ok((body, began.elapsed()))
    }

    /// Asks so often for work that is not there.
    async fn asks(&self, times: usize) -> Result<Polled, Failure> {
        let mut polled = Polled::default();
        for _ in 0..times {
            let (answer, took) = self.say(COMMANDS, &Report::idle(&self.udid).body).await?;
            if !answer.is_empty() {
                return Err(Failure::new("a device was asked for something in between"));
            }
            polled.took.push(took);
        }
        Ok(polled)
    }

    /// Asks for work and does it, until there is none.
    async fn works(&self) -> Result<Polled, Failure> {
        let mut polled = Polled::default();
        let mut message = Report::idle(&self.udid);
        loop {
            let (answer, took) = self.say(COMMANDS, &message.body).await?;
            polled.took.push(took);
            if answer.is_empty() {
                return Ok(polled);
            }
            polled.results += 1;
            let (uuid, command) = command::parse(&plist::parse(&answer)?)?;
            message = self.answer(&uuid, &command);
        }
    }

    fn answer(&self, uuid: &str, command: &Dictionary) -> Report {
        let report = Report::answer(&self.udid, uuid, Status::Acknowledged);
        match command.get("RequestType").and_then(Value::as_string) {
            Some("DeviceInformation") => {
                let facts = [
                    ("DeviceName", "측정용 iPhone"),
                    ("OSVersion", "18.1"),
                    ("BuildVersion", "22B83"),
                    ("ProductName", "iPhone15,4"),
                    ("SerialNumber", &self.udid[9..]),
                ];
                let facts: Dictionary = facts
                    .map(|(key, text)| (key.to_owned(), Value::from(text)))
                    .into_iter()
                    .collect();
                report.with("QueryResponses", Value::Dictionary(facts))
            }
            Some("ManagedApplicationList") => {
                report.with("ManagedApplicationList", Value::Dictionary(Dictionary::new()))
            }
            _ => report,
        }
    }
}

/// They all ask so often for work that is not there, at the same time.
pub async fn idle(phones: &[Arc<Phone>], each: usize) -> Result<Polled, Failure> {
    let mut tasks = JoinSet::new();
    for phone in phones {
        let phone = Arc::clone(phone);
        tasks.spawn(async move { phone.asks(each).await });
    }
    together(tasks).await
}

/// They all do what they are asked, at the same time.
pub async fn work(phones: &[Arc<Phone>]) -> Result<Polled, Failure> {
    let mut tasks = JoinSet::new();
    for phone in phones {
        let phone = Arc::clone(phone);
        tasks.spawn(async move { phone.works().await });
    }
    together(tasks).await
}

async fn together(mut tasks: JoinSet<Result<Polled, Failure>>) -> Result<Polled, Failure> {
    let mut all = Polled::default();
    while let Some(polled) = tasks.join_next().await {
        let polled = polled??;
        all.took.extend(polled.took);
        all.results += polled.results;
    }
    Ok(all)
}

/// So many questions for each: what it is, and which apps it has.
pub async fn ask(app: &App, phones: &[Arc<Phone>], each: usize) -> Result<(), Failure> {
    let mut tx = app.store.begin().await?;
    for phone in phones {
        for number in 0..each {
            let command = match number % 2 {
                0 => Command::DeviceInformation {
                    queries: vec!["DeviceName".to_owned(), "OSVersion".to_owned()],
                },
                _ => Command::ManagedApplicationList { identifiers: None },
            };
            let uuid = Random::System.id();
            let body = command.to_plist(&uuid.to_string());
            let row = CommandRow::new(uuid, phone.device, command.request_type(), None, None, body, app.now());
            tx.command_insert(&row).await?;
        }
    }
    Ok(tx.commit().await?)
}
