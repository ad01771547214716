//! What an administrator can set going again or end for good, with nothing but links and forms.

use std::sync::Mutex;

use domain::{Approval, Detail, InstallState};
use reqwest::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use server::app::{Caller, Role};
use sim::{
    apple::{TokenKind, sample::adam_id},
    devices::{DeviceSpec, Prompt},
};

use crate::lab::{Database, Lab, Setup, iphone, until};

/// Somebody with full rights at a browser without JavaScript.
pub struct Console {
    http: reqwest::Client,
    url: String,
    cookie: String,
    /// What the last form left for the page after it.
    message: Mutex<String>,
    key: String,
}

impl Console {
    pub async fn of(lab: &Lab) -> Console {
        let password = SecretString::from("a teapot of blue tin");
        lab.app
            .account_add(&Caller::System, "raon", "홍라온", &password, Role::Full)
            .await
            .unwrap();
        let (_, key) = lab
            .app
            .api_key_create(&Caller::System, "test", Role::ReadOnly, None)
            .await
            .unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let form = [("login", "raon"), ("password", "a teapot of blue tin")];
        let answer = http
            .post(format!("{}/sign-in", lab.url))
            .form(&form)
            .send()
            .await
            .unwrap();
        Console {
            http,
            url: lab.url.clone(),
            cookie: cookies(&answer),
            message: Mutex::default(),
            key: key.expose_secret().to_owned(),
        }
    }

    pub async fn page(&self, path: &str, lang: &str) -> String {
        let request = self.http.get(format!("{}{path}", self.url));
        let message = std::mem::take(&mut *self.message.lock().unwrap());
        let cookie = format!("{}; lang={lang}; {message}", self.cookie);
        let answer = request.header(header::COOKIE, cookie).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// An answer of the API to somebody who may look.
    pub async fn api(&self, path: &str) -> serde_json::Value {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.key);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Sends a form; where it leads, if it leads anywhere.
    async fn submit(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, Option<String>) {
        let request = self.http.post(format!("{}{path}", self.url)).form(form);
        let answer = request.header(header::COOKIE, &self.cookie).send().await.unwrap();
        *self.message.lock().unwrap() = cookies(&answer);
        let to = answer.headers().get(header::LOCATION);
        (answer.status(), to.map(|to| to.to_str().unwrap().to_owned()))
    }
}

fn cookies(answer: &reqwest::Response) -> String {
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
    let pairs = cookies.filter_map(|cookie| cookie.to_str().unwrap().split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

/// Somebody cancels the prompt by mistake, says so on the phone, and has the app a minute later, not in a week.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_whose_prompt_was_cancelled_is_installed_again_by_a_button() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let person = lab.person("윤가람").await;
    let spec = DeviceSpec {
        supervised: false,
        prompt: Prompt::Reject {
            after: std::time::Duration::ZERO,
        },
        ..iphone(0)
    };
    let serial = spec.serial.clone();
    lab.enrol(person, spec).await;
    let group = lab.group("영업팀", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    let said = async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let verdict = overview.app(app).unwrap().decision.people.get(&person).cloned();
        verdict.map(|verdict| (verdict.state, verdict.detail))
    };
    let cancelled = Some((InstallState::Failed, Detail::UserRejectedInstall));
    until("the prompt is cancelled", async || said().await == cancelled).await;

    let console = Console::of(&lab).await;
    let device = lab.app.devices().await.unwrap()[0].id;
    let path = format!("/devices/{device}/apps/{app}/install-again");
    let of_person = format!("/people/{person}/apps/{app}/install-again");
    for (page, action) in [
        (format!("/devices/{device}"), &path),
        (format!("/people/{person}"), &of_person),
        (format!("/apps/{app}?tab=devices"), &path),
    ] {
        for (lang, word) in [("ko", "다시 설치"), ("en", "Install again")] {
            let html = console.page(&page, lang).await;
            assert!(
                html.contains(&format!(r#"action="{action}""#)) && html.contains(word),
                "{page} {lang}"
            );
        }
    }

    // Cancelled again, on the word of the person's own page; then the person accepts.
    let installs = async || {
        let commands = lab.app.device_commands(device, 100).await.unwrap();
        let installs = commands.iter().filter(|row| row.request_type == "InstallApplication");
        installs.count()
    };
    assert_eq!(installs().await, 1);
    let (status, to) = console.submit(&of_person, &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(to.unwrap(), format!("/people/{person}"));
    until("it was asked once more", async || {
        installs().await == 2 && said().await == cancelled
    })
    .await;
    lab.fleet.change(&serial, |spec| {
        spec.prompt = Prompt::Accept {
            after: std::time::Duration::ZERO,
        };
    });
    let (status, to) = console.submit(&path, &[("from", "app")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let back = console.page(&to.unwrap(), "ko").await;
    assert!(back.contains("다시 설치하도록 요청했습니다"));
    let installed = Some((InstallState::Installed, Detail::NoAdditionalDetails));
    until("the app is proved to be there", async || said().await == installed).await;
    let html = console.page(&format!("/devices/{device}"), "ko").await;
    assert!(
        !html.contains("install-again\""),
        "nothing to try again with an app that is there"
    );
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// A backup of a phone is stolen, and with it the key that the phone signs with.
#[tokio::test(flavor = "multi_thread")]
async fn the_identity_of_a_device_is_revoked_on_its_page_after_a_tick() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    let person = lab.person("윤가람").await;
    let spec = iphone(0);
    let serial = spec.serial.clone();
    lab.enrol(person, spec).await;
    let console = Console::of(&lab).await;
    let device = lab.app.devices().await.unwrap()[0].clone();
    let page = format!("/devices/{}", device.id);
    let action = format!("{page}/revoke-identity");
    for (lang, word, consequence) in [
        ("ko", "인증서 폐기", "라이선스는 그대로 남습니다"),
        ("en", "Revoke identity", "assigned licences stay as they are"),
    ] {
        let html = console.page(&page, lang).await;
        assert!(html.contains(&format!(r#"action="{action}""#)), "{lang}");
        assert!(html.contains(word) && html.contains(consequence), "{lang}");
    }

    let (status, _) = console.submit(&action, &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "the box says what it means");
    let identity = async || lab.app.device_identity(&device).await.unwrap().unwrap();
    assert_eq!(identity().await.revoked_at, None, "nothing was changed");

    let (status, to) = console.submit(&action, &[("confirmed", "yes")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(identity().await.revoked_at.is_some());
    let html = console.page(&to.unwrap(), "ko").await;
    assert!(!html.contains(&action), "it is revoked once");
    assert!(html.contains("폐기함"));
    lab.fleet.rotate_token(&serial).await;
    let token = lab.app.device(device.id).await.unwrap().unwrap().push_token;
    assert_eq!(token, None, "it is not woken, and nothing is believed that it signs");
    lab.close().await;
}
