//! The line for licences: who gets the next ones, who waits, and where.
//!
//! Free licences go, in order, to those who can use one now. Where a deployment keeps some of them for a group, those who have
//! the app by it draw on these first, and whoever else stands in the line gets what is open: what is free and kept for nobody.

use std::collections::BTreeMap;

use super::{Counted, Place, Stand, Wish};
use crate::{Counts, Deployment, DeploymentId, Holder, Policy};

/// Licences that lines of a deployment keep and that are not out by them: of each line that lacks some, how many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unmet(BTreeMap<DeploymentId, u64>);

impl Unmet {
    /// Of lines that keep so many, as [`keeping`] tells them, and by each of which so many are out.
    pub fn of(keeping: &BTreeMap<DeploymentId, u64>, out: &BTreeMap<DeploymentId, u64>) -> Unmet {
        let unmet = keeping.iter().map(|(line, keeps)| {
            let out = out.get(line).copied().unwrap_or(0);
            (*line, keeps.saturating_sub(out))
        });
        Unmet(unmet.filter(|(_, unmet)| *unmet > 0).collect())
    }

    /// How many the line lacks.
    pub fn by(&self, line: Option<DeploymentId>) -> u64 {
        line.and_then(|line| self.0.get(&line).copied()).unwrap_or(0)
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn lines(&self) -> impl Iterator<Item = (DeploymentId, u64)> {
        self.0.iter().map(|(line, unmet)| (*line, *unmet))
    }
}

/// The lines that keep licences, and how many each.
pub fn keeping(policy: &Policy, lines: &[Deployment]) -> BTreeMap<DeploymentId, u64> {
    let keeping = lines.iter().map(|line| (line.id, line.keeps(policy)));
    keeping.filter(|(_, keeps)| *keeps > 0).collect()
}

/// Licences that are being handed out; `left` is `None` where there is no end of them.
///
/// Whoever may draw on what is kept for them does so before anybody gets what is open.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    pub left: Option<u64>,
    pub unmet: Unmet,
}

impl Shares {
    /// What is kept for nobody.
    fn open(&self) -> Option<u64> {
        self.left.map(|left| left.saturating_sub(self.unmet.total()))
    }

    /// Takes one of those that the line keeps, if any is left.
    fn take_kept(&mut self, kept_by: Option<DeploymentId>) -> bool {
        let unmet = kept_by.and_then(|line| self.unmet.0.get_mut(&line));
        match (unmet, &mut self.left) {
            (Some(unmet), Some(left)) if *unmet > 0 && *left > 0 => {
                *unmet -= 1;
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// Takes one that is kept for nobody, if any is left.
    fn take_open(&mut self) -> bool {
        if self.open() == Some(0) {
            return false;
        }
        self.left = self.left.map(|left| left - 1);
        true
    }

    /// Whether one is left for somebody for whom this line keeps some.
    pub fn is_left(&self, kept_by: Option<DeploymentId>) -> bool {
        self.open() != Some(0) || (self.left != Some(0) && self.unmet.by(kept_by) > 0)
    }

    /// Hands them out to those who come in this order, and says of each whether they get one.
    pub fn hand_out(&mut self, line: impl Iterator<Item = Option<DeploymentId>>) -> Vec<bool> {
        let line: Vec<_> = line.collect();
        let mut gets: Vec<bool> = line.iter().map(|kept_by| self.take_kept(*kept_by)).collect();
        for gets in gets.iter_mut().filter(|gets| !**gets) {
            *gets = self.take_open();
        }
        gets
    }
}

/// Some who stand in a line, each part of them counted as far as somebody counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    pub all: Counted,
    /// Those of them who can use a licence now.
    pub ready: Counted,
    /// Those of them to whom Apple had none to give.
    pub out_of_stock: Counted,
}

/// Some who stand in a line: all of it, or those before somebody. By the line of the deployment that keeps licences for them.
///
/// Those who are ready are counted as far as licences are free at least: that tells whether one is left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queues(BTreeMap<Option<DeploymentId>, Queue>);

impl From<Queue> for Queues {
    /// Of those for whom none are kept.
    fn from(queue: Queue) -> Queues {
        Queues(BTreeMap::from([(None, queue)]))
    }
}

impl Queues {
    pub fn of(&mut self, kept_by: Option<DeploymentId>) -> &mut Queue {
        self.0.entry(kept_by).or_default()
    }

    /// So many more who stand so.
    pub fn add(&mut self, kept_by: Option<DeploymentId>, stand: Stand, times: u64) {
        let queue = self.of(kept_by);
        let counted = [
            (&mut queue.all, true),
            (&mut queue.ready, stand == Stand::Ready),
            (&mut queue.out_of_stock, stand == Stand::OutOfStock),
        ];
        for (counted, counts) in counted {
            *counted = counted.map(|number| number + if counts { times } else { 0 });
        }
    }

    /// The lines of the deployment that keep licences for any of them, and none where none does.
    pub fn kept_by(&self) -> impl Iterator<Item = Option<DeploymentId>> {
        self.0.keys().copied()
    }

    /// How many of them can use a licence now, as far as they were counted.
    pub fn ready(&self) -> Counted {
        self.0.values().map(|queue| queue.ready).fold(Counted::default(), plus)
    }

    fn ready_by(&self) -> BTreeMap<Option<DeploymentId>, u64> {
        let ready = self.0.iter().map(|(kept_by, queue)| (*kept_by, queue.ready.at_least()));
        ready.collect()
    }
}

fn plus(one: Counted, other: Counted) -> Counted {
    match (one, other) {
        (Counted::Exactly(one), Counted::Exactly(other)) => Counted::Exactly(one + other),
        (one, other) => Counted::AtLeast(one.at_least() + other.at_least()),
    }
}

/// What is left for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// [`Counts::free`].
    pub free: Option<u64>,
    pub unmet: Unmet,
    /// How many people in the whole line can use a licence now, by the line of the deployment that keeps licences for them. Once
    /// there are as many as licences are free it does not matter how many more.
    pub ready: BTreeMap<Option<DeploymentId>, u64>,
}

impl Stock {
    /// Where none are kept for anybody.
    pub fn of_all(free: Option<u64>, ready: u64) -> Stock {
        Stock {
            free,
            unmet: Unmet::default(),
            ready: BTreeMap::from([(None, ready)]),
        }
    }

    /// Of a line with these in it.
    pub fn of(free: Option<u64>, unmet: Unmet, line: &Queues) -> Stock {
        Stock {
            free,
            unmet,
            ready: line.ready_by(),
        }
    }

    /// How many of the free ones are kept.
    pub fn kept(&self) -> u64 {
        self.free.map_or(0, |free| free.min(self.unmet.total()))
    }

    /// How many of the free ones are kept for nobody; `None` where there is no end of them.
    pub fn open(&self) -> Option<u64> {
        self.free.map(|free| free.saturating_sub(self.unmet.total()))
    }

    /// Of so many who can use a licence: how many draw on what is kept for them, and how many want one that is open.
    fn draw(&self, ready: &BTreeMap<Option<DeploymentId>, u64>) -> (u64, u64) {
        let drawing = ready
            .iter()
            .map(|(kept_by, ready)| (*ready).min(self.unmet.by(*kept_by)));
        let drawing: u64 = drawing.sum();
        (drawing, ready.values().sum::<u64>() - drawing)
    }

    /// How many of the first in the line get a licence, who are so many.
    fn served(&self, first: &BTreeMap<Option<DeploymentId>, u64>) -> u64 {
        let (drawing, others) = self.draw(first);
        match (self.free, self.open()) {
            (Some(free), Some(open)) => drawing.min(free) + others.min(open),
            _ => drawing + others,
        }
    }

    /// Whether every licence that is left for those for whom this line keeps some is somebody's in the line, or none is left.
    pub fn is_short(&self, kept_by: Option<DeploymentId>) -> bool {
        let (Some(free), Some(open)) = (self.free, self.open()) else {
            return false;
        };
        let (drawing, others) = self.draw(&self.ready);
        let ready = self.ready.get(&kept_by).copied().unwrap_or(0);
        open <= others && (self.unmet.by(kept_by) <= ready || free <= drawing)
    }

    /// Whether one is left for whoever can use a licence now, with so many of those who can before them.
    fn reaches(&self, kept_by: Option<DeploymentId>, before: &BTreeMap<Option<DeploymentId>, u64>) -> bool {
        let (Some(free), Some(open)) = (self.free, self.open()) else {
            return true;
        };
        let (drawing, others) = self.draw(before);
        match before.get(&kept_by).copied().unwrap_or(0) < self.unmet.by(kept_by) {
            true => drawing < free,
            false => others < open,
        }
    }

    /// Whether who stands so waits for a licence, with these before them. Who does not is served next, or waits for themselves
    /// and not for a licence.
    pub fn waits(&self, kept_by: Option<DeploymentId>, stand: Stand, before: &Queues) -> bool {
        match stand {
            Stand::Ready => !self.reaches(kept_by, &before.ready_by()),
            Stand::OutOfStock => true,
            Stand::Trouble | Stand::Refused | Stand::NotMember => self.is_short(kept_by),
        }
    }

    /// How many of these wait for a licence: of the whole line, or of its first.
    pub fn waiting(&self, line: &Queues) -> Counted {
        let mut waiting = Counted::default();
        let mut served = self.served(&line.ready_by());
        for (kept_by, queue) in &line.0 {
            waiting = plus(
                waiting,
                match self.is_short(*kept_by) {
                    true => queue.all,
                    false => {
                        // All of them are served who can be.
                        served = served.saturating_sub(queue.ready.at_least());
                        queue.out_of_stock
                    }
                },
            );
        }
        waiting.map(|waiting| waiting.saturating_sub(served))
    }

    /// The place of somebody who stands so among those who wait, from 1, with these before them; `None` for whoever does not.
    pub fn place(&self, kept_by: Option<DeploymentId>, stand: Stand, before: &Queues) -> Option<Place> {
        self.waits(kept_by, stand, before).then(|| match self.waiting(before) {
            Counted::Exactly(before) => Place::At(before + 1),
            Counted::AtLeast(before) => Place::After(before),
        })
    }

    /// Of those who can use a licence, how many get one of each: those for whom the same line keeps licences get theirs in their
    /// order, so these are the first. `None` where it depends on the order in which those of several stand.
    pub fn division(&self) -> Option<BTreeMap<Option<DeploymentId>, u64>> {
        let (Some(free), Some(open)) = (self.free, self.open()) else {
            return Some(self.ready.clone());
        };
        let drawing =
            |(kept_by, ready): (&Option<DeploymentId>, &u64)| (*kept_by, (*ready).min(self.unmet.by(*kept_by)));
        let mut served: BTreeMap<_, _> = self.ready.iter().map(drawing).collect();
        let (all_drawing, _) = self.draw(&self.ready);
        // Those who get what is kept, and then those who get what is open.
        let (wanted, most): (Vec<(Option<DeploymentId>, u64)>, u64) = match all_drawing > free {
            true => (std::mem::take(&mut served).into_iter().collect(), free),
            false => {
                let others = self
                    .ready
                    .iter()
                    .map(|(kept_by, ready)| (*kept_by, ready - served[kept_by]));
                (others.collect(), open)
            }
        };
        let wanting: Vec<_> = wanted.into_iter().filter(|(_, wanted)| *wanted > 0).collect();
        let all: u64 = wanting.iter().map(|(_, wanted)| wanted).sum();
        match &wanting[..] {
            _ if most == 0 => {}
            _ if all <= most => {
                for (kept_by, wanted) in &wanting {
                    *served.entry(*kept_by).or_default() += wanted;
                }
            }
            [(kept_by, _)] => *served.entry(*kept_by).or_default() += most,
            _ => return None,
        }
        Some(served)
    }

    /// The same of those who stand in this order: all who can use a licence, or as many as [`most_served`](Self::most_served) of
    /// each.
    pub fn divided(&self, line: &[Option<DeploymentId>]) -> BTreeMap<Option<DeploymentId>, u64> {
        let mut served: BTreeMap<_, u64> = BTreeMap::new();
        for (kept_by, gets) in line.iter().zip(self.handed_out(line)) {
            *served.entry(*kept_by).or_default() += u64::from(gets);
        }
        served
    }

    /// Who of those gets a licence who can use one and stand in this order.
    pub fn handed_out(&self, line: &[Option<DeploymentId>]) -> Vec<bool> {
        let mut shares = Shares {
            left: self.free,
            unmet: self.unmet.clone(),
        };
        shares.hand_out(line.iter().copied())
    }

    /// So many of those get one at most for whom the line keeps licences.
    pub fn most_served(&self, kept_by: Option<DeploymentId>) -> u64 {
        let Some((free, open)) = self.free.zip(self.open()) else {
            return u64::MAX;
        };
        free.min(open.saturating_add(self.unmet.by(kept_by)))
    }
}

/// The licences of an app, and who stands before somebody in the line for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub counts: Counts,
    pub ahead: Queues,
    pub stock: Stock,
    /// Everybody who stands in the line.
    pub line: Queues,
    /// The line of the deployment that keeps licences for them.
    pub kept_by: Option<DeploymentId>,
    /// [`Stock::place`].
    pub place: Option<Place>,
}

impl Position {
    /// `counts` as they are without the line; `wish` is what brings them into it.
    pub fn of(counts: Counts, unmet: Unmet, line: Queues, ahead: Queues, wish: Option<&Wish>) -> Position {
        let stock = Stock::of(counts.free, unmet, &line);
        let counts = Counts {
            waiting: stock.waiting(&line).at_least(),
            kept: stock.kept(),
            ..counts
        };
        Position {
            counts,
            kept_by: wish.and_then(|wish| wish.kept_by),
            place: wish.and_then(|wish| stock.place(wish.kept_by, wish.stand, &ahead)),
            ahead,
            stock,
            line,
        }
    }

    /// Whether licences are left for them that nobody in the line can use now.
    pub fn is_any_left(&self) -> bool {
        !self.stock.is_short(self.kept_by)
    }

    /// How many licences are free, and go to nobody who stands in the line, since others may come for whom these lines keep them.
    /// Of somebody for whom none is left.
    pub fn kept_for_others(&self) -> (u64, Vec<DeploymentId>) {
        let ready = &self.stock.ready;
        let left = self.counts.free.unwrap_or(0).saturating_sub(self.stock.served(ready));
        let lacks = |(line, unmet): &(DeploymentId, u64)| {
            Some(*line) != self.kept_by && *unmet > ready.get(&Some(*line)).copied().unwrap_or(0)
        };
        let lines = self.stock.unmet.lines().filter(lacks);
        (left, lines.map(|(line, _)| line).collect())
    }

    /// How many licences more there have to be until one is left for somebody here; with one less it is not. None has to
    /// be bought where there is no arithmetic.
    pub fn missing(&self) -> Counted {
        let Some(free) = self.counts.free else {
            return Counted::Exactly(0);
        };
        let unmet = &self.stock.unmet;
        let (mut drawing, mut others) = (Counted::default(), Counted::default());
        let mut own = 0;
        for (kept_by, queue) in &self.ahead.0 {
            let most = unmet.by(*kept_by);
            drawing = plus(
                drawing,
                match queue.ready {
                    Counted::AtLeast(ready) if ready < most => Counted::AtLeast(ready),
                    ready => Counted::Exactly(ready.at_least().min(most)),
                },
            );
            others = plus(others, queue.ready.map(|ready| ready.saturating_sub(most)));
            if *kept_by == self.kept_by {
                own = queue.ready.at_least();
            }
        }
        let short = self.counts.short;
        match own < unmet.by(self.kept_by) {
            true => drawing.map(|before| (short + before + 1).saturating_sub(free)),
            false => others.map(|before| (short + unmet.total() + before + 1).saturating_sub(free)),
        }
    }

    /// How many licences more there have to be until one is left for everybody.
    pub fn missing_for_all(&self) -> u64 {
        if self.is_any_left() {
            return 0;
        }
        let all = self
            .line
            .0
            .iter()
            .map(|(kept_by, queue)| (*kept_by, queue.all.at_least()));
        let (drawing, others) = self.stock.draw(&all.collect());
        let needed = match others {
            0 => drawing,
            others => self.stock.unmet.total() + others,
        };
        (self.counts.short + needed).saturating_sub(self.counts.free.unwrap_or(0))
    }
}

/// The line for licences.
pub(crate) struct Line {
    pub next: Vec<Holder>,
    pub waiting: Vec<Holder>,
}

impl Line {
    /// Free licences go, in order, to those who can use one now; nobody loses one to somebody who ranks higher.
    pub fn of(wishes: impl Iterator<Item = (Holder, Wish)>, free: Option<u64>, unmet: Unmet) -> Line {
        let mut line: Vec<(Holder, Wish)> = wishes.collect();
        line.sort_unstable_by_key(|(holder, wish)| (wish.rank, *holder));

        let mut shares = Shares { left: free, unmet };
        let is_ready = |wish: &Wish| wish.stand == Stand::Ready;
        let ready = line.iter().filter(|(_, wish)| is_ready(wish));
        let gets = shares.hand_out(ready.map(|(_, wish)| wish.kept_by));
        let mut gets = gets.into_iter();
        let mut next = Vec::new();
        let mut waiting = Vec::new();
        for (holder, wish) in line {
            if is_ready(&wish) && gets.next() == Some(true) {
                next.push(holder);
                continue;
            }
            // While licences are left for them, people who have not joined wait for themselves and not for a licence. Apple's own
            // trouble is no want of licences.
            if wish.stand == Stand::OutOfStock || !shares.is_left(wish.kept_by) {
                waiting.push(holder);
            }
        }
        Line { next, waiting }
    }
}
