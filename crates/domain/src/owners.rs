//! Who has which devices.

use std::collections::BTreeMap;

use crate::{Device, PersonId, World};

/// Who has which devices.
pub(crate) struct Owners<'w> {
    here: BTreeMap<PersonId, Vec<&'w Device>>,
    away: BTreeMap<PersonId, Vec<&'w Device>>,
}

impl<'w> Owners<'w> {
    pub(crate) fn of(world: &'w World) -> Owners<'w> {
        let mut owners = Owners {
            here: BTreeMap::new(),
            away: BTreeMap::new(),
        };
        for device in world.devices.values() {
            let devices = match device.is_away() {
                true => &mut owners.away,
                false => &mut owners.here,
            };
            devices.entry(device.person).or_default().push(device);
        }
        owners
    }

    /// Without those that are away: what we installed there went with the profile, or counts as gone.
    pub(crate) fn devices(&self, person: PersonId) -> &[&'w Device] {
        self.here.get(&person).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn away(&self, person: PersonId) -> &[&'w Device] {
        self.away.get(&person).map_or(&[], Vec::as_slice)
    }
}
