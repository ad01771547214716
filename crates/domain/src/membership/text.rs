//! Rules as text: `user.department -eq "Sales" -and -not memberOf "Interns"`.
//!
//! What is printed is read as the same rule. Groups are called by whatever names whoever reads or prints has for them: ids
//! where rules are kept, so that a group may be renamed, and names where people read them.

use uuid::Uuid;

use super::{Attribute, Condition, Form, MembershipRule, Operator, Test, version};
use crate::{GroupId, GroupKind};

/// So long may a rule be.
pub const MOST_CHARS: usize = 4_000;
/// So many tests it may have: each is asked of everybody.
const MOST_TESTS: usize = 100;
/// So deep may it be.
const MOST_DEPTH: usize = 16;

/// What is wrong with a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {problem}")]
pub struct RuleError {
    /// The first character is 1.
    pub at: usize,
    pub problem: RuleProblem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    #[error("the rule says nothing")]
    Empty,
    #[error("the rule is longer than {MOST_CHARS} characters")]
    TooLong,
    #[error("the rule has more than {MOST_TESTS} conditions, or too many within each other")]
    TooLarge,
    #[error("{0:?} is no attribute")]
    UnknownAttribute(String),
    #[error("{0:?} is an attribute of devices, and this is a group of people")]
    OfDevices(String),
    #[error("{0:?} is no operator")]
    UnknownOperator(String),
    #[error("{} cannot be tested with {}", .0.name(), .1.name())]
    NotForThis(Attribute, Operator),
    #[error("a value is missing")]
    ValueMissing,
    #[error("a condition is missing")]
    ConditionMissing,
    #[error("{value:?} is no value of {}; it has {}", .attribute.name(), .known.join(", "))]
    UnknownValue {
        attribute: Attribute,
        value: String,
        known: &'static [&'static str],
    },
    #[error("{0:?} is no version, such as 17.5")]
    NoVersion(String),
    #[error("there is no group {0:?} of this kind")]
    UnknownGroup(String),
    #[error("a quotation mark is missing at the end")]
    Unquoted,
    #[error("a bracket is not closed")]
    Unclosed,
    #[error("{0:?} is not expected here")]
    Unexpected(String),
}

impl MembershipRule {
    /// Reads a rule for a group of this kind. `group` knows the groups of that kind by their names.
    pub fn parse(
        kind: GroupKind,
        text: &str,
        group: impl Fn(&str) -> Option<GroupId>,
    ) -> Result<MembershipRule, RuleError> {
        let wrong = |problem| Err(RuleError { at: 1, problem });
        if text.trim().is_empty() {
            return wrong(RuleProblem::Empty);
        }
        if text.chars().count() > MOST_CHARS {
            return wrong(RuleProblem::TooLong);
        }
        let mut reader = Reader {
            tokens: tokens(text)?,
            next: 0,
            end: text.chars().count() + 1,
            kind,
            group: &group,
            tests: 0,
        };
        let condition = reader.any(0)?;
        match reader.tokens.get(reader.next) {
            None => Ok(MembershipRule(condition)),
            Some((at, token)) => Err(RuleError {
                at: *at,
                problem: RuleProblem::Unexpected(token.text()),
            }),
        }
    }

    /// Prints it. `group` has the names of groups.
    pub fn text(&self, group: impl Fn(GroupId) -> String) -> String {
        self.0.text(&group)
    }

    /// As it is kept: with the ids of groups.
    pub fn kept(&self) -> String {
        self.text(|group| group.to_string())
    }

    /// Reads what was [kept](Self::kept).
    pub fn of_kept(kind: GroupKind, text: &str) -> Result<MembershipRule, RuleError> {
        MembershipRule::parse(kind, text, |id| id.parse::<Uuid>().ok().map(GroupId))
    }

    /// Whoever all of these are true of, or any of them. The values are as typed.
    pub fn of_parts(is_any: bool, mut parts: Vec<Condition>) -> Option<MembershipRule> {
        Some(MembershipRule(match parts.len() {
            0 => return None,
            1 => parts.remove(0),
            _ if is_any => Condition::Or(parts),
            _ => Condition::And(parts),
        }))
    }

    /// Its parts, and whether any of them is enough, when it is no more than that: tests, and groups that one is in or not.
    pub fn parts(&self) -> Option<(bool, Vec<&Condition>)> {
        let is_plain = |part: &Condition| match part {
            Condition::Test(_) | Condition::MemberOf(_) => true,
            Condition::Not(not) => matches!(**not, Condition::MemberOf(_)),
            Condition::All | Condition::And(_) | Condition::Or(_) => false,
        };
        let (is_any, parts) = match &self.0 {
            Condition::And(parts) => (false, parts.iter().collect()),
            Condition::Or(parts) => (true, parts.iter().collect()),
            one => (false, vec![one]),
        };
        parts.iter().all(|part| is_plain(part)).then_some((is_any, parts))
    }
}

impl Test {
    /// Checks what was typed, and brings values into the form that they are kept in.
    pub fn checked(attribute: Attribute, operator: Operator, values: &[String]) -> Result<Test, RuleProblem> {
        if !attribute.operators().contains(&operator) {
            return Err(RuleProblem::NotForThis(attribute, operator));
        }
        let mut kept = Vec::new();
        for value in values {
            let value = value.trim();
            if value.is_empty() {
                return Err(RuleProblem::ValueMissing);
            }
            kept.push(match attribute.form() {
                Form::Text => value.to_owned(),
                Form::Word(known) => {
                    let word = known.iter().find(|known| known.eq_ignore_ascii_case(value));
                    let unknown = || RuleProblem::UnknownValue {
                        attribute,
                        value: value.to_owned(),
                        known,
                    };
                    (*word.ok_or_else(unknown)?).to_owned()
                }
                Form::Version if version(value).is_some() => value.to_owned(),
                Form::Version => return Err(RuleProblem::NoVersion(value.to_owned())),
            });
        }
        if kept.is_empty() || (kept.len() > 1 && !operator.takes_many()) {
            return Err(RuleProblem::ValueMissing);
        }
        Ok(Test {
            attribute,
            operator,
            values: kept,
        })
    }
}

impl Condition {
    /// Prints it. `group` has the names of groups.
    pub fn text(&self, group: &dyn Fn(GroupId) -> String) -> String {
        let within = |part: &Condition| match part {
            Condition::And(_) | Condition::Or(_) => format!("({})", part.text(group)),
            _ => part.text(group),
        };
        let joined = |parts: &[Condition], by| parts.iter().map(within).collect::<Vec<_>>().join(by);
        match self {
            Condition::All => "all".to_owned(),
            Condition::Test(test) => {
                let values: Vec<String> = test.values.iter().map(|value| quoted(value)).collect();
                let values = match test.operator.takes_many() {
                    true => format!("[{}]", values.join(", ")),
                    false => values.concat(),
                };
                format!("{} {} {values}", test.attribute.name(), test.operator.name())
            }
            Condition::MemberOf(id) => format!("memberOf {}", quoted(&group(*id))),
            Condition::Not(not) => format!("-not {}", within(not)),
            Condition::And(parts) => joined(parts, " -and "),
            Condition::Or(parts) => joined(parts, " -or "),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// `user.department`, `-eq`, `17.5`
    Word(String),
    /// Without its quotation marks.
    Quoted(String),
    /// `( ) [ ] ,`
    Mark(char),
}

impl Token {
    fn text(&self) -> String {
        match self {
            Token::Word(text) | Token::Quoted(text) => text.clone(),
            Token::Mark(mark) => mark.to_string(),
        }
    }

    fn is_word(&self, names: &[&str]) -> bool {
        match self {
            Token::Word(word) => names.iter().any(|name| name.eq_ignore_ascii_case(word)),
            _ => false,
        }
    }
}

/// With the place of each.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, RuleError> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().zip(1..).peekable();
    while let Some((c, at)) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '(' | ')' | '[' | ']' | ',' => tokens.push((at, Token::Mark(c))),
            '"' => {
                let mut quoted = String::new();
                loop {
                    match chars.next() {
                        Some(('"', _)) => break,
                        Some(('\\', _)) => quoted.extend(chars.next().map(|(c, _)| c)),
                        Some((c, _)) => quoted.push(c),
                        None => {
                            let problem = RuleProblem::Unquoted;
                            return Err(RuleError { at, problem });
                        }
                    }
                }
                tokens.push((at, Token::Quoted(quoted)));
            }
            c => {
                let mut word = c.to_string();
                let goes_on = |c: &(char, usize)| !c.0.is_whitespace() && !"()[],\"".contains(c.0);
                while let Some((c, _)) = chars.next_if(goes_on) {
                    word.push(c);
                }
                tokens.push((at, Token::Word(word)));
            }
        }
    }
    Ok(tokens)
}

struct Reader<'a> {
    tokens: Vec<(usize, Token)>,
    next: usize,
    /// The place behind the text.
    end: usize,
    kind: GroupKind,
    group: &'a dyn Fn(&str) -> Option<GroupId>,
    tests: usize,
}

impl Reader<'_> {
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn wrong<T>(&self, problem: RuleProblem) -> Result<T, RuleError> {
        let at = self.at();
        Err(RuleError { at, problem })
    }

    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    /// Goes on when the next is one of these words.
    fn word(&mut self, names: &[&str]) -> bool {
        let is_there = self.token().is_some_and(|token| token.is_word(names));
        self.next += usize::from(is_there);
        is_there
    }

    fn mark(&mut self, mark: char) -> bool {
        let is_there = self.token() == Some(&Token::Mark(mark));
        self.next += usize::from(is_there);
        is_there
    }

    fn any(&mut self, depth: usize) -> Result<Condition, RuleError> {
        let mut parts = vec![self.all(depth)?];
        while self.word(&["-or", "or"]) {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::Or(parts)
        })
    }

    fn all(&mut self, depth: usize) -> Result<Condition, RuleError> {
        let mut parts = vec![self.one(depth)?];
        while self.word(&["-and", "and"]) {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::And(parts)
        })
    }

    fn one(&mut self, depth: usize) -> Result<Condition, RuleError> {
        if depth >= MOST_DEPTH {
            return self.wrong(RuleProblem::TooLarge);
        }
        if self.word(&["-not", "not"]) {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        let from = self.at();
        if self.mark('(') {
            let within = self.any(depth + 1)?;
            if !self.mark(')') {
                let problem = RuleProblem::Unclosed;
                return Err(RuleError { at: from, problem });
            }
            return Ok(within);
        }
        self.tests += 1;
        if self.tests > MOST_TESTS {
            return self.wrong(RuleProblem::TooLarge);
        }
        if self.word(&["all"]) {
            return Ok(Condition::All);
        }
        if self.word(&["memberOf"]) {
            let at = self.at();
            let name = self.value()?;
            let problem = |name| RuleError {
                at,
                problem: RuleProblem::UnknownGroup(name),
            };
            return (self.group)(&name)
                .map(Condition::MemberOf)
                .ok_or_else(|| problem(name));
        }
        self.test()
    }

    fn test(&mut self) -> Result<Condition, RuleError> {
        let from = self.at();
        let name = match self.token() {
            None => return self.wrong(RuleProblem::ConditionMissing),
            Some(Token::Word(name)) => name.clone(),
            Some(other) => return self.wrong(RuleProblem::Unexpected(other.text())),
        };
        let attribute = match Attribute::of(&name) {
            None => return self.wrong(RuleProblem::UnknownAttribute(name)),
            Some(attribute) if !attribute.is_of(self.kind) => return self.wrong(RuleProblem::OfDevices(name)),
            Some(attribute) => attribute,
        };
        self.next += 1;
        let operator = match self.token() {
            None => return self.wrong(RuleProblem::UnknownOperator(String::new())),
            Some(token) => match Operator::of(&token.text()) {
                None => return self.wrong(RuleProblem::UnknownOperator(token.text())),
                Some(operator) => operator,
            },
        };
        self.next += 1;
        let at = self.at();
        let values = match operator.takes_many() {
            true => self.list()?,
            false => vec![self.value()?],
        };
        let test = Test::checked(attribute, operator, &values).map_err(|problem| RuleError {
            at: match problem {
                RuleProblem::NotForThis(..) => from,
                _ => at,
            },
            problem,
        })?;
        Ok(Condition::Test(test))
    }

    fn list(&mut self) -> Result<Vec<String>, RuleError> {
        let from = self.at();
        if !self.mark('[') {
            return Ok(vec![self.value()?]);
        }
        let mut values = vec![self.value()?];
        while self.mark(',') {
            values.push(self.value()?);
        }
        if !self.mark(']') {
            let problem = RuleProblem::Unclosed;
            return Err(RuleError { at: from, problem });
        }
        Ok(values)
    }

    fn value(&mut self) -> Result<String, RuleError> {
        match self.token() {
            Some(Token::Word(text) | Token::Quoted(text)) => {
                let text = text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => self.wrong(RuleProblem::ValueMissing),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(kind: GroupKind, text: &str) -> Result<MembershipRule, RuleError> {
        MembershipRule::parse(kind, text, |name| {
            name.strip_prefix("그룹 ")?
                .parse()
                .ok()
                .map(Uuid::from_u128)
                .map(GroupId)
        })
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let unknown = |attribute, value: &str, known| RuleProblem::UnknownValue {
            attribute,
            value: value.to_owned(),
            known,
        };
        for (text, at, problem) in [
            ("  ", 1, RuleProblem::Empty),
            (
                r#"user.dept -eq "x""#,
                1,
                RuleProblem::UnknownAttribute("user.dept".into()),
            ),
            (r#"user.department = "x""#, 17, RuleProblem::UnknownOperator("=".into())),
            ("user.department", 16, RuleProblem::UnknownOperator(String::new())),
            ("user.department -eq", 20, RuleProblem::ValueMissing),
            ("user.department -eq  \"\"", 22, RuleProblem::ValueMissing),
            ("user.department -in []", 22, RuleProblem::ValueMissing),
            (r#"user.department -in ["x""#, 21, RuleProblem::Unclosed),
            (r#"user.department -eq "x"#, 21, RuleProblem::Unquoted),
            (r#"(user.department -eq "x""#, 1, RuleProblem::Unclosed),
            (r#"user.department -eq "x" -and"#, 29, RuleProblem::ConditionMissing),
            (
                r#"user.department -eq "x" "y""#,
                25,
                RuleProblem::Unexpected("y".into()),
            ),
            (r#"user.department -eq "x")"#, 24, RuleProblem::Unexpected(")".into())),
            (
                "user.department -ge 1",
                1,
                RuleProblem::NotForThis(Attribute::Department, Operator::AtLeast),
            ),
            ("device.osVersion -ge new", 22, RuleProblem::NoVersion("new".into())),
            (
                "device.isSupervised -eq yes",
                25,
                unknown(Attribute::Supervised, "yes", &["true", "false"]),
            ),
            (
                r#"all -and memberOf "없음""#,
                19,
                RuleProblem::UnknownGroup("없음".into()),
            ),
        ] {
            assert_eq!(parse(GroupKind::Device, text), Err(RuleError { at, problem }), "{text}");
        }
        let problem = RuleProblem::OfDevices("device.model".into());
        let of_people = parse(GroupKind::User, r#"all or device.model -eq "x""#);
        assert_eq!(of_people, Err(RuleError { at: 8, problem }));
    }

    #[test]
    fn no_rule_is_too_much_for_whoever_reads_it() {
        let problem = |text: &str| parse(GroupKind::User, text).map_err(|error| error.problem);
        assert_eq!(problem(&"(".repeat(3_000)), Err(RuleProblem::TooLarge));
        assert_eq!(problem(&"not ".repeat(900)), Err(RuleProblem::TooLarge));
        assert_eq!(problem(&["all"; 101].join(" or ")), Err(RuleProblem::TooLarge));
        assert!(problem(&["all"; 100].join(" or ")).is_ok());
        assert_eq!(
            problem(&" ".repeat(4_000).replacen(' ', "all ", 1)),
            Err(RuleProblem::TooLong)
        );
    }

    #[test]
    fn a_rule_can_be_written_as_one_speaks() {
        let short = parse(
            GroupKind::User,
            r#"NOT user.mail -EQ a@b.c or ALL AND memberOf "그룹 7""#,
        )
        .unwrap();
        let printed = r#"-not user.mail -eq "a@b.c" -or (all -and memberOf "그룹 7")"#;
        let name = |id: GroupId| format!("그룹 {}", id.0.as_u128());
        assert_eq!(short.text(name), printed);
        assert_eq!(parse(GroupKind::User, printed), Ok(short));
    }

    fn tests() -> impl Strategy<Value = Condition> {
        let text = "[a-zA-Z가-힣\"\\\\ ,()-]{0,8}[a-z가-힣]";
        let attribute = prop::sample::select(Attribute::ALL.to_vec());
        (
            attribute,
            any::<prop::sample::Index>(),
            prop::collection::vec(text, 1..3),
            any::<prop::sample::Index>(),
        )
            .prop_map(|(attribute, operator, texts, word)| {
                let operator = *operator.get(attribute.operators());
                let mut values: Vec<String> = match attribute.form() {
                    Form::Text => texts.iter().map(|text| text.trim().to_owned()).collect(),
                    Form::Word(known) => vec![(*word.get(known)).to_owned()],
                    Form::Version => vec!["17.5".to_owned()],
                };
                if !operator.takes_many() {
                    values.truncate(1);
                }
                Condition::Test(Test {
                    attribute,
                    operator,
                    values,
                })
            })
    }

    fn conditions() -> impl Strategy<Value = Condition> {
        let leaf = prop_oneof![
            8 => tests(),
            1 => Just(Condition::All),
            1 => any::<u128>().prop_map(|id| Condition::MemberOf(GroupId(Uuid::from_u128(id)))),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(|not| Condition::Not(Box::new(not))),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
                prop::collection::vec(inner, 2..4).prop_map(Condition::Or),
            ]
        })
    }

    proptest! {
        /// With names and with ids.
        #[test]
        fn what_is_printed_is_read_as_the_same_rule(condition in conditions()) {
            let rule = MembershipRule(condition);
            let text = rule.text(|group| format!("그룹 {}", group.0.as_u128()));
            prop_assert_eq!(parse(GroupKind::Device, &text), Ok(rule.clone()), "{}", text);
            prop_assert_eq!(MembershipRule::of_kept(GroupKind::Device, &rule.kept()), Ok(rule));
        }

        /// Whatever somebody types is read or refused.
        #[test]
        fn no_text_breaks_the_reader(text in "[a-z\"\\\\()\\[\\], .가-힣-]{0,60}") {
            if let Err(error) = parse(GroupKind::Device, &text) {
                prop_assert!(error.at >= 1 && error.at <= text.chars().count() + 1, "{}", error);
            }
        }

        /// A form of rows shows a plain rule, and makes the same of it.
        #[test]
        fn a_plain_rule_is_made_of_its_parts(is_any: bool, parts in prop::collection::vec(tests(), 1..5)) {
            let rule = MembershipRule::of_parts(is_any, parts.clone()).unwrap();
            let (shown_any, shown) = rule.parts().unwrap();
            let shown = shown.into_iter().cloned().collect();
            prop_assert_eq!(MembershipRule::of_parts(shown_any, shown), Some(rule));
        }
    }
}
