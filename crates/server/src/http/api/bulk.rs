//! One thing done to many people or devices at once.

use std::collections::BTreeSet;

use axum::{Json as JsonBody, extract::State};
use domain::{Approval, AssetId, GroupId, GroupKind, InstallState, LicenseType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    groups::AppOfMembers,
    input::{Json, invalid},
    words::{bulk_skip, group_kind, install_state, intent, license_type},
};
use crate::{
    app::{
        App, bulk,
        bulk::selection::{self, List, Which},
        bulk::{Act, BulkDone, Skip, TakeBack, Through},
        contract::{Agreed, Contract},
        directory::{DeviceFilter, PersonFilter},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(bulk_action))
        .routes(routes!(bulk_action_preview))
}

/// To whom something is done: `ids`, or all whom the list shows, 50,000 at most.
///
/// Who that is is found out when it is previewed, and again when it is done: whoever came into the list meanwhile makes another
/// digest.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    list: ListName,
    /// These only, people or devices as the list has them. Without it, all of the list.
    #[serde(default)]
    ids: Option<BTreeSet<Uuid>>,
    /// Of `users`: `terms`, `refused`, `waiting`, `failed`, `noDevice`, `left`; of `managedDevices`: `failed`, `pending`, `quiet`,
    /// `dep`, `leaving`, `silent`, `gone`. As the lists of the console have them.
    #[serde(default)]
    filter: Option<String>,
    /// Of `appUsers` and `appDevices`.
    #[serde(default)]
    #[schema(schema_with = install_state)]
    state: Option<InstallState>,
    /// By name and what else one knows of them.
    #[serde(default)]
    search: String,
    /// Of `appUsers` and `appDevices`: whose list.
    #[serde(default)]
    app_id: Option<Uuid>,
    /// Of `groupMembers`: whose.
    #[serde(default)]
    group_id: Option<Uuid>,
}

/// A list of people, or of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ListName {
    Users,
    ManagedDevices,
    AppUsers,
    AppDevices,
    GroupMembers,
}

/// What is done to each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ActionName {
    /// Needs `groupId`.
    AddToGroup,
    /// Needs `groupId`.
    RemoveFromGroup,
    /// Needs `appId`, and `groupId` of a group to which the app is deployed as required or available, or `newGroup`.
    GiveApp,
    /// Needs `appId` and `way`.
    TakeBackApp,
    /// People only, 5,000 at most.
    InviteAgain,
    /// People only, 5,000 at most. Needs `appId` and `reason`.
    MoveUp,
}

/// How an app is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Way {
    /// They are taken out of the groups through which they get it, and lose whatever else those give them. Whoever gets it
    /// through a group with a rule is skipped.
    RemoveFromGroups,
    /// They come into a group for which the app is not applicable: `groupId`, or `newGroup`.
    Exclude,
}

/// A group that is made of them, to which the app is deployed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewGroup {
    display_name: String,
    /// Of `giveApp`: `required` or `available`.
    #[serde(default)]
    #[schema(schema_with = intent)]
    intent: Option<Approval>,
    /// Of `giveApp`; `user` unless it is said.
    #[serde(default)]
    #[schema(schema_with = license_type)]
    license_type: LicenseType,
}

/// One thing to do to many.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BulkAction {
    selection: Selection,
    action: ActionName,
    #[serde(default)]
    group_id: Option<Uuid>,
    #[serde(default)]
    app_id: Option<Uuid>,
    #[serde(default)]
    new_group: Option<NewGroup>,
    #[serde(default)]
    way: Option<Way>,
    #[serde(default)]
    reason: Option<String>,
    /// The `digest` of the preview that was looked at. When it would do anything else by now, nothing is done.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences it takes back. To be said when they are many; the refusal, and the preview, tell the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

/// What it would do. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BulkPreview {
    /// Names all of this. Do it with it as `previewDigest`, and it is this that happens, or nothing is done.
    digest: String,
    /// How many were chosen: all of `affectedIds` and of `skipped`.
    selected_count: u64,
    /// People, or devices, to whom it is done.
    affected_ids: BTreeSet<Uuid>,
    /// To whom it is not done, and why.
    skipped: Vec<SkippedIds>,
    /// Who comes into groups, and who goes. A group that is made has no id yet.
    groups: Vec<MembersMoved>,
    /// Other groups whose members change with those, because their rules look at them.
    following: Vec<MembersMoved>,
    /// How many licences it takes back in all, when they are so many of an app that whoever does it has to say so as
    /// `confirmTakeBack`.
    confirm_take_back: Option<u64>,
    /// What it does to each app.
    apps: Vec<AppOfMembers>,
}

/// Who comes into a group, and who goes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MembersMoved {
    group_id: Option<Uuid>,
    #[schema(schema_with = group_kind)]
    group_kind: GroupKind,
    joining_ids: BTreeSet<Uuid>,
    leaving_ids: BTreeSet<Uuid>,
}

/// To whom nothing is done, for one reason.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SkippedIds {
    #[schema(schema_with = bulk_skip)]
    reason: Skip,
    ids: BTreeSet<Uuid>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BulkResult {
    selected_count: u64,
    /// To how many it was done. With the `count`s of `skipped` they are all who were chosen.
    done_count: u64,
    skipped: Vec<SkippedCount>,
    /// The event that tells of all of it; `null` where nothing was to be done. Its `detail.bulkAction` is in every event of what was
    /// done.
    event_id: Option<i64>,
}

/// To how many nothing was done, for one reason.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SkippedCount {
    #[schema(schema_with = bulk_skip)]
    reason: Skip,
    count: u64,
}

impl From<BulkDone> for BulkResult {
    fn from(done: BulkDone) -> BulkResult {
        let skipped = done.skipped.into_iter();
        BulkResult {
            selected_count: done.selected,
            done_count: done.done,
            skipped: skipped.map(|(reason, count)| SkippedCount { reason, count }).collect(),
            event_id: done.event,
        }
    }
}

impl From<bulk::BulkPreview> for BulkPreview {
    fn from(preview: bulk::BulkPreview) -> BulkPreview {
        BulkPreview {
            selected_count: preview.selected(),
            confirm_take_back: preview.to_confirm(),
            apps: preview.apps.iter().map(AppOfMembers::from).collect(),
            digest: preview.digest,
            affected_ids: preview.does,
            skipped: preview
                .skipped
                .into_iter()
                .map(|(reason, ids)| SkippedIds { reason, ids })
                .collect(),
            groups: preview.moves.into_iter().map(MembersMoved::from).collect(),
            following: preview.follows.into_iter().map(MembersMoved::from).collect(),
        }
    }
}

/// What has to be there for what is asked.
fn needed<T>(value: Option<T>, field: &str) -> Result<T, Problem> {
    value.ok_or_else(|| invalid(field, "missing", format!("{field} is missing")))
}

impl Selection {
    async fn read(self, app: &App) -> Result<selection::Selection, Problem> {
        let asset = || needed(self.app_id, "selection.appId").map(AssetId);
        let unknown = || {
            invalid(
                "selection.filter",
                "unknown",
                "selection.filter is not one of this list",
            )
        };
        let filter = self.filter.as_deref().unwrap_or_default();
        let list = match self.list {
            ListName::Users => {
                let mut known = PersonFilter::ALL.into_iter();
                List::People(known.find(|it| it.value() == filter).ok_or_else(unknown)?)
            }
            ListName::ManagedDevices => {
                let mut known = DeviceFilter::ALL.into_iter();
                List::Devices(known.find(|it| it.value() == filter).ok_or_else(unknown)?)
            }
            ListName::AppUsers => List::AppPeople(asset()?, self.state),
            ListName::AppDevices => List::AppDevices(asset()?, self.state),
            ListName::GroupMembers => {
                let group = needed(self.group_id, "selection.groupId")?;
                app.members_as_list(GroupId(group)).await?
            }
        };
        let query = self.search.trim().to_owned();
        Ok(selection::Selection {
            list,
            which: self.ids.map_or(Which::All { query }, Which::Ids),
        })
    }
}

impl BulkAction {
    fn act(&self) -> Result<Act, Problem> {
        let group = || needed(self.group_id, "groupId").map(GroupId);
        let app = || needed(self.app_id, "appId").map(AssetId);
        let made = || match (&self.new_group, self.group_id) {
            (Some(_), Some(_)) => {
                let detail = "groupId is a group that is there: send it, or else newGroup";
                Err(invalid("newGroup", "ambiguous", detail))
            }
            (made, _) => Ok(made.as_ref()),
        };
        Ok(match self.action {
            ActionName::AddToGroup => Act::AddToGroup { group: group()? },
            ActionName::RemoveFromGroup => Act::RemoveFromGroup { group: group()? },
            ActionName::GiveApp => Act::GiveApp {
                app: app()?,
                through: match made()? {
                    None => Through::Group(group()?),
                    Some(made) => Through::New {
                        name: made.display_name.clone(),
                        approval: needed(made.intent, "newGroup.intent")?,
                        license_type: made.license_type,
                    },
                },
            },
            ActionName::TakeBackApp => Act::TakeBackApp {
                app: app()?,
                way: match (needed(self.way, "way")?, made()?) {
                    (Way::RemoveFromGroups, _) => TakeBack::FromGroups,
                    (Way::Exclude, None) => TakeBack::Except(group()?),
                    (Way::Exclude, Some(made)) => TakeBack::ExceptNew {
                        name: made.display_name.clone(),
                    },
                },
            },
            ActionName::InviteAgain => Act::InviteAgain,
            ActionName::MoveUp => Act::MoveUp {
                app: app()?,
                reason: needed(self.reason.clone(), "reason")?,
            },
        })
    }
}

/// Do one thing to many people or devices
///
/// What changes groups and deployments is done in one step, or not at all. Inviting and moving up is done for one after the other:
/// whoever cannot be any more by then is skipped. With the digest of a preview, nothing is done but what was previewed. Done once
/// more it does nothing to whom it was done to already: they are skipped. Groups with a rule are never touched.
#[utoipa::path(
    post, path = "/bulkActions", tag = "bulkActions", request_body = BulkAction,
    responses((status = 200, description = "What was done", body = BulkResult), Refusals)
)]
async fn bulk_action(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Json(action): Json<BulkAction>,
) -> Result<JsonBody<BulkResult>, Problem> {
    let act = action.act()?;
    let agreed = Agreed {
        digest: action.preview_digest,
        take_back: action.confirm_take_back,
        ..Agreed::default()
    };
    let selection = action.selection.read(&app).await?;
    let done = app.bulk(&caller, &selection, &act, &agreed).await.map_err(renamed)?;
    Ok(JsonBody(done.into()))
}

/// Preview one thing for many people or devices
///
/// To whom it would be done and to whom not, who would come into groups and go, and what that does, app by app.
#[utoipa::path(
    post, path = "/bulkActions/preview", tag = "bulkActions", request_body = BulkAction,
    responses((status = 200, description = "As asked for", body = BulkPreview), Refusals)
)]
async fn bulk_action_preview(
    State(app): State<App>,
    _: ApiReader,
    Json(action): Json<BulkAction>,
) -> Result<JsonBody<BulkPreview>, Problem> {
    let act = action.act()?;
    let selection = action.selection.read(&app).await?;
    let preview = app.bulk_preview(&selection, &act).await.map_err(renamed)?;
    Ok(JsonBody(preview.into()))
}

/// The app says `name`, `group` and `app`.
fn renamed(problem: impl Into<Problem>) -> Problem {
    let names = [("name", "newGroup.displayName"), ("group", "groupId"), ("app", "appId")];
    problem.into().renamed(&names)
}

impl From<domain::Members> for MembersMoved {
    fn from(moved: domain::Members) -> MembersMoved {
        MembersMoved {
            group_id: Some(moved.group.0).filter(|id| !id.is_nil()),
            group_kind: moved.kind,
            joining_ids: moved.come,
            leaving_ids: moved.go,
        }
    }
}
