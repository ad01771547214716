mod api;
mod api_with_apple;
mod devices;
mod pressure;
mod server;
