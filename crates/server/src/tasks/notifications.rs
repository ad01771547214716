//! Has Apple notify us, where it can reach us, and keeps that so.

use std::time::Duration;

use apple::{
    AppleError,
    licensing::Licensing,
    wire::{ClientConfigRequest, MdmInfo, NotifyAt},
};
use secrecy::SecretString;
use store::{ChannelRow, Lease, LocationRow};

use super::{StepError, sync};
use crate::{
    app::{App, notifications::address},
    cause::Chain,
};

/// Apple asks to read the configuration again now and then (§2.5): another server may have written another one.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(3600);
/// What Apple could not reach is perhaps reachable by then.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(15 * 60);
/// All that there is something to see of. Others are not asked for: there would be nothing to do.
const TYPES: [&str; 4] = ["ASSET_COUNT", "ASSET_MANAGEMENT", "USER_ASSOCIATED", "USER_MANAGEMENT"];

/// It is looked after from here on.
pub async fn taken(app: &App, location: &LocationRow, lease: &Lease) -> Result<(), StepError> {
    let mut tx = app.store.begin_as(lease).await?;
    tx.channel_hint_take(location.id).await?;
    Ok(tx.commit().await?)
}

/// Tells Apple where to notify us, if it does not know. Nothing depends on it: without an answer, it is tried again.
pub async fn keep(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    channel: Option<ChannelRow>,
) -> Result<(), StepError> {
    let Some(base) = app.config.notified_at() else {
        return Ok(());
    };
    let now = app.now();
    let channel = match channel {
        Some(channel) => channel,
        None => make(app, location, lease).await?,
    };
    let url = address(base, &channel.path);
    let again = match channel.url.as_deref() == Some(&url) {
        true => LOOKED_AT_EVERY,
        false => TRIED_AGAIN_AFTER,
    };
    if channel.tried_at.is_some_and(|at| !(at + again).has_come(now, again)) {
        return Ok(());
    }
    let licensing = sync::licensing(app, location).await?;
    let (url, refused) = match knows(&licensing, &url).await {
        Ok(Known::Told) => (Some(url), None),
        Ok(Known::Untold { mdm_info }) => match tell(app, location, &licensing, mdm_info, &url).await {
            Ok(()) => (Some(url), None),
            Err(StepError::Apple(error)) => {
                tracing::warn!(location.id = %location.id, error = %Chain(&error), "Apple does not notify us");
                (None, Some(number(&error)))
            }
            Err(error) => return Err(error),
        },
        // Nothing is known that was not before.
        Err(error) => {
            tracing::debug!(location.id = %location.id, error = %Chain(&error), "Apple did not say where it notifies");
            (channel.url, channel.refused)
        }
    };
    let mut tx = app.store.begin_as(lease).await?;
    tx.channel_tried(location.id, url.as_deref(), refused, now).await?;
    Ok(tx.commit().await?)
}

/// The address and the secret are there before Apple is told of them: its test comes before its answer.
async fn make(app: &App, location: &LocationRow, lease: &Lease) -> Result<ChannelRow, StepError> {
    let path = hex::encode(app.random.secret());
    let secret = SecretString::from(hex::encode(app.random.secret()));
    let mut tx = app.store.begin_as(lease).await?;
    tx.channel_make(location.id, &path, &secret).await?;
    tx.commit().await?;
    Ok(ChannelRow {
        location_id: location.id,
        path,
        url: None,
        refused: None,
        tried_at: None,
        notified_at: None,
        hinted_at: None,
    })
}

/// What Apple knows of where to notify us.
enum Known {
    Told,
    /// It is ours, by these words of ours.
    Untold {
        mdm_info: Option<MdmInfo>,
    },
}

/// Asks first: what Apple knows already is not said again, since that costs it a test, and what another server took is its.
async fn knows(licensing: &Licensing, url: &str) -> Result<Known, AppleError> {
    let known = licensing.client_config().await?;
    let subscribed = |kind: &&str| known.subscribed_notification_types.iter().any(|one| one == kind);
    let told = known.notification_url.as_deref() == Some(url) && TYPES.iter().all(subscribed);
    Ok(match told {
        true => Known::Told,
        false => Known::Untold {
            mdm_info: known.common.mdm_info,
        },
    })
}

async fn tell(
    app: &App,
    location: &LocationRow,
    licensing: &Licensing,
    mdm_info: Option<MdmInfo>,
    url: &str,
) -> Result<(), StepError> {
    let request = ClientConfigRequest {
        mdm_info,
        notifications: Some(NotifyAt {
            url: url.to_owned(),
            secret: app.store.channel_secret(location.id).await?,
            types: TYPES.map(str::to_owned).to_vec(),
        }),
    };
    licensing.set_client_config(&request).await?;
    tracing::info!(location.id = %location.id, "Apple notifies us");
    Ok(())
}

/// Apple's number of what it said; 0 where it gave none.
fn number(error: &AppleError) -> i64 {
    match error {
        AppleError::Refused { number, .. } | AppleError::NotAllowed { number, .. } => i64::from(*number),
        _ => 0,
    }
}
