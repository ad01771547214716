//! What a device says to a command, and the words of its refusals.

use plist::{Dictionary, Value};

use crate::rng::Rng;

/// What a device says to a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Report { status: &'static str, body: Dictionary },
    NotNow,
    CommandFormatError,
}

/// An error chain, outermost first. The English text is sometimes missing, as in the field.
pub fn chain(rng: &mut Rng, errors: &[(i64, &str)]) -> Value {
    let mut items = Vec::new();
    for (code, domain) in errors {
        let text = description(*code);
        let mut item = Dictionary::new();
        item.insert("ErrorCode".into(), (*code).into());
        item.insert("ErrorDomain".into(), (*domain).into());
        item.insert("LocalizedDescription".into(), text.into());
        if *domain == "MCMDMErrorDomain" && rng.chance(0.8) {
            item.insert("USEnglishDescription".into(), text.into());
        }
        items.push(item.into());
    }
    Value::Array(items)
}

fn description(code: i64) -> &'static str {
    match code {
        101 => "The device is not waiting to be configured.",
        1407 => "The user is already being asked about this app.",
        2605 => "There is no license for this app.",
        12007 => "The server may not do this.",
        12010 => "An internal inconsistency.",
        12013 => "The profile is not managed by this server.",
        12021 => "The request type is not known.",
        12023 => "The app could not be looked up in the store.",
        12025 => "The app is already installed.",
        12026 => "The app is already on its way.",
        12027 => "This is not an app for this device.",
        12035 => "The app cannot be had for this version of the system.",
        12036 => "The app cannot be removed while it is being installed.",
        12038 => "The app is not managed.",
        12040 => "Nobody is signed in to the store.",
        12064 => "The license for the app could not be retrieved.",
        _ => "Something went wrong.",
    }
}
