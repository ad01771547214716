//! What was changed, with what it said before, and its restoring.

use std::collections::BTreeSet;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{AssetId, Effect, GroupId, GroupKind, Policy};
use serde_json::Value;
use store::{ChangeKind, ChangeRow, GroupRow};
use uuid::Uuid;

use super::{
    Oops,
    agreeing::{Agreeing, Refused, Shown, line_row, refusal, settings_rows, shown, updates_said},
    frame, html,
    pages::{
        Place,
        changes::{Action, AgreePage, AppNow, ChangePage, Note, OtherChange, Promised, WordRow},
        members::Moved,
        parts::Named,
        ui::{Glyph, StateCounts},
    },
    speak, view,
};
use crate::{
    app::{
        App, Base,
        changes::{Changed, Intent, Missing, Unrestorable},
        deployments::{KeptLine, lines_of},
        kept::{KeptMoves, moves_of},
        sums::by_state,
        updates::updates_of,
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path},
    },
    messages::Speak,
};

/// So many members are named.
const NAMED: usize = 20;

/// What a change is of, in a few words.
pub(super) fn title(s: &Speak, kind: ChangeKind, name: &str) -> String {
    let key = match kind {
        ChangeKind::Settings => return s.t("change-of-settings"),
        ChangeKind::Deployment => "change-of-deployment",
        ChangeKind::GroupMembers => "change-of-members",
        ChangeKind::GroupRule => "change-of-rule",
        ChangeKind::Updates => "change-of-updates",
        ChangeKind::PersonLeft => "change-of-leaving",
    };
    s.t1(key, "name", name)
}

/// Where what was changed has its page.
fn href(kind: ChangeKind, thing: &str) -> String {
    match kind {
        ChangeKind::Deployment => format!("/apps/{thing}"),
        ChangeKind::Updates => format!("/apps/{thing}?tab=general"),
        ChangeKind::GroupMembers | ChangeKind::GroupRule => format!("/groups/{thing}"),
        ChangeKind::Settings => "/administration/settings".to_owned(),
        ChangeKind::PersonLeft => format!("/people/{thing}"),
    }
}

pub async fn page(State(app): State<App>, reader: Reader, Path(id): Path<i64>) -> Result<Response, Oops> {
    let Changed {
        row,
        later,
        undone_by,
        restoring,
    } = app.change(id).await?;
    let s = speak(&app, reader.lang);
    let group = match row.kind {
        ChangeKind::GroupMembers | ChangeKind::GroupRule => group(&app, &row.thing).await?,
        _ => None,
    };
    let kind = group.as_ref().map_or(GroupKind::User, |group| group.kind);
    let moves = moves_of(&row.after);
    let (icon, now) = match row.kind {
        ChangeKind::Deployment | ChangeKind::Updates => app_now(&app, &row.thing).await?,
        _ => (None, None),
    };
    let exists = match row.kind {
        ChangeKind::Deployment | ChangeKind::Updates => icon.is_some(),
        ChangeKind::GroupMembers | ChangeKind::GroupRule => group.is_some(),
        ChangeKind::Settings | ChangeKind::PersonLeft => true,
    };
    let name = match row.kind {
        ChangeKind::Settings => s.t("nav-settings"),
        _ => row.name.clone(),
    };
    let members_now = match &group {
        Some(group) => {
            let asked = app.groups_walked().await?.contains(&group.id);
            Some((u64::try_from(group.members).unwrap_or(0), asked))
        }
        None => None,
    };
    let (back, why_not) = match &restoring.intent {
        Ok(intent) => (back(&s, intent, kind), None),
        Err(why) => (Vec::new(), Some(unrestorable(&s, *why))),
    };
    html(&ChangePage {
        frame: frame(&app, &reader, Place::Activity, &format!("/changes/{id}"), None).await?,
        id,
        title: title(&s, row.kind, &row.name),
        icon,
        thing: exists.then(|| Named {
            name,
            href: href(row.kind, &row.thing),
        }),
        by: row.by.clone(),
        at: row.at,
        asked_by: row.asked_by.clone(),
        undoes: row.undoes,
        rows: kept_rows(&s, &row),
        kind,
        moved: moved(&app, &s, kind, moves.as_ref()).await?,
        promised: promised(&row.promised),
        now,
        members_now,
        undone_by: undone_by.into_iter().map(other).collect(),
        later: later.into_iter().map(other).collect(),
        back,
        why_not,
        not_back: not_back(&s, &row, &restoring.missing),
        digest: row.digest.clone(),
        s,
    })
}

fn other(row: ChangeRow) -> OtherChange {
    OtherChange {
        id: row.id,
        by: row.by,
        at: row.at,
        undoes: row.undoes,
    }
}

async fn group(app: &App, thing: &str) -> Result<Option<GroupRow>, Oops> {
    match thing.parse::<GroupId>() {
        Ok(id) => Ok(app.group(id).await?),
        Err(_) => Ok(None),
    }
}

type Icon = (AssetId, bool, String);

/// How the app looks that was deployed, and what is of it now.
async fn app_now(app: &App, thing: &str) -> Result<(Option<Icon>, Option<AppNow>), Oops> {
    let Ok(id) = thing.parse::<AssetId>() else {
        return Ok((None, None));
    };
    let Some(row) = app.store.app(id).await? else {
        return Ok((None, None));
    };
    let icon = (id, row.has_icon, view::app_name(&row));
    let now = app.of_app(id).await?.map(|of| AppNow {
        counts: of.app.counts,
        installs: StateCounts::from(&by_state(&of.app.devices)),
    });
    Ok((Some(icon), now))
}

fn promised(said: &Value) -> Option<Promised> {
    let number = |name: &str| said.get(name).and_then(Value::as_u64);
    (number("apps")? > 0).then(|| Promised {
        gains: number("gains").unwrap_or(0),
        waits: number("waits").unwrap_or(0),
        loses: number("loses").unwrap_or(0),
        takes_back: number("takesBack").unwrap_or(0),
    })
}

/// Who came and who went, by name.
async fn moved(app: &App, s: &Speak, kind: GroupKind, moves: Option<&KeptMoves>) -> Result<Vec<Moved>, Oops> {
    let Some(moves) = moves else {
        return Ok(Vec::new());
    };
    let mut moved = Vec::new();
    for (key, ids, count) in [
        ("members-come", &moves.come, moves.come_count),
        ("members-go", &moves.go, moves.go_count),
    ] {
        if count == 0 {
            continue;
        }
        let first: BTreeSet<Uuid> = ids.iter().copied().take(NAMED).collect();
        let names: Vec<String> = app
            .group_members_called(kind, &first)
            .await?
            .into_iter()
            .map(|row| row.name)
            .collect();
        moved.push(Moved {
            title: s.t(key),
            more: count - names.len() as u64,
            names: names.join(", "),
        });
    }
    Ok(moved)
}

/// What a change said before and after, row by row.
fn kept_rows(s: &Speak, row: &ChangeRow) -> Vec<WordRow> {
    let text = |said: &Value, name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    match row.kind {
        ChangeKind::Deployment => {
            let (before, after) = (lines_of(&row.before), lines_of(&row.after));
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            let says = |lines: &[KeptLine], group| {
                let line = lines.iter().find(|line| line.choice.group == group);
                line.map(|line| line.choice.says())
            };
            let mut rows = Vec::new();
            let mut seen = BTreeSet::new();
            for line in after.iter().chain(&before) {
                let group = line.choice.group;
                if seen.insert(group) {
                    let (was, is) = (says(&before, group), says(&after, group));
                    rows.extend(line_row(s, line.name.clone(), was, is));
                }
            }
            rows
        }
        ChangeKind::GroupMembers => {
            let members = |said: &Value| said.get("members").and_then(Value::as_i64).unwrap_or(0).max(0);
            let text = |said: &Value| s.number(members(said).unsigned_abs());
            WordRow::of(s.t("column-members"), text(&row.before), text(&row.after))
                .into_iter()
                .collect()
        }
        ChangeKind::GroupRule => {
            let said = |said: &Value| text(said, "text").unwrap_or_else(|| s.t("membership-assigned"));
            WordRow::of(s.t("rule-title"), said(&row.before), said(&row.after))
                .into_iter()
                .collect()
        }
        ChangeKind::Settings => {
            let policy = |said: &Value| serde_json::from_value::<Policy>(said.clone()).unwrap_or_default();
            settings_rows(s, &policy(&row.before), &policy(&row.after))
        }
        ChangeKind::Updates => {
            let said = |said: &Value| {
                let newest = serde_json::from_value(said["newest"].clone()).ok();
                let name = text(said, "version");
                updates_of(said).map_or_else(String::new, |updates| updates_said(s, updates, newest, name.as_deref()))
            };
            WordRow::of(s.t("updates-title"), said(&row.before), said(&row.after))
                .into_iter()
                .collect()
        }
        ChangeKind::PersonLeft => {
            let groups = row.before.get("groups").and_then(Value::as_array);
            let groups: Vec<&str> = groups.into_iter().flatten().filter_map(Value::as_str).collect();
            let groups = match groups.is_empty() {
                true => s.t("conflict-nothing"),
                false => groups.join(", "),
            };
            WordRow::of(s.t("nav-groups"), groups, s.t("conflict-nothing"))
                .into_iter()
                .collect()
        }
    }
}

/// What restoring brings back.
fn back(s: &Speak, intent: &Intent, kind: GroupKind) -> Vec<String> {
    match intent {
        Intent::Deployment { choices, .. } => vec![s.t1("change-back-lines", "count", choices.len())],
        Intent::GroupMembers { add, remove, .. } => {
            let text = |count: usize| super::pages::parts::members_text(s, kind, count as u64);
            let sides = [("change-back-come", add.len()), ("change-back-go", remove.len())];
            let sides = sides.into_iter().filter(|(_, count)| *count > 0);
            sides.map(|(key, count)| s.t1(key, "count", text(count))).collect()
        }
        Intent::GroupRule { rule: Some(_), .. } => vec![s.t("change-back-rule")],
        Intent::GroupRule { rule: None, .. } => vec![s.t("change-back-by-hand")],
        Intent::Settings { .. } => vec![s.t("change-back-settings")],
        Intent::Updates { .. } => vec![s.t("change-back-updates")],
    }
}

/// What does not come back.
fn not_back(s: &Speak, row: &ChangeRow, missing: &[Missing]) -> Vec<String> {
    let mut lines: Vec<String> = missing.iter().map(|missing| said_missing(s, missing)).collect();
    let promised = |name: &str| row.promised.get(name).and_then(Value::as_u64).unwrap_or(0);
    match row.kind {
        ChangeKind::PersonLeft => {
            lines.push(s.t("change-not-back-devices"));
            lines.push(s.t("change-not-back-retired"));
        }
        ChangeKind::Settings => lines.push(s.t("change-not-back-settings")),
        ChangeKind::Updates => lines.push(s.t("change-not-back-updates")),
        ChangeKind::GroupRule if row.before.get("rule").is_some_and(Value::is_null) => {
            lines.push(s.t("change-not-back-by-hand"));
        }
        ChangeKind::Deployment | ChangeKind::GroupMembers | ChangeKind::GroupRule => {}
    }
    if promised("loses") > 0 {
        lines.push(s.t("change-not-back-data"));
    }
    if promised("takesBack") > 0 {
        lines.push(s.t("change-not-back-licences"));
    }
    if promised("gains") > 0 {
        lines.push(s.t("change-not-back-new-data"));
    }
    if lines.is_empty() {
        lines.push(s.t("change-not-back-nothing"));
    }
    lines
}

fn said_missing(s: &Speak, missing: &Missing) -> String {
    match missing {
        Missing::Group(name) => s.t1("change-missing-group", "name", name),
        Missing::Left(count, names) => s.t2("change-missing-left", "count", *count, "names", names.join(", ")),
        Missing::Unknown(count) => s.t1("change-missing-unknown", "count", *count),
    }
}

pub(super) fn unrestorable(s: &Speak, why: Unrestorable) -> String {
    s.t(match why {
        Unrestorable::Same => "unrestorable-same",
        Unrestorable::AppGone => "unrestorable-app-gone",
        Unrestorable::GroupGone => "unrestorable-group-gone",
        Unrestorable::ByRule => "unrestorable-by-rule",
        Unrestorable::RuleGroupGone => "unrestorable-rule-group-gone",
        Unrestorable::TooMany => "unrestorable-too-many",
        Unrestorable::Leaving => "unrestorable-leaving",
        Unrestorable::Unreadable => "unrestorable-unreadable",
    })
}

pub async fn restore_page(State(app): State<App>, admin: Admin, Path(id): Path<i64>) -> Result<Response, Oops> {
    restoring(&app, &admin, id, Refused::default()).await
}

/// What restoring would do, or the page of the change where there is nothing to restore.
async fn restoring(app: &App, admin: &Admin, id: i64, refused: Refused) -> Result<Response, Oops> {
    let changed = app.change(id).await?;
    let s = speak(app, admin.lang);
    let row = &changed.row;
    let back = format!("/changes/{id}");
    let Ok(intent) = &changed.restoring.intent else {
        return Ok(axum::response::Redirect::to(&back).into_response());
    };
    let preview = app.intent_preview(intent).await?;
    let Shown {
        rows,
        parts,
        apps,
        kind,
    } = shown(app, &s, &preview).await?;
    let mut notes = Vec::new();
    let note = |glyph, text| Note { glyph, text };
    if refused.stale {
        notes.push(note(Glyph::Bad, s.t("change-stale")));
    }
    if let Some(latest) = changed.later.first() {
        let who = s.t2("change-by", "by", &latest.by, "when", s.full(latest.at));
        let count = s.t1("change-later", "count", changed.later.len());
        notes.push(note(
            Glyph::Warn,
            format!("{count} {} ({who})", s.t("change-later-reason")),
        ));
    }
    for missing in &changed.restoring.missing {
        notes.push(note(Glyph::Warn, said_missing(&s, missing)));
    }
    let approvers = match preview.needs_approval() {
        true => Some(app.approvers(&admin.caller).await?),
        false => None,
    };
    let loses = preview
        .apps()
        .iter()
        .any(|app| app.outcome.of_effect(Effect::Loses) > 0);
    html(&AgreePage {
        frame: frame(app, admin, Place::Activity, &format!("{back}/restore"), None).await?,
        title: s.t1("change-restore-title", "title", title(&s, row.kind, &row.name)),
        crumbs: vec![
            Named {
                name: s.t("nav-activity"),
                href: "/activity".to_owned(),
            },
            Named {
                name: s.t1("change-number", "number", id.to_string()),
                href: back.clone(),
            },
        ],
        context: s.t2("change-by", "by", &row.by, "when", s.full(row.at)),
        notes,
        rows,
        kind,
        rule: parts.rule,
        matching: parts.matching,
        moved: parts.moved,
        apps,
        digest: preview.digest().to_owned(),
        version: changed.restoring.base.number,
        to_confirm: preview.to_confirm(),
        outdated: refused.outdated,
        unconfirmed: refused.unconfirmed,
        action: Some(Action {
            href: format!("{back}/restore"),
            fields: Vec::new(),
            edits: false,
            button: s.t("change-restore"),
            help: s.t(if loses {
                "change-not-back-new-data"
            } else {
                "preview-promise-anew"
            }),
            approvers,
        }),
        turn_down: None,
        withdraw: None,
        s,
    })
}

pub async fn restore(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<i64>,
    Form(form): Form<Agreeing>,
) -> Result<Response, Oops> {
    if form.checks() {
        return restoring(&app, &admin, id, Refused::default()).await;
    }
    let (base, agreed) = (Base::Version(form.version), form.agreed());
    let done = match form.asks() {
        true => app
            .change_restore_hold(&admin.caller, id, base, &agreed)
            .await
            .map(|held| (format!("/held/{held}"), Done::ChangeHeld)),
        false => app.change_restore(&admin.caller, id, base, &agreed).await.map(|new| {
            let new = new.unwrap_or(id);
            (format!("/changes/{new}"), Done::ChangeRestored)
        }),
    };
    let (status, refused) = match done {
        Ok((to, done)) => return Ok(flash::to(&app, &admin, &to, done)),
        Err(error) => refusal(error)?,
    };
    let page = restoring(&app, &admin, id, refused).await?;
    match page.status() {
        StatusCode::OK => Ok((status, page).into_response()),
        _ => Ok(page),
    }
}
