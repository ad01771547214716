//! What an employee sees behind a one-time enrolment link, on the device itself. No session is needed.

use askama::Template;

use super::ui::Glyph;
use crate::messages::Speak;

/// What the link is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolState {
    /// The profile can be downloaded, once.
    Open {
        /// `None` of a device that belongs to nobody.
        person: Option<String>,
    },
    Used,
    Expired,
    /// Its person left.
    Ended,
    Unknown,
    /// The server has no push certificate.
    NotReady,
    /// Too many enrol at once.
    Busy,
}

#[derive(Template)]
#[template(path = "console/enrol.html")]
pub struct EnrolPage {
    pub s: Speak,
    /// Who manages the device.
    pub organization: String,
    pub state: EnrolState,
    /// The page's own address: its form posts there, and the language switch comes back there.
    pub path: String,
}

impl EnrolPage {
    fn problem(&self) -> Option<(&'static str, &'static str)> {
        Some(match self.state {
            EnrolState::Open { .. } => return None,
            EnrolState::Used => ("enrol-used", "enrol-used-advice"),
            EnrolState::Expired => ("enrol-expired", "enrol-expired-advice"),
            EnrolState::Ended => ("enrol-ended", "enrol-ended-advice"),
            EnrolState::Unknown => ("enrol-unknown", "enrol-unknown-advice"),
            EnrolState::Busy => ("enrol-busy", "enrol-busy-advice"),
            EnrolState::NotReady => ("enrol-not-ready", "enrol-not-ready-advice"),
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let page = |state| EnrolPage {
            s: s.clone(),
            organization: "서린들 주식회사".to_owned(),
            state,
            path: "/enrol/abc".to_owned(),
        };
        vec![
            (
                "enrol",
                page(EnrolState::Open {
                    person: Some("신다온".to_owned()),
                })
                .render()
                .unwrap(),
            ),
            (
                "enrol-nobody",
                page(EnrolState::Open { person: None }).render().unwrap(),
            ),
            ("enrol-used", page(EnrolState::Used).render().unwrap()),
            ("enrol-expired", page(EnrolState::Expired).render().unwrap()),
            ("enrol-ended", page(EnrolState::Ended).render().unwrap()),
            ("enrol-unknown", page(EnrolState::Unknown).render().unwrap()),
            ("enrol-busy", page(EnrolState::Busy).render().unwrap()),
            ("enrol-not-ready", page(EnrolState::NotReady).render().unwrap()),
        ]
    }

    #[test]
    fn only_an_open_link_offers_the_profile() {
        let s = crate::http::console::pages::tests::speak(crate::messages::Lang::Ko);
        for (name, html) in samples(&s) {
            let open = matches!(name, "enrol" | "enrol-nobody");
            assert_eq!(
                html.contains(r#"<form method="post" action="/enrol/abc""#),
                open,
                "{name}"
            );
        }
    }
}
