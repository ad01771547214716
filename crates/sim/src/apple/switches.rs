//! How the simulated service behaves where the real one is unknown, varies, or fails.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// All that can be switched, while it runs too. The defaults are a healthy service that
/// does what is known of Apple's.
///
/// Probabilities are from 0 (never) to 1 (always).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Switches {
    /// How a token that does not work is told: by the status, or only in the body of a 200.
    pub token_errors: TokenErrors,
    /// When answers hold `tokenExpirationDate`.
    pub expiration_date: ExpirationDate,
    /// More requests than this in a second for one location are refused with 9646; `None` never refuses.
    pub requests_per_second: Option<u32>,
    /// Sent with 9646. Apple documents no such header there.
    pub rate_retry_after_s: Option<u32>,
    /// 500 with 9603, and nothing was done.
    pub internal_error: f64,
    /// 500 with 9603, although the write was accepted.
    pub internal_error_after_write: f64,
    /// 503 with 9729 and `Retry-After`, and nothing was done.
    pub unavailable: f64,
    /// Sent with 9729; `None` sends no `Retry-After`.
    pub unavailable_retry_after_s: Option<u32>,
    /// 429 with 9646 although nobody was too fast, and nothing was done.
    pub too_many: f64,
    /// The connection is cut after a write was accepted, so nobody learns the event's id.
    pub cut_after_write: f64,
    /// The connection is cut before anything was done.
    pub cut_before_write: f64,
    /// What was asked for is done, reads and writes alike, and the answer is none.
    pub garbage: f64,
    pub garbage_is: Garbage,
    /// The next so many requests with a token are refused although it is good; counts down.
    pub token_refusals: u32,
    /// With this number; `None` is a 401 that says nothing.
    pub token_refusal_number: Option<i32>,
    /// What befalls the next requests of one kind. Once it has befallen as many as it should, it is gone.
    pub faults: Vec<Fault>,
    /// Every answer of the licensing service takes this much longer.
    pub answer_delay_ms: u64,
    /// Answers and the records in them hold fields that no document names.
    pub unknown_fields: bool,
    /// Replaces single values of the published limits.
    pub limits: BTreeMap<String, i64>,

    /// What becomes of the configuration that a request leaves out.
    pub omitted_configuration: Omitted,
    /// `None` sends a test notification, and refuses a configuration with 9728 where it does not arrive; otherwise nothing is sent,
    /// and this is taken for what came of it.
    pub notification_url_reachable: Option<bool>,
    /// Notifications go to `http://`, too. Apple's service takes `https://` only.
    pub plain_notification_urls: bool,
    /// A notification is never sent.
    pub notification_lost: f64,
    /// One that was taken is sent once more.
    pub notification_twice: f64,
    /// Those that are due at a time come in any order.
    pub notification_disorder: bool,
    /// Answers to writes take so long that what is told of the event can come before them.
    pub notification_before_answer_ms: u64,
    /// How long after each attempt that failed the next one follows; after the last it is lost.
    pub notification_retries_ms: Vec<u64>,

    pub page_length: usize,
    /// The last page with records names a next page, and that one is empty.
    pub trailing_empty_page: bool,
    /// Assignments taken back are in the delta, looking like all the others.
    pub removed_in_delta: bool,
    /// How long `sinceVersionId` is understood. The newest version always is.
    pub version_days: u32,
    /// Reads show the world as it was this long ago.
    pub read_lag_ms: u64,
    /// More page reads than this at a time are refused with 9646; `None` only counts them.
    pub parallel_reads: Option<u32>,

    /// How long an event is pending; `None` leaves it at what the simulator was started with.
    pub event_delay_ms: Option<u64>,
    /// How long each task of an event takes after that.
    pub task_ms: u64,
    /// Events stay pending.
    pub stuck_events: bool,
    pub event_order: EventOrder,
    pub unknown_user: Told,
    /// `Early` is 9602, `Late` is 9709 in the event.
    pub unknown_asset: Told,
    pub overassign: Overassign,
    pub shuffle_tasks: bool,
    /// Assigning once more fails with 9616 instead of changing nothing.
    pub assigned_again_fails: bool,
    /// Taking back what is not assigned fails with 9619 instead of changing nothing.
    pub unassigned_again_fails: bool,
    /// A single task fails with 9603.
    pub task_failure: f64,
    /// Nothing is done for these people, by their `clientUserId`, and this number is said of them.
    pub people_fail: BTreeMap<String, i32>,
    /// `Early`: a request that names one of them is refused as a whole.
    pub people_fail_is_told: Told,
    /// Whom the failures of an event name.
    pub failures_name: Named,
    /// How long a finished event can be asked for.
    pub event_hours: u32,
    /// Asking for a pending event within 30 seconds is refused with 9646 instead of only counted.
    pub early_poll_refused: bool,

    /// A person who has not accepted yet can be given a licence.
    pub registered_user_gets_licence: bool,

    /// The store believes in a licence only this long after it was assigned.
    pub licence_lag_ms: u64,
    pub metadata_unavailable: bool,
    /// The store stumbles over these products: asked for one of them, it answers 500.
    pub metadata_broken: BTreeSet<String>,
    /// Every answer to a lookup takes this much longer.
    pub metadata_delay_ms: u64,
    pub artwork: Artwork,
    /// Pushes are refused with 503.
    pub push_unavailable: f64,
    /// Every answer to a push takes this much longer. What it says was true when the push came.
    pub push_delay_ms: u64,
    /// Pushes are refused with 429: the device was called too often.
    pub push_too_many: f64,
    /// The `Retry-After` of such a refusal, in seconds.
    pub push_retry_after: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenErrors {
    Status401,
    Body200,
}

/// What befalls the next so many requests of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Method and path below the base address: `POST assets/associate`, `GET status`.
    pub call: String,
    pub is: Trouble,
    pub times: u32,
}

/// How one request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Trouble {
    /// The connection is cut before anything was done.
    Unheard,
    /// It is done, and the connection is cut.
    Lost,
    /// It is done, and the answer comes so much later.
    Late { ms: u64 },
    /// It is done, and this comes instead of the answer.
    Garbled(Garbage),
    /// It is done, and the answer is a 500 with 9603.
    DoneButInternalError,
    /// Nothing is done.
    Refused { number: i32, retry_after_s: Option<u32> },
    /// Something in between answers with a page of its own, and nothing is done.
    Gateway { status: u16, retry_after_s: Option<u32> },
}

/// What comes instead of an answer, with status 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Garbage {
    /// The page of a proxy.
    Html,
    Empty,
    /// The first half of the right answer.
    Truncated,
    /// JSON that answers something else.
    OtherJson,
    /// The right page of a list, whose entries say nothing.
    EmptyEntries,
    /// The right page of a list, without its entries.
    NoEntries,
}

/// What `errorInfo` of an event's failures tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Named {
    AssetsAndHolders,
    Assets,
    Holders,
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExpirationDate {
    Always,
    Within15Days,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Omitted {
    Keep,
    Clear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventOrder {
    InOrder,
    Shuffled,
}

/// Whether something wrong is told in the answer or only by the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Told {
    Early,
    Late,
}

/// What happens when an event wants more licences of an asset than there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Overassign {
    /// The first tasks get what there is.
    Partial,
    /// No task for that asset gets any.
    AllOrNothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Artwork {
    /// A list of sizes.
    Sizes,
    /// One object whose URL has `{w}`, `{h}` and `{f}` in it.
    Template,
}

/// The limits Apple publishes; some of its own samples leave `maxRequestPerSecond` out.
const PUBLISHED_LIMITS: [(&str, i64); 13] = [
    ("maxAssets", 25),
    ("maxClientUserIds", 1000),
    ("maxSerialNumbers", 1000),
    ("maxRevokeClientUserIds", 100),
    ("maxRevokeSerialNumbers", 100),
    ("maxUsers", 100),
    ("maxNotificationLength", 512),
    ("maxMdmNameLength", 100),
    ("maxMdmMetadataLength", 255),
    ("maxMdmIdLength", 100),
    ("maxSubscriptions", 25),
    ("maxSubscriptionClientUserIds", 1000),
    ("maxRequestPerSecond", 15),
];

impl Default for Switches {
    fn default() -> Self {
        Switches {
            token_errors: TokenErrors::Status401,
            expiration_date: ExpirationDate::Always,
            requests_per_second: Some(15),
            rate_retry_after_s: None,
            internal_error: 0.0,
            internal_error_after_write: 0.0,
            unavailable: 0.0,
            unavailable_retry_after_s: Some(5),
            too_many: 0.0,
            cut_after_write: 0.0,
            cut_before_write: 0.0,
            garbage: 0.0,
            garbage_is: Garbage::Html,
            token_refusals: 0,
            token_refusal_number: None,
            faults: Vec::new(),
            answer_delay_ms: 0,
            unknown_fields: false,
            limits: BTreeMap::new(),
            omitted_configuration: Omitted::Keep,
            notification_url_reachable: None,
            plain_notification_urls: false,
            notification_lost: 0.0,
            notification_twice: 0.0,
            notification_disorder: false,
            notification_before_answer_ms: 0,
            notification_retries_ms: vec![60_000, 180_000],
            page_length: 500,
            trailing_empty_page: false,
            removed_in_delta: false,
            version_days: 7,
            read_lag_ms: 0,
            parallel_reads: None,
            event_delay_ms: None,
            task_ms: 0,
            stuck_events: false,
            event_order: EventOrder::InOrder,
            unknown_user: Told::Early,
            unknown_asset: Told::Early,
            overassign: Overassign::Partial,
            shuffle_tasks: false,
            assigned_again_fails: false,
            unassigned_again_fails: false,
            task_failure: 0.0,
            people_fail: BTreeMap::new(),
            people_fail_is_told: Told::Late,
            failures_name: Named::AssetsAndHolders,
            event_hours: 24,
            early_poll_refused: false,
            registered_user_gets_licence: true,
            licence_lag_ms: 0,
            metadata_unavailable: false,
            metadata_broken: BTreeSet::new(),
            metadata_delay_ms: 0,
            artwork: Artwork::Sizes,
            push_unavailable: 0.0,
            push_delay_ms: 0,
            push_too_many: 0.0,
            push_retry_after: None,
        }
    }
}

impl Switches {
    /// No limit on requests: for tests that have better things to do than to wait.
    pub fn unhurried() -> Self {
        Switches {
            requests_per_second: None,
            ..Switches::default()
        }
    }

    /// The limit by its published name; no limit for a name nobody knows.
    pub fn limit(&self, name: &str) -> usize {
        let limit = match self.limits.get(name) {
            Some(limit) => Some(*limit),
            None => PUBLISHED_LIMITS
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, limit)| *limit),
        };
        limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX)
    }

    /// The limits as `service/config` tells them.
    pub fn published_limits(&self) -> BTreeMap<String, i64> {
        let mut limits: BTreeMap<String, i64> = PUBLISHED_LIMITS
            .iter()
            .map(|(name, limit)| (name.to_string(), *limit))
            .collect();
        match self.requests_per_second {
            Some(permitted) => limits.insert("maxRequestPerSecond".into(), permitted.into()),
            None => limits.remove("maxRequestPerSecond"),
        };
        limits.extend(self.limits.clone());
        if self.unknown_fields {
            limits.insert("maxThingsToCome".into(), 3);
        }
        limits
    }
}
