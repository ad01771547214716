//! The people of the organisation, and one of them.

use askama::Template;
use domain::{AssetId, Detail, InstallState, PersonId, Program, Resolution, Seat, Time};
use store::Many;

use super::{
    Frame,
    app::Chip,
    bulk::PickBar,
    conflict::Conflict,
    devices::DeviceLine,
    parts::{InvitationLine, Named, Pager, Turn},
    stopped::StoppedNote,
    ui::{Glyph, Html, StateCounts},
};
use crate::{
    app::{directory::PersonFilter, program::ProgramRefusal},
    messages::Speak,
};

/// One person in a list.
#[derive(Debug, Clone)]
pub struct PersonLine {
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
    pub department: Option<String>,
    pub left_at: Option<Time>,
    pub program: Program,
    /// The latest, while the person has not accepted.
    pub invitation: Option<InvitationLine>,
    pub devices: u64,
    pub licences: u64,
    pub waiting: u64,
    /// By app.
    pub installs: StateCounts,
}

impl PersonFilter {
    pub fn value(self) -> &'static str {
        match self {
            PersonFilter::All => "",
            PersonFilter::Terms => "terms",
            PersonFilter::Refused => "refused",
            PersonFilter::Waiting => "waiting",
            PersonFilter::Failed => "failed",
            PersonFilter::NoDevice => "noDevice",
            PersonFilter::Left => "left",
        }
    }

    pub fn of(value: &str) -> PersonFilter {
        PersonFilter::ALL
            .into_iter()
            .find(|filter| filter.value() == value)
            .unwrap_or_default()
    }

    fn word(self) -> &'static str {
        match self {
            PersonFilter::All => "filter-all",
            PersonFilter::Terms => "filter-terms",
            PersonFilter::Refused => "terms-refused",
            PersonFilter::Waiting => "filter-waiting",
            PersonFilter::Failed => "filter-has-failed",
            PersonFilter::NoDevice => "filter-no-device",
            PersonFilter::Left => "filter-left",
        }
    }
}

#[derive(Template)]
#[template(path = "console/people.html")]
pub struct PeoplePage {
    pub s: Speak,
    pub frame: Frame,
    pub rows: Vec<PersonLine>,
    pub pager: Pager,
    /// To whoever may change something, where anybody is listed.
    pub bar: Option<PickBar>,
    /// How many each filter would leave, in the order of [`PersonFilter::ALL`].
    pub counts: Vec<Many>,
    pub filter: PersonFilter,
    pub query: String,
}

impl PeoplePage {
    fn is_narrowed(&self) -> bool {
        self.filter != PersonFilter::All || !self.query.is_empty()
    }

    fn chips(&self) -> Vec<Chip> {
        PersonFilter::ALL
            .into_iter()
            .zip(&self.counts)
            .filter(|(filter, many)| many.number > 0 || *filter == self.filter || *filter == PersonFilter::All)
            .map(|(filter, many)| Chip {
                href: people_link(filter, &self.query, &Turn::default()),
                text: self.s.t(filter.word()),
                count: *many,
                current: filter == self.filter,
            })
            .collect()
    }
}

pub fn people_link(filter: PersonFilter, query: &str, turn: &Turn) -> String {
    turn.link("/people", &[("filter", filter.value()), ("q", query)])
}

/// One app for this person.
#[derive(Debug, Clone)]
pub struct PersonAppLine {
    pub app: Named,
    pub asset: AssetId,
    pub state: InstallState,
    pub detail: Detail,
    pub code: Option<String>,
    /// Their own licence.
    pub seat: Option<Seat>,
    /// How many devices of theirs have one of their own.
    pub device_licences: u64,
    pub place: Option<domain::Place>,
    pub resolution: Resolution,
    /// Asked for, as far as the app is available and not required.
    pub requested: bool,
    /// On one of the person's devices.
    pub may_try_again: bool,
}

impl PersonAppLine {
    fn may_request(&self) -> bool {
        self.resolution.available && !self.requested
    }

    fn may_withdraw(&self) -> bool {
        self.resolution.available && !self.resolution.required && self.requested
    }
}

/// What somebody who left has not given back yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Farewell {
    pub devices: u64,
    pub licences: u64,
}

#[derive(Template)]
#[template(path = "console/person.html")]
pub struct PersonPage {
    pub s: Speak,
    pub frame: Frame,
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
    pub department: Option<String>,
    pub office: Option<String>,
    pub created_at: Time,
    pub left_at: Option<Time>,
    /// Of what can be changed of the person.
    pub version: i64,
    pub farewell: Farewell,
    pub program: Program,
    /// The latest first.
    pub invitations: Vec<InvitationLine>,
    /// Why the person was not invited again just now.
    pub refused: Option<String>,
    /// Why inviting them by hand would be refused, or nothing where the page says so anyway; `None` where it is offered.
    pub uninvitable: Option<String>,
    /// When Apple retired those that the person had before.
    pub retired: Vec<Option<Time>>,
    /// With by what they are in each.
    pub groups: Vec<(Named, String)>,
    pub devices: Vec<DeviceLine>,
    pub apps: Vec<PersonAppLine>,
    /// A link that was just made. It is never shown again.
    pub link: Option<String>,
    /// Licences that go back, and whose return Apple has not confirmed.
    pub to_return: u64,
    /// Nothing is done for them: their plan was stopped.
    pub stopped: Option<StoppedNote>,
}

impl PersonPage {
    /// What is still to be done for somebody who left, one line after the other.
    fn open_ends(&self) -> Vec<Html> {
        let s = &self.s;
        let line = |open: u64, key: &str, done: &str| match open {
            0 => s.state(Glyph::Ok, s.t(done)),
            _ => s.state(Glyph::Way, s.tn(key, &[("count", open)])),
        };
        let apple = match self.program {
            Program::None | Program::Refused { .. } => s.state(Glyph::Na, s.t("leaving-unknown-to-apple")),
            Program::Retired => s.state(Glyph::Ok, s.t("leaving-retired")),
            Program::Retiring { .. } => s.state(Glyph::Way, s.t("leaving-retiring")),
            _ => s.state(Glyph::Wait, s.t("leaving-to-be-retired")),
        };
        vec![
            line(self.farewell.devices, "leaving-devices", "leaving-devices-done"),
            line(self.farewell.licences, "leaving-licences", "leaving-licences-done"),
            apple,
        ]
    }

    /// What coming back means at Apple: whom Apple was asked to let go is registered anew.
    fn comes_back(&self) -> &'static str {
        match self.program {
            // The request may not have left yet; then it does not.
            Program::Retiring { .. } => "return-perhaps-anew",
            Program::Retired => "return-anew",
            _ => "return-as-before",
        }
    }
}

/// What Apple said against registering the person.
struct Refused {
    number: i64,
    advice: String,
    /// When and in what hope it is tried again.
    again: String,
}

impl PersonPage {
    fn refused(&self) -> Option<Refused> {
        let Program::Refused {
            error_number,
            not_before,
        } = self.program
        else {
            return None;
        };
        let reason = ProgramRefusal::of(error_number);
        let (_, advice) = super::words::program_refusal(reason);
        let s = &self.s;
        let when = |key| s.t1(key, "when", s.clock(not_before));
        Some(Refused {
            number: error_number,
            advice: s.t(advice),
            again: match reason.passes() {
                _ if not_before <= s.now => s.t("program-again-soon"),
                true => when("program-again"),
                false => when("program-again-in-vain"),
            },
        })
    }
}

/// A person who is added or changed.
#[derive(Template)]
#[template(path = "console/person_form.html")]
pub struct PersonFormPage {
    pub s: Speak,
    pub frame: Frame,
    /// `None` for somebody new.
    pub id: Option<PersonId>,
    pub name: String,
    pub email: String,
    pub department: String,
    pub office: String,
    pub name_error: Option<String>,
    pub email_error: Option<String>,
    pub department_error: Option<String>,
    pub office_error: Option<String>,
    /// Of the person that was opened, and what was there then: name, address, department, office.
    pub version: i64,
    pub was: [String; 4],
    pub conflict: Option<Conflict>,
}

impl PersonFormPage {
    fn action(&self) -> String {
        self.id
            .map_or_else(|| "/people/new".to_owned(), |id| format!("/people/{id}/edit"))
    }

    fn back(&self) -> String {
        self.id
            .map_or_else(|| "/people".to_owned(), |id| format!("/people/{id}"))
    }

    fn wrong(&self) -> bool {
        let errors = [
            &self.name_error,
            &self.email_error,
            &self.department_error,
            &self.office_error,
        ];
        errors.into_iter().any(Option::is_some)
    }
}

#[cfg(test)]
pub mod tests {
    use domain::{Enrolment, Rule, invitation::Ending, program::Invitation};

    use super::*;
    use crate::{app::bulk::selection::List, http::console::pages::bulk::tests::sample_bar};
    use crate::{
        http::console::pages::{
            Place,
            app::tests::{named, resolution},
            conflict::tests::conflict,
            devices,
            parts::paged,
            tests::{ago, frame, id, speak},
        },
        messages::Lang,
    };

    pub fn invitation(number: u128) -> InvitationLine {
        let outcomes = [
            None,
            Some(Ending::Shown),
            Some(Ending::Failed),
            Some(Ending::Silent),
            Some(Ending::Dropped),
            Some(Ending::Withdrawn),
        ];
        let outcome = outcomes[number as usize % outcomes.len()];
        InvitationLine {
            device: named("가람의 iPhone", "/devices/1"),
            at: Time(1_790_000_000_000),
            ended_at: outcome.map(|_| Time(1_790_000_060_000)),
            outcome,
            error: (outcome == Some(Ending::Failed)).then(|| "MCMDMErrorDomain 12021".to_owned()),
        }
    }

    fn line(number: u128, program: Program) -> PersonLine {
        let mut installs = StateCounts::default();
        installs.add(InstallState::Installed, 3);
        installs.add(InstallState::Failed, 1);
        PersonLine {
            id: id(number, PersonId),
            name: "윤가람".to_owned(),
            email: Some("garam@seorindeul.example".to_owned()),
            department: Some("영업팀".to_owned()),
            left_at: None,
            program,
            invitation: matches!(program, Program::Registered { .. }).then(|| invitation(number)),
            devices: 1,
            licences: 3,
            waiting: 1,
            installs,
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let invited = Program::Registered {
            invitation: Invitation::Shown { at: ago(s, 10_000) },
        };
        let mut rows = vec![line(1, invited), line(2, Program::Associated { since: ago(s, 5000) })];
        rows.push(PersonLine {
            left_at: Some(ago(s, 3000)),
            email: None,
            department: None,
            ..line(3, Program::None)
        });
        let page = |rows: Vec<PersonLine>| {
            let (rows, pager) = paged(rows, 1, |page| page.to_string());
            PeoplePage {
                s: s.clone(),
                frame: frame(Place::People),
                counts: [rows.len() as u64, 1, 1, 1, 1, 1, 1].map(Many::from).to_vec(),
                bar: sample_bar(List::People(PersonFilter::All), &rows),
                rows,
                pager,
                filter: PersonFilter::All,
                query: "가람".to_owned(),
            }
        };
        let app = |required, requested| PersonAppLine {
            app: named("한올서명", "/apps/1"),
            asset: id(1, AssetId),
            state: InstallState::PendingInstall,
            detail: Detail::WaitingForLicense,
            code: None,
            seat: None,
            device_licences: 2,
            place: Some(domain::Place::At(2)),
            resolution: resolution(required, Rule::OnlyIntent),
            requested,
            may_try_again: required,
        };
        let person = |link: Option<&str>, left: bool| PersonPage {
            s: s.clone(),
            frame: frame(Place::People),
            id: id(1, PersonId),
            name: "윤가람".to_owned(),
            email: Some("garam@seorindeul.example".to_owned()),
            department: Some("영업팀".to_owned()),
            office: Some("서울 본사".to_owned()),
            created_at: ago(s, 100_000),
            left_at: left.then(|| ago(s, 2000)),
            version: 4,
            farewell: Farewell {
                devices: 1,
                licences: 3,
            },
            program: invited,
            invitations: (1..=6).map(invitation).collect(),
            refused: left.then(|| "x".to_owned()),
            uninvitable: left.then(String::new),
            retired: if left {
                vec![Some(ago(s, 90_000)), None]
            } else {
                Vec::new()
            },
            groups: if left {
                Vec::new()
            } else {
                vec![
                    (named("영업팀", "/groups/1"), s.t("membership-assigned")),
                    (named("전사", "/groups/2"), s.t("membership-all-people")),
                ]
            },
            devices: if left {
                Vec::new()
            } else {
                vec![devices::tests::line(s, 1, Enrolment::Enrolled, Some(4))]
            },
            apps: if left {
                Vec::new()
            } else {
                vec![app(true, false), app(false, false), app(false, true)]
            },
            link: link.map(str::to_owned),
            to_return: if left { 3 } else { 0 },
            stopped: left.then(|| crate::http::console::pages::stopped::tests::note(s)),
        };
        let form = |id, wrong: Option<&str>| PersonFormPage {
            s: s.clone(),
            frame: frame(Place::People),
            id,
            name: "윤가람".to_owned(),
            email: "garam".to_owned(),
            department: String::new(),
            office: "서울 본사".to_owned(),
            name_error: wrong.map(str::to_owned),
            email_error: wrong.map(str::to_owned),
            department_error: wrong.map(str::to_owned),
            office_error: wrong.map(str::to_owned),
            version: 6,
            was: [const { String::new() }; 4],
            conflict: None,
        };
        let mut stale = form(Some(id(1, PersonId)), None);
        stale.conflict = Some(conflict(s));
        vec![
            ("people", page(rows).render().unwrap()),
            ("people-none", page(Vec::new()).render().unwrap()),
            ("person", person(None, false).render().unwrap()),
            (
                "person-link",
                person(Some("https://apps.example/enrol/abc"), false).render().unwrap(),
            ),
            ("person-left", person(None, true).render().unwrap()),
            (
                "person-left-retiring",
                PersonPage {
                    program: Program::Retiring { since: ago(s, 20) },
                    farewell: Farewell::default(),
                    ..person(None, true)
                }
                .render()
                .unwrap(),
            ),
            (
                "person-left-retired",
                PersonPage {
                    program: Program::Retired,
                    farewell: Farewell::default(),
                    ..person(None, true)
                }
                .render()
                .unwrap(),
            ),
            ("person-new", form(None, None).render().unwrap()),
            ("person-conflict", stale.render().unwrap()),
            (
                "person-edit-wrong",
                form(Some(id(1, PersonId)), Some("x")).render().unwrap(),
            ),
        ]
    }

    #[test]
    fn a_person_s_own_devices_do_not_say_whose_they_are() {
        let samples = samples(&speak(Lang::Ko));
        let page = &samples.iter().find(|(name, _)| *name == "person").unwrap().1;
        assert!(
            page.contains("가람의 iPhone") && !page.contains(r#"href="/people/1""#),
            "{page}"
        );
    }

    #[test]
    fn only_what_is_available_can_be_asked_for_and_only_what_was_asked_for_be_withdrawn() {
        let line = |required, requested| PersonAppLine {
            app: named("", ""),
            asset: id(1, AssetId),
            state: InstallState::NotInstalled,
            detail: Detail::NotRequested,
            code: None,
            seat: None,
            device_licences: 2,
            place: None,
            resolution: resolution(required, Rule::OnlyIntent),
            requested,
            may_try_again: false,
        };
        assert!(!line(true, false).may_request(), "what is required comes by itself");
        assert!(line(false, false).may_request() && !line(false, false).may_withdraw());
        assert!(!line(false, true).may_request() && line(false, true).may_withdraw());
    }
}
