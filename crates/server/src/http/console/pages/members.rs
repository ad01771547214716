//! Who is in a group, and who could be; and 확인 및 저장: what changing that would do to each app that is deployed to it, before it
//! is saved.

use askama::Template;
use domain::{AssetId, GroupId, GroupKind, Prompted};

use super::{
    Frame,
    parts::{Pager, members_text},
    preview::{PreviewView, confirmed, prompted},
    rules::RuleView,
    ui::Glyph,
};
use crate::messages::{Arg, Speak};

/// Somebody or some device with a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    pub id: String,
    pub name: String,
    pub second_line: String,
    pub ticked: bool,
}

/// The members of a group, a page of them; who could be added; and who was chosen so far.
#[derive(Debug, Clone, Default)]
pub struct MembersView {
    /// What is looked for among the members.
    pub query: String,
    /// To take out.
    pub rows: Vec<Pick>,
    /// Of buttons, so that what was chosen goes along.
    pub pager: Pager,
    /// Chosen to be taken out, and not among the rows.
    pub elsewhere: Vec<Pick>,
    /// What is looked for among all others.
    pub find: String,
    /// To add: first who was chosen, then who was found.
    pub offered: Vec<Pick>,
    /// More were found, or there may be more.
    pub more: bool,
    /// How many are chosen to be added, and to be taken out.
    pub chosen: (u64, u64),
    /// More were chosen than are kept from one page to the next: how many are kept, and how many are lost.
    pub lost: Option<(u64, u64)>,
}

impl MembersView {
    pub fn is_chosen(&self) -> bool {
        self.chosen != (0, 0)
    }
}

/// One app that is deployed to the group.
#[derive(Debug, Clone)]
pub struct PreviewedApp {
    pub id: AssetId,
    pub name: String,
    pub has_icon: bool,
    pub preview: PreviewView,
}

/// Those who come, or those who go.
#[derive(Debug, Clone)]
pub struct Moved {
    pub title: String,
    /// A few of them.
    pub names: String,
    /// How many are not named.
    pub more: u64,
}

#[derive(Template)]
#[template(path = "console/members_preview.html")]
pub struct MembersPreviewPage {
    pub s: Speak,
    pub frame: Frame,
    pub id: GroupId,
    pub name: String,
    pub kind: GroupKind,
    /// How many come, and how many go.
    pub come: u64,
    pub go: u64,
    /// Where it is saved, after the group's own address.
    pub action: String,
    /// What was done before this.
    pub step: String,
    /// The rule that it is about, if it is about one.
    pub rule: Option<RuleView>,
    /// Whom that lets in.
    pub matching: Option<Moved>,
    pub moved: Vec<Moved>,
    pub apps: Vec<PreviewedApp>,
    pub digest: String,
    /// The form as it was filled in, by the names of its fields.
    pub fields: Vec<(&'static str, String)>,
    /// How many licences it takes back, when whoever saves has to say so.
    pub to_confirm: Option<u64>,
    /// It only asks another administrator: what those are called who can approve it.
    pub approvers: Option<Vec<String>>,
    /// Nothing was saved, since this is something else than was seen.
    pub outdated: bool,
    /// Nothing was saved, since nobody said how many licences are taken back.
    pub unconfirmed: bool,
}

impl MembersPreviewPage {
    fn context(&self) -> String {
        let text = |count| members_text(&self.s, self.kind, count);
        let (come, go) = (text(self.come), text(self.go));
        let args: [(&str, &dyn Arg); 3] = [("name", &self.name), ("come", &come), ("go", &go)];
        self.s.ta("members-preview-context", &args)
    }

    fn and_more(&self, more: &u64) -> String {
        let key = match self.kind {
            GroupKind::User => "preview-and-more",
            GroupKind::Device => "members-and-more-devices",
        };
        self.s.t1(key, "count", *more)
    }

    fn confirmed(&self, licences: &u64) -> String {
        let stops = self.apps.iter().map(|of| of.preview.stops()).sum();
        confirmed(&self.s, *licences, stops)
    }

    fn prompted(&self) -> Prompted {
        prompted(self.apps.iter().map(|of| &of.preview))
    }

    fn requests(&self) -> u64 {
        self.apps.iter().map(|of| of.preview.requests_total()).sum()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place, apps, preview, rules,
        tests::{frame, id, speak},
    };

    /// With somebody in it, or of an empty group.
    pub fn view(full: bool) -> MembersView {
        let pick = |name: &str, ticked| Pick {
            id: name.to_owned(),
            name: name.to_owned(),
            second_line: "영업팀".to_owned(),
            ticked,
        };
        if !full {
            return MembersView {
                query: "가".to_owned(),
                find: "나".to_owned(),
                lost: Some((100, 3)),
                ..MembersView::default()
            };
        }
        MembersView {
            query: String::new(),
            rows: vec![pick("윤가람", false), pick("한보라", true)],
            pager: Pager {
                from: 51,
                to: 52,
                total: 70,
                more: false,
                previous: Some("before.1.0".to_owned()),
                next: Some("after.2.52".to_owned()),
            },
            elsewhere: vec![pick("강하늘", true)],
            find: String::new(),
            offered: vec![pick("고은결", true), pick("문다솜", false)],
            more: true,
            chosen: (1, 2),
            lost: None,
        }
    }

    fn page(s: &Speak, kind: GroupKind) -> MembersPreviewPage {
        let app = apps::tests::lines().remove(1);
        let moved = |key, more| Moved {
            title: s.t(key),
            names: "강하늘, 고은결".to_owned(),
            more,
        };
        MembersPreviewPage {
            s: s.clone(),
            frame: frame(Place::Groups),
            id: id(1, GroupId),
            name: "전 직원".to_owned(),
            kind,
            come: 2,
            go: 40,
            action: "members".to_owned(),
            step: s.t("column-members"),
            rule: None,
            matching: None,
            moved: vec![moved("members-come", 0), moved("members-go", 38)],
            apps: vec![PreviewedApp {
                id: app.id,
                name: app.name,
                has_icon: false,
                preview: preview::tests::view(s),
            }],
            digest: "7f3a91c20000000000000000000000ff".to_owned(),
            fields: vec![("add", "1".to_owned())],
            to_confirm: None,
            approvers: None,
            outdated: false,
            unconfirmed: false,
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let people = || page(s, GroupKind::User);
        let outdated = MembersPreviewPage {
            outdated: true,
            ..people()
        };
        let unconfirmed = MembersPreviewPage {
            to_confirm: Some(38),
            approvers: Some(vec!["고은결".to_owned()]),
            unconfirmed: true,
            ..people()
        };
        let rule = MembersPreviewPage {
            action: "rule".to_owned(),
            step: s.t("rule-title"),
            rule: Some(rules::tests::view(s)),
            matching: Some(Moved {
                title: s.t1("rule-matching", "count", 12),
                names: "강하늘, 고은결".to_owned(),
                more: 10,
            }),
            apps: Vec::new(),
            ..people()
        };
        vec![
            ("group-rule-preview", rule.render().unwrap()),
            ("members-preview", people().render().unwrap()),
            ("members-preview-devices", page(s, GroupKind::Device).render().unwrap()),
            ("members-preview-outdated", outdated.render().unwrap()),
            ("members-preview-unconfirmed", unconfirmed.render().unwrap()),
        ]
    }

    #[test]
    fn who_is_not_named_is_counted_in_the_words_of_the_group() {
        let s = speak(crate::messages::Lang::Ko);
        let samples = samples(&s);
        let of = |name| &samples.iter().find(|(it, _)| *it == name).unwrap().1;
        assert!(of("members-preview").contains("강하늘, 고은결 외 38명"));
        assert!(of("members-preview-devices").contains("강하늘, 고은결 외 38대"));
    }
}
