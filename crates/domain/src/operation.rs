//! What became of what was asked of Apple: the rules by which an answer, a silence and a list are believed.
//!
//! A request for licences is accepted first and carried out later, in parts, and its answer may be lost at every step.
//! Three things can be known about one licence in it: an answer that speaks of it, a list that shows it, or nothing
//! yet. Nothing is ever concluded from time alone: time only says when a list can be believed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Time, licence::Reading};

/// What was asked of Apple about a licence or a client user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ask {
    Associate,
    Disassociate,
    /// To end a client user. A list shows it while it is in use.
    Retire,
}

/// How long a request can be alive, and how far Apple's lists may lag behind what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// Within this a request has arrived at Apple or never will: our own limit for an answer.
    pub request: Duration,
    /// Within this Apple has carried out what it accepted: ten minutes, by its own word (Apple, "status").
    pub event: Duration,
    /// How far a list may lag behind a completed event. Apple does not tell; a minute is more than was ever reported.
    pub lag: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            request: Duration::from_secs(40),
            event: Duration::from_secs(10 * 60),
            lag: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// From when on nothing more can come of a request that was sent at `sent`, whatever became of its answer.
    pub fn dead_at(&self, sent: Time) -> Time {
        sent + self.request + self.event
    }

    /// A list whose reading began at `began`.
    pub fn reading(&self, began: Time) -> Reading {
        Reading { began, lag: self.lag }
    }

    /// When to look at the lists again for what became of a request whose answer was lost: `first` after it was sent, then
    /// ever more rarely, up to once a minute; and as soon as they can be believed, when that is earlier.
    pub fn next_look(&self, now: Time, sent: Time, dead_at: Option<Time>, first: Duration) -> Time {
        let next = now + now.since(sent).clamp(first, LOOK_EVERY.max(first));
        match dead_at.map(|dead_at| dead_at + self.lag) {
            Some(certain) if certain > now => next.min(certain),
            _ => next,
        }
    }
}

/// How often lists are looked at for what became of a request whose answer was lost.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Pauses double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// How long to wait before the same is asked again, after so many attempts in a row.
pub fn pause(first: Duration, attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
    first.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

/// What is known of what became of a request, about one licence in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Apple says that it is as was asked.
    Done,
    /// Apple says of this licence that it was not done, and why.
    Refused,
    /// A list of all who hold the asset. It is told whether this holder is in it.
    Listed(bool, Reading),
    /// Nothing: the list is not whole, and does not show this holder.
    Nothing,
}

impl Word {
    /// What a list says of a holder that is in it or not. One that is not `whole` says nothing of whom it does not show.
    pub fn of_list(listed: bool, whole: bool, reading: Reading) -> Word {
        match listed || whole {
            true => Word::Listed(listed, reading),
            false => Word::Nothing,
        }
    }
}

/// What to believe about one licence of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is as was asked: held, or returned.
    Done,
    /// Apple turned it down: as before.
    Refused,
    /// It was not done, and will not be done by this request any more: ask again.
    Undone,
    /// Not known yet.
    Open,
}

/// Believes what can be believed of what became of a request about one licence.
///
/// `since` is when the licence was reserved or its return begun, `gone` when the last licence of the same two ended,
/// as far as known, and `dead_at` from when on nothing more can come of the request.
///
/// A list that shows the work done settles it at once, when it is no older than what went before. A list that does not
/// show it proves something only once the request is dead and the list knows of that time: a request that is alive
/// may still do its work after any list, and whoever asked again would have asked twice.
pub fn settle(ask: Ask, since: Time, gone: Option<Time>, dead_at: Time, word: Word) -> Settled {
    let (listed, reading) = match word {
        Word::Done => return Settled::Done,
        Word::Refused => return Settled::Refused,
        Word::Nothing => return Settled::Open,
        Word::Listed(listed, reading) => (listed, reading),
    };
    let shows_the_work = match ask {
        // Listed, and not on account of an earlier licence that ended since.
        Ask::Associate => listed && gone.is_none_or(|gone| reading.knows_of(gone)),
        // Not listed, and not because the list is from before the licence was there.
        Ask::Disassociate | Ask::Retire => !listed && reading.knows_of(since),
    };
    let shows_no_work = listed == (ask != Ask::Associate);
    if shows_the_work {
        Settled::Done
    } else if shows_no_work && reading.knows_of(dead_at) {
        Settled::Undone
    } else {
        Settled::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        request: Duration::from_secs(40),
        event: Duration::from_secs(600),
        lag: Duration::from_secs(60),
    };
    const SENT: Time = Time(1_000_000);

    fn after(seconds: u64) -> Reading {
        PATIENCE.reading(SENT + Duration::from_secs(seconds))
    }

    fn settled(ask: Ask, listed: bool, seconds: u64) -> Settled {
        settle(
            ask,
            SENT,
            None,
            PATIENCE.dead_at(SENT),
            Word::Listed(listed, after(seconds)),
        )
    }

    #[test]
    fn what_a_list_shows_done_is_done_at_once() {
        assert_eq!(settled(Ask::Associate, true, 1), Settled::Done);
        assert_eq!(settled(Ask::Disassociate, false, 60), Settled::Done);
        assert_eq!(settled(Ask::Retire, false, 60), Settled::Done);
    }

    /// With a shorter wait, an event that Apple finished late gave a licence that nobody counted any more.
    #[test]
    fn what_no_list_shows_stays_open_while_the_request_may_be_alive() {
        for seconds in [1, 60, 640, 699] {
            assert_eq!(settled(Ask::Associate, false, seconds), Settled::Open, "{seconds}");
            assert_eq!(settled(Ask::Disassociate, true, seconds), Settled::Open, "{seconds}");
            assert_eq!(settled(Ask::Retire, true, seconds), Settled::Open, "{seconds}");
        }
        assert_eq!(settled(Ask::Associate, false, 700), Settled::Undone);
        assert_eq!(settled(Ask::Disassociate, true, 700), Settled::Undone);
        assert_eq!(settled(Ask::Retire, true, 700), Settled::Undone);
    }

    #[test]
    fn a_list_from_before_a_licence_ended_does_not_confirm_its_successor() {
        let ended = SENT;
        let word = |seconds| Word::Listed(true, after(seconds));
        let dead_at = PATIENCE.dead_at(SENT);
        assert_eq!(
            settle(Ask::Associate, SENT, Some(ended), dead_at, word(59)),
            Settled::Open
        );
        assert_eq!(
            settle(Ask::Associate, SENT, Some(ended), dead_at, word(60)),
            Settled::Done
        );
    }

    /// A list from before the licence was there does not show it either.
    #[test]
    fn a_list_that_may_be_older_than_the_licence_does_not_prove_its_return() {
        assert_eq!(settled(Ask::Disassociate, false, 59), Settled::Open);
    }

    /// However late it is read.
    #[test]
    fn whom_a_list_that_is_not_whole_does_not_show_it_says_nothing_of() {
        let settled = |ask, listed, whole| {
            let word = Word::of_list(listed, whole, after(10_000));
            settle(ask, SENT, None, PATIENCE.dead_at(SENT), word)
        };
        for ask in [Ask::Associate, Ask::Disassociate, Ask::Retire] {
            assert_eq!(settled(ask, false, false), Settled::Open, "{ask:?}");
            assert_eq!(settled(ask, true, false), settled(ask, true, true), "{ask:?}");
        }
    }

    #[test]
    fn a_pause_doubles_up_to_ten_minutes() {
        let seconds = |attempts| pause(Duration::from_secs(5), attempts).as_secs();
        assert_eq!([1, 2, 3, 4, 7].map(seconds), [5, 10, 20, 40, 320]);
        assert_eq!([8, 16, 17, i64::MAX].map(seconds), [600; 4]);
        assert_eq!([0, -1, i64::MIN].map(seconds), [5; 3]);
    }

    /// Soon while the answer may be there any moment, and not for longer than it takes to be certain.
    #[test]
    fn a_lost_answer_is_looked_for_ever_more_rarely_and_at_once_when_it_is_certain() {
        let first = Duration::from_secs(5);
        let dead_at = PATIENCE.dead_at(SENT);
        let at = |seconds: u64| SENT + Duration::from_secs(seconds);
        let next = |seconds| PATIENCE.next_look(at(seconds), SENT, Some(dead_at), first);
        assert_eq!([0, 5, 20, 60, 100].map(next), [5, 10, 40, 120, 160].map(at));
        // Certain after 40 s, 10 min and a minute more.
        assert_eq!([650, 699, 700, 800].map(next), [700, 700, 760, 860].map(at));
        assert_eq!(PATIENCE.next_look(at(650), SENT, None, first), at(710));
    }

    #[test]
    fn what_apple_says_of_a_licence_needs_no_list() {
        for ask in [Ask::Associate, Ask::Disassociate] {
            let dead_at = PATIENCE.dead_at(SENT);
            assert_eq!(settle(ask, SENT, None, dead_at, Word::Done), Settled::Done);
            assert_eq!(settle(ask, SENT, None, dead_at, Word::Refused), Settled::Refused);
        }
    }
}
