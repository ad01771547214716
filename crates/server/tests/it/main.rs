#![expect(
    clippy::disallowed_methods,
    reason = "tests ask the machine how long something took, and for names that are new"
)]

mod account_api;
mod account_pages;
mod accounts;
mod api;
mod api_with_apple;
mod apple_trouble;
mod bulk;
mod changes;
mod conflicts;
mod crowds;
mod devices;
mod input;
mod invitations;
mod kept;
mod leavers;
mod leaving;
mod leaving_previews;
mod limits;
mod lists;
mod members;
mod moving_up;
mod names;
mod operations;
mod outage;
mod polls;
mod pressure;
mod previews;
mod reclaim;
mod routes;
mod rule_sets;
mod server;
mod settings_previews;
mod stopped;
mod targets;
mod time;
mod updates;
mod versions;
mod why;
