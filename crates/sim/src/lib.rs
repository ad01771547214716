//! Apple and a fleet of devices, simulated, with their faults.

pub mod apple;
mod clock;
pub mod devices;
mod facts;
mod rng;
