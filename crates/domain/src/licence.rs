//! Licences: how many there are, who has one, and where one is on its way.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{DeviceId, PersonId, Time};

/// Who has a licence, or is to have one: Apple binds it to a client user, or to a serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Holder {
    Person(PersonId),
    Device(DeviceId),
}

impl Holder {
    pub fn kind(self) -> HolderKind {
        match self {
            Holder::Person(_) => HolderKind::User,
            Holder::Device(_) => HolderKind::Device,
        }
    }

    /// Of the person, or of the device.
    pub fn id(self) -> Uuid {
        match self {
            Holder::Person(PersonId(id)) | Holder::Device(DeviceId(id)) => id,
        }
    }

    pub fn person(self) -> Option<PersonId> {
        match self {
            Holder::Person(person) => Some(person),
            Holder::Device(_) => None,
        }
    }

    pub fn device(self) -> Option<DeviceId> {
        match self {
            Holder::Person(_) => None,
            Holder::Device(device) => Some(device),
        }
    }
}

impl From<PersonId> for Holder {
    fn from(person: PersonId) -> Holder {
        Holder::Person(person)
    }
}

impl From<DeviceId> for Holder {
    fn from(device: DeviceId) -> Holder {
        Holder::Device(device)
    }
}

/// Whose a licence is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HolderKind {
    /// Of a person, on all their devices: they accept the programme's terms, and have an account at Apple.
    #[default]
    User,
    /// Of a single device, whoever uses it: nobody has to accept anything.
    Device,
}

/// What licences a deployment asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LicenseType {
    /// The only kind of 2016.
    #[default]
    User,
    Device,
    /// The device's own where Apple permits it for the app, else the person's.
    Automatic,
}

/// Whose licence an app on a device runs with, and why that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Licensing {
    pub kind: HolderKind,
    pub reason: LicensingReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LicensingReason {
    /// The policy of 2016 knows user licences only.
    Policy2016,
    /// Several people sign in to it, and none of them can bring a licence (`mdm-protocol` §6.3).
    SharedDevice,
    /// It belongs to nobody who could bring one.
    NoUser,
    /// A deployment says so.
    Deployment,
    /// A deployment leaves it open, and Apple permits licences of devices for the app.
    Assignable,
    /// A deployment leaves it open, and Apple permits none.
    NotAssignable,
}

/// How many licences of an asset the organisation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Owned {
    /// Apple's `totalCount` less `retiredCount`.
    Count(u64),
    /// `totalCount` is 2147483647: no arithmetic (Apple's App, Book and Subscription Management, 2026).
    Unlimited,
}

/// A licence that is ours, or about to be.
///
/// ```text
/// (none) --reserve--> Reserved --Apple confirms--> Held --return--> Returning --Apple confirms--> (none)
///                        |                           ^                  |
///                        +--Apple refuses--> (none)  +--Apple refuses---+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Seat {
    /// Taken out of the free ones; Apple is being asked, or will be.
    Reserved { since: Time },
    /// Apple lists the assignment.
    Held { since: Time },
    /// Apple is being asked to take it back. Still counts as used: Apple may turn it down.
    Returning { since: Time },
}

/// Where the licences of an asset are: `used + on_the_way + foreign + free = owned`.
///
/// The sum is larger than `owned` only while Apple's own count is: licences were given up that are in use.
/// Without arithmetic (`owned` is unlimited) `free` is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub owned: Owned,
    /// Apple confirmed them for us.
    pub used: u64,
    /// Reserved or asked for.
    pub on_the_way: u64,
    /// Held by what another server made (A9).
    pub foreign: u64,
    pub free: Option<u64>,
    /// How many of those are kept for whoever has the app by a line that keeps some, and are nobody else's. Part of `free`.
    pub kept: u64,
    /// People who want one and found none. Not part of the sum.
    pub waiting: u64,
    /// What the removals on their way will bring back. Part of `used`.
    pub returning: u64,
    /// How many more are out than are owned: licences were refunded or moved away while they were in use. As many
    /// have to come back, or be bought, before anybody gets one.
    pub short: u64,
}

/// Apple turned down what was asked for one licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    pub reason: RefusalReason,
    /// Before this the same is not asked again.
    pub not_before: Time,
}

/// What a refusal says to whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalReason {
    /// No licence was left: Apple has fewer than we knew.
    Stock,
    /// Apple's own trouble, which passes.
    Temporary,
    /// This person or this asset cannot be served, until somebody changes something.
    Refused,
}

impl Refusal {
    /// Whether asking again has to wait.
    pub fn holds(&self, now: Time) -> bool {
        now < self.not_before
    }
}

/// `totalCount` of an asset that has no end.
const UNLIMITED: i64 = i32::MAX as i64;

impl Owned {
    /// From Apple's `totalCount` and `retiredCount`.
    pub fn of(total: i64, retired: i64) -> Owned {
        if total == UNLIMITED {
            return Owned::Unlimited;
        }
        Owned::Count(u64::try_from(total.saturating_sub(retired)).unwrap_or(0))
    }
}

impl Seat {
    /// Takes one of the free licences.
    pub fn reserve(now: Time) -> Seat {
        Seat::Reserved { since: now }
    }

    /// Apple did what it was asked to, or lists what we asked for.
    pub fn confirmed(self, now: Time) -> Option<Seat> {
        match self {
            Seat::Reserved { .. } => Some(Seat::Held { since: now }),
            Seat::Held { .. } => Some(self),
            Seat::Returning { .. } => None,
        }
    }

    /// Apple did not do what it was asked to: everything is as it was before.
    pub fn refused(self, now: Time) -> Option<Seat> {
        match self {
            Seat::Reserved { .. } => None,
            Seat::Held { .. } => Some(self),
            Seat::Returning { .. } => Some(Seat::Held { since: now }),
        }
    }

    /// Apple is to take it back. What is not confirmed yet cannot be returned yet.
    pub fn returning(self, now: Time) -> Seat {
        match self {
            Seat::Held { .. } => Seat::Returning { since: now },
            Seat::Reserved { .. } | Seat::Returning { .. } => self,
        }
    }

    pub fn since(self) -> Time {
        match self {
            Seat::Reserved { since } | Seat::Held { since } | Seat::Returning { since } => since,
        }
    }

    /// Apple has confirmed it, and has not confirmed its return.
    pub fn is_used(self) -> bool {
        !matches!(self, Seat::Reserved { .. })
    }

    pub fn is_held(self) -> bool {
        matches!(self, Seat::Held { .. })
    }

    /// It is on its way to its holder, or there, and not on its way back.
    pub fn is_out(self) -> bool {
        !matches!(self, Seat::Returning { .. })
    }
}

/// A list that Apple sent, by what it can know.
///
/// Apple's lists lag behind its own events: one that was asked for at `began` shows everything as it was `lag` before
/// that, or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// When its reading began: before the first page was asked for.
    pub began: Time,
    /// How far a list may lag, at most.
    pub lag: Duration,
}

impl Reading {
    /// Whether the list shows what happened at `at`.
    pub fn knows_of(&self, at: Time) -> bool {
        at + self.lag <= self.began
    }
}

/// Corrects a seat by a list from Apple; `gone` is when the last seat of the same two ended, as far as known.
///
/// A list says nothing of what changed after it, and never takes away what a later answer gave. What is on its way is
/// left to whoever was asked ([`settle`](crate::operation::settle)). Otherwise Apple's word counts: a licence that it
/// lists for a person of ours is ours, and one that it does not list is lost.
///
/// What is found is dated by `now`, when the list had been answered, and not by when its reading began: it may show what
/// happened in between, and a list that began then and lags would take it away again.
pub fn observe(seat: Option<Seat>, gone: Option<Time>, listed: bool, reading: &Reading, now: Time) -> Option<Seat> {
    let changed = seat.map(Seat::since).or(gone);
    if changed.is_some_and(|at| !reading.knows_of(at)) {
        return seat;
    }
    match (seat, listed) {
        (None, true) => Some(Seat::Held { since: now }),
        (Some(Seat::Held { .. }), false) => None,
        (seat, _) => seat,
    }
}

impl Counts {
    pub fn of(owned: Owned, foreign: u64, seats: impl IntoIterator<Item = Seat>) -> Counts {
        let (mut taken, mut on_the_way, mut returning) = (0, 0, 0);
        for seat in seats {
            taken += 1;
            match seat {
                Seat::Reserved { .. } => on_the_way += 1,
                Seat::Held { .. } => {}
                Seat::Returning { .. } => returning += 1,
            }
        }
        Counts::with(owned, foreign, taken, on_the_way, returning)
    }

    /// The same from numbers: of the licences that are `taken`, so many are on their way here, and so many back.
    pub fn with(owned: Owned, foreign: u64, taken: u64, on_the_way: u64, returning: u64) -> Counts {
        let used = taken.saturating_sub(on_the_way);
        let out = used + on_the_way + foreign;
        let (free, short) = match owned {
            Owned::Count(owned) => (Some(owned.saturating_sub(out)), out.saturating_sub(owned)),
            Owned::Unlimited => (None, 0),
        };
        Counts {
            owned,
            used: taken.saturating_sub(on_the_way),
            on_the_way,
            foreign,
            free,
            kept: 0,
            waiting: 0,
            returning,
            short,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Time = Time(1);
    const NOW: Time = Time(2);
    const RESERVED: Seat = Seat::Reserved { since: THEN };
    const HELD: Seat = Seat::Held { since: THEN };
    const RETURNING: Seat = Seat::Returning { since: THEN };

    #[test]
    fn the_largest_number_apple_knows_means_no_end() {
        assert_eq!(Owned::of(2_147_483_647, 0), Owned::Unlimited);
        assert_eq!(Owned::of(2_147_483_646, 0), Owned::Count(2_147_483_646));
    }

    #[test]
    fn retired_licences_are_not_owned() {
        assert_eq!(Owned::of(20, 5), Owned::Count(15));
        assert_eq!(Owned::of(3, 5), Owned::Count(0));
    }

    #[test]
    fn a_seat_goes_round_as_apple_answers() {
        let seat = Seat::reserve(THEN);
        assert_eq!(seat, RESERVED);
        let seat = seat.confirmed(NOW).unwrap();
        assert_eq!(seat, Seat::Held { since: NOW });
        let seat = seat.returning(NOW);
        assert_eq!(seat, Seat::Returning { since: NOW });
        assert_eq!(seat.confirmed(NOW), None);
    }

    #[test]
    fn what_apple_has_confirmed_is_used_until_its_return_is() {
        assert_eq!([RESERVED, HELD, RETURNING].map(Seat::is_used), [false, true, true]);
        assert_eq!([RESERVED, HELD, RETURNING].map(Seat::is_held), [false, true, false]);
    }

    #[test]
    fn a_refusal_leaves_everything_as_it_was() {
        assert_eq!(RESERVED.refused(NOW), None);
        assert_eq!(RETURNING.refused(NOW), Some(Seat::Held { since: NOW }));
        assert_eq!(HELD.refused(NOW), Some(HELD));
    }

    #[test]
    fn a_licence_that_apple_has_not_confirmed_is_not_returned() {
        assert_eq!(RESERVED.returning(NOW), RESERVED);
    }

    const LAG: Duration = Duration::from_millis(10);
    const AFTER: Time = Time(15);
    const LATER: Reading = Reading {
        began: Time(12),
        lag: LAG,
    };

    #[test]
    fn apples_list_settles_what_is_not_on_its_way() {
        let found = Some(Seat::Held { since: AFTER });
        assert_eq!(observe(None, None, true, &LATER, AFTER), found);
        assert_eq!(observe(None, Some(THEN), true, &LATER, AFTER), found);
        assert_eq!(observe(None, None, false, &LATER, AFTER), None);
        assert_eq!(observe(Some(HELD), None, true, &LATER, AFTER), Some(HELD));
        assert_eq!(observe(Some(HELD), None, false, &LATER, AFTER), None);
    }

    /// A list that lagged four seconds once took away three of four fresh licences, which were then given again.
    #[test]
    fn a_list_says_nothing_of_what_changed_after_it() {
        let fresh = Seat::Held { since: Time(3) };
        assert_eq!(observe(Some(fresh), None, false, &LATER, AFTER), Some(fresh));
        assert_eq!(observe(None, Some(Time(3)), true, &LATER, AFTER), None);
    }

    #[test]
    fn apples_list_does_not_settle_what_is_on_its_way() {
        for seat in [RESERVED, RETURNING] {
            for listed in [true, false] {
                assert_eq!(observe(Some(seat), None, listed, &LATER, AFTER), Some(seat));
            }
        }
    }

    #[test]
    fn what_is_being_returned_counts_as_used_until_apple_confirms() {
        let counts = Counts::of(Owned::Count(10), 3, [RESERVED, HELD, HELD, RETURNING]);
        assert_eq!(
            (counts.used, counts.on_the_way, counts.foreign, counts.returning),
            (3, 1, 3, 1)
        );
        assert_eq!(counts.free, Some(3));
    }

    #[test]
    fn what_was_refunded_while_in_use_is_a_shortage_and_not_a_negative_number() {
        let counts = Counts::of(Owned::Count(1), 1, [HELD, HELD]);
        assert_eq!((counts.free, counts.short), (Some(0), 2));
        assert_eq!(Counts::of(Owned::Count(3), 1, [HELD, HELD]).short, 0);
    }

    #[test]
    fn unlimited_has_no_arithmetic() {
        assert_eq!(Counts::of(Owned::Unlimited, 1, [HELD]).free, None);
    }
}
