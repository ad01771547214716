//! The content token: read, confirm, link; renew; refuse what would lose data (A3-A9, A15-A17).

use std::time::Duration;

use apple::{
    AppleError,
    licensing::{Expected, Licensing},
    token::{ContentToken, TokenError},
    wire::{ClientConfigRequest, ClientConfigResponse, MdmInfo},
};
use domain::{LocationId, SyncId, Time, TokenState, UploadId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{LocationRow, NewEvent, SyncCause, Upload};

use super::{
    App, AppError, Caller, FieldProblem,
    text::{NAME_CHARS, cleaned},
};
use crate::clock::time;

/// From how many days before its end a token counts as expiring soon.
const EXPIRING_SOON_DAYS: i64 = 30;
/// How long an uploaded token waits to be confirmed. It is a secret, sealed, and of no use to anybody else.
pub const UPLOAD_WAITS: Duration = Duration::from_secs(24 * 3600);
/// The name under which other servers see who manages the location.
const PRODUCT: &str = "Allotment";

/// What an administrator hands in.
pub struct TokenUpload {
    pub file: Vec<u8>,
    pub display_name: String,
    pub apple_id: String,
}

/// What was read from a token and from Apple, before anything is linked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UploadFacts {
    pub id: UploadId,
    pub display_name: String,
    pub apple_id: String,
    pub organization_name: String,
    pub location_name: String,
    pub country: String,
    pub uid: String,
    pub expires_at: Time,
    pub sha256: String,
    /// The same account as the one linked already.
    pub renewal: bool,
    /// This server manages the location at Apple. Otherwise nobody does, and it will.
    #[serde(default)]
    pub ours: bool,
}

/// The linked location, as pages show it.
#[derive(Debug, Clone)]
pub struct LocationView {
    pub row: LocationRow,
    pub state: TokenState,
    pub days_left: i64,
    pub uploaded_by: Option<String>,
}

/// Why a token was not taken. Nothing was changed, whatever the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    #[error("the file is empty")]
    Empty,
    #[error("the file is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("this is a server token for device enrolment, not a content token")]
    DeviceEnrolmentToken,
    #[error("the file is not base64 text")]
    NotBase64,
    #[error("the file does not hold JSON")]
    NotJson,
    #[error("the file holds no {missing}")]
    NotAContentToken { missing: &'static str },
    #[error("the expiry {text:?} is not a date")]
    BadDate { text: String },
    #[error("the token has expired")]
    Expired { at: Time },
    #[error("this token is in use already")]
    SameAgain,
    #[error("Apple has revoked this token")]
    Revoked,
    #[error("Apple does not know this token (error {number})")]
    Unrecognised { number: i32 },
    #[error("the token belongs to {given}, but {linked} is linked")]
    OtherAccount { linked: String, given: String },
    #[error("the account is managed by another server, {name}")]
    HeldByOther { name: String, metadata: String },
    #[error("the token may not manage licences (error {number})")]
    NotAllowed { number: i32 },
    #[error("Apple could not be reached")]
    AppleUnreachable,
    #[error("Apple turned the request down (error {number})")]
    AppleRefused { number: i32 },
    #[error("it was not confirmed that the account cannot be changed later")]
    NotConfirmed,
    #[error("the upload is gone")]
    UploadGone,
    #[error("Apple does not answer questions with this token: it is {state:?}")]
    NotUsable { state: TokenState },
}

impl TokenRefused {
    /// The message that says it to a person.
    pub fn key(&self) -> &'static str {
        match self {
            TokenRefused::Empty => "token-refused-empty",
            TokenRefused::TooLarge { .. } => "token-refused-too-large",
            TokenRefused::DeviceEnrolmentToken => "token-refused-device-enrolment",
            TokenRefused::NotBase64 => "token-refused-not-base64",
            TokenRefused::NotJson => "token-refused-not-json",
            TokenRefused::NotAContentToken { .. } => "token-refused-not-a-content-token",
            TokenRefused::BadDate { .. } => "token-refused-bad-date",
            TokenRefused::Expired { .. } => "token-refused-expired",
            TokenRefused::SameAgain => "token-refused-same-again",
            TokenRefused::Revoked => "token-refused-revoked",
            TokenRefused::Unrecognised { .. } => "token-refused-unrecognised",
            TokenRefused::OtherAccount { .. } => "token-refused-other-account",
            TokenRefused::HeldByOther { .. } => "token-refused-held-by-other",
            TokenRefused::NotAllowed { .. } => "token-refused-not-allowed",
            TokenRefused::AppleUnreachable => "token-refused-apple-unreachable",
            TokenRefused::AppleRefused { .. } => "token-refused-apple-refused",
            TokenRefused::NotConfirmed => "token-refused-not-confirmed",
            TokenRefused::UploadGone => "token-refused-upload-gone",
            TokenRefused::NotUsable { .. } => "token-refused-not-usable",
        }
    }
}

impl From<TokenError> for TokenRefused {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Empty => TokenRefused::Empty,
            TokenError::TooLarge { limit_bytes } => TokenRefused::TooLarge { limit_bytes },
            TokenError::DeviceEnrolmentToken => TokenRefused::DeviceEnrolmentToken,
            TokenError::NotBase64 => TokenRefused::NotBase64,
            TokenError::NotJson => TokenRefused::NotJson,
            TokenError::NotAContentToken { missing } => TokenRefused::NotAContentToken { missing },
            TokenError::BadDate { text } => TokenRefused::BadDate { text },
        }
    }
}

impl TokenRefused {
    /// What Apple's answer to the first question with a new token says about the token.
    fn from_apple(error: AppleError, expires_at: Time) -> TokenRefused {
        match error {
            AppleError::TokenExpired => TokenRefused::Expired { at: expires_at },
            AppleError::TokenRevoked => TokenRefused::Revoked,
            AppleError::TokenInvalid { number } => TokenRefused::Unrecognised { number },
            AppleError::NotAllowed { number, .. } => TokenRefused::NotAllowed { number },
            AppleError::Taken { owner } => TokenRefused::held_by(&owner),
            AppleError::Refused { number, .. } | AppleError::TooLarge { number } => {
                TokenRefused::AppleRefused { number }
            }
            _ => TokenRefused::AppleUnreachable,
        }
    }

    fn held_by(owner: &MdmInfo) -> TokenRefused {
        TokenRefused::HeldByOther {
            name: cleaned(owner.name.as_deref().unwrap_or_default(), NAME_CHARS),
            metadata: cleaned(owner.metadata.as_deref().unwrap_or_default(), NAME_CHARS),
        }
    }
}

impl App {
    /// Reads a token and asks Apple whose it is. Nothing is linked yet; the administrator has to confirm.
    pub async fn token_read(&self, caller: &Caller, upload: TokenUpload) -> Result<UploadId, AppError> {
        caller.may_write()?;
        let display_name = super::required("displayName", &upload.display_name, 100)?;
        let apple_id = super::required("appleId", &upload.apple_id, 254)?;
        if !apple_id.contains('@') {
            return Err(AppError::Invalid {
                field: "appleId",
                problem: FieldProblem::Malformed,
            });
        }
        let token = ContentToken::parse(&upload.file).map_err(TokenRefused::from)?;
        let expires_at = time(token.expires_at);
        if expires_at <= self.now() {
            return Err(TokenRefused::Expired { at: expires_at }.into());
        }
        let linked = self.store.location_linked().await?;
        // The same file heals what was once declared dead, if Apple takes it now.
        if linked
            .as_ref()
            .is_some_and(|location| location.token_sha256 == token.sha256 && location.state.usable())
        {
            return Err(TokenRefused::SameAgain.into());
        }

        let licensing = self.licensing(token.text.clone(), Expected::default());
        let config = licensing
            .client_config()
            .await
            .map_err(|error| TokenRefused::from_apple(error, expires_at))?;
        let claimed = match &config.common.uid {
            Some(uid) => self.store.claim(uid).await?,
            None => None,
        };
        let facts = self.upload_facts(
            &token,
            config,
            linked.as_ref(),
            claimed.as_deref(),
            display_name,
            apple_id,
        )?;
        // A token of somebody who may only look would be found out at the first licence.
        licensing
            .may_write()
            .await
            .map_err(|error| TokenRefused::from_apple(error, expires_at))?;

        let now = self.now();
        let mut tx = self.store.begin().await?;
        let account = match caller {
            Caller::Account { id, .. } => Some(*id),
            _ => None,
        };
        tx.upload_insert(&Upload {
            id: facts.id,
            account,
            token: token.text,
            facts: json!(facts),
            created_at: now,
        })
        .await?;
        tx.commit().await?;
        Ok(facts.id)
    }

    fn upload_facts(
        &self,
        token: &ContentToken,
        config: ClientConfigResponse,
        linked: Option<&LocationRow>,
        claimed: Option<&str>,
        display_name: String,
        apple_id: String,
    ) -> Result<UploadFacts, TokenRefused> {
        let uid = config.common.uid.clone().ok_or(TokenRefused::AppleUnreachable)?;
        let organization_name = cleaned(&token.organization_name, NAME_CHARS);
        let location_name = match &config.location_name {
            Some(name) => cleaned(name, NAME_CHARS),
            None => organization_name.clone(),
        };
        if let Some(linked) = linked
            && linked.uid != uid
        {
            return Err(TokenRefused::OtherAccount {
                linked: linked.location_name.clone(),
                given: location_name,
            });
        }
        let owner = config.common.mdm_info.as_ref().filter(|owner| owner.id.is_some());
        if let Some(owner) = owner {
            let ours = [linked.map(|linked| linked.mdm_id.as_str()), claimed];
            if !ours.into_iter().flatten().any(|ours| owner.id.as_deref() == Some(ours)) {
                return Err(TokenRefused::held_by(owner));
            }
        }
        Ok(UploadFacts {
            id: UploadId(self.random.id()),
            display_name,
            apple_id,
            organization_name,
            location_name,
            country: config.country_iso2a_code.clone().unwrap_or_default(),
            uid,
            // The service may know an earlier end than the file does.
            expires_at: token_expiry(&config).unwrap_or(time(token.expires_at)),
            sha256: token.sha256.clone(),
            renewal: linked.is_some(),
            ours: owner.is_some(),
        })
    }

    /// What was read, for the confirmation.
    pub async fn token_upload(&self, id: UploadId) -> Result<Option<UploadFacts>, AppError> {
        let upload = self.store.upload(id).await?;
        Ok(upload.and_then(|upload| serde_json::from_value(upload.facts).ok()))
    }

    pub async fn token_upload_cancel(&self, caller: &Caller, id: UploadId) -> Result<(), AppError> {
        caller.may_write()?;
        let mut tx = self.store.begin().await?;
        tx.upload_delete(id).await?;
        Ok(tx.commit().await?)
    }

    /// Links the account for good, or takes the renewed token of the account that is linked. Manages the location from then
    /// on, also one that somebody else had and let go.
    ///
    /// Apple is asked again whose token it is: since the upload was read, another server may have
    /// taken the location, or somebody else may have linked one here.
    pub async fn token_link(&self, caller: &Caller, id: UploadId, confirmed: bool) -> Result<LocationId, AppError> {
        caller.may_write()?;
        let (app, caller) = (self.clone(), caller.clone());
        App::to_its_end(async move { app.token_link_to_the_end(&caller, id, confirmed).await }).await
    }

    async fn token_link_to_the_end(
        &self,
        caller: &Caller,
        id: UploadId,
        confirmed: bool,
    ) -> Result<LocationId, AppError> {
        let upload = self.store.upload(id).await?.ok_or(TokenRefused::UploadGone)?;
        let facts: UploadFacts = serde_json::from_value(upload.facts).map_err(|_| TokenRefused::UploadGone)?;
        if !confirmed {
            return Err(TokenRefused::NotConfirmed.into());
        }
        if facts.expires_at <= self.now() {
            return Err(TokenRefused::Expired { at: facts.expires_at }.into());
        }
        // Before anything is claimed at Apple: of two files that were read, only one is linked.
        one_account(self.store.location_linked().await?.as_ref(), &facts)?;
        let linked = self.store.location_by_uid(&facts.uid).await?;
        let expected = Expected {
            uid: Some(facts.uid.clone()),
            mdm_id: None,
        };
        let licensing = self.licensing(upload.token.clone(), expected);
        let refused = |error| TokenRefused::from_apple(error, facts.expires_at);

        let config = licensing.client_config().await.map_err(refused)?;
        let mdm_id = match &linked {
            Some(linked) => linked.mdm_id.clone(),
            // Written down before it is claimed: whoever crashes in between recognises itself at Apple.
            None => {
                let mut tx = self.store.begin().await?;
                let fresh = self.random.opaque_id().to_string();
                let mdm_id = tx.claim_once(&facts.uid, &fresh, self.now()).await?;
                tx.commit().await?;
                mdm_id
            }
        };
        match config.common.mdm_info.as_ref().filter(|owner| owner.id.is_some()) {
            Some(owner) if owner.id.as_deref() == Some(&mdm_id) => {}
            Some(owner) => return Err(TokenRefused::held_by(owner).into()),
            None => self.claim_at_apple(&licensing, &mdm_id).await.map_err(refused)?,
        }

        let now = self.now();
        let mut tx = self.store.begin().await?;
        // Under the transaction's own eyes: only one account, whoever was faster (A3, A4).
        let present = tx.location_linked().await?;
        one_account(present.as_ref(), &facts)?;
        let location = match present {
            Some(mut present) => {
                tx.location_token_replace(
                    present.id,
                    &upload.token,
                    &facts.sha256,
                    facts.expires_at,
                    now,
                    caller.name(),
                    &facts.display_name,
                    &facts.apple_id,
                )
                .await?;
                present = tx.location(present.id).await?.ok_or(AppError::NotFound("location"))?;
                present.state = TokenState::Valid;
                present.owner_name = None;
                present.owner_metadata = None;
                present.mdm_id = mdm_id;
                take_config(&mut present, &config);
                tx.location_update(&present).await?;
                tx.event(
                    &NewEvent::new(now, caller.actor(), "tokenRenewed")
                        .location(present.id)
                        .with(json!({ "expires": facts.expires_at })),
                )
                .await?;
                present.id
            }
            None => {
                let mut row = LocationRow {
                    id: LocationId(self.random.id()),
                    uid: facts.uid.clone(),
                    display_name: facts.display_name.clone(),
                    apple_id: facts.apple_id.clone(),
                    token_sha256: facts.sha256.clone(),
                    organization_name: facts.organization_name.clone(),
                    location_name: facts.location_name.clone(),
                    country: facts.country.clone(),
                    default_platform: "enterprisestore".to_owned(),
                    website_url: None,
                    expires_at: facts.expires_at,
                    state: TokenState::Valid,
                    owner_name: None,
                    owner_metadata: None,
                    mdm_id,
                    uploaded_by: Some(caller.name().to_owned()),
                    last_modified_at: now,
                    last_sync_at: None,
                    assets_version: None,
                    assignments_version: None,
                    users_version: None,
                    created_at: now,
                    unanswered_since: None,
                };
                take_config(&mut row, &config);
                tx.location_insert(&row, &upload.token).await?;
                tx.event(
                    &NewEvent::new(now, caller.actor(), "tokenLinked")
                        .location(row.id)
                        .with(json!({ "location": row.location_name, "uid": row.uid })),
                )
                .await?;
                row.id
            }
        };
        // What was said to Apple just now may have taken the place of what it knew of notifications.
        tx.channel_doubt(location).await?;
        tx.upload_delete(id).await?;
        tx.sync_request(SyncId(self.random.id()), location, SyncCause::Token, caller.name(), now)
            .await?;
        tx.commit().await?;
        self.polled.hurry();
        self.service.pace.resume();
        self.look_again();
        self.reading_bell.notify_one();
        Ok(location)
    }

    /// Says to Apple, and to every other server, that this one manages the location.
    pub(crate) async fn claim_at_apple(&self, licensing: &Licensing, mdm_id: &str) -> Result<(), AppleError> {
        let claim = ClientConfigRequest {
            mdm_info: Some(MdmInfo {
                id: Some(mdm_id.to_owned()),
                name: Some(PRODUCT.to_owned()),
                metadata: Some(host(&self.config.public_url).chars().take(80).collect()),
            }),
            notifications: None,
        };
        licensing.set_client_config(&claim).await?;
        // There is no compare-and-set: two servers can claim in the same second, and the last one has it.
        let after = licensing.client_config().await?;
        match after
            .common
            .mdm_info
            .filter(|owner| owner.id.as_deref() != Some(mdm_id))
        {
            Some(owner) => Err(AppleError::Taken { owner }),
            None => Ok(()),
        }
    }

    /// The linked location, if any, with the state of its token as of now.
    pub async fn location_view(&self) -> Result<Option<LocationView>, AppError> {
        let Some(row) = self.store.location_linked().await? else {
            return Ok(None);
        };
        Ok(Some(LocationView::of(row, self.now())))
    }

    /// A client for Apple's licensing service with this token.
    pub(crate) fn licensing(&self, token: secrecy::SecretString, expected: Expected) -> Licensing {
        let url = &self.config.apple.licensing_url;
        Licensing::new(self.http.clone(), url, token, expected, self.service.pace.clone())
    }
}

impl LocationView {
    pub fn of(row: LocationRow, now: Time) -> LocationView {
        let state = token_state(&row, now);
        LocationView {
            days_left: days_left(row.expires_at, now),
            uploaded_by: row.uploaded_by.clone(),
            state,
            row,
        }
    }
}

/// What Apple last said of the token, and what the calendar says since.
pub fn token_state(row: &LocationRow, now: Time) -> TokenState {
    by_calendar(row.state, row.expires_at, now)
}

fn by_calendar(told: TokenState, expires_at: Time, now: Time) -> TokenState {
    match told {
        TokenState::Valid if expires_at <= now => TokenState::Expired,
        TokenState::Valid if days_left(expires_at, now) < EXPIRING_SOON_DAYS => TokenState::ExpiringSoon,
        told => told,
    }
}

/// Whole days; negative from the moment on at which it has expired.
fn days_left(expires_at: Time, now: Time) -> i64 {
    (expires_at.ms() - now.ms()).div_euclid(24 * 3600 * 1000)
}

/// Only one account is linked (A3, A4): whatever else is asked for is refused.
fn one_account(linked: Option<&LocationRow>, facts: &UploadFacts) -> Result<(), TokenRefused> {
    match linked {
        Some(linked) if linked.uid != facts.uid => Err(TokenRefused::OtherAccount {
            linked: linked.location_name.clone(),
            given: facts.location_name.clone(),
        }),
        _ => Ok(()),
    }
}

/// Takes over what Apple says of the location and of the token's end, which may be sooner than the file said.
pub fn take_config(row: &mut LocationRow, config: &ClientConfigResponse) {
    if let Some(expires_at) = token_expiry(config) {
        row.expires_at = expires_at;
    }
    if let Some(name) = &config.location_name {
        row.location_name = cleaned(name, NAME_CHARS);
    }
    if let Some(country) = &config.country_iso2a_code {
        row.country.clone_from(country);
    }
    if let Some(platform) = &config.default_platform {
        row.default_platform.clone_from(platform);
    }
    if config.website_url.is_some() {
        row.website_url.clone_from(&config.website_url);
    }
}

fn token_expiry(config: &ClientConfigResponse) -> Option<Time> {
    apple::token::parse_date(config.common.token_expiration_date.as_deref()?).map(time)
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_expires_soon_for_thirty_days_and_then_it_is_expired() {
        let now = Time(1_800_000_000_000);
        let in_hours = |hours: u64| now + Duration::from_secs(hours * 3600);
        for (hours, state, days) in [
            (365 * 24, TokenState::Valid, 365),
            (30 * 24, TokenState::Valid, 30),
            (30 * 24 - 1, TokenState::ExpiringSoon, 29),
            (1, TokenState::ExpiringSoon, 0),
            (0, TokenState::Expired, 0),
        ] {
            let expires_at = in_hours(hours);
            assert_eq!(by_calendar(TokenState::Valid, expires_at, now), state, "{hours} hours");
            assert_eq!(days_left(expires_at, now), days, "{hours} hours");
        }
        let past = Time(now.ms() - 1);
        assert_eq!(by_calendar(TokenState::Valid, past, now), TokenState::Expired);
        assert_eq!(days_left(past, now), -1);
    }

    /// The calendar says nothing of a token that Apple does not take.
    #[test]
    fn what_apple_said_of_a_dead_token_stays() {
        let now = Time(1_800_000_000_000);
        for told in [
            TokenState::Revoked,
            TokenState::Invalid,
            TokenState::AssignedToExternalMdm,
        ] {
            assert_eq!(by_calendar(told, now + Duration::from_secs(60), now), told);
            assert_eq!(by_calendar(told, Time(0), now), told);
        }
    }
}
