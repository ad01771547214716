//! The simulated Apple, asked over HTTP like the real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use apple::AppleError;
use apple::licensing::{AssignmentsQuery, Expected, Licensing};
use apple::pace::Pace;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sim::apple::sample::{self, App, Organisation, TokenSpec};
use sim::apple::{
    Apple, AppleOptions, EventOrder, Fault, Garbage, Holder, MdmInfo, Named, Overassign, Rng, Switches, TokenErrors,
    TokenKind, TokenState, Told, Trouble, UserStatus, id_hash,
};

/// A simulator with a clock that only moves when told to, and a client that holds a token.
struct Stage {
    apple: Apple,
    http: Client,
    token: String,
    clock: Arc<AtomicI64>,
}

const START: i64 = 1_795_000_000_000;

fn options(clock: &Arc<AtomicI64>) -> AppleOptions {
    let clock = clock.clone();
    AppleOptions {
        switches: Switches::unhurried(),
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
        ..AppleOptions::default()
    }
}

/// One location with an app of three licences, and a person `kim` who has accepted.
fn small() -> Vec<Organisation> {
    let earlier = |id: &str| sample::EarlierUser {
        client_user_id: id.into(),
        email: None,
        account: format!("{id}@account.example"),
        holds: Vec::new(),
    };
    vec![Organisation {
        assets: vec![
            App::sample("100", 3),
            App {
                revocable: false,
                ..App::sample("200", 5)
            },
            App {
                device_assignable: false,
                ..App::sample("300", 5)
            },
            App {
                unlimited: true,
                ..App::sample("400", 0)
            },
            App {
                custom: true,
                ..App::sample("500", 1)
            },
        ],
        users: vec![earlier("kim"), earlier("lee")],
        tokens: vec![
            TokenSpec::valid(TokenKind::Valid, 100),
            TokenSpec {
                read_only: true,
                ..TokenSpec::valid(TokenKind::ReadOnly, 100)
            },
        ],
        ..sample::organisation()
    }]
}

impl Stage {
    async fn new(change: impl FnOnce(&mut AppleOptions)) -> Stage {
        let clock = Arc::new(AtomicI64::new(START));
        let mut options = options(&clock);
        change(&mut options);
        let apple = Apple::start(options).await.expect("a free port");
        let token = apple.token_file(TokenKind::Valid);
        Stage {
            apple,
            http: Client::new(),
            token,
            clock,
        }
    }

    async fn small() -> Stage {
        Stage::new(|options| options.organisations = small()).await
    }

    fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let url = format!("{}/{path}", self.apple.base_url());
        let answer = self
            .http
            .get(url)
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("an answer");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}/{path}", self.apple.base_url());
        let answer = self
            .http
            .post(url)
            .bearer_auth(&self.token)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    /// Sends a write, waits until its event is over, and returns its status.
    async fn finish(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        self.pass(Duration::from_secs(2));
        self.get(&format!(
            "status?eventId={}",
            answer["eventId"].as_str().expect("an event")
        ))
        .await
        .1
    }

    /// Sends a write that has to be refused with this number.
    async fn refused(&self, path: &str, body: Value, number: i32) -> Value {
        let (status, answer) = self.post(path, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body} {answer}");
        assert_eq!(answer["errorNumber"], number, "{path} {body} {answer}");
        assert!(
            self.apple.ledger().main().events.is_empty(),
            "nothing may come of a refused request"
        );
        answer
    }

    /// Sends a raw request to `/sim/…` or another path outside the licensing service.
    async fn sim_get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.apple.url());
        self.http
            .get(url)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    }

    async fn sim_post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.apple.url());
        let answer = self.http.post(url).json(&body).send().await.expect("an answer");
        (answer.status(), answer.json().await.unwrap_or(Value::Null))
    }
}

fn associate(adam_id: &str, users: &[&str], serials: &[&str]) -> Value {
    json!({"assets": [{"adamId": adam_id, "pricingParam": "STDQ"}], "clientUserIds": users, "serialNumbers": serials})
}

#[tokio::test]
async fn a_person_is_invited_accepts_gets_an_app_and_gives_it_back() {
    let stage = Stage::new(|_| {}).await;
    let sign = sample::adam_id(1);
    let account = "kim@account.example";

    let (_, accepted) = stage
        .post(
            "users/create",
            json!({"users": [{"clientUserId": "u-1", "email": "kim@seorindeul.example"}]}),
        )
        .await;
    let event = accepted["eventId"].as_str().expect("an event").to_string();
    assert_eq!(accepted["uId"], "204977130058");
    assert!(
        accepted["tokenExpirationDate"]
            .as_str()
            .is_some_and(|date| date.ends_with("+0000"))
    );
    let (_, pending) = stage.get(&format!("status?eventId={event}")).await;
    assert_eq!(
        (&pending["eventStatus"], &pending["numCompleted"]),
        (&json!("PENDING"), &json!(0))
    );
    stage.pass(Duration::from_secs(2));
    let (_, complete) = stage.get(&format!("status?eventId={event}")).await;
    assert_eq!(
        (&complete["eventStatus"], &complete["eventType"]),
        (&json!("COMPLETE"), &json!("CREATE"))
    );

    let (_, users) = stage.get("users?clientUserId=u-1").await;
    let user = &users["users"][0];
    assert_eq!(user["status"], "Registered");
    let code = user["inviteCode"].as_str().expect("an invitation");
    assert_eq!(code.len(), 32);
    let (_, config) = stage.get("service/config").await;
    let invitation = config["urls"]["invitationEmail"].as_str().expect("a template");
    assert!(invitation.contains("%25inviteCode%25"));
    let page = stage
        .http
        .get(invitation.replace("%25inviteCode%25", code))
        .send()
        .await
        .expect("a page");
    assert!(page.text().await.expect("text").contains("kim@seorindeul.example"));

    let status = stage.finish("assets/associate", associate(&sign, &["u-1"], &[])).await;
    assert_eq!(status["eventStatus"], "COMPLETE");
    assert_eq!(
        stage.apple.licence(&sign, "SERIAL", account),
        None,
        "nobody has accepted yet"
    );

    let (status, user) = stage
        .sim_post("/sim/accept", json!({"inviteCode": code, "account": account}))
        .await;
    assert_eq!((status, &user["status"]), (StatusCode::OK, &json!("Associated")));
    assert_eq!(user["idHash"], id_hash(account));
    let licence = stage
        .sim_get(&format!("/sim/licence?adamId={sign}&serial=SERIAL&account={account}"))
        .await;
    assert_eq!(licence, json!({"licensed": true, "via": "user"}));
    let (_, assets) = stage.get(&format!("assets?adamId={sign}")).await;
    assert_eq!(assets["assets"][0]["assignedCount"], 1);
    assert_eq!(assets["assets"][0]["availableCount"], 19);

    let status = stage
        .finish("assets/disassociate", associate(&sign, &["u-1"], &[]))
        .await;
    assert_eq!(status["eventStatus"], "COMPLETE");
    assert_eq!(stage.apple.ledger().main().holders(&sign), []);
    let licence = stage
        .sim_get(&format!("/sim/licence?adamId={sign}&serial=SERIAL&account={account}"))
        .await;
    assert_eq!(licence, json!({"licensed": false, "via": null}));
}

#[tokio::test]
async fn a_wrong_request_is_refused_as_a_whole_with_its_number() {
    let stage = Stage::small().await;
    let asset = json!([{"adamId": "100"}]);
    let many = |count: usize| (0..count).map(|n| format!("S{n}")).collect::<Vec<_>>();

    let go = "assets/associate";
    stage.refused(go, json!({"clientUserIds": ["kim"]}), 9718).await;
    stage.refused(go, json!({"assets": asset}), 9719).await;
    stage.refused(go, json!({"assets": "100"}), 9602).await;
    let assets: Vec<Value> = many(26).iter().map(|id| json!({"adamId": id})).collect();
    stage
        .refused(go, json!({"assets": assets, "clientUserIds": ["kim"]}), 9700)
        .await;
    stage
        .refused(go, json!({"assets": asset, "clientUserIds": many(1001)}), 9701)
        .await;
    stage
        .refused(go, json!({"assets": asset, "serialNumbers": many(1001)}), 9702)
        .await;
    let twice = json!([{"adamId": "100"}, {"adamId": "100", "pricingParam": "STDQ"}]);
    let answer = stage
        .refused(go, json!({"assets": twice, "clientUserIds": ["kim"]}), 9703)
        .await;
    assert_eq!(
        answer["errorInfo"]["assets"],
        json!([{"adamId": "100", "pricingParam": "STDQ"}])
    );
    stage
        .refused(go, json!({"assets": asset, "clientUserIds": ["kim", "kim"]}), 9704)
        .await;
    stage
        .refused(go, json!({"assets": asset, "serialNumbers": ["A", "A"]}), 9705)
        .await;
    stage
        .refused("assets/disassociate", associate("200", &["kim"], &[]), 9706)
        .await;
    stage.refused(go, associate("300", &["kim"], &["A"]), 9707).await;
    stage.refused(go, associate("999", &["kim"], &[]), 9602).await;
    let answer = stage.refused(go, associate("100", &["kim", "nobody"], &[]), 9609).await;
    assert_eq!(answer["errorInfo"]["clientUserIds"], json!(["nobody"]));
    stage.refused("assets/revoke", json!({}), 9719).await;
    stage
        .refused("assets/revoke", json!({"clientUserIds": many(101)}), 9701)
        .await;
    stage
        .refused("assets/revoke", json!({"serialNumbers": many(101)}), 9702)
        .await;

    let users = |count: usize| {
        many(count)
            .iter()
            .map(|id| json!({"clientUserId": id}))
            .collect::<Vec<_>>()
    };
    let create = "users/create";
    stage.refused(create, json!({}), 9720).await;
    stage
        .refused(create, json!({"users": [{"email": "a@b.example"}]}), 9602)
        .await;
    stage.refused(create, json!({"users": users(101)}), 9714).await;
    stage
        .refused(
            create,
            json!({"users": [{"clientUserId": "a"}, {"clientUserId": "a"}]}),
            9715,
        )
        .await;
    stage
        .refused(
            create,
            json!({"users": [{"clientUserId": "a", "email": "not an address"}]}),
            9717,
        )
        .await;
    stage
        .refused("users/update", json!({"users": [{"clientUserId": "nobody"}]}), 9609)
        .await;
    stage
        .refused("users/retire", json!({"users": [{"clientUserId": "nobody"}]}), 9609)
        .await;

    let long = "x".repeat(513);
    let config = "client/config";
    stage
        .refused(config, json!({"mdmInfo": {"id": "1", "name": "n"}}), 9723)
        .await;
    stage
        .refused(
            config,
            json!({"mdmInfo": {"id": long, "name": "n", "metadata": "m"}}),
            9724,
        )
        .await;
    stage
        .refused(
            config,
            json!({"mdmInfo": {"id": "1", "name": long, "metadata": "m"}}),
            9725,
        )
        .await;
    stage
        .refused(
            config,
            json!({"mdmInfo": {"id": "1", "name": "n", "metadata": long}}),
            9713,
        )
        .await;
    stage
        .refused(config, json!({"notificationUrl": "https://hooks.example/a"}), 9710)
        .await;
    let hook = |url: &str| json!({"notificationUrl": url, "notificationAuthToken": "t"});
    stage.refused(config, hook(&format!("https://{long}")), 9711).await;
    stage.refused(config, hook("http://hooks.example/a"), 9712).await;
    stage
        .apple
        .switch(|switches| switches.notification_url_reachable = Some(false));
    stage.refused(config, hook("https://hooks.example/a"), 9728).await;

    assert_eq!(stage.get("status?eventId=nothing").await.1["errorNumber"], 9708);
    assert_eq!(stage.get("assets?pageIndex=1").await.1["errorNumber"], 9650);
    assert_eq!(stage.get("users?pageIndex=-1").await.1["errorNumber"], 9650);
    assert_eq!(stage.get("users?sinceVersionId=nothing").await.1["errorNumber"], 9721);
}

/// Method before content type, content type before token, token before JSON.
#[tokio::test]
async fn the_first_thing_wrong_is_the_one_told() {
    let stage = Stage::small().await;
    let url = format!("{}/assets/associate", stage.apple.base_url());

    let answer = stage.http.get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.json::<Value>().await.expect("JSON")["errorNumber"], 9726);

    let answer = stage.http.post(&url).body("{").send().await.expect("an answer");
    assert_eq!(answer.status(), 415);
    assert_eq!(answer.json::<Value>().await.expect("JSON")["errorNumber"], 9727);

    let request = || {
        stage
            .http
            .post(&url)
            .header("content-type", "application/json; charset=utf-8")
            .body("{")
    };
    let answer = request().send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<Value>().await.expect("JSON")["errorNumber"], 9722);

    let answer = request().bearer_auth(&stage.token).send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.expect("JSON")["errorNumber"], 9602);
}

#[tokio::test]
async fn a_token_that_does_not_work_says_why() {
    let mut stage = Stage::new(|_| {}).await;
    let valid = stage.token.clone();
    let config = async |token: &str| {
        let url = format!("{}/client/config", stage.apple.base_url());
        let answer = stage.http.get(url).bearer_auth(token).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let number = async |token: &str| {
        let (status, answer) = config(token).await;
        (status, answer["errorNumber"].as_i64().unwrap_or(0))
    };

    assert_eq!(number(&stage.apple.token_file(TokenKind::Expired)).await, (401, 9621));
    assert_eq!(number(&stage.apple.token_file(TokenKind::Revoked)).await, (401, 9625));
    assert_eq!(number("eyJ0b2tlbiI6ICJ4In0=").await, (401, 9622));
    assert_eq!(number("nonsense").await, (401, 9722));
    let (_, own) = config(&valid).await;
    let (_, renewal) = config(&stage.apple.token_file(TokenKind::Renewal)).await;
    let (_, other) = config(&stage.apple.token_file(TokenKind::OtherAccount)).await;
    let (_, elsewhere) = config(&stage.apple.token_file(TokenKind::ExternalMdm)).await;
    assert_eq!(own["uId"], renewal["uId"]);
    assert_ne!(own["tokenExpirationDate"], renewal["tokenExpirationDate"]);
    assert_ne!(own["uId"], other["uId"]);
    assert_eq!(own["locationName"], "본사");
    assert!(own.get("mdmInfo").is_none());
    assert_eq!(elsewhere["mdmInfo"]["name"], "Other MDM");

    stage.apple.set_token_state(TokenKind::Valid, TokenState::Revoked);
    stage
        .apple
        .switch(|switches| switches.token_errors = TokenErrors::Body200);
    assert_eq!(number(&valid).await, (200, 9625));

    stage.apple.set_token_state(TokenKind::Valid, TokenState::Valid);
    stage.pass(Duration::from_secs(290 * 24 * 3600));
    assert_eq!(number(&valid).await, (200, 9621));
    let config = format!("{}/service/config", stage.apple.base_url());
    assert_eq!(
        stage.http.get(config).send().await.expect("an answer").status(),
        200,
        "needs no token"
    );

    stage.token = stage.apple.token_file(TokenKind::Renewal);
    assert_eq!(stage.get("assets").await.0, 200);
}

#[tokio::test]
async fn who_may_only_look_may_only_look() {
    let mut stage = Stage::small().await;
    stage.token = stage.apple.token_file(TokenKind::ReadOnly);

    assert_eq!(stage.get("assets").await.0, 200);
    let (status, answer) = stage.post("assets/associate", associate("100", &["kim"], &[])).await;

    assert_eq!((status.as_u16(), &answer["errorNumber"]), (403, &json!(9637)));
}

#[tokio::test]
async fn when_licences_run_out_the_first_get_theirs_and_the_rest_are_named() {
    let stage = Stage::small().await;

    let status = stage
        .finish("assets/associate", associate("100", &["kim", "lee"], &["A", "B"]))
        .await;

    assert_eq!(status["eventStatus"], "FAILED");
    assert_eq!(
        (&status["numRequested"], &status["numCompleted"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(status["failures"][0]["errorNumber"], 9709);
    assert_eq!(status["failures"][0]["errorInfo"]["serialNumbers"], json!(["B"]));
    let ledger = stage.apple.ledger();
    assert_eq!(ledger.main().holders("100").len(), 3);
    assert!(!ledger.main().holders("100").contains(&Holder::Device("B".into())));

    assert!(stage.apple.buy("100", 1));
    let status = stage
        .finish("assets/associate", associate("100", &[], &["A", "B"]))
        .await;
    assert_eq!(
        status["eventStatus"], "COMPLETE",
        "assigning again changes nothing: {status}"
    );
    assert!(!stage.apple.buy("100", -1), "none is free to give back");
}

#[tokio::test]
async fn a_batch_can_fail_as_a_whole_for_want_of_one_licence() {
    let stage = Stage::small().await;
    stage
        .apple
        .switch(|switches| switches.overassign = Overassign::AllOrNothing);

    let status = stage
        .finish("assets/associate", associate("100", &[], &["A", "B", "C", "D"]))
        .await;

    assert_eq!(
        (&status["eventStatus"], &status["numCompleted"]),
        (&json!("FAILED"), &json!(0))
    );
    assert_eq!(stage.apple.ledger().main().holders("100"), []);
}

#[tokio::test]
async fn an_unknown_person_can_turn_up_in_the_event_instead() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.unknown_user = Told::Late);

    let status = stage
        .finish("assets/associate", associate("100", &["kim", "nobody"], &[]))
        .await;

    assert_eq!(status["failures"][0]["errorNumber"], 9609);
    assert_eq!(status["failures"][0]["errorInfo"]["clientUserIds"], json!(["nobody"]));
    assert_eq!(status["numCompleted"], 1);
}

#[tokio::test]
async fn nothing_is_done_for_people_of_whom_a_test_says_so() {
    let stage = Stage::small().await;
    let create = |ids: [&str; 2]| json!({"users": ids.map(|id| json!({"clientUserId": id}))});
    stage.apple.switch(|switches| {
        switches.people_fail.insert("park".to_owned(), 9635);
        switches.people_fail_is_told = Told::Early;
    });
    let refused = stage.refused("users/create", create(["park", "new"]), 9635).await;
    assert_eq!(refused["errorInfo"]["clientUserIds"], json!(["park"]));

    stage.apple.switch(|switches| switches.people_fail_is_told = Told::Late);
    let status = stage.finish("users/create", create(["park", "new"])).await;
    assert_eq!(status["failures"][0]["errorNumber"], 9635);
    assert_eq!(status["failures"][0]["errorInfo"]["clientUserIds"], json!(["park"]));
    let ledger = stage.apple.ledger();
    assert!(ledger.main().user("park").is_none() && ledger.main().user("new").is_some());
}

#[tokio::test]
async fn a_user_who_exists_is_not_created_again() {
    let stage = Stage::small().await;

    let status = stage
        .finish(
            "users/create",
            json!({"users": [{"clientUserId": "kim"}, {"clientUserId": "new"}]}),
        )
        .await;

    assert_eq!(status["failures"][0]["errorNumber"], 9716);
    assert_eq!(status["failures"][0]["errorInfo"]["clientUserIds"], json!(["kim"]));
    assert_eq!(status["numCompleted"], 1);
}

#[tokio::test]
async fn a_managed_account_needs_no_invitation() {
    let stage = Stage::small().await;
    let account = |id: &str, account: &str| json!({"users": [{"clientUserId": id, "managedAppleId": account}]});

    let status = stage
        .finish("users/create", account("a", "a@appleid.seorindeul.example"))
        .await;
    assert_eq!(status["eventStatus"], "COMPLETE");
    assert_eq!(
        stage.apple.ledger().main().user("a").map(|user| user.status),
        Some(UserStatus::Associated)
    );

    let status = stage
        .finish("users/create", account("b", "a@appleid.seorindeul.example"))
        .await;
    assert_eq!(status["failures"][0]["errorNumber"], 9641);
    let status = stage.finish("users/create", account("b", "b@elsewhere.example")).await;
    assert_eq!(status["failures"][0]["errorNumber"], 9635);
}

/// Irrevocable licences stay with a retired person, and are back when the person is.
#[tokio::test]
async fn a_retired_person_gives_back_what_can_be_given_back() {
    let stage = Stage::small().await;
    stage.finish("assets/associate", associate("100", &["kim"], &[])).await;
    stage.finish("assets/associate", associate("200", &["kim"], &[])).await;

    stage
        .finish("users/retire", json!({"users": [{"clientUserId": "kim"}]}))
        .await;

    let (_, assets) = stage.get("assets?adamId=100").await;
    assert_eq!(
        (
            &assets["assets"][0]["availableCount"],
            &assets["assets"][0]["retiredCount"]
        ),
        (&json!(3), &json!(0))
    );
    let (_, assets) = stage.get("assets?adamId=200").await;
    assert_eq!(
        (
            &assets["assets"][0]["assignedCount"],
            &assets["assets"][0]["retiredCount"]
        ),
        (&json!(0), &json!(1))
    );
    let (_, rows) = stage.get("assignments?includeUserState=true").await;
    assert_eq!(rows["assignments"][0]["userStatus"], "Retired");
    assert_eq!(
        stage.get("assignments?excludeInactiveUsers=true").await.1["assignments"],
        json!([])
    );
    stage
        .refused_now("assets/associate", associate("100", &["kim"], &[]), 9609)
        .await;

    stage
        .finish("users/create", json!({"users": [{"clientUserId": "kim"}]}))
        .await;
    let (_, users) = stage.get("users?clientUserId=kim&activeOnly=true").await;
    let code = users["users"][0]["inviteCode"]
        .as_str()
        .expect("an invitation")
        .to_string();
    stage
        .apple
        .accept(&code, "kim@account.example")
        .expect("the same person");

    let (_, users) = stage.get("users?clientUserId=kim").await;
    assert_eq!(users["users"][0]["status"], "Associated", "the old record lives again");
    assert_eq!(users["users"][1]["status"], "Retired");
    let (_, assets) = stage.get("assets?adamId=200").await;
    assert_eq!(
        (
            &assets["assets"][0]["assignedCount"],
            &assets["assets"][0]["retiredCount"]
        ),
        (&json!(1), &json!(0))
    );
}

impl Stage {
    /// Like `refused`, after other events.
    async fn refused_now(&self, path: &str, body: Value, number: i32) {
        let (_, answer) = self.post(path, body).await;
        assert_eq!(answer["errorNumber"], number, "{answer}");
    }
}

#[tokio::test]
async fn an_account_belongs_to_one_person() {
    let stage = Stage::small().await;
    stage
        .finish(
            "users/create",
            json!({"users": [{"clientUserId": "a"}, {"clientUserId": "b"}]}),
        )
        .await;
    let code = |id: &str| {
        let user = stage.apple.ledger().main().user(id).cloned().expect("a user");
        user.invite_code.expect("an invitation")
    };

    stage
        .apple
        .accept(&code("a"), "a@account.example")
        .expect("a free account");
    stage
        .apple
        .accept(&code("a"), "a@account.example")
        .expect("agreeing twice is no harm");

    assert!(stage.apple.accept(&code("a"), "else@account.example").is_err());
    assert!(stage.apple.accept(&code("b"), "a@account.example").is_err());
    assert!(stage.apple.accept("0123", "c@account.example").is_err());
}

#[tokio::test]
async fn pages_of_two_add_up_to_everything() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.page_length = 2);

    for trailing in [false, true] {
        stage.apple.switch(|switches| switches.trailing_empty_page = trailing);
        let mut ids = Vec::new();
        let mut index = Some(0);
        let mut pages = 0;
        while let Some(at) = index {
            let (_, page) = stage.get(&format!("assets?pageIndex={at}")).await;
            assert_eq!(page["currentPageIndex"], at);
            assert_eq!(page["totalPages"], if trailing { 4 } else { 3 });
            let assets = page["assets"].as_array().expect("assets");
            assert_eq!(page["size"], assets.len());
            ids.extend(
                assets
                    .iter()
                    .map(|asset| asset["adamId"].as_str().expect("text").to_string()),
            );
            index = page["nextPageIndex"].as_i64();
            pages += 1;
        }
        assert_eq!(ids, ["100", "200", "300", "400", "500"]);
        assert_eq!(pages, if trailing { 4 } else { 3 });
    }
}

#[tokio::test]
async fn a_delta_has_what_changed_since_and_not_what_went() {
    let stage = Stage::small().await;
    let (_, first) = stage.get("assignments").await;
    let version = first["versionId"].as_str().expect("a version").to_string();
    stage
        .finish("assets/associate", associate("100", &["kim", "lee"], &[]))
        .await;

    let (_, delta) = stage.get(&format!("assignments?sinceVersionId={version}")).await;
    assert_eq!(delta["assignments"].as_array().map(Vec::len), Some(2));
    assert_ne!(delta["versionId"], version.as_str());
    let version = delta["versionId"].as_str().expect("a version").to_string();
    let (_, delta) = stage.get(&format!("assignments?sinceVersionId={version}")).await;
    assert_eq!(delta["assignments"], json!([]));

    stage
        .finish("assets/disassociate", associate("100", &["kim"], &[]))
        .await;
    let (_, delta) = stage.get(&format!("assignments?sinceVersionId={version}")).await;
    assert_eq!(delta["assignments"], json!([]));
    stage.apple.switch(|switches| switches.removed_in_delta = true);
    let (_, delta) = stage.get(&format!("assignments?sinceVersionId={version}")).await;
    assert_eq!(delta["assignments"][0]["clientUserId"], "kim");

    let (_, users) = stage.get("users").await;
    let version = users["versionId"].as_str().expect("a version").to_string();
    stage
        .finish(
            "users/update",
            json!({"users": [{"clientUserId": "lee", "email": "lee@seorindeul.example"}]}),
        )
        .await;
    let (_, delta) = stage.get(&format!("users?sinceVersionId={version}")).await;
    assert_eq!(delta["users"].as_array().map(Vec::len), Some(1));
    assert_eq!(delta["users"][0]["email"], "lee@seorindeul.example");

    for days in 0..9 {
        stage.pass(Duration::from_secs(24 * 3600));
        stage
            .finish("users/update", json!({"users": [{"clientUserId": "lee"}]}))
            .await;
        let known = stage.get(&format!("users?sinceVersionId={version}")).await.0 == 200;
        assert_eq!(known, days < 6, "after {} days", days + 1);
    }
}

#[tokio::test]
async fn assignments_can_be_asked_for_by_holder() {
    let stage = Stage::small().await;
    stage
        .finish("assets/associate", associate("100", &["kim"], &["A"]))
        .await;

    let (_, by_user) = stage.get("assignments?clientUserId=kim").await;
    let (_, by_serial) = stage.get("assignments?serialNumber=A&adamId=100").await;
    let (_, neither) = stage.get("assignments?adamId=200").await;

    assert_eq!(
        by_user["assignments"],
        json!([{"adamId": "100", "pricingParam": "STDQ", "clientUserId": "kim"}])
    );
    assert_eq!(
        by_serial["assignments"],
        json!([{"adamId": "100", "pricingParam": "STDQ", "serialNumber": "A"}])
    );
    assert_eq!(neither["assignments"], json!([]));
}

#[tokio::test]
async fn an_asset_without_end_is_told_in_three_ways() {
    let stage = Stage::small().await;
    stage.finish("assets/associate", associate("400", &["kim"], &[])).await;

    let (_, together) = stage.get("assets?adamId=400").await;
    let (_, apart) = stage.get("assets?unlimited=true").await;
    let (_, without) = stage.get("assets?unlimited=false").await;

    assert_eq!(together["assets"][0]["totalCount"], i32::MAX);
    assert_eq!(together["assets"][0]["availableCount"], i32::MAX - 1);
    assert_eq!(apart["unlimitedAssets"][0]["adamId"], "400");
    assert!(apart["unlimitedAssets"][0].get("totalCount").is_none());
    assert_eq!(apart["assets"].as_array().map(Vec::len), Some(4));
    assert_eq!(without["assets"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn revoking_takes_back_all_that_can_be_taken_back() {
    let stage = Stage::small().await;
    stage
        .finish("assets/associate", associate("100", &["kim"], &["A"]))
        .await;
    stage.finish("assets/associate", associate("200", &["kim"], &[])).await;

    let status = stage
        .finish(
            "assets/revoke",
            json!({"clientUserIds": ["kim"], "serialNumbers": ["A"]}),
        )
        .await;

    assert_eq!(
        (&status["eventStatus"], &status["eventType"]),
        (&json!("COMPLETE"), &json!("REVOKE"))
    );
    assert_eq!(stage.apple.ledger().main().holders("100"), []);
    assert_eq!(stage.apple.ledger().main().holders("200"), [Holder::User("kim".into())]);
}

#[tokio::test]
async fn an_event_goes_on_task_by_task() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.task_ms = 1000);
    let (_, accepted) = stage.post("assets/associate", associate("100", &[], &["A", "B"])).await;
    let status = format!("status?eventId={}", accepted["eventId"].as_str().expect("an event"));

    stage.pass(Duration::from_secs(3));
    let (_, half) = stage.get(&status).await;
    assert_eq!(
        (&half["eventStatus"], &half["numCompleted"]),
        (&json!("PENDING"), &json!(1))
    );
    stage.pass(Duration::from_secs(1));
    let (_, whole) = stage.get(&status).await;
    assert_eq!(
        (&whole["eventStatus"], &whole["numCompleted"]),
        (&json!("COMPLETE"), &json!(2))
    );

    assert_eq!(stage.apple.ledger().traffic.early_polls, 1);
    stage.pass(Duration::from_secs(25 * 3600));
    assert_eq!(stage.get(&status).await.1["errorNumber"], 9708, "nobody remembers");
}

#[tokio::test]
async fn reads_can_lag_behind_events() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.read_lag_ms = 10_000);
    stage.finish("assets/associate", associate("100", &["kim"], &[])).await;

    assert_eq!(stage.get("assignments").await.1["assignments"], json!([]));
    assert_eq!(stage.get("assets?adamId=100").await.1["assets"][0]["assignedCount"], 0);

    stage.pass(Duration::from_secs(10));
    assert_eq!(stage.get("assignments").await.1["size"], 1);
    assert_eq!(stage.get("assets?adamId=100").await.1["assets"][0]["assignedCount"], 1);
}

#[tokio::test]
async fn too_many_requests_in_a_second_are_refused() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.requests_per_second = Some(15));

    for _ in 0..15 {
        assert_eq!(stage.get("assets").await.0, 200);
    }
    let (status, answer) = stage.get("assets").await;
    assert_eq!((status.as_u16(), &answer["errorNumber"]), (429, &json!(9646)));

    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.get("assets").await.0, 200);
    assert_eq!(stage.apple.ledger().traffic.too_many, 1);
}

#[tokio::test]
async fn the_service_can_be_down_in_two_ways() {
    let stage = Stage::small().await;

    stage.apple.switch(|switches| switches.internal_error = 1.0);
    let (status, answer) = stage.get("assets").await;
    assert_eq!((status.as_u16(), &answer["errorNumber"]), (500, &json!(9603)));

    stage
        .apple
        .switch(|switches| (switches.internal_error, switches.unavailable) = (0.0, 1.0));
    let url = format!("{}/assets", stage.apple.base_url());
    let answer = stage
        .http
        .get(url)
        .bearer_auth(&stage.token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "5");
}

#[tokio::test]
async fn a_write_can_be_accepted_without_anybody_learning_of_it() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.cut_after_write = 1.0);
    let url = format!("{}/assets/associate", stage.apple.base_url());

    let body = associate("100", &["kim"], &[]);
    let answer = stage.http.post(url).bearer_auth(&stage.token).json(&body).send().await;

    assert!(answer.is_err());
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.apple.ledger().main().holders("100"), [Holder::User("kim".into())]);

    stage
        .apple
        .switch(|switches| (switches.cut_after_write, switches.internal_error_after_write) = (0.0, 1.0));
    let (status, _) = stage.post("assets/associate", associate("100", &["lee"], &[])).await;
    assert_eq!(status, 500);
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.apple.ledger().main().holders("100").len(), 2);
}

/// What befalls a request is ordered for its kind, and befalls no other.
#[tokio::test]
async fn a_request_can_go_wrong_in_every_way() {
    let stage = Stage::small().await;
    let order = |call: &str, is| {
        let fault = Fault {
            call: call.into(),
            is,
            times: 1,
        };
        stage.apple.switch(|switches| switches.faults.push(fault));
    };
    let kim = associate("100", &["kim"], &[]);
    let holders = || {
        stage.pass(Duration::from_secs(2));
        stage.apple.ledger().main().holders("100").len()
    };

    let refused = Trouble::Refused {
        number: 9646,
        retry_after_s: Some(7),
    };
    order("POST assets/associate", refused);
    assert_eq!(stage.get("assets").await.0, 200, "another request");
    assert_eq!(stage.post("assets/associate", kim.clone()).await.0, 429);
    let gateway = Trouble::Gateway {
        status: 502,
        retry_after_s: None,
    };
    order("POST assets/associate", gateway);
    let url = format!("{}/assets/associate", stage.apple.base_url());
    let send = || stage.http.post(&url).bearer_auth(&stage.token).json(&kim).send();
    let answer = send().await.expect("an answer");
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.text().await.expect("a body"), "");
    order("POST assets/associate", Trouble::Unheard);
    assert!(send().await.is_err());
    assert_eq!(holders(), 0, "nothing was done");

    order("POST assets/associate", Trouble::Lost);
    assert!(send().await.is_err());
    assert_eq!(
        stage.apple.ledger().main().asset("100").map(|asset| asset.on_the_way),
        Some(1)
    );
    assert_eq!(holders(), 1, "it was done");
    assert_eq!(
        stage.apple.ledger().main().asset("100").map(|asset| asset.on_the_way),
        Some(0)
    );
    order("POST assets/associate", Trouble::DoneButInternalError);
    assert_eq!(
        stage.post("assets/associate", associate("100", &["lee"], &[])).await.0,
        500
    );
    assert_eq!(holders(), 2, "it was done");
    order("GET service/config", Trouble::Garbled(Garbage::OtherJson));
    assert_eq!(stage.get("service/config").await.1["message"], "it works");
    assert!(stage.apple.switches().faults.is_empty());
}

#[tokio::test]
async fn the_configuration_says_who_manages_the_location() {
    let stage = Stage::small().await;
    let ours = json!({"id": "ours", "name": "Allotment", "metadata": "mdm.seorindeul.example"});

    let (status, answer) = stage.post("client/config", json!({"mdmInfo": ours})).await;
    assert_eq!((status.as_u16(), &answer["mdmInfo"]), (200, &ours));
    assert_eq!(stage.get("assets").await.1["mdmInfo"], ours);
    stage
        .post("client/config", json!({"notificationTypes": ["ASSET_COUNT"]}))
        .await;
    let (_, answer) = stage.get("client/config").await;
    assert_eq!(answer["mdmInfo"], ours, "what is left out stays");
    assert_eq!(answer["subscribedNotificationTypes"], json!(["ASSET_COUNT"]));

    let other = MdmInfo {
        id: "theirs".into(),
        name: "Other MDM".into(),
        metadata: String::new(),
    };
    stage.apple.set_mdm_info(Some(other));
    assert_eq!(stage.get("users").await.1["mdmInfo"]["id"], "theirs");
    let (status, _) = stage.sim_post("/sim/mdm-info", json!({"mdmInfo": null})).await;
    assert_eq!(status, 200);
    assert!(stage.get("users").await.1.get("mdmInfo").is_none());
}

#[tokio::test]
async fn switches_are_set_by_name_and_a_wrong_name_changes_nothing() {
    let stage = Stage::small().await;

    let (status, _) = stage
        .sim_post("/sim/switches", json!({"pageLength": 1, "limits": {"maxAssets": 1}}))
        .await;
    assert_eq!(status, 200);
    assert_eq!(stage.get("assets").await.1["totalPages"], 5);
    assert_eq!(stage.get("service/config").await.1["limits"]["maxAssets"], 1);

    let (status, answer) = stage.sim_post("/sim/switches", json!({"pageLenght": 9})).await;
    assert_eq!(status, 400);
    assert!(
        answer["error"]
            .as_str()
            .is_some_and(|error| error.contains("pageLenght"))
    );
    assert_eq!(stage.apple.switches().page_length, 1);
}

#[tokio::test]
async fn a_lookup_names_apps_in_the_language_asked_for() {
    let stage = Stage::new(|_| {}).await;
    let id = sample::adam_id(2);
    let base = format!("/lookup?version=2&p=mdm-lockup&caller=MDM&platform=enterprisestore&cc=kr&id={id}");

    let korean = stage.sim_get(&format!("{base}&l=ko")).await;
    let english = stage.sim_get(&format!("{base}&l=en")).await;

    assert_eq!(korean["results"][&id]["name"], "물레 CAD");
    assert_eq!(english["results"][&id]["name"], "Mulle CAD");
    assert_eq!(english["results"][&id]["bundleId"], "example.mulle.cad");
    assert_eq!(english["results"][&id]["deviceFamilies"], json!(["ipad", "mac"]));
    assert_eq!(
        stage.sim_get("/lookup?id=1&p=mdm-lockup&cc=kr").await["results"],
        json!({})
    );
    assert_eq!(
        stage.sim_get(&format!("/lookup?id={id}&cc=de")).await["results"],
        json!({}),
        "another country's store"
    );

    let url = english["results"][&id]["artwork"][0]["url"]
        .as_str()
        .expect("an icon")
        .to_string();
    let icon = stage.http.get(url).send().await.expect("an icon");
    assert_eq!(icon.headers()["content-type"], "image/png");
    let bytes = icon.bytes().await.expect("bytes");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[tokio::test]
async fn an_app_of_ones_own_is_shown_only_with_the_token() {
    let stage = Stage::small().await;
    let url = format!("{}/lookup?id=500&p=mdm-lockup&cc=kr", stage.apple.url());
    let names = async |cookie: Option<String>| {
        let mut request = stage.http.get(&url);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        answer["results"].as_object().map(|results| results.len())
    };

    assert_eq!(names(None).await, Some(0));
    assert_eq!(names(Some("itvt=nonsense".into())).await, Some(0));
    assert_eq!(names(Some(format!("itvt={}", stage.token))).await, Some(1));
}

#[tokio::test]
async fn a_push_reaches_who_waits_for_it_and_only_the_latest_is_kept() {
    let stage = Stage::small().await;
    let push = async |token: &str, body: Value| {
        let url = format!("{}/3/device/{token}", stage.apple.url());
        let request = stage
            .http
            .post(url)
            .header("apns-push-type", "mdm")
            .header("apns-topic", "com.apple.mgmt.t");
        request.json(&body).send().await.expect("an answer")
    };

    let (waited, pushed) = tokio::join!(
        stage.sim_get("/sim/pushes?after=0&wait_ms=20000"),
        push("AB01", json!({"mdm": "one"}))
    );
    assert_eq!(pushed.status(), 200);
    assert!(pushed.headers().contains_key("apns-id"));
    assert_eq!(waited["pushes"][0]["magic"], "one");
    assert_eq!(waited["pushes"][0]["token"], "ab01");

    push("ab01", json!({"mdm": "two"})).await;
    push("cd02", json!({"mdm": "three"})).await;
    let (pushes, last) = stage.apple.pushes(0, Duration::ZERO).await;
    assert_eq!(
        pushes.iter().map(|push| push.magic.as_str()).collect::<Vec<_>>(),
        ["two", "three"]
    );
    assert_eq!(stage.apple.pushes(last, Duration::ZERO).await.0, []);

    assert_eq!(push("xy", json!({"mdm": "one"})).await.status(), 400);
    assert_eq!(push("ab01", json!({"mdm": "one", "aps": {}})).await.status(), 400);
    let url = format!("{}/3/device/ab01", stage.apple.url());
    let bare = stage
        .http
        .post(url)
        .header("apns-topic", "t")
        .json(&json!({"mdm": "one"}))
        .send()
        .await;
    assert_eq!(
        bare.expect("an answer").json::<Value>().await.expect("JSON")["reason"],
        "InvalidPushType"
    );

    stage.apple.set_push_token_dead("AB01", true);
    let gone = push("ab01", json!({"mdm": "one"})).await;
    assert_eq!(gone.status(), 410);
    let reason: Value = gone.json().await.expect("JSON");
    assert_eq!(
        (&reason["reason"], &reason["timestamp"]),
        (&json!("Unregistered"), &json!(START))
    );
}

#[tokio::test]
async fn the_store_may_learn_of_a_licence_later() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.licence_lag_ms = 60_000);
    stage.finish("assets/associate", associate("100", &[], &["A"])).await;

    assert_eq!(stage.apple.licence("100", "A", ""), None);
    stage.pass(Duration::from_secs(60));
    assert!(stage.apple.licence("100", "A", "").is_some());
    assert!(stage.apple.licence("100", "", "").is_none());
}

#[tokio::test]
async fn a_restart_forgets_nothing_that_was_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("apple.json");
    let start = async |clock: Option<Arc<AtomicI64>>| {
        let mut stage = Stage::new(|options| {
            options.organisations = small();
            options.state_file = Some(file.clone());
            if let Some(clock) = &clock {
                let clock = clock.clone();
                options.clock = Arc::new(move || clock.load(Ordering::SeqCst));
            }
        })
        .await;
        if let Some(clock) = clock {
            stage.clock = clock;
        }
        stage
    };

    let before = start(None).await;
    before.finish("assets/associate", associate("100", &["kim"], &[])).await;
    let (_, accepted) = before.post("assets/associate", associate("100", &["lee"], &[])).await;
    let event = accepted["eventId"].as_str().expect("an event").to_string();
    before
        .post(
            "client/config",
            json!({"mdmInfo": {"id": "ours", "name": "n", "metadata": "m"}}),
        )
        .await;
    before.apple.buy("100", 2);
    before.apple.set_push_token_dead("ff", true);
    let url = format!("{}/3/device/ab01", before.apple.url());
    let push = before
        .http
        .post(url)
        .header("apns-push-type", "mdm")
        .header("apns-topic", "t");
    push.json(&json!({"mdm": "one"})).send().await.expect("an answer");
    let (_, version) = before.get("assignments").await;
    let (token, clock, url) = (before.token.clone(), before.clock.clone(), before.apple.url());
    let ledger = serde_json::to_value(before.apple.ledger().main()).expect("JSON");
    before.apple.shutdown().await;

    let after = start(Some(clock)).await;
    assert_eq!(after.apple.url(), url, "the port stays");
    assert_eq!(after.token, token);
    assert_eq!(serde_json::to_value(after.apple.ledger().main()).expect("JSON"), ledger);
    assert_eq!(after.get("client/config").await.1["mdmInfo"]["id"], "ours");
    let (pushes, _) = after.apple.pushes(0, Duration::ZERO).await;
    assert_eq!(pushes.len(), 1);
    after.pass(Duration::from_secs(2));
    assert_eq!(
        after.get(&format!("status?eventId={event}")).await.1["eventStatus"],
        "COMPLETE"
    );
    let version = version["versionId"].as_str().expect("a version").to_string();
    let (_, delta) = after.get(&format!("assignments?sinceVersionId={version}")).await;
    assert_eq!(delta["assignments"][0]["clientUserId"], "lee");
    assert_eq!(delta["size"], 1);
    assert_eq!(
        after.apple.ledger().main().asset("100").map(|asset| asset.total),
        Some(5)
    );
}

/// Every step checks the books itself and panics when they do not add up; then the request
/// after it fails. `SIM_SEED` repeats a walk that did.
#[expect(clippy::disallowed_methods, reason = "a seed that is another one each time")]
#[tokio::test]
async fn the_books_add_up_whatever_happens_in_whatever_order() {
    let seed = match std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed,
        None => std::process::id() as u64 ^ std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos() as u64),
    };
    let told = Seed(seed);
    let mut rng = Rng::new(seed);
    let stage = Stage::small().await;
    stage.apple.switch(|switches| {
        switches.task_failure = 0.02;
        switches.task_ms = 50;
        switches.shuffle_tasks = true;
        switches.unknown_user = Told::Late;
        switches.unknown_asset = Told::Late;
    });

    for step in 0..2000 {
        if step % 200 == 0 {
            let odd = step % 400 == 0;
            stage.apple.switch(|switches| {
                switches.overassign = if odd {
                    Overassign::Partial
                } else {
                    Overassign::AllOrNothing
                };
                switches.event_order = if odd { EventOrder::InOrder } else { EventOrder::Shuffled };
                switches.read_lag_ms = if odd { 0 } else { 700 };
            });
        }
        let some = |rng: &mut Rng, prefix: &str| -> Vec<String> {
            let mut ids: Vec<String> = (0..rng.below(4)).map(|_| format!("{prefix}{}", rng.below(6))).collect();
            ids.sort();
            ids.dedup();
            ids
        };
        let asset = ["100", "200", "300", "400", "999"][rng.below(5)];
        let users = some(&mut rng, "u");
        let serials = some(&mut rng, "S");
        let assign =
            json!({"assets": [{"adamId": asset}, {"adamId": "500"}], "clientUserIds": users, "serialNumbers": serials});
        let managed = |id: &String| match id.ends_with('5') {
            true => json!({"clientUserId": id, "managedAppleId": "shared@appleid.seorindeul.example"}),
            false => json!({"clientUserId": id, "email": format!("{id}@seorindeul.example")}),
        };
        let people = json!({"users": users.iter().map(managed).collect::<Vec<_>>()});
        match rng.below(10) {
            0 | 1 => drop(stage.post("users/create", people).await),
            2 => drop(stage.post("users/retire", people).await),
            3 => drop(stage.post("users/update", people).await),
            4 | 5 => drop(stage.post("assets/associate", assign).await),
            6 => drop(stage.post("assets/disassociate", assign).await),
            7 => drop(
                stage
                    .post(
                        "assets/revoke",
                        json!({"clientUserIds": users, "serialNumbers": serials}),
                    )
                    .await,
            ),
            8 => {
                let codes: Vec<String> = stage
                    .apple
                    .ledger()
                    .main()
                    .users
                    .iter()
                    .filter_map(|user| user.invite_code.clone())
                    .collect();
                if !codes.is_empty() {
                    let account = format!("person{}@account.example", rng.below(4));
                    let _ = stage.apple.accept(&codes[rng.below(codes.len())], &account);
                }
            }
            _ => drop(stage.apple.buy(asset, rng.below(5) as i64 - 2)),
        }
        stage.pass(Duration::from_millis(rng.below(400) as u64));
        if step % 50 == 0 {
            assert_eq!(stage.get("assignments").await.0, 200);
        }
    }

    stage.pass(Duration::from_secs(100_000));
    let ledger = stage.apple.ledger();
    assert_eq!(ledger.main().pending_events(), 0, "every event comes to an end");
    for asset in &ledger.main().assets {
        assert_eq!(asset.assigned + asset.retired, asset.holders.len() as i64);
        assert_eq!(asset.total, asset.assigned + asset.available + asset.retired);
        assert!(asset.available >= 0);
    }
    drop(told);

    /// Tells the seed when the test fails.
    struct Seed(u64);
    impl Drop for Seed {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("repeat with SIM_SEED={}", self.0);
            }
        }
    }
}

/// The product's own client in front of this stage.
fn licensing(apple: &Apple, kind: TokenKind, pace: Pace) -> Licensing {
    let token = apple.token_file(kind).into();
    Licensing::new(
        ::apple::http_client(),
        &apple.base_url(),
        token,
        Expected::default(),
        pace,
    )
}

#[tokio::test]
async fn the_client_finds_out_whether_a_token_may_write_and_changes_nothing() {
    let stage = Stage::small().await;
    let may = licensing(&stage.apple, TokenKind::Valid, Pace::default())
        .may_write()
        .await;
    assert!(may.is_ok(), "{may:?}");
    let may = licensing(&stage.apple, TokenKind::ReadOnly, Pace::default())
        .may_write()
        .await;
    assert!(
        matches!(may, Err(AppleError::NotAllowed { number: 9637, .. })),
        "{may:?}"
    );
    assert!(stage.apple.ledger().main().events.is_empty());
}

/// Fifteen a second are permitted, and counted as they arrive.
#[tokio::test]
async fn a_long_read_of_the_client_is_never_too_fast() {
    let apple = Apple::start(AppleOptions::default()).await.unwrap();
    let pace = Pace::default();
    pace.set(Some(15));
    let licensing = licensing(&apple, TokenKind::Valid, pace);
    apple.switch(|switches| switches.page_length = 1);
    for _ in 0..4 {
        assert_eq!(licensing.assets().await.unwrap().items.len(), 10);
    }
    let traffic = apple.ledger().traffic;
    assert_eq!((traffic.too_many, traffic.requests["assets"]), (0, 40));
}

/// Nobody told the new limit: it is learned from the refusal, and what was read before it is kept.
#[tokio::test]
async fn a_limit_that_is_lowered_during_a_read_is_learned_from_its_refusal() {
    let apple = Apple::start(AppleOptions::default()).await.unwrap();
    let pace = Pace::default();
    pace.set(Some(15));
    let licensing = licensing(&apple, TokenKind::Valid, pace);
    apple.switch(|switches| {
        switches.page_length = 1;
        switches.requests_per_second = Some(3);
    });
    assert_eq!(licensing.assets().await.unwrap().items.len(), 10);
    let traffic = apple.ledger().traffic;
    assert!((1..=12).contains(&traffic.too_many), "{traffic:?}");
    assert_eq!(
        traffic.requests["assets"] - traffic.too_many,
        10,
        "no page was read twice"
    );
}

#[tokio::test]
async fn answers_can_be_garbage_of_every_kind_and_the_write_has_happened() {
    let stage = Stage::small().await;
    let client = licensing(&stage.apple, TokenKind::Valid, Pace::default());
    for garbage in [Garbage::Html, Garbage::Empty, Garbage::Truncated, Garbage::OtherJson] {
        let (status, _) = stage
            .sim_post("/sim/switches", json!({"garbage": 1.0, "garbageIs": garbage}))
            .await;
        assert_eq!(status, 200);
        let read = client.assignments(&AssignmentsQuery::default()).await;
        assert!(matches!(read, Err(AppleError::Broken(_))), "{garbage:?}: {read:?}");
    }
    let body = ::apple::wire::ManageAssets {
        assets: vec![::apple::wire::Asset {
            adam_id: "100".into(),
            pricing_param: None,
        }],
        client_user_ids: vec!["kim".into()],
        ..Default::default()
    };
    let error = client.associate(&body).await.unwrap_err();
    assert!(!error.outcome_known(), "{error:?}");
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.apple.ledger().main().holders("100"), [Holder::User("kim".into())]);
}

#[tokio::test]
async fn a_write_can_be_cut_before_anything_was_done() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.cut_before_write = 1.0);
    let url = format!("{}/assets/associate", stage.apple.base_url());
    let body = associate("100", &["kim"], &[]);
    let sent = stage.http.post(url).bearer_auth(&stage.token).json(&body).send().await;
    assert!(sent.is_err(), "{sent:?}");
    assert_eq!(stage.get("assets").await.0, 200, "reads get through");
    assert!(stage.apple.ledger().main().events.is_empty());
    assert_eq!(stage.apple.writes()[0].status, 0);
}

#[tokio::test]
async fn a_good_token_can_be_refused_a_few_times() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| {
        switches.token_refusals = 2;
        switches.token_refusal_number = Some(9625);
    });
    for _ in 0..2 {
        let (status, answer) = stage.get("assets").await;
        assert_eq!((status.as_u16(), &answer["errorNumber"]), (401, &json!(9625)));
    }
    assert_eq!(stage.get("assets").await.0, 200);

    stage.apple.switch(|switches| {
        switches.token_refusals = 1;
        switches.token_refusal_number = None;
    });
    let client = licensing(&stage.apple, TokenKind::Valid, Pace::default());
    let bare = client.client_config().await;
    assert!(
        matches!(bare, Err(AppleError::TokenInvalid { number: 9601 })),
        "{bare:?}"
    );
    assert!(client.client_config().await.is_ok());
}

#[tokio::test]
async fn throttling_comes_with_and_without_a_time_to_wait() {
    let stage = Stage::small().await;
    let wait = async |switches: Value| {
        stage.sim_post("/sim/switches", switches).await;
        let url = format!("{}/assets", stage.apple.base_url());
        let answer = stage.http.get(url).bearer_auth(&stage.token).send().await.unwrap();
        let after = answer
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), after)
    };
    assert_eq!(wait(json!({"tooMany": 1.0})).await, (429, None));
    assert_eq!(wait(json!({"rateRetryAfterS": 7})).await, (429, Some("7".into())));
    assert_eq!(
        wait(json!({"tooMany": 0.0, "unavailable": 1.0})).await,
        (503, Some("5".into()))
    );
    assert_eq!(wait(json!({"unavailableRetryAfterS": null})).await, (503, None));
}

#[tokio::test]
async fn failures_name_assets_or_holders_or_both_or_nobody() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.task_failure = 1.0);
    for (named, assets, users) in [
        (Named::AssetsAndHolders, true, true),
        (Named::Assets, true, false),
        (Named::Holders, false, true),
        (Named::Nobody, false, false),
    ] {
        stage.apple.switch(|switches| switches.failures_name = named);
        let status = stage.finish("assets/associate", associate("100", &["kim"], &[])).await;
        let info = &status["failures"][0]["errorInfo"];
        assert_eq!(
            (info["assets"].is_array(), info["clientUserIds"].is_array()),
            (assets, users),
            "{named:?}: {status}"
        );
    }
}

/// Owned may fall below assigned; who holds a licence keeps it, and what is given back is not free again.
#[tokio::test]
async fn a_refund_takes_more_than_is_free() {
    let stage = Stage::small().await;
    stage
        .finish("assets/associate", associate("100", &["kim", "lee"], &[]))
        .await;
    let (status, _) = stage
        .sim_post("/sim/refund", json!({"adamId": "100", "count": 2}))
        .await;
    assert_eq!(status, 200);
    let asset = |(_, answer): (StatusCode, Value)| {
        let asset = &answer["assets"][0];
        [&asset["totalCount"], &asset["assignedCount"], &asset["availableCount"]].map(|count| count.as_i64().unwrap())
    };
    assert_eq!(asset(stage.get("assets?adamId=100").await), [1, 2, 0]);
    stage.apple.ledger().check().unwrap();

    stage
        .finish("assets/disassociate", associate("100", &["kim"], &[]))
        .await;
    assert_eq!(asset(stage.get("assets?adamId=100").await), [1, 1, 0]);
    assert!(stage.apple.buy("100", 1));
    assert_eq!(asset(stage.get("assets?adamId=100").await), [2, 1, 1]);
    assert!(!stage.apple.refund("100", 3), "more than there are");

    let mut wrong = stage.apple.ledger();
    wrong.locations[0].assets[0].assigned += 1;
    assert!(wrong.check().is_err());
}

#[tokio::test]
async fn another_server_of_the_location_comes_and_goes() {
    let stage = Stage::small().await;
    let theirs = Holder::User("theirs-1".into());
    assert!(stage.apple.foreign_assign("100", &theirs));
    assert!(!stage.apple.foreign_assign("100", &theirs), "it has it already");
    let device = json!({"adamId": "100", "holder": {"device": "C02X"}});
    assert_eq!(stage.sim_post("/sim/foreign", device).await.0, 200);
    assert_eq!(stage.apple.ledger().main().holders("100").len(), 2);
    assert!(stage.apple.foreign_unassign("100", &theirs));
    assert!(stage.apple.retire("theirs-1"));
    let ledger = stage.apple.ledger();
    ledger.check().unwrap();
    assert_eq!(ledger.main().user("theirs-1").unwrap().status, UserStatus::Retired);
    assert!(stage.apple.writes().is_empty(), "none of it was a write of ours");
}

/// A list is as it was some time ago as a whole, whoever changed what it shows.
#[tokio::test]
async fn a_read_that_lags_is_late_with_everything() {
    let stage = Stage::small().await;
    let user = json!({"users": [{"clientUserId": "u-1"}]});
    stage.finish("users/create", user).await;
    let code = stage
        .apple
        .ledger()
        .main()
        .user("u-1")
        .unwrap()
        .invite_code
        .clone()
        .unwrap();
    let (_, before) = stage.get("users").await;
    stage.apple.switch(|switches| switches.read_lag_ms = 10_000);
    stage.apple.accept(&code, "u-1@account.example").unwrap();
    assert!(stage.apple.buy("100", 5));
    assert!(stage.apple.foreign_assign("100", &Holder::Device("C02X".into())));

    assert_eq!(stage.get("users").await.1["versionId"], before["versionId"]);
    let since = format!("users?sinceVersionId={}", before["versionId"].as_str().unwrap());
    assert_eq!(stage.get(&since).await.1["size"], 0);
    assert_eq!(stage.get("assets?adamId=100").await.1["assets"][0]["totalCount"], 3);
    assert_eq!(stage.get("assignments").await.1["size"], 0);

    stage.pass(Duration::from_secs(10));
    assert_eq!(stage.get(&since).await.1["users"][0]["status"], "Associated");
    assert_eq!(stage.get("assets?adamId=100").await.1["assets"][0]["totalCount"], 8);
    assert_eq!(stage.get("assignments").await.1["size"], 1);
}

#[tokio::test]
async fn every_write_that_arrived_can_be_read() {
    let stage = Stage::small().await;
    let body = associate("100", &["kim"], &[]);
    stage.finish("assets/associate", body.clone()).await;
    stage.post("assets/associate", associate("999", &["kim"], &[])).await;
    let writes = stage.apple.writes();
    assert_eq!(writes.len(), 2, "reads are none");
    assert_eq!(
        (writes[0].token, writes[0].path.as_str()),
        (Some(TokenKind::Valid), "assets/associate")
    );
    assert_eq!((&writes[0].body, writes[0].status, writes[0].at), (&body, 200, START));
    assert!(writes[0].event_id.is_some());
    assert_eq!(writes[1].error_number, Some(9602));
    assert_eq!(stage.sim_get("/sim/writes").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_book_is_no_app() {
    let stage = Stage::new(|options| {
        options.organisations = small();
        options.organisations[0].assets.push(App::book("600", 2));
    })
    .await;
    let (_, books) = stage.get("assets?productType=Book").await;
    assert_eq!(books["size"], 1);
    let book = &books["assets"][0];
    assert_eq!(
        (&book["adamId"], &book["deviceAssignable"], &book["revocable"]),
        (&json!("600"), &json!(false), &json!(false))
    );
}

/// Events that were stuck go on when they are let go, as if they had only been slow.
#[tokio::test]
async fn a_stuck_event_completes_when_it_is_let_go() {
    let stage = Stage::small().await;
    stage.apple.switch(|switches| switches.stuck_events = true);
    let status = stage.finish("assets/associate", associate("100", &["kim"], &[])).await;
    assert_eq!(status["eventStatus"], "PENDING");
    stage.pass(Duration::from_secs(3600));
    assert_eq!(stage.apple.ledger().main().pending_events(), 1);
    stage.apple.switch(|switches| switches.stuck_events = false);
    assert_eq!(stage.apple.ledger().main().pending_events(), 0);
    assert_eq!(stage.apple.ledger().main().holders("100").len(), 1);
}
