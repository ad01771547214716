//! Whatever a decision looks at marks whom it concerns, so that nobody else need be decided anew.
//!
//! [`FACTS`] says of each column of each table that `Store::world` reads whom a change of it marks, or why no decision
//! looks at it. A table or a column that is not named yet fails the first test: whoever adds one says here what a
//! decision makes of it, and gives it a trigger if that is anything.

use store::{DeviceFacts, Look, testing::organisation};

use super::*;
use crate::hand::Hand;

/// A table that a decision looks at.
struct Fact {
    table: &'static str,
    /// Which row of [`LITTLE`] is changed.
    row: &'static str,
    /// A column, something else to put there, and who is marked by that.
    marks: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// Columns that no decision looks at, and why.
    unseen: &'static [(&'static str, &'static str)],
    /// What else happens, one after the other, and who is marked by it.
    story: &'static [(&'static str, &'static [&'static str])],
}

// Why no decision looks at a column.
const NAME: &str = "it says which row it is; nothing changes it";
const REFUSED: &str = "the database refuses to change it";
const SHOWN: &str = "it is shown, and nothing follows from it";
const EDITED: &str = "it says who edited the row, and when";
const FREE: &str = "it says how many licences are free, which is looked at where they are given";
const APPLE: &str = "it is between Apple and us; whether the token can be used is kept in `deciding`";
const PUSH: &str = "it is about waking the device";
const RULES: &str = "rules look at it, and who comes into a group by one is marked then";
const ASKED: &str =
    "it says what somebody will be asked on the device, which previews tell, and nothing is decided by it";
const TOLD: &str = "what follows from it is told by another column of the row";

/// Two people, two locations: an app in each, and of everything else one in the first.
const LITTLE: &str = "
    INSERT INTO locations (id, uid, display_name, apple_id, token_sealed, token_sha256, organization_name,
                           location_name, country, default_platform, expires_at, state, mdm_id, last_modified_at,
                           created_at)
    VALUES ('here', '1', '', '', 't', '', '', '', '', '', 1, 'valid', '', 1, 1),
           ('there', '2', '', '', 't', '', '', '', '', '', 1, 'valid', '', 1, 1);
    INSERT INTO people (id, name, created_at) VALUES ('mina', '', 1), ('joon', '', 1);
    INSERT INTO groups (id, kind, name, priority, created_at)
    VALUES ('sales', 'user', 'sales', 1, 1), ('phones', 'device', 'phones', 1, 1);
    INSERT INTO devices (id, udid, name, product_name, platform, person_id, enrolment, dep, awaiting_configuration)
    VALUES ('mina-phone', '1', '', '', 'iOS', 'mina', 'enrolled', FALSE, FALSE),
           ('joon-phone', '2', '', '', 'iOS', 'joon', 'enrolled', FALSE, FALSE);
    INSERT INTO group_members (group_id, member_id) VALUES ('sales', 'mina'), ('phones', 'joon-phone');
    INSERT INTO assets (id, location_id, adam_id, pricing_param, product_type, owned, total, assigned, available,
                        retired, unlimited, device_assignable, revocable, platforms, observed_at, gone_at)
    VALUES ('map', 'here', '1', 'STDQ', 'App', 5, 5, 0, 5, 0, FALSE, TRUE, TRUE, '[]', 1, NULL),
           ('old', 'here', '2', 'STDQ', 'App', 0, 0, 0, 0, 0, FALSE, TRUE, TRUE, '[]', 1, 1),
           ('chat', 'there', '1', 'STDQ', 'App', 5, 5, 0, 5, 0, FALSE, TRUE, TRUE, '[]', 1, NULL);
    INSERT INTO app_metadata (asset_id, name, device_families, observed_at) VALUES ('map', '', '[]', 1);
    INSERT INTO deployments (id, asset_id, group_id, approval, since, updated_at)
    VALUES ('line', 'map', 'sales', 'required', 1, 1);
    INSERT INTO client_users (client_user_id, location_id, person_id, status, observed_at)
    VALUES ('u-mina', 'here', 'mina', 'Associated', 1), ('u-joon', 'there', 'joon', 'Registered', 1);
    INSERT INTO invitations (id, client_user_id, device_id, round, queued_at)
    VALUES ('asked', 'u-mina', 'mina-phone', 1, 1);
    INSERT INTO commands (uuid, device_id, request_type, body, state, created_at, not_now_count)
    VALUES ('question', 'joon-phone', 'DeviceInformation', 'b', 'queued', 1, 0);
    INSERT INTO seats (asset_id, holder_id, kind, state, since)
    VALUES ('map', 'mina', 'user', 'reserved', 1), ('old', 'joon', 'user', 'held', 1);
    INSERT INTO seat_refusals (asset_id, holder_id, error_number, at, attempts, not_before)
    VALUES ('map', 'mina', 1, 1, 1, 1);
    INSERT INTO install_requests (asset_id, person_id, requested_at) VALUES ('map', 'mina', 1);
    INSERT INTO moved_up (asset_id, person_id, moved_at, moved_by, reason) VALUES ('map', 'mina', 1, '', '');
    INSERT INTO installs (device_id, asset_id, checks) VALUES ('mina-phone', 'map', 0);
    INSERT INTO device_apps (device_id, asset_id) VALUES ('mina-phone', 'map');
    INSERT INTO settings (key, value, updated_at) VALUES ('policy', '{}', 1);";

const MINA: &[&str] = &["here mina"];
const MINA_JOON: &[&str] = &["here joon", "here mina"];
const MINA_ALL: &[&str] = &["here mina", "there mina"];
const JOON_ALL: &[&str] = &["here joon", "there joon"];
const BOTH_ALL: &[&str] = &["here joon", "here mina", "there joon", "there mina"];
const MAP: &[&str] = &["here asset map"];
const SALES: &[&str] = &["here group sales"];
const SALES_ALL: &[&str] = &["here group sales", "there group sales"];
const EVERYBODY: &[&str] = &["here everybody", "there everybody"];
const EVERYBODY_HERE: &[&str] = &["here everybody"];
const NOBODY: &[&str] = &[];

const FACTS: &[Fact] = &[
    Fact {
        table: "people",
        row: "id = 'mina'",
        marks: &[("left_at", "9", MINA_ALL)],
        unseen: &[
            ("id", NAME),
            ("kind", NAME),
            ("name", SHOWN),
            ("email", SHOWN),
            ("email_key", SHOWN),
            ("department", RULES),
            ("office", RULES),
            ("created_at", SHOWN),
            ("version", EDITED),
            ("changed_at", EDITED),
            ("changed_by", EDITED),
        ],
        story: &[
            (
                "INSERT INTO people (id, name, created_at) VALUES ('suni', '', 1)",
                &["here suni", "there suni"],
            ),
            ("UPDATE people SET left_at = 9 WHERE id = 'joon'", JOON_ALL),
            ("UPDATE people SET left_at = 8 WHERE id = 'joon'", NOBODY),
            ("UPDATE people SET left_at = NULL WHERE id = 'joon'", JOON_ALL),
        ],
    },
    Fact {
        table: "client_users",
        row: "client_user_id = 'u-mina'",
        marks: &[
            ("location_id", "'there'", MINA_ALL),
            ("person_id", "'joon'", MINA_JOON),
            ("status", "'Retired'", MINA),
            ("invite_code", "'code'", MINA),
            ("accepted_at", "9", MINA),
            ("observed_at", "9", MINA),
            ("error_number", "9", MINA),
            ("not_before", "9", MINA),
            ("round", "9", MINA),
            ("replaced_at", "9", MINA),
            ("retiring_at", "9", MINA),
        ],
        unseen: &[
            ("client_user_id", NAME),
            ("id_hash", SHOWN),
            ("operation_id", TOLD),
            ("created_at", SHOWN),
            ("retired_at", TOLD),
        ],
        story: &[
            ("UPDATE client_users SET accepted_at = 9 WHERE client_user_id = 'u-mina'", MINA),
            ("UPDATE client_users SET observed_at = 9 WHERE client_user_id = 'u-mina'", NOBODY),
            (
                "UPDATE client_users SET observed_at = 9 WHERE client_user_id = 'u-joon'",
                NOBODY,
            ),
            ("DELETE FROM client_users WHERE client_user_id = 'u-joon'", &["there joon"]),
            (
                "INSERT INTO client_users (client_user_id, location_id, person_id, status, invite_code)
                 VALUES ('u-new', 'here', 'joon', 'Registered', 'code')",
                &["here joon"],
            ),
            (
                "UPDATE client_users SET invite_code = 'another' WHERE client_user_id = 'u-new'",
                NOBODY,
            ),
        ],
    },
    Fact {
        table: "invitations",
        row: "id = 'asked'",
        marks: &[
            ("client_user_id", "'u-joon'", &["here mina", "there joon"]),
            ("device_id", "'joon-phone'", MINA),
            ("round", "9", MINA),
            ("queued_at", "9", MINA),
            ("ended_at", "9", MINA),
            ("outcome", "'shown'", MINA),
        ],
        unseen: &[("id", NAME), ("error", SHOWN)],
        story: &[
            ("DELETE FROM invitations", MINA),
            (
                "INSERT INTO invitations (id, client_user_id, device_id, round, queued_at)
                 VALUES ('next', 'u-joon', 'joon-phone', 1, 1)",
                &["there joon"],
            ),
        ],
    },
    Fact {
        table: "devices",
        row: "id = 'mina-phone'",
        marks: &[
            ("person_id", "'joon'", BOTH_ALL),
            ("platform", "'macOS'", MINA_ALL),
            ("os_version", "'18.1'", MINA_ALL),
            ("enrolment", "'retiring'", MINA_ALL),
            ("dep", "TRUE", MINA_ALL),
            ("shared", "TRUE", MINA_ALL),
            ("serial", "'C39XA0000001'", MINA_ALL),
            ("awaiting_configuration", "TRUE", MINA_ALL),
            ("informed_at", "9", MINA_ALL),
            ("unreachable_since", "9", MINA_ALL),
            ("silent_since", "9", MINA_ALL),
        ],
        unseen: &[
            ("id", NAME),
            ("udid", NAME),
            ("name", SHOWN),
            ("product_name", SHOWN),
            ("build_version", SHOWN),
            ("supervised", ASKED),
            ("enrolment_id", TOLD),
            ("enrolled_at", TOLD),
            (
                "last_seen_at",
                "it orders the devices that an invitation goes to, once something else asks for one",
            ),
            ("gone_at", TOLD),
            ("leaving_since", TOLD),
            ("called_at", TOLD),
            ("refused_at", TOLD),
            ("topic", PUSH),
            ("push_token", PUSH),
            ("push_token_at", PUSH),
            ("push_magic", PUSH),
            ("push_asked", PUSH),
            ("push_failures", PUSH),
            ("push_not_before", PUSH),
            ("next_push_at", PUSH),
            ("pushed_at", PUSH),
            ("store_account_active", SHOWN),
            ("store_account_hash", SHOWN),
        ],
        story: &[
            (
                "INSERT INTO devices (id, udid, name, product_name, platform, person_id, enrolment, dep,
                                      awaiting_configuration)
                 VALUES ('mac', '3', '', '', 'macOS', 'joon', 'pending', FALSE, FALSE)",
                JOON_ALL,
            ),
            ("UPDATE devices SET informed_at = 8 WHERE id = 'mac'", JOON_ALL),
            ("UPDATE devices SET informed_at = 9 WHERE id = 'mac'", NOBODY),
            ("UPDATE devices SET informed_at = NULL WHERE id = 'mac'", JOON_ALL),
            ("DELETE FROM devices WHERE id = 'mac'", JOON_ALL),
        ],
    },
    Fact {
        table: "commands",
        row: "uuid = 'question'",
        marks: &[
            ("device_id", "'mina-phone'", BOTH_ALL),
            ("request_type", "'DeviceConfigured'", JOON_ALL),
            ("state", "'acknowledged'", JOON_ALL),
        ],
        unseen: &[
            ("uuid", NAME),
            ("asset_id", TOLD),
            ("person_id", TOLD),
            ("body", "it is what the device reads"),
            ("created_at", SHOWN),
            ("sent_at", SHOWN),
            ("answered_at", SHOWN),
            ("not_now_count", SHOWN),
            ("not_now_at", SHOWN),
            ("error_chain", SHOWN),
        ],
        story: &[
            ("UPDATE commands SET state = 'sent'", NOBODY),
            ("UPDATE commands SET state = 'notNow'", NOBODY),
            ("UPDATE commands SET state = 'error'", JOON_ALL),
            ("UPDATE commands SET state = 'dropped'", NOBODY),
            ("DELETE FROM commands", NOBODY),
            (
                "INSERT INTO commands (uuid, device_id, request_type, body, state, created_at, not_now_count)
                 VALUES ('install', 'joon-phone', 'InstallApplication', 'b', 'queued', 1, 0),
                        ('answered', 'joon-phone', 'EraseDevice', 'b', 'acknowledged', 1, 0)",
                NOBODY,
            ),
            ("UPDATE commands SET state = 'acknowledged'", NOBODY),
            (
                "INSERT INTO commands (uuid, device_id, request_type, body, state, created_at, not_now_count)
                 VALUES ('erase', 'mina-phone', 'EraseDevice', 'b', 'queued', 1, 0)",
                MINA_ALL,
            ),
            ("DELETE FROM commands", MINA_ALL),
            (
                "INSERT INTO commands (uuid, device_id, request_type, body, state, created_at, not_now_count)
                 VALUES ('leave', 'mina-phone', 'RemoveProfile', 'b', 'queued', 1, 0)",
                MINA_ALL,
            ),
            (
                "INSERT INTO commands (uuid, device_id, request_type, body, state, created_at, not_now_count)
                 VALUES ('apps', 'joon-phone', 'ManagedApplicationList', 'b', 'queued', 1, 0)",
                JOON_ALL,
            ),
        ],
    },
    Fact {
        table: "groups",
        row: "id = 'sales'",
        marks: &[("kind", "'device'", SALES_ALL), ("priority", "9", SALES_ALL)],
        unseen: &[
            ("id", NAME),
            ("name", SHOWN),
            ("created_at", SHOWN),
            ("version", EDITED),
            ("changed_at", EDITED),
            ("changed_by", EDITED),
            ("members", SHOWN),
            ("members_version", EDITED),
            ("members_changed_at", EDITED),
            ("members_changed_by", EDITED),
            ("membership_rule", RULES),
        ],
        // Its members mark themselves, and it goes without any.
        story: &[
            (
                "INSERT INTO groups (id, kind, name, priority, created_at) VALUES ('new', 'user', 'new', 1, 1)",
                NOBODY,
            ),
            ("DELETE FROM groups WHERE id = 'new'", NOBODY),
        ],
    },
    Fact {
        table: "group_members",
        row: "group_id = 'sales'",
        marks: &[("group_id", "'phones'", MINA_ALL), ("member_id", "'joon'", BOTH_ALL)],
        unseen: &[("name", SHOWN)],
        story: &[
            (
                "INSERT INTO group_members (group_id, member_id) VALUES ('sales', 'joon')",
                JOON_ALL,
            ),
            ("DELETE FROM group_members WHERE member_id = 'joon'", JOON_ALL),
            (
                "INSERT INTO group_members (group_id, member_id) VALUES ('phones', 'mina-phone')",
                MINA_ALL,
            ),
            ("DELETE FROM group_members WHERE group_id = 'phones'", BOTH_ALL),
        ],
    },
    Fact {
        table: "deployments",
        row: "id = 'line'",
        marks: &[
            ("asset_id", "'chat'", SALES_ALL),
            ("group_id", "'phones'", &["here group phones", "here group sales"]),
            ("approval", "'available'", SALES),
            ("deadline", "9", SALES),
            ("license_type", "'device'", SALES),
            ("installation", "'external'", SALES),
            ("kept_licenses", "3", SALES),
            ("since", "9", SALES),
        ],
        unseen: &[("id", NAME), ("updated_at", EDITED)],
        story: &[
            ("DELETE FROM deployments", SALES),
            (
                "INSERT INTO deployments (id, asset_id, group_id, approval, since, updated_at)
                 VALUES ('new', 'chat', 'phones', 'available', 1, 1)",
                &["there group phones"],
            ),
        ],
    },
    Fact {
        table: "assets",
        row: "id = 'map'",
        marks: &[
            ("adam_id", "'3'", EVERYBODY_HERE),
            ("product_type", "'Book'", EVERYBODY_HERE),
            ("revocable", "FALSE", MAP),
            ("device_assignable", "FALSE", MAP),
            ("platforms", "'[\"iOS\"]'", MAP),
            ("updates_by_hand", "TRUE", MAP),
            ("released_version", "7", MAP),
        ],
        unseen: &[
            ("id", NAME),
            ("number", NAME),
            ("location_id", NAME),
            ("pricing_param", SHOWN),
            ("owned", FREE),
            ("total", FREE),
            ("assigned", FREE),
            ("available", FREE),
            ("retired", FREE),
            ("unlimited", FREE),
            // Of what Apple lists no more `taken` says whether anybody has it still: see the story.
            ("gone_at", "as long as somebody has a licence: see the story"),
            ("taken", REFUSED),
            ("foreign_held", FREE),
            ("observed_at", APPLE),
            ("listed_at", APPLE),
            ("deployments_version", EDITED),
            ("deployments_changed_at", EDITED),
            ("deployments_changed_by", EDITED),
            ("updates_version", EDITED),
            ("updates_changed_at", EDITED),
            ("updates_changed_by", EDITED),
        ],
        story: &[
            (
                "INSERT INTO assets (id, location_id, adam_id, pricing_param, product_type, owned, total, assigned,
                                     available, retired, unlimited, device_assignable, revocable, platforms, observed_at)
                 VALUES ('new', 'there', '4', 'STDQ', 'App', 5, 5, 0, 5, 0, FALSE, TRUE, TRUE, '[]', 1)",
                &["there asset new"],
            ),
            (
                "DELETE FROM seats WHERE asset_id = 'old'",
                &["here everybody", "here joon"],
            ),
            (
                "INSERT INTO seats (asset_id, holder_id, kind, state, since) VALUES ('old', 'mina', 'user', 'held', 1)",
                &["here everybody", "here mina"],
            ),
            (
                "INSERT INTO seats (asset_id, holder_id, kind, state, since) VALUES ('old', 'joon', 'user', 'held', 1)",
                &["here joon"],
            ),
            ("DELETE FROM seats WHERE asset_id = 'map'", MINA),
            ("UPDATE assets SET gone_at = NULL WHERE id = 'old'", NOBODY),
            ("UPDATE assets SET gone_at = 9 WHERE id = 'map'", EVERYBODY_HERE),
            ("UPDATE assets SET gone_at = NULL WHERE id = 'map'", EVERYBODY_HERE),
        ],
    },
    Fact {
        table: "app_metadata",
        row: "asset_id = 'map'",
        marks: &[
            ("asset_id", "'chat'", &["here asset map", "there asset chat"]),
            ("bundle_id", "'com.example.map'", MAP),
            ("minimum_os", "'18.0'", MAP),
            ("device_families", "'[\"ipad\"]'", MAP),
            ("store_version", "7", MAP),
        ],
        unseen: &[
            ("name", SHOWN),
            ("publisher", SHOWN),
            ("version", SHOWN),
            ("url", SHOWN),
            ("icon_url", SHOWN),
            ("observed_at", "it says when the store is asked again"),
        ],
        story: &[
            ("DELETE FROM app_metadata", MAP),
            (
                "INSERT INTO app_metadata (asset_id, name, device_families, observed_at) VALUES ('chat', '', '[]', 1)",
                &["there asset chat"],
            ),
        ],
    },
    Fact {
        table: "seats",
        row: "asset_id = 'map'",
        marks: &[("state", "'held'", MINA), ("since", "9", MINA)],
        unseen: &[
            ("asset_id", REFUSED),
            ("holder_id", REFUSED),
            ("kind", REFUSED),
            ("operation_id", "whose answer it waits for is known to the operation"),
        ],
        story: &[
            ("DELETE FROM seats WHERE asset_id = 'map'", MINA),
            (
                "INSERT INTO seats (asset_id, holder_id, kind, state, since) VALUES ('chat', 'joon', 'user', 'reserved', 1)",
                &["there joon"],
            ),
            // What a device has is something of whoever has the device.
            (
                "INSERT INTO seats (asset_id, holder_id, kind, state, since)
                 VALUES ('map', 'joon-phone', 'device', 'reserved', 1)",
                &["here joon"],
            ),
            ("UPDATE seats SET state = 'held' WHERE kind = 'device'", &["here joon"]),
            ("DELETE FROM seats WHERE kind = 'device'", &["here joon"]),
        ],
    },
    Fact {
        table: "seat_refusals",
        row: "asset_id = 'map'",
        marks: &[
            ("asset_id", "'chat'", MINA_ALL),
            ("holder_id", "'joon'", MINA_JOON),
            ("kind", "'device'", MINA),
            ("reason", "'stock'", MINA),
            ("not_before", "9", MINA),
        ],
        unseen: &[
            ("error_number", SHOWN),
            ("at", SHOWN),
            ("attempts", "it says how long to wait after the next one"),
        ],
        story: &[
            ("DELETE FROM seat_refusals", MINA),
            (
                "INSERT INTO seat_refusals (asset_id, holder_id, error_number, at, attempts, not_before)
                 VALUES ('chat', 'joon', 1, 1, 1, 1)",
                &["there joon"],
            ),
            (
                "INSERT INTO seat_refusals (asset_id, holder_id, kind, error_number, at, attempts, not_before)
                 VALUES ('map', 'mina-phone', 'device', 1, 1, 1, 1)",
                MINA,
            ),
        ],
    },
    Fact {
        table: "install_requests",
        row: "asset_id = 'map'",
        marks: &[
            ("asset_id", "'chat'", MINA_ALL),
            ("person_id", "'joon'", MINA_JOON),
            ("requested_at", "9", MINA),
        ],
        unseen: &[],
        story: &[
            ("DELETE FROM install_requests", MINA),
            (
                "INSERT INTO install_requests (asset_id, person_id, requested_at) VALUES ('chat', 'joon', 1)",
                &["there joon"],
            ),
        ],
    },
    Fact {
        table: "moved_up",
        row: "asset_id = 'map'",
        marks: &[
            ("asset_id", "'chat'", MINA_ALL),
            ("person_id", "'joon'", MINA_JOON),
            ("moved_at", "9", MINA),
        ],
        unseen: &[("moved_by", SHOWN), ("reason", SHOWN)],
        story: &[
            ("DELETE FROM moved_up", MINA),
            (
                "INSERT INTO moved_up (asset_id, person_id, moved_at, moved_by, reason) VALUES ('chat', 'joon', 1, '', '')",
                &["there joon"],
            ),
        ],
    },
    Fact {
        table: "installs",
        row: "asset_id = 'map'",
        marks: &[
            ("device_id", "'joon-phone'", MINA_JOON),
            ("asset_id", "'chat'", MINA_ALL),
            ("command", "'remove'", MINA),
            ("command_since", "9", MINA),
            ("license", "'device'", MINA),
            ("accepted_at", "9", MINA),
            ("removed_at", "9", MINA),
            ("checks", "9", MINA),
            ("failure_class", "'temporary'", MINA),
            ("failure_code", "'9'", MINA),
            ("failure_at", "9", MINA),
            ("failure_attempts", "9", MINA),
            ("asked_again_at", "9", MINA),
            ("told_version", "7", MINA),
        ],
        unseen: &[],
        story: &[
            ("DELETE FROM installs", MINA),
            (
                "INSERT INTO installs (device_id, asset_id, checks) VALUES ('joon-phone', 'chat', 0)",
                &["there joon"],
            ),
        ],
    },
    Fact {
        table: "device_apps",
        row: "asset_id = 'map'",
        marks: &[
            ("device_id", "'joon-phone'", MINA_JOON),
            ("asset_id", "'chat'", MINA_ALL),
            ("seen", "'Managed'", MINA),
            ("seen_at", "9", MINA),
            ("version", "7", MINA),
        ],
        unseen: &[],
        story: &[
            ("DELETE FROM device_apps", MINA),
            (
                "INSERT INTO device_apps (device_id, asset_id) VALUES ('joon-phone', 'chat')",
                &["there joon"],
            ),
        ],
    },
    Fact {
        table: "settings",
        row: "key = 'policy'",
        marks: &[("key", "'another'", EVERYBODY), ("value", "'{\"wiping\":true}'", EVERYBODY)],
        unseen: &[("updated_at", EDITED), ("version", EDITED), ("changed_by", EDITED)],
        story: &[
            (
                "INSERT INTO settings (key, value, updated_at) VALUES ('another', '{}', 1)",
                NOBODY,
            ),
            ("UPDATE settings SET value = '[]' WHERE key = 'another'", NOBODY),
            ("DELETE FROM settings WHERE key = 'another'", NOBODY),
            ("DELETE FROM settings", EVERYBODY),
            (
                "INSERT INTO settings (key, value, updated_at) VALUES ('policy', '{}', 1)",
                EVERYBODY,
            ),
        ],
    },
    Fact {
        table: "locations",
        row: "id = 'here'",
        marks: &[],
        unseen: &[
            ("id", NAME),
            ("uid", APPLE),
            ("display_name", SHOWN),
            ("apple_id", SHOWN),
            ("token_sealed", APPLE),
            ("token_sha256", APPLE),
            ("organization_name", SHOWN),
            ("location_name", SHOWN),
            ("country", SHOWN),
            ("default_platform", SHOWN),
            ("website_url", SHOWN),
            ("expires_at", APPLE),
            ("state", APPLE),
            ("owner_name", SHOWN),
            ("owner_metadata", SHOWN),
            ("mdm_id", APPLE),
            ("uploaded_by", SHOWN),
            ("last_modified_at", EDITED),
            ("last_sync_at", SHOWN),
            ("assets_version", APPLE),
            ("assignments_version", APPLE),
            ("users_version", APPLE),
            ("created_at", SHOWN),
            ("unanswered_since", SHOWN),
        ],
        story: &[(
            "INSERT INTO locations (id, uid, display_name, apple_id, token_sealed, token_sha256, organization_name,
                                    location_name, country, default_platform, expires_at, state, mdm_id,
                                    last_modified_at, created_at)
             VALUES ('new', '3', '', '', 't', '', '', '', '', '', 1, 'valid', '', 1, 1)",
            &["new everybody"],
        )],
    },
];

/// Tables that no decision looks at.
const BESIDE: &[&str] = &[
    // The marks themselves, and what was decided.
    "concerns",
    "deciding",
    "decide_again",
    "dirty",
    "dirty_many",
    "device_pairs",
    "pairs",
    "verdicts",
    "wishes",
    // What Apple lists, of which the seats say what is ours; what is asked of it; what ended there; who we are there, and where it
    // notifies us.
    "assignments",
    "claims",
    "notification_channels",
    "operations",
    "seats_ended",
    "syncs",
    // What devices are told to become, and what they said: what came of it is in `devices`.
    "check_ins",
    "enrolments",
    // By what somebody is in a group, and what rules look at: who comes and who goes is in `group_members`.
    "device_ownership",
    "group_marks",
    "group_uses",
    "group_walks",
    // Of whom a plan was stopped: it is decided again like everybody else.
    "stopped_plans",
    // What was changed, and what waits for another administrator: nothing follows from either until it is saved.
    "changes",
    "held_changes",
    // Whoever signs in.
    "account_guard",
    "accounts",
    "api_keys",
    "known_browsers",
    "sessions",
    // The house.
    "_sqlx_migrations",
    "app_icons",
    "counting",
    "events",
    "events_base",
    "leases",
    "pulse",
    "reclaims",
    "retention",
    "secrets",
    "sqlite_sequence",
    "tallies",
    "uploads",
];

/// Tables, columns and their types.
async fn columns(hand: &mut Hand) -> Vec<[String; 3]> {
    let sql = match hand {
        Hand::Lite(_) => {
            "SELECT tables.name, columns.name, columns.type
             FROM sqlite_master tables JOIN pragma_table_info(tables.name) columns WHERE tables.type = 'table'"
        }
        Hand::Pg(_) => {
            "SELECT table_name::text, column_name::text, UPPER(data_type::text)
             FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
             WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        }
    };
    hand.texts(sql).await
}

/// Who is marked, each as often as they are.
async fn marked(hand: &mut Hand) -> Vec<String> {
    let sql = "SELECT location_id || ' ' || person_id FROM dirty
               UNION ALL SELECT TRIM(location_id || ' ' || scope || ' ' || id) FROM dirty_many";
    let mut marked: Vec<String> = hand.texts(sql).await.into_iter().map(|[mark]| mark).collect();
    marked.sort();
    marked
}

/// Who is marked by each of these, one after the other. Nothing of it stays.
async fn marked_by(hand: &mut Hand, statements: &[String]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    hand.run("BEGIN").await.unwrap();
    for sql in statements {
        hand.run("DELETE FROM dirty; DELETE FROM dirty_many").await.unwrap();
        hand.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        all.push(marked(hand).await);
    }
    hand.run("ROLLBACK").await.unwrap();
    all
}

async fn little(fresh: &Fresh) -> Hand {
    let mut hand = Hand::on(fresh).await;
    hand.run(LITTLE).await.unwrap();
    hand
}

on_both! {
    async fn every_fact_that_a_decision_looks_at_marks_whom_it_concerns(fresh: &Fresh, store: Store) {
        let _ = store;
        let mut hand = little(fresh).await;
        for [table, column, _] in columns(&mut hand).await {
            if BESIDE.contains(&table.as_str()) {
                continue;
            }
            let fact = FACTS.iter().find(|fact| fact.table == table).unwrap_or_else(|| {
                panic!("does a decision look at the table {table}? Say so in FACTS, or name it in BESIDE")
            });
            let marks = fact.marks.iter().any(|(name, ..)| *name == column);
            let unseen = fact.unseen.iter().any(|(name, _)| *name == column);
            assert!(marks || unseen, "{table}.{column} marks nobody, and no reason is named for that");
            assert!(!(marks && unseen), "{table}.{column} marks somebody, and a reason is named why not");
        }
        for Fact { table, row, marks, .. } in FACTS {
            for (column, other, whom) in *marks {
                let change = format!("UPDATE {table} SET {column} = {other} WHERE {row}");
                let found = marked_by(&mut hand, std::slice::from_ref(&change)).await;
                assert_eq!(found, [*whom], "{change}");
            }
        }
    }

    async fn who_comes_and_goes_marks_as_well(fresh: &Fresh, store: Store) {
        let _ = store;
        let mut hand = little(fresh).await;
        for fact in FACTS {
            let statements: Vec<String> = fact.story.iter().map(|(sql, _)| (*sql).to_owned()).collect();
            let found = marked_by(&mut hand, &statements).await;
            for ((sql, whom), found) in fact.story.iter().zip(found) {
                assert_eq!(found, *whom, "{sql}");
            }
        }
    }

    /// Devices' rows are written at each of their polls, assets' at each look at Apple.
    async fn what_changes_nothing_that_a_decision_looks_at_marks_nobody(fresh: &Fresh, store: Store) {
        let _ = store;
        let mut hand = little(fresh).await;
        let columns = columns(&mut hand).await;
        for Fact { table, row, marks, unseen, .. } in FACTS {
            let same: Vec<String> = marks.iter().map(|(column, ..)| format!("{column} = {column}")).collect();
            if !same.is_empty() {
                let rewrite = format!("UPDATE {table} SET {} WHERE {row}", same.join(", "));
                assert_eq!(marked_by(&mut hand, std::slice::from_ref(&rewrite)).await, [NOBODY], "{rewrite}");
            }
            for (column, reason) in *unseen {
                let Some([_, _, kind]) = columns.iter().find(|it| it[0] == *table && it[1] == *column) else {
                    panic!("there is no {table}.{column} any more");
                };
                let other = match kind.as_str() {
                    _ if [NAME, REFUSED].contains(reason) => continue,
                    "BIGINT" => format!("COALESCE({column}, 0) + 1"),
                    "BOOLEAN" => format!("NOT COALESCE({column}, FALSE)"),
                    "TEXT" => format!("COALESCE({column}, '') || 'x'"),
                    _ => "'bytes'".to_owned(),
                };
                let change = format!("UPDATE {table} SET {column} = {other} WHERE {row}");
                assert_eq!(marked_by(&mut hand, std::slice::from_ref(&change)).await, [NOBODY], "{change}");
            }
        }
    }

    /// As it polls, and answers what it answered before.
    async fn a_device_that_has_nothing_new_to_say_marks_nobody(fresh: &Fresh, store: Store) {
        let (location, _) = one_asset(&store, 5).await;
        let person = people(&store, 1).await[0];
        let device = device(&store, person).await;
        let facts = DeviceFacts { os_version: Some("18.0".into()), ..DeviceFacts::default() };
        let mut tx = store.begin().await.unwrap();
        tx.device_informed(device, &facts, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let mut hand = Hand::on(fresh).await;
        hand.run("DELETE FROM dirty; DELETE FROM dirty_many").await.unwrap();

        let udid = store.device(device).await.unwrap().unwrap().udid;
        let later = NOW + Duration::from_secs(60);
        let mut tx = store.begin().await.unwrap();
        tx.device_heard(&udid, later).await.unwrap();
        tx.device_informed(device, &facts, later).await.unwrap();
        tx.device_held(device).await.unwrap();
        tx.person_stays(person).await.unwrap();
        assert!(tx.command_next(device, true, later).await.unwrap().is_none());
        // Nor does a look at Apple that finds another number of licences.
        tx.assets_observed(location, &[observed("900000101", 6)], true, later, &new_asset).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(marked(&mut hand).await, NOBODY);

        let mut tx = store.begin().await.unwrap();
        let newer = DeviceFacts { os_version: Some("18.1".into()), ..DeviceFacts::default() };
        tx.device_informed(device, &newer, later).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(marked(&mut hand).await, [format!("{location} {person}")]);
    }

    /// What was decided by a clock that was wrong is decided anew.
    async fn a_clock_that_was_set_marks_everybody(fresh: &Fresh, store: Store) {
        let mut hand = little(fresh).await;
        let hour = Duration::from_secs(3600);
        for (from, to) in [(NOW, NOW + hour), (NOW + hour, NOW)] {
            hand.run("DELETE FROM dirty; DELETE FROM dirty_many").await.unwrap();
            store.clock_set("a", from, to, hour).await.unwrap();
            assert_eq!(marked(&mut hand).await, EVERYBODY);
        }
        hand.run("DELETE FROM dirty_many").await.unwrap();
        assert!(!store.nothing_ahead(NOW, hour).await.unwrap());
        assert_eq!(marked(&mut hand).await, NOBODY);
        hand.run(&format!("UPDATE devices SET pushed_at = {}", (NOW + hour).ms())).await.unwrap();
        assert!(store.nothing_ahead(NOW, hour).await.unwrap());
        assert_eq!(marked(&mut hand).await, EVERYBODY);
    }

    /// A location marks everybody when it comes. The first decision, which notes how the token is, does not do so again.
    async fn a_new_organisation_is_decided_once(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let all = organisation(&store, 3, 1, Time(1)).await.unwrap();
        let look = Look { now: Time(1), looked: true, token_usable: true };
        let mut decided = 0;
        while store.undecided(all.location, look).await.unwrap() {
            let mut tx = store.begin().await.unwrap();
            decided += tx.decide_take(all.location, look, 2).await.unwrap().people.len();
            tx.commit().await.unwrap();
        }
        assert_eq!(decided, 3);
    }

    /// A transaction that is given up marks nobody; two at once do not wait for each other.
    async fn a_mark_comes_with_its_fact(fresh: &Fresh, store: Store) {
        let mut hand = little(fresh).await;
        hand.run("DELETE FROM dirty; DELETE FROM dirty_many").await.unwrap();
        hand.run("BEGIN; UPDATE seats SET since = 9 WHERE asset_id = 'map'; ROLLBACK").await.unwrap();
        assert_eq!(marked(&mut hand).await, NOBODY);
        store.close().await;
        if let Hand::Lite(_) = hand {
            return;
        }
        let mut other = Hand::on(fresh).await;
        hand.run("BEGIN; UPDATE seats SET since = 9 WHERE asset_id = 'map'").await.unwrap();
        let beside = other.run("UPDATE install_requests SET requested_at = 9");
        tokio::time::timeout(Duration::from_secs(20), beside).await.expect("nobody waits").unwrap();
        hand.run("COMMIT").await.unwrap();
        assert_eq!(marked(&mut hand).await, ["here mina", "here mina"]);
    }
}

/// Of what was there before there were marks nothing is decided yet.
async fn upgraded(fresh: &Fresh) {
    store::testing::make_until(fresh.url(), 10).await.unwrap();
    let mut hand = Hand::on(fresh).await;
    // When only people had licences.
    let little = LITTLE
        .replace("holder_id, kind", "person_id")
        .replace("holder_id", "person_id")
        .replace("'user', 'reserved'", "'reserved'")
        .replace("'user', 'held'", "'held'");
    hand.run(&little).await.unwrap();
    let store = Store::open(fresh.url(), key()).await.unwrap();
    assert_eq!(marked(&mut hand).await, EVERYBODY);
    // And every licence is counted that was, as of whoever had it.
    let users = hand
        .texts("SELECT holder_id FROM seats WHERE kind = 'user' ORDER BY holder_id")
        .await;
    assert_eq!(users, [["joon"], ["mina"]]);
    hand.run("DELETE FROM seats").await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_before_marks_everybody_on_sqlite() {
    upgraded(&Fresh::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_database_from_before_marks_everybody_on_postgres() {
    let fresh = Fresh::postgres().await;
    upgraded(&fresh).await;
    fresh.close().await;
}
