//! What a request says, or a problem that names the field which does not say it.

use axum::{
    extract::{
        FromRequest, FromRequestParts, Request,
        multipart::{MultipartError, MultipartRejection},
        rejection::{BytesRejection, JsonRejection},
    },
    http::{StatusCode, request::Parts},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::http::problem::{Kind, Problem};

/// The body of a request, as JSON.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Json<T>, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Json(value)),
            Err(rejection) => Err(json_problem(&rejection)),
        }
    }
}

/// What stands after the question mark.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Query(value)),
            Err(rejection) => Err(field_problem(&rejection.body_text())),
        }
    }
}

/// The ids in a path. What cannot be an id names nothing.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(_) => Err(Problem::of(Kind::NotFound).detail("what stands in the path is not an id")),
        }
    }
}

/// A form with files.
pub struct Multipart(pub axum::extract::Multipart);

impl<S: Send + Sync> FromRequest<S> for Multipart {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Multipart, Problem> {
        match axum::extract::Multipart::from_request(request, state).await {
            Ok(form) => Ok(Multipart(form)),
            Err(MultipartRejection::InvalidBoundary(_)) => {
                Err(Problem::of(Kind::UnsupportedMediaType).detail("send multipart/form-data"))
            }
            Err(rejection) => Err(Problem::of(Kind::Malformed).detail(rejection.body_text())),
        }
    }
}

/// While a form is read.
pub fn multipart_problem(error: &MultipartError) -> Problem {
    let kind = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Kind::TooLarge
    } else {
        Kind::Malformed
    };
    Problem::of(kind).detail(error.body_text())
}

fn json_problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            Problem::of(Kind::UnsupportedMediaType).detail("send Content-Type: application/json")
        }
        JsonRejection::JsonDataError(error) => field_problem(&error.body_text()),
        JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(error))
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            Problem::of(Kind::TooLarge)
        }
        other => Problem::of(Kind::Malformed).detail(other.body_text()),
    }
}

/// Takes the sentence of a deserialiser apart: what it was reading, which field, what was wrong with it.
///
/// `Failed to deserialize the JSON body into the target type: value[0].intent: unknown variant `x`, expected …`
fn field_problem(sentence: &str) -> Problem {
    let said = sentence.split_once(": ").map_or(sentence, |(_, said)| said);
    let (path, detail) = match said.split_once(": ") {
        Some((path, detail)) if !path.contains([' ', '`']) => (path, detail),
        _ => ("", said),
    };
    let (word, named) = if let Some(field) = quoted_after(detail, "missing field ") {
        ("missing", field)
    } else if let Some(field) = quoted_after(detail, "unknown field ") {
        ("unknown", field)
    } else {
        ("malformed", "")
    };
    let path = path.trim_matches('.');
    let field = match (path, named) {
        ("", named) => named.to_owned(),
        // The path ends with the unknown field, or with the object that lacks the missing one.
        (path, "") => path.to_owned(),
        (path, named) if path == named || path.ends_with(&format!(".{named}")) => path.to_owned(),
        (path, named) => format!("{path}.{named}"),
    };
    let problem = Problem::of(Kind::Malformed).detail(said);
    if field.is_empty() {
        problem
    } else {
        problem.field(field, word, detail)
    }
}

fn quoted_after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_prefix('`')?.split('`').next()
}

/// For a field of a PATCH: absent is `None`, `null` is `Some(None)`.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// One field of a request that is wrong in what it says.
pub fn invalid(field: &str, word: &str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    Problem::of(Kind::Invalid)
        .detail(detail.clone())
        .field(field, word, detail)
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::header};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Form {
        #[expect(dead_code)]
        display_name: String,
        #[serde(default)]
        #[expect(dead_code)]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[expect(dead_code)]
        count: u32,
    }

    async fn refused(content_type: &str, body: &str) -> (u16, Vec<(String, String)>) {
        let request = Request::builder()
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body.to_owned()))
            .unwrap();
        let problem = Json::<Form>::from_request(request, &())
            .await
            .err()
            .expect("this must be refused");
        let errors = &problem.details().errors;
        (
            problem.details().status,
            errors.iter().map(|e| (e.field.clone(), e.problem.clone())).collect(),
        )
    }

    fn one(field: &str, problem: &str) -> (u16, Vec<(String, String)>) {
        (400, vec![(field.to_owned(), problem.to_owned())])
    }

    #[tokio::test]
    async fn a_body_that_does_not_fit_names_the_field() {
        let json = "application/json";
        assert_eq!(refused(json, "{}").await, one("displayName", "missing"));
        assert_eq!(
            refused(json, r#"{"displayName":5}"#).await,
            one("displayName", "malformed")
        );
        assert_eq!(
            refused(json, r#"{"displayName":"a","nmae":1}"#).await,
            one("nmae", "unknown")
        );
        let body = r#"{"displayName":"a","lines":[{"count":1},{"count":"x"}]}"#;
        assert_eq!(refused(json, body).await, one("lines[1].count", "malformed"));
        assert_eq!(
            refused(json, r#"{"displayName":"a","lines":[{}]}"#).await,
            one("lines[0].count", "missing")
        );
        assert_eq!(refused(json, r#"{"displayName":"#).await, (400, Vec::new()));
        assert_eq!(refused("text/plain", "{}").await, (415, Vec::new()));
    }

    #[tokio::test]
    async fn a_query_that_does_not_fit_names_the_field() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Limit {
            #[expect(dead_code)]
            limit: Option<u32>,
        }
        let (mut parts, ()) = Request::builder().uri("/?limit=many").body(()).unwrap().into_parts();
        let problem = Query::<Limit>::from_request_parts(&mut parts, &()).await.err().unwrap();
        assert_eq!(problem.details().errors[0].field, "limit");
    }
}
