//! What is asked of Apple, and what is made of every answer: one turn after the other by hand, with a clock that stands
//! still but for the test, and that Apple goes by too. Nothing is decided here, so Apple is asked for nothing else.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{AssetId, OperationId, PersonId, Refusal, RefusalReason};
use server::{
    App, Clock, Config,
    app::{Base, Caller, contract::Agreed, people::NewPerson, tokens::TokenUpload},
    serve,
    tasks::{StepError, Stepped, location, operations},
};
use sim::apple::{
    Apple, AppleOptions, Fault, Holder, Named, Switches, TokenKind, Told, Trouble, UserStatus, Write, sample::adam_id,
};
use store::{
    Change, ClientUserRow, ClientUserStatus, EventFilter, Lease, LocationRow, OperationKind, OperationRow,
    OperationState, SeatState, StoreError, SyncCause, testing::Fresh,
};
use uuid::Uuid;

use crate::server::install_crypto;

const CREATE: &str = "POST users/create";
const RETIRE: &str = "POST users/retire";
const ASSOCIATE: &str = "POST assets/associate";

/// How soon something is tried again at first, and how often an event is asked for: what everybody has who sets nothing.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const POLL_EVERY: Duration = Duration::from_secs(30);
const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The product at work for one location, turn by turn.
struct Desk {
    app: App,
    apple: Apple,
    clock_ms: Arc<AtomicI64>,
    app_id: AssetId,
    fresh: Fresh,
}

impl Desk {
    async fn open(fresh: Fresh) -> Desk {
        let clock_ms = Arc::new(AtomicI64::new(Clock::System.now().ms()));
        Desk::open_at(fresh, Clock::Manual(clock_ms.clone()), clock_ms).await
    }

    /// With a clock of its own, while Apple goes by `clock_ms`.
    async fn open_at(fresh: Fresh, clock: Clock, clock_ms: Arc<AtomicI64>) -> Desk {
        install_crypto();
        let apples = clock_ms.clone();
        let options = AppleOptions {
            event_delay: Duration::from_secs(1),
            switches: Switches {
                requests_per_second: Some(1000),
                ..Switches::default()
            },
            clock: Arc::new(move || apples.load(Ordering::SeqCst)),
            ..AppleOptions::default()
        };
        let apple = Apple::start(options).await.expect("a simulated Apple");
        let listen = apple.address();
        let mut config = Config::local(listen, fresh.url(), fresh.folder().join("key"), apple.url());
        config.apple.licensing_url = apple.base_url();
        // Or everything would be read when one of these comes, which hangs on when the test runs.
        config.apple.sync_at.clear();
        assert_eq!(config.apple.first_pause(), FIRST_PAUSE);
        assert_eq!(config.apple.event_poll_every, POLL_EVERY);
        let app = serve::open(config, clock).await.expect("the product");
        let upload = TokenUpload {
            file: apple.token_file(TokenKind::Valid).into_bytes(),
            display_name: "본사 토큰".to_owned(),
            apple_id: "vpp@example.com".to_owned(),
        };
        let upload = app.token_read(&Caller::System, upload).await.expect("a token");
        app.token_link(&Caller::System, upload, true).await.expect("a link");
        location::read(&app).await.expect("everything is read");
        let overview = app.overview().await.unwrap().unwrap();
        let known = overview.apps.iter().find(|app| app.row.adam_id == adam_id(1));
        let app_id = known.expect("the app is known").row.id;
        Desk {
            app,
            apple,
            clock_ms,
            app_id,
            fresh,
        }
    }

    async fn close(self) {
        self.app.store.close().await;
        self.apple.shutdown().await;
        self.fresh.close().await;
    }

    async fn location(&self) -> LocationRow {
        self.app.store.locations().await.unwrap().remove(0)
    }

    async fn lease(&self, location: &LocationRow) -> Lease {
        let name = format!("location/{}", location.id);
        let lease = self
            .app
            .store
            .lease_take(&name, &self.app.instance, Duration::from_secs(10))
            .await;
        lease.unwrap().expect("nobody else works on it")
    }

    /// What the loop does with Apple each time it comes by.
    async fn turn(&self) {
        let location = self.location().await;
        let lease = self.lease(&location).await;
        let apples = |result| match result {
            Ok(()) => true,
            Err(StepError::Apple(_)) => false,
            Err(StepError::App(error)) => panic!("{error}"),
        };
        if apples(operations::evaluate(&self.app, &location, &lease).await) {
            apples(operations::send_next(&self.app, &location, &lease).await);
        }
    }

    fn passes(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.clock_ms.fetch_add(ms, Ordering::SeqCst);
    }

    async fn turn_after(&self, time: Duration) {
        self.passes(time);
        self.turn().await;
    }

    /// Goes on until nothing is asked of Apple any more, half an hour at most.
    async fn settled(&self) {
        for _ in 0..60 {
            let location = self.location().await;
            if self.app.store.operations_open(location.id).await.unwrap().is_empty() {
                return;
            }
            self.turn_after(POLL_EVERY).await;
        }
        panic!("it never ends: {:#?}", self.app.operations_recent(10).await.unwrap());
    }

    async fn people(&self, count: usize) -> Vec<PersonId> {
        let mut people = Vec::new();
        for number in 1..=count {
            let new = NewPerson {
                name: format!("사람 {number}"),
                email: None,
                department: None,
                office: None,
            };
            people.push(self.app.person_add(&Caller::System, new).await.unwrap());
        }
        people
    }

    /// People whom Apple knows.
    async fn members(&self, count: usize) -> Vec<PersonId> {
        let people = self.people(count).await;
        let operation = self.asks_for(OperationKind::CreateUsers, &people).await;
        self.settled().await;
        assert_eq!(self.operation(operation).await.state, OperationState::Done);
        people
    }

    /// Writes down what the plan would: Apple is to be asked for this, about these people and the app.
    async fn asks_for(&self, kind: OperationKind, people: &[PersonId]) -> OperationId {
        let now = self.app.now();
        let location = self.location().await.id;
        let id = OperationId(Uuid::now_v7());
        let requested = i64::try_from(people.len()).unwrap();
        let mut tx = self.app.store.begin().await.unwrap();
        let row = OperationRow::queued(id, location, kind, requested, now);
        tx.operation_insert(&row).await.unwrap();
        for person in people {
            match kind {
                OperationKind::CreateUsers => {
                    let user = ClientUserRow::new(format!("u-{person}"), location, *person, id, now);
                    tx.client_user_insert(&user).await.unwrap();
                }
                OperationKind::RetireUsers => {
                    let by = Change { at: now, by: "system" };
                    assert!(tx.person_left(*person, Base::Latest, by).await.unwrap());
                    let user = tx.client_user(*person, location).await.unwrap().unwrap();
                    let taken = tx.client_user_retiring(&user.client_user_id, id, now).await;
                    assert!(taken.unwrap(), "{user:?}");
                }
                OperationKind::Associate => {
                    let reserved = tx.seat_insert(self.app_id, (*person).into(), SeatState::Reserved, Some(id), now);
                    reserved.await.unwrap();
                }
                OperationKind::Disassociate => {
                    let returning = tx.seat_set(self.app_id, (*person).into(), SeatState::Returning, Some(id), now);
                    returning.await.unwrap();
                }
            }
        }
        tx.commit().await.unwrap();
        id
    }

    async fn operation(&self, id: OperationId) -> OperationRow {
        self.app.store.operation(id).await.unwrap().unwrap()
    }

    async fn user(&self, person: PersonId) -> ClientUserRow {
        let location = self.location().await.id;
        self.app.store.client_user(person, location).await.unwrap().unwrap()
    }

    async fn statuses(&self, people: &[PersonId]) -> Vec<ClientUserStatus> {
        let mut statuses = Vec::new();
        for person in people {
            statuses.push(self.user(*person).await.status);
        }
        statuses
    }

    async fn refusal(&self, person: PersonId) -> Option<Refusal> {
        let overview = self.app.overview().await.unwrap().unwrap();
        overview.world.apps[&self.app_id].refusals.get(&person.into()).copied()
    }

    async fn refused(&self, person: PersonId) -> Option<RefusalReason> {
        self.refusal(person).await.map(|refusal| refusal.reason)
    }

    /// How often the history tells of it.
    async fn told(&self, kind: &str) -> usize {
        let filter = EventFilter {
            limit: 1000,
            ..EventFilter::default()
        };
        let events = self.app.events(&filter).await.unwrap();
        events.iter().filter(|event| event.kind == kind).count()
    }

    /// What befalls the next calls of this kind, one after the other.
    fn befalls(&self, call: &str, troubles: impl IntoIterator<Item = Trouble>) {
        let faults = troubles.into_iter().map(|is| Fault {
            call: call.to_owned(),
            is,
            times: 1,
        });
        self.apple.switch(|switches| switches.faults.extend(faults));
    }

    /// Apple does nothing for them, and says this number.
    fn fail(&self, people: &[(PersonId, i32)]) {
        let people = people.iter().map(|(person, number)| (format!("u-{person}"), *number));
        let people: BTreeMap<_, _> = people.collect();
        self.apple.switch(|switches| switches.people_fail = people);
    }

    /// The requests of this kind that arrived at Apple, in order; without the one that asks whether we may write, and names
    /// nobody.
    fn writes(&self, call: &str) -> Vec<Write> {
        let path = call.strip_prefix("POST ").unwrap();
        let writes = self.apple.writes().into_iter();
        writes.filter(|write| write.path == path && named(write) > 0).collect()
    }

    /// How many people each of them named.
    fn named(&self, call: &str) -> Vec<usize> {
        self.writes(call).iter().map(named).collect()
    }

    /// How often this list, or the status, was asked for.
    fn reads(&self, path: &str) -> u64 {
        let ledger = self.apple.ledger();
        ledger.traffic.requests.get(path).copied().unwrap_or_default()
    }

    fn has_licence(&self, person: PersonId) -> bool {
        let holder = Holder::User(format!("u-{person}"));
        self.apple.ledger().main().holders(&adam_id(1)).contains(&holder)
    }
}

/// How many people a request is about.
fn named(write: &Write) -> usize {
    let people = |list: &str| write.body[list].as_array().map_or(0, Vec::len);
    people("users") + people("clientUserIds")
}

fn refused(number: i32) -> Trouble {
    Trouble::Refused {
        number,
        retry_after_s: None,
    }
}

/// Makes one test for each database out of a story.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($desk:ident: &Desk) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            async fn story($desk: &Desk) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                let desk = Desk::open(Fresh::sqlite()).await;
                story(&desk).await;
                desk.close().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs PostgreSQL"]
            async fn on_postgres() {
                let desk = Desk::open(Fresh::postgres().await).await;
                story(&desk).await;
                desk.close().await;
            }
        }
    )*};
}

on_both! {
    /// "Is there already" is no refusal, though the list does not show them yet; a refusal of one is no refusal of others.
    async fn whoever_is_there_already_is_not_refused_and_whoever_is_refused_is_alone_in_it(desk: &Desk) {
        let people = desk.people(3).await;
        let [there, refused, new] = [people[0], people[1], people[2]];
        desk.fail(&[(there, 9716), (refused, 9635)]);
        let operation = desk.asks_for(OperationKind::CreateUsers, &people).await;
        desk.turn().await;
        desk.turn_after(POLL_EVERY).await;
        let statuses = [
            ClientUserStatus::Creating,
            ClientUserStatus::Refused,
            ClientUserStatus::Registered,
        ];
        assert_eq!(desk.statuses(&people).await, statuses);
        assert_eq!(desk.user(refused).await.error_number, Some(9635));
        assert_eq!(desk.operation(operation).await.state, OperationState::Sending);

        // It was not so: once a list can be believed, the one is asked for again, and nobody else.
        desk.fail(&[]);
        desk.settled().await;
        let statuses = [
            ClientUserStatus::Registered,
            ClientUserStatus::Refused,
            ClientUserStatus::Registered,
        ];
        assert_eq!(desk.statuses(&people).await, statuses);
        assert_eq!(desk.named(CREATE), [3, 1]);
        assert_eq!(desk.told("programUserRefused").await, 1);
        let ledger = desk.apple.ledger();
        let known = |person: PersonId| ledger.main().user(&format!("u-{person}")).is_some();
        assert!(known(there) && known(new) && !known(refused));
    }

    /// The event failed, and does not say for whom: whom a list shows got what was asked for, and the others are refused, but
    /// for "is there already".
    async fn a_failure_that_names_nobody_is_theirs_whom_no_list_shows(desk: &Desk) {
        desk.apple.switch(|switches| switches.failures_name = Named::Nobody);
        for (number, status) in [(9635, ClientUserStatus::Refused), (9716, ClientUserStatus::Registered)] {
            let people = desk.people(2).await;
            desk.fail(&[(people[0], number)]);
            desk.asks_for(OperationKind::CreateUsers, &people).await;
            desk.turn().await;
            desk.turn_after(POLL_EVERY).await;
            let meanwhile = [ClientUserStatus::Creating, ClientUserStatus::Registered];
            assert_eq!(desk.statuses(&people).await, meanwhile, "the list may lag");
            desk.fail(&[]);
            desk.settled().await;
            assert_eq!(desk.statuses(&people).await, [status, ClientUserStatus::Registered]);
        }
        assert_eq!(desk.named(CREATE), [2, 2, 1]);

        let people = desk.members(2).await;
        desk.fail(&[(people[0], 9605)]);
        desk.asks_for(OperationKind::Associate, &people).await;
        desk.settled().await;
        assert_eq!(desk.refused(people[0]).await, Some(RefusalReason::Refused));
        assert_eq!(desk.refused(people[1]).await, None);
        assert!(desk.has_licence(people[1]));
        assert_eq!(desk.named(ASSOCIATE), [2]);
    }

    /// Told in the answer, of which nothing is done: those who are named are let go with the reason, and the others need not
    /// wait for any list.
    async fn whoever_is_named_in_a_refusal_is_let_go_and_the_rest_is_asked_again(desk: &Desk) {
        desk.apple.switch(|switches| switches.people_fail_is_told = Told::Early);
        let people = desk.people(3).await;
        desk.fail(&[(people[0], 9717)]);
        desk.asks_for(OperationKind::CreateUsers, &people).await;
        desk.turn().await;
        let [refused, creating] = [ClientUserStatus::Refused, ClientUserStatus::Creating];
        assert_eq!(desk.statuses(&people).await, [refused, creating, creating]);
        assert_eq!(desk.user(people[0]).await.error_number, Some(9717));
        desk.turn_after(FIRST_PAUSE).await;
        assert_eq!(desk.named(CREATE), [3, 2]);
        desk.settled().await;
        assert_eq!(desk.statuses(&people[1..]).await, [ClientUserStatus::Registered; 2]);

        desk.fail(&[(people[1], 9635)]);
        desk.asks_for(OperationKind::Associate, &people[1..]).await;
        desk.turn().await;
        assert_eq!(desk.refused(people[1]).await, Some(RefusalReason::Refused));
        desk.turn_after(FIRST_PAUSE).await;
        assert_eq!(desk.named(ASSOCIATE), [2, 1]);
        desk.settled().await;
        assert!(desk.has_licence(people[2]) && !desk.has_licence(people[1]));
    }

    /// Apple checked the request, and means all of it. But that somebody is there already is said of one of them at least, and
    /// of which one lists tell.
    async fn a_refusal_that_names_nobody_is_everybodys(desk: &Desk) {
        let all = desk.people(2).await;
        desk.befalls(CREATE, [refused(9642), refused(9716)]);
        let operation = desk.asks_for(OperationKind::CreateUsers, &all).await;
        desk.turn().await;
        assert_eq!(desk.statuses(&all).await, [ClientUserStatus::Refused; 2]);
        let row = desk.operation(operation).await;
        assert_eq!((row.state, row.error_number), (OperationState::Failed, Some(9642)));

        let nobody = desk.people(2).await;
        desk.asks_for(OperationKind::CreateUsers, &nobody).await;
        desk.turn().await;
        assert_eq!(desk.statuses(&nobody).await, [ClientUserStatus::Creating; 2]);
        desk.settled().await;
        assert_eq!(desk.statuses(&nobody).await, [ClientUserStatus::Registered; 2]);
        assert_eq!(desk.named(CREATE), [2, 2, 2]);
    }

    /// Half a minute for what passes by itself; an hour, until somebody changes something, for what does not. And the
    /// operation says that it failed, and with what.
    async fn a_person_whom_apple_refuses_waits_as_long_as_the_reason_lasts(desk: &Desk) {
        let people = desk.people(2).await;
        desk.fail(&[(people[0], 9635), (people[1], 9603)]);
        let operation = desk.asks_for(OperationKind::CreateUsers, &people).await;
        desk.turn().await;
        desk.turn_after(POLL_EVERY).await;
        for (person, number, wait) in [(people[0], 9635, HOUR), (people[1], 9603, FIRST_PAUSE * 15)] {
            let user = desk.user(person).await;
            assert_eq!((user.status, user.error_number), (ClientUserStatus::Refused, Some(number)));
            assert_eq!(user.not_before, Some(desk.app.now() + wait), "{number}");
        }
        let row = desk.operation(operation).await;
        assert_eq!(row.state, OperationState::Failed);
        let numbers = desk.apple.ledger().main().events[0].failures.iter().map(|it| i64::from(it.number)).collect::<Vec<_>>();
        assert_eq!((row.error_number, row.error_message.is_some()), (Some(numbers[0]), true));
    }

    /// Apple checks the request and names nobody. Nobody counts as retired for that, when it is one of three whom Apple does
    /// not know; and if the same were asked again and again, none of them ever would be.
    async fn a_retirement_that_is_refused_as_a_whole_is_asked_one_by_one(desk: &Desk) {
        let people = desk.members(3).await;
        // Trouble says nothing of anybody, and is no reason to ask one by one.
        desk.befalls(RETIRE, [refused(9626), refused(9609)]);
        desk.asks_for(OperationKind::RetireUsers, &people).await;
        for (named, pause) in [(&[3][..], FIRST_PAUSE), (&[3, 3], FIRST_PAUSE * 2)] {
            desk.turn().await;
            assert_eq!(desk.statuses(&people).await, [ClientUserStatus::Registered; 3]);
            desk.turn_after(pause - MS).await;
            assert_eq!(desk.named(RETIRE), named);
            desk.passes(MS);
        }

        desk.settled().await;
        assert_eq!(desk.named(RETIRE), [3, 3, 1, 1, 1]);
        assert_eq!(desk.statuses(&people).await, [ClientUserStatus::Retired; 3]);
        assert_eq!(desk.told("programUserRetired").await, 3);
        let ledger = desk.apple.ledger();
        for person in &people {
            let user = ledger.main().user(&format!("u-{person}")).unwrap();
            assert_eq!(user.status, UserStatus::Retired);
        }
        let operations = desk.app.operations_recent(10).await.unwrap();
        assert!(operations.iter().all(|it| it.state == OperationState::Done && it.requested <= 3), "{operations:#?}");
    }

    async fn whoever_is_retired_though_the_answer_was_lost_is_asked_for_once(desk: &Desk) {
        let people = desk.members(1).await;
        desk.befalls(RETIRE, [Trouble::Lost]);
        let operation = desk.asks_for(OperationKind::RetireUsers, &people).await;
        desk.settled().await;
        assert_eq!(desk.statuses(&people).await, [ClientUserStatus::Retired]);
        assert_eq!(desk.operation(operation).await.state, OperationState::Done);
        assert_eq!(desk.named(RETIRE), [1]);
    }

    /// What Apple complains of is what was wanted: nobody has to read of a failure.
    async fn whoever_is_asked_for_alone_and_is_nobody_to_apple_is_retired(desk: &Desk) {
        let people = desk.members(1).await;
        desk.befalls(RETIRE, [refused(9609)]);
        let operation = desk.asks_for(OperationKind::RetireUsers, &people).await;
        desk.turn().await;
        assert_eq!(desk.statuses(&people).await, [ClientUserStatus::Retired]);
        let row = desk.operation(operation).await;
        assert_eq!(
            (row.state, row.error_number, row.error_message),
            (OperationState::Done, None, None)
        );
    }

    /// Asked for, and back before Apple said no: that is how it stays, and the operation tells why.
    async fn whoever_is_back_when_apple_refuses_to_retire_them_is_not_asked_for_again(desk: &Desk) {
        let people = desk.members(1).await;
        desk.fail(&[(people[0], 9605)]);
        let operation = desk.asks_for(OperationKind::RetireUsers, &people).await;
        desk.turn().await;
        desk.app.person_return(&Caller::System, people[0], Base::Latest, &Agreed::default()).await.unwrap();
        desk.settled().await;
        let user = desk.user(people[0]).await;
        assert_eq!((user.status, user.retiring_at), (ClientUserStatus::Registered, None));
        let row = desk.operation(operation).await;
        assert_eq!((row.state, row.error_number), (OperationState::Failed, Some(9605)));
        assert_eq!(desk.named(RETIRE), [1]);
        assert_eq!(desk.told("programUserKept").await, 1);
    }

    /// Somebody else retires one of two while the request waits. A list shows it: the request names the other.
    async fn whom_a_list_shows_retired_is_left_out_of_the_request(desk: &Desk) {
        let people = desk.members(2).await;
        desk.asks_for(OperationKind::RetireUsers, &people).await;
        assert!(desk.apple.retire(&format!("u-{}", people[0])));
        desk.passes(desk.app.config.apple.poll_every);
        location::read(&desk.app).await.unwrap();
        desk.settled().await;
        assert_eq!(desk.named(RETIRE), [1]);
        assert_eq!(desk.writes(RETIRE)[0].body["users"][0]["clientUserId"], format!("u-{}", people[1]));
        assert_eq!(desk.statuses(&people).await, [ClientUserStatus::Retired; 2]);
        for person in people {
            let user = desk.user(person).await;
            assert_eq!((user.retiring_at, user.operation_id), (None, None));
        }
    }

    /// Whoever ever left is in the other list. After some years that is most of it, page by page, for each lost answer.
    async fn what_became_of_new_people_is_looked_for_among_the_active(desk: &Desk) {
        let gone = desk.members(5).await;
        for person in gone {
            assert!(desk.apple.retire(&format!("u-{person}")));
        }
        let people = desk.people(1).await;
        desk.asks_for(OperationKind::CreateUsers, &people).await;
        desk.turn().await;
        desk.apple.switch(|switches| switches.page_length = 1);
        let before = desk.reads("users");
        desk.turn_after(POLL_EVERY).await;
        assert_eq!(desk.statuses(&people).await, [ClientUserStatus::Registered]);
        let ledger = desk.apple.ledger();
        let active = ledger.main().users.iter().filter(|user| user.status.is_active()).count();
        assert_eq!(desk.reads("users") - before, active as u64);
    }

    /// Apple has fewer than we knew: that is learned with the refusal, and whoever got none waits in line for the next one.
    async fn a_refusal_for_want_of_licences_tells_how_many_there_are(desk: &Desk) {
        let people = desk.members(2).await;
        let owned = async || {
            let overview = desk.app.overview().await.unwrap().unwrap();
            overview.app(desk.app_id).unwrap().row.owned
        };
        let apples = || desk.apple.ledger().main().asset(&adam_id(1)).unwrap().clone();
        let known = owned().await;
        assert!(desk.apple.refund(&adam_id(1), apples().available - 1));
        desk.asks_for(OperationKind::Associate, &people).await;
        desk.settled().await;

        assert_eq!(owned().await, apples().total);
        assert!(owned().await < known);
        let [served, waits]: [Vec<PersonId>; 2] = [true, false]
            .map(|served| people.iter().copied().filter(|it| desk.has_licence(*it) == served).collect());
        assert_eq!((served.len(), waits.len()), (1, 1));
        assert_eq!(desk.refused(waits[0]).await, Some(RefusalReason::Stock));
        assert_eq!(desk.refusal(served[0]).await, None);
    }

    /// After 2, 4 and 8 seconds; and nobody counts licences for what has nothing to do with them.
    async fn a_licence_that_is_refused_again_waits_twice_as_long(desk: &Desk) {
        let people = desk.members(1).await;
        desk.fail(&[(people[0], 9603)]);
        let assets = desk.reads("assets");
        for times in [1, 2, 4] {
            desk.asks_for(OperationKind::Associate, &people).await;
            desk.turn().await;
            desk.turn_after(POLL_EVERY).await;
            let refusal = Refusal {
                reason: RefusalReason::Temporary,
                not_before: desk.app.now() + FIRST_PAUSE * times,
            };
            assert_eq!(desk.refusal(people[0]).await, Some(refusal));
        }
        assert_eq!(desk.reads("assets"), assets);
        desk.fail(&[]);
        desk.asks_for(OperationKind::Associate, &people).await;
        desk.settled().await;
        assert!(desk.has_licence(people[0]));
        assert_eq!(desk.refusal(people[0]).await, None);
    }

    /// Apple did nothing, and says so: nothing may come of it yet, and nobody has to wait until nothing can any more.
    async fn what_apple_certainly_did_not_do_is_asked_again_soon_and_leaves_no_mark(desk: &Desk) {
        let people = desk.members(1).await;
        let lists = desk.reads("assignments");
        desk.befalls(ASSOCIATE, [refused(9646)]);
        let operation = desk.asks_for(OperationKind::Associate, &people).await;
        desk.turn().await;
        let row = desk.operation(operation).await;
        assert_eq!((row.state, row.dead_at), (OperationState::Queued, None));
        assert!(row.error_message.is_some());
        desk.turn_after(FIRST_PAUSE - MS).await;
        assert_eq!(desk.named(ASSOCIATE), [1]);

        desk.turn_after(MS).await;
        assert_eq!(desk.named(ASSOCIATE), [1, 1]);
        desk.settled().await;
        let row = desk.operation(operation).await;
        assert_eq!(
            (row.state, row.error_number, row.error_message),
            (OperationState::Done, None, None),
            "what was said of an earlier attempt is gone"
        );
        assert!(desk.has_licence(people[0]));
        assert_eq!(desk.reads("assignments"), lists, "no list was needed");
    }

    /// A licence of the request was refunded, says Apple: what we know is out of date. Of its own trouble it says no such
    /// thing.
    async fn everything_is_read_again_when_apple_says_that_it_changed_and_not_otherwise(desk: &Desk) {
        let people = desk.members(1).await;
        desk.befalls(ASSOCIATE, [refused(9626), refused(9624)]);
        let operation = desk.asks_for(OperationKind::Associate, &people).await;
        for (number, cause) in [(9626, None), (9624, Some(SyncCause::Resync))] {
            desk.turn().await;
            let sync = desk.app.sync_open().await.unwrap();
            assert_eq!(sync.map(|sync| sync.cause), cause, "{number}");
            let row = desk.operation(operation).await;
            assert_eq!((row.state, row.error_number), (OperationState::Queued, Some(number)));
            desk.passes(FIRST_PAUSE * 2);
        }
        desk.settled().await;
        let row = desk.operation(operation).await;
        assert_eq!((row.state, row.error_number), (OperationState::Done, None));
        assert!(desk.has_licence(people[0]));
    }

    /// The limit that Apple tells is not the one it goes by. Half as many at once, not one by one.
    async fn what_was_too_much_at_once_is_asked_in_halves(desk: &Desk) {
        let people = desk.people(8).await;
        desk.befalls(CREATE, [refused(9714)]);
        desk.asks_for(OperationKind::CreateUsers, &people).await;
        desk.turn().await;
        desk.settled().await;
        assert_eq!(desk.named(CREATE), [8, 4, 4]);
        desk.asks_for(OperationKind::RetireUsers, &people[..4]).await;
        desk.befalls(RETIRE, [refused(9714)]);
        desk.settled().await;
        assert_eq!(desk.named(RETIRE), [4, 2, 2]);

        let people = desk.members(4).await;
        desk.befalls(ASSOCIATE, [refused(9701)]);
        desk.asks_for(OperationKind::Associate, &people).await;
        desk.settled().await;
        assert_eq!(desk.named(ASSOCIATE), [4, 2, 2]);
        assert!(people.iter().all(|person| desk.has_licence(*person)));
        let operations = desk.app.operations_recent(20).await.unwrap();
        let licences = operations.iter().filter(|it| it.kind == OperationKind::Associate);
        let counts: Vec<_> = licences.map(|it| (it.requested, it.completed)).collect();
        assert_eq!(counts, [(2, 2), (2, 2)]);
    }

    /// Apple keeps events for so long only, and answers then that there is none: lists tell what came of it.
    async fn an_event_that_apple_forgot_is_settled_by_a_list(desk: &Desk) {
        let people = desk.members(1).await;
        let operation = desk.asks_for(OperationKind::Associate, &people).await;
        desk.turn().await;
        desk.apple.switch(|switches| switches.event_hours = 0);
        desk.passes(POLL_EVERY);
        assert!(desk.has_licence(people[0]), "it is done");
        desk.turn().await;
        let row = desk.operation(operation).await;
        assert_eq!((row.state, row.event_id), (OperationState::Sending, None));
        desk.settled().await;
        assert_eq!(desk.operation(operation).await.state, OperationState::Done);
        assert_eq!(desk.named(ASSOCIATE), [1]);
    }

    /// While it is under way it is asked for every half minute, and not more often: Apple minds. Only its status says why
    /// somebody got nothing.
    async fn an_event_under_way_is_asked_for_until_it_tells(desk: &Desk) {
        let people = desk.members(1).await;
        desk.apple.switch(|switches| switches.event_delay_ms = Some(5 * 60_000));
        desk.fail(&[(people[0], 9605)]);
        let operation = desk.asks_for(OperationKind::Associate, &people).await;
        desk.befalls("GET status", [Trouble::Gateway { status: 500, retry_after_s: None }]);
        let asked = desk.reads("status");
        desk.turn().await;
        for times in 0..5 {
            desk.turn_after(POLL_EVERY - MS).await;
            assert_eq!(desk.reads("status"), asked + times);
            let row = desk.operation(operation).await;
            assert!(
                row.state == OperationState::Pending && row.event_id.is_some(),
                "{row:?}"
            );
            desk.turn_after(MS).await;
            assert_eq!(desk.reads("status"), asked + times + 1);
        }
        assert_eq!(desk.apple.ledger().traffic.early_polls, 0);
        desk.settled().await;
        let row = desk.operation(operation).await;
        assert_eq!((row.state, row.error_number), (OperationState::Failed, Some(9605)));
        assert_eq!(desk.refused(people[0]).await, Some(RefusalReason::Refused));
    }

    /// One after the other, as small writes get in each other's way; but nobody waits for one that is stuck for more than half
    /// a minute. Apple is not sent more and more for all that.
    async fn what_is_stuck_holds_nobody_up_until_five_are(desk: &Desk) {
        let people = desk.members(7).await;
        desk.apple.switch(|switches| switches.stuck_events = true);
        for person in &people {
            desk.asks_for(OperationKind::Associate, &[*person]).await;
        }
        desk.turn().await;
        for sent in 1..5 {
            desk.turn_after(FIRST_PAUSE * 15 - MS).await;
            assert_eq!(desk.named(ASSOCIATE).len(), sent);
            desk.turn_after(MS).await;
            assert_eq!(desk.named(ASSOCIATE).len(), sent + 1);
        }
        desk.turn_after(FIRST_PAUSE * 15).await;
        assert_eq!(desk.named(ASSOCIATE).len(), 5);

        desk.apple.switch(|switches| switches.stuck_events = false);
        desk.settled().await;
        assert_eq!(desk.named(ASSOCIATE), [1; 7]);
        assert!(people.iter().all(|person| desk.has_licence(*person)));
    }

    /// It is free then, and the history tells of it; and of one that Apple does not take back, which stays with its holder.
    async fn a_licence_that_apple_takes_back_is_free_and_one_that_it_does_not_is_not(desk: &Desk) {
        let people = desk.members(2).await;
        let taken = async || {
            let overview = desk.app.overview().await.unwrap().unwrap();
            let seats = &overview.world.apps[&desk.app_id].seats;
            seats.keys().copied().collect::<Vec<_>>()
        };
        desk.asks_for(OperationKind::Associate, &people).await;
        desk.settled().await;
        assert_eq!(desk.told("licenceAssigned").await, 2);
        desk.fail(&[(people[0], 9605)]);
        desk.asks_for(OperationKind::Disassociate, &people).await;
        desk.settled().await;
        assert_eq!(taken().await, [people[0].into()]);
        assert_eq!(people.clone().into_iter().filter(|it| desk.has_licence(*it)).collect::<Vec<_>>(), [people[0]]);
        for (kind, times) in [("licenceAssigned", 2), ("licenceRefused", 0), ("licenceReturned", 1), ("licenceReturnRefused", 1)] {
            assert_eq!(desk.told(kind).await, times, "{kind}");
        }
        assert_eq!(desk.refused(people[0]).await, Some(RefusalReason::Refused));
        // What Apple lists agrees.
        location::read(&desk.app).await.unwrap();
        assert_eq!(desk.told("licenceLost").await + desk.told("licenceFound").await, 0);
    }

    /// The list is long: it is not read at every turn of the loop, which is twice a second.
    async fn a_lost_answer_is_looked_for_in_lists_ever_more_rarely(desk: &Desk) {
        let people = desk.members(1).await;
        desk.apple.switch(|switches| switches.event_delay_ms = Some(60_000));
        desk.befalls(ASSOCIATE, [Trouble::Lost]);
        let operation = desk.asks_for(OperationKind::Associate, &people).await;
        let read = desk.reads("assignments");
        desk.turn().await;
        for (times, seconds) in (1..).zip([2, 2, 4, 8, 16]) {
            desk.turn_after(Duration::from_secs(seconds) - MS).await;
            assert_eq!(desk.reads("assignments"), read + times - 1);
            desk.turn_after(MS).await;
            assert_eq!(desk.reads("assignments"), read + times);
            assert_eq!(desk.operation(operation).await.state, OperationState::Sending);
        }
        desk.settled().await;
        assert_eq!(desk.operation(operation).await.state, OperationState::Done);
        assert_eq!(desk.named(ASSOCIATE), [1]);
        assert!(desk.has_licence(people[0]));
    }
}

/// Two servers whose clocks were set back by hours: one has moved what is kept, the other has not. By the time that the
/// other still goes by, nothing more can come of a request that Apple is working on; it was asked again.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_judges_by_the_old_time_what_another_server_has_moved_to_the_new() {
    let (clock, hand) = Clock::moved();
    let apples = Arc::new(AtomicI64::new(Clock::System.now().ms()));
    let desk = Desk::open_at(Fresh::sqlite(), clock, apples).await;
    desk.apple.switch(|switches| switches.stuck_events = true);
    let people = desk.people(1).await;
    let id = desk.asks_for(OperationKind::CreateUsers, &people).await;
    desk.turn().await;
    let mut operation = desk.operation(id).await;
    assert_eq!(operation.state, OperationState::Pending);

    let location = desk.location().await;
    let before = desk.lease(&location).await;
    let from = desk.app.now();
    let set_by = 13 * HOUR;
    hand.is_set_by(-i64::try_from(set_by.as_millis()).unwrap());
    let patience = desk.app.config.apple.patience;
    let horizon = patience.request + patience.event + patience.lag;
    desk.app
        .store
        .clock_set("the other server", from, from - set_by, horizon)
        .await
        .unwrap();
    assert!(desk.operation(id).await.dead_at.unwrap() < desk.app.now());

    // What was under way writes nothing, and nothing new begins.
    assert!(matches!(
        desk.app.store.begin_as(&before).await,
        Err(StoreError::LeaseLost)
    ));
    operation = desk.operation(id).await;
    assert_eq!(location::step(&desk.app).await.unwrap(), Stepped::Idle);
    assert_eq!(desk.operation(id).await, operation);
    assert_eq!(desk.named(CREATE), [1]);
    desk.close().await;
}

/// It was told of as a defect: "a step failed".
#[tokio::test(flavor = "multi_thread")]
async fn whoever_hears_an_error_of_apple_after_another_server_took_over_has_nothing_to_say_of_it() {
    let desk = Desk::open(Fresh::sqlite()).await;
    let location = desk.location().await;
    let calls = ["GET client/config", "GET users", "GET assets"];
    desk.apple.switch(|switches| {
        switches.answer_delay_ms = 1000;
        let fault = |call: &str| Fault {
            call: call.to_owned(),
            is: Trouble::Refused {
                number: 9603,
                retry_after_s: None,
            },
            times: 1,
        };
        switches.faults = calls.map(fault).into();
    });
    desk.passes(HOUR);
    let taken_over = async {
        // It was asked, and the answer is on its way.
        while desk.apple.switches().faults.len() == calls.len() {
            tokio::time::sleep(10 * MS).await;
        }
        desk.app.store.leases_reclaim().await.unwrap();
        let name = format!("location/{}", location.id);
        let lease = desk.app.store.lease_take(&name, "the other server", HOUR);
        assert!(lease.await.unwrap().is_some());
    };

    let (stepped, ()) = tokio::join!(location::read(&desk.app), taken_over);

    assert_eq!(stepped.unwrap(), Stepped::Idle);
    assert_eq!(desk.location().await.unanswered_since, None, "what it wrote");
    desk.close().await;
}
