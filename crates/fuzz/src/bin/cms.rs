//! The signature of a device over what it sends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mdm::signature;

fuzz_target!(|bytes: &[u8]| {
    // The header, and the body that it is about.
    let middle = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (header, body) = bytes.split_at(middle);
    let header = String::from_utf8_lossy(header);
    let body = body.get(1..).unwrap_or_default();
    if signature::verify(&header, body).is_ok() {
        // It is about this body only.
        let mut other = body.to_vec();
        other.push(0);
        assert!(signature::verify(&header, &other).is_err(), "a signature of two bodies");
    }
});
