//! The parts that pages are made of: glyphs, states, times, meters. Plain values in, a piece of HTML out.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Write},
};

use askama::filters::HtmlSafe;
use domain::{
    Approval, AssetId, Counts, Detail, GroupKind, HolderKind, InstallState, Installation, LicenseType, Owned,
    Resolution, Rule, Time, TokenState,
};

use super::words;
use crate::{
    http::console::statics,
    messages::{Given, Speak, Whole},
};

/// Text that is HTML already, every foreign part of it escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

impl Html {
    /// With a second, grey line.
    pub fn with_reason(mut self, reason: &Html) -> Html {
        let _ = write!(self.0, r#"<span class="reason">{reason}</span>"#);
        self
    }
}

/// `text` for an element or for an attribute in double quotes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// The shape of a state: never colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    /// A fact that is as it should be.
    Ok,
    /// The same, where nearly all is well.
    Fine,
    /// On its way.
    Way,
    /// Waits for somebody.
    Wait,
    Warn,
    Bad,
    /// Not there.
    None,
    /// Does not apply.
    Na,
    Unknown,
}

const SVG: &str = r#"viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true""#;

impl Glyph {
    pub fn class(self) -> &'static str {
        match self {
            Glyph::Ok => "ok",
            Glyph::Fine => "fine",
            Glyph::Way => "way",
            Glyph::Wait | Glyph::Warn => "warn",
            Glyph::Bad => "bad",
            Glyph::None | Glyph::Na | Glyph::Unknown => "none",
        }
    }

    fn paths(self) -> &'static str {
        match self {
            Glyph::Ok => {
                r#"<circle cx="8" cy="8" r="7" fill="currentColor" stroke="none"/><path d="m4.9 8.2 2.2 2.2 4-4.5" class="cut" stroke-width="1.8"/>"#
            }
            Glyph::Fine => r#"<path d="m3 8.5 3.3 3.3L13 4.8"/>"#,
            Glyph::Way => r#"<circle cx="8" cy="8" r="6.2" stroke-dasharray="2.6 2.27"/><path d="M8 4.8v3.4l2 1.3"/>"#,
            Glyph::Wait => r#"<path d="M4 2h8M4 14h8M5 2v2.5L8 8l3-3.5V2M5 14v-2.5L8 8l3 3.5V14"/>"#,
            Glyph::Warn => {
                r#"<path d="M8 1.5 15 14H1z" fill="currentColor" stroke-width="1"/><path d="M8 6v3.7M8 11.8v.1" class="cut" stroke-width="1.6"/>"#
            }
            Glyph::Bad => {
                r#"<path d="M5 1.3h6L14.7 5v6L11 14.7H5L1.3 11V5z" fill="currentColor" stroke="none"/><path d="m5.7 5.7 4.6 4.6M10.3 5.7l-4.6 4.6" class="cut" stroke-width="1.7"/>"#
            }
            Glyph::None => r#"<circle cx="8" cy="8" r="6.2"/>"#,
            Glyph::Na => r#"<path d="M3 8h10"/>"#,
            Glyph::Unknown => {
                r#"<circle cx="8" cy="8" r="6.2" stroke-dasharray="1 2.9"/><path d="M6.4 6.4a1.7 1.7 0 1 1 2.4 1.6c-.5.3-.8.5-.8 1.1M8 11.2v.1"/>"#
            }
        }
    }

    pub fn svg(self, size: u32) -> Html {
        Html(format!(
            r#"<svg width="{size}" height="{size}" {SVG}>{}</svg>"#,
            self.paths()
        ))
    }

    pub fn of_install(state: InstallState) -> Glyph {
        match state {
            InstallState::Installed => Glyph::Ok,
            InstallState::PendingInstall => Glyph::Way,
            InstallState::Failed | InstallState::UninstallFailed => Glyph::Bad,
            InstallState::Licensed => Glyph::Fine,
            InstallState::NotInstalled => Glyph::None,
            InstallState::NotApplicable => Glyph::Na,
            InstallState::Unknown => Glyph::Unknown,
        }
    }

    pub fn of_token(state: TokenState) -> Glyph {
        match state {
            TokenState::Valid => Glyph::Ok,
            TokenState::ExpiringSoon => Glyph::Warn,
            TokenState::Expired
            | TokenState::Revoked
            | TokenState::Invalid
            | TokenState::AssignedToExternalMdm
            | TokenState::ReadOnly => Glyph::Bad,
        }
    }
}

/// A picture that stands for a thing or an act, by name.
pub fn icon(name: &str, size: u32) -> Html {
    let paths = match name {
        "brand" => {
            r#"<rect x="1" y="1" width="6" height="6" rx="1" fill="currentColor" stroke="none"/><rect x="9" y="1" width="6" height="6" rx="1" fill="currentColor" stroke="none"/><rect x="1" y="9" width="6" height="6" rx="1" fill="currentColor" stroke="none"/><rect x="9.75" y="9.75" width="4.5" height="4.5" rx=".5"/>"#
        }
        "menu" => r#"<path d="M2 4h12M2 8h12M2 12h12"/>"#,
        "close" => r#"<path d="m4 4 8 8M12 4l-8 8"/>"#,
        "dashboard" => r#"<path d="M2.5 13.5v-5M6.2 13.5v-9M9.8 13.5V7M13.5 13.5v-11"/>"#,
        "apps" => {
            r#"<rect x="2" y="2" width="5" height="5" rx="1.2"/><rect x="9" y="2" width="5" height="5" rx="1.2"/><rect x="2" y="9" width="5" height="5" rx="1.2"/><rect x="9" y="9" width="5" height="5" rx="1.2"/>"#
        }
        "devices" => r#"<rect x="4" y="1.5" width="8" height="13" rx="1.6"/><path d="M7 12.2h2"/>"#,
        "people" => r#"<circle cx="8" cy="5" r="2.8"/><path d="M2.8 14c.6-2.8 2.6-4.2 5.2-4.2s4.6 1.4 5.2 4.2"/>"#,
        "groups" => {
            r#"<circle cx="6" cy="5.5" r="2.3"/><path d="M1.8 13.2c.4-2.3 2.1-3.5 4.2-3.5s3.8 1.2 4.2 3.5M10.5 3.4a2.3 2.3 0 0 1 0 4.3M12 9.9c1.2.5 2 1.6 2.3 3.3"/>"#
        }
        "activity" => r#"<path d="M1.5 8.5h3l2-5.5 3 10 2-4.5h3"/>"#,
        "settings" => {
            r#"<path d="M2 4.5h5M11 4.5h3M2 11.5h3M9 11.5h5"/><circle cx="9" cy="4.5" r="1.8"/><circle cx="7" cy="11.5" r="1.8"/>"#
        }
        "clock" => r#"<circle cx="8" cy="8" r="6"/><path d="M8 4.5V8l2.5 1.5"/>"#,
        "sync" => r#"<path d="M13.5 6.5A5.7 5.7 0 0 0 3 5M2.5 9.5A5.7 5.7 0 0 0 13 11M3 2v3h3M13 14v-3h-3"/>"#,
        "next" => r#"<path d="m6 3 5 5-5 5"/>"#,
        "upload" => r#"<path d="M8 11V2.5M4.5 6 8 2.5 11.5 6M2.5 13.5h11"/>"#,
        "download" => r#"<path d="M8 2.5V11M4.5 7.5 8 11l3.5-3.5M2.5 13.5h11"/>"#,
        "outside" => r#"<path d="M6 3H3v10h10v-3M9 2.5h4.5V7M13.5 2.5 7.5 8.5"/>"#,
        _ => "",
    };
    Html(format!(r#"<svg width="{size}" height="{size}" {SVG}>{paths}</svg>"#))
}

/// How many of some things are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts([u64; StateCounts::ORDER.len()]);

impl From<&BTreeMap<InstallState, u64>> for StateCounts {
    fn from(states: &BTreeMap<InstallState, u64>) -> StateCounts {
        let mut counts = StateCounts::default();
        for (state, count) in states {
            counts.add(*state, *count);
        }
        counts
    }
}

impl StateCounts {
    /// In the order in which people read them.
    pub const ORDER: [InstallState; 8] = [
        InstallState::Installed,
        InstallState::Licensed,
        InstallState::PendingInstall,
        InstallState::Failed,
        InstallState::UninstallFailed,
        InstallState::NotInstalled,
        InstallState::NotApplicable,
        InstallState::Unknown,
    ];

    pub fn of(states: impl IntoIterator<Item = InstallState>) -> StateCounts {
        let mut counts = StateCounts::default();
        for state in states {
            counts.add(state, 1);
        }
        counts
    }

    pub fn add(&mut self, state: InstallState, count: u64) {
        self.0[Self::ORDER
            .iter()
            .position(|known| *known == state)
            .unwrap_or(Self::ORDER.len() - 1)] += count;
    }

    pub fn merge(&mut self, other: &StateCounts) {
        for (own, more) in self.0.iter_mut().zip(other.0) {
            *own += more;
        }
    }

    pub fn get(&self, state: InstallState) -> u64 {
        self.0[Self::ORDER
            .iter()
            .position(|known| *known == state)
            .unwrap_or(Self::ORDER.len() - 1)]
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The states that occur, with how often.
    pub fn present(&self) -> Vec<(InstallState, u64)> {
        Self::ORDER
            .into_iter()
            .zip(self.0)
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    pub fn failed(&self) -> u64 {
        let failures = Self::ORDER.into_iter().filter(|state| state.is_failure());
        failures.map(|state| self.get(state)).sum()
    }

    pub fn installed(&self) -> u64 {
        self.get(InstallState::Installed)
    }

    pub fn pending(&self) -> u64 {
        self.get(InstallState::PendingInstall)
    }
}

/// Parts of a bar, each of one class, by percent.
struct Bar {
    segments: String,
    at: f64,
}

impl Bar {
    fn new() -> Bar {
        Bar {
            segments: String::new(),
            at: 0.0,
        }
    }

    /// With a gap of two pixels to the part before it.
    fn part(&mut self, fill: &str, count: u64, of: u64) {
        if count == 0 || of == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a bar is a few hundred pixels wide")]
        let width = count as f64 * 100.0 / of as f64;
        let at = self.at;
        let _ = write!(
            self.segments,
            r#"<rect {fill} x="{at:.2}%" width="{width:.2}%" height="100%"/>"#
        );
        if at > 0.0 {
            let _ = write!(
                self.segments,
                r#"<rect class="gap" x="{at:.2}%" width="2" height="100%"/>"#
            );
        }
        self.at += width;
    }
}

const USED: &str = r#"class="used""#;
const WAY: &str = r#"fill="url(#way)""#;
const FOREIGN: &str = r#"class="foreign""#;
const BAD: &str = r#"class="bad""#;
const NONE: &str = r#"class="none""#;

impl Speak {
    /// The address of a file of ours, with its content in it.
    pub fn asset(&self, file: &str) -> String {
        statics::url(file)
    }

    pub fn icon(&self, name: &str, size: u32) -> Html {
        icon(name, size)
    }

    /// Text that goes where a piece of HTML is asked for.
    pub fn plain(&self, text: &str) -> Html {
        Html(escaped(text))
    }

    /// A shape and a word.
    pub fn state(&self, glyph: impl Given<Glyph>, word: impl AsRef<str>) -> Html {
        self.state_titled(glyph.given(), word.as_ref(), "", "")
    }

    /// The same, where it is the head of something.
    pub fn big_state(&self, glyph: impl Given<Glyph>, word: impl AsRef<str>) -> Html {
        self.state_titled(glyph.given(), word.as_ref(), " big", "")
    }

    fn state_titled(&self, glyph: Glyph, word: &str, more: &str, title: &str) -> Html {
        let class = glyph.class();
        let title = if title.is_empty() {
            String::new()
        } else {
            format!(r#" title="{}""#, escaped(title))
        };
        Html(format!(
            r#"<span class="state {class}{more}"{title}>{}{}</span>"#,
            glyph.svg(14),
            escaped(word)
        ))
    }

    /// The state of an installation; the API's word is its title.
    pub fn install(&self, state: impl Given<InstallState>) -> Html {
        let state = state.given();
        let word = self.t(words::install_state(state));
        self.state_titled(Glyph::of_install(state), &word, "", &api_word(state))
    }

    /// The state and the reason under it.
    pub fn install_reason(&self, state: impl Given<InstallState>, detail: impl Given<Detail>) -> Html {
        let detail = detail.given();
        let mut html = self.install(state);
        if detail != Detail::NoAdditionalDetails {
            let _ = write!(
                html.0,
                r#"<span class="reason" title="{}">{}</span>"#,
                escaped(&api_word(detail)),
                escaped(&self.t(words::detail(detail)))
            );
        }
        html
    }

    pub fn detail(&self, detail: impl Given<Detail>) -> String {
        self.t(words::detail(detail.given()))
    }

    pub fn install_word(&self, state: InstallState) -> String {
        self.t(words::install_state(state))
    }

    pub fn approval(&self, approval: impl Given<Approval>) -> String {
        self.t(words::approval(approval.given()))
    }

    pub fn installation(&self, installation: impl Given<Installation>) -> String {
        self.t(words::installation(installation.given()))
    }

    pub fn license_type(&self, license_type: impl Given<LicenseType>) -> String {
        self.t(words::license_type(license_type.given()))
    }

    /// Whose a licence is.
    pub fn license_holder(&self, kind: impl Given<HolderKind>) -> String {
        self.t(words::license_holder(kind.given()))
    }

    pub fn group_kind(&self, kind: impl Given<GroupKind>) -> String {
        self.t(words::group_kind(kind.given()))
    }

    /// `owned`: another server manages the location; otherwise a location that is not ours is nobody's.
    pub fn token_state(&self, state: impl Given<TokenState>, owned: impl Given<bool>) -> Html {
        let state = state.given();
        let word = match state {
            TokenState::AssignedToExternalMdm if !owned.given() => "token-nobodys",
            state => words::token_state(state),
        };
        self.state_titled(Glyph::of_token(state), &self.t(word), "", &api_word(state))
    }

    /// What the deployments of an app come to, and the rule that decided where there was something to decide.
    pub fn resolution(&self, resolution: &Resolution) -> Html {
        let mut html = Html(escaped(&self.resolution_word(resolution)));
        let rule = self.t(words::rule(resolution.rule));
        if !matches!(resolution.rule, Rule::NoDeployment | Rule::OnlyIntent) {
            let _ = write!(
                html.0,
                r#"<span class="reason" title="{}">{}</span>"#,
                escaped(&api_word(resolution.rule)),
                escaped(&rule)
            );
        }
        if let Some(deadline) = resolution.required_from {
            let text = self.t1("resolution-required-from", "when", self.date_time(deadline));
            let _ = write!(html.0, r#"<span class="reason">{}</span>"#, escaped(&text));
        }
        html
    }

    pub fn resolution_word(&self, resolution: &Resolution) -> String {
        let word = match (resolution.required, resolution.available) {
            (true, true) => "approval-required-and-available",
            (true, false) => "approval-required",
            (false, true) => "approval-available",
            (false, false) if resolution.uninstall => "approval-uninstall",
            (false, false) if resolution.not_applicable => "approval-not-applicable",
            (false, false) => return "–".to_owned(),
        };
        self.t(word)
    }

    fn time_tag(&self, time: Time, text: &str, title: bool, near: bool) -> Html {
        let title = if title {
            format!(r#" title="{}""#, self.full(time))
        } else {
            String::new()
        };
        // The script keeps these fresh while they are less than an hour old.
        let near = if near { " data-near" } else { "" };
        Html(format!(
            r#"<time datetime="{}"{title}{near}>{}</time>"#,
            self.iso(time),
            escaped(text)
        ))
    }

    /// `3분 전`, `오늘 14:02`; the whole of it as the title.
    pub fn when(&self, time: impl Given<Time>) -> Html {
        let time = time.given();
        let near = time <= self.now && self.now.since(time).as_secs() < 3600;
        self.time_tag(time, &self.near(time), true, near)
    }

    /// The same, or a dash.
    pub fn when_known(&self, time: impl Given<Option<Time>>) -> Html {
        time.given()
            .map_or_else(|| Html("–".to_owned()), |time| self.when(time))
    }

    pub fn day_tag(&self, time: impl Given<Time>) -> Html {
        let time = time.given();
        self.time_tag(time, &self.date(time), true, false)
    }

    pub fn moment(&self, time: impl Given<Time>) -> Html {
        let time = time.given();
        self.time_tag(time, &self.full(time), false, false)
    }

    pub fn clock_tag(&self, time: impl Given<Time>) -> Html {
        let time = time.given();
        self.time_tag(time, &self.clock(time), true, false)
    }

    /// A number in a column: nothing is grey.
    pub fn count(&self, count: impl Whole) -> Html {
        self.toned(count.whole(), "")
    }

    /// The same, where anything is a reason to look.
    pub fn alarm(&self, count: impl Whole) -> Html {
        self.toned(count.whole(), "alarm")
    }

    fn toned(&self, count: i64, class: &str) -> Html {
        let text = self.number(count);
        Html(match (count, class) {
            (0, _) => format!(r#"<span class="zero">{text}</span>"#),
            (_, "") => text,
            _ => format!(r#"<span class="{class}">{text}</span>"#),
        })
    }

    /// How many are free: an alarm when people wait, a dash when there is no end.
    pub fn free(&self, counts: impl Given<Counts>) -> Html {
        let counts = counts.given();
        match counts.free {
            None => Html(r#"<span class="zero">–</span>"#.to_owned()),
            Some(free) if counts.waiting > 0 => Html(format!(r#"<span class="alarm">{}</span>"#, self.number(free))),
            Some(free) => Html(self.number(free)),
        }
    }

    /// The licence meter: of the owned ones used, on the way, foreign, free.
    pub fn meter(&self, counts: impl Given<Counts>, tall: bool) -> Html {
        let counts = counts.given();
        let Owned::Count(owned) = counts.owned else {
            return Html::default();
        };
        let Counts {
            used,
            on_the_way,
            foreign,
            ..
        } = counts;
        // Apple may have retired licences that are still held: the bar is then as wide as what is held.
        let whole = owned.max(used + on_the_way + foreign);
        let mut bar = Bar::new();
        bar.part(USED, used, whole);
        bar.part(WAY, on_the_way, whole);
        bar.part(FOREIGN, foreign, whole);
        let label = self.ta(
            "meter-label",
            &[
                ("owned", &owned),
                ("used", &used),
                ("way", &on_the_way),
                ("foreign", &foreign),
                ("free", &counts.free.unwrap_or_default()),
            ],
        );
        let tall = if tall { " tall" } else { "" };
        let over = if counts.waiting > 0 { " over" } else { "" };
        let (label, segments) = (escaped(&label), bar.segments);
        Html(format!(
            r#"<svg class="meter{tall}{over}" role="img" aria-label="{label}">{segments}</svg>"#
        ))
    }

    /// The figures and the meter of one app in a row.
    pub fn licences(&self, counts: impl Given<Counts>) -> Html {
        let counts = counts.given();
        let Owned::Count(owned) = counts.owned else {
            let text = self.t1("licences-unlimited", "used", counts.used);
            return Html(format!(r#"<span class="muted">{}</span>"#, escaped(&text)));
        };
        let mut notes = Vec::new();
        if counts.on_the_way > 0 {
            notes.push(self.t1("licences-way", "count", counts.on_the_way));
        }
        if counts.foreign > 0 {
            notes.push(self.t1("licences-foreign", "count", counts.foreign));
        }
        let notes = match notes.is_empty() {
            true => String::new(),
            false => format!(r#"<span class="muted">{}</span>"#, escaped(&notes.join(" · "))),
        };
        Html(format!(
            r#"<div class="of"><span class="figures"><span>{} / {}</span>{notes}</span>{}</div>"#,
            self.number(counts.used),
            self.number(owned),
            self.meter(counts, false)
        ))
    }

    /// The bar of states: a shape for each, the words stand below it.
    pub fn states_meter(&self, counts: impl Given<StateCounts>) -> Html {
        let counts = counts.given();
        let words: Vec<String> = counts
            .present()
            .into_iter()
            .map(|(state, count)| format!("{} {}", self.install_word(state), self.number(count)))
            .collect();
        let whole = counts.total();
        let mut bar = Bar::new();
        bar.part(USED, counts.installed(), whole);
        bar.part(WAY, counts.pending(), whole);
        bar.part(BAD, counts.failed(), whole);
        bar.part(
            NONE,
            whole - counts.installed() - counts.pending() - counts.failed(),
            whole,
        );
        Html(format!(
            r#"<svg class="meter tall" role="img" aria-label="{}">{}</svg>"#,
            escaped(&words.join(", ")),
            bar.segments
        ))
    }

    /// The year of a token: gone, today, left, with marks at 60 and 30 days.
    pub fn year(&self, expires_at: impl Given<Time>) -> Html {
        let expires_at = expires_at.given();
        const DAY: i64 = 24 * 3600 * 1000;
        // A token lives one year (A6), so the bar is one, whenever the file was made.
        let begins_at = Time(expires_at.ms() - 365 * DAY);
        let left = ((expires_at.ms() - self.now.ms()) / DAY).clamp(0, 365);
        let gone = 365 - left;
        let label = self.t2("year-label", "gone", gone, "left", left);
        #[expect(clippy::cast_precision_loss, reason = "at most 365")]
        let percent = |days: i64| days as f64 * 100.0 / 365.0;
        let (spent, rest) = (percent(gone), percent(left));
        let (d60, d30) = (percent(305), percent(335));
        // Near an end the word of today would lie upon the date there: on a phone sooner than on a screen.
        let today = if (40..325).contains(&gone) {
            let class = if (95..240).contains(&gone) {
                ""
            } else {
                r#" class="wide""#
            };
            let text = escaped(&self.t("year-today"));
            format!(r#"<text{class} x="{spent:.1}%" y="38" dx="-2">{text}</text>"#)
        } else {
            String::new()
        };
        let mark = if gone < 200 {
            let text = escaped(&self.t("year-60-days"));
            format!(r#"<text class="wide" x="{d60:.1}%" y="38" text-anchor="end">{text}</text>"#)
        } else {
            String::new()
        };
        Html(format!(
            r#"<svg class="year" role="img" aria-label="{}"><rect class="track" x="0" y="6" width="100%" height="12" rx="2"/><rect class="spent" x="0" y="6" width="{spent:.1}%" height="12"/><rect class="left" x="{spent:.1}%" y="6" width="{rest:.1}%" height="12"/><rect class="now" x="{spent:.1}%" y="1" width="2" height="22"/><rect class="warn" x="{d60:.1}%" y="3" width="2" height="18"/><rect class="warn" x="{d30:.1}%" y="3" width="2" height="18"/><text x="0" y="38">{}</text>{today}{mark}<text x="100%" y="38" text-anchor="end">{}</text></svg>"#,
            escaped(&label),
            self.full_date(begins_at),
            self.full_date(expires_at),
        ))
    }

    /// The icon of an app from our own copy, or a tile with its first letter.
    pub fn app_icon(&self, app: impl Given<AssetId>, has_icon: impl Given<bool>, name: &str, size: u32) -> Html {
        if has_icon.given() {
            let app = app.given();
            return Html(format!(
                r#"<img class="icon" src="/icons/{app}" width="{size}" height="{size}" alt="" loading="lazy">"#
            ));
        }
        let letter = name
            .chars()
            .find(|letter| letter.is_alphanumeric())
            .unwrap_or('?')
            .to_uppercase()
            .to_string();
        Html(format!(
            r#"<svg class="tile" width="{size}" height="{size}" viewBox="0 0 40 40" aria-hidden="true"><rect width="40" height="40" rx="9"/><text x="20" y="26" text-anchor="middle">{}</text></svg>"#,
            escaped(&letter)
        ))
    }
}

/// The word of the API, for a title.
fn api_word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::console::pages::tests::speak, messages::Lang};

    fn counts(owned: u64, used: u64, on_the_way: u64, foreign: u64) -> Counts {
        let free = owned.saturating_sub(used + on_the_way + foreign);
        Counts {
            owned: Owned::Count(owned),
            used,
            on_the_way,
            foreign,
            free: Some(free),
            kept: 0,
            waiting: 0,
            returning: 0,
            short: 0,
        }
    }

    #[test]
    fn the_meter_says_all_five_numbers_and_draws_what_is_held() {
        let html = speak(Lang::Ko).meter(counts(20, 9, 2, 6), false).to_string();
        assert!(
            html.contains("보유 20, 사용 9, 진행 중 2, 다른 서버 6, 남음 3"),
            "{html}"
        );
        assert!(html.contains(r#"class="used" x="0.00%" width="45.00%""#), "{html}");
        assert!(html.contains(r#"url(#way)" x="45.00%" width="10.00%""#), "{html}");
        assert!(html.contains(r#"class="foreign" x="55.00%" width="30.00%""#), "{html}");
    }

    /// Apple may retire licences that people still hold.
    #[test]
    fn a_meter_never_runs_over_its_end() {
        let html = speak(Lang::En).meter(counts(5, 10, 0, 0), false).to_string();
        assert!(html.contains(r#"width="100.00%""#), "{html}");
        assert!(
            speak(Lang::En)
                .meter(counts(0, 0, 0, 0), false)
                .to_string()
                .contains("Owned 0")
        );
    }

    #[test]
    fn a_foreign_name_cannot_become_markup() {
        let html = speak(Lang::En).state(Glyph::Bad, "<b>\"x\"</b>").to_string();
        assert!(html.contains("&lt;b&gt;&quot;x&quot;&lt;/b&gt;"), "{html}");
        let tile = speak(Lang::En)
            .app_icon(AssetId(uuid::Uuid::nil()), false, "<script>", 28)
            .to_string();
        assert!(tile.contains(">S</text>"), "{tile}");
    }

    #[test]
    fn a_token_that_has_expired_fills_its_year() {
        let s = speak(Lang::Ko);
        let html = s.year(Time(s.now.ms() - 1)).to_string();
        assert!(html.contains("365일이 지났고 0일이 남았습니다"), "{html}");
    }
}
