//! What processes take: processor and memory, as Linux counts.

use std::{collections::BTreeMap, time::Duration};

use store::Store;

use crate::Failure;

/// How long the threads of a process have had a processor, to the nanosecond. `None` where that is not told.
pub fn cpu(process: u32) -> Option<Duration> {
    let mut spent = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        // One that ends meanwhile is not counted.
        let Ok(told) = std::fs::read_to_string(thread.ok()?.path().join("schedstat")) else {
            continue;
        };
        spent += told.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(spent))
}

/// Whether it is one of PostgreSQL's, on this machine.
fn is_postgres(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "postgres")
}

/// Memory that is in use, and the most there was, in megabytes.
pub fn memory(process: u32) -> Option<(f64, f64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let of = |name: &str| -> Option<f64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((of("VmRSS:")? / 1024.0, of("VmHWM:")? / 1024.0))
}

/// The processor time of a process, and of PostgreSQL for its database, from a moment on.
pub struct Meter {
    process: u32,
    before: BTreeMap<u32, Duration>,
    /// PostgreSQL works for it, on another machine.
    elsewhere: bool,
}

impl Meter {
    pub async fn start(process: u32, store: &Store) -> Result<Meter, Failure> {
        let backends = store.backends().await?;
        let here = backends.iter().copied().filter(|backend| is_postgres(*backend));
        let before: BTreeMap<u32, Duration> = here
            .chain([process])
            .filter_map(|process| Some((process, cpu(process)?)))
            .collect();
        Ok(Meter {
            process,
            elsewhere: !backends.is_empty() && before.len() == 1,
            before,
        })
    }

    /// `None` where it is not told. A connection that ended meanwhile is not counted.
    pub async fn spent(&self, store: &Store) -> Result<Option<Duration>, Failure> {
        // First: that the database is asked who else works for it is no part of what was measured.
        let now: BTreeMap<u32, Duration> = self.before.keys().filter_map(|it| Some((*it, cpu(*it)?))).collect();
        if self.elsewhere || !now.contains_key(&self.process) {
            return Ok(None);
        }
        let known = now
            .iter()
            .map(|(process, now)| now.saturating_sub(self.before[process]));
        let known: Duration = known.sum();
        let backends = store.backends().await?.into_iter();
        let new = backends.filter(|it| !self.before.contains_key(it) && is_postgres(*it));
        Ok(Some(known + new.filter_map(cpu).sum::<Duration>()))
    }
}
