//! The pages of the console: plain values and the templates that show them (`templates/console`).
//!
//! Nothing here asks the app for anything. A handler fills a page; a page only finds the words.

pub mod accounts;
pub mod activity;
pub mod app;
pub mod apps;
pub mod bulk;
pub mod changes;
pub mod conflict;
pub mod dashboard;
pub mod deployment;
pub mod devices;
pub mod enrol;
pub mod error;
pub mod groups;
pub mod leavers;
pub mod members;
pub mod moving_up;
pub mod parts;
pub mod people;
pub mod preview;
pub mod reclaim;
pub mod rule_sets;
pub mod rules;
pub mod search;
pub mod settings;
pub mod sign_in;
pub mod stopped;
pub mod ui;
pub mod vpp;
pub mod why;
pub mod words;

use ui::{Glyph, Html};

use crate::messages::Speak;

/// Where in the navigation a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Dashboard,
    Apps,
    Devices,
    People,
    Groups,
    Activity,
    Vpp,
    Accounts,
    Settings,
    Reclaim,
    MyAccount,
    /// Nowhere: a search, an error.
    Elsewhere,
}

/// What is around every page of the console.
#[derive(Debug, Clone)]
pub struct Frame {
    pub place: Place,
    /// The page's own address, to come back to after choosing a language.
    pub path: String,
    /// Who is signed in.
    pub name: String,
    /// Whether the account may change things. The app asks again; this only leaves out buttons that would not work.
    pub may_write: bool,
    pub organization: String,
    pub apps: u64,
    pub devices: u64,
    pub people: u64,
    pub groups: u64,
    /// A change that concerns many is still being decided.
    pub spreading: bool,
    /// What is in the search field.
    pub query: String,
    pub flash: Option<Flash>,
}

/// What came of what was just done. It stands on top of the page until the next one.
#[derive(Debug, Clone)]
pub struct Flash {
    pub glyph: Glyph,
    pub text: String,
}

impl Flash {
    pub fn done(text: String) -> Option<Flash> {
        Some(Flash { glyph: Glyph::Ok, text })
    }

    pub fn bad(text: String) -> Option<Flash> {
        Some(Flash {
            glyph: Glyph::Bad,
            text,
        })
    }

    /// An error interrupts whoever listens to the page; a success does not.
    pub fn role(&self) -> &'static str {
        if self.glyph == Glyph::Bad { "alert" } else { "status" }
    }
}

/// One line of the navigation.
pub struct NavItem {
    pub href: &'static str,
    pub icon: Html,
    pub text: String,
    pub count: Option<u64>,
    pub current: bool,
    pub children: Vec<NavChild>,
}

/// One of the pages below it.
pub struct NavChild {
    pub href: &'static str,
    pub text: String,
    pub current: bool,
}

impl Frame {
    /// One's own account, which the name leads to.
    pub fn is_mine(&self) -> bool {
        self.place == Place::MyAccount
    }

    pub fn nav(&self, s: &Speak) -> Vec<NavItem> {
        let item = |place, href, icon, key, count| NavItem {
            href,
            icon: ui::icon(icon, 16),
            text: s.t(key),
            count,
            current: self.place == place,
            children: Vec::new(),
        };
        let mut administration = item(
            Place::Vpp,
            "/administration/vpp",
            "settings",
            "nav-administration",
            None,
        );
        if matches!(
            self.place,
            Place::Vpp | Place::Reclaim | Place::Accounts | Place::Settings
        ) {
            let child = |place, href, key| NavChild {
                href,
                text: s.t(key),
                current: self.place == place,
            };
            administration.current = false;
            administration.children = vec![
                child(Place::Vpp, "/administration/vpp", "nav-vpp"),
                child(Place::Reclaim, "/administration/reclaim-rules", "nav-reclaim"),
                child(Place::Accounts, "/administration/accounts", "nav-accounts"),
                child(Place::Settings, "/administration/settings", "nav-settings"),
            ];
        }
        vec![
            item(Place::Dashboard, "/dashboard", "dashboard", "nav-dashboard", None),
            item(Place::Apps, "/apps", "apps", "nav-apps", Some(self.apps)),
            item(Place::Devices, "/devices", "devices", "nav-devices", Some(self.devices)),
            item(Place::People, "/people", "people", "nav-people", Some(self.people)),
            item(Place::Groups, "/groups", "groups", "nav-groups", Some(self.groups)),
            item(Place::Activity, "/activity", "activity", "nav-activity", None),
            administration,
        ]
    }
}

#[cfg(test)]
pub mod tests {
    use domain::Time;
    use jiff::tz::TimeZone;
    use uuid::Uuid;

    use super::*;
    use crate::messages::Lang;

    /// 14:05 in Seoul on 23 November 2026.
    pub fn speak(lang: Lang) -> Speak {
        Speak {
            lang,
            now: Time(1_795_410_300_000),
            zone: TimeZone::get("Asia/Seoul").unwrap(),
        }
    }

    pub fn id<T>(number: u128, make: impl Fn(Uuid) -> T) -> T {
        make(Uuid::from_u128(number))
    }

    /// So many minutes before now.
    pub fn ago(s: &Speak, minutes: u64) -> Time {
        s.now - std::time::Duration::from_secs(minutes * 60)
    }

    pub fn frame(place: Place) -> Frame {
        Frame {
            place,
            path: "/apps?q=%ED%95%9C".to_owned(),
            name: "홍라온".to_owned(),
            may_write: true,
            organization: "서린들 주식회사".to_owned(),
            apps: 10,
            devices: 60,
            people: 1420,
            groups: 9,
            spreading: false,
            query: String::new(),
            flash: Flash::done("저장했습니다.".to_owned()),
        }
    }

    /// Every page there is, with something in it.
    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        all.extend(sign_in::tests::samples(s));
        all.extend(dashboard::tests::samples(s));
        all.extend(apps::tests::samples(s));
        all.extend(app::tests::samples(s));
        all.extend(deployment::tests::samples(s));
        all.extend(preview::tests::samples(s));
        all.extend(vpp::tests::samples(s));
        all.extend(devices::tests::samples(s));
        all.extend(people::tests::samples(s));
        all.extend(leavers::tests::samples(s));
        all.extend(groups::tests::samples(s));
        all.extend(members::tests::samples(s));
        all.extend(rules::tests::samples(s));
        all.extend(bulk::tests::samples(s));
        all.extend(moving_up::tests::samples(s));
        all.extend(activity::tests::samples(s));
        all.extend(stopped::tests::samples(s));
        all.extend(changes::tests::samples(s));
        all.extend(accounts::tests::samples(s));
        all.extend(settings::tests::samples(s));
        all.extend(reclaim::tests::samples(s));
        all.extend(search::tests::samples(s));
        all.extend(enrol::tests::samples(s));
        all.extend(error::tests::samples(s));
        all.extend(why::tests::samples(s));
        all
    }

    /// The names of the attributes in a page, read the simple way.
    fn attributes(html: &str) -> impl Iterator<Item = &str> {
        html.split('<').skip(1).flat_map(|tag| {
            let tag = tag.split('>').next().unwrap_or_default();
            // Odd pieces are inside quotes.
            tag.split('"')
                .step_by(2)
                .flat_map(|outside| outside.split_whitespace())
                .skip(1)
        })
    }

    #[test]
    fn every_page_is_complete_in_both_languages() {
        for lang in [Lang::Ko, Lang::En] {
            for (name, html) in samples(&speak(lang)) {
                assert!(
                    !html.contains('⟦'),
                    "{name}: a message is missing: {}",
                    around(&html, '⟦')
                );
                assert!(
                    !html.contains("{$"),
                    "{name}: an argument is missing: {}",
                    around(&html, '{')
                );
                for attribute in attributes(&html) {
                    assert!(!attribute.starts_with("style="), "{name}: {attribute}");
                    assert!(!attribute.starts_with("on"), "{name}: {attribute}");
                }
                if name.starts_with("fragment") {
                    continue;
                }
                assert_eq!(html.matches("<h1").count(), 1, "{name} has one head");
                assert!(html.contains(&format!(r#"<html lang="{}""#, lang.code())), "{name}");
                assert!(!html.contains("<script>") && !html.contains("<style"), "{name}");
            }
        }
    }

    /// A page in English must not fall back to Korean words of ours; names in the samples are Korean on purpose.
    #[test]
    fn english_pages_have_no_korean_words_of_ours() {
        for (name, html) in samples(&speak(Lang::En)) {
            for word in ["합니다", "하십시오", "라이선스", "토큰", "장치", "설치"] {
                assert!(
                    !html.contains(word),
                    "{name} says {word}: {}",
                    around(&html, word.chars().next().unwrap())
                );
            }
        }
    }

    #[test]
    fn every_field_has_a_label_and_every_button_a_type_or_a_form() {
        for (name, html) in samples(&speak(Lang::Ko)) {
            for input in html.split("<input ").skip(1) {
                let tag = input.split('>').next().unwrap_or_default();
                if tag.contains(r#"type="hidden""#)
                    || tag.contains(r#"type="radio""#)
                    || tag.contains(r#"type="checkbox""#)
                {
                    continue;
                }
                let id = tag.split(r#"id=""#).nth(1).and_then(|rest| rest.split('"').next());
                let id = id.unwrap_or_else(|| panic!("{name}: no id in {tag}"));
                assert!(html.contains(&format!(r#"for="{id}""#)), "{name}: no label for {id}");
            }
        }
    }

    fn around(html: &str, mark: char) -> String {
        let at = html.find(mark).unwrap_or(0);
        html[at..].chars().take(60).collect()
    }
}
