-- Deciding by person, and not by world: what was decided, and whom something happened to since.

-- Whom something happened to since they were decided last. Added to only; whoever decides takes the rows away.
CREATE TABLE dirty (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, location_id TEXT NOT NULL, person_id TEXT NOT NULL,
    waits_for_look BOOLEAN NOT NULL DEFAULT FALSE);
CREATE INDEX dirty_next ON dirty (location_id, waits_for_look, seq);
CREATE INDEX dirty_person ON dirty (location_id, person_id);
-- A change that concerns many, expanded some thousand people at a time.
CREATE TABLE dirty_many (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, location_id TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('group', 'asset', 'everybody')), id TEXT NOT NULL DEFAULT '',
    done_until TEXT NOT NULL DEFAULT '');
CREATE INDEX dirty_many_next ON dirty_many (location_id, seq);
-- What is derived speaks of assets and people a million times: of assets by a number, of people and devices by the 16 bytes
-- of their ids.
ALTER TABLE assets ADD COLUMN number BIGINT;
UPDATE assets SET number = rowid;
CREATE UNIQUE INDEX assets_number ON assets (number);
CREATE TRIGGER assets_numbered AFTER INSERT ON assets
BEGIN
    UPDATE assets SET number = (SELECT COALESCE(MAX(number), 0) + 1 FROM assets) WHERE id = NEW.id;
END;
-- Everything that is said of people, or of devices, and an asset, each once, and of how many it is said.
CREATE TABLE verdicts (
    no INTEGER PRIMARY KEY, asset_id TEXT NOT NULL REFERENCES assets (id), said TEXT NOT NULL,
    times BIGINT NOT NULL DEFAULT 0 CHECK (times >= 0), UNIQUE (asset_id, said));
-- What was decided of one person and one app. Derived: may be dropped and made again. Of those who stand in the line for them the
-- place of the last; `behind` is the priority of the group, the other way round: so that the whole place grows. Before all
-- priorities it is when somebody was moved up.
CREATE TABLE pairs (
    person_id BLOB NOT NULL, asset BIGINT NOT NULL, verdict BIGINT NOT NULL, stand TEXT, behind BIGINT,
    only_available BOOLEAN, since BIGINT, device BOOLEAN, holder BLOB, name TEXT NOT NULL,
    PRIMARY KEY (person_id, asset)) WITHOUT ROWID;
CREATE INDEX pairs_asset ON pairs (asset, person_id);
CREATE INDEX pairs_said ON pairs (verdict, name, person_id);
CREATE INDEX pairs_ready ON pairs (asset, behind, only_available, since, device, holder) WHERE stand = 'ready';
-- The same of one of their devices, and whether it is to have a licence of its own.
CREATE TABLE device_pairs (
    person_id BLOB NOT NULL, device_id BLOB NOT NULL, asset BIGINT NOT NULL, verdict BIGINT NOT NULL, own BOOLEAN NOT NULL,
    name TEXT NOT NULL, PRIMARY KEY (person_id, device_id, asset)) WITHOUT ROWID;
CREATE INDEX device_pairs_said ON device_pairs (verdict, name, device_id);
-- The lines for licences: everybody who wants one and has none, people and devices, each with their place. Derived, too.
CREATE TABLE wishes (
    asset BIGINT NOT NULL, holder BLOB NOT NULL, device BOOLEAN NOT NULL, person_id BLOB NOT NULL, stand TEXT NOT NULL,
    behind BIGINT NOT NULL, only_available BOOLEAN NOT NULL, since BIGINT NOT NULL, PRIMARY KEY (holder, asset))
    WITHOUT ROWID;
CREATE INDEX wishes_line ON wishes (asset, behind, only_available, since, device, holder);
CREATE INDEX wishes_ready ON wishes (asset, behind, only_available, since, device, holder) WHERE stand = 'ready';
CREATE INDEX wishes_person ON wishes (person_id, asset);
-- What keeps somebody from every app: for the list of people, by name. Derived, too.
CREATE TABLE concerns (
    location_id TEXT NOT NULL, person_id TEXT NOT NULL, concern TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (location_id, person_id, concern)) WITHOUT ROWID;
CREATE INDEX concerns_named ON concerns (location_id, concern, name, person_id);
-- People and devices, as lists have them: those who are here, and those of whom something else is true.
CREATE INDEX people_here ON people (name, id) WHERE left_at IS NULL;
CREATE INDEX people_left ON people (name, id) WHERE left_at IS NOT NULL;
CREATE INDEX devices_here ON devices (name, id) WHERE gone_at IS NULL;
CREATE INDEX devices_gone ON devices (name, id) WHERE gone_at IS NOT NULL;
CREATE INDEX devices_dep ON devices (dep, name, id) WHERE gone_at IS NULL;
CREATE INDEX devices_leaving ON devices (name, id) WHERE leaving_since IS NOT NULL;
CREATE INDEX devices_unheard ON devices (name, id) WHERE silent_since IS NOT NULL;
CREATE INDEX devices_counted_gone ON devices (last_seen_at) WHERE silent_since IS NOT NULL;
CREATE INDEX devices_platform ON devices (platform) WHERE gone_at IS NULL;
-- The members of a group by name, and how many they are: neither is counted or sorted when a page is opened.
ALTER TABLE group_members ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE groups ADD COLUMN members BIGINT NOT NULL DEFAULT 0;
UPDATE group_members SET name = COALESCE(
    (SELECT people.name FROM people WHERE id = member_id), (SELECT devices.name FROM devices WHERE id = member_id), '');
UPDATE groups SET members = (SELECT COUNT(*) FROM group_members WHERE group_id = id);
CREATE INDEX group_members_named ON group_members (group_id, name, member_id);
CREATE TRIGGER names_member AFTER INSERT ON group_members WHEN NEW.name = ''
BEGIN
    UPDATE group_members SET name = COALESCE(
        (SELECT people.name FROM people WHERE id = NEW.member_id),
        (SELECT devices.name FROM devices WHERE id = NEW.member_id), '')
    WHERE group_id = NEW.group_id AND member_id = NEW.member_id;
END;
CREATE TRIGGER members_come AFTER INSERT ON group_members
BEGIN
    UPDATE groups SET members = members + 1 WHERE id = NEW.group_id;
END;
CREATE TRIGGER members_go AFTER DELETE ON group_members
BEGIN
    UPDATE groups SET members = members - 1 WHERE id = OLD.group_id;
END;
CREATE TRIGGER names_person AFTER UPDATE ON people WHEN OLD.name <> NEW.name
BEGIN
    UPDATE pairs SET name = NEW.name WHERE person_id = unhex(replace(NEW.id, '-', ''));
    UPDATE concerns SET name = NEW.name
    WHERE location_id IN (SELECT id FROM locations) AND person_id = NEW.id;
    UPDATE group_members SET name = NEW.name WHERE member_id = NEW.id;
END;
CREATE TRIGGER names_device AFTER UPDATE ON devices WHEN OLD.name <> NEW.name
BEGIN
    UPDATE device_pairs SET name = NEW.name
    WHERE person_id = unhex(replace(NEW.person_id, '-', '')) AND device_id = unhex(replace(NEW.id, '-', ''));
    UPDATE group_members SET name = NEW.name WHERE member_id = NEW.id;
END;
-- Licences on their way are few; all that are out are many.
CREATE INDEX seats_moving ON seats (asset_id, state) WHERE state <> 'held';
-- When something follows for a person from the passing of time alone.
CREATE TABLE decide_again (
    location_id TEXT NOT NULL, person_id TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (location_id, person_id));
CREATE INDEX decide_again_at ON decide_again (location_id, at);
-- Whom Apple knew somebody as before, too.
CREATE INDEX client_users_person ON client_users (person_id);
-- With what everybody was decided last: whether the token could be used.
CREATE TABLE deciding (location_id TEXT PRIMARY KEY REFERENCES locations (id), token_usable BOOLEAN NOT NULL);

-- Whatever a decision looks at marks whom it concerns, in its own transaction and whoever writes it. A mark is a row of
-- its own: with one row for each person, writers would wait for each other, and one that is being taken away would
-- swallow another. Rows are written again and again with what they hold, so an update marks by what it changes.

CREATE TRIGGER marks_person_new AFTER INSERT ON people
BEGIN
    INSERT INTO dirty (location_id, person_id) SELECT id, NEW.id FROM locations;
END;
CREATE TRIGGER marks_person_changed AFTER UPDATE ON people WHEN (OLD.left_at IS NULL) <> (NEW.left_at IS NULL)
BEGIN
    INSERT INTO dirty (location_id, person_id) SELECT id, NEW.id FROM locations;
END;

CREATE TRIGGER marks_client_user_new AFTER INSERT ON client_users
BEGIN
    INSERT INTO dirty (location_id, person_id) VALUES (NEW.location_id, NEW.person_id);
END;
CREATE TRIGGER marks_client_user_gone AFTER DELETE ON client_users
BEGIN
    INSERT INTO dirty (location_id, person_id) VALUES (OLD.location_id, OLD.person_id);
END;
-- When it was seen counts as when it was accepted, while that is not known.
CREATE TRIGGER marks_client_user_changed AFTER UPDATE ON client_users
    WHEN (OLD.location_id, OLD.person_id, OLD.status, OLD.invite_code IS NULL, OLD.round, OLD.error_number,
          OLD.not_before, CASE WHEN OLD.status = 'Associated' THEN COALESCE(OLD.accepted_at, OLD.observed_at) END,
          OLD.retiring_at, OLD.replaced_at IS NULL)
        IS DISTINCT FROM
         (NEW.location_id, NEW.person_id, NEW.status, NEW.invite_code IS NULL, NEW.round, NEW.error_number,
          NEW.not_before, CASE WHEN NEW.status = 'Associated' THEN COALESCE(NEW.accepted_at, NEW.observed_at) END,
          NEW.retiring_at, NEW.replaced_at IS NULL)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT OLD.location_id, OLD.person_id UNION SELECT NEW.location_id, NEW.person_id;
END;

CREATE TRIGGER marks_invitation_new AFTER INSERT ON invitations
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM client_users WHERE client_user_id = NEW.client_user_id;
END;
CREATE TRIGGER marks_invitation_gone AFTER DELETE ON invitations
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM client_users WHERE client_user_id = OLD.client_user_id;
END;
CREATE TRIGGER marks_invitation_changed AFTER UPDATE ON invitations
    WHEN (OLD.client_user_id, OLD.device_id, OLD.round, OLD.queued_at, OLD.ended_at, OLD.outcome)
        IS DISTINCT FROM
         (NEW.client_user_id, NEW.device_id, NEW.round, NEW.queued_at, NEW.ended_at, NEW.outcome)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM client_users WHERE client_user_id IN (OLD.client_user_id, NEW.client_user_id);
END;

CREATE TRIGGER marks_device_new AFTER INSERT ON devices
BEGIN
    INSERT INTO dirty (location_id, person_id) SELECT id, NEW.person_id FROM locations;
END;
CREATE TRIGGER marks_device_gone AFTER DELETE ON devices
BEGIN
    INSERT INTO dirty (location_id, person_id) SELECT id, OLD.person_id FROM locations;
END;
CREATE TRIGGER marks_device_changed AFTER UPDATE ON devices
    WHEN (OLD.person_id, OLD.platform, OLD.os_version, OLD.enrolment, OLD.dep, OLD.shared, OLD.awaiting_configuration,
          OLD.serial IS NULL, OLD.informed_at IS NULL, OLD.unreachable_since, OLD.silent_since)
        IS DISTINCT FROM
         (NEW.person_id, NEW.platform, NEW.os_version, NEW.enrolment, NEW.dep, NEW.shared, NEW.awaiting_configuration,
          NEW.serial IS NULL, NEW.informed_at IS NULL, NEW.unreachable_since, NEW.silent_since)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT id, OLD.person_id FROM locations UNION SELECT id, NEW.person_id FROM locations;
END;

-- Of a command matters whether it is on its way, and only of those that answer a question of a decision.
CREATE TRIGGER marks_command_new AFTER INSERT ON commands
    WHEN NEW.state IN ('queued', 'sent', 'notNow')
     AND NEW.request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList', 'RemoveProfile',
                              'EraseDevice')
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT locations.id, person_id FROM devices, locations WHERE devices.id = NEW.device_id;
END;
CREATE TRIGGER marks_command_gone AFTER DELETE ON commands
    WHEN OLD.state IN ('queued', 'sent', 'notNow')
     AND OLD.request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList', 'RemoveProfile',
                              'EraseDevice')
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT locations.id, person_id FROM devices, locations WHERE devices.id = OLD.device_id;
END;
CREATE TRIGGER marks_command_changed AFTER UPDATE ON commands
    WHEN (OLD.device_id, OLD.request_type, OLD.state IN ('queued', 'sent', 'notNow'))
        IS DISTINCT FROM (NEW.device_id, NEW.request_type, NEW.state IN ('queued', 'sent', 'notNow'))
     AND (OLD.request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList', 'RemoveProfile',
                               'EraseDevice')
          OR NEW.request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList', 'RemoveProfile',
                                  'EraseDevice'))
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT locations.id, person_id FROM devices, locations WHERE devices.id IN (OLD.device_id, NEW.device_id);
END;

CREATE TRIGGER marks_member_new AFTER INSERT ON group_members
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT locations.id, people.id FROM people, locations WHERE people.id = NEW.member_id
    UNION ALL
    SELECT locations.id, person_id FROM devices, locations WHERE devices.id = NEW.member_id;
END;
CREATE TRIGGER marks_member_gone AFTER DELETE ON group_members
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT locations.id, people.id FROM people, locations WHERE people.id = OLD.member_id
    UNION ALL
    SELECT locations.id, person_id FROM devices, locations WHERE devices.id = OLD.member_id;
END;
CREATE TRIGGER marks_member_changed AFTER UPDATE ON group_members
    WHEN (OLD.group_id, OLD.member_id) IS DISTINCT FROM (NEW.group_id, NEW.member_id)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT locations.id, people.id FROM people, locations WHERE people.id IN (OLD.member_id, NEW.member_id)
    UNION ALL
    SELECT locations.id, person_id FROM devices, locations WHERE devices.id IN (OLD.member_id, NEW.member_id);
END;

-- Of a new group the members mark themselves; one that goes had none any more.
CREATE TRIGGER marks_group_changed AFTER UPDATE ON groups
    WHEN (OLD.kind, OLD.priority) IS DISTINCT FROM (NEW.kind, NEW.priority)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id) SELECT id, 'group', NEW.id FROM locations;
END;

CREATE TRIGGER marks_deployment_new AFTER INSERT ON deployments
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'group', NEW.group_id FROM assets WHERE id = NEW.asset_id;
END;
CREATE TRIGGER marks_deployment_gone AFTER DELETE ON deployments
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'group', OLD.group_id FROM assets WHERE id = OLD.asset_id;
END;
CREATE TRIGGER marks_deployment_changed AFTER UPDATE ON deployments
    WHEN (OLD.asset_id, OLD.group_id, OLD.approval, OLD.deadline, OLD.since)
        IS DISTINCT FROM (NEW.asset_id, NEW.group_id, NEW.approval, NEW.deadline, NEW.since)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'group', OLD.group_id FROM assets WHERE id = OLD.asset_id
    UNION
    SELECT location_id, 'group', NEW.group_id FROM assets WHERE id = NEW.asset_id;
END;

CREATE TRIGGER marks_asset_new AFTER INSERT ON assets
BEGIN
    INSERT INTO dirty_many (location_id, scope, id) VALUES (NEW.location_id, 'asset', NEW.id);
END;
CREATE TRIGGER marks_asset_changed AFTER UPDATE ON assets
    WHEN (OLD.revocable, OLD.platforms) IS DISTINCT FROM (NEW.revocable, NEW.platforms)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id) VALUES (NEW.location_id, 'asset', NEW.id);
END;
-- Whether anything is decided about it at all: for whom, nobody has kept. What Apple lists no more is decided about for
-- as long as somebody has a licence for it. How many are free is looked at where they are given, and marks nobody.
CREATE TRIGGER marks_asset_there AFTER UPDATE ON assets
    WHEN (OLD.adam_id, OLD.product_type, OLD.gone_at IS NULL OR OLD.taken > 0)
        IS DISTINCT FROM (NEW.adam_id, NEW.product_type, NEW.gone_at IS NULL OR NEW.taken > 0)
BEGIN
    INSERT INTO dirty_many (location_id, scope) VALUES (NEW.location_id, 'everybody');
END;

CREATE TRIGGER marks_metadata_new AFTER INSERT ON app_metadata
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'asset', id FROM assets WHERE id = NEW.asset_id;
END;
CREATE TRIGGER marks_metadata_gone AFTER DELETE ON app_metadata
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'asset', id FROM assets WHERE id = OLD.asset_id;
END;
CREATE TRIGGER marks_metadata_changed AFTER UPDATE ON app_metadata
    WHEN (OLD.asset_id, OLD.bundle_id, OLD.minimum_os, OLD.device_families)
        IS DISTINCT FROM (NEW.asset_id, NEW.bundle_id, NEW.minimum_os, NEW.device_families)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'asset', id FROM assets WHERE id IN (OLD.asset_id, NEW.asset_id);
END;

CREATE TRIGGER marks_seat_new AFTER INSERT ON seats
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, NEW.person_id FROM assets WHERE id = NEW.asset_id;
END;
CREATE TRIGGER marks_seat_gone AFTER DELETE ON seats
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, OLD.person_id FROM assets WHERE id = OLD.asset_id;
END;
CREATE TRIGGER marks_seat_changed AFTER UPDATE ON seats
    WHEN (OLD.state, OLD.since) IS DISTINCT FROM (NEW.state, NEW.since)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, NEW.person_id FROM assets WHERE id = NEW.asset_id;
END;

CREATE TRIGGER marks_refusal_new AFTER INSERT ON seat_refusals
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, NEW.person_id FROM assets WHERE id = NEW.asset_id;
END;
CREATE TRIGGER marks_refusal_gone AFTER DELETE ON seat_refusals
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, OLD.person_id FROM assets WHERE id = OLD.asset_id;
END;
CREATE TRIGGER marks_refusal_changed AFTER UPDATE ON seat_refusals
    WHEN (OLD.asset_id, OLD.person_id, OLD.reason, OLD.not_before)
        IS DISTINCT FROM (NEW.asset_id, NEW.person_id, NEW.reason, NEW.not_before)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, OLD.person_id FROM assets WHERE id = OLD.asset_id
    UNION
    SELECT location_id, NEW.person_id FROM assets WHERE id = NEW.asset_id;
END;

CREATE TRIGGER marks_request_new AFTER INSERT ON install_requests
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, NEW.person_id FROM assets WHERE id = NEW.asset_id;
END;
CREATE TRIGGER marks_request_gone AFTER DELETE ON install_requests
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, OLD.person_id FROM assets WHERE id = OLD.asset_id;
END;
CREATE TRIGGER marks_request_changed AFTER UPDATE ON install_requests
    WHEN (OLD.asset_id, OLD.person_id, OLD.requested_at)
        IS DISTINCT FROM (NEW.asset_id, NEW.person_id, NEW.requested_at)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, OLD.person_id FROM assets WHERE id = OLD.asset_id
    UNION
    SELECT location_id, NEW.person_id FROM assets WHERE id = NEW.asset_id;
END;

CREATE TRIGGER marks_moved_up_new AFTER INSERT ON moved_up
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, NEW.person_id FROM assets WHERE id = NEW.asset_id;
END;
CREATE TRIGGER marks_moved_up_gone AFTER DELETE ON moved_up
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, OLD.person_id FROM assets WHERE id = OLD.asset_id;
END;
CREATE TRIGGER marks_moved_up_changed AFTER UPDATE ON moved_up
    WHEN (OLD.asset_id, OLD.person_id, OLD.moved_at) IS DISTINCT FROM (NEW.asset_id, NEW.person_id, NEW.moved_at)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, OLD.person_id FROM assets WHERE id = OLD.asset_id
    UNION
    SELECT location_id, NEW.person_id FROM assets WHERE id = NEW.asset_id;
END;

CREATE TRIGGER marks_install_new AFTER INSERT ON installs
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets WHERE devices.id = NEW.device_id AND assets.id = NEW.asset_id;
END;
CREATE TRIGGER marks_install_gone AFTER DELETE ON installs
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets WHERE devices.id = OLD.device_id AND assets.id = OLD.asset_id;
END;
CREATE TRIGGER marks_install_changed AFTER UPDATE ON installs
    WHEN (OLD.device_id, OLD.asset_id, OLD.command, OLD.command_since, OLD.accepted_at, OLD.removed_at, OLD.checks,
          OLD.failure_class, OLD.failure_code, OLD.failure_at, OLD.failure_attempts, OLD.asked_again_at)
        IS DISTINCT FROM
         (NEW.device_id, NEW.asset_id, NEW.command, NEW.command_since, NEW.accepted_at, NEW.removed_at, NEW.checks,
          NEW.failure_class, NEW.failure_code, NEW.failure_at, NEW.failure_attempts, NEW.asked_again_at)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets
    WHERE devices.id IN (OLD.device_id, NEW.device_id) AND assets.id IN (OLD.asset_id, NEW.asset_id);
END;

CREATE TRIGGER marks_device_app_new AFTER INSERT ON device_apps
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets WHERE devices.id = NEW.device_id AND assets.id = NEW.asset_id;
END;
CREATE TRIGGER marks_device_app_gone AFTER DELETE ON device_apps
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets WHERE devices.id = OLD.device_id AND assets.id = OLD.asset_id;
END;
CREATE TRIGGER marks_device_app_changed AFTER UPDATE ON device_apps
    WHEN (OLD.device_id, OLD.asset_id, OLD.seen, OLD.seen_at)
        IS DISTINCT FROM (NEW.device_id, NEW.asset_id, NEW.seen, NEW.seen_at)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets
    WHERE devices.id IN (OLD.device_id, NEW.device_id) AND assets.id IN (OLD.asset_id, NEW.asset_id);
END;

CREATE TRIGGER marks_policy_new AFTER INSERT ON settings WHEN NEW.key = 'policy'
BEGIN
    INSERT INTO dirty_many (location_id, scope) SELECT id, 'everybody' FROM locations;
END;
CREATE TRIGGER marks_policy_gone AFTER DELETE ON settings WHEN OLD.key = 'policy'
BEGIN
    INSERT INTO dirty_many (location_id, scope) SELECT id, 'everybody' FROM locations;
END;
CREATE TRIGGER marks_policy_changed AFTER UPDATE ON settings
    WHEN 'policy' IN (OLD.key, NEW.key) AND (OLD.key, OLD.value) IS DISTINCT FROM (NEW.key, NEW.value)
BEGIN
    INSERT INTO dirty_many (location_id, scope) SELECT id, 'everybody' FROM locations;
END;

CREATE TRIGGER marks_location_new AFTER INSERT ON locations
BEGIN
    INSERT INTO dirty_many (location_id, scope) VALUES (NEW.id, 'everybody');
END;

-- The count is what it counts, always, and keeping it costs the same with any number of seats. Before a seat comes or
-- goes it is noted whether it is there, which the note has right; the count moves by one only while a note and its
-- seat disagree, which is between the two triggers of one seat and at no other time.
CREATE TABLE counting (
    asset_id TEXT NOT NULL, person_id TEXT NOT NULL, there BOOLEAN NOT NULL, PRIMARY KEY (asset_id, person_id))
    WITHOUT ROWID;
CREATE TRIGGER counting_true BEFORE INSERT ON counting
    WHEN NEW.there <> EXISTS (SELECT 1 FROM seats WHERE asset_id = NEW.asset_id AND person_id = NEW.person_id)
BEGIN
    SELECT RAISE(ABORT, 'taken is counted by the database');
END;
CREATE TRIGGER counting_unchanged BEFORE UPDATE ON counting
BEGIN
    SELECT RAISE(ABORT, 'taken is counted by the database');
END;
CREATE TRIGGER seats_come BEFORE INSERT ON seats
    WHEN NOT EXISTS (SELECT 1 FROM seats WHERE asset_id = NEW.asset_id AND person_id = NEW.person_id)
BEGIN
    INSERT OR REPLACE INTO counting (asset_id, person_id, there) VALUES (NEW.asset_id, NEW.person_id, FALSE);
END;
CREATE TRIGGER seats_go BEFORE DELETE ON seats
BEGIN
    INSERT OR REPLACE INTO counting (asset_id, person_id, there) VALUES (OLD.asset_id, OLD.person_id, TRUE);
END;
DROP TRIGGER seats_taken;
CREATE TRIGGER seats_taken AFTER INSERT ON seats
BEGIN
    UPDATE assets SET taken = taken + 1 WHERE id = NEW.asset_id;
    DELETE FROM counting WHERE asset_id = NEW.asset_id AND person_id = NEW.person_id;
END;
DROP TRIGGER seats_given_back;
CREATE TRIGGER seats_given_back AFTER DELETE ON seats
BEGIN
    UPDATE assets SET taken = taken - 1 WHERE id = OLD.asset_id;
    DELETE FROM counting WHERE asset_id = OLD.asset_id AND person_id = OLD.person_id;
END;
DROP TRIGGER assets_taken;
CREATE TRIGGER assets_taken BEFORE UPDATE OF taken ON assets
    WHEN NEW.taken <> OLD.taken AND NOT EXISTS (
        SELECT 1 FROM counting
        WHERE asset_id = OLD.id AND NEW.taken - OLD.taken = CASE WHEN there THEN -1 ELSE 1 END
          AND there <> EXISTS (SELECT 1 FROM seats
                               WHERE seats.asset_id = counting.asset_id AND seats.person_id = counting.person_id))
BEGIN
    SELECT RAISE(ABORT, 'taken is counted by the database');
END;

-- Nobody was decided yet.
INSERT INTO dirty_many (location_id, scope) SELECT id, 'everybody' FROM locations;
