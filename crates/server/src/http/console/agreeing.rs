//! What saving something would do, shown before anybody agrees to it; what is sent from there, and why it is shown again.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use axum::http::StatusCode;
use domain::{DeviceId, GroupId, GroupKind, Holder, PersonId, Policy, StoreVersion, Updates};
use serde::Deserialize;
use store::GroupRow;
use uuid::Uuid;

use super::{
    Oops,
    pages::{
        changes::WordRow,
        members::{Moved, PreviewedApp},
        parts::members_text,
        preview::{LineView, PreviewView},
        rules, settings,
    },
    view,
};
use crate::{
    app::{
        App, AppError,
        contract::{Agreed, Previewed},
        deployments::{LineSays, Preview},
        members::MembersPreview,
        rules::GroupNames,
    },
    messages::Speak,
};

/// So many of those who come or go are named.
const NAMED: usize = 20;

/// The part of a page that shows what saving an intent would do.
pub(super) struct Shown {
    pub rows: Vec<WordRow>,
    pub parts: Parts,
    pub apps: Vec<PreviewedApp>,
    pub kind: GroupKind,
}

impl Default for Shown {
    fn default() -> Shown {
        Shown {
            rows: Vec::new(),
            parts: Parts::default(),
            apps: Vec::new(),
            kind: GroupKind::User,
        }
    }
}

/// Of a preview.
pub(super) async fn shown(app: &App, s: &Speak, preview: &Previewed) -> Result<Shown, Oops> {
    let mut shown = Shown::default();
    match preview {
        Previewed::Deployment(preview) => {
            let groups: BTreeMap<GroupId, GroupRow> =
                app.groups().await?.into_iter().map(|row| (row.id, row)).collect();
            let mut lines = Vec::new();
            for change in &preview.changes {
                let Some(group) = groups.get(&change.group) else {
                    continue;
                };
                lines.push(LineView {
                    group: group.id,
                    name: group.name.clone(),
                    kind: group.kind,
                    members: u64::try_from(group.members).unwrap_or(0),
                    before: change.before,
                    after: change.after,
                });
                shown
                    .rows
                    .extend(line_row(s, group.name.clone(), change.before, change.after));
            }
            let names = names(app, preview).await?;
            shown.apps.push(PreviewedApp {
                id: preview.app.id,
                name: view::app_name(&preview.app),
                has_icon: preview.app.has_icon,
                preview: PreviewView::of(preview, lines, names, s.now),
            });
        }
        Previewed::Members(preview) => {
            shown.kind = preview.group.kind;
            let mut parts = parts(app, s, preview).await?;
            shown.apps = std::mem::take(&mut parts.apps);
            shown.parts = parts;
        }
        Previewed::Settings(preview) => {
            shown.rows = settings_rows(s, &preview.before, &preview.after);
            for of in &preview.apps {
                shown.apps.push(previewed_app(app, s, of).await?);
            }
        }
        Previewed::Updates(preview) => {
            let (newest, name) = (preview.app.store_version, preview.app.version.as_deref());
            let said = |updates| updates_said(s, updates, newest, name);
            let row = WordRow::of(s.t("updates-title"), said(preview.app.updates), said(preview.after));
            shown.rows.extend(row);
        }
        // Neither is restored, nor waits for anybody.
        Previewed::Leave(_) | Previewed::Return(_) | Previewed::Device(_) | Previewed::Bulk(_) => {}
    }
    Ok(shown)
}

/// What a change does to one app that leaves its deployment as it is.
pub(super) async fn previewed_app(app: &App, s: &Speak, of: &Preview) -> Result<PreviewedApp, Oops> {
    let names = names(app, of).await?;
    Ok(PreviewedApp {
        id: of.app.id,
        name: view::app_name(&of.app),
        has_icon: of.app.has_icon,
        preview: PreviewView::of(of, Vec::new(), names, s.now),
    })
}

/// What is sent where something is agreed to.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Agreeing {
    digest: String,
    pub version: i64,
    #[serde(rename = "take-back")]
    take_back: Option<u64>,
    /// Only to look at it anew.
    check: Option<String>,
    /// Only to ask another administrator.
    ask: Option<String>,
}

impl Agreeing {
    pub fn agreed(&self) -> Agreed {
        Agreed {
            digest: Some(self.digest.clone()),
            take_back: self.take_back,
            ..Agreed::default()
        }
    }

    pub fn asks(&self) -> bool {
        self.ask.is_some()
    }

    pub fn checks(&self) -> bool {
        self.check.is_some() || self.digest.is_empty()
    }
}

/// Why nothing was saved.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub outdated: bool,
    pub unconfirmed: bool,
    /// Somebody changed it since it was looked at.
    pub stale: bool,
}

/// What is shown again with what is wrong; everything else is no matter of this page.
pub(super) fn refusal(error: AppError) -> Result<(StatusCode, Refused), Oops> {
    let refused = Refused::default();
    Ok(match error {
        AppError::Outdated(_) | AppError::Unrestorable(_) => (
            StatusCode::CONFLICT,
            Refused {
                outdated: true,
                ..refused
            },
        ),
        AppError::TakesBack(..) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Refused {
                unconfirmed: true,
                ..refused
            },
        ),
        AppError::Stale(_) => (StatusCode::CONFLICT, Refused { stale: true, ..refused }),
        AppError::NeedsApproval(_) => (StatusCode::UNPROCESSABLE_ENTITY, refused),
        error => return Err(error.into()),
    })
}

/// What a page shows of a preview: the rule, whom it lets in, who comes and goes, and what that does to each app.
#[derive(Default)]
pub(super) struct Parts {
    pub rule: Option<rules::RuleView>,
    pub matching: Option<Moved>,
    pub moved: Vec<Moved>,
    pub apps: Vec<PreviewedApp>,
}

pub(super) async fn parts(app: &App, s: &Speak, preview: &MembersPreview) -> Result<Parts, Oops> {
    let (group, change) = (&preview.group, &preview.change);
    let groups: BTreeMap<GroupId, GroupRow> = app.groups().await?.into_iter().map(|row| (row.id, row)).collect();
    let moves = || iter::once(change).chain(&preview.follows);
    let first = |ids: &BTreeSet<Uuid>| -> Vec<Uuid> { ids.iter().copied().take(NAMED).collect() };
    let mut asked: Vec<Uuid> = moves()
        .flat_map(|moved| [first(&moved.come), first(&moved.go)].concat())
        .collect();
    asked.extend(preview.matching.iter().flat_map(|matching| &matching.first));
    let names = app.store.names(&asked).await?;
    let named = |id: &Uuid| match group.kind {
        GroupKind::User => names.people.get(&PersonId(*id)).cloned(),
        GroupKind::Device => names.devices.get(&DeviceId(*id)).cloned(),
    };
    let mut moved = Vec::new();
    for of in moves() {
        for (key, of_other, ids) in [
            ("members-come", "members-come-into", &of.come),
            ("members-go", "members-go-from", &of.go),
        ] {
            if ids.is_empty() {
                continue;
            }
            let some: Vec<String> = ids.iter().take(NAMED).filter_map(named).collect();
            let other = groups.get(&of.group).filter(|row| row.id != group.id);
            moved.push(Moved {
                title: other.map_or_else(|| s.t(key), |row| s.t1(of_other, "group", &row.name)),
                more: (ids.len() - some.len()) as u64,
                names: some.join(", "),
            });
        }
    }
    let matching = preview
        .matching
        .as_ref()
        .filter(|matching| matching.rule.is_some())
        .map(|matching| {
            let some: Vec<String> = matching.first.iter().filter_map(named).collect();
            Moved {
                title: s.t1("rule-matching", "count", members_text(s, group.kind, matching.count)),
                more: matching.count.saturating_sub(some.len() as u64),
                names: some.join(", "),
            }
        });
    let all = GroupNames::of(&groups.values().cloned().collect::<Vec<_>>());
    let rule = preview.matching.as_ref().map(|matching| match &matching.rule {
        Some(rule) => rules::RuleView::of(s, &all, group.kind, rule, false),
        None => rules::RuleView::none(s),
    });
    let mut apps = Vec::new();
    for of in &preview.apps {
        let lines = app.deployments(of.app.id).await?;
        // They stay as they are; who is reached through one is told of under it.
        let view = |row: &GroupRow| {
            let line = lines.iter().find(|line| line.group == row.id)?;
            let said = Some(LineSays::of(line));
            Some(LineView {
                group: row.id,
                name: row.name.clone(),
                kind: row.kind,
                members: u64::try_from(row.members).unwrap_or(0),
                before: said,
                after: said,
            })
        };
        let lines_of = moves()
            .filter_map(|moved| groups.get(&moved.group))
            .filter_map(view)
            .collect();
        let names = self::names(app, of).await?;
        apps.push(PreviewedApp {
            id: of.app.id,
            name: view::app_name(&of.app),
            has_icon: of.app.has_icon,
            preview: PreviewView::of(of, lines_of, names, s.now),
        });
    }
    Ok(Parts {
        rule,
        matching,
        moved,
        apps,
    })
}

/// What the few are called who stand for many.
pub(super) async fn names(app: &App, preview: &Preview) -> Result<BTreeMap<Holder, String>, Oops> {
    let affected = preview.outcome.affected();
    let first = affected.iter().flat_map(|affected| affected.first.iter().copied());
    Ok(view::holders(app, first).await?)
}

pub(super) fn line_row(s: &Speak, name: String, was: Option<LineSays>, is: Option<LineSays>) -> Option<WordRow> {
    let line = LineView {
        group: GroupId(Uuid::nil()),
        name,
        kind: GroupKind::User,
        members: 0,
        before: was,
        after: is,
    };
    WordRow::of(line.name.clone(), line.was(s), line.becomes(s))
}

pub(super) fn settings_rows(s: &Speak, before: &Policy, after: &Policy) -> Vec<WordRow> {
    let rows = settings::said(s, before).into_iter().zip(settings::said(s, after));
    rows.filter_map(|((what, before), (_, after))| WordRow::of(what, before, after))
        .collect()
}

/// Who decides about updates, and what was released.
pub(super) fn updates_said(s: &Speak, updates: Updates, newest: Option<StoreVersion>, name: Option<&str>) -> String {
    match updates {
        Updates::Automatic => s.t("updates-automatic"),
        Updates::ByHand { released: None } => s.t("updates-released-none"),
        Updates::ByHand {
            released: Some(version),
        } => {
            // The store's number, where no name is known of it.
            let name = name.filter(|_| newest == Some(version)).map(str::to_owned);
            s.t1(
                "updates-released",
                "version",
                name.unwrap_or_else(|| version.0.to_string()),
            )
        }
    }
}
