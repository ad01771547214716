//! Where managed devices check in and fetch commands.
//!
//! Nothing here may ever answer 401: a device would take it as the order to unenrol (`mdm-protocol` §1.8).

use std::net::IpAddr;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::put,
};
use mdm::{checkin::CheckIn, plist::Dictionary, report::Report, signature};
use store::CheckInRefusal;

use super::source::Source;
use crate::app::{
    App,
    check_ins::Heard,
    devices::{DeviceRefused, Signer},
};

/// So much is read of what nobody signed.
const STRANGER_BYTES: usize = 64 * 1024;
/// Polls and nearly all answers are shorter.
const LONG_BYTES: usize = 64 * 1024;
const CHECK_IN: &str = "application/x-apple-aspen-mdm-checkin";

pub fn router() -> Router<App> {
    Router::new().route("/mdm", put(mdm_request))
}

/// Check-in and command channel share one address, told apart by content type (`mdm-protocol` §1.1).
async fn mdm_request(State(app): State<App>, Source(source): Source, headers: HeaderMap, body: Bytes) -> Response {
    match answer(&app, source, &headers, &body).await {
        Ok(Some(command)) => ([(header::CONTENT_TYPE, "application/xml; charset=UTF-8")], command).into_response(),
        // "Nothing to do" is a body of no bytes, not an empty property list.
        Ok(None) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(app: &App, source: IpAddr, headers: &HeaderMap, body: &Bytes) -> Result<Option<Vec<u8>>, Refusal> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_check_in = |message: &Dictionary| content_type.starts_with(CHECK_IN) || message.contains_key("MessageType");
    let signed = match read(app, headers, body).await {
        Ok(signed) => signed,
        Err(refusal) => {
            // Nothing was read yet of what somebody sent who may be anybody; for support a little of it is.
            let message = (body.len() <= STRANGER_BYTES)
                .then(|| mdm::plist::parse(body).ok())
                .flatten();
            if message.as_ref().map_or(content_type.starts_with(CHECK_IN), is_check_in) {
                let heard = Heard {
                    source,
                    message: message.as_ref(),
                    is_signed: false,
                };
                let word = refusal.word.unwrap_or(CheckInRefusal::Signature);
                app.check_in_keep(heard, Some((word, refusal.text.clone()))).await;
            }
            return Err(refusal);
        }
    };
    let (signer, message) = signed?;
    if is_check_in(&message) {
        let heard = Heard {
            source,
            message: Some(&message),
            is_signed: true,
        };
        let taken = match CheckIn::parse(&message) {
            Ok(parsed) => app.check_in(&signer, parsed).await.map_err(Refusal::from),
            Err(error) => Err(Refusal::bad(error.to_string())),
        };
        match &taken {
            Ok(()) => app.check_in_keep(heard, None).await,
            Err(Refusal {
                word: Some(word), text, ..
            }) => {
                app.check_in_keep(heard, Some((*word, text.clone()))).await;
            }
            Err(_) => {}
        }
        return taken.map(|()| None);
    }
    let report = Report::parse(message).map_err(|error| Refusal::bad(error.to_string()))?;
    Ok(app.device_report(&signer, report).await?)
}

/// Who signed, and then what: an error of its own, since whoever signed is known by then.
type Signed = Result<(Signer, Dictionary), Refusal>;

/// What is long, as a list of megabytes, is read where nobody else waits for the thread.
async fn read(app: &App, headers: &HeaderMap, body: &Bytes) -> Result<Signed, Refusal> {
    if body.len() <= LONG_BYTES {
        return read_now(app, headers, body);
    }
    let (app, headers, body) = (app.clone(), headers.clone(), body.clone());
    let signed = tokio::task::spawn_blocking(move || read_now(&app, &headers, &body));
    signed.await.expect("reading does not panic")
}

fn read_now(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Signed, Refusal> {
    let signer = signer(app, headers, body)?;
    let message = mdm::plist::parse(body).map_err(|error| Refusal::bad(error.to_string()));
    Ok(message.map(|message| (signer, message)))
}

fn signer(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Signer, Refusal> {
    let unsigned = |text: String| Refusal {
        word: Some(CheckInRefusal::Signature),
        ..Refusal::bad(text)
    };
    let signature = headers
        .get("mdm-signature")
        .ok_or_else(|| unsigned("the Mdm-Signature header is missing".to_owned()))?
        .to_str()
        .map_err(|_| unsigned("the Mdm-Signature header is not text".to_owned()))?;
    let signer = signature::verify(signature, body).map_err(|error| unsigned(error.to_string()))?;
    Ok(app.identify(&signer)?)
}

/// What a device is told when it is not served, for the log of whoever looks after it.
struct Refusal {
    status: StatusCode,
    text: String,
    /// `None` when it says nothing of the message.
    word: Option<CheckInRefusal>,
}

impl Refusal {
    fn bad(text: impl Into<String>) -> Refusal {
        Refusal {
            status: StatusCode::BAD_REQUEST,
            text: text.into(),
            word: Some(CheckInRefusal::Message),
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
                    word: None,
                };
            }
        };
        Refusal {
            status,
            text: refused.to_string(),
            word: refused.word(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        tracing::info!(status = self.status.as_u16(), reason = %self.text, "a device was not served");
        (self.status, self.text).into_response()
    }
}
