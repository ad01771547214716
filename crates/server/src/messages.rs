//! What the product says to people, in Korean and in English.
//!
//! The texts are in `messages/{ko,en}/*.ftl`; both languages are loaded once and always complete: tests compare keys
//! and arguments. [`Speak`] is what pages use: a language, the time, and the zone in which times are shown.

use std::{fmt::Write, sync::LazyLock, time::Duration};

use domain::Time;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use jiff::{Timestamp, Zoned, civil, tz::TimeZone};
use unic_langid::langid;

/// A language of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lang {
    Ko,
    En,
}

impl Lang {
    pub fn code(self) -> &'static str {
        match self {
            Lang::Ko => "ko",
            Lang::En => "en",
        }
    }

    /// Picks a language for an `Accept-Language` header. Whoever reads neither gets English; whoever says nothing, Korean.
    pub fn negotiate(header: &str) -> Lang {
        let mut best: Option<(Lang, f32)> = None;
        let mut said_something = false;
        for wish in header.split(',') {
            let (tag, quality) = wish.split_once(';').unwrap_or((wish, ""));
            let tag = tag.trim().to_ascii_lowercase();
            said_something |= !tag.is_empty();
            let quality = quality
                .trim()
                .strip_prefix("q=")
                .map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            let lang = match tag.split('-').next() {
                Some("ko") => Lang::Ko,
                Some("en") => Lang::En,
                _ => continue,
            };
            if quality > 0.0 && best.is_none_or(|(_, known)| quality > known) {
                best = Some((lang, quality));
            }
        }
        match best {
            Some((lang, _)) => lang,
            None if said_something => Lang::En,
            None => Lang::Ko,
        }
    }
}

const KO: [&str; 5] = [
    include_str!("../messages/ko/common.ftl"),
    include_str!("../messages/ko/states.ftl"),
    include_str!("../messages/ko/pages.ftl"),
    include_str!("../messages/ko/history.ftl"),
    include_str!("../messages/ko/why.ftl"),
];
const EN: [&str; 5] = [
    include_str!("../messages/en/common.ftl"),
    include_str!("../messages/en/states.ftl"),
    include_str!("../messages/en/pages.ftl"),
    include_str!("../messages/en/history.ftl"),
    include_str!("../messages/en/why.ftl"),
];

/// All texts of both languages.
pub struct Messages {
    ko: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
}

static MESSAGES: LazyLock<Messages> = LazyLock::new(|| Messages {
    ko: bundle(langid!("ko"), &KO),
    en: bundle(langid!("en"), &EN),
});

fn bundle(language: unic_langid::LanguageIdentifier, files: &[&str]) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // The marks around arguments show up in copied text, and both languages run from left to right.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(|value, _| match value {
        FluentValue::Number(number) => Some(grouped(number.value as i64)),
        _ => None,
    }));
    bundle
        .add_function("PARTICLE", particle_function)
        .expect("the function is added once");
    for text in files {
        let resource = FluentResource::try_new((*text).to_owned())
            .unwrap_or_else(|(_, errors)| panic!("a message file cannot be read: {errors:?}"));
        bundle
            .add_resource(resource)
            .unwrap_or_else(|errors| panic!("a message stands twice: {errors:?}"));
    }
    bundle
}

impl Messages {
    pub fn get() -> &'static Messages {
        &MESSAGES
    }

    /// The text of `key`. A key that does not exist shows up as `⟦key⟧`, which a test looks for in every page.
    pub fn text(&self, lang: Lang, key: &str, args: &[(&str, &dyn Arg)]) -> String {
        let bundle = match lang {
            Lang::Ko => &self.ko,
            Lang::En => &self.en,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            tracing::error!(key, "a message is missing");
            return format!("⟦{key}⟧");
        };
        let mut values = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            values.set(*name, value.value());
        }
        let mut errors = Vec::new();
        bundle.format_pattern(pattern, Some(&values), &mut errors).into_owned()
    }
}

/// What can stand in a message: text, or a number that is counted.
pub trait Arg {
    fn value(&self) -> FluentValue<'_>;
}

impl Arg for str {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(self)
    }
}

impl Arg for String {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(self.as_str())
    }
}

impl<T: Arg + ?Sized> Arg for &T {
    fn value(&self) -> FluentValue<'_> {
        (**self).value()
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Arg for $number {
            fn value(&self) -> FluentValue<'_> {
                FluentValue::from(*self)
            }
        }

        impl Whole for $number {
            fn whole(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        }
    )*};
}

numbers!(i32 i64 u32 u64 usize);

/// A value or a borrowed one: templates hand over the one or the other, depending on where it comes from.
pub trait Given<T> {
    fn given(self) -> T;
}

impl<T: Copy> Given<T> for T {
    fn given(self) -> T {
        self
    }
}

impl<T: Copy> Given<T> for &T {
    fn given(self) -> T {
        *self
    }
}

impl<T: Copy> Given<T> for &&T {
    fn given(self) -> T {
        **self
    }
}

/// A whole number, of whatever type.
pub trait Whole {
    fn whole(&self) -> i64;
}

impl<T: Whole + ?Sized> Whole for &T {
    fn whole(&self) -> i64 {
        (**self).whole()
    }
}

/// Says things in one language, as of one instant, in one time zone.
#[derive(Debug, Clone)]
pub struct Speak {
    pub lang: Lang,
    pub now: Time,
    pub zone: TimeZone,
}

impl Speak {
    pub fn t(&self, key: &str) -> String {
        Messages::get().text(self.lang, key, &[])
    }

    pub fn t1(&self, key: &str, name: &str, value: impl Arg) -> String {
        Messages::get().text(self.lang, key, &[(name, &value)])
    }

    pub fn t2(&self, key: &str, name: &str, value: impl Arg, name2: &str, value2: impl Arg) -> String {
        Messages::get().text(self.lang, key, &[(name, &value), (name2, &value2)])
    }

    pub fn ta(&self, key: &str, args: &[(&str, &dyn Arg)]) -> String {
        Messages::get().text(self.lang, key, args)
    }

    /// Several arguments, all of them numbers.
    /// A person in the middle of a sentence, as the language speaks of people.
    pub fn whom(&self, name: impl AsRef<str>) -> String {
        self.t1("whom-person", "person", name.as_ref())
    }

    /// A device of a person.
    pub fn their_device(&self, person: &str, device: &str) -> String {
        self.t2("their-device", "person", person, "device", device)
    }

    pub fn tn(&self, key: &str, args: &[(&str, u64)]) -> String {
        let args: Vec<(&str, &dyn Arg)> = args.iter().map(|(name, value)| (*name, value as &dyn Arg)).collect();
        Messages::get().text(self.lang, key, &args)
    }

    pub fn number(&self, number: impl Whole) -> String {
        grouped(number.whole())
    }

    fn zoned(&self, time: Time) -> Zoned {
        Timestamp::from_millisecond(time.ms())
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(self.zone.clone())
    }

    fn day(&self, date: civil::Date, with_year: bool) -> String {
        match (self.lang, with_year) {
            (Lang::Ko, true) => format!("{}. {}. {}.", date.year(), date.month(), date.day()),
            (Lang::Ko, false) => format!("{}. {}.", date.month(), date.day()),
            (Lang::En, true) => format!("{} {} {}", date.day(), month(date), date.year()),
            (Lang::En, false) => format!("{} {}", date.day(), month(date)),
        }
    }

    /// `11. 23.` this year, `2025. 11. 23.` otherwise.
    pub fn date(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        let date = self.zoned(time).date();
        self.day(date, date.year() != self.zoned(self.now).year())
    }

    /// `2026. 11. 23.` whatever year it is.
    pub fn full_date(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        self.day(self.zoned(time).date(), true)
    }

    /// `2026. 11. 23. (월)`: the head of a day in a history.
    pub fn weekday_date(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        let zoned = self.zoned(time);
        let weekday = zoned.weekday().to_monday_zero_offset() as usize;
        let date = self.day(zoned.date(), true);
        match self.lang {
            Lang::Ko => format!("{date} ({})", ["월", "화", "수", "목", "금", "토", "일"][weekday]),
            Lang::En => format!("{} {date}", ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][weekday]),
        }
    }

    /// `14:02`, always of 24 hours.
    pub fn clock(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        let zoned = self.zoned(time);
        format!("{:02}:{:02}", zoned.hour(), zoned.minute())
    }

    /// `11. 23. 14:02` this year.
    pub fn date_time(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        self.with_clock(self.date(time), time)
    }

    /// `2026. 11. 23. 14:02`.
    pub fn full(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        self.with_clock(self.full_date(time), time)
    }

    /// A moment since when something goes on: `14:02` today, and with the date before that.
    pub fn since(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        if self.zoned(time).date() == self.zoned(self.now).date() {
            return self.clock(time);
        }
        self.date_time(time)
    }

    fn with_clock(&self, date: String, time: Time) -> String {
        match self.lang {
            Lang::Ko => format!("{date} {}", self.clock(time)),
            Lang::En => format!("{date}, {}", self.clock(time)),
        }
    }

    /// The way a person says when: `3분 전`, `오늘 14:02`, `어제 18:20`, and beyond that the date.
    pub fn near(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        let ago = self.now.since(time);
        let past = time <= self.now;
        if past && ago < Duration::from_secs(60) {
            return self.t("near-now");
        }
        if past && ago < Duration::from_secs(3600) {
            return self.t1("near-minutes", "minutes", ago.as_secs() / 60);
        }
        let (date, today) = (self.zoned(time).date(), self.zoned(self.now).date());
        let clock = self.clock(time);
        if date == today {
            return self.t1("near-today", "time", clock);
        }
        if today.yesterday().is_ok_and(|yesterday| date == yesterday) {
            return self.t1("near-yesterday", "time", clock);
        }
        if today.tomorrow().is_ok_and(|tomorrow| date == tomorrow) {
            return self.t1("near-tomorrow", "time", clock);
        }
        self.date_time(time)
    }

    /// `1분 48초`. Two units at most: nobody needs the seconds of an hour.
    pub fn duration(&self, span: impl Given<Duration>) -> String {
        let seconds = span.given().as_secs();
        let (units, pairs): ([&str; 4], _) = match self.lang {
            Lang::Ko => (["일", "시간", "분", "초"], ""),
            Lang::En => ([" d", " h", " min", " s"], ""),
        };
        let parts = [seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60];
        let first = parts.iter().position(|part| *part > 0).unwrap_or(3);
        let mut text = format!("{}{}{pairs}", grouped(parts[first].cast_signed()), units[first]);
        if let Some(second) = parts.get(first + 1).filter(|part| **part > 0) {
            let _ = match first {
                2 => write!(text, " {second:02}{}", units[3]),
                _ => write!(text, " {second}{}", units[first + 1]),
            };
        }
        text
    }

    /// For `<time datetime>`: RFC 3339 with the offset of the zone.
    pub fn iso(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        self.zoned(time).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// For `<input type="datetime-local">`, which knows no zone.
    pub fn to_local_input(&self, time: impl Given<Time>) -> String {
        let time = time.given();
        self.zoned(time).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// The last minute of the day that is so many days from today: what a date means as a deadline.
    pub fn end_of_day(&self, days: u64) -> Time {
        let today = self.zoned(self.now).date();
        let day = i64::try_from(days)
            .ok()
            .and_then(|days| today.checked_add(jiff::Span::new().days(days)).ok())
            .unwrap_or(civil::Date::MAX);
        let end = day.at(23, 59, 0, 0).to_zoned(self.zone.clone());
        end.map_or(Time(i64::MAX), |end| Time(end.timestamp().as_millisecond()))
    }

    /// What an `<input type="datetime-local">` sent; an hour that a clock change skips is the one after it.
    pub fn from_local_input(&self, text: &str) -> Option<Time> {
        let civil: civil::DateTime = text.trim().parse().ok()?;
        Some(Time(
            civil.to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond(),
        ))
    }
}

fn month(date: civil::Date) -> &'static str {
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    months[usize::from(date.month().unsigned_abs()) - 1]
}

/// `1,420`: both languages group alike.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `{ PARTICLE($name, "을/를") }` in a message: the one of the pair that follows what `$name` holds.
fn particle_function<'a>(positional: &[FluentValue<'a>], _: &FluentArgs) -> FluentValue<'a> {
    let text = |value: Option<&FluentValue<'a>>| match value {
        Some(FluentValue::String(text)) => text.to_string(),
        Some(FluentValue::Number(number)) => (number.value as i64).to_string(),
        _ => String::new(),
    };
    FluentValue::from(particle(&text(positional.first()), &text(positional.get(1))).to_owned())
}

/// How a word ends, as it is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Vowel,
    /// The final ㄹ, which takes 로 and not 으로.
    Rieul,
    Consonant,
}

/// The particle of a pair such as `은/는`, `이/가`, `을/를`, `과/와`, `으로/로` that follows `word`.
///
/// The first of the pair follows a final consonant. Latin words and digits are judged by how Koreans read them,
/// which for words is a rule of thumb.
pub fn particle<'a>(word: &str, pair: &'a str) -> &'a str {
    let (after_consonant, after_vowel) = pair.split_once('/').unwrap_or((pair, pair));
    match ending(word) {
        Ending::Consonant => after_consonant,
        Ending::Rieul if after_vowel == "로" => after_vowel,
        Ending::Rieul => after_consonant,
        Ending::Vowel => after_vowel,
    }
}

fn ending(word: &str) -> Ending {
    const RIEUL: u32 = 8;
    let mut letters = word.chars().rev().filter(|letter| letter.is_alphanumeric());
    let Some(last) = letters.next() else {
        return Ending::Vowel;
    };
    let before = letters.next();
    match last {
        '가'..='힣' => match (last as u32 - '가' as u32) % 28 {
            0 => Ending::Vowel,
            RIEUL => Ending::Rieul,
            _ => Ending::Consonant,
        },
        // 일, 칠, 팔; 영, 삼, 육; and 이, 사, 오, 구.
        '1' | '7' | '8' => Ending::Rieul,
        '0' | '3' | '6' => Ending::Consonant,
        '2' | '4' | '5' | '9' => Ending::Vowel,
        // 엘, 알 at the end of an abbreviation, and "-l" at the end of a word.
        'L' | 'R' | 'l' => Ending::Rieul,
        'M' | 'N' | 'm' | 'n' => Ending::Consonant,
        'g' if before == Some('n') => Ending::Consonant,
        'b' | 'c' | 'k' | 'p' | 't' => Ending::Consonant,
        _ => Ending::Vowel,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, collections::BTreeSet, path::Path};

    use super::*;

    pub fn speak(lang: Lang) -> Speak {
        // 2026-11-23 14:05 in Seoul.
        Speak {
            lang,
            now: Time(1_795_410_300_000),
            zone: TimeZone::get("Asia/Seoul").unwrap(),
        }
    }

    fn minutes_before(speak: &Speak, minutes: u64) -> Time {
        speak.now - Duration::from_secs(60 * minutes)
    }

    #[test]
    fn times_are_said_the_way_the_style_guide_says_them() {
        let (ko, en) = (speak(Lang::Ko), speak(Lang::En));
        let cases: [(u64, &str, &str); 6] = [
            (0, "방금", "Just now"),
            (3, "3분 전", "3 min ago"),
            (63, "오늘 13:02", "Today 13:02"),
            (60 * 20, "어제 18:05", "Yesterday 18:05"),
            (60 * 24 * 3, "11. 20. 14:05", "20 Nov, 14:05"),
            (60 * 24 * 365, "2025. 11. 23. 14:05", "23 Nov 2025, 14:05"),
        ];
        for (minutes, korean, english) in cases {
            assert_eq!(ko.near(minutes_before(&ko, minutes)), korean);
            assert_eq!(en.near(minutes_before(&en, minutes)), english);
        }
        assert_eq!(ko.near(ko.now + Duration::from_secs(24 * 3600)), "내일 14:05");
        assert_eq!(ko.weekday_date(ko.now), "2026. 11. 23. (월)");
        assert_eq!(en.weekday_date(en.now), "Mon 23 Nov 2026");
        assert_eq!(ko.iso(ko.now), "2026-11-23T14:05:00+09:00");
        assert_eq!(ko.from_local_input(&ko.to_local_input(ko.now)), Some(ko.now));
        assert_eq!(ko.from_local_input("tomorrow"), None);
        assert_eq!(ko.end_of_day(3), ko.from_local_input("2026-11-26T23:59").unwrap());
        assert!(ko.end_of_day(u64::MAX) > ko.end_of_day(10_000));
    }

    #[test]
    fn spans_and_numbers_have_at_most_what_a_person_reads() {
        let (ko, en) = (speak(Lang::Ko), speak(Lang::En));
        for (seconds, korean, english) in [
            (0, "0초", "0 s"),
            (4, "4초", "4 s"),
            (108, "1분 48초", "1 min 48 s"),
            (182, "3분 02초", "3 min 02 s"),
            (120, "2분", "2 min"),
            (3700, "1시간 1분", "1 h 1 min"),
            (7 * 86_400, "7일", "7 d"),
        ] {
            assert_eq!(ko.duration(Duration::from_secs(seconds)), korean);
            assert_eq!(en.duration(Duration::from_secs(seconds)), english);
        }
        assert_eq!(ko.number(1_420_000_u64), "1,420,000");
        assert_eq!(ko.number(-3_i64), "−3");
        assert_eq!(ko.number(20_i64), "20");
    }

    #[test]
    fn particles_follow_the_last_syllable() {
        for (word, topic, subject, object, direction) in [
            ("한올서명", "은", "이", "을", "으로"),
            ("여울 회의", "는", "가", "를", "로"),
            ("홍라온", "은", "이", "을", "으로"),
            ("도담노트", "는", "가", "를", "로"),
            ("서울", "은", "이", "을", "로"),
            ("물레 CAD", "는", "가", "를", "로"),
            ("iPhone 2", "는", "가", "를", "로"),
            ("iPad 07", "은", "이", "을", "로"),
            ("현장팀 (서울)", "은", "이", "을", "로"),
            ("", "는", "가", "를", "로"),
        ] {
            assert_eq!(particle(word, "은/는"), topic, "{word}");
            assert_eq!(particle(word, "이/가"), subject, "{word}");
            assert_eq!(particle(word, "을/를"), object, "{word}");
            assert_eq!(particle(word, "으로/로"), direction, "{word}");
        }
    }

    #[test]
    fn the_browser_s_first_known_language_is_taken() {
        assert_eq!(Lang::negotiate("ko-KR,ko;q=0.9,en;q=0.8"), Lang::Ko);
        assert_eq!(Lang::negotiate("en;q=0.4, ko;q=0.9"), Lang::Ko);
        assert_eq!(Lang::negotiate("ko;q=0, en"), Lang::En);
        assert_eq!(Lang::negotiate("de-DE,de"), Lang::En);
        assert_eq!(Lang::negotiate("en-GB"), Lang::En);
        assert_eq!(Lang::negotiate(""), Lang::Ko);
    }

    /// Key and arguments of every message, read the simple way.
    fn messages(files: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut key = String::new();
        for line in files.iter().flat_map(|text| text.lines()) {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if line.starts_with(|first: char| first.is_ascii_alphabetic())
                && let Some((name, _)) = line.split_once('=')
            {
                key = name.trim().to_owned();
                assert!(
                    found.insert(key.clone(), BTreeSet::new()).is_none(),
                    "{key} stands twice"
                );
            }
            for variable in line.split('$').skip(1) {
                let end = variable
                    .find(|next: char| !next.is_alphanumeric())
                    .unwrap_or(variable.len());
                found
                    .get_mut(&key)
                    .expect("a file begins with a key")
                    .insert(variable[..end].to_owned());
            }
        }
        found
    }

    #[test]
    fn both_languages_say_the_same_things_with_the_same_arguments() {
        let (ko, en) = (messages(&KO), messages(&EN));
        for (key, arguments) in &ko {
            let Some(english) = en.get(key) else {
                panic!("{key} has no English text")
            };
            assert_eq!(arguments, english, "the arguments of {key} differ");
        }
        for key in en.keys() {
            assert!(ko.contains_key(key), "{key} has no Korean text");
        }
    }

    /// Every text of this crate's sources and templates.
    fn sources() -> Vec<String> {
        fn read(folder: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    read(&path, found);
                } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "html") {
                    found.push(std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        read(&root.join("src"), &mut found);
        read(&root.join("templates"), &mut found);
        found
    }

    /// The text literals of a source that look like the key of a message.
    fn literals(source: &str) -> impl Iterator<Item = &str> {
        let is_key = |text: &&str| {
            text.contains('-')
                && !text.ends_with('-')
                && text.starts_with(|first: char| first.is_ascii_lowercase())
                && text
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
        };
        source.split('"').filter(is_key)
    }

    #[test]
    fn every_key_in_use_exists() {
        let known = messages(&KO);
        for source in sources() {
            for call in [".t(\"", ".t1(\"", ".t2(\"", ".ta(\"", ".tn(\""] {
                for rest in source.split(call).skip(1) {
                    let key = &rest[..rest.find('"').unwrap_or(rest.len())];
                    assert!(known.contains_key(key), "there is no message {key}");
                }
            }
            // Where words are chosen, each literal is a key; so are the refusals of tokens, wherever they are named.
            let words = source.starts_with("//! The words for");
            for key in literals(&source) {
                if words || key.starts_with("token-refused-") {
                    assert!(known.contains_key(key), "there is no message {key}");
                }
            }
        }
    }

    #[test]
    fn every_message_is_said_somewhere() {
        let sources = sources();
        let used: BTreeSet<&str> = sources.iter().flat_map(|source| literals(source)).collect();
        let unused: Vec<_> = messages(&KO)
            .into_keys()
            .filter(|key| !used.contains(key.as_str()))
            .collect();
        assert!(unused.is_empty(), "nobody says {unused:?}");
    }
}
