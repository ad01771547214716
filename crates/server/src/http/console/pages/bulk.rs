//! Many at once: what is ticked in a list, what is to be done to it, what that would do, and what was done.

use askama::Template;
use domain::{Approval, GroupKind, LicenseType, Prompted};
use store::Many;

use super::{
    Frame,
    deployment::{approval_value, license_type_value},
    members::PreviewedApp,
    parts::{Named, members_text},
    preview::prompted,
    ui::Glyph,
};
use crate::{
    app::bulk::{Skip, selection::List},
    messages::Speak,
};

/// So many of those who are meant are named.
pub const NAMED: usize = 20;

/// What can be done to many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActWord {
    AddToGroup,
    RemoveFromGroup,
    GiveApp,
    TakeBackApp,
    InviteAgain,
    MoveUp,
}

impl ActWord {
    pub const ALL: [ActWord; 6] = [
        ActWord::AddToGroup,
        ActWord::RemoveFromGroup,
        ActWord::GiveApp,
        ActWord::TakeBackApp,
        ActWord::InviteAgain,
        ActWord::MoveUp,
    ];

    pub fn value(self) -> &'static str {
        match self {
            ActWord::AddToGroup => "addToGroup",
            ActWord::RemoveFromGroup => "removeFromGroup",
            ActWord::GiveApp => "giveApp",
            ActWord::TakeBackApp => "takeBackApp",
            ActWord::InviteAgain => "inviteAgain",
            ActWord::MoveUp => "moveUp",
        }
    }

    pub fn of(value: &str) -> Option<ActWord> {
        ActWord::ALL.into_iter().find(|act| act.value() == value)
    }

    pub fn key(self) -> &'static str {
        match self {
            ActWord::AddToGroup => "bulk-add-to-group",
            ActWord::RemoveFromGroup => "bulk-remove-from-group",
            ActWord::GiveApp => "bulk-give-app",
            ActWord::TakeBackApp => "bulk-take-back-app",
            ActWord::InviteAgain => "bulk-invite-again",
            ActWord::MoveUp => "bulk-move-up",
        }
    }

    /// What can be done to those in a list, what is done most first.
    pub fn of_list(list: List) -> Vec<ActWord> {
        match list {
            List::People(_) => vec![ActWord::AddToGroup, ActWord::GiveApp, ActWord::InviteAgain],
            List::Devices(_) => vec![ActWord::AddToGroup, ActWord::GiveApp],
            List::AppPeople(..) => vec![
                ActWord::TakeBackApp,
                ActWord::MoveUp,
                ActWord::InviteAgain,
                ActWord::AddToGroup,
            ],
            List::AppDevices(..) => vec![ActWord::TakeBackApp, ActWord::AddToGroup],
            List::Members(_, GroupKind::User) => vec![
                ActWord::RemoveFromGroup,
                ActWord::AddToGroup,
                ActWord::GiveApp,
                ActWord::InviteAgain,
            ],
            List::Members(_, GroupKind::Device) => {
                vec![ActWord::RemoveFromGroup, ActWord::AddToGroup, ActWord::GiveApp]
            }
        }
    }
}

/// Under a list: what can be done to those who are ticked, or to all of them.
#[derive(Debug, Clone)]
pub struct PickBar {
    pub kind: GroupKind,
    pub list: String,
    pub filter: &'static str,
    pub query: String,
    /// How many the list shows, with what was looked for.
    pub total: Many,
    pub acts: Vec<ActWord>,
}

impl PickBar {
    /// `total` is the end of the pager: all who are found.
    pub fn of(list: List, value: String, filter: &'static str, query: &str, total: Many) -> PickBar {
        PickBar {
            kind: list.kind(),
            list: value,
            filter,
            query: query.to_owned(),
            total,
            acts: ActWord::of_list(list),
        }
    }

    pub fn all(&self, s: &Speak) -> String {
        let key = if self.total.more { "bulk-all-more" } else { "bulk-all" };
        s.t1(key, "count", members_text(s, self.kind, self.total.number))
    }
}

/// One of several ways, with a radio button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub value: String,
    pub text: String,
    pub reason: String,
    pub chosen: bool,
}

/// What has to be said before it can be previewed.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Apps to choose from.
    pub apps: Vec<(String, String)>,
    /// Groups to choose from; and those that cannot be, because they have a rule.
    pub groups: Vec<Way>,
    pub by_rule: Vec<String>,
    /// Through which group, or how it is taken back.
    pub ways: Vec<Way>,
    /// Through which groups those who were chosen get the app.
    pub given_by: Vec<String>,
    /// What is said of a group that is made: its name, and of giving an app how.
    pub made: Option<MadeChoice>,
    /// Why somebody is moved up.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct MadeChoice {
    pub name: String,
    /// Of giving an app.
    pub says: Option<(Approval, LicenseType)>,
    /// A device group cannot have an app as available.
    pub of_devices: bool,
    /// By the policy of 2016 every licence is of a person.
    pub policy_2016: bool,
}

impl MadeChoice {
    fn approvals(&self, s: &Speak) -> Vec<Way> {
        let chosen = self.says.map(|says| says.0);
        let ways = [Approval::Required, Approval::Available].into_iter();
        let ways = ways.filter(|approval| !self.of_devices || *approval == Approval::Required);
        ways.map(|approval| Way {
            value: approval_value(approval).to_owned(),
            text: s.approval(approval),
            reason: String::new(),
            chosen: chosen == Some(approval),
        })
        .collect()
    }

    fn license_types(&self, s: &Speak) -> Vec<Way> {
        let chosen = self.says.map(|says| says.1);
        let ways = [LicenseType::User, LicenseType::Device, LicenseType::Automatic].into_iter();
        ways.map(|license_type| Way {
            value: license_type_value(license_type).to_owned(),
            text: s.license_type(license_type),
            reason: String::new(),
            chosen: chosen == Some(license_type),
        })
        .collect()
    }
}

/// What is to be said before it is previewed.
#[derive(Template)]
#[template(path = "console/bulk.html")]
pub struct BulkPage {
    pub s: Speak,
    pub frame: Frame,
    pub act: ActWord,
    pub app: Option<Named>,
    pub back: Named,
    pub kind: GroupKind,
    /// How many were chosen.
    pub selected: u64,
    pub asked: Asked,
    /// Who was chosen, and what was said so far.
    pub fields: Vec<(String, String)>,
    pub error: Option<String>,
}

impl BulkPage {
    fn chosen(&self) -> String {
        self.s
            .t1("bulk-chosen", "count", members_text(&self.s, self.kind, self.selected))
    }
}

/// Those to whom nothing is done, for one reason.
#[derive(Debug, Clone)]
pub struct Skipped {
    pub why: Skip,
    pub number: u64,
    /// A few of them, and how many are not named.
    pub names: String,
    pub more: u64,
}

/// Who comes into a group, or goes.
#[derive(Debug, Clone)]
pub struct Moved {
    pub title: String,
    pub names: String,
    pub more: u64,
}

#[derive(Template)]
#[template(path = "console/bulk_preview.html")]
pub struct BulkPreviewPage {
    pub s: Speak,
    pub frame: Frame,
    pub act: ActWord,
    pub app: Option<Named>,
    pub back: Named,
    pub kind: GroupKind,
    pub selected: u64,
    pub does: u64,
    /// A few of those to whom it is done.
    pub names: String,
    pub skipped: Vec<Skipped>,
    pub moved: Vec<Moved>,
    pub apps: Vec<PreviewedApp>,
    /// Something was asked before, to which one may go back.
    pub asked: bool,
    pub digest: String,
    pub fields: Vec<(String, String)>,
    pub to_confirm: Option<u64>,
    pub outdated: bool,
    pub unconfirmed: bool,
}

impl BulkPreviewPage {
    fn count(&self, number: &u64) -> String {
        members_text(&self.s, self.kind, *number)
    }

    fn context(&self) -> String {
        let (all, does) = (self.count(&self.selected), self.count(&self.does));
        self.s.t2("bulk-preview-context", "all", all, "does", does)
    }

    fn and_more(&self, more: &u64) -> String {
        let key = match self.kind {
            GroupKind::User => "preview-and-more",
            GroupKind::Device => "members-and-more-devices",
        };
        self.s.t1(key, "count", *more)
    }

    fn more(&self) -> u64 {
        self.does - (self.does.min(NAMED as u64))
    }

    fn moves_groups(&self) -> bool {
        !matches!(self.act, ActWord::InviteAgain | ActWord::MoveUp)
    }

    fn prompted(&self) -> Prompted {
        prompted(self.apps.iter().map(|of| &of.preview))
    }

    fn requests(&self) -> u64 {
        self.apps.iter().map(|of| of.preview.requests_total()).sum()
    }
}

#[derive(Template)]
#[template(path = "console/bulk_done.html")]
pub struct BulkDonePage {
    pub s: Speak,
    pub frame: Frame,
    pub act: ActWord,
    pub back: Named,
    pub kind: GroupKind,
    pub selected: u64,
    pub done: u64,
    pub skipped: Vec<(Skip, u64)>,
}

impl BulkDonePage {
    fn count(&self, number: &u64) -> String {
        members_text(&self.s, self.kind, *number)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place,
        app::tests::named,
        apps, preview,
        tests::{frame, speak},
    };

    /// Under a list that shows something.
    pub fn sample_bar<T>(list: List, rows: &[T]) -> Option<PickBar> {
        let total = Many::from(rows.len() as u64);
        (!rows.is_empty()).then(|| PickBar::of(list, "people".to_owned(), "", "가", total))
    }

    fn way(value: &str, chosen: bool) -> Way {
        Way {
            value: value.to_owned(),
            text: "영업팀".to_owned(),
            reason: "7".to_owned(),
            chosen,
        }
    }

    fn page(s: &Speak, act: ActWord, asked: Asked) -> BulkPage {
        BulkPage {
            s: s.clone(),
            frame: frame(Place::People),
            act,
            app: Some(named("한올서명", "/apps/1")),
            back: named("한올서명", "/apps/1"),
            kind: GroupKind::User,
            selected: 70,
            asked,
            fields: vec![("list".to_owned(), "people".to_owned())],
            error: None,
        }
    }

    fn previewed(s: &Speak, act: ActWord) -> BulkPreviewPage {
        let app = apps::tests::lines().remove(1);
        let with_apps = !matches!(act, ActWord::InviteAgain | ActWord::MoveUp);
        BulkPreviewPage {
            s: s.clone(),
            frame: frame(Place::People),
            act,
            app: None,
            back: named("한올서명", "/apps/1"),
            kind: GroupKind::User,
            selected: 70,
            does: 60,
            names: "강하늘, 고은결".to_owned(),
            skipped: vec![Skipped {
                why: Skip::Left,
                number: 10,
                names: "문다솜".to_owned(),
                more: 9,
            }],
            moved: vec![Moved {
                title: "영업팀".to_owned(),
                names: "강하늘, 고은결".to_owned(),
                more: 58,
            }],
            apps: match with_apps {
                true => vec![PreviewedApp {
                    id: app.id,
                    name: app.name,
                    has_icon: false,
                    preview: preview::tests::view(s),
                }],
                false => Vec::new(),
            },
            asked: with_apps,
            digest: "7f3a91c20000000000000000000000ff".to_owned(),
            fields: vec![("list".to_owned(), "people".to_owned())],
            to_confirm: None,
            outdated: false,
            unconfirmed: false,
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let groups = Asked {
            groups: vec![way("1", true), way("2", false)],
            by_rule: vec!["영업팀".to_owned()],
            ..Asked::default()
        };
        let apps = Asked {
            apps: vec![("1".to_owned(), "한올서명".to_owned())],
            ..Asked::default()
        };
        let made = |says, of_devices| MadeChoice {
            name: "선택".to_owned(),
            says,
            of_devices,
            policy_2016: of_devices,
        };
        let gives = Asked {
            ways: vec![way("group.1", true), way("new", false)],
            made: Some(made(Some((Approval::Required, LicenseType::User)), false)),
            ..Asked::default()
        };
        let gives_devices = Asked {
            made: Some(made(Some((Approval::Required, LicenseType::User)), true)),
            ..gives.clone()
        };
        let takes = Asked {
            ways: vec![way("groups", true), way("new", false)],
            given_by: vec!["영업팀".to_owned()],
            made: Some(made(None, false)),
            ..Asked::default()
        };
        let moves = Asked {
            reason: Some(String::new()),
            ..Asked::default()
        };
        let unconfirmed = BulkPreviewPage {
            to_confirm: Some(38),
            unconfirmed: true,
            outdated: true,
            ..previewed(s, ActWord::TakeBackApp)
        };
        let nobody = BulkPreviewPage {
            does: 0,
            names: String::new(),
            moved: Vec::new(),
            apps: Vec::new(),
            ..previewed(s, ActWord::AddToGroup)
        };
        let all_skips = BulkDonePage {
            s: s.clone(),
            frame: frame(Place::People),
            act: ActWord::InviteAgain,
            back: named("한올서명", "/apps/1"),
            kind: GroupKind::User,
            selected: 70,
            done: 52,
            skipped: SKIPS.into_iter().map(|why| (why, 1)).collect(),
        };
        let wrong = BulkPage {
            error: Some("×".to_owned()),
            ..page(s, ActWord::MoveUp, moves)
        };
        vec![
            ("bulk-group", page(s, ActWord::AddToGroup, groups).render().unwrap()),
            ("bulk-app", page(s, ActWord::GiveApp, apps).render().unwrap()),
            ("bulk-give", page(s, ActWord::GiveApp, gives).render().unwrap()),
            (
                "bulk-give-devices",
                page(s, ActWord::GiveApp, gives_devices).render().unwrap(),
            ),
            ("bulk-take-back", page(s, ActWord::TakeBackApp, takes).render().unwrap()),
            ("bulk-move-up", wrong.render().unwrap()),
            ("bulk-preview", previewed(s, ActWord::GiveApp).render().unwrap()),
            (
                "bulk-preview-invite",
                previewed(s, ActWord::InviteAgain).render().unwrap(),
            ),
            ("bulk-preview-outdated", unconfirmed.render().unwrap()),
            ("bulk-preview-nobody", nobody.render().unwrap()),
            ("bulk-done", all_skips.render().unwrap()),
        ]
    }

    const SKIPS: [Skip; 18] = [
        Skip::AlreadyIn,
        Skip::NotIn,
        Skip::Left,
        Skip::Gone,
        Skip::Unknown,
        Skip::NotDue,
        Skip::ByRule,
        Skip::ByPerson,
        Skip::NotWaiting,
        Skip::MovedUpAlready,
        Skip::NotLinked,
        Skip::TokenNotUsable,
        Skip::NoProgram,
        Skip::Registering,
        Skip::Accepted,
        Skip::Retired,
        Skip::NoDevice,
        Skip::InvitationWaiting,
    ];

    /// A word that is not read back would lead nowhere.
    #[test]
    fn every_action_is_read_as_it_is_written_and_has_a_name_in_both_languages() {
        for lang in [crate::messages::Lang::Ko, crate::messages::Lang::En] {
            let s = speak(lang);
            for act in ActWord::ALL {
                assert_eq!(ActWord::of(act.value()), Some(act));
                assert!(!s.t(act.key()).contains('⟦'), "{act:?}");
            }
        }
    }
}
