//! What a world is to be.

/// How many things happen, unless somebody says otherwise.
pub const STEPS: usize = 120;

/// On which database a world lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Database {
    #[default]
    Sqlite,
    Postgres,
}

/// A guard that is broken on purpose: the simulation has to find it. `docs/simulation.md` has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Broken {
    /// The database takes a licence that is not there.
    Overdraft,
    /// Of two servers, each believes that it has the lease.
    Fence,
    /// What a member of a group is due is not decided anew when they go.
    Marks,
    /// The network repeats a write whose answer was lost.
    RepeatedWrites,
    /// A lost answer is taken for a request that was not heard.
    Horizon,
    /// A list is believed to show what was done a moment ago.
    Lag,
    /// Nobody is told that another server has the location.
    Owner,
    /// A clock that was set is followed, and nothing is moved along.
    Clock,
    /// A crash takes back what was committed.
    Commits,
    /// A licence that is given back is still counted as taken.
    Count,
    /// A change of a deployment is not counted.
    Version,
    /// A person who works elsewhere from now on is not asked the rules of groups anew.
    Rules,
}

impl Broken {
    /// A world in which this guard is broken, and what it is for happens more often.
    pub fn options(self, seed: u64) -> Options {
        Options {
            broken: Some(self),
            provoked: Some(self),
            ..Options::seed(seed)
        }
    }

    /// The trigger of the database that is the guard, if it is one.
    pub fn trigger(self) -> Option<&'static str> {
        Some(match self {
            Broken::Overdraft => "seats_take",
            Broken::Marks => "marks_member_gone",
            Broken::Count => "seats_given_back",
            Broken::Rules => "asks_person_changed",
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub seed: u64,
    pub steps: usize,
    pub database: Database,
    pub broken: Option<Broken>,
    /// What this guard is for happens more often.
    pub provoked: Option<Broken>,
    /// Ends after so many steps, as if nothing came after them.
    pub until: Option<usize>,
    /// Tells what servers log, too.
    pub verbose: bool,
}

impl Options {
    pub fn seed(seed: u64) -> Options {
        Options {
            seed,
            steps: STEPS,
            database: Database::Sqlite,
            broken: None,
            provoked: None,
            until: None,
            verbose: false,
        }
    }
}
