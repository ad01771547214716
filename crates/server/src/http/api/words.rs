//! Times, lengths of time and words, as the API writes them.

use domain::{
    Approval, Breach, Effect, Enrolment, Fate, GroupKind, HolderKind, InstallState, Installation, LicenseType,
    Platform, Reclaim, Resolution, Time, TokenState,
    why::{Outcome, Stage, Tense, Who},
};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error, Visitor},
};
use std::time::Duration;
use store::{
    ActorKind, ChangeKind, CheckInRefusal, HeldState, OperationKind, OperationState, Role, SyncCause, SyncStatus,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

use crate::{
    app::{self, program::ProgramRefusal},
    clock::{time, timestamp},
};

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

/// Hears the words of an enum, as serde writes them, from the enum itself.
struct Listener<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("only an enum has words"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = words;
        Err(Self::Error::custom("its words are all that was asked for"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The words of an enum: none can be forgotten when it gets one more.
fn words_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut words: &'static [&'static str] = &[];
    let _ = T::deserialize(Listener(&mut words));
    words
}

/// Makes the schemas of fields that hold one word of a fixed set, each named like its function.
macro_rules! word_schemas {
    ($($name:ident: $words:ty),* $(,)?) => {
        $(pub fn $name() -> Object {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(words_of::<$words>().iter().copied()))
                .build()
        })*

        /// Each set with the schema that describes it.
        #[cfg(test)]
        fn word_schemas() -> Vec<(&'static str, &'static [&'static str], Object)> {
            vec![$((stringify!($name), words_of::<$words>(), $name())),*]
        }
    };
}

word_schemas! {
    actor_kind: ActorKind,
    breach: Breach,
    change_kind: ChangeKind,
    chain_stage: Stage,
    chain_tense: Tense,
    check_in_refusal: CheckInRefusal,
    effect: Effect,
    enrolment: Enrolment,
    fate: Fate,
    bulk_skip: app::bulk::Skip,
    field_problem: app::FieldProblem,
    group_kind: GroupKind,
    held_state: HeldState,
    install_state: InstallState,
    installation: Installation,
    license_holder: HolderKind,
    license_type: LicenseType,
    intent: Approval,
    operation_kind: OperationKind,
    operation_state: OperationState,
    outcome: Outcome,
    platform: Platform,
    program_refusal: ProgramRefusal,
    reclaim: Reclaim,
    role: Role,
    sync_cause: SyncCause,
    notification_status: app::notifications::NotificationStatus,
    sync_status: SyncStatus,
    token_state: TokenState,
    who: Who,
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

    /// `retireUsers` and `left` came later than the lists that were to name them.
    #[test]
    fn the_words_of_a_set_are_told_by_the_set_itself() {
        for (name, words, schema) in word_schemas() {
            assert!(words.len() > 1, "{name}: {words:?}");
            let schema = serde_json::to_value(schema).unwrap();
            assert_eq!(schema["enum"], serde_json::json!(words), "{name}");
        }
        assert!(words_of::<OperationKind>().contains(&word(OperationKind::RetireUsers).as_str()));
        assert!(words_of::<SyncCause>().contains(&word(SyncCause::Resync).as_str()));
        assert!(words_of::<app::FieldProblem>().contains(&word(app::FieldProblem::Left).as_str()));
        assert!(words_of::<TokenState>().contains(&"assignedToExternalMDM"));
    }

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
