//! How many people and devices are in which state, by what is said of them and by what is left for the line.

use std::collections::BTreeMap;

use domain::{AssetId, Detail, InstallState, Said, Stand, Stock};

use crate::{
    Edge, Of, Part, SaidOf, StoreError, Sum,
    db::{Conn, reads},
};

/// How many of whom are in a state, and why.
pub type States = BTreeMap<(InstallState, Detail), u64>;

/// Everything that is said about one asset, of how many, and what is left for its line: of one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    pub asset_id: AssetId,
    said: Vec<Sum>,
    stock: Stock,
    /// Of how many each thing is said for whom a licence is left, where the line divides them.
    served: BTreeMap<i64, u64>,
}

/// What is looked for among what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    Anything,
    State(InstallState),
    /// Something went wrong.
    Failed,
    /// A licence is wanted, and none is left.
    Waiting,
}

impl Sought {
    /// Whether it is this that is said while a licence is left, and while none is.
    fn is(self, said: Said) -> (bool, bool) {
        let both = |is: &dyn Fn(InstallState) -> bool| (is(said.served.0), is(said.waiting.0));
        match self {
            Sought::Anything => (true, true),
            Sought::State(state) => both(&|said| said == state),
            Sought::Failed => both(&InstallState::is_failure),
            Sought::Waiting => (false, true),
        }
    }
}

reads! {
    /// Everything that is said about an asset of which so many licences are free. Costs as much as there is to say, and as there
    /// are licences that are just being given.
    sums_at(asset: AssetId, free: Option<u64>) -> Sums;
    /// The same where what is said is known already.
    sums_from(asset: AssetId, free: Option<u64>, said: Vec<Sum>) -> Sums;
    /// What is said of the people, or else of the devices, that are sought.
    parts(sums: &'a Sums, people: bool, sought: Sought) -> Vec<(i64, Part)>;
    /// Where the lines divide that do: up to whom licences are left.
    edges(sums: &'a [Sums]) -> BTreeMap<AssetId, Edge>;
}

impl Conn<'_> {
    async fn sums_at(&mut self, asset: AssetId, free: Option<u64>) -> Result<Sums, StoreError> {
        let said = self.sums_of(asset).await?;
        self.sums_from(asset, free, said).await
    }

    async fn sums_from(&mut self, asset: AssetId, free: Option<u64>, said: Vec<Sum>) -> Result<Sums, StoreError> {
        let ready = said.iter().filter(|sum| sum.verdict.in_line() == Some(Stand::Ready));
        let stock = Stock {
            free,
            ready: ready.map(|sum| sum.times).sum(),
        };
        let mut sums = Sums {
            asset_id: asset,
            said,
            stock,
            served: BTreeMap::new(),
        };
        if let Some(free) = sums.divides() {
            sums.served = self.served(asset, free).await?;
        }
        Ok(sums)
    }

    async fn parts(&mut self, sums: &Sums, people: bool, sought: Sought) -> Result<Vec<(i64, Part)>, StoreError> {
        let edge = match sums.divides().filter(|_| sought != Sought::Anything) {
            Some(free) => self.edge(sums.asset_id, free).await?,
            None => None,
        };
        Ok(sums.parts(people, sought, edge))
    }

    async fn edges(&mut self, sums: &[Sums]) -> Result<BTreeMap<AssetId, Edge>, StoreError> {
        let mut edges = BTreeMap::new();
        for sums in sums {
            if let Some(free) = sums.divides()
                && let Some(edge) = self.edge(sums.asset_id, free).await?
            {
                edges.insert(sums.asset_id, edge);
            }
        }
        Ok(edges)
    }
}

impl Sum {
    /// Whether it is said of people, or else of devices. What is said of nobody is said of a device.
    fn is_of(&self, people: bool) -> bool {
        match self.verdict.of {
            Of::Person { nobody, .. } => people && !nobody,
            Of::Device { .. } => !people,
        }
    }
}

impl Sums {
    /// What is left for the line.
    pub fn stock(&self) -> &Stock {
        &self.stock
    }

    /// How many people and devices wait for a licence.
    pub fn waiting(&self) -> u64 {
        let of = |stands: fn(Stand) -> bool| -> u64 {
            let said = self.said.iter().filter(|sum| sum.verdict.in_line().is_some_and(stands));
            said.map(|sum| sum.times).sum()
        };
        match self.stock.is_short() {
            true => of(|_| true) - self.stock.free.unwrap_or(0),
            false => of(|stand| stand == Stand::OutOfStock),
        }
    }

    /// People, by what is said of them.
    pub fn people(&self) -> States {
        self.states(true)
    }

    /// Devices with which it has something to do, by what is said of them.
    pub fn devices(&self) -> States {
        self.states(false)
    }

    fn states(&self, people: bool) -> States {
        let mut states = States::new();
        for sum in self.said.iter().filter(|sum| sum.is_of(people)) {
            let waiting = self.waiting_of(sum);
            let said = sum.verdict.said;
            for (said, times) in [(said.served, sum.times - waiting), (said.waiting, waiting)] {
                if times > 0 {
                    *states.entry(said).or_default() += times;
                }
            }
        }
        states
    }

    /// Whether the line ends among those who can use a licence now: so many of them get one, and the others do not.
    fn divides(&self) -> Option<u64> {
        let free = self.stock.free.filter(|free| *free > 0)?;
        (self.stock.ready > free).then_some(free)
    }

    /// Of how many of them the other thing is said, because they wait for a licence.
    fn waiting_of(&self, sum: &Sum) -> u64 {
        match sum.verdict.stand {
            None => 0,
            Some(Stand::Ready) if self.divides().is_some() => {
                sum.times - self.served.get(&sum.no).copied().unwrap_or(0).min(sum.times)
            }
            // They all stand on the same side.
            Some(stand) if self.stock.waits(stand, 0) => sum.times,
            Some(_) => 0,
        }
    }

    /// Whether somebody of whom this is said, and who stands there, waits for a licence. `edge` is of [`edges`](crate::Snapshot::edges).
    pub fn waits<Id>(&self, said: &SaidOf<Id>, edge: Option<&Edge>) -> bool {
        match (said.verdict.stand, edge, said.at) {
            (None, _, _) => false,
            (Some(Stand::Ready), Some(edge), Some(at)) => !edge.reaches(at),
            (Some(stand), _, _) => self.stock.waits(stand, 0),
        }
    }

    /// `edge` is the last of those for whom a licence is left, where the line divides.
    fn parts(&self, people: bool, sought: Sought, edge: Option<Edge>) -> Vec<(i64, Part)> {
        let part = |sum: &Sum| match sought.is(sum.verdict.said) {
            (false, false) => None,
            (true, true) => Some(Part::All),
            (served, _) => match (sum.verdict.stand, edge) {
                (Some(Stand::Ready), Some(edge)) if served => Some(Part::Served(edge)),
                (Some(Stand::Ready), Some(edge)) => Some(Part::Behind(edge)),
                _ => ((self.waiting_of(sum) == 0) == served).then_some(Part::All),
            },
        };
        let sums = self.said.iter().filter(|sum| sum.is_of(people));
        sums.filter_map(|sum| Some((sum.no, part(sum)?))).collect()
    }
}
