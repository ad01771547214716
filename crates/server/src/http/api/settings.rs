//! The switches of the installation.

use std::time::Duration;

use axum::extract::State;
use domain::{Policy, RuleSet};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Refusals,
    etag::{self, IfMatch, Tagged},
    input::{Json, invalid},
    words::Length,
};
use crate::{
    app::{
        App,
        settings::{PAUSES, SILENT_DAYS_AT_MOST},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(settings_get, settings_put))
}

/// The switches of the installation.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The 2016 system's manners: devices enrolled through DEP are not eligible, and no licence means failed.
    policy_2016: bool,
    /// Which table of rules resolves conflicts between deployments.
    rule_set: ConflictRules,
    /// How long a device's word on what is installed is good for.
    inventory_every: Length,
    /// How long after an acknowledgement a device is asked for proof the first time; doubles each time.
    first_check_after: Length,
    /// How long to wait after the first failed attempt; doubles each time.
    retry_after: Length,
    /// How long a device has to show the invitation to the programme before the person's next one is asked.
    invite_next_after: Length,
    /// Profiles ask for the right to erase the device. Counts for enrolments from then on: it can never be added later.
    #[serde(default)]
    wiping: bool,
    /// A device that was not heard for so long counts as gone until it is heard again. Left out or null: never.
    #[serde(default)]
    silent_after: Option<Length>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
enum ConflictRules {
    #[serde(rename = "2016")]
    Y2016,
    #[serde(rename = "2020")]
    Y2020,
}

impl From<Policy> for Settings {
    fn from(policy: Policy) -> Settings {
        Settings {
            policy_2016: policy.policy_2016,
            rule_set: match policy.rule_set {
                RuleSet::Y2016 => ConflictRules::Y2016,
                RuleSet::Y2020 => ConflictRules::Y2020,
            },
            inventory_every: Length(policy.inventory_every),
            first_check_after: Length(policy.first_check_after),
            retry_after: Length(policy.retry_after),
            invite_next_after: Length(policy.invite_next_after),
            wiping: policy.wiping,
            silent_after: policy.silent_after.map(Length),
        }
    }
}

impl Settings {
    fn policy(self) -> Result<Policy, Problem> {
        Ok(Policy {
            policy_2016: self.policy_2016,
            rule_set: match self.rule_set {
                ConflictRules::Y2016 => RuleSet::Y2016,
                ConflictRules::Y2020 => RuleSet::Y2020,
            },
            inventory_every: sane("inventoryEvery", self.inventory_every)?,
            first_check_after: sane("firstCheckAfter", self.first_check_after)?,
            retry_after: sane("retryAfter", self.retry_after)?,
            invite_next_after: sane("inviteNextAfter", self.invite_next_after)?,
            wiping: self.wiping,
            silent_after: self.silent_after.map(silence).transpose()?,
        })
    }
}

fn sane(field: &str, length: Length) -> Result<Duration, Problem> {
    if PAUSES.contains(&length.0) {
        return Ok(length.0);
    }
    Err(invalid(field, "malformed", format!("{field} can be PT0.1S to P366D")))
}

/// A device need not say anything for days.
fn silence(length: Length) -> Result<Duration, Problem> {
    let (days, rest) = (length.0.as_secs() / 86_400, length.0.as_secs() % 86_400);
    let sane = rest == 0 && (1..=SILENT_DAYS_AT_MOST).contains(&days);
    sane.then_some(length.0).ok_or_else(|| {
        invalid(
            "silentAfter",
            "malformed",
            "silentAfter can be P1D to P366D, whole days",
        )
    })
}

/// The settings
#[utoipa::path(
    get, path = "/settings", tag = "settings",
    responses((status = 200, description = "As asked for", body = Settings), Refusals)
)]
async fn settings_get(State(app): State<App>, _: ApiReader) -> Result<Tagged<Settings>, Problem> {
    shown(&app).await
}

/// Replace the settings
#[utoipa::path(
    put, path = "/settings", tag = "settings", params(IfMatch),
    request_body = Settings,
    responses((status = 200, description = "Saved", body = Settings), Refusals)
)]
async fn settings_put(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    IfMatch(base): IfMatch,
    Json(settings): Json<Settings>,
) -> Result<Tagged<Settings>, Problem> {
    let done = app.policy_set(&caller, base, settings.policy()?).await;
    etag::changed(done, shown(&app)).await
}

/// The version first: a tag may be too old, never too new.
async fn shown(app: &App) -> Result<Tagged<Settings>, Problem> {
    let version = app.policy_version().await?;
    let body = app.policy().await?.into();
    Ok(Tagged { version, body })
}
