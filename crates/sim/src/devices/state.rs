//! The fleet in memory and in its file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::device::Device;
use super::profile::DeviceIdentity;

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("the fleet has stopped")]
    Stopped,
    #[error("no device has the serial number {0}")]
    UnknownDevice(String),
    #[error("could not write the state file")]
    File(#[source] io::Error),
}

pub struct State {
    /// Up to where the pushes have been read.
    pub cursor: u64,
    /// By serial number.
    pub slots: BTreeMap<String, Slot>,
    file: Option<PathBuf>,
    stopped: bool,
}

pub struct Slot {
    pub device: Device,
    /// Held by whoever speaks for the device.
    pub turn: Arc<tokio::sync::Mutex<()>>,
    /// Opened once: that takes long.
    pub identity: Option<Arc<DeviceIdentity>>,
    /// The device as it stands in the file; none when it has changed since.
    saved: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct File {
    cursor: u64,
    devices: Vec<Device>,
}

impl Slot {
    fn new(device: Device) -> Self {
        Slot {
            device,
            turn: Arc::default(),
            identity: None,
            saved: None,
        }
    }
}

impl State {
    pub fn load(file: Option<PathBuf>) -> io::Result<State> {
        let known = match &file {
            Some(path) => read(path)?,
            None => None,
        };
        let known = known.unwrap_or(File {
            cursor: 0,
            devices: Vec::new(),
        });
        let mut slots = BTreeMap::new();
        for device in known.devices {
            slots.insert(device.spec.serial.clone(), Slot::new(device));
        }
        Ok(State {
            cursor: known.cursor,
            slots,
            file,
            stopped: false,
        })
    }

    /// Nothing changes any more, and nothing is written, from here on.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    pub fn insert(&mut self, device: Device) -> Result<(), StateError> {
        self.slots.insert(device.spec.serial.clone(), Slot::new(device));
        self.save()
    }

    /// Changes one device, and saves before anybody can act on it.
    pub fn change<T>(&mut self, serial: &str, act: impl FnOnce(&mut Slot) -> T) -> Result<T, StateError> {
        if self.stopped {
            return Err(StateError::Stopped);
        }
        let slot = self
            .slots
            .get_mut(serial)
            .ok_or_else(|| StateError::UnknownDevice(serial.into()))?;
        slot.saved = None;
        let done = act(slot);
        self.save()?;
        Ok(done)
    }

    /// Hands pushes out, and saves how far they have been read.
    pub fn hear(&mut self, pushes: &[super::store::Push], last: u64) -> Result<(), StateError> {
        if self.stopped {
            return Err(StateError::Stopped);
        }
        for slot in self.slots.values_mut() {
            let token = slot.device.token_hex();
            for push in pushes {
                if !token.is_empty() && push.token.eq_ignore_ascii_case(&token) {
                    slot.device.push(&push.magic);
                    slot.saved = None;
                }
            }
        }
        self.cursor = last;
        self.save()
    }

    /// Writes what changed since the last time, beside the file and then in its place.
    fn save(&mut self) -> Result<(), StateError> {
        if self.stopped {
            return Err(StateError::Stopped);
        }
        let Some(path) = &self.file else { return Ok(()) };
        let mut text = format!("{{\"cursor\":{},\"devices\":[", self.cursor);
        let mut separator = "";
        for slot in self.slots.values_mut() {
            let saved = match &slot.saved {
                Some(saved) => saved,
                None => {
                    let saved = serde_json::to_string(&slot.device);
                    slot.saved
                        .insert(saved.map_err(|error| StateError::File(error.into()))?)
                }
            };
            text.push_str(separator);
            text.push_str(saved);
            separator = ",\n";
        }
        text.push_str("]}");
        write(path, &text).map_err(StateError::File)
    }
}

fn read(path: &Path) -> io::Result<Option<File>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
