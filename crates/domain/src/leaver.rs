//! Somebody who leaves the organisation or comes back, and a device that leaves: what that changes at once.
//!
//! They are in no group, have asked for nothing, and nothing reaches them any more. That apps go, and then licences, is for
//! the [`plan`](crate::plan()) to say, as of everybody to whom nothing is due.

use std::collections::BTreeSet;

use crate::{Asset, DeviceId, Enrolment, GroupId, PersonId, Program, World};

/// Somebody who leaves, and what becomes of their devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaver {
    pub person: PersonId,
    pub devices: LeaverDevices,
}

/// What becomes of the devices of somebody who leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaverDevices {
    /// They are retired: everything that was managed goes, and then the profile.
    Retire,
    /// They stay enrolled, without the person's apps, until somebody retires them.
    Keep,
}

/// What becomes of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// It is told to leave.
    Retires,
    /// It never finished its enrolment, and is taken out.
    TakenOut,
    /// It is to leave already.
    LeavesAlready,
    /// It stays enrolled, without the person's apps.
    Stays,
}

impl LeaverDevices {
    /// What becomes of a device that is with us so; `None` when it is not any more.
    pub fn parting(self, enrolment: Enrolment) -> Option<Parting> {
        match (enrolment, self) {
            (Enrolment::Enrolled, LeaverDevices::Retire) => Some(Parting::Retires),
            (Enrolment::Enrolled, LeaverDevices::Keep) => Some(Parting::Stays),
            (Enrolment::Pending, _) => Some(Parting::TakenOut),
            (Enrolment::Retiring | Enrolment::Wiping, _) => Some(Parting::LeavesAlready),
            (Enrolment::Retired | Enrolment::Wiped | Enrolment::Removed | Enrolment::Gone, _) => None,
        }
    }
}

/// Somebody who comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returner {
    pub person: PersonId,
    /// How far they are with Apple then: whom Apple was not asked yet to retire it is not asked to.
    pub program: Program,
    /// The groups whose rules let them in.
    pub groups: BTreeSet<GroupId>,
}

impl Returner {
    pub(crate) fn returns(&self, world: &mut World) {
        let Some(person) = world.people.get_mut(&self.person) else {
            return;
        };
        person.left = false;
        person.program = self.program;
        for group in &self.groups {
            if let Some(group) = world.groups.get_mut(group) {
                group.people.insert(self.person);
            }
        }
    }
}

/// How a device leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceExit {
    /// It is told to leave: its apps go, then its management profile.
    Retires,
    /// It is told to become as new.
    IsWiped,
    /// Without its own doing: it is lost.
    IsTakenOut,
}

impl DeviceExit {
    /// How a device is with us then that is with us so; `None` where it stays what it is.
    pub fn enrolment(self, is: Enrolment) -> Option<Enrolment> {
        match (self, is) {
            (DeviceExit::Retires, Enrolment::Enrolled) => Some(Enrolment::Retiring),
            (DeviceExit::IsWiped, Enrolment::Enrolled | Enrolment::Retiring) => Some(Enrolment::Wiping),
            (DeviceExit::IsTakenOut, is) if !is.is_over() => Some(Enrolment::Removed),
            _ => None,
        }
    }
}

/// A device that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeavingDevice {
    pub device: DeviceId,
    pub exit: DeviceExit,
}

impl LeavingDevice {
    pub(crate) fn leaves(&self, world: &mut World) {
        if let Some(device) = world.devices.get_mut(&self.device)
            && let Some(enrolment) = self.exit.enrolment(device.enrolment)
        {
            device.enrolment = enrolment;
        }
    }
}

impl Leaver {
    pub(crate) fn leaves(&self, world: &mut World, app: &mut Asset) {
        if let Some(person) = world.people.get_mut(&self.person) {
            person.left = true;
        }
        for group in world.groups.values_mut() {
            group.people.remove(&self.person);
        }
        app.requests.remove(&self.person);
        for device in world.devices.values_mut().filter(|device| device.person == self.person) {
            match self.devices.parting(device.enrolment) {
                Some(Parting::Retires) => device.enrolment = Enrolment::Retiring,
                Some(Parting::TakenOut) => device.enrolment = Enrolment::Removed,
                Some(Parting::LeavesAlready | Parting::Stays) | None => {}
            }
        }
    }
}
