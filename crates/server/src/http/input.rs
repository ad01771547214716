//! What a request says, or a problem that names what does not say it: the one way in for the console and for the API.
//!
//! A [`Problem`] becomes `application/problem+json` for a program and a page for a person (`refusals`). axum's own
//! extractors answer in plain English and take what is here refused: an encoding that is none, control characters.

use axum::{
    body::{Body, Bytes},
    extract::{
        FromRequest, FromRequestParts, RawForm, RawPathParams, Request,
        multipart::{Field, MultipartError, MultipartRejection},
        rejection::{BytesRejection, FormRejection, JsonRejection, RawFormRejection},
    },
    http::{StatusCode, request::Parts},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};

use super::problem::{Kind, Problem};
use crate::app::text::is_unprintable;

/// The body of a request, as JSON.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Json<T>, Problem> {
        // Only to look at the content type and to keep the limit; as what it is read comes after.
        let is_json = request
            .headers()
            .get(axum::http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(is_json);
        if !is_json {
            return Err(Problem::of(Kind::UnsupportedMediaType).detail("send Content-Type: application/json"));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| bytes_problem(&rejection))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            Problem::of(Kind::Malformed)
                .detail(format!("this is not JSON: {error}"))
                .fact("line", json!(error.line()))
                .fact("column", json!(error.column()))
        })?;
        printable_json(&value, "")?;
        match axum::Json::<T>::from_bytes(&bytes) {
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
        pairs(parts.uri.query().unwrap_or_default().as_bytes())?;
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
        let nothing = || Problem::of(Kind::NotFound).detail("what stands in the path is not an id");
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| nothing())?;
        if params.iter().any(|(_, value)| value.contains(is_unprintable)) {
            return Err(nothing());
        }
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(_) => Err(nothing()),
        }
    }
}

/// A form without files.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Form<T>, Problem> {
        let (parts, body) = request.into_parts();
        let RawForm(bytes) = RawForm::from_request(Request::from_parts(parts.clone(), body), state)
            .await
            .map_err(|rejection| raw_form_problem(&rejection))?;
        pairs(&bytes)?;
        let again = Request::from_parts(parts, Body::from(bytes));
        match axum::Form::<T>::from_request(again, state).await {
            Ok(axum::Form(value)) => Ok(Form(value)),
            Err(FormRejection::BytesRejection(rejection)) => Err(bytes_problem(&rejection)),
            Err(rejection) => Err(field_problem(&rejection.body_text())),
        }
    }
}

/// The pairs of a form in their order, for names that come more than once.
pub struct Pairs(pub Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Pairs {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Pairs, Problem> {
        let RawForm(bytes) = RawForm::from_request(request, state)
            .await
            .map_err(|rejection| raw_form_problem(&rejection))?;
        Ok(Pairs(pairs(&bytes)?))
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

/// The text of a field of a form with files.
pub async fn field_text(field: Field<'_>) -> Result<String, Problem> {
    let name = field.name().unwrap_or_default().to_owned();
    let bytes = field.bytes().await.map_err(|error| multipart_problem(&error))?;
    let text = String::from_utf8(bytes.to_vec())
        .map_err(|_| invalid(&name, "malformed", format!("{name} is not text in UTF-8")))?;
    printable(&name, &text)?;
    Ok(text)
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

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let subtype = essence
        .split_once('/')
        .filter(|(kind, _)| kind.eq_ignore_ascii_case("application"))
        .map(|(_, subtype)| subtype.to_ascii_lowercase());
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

fn json_problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::JsonDataError(error) => field_problem(&error.body_text()),
        JsonRejection::BytesRejection(rejection) => bytes_problem(rejection),
        other => Problem::of(Kind::Malformed).detail(other.body_text()),
    }
}

fn bytes_problem(rejection: &BytesRejection) -> Problem {
    let kind = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Kind::TooLarge
    } else {
        Kind::Malformed
    };
    Problem::of(kind).detail(rejection.body_text())
}

fn raw_form_problem(rejection: &RawFormRejection) -> Problem {
    match rejection {
        RawFormRejection::BytesRejection(rejection) => bytes_problem(rejection),
        _ => Problem::of(Kind::UnsupportedMediaType).detail("send Content-Type: application/x-www-form-urlencoded"),
    }
}

/// Refuses what no text may hold, wherever it stands in `value`.
fn printable_json(value: &Value, place: &str) -> Result<(), Problem> {
    match value {
        Value::String(text) => printable(place, text),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                printable_json(item, &format!("{place}[{number}]"))?;
            }
            Ok(())
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if place.is_empty() { "" } else { "." };
                printable_json(field, &format!("{place}{dot}{name}"))?;
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn printable(field: &str, text: &str) -> Result<(), Problem> {
    if text.contains(is_unprintable) {
        return Err(invalid(
            field,
            "unprintable",
            format!("{field} holds a character that cannot be seen"),
        ));
    }
    Ok(())
}

/// Takes a query or a form apart, and believes nothing: `%` with two digits after it, UTF-8, nothing unprintable.
fn pairs(encoded: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs = Vec::new();
    for piece in encoded.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        let (name, value) = match piece.iter().position(|byte| *byte == b'=') {
            Some(at) => (&piece[..at], &piece[at + 1..]),
            None => (piece, &[][..]),
        };
        let name =
            decoded(name).ok_or_else(|| Problem::of(Kind::Malformed).detail("a name is not encoded as UTF-8"))?;
        if name.contains(is_unprintable) {
            return Err(Problem::of(Kind::Malformed).detail("a name holds a character that cannot be seen"));
        }
        let value = decoded(value).ok_or_else(|| {
            let detail = format!("{name} is not encoded as UTF-8");
            Problem::of(Kind::Malformed)
                .detail(detail.clone())
                .field(name.clone(), "malformed", detail)
        })?;
        printable(&name, &value)?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decoded(encoded: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
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
    use axum::http::header;

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
        assert_eq!(refused("application/jsonp", "{}").await, (415, Vec::new()));
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

    #[tokio::test]
    async fn broken_json_is_told_where_it_breaks() {
        let request = Request::builder()
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from("{\n \"displayName\": }"))
            .unwrap();
        let problem = Json::<Form>::from_request(request, &()).await.err().unwrap();
        let facts = &problem.details().facts;
        assert_eq!((&facts["line"], &facts["column"]), (&json!(2), &json!(17)));
    }

    #[tokio::test]
    async fn what_cannot_be_seen_is_refused_by_the_name_of_its_field() {
        let body = r#"{"displayName":"a","lines":[{"count":"\u0000"}]}"#;
        let (status, errors) = refused("application/json", body).await;
        assert_eq!(status, 422);
        assert_eq!(errors, [("lines[0].count".to_owned(), "unprintable".to_owned())]);
    }

    #[test]
    fn a_query_is_text_in_utf_8_or_nothing() {
        assert_eq!(
            pairs("q=%EA%B9%80+a&q=&flag&=b&&".as_bytes()).unwrap(),
            [("q", "김 a"), ("q", ""), ("flag", ""), ("", "b")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        for wrong in [
            "q=%",
            "q=%4",
            "q=%zz",
            "q=%ff",
            "q=%+1",
            "%ff=q",
            "q=%00",
            "q=a%1b",
            "%00=q",
            "q=%E2%80%AE",
        ] {
            assert!(pairs(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
