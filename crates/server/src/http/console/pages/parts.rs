//! What several pages show: things that run, what happened, licences, terms, pages of a list.

use domain::{AssetId, GroupKind, Place, Program, Seat, Time, invitation::Ending, program::Invitation};
use store::{Many, Span, SyncCause};
use uuid::Uuid;

use super::{
    ui::{Glyph, Html},
    words::{self, EventWord, OperationWord, Phase},
};
use crate::{
    app::{
        of_app::{Asked, Part},
        program::ProgramRefusal,
    },
    messages::{Given, Speak},
};

/// Something with a page of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub name: String,
    pub href: String,
}

impl Named {
    /// Where is said why this person or device has an app, or has it not.
    pub fn why(&self, app: impl Given<AssetId>) -> String {
        let id = self.href.rsplit('/').next().unwrap_or_default();
        format!("/why/{id}/{}", app.given())
    }

    /// Where this person is moved up in the line for an app, and back.
    pub fn move_up(&self, app: impl Given<AssetId>) -> String {
        let id = self.href.rsplit('/').next().unwrap_or_default();
        format!("/apps/{}/waiting/{id}", app.given())
    }
}

/// People and devices have counters of their own.
pub fn members_text(s: &Speak, kind: GroupKind, members: u64) -> String {
    match kind {
        GroupKind::User => s.t1("count-people", "count", members),
        GroupKind::Device => s.t1("count-devices", "count", members),
    }
}

/// The invitation to the programme on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationLine {
    pub device: Named,
    pub at: Time,
    /// `None` while the device has not answered.
    pub outcome: Option<Ending>,
    pub ended_at: Option<Time>,
    /// What the device said when it did not show it.
    pub error: Option<String>,
}

/// Something that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    Sync {
        phase: Phase,
        done: u64,
        total: u64,
        requests: u64,
        /// `person`, `schedule`, `token`.
        cause: SyncCause,
        actor: String,
        since: Time,
    },
    Operation {
        word: OperationWord,
        /// Apple has it; otherwise it waits to be sent.
        sent: bool,
        requested: u64,
        completed: u64,
        since: Time,
    },
    /// Commands that devices have not answered.
    Commands { installs: u64, removals: u64, devices: u64 },
}

/// The same in words.
pub struct RunningLine {
    pub title: String,
    pub figure: String,
    /// Done and whole; nothing when the length is not known.
    pub value: Option<(u64, u64)>,
    pub reason: String,
    pub who: String,
}

impl Running {
    /// One line for each kind of request, however many requests it takes: people count licences, not requests.
    pub fn merged(all: Vec<Running>) -> Vec<Running> {
        let mut merged: Vec<Running> = Vec::new();
        for more in all {
            let same = merged.iter_mut().find(|known| known.is_like(&more));
            match (same, more) {
                (
                    Some(Running::Operation {
                        requested,
                        completed,
                        since,
                        ..
                    }),
                    Running::Operation {
                        requested: more_requested,
                        completed: more_completed,
                        since: earlier,
                        ..
                    },
                ) => {
                    *requested += more_requested;
                    *completed += more_completed;
                    *since = (*since).min(earlier);
                }
                (_, more) => merged.push(more),
            }
        }
        merged
    }

    fn is_like(&self, other: &Running) -> bool {
        match (self, other) {
            (
                Running::Operation { word, sent, .. },
                Running::Operation {
                    word: other,
                    sent: other_sent,
                    ..
                },
            ) => (word, sent) == (other, other_sent),
            _ => false,
        }
    }

    pub fn line(&self, s: &Speak) -> RunningLine {
        match self {
            Running::Sync {
                phase,
                done,
                total,
                requests,
                cause,
                actor,
                since,
            } => RunningLine {
                title: s.t("running-sync"),
                figure: match *phase {
                    Phase::Waiting => String::new(),
                    _ => s.t2("running-steps", "done", *done, "total", *total),
                },
                value: (*phase != Phase::Waiting && *total > 0).then_some((*done, *total)),
                reason: match *phase {
                    Phase::Waiting => s.t(words::phase(*phase)),
                    phase => s.ta(
                        "running-sync-reason",
                        &[
                            ("phase", &s.t(words::phase(phase))),
                            ("requests", requests),
                            ("span", &s.duration(s.now.since(*since))),
                        ],
                    ),
                },
                who: s.t1(words::sync_cause(*cause), "actor", s.actor(actor)),
            },
            Running::Operation {
                word,
                sent,
                requested,
                completed,
                since,
            } => RunningLine {
                title: s.t1(words::operation(*word), "count", *requested),
                figure: if *sent {
                    format!("{} / {}", s.number(*completed), s.number(*requested))
                } else {
                    String::new()
                },
                value: sent.then_some((*completed, *requested)),
                reason: match sent {
                    true => s.t1("running-apple-confirms", "span", s.duration(s.now.since(*since))),
                    false => s.t("running-to-be-sent"),
                },
                who: String::new(),
            },
            Running::Commands {
                installs,
                removals,
                devices,
            } => RunningLine {
                title: match (*installs, *removals) {
                    (installs, 0) => s.t1("running-installs", "count", installs),
                    (0, removals) => s.t1("running-removals", "count", removals),
                    (installs, removals) => s.t2(
                        "running-installs-and-removals",
                        "installs",
                        installs,
                        "removals",
                        removals,
                    ),
                },
                figure: String::new(),
                value: None,
                reason: s.t1("running-devices-wait", "count", *devices),
                who: String::new(),
            },
        }
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    System,
    Apple,
    Device,
    Account(String),
    ApiKey(String),
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    pub at: Time,
    pub word: EventWord,
    pub who: Who,
    pub app: Option<Named>,
    pub person: Option<Named>,
    pub device: Option<Named>,
    pub group: Option<Named>,
    /// A name that is no longer anywhere else: a deleted group, the location of a token.
    pub name: Option<String>,
    /// How many came into the group, and how many went.
    pub moved: Option<(u64, u64)>,
    /// What a device or Apple said about it, a number or a code.
    pub code: Option<String>,
    /// It is part of what was done to many at once.
    pub of_many: bool,
    /// Where all of that is told.
    pub told_at: Option<String>,
    /// The page of the change that it was, or of the one that waits.
    pub change: Option<String>,
}

impl EventLine {
    pub fn sentence(&self, s: &Speak) -> String {
        let Some(key) = words::event(&self.word) else {
            return self.word.0.clone();
        };
        // What was kept earlier does not say how many.
        let (key, (joined, left)) = match self.moved {
            Some(moved) if key == "event-group-members-set" => ("event-group-members-moved", moved),
            Some(done) if key == "event-bulk-done" => (key, done),
            _ => (key, (0, 0)),
        };
        let key = match self.device {
            Some(_) => words::of_device(key),
            None => key,
        };
        let key = match self.person {
            Some(_) => key,
            None => words::of_nobody(key),
        };
        let name = |thing: &Option<Named>| {
            thing
                .as_ref()
                .map_or_else(|| "–".to_owned(), |thing| thing.name.clone())
        };
        // What happens to a device that belongs to nobody happens to the device alone.
        let device = name(&self.device);
        let (whom, theirs) = match &self.person {
            Some(person) => (s.whom(&person.name), s.their_device(&person.name, &device)),
            None => (device.clone(), device.clone()),
        };
        // The settings have no name.
        let name_said = match self.name.as_deref() {
            Some("") => s.t("nav-settings"),
            name => name.unwrap_or("–").to_owned(),
        };
        s.ta(
            key,
            &[
                ("app", &name(&self.app)),
                ("person", &name(&self.person)),
                ("device", &device),
                ("whom", &whom),
                ("theirs", &theirs),
                (
                    "group",
                    &self
                        .group
                        .as_ref()
                        .map(|group| &group.name)
                        .or(self.name.as_ref())
                        .map_or("–", |name| name),
                ),
                ("name", &name_said),
                ("joined", &joined),
                ("left", &left),
            ],
        )
    }

    pub fn result(&self, s: &Speak) -> Html {
        let (glyph, word) = match self.word.0.as_str() {
            "licenceReserved" | "licenceReturning" => (Glyph::Way, "result-apple-confirms"),
            "installCommanded" | "removeCommanded" | "personInvited" | "appRequested" => (Glyph::Way, "result-sent"),
            "installAccepted" | "removeAccepted" => (Glyph::Way, "result-accepted"),
            "appInstalled" => (Glyph::Fine, "install-installed"),
            "installFailed" => (Glyph::Bad, "install-failed"),
            "removeFailed" => (Glyph::Bad, "install-uninstall-failed"),
            "licenceRefused" | "licenceReturnRefused" | "invitationFailed" | "tokenUnusable" | "programUserRefused" => {
                (Glyph::Bad, "result-failed")
            }
            "installRejected" | "licenceLost" | "deviceUnreachable" | "appRemovedByUser" | "invitationSilent"
            | "programUserRetired" => (Glyph::Warn, "result-look"),
            "licenceAssigned" | "licenceReturned" => (Glyph::Fine, "result-apple-confirmed"),
            _ => (Glyph::Fine, "result-done"),
        };
        s.state(glyph, s.t(word))
    }

    pub fn who(&self, s: &Speak) -> String {
        match &self.who {
            Who::System => s.t("who-system"),
            Who::Apple => "Apple".to_owned(),
            Who::Device => s.t("who-device"),
            Who::Account(name) => name.clone(),
            Who::ApiKey(name) => s.t1("who-api-key", "name", name),
        }
    }
}

/// The history of one day.
pub struct Day<'a> {
    pub at: Time,
    pub events: Vec<&'a EventLine>,
}

impl Speak {
    /// A name as it was kept with what somebody did. The product itself has a name in each language.
    pub fn actor(&self, name: &str) -> String {
        if name == "system" {
            self.t("who-system")
        } else {
            name.to_owned()
        }
    }

    /// Splits a history, newest first, into its days.
    pub fn days<'a>(&self, events: &'a [EventLine]) -> Vec<Day<'a>> {
        let mut days: Vec<Day<'a>> = Vec::new();
        for event in events {
            match days.last_mut() {
                Some(day) if self.full_date(day.at) == self.full_date(event.at) => day.events.push(event),
                _ => days.push(Day {
                    at: event.at,
                    events: vec![event],
                }),
            }
        }
        days
    }

    /// VPP 사용 약관 상태: how far a person is in joining the programme (A43).
    pub fn terms(&self, program: impl Given<Program>) -> Html {
        let (glyph, word, since) = match program.given() {
            Program::None
            | Program::Registered {
                invitation: Invitation::None,
            } => (Glyph::None, "terms-not-invited", None),
            Program::Creating => (Glyph::Way, "terms-creating", None),
            Program::Refused { error_number, .. } => {
                let (reason, _) = words::program_refusal(ProgramRefusal::of(error_number));
                return self
                    .state(Glyph::Bad, self.t("terms-refused"))
                    .with_reason(&self.plain(&self.t(reason)));
            }
            Program::Registered {
                invitation: Invitation::Queued { .. },
            } => (Glyph::Way, "terms-inviting", None),
            Program::Registered {
                invitation: Invitation::Shown { at },
            } => (Glyph::Wait, "terms-invited", Some(at)),
            Program::Associated { since } => (Glyph::Fine, "terms-accepted", Some(since)),
            Program::Retiring { since } => (Glyph::Way, "terms-retiring", Some(since)),
            Program::Retired => (Glyph::Na, "terms-retired", None),
        };
        let state = self.state(glyph, self.t(word));
        match since {
            Some(since) => state.with_reason(&self.day_tag(since)),
            None => state,
        }
    }

    /// How the invitation on a device came out, or that it waits.
    pub fn invitation(&self, line: &InvitationLine) -> Html {
        let glyph = match line.outcome {
            None => Glyph::Way,
            Some(Ending::Shown) => Glyph::Fine,
            Some(Ending::Failed) => Glyph::Bad,
            Some(Ending::Silent) => Glyph::Warn,
            Some(Ending::Dropped | Ending::Withdrawn) => Glyph::Na,
        };
        self.state(glyph, self.t(words::invitation(line.outcome)))
    }

    /// The same in a few words, with device and time.
    pub fn invited_on(&self, line: &InvitationLine) -> String {
        self.ta(
            "invitation-line",
            &[
                ("device", &line.device.name),
                ("time", &self.near(line.at)),
                ("outcome", &self.t(words::invitation(line.outcome))),
            ],
        )
    }

    /// Where somebody waits.
    pub fn place(&self, place: impl Given<Place>) -> String {
        match place.given() {
            Place::At(place) => self.t1("seat-waiting", "place", place),
            Place::After(place) => self.t1("seat-waiting-after", "place", place),
        }
    }

    /// Where a person's licence is.
    pub fn seat(&self, seat: impl Given<Option<Seat>>, place: impl Given<Option<Place>>) -> Html {
        match (seat.given(), place.given()) {
            (Some(Seat::Held { .. }), _) => self.state(Glyph::Fine, self.t("seat-held")),
            (Some(Seat::Reserved { .. }), _) => self.state(Glyph::Way, self.t("seat-reserved")),
            (Some(Seat::Returning { .. }), _) => self.state(Glyph::Way, self.t("seat-returning")),
            (None, Some(place)) => self.state(Glyph::Wait, self.place(place)),
            (None, None) => self.state(Glyph::None, self.t("seat-none")),
        }
    }
}

/// The part of a list that a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pager {
    pub from: u64,
    pub to: u64,
    pub total: u64,
    /// There may be more than that.
    pub more: bool,
    pub previous: Option<String>,
    pub next: Option<String>,
}

impl Pager {
    /// Which of two messages says how many there are: the other one while there may be more.
    pub fn range<'a>(&self, all: &'a str, more: &'a str) -> &'a str {
        if self.more { more } else { all }
    }
}

/// So many rows a page: enough to scroll, not enough to wait for.
pub const ROWS: usize = 50;

/// Which page of a list: it begins after a row, or ends before one, so that it shows what follows though something came or went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    after: Option<Uuid>,
    before: Option<Uuid>,
    /// How many rows come before it, as far as was known when it was asked for.
    pub at: usize,
}

impl Turn {
    /// As it stands in an address; the beginning when that means nothing.
    pub fn of(after: &str, before: &str, at: &str) -> Turn {
        Turn {
            after: after.parse().ok(),
            before: before.parse().ok(),
            at: at.parse().unwrap_or(0),
        }
    }

    pub fn span(&self) -> Span {
        match (self.after, self.before) {
            (Some(after), _) => Span::After(after),
            (_, Some(before)) => Span::Before(before),
            _ => Span::First,
        }
    }

    /// The part of a list that this page of it shows.
    pub fn asked<'a>(&self, query: &'a str) -> Asked<'a> {
        Asked {
            span: self.span(),
            query,
            at: self.at,
            most: ROWS,
        }
    }

    /// As the value of a button, where the page is asked for together with what else is in its form.
    pub fn value(&self) -> String {
        match (self.after, self.before) {
            (Some(after), _) => format!("after.{after}.{}", self.at),
            (_, Some(before)) => format!("before.{before}.{}", self.at),
            _ => String::new(),
        }
    }

    pub fn of_value(value: &str) -> Turn {
        let mut parts = value.splitn(3, '.');
        let mut part = || parts.next().unwrap_or_default();
        match part() {
            "after" => Turn::of(part(), "", part()),
            "before" => Turn::of("", part(), part()),
            _ => Turn::default(),
        }
    }

    /// The address of a list, at this page of it.
    pub fn link(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        let at = if self.at > 0 {
            self.at.to_string()
        } else {
            String::new()
        };
        let (after, before) = (id(self.after), id(self.before));
        let turn = [
            ("after", after.as_str()),
            ("before", before.as_str()),
            ("at", at.as_str()),
        ];
        link(path, &[parameters, &turn].concat())
    }

    /// Of a list of `total` rows this part is shown. `to` makes the address of another page.
    pub fn pager<T>(
        &self,
        part: &Part<T>,
        id: impl Fn(&T) -> Uuid,
        total: impl Into<Many>,
        to: impl Fn(&Turn) -> String,
    ) -> Pager {
        let shown = part.rows.len();
        // On the first page nothing comes before, whatever was known.
        let at = if part.earlier { self.at } else { 0 };
        let previous = Turn {
            before: part.rows.first().map(&id),
            at: at.saturating_sub(ROWS),
            after: None,
        };
        let next = Turn {
            after: part.rows.last().map(&id),
            at: at + shown,
            before: None,
        };
        let total = part.found.map_or(total.into(), |found| Many::from(found as u64));
        Pager {
            from: if shown == 0 { 0 } else { at as u64 + 1 },
            to: (at + shown) as u64,
            total: total.number.max((at + shown) as u64),
            more: total.more,
            previous: part.earlier.then(|| to(&previous)),
            next: part.later.then(|| to(&next)),
        }
    }
}

/// Cuts page `number` (from 1) out of a list; `link` makes the address of another page.
pub fn paged<T>(rows: Vec<T>, number: usize, link: impl Fn(usize) -> String) -> (Vec<T>, Pager) {
    let total = rows.len();
    let pages = total.div_ceil(ROWS).max(1);
    let number = number.clamp(1, pages);
    let start = (number - 1) * ROWS;
    let shown: Vec<T> = rows.into_iter().skip(start).take(ROWS).collect();
    let pager = Pager {
        from: if shown.is_empty() { 0 } else { start as u64 + 1 },
        to: (start + shown.len()) as u64,
        total: total as u64,
        more: false,
        previous: (number > 1).then(|| link(number - 1)),
        next: (number < pages).then(|| link(number + 1)),
    };
    (shown, pager)
}

/// An address with those of the parameters that are not empty.
pub fn link(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut url = path.to_owned();
    let mut mark = '?';
    for (name, value) in parameters {
        if value.is_empty() {
            continue;
        }
        url.push(mark);
        mark = '&';
        url.push_str(name);
        url.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(byte)),
                byte => url.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::console::pages::{activity, tests::speak},
        messages::Lang,
    };

    #[test]
    fn a_list_is_cut_into_pages_and_a_page_too_far_is_the_last() {
        let rows: Vec<u32> = (1..=120).collect();
        let (shown, pager) = paged(rows.clone(), 2, |page| page.to_string());
        assert_eq!((shown[0], shown.len()), (51, 50));
        assert_eq!((pager.from, pager.to, pager.total), (51, 100, 120));
        assert_eq!(
            (pager.previous.as_deref(), pager.next.as_deref()),
            (Some("1"), Some("3"))
        );

        let (shown, pager) = paged(rows, 99, |page| page.to_string());
        assert_eq!((shown[0], pager.to, pager.next), (101, 120, None));
        let (shown, pager) = paged(Vec::<u32>::new(), 1, |page| page.to_string());
        assert_eq!((shown.len(), pager.from, pager.to), (0, 0, 0));
    }

    #[test]
    fn requests_of_a_kind_are_told_together() {
        let operation = |word, sent, requested, since| Running::Operation {
            word,
            sent,
            requested,
            completed: 0,
            since: Time(since),
        };
        let merged = Running::merged(vec![
            operation(OperationWord::CreateUsers, false, 1, 20),
            operation(OperationWord::Associate, false, 2, 30),
            Running::Commands {
                installs: 1,
                removals: 0,
                devices: 1,
            },
            operation(OperationWord::CreateUsers, false, 3, 10),
            operation(OperationWord::CreateUsers, true, 5, 40),
        ]);
        assert_eq!(
            merged,
            [
                operation(OperationWord::CreateUsers, false, 4, 10),
                operation(OperationWord::Associate, false, 2, 30),
                Running::Commands {
                    installs: 1,
                    removals: 0,
                    devices: 1
                },
                operation(OperationWord::CreateUsers, true, 5, 40),
            ]
        );
    }

    #[test]
    fn what_was_searched_for_comes_through_an_address_unchanged() {
        assert_eq!(
            link("/apps", &[("q", "한 &"), ("sort", ""), ("page", "2")]),
            "/apps?q=%ED%95%9C%20%26&page=2"
        );
        assert_eq!(link("/apps", &[("q", "")]), "/apps");
    }

    #[test]
    fn a_licence_of_a_device_is_told_of_with_the_device() {
        let kinds = [
            "licenceAssigned",
            "licenceFound",
            "licenceLost",
            "licenceRefused",
            "licenceReserved",
            "licenceReturned",
            "licenceReturning",
            "licenceReturnRefused",
        ];
        for lang in [Lang::Ko, Lang::En] {
            let s = speak(lang);
            for event in activity::tests::events(&s) {
                if !kinds.contains(&event.word.0.as_str()) {
                    continue;
                }
                let of_person = EventLine {
                    device: None,
                    ..event.clone()
                };
                let told = [event.sentence(&s), of_person.sentence(&s)];
                assert!(
                    told[0].contains("가람의 iPhone") && told[0].contains("윤가람"),
                    "{told:?}"
                );
                assert!(!told[1].contains("iPhone") && told[1].contains("윤가람"), "{told:?}");
            }
        }
    }
}
