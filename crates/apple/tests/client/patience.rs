//! A long read in front of a service that wants to be left alone, or has trouble, now and then.

use std::collections::BTreeMap;

use axum::response::Response;

use super::*;

/// How often each page was asked for.
type Asked = Arc<Mutex<BTreeMap<i64, usize>>>;

/// A service with these many pages of assets. `answer` may turn down the nth question for a page, from 1.
async fn pages<F>(pages: i64, answer: F) -> (Licensing, Asked)
where
    F: Fn(i64, usize) -> Option<Response> + Clone + Send + Sync + 'static,
{
    let asked = Asked::default();
    let count = Arc::clone(&asked);
    let router = Router::new().route(
        "/assets",
        get(move |Query(query): Query<Vec<(String, String)>>| async move {
            let index = query
                .iter()
                .find(|(name, _)| name == "pageIndex")
                .map_or(0, |(_, at)| at.parse().unwrap());
            let nth = {
                let mut asked = count.lock().unwrap();
                let nth = asked.entry(index).or_default();
                *nth += 1;
                *nth
            };
            match answer(index, nth) {
                Some(response) => response,
                None => Json(page(index, pages, "v1")).into_response(),
            }
        }),
    );
    (client(&serve(router).await), asked)
}

fn throttled(status: u16, number: i32, seconds: Option<&'static str>) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let mut response = match number {
        0 => status.into_response(),
        number => (status, Json(json!({ "errorNumber": number }))).into_response(),
    };
    if let Some(seconds) = seconds {
        response.headers_mut().insert("retry-after", seconds.parse().unwrap());
    }
    response
}

fn all(read: &apple::licensing::Read<apple::wire::ResponseAsset>, pages: i64) {
    let ids: Vec<_> = read.items.iter().map(|asset| asset.adam_id.clone()).collect();
    assert_eq!(ids, (0..pages).map(|index| index.to_string()).collect::<Vec<_>>());
}

/// One 9646 once threw away a read of 183 pages.
#[tokio::test]
async fn a_read_that_is_throttled_waits_and_goes_on_from_its_page() {
    let (licensing, asked) = pages(20, |index, nth| match (index, nth) {
        (0, 1) => Some(throttled(503, 9729, Some("1"))),
        (4, 1) => Some(throttled(429, 9646, Some("1"))),
        (9, 1) => Some(throttled(200, 9646, Some("0"))),
        (13, 1) => Some(throttled(503, 0, Some("1"))),
        (13, 2) => Some(throttled(429, 0, Some("0"))),
        (17, 1) => Some(throttled(503, 0, None)),
        _ => None,
    })
    .await;
    all(&licensing.assets().await.unwrap(), 20);
    let asked = asked.lock().unwrap();
    let again: Vec<_> = asked
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(index, times)| (*index, *times))
        .collect();
    assert_eq!(
        again,
        [(0, 2), (4, 2), (9, 2), (13, 3), (17, 2)],
        "and no page that was read"
    );
}

/// The pace is shared, so the others do not go on asking meanwhile.
#[tokio::test]
async fn a_pause_holds_for_everybody_who_shares_the_pace() {
    let (licensing, _) = pages(1, |_, nth| (nth == 1).then(|| throttled(429, 9646, Some("2")))).await;
    assert!(matches!(
        licensing.assets_version().await,
        Err(AppleError::Throttled { wait: Some(_) })
    ));
    let start = std::time::Instant::now();
    licensing.clone().assets_version().await.unwrap();
    assert!(start.elapsed() > Duration::from_millis(1500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_read_that_is_throttled_for_ever_comes_to_an_end() {
    let (licensing, asked) = pages(9, |index, _| (index == 3).then(|| throttled(429, 9646, Some("0")))).await;
    let read = licensing.assets().await;
    assert!(matches!(read, Err(AppleError::Throttled { .. })), "{read:?}");
    assert_eq!(asked.lock().unwrap()[&3], 6);

    // Pages that are turned down in turn are counted together.
    let (licensing, asked) = pages(200, |index, nth| {
        (index > 0 && nth < 4).then(|| throttled(503, 9729, Some("0")))
    })
    .await;
    let read = licensing.assets().await;
    assert!(matches!(read, Err(AppleError::Throttled { .. })), "{read:?}");
    assert!(asked.lock().unwrap().len() < 30);

    // Nobody sits here for an hour.
    let (licensing, asked) = pages(9, |index, _| (index == 3).then(|| throttled(503, 9729, Some("3600")))).await;
    let read = licensing.assets().await;
    assert!(matches!(read, Err(AppleError::Throttled { wait: Some(_) })), "{read:?}");
    assert_eq!(asked.lock().unwrap()[&3], 1);
}

#[tokio::test]
async fn one_bad_page_does_not_throw_away_the_others() {
    let (licensing, asked) = pages(9, |index, nth| match (index, nth) {
        (2, 1 | 2) => Some(throttled(500, 9603, None)),
        (4, 1) => Some("<html>a proxy speaks</html>".into_response()),
        (5, 1) => Some("{\"assets\":[{\"adamId\":".into_response()),
        (6, 1) => Some(throttled(502, 0, None)),
        (7, 1) => Some(Json(json!({ "uId": "7001" })).into_response()),
        _ => None,
    })
    .await;
    all(&licensing.assets().await.unwrap(), 9);
    assert_eq!(asked.lock().unwrap()[&0], 1);

    let (licensing, asked) = pages(9, |index, _| (index == 3).then(|| throttled(500, 9603, None))).await;
    let read = licensing.assets().await;
    assert!(matches!(read, Err(AppleError::Trouble { status: 500, .. })), "{read:?}");
    assert_eq!(asked.lock().unwrap()[&3], 3);

    // What is wrong with the token or the location is not asked again: it says the same.
    let (licensing, asked) = pages(9, |index, _| (index == 3).then(|| throttled(401, 9625, None))).await;
    assert!(matches!(licensing.assets().await, Err(AppleError::TokenRevoked)));
    assert_eq!(asked.lock().unwrap()[&3], 1);
}

/// Whether a write may be repeated nobody knows here.
#[tokio::test]
async fn a_write_is_never_repeated() {
    for (status, number, seconds) in [
        (429, 9646, Some("0")),
        (503, 9729, Some("0")),
        (503, 0, None),
        (500, 9603, None),
        (500, 0, None),
        (200, 0, None),
    ] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let router = Router::new().fallback(move || {
            count.fetch_add(1, Ordering::SeqCst);
            async move { throttled(status, number, seconds) }
        });
        let licensing = client(&serve(router).await);
        assert!(licensing.associate(&ManageAssets::default()).await.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{status} {number}");
    }
}

/// Who goes away while it waits leaves nothing behind: no request, and no turn that is taken.
#[tokio::test]
async fn a_read_can_be_given_up_while_it_waits() {
    let (licensing, asked) = pages(3, |index, nth| {
        (index == 1 && nth == 1).then(|| throttled(429, 9646, Some("2")))
    })
    .await;
    let given_up = tokio::time::timeout(Duration::from_millis(1000), licensing.assets()).await;
    assert!(given_up.is_err(), "{given_up:?}");
    let before = asked.lock().unwrap().clone();
    all(&licensing.assets().await.unwrap(), 3);
    let after = asked.lock().unwrap().clone();
    assert_eq!((before[&1], after[&1], after[&0]), (1, 2, 2));
}
