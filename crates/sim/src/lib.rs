//! Apple and a fleet of devices, simulated, with their faults.

pub mod apple;
pub mod devices;
