//! Who is chosen to come into a group and to go, from one list to the next, until it is saved.
//!
//! It is a change of the group as it is when it is saved: who is added, and who is taken out. It travels in the fields of the
//! form, so a reader may look for one after the other before they save.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use domain::GroupId;
use store::GroupRow;
use uuid::Uuid;

use super::{
    Oops,
    pages::{
        members::{MembersView, Pick},
        parts::{Turn, link},
    },
};
use crate::app::{
    App,
    members::{Absent, MemberRow, MembersChange, Offered},
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
    pub change: MembersChange,
    /// How many more were chosen than are carried on.
    lost: usize,
}

impl Choice {
    /// As a form sends it.
    pub(super) fn of(pairs: &[(String, String)]) -> Result<Choice, Oops> {
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
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
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

    /// What is looked for, with nobody chosen.
    pub(super) fn of_nobody(self) -> Choice {
        Choice {
            change: MembersChange::default(),
            ..self
        }
    }

    /// Without those who cannot be added.
    pub(super) fn without(mut self, absent: &Absent) -> Choice {
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
