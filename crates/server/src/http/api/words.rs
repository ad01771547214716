//! Times, lengths of time and words, as the API writes them.

use domain::{Approval, GroupKind, InstallState, Resolution, Time};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::time::Duration;
use store::Role;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

use crate::clock::{time, timestamp};

/// An instant, RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub Time);

impl DateTime {
    pub fn of(time: Option<Time>) -> Option<DateTime> {
        time.map(DateTime)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&timestamp(self.0))
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let instant: Timestamp = text
            .parse()
            .map_err(|_| D::Error::custom(format!("{text:?} is not a time such as 2026-11-23T09:00:00Z")))?;
        Ok(DateTime(time(instant)))
    }
}

impl PartialSchema for DateTime {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
            .into()
    }
}

impl ToSchema for DateTime {}

/// A length of time, ISO 8601: `PT20S`, `P7D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(pub Duration);

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX))
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Length, D::Error> {
        let text = String::deserialize(deserializer)?;
        let malformed = || D::Error::custom(format!("{text:?} is not a length of time such as PT20S or P7D"));
        if !text.starts_with('P') {
            return Err(malformed());
        }
        let span: Span = text.parse().map_err(|_| malformed())?;
        let signed = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| malformed())?;
        Duration::try_from(signed).map(Length).map_err(|_| malformed())
    }
}

impl PartialSchema for Length {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Duration);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
            .examples(["PT20S"])
            .into()
    }
}

impl ToSchema for Length {}

/// The schema of a field that holds one of these words, written as the domain writes them.
fn one_of<T: Serialize>(words: &[T]) -> Object {
    let words: Vec<_> = words
        .iter()
        .filter_map(|word| serde_json::to_value(word).ok())
        .collect();
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .build()
}

pub fn intent() -> Object {
    one_of(&[
        Approval::Required,
        Approval::Available,
        Approval::NotApplicable,
        Approval::Uninstall,
    ])
}

pub fn role() -> Object {
    one_of(&[Role::Full, Role::ReadOnly])
}

pub fn group_kind() -> Object {
    one_of(&[GroupKind::User, GroupKind::Device])
}

pub fn install_state() -> Object {
    one_of(&[
        InstallState::Installed,
        InstallState::Failed,
        InstallState::NotInstalled,
        InstallState::UninstallFailed,
        InstallState::PendingInstall,
        InstallState::NotApplicable,
        InstallState::Unknown,
    ])
}

/// What comes out of all deployments together (Graph's `mobileAppIntent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum MobileAppIntent {
    Available,
    NotAvailable,
    RequiredInstall,
    RequiredUninstall,
    RequiredAndAvailableInstall,
    Exclude,
}

impl MobileAppIntent {
    pub fn of(resolution: &Resolution) -> MobileAppIntent {
        match (resolution.required, resolution.available) {
            (true, true) => MobileAppIntent::RequiredAndAvailableInstall,
            (true, false) => MobileAppIntent::RequiredInstall,
            (false, true) => MobileAppIntent::Available,
            (false, false) if resolution.uninstall => MobileAppIntent::RequiredUninstall,
            (false, false) if resolution.not_applicable => MobileAppIntent::Exclude,
            (false, false) => MobileAppIntent::NotAvailable,
        }
    }
}

/// A domain word as text, for a field whose list of words would be long.
pub fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_whatever_zone_they_came_in() {
        let given: DateTime = serde_json::from_str("\"2026-11-23T18:00:00+09:00\"").unwrap();
        assert_eq!(serde_json::to_string(&given).unwrap(), "\"2026-11-23T09:00:00Z\"");
        assert!(serde_json::from_str::<DateTime>("\"2026-11-23\"").is_err());
        assert!(serde_json::from_str::<DateTime>("1").is_err());
    }

    #[test]
    fn lengths_come_back_as_they_went() {
        for (text, length) in [
            ("\"PT20S\"", Duration::from_secs(20)),
            ("\"PT0.15S\"", Duration::from_millis(150)),
            ("\"PT168H\"", Duration::from_secs(7 * 24 * 3600)),
        ] {
            assert_eq!(serde_json::from_str::<Length>(text).unwrap().0, length);
            assert_eq!(serde_json::to_string(&Length(length)).unwrap(), text);
        }
        assert_eq!(
            serde_json::from_str::<Length>("\"P7D\"").unwrap().0,
            Duration::from_secs(7 * 24 * 3600)
        );
        for wrong in ["\"20s\"", "\"-PT20S\"", "\"P1M\"", "20"] {
            assert!(serde_json::from_str::<Length>(wrong).is_err(), "{wrong}");
        }
    }
}
