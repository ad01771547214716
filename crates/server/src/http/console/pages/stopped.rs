//! 멈춘 계획.

use askama::Template;
use domain::Time;

use super::{
    Frame,
    parts::{Named, Pager},
};
use crate::messages::Speak;

/// Why somebody's plan was stopped, in words, and where it is looked at again.
#[derive(Debug, Clone)]
pub struct StoppedNote {
    /// Of a device that belongs to nobody.
    pub of_device: bool,
    pub since: Time,
    pub reasons: Vec<String>,
    pub action: String,
}

impl StoppedNote {
    pub(super) fn title(&self, s: &Speak) -> String {
        let key = match self.of_device {
            true => "stopped-note-device",
            false => "stopped-note",
        };
        s.t1(key, "since", s.date_time(self.since))
    }
}

/// Somebody whose plan was stopped.
pub struct StoppedLine {
    pub whom: Named,
    pub note: StoppedNote,
}

#[derive(Template)]
#[template(path = "console/stopped.html")]
pub struct StoppedPage {
    pub s: Speak,
    pub frame: Frame,
    pub rows: Vec<StoppedLine>,
    pub pager: Pager,
}

#[cfg(test)]
pub mod tests {
    use domain::{AssetId, Breach, Fault, Holder, PersonId, Step};
    use store::StoppedRow;

    use super::*;
    use crate::{
        app::stopped::StoppedWhy,
        http::console::{
            pages::{
                Place,
                app::tests::named,
                tests::{ago, frame, id},
            },
            view,
        },
    };

    pub fn note(s: &Speak) -> StoppedNote {
        let (app, person) = (id(1, AssetId), id(1, PersonId));
        let row = |breach, step| StoppedRow {
            fault: Fault { person, breach, step },
            since: ago(s, 12),
        };
        let holder = Holder::Person(person);
        let why = StoppedWhy {
            rows: vec![
                row(Breach::StillThere, Step::Disassociate { app, holder }),
                row(
                    Breach::InvitedAgain,
                    Step::Invite {
                        person,
                        device: id(1, domain::DeviceId),
                    },
                ),
            ],
            apps: [(app, "한올서명".to_owned())].into(),
        };
        view::stopped_note(s, holder, &why).expect("it is stopped")
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let page = |rows: Vec<StoppedLine>| StoppedPage {
            s: s.clone(),
            frame: frame(Place::Activity),
            pager: Pager {
                from: 1,
                to: rows.len() as u64,
                total: rows.len() as u64,
                next: (!rows.is_empty()).then(|| "/stopped?after=1".to_owned()),
                ..Pager::default()
            },
            rows,
        };
        let line = StoppedLine {
            whom: named("윤가람", "/people/1"),
            note: note(s),
        };
        vec![
            ("stopped", page(vec![line]).render().unwrap()),
            ("stopped-none", page(Vec::new()).render().unwrap()),
        ]
    }
}
