//! What was changed of what people want, its restoring, and changes that wait for another administrator.

use std::collections::BTreeSet;

use axum::{Json as JsonBody, extract::State, response::IntoResponse};
use domain::{AssetId, GroupId, HeldChangeId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{ChangeFilter, ChangeKind, ChangeRow, HeldRow, HeldState};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals, created,
    deployments::{PreviewedApp, WantedLine},
    etag::{self, IfMatch, Tagged},
    input::{Json, Path, Query, invalid},
    page::{Page, PageQuery, cursor},
    settings::Settings,
    words::{DateTime, actor_kind, change_kind, held_state},
};
use crate::{
    app::{
        App, AppError, Base,
        changes::{Changed, Intent},
        contract::{Agreed, Because, Previewed},
        kept::SETTINGS,
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(changes_list))
        .routes(routes!(change_get))
        .routes(routes!(change_restore_preview))
        .routes(routes!(change_restore))
        .routes(routes!(held_changes_list, held_change_add))
        .routes(routes!(held_change_get))
        .routes(routes!(held_change_approve))
        .routes(routes!(held_change_turn_down))
        .routes(routes!(held_change_withdraw))
}

/// Something that people want was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Change {
    /// Rises with time.
    id: i64,
    #[schema(schema_with = change_kind)]
    kind: ChangeKind,
    changed_date_time: DateTime,
    changed_by: String,
    #[schema(schema_with = actor_kind)]
    actor_kind: String,
    /// Who asked for it, where another administrator approved it.
    asked_by: Option<String>,
    /// The app, the group or the person; null of the settings.
    thing_id: Option<Uuid>,
    /// What that was called.
    name: String,
    /// The change that it takes back.
    undoes: Option<i64>,
    preview_digest: Option<String>,
}

impl From<&ChangeRow> for Change {
    fn from(row: &ChangeRow) -> Change {
        Change {
            id: row.id,
            kind: row.kind,
            changed_date_time: DateTime(row.at),
            changed_by: row.by.clone(),
            actor_kind: row.actor_kind.clone(),
            asked_by: row.asked_by.clone(),
            thing_id: row.thing.parse().ok(),
            name: row.name.clone(),
            undoes: row.undoes,
            preview_digest: row.digest.clone(),
        }
    }
}

/// A change with what it said, and what is to be said of it now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeDetail {
    #[serde(flatten)]
    change: Change,
    /// What was so before, and after: the lines of a deployment, who came into a group and who went, a rule, the settings, who
    /// updates an app.
    #[schema(value_type = Object)]
    before: Value,
    #[schema(value_type = Object)]
    after: Value,
    /// What the preview said, in numbers.
    #[schema(value_type = Object)]
    promised: Value,
    /// Later changes of the same, the latest first: the latest twenty.
    later_changes: Vec<i64>,
    /// Changes that took this one back.
    undone_by: Vec<i64>,
    /// Why it cannot be restored: `same` when it is so already. Null when it can.
    cannot_be_restored: Option<String>,
}

impl From<Changed> for ChangeDetail {
    fn from(changed: Changed) -> ChangeDetail {
        let ids = |rows: &[ChangeRow]| rows.iter().map(|row| row.id).collect();
        ChangeDetail {
            change: (&changed.row).into(),
            later_changes: ids(&changed.later),
            undone_by: ids(&changed.undone_by),
            cannot_be_restored: changed.restoring.intent.err().map(super::words::word),
            before: changed.row.before,
            after: changed.row.after,
            promised: changed.row.promised,
        }
    }
}

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangeQuery {
    /// How many at most: 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Of the deployment of this app, and of who updates it, only.
    app_id: Option<Uuid>,
    /// Of the members and the rule of this group only.
    group_id: Option<Uuid>,
    /// Of this person only.
    user_id: Option<Uuid>,
    /// Of the settings only.
    #[serde(default)]
    settings: bool,
}

/// What restoring, or approving, would do. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangePreview {
    /// Names all of this. Send it as `previewDigest`, and it is this that happens, or nothing is saved.
    digest: String,
    /// How many licences it takes back, when they are so many that whoever saves has to say so as `confirmTakeBack`.
    confirm_take_back: Option<u64>,
    /// Another administrator has to approve it.
    needs_approval: bool,
    /// Who comes into the group, and who goes, where it is of one.
    joining_ids: Vec<Uuid>,
    leaving_ids: Vec<Uuid>,
    apps: Vec<ChangedApp>,
}

/// What it does to an app.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangedApp {
    app_id: Uuid,
    #[serde(flatten)]
    outcome: PreviewedApp,
}

impl From<&Previewed> for ChangePreview {
    fn from(preview: &Previewed) -> ChangePreview {
        let moves = match preview {
            Previewed::Members(preview) => Some(&preview.change),
            Previewed::Deployment(_)
            | Previewed::Leave(_)
            | Previewed::Return(_)
            | Previewed::Device(_)
            | Previewed::Bulk(_)
            | Previewed::Settings(_)
            | Previewed::Updates(_) => None,
        };
        let apps = preview.apps().into_iter().map(|of| ChangedApp {
            app_id: of.app.id.0,
            outcome: of.into(),
        });
        ChangePreview {
            digest: preview.digest().to_owned(),
            confirm_take_back: preview.to_confirm(),
            needs_approval: preview.needs_approval(),
            joining_ids: moves.iter().flat_map(|moves| moves.come.iter().copied()).collect(),
            leaving_ids: moves.iter().flat_map(|moves| moves.go.iter().copied()).collect(),
            apps: apps.collect(),
        }
    }
}

/// What was looked at, and is agreed to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Agreeing {
    /// The `digest` of the preview that was looked at. When it would do anything else by now, nothing is saved.
    preview_digest: String,
    /// How many licences it takes back. To be said when they are many; the refusal, and the preview, tell the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

impl From<Agreeing> for Agreed {
    fn from(agreeing: Agreeing) -> Agreed {
        Agreed {
            digest: Some(agreeing.preview_digest),
            take_back: agreeing.confirm_take_back,
            ..Agreed::default()
        }
    }
}

/// A change to ask another administrator for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangeToHold {
    change: Wanted,
    /// The `digest` of the preview that was looked at.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences it takes back. To be said when they are many.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

/// What is wanted, as it would be saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Wanted {
    /// Every deployment of an app.
    #[serde(rename_all = "camelCase")]
    Deployment {
        app_id: Uuid,
        value: Vec<WantedLine>,
    },
    /// Who comes into a group, and who goes.
    #[serde(rename_all = "camelCase")]
    GroupMembers {
        group_id: Uuid,
        #[serde(default)]
        add: BTreeSet<Uuid>,
        #[serde(default)]
        remove: BTreeSet<Uuid>,
    },
    /// The rule of a group; `null` takes it away.
    #[serde(rename_all = "camelCase")]
    GroupRule {
        group_id: Uuid,
        membership_rule: Option<String>,
    },
    Settings {
        settings: Settings,
    },
    /// What was before a change.
    #[serde(rename_all = "camelCase")]
    Restoring {
        change_id: i64,
    },
}

impl Wanted {
    async fn intent(self, app: &App) -> Result<Intent, Problem> {
        Ok(match self {
            Wanted::Restoring { change_id } => {
                let restoring = app.change(change_id).await?.restoring;
                restoring.intent.map_err(AppError::from)?
            }
            Wanted::Deployment { app_id, value } => Intent::Deployment {
                app: AssetId(app_id),
                choices: value.into_iter().map(WantedLine::choice).collect(),
                as_before: false,
            },
            Wanted::GroupMembers { group_id, add, remove } => Intent::GroupMembers {
                group: GroupId(group_id),
                add,
                remove,
            },
            Wanted::GroupRule {
                group_id,
                membership_rule,
            } => {
                let group = GroupId(group_id);
                let rule = super::groups::rule_read(app, group, membership_rule).await?;
                Intent::GroupRule {
                    group,
                    rule: rule.map(|rule| rule.kept()),
                }
            }
            Wanted::Settings { settings } => Intent::Settings {
                policy: Box::new(settings.policy(&app.policy().await?)?),
            },
        })
    }
}

/// A change that waits for another administrator, or did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HeldChange {
    id: Uuid,
    #[schema(schema_with = change_kind)]
    kind: ChangeKind,
    #[schema(schema_with = held_state)]
    state: HeldState,
    /// The app or the group; null of the settings.
    thing_id: Option<Uuid>,
    name: String,
    asked_date_time: DateTime,
    asked_by: String,
    expiration_date_time: DateTime,
    /// How many licences it took back as whoever asked saw it, where they were many.
    taken_back_license_count: u64,
    /// Of what they saw.
    preview_digest: String,
    ended_date_time: Option<DateTime>,
    ended_by: Option<String>,
    /// Why it was turned down.
    reason: Option<String>,
    /// The change that it takes back.
    undoes: Option<i64>,
    /// What came of it.
    change_id: Option<i64>,
}

impl From<HeldRow> for HeldChange {
    fn from(row: HeldRow) -> HeldChange {
        HeldChange {
            id: row.id.0,
            kind: row.kind,
            state: row.state,
            thing_id: row.thing.parse().ok(),
            name: row.name,
            asked_date_time: DateTime(row.asked_at),
            asked_by: row.asked_by,
            expiration_date_time: DateTime(row.expires_at),
            taken_back_license_count: row.take_back,
            preview_digest: row.digest,
            ended_date_time: DateTime::of(row.ended_at),
            ended_by: row.ended_by,
            reason: row.reason,
            undoes: row.undoes,
            change_id: row.change,
        }
    }
}

/// With what it would do by now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HeldChangeDetail {
    #[serde(flatten)]
    held: HeldChange,
    /// Null where it waits no more.
    preview: Option<ChangePreview>,
}

/// Why a change is turned down.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TurningDown {
    reason: String,
}

/// What was changed of what people want, the latest first
///
/// Of everything, or of one thing. `/changes/{change}` tells what was so before, and after.
#[utoipa::path(
    get, path = "/changes", tag = "changes", params(ChangeQuery),
    responses((status = 200, description = "As asked for", body = Page<Change>), Refusals)
)]
async fn changes_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<ChangeQuery>,
) -> Result<JsonBody<Page<Change>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let limit = page.limit()?;
    let unknown = || invalid("cursor", "malformed", "cursor is not one that was given out here");
    let before = page
        .after()?
        .map(|key| key.parse::<i64>().map_err(|_| unknown()))
        .transpose()?;
    let ids = [query.app_id, query.group_id, query.user_id].into_iter().flatten();
    let mut things: Vec<String> = ids.map(|id| id.to_string()).collect();
    things.extend(query.settings.then(|| SETTINGS.to_owned()));
    if things.len() > 1 {
        let detail = "of one thing, or of everything: send one of appId, groupId, userId and settings";
        return Err(invalid("appId", "ambiguous", detail));
    }
    let filter = ChangeFilter {
        thing: things.pop(),
        before,
        // One more than asked for, to know whether anything follows.
        limit: limit as i64 + 1,
    };
    let mut rows = app.changes(&filter).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|last| cursor(&last.id.to_string()));
    Ok(JsonBody(Page {
        value: rows.iter().map(Change::from).collect(),
        next_cursor,
    }))
}

/// One change
///
/// The `ETag` is that of what was changed, as it is now: restoring asks for it.
#[utoipa::path(
    get, path = "/changes/{change}", tag = "changes", params(("change" = i64, Path)),
    responses((status = 200, description = "As asked for", body = ChangeDetail), Refusals)
)]
async fn change_get(
    State(app): State<App>,
    _: ApiReader,
    Path(change): Path<i64>,
) -> Result<Tagged<ChangeDetail>, Problem> {
    shown(&app, change).await
}

async fn shown(app: &App, change: i64) -> Result<Tagged<ChangeDetail>, Problem> {
    let changed = app.change(change).await?;
    Ok(Tagged {
        version: changed.restoring.base.clone(),
        body: changed.into(),
    })
}

/// Preview restoring what was before a change
#[utoipa::path(
    post, path = "/changes/{change}/restore/preview", tag = "changes", params(("change" = i64, Path)),
    responses((status = 200, description = "As asked for", body = ChangePreview), Refusals)
)]
async fn change_restore_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(change): Path<i64>,
) -> Result<JsonBody<ChangePreview>, Problem> {
    let intent = app.change(change).await?.restoring.intent;
    let intent = intent.map_err(AppError::from)?;
    Ok(JsonBody((&app.intent_preview(&intent).await?).into()))
}

/// Restore what was before a change
///
/// A change like every other, which names the one that it takes back; the answer is the new one. Members are restored by who came
/// and who went; everything else as it was as a whole, whatever came after. When it would do something else than was previewed,
/// nothing is saved.
#[utoipa::path(
    post, path = "/changes/{change}/restore", tag = "changes",
    params(("change" = i64, Path), IfMatch), request_body = Agreeing,
    responses((status = 200, description = "Restored", body = ChangeDetail), Refusals)
)]
async fn change_restore(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(change): Path<i64>,
    IfMatch(base): IfMatch,
    Json(agreeing): Json<Agreeing>,
) -> Result<Tagged<ChangeDetail>, Problem> {
    match app.change_restore(&caller, change, base, &agreeing.into()).await {
        Ok(new) => shown(&app, new.unwrap_or(change)).await,
        Err(error) => Err(etag::refused(error, shown(&app, change)).await),
    }
}

/// Changes that wait for another administrator, or did; the latest first
///
/// All that wait, and the latest 1000 that ended.
#[utoipa::path(
    get, path = "/heldChanges", tag = "changes", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<HeldChange>), Refusals)
)]
async fn held_changes_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<HeldChange>>, Problem> {
    /// Whoever wants to know what happened before reads the events.
    const RECENT: i64 = 1000;
    let mut rows = app.held_changes_open().await?;
    rows.extend(app.held_changes_ended(RECENT).await?);
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    let page = Page::falling(rows, &query, |row| row.id.to_string())?;
    Ok(JsonBody(page.map(HeldChange::from)))
}

/// Ask another administrator for a change
///
/// Nothing of it is saved until another administrator approves it. It waits for seven days.
#[utoipa::path(
    post, path = "/heldChanges", tag = "changes", request_body = ChangeToHold,
    responses((status = 201, description = "It waits", body = HeldChange), Refusals)
)]
async fn held_change_add(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Json(wanted): Json<ChangeToHold>,
) -> Result<impl IntoResponse, Problem> {
    let undoes = match wanted.change {
        Wanted::Restoring { change_id } => Some(change_id),
        _ => None,
    };
    let agreed = Agreed {
        digest: wanted.preview_digest,
        take_back: wanted.confirm_take_back,
        because: Because {
            undoes,
            ..Because::default()
        },
    };
    let intent = wanted.change.intent(&app).await?;
    let id = app.change_hold(&caller, &intent, Base::Latest, &agreed).await?;
    let held: HeldChange = app.held_change(id).await?.into();
    Ok(created(format!("heldChanges/{id}"), JsonBody(held)))
}

/// One change that waits, with what it would do now
#[utoipa::path(
    get, path = "/heldChanges/{heldChange}", tag = "changes", params(("heldChange" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = HeldChangeDetail), Refusals)
)]
async fn held_change_get(
    State(app): State<App>,
    _: ApiReader,
    Path(id): Path<HeldChangeId>,
) -> Result<JsonBody<HeldChangeDetail>, Problem> {
    held_shown(&app, id).await
}

async fn held_shown(app: &App, id: HeldChangeId) -> Result<JsonBody<HeldChangeDetail>, Problem> {
    let row = app.held_change(id).await?;
    let preview = match row.state {
        HeldState::Open => Some(app.intent_preview(&App::held_intent(&row)?).await?),
        _ => None,
    };
    Ok(JsonBody(HeldChangeDetail {
        preview: preview.as_ref().map(ChangePreview::from),
        held: row.into(),
    }))
}

/// Approve a change that waits, and save it
///
/// By another administrator than asked for it: a key counts as whoever made it. When it would do something else than was
/// previewed, or the same was changed since it was asked for, nothing is saved.
#[utoipa::path(
    post, path = "/heldChanges/{heldChange}/approve", tag = "changes", params(("heldChange" = Uuid, Path)),
    request_body = Agreeing, responses((status = 200, description = "Saved", body = HeldChangeDetail), Refusals)
)]
async fn held_change_approve(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(id): Path<HeldChangeId>,
    Json(agreeing): Json<Agreeing>,
) -> Result<JsonBody<HeldChangeDetail>, Problem> {
    app.held_change_approve(&caller, id, &agreeing.into()).await?;
    held_shown(&app, id).await
}

/// Turn down a change that waits
#[utoipa::path(
    post, path = "/heldChanges/{heldChange}/turnDown", tag = "changes", params(("heldChange" = Uuid, Path)),
    request_body = TurningDown, responses((status = 200, description = "Turned down", body = HeldChangeDetail), Refusals)
)]
async fn held_change_turn_down(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(id): Path<HeldChangeId>,
    Json(turning_down): Json<TurningDown>,
) -> Result<JsonBody<HeldChangeDetail>, Problem> {
    app.held_change_turn_down(&caller, id, &turning_down.reason).await?;
    held_shown(&app, id).await
}

/// Withdraw a change that waits
///
/// Only for whoever asked for it.
#[utoipa::path(
    post, path = "/heldChanges/{heldChange}/withdraw", tag = "changes", params(("heldChange" = Uuid, Path)),
    responses((status = 200, description = "Withdrawn", body = HeldChangeDetail), Refusals)
)]
async fn held_change_withdraw(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(id): Path<HeldChangeId>,
) -> Result<JsonBody<HeldChangeDetail>, Problem> {
    app.held_change_withdraw(&caller, id).await?;
    held_shown(&app, id).await
}
