//! What a program is told when something was not done: RFC 9457, `application/problem+json`.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{DeploymentError, PersonId};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::StoreError;
use utoipa::ToSchema;

use crate::{
    app::{
        self, AppError, bulk::BulkRefused, contract::Previewed, deployments::Preview, followers::RuleRefused,
        invitations::NotInvited, leaving::CannotLeave, members::Absent, tokens::TokenRefused,
    },
    cause,
    clock::timestamp,
    gate::Busy,
    http::api::words::{field_problem, word},
};

/// The kinds of problems that are not about one noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// The request itself cannot be read.
    Malformed,
    UnsupportedMediaType,
    TooLarge,
    /// A field says what it must not.
    Invalid,
    /// Somebody or something else is there already.
    Taken,
    /// Two changed the same at once; asking again helps.
    Conflict,
    /// Somebody changed it since the caller saw it.
    Stale,
    /// The caller has to say which version it changes.
    VersionMissing,
    /// The lines of a deployment cannot stand together.
    Deployment,
    Internal,
    /// Too many ask at once.
    Busy,
    /// The body of the request did not come in time.
    TooSlow,
    /// The database cannot be reached, or takes nothing any more.
    Unavailable,
}

impl Kind {
    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Kind::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "An API key is needed"),
            Kind::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "This key may look but not change"),
            Kind::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such thing"),
            Kind::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "This cannot be done here",
            ),
            Kind::Malformed => (
                "malformed-request",
                StatusCode::BAD_REQUEST,
                "The request cannot be understood",
            ),
            Kind::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The request is not written in a form that is understood here",
            ),
            Kind::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too large"),
            Kind::Invalid => (
                "invalid",
                StatusCode::UNPROCESSABLE_ENTITY,
                "A field holds what it must not",
            ),
            Kind::Taken => ("taken", StatusCode::CONFLICT, "Something else is there already"),
            Kind::Conflict => (
                "conflict",
                StatusCode::CONFLICT,
                "Somebody changed the same at the same time",
            ),
            Kind::Stale => (
                "stale",
                StatusCode::PRECONDITION_FAILED,
                "Somebody else changed it meanwhile; nothing was changed",
            ),
            Kind::VersionMissing => (
                "version-missing",
                StatusCode::PRECONDITION_REQUIRED,
                "Say which version you change",
            ),
            Kind::Deployment => (
                "deployment-refused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The deployment cannot be saved",
            ),
            Kind::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on our side",
            ),
            Kind::Busy => (
                "busy",
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many requests are being answered; ask again in a moment",
            ),
            Kind::TooSlow => (
                "too-slow",
                StatusCode::REQUEST_TIMEOUT,
                "The request did not arrive in time",
            ),
            Kind::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The server cannot work at the moment; nothing was changed",
            ),
        }
    }
}

/// One answer that says what was not done, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<ProblemDetails>);

/// Why a request was not carried out (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProblemDetails {
    /// Stable name of the problem, for programs: `urn:allotment:problem:…`.
    #[serde(rename = "type")]
    #[schema(example = "urn:allotment:problem:not-found")]
    pub kind: String,
    /// The same in words.
    pub title: String,
    pub status: u16,
    /// What it is this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Which fields are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Facts that belong to this type of problem.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub facts: Map<String, Value>,
    /// In how many seconds to ask again; goes into the header.
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// As the request names it.
    pub field: String,
    #[schema(schema_with = field_problem)]
    pub problem: String,
    pub detail: String,
}

impl Problem {
    pub fn of(kind: Kind) -> Problem {
        let (slug, status, title) = kind.facts();
        Problem::new(slug, status, title)
    }

    /// For a refusal that came without a word.
    pub fn of_status(status: StatusCode) -> Problem {
        let kinds = [
            Kind::Unauthorized,
            Kind::Forbidden,
            Kind::NotFound,
            Kind::MethodNotAllowed,
            Kind::Malformed,
            Kind::UnsupportedMediaType,
            Kind::TooLarge,
            Kind::Invalid,
            Kind::Conflict,
            Kind::Stale,
            Kind::Internal,
            Kind::TooSlow,
            Kind::Unavailable,
        ];
        match kinds.into_iter().find(|kind| kind.facts().1 == status) {
            Some(kind) => Problem::of(kind),
            None => {
                let title = status.canonical_reason().unwrap_or("It was not done");
                Problem::new(&title.to_lowercase().replace(' ', "-"), status, title)
            }
        }
    }

    fn new(slug: &str, status: StatusCode, title: impl Into<String>) -> Problem {
        Problem(Box::new(ProblemDetails {
            kind: format!("urn:allotment:problem:{slug}"),
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            errors: Vec::new(),
            facts: Map::new(),
            retry_after: None,
        }))
    }

    /// There is no such thing as the path says: an app, a person.
    pub fn not_found(what: &str) -> Problem {
        Problem::of(Kind::NotFound).detail(format!("there is no such {what}"))
    }

    pub fn detail(mut self, text: impl Into<String>) -> Problem {
        self.0.detail = Some(text.into());
        self
    }

    pub fn field(mut self, field: impl Into<String>, problem: &str, detail: impl Into<String>) -> Problem {
        self.0.errors.push(FieldError {
            field: field.into(),
            problem: problem.to_owned(),
            detail: detail.into(),
        });
        self
    }

    /// Calls fields as the request does: `names` are pairs of the app's name and the API's.
    pub fn renamed(mut self, names: &[(&str, &str)]) -> Problem {
        for error in &mut self.0.errors {
            let Some((from, to)) = names.iter().find(|(from, _)| error.field == *from) else {
                continue;
            };
            error.field = (*to).to_owned();
            if let Some(rest) = error.detail.strip_prefix(from) {
                error.detail = format!("{to}{rest}");
            }
            if let Some(detail) = &mut self.0.detail
                && let Some(rest) = detail.strip_prefix(from)
            {
                *detail = format!("{to}{rest}");
            }
        }
        self
    }

    /// Nothing is wrong but the moment.
    pub fn later(mut self, wait: Duration) -> Problem {
        self.0.retry_after = Some(wait.as_secs().max(1));
        self
    }

    pub fn fact(mut self, name: &str, value: Value) -> Problem {
        self.0.facts.insert(name.to_owned(), value);
        self
    }

    pub fn details(&self) -> &ProblemDetails {
        &self.0
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        if let Some(id) = cause::request_id() {
            self = self.fact("requestId", json!(id));
        }
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&*self.0).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Problem {
        match error {
            AppError::Forbidden(forbidden) => Problem::of(Kind::Forbidden).detail(forbidden.to_string()),
            AppError::NotFound(what) => Problem::not_found(what),
            AppError::Stale(what) => Problem::of(Kind::Stale).detail(format!("the {what} was changed meanwhile")),
            AppError::Invalid { field, problem } => {
                let kind = if problem == app::FieldProblem::Taken {
                    Kind::Taken
                } else {
                    Kind::Invalid
                };
                let detail = format!("{field} {problem}");
                Problem::of(kind)
                    .detail(detail.clone())
                    .field(field, &word(problem), detail)
            }
            AppError::Deployment(error) => deployment(error),
            AppError::Outdated(preview) => outdated(&preview),
            AppError::TakesBack(licences, preview) => takes_back(licences, preview.digest()),
            AppError::NeedsApproval(preview) => needs_approval(&preview),
            AppError::HeldOver => Problem::new(
                "held-change-over",
                StatusCode::CONFLICT,
                "The change does not wait for approval any more",
            )
            .detail("look at it again: somebody approved it, turned it down or withdrew it, or it expired"),
            error @ (AppError::HeldOwn | AppError::HeldOfAnother) => Problem::new(
                "held-change-not-yours",
                StatusCode::CONFLICT,
                "This is for another administrator to do",
            )
            .detail(error.to_string()),
            AppError::Unrestorable(why) => Problem::new(
                "cannot-be-restored",
                StatusCode::CONFLICT,
                "What was before cannot be restored",
            )
            .detail(why.to_string())
            .fact("reason", json!(why)),
            AppError::MembersAbsent { field, absent } => members_absent(field, &absent),
            AppError::Rule(refused) => rule(&refused),
            AppError::Bulk(refused) => bulk(refused),
            AppError::Leaving(refused) => leaving(refused),
            AppError::Token(refused) => token(&refused),
            AppError::NotInvited(why) => not_invited(&why),
            AppError::NotWaiting => Problem::new(
                "not-waiting",
                StatusCode::CONFLICT,
                "Who waits for no licence is not moved up",
            )
            .detail(AppError::NotWaiting.to_string()),
            AppError::MovedUpAlready => Problem::new(
                "moved-up-already",
                StatusCode::CONFLICT,
                "Somebody else moved them up, or for another reason",
            )
            .detail(AppError::MovedUpAlready.to_string()),
            AppError::Busy(busy) => Problem::of(Kind::Busy)
                .detail(busy.to_string())
                .later(Busy::RETRY_AFTER),
            AppError::Wait(wait) => Problem::of_status(StatusCode::TOO_MANY_REQUESTS)
                .detail(format!(
                    "too many wrong passwords; try again in {} seconds",
                    wait.as_secs() + 1
                ))
                .later(wait),
            AppError::Store(error) => store(error),
            error @ AppError::Profile(_) => {
                cause::note(&error);
                Problem::of(Kind::Internal).detail("it is in the log")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        store(error)
    }
}

/// With what saving would do now.
fn outdated(preview: &Previewed) -> Problem {
    let problem = Problem::new(
        "preview-outdated",
        StatusCode::CONFLICT,
        "What saving would do is not what was previewed",
    )
    .detail("nothing was saved; look at the new preview, and save with its digest")
    .fact("previewDigest", json!(preview.digest()));
    match preview {
        Previewed::Deployment(preview) => deployment_facts(problem, &preview.outcome),
        Previewed::Members(preview) => problem.fact("apps", apps_facts(preview.apps.iter())),
        Previewed::Bulk(preview) => problem
            .fact("affectedCount", json!(preview.does.len()))
            .fact("apps", apps_facts(preview.apps.iter())),
        Previewed::Return(preview) => problem.fact("apps", apps_facts(preview.apps.iter())),
        Previewed::Device(preview) => problem.fact("apps", apps_facts(preview.apps.iter())),
        Previewed::Leave(preview) => problem.fact("apps", apps_facts(preview.apps.iter().map(|app| &app.preview))),
        Previewed::Settings(preview) => problem.fact("apps", apps_facts(preview.apps.iter())),
        Previewed::Updates(_) => problem,
    }
}

/// In the numbers of a preview.
fn deployment_facts(problem: Problem, outcome: &domain::Preview) -> Problem {
    problem
        .fact("freeLicenseCount", json!(outcome.free()))
        .fact("returningLicenseCount", json!(outcome.returning))
        .fact("neededLicenseCount", json!(outcome.needed()))
        .fact("waitingUserCount", json!(outcome.of_fate(domain::Fate::Waits)))
        .fact("affected", json!(affected(outcome)))
}

/// App by app.
fn apps_facts<'a>(apps: impl Iterator<Item = &'a Preview>) -> Value {
    apps.map(|of| json!({ "appId": of.app.id, "affected": affected(&of.outcome) }))
        .collect()
}

/// How many people each effect befalls.
fn affected(outcome: &domain::Preview) -> Map<String, Value> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for affected in outcome.affected() {
        *counts.entry(word(affected.effect)).or_default() += affected.number;
    }
    counts
        .into_iter()
        .map(|(effect, people)| (effect, json!(people)))
        .collect()
}

/// With who has left, and which ids are nobody's.
fn members_absent(field: &str, absent: &Absent) -> Problem {
    let left: Vec<PersonId> = absent.left.iter().map(|person| person.id).collect();
    let mut problem = Problem::of(Kind::Invalid);
    let mut says = Vec::new();
    if !absent.unknown.is_empty() {
        says.push((app::FieldProblem::Unknown, some(&absent.unknown)));
    }
    if !left.is_empty() {
        says.push((app::FieldProblem::Left, some(&left)));
    }
    for (wrong, who) in &says {
        problem = problem.field(field, &word(*wrong), format!("{field} {wrong}: {who}"));
    }
    let detail: Vec<String> = says.iter().map(|(wrong, who)| format!("{wrong}: {who}")).collect();
    problem
        .detail(format!("{field} {}", detail.join("; ")))
        .fact("unknownIds", json!(absent.unknown))
        .fact("leftUserIds", json!(left))
}

/// With where a rule is wrong, or with the names of the groups that it is about.
fn rule(refused: &RuleRefused) -> Problem {
    let detail = refused.to_string();
    let conflict = |code, title| Problem::new(code, StatusCode::CONFLICT, title).detail(detail.clone());
    let invalid = |wrong| {
        Problem::of(Kind::Invalid)
            .detail(detail.clone())
            .field("membershipRule", wrong, detail.clone())
    };
    match refused {
        RuleRefused::Malformed(error) => invalid("malformed").fact("position", json!(error.at)),
        RuleRefused::Circle(groups) => invalid("circle").fact("groups", json!(groups)),
        RuleRefused::Used(groups) => {
            conflict("group-in-use", "The rule of another group looks at its members").fact("groups", json!(groups))
        }
        RuleRefused::MembersByRule => conflict("members-by-rule", "The members of this group follow from its rule"),
    }
}

/// Why nothing was done to many.
fn bulk(refused: BulkRefused) -> Problem {
    let detail = refused.to_string();
    let (field, wrong) = match refused {
        BulkRefused::TooMany { .. } => ("selection", "tooLong"),
        BulkRefused::GroupKind => ("groupId", "wrong"),
        BulkRefused::PeopleOnly => ("action", "wrong"),
        BulkRefused::NotDeployed => ("groupId", "wrong"),
        BulkRefused::NotExcluded => ("groupId", "wrong"),
        BulkRefused::NeedsApproval => ("selection", "needsApproval"),
    };
    let problem = Problem::of(Kind::Invalid)
        .detail(detail.clone())
        .field(field, wrong, detail);
    match refused {
        BulkRefused::TooMany { most } => problem.fact("limit", json!(most)),
        _ => problem,
    }
}

/// The first of them, and how many more.
fn some(ids: &[impl ToString]) -> String {
    let first: Vec<String> = ids.iter().take(5).map(ToString::to_string).collect();
    let more = ids.len() - first.len();
    match more {
        0 => first.join(", "),
        _ => format!("{} and {more} more", first.join(", ")),
    }
}

fn takes_back(licences: u64, digest: &str) -> Problem {
    let detail = format!("nothing was saved; saving takes back {licences} licences: say so to confirm it");
    Problem::new(
        "take-back-not-confirmed",
        StatusCode::UNPROCESSABLE_ENTITY,
        "Many licences would be taken back",
    )
    .detail(detail.clone())
    .field("confirmTakeBack", "missing", detail)
    .fact("takenBackLicenseCount", json!(licences))
    .fact("previewDigest", json!(digest))
}

/// With what saving would do, and where to ask.
fn needs_approval(preview: &Previewed) -> Problem {
    Problem::new(
        "approval-needed",
        StatusCode::CONFLICT,
        "Another administrator has to approve this first",
    )
    .detail("nothing was saved; ask for it at POST /api/v1/heldChanges")
    .fact("takenBackLicenseCount", json!(preview.to_confirm()))
    .fact("previewDigest", json!(preview.digest()))
}

fn deployment(error: DeploymentError) -> Problem {
    let (rule, group) = match error {
        DeploymentError::DeviceGroupAvailable(group) => ("deviceGroupAvailable", group),
        DeploymentError::MixedKindsNotAvailable(group) => ("mixedKindsNotAvailable", group),
        DeploymentError::DeadlineWithoutRequired(group) => ("deadlineWithoutRequired", group),
        DeploymentError::ExternalWithoutInstall(group) => ("externalWithoutInstall", group),
        DeploymentError::KeptWithoutInstall(group) => ("keptWithoutInstall", group),
        DeploymentError::TooManyKept(group) => ("tooManyKept", group),
        DeploymentError::GroupTwice(group) => ("groupTwice", group),
    };
    Problem::of(Kind::Deployment)
        .detail(error.to_string())
        .fact("rule", json!(rule))
        .fact("groupId", json!(group))
}

/// Each reason is a type of its own: a program can tell "wait" from "enrol a device first".
fn not_invited(why: &NotInvited) -> Problem {
    let problem = Problem::new(why.key(), StatusCode::CONFLICT, "The person was not invited").detail(why.to_string());
    match why {
        NotInvited::Accepted { since } => problem.fact("acceptedDateTime", json!(timestamp(*since).to_string())),
        NotInvited::Waiting { id, since, .. } => problem
            .fact("deviceId", json!(id))
            .fact("queuedDateTime", json!(timestamp(*since).to_string())),
        _ => problem,
    }
}

/// A type of its own for each: what to do next is another thing.
fn leaving(refused: CannotLeave) -> Problem {
    let kind = match refused {
        CannotLeave::NotEnrolled => "device-not-enrolled",
        CannotLeave::NoRightToErase => "device-may-not-be-wiped",
        CannotLeave::AlreadyLeaving => "device-leaving-already",
        CannotLeave::AlreadyTold => "device-told-already",
        CannotLeave::EnrolledAnew => "device-enrolled-anew",
    };
    Problem::new(kind, StatusCode::CONFLICT, "The device cannot be told so").detail(refused.to_string())
}

/// Each refusal of a token is a type of its own: a program can tell "renew it" from "ask the other server".
fn token(refused: &TokenRefused) -> Problem {
    let status = match refused {
        TokenRefused::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        TokenRefused::SameAgain
        | TokenRefused::OtherAccount { .. }
        | TokenRefused::HeldByOther { .. }
        | TokenRefused::NotUsable { .. } => StatusCode::CONFLICT,
        TokenRefused::AppleUnreachable => StatusCode::SERVICE_UNAVAILABLE,
        TokenRefused::AppleRefused { .. } => StatusCode::BAD_GATEWAY,
        TokenRefused::UploadGone => StatusCode::GONE,
        TokenRefused::Empty
        | TokenRefused::DeviceEnrolmentToken
        | TokenRefused::NotBase64
        | TokenRefused::NotJson
        | TokenRefused::NotAContentToken { .. }
        | TokenRefused::BadDate { .. }
        | TokenRefused::Expired { .. }
        | TokenRefused::Revoked
        | TokenRefused::Unrecognised { .. }
        | TokenRefused::NotAllowed { .. }
        | TokenRefused::NotConfirmed => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let problem = Problem::new(refused.key(), status, "The token was not taken").detail(refused.to_string());
    match refused {
        TokenRefused::TooLarge { limit_bytes } => problem.fact("limitBytes", json!(limit_bytes)),
        TokenRefused::NotAContentToken { missing } => problem.fact("missing", json!(missing)),
        TokenRefused::Expired { at } => problem.fact("expirationDateTime", json!(timestamp(*at).to_string())),
        TokenRefused::OtherAccount { linked, given } => {
            problem.fact("linked", json!(linked)).fact("given", json!(given))
        }
        TokenRefused::HeldByOther { name, metadata } => {
            problem.fact("owner", json!({ "name": name, "metadata": metadata }))
        }
        TokenRefused::Unrecognised { number }
        | TokenRefused::NotAllowed { number }
        | TokenRefused::AppleRefused { number } => problem.fact("errorNumber", json!(number)),
        TokenRefused::NotUsable { state } => problem.fact("state", json!(state)),
        TokenRefused::NotConfirmed => problem.field(
            "accountCannotBeChangedConfirmed",
            "missing",
            "send true: once linked, the account cannot be changed",
        ),
        _ => problem,
    }
}

fn store(error: StoreError) -> Problem {
    match error {
        StoreError::Conflict | StoreError::Overdraft | StoreError::InUse => {
            Problem::of(Kind::Conflict).detail("look at it again, and try again")
        }
        error if error.is_outage() => {
            cause::note(&error);
            Problem::of(Kind::Unavailable).detail(error.to_string())
        }
        error => {
            cause::note(&error);
            Problem::of(Kind::Internal).detail("it is in the log")
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{GroupId, Time};
    use uuid::Uuid;

    use super::*;

    fn written(problem: impl Into<Problem>) -> Value {
        serde_json::to_value(problem.into().details()).unwrap()
    }

    #[test]
    fn an_invalid_field_is_named_in_the_answer() {
        let body = written(AppError::Invalid {
            field: "displayName",
            problem: app::FieldProblem::TooLong,
        });
        assert_eq!(body["type"], "urn:allotment:problem:invalid");
        assert_eq!(body["status"], 422);
        assert_eq!(body["errors"][0]["field"], "displayName");
        assert_eq!(body["errors"][0]["problem"], "tooLong");

        let body = written(AppError::Invalid {
            field: "name",
            problem: app::FieldProblem::Taken,
        });
        assert_eq!(
            (&body["type"], &body["status"]),
            (&json!("urn:allotment:problem:taken"), &json!(409))
        );
    }

    #[test]
    fn every_refusal_of_a_token_has_a_type_of_its_own() {
        let body = written(AppError::Token(TokenRefused::HeldByOther {
            name: "Other MDM".to_owned(),
            metadata: "mdm.other.example".to_owned(),
        }));
        assert_eq!(body["type"], "urn:allotment:problem:token-refused-held-by-other");
        assert_eq!(body["status"], 409);
        assert_eq!(body["owner"]["name"], "Other MDM");

        let body = written(AppError::Token(TokenRefused::Expired { at: Time(0) }));
        assert_eq!(body["type"], "urn:allotment:problem:token-refused-expired");
        assert_eq!(body["expirationDateTime"], "1970-01-01T00:00:00Z");

        let body = written(AppError::Token(TokenRefused::NotConfirmed));
        assert_eq!(body["errors"][0]["field"], "accountCannotBeChangedConfirmed");
    }

    #[test]
    fn a_deployment_that_cannot_be_saved_names_rule_and_group() {
        let group = GroupId(Uuid::from_u128(7));
        let body = written(AppError::Deployment(DeploymentError::DeviceGroupAvailable(group)));
        assert_eq!(body["rule"], "deviceGroupAvailable");
        assert_eq!(body["groupId"], group.to_string());
    }

    #[test]
    fn whoever_comes_in_a_crowd_is_told_so_and_when_to_come_again() {
        let response = Problem::from(AppError::Busy(Busy)).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        assert_eq!(written(AppError::Busy(Busy))["type"], "urn:allotment:problem:busy");
    }

    #[test]
    fn the_answer_is_problem_json_and_401_asks_for_a_key() {
        let response = Problem::of(Kind::Unauthorized).into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert!(
            !Problem::of(Kind::Forbidden)
                .into_response()
                .headers()
                .contains_key(header::WWW_AUTHENTICATE)
        );
    }
}
