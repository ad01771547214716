//! The whole product: real sockets, real databases, a simulated Apple behind the real protocol, a real browser.

#![expect(
    clippy::disallowed_methods,
    reason = "tests ask the machine how long something took, and for names that are new"
)]

mod architecture;
mod bench;
mod browser;
mod buttons;
mod commands;
mod demo;
mod device_licences;
mod devices;
mod doctor;
mod elsewhere;
mod farewells;
mod faults;
mod kept;
mod kill;
mod lab;
mod leavers;
mod leaving;
mod limits;
mod lists;
mod memory;
mod moving_up;
mod nobody;
mod notifications;
mod pace;
mod people;
mod previews;
mod process;
mod reclaim;
mod refusals;
mod restore;
mod retries;
mod scarce;
mod servers;
mod starts;
mod stop;
mod stopped;
mod story;
mod three;
mod time;
mod token_troubles;
mod tokens;
mod updates;
mod why;

// What has to be true whatever happened: the simulation asks for the same.
use world::{derived, oracle};
