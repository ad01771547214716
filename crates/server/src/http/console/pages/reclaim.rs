//! 회수 규칙: when licences come back, which rules are on, and what each took back last.

use std::time::Duration;

use askama::Template;
use domain::{Policy, Reclaim, ReclaimRules};
use store::ReclaimRow;

use super::{Frame, Glyph, words};
use crate::{
    app::settings::{REMOVED_DAYS, SILENT_DAYS_AT_MOST},
    messages::Speak,
};

#[derive(Template)]
#[template(path = "console/reclaim.html")]
pub struct ReclaimPage {
    pub s: Speak,
    pub frame: Frame,
    /// Of the settings when the page was opened.
    pub version: i64,
    /// With the rules that are shown.
    pub policy: Policy,
    pub rows: Vec<ReclaimRow>,
    /// What was typed, where it is no number of days.
    pub wrong_days: Option<String>,
    /// Somebody else saved settings since the page was opened; these are theirs.
    pub stale: bool,
}

impl ReclaimPage {
    fn listed(&self) -> Vec<(Reclaim, Option<&ReclaimRow>)> {
        let row = |rule: Reclaim| self.rows.iter().find(move |row| row.rule == rule);
        Reclaim::ALL.map(|rule| (rule, row(rule))).to_vec()
    }

    fn name(&self, rule: &Reclaim) -> String {
        self.s.t(words::reclaim(*rule))
    }

    fn reason(&self, rule: &Reclaim) -> String {
        self.s.t(words::reclaim_reason(*rule))
    }

    fn is_on(&self, rule: &Reclaim) -> bool {
        rule.is_on(&self.policy)
    }

    /// Nobody switches it off.
    fn is_fixed(&self, rule: &Reclaim) -> bool {
        !matches!(
            rule,
            Reclaim::LeftAllGroups | Reclaim::RemovedByPerson | Reclaim::DeviceSilent
        )
    }

    fn state(&self, rule: &Reclaim) -> String {
        let days = match rule {
            Reclaim::DeviceSilent => whole_days(self.policy.silent_after),
            Reclaim::RemovedByPerson => days(&self.policy.reclaim),
            _ => 0,
        };
        match (self.is_on(rule), self.is_fixed(rule)) {
            (true, true) => self.s.t("reclaim-always"),
            (true, false) if days > 0 => self.s.t1("settings-silent-after", "days", days),
            (true, false) => self.s.t("reclaim-on"),
            (false, _) => self.s.t("reclaim-off"),
        }
    }

    /// What is offered where the rule is off.
    fn days_offered(&self) -> String {
        let set = match days(&self.policy.reclaim) {
            0 => REMOVED_DAYS,
            days => days,
        };
        self.wrong_days.clone().unwrap_or_else(|| set.to_string())
    }

    fn most_days(&self) -> u64 {
        SILENT_DAYS_AT_MOST
    }
}

/// 0 where nothing that was removed goes back.
pub fn days(rules: &ReclaimRules) -> u64 {
    whole_days(rules.removed_after)
}

fn whole_days(span: Option<Duration>) -> u64 {
    span.map_or(0, |span| span.as_secs() / 86_400)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place,
        tests::{ago, frame},
    };

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let page = |may_write: bool| ReclaimPage {
            s: s.clone(),
            frame: Frame {
                may_write,
                ..frame(Place::Reclaim)
            },
            version: 3,
            policy: Policy {
                reclaim: ReclaimRules {
                    left_all_groups: !may_write,
                    removed_after: (!may_write).then(|| Duration::from_secs(30 * 86_400)),
                },
                silent_after: (!may_write).then(|| Duration::from_secs(90 * 86_400)),
                ..Policy::default()
            },
            rows: vec![ReclaimRow {
                rule: Reclaim::PersonLeft,
                returned: 1_204,
                last_returned: 3,
                last_at: ago(s, 60),
            }],
            wrong_days: may_write.then(|| "viel".to_owned()),
            stale: may_write,
        };
        vec![
            ("reclaim", page(true).render().unwrap()),
            ("reclaim-read-only", page(false).render().unwrap()),
        ]
    }
}
