//! Whom somebody chose in a list: some of them by name, or all whom the list shows.
//!
//! All whom a list shows is carried as the list itself, with its filter and what was looked for, and not as so many ids: who
//! that is is found out when it is asked.

use std::collections::BTreeSet;

use domain::{AssetId, GroupId, GroupKind, InstallState};
use store::{Cut, Span};
use uuid::Uuid;

use super::BulkRefused;
use crate::app::{
    App, AppError,
    directory::{DeviceFilter, PersonFilter},
};

/// So many may be chosen at once.
pub const MOST: usize = 50_000;

/// A list of people or of devices, with its filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    People(PersonFilter),
    Devices(DeviceFilter),
    AppPeople(AssetId, Option<InstallState>),
    AppDevices(AssetId, Option<InstallState>),
    /// What kind of members it has is known of the group.
    Members(GroupId, GroupKind),
}

/// Who was chosen in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub list: List,
    pub which: Which,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These, whether or not the list shows them still.
    Ids(BTreeSet<Uuid>),
    /// All whom the list shows when this is looked for in it.
    All { query: String },
}

impl List {
    pub fn kind(self) -> GroupKind {
        match self {
            List::People(_) | List::AppPeople(..) => GroupKind::User,
            List::Devices(_) | List::AppDevices(..) => GroupKind::Device,
            List::Members(_, kind) => kind,
        }
    }

    /// The app whose list it is.
    pub fn app(self) -> Option<AssetId> {
        match self {
            List::AppPeople(asset, _) | List::AppDevices(asset, _) => Some(asset),
            List::People(_) | List::Devices(_) | List::Members(..) => None,
        }
    }
}

impl App {
    /// The members of a group as a list.
    pub async fn members_as_list(&self, group: GroupId) -> Result<List, AppError> {
        let row = self.group(group).await?.ok_or(AppError::NotFound("group"))?;
        Ok(List::Members(group, row.kind))
    }

    /// How many were chosen, as of now.
    pub async fn selected(&self, selection: &Selection) -> Result<u64, AppError> {
        Ok(self.chosen(selection).await?.len() as u64)
    }

    /// Who was chosen, as of now.
    pub(super) async fn chosen(&self, selection: &Selection) -> Result<BTreeSet<Uuid>, AppError> {
        let query = match &selection.which {
            Which::Ids(ids) if ids.len() > MOST => return Err(BulkRefused::TooMany { most: MOST }.into()),
            Which::Ids(ids) => return Ok(ids.clone()),
            Which::All { query } => query.as_str(),
        };
        let ids: BTreeSet<Uuid> = match selection.list {
            List::People(filter) => {
                let people = self.people_ids(filter, query, MOST).await?;
                people.into_iter().map(|person| person.0).collect()
            }
            List::Devices(filter) => {
                let devices = self.devices_ids(filter, query, MOST).await?;
                devices.into_iter().map(|device| device.0).collect()
            }
            List::AppPeople(asset, state) => {
                let people = self.app_people_ids(asset, state, query, MOST).await?;
                people.into_iter().map(|person| person.0).collect()
            }
            List::AppDevices(asset, state) => {
                let devices = self.app_devices_ids(asset, state, query, MOST).await?;
                devices.into_iter().map(|device| device.0).collect()
            }
            List::Members(group, kind) => {
                let cut = Cut {
                    span: Span::First,
                    query,
                    most: MOST + 1,
                };
                let members = self.store.group_members_listed(group, kind, cut).await?;
                members.into_iter().collect()
            }
        };
        if ids.len() > MOST {
            return Err(BulkRefused::TooMany { most: MOST }.into());
        }
        Ok(ids)
    }
}
