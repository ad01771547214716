//! One app: what it is, how it is deployed, who has it and why not.

use askama::Template;
use domain::{
    Approval, AssetId, Counts, Detail, DeviceId, GroupKind, Holder, InstallState, Installation, LicenseType, Licensing,
    Owned, PersonId, Platform, Program, Resolution, Seat, StoreVersion, Time, Updates,
};
use store::Many;

use super::{
    Frame,
    apps::{platform_names, product},
    bulk::PickBar,
    parts::{EventLine, InvitationLine, Named, Pager, Turn, members_text},
    ui::{Glyph, Html, StateCounts},
};
use crate::messages::Speak;

/// What one looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AppTab {
    General,
    Deployment,
    Devices,
    #[default]
    Users,
    Licences,
    History,
}

impl AppTab {
    const ALL: [AppTab; 6] = [
        AppTab::General,
        AppTab::Deployment,
        AppTab::Devices,
        AppTab::Users,
        AppTab::Licences,
        AppTab::History,
    ];

    pub fn value(self) -> &'static str {
        match self {
            AppTab::General => "general",
            AppTab::Deployment => "deployment",
            AppTab::Devices => "devices",
            AppTab::Users => "users",
            AppTab::Licences => "licences",
            AppTab::History => "history",
        }
    }

    pub fn of(value: &str) -> AppTab {
        AppTab::ALL
            .into_iter()
            .find(|tab| tab.value() == value)
            .unwrap_or_default()
    }

    fn word(self) -> &'static str {
        match self {
            AppTab::General => "tab-general",
            AppTab::Deployment => "tab-deployment",
            AppTab::Devices => "tab-devices",
            AppTab::Users => "tab-users",
            AppTab::Licences => "tab-licences",
            AppTab::History => "tab-history",
        }
    }
}

/// What stands above the tabs.
#[derive(Debug, Clone)]
pub struct AppHead {
    pub id: AssetId,
    pub name: String,
    pub has_icon: bool,
    pub publisher: Option<String>,
    pub version: Option<String>,
    pub platforms: Vec<Platform>,
    pub bundle_id: Option<String>,
    /// Apple's word for what it is: `App`, `Book`.
    pub product_type: String,
    pub counts: Counts,
    pub synced_at: Option<Time>,
    /// Apple lists it no more.
    pub gone_at: Option<Time>,
    pub deployments: u64,
    pub devices: u64,
    pub people: u64,
    pub licences: u64,
    pub tab: AppTab,
}

/// One tab as a link.
struct TabLink {
    href: String,
    text: String,
    count: Option<u64>,
    current: bool,
}

impl AppHead {
    /// Only apps can be deployed.
    fn is_app(&self) -> bool {
        self.product_type == "App"
    }

    fn second_line(&self, s: &Speak) -> String {
        let platforms = platform_names(&self.platforms);
        let kind = product(s, &self.product_type);
        let parts = [
            kind.as_deref(),
            self.publisher.as_deref(),
            self.version.as_deref(),
            Some(platforms.as_str()),
        ];
        parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" · ")
    }

    fn owned(&self) -> Option<u64> {
        match self.counts.owned {
            Owned::Count(owned) => Some(owned),
            Owned::Unlimited => None,
        }
    }

    fn tabs(&self, s: &Speak) -> Vec<TabLink> {
        let count = |tab| match tab {
            AppTab::Deployment => Some(self.deployments),
            AppTab::Devices => Some(self.devices),
            AppTab::Users => Some(self.people),
            AppTab::Licences => Some(self.licences),
            AppTab::General | AppTab::History => None,
        };
        AppTab::ALL
            .into_iter()
            .map(|tab| TabLink {
                href: format!("/apps/{}?tab={}", self.id, tab.value()),
                text: s.t(tab.word()),
                count: count(tab),
                current: tab == self.tab,
            })
            .collect()
    }
}

/// A filter with how much it leaves.
pub struct Chip {
    pub href: String,
    pub text: String,
    pub count: Many,
    pub current: bool,
}

/// 필터 over a list of states: everything, and each state that occurs.
#[derive(Debug, Clone, Default)]
pub struct StateFilter {
    /// Everything that may be listed.
    pub all: u64,
    /// The same by state, where states are counted.
    pub counts: StateCounts,
    pub state: Option<InstallState>,
    pub query: String,
}

impl StateFilter {
    /// How many it leaves, whatever they are called.
    pub fn total(&self) -> u64 {
        self.state.map_or(self.all, |state| self.counts.get(state))
    }

    fn chips(&self, s: &Speak, head: &AppHead) -> Vec<Chip> {
        let chip = |state: Option<InstallState>, text, count: u64| Chip {
            href: app_link(head.id, head.tab, state, &self.query, &Turn::default()),
            text,
            count: Many::from(count),
            current: self.state == state,
        };
        let mut chips = vec![chip(None, s.t("filter-all"), self.all)];
        for (state, count) in self.counts.present() {
            chips.push(chip(Some(state), s.install_word(state), count));
        }
        chips
    }
}

/// The address of a list on an app's page.
pub fn app_link(app: AssetId, tab: AppTab, state: Option<InstallState>, query: &str, turn: &Turn) -> String {
    let state = state.map_or("", state_value);
    let parameters = [("tab", tab.value()), ("state", state), ("q", query)];
    turn.link(&format!("/apps/{app}"), &parameters)
}

/// How a state is written in an address.
pub fn state_value(state: InstallState) -> &'static str {
    match state {
        InstallState::Failed => "failed",
        InstallState::UninstallFailed => "uninstallFailed",
        InstallState::PendingInstall => "pendingInstall",
        InstallState::NotInstalled => "notInstalled",
        InstallState::Installed => "installed",
        InstallState::Licensed => "licensed",
        InstallState::NotApplicable => "notApplicable",
        InstallState::Unknown => "unknown",
    }
}

pub fn state_of(value: &str) -> Option<InstallState> {
    StateCounts::ORDER
        .into_iter()
        .find(|state| state_value(*state) == value)
}

/// 일반.
#[derive(Template)]
#[template(path = "console/app_general.html")]
pub struct AppGeneralPage {
    pub s: Speak,
    pub frame: Frame,
    pub head: AppHead,
    pub adam_id: String,
    /// `STDQ` or `PLUS`: the quality in which books come; apps have only the first.
    pub pricing_param: String,
    pub product_type: String,
    pub minimum_os: Option<String>,
    pub url: Option<String>,
    pub revocable: bool,
    pub device_assignable: bool,
    pub retired: u64,
    pub installs: StateCounts,
    /// Of apps only.
    pub updates: Option<UpdatesForm>,
}

/// Who decides that devices get a newer version.
pub struct UpdatesForm {
    pub updates: Updates,
    /// The store's, where it said.
    pub newest: Option<StoreVersion>,
    /// Of what is set.
    pub version: i64,
    /// So many devices have an older one.
    pub older: u64,
    /// Nothing was saved, since somebody else set it.
    pub stale: bool,
}

impl UpdatesForm {
    fn is_automatic(&self) -> bool {
        self.updates == Updates::Automatic
    }

    fn released(&self) -> Option<StoreVersion> {
        match self.updates {
            Updates::Automatic => None,
            Updates::ByHand { released } => released,
        }
    }

    /// The version that can be released: it is there, and was not.
    fn to_release(&self) -> Option<StoreVersion> {
        self.newest
            .filter(|_| !self.is_automatic() && self.released() < self.newest)
    }
}

impl AppGeneralPage {
    fn installed_href(&self) -> String {
        self.state_href(&InstallState::Installed)
    }

    fn state_href(&self, state: &InstallState) -> String {
        app_link(self.head.id, AppTab::Devices, Some(*state), "", &Turn::default())
    }
}

/// One line of the deployment of an app.
#[derive(Debug, Clone)]
pub struct DeploymentLine {
    pub group: Named,
    pub kind: GroupKind,
    pub members: u64,
    pub approval: Approval,
    pub deadline: Option<Time>,
    pub license_type: LicenseType,
    pub installation: Installation,
    pub kept_licenses: u64,
    pub since: Time,
}

impl DeploymentLine {
    fn members_text(&self, s: &Speak) -> String {
        members_text(s, self.kind, self.members)
    }
}

/// 배포.
#[derive(Template)]
#[template(path = "console/app_deployment.html")]
pub struct AppDeploymentPage {
    pub s: Speak,
    pub frame: Frame,
    pub head: AppHead,
    pub rows: Vec<DeploymentLine>,
}

/// One device and this app.
#[derive(Debug, Clone)]
pub struct AppDeviceLine {
    pub id: DeviceId,
    pub device: Named,
    pub serial: Option<String>,
    /// `None` of a device that belongs to nobody. The same holds of the next two.
    pub person: Option<Named>,
    pub platform: Platform,
    pub os_version: Option<String>,
    pub state: InstallState,
    pub detail: Detail,
    /// What the device gave as its error.
    pub code: Option<String>,
    pub resolution: Resolution,
    pub licensing: Licensing,
    /// The licence with which it has the app.
    pub seat: Option<Seat>,
    pub place: Option<domain::Place>,
    pub may_try_again: bool,
    pub last_seen_at: Option<Time>,
}

/// 장치.
#[derive(Template)]
#[template(path = "console/app_devices.html")]
pub struct AppDevicesPage {
    pub s: Speak,
    pub frame: Frame,
    pub head: AppHead,
    pub filter: StateFilter,
    pub rows: Vec<AppDeviceLine>,
    pub pager: Pager,
    /// To whoever may change something, where any is listed.
    pub bar: Option<PickBar>,
}

/// One person and this app.
#[derive(Debug, Clone)]
pub struct AppUserLine {
    pub id: PersonId,
    pub person: Named,
    pub department: Option<String>,
    pub devices: u64,
    pub state: InstallState,
    pub detail: Detail,
    pub code: Option<String>,
    /// Their own licence.
    pub seat: Option<Seat>,
    /// How many devices of theirs have one of their own.
    pub device_licences: u64,
    pub place: Option<domain::Place>,
    pub program: Program,
    /// The latest, while the person has not accepted.
    pub invitation: Option<InvitationLine>,
    pub resolution: Resolution,
    /// Why they were moved up in the line, if they were.
    pub moved_up: Option<String>,
    /// When one of the person's devices was last heard of.
    pub last_seen_at: Option<Time>,
}

/// One person in the line for a licence, or one of their devices.
#[derive(Debug, Clone)]
pub struct WaitingLine {
    pub person: Option<Named>,
    pub department: Option<String>,
    pub device: Option<Named>,
    pub resolution: Resolution,
    pub since: Option<Time>,
    /// Why they were moved up, if they were.
    pub moved_up: Option<String>,
}

impl WaitingLine {
    /// The person, or the device that belongs to nobody.
    fn who(&self) -> Named {
        let who = self.person.as_ref().or(self.device.as_ref());
        who.cloned().unwrap_or_else(|| Named {
            name: "–".to_owned(),
            href: String::new(),
        })
    }

    fn whom(&self, s: &Speak) -> String {
        match &self.person {
            Some(person) => s.whom(&person.name),
            None => self.who().name,
        }
    }
}

/// 사용자.
#[derive(Template)]
#[template(path = "console/app_users.html")]
pub struct AppUsersPage {
    pub s: Speak,
    pub frame: Frame,
    pub head: AppHead,
    pub filter: StateFilter,
    pub rows: Vec<AppUserLine>,
    pub pager: Pager,
    /// To whoever may change something, where anybody is listed.
    pub bar: Option<PickBar>,
    /// First in line first.
    pub waiting: Vec<WaitingLine>,
}

impl AppUsersPage {
    /// How many wait who are not shown.
    fn waiting_unseen(&self) -> u64 {
        self.head.counts.waiting.saturating_sub(self.waiting.len() as u64)
    }

    /// Licences that nobody here uses, but that are held.
    fn foreign(&self) -> u64 {
        self.head.counts.foreign
    }
}

/// One licence.
#[derive(Debug, Clone)]
pub struct AppLicenceLine {
    pub person: Option<Named>,
    pub department: Option<String>,
    /// The device that has it, where it is not the person.
    pub device: Option<Named>,
    pub holder: Holder,
    pub seat: Seat,
    pub since: Time,
    /// `None` of a device that is away.
    pub said: Option<(InstallState, Detail)>,
}

impl AppLicenceLine {
    fn seat_html(&self, s: &Speak) -> Html {
        s.seat(Some(self.seat), None)
    }

    fn why(&self, app: &AssetId) -> String {
        format!("/why/{}/{app}", self.holder.id())
    }

    /// Who has it.
    fn name(&self) -> &str {
        let who = self.device.as_ref().or(self.person.as_ref());
        who.map_or("–", |who| who.name.as_str())
    }
}

/// 라이선스.
#[derive(Template)]
#[template(path = "console/app_licences.html")]
pub struct AppLicencesPage {
    pub s: Speak,
    pub frame: Frame,
    pub head: AppHead,
    pub rows: Vec<AppLicenceLine>,
    pub pager: Pager,
}

/// 기록.
#[derive(Template)]
#[template(path = "console/app_history.html")]
pub struct AppHistoryPage {
    pub s: Speak,
    pub frame: Frame,
    pub head: AppHead,
    pub events: Vec<EventLine>,
    /// The address of what happened before.
    pub earlier: Option<String>,
}

#[cfg(test)]
pub mod tests {
    use domain::{HolderKind, LicensingReason, Rule, program::Invitation};

    use super::*;
    use crate::http::console::pages::{
        Place, activity, apps,
        parts::paged,
        people::tests::invitation,
        tests::{ago, frame, id},
    };
    use crate::{app::bulk::selection::List, http::console::pages::bulk::tests::sample_bar};

    pub fn named(name: &str, href: &str) -> Named {
        Named {
            name: name.to_owned(),
            href: href.to_owned(),
        }
    }

    pub fn resolution(required: bool, rule: Rule) -> Resolution {
        Resolution {
            required,
            available: !required,
            required_from: None,
            uninstall: false,
            not_applicable: false,
            kept: false,
            installation: Installation::Managed,
            rule,
            by: Vec::new(),
            beat: Vec::new(),
        }
    }

    fn head(s: &Speak, tab: AppTab) -> AppHead {
        let line = apps::tests::lines().remove(0);
        AppHead {
            id: line.id,
            name: line.name,
            has_icon: false,
            publisher: line.publisher,
            version: Some("4.2.1".to_owned()),
            platforms: line.platforms,
            bundle_id: line.bundle_id,
            product_type: line.product_type,
            counts: line.counts,
            synced_at: Some(ago(s, 3)),
            gone_at: None,
            deployments: 2,
            devices: 33,
            people: 27,
            licences: 20,
            tab,
        }
    }

    fn user(s: &Speak, number: u64, state: InstallState, detail: Detail) -> AppUserLine {
        AppUserLine {
            id: id(number.into(), PersonId),
            person: named("윤가람", "/people/1"),
            department: Some("영업팀".to_owned()),
            devices: number,
            state,
            detail,
            code: (detail == Detail::SeeInstallErrorCode).then(|| "MCMDMErrorDomain 12064".to_owned()),
            seat: None,
            device_licences: number.saturating_sub(1),
            place: Some(domain::Place::At(3)),
            program: Program::Registered {
                invitation: Invitation::Shown { at: ago(s, 9000) },
            },
            invitation: Some(invitation(1)),
            resolution: resolution(true, Rule::InstallBeatsUninstall),
            moved_up: (number == 2).then(|| "임원 보고".to_owned()),
            last_seen_at: Some(ago(s, 17)),
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let framed = || frame(Place::Apps);
        let mut users = vec![
            user(s, 1, InstallState::Failed, Detail::NoLicenseAvailable),
            user(s, 2, InstallState::Failed, Detail::SeeInstallErrorCode),
            user(s, 1, InstallState::Installed, Detail::NoAdditionalDetails),
        ];
        users[1].seat = Some(Seat::Reserved { since: ago(s, 1) });
        users[2].seat = Some(Seat::Held { since: ago(s, 9000) });
        users[2].program = Program::Associated { since: ago(s, 9000) };
        users[2].resolution = resolution(false, Rule::OnlyIntent);
        for program in [
            Program::None,
            Program::Creating,
            Program::Refused {
                error_number: 9635,
                not_before: Time(0),
            },
            Program::Retired,
            Program::Registered {
                invitation: Invitation::Queued { since: ago(s, 1) },
            },
        ] {
            let mut line = user(s, 0, InstallState::PendingInstall, Detail::UserNotEnrolledInProgram);
            line.program = program;
            line.seat = Some(Seat::Returning { since: ago(s, 1) });
            line.department = None;
            users.push(line);
        }
        let filter = StateFilter {
            all: users.len() as u64,
            counts: StateCounts::of(users.iter().map(|user| user.state)),
            state: None,
            query: "가".to_owned(),
        };
        let waiting = |number| WaitingLine {
            person: (number != 3).then(|| named("장서우", "/people/2")),
            department: Some("영업팀".to_owned()),
            device: (2..=3).contains(&number).then(|| named("서우의 iPad", "/devices/2")),
            resolution: resolution(number < 3, Rule::OnlyIntent),
            since: Some(ago(s, 4 * 1440)),
            moved_up: (number < 2).then(|| "출장".to_owned()),
        };
        let (rows, pager) = paged(users, 1, |page| page.to_string());
        let users = AppUsersPage {
            s: s.clone(),
            frame: framed(),
            head: head(s, AppTab::Users),
            filter: filter.clone(),
            bar: sample_bar(List::AppPeople(id(1, AssetId), None), &rows),
            rows,
            pager,
            waiting: (1..=7).map(waiting).collect(),
        };
        let mut empty = AppUsersPage {
            s: s.clone(),
            frame: framed(),
            head: head(s, AppTab::Users),
            filter: StateFilter::default(),
            rows: Vec::new(),
            pager: Pager::default(),
            bar: None,
            waiting: Vec::new(),
        };
        empty.head.counts.waiting = 0;
        empty.head.counts.owned = Owned::Unlimited;
        empty.head.counts.free = None;
        empty.head.gone_at = Some(ago(s, 100));

        // Every state with every detail: each has its words.
        let details = [
            Detail::SeeInstallErrorCode,
            Detail::SeeUninstallErrorCode,
            Detail::UserRejectedInstall,
            Detail::UserIsNotLoggedIntoAppStore,
            Detail::ManagedAppNoLongerPresent,
            Detail::MinimumOsVersionNotMet,
            Detail::PlatformNotApplicable,
            Detail::WaitingForLicense,
            Detail::TokenNotUsable,
            Detail::LicenseAssociationPending,
            Detail::ProgramRefused,
            Detail::AppleTrouble,
            Detail::LicenseRefused,
            Detail::AppNotDescribed,
            Detail::AwaitingUserConsent,
            Detail::AwaitingDevice,
            Detail::NoEligibleDevice,
            Detail::InstalledUnverified,
            Detail::Installing,
            Detail::DeviceEnrolledThroughDep,
            Detail::NotRequested,
            Detail::DeadlineAhead,
            Detail::UninstallPending,
            Detail::LicenseReturnPending,
            Detail::InstalledUnmanaged,
            Detail::VppAppHasUpdateAvailable,
            Detail::ExternalInstallation,
        ];
        let rules = [
            Rule::DeviceGroupBeatsUserGroup,
            Rule::AvailableDespiteNotApplicable,
            Rule::AdministratorBeatsUser,
            Rule::RequiredAndAvailableCombine,
            Rule::UninstallBeatsAvailable,
            Rule::NotApplicableBeatsRest,
            Rule::ExclusionNotEvaluated,
            Rule::NoDeployment,
        ];
        let devices: Vec<AppDeviceLine> = details
            .into_iter()
            .zip(StateCounts::ORDER.into_iter().cycle())
            .zip(rules.into_iter().cycle())
            .map(|((detail, state), rule)| AppDeviceLine {
                device: named("가람의 iPhone", "/devices/1"),
                serial: Some("F4KX21R8A4".to_owned()),
                person: (state != InstallState::Failed).then(|| named("윤가람", "/people/1")),
                platform: Platform::Ios,
                os_version: Some("27.1".to_owned()),
                state,
                detail,
                code: Some("MCMDMErrorDomain 12064".to_owned()),
                resolution: resolution(true, rule),
                licensing: Licensing {
                    kind: HolderKind::Device,
                    reason: LicensingReason::Assignable,
                },
                seat: (state == InstallState::Installed).then(|| Seat::Held { since: ago(s, 10) }),
                place: None,
                id: id(1, DeviceId),
                may_try_again: state == InstallState::Failed,
                last_seen_at: None,
            })
            .collect();
        let device_counts = StateCounts::of(devices.iter().map(|device| device.state));
        let (rows, pager) = paged(devices, 1, |page| page.to_string());
        let devices = AppDevicesPage {
            s: s.clone(),
            frame: framed(),
            head: head(s, AppTab::Devices),
            filter: StateFilter {
                all: device_counts.total(),
                counts: device_counts,
                state: Some(InstallState::Failed),
                query: String::new(),
            },
            bar: sample_bar(List::AppDevices(id(1, AssetId), None), &rows),
            rows,
            pager,
        };
        let general = AppGeneralPage {
            s: s.clone(),
            frame: framed(),
            head: head(s, AppTab::General),
            adam_id: "1234567890".to_owned(),
            pricing_param: "STDQ".to_owned(),
            product_type: "App".to_owned(),
            minimum_os: Some("15.0".to_owned()),
            url: Some("https://apps.apple.com/kr/app/id1234567890".to_owned()),
            revocable: true,
            device_assignable: true,
            retired: 2,
            installs: device_counts,
            updates: Some(UpdatesForm {
                updates: Updates::ByHand { released: None },
                newest: Some(StoreVersion(812_000_001)),
                version: 2,
                older: 12,
                stale: true,
            }),
        };
        let lines = [
            (Approval::Required, GroupKind::User, Some(ago(s, 0))),
            (Approval::Available, GroupKind::User, None),
            (Approval::NotApplicable, GroupKind::Device, None),
            (Approval::Uninstall, GroupKind::Device, None),
        ];
        let deployment = |lines: &[(Approval, GroupKind, Option<Time>)]| AppDeploymentPage {
            s: s.clone(),
            frame: framed(),
            head: head(s, AppTab::Deployment),
            rows: lines
                .iter()
                .map(|(approval, kind, deadline)| DeploymentLine {
                    group: named("영업팀", "/groups/1"),
                    kind: *kind,
                    members: 10,
                    approval: *approval,
                    deadline: *deadline,
                    license_type: LicenseType::Automatic,
                    installation: Installation::External,
                    kept_licenses: if *approval == Approval::Required { 3 } else { 0 },
                    since: ago(s, 5000),
                })
                .collect(),
        };
        let licences = |rows| {
            let (rows, pager) = paged(rows, 1, |page| page.to_string());
            AppLicencesPage {
                s: s.clone(),
                frame: framed(),
                head: head(s, AppTab::Licences),
                rows,
                pager,
            }
        };
        let licence = |seat: Seat| AppLicenceLine {
            person: seat.is_used().then(|| named("김도윤", "/people/3")),
            department: Some("영업팀".to_owned()),
            since: seat.since(),
            device: (!seat.is_held()).then(|| named("도윤의 iPad", "/devices/3")),
            holder: id(3, DeviceId).into(),
            said: seat
                .is_used()
                .then_some((InstallState::Installed, Detail::NoAdditionalDetails)),
            seat,
        };
        let history = AppHistoryPage {
            s: s.clone(),
            frame: framed(),
            head: head(s, AppTab::History),
            events: activity::tests::events(s),
            earlier: Some("/apps/1?tab=history&before=3".to_owned()),
        };
        vec![
            ("app-users", users.render().unwrap()),
            ("app-users-none", empty.render().unwrap()),
            ("app-devices", devices.render().unwrap()),
            ("app-general", general.render().unwrap()),
            ("app-deployment", deployment(&lines).render().unwrap()),
            ("app-deployment-none", deployment(&[]).render().unwrap()),
            (
                "app-licences",
                licences(vec![licence(Seat::Held { since: ago(s, 300) })])
                    .render()
                    .unwrap(),
            ),
            ("app-licences-none", licences(Vec::new()).render().unwrap()),
            ("app-history", history.render().unwrap()),
        ]
    }

    #[test]
    fn a_state_in_an_address_is_the_state_that_was_meant() {
        for state in StateCounts::ORDER {
            assert_eq!(state_of(state_value(state)), Some(state));
        }
        assert_eq!(state_of("all"), None);
        assert_eq!(AppTab::of("licences"), AppTab::Licences);
        assert_eq!(AppTab::of("nothing"), AppTab::Users);
    }
}
