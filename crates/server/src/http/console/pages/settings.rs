//! The switches of the installation.

use askama::Template;
use domain::RuleSet;

use super::{Frame, conflict::Conflict, ui::Glyph, words};
use crate::{
    app::settings::{SILENT_DAYS, SILENT_DAYS_AT_MOST},
    messages::Speak,
};

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
    pub inventory_every: std::time::Duration,
    pub public_url: String,
    pub time_zone: String,
    /// Without it devices are not woken.
    pub push_ready: bool,
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

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{Place, conflict::tests::conflict, tests::frame};

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
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
            inventory_every: std::time::Duration::from_secs(7 * 86_400),
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
    fn a_rule_set_comes_back_as_it_went() {
        for rule_set in RULE_SETS {
            assert_eq!(rule_set_of(rule_set_value(rule_set)), Some(rule_set));
        }
        assert_eq!(rule_set_of("2017"), None);
    }
}
