//! Connections: taken in, given a time for everything they do, and closed.
//!
//! The server speaks HTTP/1.1 to the proxy in front of it, and nothing else. Whoever is slow or silent costs one
//! connection for a while: a new one for `head_timeout`, one between two requests for `idle_timeout`, one that is
//! being answered for `answer_timeout`. When all are taken, those that only wait make room for those who come.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
};
use http_body::{Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tower::ServiceExt;

use crate::{cause::Chain, config::HttpConfig};

/// `Mdm-Signature` takes up to 8 KB, cookies and the rest of a request far less.
const HEAD_BYTES: usize = 32 * 1024;
/// When the server is full, who has not said a whole request for so long makes room.
const PATIENCE_WHEN_FULL: Duration = Duration::from_secs(1);
/// How often a full server asks the waiting ones to make room.
const FULL_FOR: Duration = Duration::from_millis(250);
/// After the system refused a connection, for want of file descriptors most likely.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Answers requests until `stop` says so; then lets what is under way come to its end, and closes.
pub async fn serve(listener: TcpListener, router: Router, config: HttpConfig, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(config.connections));
    let full = watch::Sender::new(());
    let mut open = JoinSet::new();
    let mut refused = false;
    loop {
        while open.try_join_next().is_some() {}
        if slots.available_permits() == 0 {
            full.send_replace(());
        }
        let slot = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            slot = timeout(FULL_FOR, slots.clone().acquire_owned()) => match slot {
                Ok(Ok(slot)) => slot,
                _ => continue,
            },
        };
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                refused = false;
                let connection = attend(
                    stream,
                    peer,
                    router.clone(),
                    config.clone(),
                    stop.clone(),
                    full.subscribe(),
                );
                open.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Once, not for each of thousands.
                if !std::mem::replace(&mut refused, true) {
                    tracing::error!(error = %Chain(&error), "the system gives no connection; http.connections may be above its limit");
                }
                full.send_replace(());
                sleep(AFTER_REFUSAL).await;
            }
        }
    }
    drop(listener);
    let all_gone = async { while open.join_next().await.is_some() {} };
    if timeout(config.stop_within, all_gone).await.is_err() {
        tracing::warn!(
            connections = open.len(),
            "requests did not come to their end in time and are cut off"
        );
        open.shutdown().await;
    }
}

async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    config: HttpConfig,
    mut stop: watch::Receiver<bool>,
    mut full: watch::Receiver<()>,
) {
    let _ = stream.set_nodelay(true);
    let activity = Activity::new();
    let service = service_fn({
        let activity = activity.clone();
        move |mut request: hyper::Request<Incoming>| {
            activity.is(Phase::Reading);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(activity.clone());
            let until_sent = UntilSent(activity.clone());
            let answer = router.clone().oneshot(request.map(Body::new));
            async move {
                let Ok(response) = answer.await;
                Ok::<_, Infallible>(response.map(|body| Watched {
                    body,
                    _until_sent: until_sent,
                }))
            }
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // Ours tells a client that begins from one that pauses, and is no line in the log for each.
            .header_read_timeout(None)
            .max_buf_size(2 * HEAD_BYTES)
            .max_header_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut stopping = false;
    loop {
        // What the connection does may shorten its time: look more often than once.
        let look_again = activity.deadline(&config).min(Instant::now() + config.head_timeout);
        tokio::select! {
            // A client that breaks off, or speaks something else, has its answer: none.
            _ = connection.as_mut() => return,
            () = sleep_until(look_again) => {
                if activity.deadline(&config) <= Instant::now() {
                    return;
                }
            }
            _ = full.changed() => {
                if activity.makes_room() {
                    return;
                }
            }
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                if activity.waits() {
                    return;
                }
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What a connection does, and since when. A request has it among its extensions.
#[derive(Clone)]
pub struct Activity(Arc<Mutex<(Phase, Instant)>>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing came yet.
    New,
    /// A request has begun; its body may be on its way.
    Reading,
    /// The whole request is there.
    Answering,
    /// The answer is sent.
    Idle,
}

impl Activity {
    fn new() -> Activity {
        Activity(Arc::new(Mutex::new((Phase::New, Instant::now()))))
    }

    pub fn is(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (phase, Instant::now());
    }

    fn now(&self) -> (Phase, Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadline(&self, config: &HttpConfig) -> Instant {
        let (phase, since) = self.now();
        since
            + match phase {
                Phase::New => config.head_timeout,
                Phase::Reading => config.body_timeout + config.answer_timeout,
                Phase::Answering => config.answer_timeout,
                Phase::Idle => config.idle_timeout,
            }
    }

    /// No request is under way.
    fn waits(&self) -> bool {
        matches!(self.now().0, Phase::New | Phase::Idle)
    }

    fn makes_room(&self) -> bool {
        let (phase, since) = self.now();
        phase != Phase::Answering && since.elapsed() >= PATIENCE_WHEN_FULL
    }
}

/// Dropped with the last byte of the answer, or with the request when there will be none.
struct UntilSent(Activity);

impl Drop for UntilSent {
    fn drop(&mut self) {
        self.0.is(Phase::Idle);
    }
}

/// An answer that tells when it is sent.
struct Watched {
    body: Body,
    _until_sent: UntilSent,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
