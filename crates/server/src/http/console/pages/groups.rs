//! Groups of people or of devices, to which apps are deployed.

use askama::Template;
use domain::{Approval, GroupId, GroupKind};

use super::{
    Frame,
    bulk::PickBar,
    conflict::Conflict,
    members::MembersView,
    parts::{Named, members_text},
    rules::{Membership, RuleView},
    ui::Glyph,
    words,
};
use crate::messages::Speak;

/// One group in a list.
#[derive(Debug, Clone)]
pub struct GroupLine {
    pub id: GroupId,
    pub name: String,
    pub kind: GroupKind,
    pub members: u64,
    /// They follow from a rule.
    pub by_rule: bool,
    pub priority: i64,
    /// How many apps are deployed to it.
    pub apps: u64,
}

impl GroupLine {
    fn members_text(&self, s: &Speak) -> String {
        members_text(s, self.kind, self.members)
    }
}

#[derive(Template)]
#[template(path = "console/groups.html")]
pub struct GroupsPage {
    pub s: Speak,
    pub frame: Frame,
    pub rows: Vec<GroupLine>,
}

/// What is wrong with name and priority.
#[derive(Debug, Clone, Default)]
pub struct GroupErrors {
    pub name: Option<String>,
    pub priority: Option<String>,
}

impl GroupErrors {
    fn any(&self) -> bool {
        self.name.is_some() || self.priority.is_some()
    }
}

#[derive(Template)]
#[template(path = "console/group.html")]
pub struct GroupPage {
    pub s: Speak,
    pub frame: Frame,
    pub id: GroupId,
    /// As it is saved.
    pub title: String,
    pub kind: GroupKind,
    /// As typed.
    pub name: String,
    pub priority: String,
    pub errors: GroupErrors,
    /// Of the name and priority that were opened, and what they were then.
    pub version: i64,
    pub was: (String, String),
    pub conflict: Option<Conflict>,
    /// How many are in it.
    pub count: u64,
    pub members: MembersView,
    /// To whoever may change something, where anybody is in it.
    pub bar: Option<PickBar>,
    /// By what they are in it, where that is a rule.
    pub rule: Option<RuleView>,
    /// Groups whose rules look at its members.
    pub used_by: Vec<String>,
    pub apps: Vec<(Named, Approval)>,
}

impl GroupPage {
    fn is_device(&self) -> bool {
        self.kind == GroupKind::Device
    }

    /// Whether members can be put in and taken out here.
    fn may_pick(&self) -> bool {
        self.frame.may_write && self.rule.is_none()
    }

    fn may_be_deleted(&self) -> bool {
        self.apps.is_empty() && self.used_by.is_empty()
    }

    fn context(&self) -> String {
        let kind = self.s.t(words::group_kind(self.kind));
        format!("{kind} · {}", members_text(&self.s, self.kind, self.count))
    }

    /// The key of a sentence that is another one of devices.
    fn of_kind<'a>(&self, people: &'a str, devices: &'a str) -> &'a str {
        if self.is_device() { devices } else { people }
    }
}

#[derive(Template)]
#[template(path = "console/group_form.html")]
pub struct GroupFormPage {
    pub s: Speak,
    pub frame: Frame,
    pub name: String,
    pub kind: GroupKind,
    pub membership: Membership,
    pub priority: String,
    pub errors: GroupErrors,
}

impl GroupFormPage {
    /// How members can be chosen, in words that are true of people and of devices.
    fn memberships(&self) -> [(Membership, &'static str); 3] {
        [
            (Membership::Assigned, "membership-assigned"),
            (Membership::All, "membership-all"),
            (Membership::Rule, "membership-rule"),
        ]
    }

    fn is_device(&self) -> bool {
        self.kind == GroupKind::Device
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place,
        app::tests::named,
        conflict::tests::conflict,
        members::tests::view,
        rules,
        tests::{frame, id},
    };
    use crate::{app::bulk::selection::List, http::console::pages::bulk::tests::sample_bar};

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let line = |number, kind| GroupLine {
            id: id(number, GroupId),
            name: "영업팀".to_owned(),
            kind,
            members: 10,
            by_rule: kind == GroupKind::Device,
            priority: 5,
            apps: 2,
        };
        let list = |rows| GroupsPage {
            s: s.clone(),
            frame: frame(Place::Groups),
            rows,
        };
        let wrong = || GroupErrors {
            name: Some("x".to_owned()),
            priority: Some("y".to_owned()),
        };
        let group = |kind, errors, apps: Vec<(Named, Approval)>| GroupPage {
            s: s.clone(),
            frame: frame(Place::Groups),
            id: id(1, GroupId),
            title: "영업팀".to_owned(),
            kind,
            name: "영업팀".to_owned(),
            priority: "5".to_owned(),
            version: 2,
            was: ("영업팀".to_owned(), "5".to_owned()),
            conflict: apps.is_empty().then(|| conflict(s)),
            errors,
            count: 2,
            members: view(!apps.is_empty()),
            bar: sample_bar(List::Members(id(1, GroupId), kind), &apps),
            rule: None,
            used_by: Vec::new(),
            apps,
        };
        let by_rule = || GroupPage {
            rule: Some(rules::tests::view(s)),
            used_by: vec!["서울 영업팀".to_owned()],
            conflict: None,
            ..group(
                GroupKind::User,
                GroupErrors::default(),
                vec![(named("한올서명", "/apps/1"), Approval::Required)],
            )
        };
        let form = |kind, errors| GroupFormPage {
            s: s.clone(),
            frame: frame(Place::Groups),
            name: String::new(),
            kind,
            membership: Membership::Assigned,
            priority: "0".to_owned(),
            errors,
        };
        let apps = vec![(named("한올서명", "/apps/1"), Approval::Required)];
        vec![
            (
                "groups",
                list(vec![line(1, GroupKind::User), line(2, GroupKind::Device)])
                    .render()
                    .unwrap(),
            ),
            ("groups-none", list(Vec::new()).render().unwrap()),
            (
                "group",
                group(GroupKind::User, GroupErrors::default(), apps).render().unwrap(),
            ),
            ("group-by-rule", by_rule().render().unwrap()),
            (
                "group-wrong",
                group(GroupKind::Device, wrong(), Vec::new()).render().unwrap(),
            ),
            (
                "group-nobody",
                group(GroupKind::User, wrong(), Vec::new()).render().unwrap(),
            ),
            (
                "group-new",
                form(GroupKind::User, GroupErrors::default()).render().unwrap(),
            ),
            ("group-new-wrong", form(GroupKind::Device, wrong()).render().unwrap()),
        ]
    }
}
