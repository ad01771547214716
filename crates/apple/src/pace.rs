//! How fast requests may leave.
//!
//! Apple counts what it *receives* in a second, and nobody here can know when that is: a request may be held up on its
//! way, and come together with the ones after it. So a request counts here from the moment it leaves until a second
//! after its answer began. Apple received it at some time in between. Whatever second of Apple's one looks at, all that
//! was received in it still counts here at its end; and never more count at once than are permitted. That holds however
//! long requests are on their way, however late a timer fires and however long this process stood still.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// Until Apple tells its limit (`maxRequestPerSecond`). It has published 15; some of its own samples leave it out.
const UNTOLD: u32 = 10;
/// So much of Apple's limit is used, in percent: others may ask for the same location with the same token.
const SHARE: u32 = 80;
/// How long a request counts after its answer began: Apple's second, and a tenth for clocks that do not run alike.
const COUNTS_AFTER: Duration = Duration::from_millis(1100);
/// How long a request without an answer counts: it may be on its way still when nobody waits for it any more.
const COUNTS_UNANSWERED: Duration = Duration::from_secs(10);
/// How long nothing leaves after a refusal that does not say for how long. Doubles while refusals go on.
const FIRST_PAUSE: Duration = Duration::from_millis(1500);
const PAUSES_DOUBLED: u32 = 4;
/// No pause is longer here. Whoever asks hears the rest from the error and decides.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// One more is dared so often after a limit was learned from a refusal.
const DARE_EVERY: Duration = Duration::from_secs(10);

/// Lets so many requests leave that Apple never receives more of them in a second than it permits.
///
/// The limit is for a location, so whoever asks for one shares its pace: clones do. What is learned from one refusal
/// holds for all of them at once.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    window: Mutex<Window>,
    /// Held by whoever is next: first come, first served, and who goes away leaves no trace.
    first: tokio::sync::Mutex<()>,
    /// Rung when whoever is next may look again.
    changed: Notify,
}

/// A request that left. Counts until a second after [`answered`](Leave::answered); longer when it is dropped before.
#[derive(Debug)]
pub(crate) struct Leave {
    pace: Pace,
    left_at: Instant,
    over: bool,
}

impl Pace {
    /// As many a second as Apple says it permits. Less than before holds for the next request already.
    pub fn set(&self, per_second: Option<u32>) {
        self.window().set(per_second);
        self.0.changed.notify_one();
    }

    /// Ends a pause that Apple asked for, because somebody wants to know now.
    pub fn resume(&self) {
        self.window().not_before = None;
        self.0.changed.notify_one();
    }

    /// Returns when a request may leave, which it then has to do.
    pub(crate) async fn leave(&self) -> Leave {
        let _first = self.0.first.lock().await;
        loop {
            let changed = self.0.changed.notified();
            let now = Instant::now();
            let next = match self.window().leave(now) {
                Ok(()) => {
                    return Leave {
                        pace: self.clone(),
                        left_at: now,
                        over: false,
                    };
                }
                Err(next) => next,
            };
            match next {
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    /// Like [`leave`](Self::leave), for whoever cannot wait for long. The error is how long the pause will last still.
    pub(crate) async fn leave_within(&self, longest: Duration) -> Result<Leave, Duration> {
        match tokio::time::timeout(longest, self.leave()).await {
            Ok(leave) => Ok(leave),
            Err(_) => Err(self.window().pause_left(Instant::now())),
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.0.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave {
    /// The answer began, or it is certain that Apple never heard of the request.
    pub(crate) fn answered(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.pace.window().over(Instant::now() + COUNTS_AFTER);
            self.pace.0.changed.notify_one();
        }
    }

    /// Apple did what was asked, or turned it down for a reason that has nothing to do with haste.
    pub(crate) fn went_well(&self) {
        self.pace.window().refusals = 0;
    }

    /// Apple wants to be left alone. With `too_many`, because requests came too fast: fewer leave from now on.
    pub(crate) fn refused(&self, wait: Option<Duration>, too_many: bool) {
        self.pace.window().refused(self.left_at, wait, too_many, Instant::now());
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if !self.over {
            self.pace.window().over(Instant::now() + COUNTS_UNANSWERED);
            self.pace.0.changed.notify_one();
        }
    }
}

/// What counts now. Knows no clock: the time is handed in.
#[derive(Debug)]
struct Window {
    /// What may count at once, by what Apple told.
    told: usize,
    /// What may count at once, by what Apple's refusals taught.
    permitted: usize,
    /// When `permitted` changed.
    since: Option<Instant>,
    under_way: usize,
    /// When each of the requests that are over stops to count.
    over: Vec<Instant>,
    not_before: Option<Instant>,
    refused_at: Option<Instant>,
    /// In a row.
    refusals: u32,
}

impl Default for Window {
    fn default() -> Window {
        Window {
            told: share(None),
            permitted: share(None),
            since: None,
            under_way: 0,
            over: Vec::new(),
            not_before: None,
            refused_at: None,
            refusals: 0,
        }
    }
}

fn share(per_second: Option<u32>) -> usize {
    let share = u64::from(per_second.unwrap_or(UNTOLD)) * u64::from(SHARE) / 100;
    usize::try_from(share).unwrap_or(usize::MAX).max(1)
}

impl Window {
    fn set(&mut self, per_second: Option<u32>) {
        let learned = self.permitted < self.told;
        self.told = share(per_second);
        self.permitted = if learned {
            self.permitted.min(self.told)
        } else {
            self.told
        };
    }

    /// Lets a request leave now, or says when to look again; `None` when an answer has to come first.
    fn leave(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        self.dare(now);
        self.over.retain(|until| *until > now);
        if let Some(until) = self.not_before.filter(|until| *until > now) {
            return Err(Some(until));
        }
        if self.under_way + self.over.len() < self.permitted {
            self.under_way += 1;
            return Ok(());
        }
        Err(self.over.iter().min().copied())
    }

    fn over(&mut self, counts_until: Instant) {
        self.under_way -= 1;
        self.over.push(counts_until);
    }

    /// Goes back to what was told, one by one.
    fn dare(&mut self, now: Instant) {
        while self.permitted < self.told
            && let Some(next) = self.since.map(|since| since + DARE_EVERY).filter(|next| *next <= now)
        {
            self.permitted += 1;
            self.since = Some(next);
        }
    }

    /// What left before an earlier refusal was heard of teaches nothing new.
    fn refused(&mut self, left_at: Instant, wait: Option<Duration>, too_many: bool, now: Instant) {
        if self.refused_at.is_none_or(|refused_at| left_at >= refused_at) {
            self.refused_at = Some(now);
            self.refusals = (self.refusals + 1).min(PAUSES_DOUBLED + 1);
            if too_many {
                self.permitted = (self.permitted / 2).max(1);
                self.since = Some(now);
                tracing::info!(
                    permitted = self.permitted,
                    told = self.told,
                    "Apple takes fewer requests a second"
                );
            }
        }
        let pause = wait.unwrap_or(FIRST_PAUSE * 2_u32.pow(self.refusals.saturating_sub(1)));
        let until = now + pause.min(LONGEST_PAUSE);
        self.not_before = Some(self.not_before.map_or(until, |before| before.max(until)));
    }

    fn pause_left(&self, now: Instant) -> Duration {
        self.not_before
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// What happens to one request, in milliseconds.
    #[derive(Debug, Clone)]
    struct Fate {
        /// How long after the one before somebody wants it.
        wanted_after: u64,
        /// How much later than it was told to a timer fires, or the process goes on.
        late: u64,
        /// How long it takes to Apple, and the answer back.
        there: u64,
        back: u64,
    }

    fn fate() -> impl Strategy<Value = Fate> {
        // Mostly quick; now and then everything stands still for seconds.
        let delay = || prop_oneof![8 => 0_u64..60, 2 => 0_u64..900, 1 => 900_u64..9000];
        let wanted_after = prop_oneof![10 => Just(0_u64), 3 => 0_u64..200, 1 => 200_u64..5000];
        (
            wanted_after,
            prop_oneof![6 => Just(0_u64), 1 => 0_u64..4000],
            delay(),
            delay(),
        )
            .prop_map(|(wanted_after, late, there, back)| Fate {
                wanted_after,
                late,
                there,
                back,
            })
    }

    /// When Apple receives each request, when the pace is asked as `Pace::leave` asks it.
    fn received(window: &mut Window, start: Instant, fates: &[Fate]) -> Vec<Instant> {
        let mut received = Vec::new();
        let mut answers: Vec<Instant> = Vec::new();
        let mut now = start;
        for fate in fates {
            now += ms(fate.wanted_after);
            let mut late = ms(fate.late);
            loop {
                // The answers that came until now have stopped their requests from being under way.
                answers.sort();
                while answers.first().is_some_and(|at| *at <= now) {
                    window.over(answers.remove(0) + COUNTS_AFTER);
                }
                match window.leave(now) {
                    Ok(()) => break,
                    Err(next) => {
                        let next = next.into_iter().chain(answers.first().copied()).min();
                        now = next.expect("something comes to its end") + std::mem::take(&mut late);
                    }
                }
            }
            received.push(now + ms(fate.there));
            answers.push(now + ms(fate.there + fate.back));
        }
        received
    }

    /// The most that Apple receives in any second.
    fn busiest(received: &[Instant]) -> usize {
        let within = |from: &Instant| {
            received
                .iter()
                .filter(|at| *at >= from && **at < *from + SECOND)
                .count()
        };
        received.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn four_fifths_may_leave_at_once_and_the_next_a_second_after_an_answer() {
        let mut window = Window::default();
        window.set(Some(15));
        let now = Instant::now();
        for _ in 0..12 {
            assert_eq!(window.leave(now), Ok(()));
        }
        assert_eq!(window.leave(now), Err(None), "an answer has to come first");
        window.over(now + ms(50) + COUNTS_AFTER);
        assert_eq!(window.leave(now + ms(50)), Err(Some(now + ms(1150))));
        assert_eq!(window.leave(now + ms(1150)), Ok(()));
    }

    /// A process that stood still, or a network that held everything back, is not made up for.
    #[test]
    fn what_was_held_up_on_its_way_and_comes_together_is_not_too_much() {
        let mut window = Window::default();
        window.set(Some(15));
        let start = Instant::now();
        // Each takes three seconds less than the one before it: they all come at once.
        let fates: Vec<_> = (0..60)
            .map(|nth| Fate {
                wanted_after: 10,
                late: 0,
                there: 3000 - 10 * (nth % 300),
                back: 5,
            })
            .collect();
        assert!(busiest(&received(&mut window, start, &fates)) <= 12);
    }

    proptest! {
        #[test]
        fn apple_never_receives_more_in_a_second_than_is_permitted(
            per_second in 1_u32..40,
            fates in proptest::collection::vec(fate(), 1..250),
        ) {
            let mut window = Window::default();
            window.set(Some(per_second));
            let received = received(&mut window, Instant::now(), &fates);
            prop_assert!(busiest(&received) <= share(Some(per_second)));
            prop_assert!(busiest(&received) <= per_second as usize);
        }

        #[test]
        fn a_lowered_limit_holds_from_the_next_request_on(
            before in 1_u32..40,
            after in 1_u32..40,
            first in 0_usize..60,
            then in proptest::collection::vec(fate(), 1..60),
        ) {
            let mut window = Window::default();
            window.set(Some(before));
            let start = Instant::now();
            for _ in 0..first {
                let _ = window.leave(start);
            }
            let under_way = window.under_way;
            window.set(Some(after));
            // What had left before is answered at once.
            for _ in 0..under_way {
                window.over(start + COUNTS_AFTER);
            }
            let then = received(&mut window, start, &then);
            prop_assert!(busiest(&then) <= share(Some(after)));
            let all: Vec<_> = std::iter::repeat_n(start, under_way).chain(then).collect();
            prop_assert!(busiest(&all) <= under_way.max(share(Some(after))));
        }
    }

    #[test]
    fn a_refusal_halves_the_pace_once_and_it_comes_back_one_by_one() {
        let mut window = Window::default();
        window.set(Some(15));
        let now = Instant::now();
        for _ in 0..12 {
            window.leave(now).unwrap();
        }
        let heard = now + ms(100);
        for _ in 0..5 {
            window.refused(now, None, true, heard);
        }
        assert_eq!(window.permitted, 6, "five refusals of one burst are one lesson");
        assert_eq!(window.pause_left(heard), FIRST_PAUSE);
        window.refused(heard + FIRST_PAUSE, None, true, heard + FIRST_PAUSE);
        assert_eq!(
            (window.permitted, window.pause_left(heard + FIRST_PAUSE)),
            (3, FIRST_PAUSE * 2)
        );

        for (after_s, permitted) in [(9, 3), (10, 4), (35, 6), (90, 12), (900, 12)] {
            window.dare(heard + FIRST_PAUSE + Duration::from_secs(after_s));
            assert_eq!(window.permitted, permitted, "after {after_s} s");
        }
    }

    #[test]
    fn what_apple_tells_does_not_unlearn_what_it_refused() {
        let mut window = Window::default();
        window.set(Some(15));
        let now = Instant::now();
        window.refused(now, None, true, now);
        window.set(Some(15));
        assert_eq!(window.permitted, 6);
        window.set(Some(5));
        assert_eq!(window.permitted, 4);
        window.dare(now + Duration::from_secs(3600));
        assert_eq!(window.permitted, 4);
        // Nothing was learned any more: what is told holds.
        window.set(Some(20));
        assert_eq!(window.permitted, 16);
    }

    #[test]
    fn refusals_without_end_still_let_one_through() {
        let mut window = Window::default();
        let mut now = Instant::now();
        for _ in 0..40 {
            window.refused(now, None, true, now);
            now += window.pause_left(now);
        }
        assert_eq!(window.permitted, 1);
        assert!(window.pause_left(now - ms(1)) <= LONGEST_PAUSE);
        assert_eq!(window.leave(now), Ok(()));
    }

    #[test]
    fn a_pause_of_an_hour_holds_nobody_for_longer_than_a_minute() {
        let mut window = Window::default();
        let now = Instant::now();
        window.refused(now, Some(Duration::from_secs(3600)), false, now);
        assert_eq!(window.pause_left(now), LONGEST_PAUSE);
        assert_eq!(window.permitted, share(None), "a pause is not a limit");
    }

    #[tokio::test(start_paused = true)]
    async fn clones_share_one_pace_and_whoever_gives_up_takes_nothing_along() {
        let pace = Pace::default();
        pace.set(Some(5));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(pace.clone().leave().await);
        }
        for _ in 0..20 {
            assert!(pace.clone().leave_within(ms(50)).await.is_err(), "four of five are out");
        }
        let start = Instant::now();
        held.pop().expect("one of them").answered();
        drop(pace.leave().await);
        assert!(
            (COUNTS_AFTER..COUNTS_AFTER + ms(5)).contains(&start.elapsed()),
            "{:?}",
            start.elapsed()
        );

        // The last one was never answered, so it counts for longer.
        let start = Instant::now();
        assert!(pace.leave_within(ms(9000)).await.is_err());
        drop(pace.leave().await);
        assert!(start.elapsed() >= COUNTS_UNANSWERED, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_holds_everybody_and_a_person_can_end_the_pause() {
        let pace = Pace::default();
        let mut leave = pace.leave().await;
        leave.answered();
        leave.refused(Some(Duration::from_secs(30)), false);
        let left = pace.clone().leave_within(SECOND).await.expect_err("a pause");
        assert!((28..=29).contains(&left.as_secs()), "{left:?}");
        let waiting = tokio::spawn({
            let pace = pace.clone();
            async move { pace.leave().await.left_at }
        });
        tokio::time::sleep(SECOND).await;
        let now = Instant::now();
        pace.resume();
        assert_eq!(waiting.await.unwrap(), now);
    }
}
