//! Which version of a thing a program saw, and which it changes (RFC 9110 §8.8.3, §13.1.1; RFC 6585 §3).
//!
//! A tag is the number of the version in quotes. It stands for what can be changed with PUT or PATCH, not for what Apple
//! or devices say of the same thing: those are no reason to refuse a change.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use store::{Base, Version};
use utoipa::{
    IntoParams, PartialSchema,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use super::words::DateTime;
use crate::{
    app::AppError,
    http::problem::{Kind, Problem},
};

/// Which version the caller changes. Without it the answer is 428: whoever does not say it would write over others.
#[derive(Debug)]
pub struct IfMatch(pub Base);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Problem> {
        if_match(&parts.headers).map(IfMatch)
    }
}

/// As the description of the API tells it.
impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some("`ETag` of what is changed, or `*`"))
            .schema(Some(String::schema()));
        vec![parameter.build()]
    }
}

fn if_match(headers: &HeaderMap) -> Result<Base, Problem> {
    let mut given = headers.get_all(header::IF_MATCH).iter();
    let Some(tag) = given.next() else {
        return Err(Problem::of(Kind::VersionMissing)
            .detail("send If-Match with the ETag of what you saw, or * to write over whatever there is"));
    };
    let malformed = || Problem::of(Kind::Malformed).detail("send one ETag in If-Match, as it was given");
    let tag = tag.to_str().map_err(|_| malformed())?.trim();
    if given.next().is_some() || tag.contains(',') {
        return Err(malformed());
    }
    if tag == "*" {
        return Ok(Base::Latest);
    }
    // A proxy that compresses makes a tag weak. The number is the same.
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let number = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let number = number.ok_or_else(malformed)?;
    // A tag that is not ours is of no version that is.
    Ok(Base::Version(number.parse().unwrap_or(-1)))
}

/// An answer with its tag.
#[derive(Debug)]
pub struct Tagged<T> {
    pub version: Version,
    pub body: T,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.body).into_response();
        if let Ok(tag) = HeaderValue::from_str(&tag(&self.version)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

fn tag(version: &Version) -> String {
    format!("\"{}\"", version.number)
}

/// What to tell a program after its change: what there is now, also when the change was refused because it was stale.
pub async fn changed<T: Serialize>(
    done: Result<(), AppError>,
    now: impl Future<Output = Result<Tagged<T>, Problem>>,
) -> Result<Tagged<T>, Problem> {
    match done {
        Ok(()) => now.await,
        Err(error) => Err(refused(error, now).await),
    }
}

/// What to tell a program whose change was refused: when it was stale, together with what there is now.
pub async fn refused<T: Serialize>(error: AppError, now: impl Future<Output = Result<Tagged<T>, Problem>>) -> Problem {
    if !matches!(error, AppError::Stale(_)) {
        return error.into();
    }
    let problem = Problem::from(error);
    match now.await {
        Ok(Tagged { version, body }) => problem
            .fact("etag", json!(tag(&version)))
            .fact("changedBy", json!(version.changed_by))
            .fact("changedDateTime", json!(DateTime::of(version.changed_at)))
            .fact("current", json!(body)),
        // It is gone by now.
        Err(gone) => gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(tags: &[&'static str]) -> Result<Base, u16> {
        let mut headers = HeaderMap::new();
        for tag in tags {
            headers.append(header::IF_MATCH, HeaderValue::from_static(tag));
        }
        if_match(&headers).map_err(|problem| problem.details().status)
    }

    #[test]
    fn a_change_says_upon_which_version_it_was_made() {
        assert_eq!(given(&["\"7\""]), Ok(Base::Version(7)));
        assert_eq!(given(&["W/\"7\""]), Ok(Base::Version(7)));
        assert_eq!(given(&["*"]), Ok(Base::Latest));
        assert_eq!(given(&["\"abc\""]), Ok(Base::Version(-1)));
        assert_eq!(given(&[]), Err(428));
        for malformed in [&["7"][..], &["\"7"], &["\"6\", \"7\""], &["\"6\"", "\"7\""], &[""]] {
            assert_eq!(given(malformed), Err(400), "{malformed:?}");
        }
    }
}
