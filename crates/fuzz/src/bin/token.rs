//! The file that an administrator uploads as Apple's content token.
#![no_main]

use apple::token::ContentToken;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match ContentToken::parse(bytes) {
        Ok(token) => assert!(!format!("{token:?}").contains(secrecy::ExposeSecret::expose_secret(&token.text))),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
