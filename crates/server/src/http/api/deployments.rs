//! Which groups get an app, and how (Graph's `mobileAppAssignment`).

use std::collections::BTreeMap;

use axum::{Json as JsonBody, extract::State};
use domain::{Approval, AssetId, Decision, Deployment, GroupId, GroupKind};
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
    words::{DateTime, group_kind, intent},
};
use crate::{
    app::{
        App,
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
    /// Since when the group has this intent; decides who waits longest.
    since_date_time: DateTime,
}

/// The groups that shall have an app, and how.
///
/// Groups that are added or changed together are one deployment: groups of people and groups of devices can then
/// only be `available`. What one kind has already does not bind the other: send the second kind afterwards.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WantedDeployments {
    value: Vec<WantedLine>,
}

/// What a group shall get.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WantedLine {
    group_id: Uuid,
    #[schema(schema_with = intent)]
    intent: Approval,
    /// With `required` only. Until then the app is available and nothing is forced; from then on it is required.
    #[serde(default)]
    deadline_date_time: Option<DateTime>,
}

impl WantedDeployments {
    fn choices(self) -> Vec<DeploymentChoice> {
        let choice = |line: WantedLine| DeploymentChoice {
            group: GroupId(line.group_id),
            approval: line.intent,
            deadline: line.deadline_date_time.map(|deadline| deadline.0),
        };
        self.value.into_iter().map(choice).collect()
    }
}

/// What saving would decide. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeploymentPreview {
    licenses_before: LicenseCounts,
    licenses_after: LicenseCounts,
    /// People who would be entitled to the app, and are not now.
    gaining_user_ids: Vec<Uuid>,
    /// People who would lose it: it is removed, and then the licence returns.
    losing_user_ids: Vec<Uuid>,
    /// People who would need a licence that they do not have.
    needed_license_count: u64,
    /// Licences that would come back once the removals are confirmed.
    returning_license_count: u64,
    /// People for whom no licence would be left now, first in line first.
    waiting_user_ids: Vec<Uuid>,
    /// What changes by itself later, the next first.
    deadlines: Vec<DeadlinePreview>,
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
}

impl From<Preview> for DeploymentPreview {
    fn from(preview: Preview) -> DeploymentPreview {
        let Preview {
            before,
            after,
            at_deadlines,
        } = preview;
        let without_seat = |decision: &Decision| {
            let people = decision.people.values();
            people
                .filter(|person| person.wants_seat && person.seat.is_none())
                .count() as u64
        };
        let mut gaining = Vec::new();
        for (id, person) in &after.people {
            if person.wants_seat && !before.people.get(id).is_some_and(|person| person.wants_seat) {
                gaining.push(id.0);
            }
        }
        let mut losing = Vec::new();
        let mut returning = 0;
        for (id, person) in &before.people {
            let kept = after.people.get(id).is_some_and(|person| person.keeps_seat);
            if (person.wants_seat || person.keeps_seat) && !kept {
                losing.push(id.0);
            }
            if person.seat.is_some() && !kept {
                returning += 1;
            }
        }
        DeploymentPreview {
            licenses_before: before.counts.into(),
            licenses_after: after.counts.into(),
            gaining_user_ids: gaining,
            losing_user_ids: losing,
            needed_license_count: without_seat(&after),
            returning_license_count: returning,
            waiting_user_ids: after.waiting.iter().map(|id| id.0).collect(),
            deadlines: at_deadlines
                .iter()
                .map(|(deadline, decision)| DeadlinePreview {
                    deadline_date_time: DateTime(*deadline),
                    needed_license_count: without_seat(decision),
                    waiting_user_ids: decision.waiting.iter().map(|id| id.0).collect(),
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
/// A group that is left out loses what it had, as with `uninstall`. What is added or changed is one deployment.
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
    let done = app.deployments_save(&caller, asset, base, wanted.choices()).await;
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
    app.deployments_add(&caller, asset, wanted.choices()).await?;
    shown(&app, asset).await
}

/// What saving would decide
///
/// Nothing is changed.
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
    };
    let value = app.deployments(asset).await?.into_iter().map(line).collect();
    Ok(Tagged {
        version,
        body: Deployments { value },
    })
}
