//! The enrolled devices, and one of them.

use askama::Template;
use domain::{AssetId, Detail, DeviceExit, DeviceId, Enrolment, InstallState, Ownership, Platform, Resolution, Time};

use store::{CheckInRefusal, CheckInRow, Many};

use super::{
    Frame,
    app::Chip,
    apps::platform_name,
    bulk::PickBar,
    members::PreviewedApp,
    parts::{Named, Pager, Turn},
    stopped::StoppedNote,
    ui::{Glyph, Html, StateCounts},
    words::{self, CommandWord},
};
use crate::{
    app::{directory::DeviceFilter, leaving::MayLeave},
    messages::Speak,
};

/// One device in a list.
#[derive(Debug, Clone)]
pub struct DeviceLine {
    pub id: DeviceId,
    pub name: String,
    pub serial: Option<String>,
    pub person: Option<Named>,
    pub product: String,
    pub platform: Platform,
    pub os_version: Option<String>,
    pub enrolment: Enrolment,
    pub dep: bool,
    pub supervised: bool,
    pub installs: StateCounts,
    pub last_seen_at: Option<Time>,
    /// Since when it cannot be woken.
    pub unreachable_since: Option<Time>,
    /// Since when it is to leave.
    pub leaving_since: Option<Time>,
    /// Since when it counts as gone, because it was not heard for too long.
    pub silent_since: Option<Time>,
    /// Licences that go back on its account.
    pub to_return: u64,
}

impl DeviceLine {
    /// `iPhone17,1` is an iPhone to people; the model stays as the title.
    pub fn family(&self) -> &str {
        ["iPhone", "iPad", "iPod", "AppleTV", "Mac"]
            .into_iter()
            .find(|family| self.product.starts_with(family))
            .unwrap_or(&self.product)
    }

    pub fn system(&self) -> String {
        system(self.platform, self.os_version.as_deref())
    }

    pub fn is_quiet(&self, now: Time) -> bool {
        self.enrolment.is_quiet(self.last_seen_at, now)
    }

    pub fn enrolment_html(&self, s: &Speak) -> Html {
        let mut html = enrolment_html(s, self.enrolment, self.dep, self.supervised);
        if let Some(since) = self.leaving_since {
            html = html.with_reason(&s.plain(&s.t1("device-leaving-since", "when", s.date_time(since))));
        }
        if let Some(since) = self.silent_since {
            html = html.with_reason(&s.plain(&s.t1("device-silent-since", "when", s.date_time(since))));
        }
        match self.unreachable_since {
            Some(since) if !self.enrolment.is_over() => html.with_reason(&s.state(
                Glyph::Warn,
                s.t1("device-unreachable-since", "when", s.date_time(since)),
            )),
            _ => html,
        }
    }

    /// Licences that are still to come back.
    pub(super) fn to_return(&self, s: &Speak) -> Option<String> {
        (self.to_return > 0).then(|| s.t1("device-to-return", "count", self.to_return))
    }

    pub fn seen_html(&self, s: &Speak) -> Html {
        match self.last_seen_at {
            Some(seen) if self.is_quiet(s.now) => s.state(Glyph::Warn, s.near(seen)),
            seen => s.when_known(seen),
        }
    }
}

fn system(platform: Platform, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{} {version}", platform_name(platform)),
        None => platform_name(platform).to_owned(),
    }
}

fn enrolment_html(s: &Speak, enrolment: Enrolment, dep: bool, supervised: bool) -> Html {
    let glyph = match enrolment {
        Enrolment::Pending => Glyph::Way,
        Enrolment::Enrolled => Glyph::Fine,
        Enrolment::Retiring | Enrolment::Wiping => Glyph::Way,
        Enrolment::Retired | Enrolment::Wiped | Enrolment::Removed | Enrolment::Gone => Glyph::Na,
    };
    let state = s.state(glyph, s.t(words::enrolment(enrolment)));
    let kind = s.t(if dep { "enrolment-dep" } else { "enrolment-user" });
    let text = if supervised {
        format!("{kind} · {}", s.t("enrolment-supervised"))
    } else {
        kind
    };
    state.with_reason(&s.plain(&text))
}

impl DeviceFilter {
    pub fn value(self) -> &'static str {
        match self {
            DeviceFilter::All => "",
            DeviceFilter::Failed => "failed",
            DeviceFilter::Pending => "pending",
            DeviceFilter::Quiet => "quiet",
            DeviceFilter::Dep => "dep",
            DeviceFilter::Leaving => "leaving",
            DeviceFilter::Silent => "silent",
            DeviceFilter::Gone => "gone",
        }
    }

    pub fn of(value: &str) -> DeviceFilter {
        DeviceFilter::ALL
            .into_iter()
            .find(|filter| filter.value() == value)
            .unwrap_or_default()
    }

    fn word(self) -> &'static str {
        match self {
            DeviceFilter::All => "filter-all",
            DeviceFilter::Failed => "filter-has-failed",
            DeviceFilter::Pending => "filter-has-pending",
            DeviceFilter::Quiet => "filter-quiet",
            DeviceFilter::Dep => "filter-dep",
            DeviceFilter::Leaving => "filter-leaving",
            DeviceFilter::Silent => "enrolment-silent",
            DeviceFilter::Gone => "enrolment-gone",
        }
    }
}

/// What a device said when it came or went, for support.
#[derive(Debug, Clone)]
pub struct CheckInLine {
    pub at: Time,
    /// `Authenticate`, in the words of the protocol; empty when it could not be read.
    pub kind: String,
    pub source: Option<String>,
    pub refusal: Option<CheckInRefusal>,
    /// What the device was told.
    pub reason: Option<String>,
    pub body: String,
}

impl From<CheckInRow> for CheckInLine {
    fn from(row: CheckInRow) -> CheckInLine {
        CheckInLine {
            at: row.at,
            kind: row.kind,
            source: row.source,
            refusal: row.refusal,
            reason: row.reason,
            body: row.body,
        }
    }
}

impl CheckInLine {
    fn state(&self, s: &Speak) -> Html {
        let key = match self.refusal {
            None => return s.state(Glyph::Fine, s.t("check-in-taken")),
            Some(CheckInRefusal::Signature) => "check-in-refused-signature",
            Some(CheckInRefusal::Identity) => "check-in-refused-identity",
            Some(CheckInRefusal::TakenByAnother) => "check-in-refused-taken-by-another",
            Some(CheckInRefusal::Topic) => "check-in-refused-topic",
            Some(CheckInRefusal::Message) => "check-in-refused-message",
            Some(CheckInRefusal::User) => "check-in-refused-user",
        };
        s.state(Glyph::Warn, s.t(key))
    }
}

#[derive(Template)]
#[template(path = "console/devices.html")]
pub struct DevicesPage {
    pub s: Speak,
    pub frame: Frame,
    /// A link for a device that belongs to nobody, which was just made.
    pub link: Option<String>,
    pub rows: Vec<DeviceLine>,
    pub pager: Pager,
    /// To whoever may change something, where any is listed.
    pub bar: Option<PickBar>,
    /// How many each filter would leave, in the order of [`DeviceFilter::ALL`].
    pub counts: Vec<Many>,
    pub filter: DeviceFilter,
    pub query: String,
    /// How many of each kind of device, `iPhone 34`.
    pub kinds: Vec<(String, u64)>,
    /// Of devices that nobody knows: they have no page.
    pub check_ins: Vec<CheckInLine>,
}

impl DevicesPage {
    fn is_narrowed(&self) -> bool {
        self.filter != DeviceFilter::All || !self.query.is_empty()
    }

    fn chips(&self) -> Vec<Chip> {
        DeviceFilter::ALL
            .into_iter()
            .zip(&self.counts)
            .filter(|(filter, many)| many.number > 0 || *filter == self.filter || *filter == DeviceFilter::All)
            .map(|(filter, many)| Chip {
                href: devices_link(filter, &self.query, &Turn::default()),
                text: self.s.t(filter.word()),
                count: *many,
                current: filter == self.filter,
            })
            .collect()
    }

    fn context(&self) -> String {
        let kinds: Vec<_> = self
            .kinds
            .iter()
            .map(|(kind, count)| format!("{kind} {}", self.s.number(*count)))
            .collect();
        let here = self.counts.first().copied().unwrap_or_default();
        let total = self.s.t1("count-devices", "count", here.number);
        if kinds.is_empty() {
            total
        } else {
            format!("{total} · {}", kinds.join(", "))
        }
    }
}

pub fn devices_link(filter: DeviceFilter, query: &str, turn: &Turn) -> String {
    turn.link("/devices", &[("filter", filter.value()), ("q", query)])
}

/// One app on this device.
#[derive(Debug, Clone)]
pub struct DeviceAppLine {
    pub app: Named,
    pub asset: AssetId,
    pub state: InstallState,
    pub detail: Detail,
    pub code: Option<String>,
    pub resolution: Resolution,
    pub may_try_again: bool,
    /// When the device last said something about it.
    pub seen_at: Option<Time>,
}

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandProgress {
    Queued,
    Sent,
    NotNow,
    Acknowledged,
    Error,
    Dropped,
}

/// One command to this device.
#[derive(Debug, Clone)]
pub struct CommandLine {
    pub word: CommandWord,
    pub app: Option<Named>,
    pub progress: CommandProgress,
    pub created_at: Time,
    pub answered_at: Option<Time>,
    /// What the device gave as its error.
    pub code: Option<String>,
}

impl CommandLine {
    fn text(&self, s: &Speak) -> String {
        words::command(&self.word).map_or_else(|| self.word.0.clone(), |key| s.t(key))
    }

    fn state(&self, s: &Speak) -> Html {
        let (glyph, key) = match self.progress {
            CommandProgress::Queued => (Glyph::Way, "command-queued"),
            CommandProgress::Sent => (Glyph::Way, "command-sent"),
            CommandProgress::NotNow => (Glyph::Wait, "command-not-now"),
            CommandProgress::Acknowledged => (Glyph::Fine, "command-acknowledged"),
            CommandProgress::Error => (Glyph::Bad, "command-error"),
            CommandProgress::Dropped => (Glyph::Na, "command-dropped"),
        };
        s.state(glyph, s.t(key))
    }
}

/// The certificate that a device signs with.
#[derive(Debug, Clone, Copy)]
pub struct IdentityFacts {
    pub not_after: Option<Time>,
    pub revoked_at: Option<Time>,
}

#[derive(Template)]
#[template(path = "console/device.html")]
pub struct DevicePage {
    pub s: Speak,
    pub frame: Frame,
    pub line: DeviceLine,
    /// With by what it is in each.
    pub groups: Vec<(Named, String)>,
    /// Whose it is, as somebody said, and the version of that.
    pub ownership: Option<Ownership>,
    pub ownership_version: i64,
    pub udid: String,
    pub enrolled_at: Option<Time>,
    pub informed_at: Option<Time>,
    pub awaiting_configuration: bool,
    /// Whether somebody is signed in to the App Store on it, if the device said.
    pub store_account_active: Option<bool>,
    /// `None` for a device that never enrolled.
    pub identity: Option<IdentityFacts>,
    /// The box that says what revoking means was not ticked.
    pub revoke_error: bool,
    pub apps: Vec<DeviceAppLine>,
    /// The latest first.
    pub commands: Vec<CommandLine>,
    pub check_ins: Vec<CheckInLine>,
    /// What can be done about it.
    pub may: MayLeave,
    /// When it spoke although it had been taken out.
    pub refused_at: Option<Time>,
    /// Why it was not done.
    pub refusal: Option<String>,
    /// Nothing is done for it, nor for whoever has it: their plan was stopped.
    pub stopped: Option<StoppedNote>,
}

/// How a device leaves, as it is written in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowToLeave {
    Retire,
    Wipe,
    Remove,
}

impl HowToLeave {
    pub fn path(self) -> &'static str {
        match self {
            HowToLeave::Retire => "retire",
            HowToLeave::Wipe => "wipe",
            HowToLeave::Remove => "remove",
        }
    }

    pub fn exit(self) -> DeviceExit {
        match self {
            HowToLeave::Retire => DeviceExit::Retires,
            HowToLeave::Wipe => DeviceExit::IsWiped,
            HowToLeave::Remove => DeviceExit::IsTakenOut,
        }
    }

    pub fn is_wipe(self) -> bool {
        self == HowToLeave::Wipe
    }

    fn verb(self) -> &'static str {
        match self {
            HowToLeave::Retire => "device-retire",
            HowToLeave::Wipe => "device-wipe",
            HowToLeave::Remove => "device-remove",
        }
    }

    fn after(self) -> &'static str {
        match self {
            HowToLeave::Retire => "device-retire-after",
            HowToLeave::Wipe => "device-wipe-after",
            HowToLeave::Remove => "device-remove-after",
        }
    }
}

/// The second page before a device leaves: what will be lost.
#[derive(Template)]
#[template(path = "console/device_leave.html")]
pub struct DeviceLeavePage {
    pub s: Speak,
    pub frame: Frame,
    pub id: DeviceId,
    pub name: String,
    pub person: Option<String>,
    pub how: HowToLeave,
    /// Of the device as it was when the page was opened.
    pub enrolment: String,
    /// Those of our apps that it may have.
    pub there: Vec<String>,
    /// Those of which a licence comes back, or that somebody loses.
    pub apps: Vec<PreviewedApp>,
    /// How many licences come back: that is said twice.
    pub takes_back: u64,
    /// How many of them, when they are so many that whoever saves has to say so.
    pub to_confirm: Option<u64>,
    pub digest: String,
    /// Nothing was done, since this is something else than was seen.
    pub outdated: bool,
    pub unconfirmed: bool,
    /// Nothing was done, since nobody said that they mean it.
    pub unticked: bool,
    pub typed: String,
    pub error: Option<String>,
}

impl DeviceLeavePage {
    fn title(&self) -> String {
        let key = match self.how {
            HowToLeave::Retire => "device-retire-title",
            HowToLeave::Wipe => "device-wipe-title",
            HowToLeave::Remove => "device-remove-title",
        };
        self.s.t1(key, "device", &self.name)
    }

    fn lost(&self) -> Vec<String> {
        let named = |apps: String| match self.there.is_empty() {
            true => apps,
            false => format!("{apps} ({})", self.there.join(", ")),
        };
        let apps = named(self.s.t1("device-lost-apps", "count", self.there.len() as u64));
        match self.how {
            HowToLeave::Retire => vec![apps, self.s.t("device-lost-management")],
            HowToLeave::Wipe => vec![self.s.t("device-lost-everything"), apps],
            HowToLeave::Remove => vec![self.s.t("device-lost-identity"), self.s.t("device-lost-nothing")],
        }
    }
}

impl DevicePage {
    /// What can be said of whose it is: what the form sends, and in words.
    fn ownerships(&self) -> [(&'static str, &'static str, bool); 3] {
        let is = |said| self.ownership == said;
        [
            ("company", "ownership-company", is(Some(Ownership::Company))),
            ("personal", "ownership-personal", is(Some(Ownership::Personal))),
            ("", "ownership-unknown", is(None)),
        ]
    }

    fn owned(&self) -> &'static str {
        let said = self.ownerships().into_iter().find(|(_, _, is_so)| *is_so);
        said.map_or("ownership-unknown", |(_, key, _)| key)
    }

    /// Of a device that is managed it is worth a look; one that was taken out has lost it with that.
    fn revoked_glyph(&self) -> Glyph {
        match self.line.enrolment.is_over() {
            true => Glyph::Na,
            false => Glyph::Warn,
        }
    }

    /// A device that left has no identity that counts.
    fn may_revoke(&self) -> bool {
        !self.line.enrolment.is_over() && self.identity.is_some_and(|identity| identity.revoked_at.is_none())
    }
}

#[cfg(test)]
pub mod tests {
    use domain::Rule;

    use super::*;
    use crate::http::console::pages::{
        Place,
        app::tests::{named, resolution},
        apps,
        parts::paged,
        preview,
        tests::{ago, frame, id, speak},
    };
    use crate::{app::bulk::selection::List, http::console::pages::bulk::tests::sample_bar};

    fn previewed(s: &Speak) -> PreviewedApp {
        let app = apps::tests::lines().remove(0);
        PreviewedApp {
            id: app.id,
            name: app.name,
            has_icon: false,
            preview: preview::tests::view(s),
        }
    }

    pub fn line(s: &Speak, number: u128, enrolment: Enrolment, seen: Option<u64>) -> DeviceLine {
        let mut installs = StateCounts::default();
        installs.add(InstallState::Installed, 7);
        installs.add(InstallState::Failed, 1);
        DeviceLine {
            id: id(number, DeviceId),
            name: "가람의 iPhone".to_owned(),
            serial: Some("F4KX21R8A4".to_owned()),
            person: Some(named("윤가람", "/people/1")),
            product: "iPhone".to_owned(),
            platform: Platform::Ios,
            os_version: Some("27.1".to_owned()),
            enrolment,
            dep: number.is_multiple_of(2),
            supervised: number.is_multiple_of(2),
            installs,
            last_seen_at: seen.map(|minutes| ago(s, minutes)),
            unreachable_since: number.is_multiple_of(2).then(|| ago(s, 30)),
            leaving_since: enrolment.is_leaving().then(|| ago(s, 2000)),
            silent_since: None,
            to_return: if enrolment.is_leaving() { 3 } else { 0 },
        }
    }

    fn check_ins(s: &Speak) -> Vec<CheckInLine> {
        let refusals = [
            CheckInRefusal::Signature,
            CheckInRefusal::Identity,
            CheckInRefusal::TakenByAnother,
            CheckInRefusal::Topic,
            CheckInRefusal::Message,
            CheckInRefusal::User,
        ];
        let refusals = refusals.into_iter().map(Some).chain([None]);
        let line = |refusal: Option<CheckInRefusal>| CheckInLine {
            at: ago(s, 3),
            kind: "Authenticate".to_owned(),
            source: Some("203.0.113.7".to_owned()),
            refusal,
            reason: refusal.map(|_| "it belongs to another device".to_owned()),
            body: "<plist><dict><key>Token</key><string>(32 bytes, not kept)</string></dict></plist>".to_owned(),
        };
        refusals.map(line).collect()
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let rows = vec![
            line(s, 1, Enrolment::Enrolled, Some(4)),
            line(s, 2, Enrolment::Enrolled, Some(9 * 1440)),
            line(s, 3, Enrolment::Pending, None),
            line(s, 4, Enrolment::Gone, Some(20000)),
            line(s, 5, Enrolment::Retiring, Some(3)),
            DeviceLine {
                silent_since: Some(ago(s, 3000)),
                to_return: 1,
                ..line(s, 7, Enrolment::Enrolled, Some(91 * 1440))
            },
        ];
        let page = |rows: Vec<DeviceLine>| {
            let (rows, pager) = paged(rows, 1, |page| page.to_string());
            DevicesPage {
                check_ins: check_ins(s),
                s: s.clone(),
                frame: frame(Place::Devices),
                link: rows.is_empty().then(|| "https://mdm.example.kr/enrol/abc".to_owned()),
                counts: [rows.len() as u64, 2, 1, 1, 1, 1, 1, 1].map(Many::from).to_vec(),
                bar: sample_bar(List::Devices(DeviceFilter::All), &rows),
                rows,
                pager,
                filter: DeviceFilter::All,
                query: String::new(),
                kinds: vec![("iPhone".to_owned(), 34), ("iPad".to_owned(), 20)],
            }
        };
        let kinds = [
            "InstallApplication",
            "RemoveApplication",
            "InviteToProgram",
            "ManagedApplicationList",
            "DeviceInformation",
            "DeviceConfigured",
            "RemoveProfile",
            "EraseDevice",
            "SomethingNew",
        ];
        let progress = [
            CommandProgress::Queued,
            CommandProgress::Sent,
            CommandProgress::NotNow,
            CommandProgress::Acknowledged,
            CommandProgress::Error,
            CommandProgress::Dropped,
        ];
        let commands = kinds
            .into_iter()
            .zip(progress.into_iter().cycle())
            .map(|(kind, progress)| CommandLine {
                word: CommandWord(kind.to_owned()),
                app: Some(named("한올서명", "/apps/1")),
                progress,
                created_at: ago(s, 30),
                answered_at: Some(ago(s, 29)),
                code: (progress == CommandProgress::Error).then(|| "MCMDMErrorDomain 12064".to_owned()),
            })
            .collect();
        let app = DeviceAppLine {
            app: named("한올서명", "/apps/1"),
            state: InstallState::Failed,
            detail: Detail::SeeInstallErrorCode,
            code: Some("MCMDMErrorDomain 12064".to_owned()),
            resolution: resolution(true, Rule::OnlyIntent),
            asset: id(1, AssetId),
            may_try_again: true,
            seen_at: Some(ago(s, 12)),
        };
        let check_ins = check_ins(s);
        let device = |apps, commands, revoked: bool| DevicePage {
            stopped: revoked.then(|| crate::http::console::pages::stopped::tests::note(s)),
            check_ins: if revoked { Vec::new() } else { check_ins.clone() },
            s: s.clone(),
            frame: frame(Place::Devices),
            line: line(s, 2, Enrolment::Enrolled, Some(4)),
            groups: if revoked {
                Vec::new()
            } else {
                vec![(named("회사 전화", "/groups/1"), s.t("membership-all-devices"))]
            },
            ownership: (!revoked).then_some(Ownership::Company),
            ownership_version: 0,
            udid: "00008140-001A2B3C4D5E6F70".to_owned(),
            enrolled_at: Some(ago(s, 90_000)),
            informed_at: Some(ago(s, 300)),
            awaiting_configuration: true,
            store_account_active: Some(false),
            identity: Some(IdentityFacts {
                not_after: Some(s.now),
                revoked_at: revoked.then(|| ago(s, 5)),
            }),
            revoke_error: !revoked,
            apps,
            commands,
            may: MayLeave {
                retire: true,
                wipe: true,
                may_be_erased: true,
                remove: true,
                ..MayLeave::default()
            },
            refused_at: None,
            refusal: None,
        };
        let leaving = |told: bool| DevicePage {
            line: line(
                s,
                5,
                if told { Enrolment::Wiping } else { Enrolment::Retiring },
                Some(3),
            ),
            may: MayLeave {
                stay: !told,
                told,
                remove: true,
                ..MayLeave::default()
            },
            refusal: told.then(|| s.t("device-told-already")),
            ..device(Vec::new(), Vec::new(), false)
        };
        let removed = DevicePage {
            line: line(s, 5, Enrolment::Removed, Some(3000)),
            may: MayLeave::default(),
            refused_at: Some(ago(s, 100)),
            ..device(Vec::new(), Vec::new(), false)
        };
        let old = DevicePage {
            may: MayLeave {
                retire: true,
                remove: true,
                ..MayLeave::default()
            },
            ..device(Vec::new(), Vec::new(), false)
        };
        let leave = |how, apps, error: Option<String>| DeviceLeavePage {
            s: s.clone(),
            frame: frame(Place::Devices),
            id: id(1, DeviceId),
            name: "가람의 iPhone".to_owned(),
            person: Some("윤가람".to_owned()),
            how,
            enrolment: "1".to_owned(),
            there: (0..apps).map(|number| format!("앱 {number}")).collect(),
            apps: (apps > 0).then(|| previewed(s)).into_iter().collect(),
            takes_back: apps,
            to_confirm: None,
            digest: "8f2c".to_owned(),
            outdated: apps > 0,
            unconfirmed: false,
            unticked: apps > 0,
            typed: String::new(),
            error,
        };
        let wrong = s.t("device-wipe-other-name");
        vec![
            ("device-retiring", leaving(false).render().unwrap()),
            ("device-wiping", leaving(true).render().unwrap()),
            ("device-removed", removed.render().unwrap()),
            ("device-without-erase", old.render().unwrap()),
            ("device-retire", leave(HowToLeave::Retire, 0, None).render().unwrap()),
            ("device-wipe", leave(HowToLeave::Wipe, 7, Some(wrong)).render().unwrap()),
            ("device-remove", leave(HowToLeave::Remove, 7, None).render().unwrap()),
            ("devices", page(rows).render().unwrap()),
            ("devices-none", page(Vec::new()).render().unwrap()),
            ("device", device(vec![app], commands, false).render().unwrap()),
            ("device-new", device(Vec::new(), Vec::new(), true).render().unwrap()),
        ]
    }

    /// "Since 3 min ago" and "방금부터" are said by nobody.
    #[test]
    fn since_when_something_is_so_is_a_date_and_a_time() {
        for lang in [crate::messages::Lang::Ko, crate::messages::Lang::En] {
            let s = speak(lang);
            for minutes in [0, 3, 200] {
                let line = DeviceLine {
                    leaving_since: Some(ago(&s, minutes)),
                    silent_since: Some(ago(&s, minutes)),
                    unreachable_since: Some(ago(&s, minutes)),
                    ..line(&s, 1, Enrolment::Retiring, Some(0))
                };
                let text = line.enrolment_html(&s).to_string();
                let since = s.date_time(ago(&s, minutes));
                assert_eq!(text.matches(&since).count(), 3, "{text}");
            }
        }
    }

    #[test]
    fn a_device_says_its_state_once() {
        let s = speak(crate::messages::Lang::En);
        let samples = samples(&s);
        let page = |name| &samples.iter().find(|(it, _)| *it == name).unwrap().1;
        for (name, state) in [
            ("device-retiring", "Being retired"),
            ("device-removed", "Removed"),
            ("devices", "Being retired"),
            ("devices", "No longer managed"),
        ] {
            // A chip of the list goes on with its number.
            let said = page(name).matches(state).count() - page(name).matches(&format!("{state} <b>")).count();
            assert_eq!(said, 1, "{name}: {state}");
        }
        assert!(page("device-retiring").contains(">3 licences to be returned<"));
    }

    #[test]
    fn where_no_app_is_lost_none_is_counted() {
        for (lang, none) in [
            (crate::messages::Lang::En, "Has no app that this server installed."),
            (crate::messages::Lang::Ko, "이 서버가 설치한 앱이 없습니다."),
        ] {
            let samples = samples(&speak(lang));
            let page = |name| &samples.iter().find(|(it, _)| *it == name).unwrap().1;
            assert!(page("device-retire").contains(none));
            assert!(!page("device-wipe").contains(none) && page("device-wipe").contains('7'));
        }
    }

    #[test]
    fn a_device_that_is_not_heard_for_a_week_is_quiet() {
        let s = speak(crate::messages::Lang::Ko);
        let quiet = line(&s, 1, Enrolment::Enrolled, Some(8 * 1440));
        assert!(quiet.is_quiet(s.now) && !line(&s, 1, Enrolment::Enrolled, Some(6 * 1440)).is_quiet(s.now));
    }
}
