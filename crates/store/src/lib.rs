//! SQLite and PostgreSQL: the only place with SQL.
//!
//! Methods start with their noun. Reads are on [`Store`], the same on [`Tx`] for who decides, and on [`Snapshot`] for what
//! has to agree; writes are on [`Tx`] only. One text of SQL serves both databases; only the tables are made by two
//! (`migrations/`). The rule that must hold whatever the program does is kept by the database itself: a seat
//! that would overdraw the licences of an asset cannot be inserted ([`StoreError::Overdraft`]).

mod accounts;
mod api_keys;
mod assets;
mod changes;
mod check_ins;
mod commands;
mod db;
mod deciding;
mod deployments;
mod devices;
mod directory;
mod error;
mod events;
#[cfg(feature = "simulators")]
mod fresh;
mod groups;
mod held;
mod hold;
mod installs;
mod invitations;
mod jumps;
mod key;
mod leases;
mod line;
mod lists;
mod locations;
mod look;
mod membership;
mod moved_up;
mod names;
mod notifications;
mod operations;
#[cfg(feature = "simulators")]
mod organisation;
mod pairs;
mod patience;
mod people;
mod previews;
mod pushes;
mod reclaims;
mod retention;
mod seats;
mod sessions;
mod settings;
mod stopped;
mod sums;
mod syncs;
mod tally;
#[cfg(feature = "testing")]
pub mod testing;
mod verdicts;
mod versions;
mod world;

pub use accounts::{Account, Role};
pub use api_keys::ApiKey;
pub use assets::{AppRow, Assignee, MetadataRow, ObservedAsset};
pub use changes::{ChangeFilter, ChangeKind, ChangeRow, NewChange};
pub use check_ins::{CheckInRefusal, CheckInRow};
pub use commands::{CommandRow, CommandState, OpenCommands};
pub use db::{Snapshot, Store, Tx};
pub use deciding::{Look, Taken};
pub use deployments::Keeping;
pub use devices::{DeviceFacts, DeviceRow, EnrolmentRow, NewEnrolment, NewIdentity, PollRow, SpeakingRow};
pub use directory::{Devices, Many, People, SaidOf};
pub use error::StoreError;
pub use events::{Actor, ActorKind, EventFilter, EventPlace, EventRow, NewEvent};
#[cfg(feature = "simulators")]
pub use fresh::Fresh;
pub use groups::GroupRow;
pub use held::{HeldEnd, HeldRow, HeldState};
pub use hold::Hold;
pub use invitations::InvitationRow;
pub use key::{KeyError, MasterKey};
pub use leases::Lease;
pub use line::{LineRows, PLACES};
pub use lists::{Cut, Edge, ListedDevice, Part, Span, Sum};
pub use locations::{LocationRow, Upload};
pub use look::Tables;
pub use membership::{ByRule, Followed, OwnershipRow, Walked};
pub use moved_up::{Move, MovedUpRow};
pub use names::Names;
pub use notifications::ChannelRow;
pub use operations::{OperationKind, OperationRow, OperationState};
#[cfg(feature = "simulators")]
pub use organisation::{Crowd, Held, Holders, NewDevice, Newcomer, Organisation, organisation};
pub use pairs::PairRow;
pub use patience::in_one_wait;
pub use people::{ClientUserRow, ClientUserStatus, PersonChange, PersonRow};
pub use pushes::PushRow;
pub use reclaims::ReclaimRow;
pub use retention::Kept;
pub use seats::{OpenSeat, OperationSeat, SeatRow, SeatState};
pub use sessions::Session;
pub use stopped::{Stopped, StoppedRow};
pub use sums::{Edges, Sought, States, Sums};
pub use syncs::{SyncCause, SyncRow, SyncStatus};
pub use tally::Tally;
pub use verdicts::{Of, Verdict};
pub use versions::{Base, Change, Version};
