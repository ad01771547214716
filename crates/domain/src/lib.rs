//! Decides who should hold a licence and have the app, in what order, by which rule,
//! and what stands in the way.
//!
//! Everything here takes values and returns values: no I/O, no clock, no randomness.
//! A decision follows from a [`World`] alone, so an administrator can look at it before
//! anything happens and a test can state one in a few lines. The one decision has four
//! uses: the reconciler executes it, a preview shows it, a "why?" explains one row of it,
//! and a simulation checks it.
//!
//! Rules are cited as `A23`: the numbered rules of the original system, listed in
//! `docs/rules.md`.

pub mod conflict;
pub mod decide;
pub mod deployment;
pub mod each;
pub mod ids;
pub mod install;
pub mod invitation;
pub mod leaver;
pub mod licence;
pub mod membership;
pub mod operation;
mod owners;
pub mod plan;
pub mod preview;
pub mod program;
pub mod prompts;
pub mod reclaim;
pub mod sound;
pub mod state;
pub mod time;
pub mod update;
pub mod why;
pub mod world;

pub use conflict::{Resolution, Rule, RuleSet, RuleTable, Stance};
pub use decide::{
    Counted, Decision, DeviceVerdict, MovedUpEnd, PersonVerdict, Place, Position, Precedence, Queue, Queues, Rank,
    Stand, Stock, Unmet, Wish, decide, decide_one, keeping,
};
pub use deployment::{Approval, Deployment, DeploymentError, GroupKind, Installation};
pub use each::{Concern, DevicePair, Each, Pair, Said, decide_each};
pub use ids::*;
pub use install::{Failure, FailureClass, Install, InstallCommand, Seen};
pub use invitation::Attempt;
pub use leaver::{DeviceExit, Leaver, LeaverDevices, LeavingDevice, Parting, Returner};
pub use licence::{
    Counts, Holder, HolderKind, LicenseType, Licensing, LicensingReason, Owned, Reading, Refusal, RefusalReason, Seat,
};
pub use membership::{
    Attribute, Circle, Condition, Form, MembershipRule, Operator, Ownership, RuleError, RuleProblem, Rules, Subject,
    SubjectDevice, Test,
};
pub use operation::{Ask, Patience};
pub use plan::{Plan, Step, plan};
pub use preview::{
    Affected, Effect, Fate, Later, Members, Outcome, PolicyChange, Preview, Previewing, TakeBackLimits, Touched, Waiter,
};
pub use program::Program;
pub use prompts::Prompted;
pub use reclaim::{Reclaim, ReclaimRules, Reclaimable, asks_anew};
pub use sound::{Breach, Fault, Left, faults};
pub use state::{Detail, InstallState, TokenState};
pub use time::Time;
pub use update::{StoreVersion, Update, Updates};
pub use world::{Asset, Device, Enrolment, Group, Person, PersonKind, Platform, Policy, QUIET_AFTER, World};
