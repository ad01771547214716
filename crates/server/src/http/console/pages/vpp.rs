//! Apple VPP(Volume Purchase Program) 관리: the content token, and reading what Apple has (A13-A18).

use std::time::Duration;

use askama::Template;
use domain::{Time, TokenState, UploadId};
use store::SyncCause;

use super::{
    Frame,
    parts::Running,
    ui::{Glyph, Html},
    words,
};
use crate::{app::notifications::Channel, messages::Speak};

/// What is known of the linked token.
#[derive(Debug, Clone)]
pub struct TokenFacts {
    pub display_name: String,
    pub apple_id: String,
    pub organization: String,
    pub location: String,
    pub country: String,
    pub uid: String,
    pub state: TokenState,
    pub expires_at: Time,
    pub days_left: i64,
    pub last_modified_at: Time,
    pub uploaded_by: Option<String>,
    pub last_sync_at: Option<Time>,
    /// The server that manages the location, when it is not this one.
    pub owner: Option<String>,
    /// How Apple notifies us.
    pub channel: Channel,
    /// How often is looked whether anything changed, also without that.
    pub looked_every: Duration,
    pub apps: u64,
    pub licences: u64,
}

impl TokenFacts {
    /// Nothing is left after the end, however long ago that was.
    fn shown_days(&self) -> i64 {
        self.days_left.max(0)
    }

    fn country_name(&self, s: &Speak) -> String {
        country_name(s, &self.country)
    }

    fn notified(&self, s: &Speak) -> Html {
        let every = s.duration(self.looked_every);
        match self.channel {
            Channel::Works { .. } => s.state(Glyph::Fine, s.t("notified-works")),
            Channel::Untried => s.state(Glyph::Way, s.t("notified-untried")),
            Channel::Refused { number: 0, .. } => s.state(Glyph::Warn, s.t1("notified-in-vain", "every", every)),
            Channel::Refused { number, .. } => {
                let said = s.t2("notified-refused", "number", number.to_string(), "every", every);
                s.state(Glyph::Warn, said)
            }
            Channel::Off => s.state(Glyph::None, s.t1("notified-off", "every", every)),
        }
    }

    /// When it did, or was asked to in vain.
    fn notified_when(&self, s: &Speak) -> Option<String> {
        match self.channel {
            Channel::Works { last: Some(at) } => Some(s.t1("notified-last", "when", s.near(at))),
            Channel::Refused { at, .. } => Some(s.t1("notified-tried", "when", s.near(at))),
            Channel::Works { last: None } | Channel::Untried | Channel::Off => None,
        }
    }
}

fn country_name(s: &Speak, iso2: &str) -> String {
    match words::country(iso2) {
        Some(key) => s.t(key),
        None if iso2.is_empty() => "–".to_owned(),
        None => iso2.to_owned(),
    }
}

/// How a reading of what Apple has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncResult {
    Waiting,
    Running,
    Completed,
    Failed { code: String, detail: Option<String> },
}

/// One reading of what Apple has.
#[derive(Debug, Clone)]
pub struct SyncLine {
    pub cause: SyncCause,
    pub actor: String,
    pub at: Time,
    pub result: SyncResult,
    pub changes: u64,
    pub requests: u64,
    pub took: Option<Duration>,
}

impl SyncLine {
    fn state(&self, s: &Speak) -> Html {
        match &self.result {
            SyncResult::Waiting => s.state(Glyph::Way, s.t("sync-waiting")),
            SyncResult::Running => s.state(Glyph::Way, s.t("sync-running")),
            SyncResult::Completed => s.state(Glyph::Fine, s.t("result-done")),
            SyncResult::Failed { .. } => s.state(Glyph::Bad, s.t("result-failed")),
        }
    }

    /// Why it failed.
    fn reason(&self, s: &Speak) -> Option<String> {
        match &self.result {
            SyncResult::Failed { code, .. } => Some(s.t(words::sync_error(code))),
            _ => None,
        }
    }

    /// What Apple said, for the title.
    fn fine_print(&self) -> &str {
        match &self.result {
            SyncResult::Failed {
                detail: Some(detail), ..
            } => detail,
            _ => "",
        }
    }

    fn cause(&self, s: &Speak) -> String {
        s.t1(words::sync_cause(self.cause), "actor", s.actor(&self.actor))
    }
}

#[derive(Template)]
#[template(path = "console/vpp.html")]
pub struct VppPage {
    pub s: Speak,
    pub frame: Frame,
    /// Where tokens are made.
    pub account_url: String,
    pub token: Option<TokenFacts>,
    /// The latest first.
    pub syncs: Vec<SyncLine>,
    pub running: Vec<Running>,
    /// `02:00`, `14:00`.
    pub sync_at: Vec<String>,
}

/// What runs, alone: for the script, which asks again until nothing runs.
#[derive(Template)]
#[template(path = "console/vpp_running.html")]
pub struct VppRunning {
    pub s: Speak,
    pub running: Vec<Running>,
}

/// What is wrong with an upload, in words.
#[derive(Debug, Clone, Default)]
pub struct UploadErrors {
    pub display_name: Option<String>,
    pub apple_id: Option<String>,
    pub file: Option<String>,
}

impl UploadErrors {
    pub fn any(&self) -> bool {
        self.display_name.is_some() || self.apple_id.is_some() || self.file.is_some()
    }
}

/// VPP 토큰 업로드.
#[derive(Template)]
#[template(path = "console/vpp_upload.html")]
pub struct VppUploadPage {
    pub s: Speak,
    pub frame: Frame,
    pub account_url: String,
    /// A token is linked already: this one renews it.
    pub renewal: bool,
    pub display_name: String,
    pub apple_id: String,
    pub errors: UploadErrors,
}

/// The confirmation that the account cannot be changed later (A16).
#[derive(Template)]
#[template(path = "console/vpp_confirm.html")]
pub struct VppConfirmPage {
    pub s: Speak,
    pub frame: Frame,
    pub account_url: String,
    pub id: UploadId,
    pub display_name: String,
    pub apple_id: String,
    pub organization: String,
    pub location: String,
    pub country: String,
    pub uid: String,
    pub expires_at: Time,
    pub renewal: bool,
    pub ours: bool,
    pub error: Option<String>,
}

impl VppConfirmPage {
    fn country_name(&self) -> String {
        country_name(&self.s, &self.country)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place,
        tests::{ago, frame, id},
        words::Phase,
    };

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let account_url = || "https://business.apple.com".to_owned();
        let token = |state, days_left: i64| TokenFacts {
            display_name: "본사 VPP".to_owned(),
            apple_id: "vpp@seorindeul.example".to_owned(),
            organization: "서린들 주식회사".to_owned(),
            location: "본사".to_owned(),
            country: if state == TokenState::Valid { "KR" } else { "FR" }.to_owned(),
            uid: "2049 7713 0058".to_owned(),
            state,
            expires_at: Time(s.now.ms() + days_left * 86_400_000 + 3_600_000),
            days_left,
            last_modified_at: ago(s, 76 * 1440),
            uploaded_by: Some("홍라온".to_owned()),
            last_sync_at: Some(ago(s, 3)),
            owner: (state == TokenState::AssignedToExternalMdm).then(|| "mdm.saebyeok.example".to_owned()),
            channel: match state {
                TokenState::Valid => Channel::Works { last: Some(ago(s, 7)) },
                TokenState::ExpiringSoon => Channel::Works { last: None },
                TokenState::ReadOnly => Channel::Refused {
                    number: 9728,
                    at: ago(s, 4),
                },
                TokenState::AssignedToExternalMdm => Channel::Refused {
                    number: 0,
                    at: ago(s, 4),
                },
                TokenState::Expired => Channel::Untried,
                TokenState::Revoked | TokenState::Invalid => Channel::Off,
            },
            looked_every: Duration::from_secs(300),
            apps: 10,
            licences: 285,
        };
        let sync = |cause, result| SyncLine {
            cause,
            actor: "홍라온".to_owned(),
            at: ago(s, 125),
            result,
            changes: 12,
            requests: 6,
            took: Some(Duration::from_secs(108)),
        };
        let failed = |code: &str| SyncResult::Failed {
            code: code.to_owned(),
            detail: Some("error 9625".to_owned()),
        };
        let syncs = vec![
            sync(SyncCause::Person, SyncResult::Running),
            sync(SyncCause::Schedule, SyncResult::Waiting),
            sync(SyncCause::Token, SyncResult::Completed),
            sync(SyncCause::Resync, failed("expiredVppToken")),
            sync(SyncCause::Schedule, failed("revokedVppToken")),
            sync(SyncCause::Schedule, failed("invalidVppToken")),
            sync(SyncCause::Schedule, failed("otherAccount")),
            sync(SyncCause::Schedule, failed("assignedToExternalMDM")),
            sync(SyncCause::Schedule, failed("throttled")),
            sync(SyncCause::Schedule, failed("unreachable")),
            sync(SyncCause::Schedule, failed("appleFailure")),
            sync(SyncCause::Schedule, failed("internalError")),
        ];
        let phases = [
            Phase::Waiting,
            Phase::Config,
            Phase::Assets,
            Phase::Assignments,
            Phase::Users,
            Phase::Metadata,
        ];
        let running: Vec<Running> = phases
            .into_iter()
            .enumerate()
            .map(|(done, phase)| Running::Sync {
                phase,
                done: done as u64,
                total: 5,
                requests: 4,
                cause: SyncCause::Person,
                actor: "홍라온".to_owned(),
                since: ago(s, 1),
            })
            .collect();
        let page = |token, running| VppPage {
            s: s.clone(),
            frame: frame(Place::Vpp),
            account_url: account_url(),
            token,
            syncs: syncs.clone(),
            running,
            sync_at: vec!["02:00".to_owned(), "14:00".to_owned()],
        };
        let upload = |renewal, errors| VppUploadPage {
            s: s.clone(),
            frame: frame(Place::Vpp),
            account_url: account_url(),
            renewal,
            display_name: "본사 VPP".to_owned(),
            apple_id: "vpp@seorindeul".to_owned(),
            errors,
        };
        let confirm = |renewal, error: Option<&str>| VppConfirmPage {
            s: s.clone(),
            frame: frame(Place::Vpp),
            account_url: account_url(),
            id: id(5, UploadId),
            display_name: "본사 VPP".to_owned(),
            apple_id: "vpp@seorindeul.example".to_owned(),
            organization: "서린들 주식회사".to_owned(),
            location: "본사".to_owned(),
            country: "KR".to_owned(),
            uid: "2049 7713 0058".to_owned(),
            expires_at: s.now + Duration::from_secs(365 * 86_400),
            renewal,
            ours: renewal,
            error: error.map(str::to_owned),
        };
        let wrong = UploadErrors {
            display_name: Some("x".to_owned()),
            apple_id: Some("y".to_owned()),
            file: Some("z".to_owned()),
        };
        vec![
            (
                "vpp",
                page(Some(token(TokenState::Valid, 289)), running.clone())
                    .render()
                    .unwrap(),
            ),
            (
                "vpp-expiring",
                page(Some(token(TokenState::ExpiringSoon, 20)), Vec::new())
                    .render()
                    .unwrap(),
            ),
            (
                "vpp-expired",
                page(Some(token(TokenState::Expired, -3)), Vec::new()).render().unwrap(),
            ),
            (
                "vpp-revoked",
                page(Some(token(TokenState::Revoked, 100)), Vec::new())
                    .render()
                    .unwrap(),
            ),
            (
                "vpp-invalid",
                page(Some(token(TokenState::Invalid, 100)), Vec::new())
                    .render()
                    .unwrap(),
            ),
            (
                "vpp-read-only",
                page(Some(token(TokenState::ReadOnly, 100)), Vec::new())
                    .render()
                    .unwrap(),
            ),
            (
                "vpp-taken",
                page(Some(token(TokenState::AssignedToExternalMdm, 100)), Vec::new())
                    .render()
                    .unwrap(),
            ),
            (
                "vpp-nobodys",
                page(
                    Some(TokenFacts {
                        owner: None,
                        ..token(TokenState::AssignedToExternalMdm, 100)
                    }),
                    Vec::new(),
                )
                .render()
                .unwrap(),
            ),
            ("vpp-empty", page(None, Vec::new()).render().unwrap()),
            ("vpp-upload", upload(false, UploadErrors::default()).render().unwrap()),
            ("vpp-upload-wrong", upload(true, wrong).render().unwrap()),
            ("vpp-confirm", confirm(false, None).render().unwrap()),
            ("vpp-confirm-renewal", confirm(true, Some("x")).render().unwrap()),
            (
                "fragment-vpp-running",
                VppRunning { s: s.clone(), running }.render().unwrap(),
            ),
            (
                "fragment-vpp-done",
                VppRunning {
                    s: s.clone(),
                    running: Vec::new(),
                }
                .render()
                .unwrap(),
            ),
        ]
    }

    /// The script goes on asking while there is an address to ask, and looks at the whole page once there is none.
    #[test]
    fn what_runs_says_whether_to_ask_again() {
        let s = crate::http::console::pages::tests::speak(crate::messages::Lang::Ko);
        let pages = samples(&s);
        let page = |name| pages.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        assert!(page("fragment-vpp-running").contains("data-poll=\"/administration/vpp/running\""));
        assert!(page("fragment-vpp-done").contains("data-done"));
        assert!(!page("fragment-vpp-done").contains("data-poll"));
    }
}
