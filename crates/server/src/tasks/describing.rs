//! Looks up what apps are called and what they look like: names, bundle ids, icons. The licensing service has none.
//!
//! The store is another service: its trouble says nothing of the token, and licences do not wait for it. What cannot be
//! looked up is put aside ([`Aside`](crate::app::aside::Aside)) and holds up nothing else.

use std::time::Duration;

use apple::{
    AppleError,
    metadata::{self, Lookup, Metadata},
};
use domain::{AssetId, StoreVersion, Time};
use serde_json::json;
use store::{Actor, Lease, LocationRow, MetadataRow, NewEvent};

use super::{
    StepError, Stepped,
    location::{Interrupted, under_lease},
};
use crate::{
    app::{
        App,
        text::{NAME_CHARS, cleaned},
        tokens::token_state,
    },
    cause::Chain,
};

/// Names and icons change seldom; Apple asks for at least a day between two looks.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);
/// So many products in a row that the store stumbles over are not to blame: it is the store.
const STUMBLES: usize = 3;

/// Looks up the apps that have no name or icon, or old ones.
pub async fn step(app: &App) -> Result<Stepped, StepError> {
    under_lease(app, Interrupted::WhenTheClockIsSet, async |location, lease| {
        if !token_state(location, app.now()).readable() {
            return Ok(false);
        }
        match describe(app, location, lease).await {
            Err(StepError::Apple(error)) => {
                tracing::warn!(location.id = %location.id, error = %Chain(&error), "the names of apps could not be looked up");
                Ok(false)
            }
            other => other.map(|()| false),
        }
    })
    .await
}

async fn describe(app: &App, location: &LocationRow, lease: &Lease) -> Result<(), StepError> {
    let now = app.now();
    let mut wanted = app.store.metadata_wanted(location.id, now - GOOD_FOR).await?;
    wanted.retain(|(asset, _)| !app.aside.holds(*asset, now));
    if wanted.is_empty() {
        return Ok(());
    }
    let lookup = lookup(app, location).await?;
    let mut stumbles = 0;
    for (nth, (asset, adam_id)) in wanted.into_iter().enumerate() {
        if nth > 0 {
            tokio::time::sleep(metadata::PAUSE).await;
        }
        let error = match lookup.product(&adam_id).await {
            Ok(Some(known)) => {
                take(app, lease, asset, &known).await?;
                stumbles = 0;
                continue;
            }
            // It may come later; meanwhile it is not asked for all the time.
            Ok(None) => {
                app.aside.put(asset, app.now());
                stumbles = 0;
                continue;
            }
            Err(error) => error,
        };
        tracing::warn!(asset.id = %asset, error = %Chain(&error), "the name of an app could not be looked up");
        app.aside.put(asset, app.now());
        stumbles += 1;
        let away = matches!(error, AppleError::Unreachable { .. }) || error.asks_for_patience();
        if away || stumbles == STUMBLES {
            break;
        }
    }
    Ok(())
}

async fn lookup(app: &App, location: &LocationRow) -> Result<Lookup, StepError> {
    let url = app
        .config
        .apple
        .metadata_url
        .clone()
        .or_else(|| app.service.url("contentMetadataLookup"))
        .unwrap_or_else(|| metadata::DEFAULT_URL.to_owned());
    let token = app.store.location_token(location.id).await?;
    Ok(Lookup::new(
        app.http.clone(),
        url,
        &token,
        location.country.to_lowercase(),
        location.default_platform.clone(),
        app.config.metadata_language().to_owned(),
    )?)
}

/// Takes over what the store says of an app, and fetches its icon.
async fn take(app: &App, lease: &Lease, asset: AssetId, known: &Metadata) -> Result<(), StepError> {
    let now = app.now();
    let row = row(asset, known, now);
    let mut tx = app.store.begin_as(lease).await?;
    let news = tx.metadata_put(&row).await?;
    if news {
        let event = NewEvent::new(now, Actor::Apple, "appDescribed").asset(asset);
        tx.event(&event.with(json!({ "name": row.name }))).await?;
    }
    tx.commit().await?;
    if news {
        app.location_bell.notify_one();
    }
    let Some(icon_url) = &known.icon_url else {
        app.aside.take_back(asset);
        return Ok(());
    };
    match app.icons.fetch(icon_url).await {
        Ok((media_type, bytes)) => {
            let mut tx = app.store.begin_as(lease).await?;
            tx.icon_put(asset, &media_type, &bytes, now).await?;
            tx.commit().await?;
            app.aside.take_back(asset);
        }
        Err(error) => {
            tracing::warn!(asset.id = %asset, error = %Chain(&error), "an icon could not be fetched");
            app.aside.put(asset, app.now());
        }
    }
    Ok(())
}

fn row(asset: AssetId, known: &Metadata, now: Time) -> MetadataRow {
    let text = |text: &String| cleaned(text, NAME_CHARS);
    MetadataRow {
        asset_id: asset,
        name: text(&known.name),
        bundle_id: known.bundle_id.clone(),
        publisher: known.artist.as_ref().map(text),
        minimum_os: known.minimum_os.as_ref().map(text),
        device_families: known.device_families.clone(),
        version: known.version.as_ref().map(text),
        store_version: known.external_version.map(StoreVersion),
        url: known.url.clone(),
        icon_url: known.icon_url.clone(),
        observed_at: now,
    }
}
