//! 퇴사: what somebody's leaving does to their groups and devices, to each app, and to whoever waits for one.

use askama::Template;
use domain::{AssetId, Effect, Fate, Parting, PersonId, Prompted};

use super::{
    Frame,
    parts::Named,
    preview::{PreviewView, effect_glyph, effect_word, prompted},
    ui::{Glyph, Html},
};
use crate::{
    app::leavers::{Devices, LeavingLicence},
    messages::Speak,
};

/// Somebody else to whom something happens.
#[derive(Debug, Clone)]
pub struct Next {
    pub holder: Named,
    pub effect: Effect,
}

impl Next {
    fn state(&self, s: &Speak) -> Html {
        s.state(effect_glyph(self.effect), s.t(effect_word(self.effect)))
    }
}

/// One app that the person has, or was to have.
#[derive(Debug, Clone)]
pub struct LeavingAppView {
    pub id: AssetId,
    pub name: String,
    pub has_icon: bool,
    /// What they have, or wait for.
    pub before: Fate,
    pub licence: LeavingLicence,
    /// What those of their devices are called on which it may be.
    pub devices: Vec<String>,
    pub next: Vec<Next>,
    /// How many are left without a licence, before and afterwards.
    pub waits: [u64; 2],
    pub preview: PreviewView,
}

impl LeavingAppView {
    /// What becomes of it, one line after the other.
    fn lines(&self, s: &Speak) -> Vec<Html> {
        let mut lines = Vec::new();
        if !self.devices.is_empty() {
            let text = s.t1("leave-app-goes", "devices", self.devices.join(", "));
            lines.push(s.state(Glyph::Warn, text));
        }
        let licence = match (self.licence, self.before) {
            (LeavingLicence::ComesBack, _) if self.preview.stops() > 0 => Some((Glyph::Warn, "leave-licence-external")),
            (LeavingLicence::ComesBack, _) if self.devices.is_empty() => Some((Glyph::Way, "leave-licence-at-once")),
            (LeavingLicence::ComesBack, _) => Some((Glyph::Way, "leave-licence-comes-back")),
            (LeavingLicence::ComesBackAlready, _) => Some((Glyph::Way, "leave-licence-already")),
            (LeavingLicence::Stays, _) => Some((Glyph::Bad, "leave-licence-stays")),
            (LeavingLicence::None, Fate::Now | Fate::Later | Fate::OnceReady | Fate::Waits) => {
                Some((Glyph::Na, "leave-line"))
            }
            (LeavingLicence::None, Fate::Cannot | Fate::MayAsk) => Some((Glyph::Na, "leave-drops")),
            (LeavingLicence::None, Fate::Has | Fate::HandsOver | Fate::Goes | Fate::Nothing) => None,
        };
        lines.extend(licence.map(|(glyph, key)| s.state(glyph, s.t(key))));
        let is_left_over = self.next.is_empty() && self.waits[1] == 0 && self.preview.figures.owned.is_some();
        if self.licence == LeavingLicence::ComesBack && is_left_over {
            lines.push(s.state(Glyph::None, s.t("leave-nobody-waits")));
        }
        if self.waits[0] != self.waits[1] {
            let text = s.tn("leave-waits", &[("before", self.waits[0]), ("after", self.waits[1])]);
            lines.push(s.state(Glyph::Wait, text));
        }
        lines
    }
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It was only looked at.
    Not,
    /// It is something else than was seen.
    Outdated,
    /// Somebody else changed the person: who, and when.
    Stale(String),
    /// The box that says what leaving means was not ticked.
    Unticked,
}

#[derive(Template)]
#[template(path = "console/person_leave.html")]
pub struct LeavePage {
    pub s: Speak,
    pub frame: Frame,
    pub id: PersonId,
    pub name: String,
    /// Of the person as they are shown.
    pub version: i64,
    pub choice: Devices,
    /// Those that are with us.
    pub devices: Vec<(Named, Parting)>,
    pub groups: Vec<Named>,
    pub is_retired_at_apple: bool,
    pub apps: Vec<LeavingAppView>,
    /// What is no app, and stays theirs.
    pub kept: Vec<String>,
    /// For how many days a device is waited for.
    pub waited_for_days: u64,
    pub digest: String,
    /// How many licences it takes back, when whoever saves has to say so.
    pub to_confirm: Option<u64>,
    pub refused: Refused,
}

impl LeavePage {
    fn title(&self) -> String {
        self.s.t1("leave-page-title", "name", &self.name)
    }

    fn keeps(&self) -> bool {
        self.choice == Devices::Keep
    }

    fn choice_value(&self) -> &'static str {
        match self.choice {
            Devices::Retire => "retire",
            Devices::Keep => "keep",
        }
    }

    fn parting(&self, parting: &Parting) -> Html {
        let s = &self.s;
        match parting {
            Parting::Retires => s.state(Glyph::Warn, s.t("leave-device-retires")),
            Parting::TakenOut => s.state(Glyph::Warn, s.t("leave-device-taken-out")),
            Parting::LeavesAlready => s.state(Glyph::Way, s.t("leave-device-leaves-already")),
            Parting::Stays => s.state(Glyph::Na, s.t("leave-device-stays")),
        }
    }

    /// Licences that come back because of it.
    fn taken_back(&self) -> u64 {
        let back = self.apps.iter().filter(|app| app.licence == LeavingLicence::ComesBack);
        back.count() as u64
    }

    fn prompted(&self) -> Prompted {
        prompted(self.apps.iter().map(|app| &app.preview))
    }

    fn requests(&self) -> u64 {
        self.apps.iter().map(|app| app.preview.requests_total()).sum()
    }

    fn is_unticked(&self) -> bool {
        self.refused == Refused::Unticked
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place,
        app::tests::named,
        apps, preview,
        tests::{frame, id, speak},
    };

    fn page(s: &Speak) -> LeavePage {
        let row = apps::tests::lines().remove(1);
        let app = |licence, before, devices: &[&str], next: &[Effect]| LeavingAppView {
            id: row.id,
            name: row.name.clone(),
            has_icon: false,
            before,
            licence,
            devices: devices.iter().map(|name| (*name).to_owned()).collect(),
            next: next
                .iter()
                .map(|effect| Next {
                    holder: named("이바다", "/people/2"),
                    effect: *effect,
                })
                .collect(),
            waits: [if next.is_empty() { 0 } else { 3 }, if next.is_empty() { 0 } else { 2 }],
            preview: preview::tests::view(s),
        };
        LeavePage {
            s: s.clone(),
            frame: frame(Place::People),
            id: id(1, PersonId),
            name: "윤가람".to_owned(),
            version: 4,
            choice: Devices::Retire,
            devices: vec![
                (named("가람의 iPhone", "/devices/1"), Parting::Retires),
                (named("새 iPad", "/devices/2"), Parting::TakenOut),
                (named("옛 iPhone", "/devices/3"), Parting::LeavesAlready),
                (named("가람의 Mac", "/devices/4"), Parting::Stays),
            ],
            groups: vec![named("영업팀", "/groups/1"), named("전사", "/groups/2")],
            is_retired_at_apple: true,
            apps: vec![
                app(
                    LeavingLicence::ComesBack,
                    Fate::Has,
                    &["가람의 iPhone", "가람의 Mac"],
                    &[Effect::GainsLater],
                ),
                app(LeavingLicence::ComesBack, Fate::Has, &[], &[]),
                app(LeavingLicence::ComesBackAlready, Fate::Goes, &["가람의 iPhone"], &[]),
                app(LeavingLicence::Stays, Fate::Has, &["가람의 iPhone"], &[]),
                app(LeavingLicence::None, Fate::Waits, &[], &[]),
                app(LeavingLicence::None, Fate::MayAsk, &[], &[]),
            ],
            kept: vec!["한올 편람".to_owned()],
            waited_for_days: 30,
            digest: "7f3a91c20000000000000000000000ff".to_owned(),
            to_confirm: Some(12),
            refused: Refused::Not,
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let nothing = LeavePage {
            choice: Devices::Keep,
            devices: Vec::new(),
            groups: Vec::new(),
            is_retired_at_apple: false,
            apps: Vec::new(),
            kept: Vec::new(),
            refused: Refused::Unticked,
            ..page(s)
        };
        let outdated = LeavePage {
            refused: Refused::Outdated,
            ..page(s)
        };
        let stale = LeavePage {
            refused: Refused::Stale(s.t("person-look-again")),
            ..page(s)
        };
        vec![
            ("person-leave", page(s).render().unwrap()),
            ("person-leave-nothing", nothing.render().unwrap()),
            ("person-leave-outdated", outdated.render().unwrap()),
            ("person-leave-stale", stale.render().unwrap()),
        ]
    }

    #[test]
    fn what_becomes_of_an_app_is_said_line_by_line() {
        let s = speak(crate::messages::Lang::Ko);
        let told: Vec<String> = page(&s)
            .apps
            .iter()
            .map(|app| app.lines(&s).iter().map(ToString::to_string).collect())
            .collect();
        let says = |at: usize, text: &str| assert!(told[at].contains(text), "{text}: {}", told[at]);
        says(0, "가람의 iPhone, 가람의 Mac");
        says(0, "3건 → 2건");
        says(1, "기다리는 사람이 없어");
        says(2, "이미 회수하는 중");
        says(3, "회수할 수 없습니다");
        says(4, "대기에서 빠집니다");
        says(5, "대상에서 빠집니다");
        assert!(!told[3].contains("기다리는 사람이 없어"), "nothing is left over");
    }
}
