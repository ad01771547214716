//! What the deciding part promises, told as stories and searched for exceptions.

mod answers;
mod each;
mod elsewhere;
mod invitations;
mod kept;
mod licensing;
mod moved_up;
mod preview;
mod prompts;
mod properties;
mod reality;
mod reclaim;
mod sound;
mod stories;
mod updates;
mod why;
mod worlds;
