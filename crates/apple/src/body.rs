//! How much of an answer is read.

use reqwest::Response;

use crate::AppleError;

/// Why a body is not there.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// More than was allowed, after decompression. What came up to there is thrown away.
    TooLong { limit_bytes: usize },
    /// It began and did not end: cut on the way, or compressed by somebody who stopped half-way.
    Cut(reqwest::Error),
}

/// Reads the body piece by piece, and gives up as soon as it is larger than `limit_bytes`.
///
/// What travels may be a thousandth of what it becomes, so the limit is on what comes out, and nothing is set aside
/// for what an answer says of its own length.
pub(crate) async fn read(mut response: Response, limit_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(BodyError::Cut)? {
        if body.len() + piece.len() > limit_bytes {
            return Err(BodyError::TooLong { limit_bytes });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

impl From<BodyError> for AppleError {
    fn from(error: BodyError) -> AppleError {
        match error {
            BodyError::TooLong { limit_bytes } => AppleError::Broken(format!("it has more than {limit_bytes} bytes")),
            BodyError::Cut(source) if source.is_timeout() => AppleError::Unreachable { sent: true, source },
            BodyError::Cut(_) => AppleError::Broken("it ends in the middle".to_owned()),
        }
    }
}
