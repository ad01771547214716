//! The REST API: what the console can do, for programs. `/api/v1`, described at `/api/v1/openapi.json`.
//!
//! A handler translates, calls the app, and answers. Names are Graph's where Graph has one, ours stand beside them;
//! times are RFC 3339 in UTC; what goes wrong is a [`Problem`]; lists come in pages.

mod accounts;
mod activity;
mod api_keys;
mod apps;
mod bulk;
mod changes;
mod deployments;
mod devices;
mod etag;
mod groups;
mod page;
mod program;
mod reclaim;
mod settings;
mod stopped;
mod tokens;
mod updates;
mod users;
pub mod why;
pub(in crate::http) mod words;

use std::sync::LazyLock;

use axum::{
    Router,
    body::Bytes,
    http::{StatusCode, Uri, header},
    middleware,
    response::IntoResponse,
    routing::{any, get},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use super::{
    auth, input,
    problem::{Kind, Problem, ProblemDetails},
};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Allotment",
        description = "Manages the apps that an organisation buys in volume from Apple.\n\n\
            Errors are `application/problem+json` (RFC 9457); the `type` of a problem is stable. Times are RFC 3339 \
            in UTC. Lists come in pages: send `nextCursor` of one answer as `cursor` of the next request, until it is \
            null. What people edit has an `ETag`; a PUT, PATCH or DELETE of it needs that in `If-Match` (without: 428). When \
            somebody else changed it meanwhile, nothing is changed, and the answer 412 holds what there is now in \
            `current`, with its `etag`. Idempotency keys are not supported yet."
    ),
    components(schemas(ProblemDetails)),
    modifiers(&Bearer),
    security(("apiKey" = [])),
    tags(
        (name = "vppTokens", description = "The content token, and reading what Apple has"),
        (name = "apps", description = "Volume-purchased apps, their deployments, and what came of them"),
        (name = "users", description = "The people of the organisation"),
        (name = "groups", description = "Groups of people or of devices, to which apps are deployed"),
        (name = "bulkActions", description = "One thing done to many people or devices at once"),
        (name = "managedDevices", description = "Enrolled devices"),
        (name = "activity", description = "What is on its way, and what happened"),
        (name = "accounts", description = "Who may sign in to the console, and who is signed in"),
        (name = "apiKeys", description = "Keys of this API"),
        (name = "changes", description = "What was changed, its restoring, and changes that wait for another administrator"),
        (name = "settings", description = "The switches of the installation")
    )
)]
struct Description;

/// How a caller shows who it is.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some("An API key, made in the console under Administration › Accounts and roles, or with `allotment api-key create`".to_owned());
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("apiKey", SecurityScheme::Http(bearer));
    }
}

/// The answers that every operation may give beside its own.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "describes, and is never made")]
enum Refusals {
    #[response(
        status = 401,
        description = "No API key, or not one that is known",
        content_type = "application/problem+json"
    )]
    Unauthorized(ProblemDetails),
    #[response(
        status = "4XX",
        description = "What was asked cannot be done as asked",
        content_type = "application/problem+json"
    )]
    Refused(ProblemDetails),
    #[response(
        status = "5XX",
        description = "It may work later",
        content_type = "application/problem+json"
    )]
    Failed(ProblemDetails),
}

/// The description, made once: it does not depend on anything that changes.
static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| {
    let (_, openapi) = described().split_for_parts();
    Bytes::from(openapi.to_json().unwrap_or_default())
});

fn described() -> OpenApiRouter<App> {
    let v1 = OpenApiRouter::new()
        .merge(tokens::router())
        .merge(apps::router())
        .merge(reclaim::router())
        .merge(updates::router())
        .merge(deployments::router())
        .merge(users::router())
        .merge(groups::router())
        .merge(bulk::router())
        .merge(devices::router())
        .merge(activity::router())
        .merge(stopped::router())
        .merge(accounts::router())
        .merge(api_keys::router())
        .merge(settings::router())
        .merge(changes::router())
        .merge(why::router());
    OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", v1)
}

pub fn router(app: &App) -> Router<App> {
    let (router, _) = described().split_for_parts();
    router
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::with_key))
        .route("/api/v1/openapi.json", get(description))
        .method_not_allowed_fallback(not_allowed)
        .route("/api", any(unknown))
        .route("/api/{*rest}", any(unknown))
}

async fn description() -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "max-age=300"),
        ],
        DESCRIPTION.clone(),
    )
}

/// 201: what was made, and where it is from now on, below `/api/v1/`.
fn created<T: IntoResponse>(path: String, made: T) -> impl IntoResponse {
    let location = format!("/api/v1/{path}");
    (StatusCode::CREATED, [(header::LOCATION, location)], made)
}

async fn unknown(uri: Uri) -> Problem {
    Problem::of(Kind::NotFound).detail(format!("nothing is at {}; see /api/v1/openapi.json", uri.path()))
}

async fn not_allowed() -> Problem {
    Problem::of(Kind::MethodNotAllowed).detail("see /api/v1/openapi.json")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn openapi() -> Value {
        serde_json::from_slice(&DESCRIPTION).unwrap()
    }

    #[test]
    fn the_description_names_every_operation_once_and_what_it_may_refuse() {
        let openapi = openapi();
        let mut ids = std::collections::BTreeSet::new();
        for (path, item) in openapi["paths"].as_object().unwrap() {
            assert!(path.starts_with("/api/v1/"), "{path}");
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} stands twice");
                assert!(operation["responses"]["401"].is_object(), "{method} {path}");
                assert!(!operation["tags"].as_array().unwrap().is_empty(), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
                for (status, response) in operation["responses"].as_object().unwrap() {
                    assert!(response["description"].is_string(), "{method} {path}: {status}");
                }
            }
        }
        assert!(ids.len() > 30, "{ids:?}");
    }

    /// Two were bare arrays, and one did not know `limit`.
    #[test]
    fn every_list_comes_in_pages_and_takes_a_limit() {
        let openapi = openapi();
        let mut lists = 0;
        for (path, item) in openapi["paths"].as_object().unwrap() {
            let operation = &item["get"];
            let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            assert_ne!(schema["type"], "array", "{path}");
            let reference = schema["$ref"].as_str().unwrap_or_default();
            if !reference.rsplit('/').next().unwrap().starts_with("Page_") {
                continue;
            }
            lists += 1;
            for name in ["limit", "cursor"] {
                let parameters = operation["parameters"].as_array().unwrap();
                let takes = parameters.iter().any(|parameter| parameter["name"] == name);
                assert!(takes, "{path} takes no {name}");
            }
        }
        assert!(lists > 10, "{lists}");
    }

    /// Whoever forgets it would write over others without knowing.
    #[test]
    fn every_change_of_what_is_there_says_upon_which_version() {
        // What is asked for or withdrawn, that somebody is moved up, and a session, is there or is not.
        const EXEMPT: [&str; 3] = [
            "/api/v1/apps/{app}/movedUp/{user}",
            "/api/v1/apps/{app}/requests/{user}",
            "/api/v1/sessions/{session}",
        ];
        let openapi = openapi();
        let mut found = 0;
        for (path, item) in openapi["paths"].as_object().unwrap() {
            for method in ["put", "patch", "delete"] {
                let operation = &item[method];
                if operation.is_null() || EXEMPT.contains(&path.as_str()) {
                    continue;
                }
                found += 1;
                let parameters = operation["parameters"].as_array().unwrap();
                let says = parameters
                    .iter()
                    .any(|parameter| parameter["name"] == "If-Match" && parameter["required"] == true);
                assert!(says, "{method} {path}");
            }
        }
        assert!(found > 4);
    }

    /// A list in words is forgotten when there is one more.
    #[test]
    fn a_field_of_few_words_names_them_in_its_schema() {
        let openapi = openapi();
        for (name, schema) in openapi["components"]["schemas"].as_object().unwrap() {
            let Some(fields) = schema["properties"].as_object() else {
                continue;
            };
            for (field, schema) in fields {
                let text = schema["description"].as_str().unwrap_or_default();
                let list = text.starts_with('`') && text.contains("`, `") && !text.contains('…');
                assert!(!list || schema["enum"].is_array(), "{name}.{field}: {text}");
            }
        }
        let words = |pointer: &str| {
            openapi
                .pointer(&format!("/components/schemas/{pointer}/enum"))
                .unwrap()
                .to_string()
        };
        for (field, word) in [
            ("Operation/properties/kind", "retireUsers"),
            ("Sync/properties/cause", "resync"),
            ("FieldError/properties/problem", "left"),
            ("ManagementState", "silent"),
        ] {
            assert!(words(field).contains(word), "{field}: {}", words(field));
        }
    }

    /// A schema that is named but not there would make every generated client fail.
    #[test]
    fn every_schema_that_is_referred_to_is_described() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    for (key, value) in map {
                        match (key.as_str(), value) {
                            ("$ref", Value::String(reference)) => found.push(reference.clone()),
                            _ => references(value, found),
                        }
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let openapi = openapi();
        let mut found = Vec::new();
        references(&openapi, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(openapi.pointer(pointer).is_some(), "{reference}");
        }
    }
}
