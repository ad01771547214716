//! Icons come from where they may come from.

use apple::icons::{IconHost, Icons};
use axum::body::Body;
use futures_util::stream;

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

fn from(url: &str) -> Icons {
    let host: IconHost = url.trim_start_matches("http://").parse().unwrap();
    Icons::new(&[host])
}

/// The address of an icon is what somebody else's answer says: it must not lead this server to its own neighbours.
#[tokio::test]
async fn an_icon_is_not_asked_for_inside_unless_an_administrator_wrote_the_host_down() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let url = serve(Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { PNG }
    }))
    .await;
    for place in [
        url.clone(),
        url.replace("127.0.0.1", "localhost"),
        url.replace("http", "https"),
    ] {
        let error = Icons::new(&[]).fetch(&format!("{place}/a.png")).await.unwrap_err();
        assert!(error.to_string().contains("icons do not come from"), "{error}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    let (media_type, bytes) = from(&url).fetch(&format!("{url}/a.png")).await.unwrap();
    assert_eq!((media_type.as_str(), bytes.as_slice()), ("image/png", PNG));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_icon_does_not_come_from_where_a_redirect_leads() {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    let inside = serve(Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { PNG }
    }))
    .await;
    let url = serve(Router::new().fallback(move |request: Request| {
        let inside = inside.clone();
        async move {
            match request.uri().path() {
                "/moved" => (StatusCode::FOUND, [("location", "/here".to_owned())]).into_response(),
                "/here" => PNG.into_response(),
                _ => (StatusCode::FOUND, [("location", format!("{inside}/a.png"))]).into_response(),
            }
        }
    }))
    .await;
    let icons = from(&url);
    assert!(icons.fetch(&format!("{url}/away")).await.is_err());
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    assert!(
        icons.fetch(&format!("{url}/moved")).await.is_ok(),
        "the same host may move it"
    );
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_no_icon() {
    let url = serve(Router::new().fallback(|request: Request| async move {
        match request.uri().path() {
            "/script.png" => ([("content-type", "image/png")], "<svg onload=alert(1)>").into_response(),
            "/empty.png" => ([("content-type", "image/png")], "").into_response(),
            _ => {
                let piece = || Ok::<_, std::io::Error>(PNG.repeat(1000));
                Body::from_stream(stream::repeat_with(piece)).into_response()
            }
        }
    }))
    .await;
    for name in ["script.png", "empty.png", "endless.png"] {
        let answer = from(&url).fetch(&format!("{url}/{name}")).await;
        assert!(matches!(answer, Err(AppleError::Broken(_))), "{name}: {answer:?}");
    }
}
