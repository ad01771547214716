//! Servers of ours: their loops, how they die, and their clocks.

use std::sync::Arc;

use server::{
    Random,
    serve::{self, Surroundings},
    tasks,
};

use crate::{
    flights::{Driven, Flight},
    network::{self, Fate},
    options::{Broken, Database},
    world::{HOUR, MINUTE, SECOND, World, erased, said},
};

impl World {
    pub async fn starts(&mut self, at: usize) -> Result<(), String> {
        let server = &mut self.servers[at];
        server.lives += 1;
        // Two servers that are told the same chance take each other for themselves.
        let of = if self.options.broken == Some(Broken::Fence) {
            0
        } else {
            at as u64
        };
        let seed = self.options.seed ^ (of << 48) ^ (server.lives << 32);
        let http = apple::Http::carried_by(network::client(), self.network.clone());
        let app = serve::open_within(
            self.config.clone(),
            Surroundings {
                clock: server.clock.clone(),
                random: Random::seeded(seed),
                planner: domain::decide_each,
                apns: Some(apple::push::Apns::over(http.clone(), &self.apple.url())),
                http,
                icons: Some(network::no_icons()),
            },
        )
        .await
        .map_err(said)?;
        server.app = Some(app.clone());
        server.scrub = Arc::default();
        if self.servers.iter().filter(|server| server.app.is_some()).count() == 1 {
            // As the server of a SQLite file does; on PostgreSQL it waits ten seconds for the same.
            app.store.leases_reclaim().await.map_err(said)?;
        }
        Ok(())
    }

    /// The server is gone from one moment to the next. What it was doing stays as it is.
    pub async fn crashes(&mut self, at: usize) -> Result<(), String> {
        let Some(app) = self.servers[at].app.take() else {
            return Ok(());
        };
        if self.flies(at, "location") {
            self.count("a server dies over a request");
        }
        self.flights.retain(|flight| flight.server != at);
        self.dead.push(app.instance.clone());
        app.store.close().await;
        drop(app);
        if self.options.broken == Some(Broken::Commits)
            && self.options.database == Database::Sqlite
            && self.servers.iter().all(|server| server.app.is_none())
            && let (Some(bytes), Some(path)) = (self.backup.take(), self.fresh.url().strip_prefix("sqlite:"))
        {
            for end in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{path}{end}"));
            }
            std::fs::write(path, bytes).map_err(said)?;
        }
        Ok(())
    }

    /// The database as a crash will leave it whose commits are not flushed.
    pub async fn remembers(&mut self) -> Result<(), String> {
        let Some(app) = self.anybody() else { return Ok(()) };
        let to = self.fresh.folder().join(format!("copy{}", self.ids));
        self.ids += 1;
        app.store.backup(&to).await.map_err(said)?;
        self.backup = std::fs::read(&to).ok();
        Ok(())
    }

    /// One step of a loop, as a flight.
    pub fn step(&mut self, at: usize, name: &'static str) -> Option<Flight> {
        let server = &self.servers[at];
        let app = server.app.clone()?;
        let scrub = server.scrub.clone();
        self.ids += 1;
        let work = async move {
            let result = match name {
                "location" => tasks::location::step(&app).await.map_err(erased),
                "read" => tasks::location::read(&app).await.map_err(erased),
                "describing" => tasks::describing::step(&app).await.map_err(erased),
                "leavers" => tasks::leavers::step(&app).await.map_err(erased),
                "membership" => tasks::membership::step(&app).await.map_err(erased),
                "retention" => tasks::retention::step(&app).await.map_err(erased),
                "silence" => tasks::silence::step(&app).await.map_err(erased),
                "signs" => tasks::signs::step(&app).await.map_err(erased),
                "scrub" => tasks::scrub::step(&app, &scrub).await.map_err(erased),
                "push" => tasks::push::step(&app).await.map_err(erased),
                "time" => tasks::time::step(&app, &mut tasks::time::Said::default())
                    .await
                    .map(|()| tasks::Stepped::Idle)
                    .map_err(erased),
                _ => tasks::time::tidy(&app)
                    .await
                    .map(|()| tasks::Stepped::Idle)
                    .map_err(erased),
            };
            result
                .map(|_| ())
                .map_err(|error| format!("the step {name} failed: {error}"))
        };
        Some(Flight::new(self.ids, at, name, work))
    }

    pub fn flies(&self, at: usize, name: &str) -> bool {
        self.flights
            .iter()
            .any(|flight| flight.server == at && flight.name == name)
    }

    /// Lets a step begin, and go on until it waits for Apple.
    pub async fn takes_off(&mut self, at: usize, name: &'static str) -> Result<(), String> {
        if self.flies(at, name) || self.flies(at, "time") {
            return Ok(());
        }
        let Some(mut flight) = self.step(at, name) else {
            return Ok(());
        };
        let others = self.flights.iter().any(|flight| flight.server == at);
        let blocks = name == "time" && others;
        match flight.drive(&self.network, &self.beat, &self.stores(), blocks).await {
            Driven::Ended(ended) => ended,
            Driven::Held | Driven::Blocked => {
                self.flights.push(flight);
                Ok(())
            }
        }
    }

    /// Lets one flight go on.
    pub async fn goes_on(&mut self, id: u64) -> Result<(), String> {
        let Some(at) = self.flights.iter().position(|flight| flight.id == id) else {
            return Ok(());
        };
        let mut flight = self.flights.remove(at);
        let others = self.flights.iter().any(|other| other.server == flight.server);
        let blocks = flight.name == "time" && others;
        match flight.drive(&self.network, &self.beat, &self.stores(), blocks).await {
            Driven::Ended(ended) => ended,
            Driven::Held | Driven::Blocked => {
                self.flights.insert(at, flight);
                Ok(())
            }
        }
    }

    pub async fn everybody_goes_on(&mut self) -> Result<(), String> {
        for id in self.flights.iter().map(|flight| flight.id).collect::<Vec<_>>() {
            self.goes_on(id).await?;
        }
        Ok(())
    }

    /// A step of a loop from its beginning to its end, when nothing is lost.
    pub async fn lands(&mut self, at: usize, name: &'static str) -> Result<(), String> {
        self.takes_off(at, name).await?;
        self.all_lands(Some((at, name))).await
    }

    /// Everything that is under way comes to its end, and nothing gets lost.
    pub async fn all_lands(&mut self, of: Option<(usize, &'static str)>) -> Result<(), String> {
        for _ in 0..2000 {
            let flights = self
                .flights
                .iter()
                .filter(|flight| of.is_none_or(|of| of == (flight.server, flight.name)));
            let ids: Vec<u64> = flights.map(|flight| flight.id).collect();
            if ids.is_empty() {
                return Ok(());
            }
            for held in self.network.held() {
                if ids.contains(&held.flight) {
                    self.network.lets_go(held.ticket, Fate::Heard);
                }
            }
            for id in ids {
                self.goes_on(id).await?;
            }
        }
        Err("a step never ends".to_owned())
    }

    /// Each of these loops of each server once, and every answer at once.
    pub async fn round(&mut self, loops: &[&'static str]) -> Result<(), String> {
        for at in 0..self.servers.len() {
            for name in loops {
                self.lands(at, name).await?;
            }
        }
        Ok(())
    }

    pub async fn server_dies(&mut self) -> Result<(), String> {
        let at = self.rng.below(self.servers.len());
        if self.servers[at].app.is_none() {
            self.say(format!("server {at} starts"));
            return self.starts(at).await;
        }
        self.say(format!(
            "server {at} dies with {} steps under way",
            self.flights.iter().filter(|it| it.server == at).count()
        ));
        self.crashes(at).await?;
        if self.rng.chance(0.7) {
            self.starts(at).await?;
        }
        Ok(())
    }

    pub async fn clock_is_set(&mut self) -> Result<(), String> {
        // Two servers whose clocks differ by hours are for an administrator to mend.
        if self.servers.len() > 1 {
            return Ok(());
        }
        let ms = match self.rng.below(4) {
            0 => HOUR * (1 + self.rng.below(30) as i64),
            1 => -HOUR * (1 + self.rng.below(30) as i64),
            2 => MINUTE * (1 + self.rng.below(20) as i64),
            _ => -MINUTE * (1 + self.rng.below(20) as i64),
        };
        self.say(format!("the clock is set by {} s", ms / SECOND));
        self.servers[0].hand.is_set_by(ms);
        if self.options.broken == Some(Broken::Clock) {
            if let Some(app) = &self.servers[0].app {
                app.clock.follow();
            }
            return Ok(());
        }
        if self.rng.chance(0.7) {
            self.takes_off(0, "time").await?;
            if self.flies(0, "time") {
                self.all_lands(None).await?;
            }
        }
        Ok(())
    }

    /// Every server lives.
    pub async fn all_start(&mut self) -> Result<(), String> {
        for at in 0..self.servers.len() {
            if self.servers[at].app.is_none() {
                self.starts(at).await?;
            }
        }
        Ok(())
    }
}
