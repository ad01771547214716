//! By what somebody is in a group: a form of rows, and a rule in words.

use askama::Template;
use domain::{Attribute, Condition, Form, GroupId, GroupKind, MembershipRule, Operator, RuleProblem, Test};

use super::{Frame, ui::Glyph};
use crate::{
    app::{followers::RuleRefused, rules::GroupNames},
    messages::{Arg, Speak},
};

/// How members are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Membership {
    #[default]
    Assigned,
    /// Everybody, or every device.
    All,
    /// By rows.
    Rule,
    /// By a rule that is written.
    Text,
}

impl Membership {
    pub const ALL: [Membership; 4] = [
        Membership::Assigned,
        Membership::All,
        Membership::Rule,
        Membership::Text,
    ];

    pub fn value(self) -> &'static str {
        match self {
            Membership::Assigned => "assigned",
            Membership::All => "all",
            Membership::Rule => "rule",
            Membership::Text => "text",
        }
    }

    pub fn of(value: &str) -> Membership {
        let found = Membership::ALL.into_iter().find(|it| it.value() == value);
        found.unwrap_or_default()
    }

    fn word(self, kind: GroupKind) -> &'static str {
        match (self, kind) {
            (Membership::Assigned, _) => "membership-assigned",
            (Membership::All, GroupKind::User) => "membership-all-people",
            (Membership::All, GroupKind::Device) => "membership-all-devices",
            (Membership::Rule, _) => "membership-rule",
            (Membership::Text, _) => "membership-text",
        }
    }
}

/// One row of the form, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub attribute: String,
    pub operator: String,
    pub value: String,
}

#[derive(Template)]
#[template(path = "console/group_rule.html")]
pub struct RulePage {
    pub s: Speak,
    pub frame: Frame,
    pub id: GroupId,
    pub name: String,
    pub kind: GroupKind,
    pub membership: Membership,
    pub is_any: bool,
    pub rows: Vec<Row>,
    pub may_add: bool,
    pub text: String,
    pub version: i64,
    /// The others of this kind, by name.
    pub groups: Vec<String>,
    pub wrong: Option<String>,
    pub wrong_row: Option<usize>,
}

impl RulePage {
    fn memberships(&self) -> Vec<(Membership, String)> {
        let word = |it: Membership| (it, self.s.t(it.word(self.kind)));
        Membership::ALL.into_iter().map(word).collect()
    }

    /// Names and words of what can be tested.
    fn attributes(&self) -> Vec<(&'static str, String)> {
        let of_kind = Attribute::ALL.into_iter().filter(|it| it.is_of(self.kind));
        let mut all: Vec<_> = of_kind.map(|it| (it.name(), attribute(&self.s, it))).collect();
        all.push(("memberOf", self.s.t("rule-attribute-group")));
        all
    }

    fn operators(&self) -> Vec<(&'static str, String)> {
        let word = |it: Operator| (it.name(), self.s.t(operator(it)));
        Operator::ALL.into_iter().map(word).collect()
    }

    /// What may be typed as a value and is one of few: words, and names of groups.
    fn known(&self) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        for attribute in Attribute::ALL.into_iter().filter(|it| it.is_of(self.kind)) {
            if let Form::Word(words) = attribute.form() {
                known.extend(words.iter().map(|it| word(&self.s, attribute, it)));
            }
        }
        known.extend(self.groups.iter().cloned());
        known.sort();
        known.dedup();
        known
    }

    fn is_wrong(&self, row: &usize) -> bool {
        self.wrong_row == Some(*row)
    }

    /// Names of what a rule can look at, for whoever writes one.
    fn names(&self) -> String {
        let names: Vec<&str> = self.attributes().into_iter().map(|(name, _)| name).collect();
        names.join(", ")
    }
}

/// A rule in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleView {
    pub parts: Vec<String>,
    /// Whether all of them have to be true.
    pub joined: String,
    /// As it is written; of one that says no more than its parts do, nothing.
    pub text: Option<String>,
    /// It is still being found out who is in the group by it.
    pub walked: bool,
}

impl RuleView {
    pub fn of(s: &Speak, names: &GroupNames, kind: GroupKind, rule: &MembershipRule, walked: bool) -> RuleView {
        let (is_any, parts) = rule.parts().unwrap_or((false, Vec::new()));
        let said = parts.into_iter().map(|part| self::part(s, names, kind, part, true));
        let mut view = RuleView {
            parts: said.collect(),
            joined: s.t(if is_any { "rule-match-any" } else { "rule-match-all" }),
            text: Some(names.text(rule)),
            walked,
        };
        if rule.is_all() {
            view.parts = vec![s.t(Membership::All.word(kind))];
            view.text = None;
        }
        view
    }

    /// Where members are put in by hand.
    pub fn none(s: &Speak) -> RuleView {
        RuleView {
            parts: vec![s.t("rule-taken-away")],
            joined: String::new(),
            text: None,
            walked: false,
        }
    }
}

/// What an attribute is called.
pub fn attribute(s: &Speak, attribute: Attribute) -> String {
    s.t(match attribute {
        Attribute::Department => "person-department",
        Attribute::Office => "person-office",
        Attribute::Name => "rule-attribute-name",
        Attribute::Mail => "person-email",
        Attribute::Model => "rule-attribute-model",
        Attribute::OperatingSystem => "rule-attribute-system",
        Attribute::OsVersion => "rule-attribute-version",
        Attribute::Ownership => "ownership-title",
        Attribute::Supervised => "rule-attribute-supervised",
        Attribute::Dep => "rule-attribute-dep",
    })
}

fn operator(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => "rule-operator-equal",
        Operator::NotEqual => "rule-operator-not-equal",
        Operator::In => "rule-operator-in",
        Operator::NotIn => "rule-operator-not-in",
        Operator::StartsWith => "rule-operator-starts",
        Operator::Contains => "rule-operator-contains",
        Operator::NotContains => "rule-operator-not-contains",
        Operator::AtLeast => "rule-operator-at-least",
        Operator::Below => "rule-operator-below",
    }
}

/// A value that is one of few, as it is called.
pub fn word(s: &Speak, attribute: Attribute, word: &str) -> String {
    match (attribute, word) {
        (Attribute::Ownership, "company") => s.t("ownership-company"),
        (Attribute::Ownership, "personal") => s.t("ownership-personal"),
        (Attribute::Supervised | Attribute::Dep, "true") => s.t("rule-yes"),
        (Attribute::Supervised | Attribute::Dep, "false") => s.t("rule-no"),
        // As Apple calls its systems.
        _ => word.to_owned(),
    }
}

/// The values of a test, as they are typed.
pub fn values(s: &Speak, test: &Test) -> String {
    let words: Vec<String> = test.values.iter().map(|value| word(s, test.attribute, value)).collect();
    words.join(", ")
}

/// A part of a rule in words, as it is true or as it is not.
pub fn part(s: &Speak, names: &GroupNames, kind: GroupKind, part: &Condition, is_true: bool) -> String {
    let of = |key: &str, attribute: Option<Attribute>, value: String| {
        let attribute = attribute.map(|it| self::attribute(s, it)).unwrap_or_default();
        let args: [(&str, &dyn Arg); 2] = [("attribute", &attribute), ("value", &value)];
        s.ta(key, &args)
    };
    let text = match part {
        Condition::All => s.t(Membership::All.word(kind)),
        Condition::MemberOf(group) if is_true => return of("rule-part-member", None, names.name(*group)),
        Condition::MemberOf(group) => return of("rule-part-not-member", None, names.name(*group)),
        Condition::Not(not) => return self::part(s, names, kind, not, !is_true),
        Condition::Test(test) => {
            let key = match test.operator {
                Operator::Equal => "rule-part-equal",
                Operator::NotEqual => "rule-part-not-equal",
                Operator::In => "rule-part-in",
                Operator::NotIn => "rule-part-not-in",
                Operator::StartsWith => "rule-part-starts",
                Operator::Contains => "rule-part-contains",
                Operator::NotContains => "rule-part-not-contains",
                Operator::AtLeast => "rule-part-at-least",
                Operator::Below => "rule-part-below",
            };
            of(key, Some(test.attribute), values(s, test))
        }
        // Only whole rules have these, and they are written out.
        Condition::And(_) | Condition::Or(_) => part.text(&|group| names.name(group)),
    };
    match is_true {
        true => text,
        false => s.t1("rule-part-not", "part", text),
    }
}

/// Why somebody is in a group.
pub fn because(s: &Speak, names: &GroupNames, kind: GroupKind, parts: &[(Condition, bool)]) -> String {
    let said: Vec<String> = parts
        .iter()
        .map(|(part, is_true)| self::part(s, names, kind, part, *is_true))
        .collect();
    match said.is_empty() {
        true => s.t("membership-assigned"),
        false => said.join(" · "),
    }
}

/// What is wrong with a rule.
pub fn problem(s: &Speak, problem: &RuleProblem) -> String {
    match problem {
        RuleProblem::Empty => s.t("rule-problem-empty"),
        RuleProblem::TooLong | RuleProblem::TooLarge => s.t("rule-problem-too-large"),
        RuleProblem::UnknownAttribute(name) => s.t1("rule-problem-attribute", "name", name),
        RuleProblem::OfDevices(name) => s.t1("rule-problem-of-devices", "name", name),
        RuleProblem::UnknownOperator(name) if name.is_empty() => s.t("rule-problem-operator-missing"),
        RuleProblem::UnknownOperator(name) => s.t1("rule-problem-operator", "name", name),
        RuleProblem::NotForThis(of, with) => {
            let known: Vec<String> = of.operators().iter().map(|it| s.t(operator(*it))).collect();
            let (of, with, known) = (attribute(s, *of), s.t(operator(*with)), known.join(", "));
            let args: [(&str, &dyn Arg); 3] = [("attribute", &of), ("operator", &with), ("known", &known)];
            s.ta("rule-problem-not-for-this", &args)
        }
        RuleProblem::ValueMissing => s.t("rule-problem-value"),
        RuleProblem::ConditionMissing => s.t("rule-problem-condition"),
        RuleProblem::UnknownValue {
            attribute: of,
            value,
            known,
        } => {
            let known: Vec<String> = known.iter().map(|it| word(s, *of, it)).collect();
            let (of, known) = (attribute(s, *of), known.join(", "));
            let args: [(&str, &dyn Arg); 3] = [("attribute", &of), ("value", value), ("known", &known)];
            s.ta("rule-problem-unknown-value", &args)
        }
        RuleProblem::NoVersion(value) => s.t1("rule-problem-version", "value", value),
        RuleProblem::UnknownGroup(name) => s.t1("rule-problem-group", "name", name),
        RuleProblem::Unquoted => s.t("rule-problem-unquoted"),
        RuleProblem::Unclosed => s.t("rule-problem-unclosed"),
        RuleProblem::Unexpected(text) => s.t1("rule-problem-unexpected", "text", text),
    }
}

/// Why a rule was not taken, or a group not deleted.
pub fn refused(s: &Speak, refused: &RuleRefused) -> String {
    match refused {
        RuleRefused::Malformed(error) => {
            let text = problem(s, &error.problem);
            s.t2("rule-problem-at", "at", error.at, "problem", text)
        }
        RuleRefused::Circle(groups) => s.t1("rule-problem-circle", "groups", groups.join(", ")),
        RuleRefused::Used(groups) => s.t1("rule-group-used", "groups", groups.join(", ")),
        RuleRefused::MembersByRule => s.t("rule-members"),
    }
}

#[cfg(test)]
pub mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        http::console::pages::{
            Place,
            tests::{frame, id, speak},
        },
        messages::Lang,
    };

    /// Every part that a rule can have.
    const PARTS: &str = r#"all -or user.department -eq "영업" -or user.officeLocation -ne "부산" -or user.displayName -in ["가", "나"]
        -or user.mail -notIn ["a@b.c"] -or device.model -startsWith "iPhone" -or device.model -contains "iPad"
        -or device.model -notContains "Mac" -or device.osVersion -ge 17.5 -or device.osVersion -lt 18
        -or device.managedDeviceOwnerType -eq company -or device.isSupervised -eq true -or device.enrolledThroughDep -eq false
        -or device.operatingSystem -in ["iOS", "macOS"] -or memberOf "1" -or -not memberOf "1" -or (all -and all)"#;

    pub fn view(s: &Speak) -> RuleView {
        let text = r#"user.department -eq "영업" -and user.officeLocation -startsWith "서울""#;
        let rule = MembershipRule::of_kept(GroupKind::User, text).unwrap();
        RuleView::of(s, &GroupNames::default(), GroupKind::User, &rule, true)
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let row = |attribute: &str, operator: &str, value: &str| Row {
            attribute: attribute.to_owned(),
            operator: operator.to_owned(),
            value: value.to_owned(),
        };
        let page = |kind, membership, wrong: Option<(&str, Option<usize>)>| RulePage {
            s: s.clone(),
            frame: frame(Place::Groups),
            id: id(1, GroupId),
            name: "서울 영업팀".to_owned(),
            kind,
            membership,
            is_any: membership == Membership::Text,
            rows: vec![
                row("user.department", "-eq", "영업"),
                row("memberOf", "-ne", "협력사"),
                Row::default(),
            ],
            may_add: wrong.is_none(),
            text: r#"user.department -eq "영업""#.to_owned(),
            version: 3,
            groups: vec!["협력사".to_owned()],
            wrong_row: wrong.and_then(|(_, row)| row),
            wrong: wrong.map(|(text, _)| text.to_owned()),
        };
        vec![
            (
                "group-rule",
                page(GroupKind::User, Membership::Rule, None).render().unwrap(),
            ),
            (
                "group-rule-wrong",
                page(GroupKind::Device, Membership::Rule, Some(("x", Some(1))))
                    .render()
                    .unwrap(),
            ),
            (
                "group-rule-text",
                page(GroupKind::User, Membership::Text, Some(("x", None)))
                    .render()
                    .unwrap(),
            ),
        ]
    }

    #[test]
    fn every_part_of_a_rule_has_words_as_it_is_true_and_as_it_is_not() {
        let of_kept = |name: &str| name.parse().ok().map(|number| GroupId(Uuid::from_u128(number)));
        let rule = MembershipRule::parse(GroupKind::Device, PARTS, of_kept).unwrap();
        let Condition::Or(parts) = rule.condition() else {
            panic!("{rule:?}")
        };
        for lang in [Lang::Ko, Lang::En] {
            let s = speak(lang);
            let names = GroupNames::default();
            let mut said: Vec<String> = Vec::new();
            for part in parts {
                for is_true in [true, false] {
                    said.push(self::part(&s, &names, GroupKind::Device, part, is_true));
                }
            }
            let mut different = said.clone();
            different.sort();
            different.dedup();
            // "Not in" a group is said of two parts.
            assert_eq!(different.len(), said.len() - 2, "{said:#?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said_in_both_languages() {
        let all = [
            RuleProblem::Empty,
            RuleProblem::TooLong,
            RuleProblem::TooLarge,
            RuleProblem::UnknownAttribute("x".to_owned()),
            RuleProblem::OfDevices("device.model".to_owned()),
            RuleProblem::UnknownOperator(String::new()),
            RuleProblem::UnknownOperator("=".to_owned()),
            RuleProblem::NotForThis(Attribute::Department, Operator::AtLeast),
            RuleProblem::ValueMissing,
            RuleProblem::ConditionMissing,
            RuleProblem::UnknownValue {
                attribute: Attribute::Ownership,
                value: "x".to_owned(),
                known: &["company", "personal"],
            },
            RuleProblem::NoVersion("x".to_owned()),
            RuleProblem::UnknownGroup("x".to_owned()),
            RuleProblem::Unquoted,
            RuleProblem::Unclosed,
            RuleProblem::Unexpected("x".to_owned()),
        ];
        for lang in [Lang::Ko, Lang::En] {
            let s = speak(lang);
            for problem in &all {
                let text = self::problem(&s, problem);
                assert!(text.ends_with('.') && !text.contains("rule-problem"), "{text}");
            }
        }
    }
}
