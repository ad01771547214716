//! The licensing service: what a location owns, who holds it, and how that changes.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{Method, Response, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    AppleError,
    wire::{
        Assignment, ClientConfigRequest, ClientConfigResponse, Common, ErrorResponse, EventResponse, GetAssetsResponse,
        GetAssignmentsResponse, GetUsersResponse, ManageAssets, ManageUsersRequest, MdmInfo, Paging, RequestUser,
        ResponseAsset, ResponseUser, ServiceConfigResponse, StatusResponse,
    },
};

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
    /// Of the first page: what changed since is in a delta from here.
    pub version_id: Option<String>,
    pub requests: u32,
}

#[derive(Debug, Clone, Default)]
pub struct AssignmentsQuery {
    pub adam_id: Option<String>,
    pub pricing_param: Option<String>,
    pub client_user_id: Option<String>,
    pub since_version_id: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct UsersQuery {
    pub client_user_id: Option<String>,
    pub active_only: bool,
    pub since_version_id: Option<String>,
}

/// Talks to the licensing service with one content token.
///
/// Never asks twice by itself: whether a write may be repeated is for the caller to know.
#[derive(Clone)]
pub struct Licensing {
    http: reqwest::Client,
    base_url: Arc<str>,
    token: SecretString,
    expected: Arc<Expected>,
}

impl Licensing {
    /// `base_url` without a slash at the end: `https://vpp.itunes.apple.com/mdm/v2`.
    pub fn new(http: reqwest::Client, base_url: &str, token: SecretString, expected: Expected) -> Licensing {
        Licensing {
            http,
            base_url: base_url.trim_end_matches('/').into(),
            token,
            expected: Arc::new(expected),
        }
    }

    /// Limits and addresses. Says nothing about the token: it is not looked at.
    pub async fn service_config(&self) -> Result<ServiceConfigResponse, AppleError> {
        self.get("service/config", &[]).await
    }

    /// Whose token it is, and who manages the location. A missing `mdmInfo` is decisive here, and only here.
    pub async fn client_config(&self) -> Result<ClientConfigResponse, AppleError> {
        let config: ClientConfigResponse = self.get("client/config", &[]).await?;
        self.check(&config.common)?;
        if self.expected.mdm_id.is_some() && config.common.mdm_info.is_none() {
            return Err(AppleError::Taken {
                owner: MdmInfo::default(),
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
            ("clientUserId", query.client_user_id.clone()),
            ("sinceVersionId", query.since_version_id.clone()),
        ];
        self.read("assignments", &given(parameters)).await
    }

    pub async fn users(&self, query: &UsersQuery) -> Result<Read<ResponseUser>, AppleError> {
        let parameters = [
            ("clientUserId", query.client_user_id.clone()),
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

    /// Asks to bind licences. Only accepted when this returns: what becomes of it says [`status`](Self::status).
    pub async fn associate(&self, assets: &ManageAssets) -> Result<String, AppleError> {
        self.event("assets/associate", assets).await
    }

    /// Asks to take licences back.
    pub async fn disassociate(&self, assets: &ManageAssets) -> Result<String, AppleError> {
        self.event("assets/disassociate", assets).await
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

    /// Reads all pages: the first, then the others at most five at a time.
    async fn read<T: Paged>(&self, path: &str, query: &[(&str, String)]) -> Result<Read<T>, AppleError> {
        let mut requests = 0;
        for attempt in 0.. {
            let first: T::Page = self.page(path, query, 0).await?;
            requests += 1;
            let version_id = first.paging().version_id.clone();
            let pages = first.paging().total_pages.unwrap_or(1).max(1);
            let mut last_next = first.paging().next_page_index;
            let mut items = first.items();
            let mut moved = false;
            let others: Result<Vec<T::Page>, AppleError> = stream::iter(1..pages)
                .map(|index| self.page::<T::Page>(path, query, index))
                .buffered(PARALLEL_READS)
                .try_collect()
                .await;
            let others = match others {
                // The data shrank while it was read.
                Err(AppleError::Resync) if attempt < RESTARTS => continue,
                other => other?,
            };
            for page in others {
                requests += 1;
                moved |= page.paging().version_id != version_id;
                last_next = page.paging().next_page_index;
                items.extend(page.items());
            }
            // The data grew, or the count of pages was not told: go on to the real end.
            let mut seen = pages;
            while let Some(index) = last_next.filter(|index| *index >= seen) {
                let page: T::Page = self.page(path, query, index).await?;
                requests += 1;
                seen = index + 1;
                moved |= page.paging().version_id != version_id;
                last_next = page.paging().next_page_index;
                items.extend(page.items());
            }
            if moved && attempt < RESTARTS {
                continue;
            }
            return Ok(Read {
                items,
                version_id,
                requests,
            });
        }
        unreachable!("the loop returns at the latest after the last restart")
    }

    async fn page<P: Page>(&self, path: &str, query: &[(&str, String)], index: i64) -> Result<P, AppleError> {
        let mut query = query.to_vec();
        if index > 0 {
            query.push(("pageIndex", index.to_string()));
        }
        let page: P = self.get(path, &query).await?;
        self.check(page.common())?;
        Ok(page)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, AppleError> {
        let url = format!("{}/{path}", self.base_url);
        let request = self
            .http
            .request(Method::GET, url)
            .query(query)
            .bearer_auth(self.token.expose_secret());
        answer(request.send().await).await
    }

    async fn post<T: DeserializeOwned, B: Serialize>(&self, path: &str, body: &B) -> Result<T, AppleError> {
        let url = format!("{}/{path}", self.base_url);
        let request = self
            .http
            .request(Method::POST, url)
            .json(body)
            .bearer_auth(self.token.expose_secret());
        answer(request.send().await).await
    }

    fn check(&self, common: &Common) -> Result<(), AppleError> {
        self.check_uid(common)?;
        match (&self.expected.mdm_id, &common.mdm_info) {
            (Some(ours), Some(owner)) if owner.id.as_deref() != Some(ours) => {
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

/// One page of a list.
trait Page: DeserializeOwned {
    type Item;
    fn items(self) -> Vec<Self::Item>;
    fn paging(&self) -> &Paging;
    fn common(&self) -> &Common;
}

/// What comes in pages.
trait Paged: Sized {
    type Page: Page<Item = Self>;
}

macro_rules! pages {
    ($($page:ident . $items:ident: $item:ident)*) => {$(
        impl Page for $page {
            type Item = $item;
            fn items(self) -> Vec<$item> {
                self.$items
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
        }
    )*};
}

pages! {
    GetAssetsResponse.assets: ResponseAsset
    GetAssignmentsResponse.assignments: Assignment
    GetUsersResponse.users: ResponseUser
}

fn given<const N: usize>(parameters: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    parameters
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect()
}

/// Makes an answer or an error of what came. An error may come with status 200: the body is looked at first.
async fn answer<T: DeserializeOwned>(sent: Result<Response, reqwest::Error>) -> Result<T, AppleError> {
    let response = sent.map_err(|source| AppleError::Unreachable {
        sent: !source.is_connect(),
        source,
    })?;
    let status = response.status();
    let wait = retry_after(&response, Timestamp::now());
    let body = response
        .bytes()
        .await
        .map_err(|source| AppleError::Unreachable { sent: true, source })?;
    if let Ok(error) = serde_json::from_slice::<ErrorResponse>(&body) {
        return Err(AppleError::of(status.as_u16(), error, wait));
    }
    if status.as_u16() == 401 {
        return Err(AppleError::TokenInvalid { number: 9601 });
    }
    if status.as_u16() == 429 {
        return Err(AppleError::Throttled { wait });
    }
    if !status.is_success() {
        return Err(AppleError::Broken(format!("status {status}")));
    }
    serde_json::from_slice(&body).map_err(|error| AppleError::Broken(error.to_string()))
}

/// `Retry-After`, in seconds or as a date; never longer than an hour.
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}
