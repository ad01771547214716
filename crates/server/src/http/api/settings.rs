//! The switches of the installation.

use std::{ops::RangeInclusive, time::Duration};

use axum::{Json as JsonBody, extract::State};
use domain::{Policy, ReclaimRules, RuleSet, TakeBackLimits};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Refusals,
    etag::{self, IfMatch, Tagged},
    groups::AppOfMembers,
    input::{Json, given, invalid},
    words::Length,
};
use crate::{
    app::{
        App,
        contract::{Agreed, Contract},
        settings::{self, PAUSES, SILENT_DAYS_AT_MOST},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(settings_get, settings_put))
        .routes(routes!(settings_preview))
}

/// The switches of the installation.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
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
    /// Whoever is in no group any more that has a deployment of the app gives app and licence back. Left out: as it is.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    reclaim_left_all_groups: Option<bool>,
    /// Whoever may have an app, does not have to, and removed it so long ago gives the licence back. `null`: never.
    /// Left out: as it is.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Length>)]
    reclaim_removed_after: Option<Option<Length>>,
    /// A change that takes back more than this share of the licences of an app, in a hundred (1 to 50), and more than
    /// `takeBackMoreThan`, is agreed to twice. Left out: as it is.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 50)]
    take_back_share: Option<u64>,
    /// 1 to 100. Left out: as it is.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 100)]
    take_back_more_than: Option<u64>,
    /// Of those, a change that takes back more than so many in all is approved by another administrator (0 to 10,000); `null`:
    /// none is. Left out: as it is. While it is set, whoever loosens these three needs another administrator, too.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>, minimum = 0, maximum = 10000)]
    approval_above: Option<Option<u64>>,
    /// To save only: the `digest` of the preview that was looked at. When saving would do anything else by now, nothing is saved.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    preview_digest: Option<String>,
    /// To save only: how many licences saving takes back. To be said when they are many; the refusal, and the preview, tell the
    /// number.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    confirm_take_back: Option<u64>,
}

/// What replacing the settings would do. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SettingsPreview {
    /// Names what is changed and what that does. Save with it as `previewDigest`, and it is this that happens, or nothing is saved.
    digest: String,
    /// How many licences it takes back in all, when they are so many of an app that whoever saves has to say so as
    /// `confirmTakeBack`.
    confirm_take_back: Option<u64>,
    /// Another administrator has to approve it.
    needs_approval: bool,
    /// Devices that count as gone by `silentAfter` and would not otherwise, unless they answer before. `apps` tells what becomes of
    /// them then.
    silent_device_count: u64,
    /// Devices that do not count as gone any more.
    returning_device_count: u64,
    /// What it does to each app of which it does something to somebody.
    apps: Vec<AppOfMembers>,
}

impl From<settings::SettingsPreview> for SettingsPreview {
    fn from(preview: settings::SettingsPreview) -> SettingsPreview {
        SettingsPreview {
            confirm_take_back: preview.to_confirm(),
            needs_approval: preview.needs_approval(),
            silent_device_count: preview.silent,
            returning_device_count: preview.back,
            apps: preview.apps.iter().map(AppOfMembers::from).collect(),
            digest: preview.digest,
        }
    }
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
            reclaim_left_all_groups: Some(policy.reclaim.left_all_groups),
            reclaim_removed_after: Some(policy.reclaim.removed_after.map(Length)),
            take_back_share: Some(policy.take_back.share),
            take_back_more_than: Some(policy.take_back.more_than),
            approval_above: Some(policy.take_back.approval_above),
            preview_digest: None,
            confirm_take_back: None,
        }
    }
}

impl Settings {
    /// `present` are those that stay where nothing is said.
    pub fn policy(self, present: &Policy) -> Result<Policy, Problem> {
        let limits = present.take_back;
        Ok(Policy {
            take_back: TakeBackLimits {
                share: within(
                    "takeBackShare",
                    TakeBackLimits::SHARES,
                    self.take_back_share,
                    limits.share,
                )?,
                more_than: within(
                    "takeBackMoreThan",
                    TakeBackLimits::COUNTS,
                    self.take_back_more_than,
                    limits.more_than,
                )?,
                approval_above: match self.approval_above {
                    None => limits.approval_above,
                    Some(None) => None,
                    Some(above) => Some(within("approvalAbove", TakeBackLimits::APPROVALS, above, 0)?),
                },
            },
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
            silent_after: whole_days("silentAfter", self.silent_after)?,
            reclaim: ReclaimRules {
                left_all_groups: self.reclaim_left_all_groups.unwrap_or(present.reclaim.left_all_groups),
                removed_after: match self.reclaim_removed_after {
                    None => present.reclaim.removed_after,
                    Some(after) => whole_days("reclaimRemovedAfter", after)?,
                },
            },
        })
    }
}

fn sane(field: &str, length: Length) -> Result<Duration, Problem> {
    if PAUSES.contains(&length.0) {
        return Ok(length.0);
    }
    Err(invalid(field, "malformed", format!("{field} can be PT0.1S to P366D")))
}

fn within(field: &str, bounds: RangeInclusive<u64>, given: Option<u64>, present: u64) -> Result<u64, Problem> {
    let given = given.unwrap_or(present);
    if bounds.contains(&given) {
        return Ok(given);
    }
    let (least, most) = (bounds.start(), bounds.end());
    Err(invalid(field, "malformed", format!("{field} can be {least} to {most}")))
}

/// Neither a device nor a person has to do anything for days.
fn whole_days(field: &str, length: Option<Length>) -> Result<Option<Duration>, Problem> {
    let Some(Length(length)) = length else { return Ok(None) };
    let (days, rest) = (length.as_secs() / 86_400, length.as_secs() % 86_400);
    if rest == 0 && length.subsec_nanos() == 0 && (1..=SILENT_DAYS_AT_MOST).contains(&days) {
        return Ok(Some(length));
    }
    Err(invalid(
        field,
        "malformed",
        format!("{field} can be P1D to P366D, whole days"),
    ))
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
///
/// With the digest of a preview, nothing is saved but what was previewed.
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
    let agreed = Agreed {
        digest: settings.preview_digest.clone(),
        take_back: settings.confirm_take_back,
        ..Agreed::default()
    };
    let settings = settings.policy(&app.policy().await?)?;
    let done = app.policy_save(&caller, base, settings, &agreed).await;
    etag::changed(done, shown(&app)).await
}

/// Preview settings
///
/// What happens, app by app, if these were the settings: who gets each app, who loses it, who waits, and why. Apps to which they do
/// nothing are left out. What saving takes beside the settings may be there, and is not looked at.
#[utoipa::path(
    post, path = "/settings/preview", tag = "settings", request_body = Settings,
    responses((status = 200, description = "As asked for", body = SettingsPreview), Refusals)
)]
async fn settings_preview(
    State(app): State<App>,
    _: ApiReader,
    Json(settings): Json<Settings>,
) -> Result<JsonBody<SettingsPreview>, Problem> {
    let settings = settings.policy(&app.policy().await?)?;
    Ok(JsonBody(app.policy_preview(&settings).await?.into()))
}

/// The version first: a tag may be too old, never too new.
async fn shown(app: &App) -> Result<Tagged<Settings>, Problem> {
    let version = app.policy_version().await?;
    let body = app.policy().await?.into();
    Ok(Tagged { version, body })
}
