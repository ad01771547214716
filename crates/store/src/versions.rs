//! Which version of a thing somebody saw when they changed it: so that nobody's change is lost to somebody else's.

use domain::Time;

use crate::{
    StoreError,
    db::{Bind, Record, Value},
};

/// How often something was changed by people, and the last time when and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    pub number: i64,
    /// `None` since it was made.
    pub changed_at: Option<Time>,
    pub changed_by: Option<String>,
}

/// Upon what a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The one that was seen. When there is a later one by now, nothing is changed.
    Version(i64),
    /// Whatever there is: what is changed does not depend on what it was.
    Latest,
}

/// Who changes something, and when.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub at: Time,
    pub by: &'a str,
}

impl Bind for Base {
    fn value(&self) -> Value {
        match self {
            Base::Version(number) => Value::Int(Some(*number)),
            Base::Latest => Value::Int(None),
        }
    }
}

impl Base {
    pub fn is(self, version: &Version) -> bool {
        match self {
            Base::Version(number) => number == version.number,
            Base::Latest => true,
        }
    }
}

/// The columns `version`, `changed_at`, `changed_by`, with what stands before their names.
pub(crate) fn version(row: &Record, of: &str) -> Result<Version, StoreError> {
    Ok(Version {
        number: row.int(&format!("{of}version"))?,
        changed_at: row.time_or_none(&format!("{of}changed_at"))?,
        changed_by: row.text_or_none(&format!("{of}changed_by"))?,
    })
}
