//! Looks at the database, its key and the token in it, and changes nothing.

use domain::{Time, TokenState};
use store::{MasterKey, Store, StoreError, Tables};

use super::{Config, check::Finding};
use crate::{app::tokens::LocationView, cause::Chain};

const RENEW: &str =
    "download a new one from Apple Business Manager or School Manager, and upload it under Administration";

/// What is in order, a line each, and what is not.
pub async fn database(config: &Config, now: Time) -> (Vec<String>, Vec<Finding>) {
    let mut good = Vec::new();
    let mut findings = Vec::new();
    match looked(config, now, &mut good).await {
        Ok(found) => findings.extend(found),
        Err(finding) => findings.push(finding),
    }
    (good, findings)
}

async fn looked(config: &Config, now: Time, good: &mut Vec<String>) -> Result<Option<Finding>, Finding> {
    let url = &config.database_url;
    if !Store::exists(url).await.map_err(|error| unreachable(&error))? {
        good.push("database          not there yet: it is made on the first start".to_owned());
        return Ok(place(url));
    }
    let shown = config.key_file.display();
    let key = match MasterKey::load(&config.key_file) {
        Ok(Some(key)) => key,
        Ok(None) => {
            return Err(Finding::bad(
                "key_file",
                format!("the key file {shown} is not there, but the database is: no secret in it can be opened"),
                "bring back the key file that belongs to this database",
            ));
        }
        Err(error) => {
            return Err(Finding::bad(
                "key_file",
                format!("the key file {shown} cannot be used: {error}"),
                "bring back the key file that belongs to this database, readable by the server's user only",
            ));
        }
    };
    let (store, tables) = Store::look(url, key).await.map_err(|error| match error {
        StoreError::Sealed => Finding::bad(
            "key_file",
            format!("the key file {shown} is not the one of this database: its secrets do not open"),
            "bring back the key file that belongs to this database",
        ),
        error => unreachable(&error),
    })?;
    match tables {
        Tables::AsKnown => good.push("database and key  in order".to_owned()),
        Tables::Older => {
            good.push("database and key  in order; the next start brings the tables up to date".to_owned());
            return Ok(None);
        }
        Tables::Newer => {
            return Err(Finding::bad(
                "database_url",
                "the database was used by a newer version of this program",
                "start the newer version, or restore a backup from before it",
            ));
        }
    }
    let locations = store.locations().await;
    store.close().await;
    let Some(row) = locations.map_err(|error| unreachable(&error))?.into_iter().next() else {
        good.push("content token     none yet: upload one under Administration".to_owned());
        return Ok(None);
    };
    let view = LocationView::of(row, now);
    let about = "content token";
    Ok(match view.state {
        TokenState::Valid => {
            good.push(format!("content token     valid, {} days left", view.days_left));
            None
        }
        TokenState::ExpiringSoon => Some(Finding::warn(
            about,
            format!("the content token expires in {} days", view.days_left),
            RENEW,
        )),
        TokenState::Expired => Some(Finding::bad(
            about,
            "the content token has expired: no licence is assigned and none is taken back",
            RENEW,
        )),
        TokenState::AssignedToExternalMdm if view.row.owner_name.is_none() => Some(Finding::bad(
            about,
            "no server manages the location at Apple any more: nothing is written there",
            "upload the token again, and this server manages the location",
        )),
        TokenState::AssignedToExternalMdm => Some(Finding::bad(
            about,
            "another server manages the location: nothing is written there",
            "remove the location at the other server, and upload the token again, unless it gives the location back to this \
             server: that is noticed by itself",
        )),
        state => Some(Finding::bad(
            about,
            format!("the content token cannot be used: Apple says {state:?}"),
            RENEW,
        )),
    })
}

fn unreachable(error: &StoreError) -> Finding {
    Finding::bad(
        "database_url",
        format!("the database cannot be used: {}", Chain(error)),
        "see database_url: that it runs, that this machine may reach it, and that the server's user may write it",
    )
}

/// Whether the file of a new database can be made.
fn place(url: &str) -> Option<Finding> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//");
    let folder = std::path::Path::new(path).parent()?;
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return None;
    }
    Some(Finding::bad(
        "database_url",
        format!("the folder {} of the database is not there", folder.display()),
        "make the folder, and let the user that runs the server write there",
    ))
}
