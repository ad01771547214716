//! Certificates of which it was checked that they were issued here.
//!
//! That one was is true for ever, and finding out takes a signature to verify beside the one of the message itself.
//! Whether it is in date is asked each time; whether it still counts is said by the row of its enrolment, which is read
//! each time. Only what was issued here is kept, so nobody else can fill the room that there is.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
};

use mdm::identity::{DeviceCa, IdentityError, Validity};
use mdm::signature::SignerCertificate;

/// Twice so many at most, of some hundred bytes each. More devices than that at once have to be checked again now and then.
const KEPT: usize = 65_536;

/// By the hash of the certificate. The older half goes when the younger one is full; who speaks is young again.
#[derive(Debug, Default)]
pub struct Chains(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    young: HashMap<[u8; 32], Validity>,
    old: HashMap<[u8; 32], Validity>,
}

impl Chains {
    /// When the certificate is good, if the authority issued it for devices.
    pub fn issued(&self, authority: &DeviceCa, signer: &SignerCertificate) -> Result<Validity, IdentityError> {
        let mut sha256 = [0; 32];
        // A hash in hex; of anything else nothing is known.
        if hex::decode_to_slice(&signer.sha256, &mut sha256).is_err() {
            return authority.issued(&signer.der);
        }
        if let Some(validity) = self.known(&sha256) {
            return Ok(validity);
        }
        // Outside of the lock: everybody else goes on meanwhile.
        let validity = authority.issued(&signer.der)?;
        self.keep(sha256, validity, KEPT);
        Ok(validity)
    }

    fn known(&self, sha256: &[u8; 32]) -> Option<Validity> {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validity) = halves.young.get(sha256) {
            return Some(*validity);
        }
        let validity = halves.old.remove(sha256)?;
        halves.young.insert(*sha256, validity);
        Some(validity)
    }

    fn keep(&self, sha256: [u8; 32], validity: Validity, most: usize) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= most {
            halves.old = mem::take(&mut halves.young);
        }
        halves.young.insert(sha256, validity);
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use sha2::{Digest, Sha256};

    use super::*;

    fn signer(der: &[u8]) -> SignerCertificate {
        SignerCertificate {
            der: der.to_vec(),
            sha256: hex::encode(Sha256::digest(der)),
        }
    }

    #[test]
    fn a_certificate_that_is_known_ends_all_the_same_and_a_stranger_never_becomes_known() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let (ours, theirs) = ("ours", "theirs");
        let [ours, theirs] = [ours, theirs].map(|name| DeviceCa::generate(name, now).unwrap());
        let chains = Chains::default();
        let issued = ours.issue("device", now, 30).unwrap().certificate_der;
        let later = now + SignedDuration::from_hours(24 * 31);
        for _ in 0..2 {
            let validity = chains.issued(&ours, &signer(&issued)).unwrap();
            assert!(validity.at(now).is_ok());
            assert!(matches!(validity.at(later), Err(IdentityError::OutOfDate)));
        }
        assert_eq!(chains.0.lock().unwrap().young.len(), 1);
        let stranger = theirs.issue("device", now, 30).unwrap().certificate_der;
        for _ in 0..2 {
            let refused = chains.issued(&ours, &signer(&stranger));
            assert!(matches!(refused, Err(IdentityError::Stranger)));
        }
        assert_eq!(chains.0.lock().unwrap().young.len(), 1);
    }

    #[test]
    fn there_is_room_for_so_many_and_whoever_speaks_stays() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let ours = DeviceCa::generate("ours", now).unwrap();
        let validity = ours
            .issued(&ours.issue("device", now, 30).unwrap().certificate_der)
            .unwrap();
        let chains = Chains::default();
        for number in 0..=255 {
            chains.keep([number; 32], validity, 10);
            assert!(chains.known(&[0; 32]).is_some(), "it speaks all the time");
        }
        let halves = chains.0.lock().unwrap();
        assert!(halves.young.len() <= 11 && halves.old.len() <= 11);
        assert!(!halves.young.contains_key(&[1; 32]) && !halves.old.contains_key(&[1; 32]));
    }
}
