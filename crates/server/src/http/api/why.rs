//! Why a person or a device has an app, or has it not.

use axum::{Json as JsonBody, extract::State, http::HeaderMap};
use domain::{
    Approval, AssetId, HolderKind, InstallState,
    why::{Outcome, Stage, Tense, Who},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    apps::LicenseCounts,
    input::Path,
    stopped::StoppedStep,
    words::{DateTime, chain_stage, chain_tense, install_state, intent, license_holder, outcome, who, word},
};
use crate::{
    app::{App, why::Answer},
    clock::timestamp,
    http::{auth, auth::ApiReader, problem::Problem},
    messages::Speak,
    reasons::{self, Line, SaidLink, SaidRemedy, SaidRule},
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(why_get))
}

/// Why a person or a device has an app, or has it not. Every `code` is stable; every `text` is in the language that was
/// asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    app_id: Uuid,
    app_display_name: String,
    /// Null where a device was asked about that belongs to nobody.
    user_id: Option<Uuid>,
    user_name: Option<String>,
    /// The device of which the answer speaks: the one that was asked about, or the person's that needs attention most.
    device_id: Option<Uuid>,
    device_name: Option<String>,
    /// Null when no deployment concerns them, or the device is gone.
    #[schema(schema_with = install_state)]
    install_state: Option<InstallState>,
    install_state_detail: Option<String>,
    /// Which of the answers it is.
    #[schema(example = "inLine")]
    code: String,
    /// What the answer speaks of beside person, app and device. A place in a line is `place`; behind the 1,000th, as far as
    /// which places are counted, it is `placeAfter`.
    #[schema(value_type = Object)]
    arguments: Map<String, Value>,
    /// The answer, as one sentence.
    text: String,
    /// Who has to act before anything changes.
    #[schema(schema_with = who)]
    who_must_act: Who,
    /// Whose licence the app runs with, or is to; null where nothing is to be there.
    #[schema(schema_with = license_holder)]
    license_holder: Option<HolderKind>,
    /// Why it is that one's: `deployment`; `assignable` or `notAssignable` where the deployment leaves it open; `sharedDevice`;
    /// `policy2016`.
    license_reason: Option<String>,
    /// Null when nothing is waited for.
    waits_for: Option<WaitsFor>,
    /// What led here, what is waited for now, and what comes then.
    chain: Vec<ChainLink>,
    /// Every deployment that reaches them, and what came of it.
    rules: Vec<RuledDeployment>,
    /// What would help, and can be done.
    remedies: Vec<WhyRemedy>,
    licenses: LicenseCounts,
    /// What would break a promise, so that nothing is done for them until it does not: see `/stoppedPlans`. Most of the time
    /// empty.
    stopped: Vec<StoppedStep>,
    decided_date_time: DateTime,
}

/// What is waited for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WaitsFor {
    #[schema(schema_with = chain_stage)]
    stage: Stage,
    since_date_time: Option<DateTime>,
    /// When something follows by itself.
    until_date_time: Option<DateTime>,
    text: String,
    reason: Option<String>,
}

/// One link of the chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChainLink {
    #[schema(schema_with = chain_stage)]
    stage: Stage,
    #[schema(schema_with = chain_tense)]
    tense: Tense,
    /// When it was done, or since when it is waited for.
    date_time: Option<DateTime>,
    until_date_time: Option<DateTime>,
    #[schema(schema_with = who)]
    by: Who,
    deployment_id: Option<Uuid>,
    text: String,
    reason: Option<String>,
}

/// One deployment that reaches them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RuledDeployment {
    deployment_id: Uuid,
    group_id: Uuid,
    group_display_name: String,
    #[schema(schema_with = intent)]
    intent: Approval,
    #[schema(schema_with = outcome)]
    outcome: Outcome,
    /// The rule that decided among all that reach them.
    rule: String,
    text: String,
    reason: Option<String>,
}

/// Something that would help.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WhyRemedy {
    code: String,
    #[schema(value_type = Object)]
    arguments: Map<String, Value>,
    /// Who can do it.
    #[schema(schema_with = who)]
    by: Who,
    text: String,
    reason: Option<String>,
    /// The page of the console where it is done.
    href: String,
}

/// Why a person or a device has an app, or has it not
///
/// One sentence, what led there and what comes next, the deployments that decided, who has to act, and what would help. In
/// the language of `Accept-Language`: Korean or English.
#[utoipa::path(
    get, path = "/why/{whom}/{app}", tag = "apps",
    params(("whom" = Uuid, Path, description = "A person, or a device"), ("app" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = Why), Refusals)
)]
async fn why_get(
    State(app): State<App>,
    _: ApiReader,
    Path((whom, asset)): Path<(Uuid, AssetId)>,
    headers: HeaderMap,
) -> Result<JsonBody<Why>, Problem> {
    let s = Speak {
        lang: auth::wished_language(&headers, &app.config),
        now: app.now(),
        zone: app.config.zone(),
    };
    Ok(JsonBody(Why::of(&app.why(whom, asset).await?, &s)))
}

impl Why {
    pub fn of(answer: &Answer, s: &Speak) -> Why {
        let said = reasons::said(answer, s);
        let (code, arguments) = coded(&answer.why.sentence);
        let now = answer.why.now();
        Why {
            app_id: answer.app.id.0,
            app_display_name: reasons::app_name(answer).to_owned(),
            user_id: answer.person.as_ref().map(|person| person.id.0),
            user_name: answer.person.as_ref().map(|person| person.name.clone()),
            device_id: answer.why.device.map(|device| device.0),
            device_name: answer.device().map(|row| row.name.clone()),
            install_state: answer.why.said.map(|(state, _)| state),
            install_state_detail: answer.why.said.map(|(_, detail)| word(detail)),
            code,
            arguments,
            text: said.sentence,
            license_holder: answer.licensing().map(|licensing| licensing.kind),
            license_reason: answer.licensing().map(|licensing| word(licensing.reason)),
            who_must_act: answer.why.who,
            waits_for: now.zip(said.waits_for).map(|(link, Line { text, reason })| WaitsFor {
                stage: link.stage,
                since_date_time: DateTime::of(link.at),
                until_date_time: DateTime::of(link.until),
                text,
                reason,
            }),
            chain: said.links.into_iter().map(ChainLink::from).collect(),
            rules: said.rules.into_iter().map(RuledDeployment::from).collect(),
            remedies: said.remedies.into_iter().map(WhyRemedy::from).collect(),
            stopped: StoppedStep::all(&answer.stopped),
            licenses: answer.position.counts.into(),
            decided_date_time: DateTime(answer.world.now),
        }
    }
}

impl From<SaidLink> for ChainLink {
    fn from(said: SaidLink) -> ChainLink {
        ChainLink {
            stage: said.link.stage,
            tense: said.link.tense,
            date_time: DateTime::of(said.link.at),
            until_date_time: DateTime::of(said.link.until),
            by: said.link.by,
            deployment_id: said.link.deployment.map(|id| id.0),
            text: said.line.text,
            reason: said.line.reason,
        }
    }
}

impl From<SaidRule> for RuledDeployment {
    fn from(said: SaidRule) -> RuledDeployment {
        RuledDeployment {
            deployment_id: said.ruled.deployment.0,
            group_id: said.deployment.group.0,
            group_display_name: said.group,
            intent: said.ruled.approval,
            outcome: said.ruled.outcome,
            rule: word(said.ruled.rule),
            text: said.outcome.text,
            reason: said.outcome.reason,
        }
    }
}

impl From<SaidRemedy> for WhyRemedy {
    fn from(said: SaidRemedy) -> WhyRemedy {
        let (code, arguments) = coded(&said.remedy);
        WhyRemedy {
            code,
            arguments,
            by: said.remedy.by(),
            text: said.line.text,
            reason: said.line.reason,
            href: said.href,
        }
    }
}

/// The arguments that are instants.
const INSTANTS: [&str; 6] = ["since", "at", "again", "asked", "accepted", "deadline"];

/// The code of something and its arguments, instants as everywhere.
fn coded(value: &impl Serialize) -> (String, Map<String, Value>) {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(value) else {
        return (String::new(), Map::new());
    };
    let code = fields.remove("code").and_then(|code| code.as_str().map(str::to_owned));
    let arguments = fields.into_iter().map(|(name, value)| match value.as_i64() {
        Some(ms) if INSTANTS.contains(&name.as_str()) => (
            format!("{name}DateTime"),
            json!(timestamp(domain::Time(ms)).to_string()),
        ),
        _ if value.is_null() && INSTANTS.contains(&name.as_str()) => (format!("{name}DateTime"), value),
        _ => (name, value),
    });
    (code.unwrap_or_default(), arguments.collect())
}

#[cfg(test)]
mod tests {
    use domain::{Place, Time, why::Sentence};

    use super::*;

    #[test]
    fn instants_among_the_arguments_are_written_as_everywhere() {
        let sentence = Sentence::InstallFailed {
            error: "MCMDMErrorDomain 12064".to_owned(),
            at: Time(1_795_410_300_000),
            again: None,
        };
        let (code, arguments) = coded(&sentence);
        assert_eq!(code, "installFailed");
        assert_eq!(
            Value::Object(arguments),
            json!({ "error": "MCMDMErrorDomain 12064", "atDateTime": "2026-11-23T05:05:00Z", "againDateTime": null })
        );
        for (place, name) in [(Place::At(3), "place"), (Place::After(3), "placeAfter")] {
            let (code, arguments) = coded(&Sentence::InLine { place, waiting: 7 });
            assert_eq!(
                (code.as_str(), Value::Object(arguments)),
                ("inLine", json!({ name: 3, "waiting": 7 }))
            );
        }
    }
}
