//! One thing done to many: chosen in a list, previewed, done, told of.
//!
//! What is chosen travels in the address and in the fields of the form: the ids that were ticked, or the list with its filter.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Approval, AssetId, DeviceId, GroupId, GroupKind, LicenseType, Members, PersonId};
use store::{AppRow, GroupRow};
use uuid::Uuid;

use super::{
    Oops, frame, html,
    pages::{
        Place,
        app::{AppTab, app_link, state_of, state_value},
        bulk::{ActWord, Asked, BulkDonePage, BulkPage, BulkPreviewPage, MadeChoice, Moved, NAMED, Skipped, Way},
        deployment::{approval_of, license_type_of},
        members::PreviewedApp,
        parts::{Named, Turn, link, members_text},
        people::people_link,
        preview::{LineView, PreviewView},
    },
    problem, speak, view,
};
use crate::{
    app::{
        App, AppError, FieldProblem,
        bulk::selection::{self, List, Selection, Which},
        bulk::{Act, BulkPreview, BulkRefused, GivenBy, TakeBack, Through},
        contract::{Agreed, Contract, Previewed},
        deployments::LineSays,
        directory::{DeviceFilter, PersonFilter},
    },
    http::{
        auth::{Admin, Reader},
        input::{Pairs, Path, Query},
    },
    messages::Speak,
};

/// A list as an address has it.
pub(super) fn list_value(list: List) -> String {
    match list {
        List::People(_) => "people".to_owned(),
        List::Devices(_) => "devices".to_owned(),
        List::AppPeople(asset, _) => format!("people.{asset}"),
        List::AppDevices(asset, _) => format!("devices.{asset}"),
        List::Members(group, _) => format!("members.{group}"),
    }
}

/// Its filter as an address has it.
pub(super) fn filter_value(list: List) -> &'static str {
    match list {
        List::People(filter) => filter.value(),
        List::Devices(filter) => filter.value(),
        List::AppPeople(_, state) | List::AppDevices(_, state) => state.map_or("", state_value),
        List::Members(..) => "",
    }
}

/// What a form, or an address, says.
struct Said {
    pairs: Vec<(String, String)>,
    act: ActWord,
    selection: Selection,
}

impl Said {
    async fn of(app: &App, pairs: Vec<(String, String)>) -> Result<Said, Oops> {
        let wrong = || Oops::of(StatusCode::BAD_REQUEST);
        let field = |name: &str| given(&pairs, name);
        let (name, id) = match field("list").split_once('.') {
            Some((name, id)) => (name, Some(id.parse::<Uuid>().map_err(|_| wrong())?)),
            None => (field("list"), None),
        };
        let filter = field("filter");
        let list = match (name, id) {
            ("people", None) => List::People(PersonFilter::of(filter)),
            ("devices", None) => List::Devices(DeviceFilter::of(filter)),
            ("people", Some(id)) => List::AppPeople(AssetId(id), state_of(filter)),
            ("devices", Some(id)) => List::AppDevices(AssetId(id), state_of(filter)),
            ("members", Some(id)) => app.members_as_list(GroupId(id)).await?,
            _ => return Err(wrong()),
        };
        let which = if field("all").is_empty() {
            // The page of a group ticks whom it would take out.
            let ids = pairs
                .iter()
                .filter(|(name, _)| matches!(name.as_str(), "id" | "remove"));
            let ids: Result<BTreeSet<Uuid>, _> = ids.map(|(_, value)| value.parse()).collect();
            Which::Ids(ids.map_err(|_| wrong())?)
        } else {
            Which::All {
                query: field("q").trim().to_owned(),
            }
        };
        Ok(Said {
            act: ActWord::of(field("act")).ok_or_else(wrong)?,
            selection: Selection { list, which },
            pairs,
        })
    }

    fn field(&self, name: &str) -> &str {
        given(&self.pairs, name)
    }

    fn kind(&self) -> GroupKind {
        self.selection.list.kind()
    }

    /// The app that it is about: the one whose list it is, or the one that was chosen.
    fn app(&self) -> Option<AssetId> {
        let chosen = || self.field("app").parse().ok().map(AssetId);
        self.selection.list.app().or_else(chosen)
    }

    /// What is to be done, as far as it was said.
    fn read(&self) -> Option<Act> {
        let group = || self.field("group").parse().ok().map(GroupId);
        let name = || self.field("name").trim().to_owned();
        let way = self.field("way");
        let in_group = || Some(GroupId(way.strip_prefix("group.")?.parse().ok()?));
        Some(match self.act {
            ActWord::AddToGroup => Act::AddToGroup { group: group()? },
            ActWord::RemoveFromGroup => match self.selection.list {
                List::Members(group, _) => Act::RemoveFromGroup { group },
                _ => return None,
            },
            ActWord::GiveApp => Act::GiveApp {
                app: self.app()?,
                through: match way {
                    "new" => Through::New {
                        name: name(),
                        approval: approval_of(self.field("approval"))?,
                        license_type: license_type_of(self.field("license")).unwrap_or_default(),
                    },
                    _ => Through::Group(in_group()?),
                },
            },
            ActWord::TakeBackApp => Act::TakeBackApp {
                app: self.app()?,
                way: match way {
                    "groups" => TakeBack::FromGroups,
                    "new" => TakeBack::ExceptNew { name: name() },
                    _ => TakeBack::Except(in_group()?),
                },
            },
            ActWord::InviteAgain => Act::InviteAgain,
            ActWord::MoveUp => Act::MoveUp {
                app: self.app()?,
                reason: Some(self.field("reason"))
                    .filter(|it| !it.trim().is_empty())?
                    .to_owned(),
            },
        })
    }

    /// Whether something has to be said first.
    fn asks(&self) -> bool {
        !matches!(self.act, ActWord::InviteAgain | ActWord::RemoveFromGroup)
    }

    /// Who was chosen, and for what, for a form of hidden fields; with `all` that was said, also that.
    fn fields(&self, all: bool) -> Vec<(String, String)> {
        let mut fields = vec![
            ("list".to_owned(), list_value(self.selection.list)),
            ("act".to_owned(), self.act.value().to_owned()),
        ];
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                fields.push((name.to_owned(), value.to_owned()));
            }
        };
        add("filter", filter_value(self.selection.list));
        match &self.selection.which {
            Which::Ids(ids) => ids.iter().for_each(|id| add("id", &id.simple().to_string())),
            Which::All { query } => {
                add("all", "1");
                add("q", query);
            }
        }
        for name in ["app", "group", "way", "name", "approval", "license", "reason"] {
            if all || name == "app" {
                add(name, self.field(name));
            }
        }
        fields
    }

    /// Where all of it is asked, with what was said so far.
    fn address(&self) -> String {
        let fields = self.fields(true);
        let pairs: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        link("/bulk", &pairs)
    }

    /// The list that it was chosen in.
    async fn back(&self, app: &App, s: &Speak) -> Result<Named, Oops> {
        let query = match &self.selection.which {
            Which::All { query } => query.as_str(),
            Which::Ids(_) => self.field("q"),
        };
        Ok(match self.selection.list {
            List::People(filter) => Named {
                name: s.t("nav-people"),
                href: people_link(filter, query, &Turn::default()),
            },
            List::Devices(filter) => Named {
                name: s.t("nav-devices"),
                href: link("/devices", &[("filter", filter.value()), ("q", query)]),
            },
            List::AppPeople(asset, state) => Named {
                name: app_named(app, asset).await?,
                href: app_link(asset, AppTab::Users, state, query, &Turn::default()),
            },
            List::AppDevices(asset, state) => Named {
                name: app_named(app, asset).await?,
                href: app_link(asset, AppTab::Devices, state, query, &Turn::default()),
            },
            List::Members(group, _) => Named {
                name: app.group(group).await?.map(|row| row.name).unwrap_or_default(),
                href: format!("/groups/{group}"),
            },
        })
    }

    fn place(&self) -> Place {
        match self.selection.list {
            List::People(_) => Place::People,
            List::Devices(_) => Place::Devices,
            List::AppPeople(..) | List::AppDevices(..) => Place::Apps,
            List::Members(..) => Place::Groups,
        }
    }
}

fn given<'a>(pairs: &'a [(String, String)], field: &str) -> &'a str {
    let pair = pairs.iter().find(|(name, _)| name == field);
    pair.map_or("", |(_, value)| value.as_str())
}

async fn app_row(app: &App, asset: AssetId) -> Result<AppRow, Oops> {
    let row = app.store.app(asset).await?;
    row.ok_or(Oops::of(StatusCode::NOT_FOUND))
}

async fn app_named(app: &App, asset: AssetId) -> Result<String, Oops> {
    Ok(view::app_name(&app_row(app, asset).await?))
}

/// What has to be said first; or, where that is nothing, what it would do.
pub async fn page(
    State(app): State<App>,
    admin: Admin,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, Oops> {
    let said = Said::of(&app, pairs).await?;
    if said.asks() {
        return ask(&app, &admin, &said, None).await;
    }
    preview_or_ask(&app, &admin, &said).await
}

/// Shows what it would do, goes back to what was said, or does what was shown: by the button that was pressed.
pub async fn act(State(app): State<App>, admin: Admin, Pairs(pairs): Pairs) -> Result<Response, Oops> {
    let said = Said::of(&app, pairs).await?;
    let s = speak(&app, admin.lang);
    let pressed = |name: &str| !said.field(name).is_empty();
    if pressed("edit") {
        return ask(&app, &admin, &said, None).await;
    }
    let Some(act) = said.read() else {
        let missing = match said.act {
            ActWord::MoveUp => problem(&s, FieldProblem::Missing),
            _ => s.t("bulk-choose-first"),
        };
        return asked_again(&app, &admin, &said, missing).await;
    };
    if !pressed("digest") || pressed("check") {
        return preview_or_ask(&app, &admin, &said).await;
    }
    let take_back = said.field("take-back");
    let agreed = Agreed {
        digest: Some(said.field("digest").to_owned()),
        take_back: take_back.parse().ok(),
        ..Agreed::default()
    };
    match app.bulk(&admin.caller, &said.selection, &act, &agreed).await {
        Ok(done) => {
            let to = match done.event {
                Some(event) => format!("/bulk/{event}"),
                None => said.back(&app, &s).await?.href,
            };
            Ok(Redirect::to(&to).into_response())
        }
        Err(AppError::Outdated(Previewed::Bulk(preview))) => {
            let page = show(&app, &admin, &said, &preview, Refused::Outdated).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(AppError::TakesBack(_, Previewed::Bulk(preview))) => {
            let page = show(&app, &admin, &said, &preview, Refused::Unconfirmed).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => refused(&app, &admin, &said, error).await,
    }
}

async fn preview_or_ask(app: &App, admin: &Admin, said: &Said) -> Result<Response, Oops> {
    let s = speak(app, admin.lang);
    let Some(act) = said.read() else {
        return asked_again(app, admin, said, s.t("bulk-choose-first")).await;
    };
    match app.bulk_preview(&said.selection, &act).await {
        Ok(preview) => show(app, admin, said, &preview, Refused::Not).await,
        Err(error) => refused(app, admin, said, error).await,
    }
}

/// What is wrong with what was said, in a sentence; anything else is no answer of this page.
async fn refused(app: &App, admin: &Admin, said: &Said, error: AppError) -> Result<Response, Oops> {
    let s = speak(app, admin.lang);
    let text = match &error {
        AppError::Bulk(why) => match why {
            BulkRefused::TooMany { most } => s.t1(why.key(), "count", *most),
            _ => s.t(why.key()),
        },
        AppError::Rule(_) => s.t("bulk-group-by-rule"),
        AppError::Invalid { problem: wrong, .. } => problem(&s, *wrong),
        AppError::Deployment(refused) => s.t(super::deployment::refusal(refused).1),
        _ => return Err(error.into()),
    };
    asked_again(app, admin, said, text).await
}

async fn asked_again(app: &App, admin: &Admin, said: &Said, error: String) -> Result<Response, Oops> {
    let page = ask(app, admin, said, Some(error)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn ask(app: &App, admin: &Admin, said: &Said, error: Option<String>) -> Result<Response, Oops> {
    let s = speak(app, admin.lang);
    let (selected, error) = match app.selected(&said.selection).await {
        Ok(number) => (number, error),
        Err(AppError::Bulk(why)) => (0, error.or_else(|| Some(s.t1(why.key(), "count", selection::MOST)))),
        Err(other) => return Err(other.into()),
    };
    let asset = said.app();
    let mut asked = Asked::default();
    match said.act {
        ActWord::AddToGroup => {
            let groups = app.groups().await?.into_iter().filter(|row| row.kind == said.kind());
            let (by_rule, by_hand): (Vec<GroupRow>, Vec<GroupRow>) =
                groups.partition(|row| row.membership_rule.is_some());
            asked.by_rule = by_rule.into_iter().map(|row| row.name).collect();
            let way = |row: GroupRow| Way {
                chosen: said.field("group") == row.id.to_string(),
                value: row.id.to_string(),
                reason: members_text(&s, row.kind, u64::try_from(row.members).unwrap_or(0)),
                text: row.name,
            };
            asked.groups = by_hand.into_iter().map(way).collect();
        }
        ActWord::GiveApp => match asset {
            None => asked.apps = apps(app).await?,
            Some(asset) => gives(app, &s, said, asset, &mut asked).await?,
        },
        ActWord::TakeBackApp => {
            let asset = asset.ok_or(Oops::of(StatusCode::BAD_REQUEST))?;
            takes(app, &s, said, asset, &mut asked).await?;
        }
        ActWord::MoveUp => asked.reason = Some(said.field("reason").to_owned()),
        ActWord::InviteAgain | ActWord::RemoveFromGroup => {}
    }
    html(&BulkPage {
        frame: frame(app, admin, said.place(), &said.address(), None).await?,
        act: said.act,
        app: named_app(app, asset).await?,
        back: said.back(app, &s).await?,
        kind: said.kind(),
        selected,
        fields: said.fields(false),
        asked,
        error,
        s,
    })
}

async fn named_app(app: &App, asset: Option<AssetId>) -> Result<Option<Named>, Oops> {
    let Some(asset) = asset else { return Ok(None) };
    Ok(Some(Named {
        name: app_named(app, asset).await?,
        href: format!("/apps/{asset}"),
    }))
}

/// All apps, by name.
async fn apps(app: &App) -> Result<Vec<(String, String)>, Oops> {
    let Some(location) = app.store.location_linked().await? else {
        return Ok(Vec::new());
    };
    let rows = app.store.apps(location.id).await?.into_iter();
    let there = rows.filter(|row| row.is_app() && row.gone_at.is_none());
    let mut apps: Vec<(String, String)> = there.map(|row| (row.id.to_string(), view::app_name(&row))).collect();
    apps.sort_by(|one, next| one.1.cmp(&next.1));
    Ok(apps)
}

/// Through which group they get an app: one to which it is deployed, or one that is made.
async fn gives(app: &App, s: &Speak, said: &Said, asset: AssetId, asked: &mut Asked) -> Result<(), Oops> {
    let deployable = app.deployable(asset).await?;
    let chosen = said.field("way");
    for line in &deployable.lines {
        let group = deployable.groups.iter().find(|row| row.id == line.group);
        let Some(group) = group.filter(|row| row.kind == said.kind()) else {
            continue;
        };
        if !matches!(line.approval, Approval::Required | Approval::Available) {
            continue;
        }
        if group.membership_rule.is_some() {
            asked.by_rule.push(group.name.clone());
            continue;
        }
        let members = members_text(s, group.kind, u64::try_from(group.members).unwrap_or(0));
        let says = [s.approval(line.approval), s.license_type(line.license_type), members];
        let value = format!("group.{}", group.id);
        asked.ways.push(Way {
            chosen: chosen == value,
            value,
            text: group.name.clone(),
            reason: says.join(" · "),
        });
    }
    asked
        .ways
        .push(new_way(s, "bulk-new-group", "bulk-new-group-help", chosen == "new"));
    choose_first(&mut asked.ways, 0);
    asked.made = Some(MadeChoice {
        name: said.field("name").to_owned(),
        says: Some((
            approval_of(said.field("approval")).unwrap_or(Approval::Required),
            license_type_of(said.field("license")).unwrap_or_else(|| match said.kind() {
                GroupKind::Device if !deployable.policy.policy_2016 && deployable.app.device_assignable => {
                    LicenseType::Device
                }
                _ => LicenseType::User,
            }),
        )),
        of_devices: said.kind() == GroupKind::Device,
        policy_2016: deployable.policy.policy_2016,
    });
    Ok(())
}

/// How an app is taken back: which way is right depends on what else the groups give, and whether their members follow from rules.
async fn takes(app: &App, s: &Speak, said: &Said, asset: AssetId, asked: &mut Asked) -> Result<(), Oops> {
    let given = match app.given_by(&said.selection, asset).await {
        Ok(given) => given,
        // It is said above that they are too many.
        Err(AppError::Bulk(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let touches =
        |it: &GivenBy| it.group.membership_rule.is_some() || it.other_apps > 0 || it.group.kind != said.kind();
    let better_excluded = given.iter().any(touches);
    asked.given_by = given
        .iter()
        .map(|it| {
            let members = members_text(s, said.kind(), it.members);
            let mut says = vec![s.approval(it.approval), members];
            if it.group.membership_rule.is_some() {
                says.push(s.t("membership-by-rule"));
            }
            if it.other_apps > 0 {
                says.push(s.t1("bulk-other-apps", "count", it.other_apps));
            }
            format!("{}: {}", it.group.name, says.join(" · "))
        })
        .collect();
    let chosen = said.field("way");
    asked.ways.push(new_way(
        s,
        "bulk-from-groups",
        "bulk-from-groups-help",
        chosen == "groups",
    ));
    asked.ways[0].value = "groups".to_owned();
    let groups: BTreeMap<GroupId, GroupRow> = app.groups().await?.into_iter().map(|row| (row.id, row)).collect();
    for line in app.deployments(asset).await? {
        let group = groups.get(&line.group).filter(|row| row.kind == said.kind());
        let Some(group) = group.filter(|row| row.membership_rule.is_none()) else {
            continue;
        };
        if line.approval != Approval::NotApplicable {
            continue;
        }
        let value = format!("group.{}", group.id);
        asked.ways.push(Way {
            chosen: chosen == value,
            value,
            text: s.t1("bulk-except", "group", &group.name),
            reason: s.t("bulk-except-help"),
        });
    }
    asked
        .ways
        .push(new_way(s, "bulk-except-new", "bulk-except-help", chosen == "new"));
    choose_first(&mut asked.ways, usize::from(better_excluded));
    asked.made = Some(MadeChoice {
        name: said.field("name").to_owned(),
        ..MadeChoice::default()
    });
    Ok(())
}

fn new_way(s: &Speak, text: &str, reason: &str, chosen: bool) -> Way {
    Way {
        value: "new".to_owned(),
        text: s.t(text),
        reason: s.t(reason),
        chosen,
    }
}

/// Where nothing is chosen yet, this one is.
fn choose_first(ways: &mut [Way], first: usize) {
    if !ways.iter().any(|way| way.chosen)
        && let Some(way) = ways.get_mut(first)
    {
        way.chosen = true;
    }
}

/// Why nothing was done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// It was only looked at.
    Not,
    Outdated,
    Unconfirmed,
}

async fn show(
    app: &App,
    reader: &Reader,
    said: &Said,
    preview: &BulkPreview,
    refused: Refused,
) -> Result<Response, Oops> {
    let s = speak(app, reader.lang);
    let groups: BTreeMap<GroupId, GroupRow> = app.groups().await?.into_iter().map(|row| (row.id, row)).collect();
    let few = |ids: &BTreeSet<Uuid>| -> Vec<Uuid> { ids.iter().copied().take(NAMED).collect() };
    let moves = || preview.moves.iter().chain(&preview.follows);
    let mut known = few(&preview.does);
    known.extend(preview.skipped.values().flat_map(few));
    known.extend(moves().flat_map(|moved| [few(&moved.come), few(&moved.go)].concat()));
    let names = app.store.names(&known).await?;
    let named = |id: &Uuid| {
        let person = names.people.get(&PersonId(*id));
        person.or_else(|| names.devices.get(&DeviceId(*id))).cloned()
    };
    let named = |ids: &BTreeSet<Uuid>| -> Vec<String> { ids.iter().take(NAMED).filter_map(named).collect() };
    let group_name = |group: GroupId| match groups.get(&group) {
        Some(row) => row.name.clone(),
        None => preview.made().unwrap_or_default().to_owned(),
    };
    let mut moved = Vec::new();
    for of in moves() {
        for (key, ids) in [("members-come-into", &of.come), ("members-go-from", &of.go)] {
            if !ids.is_empty() {
                let some = named(ids);
                moved.push(Moved {
                    title: s.t1(key, "group", group_name(of.group)),
                    more: (ids.len() - some.len()) as u64,
                    names: some.join(", "),
                });
            }
        }
    }
    let mut apps = Vec::new();
    for of in &preview.apps {
        let lines = app.deployments(of.app.id).await?;
        let line = |moved: &Members| {
            let change = of.changes.iter().find(|change| change.group == moved.group);
            let kept = lines.iter().find(|line| line.group == moved.group).map(LineSays::of);
            let (before, after) = change.map_or((kept, kept), |change| (change.before, change.after));
            after.or(before)?;
            let members = groups
                .get(&moved.group)
                .map_or(moved.come.len() as u64, |row| u64::try_from(row.members).unwrap_or(0));
            Some(LineView {
                group: moved.group,
                name: group_name(moved.group),
                kind: moved.kind,
                members,
                before,
                after,
            })
        };
        let lines = moves().filter_map(line).collect();
        let names = super::agreeing::names(app, of).await?;
        apps.push(PreviewedApp {
            id: of.app.id,
            name: view::app_name(&of.app),
            has_icon: of.app.has_icon,
            preview: PreviewView::of(of, lines, names, s.now),
        });
    }
    let skipped = preview.skipped.iter().map(|(why, ids)| {
        let some = named(ids);
        Skipped {
            why: *why,
            number: ids.len() as u64,
            // Of whom nothing is known no name is.
            more: if some.is_empty() {
                0
            } else {
                (ids.len() - some.len()) as u64
            },
            names: some.join(", "),
        }
    });
    html(&BulkPreviewPage {
        frame: frame(app, reader, said.place(), &said.address(), None).await?,
        act: said.act,
        app: named_app(app, said.app()).await?,
        back: said.back(app, &s).await?,
        kind: preview.kind,
        selected: preview.selected(),
        does: preview.does.len() as u64,
        names: named(&preview.does).join(", "),
        skipped: skipped.collect(),
        moved,
        apps,
        asked: said.asks(),
        digest: preview.digest.clone(),
        fields: said.fields(true),
        to_confirm: preview.to_confirm(),
        outdated: refused == Refused::Outdated,
        unconfirmed: refused == Refused::Unconfirmed,
        s,
    })
}

/// What was done.
pub async fn done(State(app): State<App>, reader: Reader, Path(event): Path<i64>) -> Result<Response, Oops> {
    let s = speak(&app, reader.lang);
    let (act, kind, done) = app.bulk_done(event).await?;
    let (word, place) = match &act {
        Act::AddToGroup { .. } => (ActWord::AddToGroup, Place::Groups),
        Act::RemoveFromGroup { .. } => (ActWord::RemoveFromGroup, Place::Groups),
        Act::GiveApp { .. } => (ActWord::GiveApp, Place::Apps),
        Act::TakeBackApp { .. } => (ActWord::TakeBackApp, Place::Apps),
        Act::InviteAgain => (ActWord::InviteAgain, Place::People),
        Act::MoveUp { .. } => (ActWord::MoveUp, Place::Apps),
    };
    let list = match kind {
        GroupKind::User => ("nav-people", "/people", AppTab::Users),
        GroupKind::Device => ("nav-devices", "/devices", AppTab::Devices),
    };
    let back = match (act.app(), act.group()) {
        (Some(asset), _) => Named {
            name: app_named(&app, asset).await?,
            href: app_link(asset, list.2, None, "", &Turn::default()),
        },
        (None, Some(group)) => Named {
            name: app.group(group).await?.map_or_else(|| "–".to_owned(), |row| row.name),
            href: format!("/groups/{group}"),
        },
        (None, None) => Named {
            name: s.t(list.0),
            href: list.1.to_owned(),
        },
    };
    html(&BulkDonePage {
        frame: frame(&app, &reader, place, &format!("/bulk/{event}"), None).await?,
        act: word,
        back,
        kind,
        selected: done.selected,
        done: done.done,
        skipped: done.skipped.into_iter().collect(),
        s,
    })
}
