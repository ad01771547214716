//! What devices say and hear over Apple's MDM protocol, in both directions: the server reads what a simulated
//! device writes, and the other way round. Knows nothing of licences.

pub mod checkin;
pub mod command;
pub mod errors;
pub mod identity;
mod pem;
pub mod plist;
pub mod profile;
pub mod report;
pub mod signature;
pub mod signed;
pub mod signing;
pub mod text;

/// A message that lacks what it must have, or has it in the wrong form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message has no usable {0}")]
pub struct Missing(pub &'static str);
