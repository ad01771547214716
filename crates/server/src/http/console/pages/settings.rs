//! The switches of the installation.

use std::{ops::RangeInclusive, time::Duration};

use askama::Template;
use domain::{Policy, RuleSet, TakeBackLimits};

use super::{Frame, conflict::Conflict, reclaim, ui::Glyph, words};
use crate::{
    app::settings::{PAUSES, SILENT_DAYS, SILENT_DAYS_AT_MOST},
    messages::Speak,
};

const DAY_SECS: u64 = 86_400;

/// What is offered where no approval is needed.
const APPROVAL_ABOVE: u64 = 100;

#[derive(Template)]
#[template(path = "console/settings.html")]
pub struct SettingsPage {
    pub s: Speak,
    pub frame: Frame,
    /// Of the settings that were opened, and what they were then.
    pub version: i64,
    pub was: (bool, RuleSet),
    pub was_wiping: bool,
    pub was_silent_days: u64,
    pub conflict: Option<Conflict>,
    pub policy_2016: bool,
    pub rule_set: RuleSet,
    /// Profiles ask for the right to erase the device.
    pub wiping: bool,
    /// After how many days of silence a device counts as gone; 0: never.
    pub silent_days: u64,
    /// What was typed as the number of days, where it is none.
    pub wrong_days: Option<String>,
    pub spans: Vec<SpanField>,
    /// From when on a change that takes licences back is more than one click.
    pub limits: Vec<CountField>,
    /// Above how many another administrator approves it; what was typed, where that cannot be meant.
    pub was_approval: Option<u64>,
    pub approval: Option<u64>,
    pub wrong_approval: Option<String>,
    /// It only asks another administrator: what those are called who can approve it.
    pub approvers: Option<Vec<String>>,
    pub public_url: String,
    pub time_zone: String,
    /// Without it devices are not woken.
    pub push_ready: bool,
}

/// A span of time among the settings, typed as a whole number.
pub struct Span {
    /// As in the API.
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub unit: Unit,
    pub of: fn(&Policy) -> Duration,
    pub of_mut: fn(&mut Policy) -> &mut Duration,
}

pub const SPANS: [Span; 4] = [
    Span {
        name: "inventoryEvery",
        label: "settings-inventory",
        help: "settings-inventory-help",
        unit: Unit::Days,
        of: |policy| policy.inventory_every,
        of_mut: |policy| &mut policy.inventory_every,
    },
    Span {
        name: "firstCheckAfter",
        label: "settings-first-check",
        help: "settings-first-check-help",
        unit: Unit::Seconds,
        of: |policy| policy.first_check_after,
        of_mut: |policy| &mut policy.first_check_after,
    },
    Span {
        name: "retryAfter",
        label: "settings-retry",
        help: "settings-retry-help",
        unit: Unit::Seconds,
        of: |policy| policy.retry_after,
        of_mut: |policy| &mut policy.retry_after,
    },
    Span {
        name: "inviteNextAfter",
        label: "settings-invite-next",
        help: "settings-invite-next-help",
        unit: Unit::Minutes,
        of: |policy| policy.invite_next_after,
        of_mut: |policy| &mut policy.invite_next_after,
    },
];

pub struct SpanField {
    pub span: &'static Span,
    /// What it said when the page was opened.
    pub was: String,
    pub now: String,
    /// What was typed, where it cannot be meant.
    pub wrong: Option<String>,
}

impl SpanField {
    fn value(&self) -> &str {
        self.wrong.as_deref().unwrap_or(&self.now)
    }

    fn most(&self) -> u64 {
        self.span.unit.most(PAUSES)
    }
}

/// A whole number among the settings.
pub struct Count {
    /// As in the API.
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub bounds: RangeInclusive<u64>,
    pub of: fn(&Policy) -> u64,
    pub of_mut: fn(&mut Policy) -> &mut u64,
}

pub const LIMITS: [Count; 2] = [
    Count {
        name: "takeBackShare",
        label: "settings-take-back-share",
        help: "settings-take-back-share-help",
        bounds: TakeBackLimits::SHARES,
        of: |policy| policy.take_back.share,
        of_mut: |policy| &mut policy.take_back.share,
    },
    Count {
        name: "takeBackMoreThan",
        label: "settings-take-back-more-than",
        help: "settings-take-back-more-than-help",
        bounds: TakeBackLimits::COUNTS,
        of: |policy| policy.take_back.more_than,
        of_mut: |policy| &mut policy.take_back.more_than,
    },
];

pub struct CountField {
    pub count: &'static Count,
    /// What it said when the page was opened.
    pub was: u64,
    pub now: u64,
    /// What was typed, where it cannot be meant.
    pub wrong: Option<String>,
}

impl CountField {
    fn value(&self) -> String {
        self.wrong.clone().unwrap_or_else(|| self.now.to_string())
    }

    fn problem(&self, s: &Speak) -> String {
        let bounds = &self.count.bounds;
        s.t2("settings-count-wrong", "least", bounds.start(), "most", bounds.end())
    }
}

/// In what a span of time is typed.
#[derive(Clone, Copy)]
pub enum Unit {
    Seconds,
    Minutes,
    Days,
}

impl Unit {
    fn millis(self) -> u64 {
        match self {
            Unit::Seconds => 1000,
            Unit::Minutes => 60_000,
            Unit::Days => 86_400_000,
        }
    }

    /// A whole number, or with what comes after the point where a program set no whole one.
    pub fn shown(self, span: Duration) -> String {
        format!("{}", span.as_millis() as f64 / self.millis() as f64)
    }

    /// What [`Unit::shown`] made; `otherwise` where it is none of that.
    pub fn read(self, shown: &str, otherwise: Duration) -> Duration {
        let number: Option<f64> = shown.trim().parse().ok();
        let millis = number.map(|number| number * self.millis() as f64);
        match millis {
            Some(millis) if (0.0..1e12).contains(&millis) => Duration::from_millis(millis.round() as u64),
            _ => otherwise,
        }
    }

    /// `None` where it is longer than anything.
    pub fn span(self, number: u64) -> Option<Duration> {
        self.millis().checked_mul(number).map(Duration::from_millis)
    }

    fn most(self, of: RangeInclusive<Duration>) -> u64 {
        of.end().as_millis() as u64 / self.millis()
    }
}

/// How a rule set is written in a form.
pub fn rule_set_value(rule_set: RuleSet) -> &'static str {
    match rule_set {
        RuleSet::Y2016 => "2016",
        RuleSet::Y2020 => "2020",
    }
}

const RULE_SETS: [RuleSet; 2] = [RuleSet::Y2016, RuleSet::Y2020];

pub fn rule_set_of(value: &str) -> Option<RuleSet> {
    RULE_SETS
        .into_iter()
        .find(|rule_set| rule_set_value(*rule_set) == value)
}

/// One of the segments.
struct RuleSetChoice {
    value: &'static str,
    text: String,
    checked: bool,
}

impl SettingsPage {
    /// What is offered where the rule is off.
    fn days_offered(&self) -> String {
        match (&self.wrong_days, self.silent_days) {
            (Some(typed), _) => typed.clone(),
            (None, 0) => SILENT_DAYS.to_string(),
            (None, days) => days.to_string(),
        }
    }

    fn was_approval(&self) -> String {
        self.was_approval.map_or_else(String::new, |above| above.to_string())
    }

    fn approval_offered(&self) -> String {
        let set = self.approval.unwrap_or(APPROVAL_ABOVE).to_string();
        self.wrong_approval.clone().unwrap_or(set)
    }

    fn wrong_approval(&self) -> String {
        let bounds = TakeBackLimits::APPROVALS;
        self.s
            .t2("settings-count-wrong", "least", bounds.start(), "most", bounds.end())
    }

    fn most_days(&self) -> u64 {
        SILENT_DAYS_AT_MOST
    }

    fn was_rule_set(&self) -> &'static str {
        rule_set_value(self.was.1)
    }

    fn rule_sets(&self) -> Vec<RuleSetChoice> {
        RULE_SETS
            .into_iter()
            .map(|rule_set| RuleSetChoice {
                value: rule_set_value(rule_set),
                text: self.s.t(words::rule_set(rule_set)),
                checked: rule_set == self.rule_set,
            })
            .collect()
    }
}

/// 0 where no silence is too long.
pub fn silent_days(policy: &Policy) -> u64 {
    policy.silent_after.map_or(0, |after| after.as_secs() / DAY_SECS)
}

pub fn after_days(days: u64) -> Option<Duration> {
    (days > 0).then(|| Duration::from_secs(days * DAY_SECS))
}

/// All settings, each with what it is called.
pub fn said(s: &Speak, policy: &Policy) -> Vec<(String, String)> {
    let yes = |is| s.t(if is { "conflict-yes" } else { "conflict-no" });
    let silence = match silent_days(policy) {
        0 => s.t("conflict-no"),
        days => s.t1("settings-silent-after", "days", days),
    };
    let approval = match policy.take_back.approval_above {
        None => s.t("conflict-no"),
        Some(above) => s.t1("settings-approval-said", "count", above),
    };
    let mut said = vec![
        (s.t("settings-policy-2016"), yes(policy.policy_2016)),
        (s.t("settings-rule-set"), s.t(words::rule_set(policy.rule_set))),
        (s.t("settings-wiping"), yes(policy.wiping)),
        (s.t("settings-silent"), silence),
    ];
    said.extend(
        SPANS
            .iter()
            .map(|span| (s.t(span.label), span.unit.shown((span.of)(policy)))),
    );
    said.extend(
        LIMITS
            .iter()
            .map(|count| (s.t(count.label), s.number((count.of)(policy)))),
    );
    said.push((s.t("settings-approval"), approval));
    let removed = match reclaim::days(&policy.reclaim) {
        0 => s.t("conflict-no"),
        days => s.t1("settings-silent-after", "days", days),
    };
    said.push((
        s.t("reclaim-left-all-groups-switch"),
        yes(policy.reclaim.left_all_groups),
    ));
    said.push((s.t("reclaim-removed-switch"), removed));
    said
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{Place, conflict::tests::conflict, tests::frame};

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let field = |span: &'static Span, wrong: bool| SpanField {
            span,
            was: "7".to_owned(),
            now: "7".to_owned(),
            wrong: wrong.then(|| "viel".to_owned()),
        };
        let page = |policy_2016, may_write| SettingsPage {
            s: s.clone(),
            frame: Frame {
                may_write,
                ..frame(Place::Settings)
            },
            version: 3,
            was: (false, RuleSet::Y2016),
            was_wiping: false,
            was_silent_days: 0,
            wiping: policy_2016,
            silent_days: if policy_2016 { 90 } else { 0 },
            wrong_days: policy_2016.then(|| "viel".to_owned()),
            conflict: may_write.then(|| conflict(s)),
            policy_2016,
            rule_set: RuleSet::Y2016,
            spans: SPANS.iter().map(|span| field(span, policy_2016)).collect(),
            was_approval: None,
            approval: policy_2016.then_some(50),
            wrong_approval: (!may_write).then(|| "viel".to_owned()),
            approvers: policy_2016.then(|| vec!["고은결".to_owned()]),
            limits: LIMITS
                .iter()
                .map(|count| CountField {
                    count,
                    was: 20,
                    now: 20,
                    wrong: policy_2016.then(|| "viel".to_owned()),
                })
                .collect(),
            public_url: "https://apps.seorindeul.example".to_owned(),
            time_zone: "Asia/Seoul".to_owned(),
            push_ready: may_write,
        };
        vec![
            ("settings", page(true, true).render().unwrap()),
            ("settings-read-only", page(false, false).render().unwrap()),
        ]
    }

    #[test]
    fn a_span_that_a_program_set_comes_back_as_it_went() {
        for millis in [100, 300, 20_000, 90_061, 3_600_000, 366 * 86_400_000] {
            let span = Duration::from_millis(millis);
            for unit in [Unit::Seconds, Unit::Minutes, Unit::Days] {
                assert_eq!(
                    unit.read(&unit.shown(span), Duration::ZERO),
                    span,
                    "{}",
                    unit.shown(span)
                );
            }
        }
        assert_eq!(Unit::Minutes.shown(Duration::from_secs(3600)), "60");
        for nonsense in ["", "NaN", "-1", "1e99", "viel"] {
            assert_eq!(
                Unit::Days.read(nonsense, Duration::from_secs(1)),
                Duration::from_secs(1),
                "{nonsense}"
            );
        }
        assert_eq!(Unit::Days.span(u64::MAX), None);
    }

    #[test]
    fn a_rule_set_comes_back_as_it_went() {
        for rule_set in RULE_SETS {
            assert_eq!(rule_set_of(rule_set_value(rule_set)), Some(rule_set));
        }
        assert_eq!(rule_set_of("2017"), None);
    }
}
