//! Both rule sets, cell by cell: what comes out where deployments meet, and by which rule.

use askama::Template;
use domain::{Approval, Rule, RuleSet, Stance};

use super::{Frame, words};
use crate::messages::Speak;

#[derive(Template)]
#[template(path = "console/rule_sets.html")]
pub struct RuleSetsPage {
    pub s: Speak,
    pub frame: Frame,
    /// The one that decides now.
    pub rule_set: RuleSet,
}

/// What meets, and what comes out by the rules of 2016 and of 2020.
struct Row {
    meets: Vec<String>,
    results: [(String, &'static str); 2],
}

impl Row {
    /// Where it makes a difference which set is chosen.
    fn differs(&self) -> bool {
        self.results[0] != self.results[1]
    }
}

const SETS: [RuleSet; 2] = [RuleSet::Y2016, RuleSet::Y2020];

impl RuleSetsPage {
    /// Groups of one kind among themselves.
    fn within(&self) -> Vec<Row> {
        let rows = SETS.map(|set| &set.table().within);
        let row = |number: usize| Row {
            meets: vec![self.all_of(rows[0][number].0)],
            results: rows.map(|rows| self.result(rows[number].1, rows[number].2)),
        };
        (0..rows[0].len()).map(row).collect()
    }

    /// User groups with device groups.
    fn across(&self) -> Vec<Row> {
        let place = |at: usize| (at / Stance::ALL.len(), at % Stance::ALL.len());
        let row = |(user, device): (usize, usize)| Row {
            meets: vec![self.word(Stance::ALL[user]), self.word(Stance::ALL[device])],
            results: SETS.map(|set| {
                let (of_users, of_devices, rule) = set.table().across[user][device];
                self.result(of_users.and(of_devices), rule)
            }),
        };
        let cells = Stance::ALL.len() * Stance::ALL.len();
        (0..cells).map(place).map(row).collect()
    }

    fn result(&self, said: Stance, rule: Rule) -> (String, &'static str) {
        (self.word(said), words::rule(rule))
    }

    fn word(&self, said: Stance) -> String {
        let key = match said {
            Stance::Nothing => return String::new(),
            Stance::Both => "approval-required-and-available",
            Stance::Required => words::approval(Approval::Required),
            Stance::Available => words::approval(Approval::Available),
            Stance::Uninstall => words::approval(Approval::Uninstall),
            Stance::NotApplicable => words::approval(Approval::NotApplicable),
        };
        self.s.t(key)
    }

    fn all_of(&self, approvals: &[Approval]) -> String {
        let words: Vec<String> = approvals.iter().map(|each| self.s.t(words::approval(*each))).collect();
        words.join(", ")
    }

    /// The head of a column: the set, and whether it is the one that decides.
    fn head(&self, at: &usize) -> String {
        let set = self.s.t(words::rule_set(SETS[*at]));
        match SETS[*at] == self.rule_set {
            true => self.s.t1("rule-sets-in-force", "set", set),
            false => set,
        }
    }
}
