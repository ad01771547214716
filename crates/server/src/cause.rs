//! Why something failed: the whole chain of causes, said once, with the request that it belongs to.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

pub use apple::Chain;
use store::StoreError;

/// Whether an error comes from a database that does not work at the moment.
pub fn is_outage(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<StoreError>().is_some_and(StoreError::is_outage) {
            return true;
        }
        next = error.source();
    }
    false
}

tokio::task_local! {
    /// The request that is being answered.
    pub static REQUEST: Arc<Request>;
}

/// A request, for the log and for whoever is told that it failed.
#[derive(Debug)]
pub struct Request {
    /// Also in the answer, as `X-Request-Id`.
    pub id: String,
    cause: Mutex<Option<Cause>>,
}

/// Why a request failed.
#[derive(Debug, Clone)]
pub struct Cause {
    pub chain: String,
    pub outage: bool,
}

impl Request {
    pub fn new(id: String) -> Request {
        Request {
            id,
            cause: Mutex::new(None),
        }
    }

    pub fn cause(&self) -> Option<Cause> {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The id of the request that is being answered, if one is.
pub fn request_id() -> Option<String> {
    REQUEST.try_with(|request| request.id.clone()).ok()
}

/// Keeps why the request fails, for the one line that is written when it is answered.
pub fn note(error: &(dyn Error + 'static)) {
    let cause = Cause {
        chain: Chain(error).to_string(),
        outage: is_outage(error),
    };
    let kept = REQUEST.try_with(|request| {
        *request.cause.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause.clone());
    });
    if kept.is_err() {
        tracing::error!(error = cause.chain, "something failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::AppError;

    #[test]
    fn the_chain_names_every_cause_once() {
        let error = AppError::Store(StoreError::Silent(std::time::Duration::from_secs(10)));
        assert_eq!(
            Chain(&error).to_string(),
            "the database did not do what was asked: the database did not answer within 10s"
        );
        assert!(is_outage(&error));
        assert!(!is_outage(&AppError::Store(StoreError::Conflict)));
    }
}
