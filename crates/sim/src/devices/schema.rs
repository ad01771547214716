//! What an iPhone or iPad allows in the commands that the fleet understands.
//!
//! Keys, types, presence and values are taken from Apple's published device management
//! schema (MIT licence), state of iOS 18.1. Keys that exist only on other systems are left
//! out: a server must not send them here.

use plist::{Dictionary, Value};

use self::Kind::{Array, Bool, Data, Dict, Integer, Number, Text, Word};

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bool,
    Data,
    Text,
    Integer,
    /// One of these numbers.
    Number(&'static [i64]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Each item is of that kind.
    Array(&'static Kind),
    /// Empty for a dictionary that holds whatever it likes.
    Dict(&'static [Key]),
}

#[derive(Debug, Clone, Copy)]
struct Key {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const fn optional(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        required: false,
    }
}

const fn required(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        required: true,
    }
}

const ENVELOPE: &[Key] = &[required("CommandUUID", Text), required("Command", Dict(&[]))];

/// Allowed in every command.
const COMMON: &[Key] = &[
    required("RequestType", Text),
    optional("RequestRequiresNetworkTether", Bool),
];

const INSTALL_APPLICATION: &[Key] = &[
    optional("iTunesStoreID", Integer),
    optional("Identifier", Text),
    optional("ManifestURL", Text),
    optional("Options", Dict(&[optional("PurchaseMethod", Number(&[0, 1]))])),
    optional("ManagementFlags", Number(&[0, 1, 4, 5])),
    optional("Configuration", Dict(&[])),
    optional(
        "Attributes",
        Dict(&[
            optional("VPNUUID", Text),
            optional("ContentFilterUUID", Text),
            optional("DNSProxyUUID", Text),
            optional("RelayUUID", Text),
            optional("AssociatedDomains", Array(&Text)),
            optional("AssociatedDomainsEnableDirectDownloads", Bool),
            optional("Removable", Bool),
            optional("TapToPayScreenLock", Bool),
            optional("CellularSliceUUID", Text),
            optional("Hideable", Bool),
            optional("Lockable", Bool),
        ]),
    ),
    optional("ChangeManagementState", Word(&["Managed"])),
];

const REMOVE_APPLICATION: &[Key] = &[required("Identifier", Text)];

const REMOVE_PROFILE: &[Key] = &[required("Identifier", Text)];

const ERASE_DEVICE: &[Key] = &[
    optional("PreserveDataPlan", Bool),
    optional("DisallowProximitySetup", Bool),
    optional(
        "ReturnToService",
        Dict(&[
            required("Enabled", Bool),
            optional("WiFiProfileData", Data),
            optional("MDMProfileData", Data),
        ]),
    ),
];

const INVITE_TO_PROGRAM: &[Key] = &[required("ProgramID", Text), required("InvitationURL", Text)];

const MANAGED_APPLICATION_LIST: &[Key] = &[optional("Identifiers", Array(&Text))];

const INSTALLED_APPLICATION_LIST: &[Key] = &[
    optional("Identifiers", Array(&Text)),
    optional("ManagedAppsOnly", Bool),
    optional(
        "Items",
        Array(&Word(&[
            "AdHocCodeSigned",
            "AppStoreVendable",
            "BetaApp",
            "BundleSize",
            "DeviceBasedVPP",
            "DistributorIdentifier",
            "DynamicSize",
            "ExternalVersionIdentifier",
            "HasUpdateAvailable",
            "Identifier",
            "Installing",
            "IsAppClip",
            "IsValidated",
            "Name",
            "ShortVersion",
            "Version",
        ])),
    ),
];

const DEVICE_INFORMATION: &[Key] = &[
    required("Queries", Array(&Word(QUERIES))),
    optional("DeviceAttestationNonce", Data),
];

const QUERIES: &[&str] = &[
    "UDID",
    "OrganizationInfo",
    "MDMOptions",
    "LastCloudBackupDate",
    "AwaitingConfiguration",
    "iTunesStoreAccountIsActive",
    "iTunesStoreAccountHash",
    "DeviceName",
    "OSVersion",
    "SupplementalOSVersionExtra",
    "BuildVersion",
    "SupplementalBuildVersion",
    "ModelName",
    "Model",
    "ModelNumber",
    "ProductName",
    "SerialNumber",
    "DeviceCapacity",
    "AvailableDeviceCapacity",
    "IMEI",
    "MEID",
    "ModemFirmwareVersion",
    "CellularTechnology",
    "BatteryLevel",
    "IsSupervised",
    "IsMultiUser",
    "IsDeviceLocatorServiceEnabled",
    "IsActivationLockEnabled",
    "IsDoNotDisturbInEffect",
    "EASDeviceIdentifier",
    "IsCloudBackupEnabled",
    "IsMDMLostModeEnabled",
    "MaximumResidentUsers",
    "EstimatedResidentUsers",
    "QuotaSize",
    "ResidentUsers",
    "UserSessionTimeout",
    "TemporarySessionTimeout",
    "TemporarySessionOnly",
    "ManagedAppleIDDefaultDomains",
    "OnlineAuthenticationGracePeriod",
    "SkipLanguageAndLocaleSetupForNewUsers",
    "PushToken",
    "DiagnosticSubmissionEnabled",
    "AppAnalyticsEnabled",
    "TimeZone",
    "ICCID",
    "BluetoothMAC",
    "WiFiMAC",
    "CurrentCarrierNetwork",
    "SIMCarrierNetwork",
    "SubscriberCarrierNetwork",
    "CarrierSettingsVersion",
    "PhoneNumber",
    "DataRoamingEnabled",
    "VoiceRoamingEnabled",
    "PersonalHotspotEnabled",
    "IsNetworkTethered",
    "IsRoaming",
    "SubscriberMCC",
    "SubscriberMNC",
    "CurrentMCC",
    "CurrentMNC",
    "ServiceSubscriptions",
    "SoftwareUpdateDeviceID",
    "SoftwareUpdateSettings",
    "AccessibilitySettings",
    "DevicePropertiesAttestation",
];

/// The right of the profile that a command needs; 0 for none.
pub fn access_right(request_type: &str) -> i64 {
    match request_type {
        "InstallApplication" | "RemoveApplication" | "InviteToProgram" | "ManagedApplicationList" => 4096,
        "InstalledApplicationList" => 256,
        "RemoveProfile" => 2,
        "EraseDevice" => 8,
        _ => 0,
    }
}

fn keys_of(request_type: &str) -> Option<&'static [Key]> {
    Some(match request_type {
        "InstallApplication" => INSTALL_APPLICATION,
        "RemoveApplication" => REMOVE_APPLICATION,
        "InviteToProgram" => INVITE_TO_PROGRAM,
        "ManagedApplicationList" => MANAGED_APPLICATION_LIST,
        "InstalledApplicationList" => INSTALLED_APPLICATION_LIST,
        "DeviceInformation" => DEVICE_INFORMATION,
        "DeviceConfigured" => &[],
        "RemoveProfile" => REMOVE_PROFILE,
        "EraseDevice" => ERASE_DEVICE,
        _ => return None,
    })
}

/// What is wrong with a command as it came, envelope included; nothing for a good one.
pub fn violations(message: &Dictionary) -> Vec<String> {
    let mut found = Vec::new();
    check(message, &[ENVELOPE], "", &mut found);
    let Some(command) = message.get("Command").and_then(Value::as_dictionary) else {
        return found;
    };
    let request_type = command
        .get("RequestType")
        .and_then(Value::as_string)
        .unwrap_or_default();
    match keys_of(request_type) {
        Some(keys) => check(command, &[COMMON, keys], request_type, &mut found),
        None => found.push(format!("{request_type:?} is no command that a device knows")),
    }
    if request_type == "InstallApplication" {
        let references = ["iTunesStoreID", "Identifier", "ManifestURL"];
        let given = references.iter().filter(|key| command.contains_key(key)).count();
        if given != 1 {
            found.push(format!("InstallApplication names {given} apps instead of one"));
        }
    }
    found
}

/// Whether a key without which the command means nothing is missing or of the wrong type.
pub fn is_malformed(command: &Dictionary) -> bool {
    let request_type = command
        .get("RequestType")
        .and_then(Value::as_string)
        .unwrap_or_default();
    let Some(keys) = keys_of(request_type) else {
        return false;
    };
    for key in keys {
        match command.get(key.name) {
            None if key.required => return true,
            None => continue,
            Some(value) if !has_type(value, key.kind) => return true,
            Some(_) => continue,
        }
    }
    false
}

fn check(dictionary: &Dictionary, tables: &[&[Key]], path: &str, found: &mut Vec<String>) {
    for table in tables {
        for key in *table {
            match dictionary.get(key.name) {
                Some(value) => check_value(value, key.kind, &join(path, key.name), found),
                None if key.required => found.push(format!("{} is missing", join(path, key.name))),
                None => continue,
            }
        }
    }
    for name in dictionary.keys() {
        if !tables.iter().any(|table| table.iter().any(|key| key.name == name)) {
            found.push(format!("{} is not allowed", join(path, name)));
        }
    }
}

fn check_value(value: &Value, kind: Kind, path: &str, found: &mut Vec<String>) {
    if !has_type(value, kind) {
        found.push(format!("{path} has the wrong type"));
        return;
    }
    match kind {
        Number(allowed)
            if value
                .as_signed_integer()
                .is_none_or(|number| !allowed.contains(&number)) =>
        {
            found.push(format!("{path} has a value that is not allowed"));
        }
        Word(allowed) if value.as_string().is_none_or(|word| !allowed.contains(&word)) => {
            found.push(format!(
                "{path} has a value that is not allowed, {:?}",
                value.as_string().unwrap_or_default()
            ));
        }
        Array(item) => {
            for value in value.as_array().into_iter().flatten() {
                check_value(value, *item, path, found);
            }
        }
        Dict(keys) if !keys.is_empty() => {
            if let Some(dictionary) = value.as_dictionary() {
                check(dictionary, &[keys], path, found);
            }
        }
        _ => {}
    }
}

fn has_type(value: &Value, kind: Kind) -> bool {
    match kind {
        Bool => value.as_boolean().is_some(),
        Data => value.as_data().is_some(),
        Text | Word(_) => value.as_string().is_some(),
        Integer | Number(_) => value.as_signed_integer().is_some(),
        Array(_) => value.as_array().is_some(),
        Dict(_) => value.as_dictionary().is_some(),
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_string(),
        path => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(request_type: &str, keys: &[(&str, Value)]) -> Dictionary {
        let mut command = Dictionary::new();
        command.insert("RequestType".into(), request_type.into());
        for (name, value) in keys {
            command.insert((*name).into(), value.clone());
        }
        let mut message = Dictionary::new();
        message.insert("CommandUUID".into(), "1".into());
        message.insert("Command".into(), command.into());
        message
    }

    #[test]
    fn a_good_command_has_nothing_wrong() {
        let good = message(
            "InstallApplication",
            &[
                ("iTunesStoreID", 361_309_726.into()),
                ("ChangeManagementState", "Managed".into()),
            ],
        );

        assert_eq!(violations(&good), Vec::<String>::new());
    }

    #[test]
    fn a_key_of_another_system_is_found() {
        let bad = message(
            "InstallApplication",
            &[("iTunesStoreID", 1.into()), ("InstallAsManaged", true.into())],
        );

        assert_eq!(violations(&bad), ["InstallApplication.InstallAsManaged is not allowed"]);
        assert!(
            !is_malformed(bad["Command"].as_dictionary().unwrap()),
            "a device only ignores it"
        );
    }

    #[test]
    fn a_query_that_no_device_knows_is_found() {
        let queries = Value::Array(vec!["UDID".into(), "ShoeSize".into()]);
        let bad = message("DeviceInformation", &[("Queries", queries)]);

        assert_eq!(
            violations(&bad),
            ["DeviceInformation.Queries has a value that is not allowed, \"ShoeSize\""]
        );
    }

    #[test]
    fn a_command_without_what_it_needs_is_malformed() {
        let bad = message("RemoveApplication", &[]);

        assert!(is_malformed(bad["Command"].as_dictionary().unwrap()));
    }
}
