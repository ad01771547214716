//! What was changed, with what it said before; and what waits for another administrator.

use askama::Template;
use domain::{AssetId, Counts, GroupKind, Prompted, Time};

use super::{
    Frame,
    members::{Moved, PreviewedApp},
    parts::Named,
    preview::{confirmed, prompted},
    rules::RuleView,
    ui::{Glyph, StateCounts},
};
use crate::messages::Speak;

/// One thing that was changed, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordRow {
    pub what: String,
    pub before: String,
    pub after: String,
}

impl WordRow {
    /// `None` when it says the same.
    pub fn of(what: String, before: String, after: String) -> Option<WordRow> {
        (before != after).then_some(WordRow { what, before, after })
    }
}

/// What a preview promised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promised {
    pub gains: u64,
    pub waits: u64,
    pub loses: u64,
    pub takes_back: u64,
}

/// What is of the app that was deployed.
#[derive(Debug, Clone)]
pub struct AppNow {
    pub counts: Counts,
    pub installs: StateCounts,
}

/// Another change of the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherChange {
    pub id: i64,
    pub by: String,
    pub at: Time,
    pub undoes: Option<i64>,
}

#[derive(Template)]
#[template(path = "console/change.html")]
pub struct ChangePage {
    pub s: Speak,
    pub frame: Frame,
    pub id: i64,
    pub title: String,
    pub icon: Option<(AssetId, bool, String)>,
    /// What it is of.
    pub thing: Option<Named>,
    pub by: String,
    pub at: Time,
    pub asked_by: Option<String>,
    pub undoes: Option<i64>,
    pub rows: Vec<WordRow>,
    pub kind: GroupKind,
    pub moved: Vec<Moved>,
    pub promised: Option<Promised>,
    pub now: Option<AppNow>,
    /// How many are in the group now, and whether its rule is still being asked.
    pub members_now: Option<(u64, bool)>,
    pub undone_by: Vec<OtherChange>,
    pub later: Vec<OtherChange>,
    /// What comes back, where anything does.
    pub back: Vec<String>,
    /// Why nothing does.
    pub why_not: Option<String>,
    /// What does not.
    pub not_back: Vec<String>,
    pub digest: Option<String>,
}

impl ChangePage {
    fn said(&self) -> String {
        let s = &self.s;
        match &self.asked_by {
            Some(asked) => s.ta(
                "change-approved-by",
                &[("by", &self.by), ("asked", asked), ("when", &s.full(self.at))],
            ),
            None => s.t2("change-by", "by", &self.by, "when", s.full(self.at)),
        }
    }

    fn and_more(&self, more: &u64) -> String {
        and_more(&self.s, self.kind, *more)
    }

    fn members_said(&self, members: &u64) -> String {
        super::parts::members_text(&self.s, self.kind, *members)
    }

    fn short_digest(&self, digest: &str) -> String {
        digest.get(..8).unwrap_or(digest).to_owned()
    }
}

fn and_more(s: &Speak, kind: GroupKind, more: u64) -> String {
    let key = match kind {
        GroupKind::User => "preview-and-more",
        GroupKind::Device => "members-and-more-devices",
    };
    s.t1(key, "count", more)
}

impl OtherChange {
    pub fn said(&self, s: &Speak) -> String {
        s.t2("change-by", "by", &self.by, "when", s.full(self.at))
    }
}

/// Something that is to be known before it is agreed to.
#[derive(Debug, Clone)]
pub struct Note {
    pub glyph: Glyph,
    pub text: String,
}

/// What a form of the page does.
#[derive(Debug, Clone)]
pub struct Action {
    pub href: String,
    pub button: String,
    pub help: String,
    /// The form as it was filled in, by the names of its fields; back to it leads a button of its own.
    pub fields: Vec<(String, String)>,
    pub edits: bool,
    /// It only asks another administrator: what those are called who can approve it.
    pub approvers: Option<Vec<String>>,
}

#[derive(Template)]
#[template(path = "console/agree.html")]
pub struct AgreePage {
    pub s: Speak,
    pub frame: Frame,
    pub title: String,
    pub crumbs: Vec<Named>,
    pub context: String,
    pub notes: Vec<Note>,
    pub rows: Vec<WordRow>,
    pub kind: GroupKind,
    pub rule: Option<RuleView>,
    pub matching: Option<Moved>,
    pub moved: Vec<Moved>,
    pub apps: Vec<PreviewedApp>,
    pub digest: String,
    /// Of the thing, as it was seen.
    pub version: i64,
    pub to_confirm: Option<u64>,
    /// Nothing was saved, since this is something else than was seen; or since nobody said how many licences are taken back.
    pub outdated: bool,
    pub unconfirmed: bool,
    /// Where it is agreed to, for whoever may.
    pub action: Option<Action>,
    /// Where it is turned down, with the reason as typed and what is wrong with it.
    pub turn_down: Option<(String, String, Option<String>)>,
    /// Where it is withdrawn.
    pub withdraw: Option<String>,
}

impl AgreePage {
    fn and_more(&self, more: &u64) -> String {
        and_more(&self.s, self.kind, *more)
    }

    fn confirmed(&self, licences: &u64) -> String {
        let stops = self.apps.iter().map(|of| of.preview.stops()).sum();
        confirmed(&self.s, *licences, stops)
    }

    fn prompted(&self) -> Prompted {
        prompted(self.apps.iter().map(|of| &of.preview))
    }

    fn requests(&self) -> u64 {
        self.apps.iter().map(|of| of.preview.requests_total()).sum()
    }
}

impl Speak {
    /// Who can approve it, in a sentence.
    pub fn approvers(&self, names: &[String]) -> String {
        /// So many are named.
        const NAMED: usize = 5;
        match names.len() {
            0 => self.t("held-nobody"),
            count if count > NAMED => {
                let named = names[..NAMED].join(", ");
                self.t2("held-who-more", "names", named, "count", count - NAMED)
            }
            _ => self.t1("held-who", "names", names.join(", ")),
        }
    }
}

/// One change that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLine {
    pub href: String,
    pub text: String,
    pub asked_by: String,
    pub asked_at: Time,
    pub expires_at: Time,
    pub take_back: u64,
    /// Whoever looks asked for it.
    pub own: bool,
}

impl HeldLine {
    pub fn reason(&self, s: &Speak) -> String {
        let asked = s.t2("held-asked", "name", &self.asked_by, "when", s.near(self.asked_at));
        match self.take_back {
            0 => asked,
            count => format!("{asked} · {}", s.t1("held-takes-back", "count", count)),
        }
    }

    /// How long it waits yet.
    pub fn left(&self, s: &Speak) -> String {
        let hours = (self.expires_at.ms() - s.now.ms()).max(0) / 3_600_000;
        match u64::try_from(hours).unwrap_or(0) {
            hours if hours < 48 => s.t1("held-hours-left", "count", hours),
            hours => s.t1("held-days-left", "count", hours / 24),
        }
    }

    pub fn verb(&self, s: &Speak) -> String {
        s.t(if self.own { "held-look" } else { "held-look-approve" })
    }
}

#[cfg(test)]
pub mod tests {
    use domain::PersonId;

    use super::*;
    use crate::http::console::pages::{
        Place, apps, preview, rules,
        tests::{ago, frame, id},
    };

    pub fn held(s: &Speak) -> Vec<HeldLine> {
        let line = |own, hours: u64| HeldLine {
            href: "/held/1".to_owned(),
            text: s.t1("change-of-deployment", "name", "한올서명"),
            asked_by: "고은결".to_owned(),
            asked_at: ago(s, 30),
            expires_at: s.now + std::time::Duration::from_secs(hours * 3600),
            take_back: if own { 0 } else { 38 },
            own,
        };
        vec![line(true, 3), line(false, 160)]
    }

    fn moved(s: &Speak) -> Vec<Moved> {
        vec![Moved {
            title: s.t("members-come"),
            names: "강하늘, 고은결".to_owned(),
            more: 38,
        }]
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let app = apps::tests::lines().remove(1);
        let row = |what: &str| WordRow {
            what: what.to_owned(),
            before: s.t("preview-line-none"),
            after: "'필수'".to_owned(),
        };
        let other = |id, undoes| OtherChange {
            id,
            by: "고은결".to_owned(),
            at: ago(s, 40),
            undoes,
        };
        let change = |full: bool| ChangePage {
            s: s.clone(),
            frame: frame(Place::Activity),
            id: 1842,
            title: s.t1("change-of-deployment", "name", "여울 회의"),
            icon: full.then(|| (app.id, false, app.name.clone())),
            thing: Some(Named {
                name: "여울 회의".to_owned(),
                href: format!("/people/{}", id(1, PersonId)),
            }),
            by: "홍라온".to_owned(),
            at: ago(s, 90),
            asked_by: full.then(|| "고은결".to_owned()),
            undoes: full.then_some(1800),
            rows: if full {
                vec![row("디자인팀"), row("영업팀")]
            } else {
                Vec::new()
            },
            kind: GroupKind::User,
            moved: if full { Vec::new() } else { moved(s) },
            promised: full.then_some(Promised {
                gains: 30,
                waits: 12,
                loses: 38,
                takes_back: 38,
            }),
            now: full.then_some(AppNow {
                counts: app.counts,
                installs: app.installs,
            }),
            members_now: (!full).then_some((40, true)),
            undone_by: if full {
                vec![other(1850, Some(1842))]
            } else {
                Vec::new()
            },
            later: if full {
                vec![other(1851, None), other(1850, Some(1842))]
            } else {
                Vec::new()
            },
            back: if full {
                vec![s.t1("change-back-lines", "count", 3)]
            } else {
                Vec::new()
            },
            why_not: (!full).then(|| s.t("unrestorable-by-rule")),
            not_back: vec![s.t("change-not-back-data")],
            digest: full.then(|| "7f3a91c20000000000000000000000ff".to_owned()),
        };
        let agree = |held: bool| AgreePage {
            s: s.clone(),
            frame: frame(Place::Activity),
            title: s.t1("change-of-deployment", "name", "여울 회의"),
            crumbs: vec![Named {
                name: s.t("nav-activity"),
                href: "/activity".to_owned(),
            }],
            context: s.t2("held-asked", "name", "고은결", "when", s.near(ago(s, 30))),
            notes: vec![Note {
                glyph: Glyph::Warn,
                text: s.approvers(&[]),
            }],
            rows: vec![row("디자인팀")],
            kind: GroupKind::User,
            rule: held.then(|| rules::tests::view(s)),
            matching: None,
            moved: moved(s),
            apps: vec![PreviewedApp {
                id: app.id,
                name: app.name.clone(),
                has_icon: false,
                preview: preview::tests::view(s),
            }],
            digest: "7f3a91c20000000000000000000000ff".to_owned(),
            version: 7,
            to_confirm: Some(38),
            outdated: held,
            unconfirmed: !held,
            action: Some(Action {
                href: "/held/1/approve".to_owned(),
                fields: Vec::new(),
                edits: false,
                button: s.t("held-approve"),
                help: s.t("held-approve-help"),
                approvers: (!held).then(|| ["가", "나", "다", "라", "마", "바"].map(str::to_owned).into()),
            }),
            turn_down: held.then(|| {
                (
                    "/held/1/turn-down".to_owned(),
                    String::new(),
                    Some(s.t("problem-missing")),
                )
            }),
            withdraw: (!held).then(|| "/held/1/withdraw".to_owned()),
        };
        vec![
            ("change", change(true).render().unwrap()),
            ("change-members", change(false).render().unwrap()),
            ("held-change", agree(true).render().unwrap()),
            ("change-restore", agree(false).render().unwrap()),
        ]
    }

    #[test]
    fn how_long_a_change_waits_is_told_in_days_and_on_the_last_in_hours() {
        let s = crate::http::console::pages::tests::speak(crate::messages::Lang::En);
        let left: Vec<String> = held(&s).iter().map(|line| line.left(&s)).collect();
        assert_eq!(left, ["3 hours left", "6 days left"]);
    }
}
