//! What the product can do: one file per noun. Every change writes its event in the same transaction.

pub mod accounts;
pub mod api_keys;
pub mod apps;
pub mod aside;
pub mod attempts;
pub mod bulk;
pub mod chains;
pub mod changes;
pub mod check_ins;
pub mod contract;
pub mod deployments;
pub mod devices;
pub mod directory;
pub mod enrolments;
pub mod followers;
pub mod groups;
pub mod held;
pub mod invitations;
pub mod kept;
pub mod leavers;
pub mod leaving;
pub mod looks;
pub mod members;
pub mod moving_up;
pub mod notifications;
pub mod of_app;
pub mod of_person;
pub mod outage;
pub mod passwords;
pub mod people;
mod previewed;
pub mod program;
pub mod rules;
pub mod service;
pub mod settings;
pub mod sign_in;
pub mod signs;
pub mod stopped;
pub mod sums;
pub mod sync;
pub mod text;
pub mod tokens;
pub mod turns;
pub mod updates;
pub mod why;

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use domain::{AccountId, ApiKeyId, Time};
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};
use tokio::sync::{Notify, RwLock, watch};

pub use previewed::Previewed;
use text::{optional, required};

use crate::{
    clock::{Clock, Random},
    config::Config,
    gate::{Busy, Gates},
};

/// The product. Cheap to clone; everything behind it is shared.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What the product is made of.
pub struct Parts {
    pub store: Store,
    pub clock: Clock,
    pub random: Random,
    /// What decides what is to be done: handed in as time and chance are, and believed as little.
    pub planner: Planner,
    pub config: Config,
    pub http: apple::Http,
    pub icons: apple::icons::Icons,
    pub device_ca: mdm::identity::DeviceCa,
    pub chains: chains::Chains,
    /// Devices that were heard, and are to be written down.
    pub signs: signs::Signs,
    /// Wakes devices. `None` without a push certificate: devices are heard, but not called.
    pub apns: Option<apple::push::Apns>,
    /// What devices have to listen for, of the certificate that `apns` was made of: another one counts from the next start.
    pub push_topic: Option<String>,
    pub polled: Polls,
    /// Apps whose names or icons could not be looked up.
    pub aside: aside::Aside,
    pub service: service::Service,
    pub gates: Gates,
    pub attempts: attempts::Attempts,
    /// Enrolment links for which a key is being made.
    pub keys_under_way: enrolments::UnderWay,
    /// Of those who save what they previewed.
    pub turns: turns::Turns,
    /// Rung when a location may have something to do.
    pub location_bell: Arc<Notify>,
    /// Rung when Apple is to be looked at.
    pub reading_bell: Arc<Notify>,
    /// Rung when an app may want its name and icon.
    pub describing_bell: Arc<Notify>,
    /// Rung when a rule may let somebody into a group, or out of it.
    pub groups_bell: Arc<Notify>,
    /// Rung when a device may have something to fetch.
    pub device_bell: Arc<Notify>,
    pub outage: outage::Outage,
    /// Check-in messages of devices that nobody knows.
    pub strangers: check_ins::Strangers,
    /// Held to read while a step is under way, and to write while the clock is followed: a step lives in one time.
    pub steps: RwLock<()>,
    /// Whether the clock is to be followed. What only reads, and may take minutes, gives way then.
    pub clock_waits: watch::Sender<bool>,
    /// Names this process in leases.
    pub instance: String,
}

/// Decides for each of some people what is to be done. It is [`domain::decide_each`] but where a test sees what becomes of a plan
/// that breaks a promise.
pub type Planner = fn(&domain::World) -> domain::Each;

/// When this server last looked for changes at Apple, and until when Apple asked it to wait.
///
/// Kept in memory: a server that starts anew may look once more.
#[derive(Debug, Default)]
pub struct Polls {
    looked_at: AtomicI64,
    paused_until: AtomicI64,
    failures: AtomicU32,
    doubt: Mutex<Doubt>,
    /// The fence of the lease under which everything was looked at, plus one; 0 before the first look.
    read_under: AtomicI64,
}

/// How often in a row Apple called a token dead, and when last.
#[derive(Debug, Default)]
struct Doubt {
    token_sha256: String,
    times: u32,
    at: Time,
}

/// Where Apple published that people accept the programme; `service/config` tells the current address.
const INVITATION_URL: &str = "https://buy.itunes.apple.com/WebObjects/MZFinance.woa/wa/associateVPPUserWithITSAccount?inviteCode=%25inviteCode%25&mt=8";

/// After an outage a location is back within a minute: half of it goes by until the next try at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So often in a row, each time after a pause, a token is called dead before that is believed.
const DOUBTS: u32 = 3;

/// What Apple may ask for. A pause that ends later was written while the clock was wrong.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

impl Polls {
    pub fn due(&self, now: Time, every: Duration) -> bool {
        let next = Time(self.looked_at.load(Ordering::Relaxed)) + every;
        !self.paused(now) && next.has_come(now, every)
    }

    pub fn done(&self, now: Time) {
        self.looked_at.store(now.ms(), Ordering::Relaxed);
    }

    pub fn paused(&self, now: Time) -> bool {
        !Time(self.paused_until.load(Ordering::Relaxed)).has_come(now, LONGEST_ASKED)
    }

    /// Leaves Apple alone until then. A pause that is longer already stays as long.
    pub fn pause(&self, now: Time, until: Time) {
        let longer = |before: i64| {
            let before = Time(before);
            (before.has_come(now, LONGEST_ASKED) || before < until).then_some(until.ms())
        };
        let _ = self
            .paused_until
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, longer);
    }

    /// Apple did not answer as it should: it is left alone for a while, the longer the more often. The first pause in a
    /// row is `first` long.
    pub fn failed(&self, now: Time, first: Duration) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        let pause = first.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
        self.pause(now, now + pause);
    }

    /// Apple answered as it should. Whether it had not before.
    pub fn succeeded(&self) -> bool {
        self.doubt().times = 0;
        self.failures.swap(0, Ordering::Relaxed) > 0
    }

    /// Something is not as we thought: the next look is not waited for.
    pub fn look_soon(&self) {
        self.looked_at.store(0, Ordering::Relaxed);
    }

    /// Somebody wants to know now: no pause counts.
    pub fn hurry(&self) {
        self.paused_until.store(0, Ordering::Relaxed);
    }

    /// Apple called this token dead. Whether to believe it: once may be a mistake. Until then it is asked again after
    /// `first`. What was said of another token counts for nothing.
    pub fn token_is_dead(&self, now: Time, token_sha256: &str, first: Duration) -> bool {
        let mut doubt = self.doubt();
        if doubt.token_sha256 != token_sha256 {
            *doubt = Doubt {
                token_sha256: token_sha256.to_owned(),
                ..Doubt::default()
            };
        }
        if doubt.times == 0 || (doubt.at + first).has_come(now, first) {
            doubt.times += 1;
            doubt.at = now;
        }
        if doubt.times >= DOUBTS {
            doubt.times = 0;
            return true;
        }
        self.pause(now, now + first);
        false
    }

    /// Apple called the token dead, and that is not believed yet.
    pub fn doubts(&self) -> bool {
        self.doubt().times > 0
    }

    fn doubt(&self) -> MutexGuard<'_, Doubt> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything was looked at since the lease was taken.
    pub fn looked(&self, fence: i64) {
        self.read_under.store(fence + 1, Ordering::Relaxed);
    }

    /// Whether everything was looked at since the lease was taken: before that, what we know may be from a backup, or
    /// from before another server's turn.
    pub fn has_looked(&self, fence: i64) -> bool {
        self.read_under.load(Ordering::Relaxed) == fence + 1
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Who does something, for the history and for what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Account {
        id: AccountId,
        name: String,
        role: Role,
    },
    ApiKey {
        id: ApiKeyId,
        name: String,
        role: Role,
    },
    /// The command line on the server's own machine, or a loop.
    System,
}

pub use store::{Account, Base, Role};

impl Caller {
    /// Errors unless the caller may change things.
    pub fn may_write(&self) -> Result<(), Forbidden> {
        match self {
            Caller::System => Ok(()),
            Caller::Account { role, .. } | Caller::ApiKey { role, .. } => match role {
                Role::Full => Ok(()),
                Role::ReadOnly => Err(Forbidden),
            },
        }
    }

    /// Whether it is this account that does something.
    pub fn is_account(&self, account: AccountId) -> bool {
        matches!(self, Caller::Account { id, .. } if *id == account)
    }

    pub fn actor(&self) -> store::Actor {
        match self {
            Caller::Account { id, .. } => store::Actor::Account(*id),
            Caller::ApiKey { id, .. } => store::Actor::ApiKey(*id),
            Caller::System => store::Actor::System,
        }
    }

    /// For the row that this caller changes now.
    pub fn changes(&self, at: Time) -> store::Change<'_> {
        store::Change { at, by: self.name() }
    }

    pub fn name(&self) -> &str {
        match self {
            Caller::Account { name, .. } | Caller::ApiKey { name, .. } => name,
            Caller::System => "system",
        }
    }
}

/// The caller's role permits reading only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this role may look but not change")]
pub struct Forbidden;

/// Why something was not done, as far as every part of the product can say.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Nothing was changed: since it was seen, somebody else changed it.
    #[error("the {0} was changed meanwhile")]
    Stale(&'static str),
    #[error("{field}: {problem}")]
    Invalid { field: &'static str, problem: FieldProblem },
    #[error("the deployment cannot be saved")]
    Deployment(#[from] domain::DeploymentError),
    /// Nothing was changed: it would do something else by now than was agreed to. This is what it would do.
    #[error("what saving would do is not what was previewed")]
    Outdated(Previewed),
    /// Nothing was changed: it takes back many licences, so many, and whoever saves has not said that they know it.
    #[error("saving takes back {0} licences, which is to be confirmed")]
    TakesBack(u64, Previewed),
    /// Nothing was changed: another administrator has to approve it first. This is what it would do.
    #[error("another administrator has to approve this first")]
    NeedsApproval(Previewed),
    /// It waits for nobody any more.
    #[error("the change does not wait for approval any more")]
    HeldOver,
    /// Nobody approves, or turns down, what they asked for themselves.
    #[error("the change was asked for by the same administrator; another one has to approve it")]
    HeldOwn,
    #[error("only whoever asked for the change can withdraw it")]
    HeldOfAnother,
    #[error("what was before cannot be restored: {0}")]
    Unrestorable(#[from] changes::Unrestorable),
    /// Nothing was changed: some who were to come into a group are not there. It says who.
    #[error("{field}: {} have left, and {} are not known", .absent.left.len(), .absent.unknown.len())]
    MembersAbsent {
        field: &'static str,
        absent: Box<members::Absent>,
    },
    /// Nothing was changed, because of the rule of a group.
    #[error(transparent)]
    Rule(#[from] followers::RuleRefused),
    /// Nothing was done to anybody who was chosen.
    #[error(transparent)]
    Bulk(#[from] bulk::BulkRefused),
    #[error(transparent)]
    Leaving(#[from] leaving::CannotLeave),
    #[error("the token was not taken")]
    Token(#[from] tokens::TokenRefused),
    #[error("the enrolment profile was not made")]
    Profile(#[from] enrolments::ProfileError),
    #[error("the person was not invited")]
    NotInvited(#[from] invitations::NotInvited),
    /// Nobody is moved up who waits for no licence.
    #[error("the person does not wait for a licence of the app")]
    NotWaiting,
    /// Somebody moved them up already, whose reason stays.
    #[error("the person was moved up already")]
    MovedUpAlready,
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Too many wrong passwords.
    #[error("too many wrong passwords; try again in {0:?}")]
    Wait(Duration),
    #[error("the database did not do what was asked")]
    Store(#[source] StoreError),
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> AppError {
        match error {
            StoreError::Taken(field) => AppError::Invalid {
                field,
                problem: FieldProblem::Taken,
            },
            error => AppError::Store(error),
        }
    }
}

/// What is wrong with one field. Each has a sentence in the message files (`problem-missing`, …).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum FieldProblem {
    #[error("is missing")]
    Missing,
    #[error("is too long")]
    TooLong,
    #[error("is taken already")]
    Taken,
    #[error("is not a known one")]
    Unknown,
    #[error("is not of the right form")]
    Malformed,
    #[error("is too short")]
    TooShort,
    #[error("is too easy to guess")]
    Guessable,
    #[error("is wrong")]
    Wrong,
    #[error("is the last one that may change things")]
    #[serde(rename = "lastFullAccount")]
    LastFull,
    /// Nobody does this to their own account.
    #[error("is one's own; somebody else has to change it")]
    #[serde(rename = "ownAccount")]
    Own,
    /// One's own password is changed with the old one.
    #[error("is one's own; it is changed with the current one")]
    OwnPassword,
    #[error("holds a character that cannot be seen")]
    Unprintable,
    #[error("is no app, and only apps can be deployed")]
    NotAnApp,
    #[error("has left the organisation")]
    Left,
}

impl App {
    pub fn new(parts: Parts) -> App {
        App(Arc::new(parts))
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Somebody changed what is wanted or told what is: look again.
    pub fn look_again(&self) {
        self.groups_bell.notify_one();
        self.location_bell.notify_one();
        self.device_bell.notify_one();
    }

    /// Runs what talks to the outside to its end, whoever listens: a browser that goes away must not leave half of it
    /// done.
    pub(crate) async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
        match tokio::spawn(work).await {
            Ok(result) => result,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The server stops: nobody waits for an answer any more.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Where a person accepts the programme. Apple's template is replaced literally: it is not a URL to decode.
    pub fn invitation_url(&self, code: &str) -> String {
        let template = self.config.apple.invitation_url.clone();
        let told = || {
            self.service
                .url("invitationEmail")
                .filter(|url| url.contains("inviteCode%"))
        };
        let template = template.or_else(told).unwrap_or_else(|| INVITATION_URL.to_owned());
        template.replace("%25inviteCode%25", code).replace("%inviteCode%", code)
    }
}
