//! 순서 앞당기기.

use askama::Template;
use domain::AssetId;
use store::{Move, MovedUpRow};

use super::{Frame, parts::Named, ui::Glyph};
use crate::messages::Speak;

#[derive(Template)]
#[template(path = "console/move_up.html")]
pub struct MoveUpPage {
    pub s: Speak,
    pub frame: Frame,
    pub asset: AssetId,
    pub app: String,
    pub person: Named,
    /// The same in the middle of a sentence.
    pub whom: String,
    /// They were moved up already.
    pub moved: Option<MovedUpRow>,
    /// `None` for whoever does not wait for a licence.
    pub step: Option<Move>,
    /// The first whom they would pass, and how many, where that was counted.
    pub overtakes: Option<String>,
    pub passes: Option<u64>,
    /// Of this page.
    pub path: String,
    pub reason: String,
    /// What is wrong with the reason.
    pub error: Option<String>,
    pub refused: Option<Refused>,
}

/// Why somebody was not moved up who should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    NotWaiting,
    Already,
}

impl MoveUpPage {
    fn title(&self) -> String {
        self.s.t1("move-up-title", "whom", &self.whom)
    }

    fn refusal(&self) -> Option<String> {
        let refused = self.refused?;
        Some(match refused {
            Refused::NotWaiting => self.s.t("move-up-refused"),
            Refused::Already => self.s.t("move-up-already"),
        })
    }

    /// What it changes, line by line.
    fn changes(&self, step: &Move) -> Vec<String> {
        let s = &self.s;
        let to = match step.to {
            Some(place) => s.place(place),
            None => s.t("move-up-served"),
        };
        let passed = match (&self.overtakes, self.passes) {
            (None, _) => s.t("move-up-passes-nobody"),
            (Some(next), Some(count)) => s.t2("move-up-passes", "whom", next, "count", count),
            (Some(next), None) => s.t1("move-up-passes-some", "whom", next),
        };
        vec![
            s.t2("move-up-places", "from", s.place(step.from), "to", to),
            passed,
            s.t("move-up-takes-nothing"),
        ]
    }
}

#[cfg(test)]
pub mod tests {
    use domain::{PersonId, Place, Time};

    use super::*;
    use crate::http::console::pages::{
        self,
        app::tests::named,
        tests::{frame, id, speak},
    };
    use crate::messages::Lang;

    fn sample(s: &Speak) -> MoveUpPage {
        let overtakes = s.whom("정우진");
        MoveUpPage {
            s: s.clone(),
            frame: frame(pages::Place::Apps),
            asset: id(1, AssetId),
            app: "지도".to_owned(),
            person: named("윤가람", "/people/1"),
            whom: s.whom("윤가람"),
            moved: None,
            step: Some(Move {
                from: Place::At(7),
                to: Some(Place::At(1)),
                overtakes: Some(id(2, PersonId)),
            }),
            overtakes: Some(overtakes),
            passes: Some(6),
            path: "/apps/1/waiting/1".to_owned(),
            reason: String::new(),
            error: None,
            refused: None,
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let usual = || sample(s);
        let moved = MovedUpRow {
            person_id: id(1, PersonId),
            moved_at: Time(1_795_000_000_000),
            moved_by: "홍라온".to_owned(),
            reason: "출장".to_owned(),
        };
        let place = |from, to| {
            let overtakes = None;
            Some(Move { from, to, overtakes })
        };
        let pages = [
            ("move-up", usual()),
            (
                "move-up-from-behind",
                MoveUpPage {
                    step: place(Place::After(1000), None),
                    passes: None,
                    error: Some(s.t("problem-missing")),
                    ..usual()
                },
            ),
            (
                "move-up-first-already",
                MoveUpPage {
                    step: place(Place::At(1), Some(Place::At(1))),
                    overtakes: None,
                    passes: Some(0),
                    ..usual()
                },
            ),
            (
                "moved-up",
                MoveUpPage {
                    moved: Some(moved),
                    refused: Some(Refused::Already),
                    ..usual()
                },
            ),
            (
                "move-up-not-waiting",
                MoveUpPage {
                    step: None,
                    refused: Some(Refused::NotWaiting),
                    ..usual()
                },
            ),
        ];
        pages
            .into_iter()
            .map(|(name, page)| (name, page.render().unwrap()))
            .collect()
    }

    #[test]
    fn whom_it_passes_is_told_as_far_as_that_was_counted() {
        let s = speak(Lang::En);
        let told = |passes, overtakes| {
            let page = MoveUpPage {
                passes,
                overtakes,
                ..sample(&s)
            };
            page.changes(&page.step.unwrap())[1].clone()
        };
        let next = || Some(s.whom("정우진"));
        assert!(told(Some(1), next()).starts_with("정우진 is passed"));
        assert!(told(Some(6), next()).starts_with("6 people are passed"));
        assert!(told(None, next()).starts_with("정우진 and"));
        assert!(told(Some(0), None).starts_with("Nobody is passed"));
    }
}
