//! What the search field of the navigation finds.

use askama::Template;

use super::{Frame, parts::Named};
use crate::messages::Speak;

/// One thing that was found.
#[derive(Debug, Clone)]
pub struct Found {
    pub thing: Named,
    pub second_line: String,
}

#[derive(Template)]
#[template(path = "console/search.html")]
pub struct SearchPage {
    pub s: Speak,
    pub frame: Frame,
    pub query: String,
    pub apps: Vec<Found>,
    pub people: Vec<Found>,
    pub devices: Vec<Found>,
}

impl SearchPage {
    fn total(&self) -> usize {
        self.apps.len() + self.people.len() + self.devices.len()
    }

    /// What was found, by kind.
    fn kinds(&self) -> Vec<(String, &[Found])> {
        [
            ("nav-apps", &self.apps),
            ("nav-people", &self.people),
            ("nav-devices", &self.devices),
        ]
        .into_iter()
        .filter(|(_, found)| !found.is_empty())
        .map(|(key, found)| (self.s.t(key), found.as_slice()))
        .collect()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{Place, app::tests::named, tests::frame};

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let found = || {
            vec![Found {
                thing: named("한올서명 <b>", "/apps/1"),
                second_line: "한올랩".to_owned(),
            }]
        };
        let page = |apps, people| SearchPage {
            s: s.clone(),
            frame: frame(Place::Elsewhere),
            query: "한".to_owned(),
            apps,
            people,
            devices: Vec::new(),
        };
        vec![
            ("search", page(found(), found()).render().unwrap()),
            ("search-nothing", page(Vec::new(), Vec::new()).render().unwrap()),
        ]
    }
}
