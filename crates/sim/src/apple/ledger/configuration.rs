//! What a server tells about itself: who manages the location, and where to send notifications.

use serde::{Deserialize, Serialize};

use super::{Location, Refusal, Switches};
use crate::apple::{mdm_info::MdmInfo, switches::Omitted};

/// What a server told about itself and its webhook. One per location; the last writer wins.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ClientConfiguration {
    pub mdm_info: Option<MdmInfo>,
    pub notification_url: Option<String>,
    pub notification_auth_token: Option<String>,
    pub notification_types: Vec<String>,
}

/// A configuration that was asked for and is in order.
pub struct Configured {
    pub configuration: ClientConfiguration,
    /// It is taken only if a test notification arrives.
    pub tested: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientConfigRequest {
    pub mdm_info: Option<PartialMdmInfo>,
    pub notification_url: Option<String>,
    pub notification_auth_token: Option<String>,
    pub notification_types: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PartialMdmInfo {
    pub id: Option<String>,
    pub name: Option<String>,
    pub metadata: Option<String>,
}

impl Location {
    /// Replaces the configuration, or refuses it and keeps the one there is; `reached` says whether a test arrived where
    /// notifications are to be sent.
    pub fn configure(
        &mut self,
        request: ClientConfigRequest,
        switches: &Switches,
        reached: bool,
    ) -> Result<(), Refusal> {
        let next = self.configured(request, switches)?;
        if next.tested && !reached {
            return Err(Refusal::new(9728));
        }
        self.configuration = next.configuration;
        Ok(())
    }

    /// What the configuration would be.
    pub fn configured(&self, request: ClientConfigRequest, switches: &Switches) -> Result<Configured, Refusal> {
        let about_notifications = request.notification_url.is_some() || request.notification_types.is_some();
        let mut next = match switches.omitted_configuration {
            Omitted::Keep => self.configuration.clone(),
            Omitted::Clear => ClientConfiguration::default(),
        };
        if let Some(info) = request.mdm_info {
            let (Some(id), Some(name), Some(metadata)) = (info.id, info.name, info.metadata) else {
                return Err(Refusal::new(9723));
            };
            if id.len() > switches.limit("maxMdmIdLength") {
                return Err(Refusal::new(9724));
            }
            if name.len() > switches.limit("maxMdmNameLength") {
                return Err(Refusal::new(9725));
            }
            if metadata.len() > switches.limit("maxMdmMetadataLength") {
                return Err(Refusal::new(9713));
            }
            next.mdm_info = Some(MdmInfo { id, name, metadata });
        }
        match (request.notification_url, request.notification_auth_token) {
            (None, None) => {}
            (Some(url), Some(token)) => {
                let longest = switches.limit("maxNotificationLength");
                if url.len() > longest || token.len() > longest {
                    return Err(Refusal::new(9711));
                }
                let host = match url.strip_prefix("https://") {
                    None if switches.plain_notification_urls => url.strip_prefix("http://"),
                    host => host,
                };
                if host.is_none_or(str::is_empty) || url.contains(['?', '#', '@', ' ']) {
                    return Err(Refusal::new(9712));
                }
                next.notification_url = Some(url);
                next.notification_auth_token = Some(token);
            }
            _ => return Err(Refusal::new(9710)),
        }
        if let Some(mut types) = request.notification_types {
            types.retain(|one| one != "TEST_NOTIFICATION");
            types.sort();
            types.dedup();
            next.notification_types = types;
        }
        Ok(Configured {
            tested: about_notifications && next.notification_url.is_some(),
            configuration: next,
        })
    }
}
