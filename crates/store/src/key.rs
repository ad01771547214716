//! Secrets are sealed before they reach the database, and opened after they left it (P7).

use std::{fs, io::Write, path::Path};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;
use std::sync::Arc;

use crate::{Store, StoreError, db::values};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
type Mac = Hmac<Sha256>;

/// The name of a secret that only says whether this is the right key.
const CANARY: &str = "canary";

/// Opens every secret in the database. Kept in a file of its own, never beside them.
#[derive(Clone)]
pub struct MasterKey(Arc<SecretBox<[u8; KEY_BYTES]>>);

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("it cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    #[error("it does not hold 64 hexadecimal digits")]
    Malformed,
    #[error("others than its owner may read it; run chmod 600 on it")]
    Open,
}

impl MasterKey {
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> MasterKey {
        MasterKey(Arc::new(SecretBox::new(Box::new(bytes))))
    }

    /// Reads the key, or makes one when there is no such file. Make a copy of it: without it no secret opens.
    pub fn load_or_create(path: &Path) -> Result<MasterKey, KeyError> {
        match MasterKey::load(path)? {
            Some(key) => Ok(key),
            None => MasterKey::create(path),
        }
    }

    /// Reads the key. `None` when there is no such file.
    pub fn load(path: &Path) -> Result<Option<MasterKey>, KeyError> {
        if !path.exists() {
            return Ok(None);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
                return Err(KeyError::Open);
            }
        }
        let text = fs::read_to_string(path)?;
        let bytes = hex::decode(text.trim()).map_err(|_| KeyError::Malformed)?;
        let bytes = bytes.try_into().map_err(|_| KeyError::Malformed)?;
        Ok(Some(MasterKey::from_bytes(bytes)))
    }

    #[expect(clippy::disallowed_methods, reason = "a key must not be in anybody's hand")]
    fn create(path: &Path) -> Result<MasterKey, KeyError> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| KeyError::Io(std::io::Error::other(error.to_string())))?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(path)?;
        writeln!(file, "{}", hex::encode(bytes))?;
        file.sync_all()?;
        Ok(MasterKey::from_bytes(bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose_secret().into())
    }

    /// `place` (`locations/ID/token`) is sealed in: a secret moved to another row does not open there.
    #[expect(
        clippy::disallowed_methods,
        reason = "a nonce that came twice would open what it sealed"
    )]
    pub(crate) fn seal(&self, place: &str, secret: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the operating system has no randomness");
        let payload = Payload {
            msg: secret,
            aad: place.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far shorter than the cipher's limit");
        [nonce.as_slice(), &sealed].concat()
    }

    /// A key for one purpose: whoever learns it learns neither the master key nor the key for another purpose.
    fn derived(&self, purpose: &str) -> Mac {
        let mut mac = Mac::new_from_slice(self.0.expose_secret()).expect("a MAC takes a key of any length");
        mac.update(purpose.as_bytes());
        Mac::new_from_slice(&mac.finalize().into_bytes()).expect("a MAC takes a key of any length")
    }

    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(StoreError::Sealed)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| StoreError::Sealed)?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        self.cipher()
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::Sealed)
    }

    /// What was sealed as text.
    pub(crate) fn open_text(&self, place: &str, sealed: &[u8]) -> Result<SecretString, StoreError> {
        let text = String::from_utf8(self.open(place, sealed)?);
        text.map(SecretString::from).map_err(|_| StoreError::Sealed)
    }
}

impl Store {
    /// Proves that `message` is ours, for one purpose: whoever has no master key cannot make it.
    pub fn mac(&self, purpose: &str, message: &str) -> Vec<u8> {
        self.key
            .derived(purpose)
            .chain_update(message)
            .finalize()
            .into_bytes()
            .to_vec()
    }

    /// Whether [`Store::mac`] made this of the same; takes as long for a wrong one as for a right one.
    pub fn mac_is(&self, purpose: &str, message: &str, mac: &[u8]) -> bool {
        self.key
            .derived(purpose)
            .chain_update(message)
            .verify_slice(mac)
            .is_ok()
    }

    /// Fails at the start, and with a clear word, when the key file is not the one of this database.
    pub(crate) async fn check_key(&self) -> Result<(), StoreError> {
        if self.key_opens().await? {
            return Ok(());
        }
        self.secret_once(CANARY, b"the key is right").await?;
        Ok(())
    }

    /// Whether a secret was opened with the key. `false` when there is none yet: the first start has not come to its end.
    pub(crate) async fn key_opens(&self) -> Result<bool, StoreError> {
        Ok(self.secret(CANARY).await?.is_some())
    }

    /// Keeps a secret unless there is one of this name, and says which one is kept. So servers that start for the
    /// first time at the same moment agree on one.
    pub async fn secret_once(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, StoreError> {
        let sealed = self.key.seal(&format!("secrets/{name}"), secret);
        let mut tx = self.begin().await?;
        tx.run(
            "INSERT INTO secrets (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            values![name, sealed],
        )
        .await?;
        tx.commit().await?;
        self.secret(name).await?.ok_or(StoreError::Conflict)
    }

    /// A secret of the installation, by name.
    pub async fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sealed = self
            .reader()
            .await?
            .conn()
            .one("SELECT sealed FROM secrets WHERE name = $1", values![name], |row| {
                row.bytes("sealed")
            })
            .await?;
        sealed
            .map(|sealed| self.key.open(&format!("secrets/{name}"), &sealed))
            .transpose()
    }
}
