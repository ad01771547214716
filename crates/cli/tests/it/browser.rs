//! An administrator does the whole job in a real browser, in Korean and in English.

use std::{
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use domain::InstallState;
use fantoccini::{Client, ClientBuilder, Locator};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::app::{Caller, Role, sums::by_state};
use sim::apple::{TokenKind, sample::adam_id};

use crate::lab::{Database, Lab, PATIENCE, Setup, iphone, until};

const PASSWORD: &str = "a long enough password";

/// A driver of its own, ended with the test.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    async fn start() -> Driver {
        let port = free_port();
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let driver = Driver {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let status = format!("{}/status", driver.url);
        until("the driver answers", async || {
            reqwest::get(&status)
                .await
                .is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        driver
    }

    async fn browser(&self, language: &str, profile: &std::path::Path) -> Client {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            &format!("--accept-lang={language}"),
            &format!("--lang={language}"),
            &format!("--user-data-dir={}", profile.display()),
        ];
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "pageLoad": PATIENCE.as_millis(), "script": PATIENCE.as_millis() },
        });
        let mut builder = ClientBuilder::rustls().expect("a client");
        builder.capabilities(capabilities.as_object().expect("an object").clone());
        // The driver gives the browser a minute to start, which a busy machine can need more than once.
        let begun = Instant::now();
        loop {
            match builder.connect(&self.url).await {
                Ok(client) => return client,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "no browser: {error}"),
            }
        }
    }

    /// What the browser complained about so far.
    async fn complaints(&self, client: &Client) -> Vec<String> {
        let session = client
            .session_id()
            .await
            .expect("a session")
            .expect("a session that is open");
        let url = format!("{}/session/{session}/se/log", self.url);
        let answer = reqwest::Client::new()
            .post(url)
            .json(&json!({ "type": "browser" }))
            .send()
            .await;
        let answer: Value = answer.expect("an answer").json().await.expect("JSON");
        let entries = answer["value"].as_array();
        entries
            .unwrap_or_else(|| panic!("the driver has no log: {answer}"))
            .iter()
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn an_administrator_does_the_whole_job_in_korean() {
    whole_job("ko-KR,ko", &KOREAN).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn an_administrator_does_the_whole_job_in_english() {
    whole_job("en-GB,en", &ENGLISH).await;
}

/// What the pages say.
struct Words {
    lang: &'static str,
    token_page: &'static str,
    not_a_token: &'static str,
    valid: &'static str,
    installed: &'static str,
}

const KOREAN: Words = Words {
    lang: "ko",
    token_page: "Apple VPP(Volume Purchase Program) 관리",
    not_a_token: "base64",
    valid: "정상",
    installed: "설치됨",
};

const ENGLISH: Words = Words {
    lang: "en",
    token_page: "Volume Purchase Program",
    not_a_token: "base64",
    valid: "Valid",
    installed: "Installed",
};

async fn whole_job(language: &str, words: &Words) {
    let driver = Driver::start().await;
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    let password = SecretString::from(PASSWORD);
    lab.app
        .account_add(&Caller::System, "raon", "홍라온", &password, Role::Full)
        .await
        .unwrap();
    let mut people = Vec::new();
    for number in 0..3 {
        let person = lab.person(["김도윤", "이서연", "Amelia Clarke"][number]).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("영업팀", &people).await;

    let profile = tempfile::tempdir().expect("a folder");
    let page = Tab {
        client: driver.browser(language, profile.path()).await,
        url: lab.url.clone(),
    };

    // Nobody gets in without a password, and a wrong one is answered on the page.
    page.go("/administration/vpp").await;
    page.sees("input[name=login]").await;
    page.fill("input[name=login]", "raon").await;
    page.fill("input[name=password]", "wrong").await;
    page.press("form button.primary").await;
    page.sees("[role=alert]").await;
    page.fill("input[name=password]", PASSWORD).await;
    page.press("form button.primary").await;
    page.says(words.token_page).await;
    assert_eq!(page.attribute("html", "lang").await, words.lang);

    // 1. Upload: first something that is no token, then the token; the box must be ticked.
    let folder = lab.folder();
    let nonsense = folder.join("nonsense.vpptoken");
    std::fs::write(&nonsense, [0xff, 0xfe, 0x80]).unwrap();
    let token = folder.join("token.vpptoken");
    std::fs::write(&token, lab.apple.token_file(TokenKind::Valid)).unwrap();
    page.go("/administration/vpp/upload").await;
    page.fill("input[name=displayName]", "본사 토큰").await;
    page.fill("input[name=appleId]", "vpp@example.com").await;
    page.choose_file("input[name=file]", &nonsense).await;
    page.press("dialog button.primary").await;
    page.says(words.not_a_token).await;
    assert!(lab.app.location_view().await.unwrap().is_none(), "nothing was changed");
    page.choose_file("input[name=file]", &token).await;
    page.press("dialog button.primary").await;
    page.sees("input[name=confirmed]").await;
    // Unticked, the form does not go: the box is required.
    page.press("dialog button.primary").await;
    page.sees("input[name=confirmed]").await;
    assert!(
        lab.app.location_view().await.unwrap().is_none(),
        "nothing is linked before the box is ticked"
    );
    page.press("input[name=confirmed]").await;
    page.press("dialog button.primary").await;
    page.says(words.valid).await;
    page.says("본사 토큰").await;

    // 지금 동기화, with progress, until it is done.
    lab.app_known(&adam_id(4)).await;
    page.go("/administration/vpp").await;
    let before = lab.app.syncs(50).await.unwrap().len();
    page.press("form[action='/administration/vpp/sync'] button.primary")
        .await;
    until("the sync is done", async || {
        let syncs = lab.app.syncs(50).await.unwrap();
        syncs.len() > before && syncs[0].finished_at.is_some()
    })
    .await;
    page.shot("token", words).await;

    // 2. Every app that was bought. Names come one after the other, and the page is made once.
    until("every app has its name", async || {
        let apps = lab.app.overview().await.unwrap().unwrap().apps;
        apps.iter().all(|app| app.row.name.is_some())
    })
    .await;
    page.go("/apps").await;
    for app in lab.app.overview().await.unwrap().unwrap().apps {
        page.says(&app.row.name.unwrap()).await;
    }
    page.shot("apps", words).await;

    // 3. Manage deployment: the group, required, saved.
    let app = lab.app_known(&adam_id(4)).await;
    page.go(&format!("/apps/{app}")).await;
    page.press(&format!("a[href='/apps/{app}/deployment']")).await;
    page.choose_approval(&group.to_string(), "required").await;
    page.press("form .actions button.primary").await;
    page.sees(".contract .ledger").await;
    page.says("이서연").await;
    page.shot("preview", words).await;
    page.press("form .actions button.primary").await;
    page.says("이서연").await;

    // 4. People and devices, with state and terms.
    until("all three have it", async || {
        let of = lab.app.of_app(app).await.unwrap().unwrap();
        by_state(&of.app.people).get(&InstallState::Installed) == Some(&3)
    })
    .await;
    page.go(&format!("/apps/{app}?tab=users&state=installed")).await;
    page.says("김도윤").await;
    page.says(words.installed).await;
    page.shot("app-users", words).await;
    page.go(&format!("/apps/{app}?tab=devices")).await;
    page.says("TEST000001").await;
    page.go("/dashboard").await;
    page.shot("dashboard", words).await;

    // 5. Uninstall: the apps go, then the licences return, and the count shows it.
    page.go(&format!("/apps/{app}/deployment")).await;
    page.choose_approval(&group.to_string(), "uninstall").await;
    page.press("form .actions button.primary").await;
    page.sees(".contract .ledger").await;
    page.says("이서연").await;
    page.shot("preview", words).await;
    page.press("form .actions button.primary").await;
    page.says("이서연").await;
    until("the licences are back", async || {
        lab.apple_holders(&adam_id(4)).is_empty()
    })
    .await;
    until("the page counts them as free", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        overview.app(app).unwrap().decision.counts.free == Some(60)
    })
    .await;

    // Every other page, for what the browser might complain about.
    for path in [
        format!("/apps/{app}?tab=general"),
        format!("/apps/{app}?tab=deployment"),
        format!("/apps/{app}?tab=licences"),
        format!("/apps/{app}?tab=history"),
        "/devices".to_owned(),
        "/people".to_owned(),
        format!("/people/{}", people[0]),
        "/people/new".to_owned(),
        "/groups".to_owned(),
        format!("/groups/{group}"),
        "/groups/new".to_owned(),
        "/activity".to_owned(),
        "/search?q=TEST".to_owned(),
        "/administration/settings".to_owned(),
        "/administration/accounts".to_owned(),
        "/account".to_owned(),
    ] {
        page.go(&path).await;
        page.sees("h1").await;
        let source = page.client.source().await.unwrap();
        assert!(!source.contains('⟦'), "a message is missing on {path}");
    }

    let complaints = driver.complaints(&page.client).await;
    let of_status = |status: &str| complaints.iter().any(|line| line.contains(status));
    assert!(
        of_status("403") && of_status("422"),
        "the browser says what it met: {complaints:#?}"
    );
    // The refused upload and the wrong password are answered with a status that the browser notes.
    let serious: Vec<_> = complaints
        .iter()
        .filter(|line| !line.contains("the server responded with a status of 403"))
        .filter(|line| !line.contains("the server responded with a status of 422"))
        .collect();
    assert!(serious.is_empty(), "the browser complains: {serious:#?}");
    page.client.close().await.unwrap();
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn an_administrator_raises_a_colleague_changes_a_password_and_makes_a_key_in_korean() {
    let said = AccountWords {
        saved: "저장했습니다",
        differs: "새 암호와 다릅니다",
        changed: "암호를 변경했습니다",
        revoked: "API 키를 폐기했습니다",
    };
    accounts("ko-KR,ko", &KOREAN, &said).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn an_administrator_raises_a_colleague_changes_a_password_and_makes_a_key_in_english() {
    let said = AccountWords {
        saved: "Saved.",
        differs: "not the same as the new password",
        changed: "Password changed.",
        revoked: "API key revoked.",
    };
    accounts("en-GB,en", &ENGLISH, &said).await;
}

struct AccountWords {
    saved: &'static str,
    differs: &'static str,
    changed: &'static str,
    revoked: &'static str,
}

async fn accounts(language: &str, words: &Words, said: &AccountWords) {
    const OTHER_PASSWORD: &str = "three green kettles";
    let driver = Driver::start().await;
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    let password = SecretString::from(PASSWORD);
    let add = async |login: &str, name: &str, role| {
        let added = lab.app.account_add(&Caller::System, login, name, &password, role).await;
        added.unwrap()
    };
    add("raon", "홍라온", Role::Full).await;
    let ko = add("ko", "고은결", Role::ReadOnly).await;
    let profile = tempfile::tempdir().expect("a folder");
    let page = Tab {
        client: driver.browser(language, profile.path()).await,
        url: lab.url.clone(),
    };
    let sign_in = async |password: &str| {
        page.go("/sign-in").await;
        page.fill("input[name=login]", "raon").await;
        page.fill("input[name=password]", password).await;
        page.press("form button.primary").await;
        page.sees("form[action='/sign-out']").await;
    };
    sign_in(PASSWORD).await;

    // A colleague becomes an administrator.
    page.go("/administration/accounts").await;
    page.shot("accounts", words).await;
    page.press(&format!("td.end a[href='/administration/accounts/{ko}']"))
        .await;
    page.choose("role", "full").await;
    page.press("form.panel button.primary").await;
    page.says(said.saved).await;
    page.shot("account", words).await;
    let account = lab.app.account(ko).await.unwrap().unwrap();
    assert_eq!(account.role, Role::Full);

    // One's own password, by the old one.
    page.go("/account").await;
    let own = "form[action='/account/password'] button.primary";
    for (again, told) in [("three green kettle", said.differs), (OTHER_PASSWORD, said.changed)] {
        page.fill("input[name=old]", PASSWORD).await;
        page.fill("input[name=new]", OTHER_PASSWORD).await;
        page.fill("input[name=again]", again).await;
        page.press(own).await;
        page.says(told).await;
    }
    page.shot("my-account", words).await;
    page.press("form[action='/sign-out'] button").await;
    page.sees("input[name=login]").await;
    sign_in(OTHER_PASSWORD).await;

    // A key is shown once, opens the API, and does no more when it is revoked.
    page.go("/administration/api-keys/new").await;
    page.fill("input[name=name]", "인사 연동").await;
    page.press("form.narrow button.primary").await;
    page.sees("#secret").await;
    page.shot("api-key", words).await;
    let key = page.attribute("#secret", "value").await;
    let status = async || {
        let asked = reqwest::Client::new().get(format!("{}/api/v1/users", lab.url));
        asked.bearer_auth(&key).send().await.expect("an answer").status()
    };
    assert_eq!(status().await, 200);
    page.go("/administration/accounts").await;
    page.press("td.end a[href^='/administration/api-keys/']").await;
    page.says(&key[key.len() - 4..]).await;
    assert!(!page.client.source().await.unwrap().contains(&key));
    page.press("input[name=confirmed]").await;
    page.press("form[action$='/revoke'] button.primary").await;
    page.says(said.revoked).await;
    assert_eq!(status().await, 401);

    let complaints = driver.complaints(&page.client).await;
    // What was refused is answered with a status that the browser notes.
    let noted = |line: &String| line.contains("the server responded with a status of 422");
    assert!(complaints.iter().all(noted), "the browser complains: {complaints:#?}");
    page.client.close().await.unwrap();
    lab.close().await;
}

/// The page that the browser shows.
struct Tab {
    client: Client,
    url: String,
}

impl Tab {
    async fn go(&self, path: &str) {
        self.client
            .goto(&format!("{}{path}", self.url))
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    async fn sees(&self, selector: &str) {
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(selector))
            .await;
        if found.is_err() {
            panic!(
                "no {selector} on {}:\n{}",
                self.client.current_url().await.unwrap(),
                self.text().await
            );
        }
    }

    async fn says(&self, text: &str) {
        let begun = Instant::now();
        while !self.text().await.contains(text) {
            let url = self.client.current_url().await.unwrap();
            assert!(
                begun.elapsed() < PATIENCE,
                "{url} does not say {text:?}:\n{}",
                self.text().await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn text(&self) -> String {
        match self.client.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    async fn fill(&self, selector: &str, text: &str) {
        self.sees(selector).await;
        let field = self.client.find(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    async fn choose_file(&self, selector: &str, path: &std::path::Path) {
        self.sees(selector).await;
        let field = self.client.find(Locator::Css(selector)).await.unwrap();
        field.send_keys(&path.display().to_string()).await.unwrap();
    }

    async fn press(&self, selector: &str) {
        self.sees(selector).await;
        let button = self.client.find(Locator::Css(selector)).await.unwrap();
        button
            .click()
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Includes the group and picks one of the segments, which cover their radio buttons.
    async fn choose_approval(&self, group: &str, approval: &str) {
        let script = "
            const box = document.querySelector(`input[name=group][value='${arguments[0]}']`);
            if (!box.checked) box.click();
            document.querySelector(`input[name='approval-${arguments[0]}'][value=${arguments[1]}]`).click();
        ";
        self.sees(&format!("input[name=group][value='{group}']")).await;
        self.client
            .execute(script, vec![json!(group), json!(approval)])
            .await
            .unwrap();
    }

    /// Picks one of the segments, which cover their radio buttons.
    async fn choose(&self, name: &str, value: &str) {
        let segment = format!("input[name='{name}'][value='{value}']");
        self.sees(&segment).await;
        let script = "document.querySelector(arguments[0]).click()";
        self.client.execute(script, vec![json!(segment)]).await.unwrap();
    }

    async fn attribute(&self, selector: &str, name: &str) -> String {
        let element = self.client.find(Locator::Css(selector)).await.unwrap();
        element.attr(name).await.unwrap().unwrap_or_default()
    }

    /// Keeps a picture for whoever wants to look: in the folder that ALLOTMENT_TEST_PICTURES names.
    async fn shot(&self, name: &str, words: &Words) {
        let Ok(folder) = std::env::var("ALLOTMENT_TEST_PICTURES") else {
            return;
        };
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(format!("{folder}/{name}.{}.png", words.lang), picture).unwrap();
    }
}
