mod accounts;
mod api;
mod api_with_apple;
mod devices;
mod input;
mod outage;
mod pressure;
mod server;
