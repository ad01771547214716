//! How many people and devices are in which state, by what is said of them and by what is left for the line.

use std::collections::BTreeMap;

use domain::{AssetId, DeploymentId, Detail, InstallState, Queues, Said, Stand, Stock};

use crate::{
    Edge, Keeping, Of, Part, SaidOf, StoreError, Sum,
    db::{Conn, reads},
    line::{queues_of, unmet_of},
};

/// How many of whom are in a state, and why.
pub type States = BTreeMap<(InstallState, Detail), u64>;

/// Everything that is said about one asset, of how many, and what is left for its line: of one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    pub asset_id: AssetId,
    said: Vec<Sum>,
    stock: Stock,
    /// Everybody who stands in the line.
    line: Queues,
    /// How many of those in the line get a licence, of those for whom each line of the deployment keeps some.
    first: BTreeMap<Option<DeploymentId>, u64>,
    /// Of how many each thing is said for whom a licence is left, where the line divides them.
    served: BTreeMap<i64, u64>,
}

/// Where a line divides: up to whom licences are left, of those for whom each line of the deployment keeps some.
pub type Edges = BTreeMap<Option<DeploymentId>, Edge>;

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
    sums_from(asset: AssetId, free: Option<u64>, keeping: Keeping, said: Vec<Sum>) -> Sums;
    /// What is said of the people, or else of the devices, that are sought.
    parts(sums: &'a Sums, people: bool, sought: Sought) -> Vec<(i64, Part)>;
    /// Where the lines divide that do: up to whom licences are left.
    edges(sums: &'a [Sums]) -> BTreeMap<AssetId, Edges>;
}

impl Conn<'_> {
    async fn sums_at(&mut self, asset: AssetId, free: Option<u64>) -> Result<Sums, StoreError> {
        let said = self.sums_of(asset).await?;
        let keeping = self.keeping_of(asset).await?;
        self.sums_from(asset, free, keeping, said).await
    }

    async fn sums_from(
        &mut self,
        asset: AssetId,
        free: Option<u64>,
        keeping: Keeping,
        said: Vec<Sum>,
    ) -> Result<Sums, StoreError> {
        let line = queues_of(&said);
        let stock = Stock::of(free, unmet_of(&keeping, &said), &line);
        let mut sums = Sums {
            asset_id: asset,
            said,
            first: self.divided(asset, &stock).await?,
            stock,
            line,
            served: BTreeMap::new(),
        };
        for (kept_by, first) in sums.divides() {
            sums.served.extend(self.served(asset, kept_by, first).await?);
        }
        Ok(sums)
    }

    async fn parts(&mut self, sums: &Sums, people: bool, sought: Sought) -> Result<Vec<(i64, Part)>, StoreError> {
        let edges = match sought {
            Sought::Anything => Edges::new(),
            _ => self.edges_of(sums).await?,
        };
        Ok(sums.parts(people, sought, &edges))
    }

    async fn edges(&mut self, sums: &[Sums]) -> Result<BTreeMap<AssetId, Edges>, StoreError> {
        let mut edges = BTreeMap::new();
        for sums in sums {
            let of_app = self.edges_of(sums).await?;
            if !of_app.is_empty() {
                edges.insert(sums.asset_id, of_app);
            }
        }
        Ok(edges)
    }

    async fn edges_of(&mut self, sums: &Sums) -> Result<Edges, StoreError> {
        let mut edges = Edges::new();
        for (kept_by, first) in sums.divides() {
            let edge = self.edge(sums.asset_id, kept_by, first).await?;
            edges.extend(edge.map(|edge| (kept_by, edge)));
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
        self.stock.waiting(&self.line).at_least()
    }

    /// The parts of the line that wait for a licence: all of those for whom a line of the deployment keeps some, or those only to
    /// whom Apple had none to give.
    pub fn waiting_parts(&self) -> Vec<(Option<DeploymentId>, bool)> {
        let parts = self.line.kept_by();
        parts.map(|kept_by| (kept_by, !self.stock.is_short(kept_by))).collect()
    }

    /// How many stand before the first who waits, in each part of the line in which somebody does for want of one.
    pub fn before_waiting(&self) -> Vec<(Option<DeploymentId>, u64)> {
        let short = self.line.kept_by().filter(|kept_by| self.stock.is_short(*kept_by));
        let served = |kept_by| self.first.get(&kept_by).copied().unwrap_or(0);
        short.map(|kept_by| (kept_by, served(kept_by))).collect()
    }

    /// How many in the line are served next.
    pub fn next(&self) -> u64 {
        self.first.values().sum()
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

    /// Where the line ends among those who can use a licence now: so many of them get one, and the others do not.
    fn divides(&self) -> Vec<(Option<DeploymentId>, u64)> {
        let divides = |(kept_by, first): (&Option<DeploymentId>, &u64)| {
            let ready = self.stock.ready.get(kept_by).copied().unwrap_or(0);
            (*first > 0 && *first < ready).then_some((*kept_by, *first))
        };
        self.first.iter().filter_map(divides).collect()
    }

    /// How many can use a licence now, of those for whom this line of the deployment keeps some, and how many of them get one.
    fn share(&self, kept_by: Option<DeploymentId>) -> (u64, u64) {
        let of = |of: &BTreeMap<_, u64>| of.get(&kept_by).copied().unwrap_or(0);
        (of(&self.stock.ready), of(&self.first))
    }

    /// Whether somebody who stands so waits, where the line does not divide those who can use a licence.
    fn all_wait(&self, kept_by: Option<DeploymentId>, stand: Stand) -> bool {
        match stand {
            Stand::Ready => self.share(kept_by).1 == 0,
            Stand::OutOfStock => true,
            Stand::Trouble | Stand::Refused | Stand::NotMember => self.stock.is_short(kept_by),
        }
    }

    /// Of how many of them the other thing is said, because they wait for a licence.
    fn waiting_of(&self, sum: &Sum) -> u64 {
        let kept_by = sum.verdict.kept_by;
        let (ready, first) = self.share(kept_by);
        match sum.verdict.stand {
            None => 0,
            Some(Stand::Ready) if first > 0 && first < ready => {
                sum.times - self.served.get(&sum.no).copied().unwrap_or(0).min(sum.times)
            }
            // They all stand on the same side.
            Some(stand) if self.all_wait(kept_by, stand) => sum.times,
            Some(_) => 0,
        }
    }

    /// Whether somebody of whom this is said, and who stands there, waits for a licence. `edges` are of [`edges`](crate::Snapshot::edges).
    pub fn waits<Id>(&self, said: &SaidOf<Id>, edges: Option<&Edges>) -> bool {
        let kept_by = said.verdict.kept_by;
        let edge = edges.and_then(|edges| edges.get(&kept_by));
        match (said.verdict.stand, edge, said.at) {
            (None, _, _) => false,
            (Some(Stand::Ready), Some(edge), Some(at)) => !edge.reaches(at),
            (Some(stand), _, _) => self.all_wait(kept_by, stand),
        }
    }

    /// `edges` are where the line divides.
    fn parts(&self, people: bool, sought: Sought, edges: &Edges) -> Vec<(i64, Part)> {
        let part = |sum: &Sum| match sought.is(sum.verdict.said) {
            (false, false) => None,
            (true, true) => Some(Part::All),
            (served, _) => match (sum.verdict.stand, edges.get(&sum.verdict.kept_by).copied()) {
                (Some(Stand::Ready), Some(edge)) if served => Some(Part::Served(edge)),
                (Some(Stand::Ready), Some(edge)) => Some(Part::Behind(edge)),
                _ => ((self.waiting_of(sum) == 0) == served).then_some(Part::All),
            },
        };
        let sums = self.said.iter().filter(|sum| sum.is_of(people));
        sums.filter_map(|sum| Some((sum.no, part(sum)?))).collect()
    }
}
