//! Groups of people or of devices, to which apps are deployed.

use std::collections::BTreeSet;

use axum::{Json as JsonBody, extract::State, http::StatusCode, response::IntoResponse};
use domain::{GroupId, GroupKind, MembershipRule};
use serde::{Deserialize, Serialize};
use store::GroupRow;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals, created,
    deployments::PreviewedApp,
    etag::{self, IfMatch, Tagged},
    input::{Json, Path, Query, given, invalid},
    page::{Page, PageQuery},
    words::{DateTime, group_kind},
};
use crate::{
    app::{
        App, AppError,
        contract::{Agreed, Contract},
        deployments::Preview,
        groups::{self, NewGroup},
        members::{self, Wanted},
        rules::GroupNames,
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(groups_list, group_add))
        .routes(routes!(group_get, group_update, group_delete))
        .routes(routes!(group_members, group_members_set, group_members_change))
        .routes(routes!(group_members_preview))
        .routes(routes!(group_rule, group_rule_set))
        .routes(routes!(group_rule_preview))
}

/// A group of people or of devices.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Group {
    id: Uuid,
    display_name: String,
    #[schema(schema_with = group_kind)]
    kind: GroupKind,
    /// The higher, the sooner its members get a licence.
    priority: i64,
    member_count: i64,
    membership_type: MembershipType,
    /// By what somebody is in it, where that is a rule. Other groups are called by their names.
    membership_rule: Option<String>,
    /// Absent where there is no rule.
    membership_rule_processing_status: Option<ProcessingStatus>,
    created_date_time: DateTime,
}

/// Graph's words: members are put in and taken out, or follow from a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum MembershipType {
    Assigned,
    Dynamic,
}

/// How far it is found out who is in a group by its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ProcessingStatus {
    /// The rule is new, and is still being asked of everybody.
    Running,
    /// Everybody was asked. Whoever changes is followed within seconds.
    Succeeded,
}

/// What groups are shown with.
struct Shown {
    names: GroupNames,
    walked: BTreeSet<GroupId>,
}

impl Shown {
    async fn of(app: &App) -> Result<Shown, Problem> {
        Ok(Shown {
            names: app.group_names().await?,
            walked: app.groups_walked().await?,
        })
    }

    fn group(&self, row: GroupRow) -> Group {
        let rule = row.membership_rule.as_ref();
        Group {
            membership_type: match rule {
                Some(_) => MembershipType::Dynamic,
                None => MembershipType::Assigned,
            },
            membership_rule: rule.map(|rule| self.names.text(rule)),
            membership_rule_processing_status: rule.map(|_| match self.walked.contains(&row.id) {
                true => ProcessingStatus::Running,
                false => ProcessingStatus::Succeeded,
            }),
            id: row.id.0,
            display_name: row.name,
            kind: row.kind,
            priority: row.priority,
            member_count: row.members,
            created_date_time: DateTime(row.created_at),
        }
    }
}

/// A group to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupToAdd {
    display_name: String,
    #[schema(schema_with = group_kind)]
    kind: GroupKind,
    #[serde(default)]
    priority: i64,
    /// By what somebody is in it, such as `user.department -eq "Sales"`, or `all`; absent where members are put in.
    #[serde(default)]
    membership_rule: Option<String>,
}

/// What to change of a group. What is absent stays; the kind cannot be changed, and the rule has an address of its own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupChange {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    priority: Option<i64>,
}

/// The members that a group shall have: ids of people or of devices.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Members {
    value: Vec<Uuid>,
    /// The `digest` of the preview that was looked at. When saving would do anything else by now, nothing is saved.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences saving takes back. To be said when they are many; the refusal, and the preview, tell the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

/// Who is added to a group and who is taken out of it, whoever is in it then: ids of people or of devices.
///
/// Whoever is in it already, or is not, stays what they are. Who is named twice goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MembersChange {
    #[serde(default)]
    add: BTreeSet<Uuid>,
    #[serde(default)]
    remove: BTreeSet<Uuid>,
    /// The `digest` of the preview that was looked at. When saving would do anything else by now, nothing is saved.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences saving takes back. To be said when they are many; the refusal, and the preview, tell the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

/// What to preview: `value`, the whole list, or else `add` and `remove`. What saving takes beside them may be there, and is not
/// looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MembersToPreview {
    #[serde(default)]
    value: Option<Vec<Uuid>>,
    #[serde(default)]
    add: Option<BTreeSet<Uuid>>,
    #[serde(default)]
    remove: Option<BTreeSet<Uuid>>,
    #[serde(default, rename = "previewDigest")]
    _preview_digest: Option<String>,
    #[serde(default, rename = "confirmTakeBack")]
    _confirm_take_back: Option<u64>,
}

/// The rule of a group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Rule {
    membership_type: MembershipType,
    /// `null` where members are put in and taken out.
    membership_rule: Option<String>,
}

/// The rule that a group shall have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleToSet {
    /// Such as `user.department -eq "Sales" -and -not memberOf "Interns"`, or `all`. `null` takes the rule away: whoever is in the
    /// group stays, and is put in and taken out from then on. Other groups are called by their names, or by their ids.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    membership_rule: Option<Option<String>>,
    /// The `digest` of the preview that was looked at. When saving would do anything else by now, nothing is saved.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences saving takes back. To be said when they are many; the refusal, and the preview, tell the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

/// What changing the members of a group, or its rule, would do. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MembersPreview {
    /// Names all of this. Save with it as `previewDigest`, and it is this that happens, or nothing is saved.
    digest: String,
    /// People, or devices, who are in it afterwards and were not.
    joining_ids: Vec<Uuid>,
    /// Those who were in it and are not afterwards.
    leaving_ids: Vec<Uuid>,
    /// Of a rule: how many it lets in.
    matching_count: Option<u64>,
    /// Other groups whose members change with it, because their rules look at this one.
    following: Vec<Following>,
    /// How many licences it takes back in all, when they are so many of an app that whoever saves has to say so as
    /// `confirmTakeBack`.
    confirm_take_back: Option<u64>,
    /// What it does to each app that is deployed to the group, or to one that follows.
    apps: Vec<AppOfMembers>,
}

/// Whose members change with those of another group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Following {
    group_id: Uuid,
    joining_ids: Vec<Uuid>,
    leaving_ids: Vec<Uuid>,
}

/// What changing who is in a group does to an app that is deployed to it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppOfMembers {
    app_id: Uuid,
    #[serde(flatten)]
    outcome: PreviewedApp,
}

impl From<&Preview> for AppOfMembers {
    fn from(of: &Preview) -> AppOfMembers {
        AppOfMembers {
            app_id: of.app.id.0,
            outcome: of.into(),
        }
    }
}

impl From<members::MembersPreview> for MembersPreview {
    fn from(preview: members::MembersPreview) -> MembersPreview {
        MembersPreview {
            confirm_take_back: preview.to_confirm(),
            apps: preview.apps.iter().map(AppOfMembers::from).collect(),
            digest: preview.digest,
            matching_count: preview.matching.map(|matching| matching.count),
            following: preview
                .follows
                .into_iter()
                .map(|moved| Following {
                    group_id: moved.group.0,
                    joining_ids: moved.come.into_iter().collect(),
                    leaving_ids: moved.go.into_iter().collect(),
                })
                .collect(),
            joining_ids: preview.change.come.into_iter().collect(),
            leaving_ids: preview.change.go.into_iter().collect(),
        }
    }
}

/// All groups
#[utoipa::path(
    get, path = "/groups", tag = "groups", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Group>), Refusals)
)]
async fn groups_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Group>>, Problem> {
    let page = Page::by_id(app.groups().await?, &query, |group| group.id)?;
    let shown = Shown::of(&app).await?;
    Ok(JsonBody(page.map(|row| shown.group(row))))
}

/// Add a group
#[utoipa::path(
    post, path = "/groups", tag = "groups", request_body = GroupToAdd,
    responses((status = 201, description = "Made", body = Group), Refusals)
)]
async fn group_add(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Json(new): Json<GroupToAdd>,
) -> Result<impl IntoResponse, Problem> {
    let rule = match &new.membership_rule {
        Some(rule) => Some(app.membership_rule_read(new.kind, rule).await?),
        None => None,
    };
    let new = NewGroup {
        name: new.display_name,
        kind: new.kind,
        priority: new.priority,
        rule,
    };
    let id = app.group_add(&caller, new).await.map_err(renamed)?;
    Ok(created(format!("groups/{id}"), shown(&app, id).await?))
}

/// One group
#[utoipa::path(
    get, path = "/groups/{group}", tag = "groups", params(("group" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = Group), Refusals)
)]
async fn group_get(State(app): State<App>, _: ApiReader, Path(group): Path<GroupId>) -> Result<Tagged<Group>, Problem> {
    shown(&app, group).await
}

/// Change a group
#[utoipa::path(
    patch, path = "/groups/{group}", tag = "groups",
    params(("group" = Uuid, Path), IfMatch), request_body = GroupChange,
    responses((status = 200, description = "As asked for", body = Group), Refusals)
)]
async fn group_update(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(group): Path<GroupId>,
    IfMatch(base): IfMatch,
    Json(change): Json<GroupChange>,
) -> Result<Tagged<Group>, Problem> {
    let change = groups::GroupChange {
        name: change.display_name,
        priority: change.priority,
    };
    let done = app.group_change(&caller, group, base, change).await;
    etag::changed(done, shown(&app, group)).await.map_err(renamed)
}

/// Delete a group
///
/// Refused while an app is deployed to it, or the rule of another group looks at its members. Its members are not deleted.
#[utoipa::path(
    delete, path = "/groups/{group}", tag = "groups",
    params(("group" = Uuid, Path), IfMatch),
    responses((status = 204, description = "Deleted"), Refusals)
)]
async fn group_delete(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(group): Path<GroupId>,
    IfMatch(base): IfMatch,
) -> Result<StatusCode, Problem> {
    match app.group_delete(&caller, group, base).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(
            error @ AppError::Invalid {
                field: "deployments", ..
            },
        ) => Err(Problem::from(error).detail("an app is deployed to this group; change its deployment first")),
        Err(error) => Err(etag::refused(error, shown(&app, group)).await),
    }
}

/// The members of a group
#[utoipa::path(
    get, path = "/groups/{group}/members", tag = "groups", params(("group" = Uuid, Path), PageQuery),
    responses((status = 200, description = "Ids of people or of devices", body = Page<Uuid>), Refusals)
)]
async fn group_members(
    State(app): State<App>,
    _: ApiReader,
    Path(group): Path<GroupId>,
    Query(query): Query<PageQuery>,
) -> Result<Tagged<Page<Uuid>>, Problem> {
    members_page(&app, group, &query).await
}

/// Add members to a group, and take members out
///
/// The group is changed as it is then, so nobody who changes other members at the same time stands in the way: no `If-Match` is
/// needed. With the digest of a preview, nothing is saved but what was previewed. Nobody is added who has left; the answer names
/// them in `leftUserIds`, and ids that are nobody's in `unknownIds`. Members that follow from a rule are not put in by hand.
#[utoipa::path(
    post, path = "/groups/{group}/members", tag = "groups", params(("group" = Uuid, Path)),
    request_body = MembersChange, responses((status = 200, description = "As asked for", body = Group), Refusals)
)]
async fn group_members_change(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(group): Path<GroupId>,
    Json(change): Json<MembersChange>,
) -> Result<Tagged<Group>, Problem> {
    let agreed = Agreed {
        digest: change.preview_digest,
        take_back: change.confirm_take_back,
        ..Agreed::default()
    };
    let change = members::MembersChange {
        add: change.add,
        remove: change.remove,
    };
    app.group_members_change(&caller, group, &change, &agreed).await?;
    with_members_tag(&app, group).await
}

/// Replace all members of a group
///
/// With the digest of a preview, nothing is saved but what was previewed. The body may weigh 6 MiB: more than 100,000 ids.
#[utoipa::path(
    put, path = "/groups/{group}/members", tag = "groups",
    params(("group" = Uuid, Path), IfMatch), request_body = Members,
    responses((status = 200, description = "As asked for", body = Group), Refusals)
)]
async fn group_members_set(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(group): Path<GroupId>,
    IfMatch(base): IfMatch,
    Json(members): Json<Members>,
) -> Result<Tagged<Group>, Problem> {
    let agreed = Agreed {
        digest: members.preview_digest,
        take_back: members.confirm_take_back,
        ..Agreed::default()
    };
    match app
        .group_members_set(&caller, group, base, &members.value, &agreed)
        .await
    {
        Ok(()) => with_members_tag(&app, group).await,
        Err(error) => {
            let first = PageQuery::default();
            Err(renamed(etag::refused(error, members_page(&app, group, &first)).await))
        }
    }
}

/// Preview a change of members
///
/// What happens, app by app, if the group had these members, or if some came and others went: who gets each app, who loses it,
/// who waits, and why.
#[utoipa::path(
    post, path = "/groups/{group}/members/preview", tag = "groups", params(("group" = Uuid, Path)),
    request_body = MembersToPreview,
    responses((status = 200, description = "As asked for", body = MembersPreview), Refusals)
)]
async fn group_members_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(group): Path<GroupId>,
    Json(members): Json<MembersToPreview>,
) -> Result<JsonBody<MembersPreview>, Problem> {
    let MembersToPreview { value, add, remove, .. } = members;
    let change = members::MembersChange {
        add: add.clone().unwrap_or_default(),
        remove: remove.clone().unwrap_or_default(),
    };
    let wanted = match (&value, add.is_some() || remove.is_some()) {
        (Some(value), false) => Wanted::These(value),
        (None, true) => Wanted::Change(&change),
        (Some(_), true) => {
            let detail = "value is the whole list: send it, or else add and remove";
            return Err(invalid("value", "ambiguous", detail));
        }
        (None, false) => {
            let detail = "value is missing, and so are add and remove";
            return Err(invalid("value", "missing", detail));
        }
    };
    let preview = app.group_members_preview(group, wanted).await?;
    Ok(JsonBody(preview.into()))
}

/// The rule of a group
#[utoipa::path(
    get, path = "/groups/{group}/membershipRule", tag = "groups", params(("group" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = Rule), Refusals)
)]
async fn group_rule(State(app): State<App>, _: ApiReader, Path(group): Path<GroupId>) -> Result<Tagged<Rule>, Problem> {
    rule_shown(&app, group).await
}

/// Give a group a rule, or take it away
///
/// With the digest of a preview, nothing is saved but what was previewed. Who comes and who goes follows within seconds; see
/// `membershipRuleProcessingStatus`. A rule that is wrong is refused with the `position` of what is.
#[utoipa::path(
    put, path = "/groups/{group}/membershipRule", tag = "groups",
    params(("group" = Uuid, Path), IfMatch), request_body = RuleToSet,
    responses((status = 200, description = "As asked for", body = Rule), Refusals)
)]
async fn group_rule_set(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(group): Path<GroupId>,
    IfMatch(base): IfMatch,
    Json(rule): Json<RuleToSet>,
) -> Result<Tagged<Rule>, Problem> {
    let agreed = Agreed {
        digest: rule.preview_digest,
        take_back: rule.confirm_take_back,
        ..Agreed::default()
    };
    let rule = rule_read(&app, group, rule.membership_rule.flatten()).await?;
    let done = app.group_rule_set(&caller, group, base, rule.as_ref(), &agreed).await;
    etag::changed(done, rule_shown(&app, group)).await
}

/// Preview a rule
///
/// Whom it lets in, who comes and who goes, and what happens then, app by app: also where the rule of another group looks at the
/// members of this one. What saving takes beside the rule may be there, and is not looked at.
#[utoipa::path(
    post, path = "/groups/{group}/membershipRule/preview", tag = "groups", params(("group" = Uuid, Path)),
    request_body = RuleToSet,
    responses((status = 200, description = "As asked for", body = MembersPreview), Refusals)
)]
async fn group_rule_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(group): Path<GroupId>,
    Json(rule): Json<RuleToSet>,
) -> Result<JsonBody<MembersPreview>, Problem> {
    let rule = rule_read(&app, group, rule.membership_rule.flatten()).await?;
    let preview = app.group_rule_preview(group, rule.as_ref()).await?;
    Ok(JsonBody(preview.into()))
}

pub async fn rule_read(app: &App, group: GroupId, text: Option<String>) -> Result<Option<MembershipRule>, Problem> {
    let row = group_row(app, group).await?;
    match text {
        Some(text) => Ok(Some(app.membership_rule_read(row.kind, &text).await?)),
        None => Ok(None),
    }
}

async fn rule_shown(app: &App, group: GroupId) -> Result<Tagged<Rule>, Problem> {
    let row = group_row(app, group).await?;
    let shown = Shown::of(app).await?.group(row.clone());
    Ok(Tagged {
        version: row.members_version,
        body: Rule {
            membership_type: shown.membership_type,
            membership_rule: shown.membership_rule,
        },
    })
}

async fn group_row(app: &App, group: GroupId) -> Result<GroupRow, Problem> {
    app.group(group).await?.ok_or_else(|| Problem::not_found("group"))
}

async fn shown(app: &App, group: GroupId) -> Result<Tagged<Group>, Problem> {
    let row = group_row(app, group).await?;
    Ok(Tagged {
        version: row.version.clone(),
        body: Shown::of(app).await?.group(row),
    })
}

/// The group, with the tag of its members.
async fn with_members_tag(app: &App, group: GroupId) -> Result<Tagged<Group>, Problem> {
    let row = group_row(app, group).await?;
    Ok(Tagged {
        version: row.members_version.clone(),
        body: Shown::of(app).await?.group(row),
    })
}

async fn members_page(app: &App, group: GroupId, query: &PageQuery) -> Result<Tagged<Page<Uuid>>, Problem> {
    let (row, part) = app.group_members_after(group, query.asked()?).await?;
    Ok(Tagged {
        version: row.members_version,
        body: Page::of_part(&part, |id| *id, |id| Some(*id)),
    })
}

/// The app says `name` and `members`; here they are `displayName` and `value`.
fn renamed(problem: impl Into<Problem>) -> Problem {
    problem.into().renamed(&[("name", "displayName"), ("members", "value")])
}
