//! What saving would do now, of whatever was to be saved: for whoever agreed to something else.

use super::{
    bulk::BulkPreview,
    contract::Contract,
    deployments::Preview,
    leavers::{LeavePreview, ReturnPreview},
    leaving::DeviceLeavePreview,
    members::MembersPreview,
    settings::SettingsPreview,
    updates::UpdatesPreview,
};

/// What saving would do now, of whatever was to be saved.
#[derive(Debug)]
pub enum Previewed {
    Deployment(Box<Preview>),
    Members(Box<MembersPreview>),
    Leave(Box<LeavePreview>),
    Return(Box<ReturnPreview>),
    Device(Box<DeviceLeavePreview>),
    Bulk(Box<BulkPreview>),
    Settings(Box<SettingsPreview>),
    Updates(Box<UpdatesPreview>),
}

impl Previewed {
    pub fn digest(&self) -> &str {
        match self {
            Previewed::Deployment(preview) => &preview.digest,
            Previewed::Members(preview) => &preview.digest,
            Previewed::Leave(preview) => &preview.digest,
            Previewed::Return(preview) => &preview.digest,
            Previewed::Device(preview) => &preview.digest,
            Previewed::Bulk(preview) => &preview.digest,
            Previewed::Settings(preview) => &preview.digest,
            Previewed::Updates(preview) => &preview.digest,
        }
    }

    pub fn to_confirm(&self) -> Option<u64> {
        match self {
            Previewed::Deployment(preview) => preview.to_confirm(),
            Previewed::Members(preview) => preview.to_confirm(),
            Previewed::Leave(preview) => preview.to_confirm(),
            Previewed::Return(preview) => preview.to_confirm(),
            Previewed::Device(preview) => preview.to_confirm(),
            Previewed::Bulk(preview) => preview.to_confirm(),
            Previewed::Settings(preview) => preview.to_confirm(),
            Previewed::Updates(preview) => preview.to_confirm(),
        }
    }

    pub fn needs_approval(&self) -> bool {
        match self {
            Previewed::Deployment(preview) => preview.needs_approval(),
            Previewed::Members(preview) => preview.needs_approval(),
            Previewed::Leave(preview) => preview.needs_approval(),
            Previewed::Return(preview) => preview.needs_approval(),
            Previewed::Device(preview) => preview.needs_approval(),
            Previewed::Bulk(preview) => preview.needs_approval(),
            Previewed::Settings(preview) => preview.needs_approval(),
            Previewed::Updates(preview) => preview.needs_approval(),
        }
    }

    /// What it does to each app.
    pub fn apps(&self) -> Vec<&Preview> {
        match self {
            Previewed::Deployment(preview) => vec![preview],
            Previewed::Members(preview) => preview.apps.iter().collect(),
            Previewed::Leave(preview) => preview.apps.iter().map(|app| &app.preview).collect(),
            Previewed::Return(preview) => preview.apps.iter().collect(),
            Previewed::Device(preview) => preview.apps.iter().collect(),
            Previewed::Bulk(preview) => preview.apps.iter().collect(),
            Previewed::Settings(preview) => preview.apps.iter().collect(),
            Previewed::Updates(_) => Vec::new(),
        }
    }
}
