//! What a poll costs a device and the server: no more than a look, where there is nothing to do.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::Time;
use futures_util::FutureExt;
use mdm::{
    command::Command,
    report::{Report, Status},
};
use reqwest::StatusCode;
use server::{Clock, app::Caller, serve, tasks::signs};
use store::{EventFilter, MasterKey, Store, testing::Fresh};

use crate::{
    devices::{COMMANDS, Phone},
    server::TestServer,
};

const NOW: Time = Time(1_795_410_300_000);
const HOUR: Duration = Duration::from_secs(3600);

/// A server whose clock the test moves.
struct Lab {
    server: TestServer,
    clock: Arc<AtomicI64>,
    fresh: Fresh,
}

impl Lab {
    async fn on(fresh: Fresh) -> Lab {
        let clock = Arc::new(AtomicI64::new(NOW.ms()));
        let url = fresh.url().to_owned();
        let server = TestServer::start_at(Clock::Manual(clock.clone()), |config| {
            config.database_url = url;
            config.mdm.push_topic = Some("com.apple.mgmt.External.test".to_owned());
        })
        .await;
        Lab { server, clock, fresh }
    }

    fn passes(&self, span: Duration) -> Time {
        let ms = i64::try_from(span.as_millis()).unwrap();
        Time(self.clock.fetch_add(ms, Ordering::SeqCst) + ms)
    }

    async fn end(self) {
        self.server.stop().await;
        self.fresh.close().await;
    }
}

macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($lab:ident: Lab) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            async fn story($lab: Lab) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                story(Lab::on(Fresh::sqlite()).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs PostgreSQL"]
            async fn on_postgres() {
                story(Lab::on(Fresh::postgres().await).await).await;
            }
        }
    )*};
}

/// Asks for work, and gets none.
async fn polls(phone: &Phone<'_>) {
    let (status, command) = phone.say(COMMANDS, &Report::idle(&phone.udid).body).await;
    assert_eq!((status, command.len()), (StatusCode::OK, 0));
}

async fn history(lab: &Lab, phone: &Phone<'_>) -> Vec<String> {
    let filter = EventFilter {
        device: Some(phone.row().await.id),
        limit: 50,
        ..EventFilter::default()
    };
    let events = lab.server.running.app.events(&filter).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

on_both! {
    async fn a_device_that_polls_every_second_is_written_down_once_a_minute(lab: Lab) {
        let phone = Phone::enrolled(&lab.server, "PHONE-1").await;
        let mut written = BTreeSet::new();
        for _ in 0..150 {
            lab.passes(Duration::from_secs(1));
            polls(&phone).await;
            signs::step(&lab.server.running.app).await.unwrap();
            written.extend(phone.row().await.last_seen_at);
        }
        let minutes = [0, 1, 2].map(|minute| NOW + Duration::from_secs(60) * minute);
        assert_eq!(written, BTreeSet::from(minutes));
        lab.end().await;
    }

    /// Whoever writes for long, or has the device in hand, keeps no device waiting that has nothing to say.
    async fn an_idle_poll_waits_for_nobody_who_writes(lab: Lab) {
        let phone = Phone::enrolled(&lab.server, "PHONE-1").await;
        let at = lab.passes(Duration::from_secs(90));
        let app = &lab.server.running.app;
        let device = phone.row().await.id;
        let mut tx = app.store.begin().await.unwrap();
        tx.device_held(device).await.unwrap().unwrap();
        tokio::time::timeout(Duration::from_secs(60), polls(&phone)).await.unwrap();
        drop(tx);
        signs::step(app).await.unwrap();
        assert_eq!(phone.row().await.last_seen_at, Some(at));
        lab.end().await;
    }

    async fn after_a_clean_stop_the_last_sign_of_life_is_there(lab: Lab) {
        let phone = Phone::enrolled(&lab.server, "PHONE-1").await;
        let device = phone.row().await.id;
        let at = lab.passes(Duration::from_secs(600));
        polls(&phone).await;
        let key = MasterKey::load(&lab.server.running.app.config.key_file).unwrap().unwrap();
        let Lab { server, fresh, .. } = lab;
        let TestServer { running, _folder, .. } = server;
        running.stop().await;
        let store = Store::open(fresh.url(), key).await.unwrap();
        assert_eq!(store.device(device).await.unwrap().unwrap().last_seen_at, Some(at));
        store.close().await;
        fresh.close().await;
    }

    /// What counts silence looks at days: whoever was not heard for half of one is written down before it is answered.
    async fn a_silent_device_is_heard_again_at_once_by_its_first_poll(lab: Lab) {
        let phone = Phone::enrolled(&lab.server, "PHONE-1").await;
        let app = &lab.server.running.app;
        let heard = lab.passes(HOUR * 13);
        polls(&phone).await;
        assert_eq!(phone.row().await.last_seen_at, Some(heard));

        let device = phone.row().await.id;
        let now = lab.passes(HOUR * 24 * 100);
        let mut tx = app.store.begin().await.unwrap();
        assert!(tx.device_silent(device, heard, now).await.unwrap());
        tx.commit().await.unwrap();
        let now = lab.passes(HOUR);
        polls(&phone).await;
        let row = phone.row().await;
        assert_eq!((row.silent_since, row.last_seen_at), (None, Some(now)));

        // It was heard a moment ago: that it counts as gone all the same is news, and ends.
        let mut tx = app.store.begin().await.unwrap();
        assert!(tx.device_silent(device, now, now).await.unwrap());
        tx.commit().await.unwrap();
        polls(&phone).await;
        assert_eq!(phone.row().await.silent_since, None);
        let told = history(&lab, &phone).await;
        assert_eq!(told.iter().filter(|kind| *kind == "deviceHeardAgain").count(), 2);
        lab.end().await;
    }

    /// Who issued a certificate is found out once; whether it counts, each time.
    async fn an_identity_that_is_known_is_refused_once_it_is_revoked_or_out_of_date(lab: Lab) {
        let (phone, other) = (
            Phone::enrolled(&lab.server, "PHONE-1").await,
            Phone::enrolled(&lab.server, "PHONE-2").await,
        );
        for _ in 0..2 {
            polls(&phone).await;
            polls(&other).await;
        }
        let app = &lab.server.running.app;
        app.identity_revoke(&Caller::System, phone.row().await.id).await.unwrap();
        let idle = |phone: &Phone<'_>| Report::idle(&phone.udid).body;
        for _ in 0..2 {
            assert_eq!(phone.say(COMMANDS, &idle(&phone)).await.0, StatusCode::BAD_REQUEST);
        }
        polls(&other).await;
        lab.passes(HOUR * 24 * 365 * 10);
        let (status, reason) = other.say(COMMANDS, &idle(&other)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let reason = String::from_utf8(reason).unwrap();
        assert!(reason.contains("out of date"), "{reason}");
        lab.end().await;
    }

    /// The device that answers is awake. Whatever is decided upon what it says rings for itself.
    async fn an_answer_has_the_server_decide_and_calls_no_device(lab: Lab) {
        let phone = Phone::enrolled(&lab.server, "PHONE-1").await;
        let asked = phone.ask(&Command::DeviceConfigured).await.to_string();
        // One that does nothing by itself.
        let beside = serve::open(lab.server.running.app.config.clone(), Clock::Manual(lab.clock.clone()))
            .await
            .unwrap();
        let signer = beside.identify(&phone.signer()).ok().unwrap();
        let idle = beside.device_report(&signer, Report::idle("PHONE-1")).await.unwrap();
        assert!(idle.is_some());
        let rung = || {
            let rung = [&beside.location_bell, &beside.device_bell].map(|bell| bell.notified().now_or_never());
            rung.map(|rung| rung.is_some())
        };
        assert_eq!(rung(), [false, false]);
        let answer = Report::answer("PHONE-1", &asked, Status::Acknowledged);
        assert_eq!(beside.device_report(&signer, answer).await.unwrap(), None);
        assert_eq!(rung(), [true, false]);
        beside.store.close().await;
        lab.end().await;
    }

    /// Each remembers whom it heard, and the later word counts, whoever writes last.
    async fn of_two_servers_that_hear_a_device_the_later_one_says_when_it_was(lab: Lab) {
        let phone = Phone::enrolled(&lab.server, "PHONE-1").await;
        let (app, config) = (&lab.server.running.app, lab.server.running.app.config.clone());
        let beside = serve::open(config, Clock::Manual(lab.clock.clone())).await.unwrap();
        let signer = beside.identify(&phone.signer()).ok().unwrap();
        lab.passes(Duration::from_secs(90));
        assert_eq!(beside.device_report(&signer, Report::idle("PHONE-1")).await.unwrap(), None);
        let later = lab.passes(Duration::from_secs(1));
        polls(&phone).await;
        signs::step(app).await.unwrap();
        signs::step(&beside).await.unwrap();
        assert_eq!(phone.row().await.last_seen_at, Some(later));
        beside.store.close().await;
        lab.end().await;
    }
}
