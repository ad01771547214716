//! The first page: is the token healthy, are there enough licences, what needs a person.

use askama::Template;
use domain::{AssetId, Counts, Owned, Time, TokenState};
use store::Many;

use super::{
    Frame,
    apps::AppLine,
    changes::HeldLine,
    parts::Running,
    ui::{Glyph, StateCounts},
};
use crate::messages::Speak;

#[derive(Template)]
#[template(path = "console/dashboard.html")]
pub struct DashboardPage {
    pub s: Speak,
    pub frame: Frame,
    /// Changes that wait for another administrator.
    pub held: Vec<HeldLine>,
    /// `None` until a token is linked.
    pub location: Option<LocationBrief>,
}

pub struct LocationBrief {
    pub organization: String,
    pub location: String,
    pub token: TokenBrief,
    /// Which apps are added up: all but those without end.
    pub totals: Totals,
    pub todo: Vec<Todo>,
    /// Fewest free first.
    pub apps: Vec<AppLine>,
    pub installs: StateCounts,
    pub running: Vec<Running>,
}

pub struct TokenBrief {
    pub state: TokenState,
    pub days_left: i64,
    pub expires_at: Time,
    pub last_sync_at: Option<Time>,
    pub last_sync_failed: bool,
    /// The server that took the location from us.
    pub owner: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    pub owned: u64,
    pub used: u64,
    pub on_the_way: u64,
    pub foreign: u64,
    pub free: u64,
    /// People times apps.
    pub waiting: u64,
    pub short_apps: u64,
    pub apps: u64,
    pub unlimited_apps: u64,
}

impl DashboardPage {
    /// Nothing is left after the end, however long ago that was.
    fn days_shown(&self, token: &TokenBrief) -> i64 {
        token.days_left.max(0)
    }
}

impl Totals {
    pub fn of<'a>(apps: impl IntoIterator<Item = &'a Counts>) -> Totals {
        let mut totals = Totals::default();
        for counts in apps {
            totals.apps += 1;
            totals.waiting += counts.waiting;
            totals.short_apps += u64::from(counts.waiting > 0 || counts.short > 0);
            let Owned::Count(owned) = counts.owned else {
                totals.unlimited_apps += 1;
                continue;
            };
            totals.owned += owned;
            totals.used += counts.used;
            totals.on_the_way += counts.on_the_way;
            totals.foreign += counts.foreign;
            totals.free += counts.free.unwrap_or_default();
        }
        totals
    }

    fn counts(&self) -> Counts {
        Counts {
            owned: Owned::Count(self.owned),
            used: self.used,
            on_the_way: self.on_the_way,
            foreign: self.foreign,
            free: Some(self.free),
            kept: 0,
            waiting: 0,
            returning: 0,
            short: 0,
        }
    }
}

/// Something that a person has to look at, the most urgent first.
#[derive(Debug, Clone)]
pub enum Todo {
    TokenUnusable {
        state: TokenState,
        expires_at: Time,
        owner: Option<String>,
    },
    TokenExpiring {
        days_left: i64,
        expires_at: Time,
    },
    /// What was decided of them would break a promise, and is not done.
    PlansStopped {
        people: Many,
        since: Option<Time>,
    },
    /// Apple has not answered as it should, since then.
    AppleSilent {
        since: Time,
    },
    /// No device at all was heard since then, so that none counts as gone.
    DevicesUnheard {
        since: Time,
    },
    SyncFailed {
        at: Time,
        code: String,
    },
    /// More are in use than are owned.
    Overdrawn {
        app: AssetId,
        name: String,
        short: u64,
    },
    /// People wait, and every licence is used by us.
    Short {
        app: AssetId,
        name: String,
        waiting: u64,
        since: Option<Time>,
    },
    /// People wait, and another server holds some.
    ShortByForeign {
        app: AssetId,
        name: String,
        waiting: u64,
        foreign: u64,
        owned: u64,
    },
    InstallFailed {
        app: AssetId,
        name: String,
        devices: u64,
    },
    /// Required on somebody's device, and the terms are not accepted.
    TermsOpen {
        people: u64,
        oldest: Option<Time>,
    },
    NoDeployment {
        apps: u64,
    },
}

/// The same in words.
pub struct TodoLine {
    pub glyph: Glyph,
    pub severity: String,
    pub text: String,
    pub reason: String,
    pub verb: String,
    pub href: String,
}

impl Todo {
    /// The most urgent first; what is equally urgent stays in its order.
    pub fn sort(todo: &mut [Todo]) {
        todo.sort_by_key(Todo::severity);
    }

    fn severity(&self) -> Severity {
        match self {
            Todo::TokenUnusable { .. }
            | Todo::PlansStopped { .. }
            | Todo::Overdrawn { .. }
            | Todo::Short { .. }
            | Todo::ShortByForeign { .. } => Severity::Critical,
            Todo::TokenExpiring { days_left, .. } if *days_left < 7 => Severity::Critical,
            Todo::TokenExpiring { .. }
            | Todo::AppleSilent { .. }
            | Todo::DevicesUnheard { .. }
            | Todo::SyncFailed { .. }
            | Todo::InstallFailed { .. }
            | Todo::TermsOpen { .. } => Severity::Warning,
            Todo::NoDeployment { .. } => Severity::Information,
        }
    }

    fn line(&self, s: &Speak) -> TodoLine {
        let users = |app: &AssetId| format!("/apps/{app}?tab=users");
        let vpp = || "/administration/vpp".to_owned();
        let (text, reason, verb, href) = match self {
            Todo::TokenUnusable {
                state: TokenState::AssignedToExternalMdm,
                owner: Some(owner),
                ..
            } => (
                s.t1("todo-token-taken", "owner", owner.as_str()),
                s.t("todo-token-stopped"),
                "verb-look",
                vpp(),
            ),
            Todo::TokenUnusable {
                state: TokenState::AssignedToExternalMdm,
                owner: None,
                ..
            } => (
                s.t("todo-token-nobodys"),
                s.t("todo-token-stopped"),
                "verb-renew",
                "/administration/vpp/upload".to_owned(),
            ),
            Todo::TokenUnusable {
                state: TokenState::Expired,
                expires_at,
                ..
            } => (
                s.t1("todo-token-expired", "date", s.date(*expires_at)),
                s.t("todo-token-stopped"),
                "verb-renew",
                "/administration/vpp/upload".to_owned(),
            ),
            Todo::TokenUnusable {
                state: TokenState::ReadOnly,
                ..
            } => (
                s.t("todo-token-read-only"),
                s.t("todo-token-stopped"),
                "verb-renew",
                "/administration/vpp/upload".to_owned(),
            ),
            Todo::TokenUnusable { .. } => (
                s.t("todo-token-refused"),
                s.t("todo-token-stopped"),
                "verb-renew",
                "/administration/vpp/upload".to_owned(),
            ),
            Todo::TokenExpiring { days_left, expires_at } => (
                s.t1("todo-token-expiring", "days", *days_left),
                s.t1("todo-token-expiring-reason", "date", s.full_date(*expires_at)),
                "verb-renew",
                "/administration/vpp/upload".to_owned(),
            ),
            Todo::PlansStopped { people, since } => (
                match people.more {
                    true => s.t1("todo-plans-stopped-more", "people", people.number),
                    false => s.t1("todo-plans-stopped", "people", people.number),
                },
                since.map_or_else(String::new, |since| s.t1("todo-since", "time", s.date_time(since))),
                "verb-look",
                "/stopped".to_owned(),
            ),
            Todo::AppleSilent { since } => (
                s.t1("todo-apple-silent", "since", s.since(*since)),
                s.t("todo-apple-silent-reason"),
                "verb-look",
                vpp(),
            ),
            Todo::DevicesUnheard { since } => (
                s.t1("todo-devices-unheard", "since", s.date_time(*since)),
                s.t("todo-devices-unheard-reason"),
                "verb-devices",
                "/devices".to_owned(),
            ),
            Todo::SyncFailed { at, code } => (
                s.t("todo-sync-failed"),
                format!("{} · {}", s.t(super::words::sync_error(code)), s.near(*at)),
                "verb-look",
                vpp(),
            ),
            Todo::Overdrawn { app, name, short } => (
                s.t2("todo-overdrawn", "app", name, "short", *short),
                s.t("todo-overdrawn-reason"),
                "verb-solve",
                format!("/apps/{app}?tab=licences"),
            ),
            Todo::Short {
                app,
                name,
                waiting,
                since,
            } => (
                s.t2("todo-short", "app", name, "waiting", *waiting),
                since.map_or_else(String::new, |since| s.t1("todo-since", "time", s.date_time(since))),
                "verb-solve",
                format!("{}#waiting", users(app)),
            ),
            Todo::ShortByForeign {
                app,
                name,
                waiting,
                foreign,
                owned,
            } => (
                s.ta(
                    "todo-foreign",
                    &[
                        ("app", name),
                        ("waiting", waiting),
                        ("foreign", foreign),
                        ("owned", owned),
                    ],
                ),
                s.t("todo-apple-says"),
                "verb-where",
                format!("/apps/{app}?tab=licences"),
            ),
            Todo::InstallFailed { app, name, devices } => (
                s.t2("todo-install-failed", "app", name, "devices", *devices),
                s.t("todo-device-says"),
                "verb-devices",
                format!("/apps/{app}?tab=devices&state=failed"),
            ),
            Todo::TermsOpen { people, oldest } => (
                s.t1("todo-terms", "people", *people),
                oldest.map_or_else(String::new, |oldest| s.t1("todo-invited", "time", s.near(oldest))),
                "verb-people",
                "/people?filter=terms".to_owned(),
            ),
            Todo::NoDeployment { apps } => (
                s.t1("todo-no-deployment", "apps", *apps),
                s.t("todo-no-deployment-reason"),
                "verb-apps",
                "/apps?filter=undeployed".to_owned(),
            ),
        };
        let (glyph, severity) = match self.severity() {
            Severity::Critical => (Glyph::Bad, "severity-critical"),
            Severity::Warning => (Glyph::Warn, "severity-warning"),
            Severity::Information => (Glyph::None, "severity-information"),
        };
        TodoLine {
            glyph,
            severity: s.t(severity),
            text,
            reason,
            verb: s.t(verb),
            href,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Critical,
    Warning,
    Information,
}

impl LocationBrief {
    fn of_severity(&self, severity: Severity) -> usize {
        self.todo.iter().filter(|todo| todo.severity() == severity).count()
    }

    fn critical(&self) -> usize {
        self.of_severity(Severity::Critical)
    }

    fn warnings(&self) -> usize {
        self.of_severity(Severity::Warning)
    }

    fn information(&self) -> usize {
        self.of_severity(Severity::Information)
    }
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use store::SyncCause;

    use super::*;
    use crate::http::console::pages::{
        Place, apps, changes,
        tests::{ago, frame},
        words::{OperationWord, Phase},
    };

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let apps = apps::tests::lines();
        let app = apps[0].id;
        let name = || apps[0].name.clone();
        let expires_at = s.now + Duration::from_secs(289 * 86_400);
        let mut installs = StateCounts::default();
        for (state, count) in StateCounts::ORDER.into_iter().zip([270, 12, 13, 1, 6, 4, 0]) {
            installs.add(state, count);
        }
        let todo = vec![
            Todo::Short {
                app,
                name: name(),
                waiting: 7,
                since: Some(ago(s, 4 * 1440)),
            },
            Todo::ShortByForeign {
                app,
                name: name(),
                waiting: 2,
                foreign: 2,
                owned: 8,
            },
            Todo::TermsOpen {
                people: 4,
                oldest: Some(ago(s, 7 * 1440)),
            },
            Todo::InstallFailed {
                app,
                name: name(),
                devices: 2,
            },
            Todo::AppleSilent { since: ago(s, 12) },
            Todo::PlansStopped {
                people: Many::from(2),
                since: Some(ago(s, 12)),
            },
            Todo::PlansStopped {
                people: Many {
                    number: 10_000,
                    more: true,
                },
                since: Some(ago(s, 12)),
            },
            Todo::Overdrawn {
                app,
                name: name(),
                short: 2,
            },
            Todo::DevicesUnheard { since: ago(s, 3000) },
            Todo::TokenUnusable {
                state: TokenState::ReadOnly,
                expires_at,
                owner: None,
            },
            Todo::SyncFailed {
                at: ago(s, 65),
                code: "throttled".to_owned(),
            },
            Todo::TokenExpiring {
                days_left: 20,
                expires_at,
            },
            Todo::TokenUnusable {
                state: TokenState::Expired,
                expires_at: ago(s, 3000),
                owner: None,
            },
            Todo::TokenUnusable {
                state: TokenState::Revoked,
                expires_at,
                owner: None,
            },
            Todo::TokenUnusable {
                state: TokenState::AssignedToExternalMdm,
                expires_at,
                owner: Some("mdm.saebyeok.example".to_owned()),
            },
            Todo::NoDeployment { apps: 3 },
        ];
        let running = vec![
            Running::Sync {
                phase: Phase::Assignments,
                done: 3,
                total: 5,
                requests: 4,
                cause: SyncCause::Person,
                actor: "홍라온".to_owned(),
                since: ago(s, 1),
            },
            Running::Operation {
                word: OperationWord::Associate,
                sent: true,
                requested: 10,
                completed: 6,
                since: ago(s, 2),
            },
            Running::Operation {
                word: OperationWord::CreateUsers,
                sent: false,
                requested: 1,
                completed: 0,
                since: ago(s, 2),
            },
            Running::Commands {
                installs: 7,
                removals: 1,
                devices: 7,
            },
        ];
        let location = |todo: Vec<Todo>, running| LocationBrief {
            organization: "서린들 주식회사".to_owned(),
            location: "본사".to_owned(),
            token: TokenBrief {
                state: TokenState::Valid,
                days_left: 289,
                expires_at,
                last_sync_at: Some(ago(s, 3)),
                last_sync_failed: false,
                owner: None,
            },
            totals: Totals::of(apps.iter().map(|app| &app.counts)),
            todo,
            apps: apps::tests::lines(),
            installs,
            running,
        };
        let page = |location: Option<LocationBrief>| DashboardPage {
            s: s.clone(),
            frame: frame(Place::Dashboard),
            held: if location.is_some() {
                changes::tests::held(s)
            } else {
                Vec::new()
            },
            location,
        };
        vec![
            ("dashboard", page(Some(location(todo, running))).render().unwrap()),
            (
                "dashboard-quiet",
                page(Some(location(Vec::new(), Vec::new()))).render().unwrap(),
            ),
            ("dashboard-empty", page(None).render().unwrap()),
        ]
    }

    #[test]
    fn licences_without_end_are_not_added_up() {
        let totals = Totals::of(apps::tests::lines().iter().map(|app| &app.counts));
        assert_eq!((totals.apps, totals.unlimited_apps, totals.short_apps), (3, 1, 1));
        assert_eq!(
            totals.owned,
            totals.used + totals.on_the_way + totals.foreign + totals.free
        );
    }

    #[test]
    fn a_token_in_its_last_week_is_critical() {
        let todo = |days_left| Todo::TokenExpiring {
            days_left,
            expires_at: Time(0),
        };
        assert_eq!(todo(6).severity(), Severity::Critical);
        assert_eq!(todo(7).severity(), Severity::Warning);
    }
}
