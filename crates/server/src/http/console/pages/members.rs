//! 확인 및 저장: what changing who is in a group would do to each app that is deployed to it, before it is saved.

use askama::Template;
use domain::{AssetId, GroupId, GroupKind};

use super::{Frame, groups::members_text, preview::PreviewView, ui::Glyph};
use crate::messages::{Arg, Speak};

/// One app that is deployed to the group.
#[derive(Debug, Clone)]
pub struct PreviewedApp {
    pub id: AssetId,
    pub name: String,
    pub has_icon: bool,
    pub preview: PreviewView,
}

/// Those who come, or those who go.
#[derive(Debug, Clone)]
pub struct Moved {
    pub title: String,
    /// A few of them.
    pub names: String,
    /// How many are not named.
    pub more: u64,
}

#[derive(Template)]
#[template(path = "console/members_preview.html")]
pub struct MembersPreviewPage {
    pub s: Speak,
    pub frame: Frame,
    pub id: GroupId,
    pub name: String,
    pub kind: GroupKind,
    /// How many come, and how many go.
    pub come: u64,
    pub go: u64,
    pub moved: Vec<Moved>,
    pub apps: Vec<PreviewedApp>,
    pub digest: String,
    /// The form as it was filled in, by the names of its fields.
    pub fields: Vec<(String, String)>,
    /// Of the members that were opened.
    pub version: i64,
    /// How many licences it takes back, when whoever saves has to say so.
    pub to_confirm: Option<u64>,
    /// Nothing was saved, since this is something else than was seen.
    pub outdated: bool,
    /// Nothing was saved, since nobody said how many licences are taken back.
    pub unconfirmed: bool,
}

impl MembersPreviewPage {
    fn context(&self) -> String {
        let text = |count| members_text(&self.s, self.kind, count);
        let (come, go) = (text(self.come), text(self.go));
        let args: [(&str, &dyn Arg); 3] = [("name", &self.name), ("come", &come), ("go", &go)];
        self.s.ta("members-preview-context", &args)
    }

    fn and_more(&self, more: &u64) -> String {
        let key = match self.kind {
            GroupKind::User => "preview-and-more",
            GroupKind::Device => "members-and-more-devices",
        };
        self.s.t1(key, "count", *more)
    }

    fn requests(&self) -> u64 {
        self.apps.iter().map(|of| of.preview.requests_total()).sum()
    }
}
