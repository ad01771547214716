//! What the product can do (`app`), the loops that close the gap between what is wanted and what is
//! (`tasks`), and the doors to it (`http`).
//!
//! A request, a command line or a loop calls a function of [`app::App`]; only `app` and `tasks` write to
//! the store, and they never wait for the network inside a transaction.

pub mod app;
pub mod cause;
pub mod clock;
pub mod config;
pub mod gate;
pub mod http;
pub mod messages;
pub mod reasons;
pub mod serve;
pub mod tasks;

pub use app::App;
pub use clock::{Clock, Random};
pub use config::Config;
pub use serve::{Running, serve};
