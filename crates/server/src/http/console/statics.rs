//! Style sheet, script and mark: part of the program, kept by browsers for good under an address with their content in it.

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// Half of a SHA-256 of each file, for its address.
static VERSIONS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    Assets::iter()
        .filter_map(|name| {
            let file = Assets::get(&name)?;
            let version = file.metadata.sha256_hash()[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            Some((name.into_owned(), version))
        })
        .collect()
});

/// The address of a file. It changes with the content.
pub fn url(file: &str) -> String {
    match VERSIONS.get(file) {
        Some(version) => format!("/static/{file}?v={version}"),
        None => format!("/static/{file}"),
    }
}

pub async fn serve(Path(name): Path<String>) -> Response {
    let Some(file) = Assets::get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let media_type = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_page_has_its_content_in_its_address() {
        for file in ["console.css", "console.js", "mark.svg"] {
            let url = url(file);
            let version = url.split_once("?v=").unwrap_or_else(|| panic!("{file} is not there")).1;
            assert_eq!(version.len(), 16, "{url}");
        }
    }

    #[tokio::test]
    async fn a_file_is_kept_for_good_and_another_is_not_found() {
        let response = serve(Path("console.css".to_owned())).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
        assert!(
            response.headers()[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        assert_eq!(
            serve(Path("../Cargo.toml".to_owned())).await.status(),
            StatusCode::NOT_FOUND
        );
    }
}
