//! 배포 관리: which groups get an app, with which approval, until when.

use askama::Template;
use domain::{Approval, AssetId, Counts, GroupId, GroupKind, Owned, RuleSet, Time};

use super::{Frame, conflict::Conflict, groups::members_text, ui::Glyph, words};
use crate::messages::Speak;

/// A deadline as the form has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadlineChoice {
    None,
    /// The one that is saved already.
    Kept(Time),
    Days(u64),
    /// As typed, which may be nonsense.
    Custom(String),
}

/// The deadlines that need no typing.
pub const DEADLINE_DAYS: [u64; 3] = [3, 7, 14];

/// One group in the form.
#[derive(Debug, Clone)]
pub struct GroupChoice {
    pub id: GroupId,
    pub name: String,
    pub kind: GroupKind,
    pub members: u64,
    pub included: bool,
    pub approval: Approval,
    pub deadline: DeadlineChoice,
    /// What is saved now.
    pub saved: Option<Approval>,
    /// What was saved when the form was opened, as [`was_value`] writes it; nothing for nothing.
    pub was: String,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// One of the segments.
struct Segment {
    value: &'static str,
    text: String,
    checked: bool,
    forbidden: bool,
}

/// One of the deadlines.
struct DeadlineOption {
    value: String,
    text: String,
    selected: bool,
}

/// How an approval is written in a form.
pub fn approval_value(approval: Approval) -> &'static str {
    match approval {
        Approval::Required => "required",
        Approval::Available => "available",
        Approval::NotApplicable => "notApplicable",
        Approval::Uninstall => "uninstall",
    }
}

const APPROVALS: [Approval; 4] = [
    Approval::Required,
    Approval::Available,
    Approval::NotApplicable,
    Approval::Uninstall,
];

pub fn approval_of(value: &str) -> Option<Approval> {
    APPROVALS
        .into_iter()
        .find(|approval| approval_value(*approval) == value)
}

/// How a form remembers what was saved for a group when it was opened.
pub fn was_value(approval: Approval, deadline: Option<Time>) -> String {
    let approval = approval_value(approval);
    match deadline {
        Some(at) => format!("{approval}@{}", at.ms()),
        None => approval.to_owned(),
    }
}

impl GroupChoice {
    /// What is chosen for the group, in words.
    pub fn chosen(&self, s: &Speak) -> String {
        if !self.included {
            return s.t("conflict-nothing");
        }
        let approval = s.t(words::approval(self.approval));
        let deadline = match &self.deadline {
            _ if self.approval != Approval::Required => return approval,
            DeadlineChoice::None => return approval,
            DeadlineChoice::Kept(at) => s.full(*at),
            DeadlineChoice::Days(days) => s.full(s.now + std::time::Duration::from_secs(days.saturating_mul(86_400))),
            DeadlineChoice::Custom(text) => text.clone(),
        };
        format!("{approval}, {deadline}")
    }

    fn members_text(&self, s: &Speak) -> String {
        members_text(s, self.kind, self.members)
    }

    fn segments(&self, s: &Speak, has_user_groups: bool) -> Vec<Segment> {
        APPROVALS
            .into_iter()
            .map(|approval| Segment {
                value: approval_value(approval),
                text: s.t(words::approval(approval)),
                checked: self.approval == approval,
                // A25; together with user groups it is the only choice (A26), so it has to stay open there.
                forbidden: approval == Approval::Available && self.kind == GroupKind::Device && !has_user_groups,
            })
            .collect()
    }

    fn deadlines(&self, s: &Speak) -> Vec<DeadlineOption> {
        let option = |value: String, text, selected| DeadlineOption { value, text, selected };
        let mut options = Vec::new();
        if let DeadlineChoice::Kept(at) = &self.deadline {
            options.push(option("kept".to_owned(), s.full(*at), true));
        }
        options.push(option(
            "none".to_owned(),
            s.t("deadline-none"),
            self.deadline == DeadlineChoice::None,
        ));
        for days in DEADLINE_DAYS {
            let at = s.end_of_day(days);
            let text = s.t2("deadline-days", "days", days, "date", s.date_time(at));
            options.push(option(
                days.to_string(),
                text,
                self.deadline == DeadlineChoice::Days(days),
            ));
        }
        let custom = matches!(self.deadline, DeadlineChoice::Custom(_));
        options.push(option("custom".to_owned(), s.t("deadline-custom"), custom));
        options
    }

    fn custom_deadline(&self) -> &str {
        match &self.deadline {
            DeadlineChoice::Custom(text) => text,
            _ => "",
        }
    }

    /// What saving would change for this group.
    fn note(&self, s: &Speak) -> Option<String> {
        match (self.saved, self.included) {
            (None, false) => None,
            (None, true) => Some(s.t("deployment-note-new")),
            (Some(_), false) => Some(s.t("deployment-note-dropped")),
            (Some(saved), true) if saved == self.approval => Some(s.t("deployment-note-same")),
            (Some(saved), true) => {
                let (from, to) = (s.t(words::approval(saved)), s.t(words::approval(self.approval)));
                let note = s.t2("deployment-note-changed", "from", from, "to", to);
                if self.approval == Approval::Uninstall {
                    return Some(format!("{note} {}", s.t("deployment-note-uninstall")));
                }
                Some(note)
            }
        }
    }
}

#[derive(Template)]
#[template(path = "console/deployment.html")]
pub struct DeploymentPage {
    pub s: Speak,
    pub frame: Frame,
    pub app: AssetId,
    pub name: String,
    pub has_icon: bool,
    pub counts: Counts,
    pub groups: Vec<GroupChoice>,
    pub rule_set: RuleSet,
    /// Of the deployment that was opened.
    pub version: i64,
    pub conflict: Option<Conflict>,
    /// What is wrong with the whole of it.
    pub error: Option<String>,
}

impl DeploymentPage {
    fn has_user_groups(&self) -> bool {
        self.groups.iter().any(|group| group.kind == GroupKind::User)
    }

    fn context(&self) -> String {
        let s = &self.s;
        match self.counts.owned {
            Owned::Count(owned) => s.ta(
                "deployment-context",
                &[
                    ("app", &self.name),
                    ("owned", &owned),
                    ("used", &self.counts.used),
                    ("free", &self.counts.free.unwrap_or_default()),
                ],
            ),
            Owned::Unlimited => s.t2(
                "deployment-context-unlimited",
                "app",
                &self.name,
                "used",
                self.counts.used,
            ),
        }
    }

    fn errors(&self) -> Vec<&GroupChoice> {
        self.groups.iter().filter(|group| group.error.is_some()).collect()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place, apps,
        conflict::tests::conflict,
        tests::{ago, frame, id},
    };

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let group = |number: u128, kind, included, approval, deadline, saved, error: Option<&str>| GroupChoice {
            id: id(number, GroupId),
            name: "디자인팀".to_owned(),
            kind,
            members: 7,
            included,
            approval,
            deadline,
            saved,
            was: saved.map_or_else(String::new, |saved| was_value(saved, Some(Time(1_795_410_300_000)))),
            error: error.map(str::to_owned),
        };
        use Approval::{Available, Required, Uninstall};
        use GroupKind::{Device, User};
        let groups = vec![
            group(
                1,
                User,
                true,
                Required,
                DeadlineChoice::Kept(ago(s, 100)),
                Some(Required),
                None,
            ),
            group(2, User, true, Required, DeadlineChoice::Days(7), None, None),
            group(3, User, true, Uninstall, DeadlineChoice::None, Some(Required), None),
            group(4, User, false, Required, DeadlineChoice::None, Some(Required), None),
            group(
                5,
                Device,
                true,
                Available,
                DeadlineChoice::Custom("?".to_owned()),
                None,
                Some("x"),
            ),
            group(6, Device, false, Required, DeadlineChoice::None, None, None),
        ];
        let app = apps::tests::lines().remove(1);
        let page = |groups, error: Option<&str>| DeploymentPage {
            s: s.clone(),
            frame: frame(Place::Apps),
            app: app.id,
            name: app.name.clone(),
            has_icon: false,
            counts: app.counts,
            groups,
            rule_set: RuleSet::Y2016,
            version: 4,
            conflict: error.map(|_| conflict(s)),
            error: error.map(str::to_owned),
        };
        vec![
            ("deployment", page(groups.clone(), None).render().unwrap()),
            ("deployment-wrong", page(groups, Some("x")).render().unwrap()),
            ("deployment-no-groups", page(Vec::new(), None).render().unwrap()),
        ]
    }

    /// A26 leaves nothing else to choose, so A25 must not take it away.
    #[test]
    fn available_is_struck_out_for_device_groups_unless_there_are_user_groups() {
        let s = crate::http::console::pages::tests::speak(crate::messages::Lang::Ko);
        let group = GroupChoice {
            id: id(1, GroupId),
            name: String::new(),
            kind: GroupKind::Device,
            members: 0,
            included: true,
            approval: Approval::Required,
            deadline: DeadlineChoice::None,
            saved: None,
            was: String::new(),
            error: None,
        };
        let forbidden = |mixed| {
            group
                .segments(&s, mixed)
                .iter()
                .filter(|segment| segment.forbidden)
                .count()
        };
        assert_eq!((forbidden(false), forbidden(true)), (1, 0));
    }
}
