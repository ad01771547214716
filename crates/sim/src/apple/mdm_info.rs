//! Which server manages a location, as that server says.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdmInfo {
    pub id: String,
    pub name: String,
    pub metadata: String,
}
