mod api;
mod api_with_apple;
mod server;
