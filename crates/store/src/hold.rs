//! One server for one SQLite file: a lock of the operating system beside it, and who has it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::PathBuf,
};

use crate::{Store, StoreError};

/// Nobody else serves from the file while this lives. The lock goes with the process, however it ends.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "locked as long as it is open")] File);

impl Store {
    /// Keeps other servers away from a SQLite file. `who` is what they are told. PostgreSQL is for any number: `None`.
    ///
    /// A command that reads, or writes a little, may open the file all the same.
    pub fn hold(url: &str, who: &str) -> Result<Option<Hold>, StoreError> {
        let Some(path) = crate::db::sqlite_path(url) else {
            return Ok(None);
        };
        let lock = PathBuf::from(format!("{path}.serving"));
        let failed = |source| StoreError::Hold {
            path: lock.display().to_string(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                let _ = file.read_to_string(&mut by);
                return Err(StoreError::Held {
                    by: by.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let told = (|| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{who}")?;
            file.flush()
        })();
        told.map_err(failed)?;
        Ok(Some(Hold(file)))
    }
}
