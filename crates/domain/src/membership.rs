//! Who is in a group by a rule over what is known of people and devices.
//!
//! A rule is data: a tree of tests, which is read from text and printed as text again, and which says of one person or
//! device whether they are in. It says nothing of when it is looked at: whoever keeps the members of a group asks it again
//! whenever something changes that it looks at. A rule may look at who is in other groups of its kind, in no circle, so
//! [`Rules`] asks those first.

mod text;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use crate::{GroupId, GroupKind, Platform};

pub use text::{MOST_CHARS, RuleError, RuleProblem};

/// Whose a device is, as an administrator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ownership {
    Company,
    Personal,
}

/// What a test looks at, by the names that the API has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    Department,
    Office,
    Name,
    Mail,
    Model,
    OperatingSystem,
    OsVersion,
    Ownership,
    Supervised,
    Dep,
}

/// What an attribute is made of, and so how it can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Compared whatever its letters are, small or capital.
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// Compared number by number: 9 is before 10.
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    Equal,
    NotEqual,
    In,
    NotIn,
    StartsWith,
    Contains,
    NotContains,
    AtLeast,
    Below,
}

/// One attribute against one value, or against several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    pub attribute: Attribute,
    pub operator: Operator,
    /// One, but of [`Operator::takes_many`].
    pub values: Vec<String>,
}

/// What a rule, or a part of it, asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Everybody, or every device.
    All,
    Test(Test),
    /// Of the members of another group of the same kind.
    MemberOf(GroupId),
    Not(Box<Condition>),
    /// Two at least.
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

/// By what somebody is in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRule(Condition);

/// A person, or a device with its person, as rules look at them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Nobody who left, and no device that is gone, is in a group.
    pub is_here: bool,
    /// Known of everybody; of a device that belongs to nobody there is none, nor what follows.
    pub name: Option<String>,
    pub mail: Option<String>,
    pub department: Option<String>,
    pub office: Option<String>,
    /// `None` of a person.
    pub device: Option<SubjectDevice>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectDevice {
    pub model: String,
    pub platform: Platform,
    pub os_version: Option<String>,
    pub ownership: Option<Ownership>,
    pub supervised: Option<bool>,
    /// Enrolled through the Device Enrollment Program.
    pub dep: bool,
}

impl Attribute {
    pub const ALL: [Attribute; 10] = [
        Attribute::Department,
        Attribute::Office,
        Attribute::Name,
        Attribute::Mail,
        Attribute::Model,
        Attribute::OperatingSystem,
        Attribute::OsVersion,
        Attribute::Ownership,
        Attribute::Supervised,
        Attribute::Dep,
    ];

    /// As a rule has it. Of a device, those of a person are those of its person.
    pub fn name(self) -> &'static str {
        match self {
            Attribute::Department => "user.department",
            Attribute::Office => "user.officeLocation",
            Attribute::Name => "user.displayName",
            Attribute::Mail => "user.mail",
            Attribute::Model => "device.model",
            Attribute::OperatingSystem => "device.operatingSystem",
            Attribute::OsVersion => "device.osVersion",
            Attribute::Ownership => "device.managedDeviceOwnerType",
            Attribute::Supervised => "device.isSupervised",
            Attribute::Dep => "device.enrolledThroughDep",
        }
    }

    pub fn of(name: &str) -> Option<Attribute> {
        Attribute::ALL
            .into_iter()
            .find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// Whether a group of this kind can have rules about it.
    pub fn is_of(self, kind: GroupKind) -> bool {
        kind == GroupKind::Device || self.name().starts_with("user.")
    }

    pub fn form(self) -> Form {
        match self {
            Attribute::Department | Attribute::Office | Attribute::Name | Attribute::Mail | Attribute::Model => {
                Form::Text
            }
            Attribute::OperatingSystem => Form::Word(&["iOS", "iPadOS", "macOS", "tvOS"]),
            Attribute::OsVersion => Form::Version,
            Attribute::Ownership => Form::Word(&["company", "personal"]),
            Attribute::Supervised | Attribute::Dep => Form::Word(&["true", "false"]),
        }
    }

    /// In which ways it can be tested.
    pub fn operators(self) -> &'static [Operator] {
        match self.form() {
            Form::Text => &[
                Operator::Equal,
                Operator::NotEqual,
                Operator::In,
                Operator::NotIn,
                Operator::StartsWith,
                Operator::Contains,
                Operator::NotContains,
            ],
            Form::Word(_) => &[Operator::Equal, Operator::NotEqual, Operator::In, Operator::NotIn],
            Form::Version => &[Operator::AtLeast, Operator::Below, Operator::Equal, Operator::NotEqual],
        }
    }

    /// `None` where nothing is known.
    fn value(self, subject: &Subject) -> Option<&str> {
        let device = subject.device.as_ref();
        let flag = |is_so| if is_so { "true" } else { "false" };
        match self {
            Attribute::Department => subject.department.as_deref(),
            Attribute::Office => subject.office.as_deref(),
            Attribute::Name => subject.name.as_deref(),
            Attribute::Mail => subject.mail.as_deref(),
            Attribute::Model => device.map(|device| device.model.as_str()),
            Attribute::OperatingSystem => device.map(|device| match device.platform {
                Platform::Ios => "iOS",
                Platform::IpadOs => "iPadOS",
                Platform::MacOs => "macOS",
                Platform::TvOs => "tvOS",
            }),
            Attribute::OsVersion => device.and_then(|device| device.os_version.as_deref()),
            Attribute::Ownership => device.and_then(|device| device.ownership).map(|whose| match whose {
                Ownership::Company => "company",
                Ownership::Personal => "personal",
            }),
            Attribute::Supervised => device.and_then(|device| device.supervised).map(flag),
            Attribute::Dep => device.map(|device| flag(device.dep)),
        }
    }
}

impl Operator {
    pub const ALL: [Operator; 9] = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::In,
        Operator::NotIn,
        Operator::StartsWith,
        Operator::Contains,
        Operator::NotContains,
        Operator::AtLeast,
        Operator::Below,
    ];

    /// As a rule has it.
    pub fn name(self) -> &'static str {
        match self {
            Operator::Equal => "-eq",
            Operator::NotEqual => "-ne",
            Operator::In => "-in",
            Operator::NotIn => "-notIn",
            Operator::StartsWith => "-startsWith",
            Operator::Contains => "-contains",
            Operator::NotContains => "-notContains",
            Operator::AtLeast => "-ge",
            Operator::Below => "-lt",
        }
    }

    pub fn of(name: &str) -> Option<Operator> {
        Operator::ALL
            .into_iter()
            .find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// Whether it takes a list of values.
    pub fn takes_many(self) -> bool {
        matches!(self, Operator::In | Operator::NotIn)
    }
}

impl Test {
    /// Of what is not known nothing is true but that it is not this, not one of these, and does not contain it.
    fn holds(&self, subject: &Subject) -> bool {
        let value = self.attribute.value(subject);
        let is = |test: &dyn Fn(&str, &str) -> bool| {
            value.is_some_and(|value| self.values.iter().any(|wanted| test(value, wanted)))
        };
        if self.attribute.form() == Form::Version {
            let compared = |wanted: fn(Ordering) -> bool| {
                is(&|value, other| match (version(value), version(other)) {
                    (Some(value), Some(other)) => wanted(compare(&value, &other)),
                    _ => false,
                })
            };
            return match self.operator {
                Operator::AtLeast => compared(Ordering::is_ge),
                Operator::Below => compared(Ordering::is_lt),
                Operator::NotEqual | Operator::NotIn | Operator::NotContains => !compared(Ordering::is_eq),
                Operator::Equal | Operator::In | Operator::StartsWith | Operator::Contains => compared(Ordering::is_eq),
            };
        }
        match self.operator {
            Operator::Equal | Operator::In => is(&|value, wanted| folded(value) == folded(wanted)),
            Operator::NotEqual | Operator::NotIn => !is(&|value, wanted| folded(value) == folded(wanted)),
            Operator::StartsWith => is(&|value, wanted| folded(value).starts_with(&folded(wanted))),
            Operator::Contains => is(&|value, wanted| folded(value).contains(&folded(wanted))),
            Operator::NotContains => !is(&|value, wanted| folded(value).contains(&folded(wanted))),
            // Only versions have an order.
            Operator::AtLeast | Operator::Below => false,
        }
    }
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// `17.5` as `[17, 5]`; `None` of what is no version.
fn version(text: &str) -> Option<Vec<u32>> {
    text.trim().split('.').map(|number| number.parse().ok()).collect()
}

/// What is not said is zero: 17 is 17.0.
fn compare(one: &[u32], other: &[u32]) -> Ordering {
    let at = |version: &[u32], place| version.get(place).copied().unwrap_or(0);
    (0..one.len().max(other.len()))
        .map(|place| at(one, place).cmp(&at(other, place)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl Condition {
    fn holds(&self, subject: &Subject, groups: &BTreeSet<GroupId>) -> bool {
        match self {
            Condition::All => true,
            Condition::Test(test) => test.holds(subject),
            Condition::MemberOf(group) => groups.contains(group),
            Condition::Not(not) => !not.holds(subject, groups),
            Condition::And(all) => all.iter().all(|one| one.holds(subject, groups)),
            Condition::Or(any) => any.iter().any(|one| one.holds(subject, groups)),
        }
    }

    /// Puts down what it takes for this to come out as it does. Of an "or" that is true, and of an "and" that is not, one
    /// part is enough.
    fn because<'a>(&'a self, subject: &Subject, groups: &BTreeSet<GroupId>, said: &mut Vec<(&'a Condition, bool)>) {
        let holds = self.holds(subject, groups);
        match self {
            Condition::All | Condition::Test(_) | Condition::MemberOf(_) => said.push((self, holds)),
            Condition::Not(not) => not.because(subject, groups, said),
            Condition::And(parts) | Condition::Or(parts) => {
                let one_is_enough = matches!(self, Condition::Or(_)) == holds;
                let alike = parts.iter().filter(|part| part.holds(subject, groups) == holds);
                for part in alike.take(if one_is_enough { 1 } else { usize::MAX }) {
                    part.because(subject, groups, said);
                }
            }
        }
    }

    fn uses(&self, groups: &mut BTreeSet<GroupId>) {
        match self {
            Condition::All | Condition::Test(_) => {}
            Condition::MemberOf(group) => {
                groups.insert(*group);
            }
            Condition::Not(not) => not.uses(groups),
            Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| part.uses(groups)),
        }
    }
}

impl MembershipRule {
    /// Everybody who is here, or every device.
    pub fn all() -> MembershipRule {
        MembershipRule(Condition::All)
    }

    pub fn condition(&self) -> &Condition {
        &self.0
    }

    pub fn is_all(&self) -> bool {
        self.0 == Condition::All
    }

    /// `groups` are those that the subject is in, as far as the rule [uses](Self::uses) them.
    pub fn holds(&self, subject: &Subject, groups: &BTreeSet<GroupId>) -> bool {
        subject.is_here && self.0.holds(subject, groups)
    }

    /// What it takes for the subject to be in, or not to be: parts of the rule, and whether each of them is true.
    pub fn because(&self, subject: &Subject, groups: &BTreeSet<GroupId>) -> Vec<(&Condition, bool)> {
        let mut said = Vec::new();
        self.0.because(subject, groups, &mut said);
        said
    }

    /// The groups whose members it looks at.
    pub fn uses(&self) -> BTreeSet<GroupId> {
        let mut groups = BTreeSet::new();
        self.0.uses(&mut groups);
        groups
    }
}

/// These groups would look at each other's members for ever: each at the next one's, and the last at the first one's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rules of these groups look at each other's members in a circle")]
pub struct Circle(pub Vec<GroupId>);

/// The rules of all groups of one kind that have one, those first that others look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<(GroupId, MembershipRule)>);

impl Rules {
    pub fn new(mut rules: BTreeMap<GroupId, MembershipRule>) -> Result<Rules, Circle> {
        let mut order = Vec::new();
        while let Some(first) = rules.keys().next().copied() {
            // From one to what it looks at, as long as that has a rule that is not in its place yet.
            let mut path = vec![first];
            while let Some(last) = path.last().copied() {
                let next = rules[&last].uses().into_iter().find(|group| rules.contains_key(group));
                match next {
                    Some(next) => match path.iter().position(|group| *group == next) {
                        Some(from) => return Err(Circle(path.split_off(from))),
                        None => path.push(next),
                    },
                    None => {
                        order.extend(rules.remove_entry(&last));
                        path.pop();
                    }
                }
            }
        }
        Ok(Rules(order))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The groups that have a rule.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.0.iter().map(|(group, _)| *group)
    }

    /// All groups that members of any of these may come into, or leave, with it: they themselves, and those that look at them.
    pub fn reached(&self, groups: &BTreeSet<GroupId>) -> BTreeSet<GroupId> {
        let mut reached = groups.clone();
        for (group, rule) in &self.0 {
            if !rule.uses().is_disjoint(&reached) {
                reached.insert(*group);
            }
        }
        reached
    }

    /// In which of the groups that have a rule somebody is. `assigned` are groups that they were put into; of a group that has
    /// a rule nothing counts but that.
    pub fn groups_of(&self, subject: &Subject, assigned: &BTreeSet<GroupId>) -> BTreeSet<GroupId> {
        let mut groups = assigned.clone();
        let mut by_rule = BTreeSet::new();
        for (group, rule) in &self.0 {
            // A rule looks only at what has its place before it.
            if rule.holds(subject, &groups) {
                groups.insert(*group);
                by_rule.insert(*group);
            } else {
                groups.remove(group);
            }
        }
        by_rule
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn group(number: u128) -> GroupId {
        GroupId(Uuid::from_u128(number))
    }

    fn rule(kind: GroupKind, text: &str) -> MembershipRule {
        // Groups are called by their numbers.
        MembershipRule::parse(kind, text, |name| name.parse().ok().map(group)).unwrap_or_else(|error| panic!("{error}"))
    }

    fn person(department: Option<&str>) -> Subject {
        Subject {
            is_here: true,
            name: Some("김하늘".to_owned()),
            department: department.map(str::to_owned),
            office: Some("Seoul HQ".to_owned()),
            ..Subject::default()
        }
    }

    fn phone(os_version: Option<&str>) -> Subject {
        Subject {
            device: Some(SubjectDevice {
                model: "iPhone15,4".to_owned(),
                platform: Platform::Ios,
                os_version: os_version.map(str::to_owned),
                ownership: None,
                supervised: None,
                dep: true,
            }),
            ..person(Some("영업"))
        }
    }

    fn is_in(kind: GroupKind, text: &str, subject: &Subject) -> bool {
        rule(kind, text).holds(subject, &BTreeSet::from([group(7)]))
    }

    #[test]
    fn a_rule_asks_of_people_what_is_known_of_them() {
        let kim = person(Some("Sales"));
        for (text, expected) in [
            ("all", true),
            (r#"user.department -eq "sales""#, true),
            (r#"user.department -eq "Sale""#, false),
            (r#"user.department -ne "Sales""#, false),
            (r#"user.department -in ["Finance", "SALES"]"#, true),
            (r#"user.department -notIn ["Finance", "Sales"]"#, false),
            (r#"user.officeLocation -startsWith "seoul""#, true),
            (r#"user.officeLocation -startsWith "hq""#, false),
            (r#"user.officeLocation -contains "hq""#, true),
            (r#"user.displayName -notContains "하늘""#, false),
            (r#"memberOf "7""#, true),
            (r#"-not memberOf "7""#, false),
            (r#"memberOf "8""#, false),
            (r#"user.department -eq "x" -or memberOf "7" -and all"#, true),
            (r#"(user.department -eq "x" -or memberOf "7") -and -not all"#, false),
        ] {
            assert_eq!(is_in(GroupKind::User, text, &kim), expected, "{text}");
        }
    }

    #[test]
    fn of_what_is_not_known_nothing_is_true_but_that_it_is_not_this() {
        let nobody_knows = person(None);
        for (text, expected) in [
            (r#"user.department -eq "Sales""#, false),
            (r#"user.department -startsWith "S""#, false),
            (r#"user.department -ne "Sales""#, true),
            (r#"user.department -notIn ["Sales"]"#, true),
            (r#"user.department -notContains "S""#, true),
            (r#"user.mail -contains "@""#, false),
        ] {
            assert_eq!(is_in(GroupKind::User, text, &nobody_knows), expected, "{text}");
        }
        let silent = phone(None);
        for (text, expected) in [
            ("device.osVersion -ge 17", false),
            ("device.osVersion -lt 17", false),
            ("device.isSupervised -eq false", false),
            ("device.isSupervised -ne true", true),
            (r#"device.managedDeviceOwnerType -ne "company""#, true),
        ] {
            assert_eq!(is_in(GroupKind::Device, text, &silent), expected, "{text}");
        }
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        for (version, text, expected) in [
            ("17.10", "device.osVersion -ge 17.9", true),
            ("9.3", "device.osVersion -ge 17", false),
            ("17", "device.osVersion -eq 17.0.0", true),
            ("17.0.1", "device.osVersion -ne 17", true),
            ("17.4.9", r#"device.osVersion -lt "17.5""#, true),
            ("soon", "device.osVersion -ge 1", false),
        ] {
            assert_eq!(
                is_in(GroupKind::Device, text, &phone(Some(version))),
                expected,
                "{version}: {text}"
            );
        }
    }

    #[test]
    fn a_device_is_told_by_itself_and_by_its_person() {
        let mut phone = phone(Some("17.5"));
        if let Some(device) = &mut phone.device {
            device.ownership = Some(Ownership::Company);
            device.supervised = Some(true);
        }
        for (text, expected) in [
            (r#"device.model -startsWith "iPhone""#, true),
            ("device.operatingSystem -eq iOS", true),
            (r#"device.operatingSystem -in ["iPadOS", "macOS"]"#, false),
            ("device.managedDeviceOwnerType -eq company", true),
            (
                "device.isSupervised -eq true -and device.enrolledThroughDep -eq true",
                true,
            ),
            (r#"user.department -eq "영업" -and device.isSupervised -eq true"#, true),
        ] {
            assert_eq!(is_in(GroupKind::Device, text, &phone), expected, "{text}");
        }
    }

    #[test]
    fn nobody_who_left_is_in_a_group_whatever_its_rule_says() {
        let gone = Subject {
            is_here: false,
            ..person(Some("Sales"))
        };
        assert!(!is_in(GroupKind::User, "all", &gone));
        assert!(!is_in(GroupKind::User, r#"user.department -ne "x""#, &gone));
    }

    #[test]
    fn a_rule_says_by_what_somebody_is_in_and_by_what_not() {
        let text = r#"(user.department -eq "Sales" -or user.officeLocation -contains "seoul") -and -not memberOf "7""#;
        let rule = rule(GroupKind::User, text);
        let sales = person(Some("Sales"));
        let said = |groups: &[u128]| {
            let groups = groups.iter().copied().map(group).collect();
            let said = rule.because(&sales, &groups);
            let holds = rule.holds(&sales, &groups);
            (
                said.into_iter()
                    .map(|(part, is_true)| (part.clone(), is_true))
                    .collect::<Vec<_>>(),
                holds,
            )
        };
        let department = Condition::Test(Test {
            attribute: Attribute::Department,
            operator: Operator::Equal,
            values: vec!["Sales".to_owned()],
        });
        let member = Condition::MemberOf(group(7));
        assert_eq!(said(&[]), (vec![(department, true), (member.clone(), false)], true));
        assert_eq!(said(&[7]), (vec![(member, true)], false), "one is enough");
    }

    #[test]
    fn groups_that_others_look_at_come_first_whatever_their_ids() {
        let rules = BTreeMap::from([
            (
                group(1),
                rule(GroupKind::User, r#"memberOf "2" -and -not memberOf "3""#),
            ),
            (
                group(2),
                rule(GroupKind::User, r#"memberOf "3" -or user.department -eq "Sales""#),
            ),
            (group(3), rule(GroupKind::User, r#"memberOf "9""#)),
        ]);
        let rules = Rules::new(rules).unwrap();
        let sales = person(Some("Sales"));
        let of = |assigned: &[u128]| rules.groups_of(&sales, &assigned.iter().copied().map(group).collect());
        assert_eq!(of(&[]), BTreeSet::from([group(1), group(2)]));
        assert_eq!(of(&[9]), BTreeSet::from([group(2), group(3)]));
        // What was kept of a group that has a rule counts for nothing.
        assert_eq!(of(&[3, 1]), of(&[]));
        let reached = |from| rules.reached(&BTreeSet::from([group(from)]));
        assert_eq!(reached(9), BTreeSet::from([9, 3, 2, 1].map(group)));
        assert_eq!(reached(1), BTreeSet::from([group(1)]));
    }

    #[test]
    fn a_circle_is_refused_and_says_who_looks_at_whom() {
        let rules = BTreeMap::from([
            (group(1), rule(GroupKind::User, r#"memberOf "2""#)),
            (group(2), rule(GroupKind::User, r#"all -and memberOf "3""#)),
            (group(3), rule(GroupKind::User, r#"-not memberOf "2""#)),
        ]);
        assert_eq!(Rules::new(rules), Err(Circle(vec![group(2), group(3)])));
        let itself = BTreeMap::from([(group(1), rule(GroupKind::User, r#"memberOf "1""#))]);
        assert_eq!(Rules::new(itself), Err(Circle(vec![group(1)])));
    }
}
