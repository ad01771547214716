//! The one oracle: Apple's ledger, our books and the devices agree row by row, and nothing foreign was changed.
//!
//! Whatever went wrong in a story, this has to be true at its end. What has to be true at every moment of it is looked
//! at by [`watched`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Mutex,
    time::Duration,
};

use domain::{Detail, Enrolment, InstallState};
use server::App;
use sim::{
    apple::{Apple, Holder, Ledger, LocationLedger},
    devices::{DeviceSnapshot, Fleet},
};
use store::{ClientUserStatus, LocationRow, SeatState};
use tokio::time::Instant;

use crate::PATIENCE;

/// What belongs to other servers at Apple. Taken before a token is linked, when everything there is somebody else's.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    users: BTreeSet<String>,
    held: BTreeSet<(String, Holder)>,
    /// Users and serial numbers that were ours; the books that were restored do not know what became of them.
    strange: BTreeSet<String>,
}

impl Foreign {
    pub fn of(apple: &Apple) -> Foreign {
        let ledger = apple.ledger();
        let books = ledger.main();
        let held = books.assets.iter().flat_map(|asset| {
            let adam_id = asset.adam_id.clone();
            asset
                .holders
                .iter()
                .map(move |holder| (adam_id.clone(), holder.clone()))
        });
        Foreign {
            users: books.users.iter().map(record).collect(),
            held: held.collect(),
            strange: BTreeSet::new(),
        }
    }

    /// Another server binds a licence, and is expected to have it from then on.
    pub fn assigns(&mut self, apple: &Apple, adam_id: &str, client_user_id: &str) {
        let holder = Holder::User(client_user_id.to_owned());
        assert!(
            apple.foreign_assign(adam_id, &holder),
            "no licence for {client_user_id}"
        );
        self.held.insert((adam_id.to_owned(), holder));
        let ledger = apple.ledger();
        let known = ledger.main().users.iter();
        self.users
            .extend(known.filter(|user| user.client_user_id == client_user_id).map(record));
    }

    /// Another server binds a licence to a device or a user that nobody has created.
    pub fn takes(&mut self, apple: &Apple, adam_id: &str, holder: Holder) {
        if apple.foreign_assign(adam_id, &holder) {
            self.held.insert((adam_id.to_owned(), holder));
        }
    }

    /// Another server takes a licence of that app back. False when it has none.
    pub fn gives_back(&mut self, apple: &Apple, adam_id: &str) -> bool {
        let Some(held) = self.held.iter().find(|(id, _)| id == adam_id).cloned() else {
            return false;
        };
        let given = apple.foreign_unassign(adam_id, &held.1);
        given && self.held.remove(&held)
    }

    /// How many licences of an app are not ours.
    pub fn held_of(&self, adam_id: &str) -> i64 {
        let held = self.held.iter().filter(|(id, _)| id == adam_id).count();
        i64::try_from(held).unwrap_or(i64::MAX)
    }

    /// Our books will not know the user any more, nor what was installed for it.
    pub fn becomes_strange(&mut self, client_user_id: &str, serial: &str) {
        self.strange.extend([client_user_id, serial].map(str::to_owned));
    }

    /// Users and serial numbers.
    pub fn ids(&self) -> BTreeSet<&str> {
        let of_users = self.users.iter().filter_map(|user| user.split_once(' '));
        let holders = self.held.iter().map(|(_, holder)| match holder {
            Holder::User(id) | Holder::Device(id) => id.as_str(),
        });
        of_users.map(|(id, _)| id).chain(holders).collect()
    }
}

/// A user in one line: the id first.
fn record(user: &sim::apple::User) -> String {
    format!(
        "{} {:?} {:?} {:?}",
        user.client_user_id, user.status, user.email, user.id_hash
    )
}

/// Whoever knows what is on the devices.
pub trait Devices {
    fn devices(&self) -> Vec<DeviceSnapshot>;
}

impl Devices for Fleet {
    fn devices(&self) -> Vec<DeviceSnapshot> {
        Fleet::devices(self)
    }
}

/// Whose word counts: Apple's, ours, and the devices' where there are any.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    pub app: &'a App,
    pub apple: &'a Apple,
    pub fleet: Option<&'a dyn Devices>,
    pub foreign: &'a Foreign,
}

/// Waits until everything has come to its end and all agree; says what does not when they never do.
pub async fn all_agree(sides: Sides<'_>) {
    let begun = Instant::now();
    loop {
        let differences = sides.differences().await;
        if differences.is_empty() {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "they do not agree:\n{}",
            differences.join("\n")
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Sides<'_> {
    /// What does not agree at this moment, each in one line.
    pub async fn differences(&self) -> Vec<String> {
        let mut wrong = Wrong::default();
        let Some(location) = self.app.store.location_linked().await.expect("our books") else {
            return vec!["no token is linked".to_owned()];
        };
        let ledger = self.apple.ledger();
        if let Err(mistake) = ledger.check() {
            wrong.say(format!("Apple's own books: {mistake}"));
        }
        nothing_twice(&ledger, &mut wrong);
        self.nothing_foreign(&location, ledger.main(), &mut wrong).await;
        for operation in self.app.store.operations_open(location.id).await.expect("our books") {
            wrong.say(format!("is open still: {operation:?}"));
        }
        self.users(&location, ledger.main(), &mut wrong).await;
        self.licences(&location, ledger.main(), &mut wrong).await;
        if let Some(fleet) = self.fleet {
            self.devices(fleet, &mut wrong).await;
        }
        wrong.0
    }

    async fn users(&self, location: &LocationRow, books: &LocationLedger, wrong: &mut Wrong) {
        let ours = self.app.store.client_users(location.id).await.expect("our books");
        let foreign = self.foreign.ids();
        for user in &ours {
            let id = &user.client_user_id;
            match (books.user(id), user.status) {
                (None, ClientUserStatus::Refused) => {}
                (None, status) => wrong.say(format!("Apple does not know {id}, who is {status:?} here")),
                (Some(at_apple), status) => wrong.unless_same(
                    &format!("the status of {id}"),
                    &format!("{status:?}"),
                    &format!("{:?}", at_apple.status),
                ),
            }
        }
        let known: BTreeSet<&str> = ours.iter().map(|user| user.client_user_id.as_str()).collect();
        for user in books.users.iter().filter(|user| user.status.is_active()) {
            let id = user.client_user_id.as_str();
            if !known.contains(id) && !foreign.contains(id) && !self.foreign.strange.contains(id) {
                wrong.say(format!("Apple has a user whom nobody knows: {id}"));
            }
        }
    }

    async fn licences(&self, location: &LocationRow, books: &LocationLedger, wrong: &mut Wrong) {
        let store = &self.app.store;
        let users = store.client_users(location.id).await.expect("our books");
        let ours: BTreeMap<_, _> = users
            .iter()
            .map(|row| (row.person_id, row.client_user_id.as_str()))
            .collect();
        let rows = store.apps(location.id).await.expect("our books");
        let devices = store.devices().await.expect("our books");
        for asset in &books.assets {
            let name = &asset.adam_id;
            let Some(row) = rows
                .iter()
                .find(|row| row.adam_id == *name && row.pricing_param == asset.pricing_param)
            else {
                wrong.say(format!("{name} is not in our books"));
                continue;
            };
            wrong.unless_same(
                &format!("total, assigned, available, retired of {name}"),
                &(row.total, row.assigned, row.available, row.retired),
                &(asset.total, asset.assigned, asset.available, asset.retired),
            );
            let at_apple: BTreeSet<String> = asset.holders.iter().map(holder).collect();
            let listed: BTreeSet<String> = store
                .assignments(row.id)
                .await
                .expect("our books")
                .iter()
                .map(|listed| match listed {
                    store::Assignee::User(id) => format!("user {id}"),
                    store::Assignee::Device(serial) => format!("device {serial}"),
                })
                .collect();
            wrong.unless_same(&format!("the assignments of {name}"), &listed, &at_apple);

            let seats = store.seats(row.id).await.expect("our books");
            let mut held = BTreeSet::new();
            for seat in &seats {
                let who = match seat.holder {
                    domain::Holder::Person(person) => ours.get(&person).map(|id| format!("user {id}")),
                    domain::Holder::Device(device) => {
                        let row = devices.iter().find(|row| row.id == device);
                        row.and_then(|row| Some(format!("device {}", row.serial.as_ref()?)))
                    }
                };
                match who {
                    Some(who) if seat.state == SeatState::Held => {
                        held.insert(who);
                    }
                    _ => wrong.say(format!("a licence of {name} is neither here nor there: {seat:?}")),
                }
            }
            let known: BTreeSet<String> = ours.values().map(|id| format!("user {id}")).collect();
            let of_us = |who: &&String| {
                // What others gave to a device of ours is theirs.
                let given = |(adam_id, of): &(String, Holder)| adam_id == name && holder(of) == **who;
                let serials = devices.iter().filter_map(|row| row.serial.as_ref());
                let mut serials = serials.map(|serial| format!("device {serial}"));
                known.contains(*who) || (serials.any(|it| it == **who) && !self.foreign.held.iter().any(given))
            };
            let held_at_apple: BTreeSet<String> = at_apple.iter().filter(of_us).cloned().collect();
            wrong.unless_same(&format!("who of us holds {name}"), &held, &held_at_apple);
            wrong.unless_same(
                &format!("what is taken of {name}, by us and by others"),
                &(row.taken, row.foreign_held),
                &(held.len() as i64, (at_apple.len() - held_at_apple.len()) as i64),
            );
        }
        for row in rows.iter().filter(|row| row.gone_at.is_none()) {
            if books.asset(&row.adam_id).is_none() {
                wrong.say(format!("Apple has no {}", row.adam_id));
            }
        }
    }

    /// What is shown of each device and app is so on the device, and no app is managed without a licence or a word.
    async fn devices(&self, fleet: &dyn Devices, wrong: &mut Wrong) {
        let overview = self.app.overview().await.expect("our books").expect("a location");
        for device in fleet.devices() {
            let serial = &device.serial;
            for error in &device.protocol_errors {
                wrong.say(format!("{serial} complains: {error}"));
            }
            let Some(row) = overview.devices.values().find(|row| row.udid == device.udid) else {
                if device.enrolled {
                    wrong.say(format!("{serial} is enrolled, and nobody knows it"));
                }
                continue;
            };
            let enrolled = row.enrolment == Enrolment::Enrolled;
            wrong.unless_same(&format!("whether {serial} is enrolled"), &enrolled, &device.enrolled);
            if !device.enrolled || self.foreign.strange.contains(serial) {
                continue;
            }
            for app in &overview.apps {
                let Some(bundle_id) = &app.row.bundle_id else { continue };
                let managed = device.apps.get(bundle_id).is_some_and(|state| state == "Managed");
                let person = app.decision.people.get(&row.person_id);
                let verdict = person.and_then(|person| person.devices.get(&row.id));
                let installed = verdict.is_some_and(|verdict| verdict.state == InstallState::Installed);
                wrong.unless_same(&format!("whether {serial} has {bundle_id}"), &installed, &managed);
                let silent = verdict.is_none_or(|verdict| verdict.detail == Detail::NoAdditionalDetails);
                // What is only available and was not asked for stays with whichever licence it came with.
                let holders = [domain::Holder::Person(row.person_id), domain::Holder::Device(row.id)];
                let licensed = holders.iter().any(|holder| app.facts.seats.contains_key(holder));
                if managed && silent && !licensed {
                    wrong.say(format!(
                        "{serial} has {bundle_id} without a licence, and nobody says so"
                    ));
                }
            }
        }
    }

    /// P2: what others had they have still, and no write of ours was about any of it.
    async fn nothing_foreign(&self, location: &LocationRow, books: &LocationLedger, wrong: &mut Wrong) {
        for user in &self.foreign.users {
            if !books.users.iter().any(|now| record(now) == *user) {
                wrong.say(format!("another server's user was changed: {user}"));
            }
        }
        for (adam_id, holder) in &self.foreign.held {
            if !books.holders(adam_id).contains(holder) {
                wrong.say(format!("another server's licence of {adam_id} is gone: {holder:?}"));
            }
        }
        let foreign = self.foreign.ids();
        for write in self.apple.writes() {
            let about = |list: &serde_json::Value| -> Vec<String> {
                let items = list.as_array().into_iter().flatten();
                let id = |item: &serde_json::Value| item["clientUserId"].as_str().or(item.as_str()).map(str::to_owned);
                items.filter_map(id).collect()
            };
            for list in ["users", "clientUserIds", "serialNumbers"] {
                for id in about(&write.body[list]) {
                    if foreign.contains(id.as_str()) {
                        wrong.say(format!("a write left about another server's {id}: {write:?}"));
                    }
                }
            }
            if let Some(id) = write.body["mdmInfo"]["id"].as_str() {
                wrong.unless_same("who claims the location", &id, &location.mdm_id.as_str());
            }
        }
    }
}

/// Nothing was asked of Apple that it had done already: it would have said so, being told to by [`strict`].
fn nothing_twice(ledger: &Ledger, wrong: &mut Wrong) {
    for event in &ledger.main().events {
        for failure in &event.failures {
            if matches!(failure.number, 9616 | 9619 | 9716) {
                wrong.say(format!("was asked for twice: {:?} {failure:?}", event.event_type));
            }
        }
    }
}

/// An Apple that says when it is asked for what is done already.
pub fn strict(switches: &mut sim::apple::Switches) {
    switches.assigned_again_fails = true;
    switches.unassigned_again_fails = true;
}

fn holder(holder: &Holder) -> String {
    match holder {
        Holder::User(id) => format!("user {id}"),
        Holder::Device(serial) => format!("device {serial}"),
    }
}

#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn say(&mut self, what: String) {
        self.0.push(what);
    }

    fn unless_same<T: PartialEq + Debug>(&mut self, what: &str, here: &T, there: &T) {
        if here != there {
            self.say(format!("{what}: {here:?} here, {there:?} there"));
        }
    }
}

/// Tells the story, and looks all the time whether P1 holds: at Apple, no more is bound or on its way than is owned; in
/// our books, no more is taken by us and held by others than is owned.
pub async fn watched<T>(app: &App, apple: &Apple, story: impl Future<Output = T>) -> T {
    let seen = Mutex::new(BTreeSet::new());
    let looking = async {
        loop {
            for _ in 0..5 {
                let wrong = overdrawn(&apple.ledger());
                seen.lock().expect("nobody panicked").extend(wrong);
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            let wrong = overdrawn_here(app).await;
            seen.lock().expect("nobody panicked").extend(wrong);
        }
    };
    let told = tokio::select! {
        told = story => told,
        () = looking => unreachable!("it looks for ever"),
    };
    let seen = seen.into_inner().expect("nobody panicked");
    assert!(seen.is_empty(), "more was out than is owned:\n{seen:#?}");
    told
}

/// P1 at Apple.
pub fn overdrawn(ledger: &Ledger) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Err(mistake) = ledger.check() {
        wrong.push(mistake);
    }
    for asset in &ledger.main().assets {
        let out = asset.holders.len() as i64 + asset.on_the_way;
        if out > asset.total && !asset.refunded {
            wrong.push(format!("{out} of {} of {} at Apple", asset.total, asset.adam_id));
        }
    }
    wrong
}

/// P1 in our books.
pub async fn overdrawn_here(app: &App) -> Vec<String> {
    let mut wrong = Vec::new();
    // The database may be away, or the process: then there is nothing to see.
    let Ok(locations) = app.store.locations().await else {
        return wrong;
    };
    for location in locations {
        for row in app.store.apps(location.id).await.unwrap_or_default() {
            let out = row.taken + row.foreign_held;
            let refunded = row.assigned > row.owned;
            if out > row.owned && !row.unlimited && !refunded {
                wrong.push(format!("{out} of {} of {} here", row.owned, row.adam_id));
            }
        }
    }
    wrong
}
