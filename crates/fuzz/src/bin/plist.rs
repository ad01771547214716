//! What devices send: property lists, and the messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mdm::{
    checkin::CheckIn,
    plist::{self},
    report::Report,
};

/// More than any name or id of a device may have once it is read.
const LONGEST_TEXT: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let Ok(dictionary) = plist::parse(bytes) else { return };
    // What was read can be written, and is read as the same.
    let written = plist::write(&dictionary);
    if let Ok(again) = plist::parse(&written) {
        assert_eq!(plist::write(&again), written);
    }
    if let Ok(CheckIn::Authenticate(said)) = CheckIn::parse(&dictionary) {
        for text in [said.device_name, said.product_name, said.serial_number]
            .into_iter()
            .flatten()
        {
            assert!(text.len() <= LONGEST_TEXT, "{} bytes of a name", text.len());
            assert!(!text.contains('\0'), "a NUL in a name");
        }
    }
    if let Ok(report) = Report::parse(dictionary) {
        let _ = (report.managed_apps(), report.device_information());
        let _ = (report.rejection_reason(), report.invitation_result());
    }
});
