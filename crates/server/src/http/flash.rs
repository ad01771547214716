//! What was just done, said once on the page after it.
//!
//! It travels in a cookie that nobody but this server can make, for one session and for a minute: no link, and no other
//! site, makes a page say that something was done.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{SessionId, Time};
use store::Session;

use super::cookies::{cookie, set_cookie};
use crate::app::App;

/// Lists what can be done, each with the key of its sentence in the message files.
macro_rules! done {
    ($($name:ident $key:literal)*) => {
        /// Something that was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Done {
            $($name,)*
        }

        impl Done {
            const ALL: &[Done] = &[$(Done::$name,)*];

            /// The key of its sentence.
            pub fn key(self) -> &'static str {
                match self {
                    $(Done::$name => $key,)*
                }
            }
        }
    };
}

done! {
    AccountAdded "flash-account-added"
    AccountUnlocked "flash-account-unlocked"
    AppRequestWithdrawn "flash-app-request-withdrawn"
    AppRequested "flash-app-requested"
    ChangeApproved "flash-change-approved"
    ChangeHeld "flash-change-held"
    ChangeRestored "flash-change-restored"
    ChangeTurnedDown "flash-change-turned-down"
    ChangeWithdrawn "flash-change-withdrawn"
    DeploymentSaved "flash-deployment-saved"
    DeviceRemoved "flash-device-removed"
    DeviceRetiring "flash-device-retiring"
    DeviceStays "flash-device-stays"
    DeviceWiping "flash-device-wiping"
    GroupAdded "flash-group-added"
    GroupDeleted "flash-group-deleted"
    IdentityRevoked "flash-identity-revoked"
    InstallAgain "flash-install-again"
    InvitedAgain "flash-invited-again"
    KeyRevoked "flash-key-revoked"
    MembersSaved "flash-members-saved"
    MovedBack "flash-moved-back"
    MovedUp "flash-moved-up"
    PasswordChanged "flash-password-changed"
    PasswordSet "flash-password-set"
    PersonAdded "flash-person-added"
    PersonLeft "flash-person-left"
    PersonReturned "flash-person-returned"
    PlanLookedAgain "flash-plan-looked-again"
    RegisteringAgain "flash-registering-again"
    RuleSaved "flash-rule-saved"
    Saved "flash-saved"
    SessionEnded "flash-session-ended"
    SessionsEnded "flash-sessions-ended"
    SyncRequested "flash-sync-requested"
    TokenLinked "flash-token-linked"
    TokenRenewed "flash-token-renewed"
    UploadCancelled "flash-upload-cancelled"
}

/// From the answer to a form until the page after it.
const LASTS: Duration = Duration::from_secs(60);
const PURPOSE: &str = "flash";

fn cookie_name(app: &App) -> &'static str {
    if app.config.is_https() { "__Host-done" } else { "done" }
}

/// What the MAC is of: no message of one session says anything in another.
fn signed(session: SessionId, key: &str, until: i64) -> String {
    format!("{session} {key} {until}")
}

/// Goes to a page of ours, which says what was done.
pub fn to(app: &App, reader: &impl AsRef<Session>, path: &str, done: Done) -> Response {
    let session = reader.as_ref().id;
    let until = (app.now() + LASTS).ms();
    let key = done.key();
    let mac = URL_SAFE_NO_PAD.encode(app.store.mac(PURPOSE, &signed(session, key, until)));
    let value = format!("{key}.{until}.{mac}");
    let cookie = set_cookie(&app.config, cookie_name(app), &value, Some(LASTS.as_secs()));
    ([(header::SET_COOKIE, cookie)], Redirect::to(path)).into_response()
}

/// What this request's session was just told, as far as it was told by us.
pub fn said(app: &App, headers: &HeaderMap, session: SessionId) -> Option<Done> {
    let mut parts = cookie(headers, cookie_name(app))?.splitn(3, '.');
    let (key, until, mac) = (parts.next()?, parts.next()?, parts.next()?);
    let until: i64 = until.parse().ok()?;
    let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
    if !app.store.mac_is(PURPOSE, &signed(session, key, until), &mac) || Time(until) <= app.now() {
        return None;
    }
    Done::ALL.iter().copied().find(|done| done.key() == key)
}

/// Around the pages: whatever a page has said, the next one does not say again.
pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let name = cookie_name(&app);
    let carried = cookie(request.headers(), name).is_some();
    let mut response = next.run(request).await;
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if carried && is_page {
        let gone: HeaderValue = set_cookie(&app.config, name, "", Some(0));
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{Lang, Messages};

    #[test]
    fn everything_that_can_be_done_has_a_sentence_of_its_own() {
        for lang in [Lang::Ko, Lang::En] {
            let mut said: Vec<_> = Done::ALL
                .iter()
                .map(|done| Messages::get().text(lang, done.key(), &[]))
                .collect();
            assert!(said.iter().all(|text| !text.contains('⟦')), "{said:?}");
            said.sort();
            said.dedup();
            assert_eq!(said.len(), Done::ALL.len());
        }
    }
}
