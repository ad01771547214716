//! 확인 및 저장: what saving a deployment would do, before it is saved.
//!
//! It names what it was computed from. Who saves it gets that, or is shown what is different by now.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use domain::{
    Affected, AssetId, Counts, Effect, Fate, GroupId, GroupKind, Holder, HolderKind, Installation, LicenseType, Owned,
    PersonId, Prompted, Time,
};

use super::{Frame, parts::members_text, ui::Glyph, words};
use crate::{
    app::{
        contract::Contract,
        deployments::{Asked, LineSays, Preview},
    },
    messages::Speak,
};

/// The numbers of a preview that a later one is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// `None` without end, as everything that follows from it.
    pub owned: Option<u64>,
    pub out: u64,
    pub free: Option<u64>,
    pub returning: u64,
    pub needed: u64,
    /// By what happens to people, in the order of [`EFFECTS`].
    pub people: [u64; EFFECTS.len()],
}

/// Everything that happens to somebody, in the order in which a page tells it.
const EFFECTS: [Effect; 10] = [
    Effect::Gains,
    Effect::GainsLater,
    Effect::GainsOnceReady,
    Effect::Waits,
    Effect::Loses,
    Effect::Cannot,
    Effect::MayAsk,
    Effect::Keeps,
    Effect::HandsOver,
    Effect::Drops,
];

const FATES: [Fate; 10] = [
    Fate::Has,
    Fate::HandsOver,
    Fate::Now,
    Fate::Later,
    Fate::OnceReady,
    Fate::Waits,
    Fate::Goes,
    Fate::Cannot,
    Fate::MayAsk,
    Fate::Nothing,
];

impl Figures {
    pub fn of(preview: &Preview) -> Figures {
        let outcome = &preview.outcome;
        Figures {
            owned: match outcome.owned {
                Owned::Count(owned) => Some(owned),
                Owned::Unlimited => None,
            },
            out: outcome.out,
            free: outcome.free(),
            returning: outcome.returning,
            needed: outcome.needed(),
            people: EFFECTS.map(|effect| outcome.of_effect(effect)),
        }
    }

    fn all(&self) -> Vec<Option<u64>> {
        let licences = [
            self.owned,
            Some(self.out),
            self.free,
            Some(self.returning),
            Some(self.needed),
        ];
        licences.into_iter().chain(self.people.map(Some)).collect()
    }

    /// As a form remembers them.
    pub fn value(&self) -> String {
        let numbers = self.all();
        let numbers = numbers
            .iter()
            .map(|number| number.map_or_else(|| "-".to_owned(), |number| number.to_string()));
        numbers.collect::<Vec<_>>().join(".")
    }

    /// `None` of what no form of ours remembers.
    pub fn read(value: &str) -> Option<Figures> {
        let numbers: Option<Vec<Option<u64>>> = value
            .split('.')
            .map(|number| match number {
                "-" => Some(None),
                number => number.parse().ok().map(Some),
            })
            .collect();
        let numbers = numbers?;
        let (licences, people) = numbers.split_at_checked(5)?;
        let people: Vec<u64> = people.iter().copied().collect::<Option<_>>()?;
        Some(Figures {
            owned: licences[0],
            out: licences[1]?,
            free: licences[2],
            returning: licences[3]?,
            needed: licences[4]?,
            people: people.try_into().ok()?,
        })
    }

    /// What is not the same any more: what, before, now.
    fn differences(&self, s: &Speak, now: &Figures) -> Vec<(String, String, String)> {
        let said = |number: Option<u64>| number.map_or_else(|| s.t("licence-unlimited"), |number| s.number(number));
        let licences = [
            "preview-owned",
            "preview-out",
            "preview-free",
            "preview-coming-back",
            "preview-needed",
        ];
        let what = licences.into_iter().chain(EFFECTS.map(effect_word));
        what.zip(self.all().into_iter().zip(now.all()))
            .filter(|(_, (before, now))| before != now)
            .map(|(what, (before, now))| (s.t(what), said(before), said(now)))
            .collect()
    }
}

pub(super) fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Gains => "effect-gains",
        Effect::GainsLater => "effect-gains-later",
        Effect::GainsOnceReady => "effect-gains-once-ready",
        Effect::Waits => "effect-waits",
        Effect::Loses => "effect-loses",
        Effect::Cannot => "effect-cannot",
        Effect::MayAsk => "effect-may-ask",
        Effect::Keeps => "effect-keeps",
        Effect::HandsOver => "effect-hands-over",
        Effect::Drops => "effect-drops",
        Effect::None => "effect-none",
    }
}

pub(super) fn effect_glyph(effect: Effect) -> Glyph {
    match effect {
        Effect::Gains | Effect::GainsLater | Effect::GainsOnceReady => Glyph::Way,
        Effect::Waits => Glyph::Wait,
        Effect::Loses => Glyph::Warn,
        Effect::Cannot => Glyph::Bad,
        Effect::MayAsk => Glyph::None,
        Effect::Keeps => Glyph::Fine,
        Effect::HandsOver => Glyph::Way,
        Effect::Drops | Effect::None => Glyph::Na,
    }
}

fn fate_word(fate: Fate) -> &'static str {
    match fate {
        Fate::Now => "fate-now",
        Fate::Later => "fate-later",
        Fate::OnceReady => "fate-once-ready",
        Fate::Waits => "fate-waits",
        Fate::Has => "fate-has",
        Fate::HandsOver => "fate-hands-over",
        Fate::Goes => "fate-goes",
        Fate::Cannot => "fate-cannot",
        Fate::MayAsk => "fate-may-ask",
        Fate::Nothing => "fate-nothing",
    }
}

/// One line of the deployment that would be another one.
#[derive(Debug, Clone)]
pub struct LineView {
    pub group: GroupId,
    pub name: String,
    pub kind: GroupKind,
    pub members: u64,
    pub before: Option<LineSays>,
    pub after: Option<LineSays>,
}

impl LineView {
    fn members_text(&self, s: &Speak) -> String {
        members_text(s, self.kind, self.members)
    }

    fn said(&self, s: &Speak, said: Option<LineSays>) -> String {
        let Some(said) = said else {
            return s.t("preview-line-none");
        };
        // Licences of people are what is usual, and named beside others.
        let types = [self.before, self.after].map(|says| says.map(|says| says.license_type));
        let usual = types.into_iter().flatten().all(|it| it == LicenseType::User);
        let approval = s.t(words::approval(said.approval));
        let mut words = s.t1("preview-line-approval", "approval", approval);
        if let Some(deadline) = said.deadline {
            words = format!("{words} {}", s.date_time(deadline));
        }
        if !usual {
            words = format!("{words}, {}", s.t(words::license_type(said.license_type)));
        }
        let by = [self.before, self.after].map(|says| says.map(|says| says.installation));
        if by.contains(&Some(Installation::External)) && said.approval.installs() {
            words = format!("{words}, {}", s.t(words::installation(said.installation)));
        }
        let kept = [self.before, self.after].map(|says| says.map_or(0, |says| says.kept_licenses));
        if kept != [0, 0] && said.approval.installs() {
            words = format!("{words}, {}", s.t1("deployment-kept", "count", said.kept_licenses));
        }
        words
    }

    pub fn was(&self, s: &Speak) -> String {
        self.said(s, self.before)
    }

    pub fn becomes(&self, s: &Speak) -> String {
        self.said(s, self.after)
    }

    /// What is different about it, in a few words.
    fn change(&self, s: &Speak) -> String {
        if self.before == self.after {
            return self.becomes(s);
        }
        format!("{} → {}", self.was(s), self.becomes(s))
    }
}

/// What is agreed to, where so many licences are taken back, and so many of them for what somebody else installed.
pub(super) fn confirmed(s: &Speak, licences: u64, stops: u64) -> String {
    match stops {
        0 => s.t1("preview-confirm", "count", licences),
        stops => s.tn("preview-confirm-stops", &[("count", licences), ("stops", stops)]),
    }
}

/// People to whom the same happens, and for the same reason.
pub(super) struct Item {
    pub head: String,
    pub reason: String,
    pub names: String,
    /// How many are not named.
    pub more: u64,
}

/// So many people, and so many devices with licences of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct HowMany {
    people: u64,
    devices: u64,
}

impl HowMany {
    fn of<'a>(affected: impl IntoIterator<Item = &'a Affected>) -> HowMany {
        let mut many = HowMany::default();
        for it in affected {
            match it.kind {
                HolderKind::User => many.people += it.number,
                HolderKind::Device => many.devices += it.number,
            }
        }
        many
    }

    fn total(self) -> u64 {
        self.people + self.devices
    }

    pub fn text(self, s: &Speak) -> String {
        let counts = [("count-people", self.people), ("count-devices", self.devices)];
        let said = counts.into_iter().filter(|(_, count)| *count > 0);
        let said: Vec<String> = said.map(|(word, count)| s.t1(word, "count", count)).collect();
        said.join(" · ")
    }
}

/// Everybody to whom the same happens.
pub(super) struct Row {
    pub glyph: Glyph,
    pub word: String,
    pub many: HowMany,
    pub items: Vec<Item>,
}

/// What becomes of it at a deadline.
#[derive(Debug, Clone)]
pub struct LaterView {
    pub deadline: Time,
    /// People who will need a licence then, and have none now.
    pub needed: u64,
    /// Of those, for how many none would be left.
    pub waiting: u64,
}

/// What it shows, all of one instant.
#[derive(Debug, Clone)]
pub struct PreviewView {
    pub digest: String,
    pub now: Time,
    /// When Apple said how many licences there are.
    pub observed_at: Time,
    pub figures: Figures,
    pub counts: Counts,
    pub short: u64,
    pub left: Option<u64>,
    /// How many more licences are kept for groups than are owned.
    pub kept_in_vain: u64,
    pub waits: u64,
    /// Who needs a licence and would not without the change, whether one is left for them or not.
    pub gains: u64,
    pub affected: Vec<Affected>,
    pub lines: Vec<LineView>,
    /// What those are called who are named.
    pub names: BTreeMap<Holder, String>,
    /// What deadlines will change, the next first.
    pub later: Vec<LaterView>,
    pub requests: Vec<(&'static str, Asked)>,
    /// What people will be asked, and who is invited to join.
    pub prompted: Prompted,
    pub joining: Vec<PersonId>,
    /// How many licences it takes back, when whoever saves has to say so.
    pub to_confirm: Option<u64>,
}

impl PreviewView {
    /// Of these lines, with the names of those who are named.
    pub fn of(preview: &Preview, lines: Vec<LineView>, names: BTreeMap<Holder, String>, now: Time) -> PreviewView {
        let outcome = &preview.outcome;
        let requests = [
            ("preview-request-users", preview.requests.create_users),
            ("preview-request-associate", preview.requests.associate),
            ("preview-request-disassociate", preview.requests.disassociate),
            ("preview-request-later", preview.requests.associate_later),
        ];
        PreviewView {
            digest: preview.digest.clone(),
            now,
            observed_at: preview.app.observed_at,
            figures: Figures::of(preview),
            counts: preview.counts,
            short: outcome.short(),
            left: outcome.left(),
            kept_in_vain: outcome.kept_in_vain(),
            waits: outcome.of_fate(Fate::Waits),
            gains: outcome
                .outcomes
                .iter()
                .filter(|outcome| outcome.needs_another())
                .count() as u64,
            affected: outcome.affected(),
            lines,
            names,
            later: outcome
                .at_deadlines
                .iter()
                .map(|later| LaterView {
                    deadline: later.deadline,
                    needed: later.needed,
                    waiting: later.waiting.len() as u64,
                })
                .collect(),
            requests: requests.into_iter().filter(|(_, asked)| asked.people > 0).collect(),
            prompted: outcome.prompted(),
            joining: outcome.joining().collect(),
            to_confirm: preview.to_confirm(),
        }
    }

    fn people(&self, effect: Effect) -> u64 {
        let at = EFFECTS.iter().position(|known| *known == effect);
        at.map_or(0, |at| self.figures.people[at])
    }

    /// How many lose the licence for what somebody else installed: the app stays on the device, and stops working.
    pub(super) fn stops(&self) -> u64 {
        let stops = self.affected.iter().filter(|it| it.effect == Effect::Loses);
        let external = stops.filter(|it| it.installation == Installation::External);
        external.map(|it| it.number).sum()
    }

    /// Enough to tell two previews apart at a glance.
    fn short_digest(&self) -> String {
        let start = self.digest.get(..8).unwrap_or(&self.digest);
        match start.split_at_checked(4) {
            Some((one, two)) => format!("{one} {two}"),
            None => start.to_owned(),
        }
    }

    pub(super) fn sentence(&self, s: &Speak) -> String {
        let stops = self.stops();
        let loses = self.people(Effect::Loses).saturating_sub(stops);
        let first = match (self.gains, loses) {
            (0, 0) if stops > 0 => return s.t1("preview-stops", "count", stops),
            (0, 0) => return s.t("preview-nothing"),
            (gains, 0) => s.t1("preview-gain", "gains", gains),
            (0, loses) => s.t1("preview-lose", "loses", loses),
            (gains, loses) => s.t2("preview-gain-lose", "gains", gains, "loses", loses),
        };
        let parts: Vec<String> = [
            (Effect::Gains, "preview-part-now"),
            (Effect::GainsLater, "preview-part-later"),
            (Effect::GainsOnceReady, "preview-part-ready"),
            (Effect::Waits, "preview-part-waits"),
        ]
        .into_iter()
        .filter(|(effect, _)| self.people(*effect) > 0)
        .map(|(effect, part)| s.t1(part, "count", self.people(effect)))
        .collect();
        let parts = (!parts.is_empty()).then(|| s.t1("preview-parts", "parts", parts.join(", ")));
        let stops = (stops > 0).then(|| s.t1("preview-stops", "count", stops));
        let all = [Some(first), parts, stops];
        all.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// When what comes back comes back.
    fn coming_back_reason(&self, s: &Speak) -> String {
        match self.stops() {
            0 => s.t("preview-coming-back-reason"),
            stops if stops == self.figures.returning => s.t("preview-coming-back-at-once"),
            _ => s.t("preview-coming-back-both"),
        }
    }

    /// The licences when all is done.
    pub(super) fn after(&self) -> Counts {
        let out = self.counts.used + self.counts.on_the_way;
        Counts {
            used: out.saturating_sub(self.figures.returning),
            on_the_way: self.figures.needed - self.waits,
            free: self.left,
            // Of those that are left while somebody waits.
            kept: self.left.filter(|_| self.waits > 0).unwrap_or(0),
            waiting: self.waits,
            ..self.counts
        }
    }

    /// Why some wait.
    fn waits_reason(&self, s: &Speak) -> String {
        match self.after().kept {
            0 => s.t("preview-waits-reason"),
            kept => s.t1("preview-waits-kept", "count", kept),
        }
    }

    fn stay_used(&self) -> u64 {
        self.after().used
    }

    fn given(&self) -> u64 {
        self.after().on_the_way
    }

    /// Those who stood in the line before.
    fn wanted_already(&self) -> u64 {
        self.figures.needed - self.gains
    }

    pub(super) fn total(&self) -> u64 {
        self.affected.iter().map(|affected| affected.number).sum()
    }

    pub(super) fn rows(&self, s: &Speak) -> Vec<Row> {
        let mut rows = Vec::new();
        let loses = [
            (Effect::Loses, Installation::Managed),
            (Effect::Loses, Installation::External),
        ];
        let of = |effect| match effect {
            Effect::Loses => loses.map(|(effect, by)| (effect, Some(by))).to_vec(),
            effect => vec![(effect, None)],
        };
        for (effect, by) in EFFECTS.into_iter().flat_map(of) {
            let is = |it: &&Affected| it.effect == effect && by.is_none_or(|by| it.installation == by);
            let items: Vec<&Affected> = self.affected.iter().filter(is).collect();
            let many = HowMany::of(items.iter().copied());
            if many.total() == 0 {
                continue;
            }
            rows.push(Row {
                glyph: effect_glyph(effect),
                word: match by {
                    Some(Installation::External) => s.t("effect-loses-licence"),
                    _ => s.t(effect_word(effect)),
                },
                many,
                items: items.into_iter().map(|it| self.item(s, it)).collect(),
            });
        }
        rows
    }

    fn item(&self, s: &Speak, affected: &Affected) -> Item {
        let line = affected
            .group
            .and_then(|group| self.lines.iter().find(|line| line.group == group));
        let names: Vec<&str> = affected
            .first
            .iter()
            .filter_map(|holder| self.names.get(holder).map(String::as_str))
            .collect();
        let (head, reason) = match (affected.obstacle, line) {
            (Some(obstacle), _) => (s.detail(obstacle), String::new()),
            (None, Some(line)) => (line.name.clone(), line.change(s)),
            // Whoever stands in the line gets one or waits longer by it; what else happens is what the change is about.
            (None, None) => match affected.effect {
                Effect::Gains | Effect::GainsLater | Effect::GainsOnceReady | Effect::Waits => {
                    (s.t("preview-others"), s.t("preview-others-reason"))
                }
                _ => (s.t("preview-concerned"), String::new()),
            },
        };
        let devices = match affected.devices {
            0 => String::new(),
            devices => s.t1("preview-devices", "count", devices),
        };
        let external = match (affected.installation, affected.effect) {
            (Installation::Managed, _) | (_, Effect::Drops | Effect::None) => String::new(),
            (Installation::External, Effect::Loses) => s.t("preview-external-loses"),
            (Installation::External, _) => s.t("preview-external"),
        };
        let prompted = [
            ("prompts-part-join", affected.prompted.join),
            ("prompts-part-install", affected.prompted.install),
            ("prompts-part-apple-id", affected.prompted.apple_id),
        ];
        let prompted = prompted
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(key, count)| s.t1(key, "count", count));
        Item {
            head,
            reason: [reason, devices, external]
                .into_iter()
                .chain(prompted)
                .filter(|it| !it.is_empty())
                .collect::<Vec<_>>()
                .join(" · "),
            more: affected.number.saturating_sub(names.len() as u64),
            names: names.join(", "),
        }
    }

    pub(super) fn unchanged(&self, s: &Speak) -> Option<(HowMany, String)> {
        let of = |fate| {
            let same = self.affected.iter().filter(|it| it.fate == Some(fate));
            same.map(|it| it.number).sum::<u64>()
        };
        let words: Vec<String> = FATES
            .into_iter()
            .filter(|fate| of(*fate) > 0)
            .map(|fate| s.t1(fate_word(fate), "count", of(fate)))
            .collect();
        let many = HowMany::of(self.affected.iter().filter(|it| it.fate.is_some()));
        (many.total() > 0).then(|| (many, words.join(" · ")))
    }

    pub(super) fn requests_total(&self) -> u64 {
        self.requests.iter().map(|(_, asked)| asked.requests).sum()
    }
}

/// What people will be asked because of all of these together: whoever is invited to join is invited once.
pub(super) fn prompted<'a>(previews: impl IntoIterator<Item = &'a PreviewView>) -> Prompted {
    let mut joining: BTreeSet<PersonId> = BTreeSet::new();
    let each = previews.into_iter().map(|preview| {
        joining.extend(&preview.joining);
        preview.prompted
    });
    let sum: Prompted = each.sum();
    Prompted {
        join: joining.len() as u64,
        ..sum
    }
}

/// What was previewed, where it is not what saving would do any more.
#[derive(Debug, Clone)]
pub struct Outdated {
    /// What the form remembers of it.
    pub seen: Option<Figures>,
}

#[derive(Template)]
#[template(path = "console/preview.html")]
pub struct PreviewPage {
    pub s: Speak,
    pub frame: Frame,
    pub app: AssetId,
    pub name: String,
    pub has_icon: bool,
    /// The form as it was filled in, by the names of its fields.
    pub fields: Vec<(String, String)>,
    /// Of the deployment that was opened.
    pub version: i64,
    pub preview: PreviewView,
    /// Nothing was saved, since this is something else than was seen.
    pub outdated: Option<Outdated>,
    /// Nothing was saved, since nobody said how many licences are taken back.
    pub unconfirmed: bool,
    /// It only asks another administrator: what those are called who can approve it.
    pub approvers: Option<Vec<String>>,
}

impl PreviewPage {
    fn prompted(&self) -> Prompted {
        self.preview.prompted
    }

    fn context(&self) -> String {
        let s = &self.s;
        s.t2("preview-context", "app", &self.name, "count", self.preview.lines.len())
    }

    fn confirmed(&self, licences: &u64) -> String {
        confirmed(&self.s, *licences, self.preview.stops())
    }

    fn differences(&self, outdated: &Outdated) -> Vec<(String, String, String)> {
        let seen = outdated.seen.as_ref();
        seen.map_or_else(Vec::new, |seen| seen.differences(&self.s, &self.preview.figures))
    }
}

#[cfg(test)]
pub mod tests {
    use domain::{Approval, Detail};

    use super::*;
    use crate::http::console::pages::{
        Place, apps,
        tests::{ago, frame, id},
    };

    fn figures() -> Figures {
        Figures {
            owned: Some(2250),
            out: 852,
            free: Some(1398),
            returning: 38,
            needed: 1448,
            people: [1398, 38, 0, 12, 38, 15, 3, 2, 4, 1],
        }
    }

    pub fn view(s: &Speak) -> PreviewView {
        let affected = |effect, fate, obstacle, group: Option<u128>, people| Affected {
            effect,
            fate,
            obstacle,
            group: group.map(|group| id(group, GroupId)),
            kind: match effect {
                Effect::HandsOver | Effect::Keeps => HolderKind::Device,
                _ => HolderKind::User,
            },
            number: people,
            devices: people,
            installation: match effect {
                Effect::Loses | Effect::Keeps => Installation::External,
                _ => Installation::Managed,
            },
            prompted: match effect {
                Effect::Gains | Effect::GainsOnceReady => Prompted {
                    join: 2,
                    install: people,
                    apple_id: people,
                },
                _ => Prompted::default(),
            },
            first: vec![id(1, PersonId).into(), id(2, PersonId).into()],
        };
        let effects = EFFECTS
            .into_iter()
            .zip(figures().people)
            .map(|(effect, people)| match effect {
                Effect::Cannot => affected(effect, None, Some(Detail::MinimumOsVersionNotMet), None, people),
                Effect::Waits => affected(effect, None, None, None, people),
                effect => affected(effect, None, None, Some(1), people),
            });
        let unchanged = FATES.map(|fate| affected(Effect::None, Some(fate), None, None, 7));
        let line = |number, before, after| LineView {
            group: id(number, GroupId),
            name: "전 직원".to_owned(),
            kind: GroupKind::User,
            members: 2140,
            before,
            after,
        };
        let says = |approval, deadline, license_type| LineSays {
            approval,
            deadline,
            license_type,
            installation: match license_type {
                LicenseType::User => Installation::External,
                _ => Installation::Managed,
            },
            kept_licenses: match license_type {
                LicenseType::User => 12,
                _ => 0,
            },
        };
        let available = Some(says(Approval::Available, None, LicenseType::Device));
        let required = Some(says(Approval::Required, Some(s.end_of_day(3)), LicenseType::User));
        let asked = |people, requests| Asked { people, requests };
        PreviewView {
            digest: "7f3a91c20000000000000000000000ff".to_owned(),
            now: s.now,
            observed_at: ago(s, 2),
            figures: figures(),
            counts: Counts {
                owned: Owned::Count(2250),
                used: 800,
                on_the_way: 40,
                foreign: 12,
                free: Some(1398),
                kept: 0,
                waiting: 0,
                returning: 0,
                short: 0,
            },
            short: 0,
            left: Some(0),
            kept_in_vain: 3,
            waits: 12,
            gains: 1448,
            affected: effects.chain(unchanged).collect(),
            lines: vec![
                line(1, available, required),
                line(2, None, required),
                line(3, available, None),
            ],
            names: [
                (id(1, PersonId).into(), "강하늘".to_owned()),
                (id(2, PersonId).into(), "고은결".to_owned()),
            ]
            .into(),
            later: vec![LaterView {
                deadline: s.end_of_day(3),
                needed: 5,
                waiting: 2,
            }],
            prompted: Prompted {
                join: 2,
                install: 1398,
                apple_id: 1398,
            },
            joining: vec![id(1, PersonId), id(2, PersonId)],
            requests: vec![
                ("preview-request-users", asked(164, 2)),
                ("preview-request-associate", asked(1398, 2)),
                ("preview-request-disassociate", asked(38, 1)),
                ("preview-request-later", asked(38, 1)),
            ],
            to_confirm: Some(38),
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let app = apps::tests::lines().remove(1);
        let page = |preview, outdated, unconfirmed| PreviewPage {
            s: s.clone(),
            frame: frame(Place::Apps),
            app: app.id,
            name: app.name.clone(),
            has_icon: false,
            fields: vec![("group".to_owned(), id(1, GroupId).to_string())],
            version: 4,
            preview,
            outdated,
            unconfirmed,
            approvers: unconfirmed.then(Vec::new),
        };
        let full = view(s);
        let nobody = PreviewView {
            figures: Figures {
                owned: None,
                free: None,
                people: [0; EFFECTS.len()],
                returning: 0,
                needed: 0,
                out: 0,
            },
            counts: Counts {
                owned: Owned::Unlimited,
                free: None,
                ..full.counts
            },
            left: None,
            kept_in_vain: 0,
            waits: 0,
            gains: 0,
            affected: Vec::new(),
            lines: Vec::new(),
            later: Vec::new(),
            prompted: Prompted::default(),
            joining: Vec::new(),
            requests: Vec::new(),
            to_confirm: None,
            ..full.clone()
        };
        let enough = PreviewView {
            left: Some(4),
            waits: 0,
            short: 3,
            ..full.clone()
        };
        let seen = |people: [u64; EFFECTS.len()]| {
            Some(Outdated {
                seen: Some(Figures { people, ..figures() }),
            })
        };
        let mut before = figures().people;
        before[3] = 2;
        vec![
            ("preview", page(full.clone(), None, false).render().unwrap()),
            ("preview-nobody", page(nobody, None, false).render().unwrap()),
            ("preview-enough", page(enough, None, false).render().unwrap()),
            ("preview-unconfirmed", page(full.clone(), None, true).render().unwrap()),
            (
                "preview-outdated",
                page(full.clone(), seen(before), false).render().unwrap(),
            ),
            (
                "preview-other-people",
                page(full, seen(figures().people), false).render().unwrap(),
            ),
        ]
    }

    #[test]
    fn a_form_remembers_what_was_seen_and_believes_no_other() {
        let seen = figures();
        assert_eq!(Figures::read(&seen.value()), Some(seen.clone()));
        let unlimited = Figures {
            owned: None,
            free: None,
            ..seen
        };
        assert_eq!(Figures::read(&unlimited.value()), Some(unlimited.clone()));
        let longer = format!("{}.1", unlimited.value());
        for other in ["", "1", "a.b", longer.as_str(), "1.-.3.4.5.1.1.1.1.1.1.1.1.1"] {
            assert_eq!(Figures::read(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_differs_is_told_of_two_previews() {
        let s = crate::http::console::pages::tests::speak(crate::messages::Lang::En);
        let before = figures();
        let mut now = before.clone();
        assert_eq!(before.differences(&s, &now), []);
        now.free = Some(1238);
        now.people[3] = 72;
        let told = before.differences(&s, &now);
        let numbers: Vec<(&str, &str)> = told
            .iter()
            .map(|(_, then, now)| (then.as_str(), now.as_str()))
            .collect();
        assert_eq!(numbers, [("1,398", "1,238"), ("12", "72")]);
        assert_eq!(told[1].0, s.t("effect-waits"));
    }

    #[test]
    fn the_sums_of_the_page_add_up() {
        let s = crate::http::console::pages::tests::speak(crate::messages::Lang::En);
        let view = view(&s);
        let after = view.after();
        assert_eq!(after.used + after.on_the_way + after.foreign, 852 - 38 + 1436);
        assert_eq!(
            view.stay_used() + view.counts.foreign + view.given() + view.left.unwrap(),
            2250
        );
        let (told, rows) = (view.total(), view.rows(&s));
        let rows: u64 = rows.iter().map(|row| row.many.total()).sum();
        assert_eq!(rows + view.unchanged(&s).unwrap().0.total(), told);
    }
}
