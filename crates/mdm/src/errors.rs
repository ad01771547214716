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

/// What an error asks for: by the reason if it is a telling one, else by the first number in the chain that means
/// something.
pub fn class(chain: &[ErrorChainItem], rejection_reason: Option<&str>) -> Class {
    let by_reason = rejection_reason.and_then(of_reason);
    by_reason
        .or_else(|| chain.iter().find_map(of_code))
        .unwrap_or(Class::Retry)
}

fn of_reason(reason: &str) -> Option<Class> {
    Some(match reason {
        "AppAlreadyQueued" => Class::Fine,
        "CouldNotVerifyAppID" => Class::Retry,
        "LicenseNotFound" => Class::VerifyLicence,
        "AppAlreadyInstalled"
        | "AppStoreDisabled"
        | "ManagementChangeNotSupported"
        | "NotAnApp"
        | "PurchaseMethodNotSupported"
        | "PurchaseMethodNotSupportedInMultiUser" => Class::Permanent,
        // `Other`, `NotSupported` and whatever is new: the chain says more.
        _ => return None,
    })
}

fn of_code(item: &ErrorChainItem) -> Option<Class> {
    Some(match (item.error_domain.as_str(), item.error_code) {
        ("MCMDMErrorDomain" | "MDMErrorDomain", code) => match code {
            // The app could not be verified, the device is busy, in lost mode, or not tethered.
            12023 | 12036 | 12078 | 12081 => Class::Retry,
            // One number, two published meanings: no licence, or queued. If it were only queued, the reason would say so.
            12026 | 12047 | 12064 => Class::VerifyLicence,
            // Nothing to do, or not managed.
            12028 | 12048 | 12029 | 12038 => Class::Fine,
            // Nobody is signed in, or the person said no.
            12040 | 12063 => Class::User,
            // Not authorized, a bad manifest, installed already, no app, a bad address, installing is not permitted, not for
            // sale, a bad code, part of the system, not supported.
            12000 | 12007 | 12020 | 12024 | 12032 | 12033 | 12025 | 12027 | 12030 | 12034 | 12031 | 12035 | 12037
            | 12065 | 12008 | 12021 => Class::Permanent,
            _ => return None,
        },
        // Queued already.
        ("DeviceManagement.error", 1407) | ("ASDErrorDomain", 506) => Class::Fine,
        // A bad address.
        ("ASDErrorDomain", 850) => Class::Permanent,
        // No licence was found.
        ("DeviceManagement.error", 2605) | (_, 9610) => Class::VerifyLicence,
        // Nobody is signed in; the store did not answer in time.
        ("MCStoreErrorDomain", 30000) => Class::User,
        ("MCStoreErrorDomain", 30001) => Class::Retry,
        // Nothing to do; assigned already.
        ("MDMDeviceEnrollment", 101) | (_, 9616) => Class::Fine,
        // The account cannot be used.
        (_, 9635) => Class::User,
        _ => return None,
    })
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
        assert_eq!(class(&chain, Some("Other")), Class::VerifyLicence);
        assert_eq!(class(&chain[1..], None), Class::VerifyLicence);
    }

    #[test]
    fn an_app_that_is_queued_already_is_no_failure() {
        assert_eq!(
            class(&[item("MCMDMErrorDomain", 12026)], Some("AppAlreadyQueued")),
            Class::Fine
        );
        assert_eq!(class(&[item("DeviceManagement.error", 1407)], None), Class::Fine);
        assert_eq!(class(&[item("MCMDMErrorDomain", 12026)], None), Class::VerifyLicence);
    }

    #[test]
    fn each_number_and_each_reason_asks_for_one_thing() {
        for (code, wanted) in [
            (12025, Class::Permanent),
            (12029, Class::Fine),
            (12036, Class::Retry),
            (12038, Class::Fine),
            (12040, Class::User),
            (12047, Class::VerifyLicence),
            (12063, Class::User),
            (12064, Class::VerifyLicence),
        ] {
            // The second name is seen in the field.
            for domain in ["MCMDMErrorDomain", "MDMErrorDomain"] {
                assert_eq!(class(&[item(domain, code)], None), wanted, "{code}");
            }
            assert_eq!(class(&[item("NSCocoaErrorDomain", code)], None), Class::Retry, "{code}");
        }
        for (reason, wanted) in [
            ("AppAlreadyInstalled", Class::Permanent),
            ("AppAlreadyQueued", Class::Fine),
            ("AppStoreDisabled", Class::Permanent),
            ("CouldNotVerifyAppID", Class::Retry),
        ] {
            assert_eq!(class(&[], Some(reason)), wanted, "{reason}");
        }
    }

    /// `NotSupported` and `Other` stand for anything, and reasons that came later for we do not know what.
    #[test]
    fn a_reason_that_says_little_leaves_the_word_to_the_chain() {
        let chain = [item("MCMDMErrorDomain", 12064)];
        for reason in ["NotSupported", "Other", "ReasonOfTomorrow"] {
            assert_eq!(class(&chain, Some(reason)), Class::VerifyLicence, "{reason}");
            assert_eq!(class(&[], Some(reason)), Class::Retry, "{reason}");
        }
    }

    #[test]
    fn what_nobody_knows_is_tried_again_a_few_times() {
        assert_eq!(class(&[item("new.domain", 4711)], None), Class::Retry);
        assert_eq!(class(&[], None), Class::Retry);
        assert_eq!(
            class(&[item("new.domain", 1), item("MCMDMErrorDomain", 12040)], None),
            Class::User
        );
    }
}
