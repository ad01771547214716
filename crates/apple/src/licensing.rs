//! The licensing service: what a location owns, who holds it, and how that changes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::fmt::rfc2822;
use reqwest::{RequestBuilder, Response, StatusCode, Url, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    AppleError, Chain, Http, body,
    error::Class,
    pace::{self, Leave, Pace},
    wire::{
        Assignment, ClientConfigRequest, ClientConfigResponse, Common, ErrorResponse, EventResponse, GetAssetsResponse,
        GetAssignmentsResponse, GetUsersResponse, ManageAssets, ManageUsersRequest, Paging, RequestUser, ResponseAsset,
        ResponseUser, ServiceConfigResponse, StatusResponse, error, is_list, is_object,
    },
};

/// How much of an answer is read. A page has some 1,000 records (549 to 1,000 in samples) of a few hundred bytes; this
/// would be 4 KB for each. A status names at most the 2,000 holders of one request.
const LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// How long a request that is no part of a long read waits for its turn.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often one page of a read is asked for while Apple wants to be left alone.
const ASKED_WHEN_THROTTLED: u32 = 6;
/// How often one page of a read is asked for while Apple has trouble or answers nonsense. The first page is asked for
/// once only: when nothing is read yet, nothing is lost, and whoever wants the list comes again.
const ASKED_IN_TROUBLE: u32 = 3;
/// Doubles with each time.
const FIRST_PAUSE_IN_TROUBLE: Duration = Duration::from_millis(500);
/// How often the pages of one read are asked for again, taken together.
const ASKED_AGAIN: u32 = 40;
/// Apple permits five reads of pages at a time.
const PARALLEL_READS: usize = 5;
/// So often a read begins anew when the data changes under it; the last one is taken as it is.
const RESTARTS: usize = 3;
/// No pause that Apple asks for is taken for longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Whose answers are accepted.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The location that the token must open.
    pub uid: Option<String>,
    /// Our own `mdmInfo.id`: any other in an answer means that another server took over.
    pub mdm_id: Option<String>,
}

/// Everything that a read brought, and the version that it is of.
#[derive(Debug, Clone)]
pub struct Read<T> {
    pub items: Vec<T>,
    /// Of the first page: what changed since is in a delta from here. `None` of a read that is not whole.
    pub version_id: Option<String>,
    /// Whether nothing is missing from it. If something is, it tells of what is in it, and nothing of what is not: an
    /// entry could not be read, a page was short of what it said, or the data changed under every try.
    pub whole: bool,
    pub requests: u32,
}

#[derive(Debug, Clone, Default)]
pub struct AssignmentsQuery {
    pub adam_id: Option<String>,
    pub pricing_param: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct UsersQuery {
    pub active_only: bool,
    pub since_version_id: Option<String>,
}

/// Talks to the licensing service with one content token.
///
/// Never asks twice by itself, with one exception: a page of a list, which is waited for and asked for again
/// (at most 6 times while Apple throttles, 3 times while it has trouble), so that one bad page does not throw away the
/// others. Whether a write may be repeated is for the caller to know. Whoever stops waiting for a read leaves nothing
/// behind.
#[derive(Clone)]
pub struct Licensing {
    http: Http,
    base_url: Arc<str>,
    token: SecretString,
    expected: Arc<Expected>,
    pace: Pace,
}

impl Licensing {
    /// `base_url` without a slash at the end: `https://vpp.itunes.apple.com/mdm/v2`.
    pub fn new(
        http: impl Into<Http>,
        base_url: &str,
        token: SecretString,
        expected: Expected,
        pace: Pace,
    ) -> Licensing {
        Licensing {
            http: http.into(),
            base_url: base_url.trim_end_matches('/').into(),
            token,
            expected: Arc::new(expected),
            pace,
        }
    }

    /// Limits and addresses. Public, so it says nothing about the token: the token does not even go along.
    pub async fn service_config(&self) -> Result<ServiceConfigResponse, AppleError> {
        let request = self.http.get(&self.url("service/config"));
        let config: ServiceConfigResponse = parse(&self.answer(request, Some(PATIENCE)).await?)?;
        // Nothing in it has to be there. Where nothing is, something else has answered.
        if config.limits.is_empty() && config.urls.is_empty() {
            return Err(AppleError::Broken("it tells neither limits nor addresses".to_owned()));
        }
        Ok(config)
    }

    /// Whose token it is, and who manages the location. A missing `mdmInfo` is decisive here, and only here.
    pub async fn client_config(&self) -> Result<ClientConfigResponse, AppleError> {
        let config: ClientConfigResponse = self.get("client/config", &[]).await?;
        self.check(&config.common)?;
        let owner = config.common.mdm_info.as_ref();
        if self.expected.mdm_id.is_some() && owner.is_none_or(|owner| owner.id.is_none()) {
            return Err(AppleError::Taken {
                owner: owner.cloned().unwrap_or_default(),
            });
        }
        Ok(config)
    }

    pub async fn set_client_config(&self, request: &ClientConfigRequest) -> Result<ClientConfigResponse, AppleError> {
        let config: ClientConfigResponse = self.post("client/config", request).await?;
        self.check_uid(&config.common)?;
        Ok(config)
    }

    /// All assets of the location. There is no delta: compare [`assets_version`](Self::assets_version) first.
    pub async fn assets(&self) -> Result<Read<ResponseAsset>, AppleError> {
        self.read("assets", &[]).await
    }

    /// The version of the assets as of now, for one small request.
    pub async fn assets_version(&self) -> Result<Option<String>, AppleError> {
        let page: GetAssetsResponse = self.page("assets", &[], 0).await?;
        Ok(page.paging.version_id)
    }

    pub async fn assignments(&self, query: &AssignmentsQuery) -> Result<Read<Assignment>, AppleError> {
        let parameters = [
            ("adamId", query.adam_id.clone()),
            ("pricingParam", query.pricing_param.clone()),
        ];
        self.read("assignments", &given(parameters)).await
    }

    pub async fn users(&self, query: &UsersQuery) -> Result<Read<ResponseUser>, AppleError> {
        let parameters = [
            ("activeOnly", query.active_only.then(|| "true".to_owned())),
            ("sinceVersionId", query.since_version_id.clone()),
        ];
        self.read("users", &given(parameters)).await
    }

    /// Asks for client users. The event's id; the codes for invitations are read with [`users`](Self::users).
    pub async fn create_users(&self, users: &[RequestUser]) -> Result<String, AppleError> {
        self.event("users/create", &ManageUsersRequest { users: users.to_vec() })
            .await
    }

    /// Asks to retire client users: their accounts are let go, and what can be taken back of their licences is.
    pub async fn retire_users(&self, client_user_ids: &[String]) -> Result<String, AppleError> {
        let user = |client_user_id: &String| RequestUser {
            client_user_id: client_user_id.clone(),
            ..RequestUser::default()
        };
        let users = client_user_ids.iter().map(user).collect();
        self.event("users/retire", &ManageUsersRequest { users }).await
    }

    /// Asks to bind licences. Only accepted when this returns: what becomes of it says [`status`](Self::status).
    pub async fn associate(&self, assets: &ManageAssets) -> Result<String, AppleError> {
        self.event("assets/associate", assets).await
    }

    /// Asks to take licences back.
    pub async fn disassociate(&self, assets: &ManageAssets) -> Result<String, AppleError> {
        self.event("assets/disassociate", assets).await
    }

    /// Finds out, without any effect, whether the token may write: [`AppleError::NotAllowed`] when it may only read.
    ///
    /// Asks for licences of no asset to be bound. Apple looks at rights before it looks at what is asked for, so
    /// whoever may write hears that the request is not complete. Other errors tell that nothing was found out; but
    /// whatever else is wrong with a request that wants nothing must not lock anybody out, and counts as allowed.
    pub async fn may_write(&self) -> Result<(), AppleError> {
        match self.associate(&ManageAssets::default()).await {
            Ok(_) => Ok(()),
            Err(error) => match error.class() {
                Class::Token | Class::Rights | Class::Owner => Err(error),
                Class::Retry if matches!(error, AppleError::Unreachable { .. } | AppleError::Throttled { .. }) => {
                    Err(error)
                }
                _ => Ok(()),
            },
        }
    }

    pub async fn status(&self, event_id: &str) -> Result<StatusResponse, AppleError> {
        let status: StatusResponse = self.get("status", &[("eventId", event_id.to_owned())]).await?;
        self.check(&status.common)?;
        Ok(status)
    }

    async fn event<B: Serialize>(&self, path: &str, body: &B) -> Result<String, AppleError> {
        let answer: EventResponse = self.post(path, body).await?;
        self.check(&answer.common)?;
        answer
            .event_id
            .ok_or_else(|| AppleError::Broken("an accepted request without an eventId".to_owned()))
    }

    /// Reads all pages, goes on where it was after a pause that Apple asked for, and begins anew when the data changes meanwhile.
    async fn read<T: Paged>(&self, path: &str, query: &[(&str, String)]) -> Result<Read<T>, AppleError> {
        let mut requests = 0;
        let mut restarts = 0;
        let again = AtomicU32::new(ASKED_AGAIN);
        loop {
            let first: T::Page = self.page_patiently(path, query, 0, &again).await?;
            requests += 1;
            let others: Vec<T::Page> = match self.others(path, query, first.paging(), &again).await {
                // A page is gone: the data shrank.
                Err(AppleError::Resync) if restarts < RESTARTS => {
                    restarts += 1;
                    continue;
                }
                others => others?,
            };
            requests += u32::try_from(others.len()).unwrap_or(u32::MAX);
            let moved = others.iter().any(|page| page.paging().moved_since(first.paging()));
            if moved && restarts < RESTARTS {
                restarts += 1;
                continue;
            }
            let more_pages = first.paging().total_pages.is_some_and(|pages| pages > 1);
            let ended_early = first.paging().next_page_index.is_none() && more_pages;
            let version_id = first.paging().version_id.clone();
            let pages = std::iter::once(first).chain(others);
            let (mut items, mut missing) = (Vec::new(), 0);
            for page in pages {
                let told = page.paging().size.and_then(|size| usize::try_from(size).ok());
                let entries = page.items();
                missing += told.unwrap_or(0).max(entries.len());
                let before = items.len();
                items.extend(entries.into_iter().filter(Paged::is_readable));
                missing -= items.len() - before;
            }
            let whole = !moved && !ended_early && missing == 0;
            if !whole {
                tracing::warn!(path, moved, ended_early, missing, "a list is not whole");
            }
            return Ok(Read {
                items,
                version_id: version_id.filter(|_| whole),
                whole,
                requests,
            });
        }
    }

    /// Reads the pages after the first, at most five at a time.
    async fn others<P: PageOf>(
        &self,
        path: &str,
        query: &[(&str, String)],
        first: &Paging,
        again: &AtomicU32,
    ) -> Result<Vec<P>, AppleError> {
        let mut next = first.next_page_index;
        let known = match next {
            Some(_) => first.total_pages.unwrap_or(1).max(1),
            // The first page is the last.
            None => 1,
        };
        let mut pages: Vec<P> = stream::iter(1..known)
            .map(|index| self.page_patiently(path, query, index, again))
            .buffered(PARALLEL_READS)
            .try_collect()
            .await?;
        if let Some(last) = pages.last() {
            next = last.paging().next_page_index;
        }
        // The data grew, or the number of pages was not told: on to the real end.
        let mut read = known;
        while let Some(index) = next.filter(|index| *index >= read) {
            let page: P = self.page_patiently(path, query, index, again).await?;
            // Some ends announce one more page, with nothing on it.
            next = page.paging().next_page_index.filter(|_| !page.is_empty());
            read = index + 1;
            pages.push(page);
        }
        Ok(pages)
    }

    /// A page of a read, which has time: what Apple turns down for now is asked for again, as long as `again` lasts.
    async fn page_patiently<P: PageOf>(
        &self,
        path: &str,
        query: &[(&str, String)],
        index: i64,
        again: &AtomicU32,
    ) -> Result<P, AppleError> {
        let mut asked = 0;
        loop {
            let error = match self.page_within(path, query, index, None).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            asked += 1;
            let at_most = match &error {
                // Nobody sits here for an hour. The pause itself is kept by the pace.
                _ if error.wait().is_some_and(|wait| wait > pace::LONGEST_PAUSE) => 1,
                _ if error.asks_for_patience() => ASKED_WHEN_THROTTLED,
                AppleError::Unreachable { .. } | AppleError::Trouble { .. } | AppleError::Broken(_) if index > 0 => {
                    ASKED_IN_TROUBLE
                }
                _ => 1,
            };
            let one_less = |left: u32| left.checked_sub(1);
            if asked >= at_most
                || again
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                    .is_err()
            {
                return Err(error);
            }
            tracing::info!(path, page = index, asked, error = %Chain(&error), "a page is asked for again");
            if !error.asks_for_patience() {
                tokio::time::sleep(FIRST_PAUSE_IN_TROUBLE * 2_u32.pow(asked - 1)).await;
            }
        }
    }

    async fn page<P: PageOf>(&self, path: &str, query: &[(&str, String)], index: i64) -> Result<P, AppleError> {
        self.page_within(path, query, index, Some(PATIENCE)).await
    }

    async fn page_within<P: PageOf>(
        &self,
        path: &str,
        query: &[(&str, String)],
        index: i64,
        patience: Option<Duration>,
    ) -> Result<P, AppleError> {
        let mut query = query.to_vec();
        if index > 0 {
            query.push(("pageIndex", index.to_string()));
        }
        let request = self.http.get(&self.url(path)).query(&query);
        let body = self.answer(self.authorised(request), patience).await?;
        let page: P = parse(&body)?;
        self.check(page.common())?;
        if !is_list(&body) {
            return Err(AppleError::Broken("it is no page of a list".to_owned()));
        }
        Ok(page)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, AppleError> {
        let request = self.http.get(&self.url(path)).query(query);
        parse(&self.answer(self.authorised(request), Some(PATIENCE)).await?)
    }

    async fn post<T: DeserializeOwned, B: Serialize>(&self, path: &str, body: &B) -> Result<T, AppleError> {
        let request = self.http.post(&self.url(path)).json(body);
        parse(&self.answer(self.authorised(request), Some(PATIENCE)).await?)
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(self.token.expose_secret())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url)
    }

    /// Sends when it is its turn, and returns the body of an answer, or an error of what else comes. The body is looked
    /// at before the status. Without `patience`, the turn is waited for as long as it takes.
    async fn answer(&self, request: RequestBuilder, patience: Option<Duration>) -> Result<Vec<u8>, AppleError> {
        let mut leave = match patience {
            None => self.pace.leave().await,
            // Nothing was sent.
            Some(patience) => match self.pace.leave_within(patience).await {
                Ok(leave) => leave,
                Err(left) => return Err(AppleError::Throttled { wait: Some(left) }),
            },
        };
        let result = self.send(request, &mut leave).await;
        match &result {
            Err((error, number)) if error.asks_for_patience() => {
                leave.refused(error.wait(), *number == Some(error::TOO_MANY_REQUESTS));
            }
            Err((AppleError::Unreachable { .. } | AppleError::Trouble { .. } | AppleError::Broken(_), _)) => {}
            _ => leave.went_well(),
        }
        result.map_err(|(error, _)| error)
    }

    /// The body, or the error and its number.
    async fn send(&self, request: RequestBuilder, leave: &mut Leave) -> Result<Vec<u8>, (AppleError, Option<i32>)> {
        let response = match self.http.send(request).await {
            Ok(response) => response,
            Err(error) => {
                if error.is_connect() {
                    leave.answered();
                }
                return Err((error.into(), None));
            }
        };
        leave.answered();
        let status = response.status();
        let wait = retry_after(&response);
        let redirected = Url::parse(&self.base_url).is_ok_and(|base| base.origin() != response.url().origin());
        let body = match body::read(response, LIMIT_BYTES).await {
            Ok(body) => body,
            // The status has said enough.
            Err(_) if !status.is_success() => Vec::new(),
            // An answer has begun, so the request has certainly been heard.
            Err(error) => return Err((error.into(), None)),
        };
        let (error, number) = match ErrorResponse::find(&body) {
            Some(error) => {
                let number = error.error_number;
                (AppleError::of(status.as_u16(), error, wait), Some(number))
            }
            None if status == StatusCode::UNAUTHORIZED => {
                let number = error::NOT_LOGGED_IN;
                (AppleError::TokenInvalid { number }, None)
            }
            None if status == StatusCode::TOO_MANY_REQUESTS => {
                (AppleError::Throttled { wait }, Some(error::TOO_MANY_REQUESTS))
            }
            None if !status.is_success() => (AppleError::of_status(status.as_u16(), wait), None),
            None => return Ok(body),
        };
        match error {
            // The token did not go along to the other address, so this says nothing about it.
            AppleError::TokenInvalid { .. } if redirected => Err((
                AppleError::Broken("a redirect to where the token does not go".to_owned()),
                None,
            )),
            error => Err((error, number)),
        }
    }

    fn check(&self, common: &Common) -> Result<(), AppleError> {
        self.check_uid(common)?;
        match (&self.expected.mdm_id, &common.mdm_info) {
            (Some(ours), Some(owner)) if owner.id.as_ref().is_some_and(|id| id != ours) => {
                Err(AppleError::Taken { owner: owner.clone() })
            }
            // Lists and statuses may leave it out.
            _ => Ok(()),
        }
    }

    fn check_uid(&self, common: &Common) -> Result<(), AppleError> {
        match (&self.expected.uid, &common.uid) {
            (Some(expected), Some(got)) if expected != got => Err(AppleError::OtherAccount {
                expected: expected.clone(),
                got: got.clone(),
            }),
            (Some(_), None) => Err(AppleError::Broken("an answer without uId".to_owned())),
            _ => Ok(()),
        }
    }
}

impl Paging {
    /// Whether the data changed since an earlier page of it. What a page does not tell has not changed.
    fn moved_since(&self, first: &Paging) -> bool {
        fn differ<T: PartialEq>(now: Option<T>, then: Option<T>) -> bool {
            matches!((now, then), (Some(now), Some(then)) if now != then)
        }
        differ(self.version_id.as_ref(), first.version_id.as_ref()) || differ(self.total_pages, first.total_pages)
    }
}

/// What an answer says, if it is one. What is no JSON, or JSON of something else, is none.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AppleError> {
    if !is_object(body) {
        let nothing = body.trim_ascii().is_empty();
        let what = if nothing { "it is empty" } else { "it is not JSON" };
        return Err(AppleError::Broken(what.to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| AppleError::broken(&error))
}

/// One page of a list.
trait PageOf: DeserializeOwned {
    type Item;
    fn items(self) -> Vec<Self::Item>;
    fn is_empty(&self) -> bool;
    fn paging(&self) -> &Paging;
    fn common(&self) -> &Common;
}

/// What comes in pages.
trait Paged: Sized {
    type Page: PageOf<Item = Self>;
    /// Whether it says what it is about. What does not was no such entry, or was spoilt on the way.
    fn is_readable(&self) -> bool;
}

macro_rules! pages {
    ($($page:ident . $items:ident: $item:ident, $readable:expr;)*) => {$(
        impl PageOf for $page {
            type Item = $item;
            fn items(self) -> Vec<$item> {
                self.$items
            }
            fn is_empty(&self) -> bool {
                self.$items.is_empty()
            }
            fn paging(&self) -> &Paging {
                &self.paging
            }
            fn common(&self) -> &Common {
                &self.common
            }
        }
        impl Paged for $item {
            type Page = $page;
            fn is_readable(&self) -> bool {
                let readable: fn(&$item) -> bool = $readable;
                readable(self)
            }
        }
    )*};
}

pages! {
    GetAssetsResponse.assets: ResponseAsset, |asset| !asset.adam_id.is_empty();
    GetAssignmentsResponse.assignments: Assignment, |assignment| {
        let holder = assignment.client_user_id.as_ref().or(assignment.serial_number.as_ref());
        !assignment.adam_id.is_empty() && holder.is_some_and(|holder| !holder.is_empty())
    };
    GetUsersResponse.users: ResponseUser, |user| !user.client_user_id.is_empty();
}

fn given<const N: usize>(parameters: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    parameters
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect()
}

/// `Retry-After`, in seconds or as a date; never longer than an hour.
///
/// A date is taken by the clock that wrote it, the answer's own `Date`: ours may be wrong, and is not asked.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let text = |name| Some(response.headers().get(name)?.to_str().ok()?.trim());
    let until = text(header::RETRY_AFTER)?;
    let wait = match until.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = rfc2822::parse(until).ok()?.timestamp();
            let said_at = rfc2822::parse(text(header::DATE)?).ok()?.timestamp();
            Duration::try_from(until.duration_since(said_at)).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}
