//! What the simulated service tells a server by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use sim::apple::sample::{self, adam_id};
use sim::apple::{Apple, AppleOptions, Holder, MdmInfo, Switches, TokenKind};

/// A server that writes down what it is told, and answers as it is set.
#[derive(Clone)]
struct Hook {
    told: Arc<Mutex<Vec<(String, Value)>>>,
    status: Arc<Mutex<StatusCode>>,
    url: String,
}

impl Hook {
    async fn start() -> Hook {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let hook = Hook {
            told: Arc::default(),
            status: Arc::new(Mutex::new(StatusCode::OK)),
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
        };
        let router = Router::new().route("/hook", post(Hook::take)).with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        hook
    }

    async fn take(State(hook): State<Hook>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
        let bearer = headers["authorization"].to_str().unwrap().to_owned();
        hook.told.lock().unwrap().push((bearer, body));
        *hook.status.lock().unwrap()
    }

    fn answers(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }

    fn told(&self) -> Vec<Value> {
        self.told.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    fn of(&self, notification_type: &str) -> Vec<Value> {
        let mut told = self.told();
        told.retain(|body| body["notificationType"] == notification_type);
        told
    }

    async fn until(&self, what: &str, holds: impl Fn(&Hook) -> bool) {
        for _ in 0..3000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}; told: {:#?}", self.told());
    }
}

struct Stage {
    apple: Apple,
    http: reqwest::Client,
    token: String,
}

impl Stage {
    async fn start() -> Stage {
        let apple = Apple::start(AppleOptions {
            event_delay: Duration::from_millis(20),
            switches: Switches {
                plain_notification_urls: true,
                notification_retries_ms: vec![50, 50],
                ..Switches::unhurried()
            },
            organisations: sample::organisations(),
            ..AppleOptions::default()
        })
        .await
        .unwrap();
        let token = apple.token_file(TokenKind::Valid);
        Stage {
            apple,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            token,
        }
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/{path}", self.apple.base_url());
        let answer = self
            .http
            .post(url)
            .bearer_auth(&self.token)
            .json(&body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn subscribe(&self, hook: &Hook, types: &[&str]) -> (u16, Value) {
        let asked = json!({"notificationUrl": hook.url, "notificationAuthToken": "secret", "notificationTypes": types});
        self.post("client/config", asked).await
    }
}

const ALL: [&str; 4] = ["ASSET_COUNT", "ASSET_MANAGEMENT", "USER_ASSOCIATED", "USER_MANAGEMENT"];

/// The test comes before the answer, with the secret; what cannot be reached is refused, and what was there before stays.
#[tokio::test]
async fn a_configuration_is_taken_only_if_its_test_arrives() {
    let (stage, hook) = (Stage::start().await, Hook::start().await);
    hook.answers(StatusCode::FORBIDDEN);
    let (status, answer) = stage.subscribe(&hook, &ALL).await;
    assert_eq!((status, answer["errorNumber"].as_i64()), (400, Some(9728)));
    hook.answers(StatusCode::NO_CONTENT);
    let (status, answer) = stage.subscribe(&hook, &ALL).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["notificationUrl"], json!(hook.url));
    assert_eq!(answer["subscribedNotificationTypes"], json!(ALL));
    let told = hook.told.lock().unwrap().clone();
    assert_eq!(told.len(), 2, "one test each");
    for (bearer, body) in told {
        assert_eq!(bearer, "Bearer secret");
        assert_eq!(body["notificationType"], "TEST_NOTIFICATION");
        assert_eq!(body["uId"], answer["uId"]);
    }
    let mine = json!({"mdmInfo": {"id": "1", "name": "n", "metadata": "m"}});
    assert_eq!(stage.post("client/config", mine).await.0, 200);
    assert_eq!(hook.told().len(), 2, "nothing was said of notifications");
    stage.apple.shutdown().await;
}

/// People, licences, purchases; success and failure apart; in parts of a hundred.
#[tokio::test]
async fn what_happens_is_told_in_apple_s_words() {
    let (stage, hook) = (Stage::start().await, Hook::start().await);
    stage.subscribe(&hook, &ALL).await;
    let users: Vec<Value> = (0..100)
        .map(|number| json!({"clientUserId": format!("person-{number}")}))
        .collect();
    assert_eq!(stage.post("users/create", json!({"users": users})).await.0, 200);
    assert_eq!(
        stage
            .post("users/create", json!({"users": [{"clientUserId": "last"}]}))
            .await
            .0,
        200
    );
    hook.until("everybody is told", |hook| hook.of("USER_MANAGEMENT").len() == 2)
        .await;
    let created = &hook.of("USER_MANAGEMENT")[0]["notification"];
    assert_eq!(
        (&created["type"], &created["result"]),
        (&json!("CREATE"), &json!("SUCCESS"))
    );
    assert_eq!(created["users"].as_array().unwrap().len(), 100);
    let person = &created["users"][0];
    assert_eq!(person["status"], "Registered");

    stage
        .apple
        .accept(person["inviteCode"].as_str().unwrap(), "one@example.com")
        .unwrap();
    hook.until("who joined is told", |hook| hook.of("USER_ASSOCIATED").len() == 1)
        .await;
    let joined = &hook.of("USER_ASSOCIATED")[0]["notification"]["associatedUsers"][0];
    assert_eq!(
        (&joined["clientUserId"], &joined["status"]),
        (&person["clientUserId"], &json!("Associated"))
    );

    // More than there is: some get one, the others none, and each is told by itself.
    let owned = stage.apple.ledger().main().asset(&adam_id(1)).unwrap().total;
    let serials: Vec<String> = (0..owned + 120).map(|number| format!("SERIAL{number}")).collect();
    let asked = json!({"assets": [{"adamId": adam_id(1), "pricingParam": "STDQ"}], "serialNumbers": serials});
    let (status, answer) = stage.post("assets/associate", asked).await;
    assert_eq!(status, 200, "{answer}");
    let elements = |told: &[Value], result: &str| -> usize {
        let of_it = told.iter().filter(|body| body["notification"]["result"] == result);
        of_it
            .map(|body| body["notification"]["assignments"].as_array().unwrap().len())
            .sum()
    };
    hook.until("all of it is told", |hook| {
        let told = hook.of("ASSET_MANAGEMENT");
        elements(&told, "SUCCESS") + elements(&told, "FAILURE") == serials.len()
    })
    .await;
    let told = hook.of("ASSET_MANAGEMENT");
    assert!(elements(&told, "FAILURE") >= 120);
    for body in &told {
        let about = &body["notification"];
        assert_eq!(about["eventId"], answer["eventId"]);
        assert!(about["assignments"].as_array().unwrap().len() <= 100, "{about}");
        let failed = about["result"] == "FAILURE";
        assert_eq!(
            about["error"]["errorNumber"].as_i64(),
            failed.then_some(9709),
            "{about}"
        );
    }

    stage.apple.buy(&adam_id(2), 7);
    stage.apple.refund(&adam_id(2), 2);
    hook.until("purchase and refund are told", |hook| hook.of("ASSET_COUNT").len() == 2)
        .await;
    let deltas: Vec<Value> = hook
        .of("ASSET_COUNT")
        .iter()
        .map(|body| body["notification"]["countDelta"].clone())
        .collect();
    assert_eq!(deltas, [json!(7), json!(-2)]);
    assert!(
        stage
            .apple
            .foreign_assign(&adam_id(2), &Holder::Device("ELSEWHERE".into()))
    );
    let elsewhere = |hook: &Hook| {
        let told = hook.of("ASSET_MANAGEMENT");
        told.iter()
            .any(|body| body["notification"]["assignments"][0]["serialNumber"] == "ELSEWHERE")
    };
    hook.until("what others do is told", elsewhere).await;
    stage.apple.shutdown().await;
}

/// Three attempts with one id, then it is lost; what was taken may come twice; only what was subscribed; nothing after a takeover.
#[tokio::test]
async fn a_notification_is_tried_three_times_and_nobody_else_hears_it() {
    let (stage, hook) = (Stage::start().await, Hook::start().await);
    stage.subscribe(&hook, &["ASSET_COUNT"]).await;
    hook.answers(StatusCode::INTERNAL_SERVER_ERROR);
    stage.apple.buy(&adam_id(1), 1);
    hook.until("it was tried three times", |hook| hook.of("ASSET_COUNT").len() == 3)
        .await;
    let ids: Vec<Value> = hook
        .of("ASSET_COUNT")
        .iter()
        .map(|body| body["notificationId"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    hook.answers(StatusCode::OK);
    stage.apple.switch(|switches| switches.notification_twice = 1.0);
    stage.apple.buy(&adam_id(1), 2);
    let twos = |hook: &Hook| {
        let mut told = hook.of("ASSET_COUNT");
        told.retain(|body| body["notification"]["countDelta"] == 2);
        told
    };
    hook.until("it came twice", |hook| twos(hook).len() == 2).await;
    let twice = twos(&hook);
    assert_eq!(twice[0]["notificationId"], twice[1]["notificationId"]);
    assert_ne!(twice[0]["notificationId"], ids[0], "and the first one never again");
    stage
        .apple
        .foreign_assign(&adam_id(1), &Holder::Device("ELSEWHERE".into()));

    stage.apple.set_mdm_info(Some(MdmInfo {
        id: "other".into(),
        name: "Other".into(),
        metadata: "m".into(),
    }));
    stage.apple.buy(&adam_id(1), 3);
    let second = Hook::start().await;
    stage.apple.switch(|switches| switches.notification_twice = 0.0);
    stage.subscribe(&second, &["ASSET_COUNT"]).await;
    stage.apple.buy(&adam_id(1), 4);
    second
        .until("the new one is told", |hook| hook.of("ASSET_COUNT").len() == 1)
        .await;
    assert_eq!(second.of("ASSET_COUNT")[0]["notification"]["countDelta"], 4);
    assert_eq!(hook.of("ASSET_COUNT").len(), 5, "{:#?}", hook.told());
    assert!(hook.of("ASSET_MANAGEMENT").is_empty(), "it was not subscribed");
    stage.apple.shutdown().await;
}
