//! What carries a request to Apple: the network, or whoever stands in for it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::{Client, Request, RequestBuilder, Response};

/// Stands in for the network: a simulation that decides when a request arrives, and what becomes of its answer.
///
/// What it is given, and what it gives back, are whole requests and answers: they are written and read as always.
pub trait Carrier: Send + Sync {
    fn carry(&self, request: Request) -> BoxFuture<'_, Result<Response, reqwest::Error>>;
}

/// The way to Apple's services.
#[derive(Clone)]
pub struct Http {
    client: Client,
    carrier: Option<Arc<dyn Carrier>>,
}

impl Http {
    /// Over the network.
    pub fn network() -> Http {
        crate::http_client().into()
    }

    /// Every request is written by `client` and goes to `carrier`, and none onto the network.
    pub fn carried_by(client: Client, carrier: Arc<dyn Carrier>) -> Http {
        Http {
            client,
            carrier: Some(carrier),
        }
    }

    pub(crate) fn get(&self, url: &str) -> RequestBuilder {
        self.client.get(url)
    }

    pub(crate) fn post(&self, url: &str) -> RequestBuilder {
        self.client.post(url)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        match &self.carrier {
            None => request.send().await,
            Some(carrier) => carrier.carry(request.build()?).await,
        }
    }
}

impl From<Client> for Http {
    fn from(client: Client) -> Http {
        Http { client, carrier: None }
    }
}
