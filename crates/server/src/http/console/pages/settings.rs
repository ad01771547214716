//! The switches of the installation.

use askama::Template;
use domain::RuleSet;

use super::{Frame, conflict::Conflict, ui::Glyph, words};
use crate::messages::Speak;

#[derive(Template)]
#[template(path = "console/settings.html")]
pub struct SettingsPage {
    pub s: Speak,
    pub frame: Frame,
    /// Of the settings that were opened, and what they were then.
    pub version: i64,
    pub was: (bool, RuleSet),
    pub conflict: Option<Conflict>,
    pub policy_2016: bool,
    pub rule_set: RuleSet,
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
