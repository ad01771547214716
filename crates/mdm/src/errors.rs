//! What a device's error asks of whoever gave the command.
//!
//! Apple calls the numbers informational. So they decide one thing only: whether it makes sense to try again.

use crate::report::ErrorChainItem;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Again after a while.
    Retry,
    /// The device found no licence: usual right after it was assigned. Again after a while.
    VerifyLicence,
    /// The person has to do something.
    User,
    /// Not before something else has changed.
    Permanent,
    /// No failure at all: what was wanted holds, or is under way.
    Fine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    pub class: Class,
    /// Names the meaning in message files.
    pub key: &'static str,
}

/// The meaning of an error: by the reason if it is a telling one, else by the first number in the chain that
/// means something.
pub fn meaning(chain: &[ErrorChainItem], rejection_reason: Option<&str>) -> Meaning {
    if let Some(meaning) = rejection_reason.and_then(of_reason) {
        return meaning;
    }
    chain.iter().find_map(of_code).unwrap_or(Meaning {
        class: Class::Retry,
        key: "unknown",
    })
}

fn of_reason(reason: &str) -> Option<Meaning> {
    let (class, key) = match reason {
        "AppAlreadyQueued" => (Class::Fine, "alreadyQueued"),
        "AppAlreadyInstalled" => (Class::Permanent, "alreadyInstalled"),
        "AppStoreDisabled" => (Class::Permanent, "storeDisabled"),
        "CouldNotVerifyAppID" => (Class::Retry, "appNotVerified"),
        "ManagementChangeNotSupported" => (Class::Permanent, "takeoverNotSupported"),
        "NotAnApp" => (Class::Permanent, "notAnApp"),
        "PurchaseMethodNotSupported" | "PurchaseMethodNotSupportedInMultiUser" => {
            (Class::Permanent, "purchaseMethodNotSupported")
        }
        "LicenseNotFound" => (Class::VerifyLicence, "licenceNotFound"),
        // `Other`, `NotSupported` and whatever is new: the chain says more.
        _ => return None,
    };
    Some(Meaning { class, key })
}

fn of_code(item: &ErrorChainItem) -> Option<Meaning> {
    let (class, key) = match (item.error_domain.as_str(), item.error_code) {
        ("MCMDMErrorDomain" | "MDMErrorDomain", code) => match code {
            12000 | 12007 | 12020 => (Class::Permanent, "notAuthorized"),
            12023 => (Class::Retry, "appNotVerified"),
            12024 | 12032 | 12033 => (Class::Permanent, "manifestInvalid"),
            12025 => (Class::Permanent, "alreadyInstalled"),
            // One number, two published meanings. If it were only queued, the reason would say so.
            12026 | 12047 | 12064 => (Class::VerifyLicence, "licenceNotFound"),
            12027 => (Class::Permanent, "notAnApp"),
            12028 | 12048 => (Class::Fine, "nothingToDo"),
            12029 | 12038 => (Class::Fine, "notManaged"),
            12030 | 12034 => (Class::Permanent, "urlInvalid"),
            12031 => (Class::Permanent, "installationDisabled"),
            12035 => (Class::Permanent, "notForSale"),
            12036 => (Class::Retry, "busy"),
            12037 => (Class::Permanent, "redemptionCodeInvalid"),
            12040 => (Class::User, "loginRequired"),
            12063 => (Class::User, "userRejected"),
            12065 => (Class::Permanent, "systemApp"),
            12078 => (Class::Retry, "lostMode"),
            12081 => (Class::Retry, "notTethered"),
            12008 | 12021 => (Class::Permanent, "notSupported"),
            _ => return None,
        },
        ("DeviceManagement.error", 1407) | ("ASDErrorDomain", 506) => (Class::Fine, "alreadyQueued"),
        ("ASDErrorDomain", 850) => (Class::Permanent, "urlInvalid"),
        ("DeviceManagement.error", 2605) => (Class::VerifyLicence, "licenceNotFound"),
        ("MCStoreErrorDomain", 30000) => (Class::User, "loginRequired"),
        ("MCStoreErrorDomain", 30001) => (Class::Retry, "storeTimeout"),
        ("MDMDeviceEnrollment", 101) => (Class::Fine, "nothingToDo"),
        (_, 9610) => (Class::VerifyLicence, "licenceNotFound"),
        (_, 9616) => (Class::Fine, "alreadyAssigned"),
        (_, 9635) => (Class::User, "accountNotUsable"),
        _ => return None,
    };
    Some(Meaning { class, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(domain: &str, code: i64) -> ErrorChainItem {
        ErrorChainItem {
            error_code: code,
            error_domain: domain.to_owned(),
            localized_description: String::new(),
            us_english_description: None,
        }
    }

    #[test]
    fn a_licence_that_has_not_arrived_yet_is_worth_another_try() {
        let chain = [item("MCMDMErrorDomain", 12064), item("DeviceManagement.error", 2605)];
        assert_eq!(meaning(&chain, Some("Other")).class, Class::VerifyLicence);
        assert_eq!(meaning(&chain[1..], None).class, Class::VerifyLicence);
    }

    #[test]
    fn an_app_that_is_queued_already_is_no_failure() {
        assert_eq!(
            meaning(&[item("MCMDMErrorDomain", 12026)], Some("AppAlreadyQueued")).class,
            Class::Fine
        );
        assert_eq!(
            meaning(&[item("DeviceManagement.error", 1407)], None).class,
            Class::Fine
        );
        assert_eq!(
            meaning(&[item("MCMDMErrorDomain", 12026)], None).class,
            Class::VerifyLicence
        );
    }

    /// Message files name them: a key that changes loses its texts.
    #[test]
    fn the_keys_stay_what_they_are() {
        for (code, class, key) in [
            (12025, Class::Permanent, "alreadyInstalled"),
            (12029, Class::Fine, "notManaged"),
            (12036, Class::Retry, "busy"),
            (12038, Class::Fine, "notManaged"),
            (12040, Class::User, "loginRequired"),
            (12047, Class::VerifyLicence, "licenceNotFound"),
            (12063, Class::User, "userRejected"),
            (12064, Class::VerifyLicence, "licenceNotFound"),
        ] {
            // The second name is seen in the field.
            for domain in ["MCMDMErrorDomain", "MDMErrorDomain"] {
                assert_eq!(meaning(&[item(domain, code)], None), Meaning { class, key }, "{code}");
            }
            assert_eq!(
                meaning(&[item("NSCocoaErrorDomain", code)], None).key,
                "unknown",
                "{code}"
            );
        }
        for (reason, class, key) in [
            ("AppAlreadyInstalled", Class::Permanent, "alreadyInstalled"),
            ("AppAlreadyQueued", Class::Fine, "alreadyQueued"),
            ("AppStoreDisabled", Class::Permanent, "storeDisabled"),
            ("CouldNotVerifyAppID", Class::Retry, "appNotVerified"),
        ] {
            assert_eq!(meaning(&[], Some(reason)), Meaning { class, key }, "{reason}");
        }
    }

    /// `NotSupported` and `Other` stand for anything, and reasons that came later for we do not know what.
    #[test]
    fn a_reason_that_says_little_leaves_the_word_to_the_chain() {
        let chain = [item("MCMDMErrorDomain", 12064)];
        for reason in ["NotSupported", "Other", "ReasonOfTomorrow"] {
            assert_eq!(meaning(&chain, Some(reason)).key, "licenceNotFound", "{reason}");
            assert_eq!(meaning(&[], Some(reason)).key, "unknown", "{reason}");
        }
    }

    #[test]
    fn what_nobody_knows_is_tried_again_a_few_times() {
        assert_eq!(meaning(&[item("new.domain", 4711)], None).class, Class::Retry);
        assert_eq!(meaning(&[], None).class, Class::Retry);
        assert_eq!(
            meaning(&[item("new.domain", 1), item("MCMDMErrorDomain", 12040)], None).class,
            Class::User
        );
    }
}
