//! Text that holds DER.

use der::Document;

/// What the first block of the text holds.
pub fn body(text: &str) -> der::Result<Vec<u8>> {
    let (_, der) = Document::from_pem(text)?;
    Ok(der.as_bytes().to_vec())
}
