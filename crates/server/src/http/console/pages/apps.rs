//! 대량 구매 앱: every app that the organisation bought (A20).

use askama::Template;
use domain::{Approval, AssetId, Counts, Platform, Time};

use super::{
    Frame,
    parts::{Pager, link},
    ui::StateCounts,
    words,
};
use crate::messages::{Given, Speak};

/// One app in a list.
#[derive(Debug, Clone)]
pub struct AppLine {
    pub id: AssetId,
    pub name: String,
    pub has_icon: bool,
    pub publisher: Option<String>,
    pub bundle_id: Option<String>,
    /// Apple's word for what it is: `App`, `Book`.
    pub product_type: String,
    pub platforms: Vec<Platform>,
    pub counts: Counts,
    /// How many groups have it with which approval.
    pub deployments: Vec<(Approval, u64)>,
    /// By device.
    pub installs: StateCounts,
}

impl AppLine {
    fn second_line(&self, s: &Speak) -> String {
        let platforms = platform_names(&self.platforms);
        let kind = product(s, &self.product_type);
        let parts = [kind, self.publisher.clone(), Some(platforms)];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" · ")
    }

    fn deployment_words(&self, s: &Speak) -> Vec<String> {
        self.deployments
            .iter()
            .map(|(approval, count)| format!("{} {}", s.t(words::approval(*approval)), s.number(*count)))
            .collect()
    }
}

/// What it is, unless it is an app.
pub fn product(s: &Speak, product_type: &str) -> Option<String> {
    match product_type {
        "App" => None,
        "Book" => Some(s.t("app-book")),
        other => Some(other.to_owned()),
    }
}

pub fn platform_names(platforms: &[Platform]) -> String {
    let names: Vec<_> = platforms.iter().map(|platform| platform_name(*platform)).collect();
    names.join(", ")
}

impl Speak {
    pub fn platform(&self, platform: impl Given<Platform>) -> &'static str {
        platform_name(platform.given())
    }

    pub fn platforms(&self, platforms: &[Platform]) -> String {
        platform_names(platforms)
    }
}

pub fn platform_name(platform: Platform) -> &'static str {
    match platform {
        Platform::Ios => "iOS",
        Platform::IpadOs => "iPadOS",
        Platform::MacOs => "macOS",
        Platform::TvOs => "tvOS",
    }
}

/// What the list is narrowed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AppFilter {
    #[default]
    All,
    Short,
    Failed,
    Pending,
    Undeployed,
}

impl AppFilter {
    pub const ALL: [AppFilter; 5] = [
        AppFilter::All,
        AppFilter::Short,
        AppFilter::Failed,
        AppFilter::Pending,
        AppFilter::Undeployed,
    ];

    pub fn value(self) -> &'static str {
        match self {
            AppFilter::All => "",
            AppFilter::Short => "short",
            AppFilter::Failed => "failed",
            AppFilter::Pending => "pending",
            AppFilter::Undeployed => "undeployed",
        }
    }

    /// Everything when it is not one of them.
    pub fn of(value: &str) -> AppFilter {
        AppFilter::ALL
            .into_iter()
            .find(|filter| filter.value() == value)
            .unwrap_or_default()
    }

    fn word(self) -> &'static str {
        match self {
            AppFilter::All => "filter-none",
            AppFilter::Short => "filter-short",
            AppFilter::Failed => "install-failed",
            AppFilter::Pending => "install-pending",
            AppFilter::Undeployed => "filter-undeployed",
        }
    }

    pub fn passes(self, app: &AppLine) -> bool {
        match self {
            AppFilter::All => true,
            AppFilter::Short => app.counts.waiting > 0 || app.counts.short > 0,
            AppFilter::Failed => app.installs.failed() > 0,
            AppFilter::Pending => app.installs.pending() > 0,
            AppFilter::Undeployed => app.deployments.is_empty() && app.product_type == "App",
        }
    }
}

/// By what the list is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AppSort {
    /// What needs a person first: people waiting, then fewest free.
    #[default]
    Free,
    Name,
    Waiting,
    Failed,
}

impl AppSort {
    const ALL: [AppSort; 4] = [AppSort::Free, AppSort::Name, AppSort::Waiting, AppSort::Failed];

    pub fn value(self) -> &'static str {
        match self {
            AppSort::Free => "",
            AppSort::Name => "name",
            AppSort::Waiting => "waiting",
            AppSort::Failed => "failed",
        }
    }

    pub fn of(value: &str) -> AppSort {
        AppSort::ALL
            .into_iter()
            .find(|sort| sort.value() == value)
            .unwrap_or_default()
    }

    /// `aria-sort`, for what the order is the wrong way round of.
    fn direction(self) -> &'static str {
        match self {
            AppSort::Free | AppSort::Name => "ascending",
            AppSort::Waiting | AppSort::Failed => "descending",
        }
    }

    pub fn sort(self, apps: &mut [AppLine]) {
        let most = std::cmp::Reverse;
        match self {
            AppSort::Free => apps.sort_by(|a, b| {
                let key = |app: &AppLine| (most(app.counts.waiting), app.counts.free.unwrap_or(u64::MAX));
                key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
            }),
            AppSort::Name => apps.sort_by(|a, b| a.name.cmp(&b.name)),
            AppSort::Waiting => apps.sort_by_key(|app| most(app.counts.waiting)),
            AppSort::Failed => apps.sort_by_key(|app| most(app.installs.failed())),
        }
    }
}

#[derive(Template)]
#[template(path = "console/apps.html")]
pub struct AppsPage {
    pub s: Speak,
    pub frame: Frame,
    /// A token is linked; without one there is nothing to list.
    pub linked: bool,
    pub synced_at: Option<Time>,
    pub rows: Vec<AppLine>,
    pub pager: Pager,
    pub query: String,
    pub filter: AppFilter,
    pub platform: Option<Platform>,
    pub sort: AppSort,
}

/// The head of a column that can be sorted by.
struct SortHead {
    href: String,
    current: bool,
    direction: &'static str,
}

impl AppsPage {
    fn filters(&self) -> [AppFilter; 5] {
        AppFilter::ALL
    }

    fn platforms(&self) -> [Platform; 4] {
        [Platform::Ios, Platform::IpadOs, Platform::MacOs, Platform::TvOs]
    }

    fn is_filter(&self, filter: &AppFilter) -> bool {
        self.filter == *filter
    }

    fn is_platform(&self, platform: &Platform) -> bool {
        self.platform == Some(*platform)
    }

    fn head(&self, sort: AppSort) -> SortHead {
        SortHead {
            href: apps_link(&self.query, self.filter, self.platform, sort, 1),
            current: self.sort == sort,
            direction: sort.direction(),
        }
    }
}

pub fn apps_link(query: &str, filter: AppFilter, platform: Option<Platform>, sort: AppSort, page: usize) -> String {
    let page = if page > 1 { page.to_string() } else { String::new() };
    link(
        "/apps",
        &[
            ("q", query),
            ("filter", filter.value()),
            ("platform", platform.map_or("", platform_name)),
            ("sort", sort.value()),
            ("page", &page),
        ],
    )
}

#[cfg(test)]
pub mod tests {
    use domain::{InstallState, Owned};

    use super::*;
    use crate::http::console::pages::{
        Place,
        parts::paged,
        tests::{ago, frame, id},
    };

    fn line(number: u128, name: &str, owned: Owned, used: u64, on_the_way: u64, foreign: u64, waiting: u64) -> AppLine {
        let free = match owned {
            Owned::Count(owned) => Some(owned.saturating_sub(used + on_the_way + foreign)),
            Owned::Unlimited => None,
        };
        let mut installs = StateCounts::default();
        installs.add(InstallState::Installed, used);
        installs.add(InstallState::Failed, waiting);
        AppLine {
            id: id(number, AssetId),
            name: name.to_owned(),
            has_icon: number.is_multiple_of(2),
            publisher: Some("한올랩".to_owned()),
            bundle_id: Some("example.hanol.sign".to_owned()),
            product_type: "App".to_owned(),
            platforms: vec![Platform::Ios, Platform::IpadOs],
            counts: Counts {
                owned,
                used,
                on_the_way,
                foreign,
                free,
                kept: free.unwrap_or(0).min(2),
                waiting,
                returning: 0,
                short: 0,
            },
            deployments: vec![(Approval::Required, 2), (Approval::Available, 1)],
            installs,
        }
    }

    pub fn lines() -> Vec<AppLine> {
        vec![
            line(1, "한올서명", Owned::Count(20), 18, 2, 0, 7),
            line(2, "물레 CAD", Owned::Count(30), 6, 0, 2, 0),
            line(3, "새참일정", Owned::Unlimited, 36, 0, 0, 0),
        ]
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let page = |linked, rows| {
            let (rows, pager) = paged(rows, 1, |page| page.to_string());
            AppsPage {
                s: s.clone(),
                frame: frame(Place::Apps),
                linked,
                synced_at: linked.then(|| ago(s, 3)),
                rows,
                pager,
                query: String::new(),
                filter: AppFilter::All,
                platform: Some(Platform::Ios),
                sort: AppSort::Free,
            }
        };
        let mut many = lines();
        many.extend((10..70).map(|number| line(number, "여울 회의", Owned::Count(60), 54, 3, 0, 0)));
        vec![
            ("apps", page(true, lines()).render().unwrap()),
            ("apps-many", page(true, many).render().unwrap()),
            ("apps-none", page(true, Vec::new()).render().unwrap()),
            ("apps-no-token", page(false, Vec::new()).render().unwrap()),
        ]
    }

    #[test]
    fn what_needs_a_person_comes_first() {
        let mut apps = lines();
        AppSort::Free.sort(&mut apps);
        let names: Vec<_> = apps.iter().map(|app| app.name.as_str()).collect();
        assert_eq!(names, ["한올서명", "물레 CAD", "새참일정"]);
        AppSort::Name.sort(&mut apps);
        assert_eq!(apps[0].name, "물레 CAD");
    }

    #[test]
    fn a_filter_that_does_not_exist_filters_nothing() {
        assert_eq!(AppFilter::of("short"), AppFilter::Short);
        assert_eq!(AppFilter::of("constructor"), AppFilter::All);
        let app = &lines()[0];
        assert!(AppFilter::Short.passes(app) && AppFilter::Failed.passes(app) && !AppFilter::Undeployed.passes(app));
    }
}
