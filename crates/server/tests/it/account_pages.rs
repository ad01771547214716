//! Accounts, sessions and keys in the console: what a person sees and presses.

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use server::app::{Account, Base, Caller, Role, accounts::AccountChange, people::NewPerson};
use store::{EventFilter, testing::Fresh};

use crate::server::{Browser, PASSWORD, TestServer, form, on_both};

const ACCOUNTS: &str = "/administration/accounts";
const OTHER_PASSWORD: &str = "three green kettles";

fn fields(pairs: &[(&str, &str)]) -> form::Fields {
    let owned = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

async fn account(server: &TestServer, login: &str) -> Account {
    let found = server.running.app.account_by_login(login).await.unwrap();
    found.unwrap_or_else(|| panic!("no account {login}"))
}

async fn colleague(server: &TestServer, login: &str, role: Role) -> Account {
    let app = &server.running.app;
    let password = SecretString::from(PASSWORD);
    let added = app.account_add(&Caller::System, login, login, &password, role).await;
    added.unwrap();
    account(server, login).await
}

/// What happened to accounts, by kind.
async fn history(server: &TestServer) -> Vec<String> {
    let filter = EventFilter {
        limit: 1000,
        ..EventFilter::default()
    };
    let events = server.running.app.store.events(&filter).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

on_both! {
    async fn an_administrator_adds_a_colleague_raises_and_disables_them(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        let new = format!("{ACCOUNTS}/new");
        let typed = fields(&[("login", "ko"), ("name", "고은결"), ("role", "readOnly"), ("password", "password1234")]);
        let (status, page) = raon.submit(server, &new, &typed).await;
        assert_eq!(status, 422);
        assert!(page.contains("추측하기 쉬운 암호입니다") && page.contains("value=\"고은결\""), "{page}");
        assert!(!page.contains("password1234"), "a password is not shown again");
        let page = raon.press(server, &new, &form::with(&typed, "password", PASSWORD)).await;
        assert!(page.contains("계정을 추가했습니다") && page.contains("고은결"), "{page}");
        assert!(!raon.page(server, ACCOUNTS).await.contains("계정을 추가했습니다"), "it is said once");
        let (status, page) = raon.submit(server, &new, &form::with(&typed, "password", PASSWORD)).await;
        assert!(status == 422 && page.contains("이미 사용 중"), "{page}");

        // Who may look sees the accounts, not where colleagues sign in from, and changes nothing.
        let ko = Browser::of(server, "ko", PASSWORD).await.unwrap();
        let page = ko.page(server, ACCOUNTS).await;
        assert!(page.contains("홍라온") && !page.contains("127.0.0.1"), "{page}");
        let id = account(server, "ko").await.id;
        let one = format!("{ACCOUNTS}/{id}");
        assert_eq!(ko.get(server, &new).await.0, 403);
        assert_eq!(ko.get(server, &one).await.0, 403);
        let as_seen = raon.form(server, &one).await;
        let raised = form::with(&as_seen, "role", "full");
        assert_eq!(ko.submit(server, &one, &raised).await.0, 403);

        let page = raon.press(server, &one, &raised).await;
        assert!(page.contains("저장했습니다"), "{page}");
        assert_eq!(account(server, "ko").await.role, Role::Full);
        assert_eq!(ko.get(server, ACCOUNTS).await.0, 303, "another role begins with another session");
        let ko = Browser::of(server, "ko", PASSWORD).await.unwrap();
        assert!(ko.page(server, ACCOUNTS).await.contains("127.0.0.1"));

        // Disabled, let in again, with a new password, and without what counted against them.
        let disabled = form::with(&raon.form(server, &one).await, "enabled", "no");
        raon.press(server, &one, &disabled).await;
        assert_eq!(ko.get(server, ACCOUNTS).await.0, 303);
        assert_eq!(Browser::of(server, "ko", PASSWORD).await.err(), Some(403));
        let enabled = form::with(&raon.form(server, &one).await, "enabled", "yes");
        raon.press(server, &one, &enabled).await;
        let password = format!("{one}/password");
        let (status, page) = raon.submit(server, &password, &fields(&[("password", "short")])).await;
        assert!(status == 422 && page.contains("너무 짧습니다"), "{page}");
        let page = raon.press(server, &password, &fields(&[("password", OTHER_PASSWORD)])).await;
        assert!(page.contains("암호를 재설정했습니다"), "{page}");
        let page = raon.press(server, &format!("{one}/unlock"), &fields(&[])).await;
        assert!(page.contains("로그인 제한을 해제했습니다"), "{page}");
        assert!(account(server, "ko").await.unlocked_at.is_some());
        assert_eq!(Browser::of(server, "ko", PASSWORD).await.err(), Some(403));
        assert!(Browser::of(server, "ko", OTHER_PASSWORD).await.is_ok());
        let history = history(server).await;
        for kind in ["accountAdded", "accountChanged", "accountDisabled", "accountEnabled", "passwordSet", "accountUnlocked"] {
            assert!(history.iter().any(|known| known == kind), "{kind}: {history:?}");
        }
    }

    async fn two_tabs_on_one_account_lose_nothing(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        let one = format!("{ACCOUNTS}/{}", colleague(server, "ko", Role::ReadOnly).await.id);
        let opened = raon.form(server, &one).await;
        raon.press(server, &one, &form::with(&opened, "name", "고은결")).await;
        let (status, page) = raon.submit(server, &one, &form::with(&opened, "role", "full")).await;
        assert_eq!(status, 409);
        for text in ["저장하지 않았습니다", "홍라온 님이 먼저 바꿨습니다", "고은결", "모든 권한"] {
            assert!(page.contains(text), "{text}: {page}");
        }
        assert_eq!(account(server, "ko").await.role, Role::ReadOnly);
        raon.press(server, &one, &form::of(&page, &one)).await;
        let now = account(server, "ko").await;
        assert_eq!((now.name.as_str(), now.role), ("고은결", Role::Full));
    }

    async fn nobody_takes_rights_from_themselves_nor_from_the_last_one(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        let ko = colleague(server, "ko", Role::Full).await;
        let own = format!("{ACCOUNTS}/{}", account(server, "raon").await.id);
        let seen = raon.form(server, &own).await;
        for (field, value) in [("enabled", "no"), ("role", "readOnly")] {
            let (status, page) = raon.submit(server, &own, &form::with(&seen, field, value)).await;
            assert!(status == 422 && page.contains("다른 관리자만 바꿀 수 있습니다"), "{page}");
        }
        let password = format!("{own}/password");
        let (status, page) = raon.submit(server, &password, &fields(&[("password", OTHER_PASSWORD)])).await;
        assert!(status == 422 && page.contains("내 암호는 내 계정에서 변경하세요"), "{page}");
        assert!(Browser::of(server, "raon", PASSWORD).await.is_ok());
        // One's own name is one's own to change.
        raon.press(server, &own, &form::with(&seen, "name", "홍 라온")).await;

        // A program can change both, and leaves the last one.
        let app = &server.running.app;
        let disable = || AccountChange { enabled: Some(false), ..AccountChange::default() };
        app.account_change(&Caller::System, ko.id, Base::Latest, disable()).await.unwrap();
        let raon = account(server, "raon").await.id;
        assert!(app.account_change(&Caller::System, raon, Base::Latest, disable()).await.is_err());
    }

    async fn whoever_changes_the_own_password_stays_and_everybody_else_goes(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        let elsewhere = Browser::of(server, "raon", PASSWORD).await.unwrap();
        let typed = |old: &str, new: &str, again: &str| fields(&[("old", old), ("new", new), ("again", again)]);
        let path = "/account/password";
        for (form, text) in [
            (typed("not my password", OTHER_PASSWORD, OTHER_PASSWORD), "맞지 않습니다"),
            (typed(PASSWORD, OTHER_PASSWORD, "three green kettle"), "새 암호와 다릅니다"),
            (typed(PASSWORD, "raonraonraon", "raonraonraon"), "추측하기 쉬운 암호입니다"),
        ] {
            let (status, page) = raon.submit(server, path, &form).await;
            assert!(status == 422 && page.contains(text), "{text}: {page}");
            assert!(!page.contains(OTHER_PASSWORD));
        }
        assert_eq!(elsewhere.get(server, "/account").await.0, 200, "nothing was changed");
        let page = raon.press(server, path, &typed(PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD)).await;
        assert!(page.contains("암호를 변경했습니다"), "{page}");
        assert_eq!(elsewhere.get(server, "/account").await.0, 303);
        assert_eq!(Browser::of(server, "raon", PASSWORD).await.err(), Some(403));
        assert!(Browser::of(server, "raon", OTHER_PASSWORD).await.is_ok());

        // Whoever took over a session does not get to guess.
        let mut last = 0;
        for _ in 0..6 {
            last = raon.submit(server, path, &typed("a wrong password", PASSWORD, PASSWORD)).await.0;
        }
        assert_eq!(last, 429);
    }

    async fn sessions_are_listed_and_ended_by_whom_they_are_or_by_an_administrator(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        colleague(server, "ko", Role::ReadOnly).await;
        let ko = Browser::of(server, "ko", PASSWORD).await.unwrap();
        let elsewhere = Browser::of(server, "ko", PASSWORD).await.unwrap();
        let page = ko.page(server, "/account").await;
        assert!(page.contains("이 세션") && page.contains("127.0.0.1"), "{page}");
        let ends = |page: &str| -> Vec<String> {
            let actions = page.split("action=\"").skip(1).filter_map(|rest| rest.split('"').next());
            actions.filter(|action| action.ends_with("/end")).map(str::to_owned).collect()
        };
        let other = ends(&page);
        assert_eq!(other.len(), 1, "the session in which one looks has no button");

        // Another one's session is not there, and is not ended by an address that one made up.
        let of_raon = server.running.app.sessions(Some(account(server, "raon").await.id)).await.unwrap()[0].id;
        ko.press(server, &format!("/account/sessions/{of_raon}/end"), &fields(&[])).await;
        assert_eq!(ko.submit(server, &format!("/administration/sessions/{of_raon}/end"), &fields(&[])).await.0, 403);
        assert_eq!(raon.get(server, "/account").await.0, 200);

        let page = ko.press(server, &other[0], &fields(&[])).await;
        assert!(page.contains("세션을 종료했습니다"), "{page}");
        assert_eq!(elsewhere.get(server, "/account").await.0, 303);
        let elsewhere = Browser::of(server, "ko", PASSWORD).await.unwrap();
        ko.press(server, "/account/end-other-sessions", &fields(&[])).await;
        assert_eq!((ko.get(server, "/account").await.0, elsewhere.get(server, "/account").await.0), (200, 303));

        // An administrator ends one of anybody's.
        let of_ko: Vec<_> = ends(&raon.page(server, ACCOUNTS).await);
        assert_eq!(of_ko.len(), 1);
        raon.press(server, &of_ko[0], &fields(&[("back", "//evil.example")])).await;
        assert_eq!(ko.get(server, "/account").await.0, 303);
        assert_eq!(raon.get(server, "/account").await.0, 200);
    }

    async fn a_key_is_shown_once_replaced_by_whoever_saw_it_and_revoked(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        let works = async |key: &str| {
            let asked = server.request(Method::GET, "/api/v1/users").bearer_auth(key);
            asked.send().await.unwrap().status() == StatusCode::OK
        };
        let shown = |page: &str| -> String {
            let value = page.split("id=\"secret\" readonly value=\"").nth(1).expect("a key is shown");
            value.split('"').next().unwrap().to_owned()
        };
        let typed = fields(&[("name", ""), ("role", "readOnly"), ("lasts", "90")]);
        let new = "/administration/api-keys/new";
        assert_eq!(raon.submit(server, new, &typed).await.0, 422);
        let (status, page) = raon.submit(server, new, &form::with(&typed, "name", "인사 연동")).await;
        assert_eq!(status, 200);
        let first = shown(&page);
        assert!(works(&first).await);
        let app = &server.running.app;
        let key = app.api_keys().await.unwrap().into_iter().find(|key| key.name == "인사 연동").unwrap();
        let days = key.expires_at.unwrap().since(key.created_at).as_secs() / 86_400;
        assert_eq!((days, key.made_by.as_str()), (90, "홍라온"));
        let one = format!("/administration/api-keys/{}", key.id);
        let (rotate, revoke) = (format!("{one}/rotate"), format!("{one}/revoke"));
        let opened = raon.page(server, &one).await;
        assert!(!opened.contains(&first) && opened.contains(&first[first.len() - 4..]));
        assert!(raon.page(server, ACCOUNTS).await.contains("인사 연동"));

        let (_, page) = raon.submit(server, &rotate, &form::of(&opened, &rotate)).await;
        let second = shown(&page);
        assert!(works(&first).await && works(&second).await, "both, for a day");
        // A second tab would end the one that the first carries to its program.
        let (status, page) = raon.submit(server, &rotate, &form::of(&opened, &rotate)).await;
        assert!(status == 409 && page.contains("홍라온 님이 먼저 바꿨습니다"), "{page}");
        let box_ticked = form::and(&form::of(&opened, &revoke), "confirmed", "yes");
        assert_eq!(raon.submit(server, &revoke, &box_ticked).await.0, 409);
        assert!(works(&first).await && works(&second).await);

        let fresh = raon.page(server, &one).await;
        assert_eq!(raon.submit(server, &revoke, &form::of(&fresh, &revoke)).await.0, 422, "the box is not ticked");
        assert!(works(&second).await);
        let page = raon.press(server, &revoke, &form::and(&form::of(&fresh, &revoke), "confirmed", "yes")).await;
        assert!(page.contains("API 키를 폐기했습니다"), "{page}");
        assert!(!works(&first).await && !works(&second).await);
        assert!(!raon.page(server, &one).await.contains("/rotate"));

        // Who may look sees which keys there are, and none of their pages.
        colleague(server, "ko", Role::ReadOnly).await;
        let ko = Browser::of(server, "ko", PASSWORD).await.unwrap();
        assert!(ko.page(server, ACCOUNTS).await.contains("인사 연동"));
        for path in [new, &one] {
            assert_eq!(ko.get(server, path).await.0, 403);
        }
        assert_eq!(ko.submit(server, new, &form::with(&typed, "name", "mine")).await.0, 403);
        let secrets = [first, second].map(SecretString::from);
        assert!(secrets.iter().all(|secret| !page.contains(secret.expose_secret())));
    }

    /// What was done is said to whom did it, once, and by nobody else.
    async fn a_page_says_that_something_was_done_to_whom_did_it_only(server: &TestServer) {
        const SAVED: &str = "저장했습니다";
        let raon = Browser::sign_in(server).await;
        let elsewhere = Browser::of(server, "raon", PASSWORD).await.unwrap();
        let one = format!("{ACCOUNTS}/{}", colleague(server, "ko", Role::ReadOnly).await.id);
        let seen = raon.form(server, &one).await;
        assert_eq!(raon.submit(server, &one, &form::with(&seen, "name", "고은결")).await.0, 303);
        let said = raon.cookie("done").expect("a cookie");
        let parts: Vec<&str> = said.split('.').collect();
        let later = format!("{}.{}9.{}", parts[0], parts[1], parts[2]);
        let other = format!("flash-password-set.{}.{}", parts[1], parts[2]);
        for forged in ["", "flash-saved", "flash-saved.99999999999999.", "..", &later, &other, &said[..said.len() - 1]] {
            raon.set_cookie("done", forged);
            let page = raon.page(server, "/groups").await;
            assert!(!page.contains("class=\"flash ok\""), "{forged}: {page}");
        }
        elsewhere.set_cookie("done", &said);
        assert!(!elsewhere.page(server, "/groups").await.contains(SAVED), "another session");
        raon.set_cookie("done", &said);
        assert!(raon.page(server, "/groups").await.contains(SAVED));
        assert!(raon.cookie("done").is_none());
        assert!(!raon.page(server, "/groups").await.contains(SAVED), "it is said once");
    }

    /// A link to `?done=token-linked` made the page say so.
    async fn no_address_makes_a_page_say_that_something_was_done(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        let app = &server.running.app;
        let new = NewPerson { name: "김하늘".to_owned(), email: None, department: None, office: None };
        let person = app.person_add(&Caller::System, new).await.unwrap();
        for path in [
            "/dashboard", "/apps", "/devices", "/people", &format!("/people/{person}"), "/groups", "/activity",
            "/search", "/administration/vpp", "/administration/settings", ACCOUNTS, "/account",
        ] {
            for word in ["saved", "flash-saved", "sync", "token-linked", "token-renewed", "deployment", "person-added"] {
                let page = raon.page(server, &format!("{path}?done={word}&flash={word}")).await;
                assert!(page.contains("<h1") && !page.contains("class=\"flash ok\""), "{path} {word}: {page}");
            }
        }
        // What it takes: having done it.
        let edit = format!("/people/{person}/edit");
        let typed = form::with(&raon.form(server, &edit).await, "department", "영업팀");
        assert!(raon.press(server, &edit, &typed).await.contains("class=\"flash ok\""));
    }
}
