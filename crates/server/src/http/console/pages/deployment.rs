//! 배포 관리: which groups get an app, with which approval, until when.

use askama::Template;
use domain::{
    Approval, AssetId, Counts, Deployment, GroupId, GroupKind, Installation, LicenseType, Owned, RuleSet, Time,
};

use super::{Frame, conflict::Conflict, parts::members_text, ui::Glyph, words};
use crate::{app::deployments::LineSays, messages::Speak};

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
    pub license_type: LicenseType,
    pub installation: Installation,
    /// How many licences are kept for the group, as typed, which may be nonsense; nothing for none.
    pub kept: String,
    /// What is saved now.
    pub saved: Option<LineSays>,
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

/// One of the deadlines, of the licence types, or of those who install.
struct SelectOption {
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

/// How a licence type is written in a form.
pub fn license_type_value(license_type: LicenseType) -> &'static str {
    match license_type {
        LicenseType::User => "user",
        LicenseType::Device => "device",
        LicenseType::Automatic => "automatic",
    }
}

const LICENSE_TYPES: [LicenseType; 3] = [LicenseType::User, LicenseType::Device, LicenseType::Automatic];

pub fn license_type_of(value: &str) -> Option<LicenseType> {
    LICENSE_TYPES
        .into_iter()
        .find(|license_type| license_type_value(*license_type) == value)
}

/// How it is written in a form who installs.
pub fn installation_value(installation: Installation) -> &'static str {
    match installation {
        Installation::Managed => "managed",
        Installation::External => "external",
    }
}

const INSTALLATIONS: [Installation; 2] = [Installation::Managed, Installation::External];

pub fn installation_of(value: &str) -> Option<Installation> {
    INSTALLATIONS
        .into_iter()
        .find(|installation| installation_value(*installation) == value)
}

/// How many licences are kept, as a form has it.
pub fn kept_value(kept: u64) -> String {
    match kept {
        0 => String::new(),
        kept => kept.to_string(),
    }
}

/// How a form remembers what was saved for a group when it was opened.
pub fn was_value(was: LineSays) -> String {
    let deadline = was.deadline.map_or_else(String::new, |at| at.ms().to_string());
    let (approval, license_type) = (approval_value(was.approval), license_type_value(was.license_type));
    let installation = installation_value(was.installation);
    let kept = was.kept_licenses;
    format!("{approval}@{deadline}@{license_type}@{installation}@{kept}")
}

/// `None` of what no form of ours remembers.
pub fn was_of(value: &str) -> Option<LineSays> {
    let mut parts = value.split('@');
    let approval = approval_of(parts.next()?)?;
    let deadline = parts.next().and_then(|at| at.parse().ok()).map(Time);
    Some(LineSays {
        approval,
        deadline,
        license_type: parts.next().and_then(license_type_of).unwrap_or_default(),
        installation: parts.next().and_then(installation_of).unwrap_or_default(),
        kept_licenses: parts.next().and_then(|kept| kept.parse().ok()).unwrap_or_default(),
    })
}

impl GroupChoice {
    /// What is chosen for the group, in words.
    pub fn chosen(&self, s: &Speak) -> String {
        if !self.included {
            return s.t("conflict-nothing");
        }
        let mut chosen = vec![s.t(words::approval(self.approval))];
        chosen.extend(match &self.deadline {
            _ if self.approval != Approval::Required => None,
            DeadlineChoice::None => None,
            DeadlineChoice::Kept(at) => Some(s.full(*at)),
            DeadlineChoice::Days(days) => {
                Some(s.full(s.now + std::time::Duration::from_secs(days.saturating_mul(86_400))))
            }
            DeadlineChoice::Custom(text) => Some(text.clone()),
        });
        if self.license_type != LicenseType::User {
            chosen.push(s.t(words::license_type(self.license_type)));
        }
        if self.installation_chosen() == Installation::External {
            chosen.push(s.t(words::installation(Installation::External)));
        }
        match self.kept_chosen() {
            Some(0) => {}
            Some(kept) => chosen.push(s.t1("deployment-kept", "count", kept)),
            None => chosen.push(self.kept.clone()),
        }
        chosen.join(", ")
    }

    /// What is not installed is nobody's to install, whatever is still chosen beside it.
    pub fn installation_chosen(&self) -> Installation {
        match self.approval.installs() {
            true => self.installation,
            false => Installation::Managed,
        }
    }

    /// How many licences are kept for the group: none of what is not installed, whatever is still typed beside it. `None` of what
    /// is no number, or none that can be meant.
    pub fn kept_chosen(&self) -> Option<u64> {
        if !self.approval.installs() || self.kept.is_empty() {
            return Some(0);
        }
        let kept = self.kept.parse().ok();
        kept.filter(|kept| *kept <= Deployment::KEPT_AT_MOST)
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

    fn deadlines(&self, s: &Speak) -> Vec<SelectOption> {
        let option = |value: String, text, selected| SelectOption { value, text, selected };
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

    fn license_types(&self, s: &Speak) -> Vec<SelectOption> {
        let option = |license_type: LicenseType| SelectOption {
            value: license_type_value(license_type).to_owned(),
            text: s.t(words::license_type(license_type)),
            selected: license_type == self.license_type,
        };
        LICENSE_TYPES.map(option).into()
    }

    fn installations(&self, s: &Speak) -> Vec<SelectOption> {
        let option = |installation: Installation| SelectOption {
            value: installation_value(installation).to_owned(),
            text: s.t(words::installation(installation)),
            selected: installation == self.installation,
        };
        INSTALLATIONS.map(option).into()
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
            (Some(saved), true)
                if saved.approval == self.approval && saved.installation != self.installation_chosen() =>
            {
                Some(s.t(match self.installation {
                    Installation::Managed => "deployment-note-managed",
                    Installation::External => "deployment-note-external",
                }))
            }
            (Some(saved), true)
                if saved.approval == self.approval
                    && saved.license_type == self.license_type
                    && self.kept_chosen().is_some_and(|kept| kept != saved.kept_licenses) =>
            {
                let kept = self.kept_chosen().unwrap_or_default();
                Some(s.t2("deployment-note-kept", "from", saved.kept_licenses, "to", kept))
            }
            (Some(saved), true) if saved.approval == self.approval && saved.license_type == self.license_type => {
                Some(s.t("deployment-note-same"))
            }
            (Some(saved), true) if saved.approval == self.approval => {
                let (from, to) = (
                    s.t(words::license_type(saved.license_type)),
                    s.t(words::license_type(self.license_type)),
                );
                Some(s.t2("deployment-note-license", "from", from, "to", to))
            }
            (Some(saved), true) => {
                let (from, to) = (
                    s.t(words::approval(saved.approval)),
                    s.t(words::approval(self.approval)),
                );
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
    /// There are licences of people only.
    pub policy_2016: bool,
    /// Apple permits licences of devices for the app.
    pub device_assignable: bool,
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
        let says = |approval: Approval| LineSays {
            approval,
            deadline: Some(Time(1_795_410_300_000)),
            license_type: LicenseType::User,
            installation: Installation::Managed,
            kept_licenses: 3,
        };
        let group = |number: u128, kind, included, approval, deadline, saved: Option<Approval>, error: Option<&str>| {
            GroupChoice {
                id: id(number, GroupId),
                name: "디자인팀".to_owned(),
                kind,
                members: 7,
                included,
                approval,
                deadline,
                license_type: if number == 1 {
                    LicenseType::Device
                } else {
                    LicenseType::User
                },
                installation: match number {
                    1 | 2 => Installation::External,
                    _ => Installation::Managed,
                },
                kept: match number {
                    1 => "5".to_owned(),
                    5 => "x".to_owned(),
                    _ => String::new(),
                },
                saved: saved.map(says),
                was: saved.map_or_else(String::new, |saved| was_value(says(saved))),
                error: error.map(str::to_owned),
            }
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
            policy_2016: error.is_some(),
            device_assignable: true,
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
            license_type: LicenseType::User,
            installation: Installation::Managed,
            kept: String::new(),
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
