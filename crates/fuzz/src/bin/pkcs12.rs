//! The identity that a device opens from its profile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mdm::identity::Identity;
use secrecy::SecretString;

fuzz_target!(|bytes: &[u8]| {
    let _ = Identity::from_p12(bytes, &SecretString::from("secret"));
});
