//! 왜.

use axum::{extract::State, response::Response};
use domain::AssetId;
use uuid::Uuid;

use super::{
    Oops, frame, html,
    pages::{
        Place,
        parts::Named,
        why::{WhyDevice, WhyPage},
    },
    speak, view,
};
use crate::{
    app::{App, why::Answer},
    http::{auth::Reader, input::Path},
    reasons,
};

/// Why the person or the device has the app, or has it not.
pub async fn page(
    State(app): State<App>,
    reader: Reader,
    Path((whom, asset)): Path<(Uuid, AssetId)>,
) -> Result<Response, Oops> {
    let answer = app.why(whom, asset).await?;
    let names = view::Names::of(&app, &answer.events).await?;
    let s = speak(&app, reader.lang);
    let path = format!("/why/{whom}/{asset}");
    let device = answer.asked.and_then(|device| answer.devices.get(&device));
    html(&WhyPage {
        frame: frame(&app, &reader, Place::Apps, &path, None).await?,
        app: Named {
            name: reasons::app_name(&answer).to_owned(),
            href: format!("/apps/{asset}"),
        },
        asset,
        has_icon: answer.app.has_icon,
        person: answer.person.as_ref().map(|person| Named {
            name: person.name.clone(),
            href: format!("/people/{}", person.id),
        }),
        department: answer.person.as_ref().and_then(|person| person.department.clone()),
        device: device.map(|device| Named {
            name: device.name.clone(),
            href: format!("/devices/{}", device.id),
        }),
        state: answer.why.said,
        said: reasons::said(&answer, &s),
        rule_set: answer.world.policy.rule_set,
        devices: devices(&answer),
        events: answer.events.iter().map(|row| names.event(row)).collect(),
        earlier: None,
        stopped: view::stopped_note(&s, answer.subject, &answer.stopped),
        s,
    })
}

/// The person's devices, without those that are gone.
fn devices(answer: &Answer) -> Vec<WhyDevice> {
    let here = answer.devices.values().filter(|row| !row.enrolment.is_over());
    here.map(|row| WhyDevice {
        name: row.name.clone(),
        href: format!("/why/{}/{}", row.id, answer.app.id),
        state: answer.verdicts.get(&row.id).map(|said| (said.state, said.detail)),
        os_version: row.os_version.clone(),
        supervised: row.supervised.unwrap_or(false),
        last_seen_at: row.last_seen_at,
    })
    .collect()
}
