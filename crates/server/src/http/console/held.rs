//! Changes that wait for another administrator: looked at as they would be by now, approved, turned down, withdrawn.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::HeldChangeId;
use serde::Deserialize;
use store::{HeldRow, HeldState};

use super::{
    Oops,
    agreeing::{self, Agreeing, Refused, Shown, refusal},
    changes::title,
    frame, html,
    pages::{
        Place,
        changes::{Action, AgreePage, HeldLine, Note},
        parts::Named,
        ui::Glyph,
    },
    problem, speak,
};
use crate::{
    app::{
        App, AppError, Base,
        changes::Intent,
        contract::{Agreed, Previewed},
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path},
    },
};

/// Asks another administrator, instead of saving.
pub(super) async fn ask(
    app: &App,
    admin: &Reader,
    intent: &Intent,
    base: Base,
    agreed: &Agreed,
) -> Result<Response, AppError> {
    let held = app.change_hold(&admin.caller, intent, base, agreed).await?;
    Ok(flash::to(app, admin, &format!("/held/{held}"), Done::ChangeHeld))
}

/// Those that wait, for whoever looks at them.
pub(super) async fn lines(app: &App, reader: &Reader) -> Result<Vec<HeldLine>, Oops> {
    let s = speak(app, reader.lang);
    let mut lines = Vec::new();
    for row in app.held_changes_open().await? {
        lines.push(HeldLine {
            href: format!("/held/{}", row.id),
            text: title(&s, row.kind, &row.name),
            own: app.is_asker(&row, &reader.caller).await?,
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            expires_at: row.expires_at,
            take_back: row.take_back,
        });
    }
    Ok(lines)
}

pub async fn page(State(app): State<App>, reader: Reader, Path(id): Path<HeldChangeId>) -> Result<Response, Oops> {
    show(&app, &reader, id, Refused::default(), None).await
}

/// What was typed as the reason, and what is wrong with it.
type Reason = Option<(String, String)>;

async fn show(
    app: &App,
    reader: &Reader,
    id: HeldChangeId,
    refused: Refused,
    reason: Reason,
) -> Result<Response, Oops> {
    let row = app.held_change(id).await?;
    let s = speak(app, reader.lang);
    let here = format!("/held/{id}");
    let own = app.is_asker(&row, &reader.caller).await?;
    let may = reader.caller.may_write().is_ok() && row.state == HeldState::Open;
    let (preview, stale) = match row.state {
        HeldState::Open => looked_at(app, &row).await?,
        _ => (None, false),
    };
    let Shown {
        rows,
        parts,
        apps,
        kind,
    } = match &preview {
        Some(preview) => agreeing::shown(app, &s, preview).await?,
        None => Shown::default(),
    };
    let note = |glyph, text| Note { glyph, text };
    let mut notes = Vec::new();
    match row.state {
        HeldState::Open => {
            notes.push(note(Glyph::Wait, s.t1("held-until", "when", s.full(row.expires_at))));
            if stale || refused.stale {
                notes.push(note(Glyph::Bad, s.t("held-stale")));
            } else if preview.is_none() {
                notes.push(note(Glyph::Bad, s.t("held-impossible")));
            } else if preview.as_ref().is_some_and(|preview| preview.digest() != row.digest) {
                notes.push(note(Glyph::Warn, s.t("held-differs")));
            }
            if own {
                let names = app.approvers(&reader.caller).await?;
                let glyph = if names.is_empty() { Glyph::Warn } else { Glyph::Wait };
                notes.push(note(glyph, s.approvers(&names)));
            }
        }
        state => notes.push(over(&s, &row, state)),
    }
    let action = preview.as_ref().filter(|_| may && !own && !stale).map(|_| Action {
        href: format!("{here}/approve"),
        fields: Vec::new(),
        edits: false,
        button: s.t("held-approve"),
        help: s.t("held-approve-help"),
        approvers: None,
    });
    let mut crumbs = vec![Named {
        name: s.t("nav-activity"),
        href: "/activity".to_owned(),
    }];
    if let Some(change) = row.change.or(row.undoes) {
        crumbs.push(Named {
            name: s.t1("change-number", "number", change.to_string()),
            href: format!("/changes/{change}"),
        });
    }
    html(&AgreePage {
        frame: frame(app, reader, Place::Activity, &here, None).await?,
        title: title(&s, row.kind, &row.name),
        crumbs,
        context: s.t2("held-asked", "name", &row.asked_by, "when", s.full(row.asked_at)),
        notes,
        rows,
        kind,
        rule: parts.rule,
        matching: parts.matching,
        moved: parts.moved,
        apps,
        digest: preview
            .as_ref()
            .map(|preview| preview.digest().to_owned())
            .unwrap_or_default(),
        version: row.base,
        to_confirm: preview
            .as_ref()
            .and_then(Previewed::to_confirm)
            .filter(|_| action.is_some()),
        outdated: refused.outdated,
        unconfirmed: refused.unconfirmed,
        action,
        turn_down: (may && !own).then(|| {
            let (typed, wrong) = reason.unzip();
            (format!("{here}/turn-down"), typed.unwrap_or_default(), wrong)
        }),
        withdraw: (may && own).then(|| format!("{here}/withdraw")),
        s,
    })
}

/// What it would do by now, if it can be done at all; and whether somebody changed the thing since it was asked for.
async fn looked_at(app: &App, row: &HeldRow) -> Result<(Option<Previewed>, bool), Oops> {
    let intent = App::held_intent(row)?;
    let of_others = !matches!(intent, Intent::GroupMembers { .. });
    let looked = async {
        let base = app.held_base(&intent).await?;
        let preview = app.intent_preview(&intent).await?;
        Ok((preview, of_others && base.number != row.base))
    };
    match looked.await {
        Ok((preview, stale)) => Ok((Some(preview), stale)),
        Err(AppError::NotFound(_) | AppError::Deployment(_) | AppError::Rule(_) | AppError::Invalid { .. }) => {
            Ok((None, false))
        }
        Err(error) => Err(error.into()),
    }
}

fn over(s: &crate::messages::Speak, row: &HeldRow, state: HeldState) -> Note {
    let by = row.ended_by.clone().unwrap_or_else(|| "–".to_owned());
    let when = row.ended_at.map_or_else(|| "–".to_owned(), |at| s.full(at));
    let (glyph, text) = match state {
        HeldState::Approved => (Glyph::Ok, s.t2("held-approved", "name", by, "when", when)),
        HeldState::TurnedDown => {
            let reason = row.reason.clone().unwrap_or_default();
            let args: [(&str, &dyn crate::messages::Arg); 3] = [("name", &by), ("when", &when), ("reason", &reason)];
            (Glyph::Warn, s.ta("held-turned-down", &args))
        }
        HeldState::Withdrawn => (Glyph::Na, s.t2("held-withdrawn", "name", by, "when", when)),
        HeldState::Expired | HeldState::Open => (Glyph::Na, s.t1("held-expired", "when", s.full(row.expires_at))),
    };
    Note { glyph, text }
}

pub async fn approve(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<HeldChangeId>,
    Form(form): Form<Agreeing>,
) -> Result<Response, Oops> {
    if form.checks() {
        return show(&app, &admin, id, Refused::default(), None).await;
    }
    let (status, refused) = match app.held_change_approve(&admin.caller, id, &form.agreed()).await {
        Ok(()) => return Ok(flash::to(&app, &admin, &format!("/held/{id}"), Done::ChangeApproved)),
        Err(AppError::HeldOver | AppError::HeldOwn) => (StatusCode::CONFLICT, Refused::default()),
        Err(error) => refusal(error)?,
    };
    let page = show(&app, &admin, id, refused, None).await?;
    Ok((status, page).into_response())
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct TurningDown {
    reason: String,
}

pub async fn turn_down(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<HeldChangeId>,
    Form(form): Form<TurningDown>,
) -> Result<Response, Oops> {
    let (status, reason) = match app.held_change_turn_down(&admin.caller, id, &form.reason).await {
        Ok(()) => return Ok(flash::to(&app, &admin, &format!("/held/{id}"), Done::ChangeTurnedDown)),
        Err(AppError::Invalid { problem: wrong, .. }) => {
            let wrong = problem(&speak(&app, admin.lang), wrong);
            (StatusCode::UNPROCESSABLE_ENTITY, Some((form.reason, wrong)))
        }
        Err(AppError::HeldOver) => (StatusCode::CONFLICT, None),
        Err(error) => return Err(error.into()),
    };
    let page = show(&app, &admin, id, Refused::default(), reason).await?;
    Ok((status, page).into_response())
}

pub async fn withdraw(State(app): State<App>, admin: Admin, Path(id): Path<HeldChangeId>) -> Result<Response, Oops> {
    match app.held_change_withdraw(&admin.caller, id).await {
        Ok(()) => Ok(flash::to(&app, &admin, &format!("/held/{id}"), Done::ChangeWithdrawn)),
        Err(AppError::HeldOver) => {
            let page = show(&app, &admin, id, Refused::default(), None).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
