//! Where managed devices check in and fetch commands.
//!
//! Nothing here may ever answer 401: a device would take it as the order to unenrol (`mdm-protocol` §1.8).

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::put,
};
use mdm::{checkin::CheckIn, report::Report, signature};

use crate::app::{App, devices::DeviceRefused};

const CHECK_IN: &str = "application/x-apple-aspen-mdm-checkin";

pub fn router() -> Router<App> {
    Router::new().route("/mdm", put(mdm_request))
}

/// Check-in and command channel share one address, told apart by content type (`mdm-protocol` §1.1).
async fn mdm_request(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    match answer(&app, &headers, &body).await {
        Ok(Some(command)) => ([(header::CONTENT_TYPE, "application/xml; charset=UTF-8")], command).into_response(),
        // "Nothing to do" is a body of no bytes, not an empty property list.
        Ok(None) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(app: &App, headers: &HeaderMap, body: &Bytes) -> Result<Option<Vec<u8>>, Refusal> {
    let signature = headers
        .get("mdm-signature")
        .ok_or_else(|| Refusal::bad("the Mdm-Signature header is missing"))?
        .to_str()
        .map_err(|_| Refusal::bad("the Mdm-Signature header is not text"))?;
    let signer = signature::verify(signature, body).map_err(|error| Refusal::bad(error.to_string()))?;
    let signer = app.identify(&signer)?;
    let message = mdm::plist::parse(body).map_err(|error| Refusal::bad(error.to_string()))?;

    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if content_type.starts_with(CHECK_IN) || message.contains_key("MessageType") {
        let message = CheckIn::parse(&message).map_err(|error| Refusal::bad(error.to_string()))?;
        app.check_in(&signer, message).await?;
        return Ok(None);
    }
    let report = Report::parse(message).map_err(|error| Refusal::bad(error.to_string()))?;
    Ok(app.device_report(&signer, report).await?)
}

/// What a device is told when it is not served, for the log of whoever looks after it.
struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    fn bad(text: impl Into<String>) -> Refusal {
        Refusal {
            status: StatusCode::BAD_REQUEST,
            text: text.into(),
        }
    }
}

impl From<DeviceRefused> for Refusal {
    fn from(refused: DeviceRefused) -> Refusal {
        let status = match &refused {
            DeviceRefused::Identity(_)
            | DeviceRefused::TakenByAnother
            | DeviceRefused::TakenOut(_)
            | DeviceRefused::PersonLeft
            | DeviceRefused::Topic
            | DeviceRefused::UnknownMessage => StatusCode::BAD_REQUEST,
            DeviceRefused::UserNotManaged => StatusCode::GONE,
            // Ours to mend: the device keeps its result and sends it again.
            DeviceRefused::App(error) => {
                crate::cause::note(error);
                return Refusal {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    text: "try again later".to_owned(),
                };
            }
        };
        Refusal {
            status,
            text: refused.to_string(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        tracing::info!(status = self.status.as_u16(), reason = %self.text, "a device was not served");
        (self.status, self.text).into_response()
    }
}
