//! Who is in a group: chosen on the page of the group, previewed, saved.
//!
//! What is chosen is a change of the group as it is when it is saved: who is added, and who is taken out. It travels in the
//! fields of the form, so a reader may look for one after the other before they save.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{DeviceId, GroupId, GroupKind, PersonId};
use store::GroupRow;
use uuid::Uuid;

use super::{
    Oops, frame, groups, held, html,
    pages::{
        Flash, Place,
        members::{MembersPreviewPage, MembersView, Moved, Pick, PreviewedApp},
        parts::{Turn, link, members_text},
        preview::{LineView, PreviewView},
        rules,
    },
    speak, view,
};
use crate::{
    app::{
        App, AppError, Base,
        changes::Intent,
        contract::{Agreed, Contract, Previewed},
        deployments::LineSays,
        members::{Absent, MemberRow, MembersChange, MembersPreview, Offered, Wanted},
        rules::GroupNames,
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Pairs, Path},
    },
    messages::Speak,
};

/// So many may be chosen before they are saved, while the reader goes from one list to the next: with those of two lists they
/// fit into an address that every proxy passes on.
const CHOSEN: usize = 100;
/// So many are offered to be added.
const OFFERED: usize = 20;

/// What the reader looks for, and whom they chose so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    /// Among the members, and which page of them.
    query: String,
    turn: Turn,
    /// Among all others.
    find: String,
    change: MembersChange,
    /// How many more were chosen than are carried on.
    lost: usize,
}

impl Choice {
    /// As a form sends it.
    fn of(pairs: &[(String, String)]) -> Result<Choice, Oops> {
        let mut choice = Choice::default();
        for (name, value) in pairs {
            let id = || value.parse::<Uuid>().map_err(|_| Oops::of(StatusCode::BAD_REQUEST));
            match name.as_str() {
                "q" => value.trim().clone_into(&mut choice.query),
                "find" => value.trim().clone_into(&mut choice.find),
                "turn" => choice.turn = Turn::of_value(value),
                "add" => drop(choice.change.add.insert(id()?)),
                "remove" => drop(choice.change.remove.insert(id()?)),
                _ => {}
            }
        }
        Ok(choice)
    }

    /// As it is carried from one list to the next.
    pub(super) fn carried(pairs: &[(String, String)]) -> Result<Choice, Oops> {
        let is_chosen = |(name, _): &&(String, String)| matches!(name.as_str(), "add" | "remove");
        let mut kept = 0;
        let few: Vec<(String, String)> = pairs
            .iter()
            .filter(|pair| {
                kept += usize::from(is_chosen(pair));
                !is_chosen(pair) || kept <= CHOSEN
            })
            .cloned()
            .collect();
        let choice = Choice::of(&few)?;
        Ok(Choice {
            lost: kept.saturating_sub(CHOSEN),
            ..choice
        })
    }

    /// The page of the group with what is looked for, and with nobody chosen.
    pub(super) fn link(&self, group: GroupId) -> String {
        let page = format!("/groups/{group}");
        link(&page, &[("q", &self.query), ("find", &self.find)])
    }

    /// All of it, for a form of hidden fields.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let looked_for = [
            ("q", self.query.clone()),
            ("find", self.find.clone()),
            ("turn", self.turn.value()),
        ];
        let ids = |field, ids: &BTreeSet<Uuid>| ids.iter().map(move |id| (field, short(*id))).collect::<Vec<_>>();
        let mut fields: Vec<_> = looked_for.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        fields.extend(ids("add", &self.change.add));
        fields.extend(ids("remove", &self.change.remove));
        fields
    }

    /// Without those who cannot be added.
    fn without(mut self, absent: &Absent) -> Choice {
        let left = absent.left.iter().map(|person| person.id.0);
        for id in left.chain(absent.unknown.iter().copied()) {
            self.change.add.remove(&id);
        }
        self
    }
}

/// An id in an address.
fn short(id: Uuid) -> String {
    id.simple().to_string()
}

fn pick(row: MemberRow, ticked: bool) -> Pick {
    Pick {
        id: short(row.id),
        name: row.name,
        second_line: row.beside.unwrap_or_default(),
        ticked,
    }
}

/// What the page of a group shows of who is in it, and of who could be. `may_write`: to whoever may change it.
pub(super) async fn shown(app: &App, group: &GroupRow, choice: &Choice, may_write: bool) -> Result<MembersView, Oops> {
    let (part, rows) = app.group_members_list(group, choice.turn.asked(&choice.query)).await?;
    let total = u64::try_from(group.members).unwrap_or(0);
    let mut view = MembersView {
        query: choice.query.clone(),
        pager: choice.turn.pager(&part, |id| *id, total, Turn::value),
        ..MembersView::default()
    };
    let here: BTreeSet<Uuid> = part.rows.iter().copied().collect();
    let go = |row: MemberRow| {
        let ticked = choice.change.remove.contains(&row.id);
        pick(row, ticked)
    };
    view.rows = rows.into_iter().map(go).collect();
    if !may_write {
        return Ok(view);
    }
    // Whoever is in it by now needs not be added, and whoever is not needs not be taken out.
    let named: Vec<Uuid> = choice.change.add.union(&choice.change.remove).copied().collect();
    let present: BTreeSet<Uuid> = app
        .store
        .group_members_among(group.id, &named)
        .await?
        .into_iter()
        .collect();
    let (add, remove) = (&choice.change.add - &present, &choice.change.remove & &present);
    let elsewhere = app.group_members_called(group.kind, &(&remove - &here)).await?;
    view.elsewhere = elsewhere.into_iter().map(|row| pick(row, true)).collect();
    let Offered { rows, more } = app.group_members_offered(group, &choice.find, OFFERED).await?;
    let found = rows.into_iter().filter(|row| !add.contains(&row.id));
    let come = app.group_members_called(group.kind, &add).await?;
    view.chosen = (come.len() as u64, remove.len() as u64);
    let come = come.into_iter().map(|row| pick(row, true));
    view.offered = come.chain(found.map(|row| pick(row, false))).collect();
    view.more = more;
    view.find.clone_from(&choice.find);
    view.lost = (choice.lost > 0).then_some((CHOSEN as u64, choice.lost as u64));
    Ok(view)
}

/// Shows what the change does where it does anything, and saves it from there.
pub async fn save(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Oops> {
    let choice = Choice::of(&pairs)?;
    let given = |field: &str| {
        let pair = pairs.iter().find(|(name, _)| name == field);
        pair.map(|(_, value)| value.as_str())
    };
    if given("edit").is_some() {
        return groups::chosen(&app, &admin, id, &choice, None).await;
    }
    let take_back = given("take-back").map(str::parse).transpose();
    let take_back = take_back.map_err(|_| Oops::of(StatusCode::BAD_REQUEST))?;
    let agreed = match given("digest").filter(|_| given("check").is_none()) {
        Some(digest) => Agreed {
            digest: Some(digest.to_owned()),
            take_back,
            ..Agreed::default()
        },
        // Nothing is saved that was not previewed, where it does anything.
        None => {
            let preview = app.group_members_preview(id, Wanted::Change(&choice.change)).await?;
            if preview.moves_anybody() && !preview.apps.is_empty() {
                return previewed(&app, &admin, &preview, &choice, Refused::Not).await;
            }
            Agreed::default()
        }
    };
    let done = match given("ask") {
        // Only another administrator can save it.
        Some(_) => {
            let intent = Intent::GroupMembers {
                group: id,
                add: choice.change.add.clone(),
                remove: choice.change.remove.clone(),
            };
            match held::ask(&app, &admin, &intent, Base::Latest, &agreed).await {
                Ok(asked) => return Ok(asked),
                Err(error) => Err(error),
            }
        }
        None => {
            app.group_members_change(&admin.caller, id, &choice.change, &agreed)
                .await
        }
    };
    match done {
        Ok(moved) if moved.come.is_empty() && moved.go.is_empty() => {
            let flash = Flash::bad(speak(&app, admin.lang).t("members-unchanged"));
            let nobody = Choice {
                change: MembersChange::default(),
                ..choice
            };
            groups::chosen(&app, &admin, id, &nobody, flash).await
        }
        Ok(_) => Ok(flash::to(&app, &admin, &choice.link(id), Done::MembersSaved)),
        Err(AppError::Outdated(Previewed::Members(preview))) => {
            let page = previewed(&app, &admin, &preview, &choice, Refused::Outdated).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(AppError::TakesBack(_, Previewed::Members(preview))) => {
            let page = previewed(&app, &admin, &preview, &choice, Refused::Unconfirmed).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(AppError::NeedsApproval(Previewed::Members(preview))) => {
            let page = previewed(&app, &admin, &preview, &choice, Refused::Not).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(AppError::MembersAbsent { absent, .. }) => {
            let flash = Flash::bad(says(&speak(&app, admin.lang), &absent));
            let page = groups::chosen(&app, &admin, id, &choice.without(&absent), flash).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Who cannot be added, in words.
fn says(s: &Speak, absent: &Absent) -> String {
    let mut sentences = vec![s.t("members-absent")];
    if !absent.left.is_empty() {
        let names: Vec<&str> = absent.left.iter().map(|person| person.name.as_str()).collect();
        sentences.push(s.t1("members-absent-left", "names", names.join(", ")));
    }
    if !absent.unknown.is_empty() {
        sentences.push(s.t1("members-absent-unknown", "count", absent.unknown.len()));
    }
    sentences.join(" ")
}

/// Why nothing was saved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was only looked at.
    Not,
    Outdated,
    Unconfirmed,
}

/// So many of those who come or go are named.
const NAMED: usize = 20;

/// What giving a group a rule would do; `fields` are those of the form that says which.
pub(super) async fn rule_previewed(
    app: &App,
    reader: &Reader,
    preview: &MembersPreview,
    fields: Vec<(&'static str, String)>,
    refused: Refused,
) -> Result<Response, Oops> {
    shown_before_saving(app, reader, preview, ("rule", "rule-title"), fields, refused).await
}

async fn previewed(
    app: &App,
    reader: &Reader,
    preview: &MembersPreview,
    choice: &Choice,
    refused: Refused,
) -> Result<Response, Oops> {
    let fields = choice.fields();
    shown_before_saving(app, reader, preview, ("members", "column-members"), fields, refused).await
}

/// `form` is where it is saved, and what was done there.
async fn shown_before_saving(
    app: &App,
    reader: &Reader,
    preview: &MembersPreview,
    form: (&str, &str),
    fields: Vec<(&'static str, String)>,
    refused: Refused,
) -> Result<Response, Oops> {
    let s = speak(app, reader.lang);
    let (group, change) = (&preview.group, &preview.change);
    let Parts {
        rule,
        matching,
        moved,
        apps,
    } = parts(app, &s, preview).await?;
    let approvers = match preview.needs_approval() {
        true => Some(app.approvers(&reader.caller).await?),
        false => None,
    };
    html(&MembersPreviewPage {
        frame: frame(app, reader, Place::Groups, &format!("/groups/{}", group.id), None).await?,
        id: group.id,
        name: group.name.clone(),
        kind: group.kind,
        come: change.come.len() as u64,
        go: change.go.len() as u64,
        action: form.0.to_owned(),
        step: s.t(form.1),
        rule,
        matching,
        moved,
        apps,
        digest: preview.digest.clone(),
        fields,
        to_confirm: preview.to_confirm(),
        approvers,
        outdated: refused == Refused::Outdated,
        unconfirmed: refused == Refused::Unconfirmed,
        s,
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
        let names = super::deployment::names(app, of).await?;
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
