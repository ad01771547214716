//! How often somebody may try a password, in a fixed amount of memory.
//!
//! Whoever guesses is slowed down, and nobody else is: mistakes are counted for one login *from one address*, so a
//! guesser elsewhere does not keep the right person out. A browser in which the person has signed in before has a
//! count of its own, which a guesser behind the same address does not touch. Beside it, one address may make one
//! mistake a second over all logins.
//!
//! The counts lie in tables of a fixed size, at two places that a secret decides (a count-min sketch: the smaller count
//! is the true one, or too high). So ten thousand invented logins cost no memory, push nobody's count out, and come
//! upon the count of somebody else only by chance, too low to matter. In memory: a restart forgives, and each of
//! several servers counts for itself, which multiplies what a guesser gets by their number.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::{AccountId, Time};
use sha2::{Digest, Sha256};

/// Whose mistakes are counted together.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// A browser that nobody knows, at this address, with this login.
    Stranger { source: IpAddr, login: &'a str },
    /// A browser in which the account's owner has signed in before, by the SHA-256 of its cookie.
    KnownBrowser { token_sha256: &'a str },
    /// Somebody who is signed in, and types the password once more.
    SignedIn(AccountId),
}

/// One attempt that was let through. What came of it is said to [`Attempts::succeeded`] or [`Attempts::not_made`];
/// otherwise it was a mistake.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    table: Table,
    places: [usize; 2],
    source: Option<[usize; 2]>,
    /// Mistakes in a row, this one included should it be one.
    pub in_a_row: u32,
}

/// Known browsers are counted apart from strangers, who can fill their own table only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Strangers,
    Known,
}

/// So many mistakes in a row are a person's.
const FREE: u32 = 5;
pub const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// One address may make so many mistakes at once, over all logins: an office behind one address on a Monday.
const SOURCE_BURST: i64 = 30;
/// And after them one in this time.
const SOURCE_EVERY_MS: i64 = 1000;

/// 2 MiB for the two rows. To bring half of their counts above [`FREE`] takes 160,000 mistakes within an hour, from a
/// hundred addresses and more: most of what the gate lets through meanwhile. Known browsers do not notice.
const STRANGERS: usize = 1 << 16;
const KNOWN: usize = 1 << 12;
const SOURCES: usize = 1 << 14;

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    in_a_row: u32,
    last: Time,
}

pub struct Attempts {
    /// Decides who is counted where; nobody outside can aim at somebody's place.
    secret: [u8; 32],
    tables: Mutex<Tables>,
}

struct Tables {
    strangers: [Vec<Count>; 2],
    known: [Vec<Count>; 2],
    /// When the address will have paid for its mistakes, in milliseconds.
    sources: [Vec<i64>; 2],
}

impl Tables {
    fn counts(&mut self, table: Table) -> &mut [Vec<Count>; 2] {
        match table {
            Table::Strangers => &mut self.strangers,
            Table::Known => &mut self.known,
        }
    }
}

impl Attempts {
    pub fn new(secret: [u8; 32]) -> Attempts {
        let counts = |size| [vec![Count::default(); size], vec![Count::default(); size]];
        Attempts {
            secret,
            tables: Mutex::new(Tables {
                strangers: counts(STRANGERS),
                known: counts(KNOWN),
                sources: [vec![0; SOURCES], vec![0; SOURCES]],
            }),
        }
    }

    /// Counts an attempt, or says how long to wait before the next one.
    ///
    /// Counted before the password is looked at, so that many attempts at once gain nothing. What was counted before
    /// `forgiven_at` is forgotten: an administrator has said so.
    pub fn begin(&self, who: Who<'_>, now: Time, forgiven_at: Option<Time>) -> Result<Attempt, Duration> {
        let (table, places, source) = match who {
            Who::Stranger { source, login } => {
                let source = network(source).to_string();
                let places = self.places("stranger", &[&source, login], STRANGERS);
                (
                    Table::Strangers,
                    places,
                    Some(self.places("source", &[&source], SOURCES)),
                )
            }
            Who::KnownBrowser { token_sha256 } => (Table::Known, self.places("browser", &[token_sha256], KNOWN), None),
            Who::SignedIn(account) => {
                let places = self.places("account", &[&account.to_string()], KNOWN);
                (Table::Known, places, None)
            }
        };
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);

        let counts = tables.counts(table);
        let mut wait = LONGEST_WAIT;
        let mut in_a_row = u32::MAX;
        for (row, place) in counts.iter_mut().zip(places) {
            let count = &mut row[place];
            // The clock was set back: what lies ahead happened just now, or nobody would get in until then.
            count.last = count.last.min(now);
            let forgiven = forgiven_at.is_some_and(|at| count.last <= at);
            if forgiven || now.since(count.last) >= FORGOTTEN_AFTER {
                count.in_a_row = 0;
            }
            wait = wait.min(wait_after(count.in_a_row).saturating_sub(now.since(count.last)));
            in_a_row = in_a_row.min(count.in_a_row);
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        if let Some(source) = source {
            let paid_at = tables.paid_at(source, now);
            let over_ms = paid_at - now.ms() - (SOURCE_BURST - 1) * SOURCE_EVERY_MS;
            if over_ms > 0 {
                return Err(Duration::from_millis(over_ms.unsigned_abs()));
            }
            for (row, place) in tables.sources.iter_mut().zip(source) {
                row[place] = row[place].max(now.ms()) + SOURCE_EVERY_MS;
            }
        }
        for (row, place) in tables.counts(table).iter_mut().zip(places) {
            row[place].in_a_row = row[place].in_a_row.saturating_add(1);
            row[place].last = now;
        }
        Ok(Attempt {
            table,
            places,
            source,
            in_a_row: in_a_row.saturating_add(1),
        })
    }

    /// The password was right: the mistakes before it were the person's own.
    pub fn succeeded(&self, attempt: Attempt) {
        self.end(attempt, |count| count.in_a_row = 0);
    }

    /// The password was never looked at.
    pub fn not_made(&self, attempt: Attempt) {
        self.end(attempt, |count| count.in_a_row = count.in_a_row.saturating_sub(1));
    }

    fn end(&self, attempt: Attempt, change: impl Fn(&mut Count)) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, place) in tables.counts(attempt.table).iter_mut().zip(attempt.places) {
            change(&mut row[place]);
        }
        if let Some(source) = attempt.source {
            for (row, place) in tables.sources.iter_mut().zip(source) {
                row[place] -= SOURCE_EVERY_MS;
            }
        }
    }

    fn places(&self, kind: &str, parts: &[&str], size: usize) -> [usize; 2] {
        let mut digest = Sha256::new();
        digest.update(self.secret);
        digest.update(kind);
        for part in parts {
            digest.update([0]);
            digest.update(part);
        }
        let digest = digest.finalize();
        let place = |from: usize| {
            let bytes = [digest[from], digest[from + 1], digest[from + 2], digest[from + 3]];
            u32::from_le_bytes(bytes) as usize % size
        };
        [place(0), place(4)]
    }
}

impl Tables {
    fn paid_at(&mut self, source: [usize; 2], now: Time) -> i64 {
        let most = now.ms() + SOURCE_BURST * SOURCE_EVERY_MS;
        let mut paid_at = i64::MAX;
        for (row, place) in self.sources.iter_mut().zip(source) {
            // More than the burst is owed only after the clock was set back.
            row[place] = row[place].min(most);
            paid_at = paid_at.min(row[place]);
        }
        paid_at
    }
}

/// Nothing after the first five, then 1 s, 2 s, 4 s … 5 min.
fn wait_after(in_a_row: u32) -> Duration {
    if in_a_row < FREE {
        return Duration::ZERO;
    }
    let doubled = Duration::from_secs(1 << (in_a_row - FREE).min(20));
    doubled.min(LONGEST_WAIT)
}

/// Whoever has one address of IPv6 has the 2^64 beside it.
fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => {
            let mut parts = address.segments();
            parts[4..].fill(0);
            IpAddr::V6(Ipv6Addr::from(parts))
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Time = Time(1_795_410_300_000);
    const OFFICE: &str = "203.0.113.7";
    const ELSEWHERE: &str = "198.51.100.9";

    fn attempts() -> Attempts {
        Attempts::new([7; 32])
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn from<'a>(source: &str, login: &'a str) -> Who<'a> {
        Who::Stranger {
            source: source.parse().unwrap(),
            login,
        }
    }

    fn waits(attempts: &Attempts, who: Who<'_>, now: Time) -> Duration {
        match attempts.begin(who, now, None) {
            Ok(attempt) => {
                attempts.not_made(attempt);
                Duration::ZERO
            }
            Err(wait) => wait,
        }
    }

    #[test]
    fn the_sixth_guess_in_a_row_has_to_wait_and_each_one_longer() {
        let attempts = attempts();
        for number in 1..=5 {
            assert_eq!(attempts.begin(from(OFFICE, "kim"), NOW, None).unwrap().in_a_row, number);
        }
        assert_eq!(waits(&attempts, from(OFFICE, "kim"), NOW), seconds(1));
        let later = NOW + seconds(1);
        assert!(attempts.begin(from(OFFICE, "kim"), later, None).is_ok());
        assert_eq!(waits(&attempts, from(OFFICE, "kim"), later), seconds(2));

        let right = attempts.begin(from(OFFICE, "kim"), later + seconds(2), None).unwrap();
        attempts.succeeded(right);
        assert_eq!(
            waits(&attempts, from(OFFICE, "kim"), later + seconds(2)),
            Duration::ZERO
        );
    }

    /// Ten guesses a second at one login kept its owner out, from everywhere.
    #[test]
    fn a_guesser_elsewhere_does_not_keep_the_right_person_out() {
        let attempts = attempts();
        let mut now = NOW;
        for _ in 0..600 {
            let _ = attempts.begin(from(ELSEWHERE, "kim"), now, None);
            now = now + Duration::from_millis(100);
        }
        assert!(waits(&attempts, from(ELSEWHERE, "kim"), now) > Duration::ZERO);
        assert_eq!(waits(&attempts, from(OFFICE, "kim"), now), Duration::ZERO);
    }

    #[test]
    fn a_guesser_behind_the_same_address_does_not_touch_a_known_browser() {
        let attempts = attempts();
        for _ in 0..100 {
            let _ = attempts.begin(from(OFFICE, "kim"), NOW, None);
        }
        assert!(waits(&attempts, from(OFFICE, "kim"), NOW) > Duration::ZERO);
        let known = Who::KnownBrowser { token_sha256: "aa" };
        for _ in 0..5 {
            assert!(attempts.begin(known, NOW, None).is_ok());
        }
        // A stolen cookie is no licence to guess.
        assert_eq!(waits(&attempts, known, NOW), seconds(1));
        let signed_in = Who::SignedIn(AccountId(Uuid::nil()));
        assert_eq!(waits(&attempts, signed_in, NOW), Duration::ZERO);
    }

    /// They locked everybody out, because the memory for logins was full.
    #[test]
    fn ten_thousand_invented_logins_keep_nobody_out_and_hide_no_guesses() {
        let attempts = attempts();
        for _ in 0..5 {
            let _ = attempts.begin(from(ELSEWHERE, "kim"), NOW, None);
        }
        for number in 0..10_000u32 {
            let source = format!("2001:db8:{:x}::1", number / 20);
            let _ = attempts.begin(from(&source, &format!("invented-{number}")), NOW, None);
        }
        for person in ["kim", "lee", "park"] {
            assert_eq!(waits(&attempts, from(OFFICE, person), NOW), Duration::ZERO, "{person}");
        }
        assert!(waits(&attempts, from(ELSEWHERE, "kim"), NOW) > Duration::ZERO);
    }

    /// One password, tried on every login there is.
    #[test]
    fn one_address_makes_thirty_mistakes_at_once_and_then_one_a_second() {
        let attempts = attempts();
        let spray = |from_number: u32, count: u32, now: Time| {
            (from_number..from_number + count)
                .filter(|number| {
                    let login = format!("login-{number}");
                    attempts.begin(from(ELSEWHERE, &login), now, None).is_ok()
                })
                .count()
        };
        assert_eq!(spray(0, 100, NOW), 30);
        assert_eq!(spray(100, 100, NOW + seconds(10)), 10);
        assert_eq!(waits(&attempts, from(OFFICE, "kim"), NOW), Duration::ZERO);
        // Once it is over, it is over at once.
        assert_eq!(
            waits(&attempts, from(ELSEWHERE, "kim"), NOW + seconds(11)),
            Duration::ZERO
        );
    }

    #[test]
    fn the_neighbours_of_an_address_of_ipv6_are_the_same_guesser() {
        let attempts = attempts();
        for number in 0..5 {
            let source = format!("2001:db8:1:2::{number:x}");
            assert!(attempts.begin(from(&source, "kim"), NOW, None).is_ok());
        }
        assert!(waits(&attempts, from("2001:db8:1:2:ffff::1", "kim"), NOW) > Duration::ZERO);
        assert_eq!(waits(&attempts, from("2001:db8:1:3::1", "kim"), NOW), Duration::ZERO);
    }

    #[test]
    fn nobody_waits_longer_than_five_minutes_whatever_the_clock_does() {
        let attempts = attempts();
        let mut now = NOW;
        for _ in 0..100 {
            let _ = attempts.begin(from(OFFICE, "kim"), now, None);
            now = now + seconds(300);
        }
        assert_eq!(waits(&attempts, from(OFFICE, "kim"), now), Duration::ZERO);
        let _ = attempts.begin(from(OFFICE, "kim"), now, None);
        // Thirteen hours back.
        let back = now - seconds(13 * 3600);
        assert!(waits(&attempts, from(OFFICE, "kim"), back) <= LONGEST_WAIT);
        // The address had a second to pay for.
        assert!(waits(&attempts, from(OFFICE, "kim"), back + LONGEST_WAIT) <= seconds(1));
        let after = back + LONGEST_WAIT + seconds(1);
        assert_eq!(waits(&attempts, from(OFFICE, "kim"), after), Duration::ZERO);
    }

    #[test]
    fn what_was_counted_before_an_administrator_forgave_it_is_forgotten() {
        let attempts = attempts();
        for _ in 0..5 {
            let _ = attempts.begin(from(OFFICE, "kim"), NOW, None);
        }
        assert!(
            attempts
                .begin(from(OFFICE, "kim"), NOW, Some(NOW - seconds(1)))
                .is_err()
        );
        assert_eq!(attempts.begin(from(OFFICE, "kim"), NOW, Some(NOW)).unwrap().in_a_row, 1);
    }

    #[test]
    fn an_attempt_that_was_not_made_is_not_counted() {
        let attempts = attempts();
        for _ in 0..100 {
            let attempt = attempts.begin(from(OFFICE, "kim"), NOW, None).unwrap();
            attempts.not_made(attempt);
        }
        assert_eq!(waits(&attempts, from(OFFICE, "kim"), NOW), Duration::ZERO);
    }
}
