//! Which groups get an app, and how (Graph's `mobileAppAssignment`).

use std::collections::BTreeMap;

use axum::{Json as JsonBody, extract::State};
use domain::{
    Affected, Approval, AssetId, Counts, Deployment, Effect, Fate, GroupId, GroupKind, Holder, HolderKind,
    Installation, LicenseType, Outcome, Prompted,
};
use serde::{Deserialize, Serialize};
use store::GroupRow;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    apps::LicenseCounts,
    etag::{self, IfMatch, Tagged},
    input::{Json, Path},
    words::{DateTime, effect, fate, group_kind, installation, intent, license_holder, license_type, word},
};
use crate::{
    app::{
        App,
        contract::{Agreed, Contract},
        deployments::{DeploymentChoice, Preview},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(deployments_get, deployments_put, deployments_add))
        .routes(routes!(deployments_preview))
}

/// Every deployment of an app, one line a group.
#[derive(Debug, Serialize, ToSchema)]
struct Deployments {
    value: Vec<DeploymentLine>,
}

/// What a group gets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeploymentLine {
    id: Uuid,
    group_id: Uuid,
    group_name: Option<String>,
    #[schema(schema_with = group_kind)]
    group_kind: GroupKind,
    #[schema(schema_with = intent)]
    intent: Approval,
    /// With `required`: until then the app is available and nothing is forced; from then on it is required.
    deadline_date_time: Option<DateTime>,
    /// With whose licences: `automatic` is of the device where the app permits it, else of the person.
    #[schema(schema_with = license_type)]
    license_type: LicenseType,
    /// Who installs: `external` is somebody else. Whoever is reached gets the licence then, and no device is told anything.
    #[schema(schema_with = installation)]
    installation: Installation,
    /// How many licences are kept for the group: while fewer are out to those who have the app by this line, nobody else gets what
    /// is missing. 0: none.
    kept_licenses: u64,
    /// Since when the group has this intent; decides who waits longest.
    since_date_time: DateTime,
}

/// The groups that shall have an app, and how.
///
/// Groups that are added or changed together are one deployment: groups of people and groups of devices can then
/// only be `available`. What one kind has already does not bind the other: send the second kind afterwards.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WantedDeployments {
    value: Vec<WantedLine>,
    /// The `digest` of the preview that was looked at. When saving would do anything else by now, nothing is saved.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences saving takes back. To be said when they are many; the refusal, and the preview, tell the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

/// What a group shall get.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedLine {
    group_id: Uuid,
    #[schema(schema_with = intent)]
    intent: Approval,
    /// With `required` only. Until then the app is available and nothing is forced; from then on it is required.
    #[serde(default)]
    deadline_date_time: Option<DateTime>,
    /// With whose licences, `user` unless it is said; by the policy of 2016, always. `automatic`: of the device where the app
    /// permits it, else of the person (Graph's `useDeviceLicensing` knows the first two).
    #[serde(default)]
    #[schema(schema_with = license_type)]
    license_type: LicenseType,
    /// Who installs, `managed` unless it is said; by the policy of 2016, always. `external`: somebody else does, and whoever is
    /// reached gets the licence only, people also without any device here. With `required` and `available` only.
    #[serde(default)]
    #[schema(schema_with = installation)]
    installation: Installation,
    /// How many licences to keep for the group, none unless it is said; by the policy of 2016, never. While fewer are out to those
    /// who have the app by this line, nobody else gets what is missing, and nobody loses one for it. With `required` and
    /// `available` only, and a million at most. Whoever is in several such groups draws on what is kept for the one with the
    /// highest priority.
    #[serde(default)]
    kept_licenses: u64,
}

impl WantedLine {
    pub fn choice(self) -> DeploymentChoice {
        DeploymentChoice {
            group: GroupId(self.group_id),
            approval: self.intent,
            deadline: self.deadline_date_time.map(|deadline| deadline.0),
            license_type: self.license_type,
            installation: self.installation,
            kept_licenses: self.kept_licenses,
        }
    }
}

impl WantedDeployments {
    fn agreed(&self) -> Agreed {
        Agreed {
            digest: self.preview_digest.clone(),
            take_back: self.confirm_take_back,
            ..Agreed::default()
        }
    }

    fn choices(self) -> Vec<DeploymentChoice> {
        self.value.into_iter().map(WantedLine::choice).collect()
    }
}

/// What saving would do. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeploymentPreview {
    /// Names all of this. Save with it as `previewDigest`, and it is this that happens, or nothing is saved.
    digest: String,
    #[serde(flatten)]
    outcome: PreviewedApp,
}

/// What a change does to an app, and to whom.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewedApp {
    licenses_before: LicenseCounts,
    licenses_after: LicenseCounts,
    /// Everybody in a group that is changed, and everybody in the line for the app, by what happens to them.
    affected: Vec<AffectedHolders>,
    /// People who would be entitled to the app, and are not now.
    gaining_user_ids: Vec<Uuid>,
    /// Devices that would have a licence of their own, and have none now.
    gaining_device_ids: Vec<Uuid>,
    /// People who would lose it: it is removed, and then the licence returns. What somebody else installed stays where it is
    /// and stops working: `affected` tells for whom, by `installation`.
    losing_user_ids: Vec<Uuid>,
    losing_device_ids: Vec<Uuid>,
    /// People who would need a licence that they do not have, those who wait already among them.
    needed_license_count: u64,
    /// Licences that come back, because of the change or anyhow: once removals are confirmed, where it was ours to install.
    returning_license_count: u64,
    /// Licences that the change itself takes back.
    taken_back_license_count: u64,
    /// The same, when they are so many that whoever saves has to say so as `confirmTakeBack`.
    confirm_take_back: Option<u64>,
    /// Licences that nobody needs or may have, once everything is back. Null when unlimited.
    left_license_count: Option<u64>,
    /// How many licences lines keep afterwards, all together; more than are owned are kept for nothing.
    kept_license_count: u64,
    /// People for whom no licence would be left now, first in line first.
    waiting_user_ids: Vec<Uuid>,
    /// The same of devices that are to have one of their own.
    waiting_device_ids: Vec<Uuid>,
    /// What Apple is asked because of it.
    requests: AppleRequests,
    /// What people will be asked on their devices.
    prompts: Prompts,
    /// What changes by itself later, the next first.
    deadlines: Vec<DeadlinePreview>,
}

/// People, or devices with licences of their own, to whom the same happens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AffectedHolders {
    /// Which of the two.
    #[schema(schema_with = license_holder)]
    license_holder: HolderKind,
    #[schema(schema_with = effect)]
    effect: Effect,
    /// What they go on with, when nothing happens to them.
    #[schema(schema_with = fate)]
    fate: Option<Fate>,
    /// What stands in their way.
    detail: Option<String>,
    /// Which of the groups that are changed they are reached through.
    group_id: Option<Uuid>,
    /// How many.
    count: u64,
    /// Devices that it is about.
    device_count: u64,
    /// Who installs what they get, or installed what they lose.
    #[schema(schema_with = installation)]
    installation: Installation,
    prompts: Prompts,
    /// A few of them.
    first_ids: Vec<Uuid>,
}

/// What people will be asked because of a change, in number: of whoever needs a licence because of it. Where several apps are
/// previewed together, somebody who is invited to the programme for several of them is invited once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Prompts {
    /// People who are invited to join the programme.
    join_invitation_count: u64,
    /// Devices on which somebody is asked whether the app may be installed.
    install_prompt_count: u64,
    /// Devices on which the password of an Apple ID is asked for.
    apple_id_prompt_count: u64,
}

impl From<Prompted> for Prompts {
    fn from(prompted: Prompted) -> Prompts {
        Prompts {
            join_invitation_count: prompted.join,
            install_prompt_count: prompted.install,
            apple_id_prompt_count: prompted.apple_id,
        }
    }
}

/// People and devices apart, in their order.
#[derive(Default)]
struct Holders {
    users: Vec<Uuid>,
    devices: Vec<Uuid>,
}

impl Holders {
    fn of(holders: impl IntoIterator<Item = Holder>) -> Holders {
        let mut apart = Holders::default();
        for holder in holders {
            match holder.kind() {
                HolderKind::User => apart.users.push(holder.id()),
                HolderKind::Device => apart.devices.push(holder.id()),
            }
        }
        apart
    }
}

/// How many requests to Apple follow, by their kinds, when each can go as a whole. Removals that are confirmed at different
/// times return in parts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AppleRequests {
    create_users: u64,
    associate: u64,
    disassociate: u64,
    /// Once what comes back has come back.
    associate_later: u64,
}

/// What becomes of it at a deadline, if nothing else changes until then.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadlinePreview {
    deadline_date_time: DateTime,
    /// People who will need a licence then that they do not have now.
    needed_license_count: u64,
    /// People for whom none would be left, first in line first.
    waiting_user_ids: Vec<Uuid>,
    waiting_device_ids: Vec<Uuid>,
}

impl From<Preview> for DeploymentPreview {
    fn from(preview: Preview) -> DeploymentPreview {
        DeploymentPreview {
            outcome: PreviewedApp::from(&preview),
            digest: preview.digest,
        }
    }
}

impl From<&Preview> for PreviewedApp {
    fn from(preview: &Preview) -> PreviewedApp {
        let outcome = &preview.outcome;
        let ids = |chosen: fn(&Outcome) -> bool| {
            let outcomes = outcome.outcomes.iter().filter(|outcome| chosen(outcome));
            outcomes.map(|outcome| outcome.holder).collect::<Vec<_>>()
        };
        let (gaining, losing) = (
            Holders::of(ids(Outcome::needs_another)),
            Holders::of(ids(|outcome| outcome.effect() == Effect::Loses)),
        );
        let waiting = Holders::of(outcome.waiting.iter().copied());
        let affected = |affected: Affected| AffectedHolders {
            effect: affected.effect,
            fate: affected.fate,
            detail: affected.obstacle.map(word),
            group_id: affected.group.map(|group| group.0),
            license_holder: affected.kind,
            count: affected.number,
            device_count: affected.devices,
            installation: affected.installation,
            prompts: affected.prompted.into(),
            first_ids: affected.first.iter().map(|holder| holder.id()).collect(),
        };
        PreviewedApp {
            licenses_before: preview.counts.into(),
            licenses_after: Counts {
                waiting: outcome.waiting.len() as u64,
                kept: outcome.kept_of_free(),
                ..preview.counts
            }
            .into(),
            affected: outcome.affected().into_iter().map(affected).collect(),
            gaining_user_ids: gaining.users,
            gaining_device_ids: gaining.devices,
            losing_user_ids: losing.users,
            losing_device_ids: losing.devices,
            needed_license_count: outcome.needed(),
            returning_license_count: outcome.returning,
            taken_back_license_count: outcome.taken_back(),
            confirm_take_back: preview.to_confirm(),
            left_license_count: outcome.left(),
            kept_license_count: outcome.kept,
            waiting_user_ids: waiting.users,
            waiting_device_ids: waiting.devices,
            prompts: outcome.prompted().into(),
            requests: AppleRequests {
                create_users: preview.requests.create_users.requests,
                associate: preview.requests.associate.requests,
                disassociate: preview.requests.disassociate.requests,
                associate_later: preview.requests.associate_later.requests,
            },
            deadlines: outcome
                .at_deadlines
                .iter()
                .map(|later| {
                    let waiting = Holders::of(later.waiting.iter().copied());
                    DeadlinePreview {
                        deadline_date_time: DateTime(later.deadline),
                        needed_license_count: later.needed,
                        waiting_user_ids: waiting.users,
                        waiting_device_ids: waiting.devices,
                    }
                })
                .collect(),
        }
    }
}

/// Every deployment of an app
#[utoipa::path(
    get, path = "/apps/{app}/deployments", tag = "apps", params(("app" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = Deployments), Refusals)
)]
async fn deployments_get(
    State(app): State<App>,
    _: ApiReader,
    Path(asset): Path<AssetId>,
) -> Result<Tagged<Deployments>, Problem> {
    shown(&app, asset).await
}

/// Replace every deployment of an app
///
/// A group that is left out loses what it had, as with `uninstall`. What is added or changed is one deployment. With the
/// digest of a preview, nothing is saved but what was previewed.
#[utoipa::path(
    put, path = "/apps/{app}/deployments", tag = "apps",
    params(("app" = Uuid, Path), IfMatch),
    request_body = WantedDeployments,
    responses((status = 200, description = "Saved", body = Deployments), Refusals)
)]
async fn deployments_put(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(asset): Path<AssetId>,
    IfMatch(base): IfMatch,
    Json(wanted): Json<WantedDeployments>,
) -> Result<Tagged<Deployments>, Problem> {
    let agreed = wanted.agreed();
    let done = app
        .deployments_save(&caller, asset, base, wanted.choices(), &agreed)
        .await;
    etag::changed(done, shown(&app, asset)).await
}

/// Deploy an app to further groups
///
/// What it has already stays as it is; a group that has it already is refused.
#[utoipa::path(
    post, path = "/apps/{app}/deployments", tag = "apps", params(("app" = Uuid, Path)),
    request_body = WantedDeployments,
    responses((status = 200, description = "Saved", body = Deployments), Refusals)
)]
async fn deployments_add(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(asset): Path<AssetId>,
    Json(wanted): Json<WantedDeployments>,
) -> Result<Tagged<Deployments>, Problem> {
    let agreed = wanted.agreed();
    app.deployments_add(&caller, asset, wanted.choices(), &agreed).await?;
    shown(&app, asset).await
}

/// What saving would do
///
/// Nothing is changed. To save what was looked at and nothing else, send its digest along.
#[utoipa::path(
    post, path = "/apps/{app}/deployments/preview", tag = "apps", params(("app" = Uuid, Path)),
    request_body = WantedDeployments,
    responses((status = 200, description = "As asked for", body = DeploymentPreview), Refusals)
)]
async fn deployments_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(asset): Path<AssetId>,
    Json(wanted): Json<WantedDeployments>,
) -> Result<JsonBody<DeploymentPreview>, Problem> {
    Ok(JsonBody(
        app.deployments_preview(asset, &wanted.choices()).await?.into(),
    ))
}

/// The version first: a tag may be too old, never too new.
async fn shown(app: &App, asset: AssetId) -> Result<Tagged<Deployments>, Problem> {
    let version = app.deployments_version(asset).await?;
    let groups: BTreeMap<GroupId, GroupRow> = app.groups().await?.into_iter().map(|group| (group.id, group)).collect();
    let line = |deployment: Deployment| DeploymentLine {
        id: deployment.id.0,
        group_id: deployment.group.0,
        group_name: groups.get(&deployment.group).map(|group| group.name.clone()),
        group_kind: deployment.kind,
        intent: deployment.approval,
        deadline_date_time: DateTime::of(deployment.deadline),
        since_date_time: DateTime(deployment.since),
        license_type: deployment.license_type,
        installation: deployment.installation,
        kept_licenses: deployment.kept_licenses,
    };
    let value = app.deployments(asset).await?.into_iter().map(line).collect();
    Ok(Tagged {
        version,
        body: Deployments { value },
    })
}
