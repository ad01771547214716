//! Who may come in: accounts, sessions, keys; and one's own account.

use std::time::Duration;

use askama::Template;
use domain::{AccountId, ApiKeyId, SessionId, Time};
use store::Role;

use super::{
    Frame,
    app::Chip,
    conflict::Conflict,
    parts::{Pager, link},
    ui::{Glyph, Html},
    words,
};
use crate::{
    app::{
        api_keys::KEY_OVERLAP,
        passwords::PASSWORD_CHARS,
        sign_in::{SESSION_IDLES, SESSION_LASTS},
    },
    messages::{Given, Speak},
};

pub const ACCOUNTS: &str = "/administration/accounts";

/// One account in a list.
#[derive(Debug, Clone)]
pub struct AccountLine {
    pub id: AccountId,
    pub name: String,
    pub login: String,
    pub role: Role,
    pub disabled_at: Option<Time>,
    pub signed_in_at: Option<Time>,
    /// How many have not ended; `None` for whoever may not know.
    pub sessions: Option<u64>,
    /// Of whoever looks.
    pub own: bool,
}

impl AccountLine {
    fn role_word(&self, s: &Speak) -> String {
        s.t(words::role(self.role))
    }

    fn state(&self, s: &Speak) -> Html {
        match self.disabled_at {
            None => s.state(Glyph::Fine, s.t("account-enabled")),
            Some(since) => s
                .state(Glyph::Na, s.t("account-disabled"))
                .with_reason(&s.day_tag(since)),
        }
    }

    fn signed_in(&self, s: &Speak) -> Html {
        match self.signed_in_at {
            Some(at) => s.when(at),
            None => s.plain(&s.t("account-never")),
        }
    }

    /// One's own page has what one needs of one's own account.
    fn href(&self) -> String {
        if self.own {
            "/account".to_owned()
        } else {
            format!("{ACCOUNTS}/{}", self.id)
        }
    }
}

/// What the list is narrowed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccountFilter {
    #[default]
    All,
    Full,
    ReadOnly,
    Disabled,
}

impl AccountFilter {
    pub const ALL: [AccountFilter; 4] = [
        AccountFilter::All,
        AccountFilter::Full,
        AccountFilter::ReadOnly,
        AccountFilter::Disabled,
    ];

    pub fn of(value: &str) -> AccountFilter {
        let found = AccountFilter::ALL.into_iter().find(|filter| filter.value() == value);
        found.unwrap_or_default()
    }

    pub fn value(self) -> &'static str {
        match self {
            AccountFilter::All => "",
            AccountFilter::Full => "full",
            AccountFilter::ReadOnly => "readOnly",
            AccountFilter::Disabled => "disabled",
        }
    }

    fn word(self) -> &'static str {
        match self {
            AccountFilter::All => "filter-all",
            AccountFilter::Full => "role-full",
            AccountFilter::ReadOnly => "role-read-only",
            AccountFilter::Disabled => "filter-disabled",
        }
    }

    pub fn passes(self, account: &AccountLine) -> bool {
        let enabled = account.disabled_at.is_none();
        match self {
            AccountFilter::All => true,
            AccountFilter::Full => enabled && account.role == Role::Full,
            AccountFilter::ReadOnly => enabled && account.role == Role::ReadOnly,
            AccountFilter::Disabled => !enabled,
        }
    }
}

/// One browser in which somebody is signed in.
#[derive(Debug, Clone)]
pub struct SessionLine {
    pub id: SessionId,
    /// Whose it is.
    pub name: String,
    pub browser: String,
    pub source: String,
    pub created_at: Time,
    pub last_seen_at: Time,
    /// The one in which this page is looked at.
    pub here: bool,
}

impl SessionLine {
    fn browser_text(&self, s: &Speak) -> String {
        if self.browser.is_empty() {
            s.t("session-unknown-browser")
        } else {
            self.browser.clone()
        }
    }

    fn end_label(&self, s: &Speak) -> String {
        s.t2("session-end-for", "name", &self.name, "browser", self.browser_text(s))
    }
}

/// A table of sessions, and where each of them is ended.
#[derive(Debug, Clone)]
pub struct Sessions {
    pub rows: Vec<SessionLine>,
    pub pager: Pager,
    /// The address before the id.
    pub end: &'static str,
    /// Of several people.
    pub named: bool,
    /// What the table is shown beneath, to come back to.
    pub back: String,
}

/// One key in a list.
#[derive(Debug, Clone)]
pub struct KeyLine {
    pub id: ApiKeyId,
    pub name: String,
    pub hint: String,
    pub role: Role,
    pub made_by: String,
    pub created_at: Time,
    pub last_used_at: Option<Time>,
    pub rotated_at: Option<Time>,
    pub previous_until: Option<Time>,
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

/// A key that ends within this is pointed out.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

impl KeyLine {
    /// Enough to tell it from others.
    pub fn shown(&self) -> String {
        format!("alk_…{}", self.hint)
    }

    fn role_word(&self, s: &Speak) -> String {
        s.t(words::role(self.role))
    }

    fn used(&self, s: &Speak) -> Html {
        match self.last_used_at {
            Some(at) => s.when(at),
            None => s.plain(&s.t("key-never-used")),
        }
    }

    /// Until when it is good.
    fn end(&self, s: &Speak) -> Html {
        if let Some(at) = self.revoked_at {
            return s.state(Glyph::Na, s.t("key-revoked")).with_reason(&s.day_tag(at));
        }
        match self.expires_at {
            None => s.plain(&s.t("key-no-end")),
            Some(at) if at <= s.now => s.state(Glyph::Bad, s.t("key-expired")).with_reason(&s.day_tag(at)),
            Some(at) if at <= s.now + SOON => {
                let days = at.since(s.now).as_secs() / 86_400;
                s.state(Glyph::Warn, s.t1("days-left", "days", days))
                    .with_reason(&s.day_tag(at))
            }
            Some(at) => s.day_tag(at),
        }
    }

    fn previous(&self, s: &Speak) -> Option<String> {
        let until = self.previous_until.filter(|until| *until > s.now)?;
        Some(s.t1("key-previous-until", "when", s.date_time(until)))
    }

    fn may_change(&self) -> bool {
        self.revoked_at.is_none()
    }
}

#[derive(Template)]
#[template(path = "console/accounts.html")]
pub struct AccountsPage {
    pub s: Speak,
    pub frame: Frame,
    pub rows: Vec<AccountLine>,
    pub pager: Pager,
    /// How many each filter would leave, in the order of [`AccountFilter::ALL`].
    pub counts: [u64; 4],
    pub filter: AccountFilter,
    pub query: String,
    /// Of everybody; `None` for whoever may not know.
    pub sessions: Option<Sessions>,
    pub keys: Vec<KeyLine>,
    pub keys_pager: Pager,
}

impl AccountsPage {
    fn chips(&self) -> Vec<Chip> {
        AccountFilter::ALL
            .into_iter()
            .zip(self.counts)
            .filter(|(filter, count)| *count > 0 || *filter == self.filter || *filter == AccountFilter::All)
            .map(|(filter, count)| Chip {
                href: accounts_link(filter, &self.query, [1; 3]),
                text: self.s.t(filter.word()),
                count: count.into(),
                current: filter == self.filter,
            })
            .collect()
    }

    fn context(&self) -> String {
        match &self.sessions {
            Some(sessions) => self.s.tn(
                "accounts-context",
                &[
                    ("accounts", self.counts[0]),
                    ("sessions", sessions.pager.total),
                    ("keys", self.keys_pager.total),
                ],
            ),
            None => self.s.tn(
                "accounts-context-looking",
                &[("accounts", self.counts[0]), ("keys", self.keys_pager.total)],
            ),
        }
    }
}

/// `pages`: of accounts, sessions, keys.
pub fn accounts_link(filter: AccountFilter, query: &str, pages: [usize; 3]) -> String {
    let [accounts, sessions, keys] = pages.map(|page| if page > 1 { page.to_string() } else { String::new() });
    link(
        ACCOUNTS,
        &[
            ("filter", filter.value()),
            ("q", query),
            ("page", &accounts),
            ("sessions", &sessions),
            ("keys", &keys),
        ],
    )
}

/// How a role is written in a form.
pub fn role_value(role: Role) -> &'static str {
    match role {
        Role::Full => "full",
        Role::ReadOnly => "readOnly",
    }
}

pub fn role_of(value: &str) -> Option<Role> {
    [Role::Full, Role::ReadOnly]
        .into_iter()
        .find(|role| role_value(*role) == value)
}

/// One of the segments of a form.
pub struct Choice {
    pub value: &'static str,
    pub text: String,
    pub checked: bool,
}

impl Speak {
    fn roles(&self, chosen: impl Given<Role>) -> [Choice; 2] {
        let chosen = chosen.given();
        [Role::Full, Role::ReadOnly].map(|role| Choice {
            value: role_value(role),
            text: self.t(words::role(role)),
            checked: role == chosen,
        })
    }

    /// What a password has to be.
    fn password_rule(&self) -> String {
        self.t1("password-rule", "least", *PASSWORD_CHARS.start() as u64)
    }

    /// When sessions end by themselves.
    fn sessions_end(&self) -> String {
        let (idle, most) = (self.duration(SESSION_IDLES), self.duration(SESSION_LASTS));
        self.t2("sessions-idle", "idle", idle, "most", most)
    }
}

/// What is wrong with the fields of a form, by their names.
#[derive(Debug, Clone, Default)]
pub struct Errors(pub Vec<(&'static str, String)>);

impl Errors {
    fn of(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(wrong, _)| *wrong == field);
        found.map(|(_, text)| text.as_str())
    }

    fn any(&self) -> bool {
        !self.0.is_empty()
    }
}

/// An account that is to be added.
#[derive(Template)]
#[template(path = "console/account_new.html")]
pub struct NewAccountPage {
    pub s: Speak,
    pub frame: Frame,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub errors: Errors,
}

/// Somebody else's account, for an administrator.
#[derive(Template)]
#[template(path = "console/account.html")]
pub struct AccountPage {
    pub s: Speak,
    pub frame: Frame,
    pub id: AccountId,
    /// As they are saved.
    pub title: String,
    pub login: String,
    pub signed_in_at: Option<Time>,
    /// As typed.
    pub name: String,
    pub role: Role,
    pub enabled: bool,
    /// Of the account that was opened, and what it was then.
    pub version: i64,
    pub was: (String, Role, bool),
    pub conflict: Option<Conflict>,
    pub errors: Errors,
    /// Somebody looks at their own.
    pub own: bool,
    pub sessions: Sessions,
}

impl AccountPage {
    fn was_role(&self) -> &'static str {
        role_value(self.was.1)
    }

    fn states(&self) -> [Choice; 2] {
        [true, false].map(|enabled| Choice {
            value: if enabled { "yes" } else { "no" },
            text: self.s.t(enabled_word(enabled)),
            checked: enabled == self.enabled,
        })
    }
}

pub fn enabled_word(enabled: bool) -> &'static str {
    if enabled { "account-enabled" } else { "account-disabled" }
}

/// One's own account.
#[derive(Template)]
#[template(path = "console/my_account.html")]
pub struct MyAccountPage {
    pub s: Speak,
    pub frame: Frame,
    pub name: String,
    pub login: String,
    pub role: Role,
    pub errors: Errors,
    pub sessions: Sessions,
}

/// For how long a key is good, as a form offers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    Days(u16),
    Forever,
}

impl Lasts {
    /// A year first: whoever does not choose gets a key that ends.
    const ALL: [Lasts; 5] = [
        Lasts::Days(30),
        Lasts::Days(90),
        Lasts::Days(365),
        Lasts::Days(730),
        Lasts::Forever,
    ];
    pub const USUAL: Lasts = Lasts::Days(365);

    fn value(self) -> String {
        match self {
            Lasts::Days(days) => days.to_string(),
            Lasts::Forever => "never".to_owned(),
        }
    }

    pub fn of(value: &str) -> Option<Lasts> {
        Lasts::ALL.into_iter().find(|lasts| lasts.value() == value)
    }

    pub fn duration(self) -> Option<Duration> {
        match self {
            Lasts::Days(days) => Some(Duration::from_secs(u64::from(days) * 86_400)),
            Lasts::Forever => None,
        }
    }
}

/// One of the lengths.
struct LastsOption {
    value: String,
    text: String,
    selected: bool,
}

/// A key that is to be made.
#[derive(Template)]
#[template(path = "console/api_key_new.html")]
pub struct NewKeyPage {
    pub s: Speak,
    pub frame: Frame,
    pub name: String,
    pub role: Role,
    pub lasts: Lasts,
    pub errors: Errors,
}

impl NewKeyPage {
    fn lengths(&self) -> Vec<LastsOption> {
        Lasts::ALL
            .into_iter()
            .map(|lasts| LastsOption {
                value: lasts.value(),
                text: match lasts {
                    Lasts::Days(days) => self.s.t1("count-days", "count", u64::from(days)),
                    Lasts::Forever => self.s.t("key-no-end"),
                },
                selected: lasts == self.lasts,
            })
            .collect()
    }
}

/// One key.
#[derive(Template)]
#[template(path = "console/api_key.html")]
pub struct KeyPage {
    pub s: Speak,
    pub frame: Frame,
    pub key: KeyLine,
    pub version: i64,
    /// A key that was just made. It is never shown again.
    pub secret: Option<String>,
    pub conflict: Option<Conflict>,
    /// The box that says what revoking means was not ticked.
    pub not_confirmed: bool,
}

impl KeyPage {
    fn rotate_help(&self) -> String {
        self.s.t1("key-rotate-help", "span", self.s.duration(KEY_OVERLAP))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place,
        conflict::tests::conflict,
        parts::paged,
        tests::{ago, frame, id},
    };

    fn sessions(s: &Speak, named: bool) -> Sessions {
        let line = |number, browser: &str, here| SessionLine {
            id: id(number, SessionId),
            name: "홍라온".to_owned(),
            browser: browser.to_owned(),
            source: "10.20.4.18".to_owned(),
            created_at: ago(s, 300),
            last_seen_at: ago(s, 1),
            here,
        };
        let rows = vec![line(1, "Safari, macOS", true), line(2, "", false)];
        let (rows, pager) = paged(rows, 1, |_| String::new());
        Sessions {
            rows,
            pager,
            end: "/administration/sessions",
            named,
            back: ACCOUNTS.to_owned(),
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let account = |number, disabled, role, own| AccountLine {
            id: id(number, AccountId),
            name: "고은결".to_owned(),
            login: "ko@seorindeul.example".to_owned(),
            role,
            disabled_at: if disabled { Some(ago(s, 5000)) } else { None },
            signed_in_at: if disabled { None } else { Some(ago(s, 50)) },
            sessions: Some(number as u64),
            own,
        };
        let day = 24 * 3600;
        let key = |number, expires: Option<i64>, revoked: bool| KeyLine {
            id: id(number, ApiKeyId),
            name: "인사 연동".to_owned(),
            hint: "9f2c".to_owned(),
            role: Role::ReadOnly,
            made_by: "홍라온".to_owned(),
            created_at: ago(s, 200_000),
            last_used_at: if revoked { None } else { Some(ago(s, 3)) },
            rotated_at: Some(ago(s, 60)),
            previous_until: Some(s.now + Duration::from_secs(day as u64)),
            expires_at: expires.map(|days| Time(s.now.ms() + days * day * 1000)),
            revoked_at: if revoked { Some(ago(s, 9000)) } else { None },
        };
        let errors = || {
            let field = |name| (name, "x".to_owned());
            Errors(
                [
                    "login", "name", "role", "enabled", "password", "old", "new", "again", "lasts",
                ]
                .map(field)
                .into(),
            )
        };
        let list = |looking: bool| {
            let rows = vec![
                account(1, false, Role::Full, true),
                account(2, false, Role::ReadOnly, false),
                account(3, true, Role::Full, false),
            ];
            let counts = AccountFilter::ALL.map(|filter| rows.iter().filter(|row| filter.passes(row)).count() as u64);
            let (rows, pager) = paged(rows, 1, |_| String::new());
            let keys = vec![
                key(1, None, false),
                key(2, Some(9), false),
                key(3, Some(-3), false),
                key(4, Some(400), true),
            ];
            let (keys, keys_pager) = paged(keys, 1, |_| String::new());
            AccountsPage {
                s: s.clone(),
                frame: Frame {
                    may_write: !looking,
                    ..frame(Place::Accounts)
                },
                rows,
                pager,
                counts,
                filter: AccountFilter::All,
                query: String::new(),
                sessions: (!looking).then(|| sessions(s, true)),
                keys,
                keys_pager,
            }
        };
        let mut nothing = list(true);
        nothing.rows = Vec::new();
        nothing.keys = Vec::new();
        let new = |errors| NewAccountPage {
            s: s.clone(),
            frame: frame(Place::Accounts),
            login: "ko".to_owned(),
            name: String::new(),
            role: Role::ReadOnly,
            errors,
        };
        let one = |own, errors, conflict| AccountPage {
            s: s.clone(),
            frame: frame(Place::Accounts),
            id: id(2, AccountId),
            title: "고은결".to_owned(),
            login: "ko@seorindeul.example".to_owned(),
            signed_in_at: if own { Some(ago(s, 50)) } else { None },
            name: "고은결".to_owned(),
            role: Role::Full,
            enabled: own,
            version: 3,
            was: ("고은결".to_owned(), Role::ReadOnly, true),
            conflict,
            errors,
            own,
            sessions: sessions(s, false),
        };
        let mine = |errors| MyAccountPage {
            s: s.clone(),
            frame: frame(Place::MyAccount),
            name: "홍라온".to_owned(),
            login: "hong".to_owned(),
            role: Role::Full,
            errors,
            sessions: sessions(s, false),
        };
        let new_key = |errors| NewKeyPage {
            s: s.clone(),
            frame: frame(Place::Accounts),
            name: String::new(),
            role: Role::ReadOnly,
            lasts: Lasts::USUAL,
            errors,
        };
        let one_key = |secret: Option<&str>, revoked, conflict| KeyPage {
            s: s.clone(),
            frame: frame(Place::Accounts),
            key: key(1, Some(200), revoked),
            version: 2,
            not_confirmed: secret.is_none(),
            secret: secret.map(str::to_owned),
            conflict,
        };
        vec![
            ("accounts", list(false).render().unwrap()),
            ("accounts-looking", list(true).render().unwrap()),
            ("accounts-none", nothing.render().unwrap()),
            ("account-new", new(Errors::default()).render().unwrap()),
            ("account-new-wrong", new(errors()).render().unwrap()),
            ("account", one(false, Errors::default(), None).render().unwrap()),
            ("account-own", one(true, Errors::default(), None).render().unwrap()),
            (
                "account-conflict",
                one(false, errors(), Some(conflict(s))).render().unwrap(),
            ),
            ("my-account", mine(Errors::default()).render().unwrap()),
            ("my-account-wrong", mine(errors()).render().unwrap()),
            ("api-key-new", new_key(Errors::default()).render().unwrap()),
            ("api-key-new-wrong", new_key(errors()).render().unwrap()),
            ("api-key", one_key(Some("alk_abc"), false, None).render().unwrap()),
            (
                "api-key-stale",
                one_key(None, false, Some(conflict(s))).render().unwrap(),
            ),
            ("api-key-revoked", one_key(None, true, None).render().unwrap()),
        ]
    }

    #[test]
    fn what_a_form_says_of_roles_and_lengths_comes_back_as_it_went() {
        for role in [Role::Full, Role::ReadOnly] {
            assert_eq!(role_of(role_value(role)), Some(role));
        }
        assert_eq!(role_of("admin"), None);
        for lasts in Lasts::ALL {
            assert_eq!(Lasts::of(&lasts.value()), Some(lasts));
        }
        assert_eq!(Lasts::of("36500"), None);
        assert!(
            Lasts::USUAL.duration().is_some(),
            "whoever does not choose gets a key that ends"
        );
    }
}
