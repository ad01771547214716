-- Deciding by person, and not by world: what was decided, and whom something happened to since.

-- Whom something happened to since they were decided last. Added to only; whoever decides takes the rows away.
CREATE TABLE dirty (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, location_id TEXT NOT NULL, person_id TEXT NOT NULL,
    waits_for_look BOOLEAN NOT NULL DEFAULT FALSE);
CREATE INDEX dirty_next ON dirty (location_id, waits_for_look, seq);
CREATE INDEX dirty_person ON dirty (location_id, person_id);
-- A change that concerns many, expanded some thousand people at a time.
CREATE TABLE dirty_many (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, location_id TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('group', 'asset', 'everybody')), id TEXT NOT NULL DEFAULT '',
    done_until TEXT NOT NULL DEFAULT '');
CREATE INDEX dirty_many_next ON dirty_many (location_id, seq);
-- What is derived speaks of assets and people a million times: of assets by a number, of people and devices by the 16 bytes
-- of their ids.
ALTER TABLE assets ADD COLUMN number BIGINT GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX assets_number ON assets (number);
-- Everything that is said of people, or of devices, and an asset, each once, and of how many it is said.
CREATE TABLE verdicts (
    no INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, asset_id TEXT NOT NULL REFERENCES assets (id), said TEXT NOT NULL,
    times BIGINT NOT NULL DEFAULT 0 CHECK (times >= 0), UNIQUE (asset_id, said));
-- What was decided of one person and one app. Derived: may be dropped and made again. Of those who stand in the line for them the
-- place of the last; `behind` is the priority of the group, the other way round: so that the whole place grows. Before all
-- priorities it is when somebody was moved up.
CREATE TABLE pairs (
    person_id BYTEA NOT NULL, asset INTEGER NOT NULL, verdict INTEGER NOT NULL, stand TEXT, behind BIGINT,
    only_available BOOLEAN, since BIGINT, device BOOLEAN, holder BYTEA, name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (person_id, asset));
CREATE INDEX pairs_asset ON pairs (asset, person_id);
CREATE INDEX pairs_said ON pairs (verdict, name, person_id);
CREATE INDEX pairs_ready ON pairs (asset, behind, only_available, since, device, holder) WHERE stand = 'ready';
-- The same of one of their devices, and whether it is to have a licence of its own.
CREATE TABLE device_pairs (
    person_id BYTEA NOT NULL, device_id BYTEA NOT NULL, asset INTEGER NOT NULL, verdict INTEGER NOT NULL, own BOOLEAN NOT NULL,
    name TEXT COLLATE "C" NOT NULL, PRIMARY KEY (person_id, device_id, asset));
CREATE INDEX device_pairs_said ON device_pairs (verdict, name, device_id);
-- The lines for licences: everybody who wants one and has none, people and devices, each with their place. Derived, too.
CREATE TABLE wishes (
    asset INTEGER NOT NULL, holder BYTEA NOT NULL, device BOOLEAN NOT NULL, person_id BYTEA NOT NULL, stand TEXT NOT NULL,
    behind BIGINT NOT NULL, only_available BOOLEAN NOT NULL, since BIGINT NOT NULL, PRIMARY KEY (holder, asset));
CREATE INDEX wishes_line ON wishes (asset, behind, only_available, since, device, holder);
CREATE INDEX wishes_ready ON wishes (asset, behind, only_available, since, device, holder) WHERE stand = 'ready';
CREATE INDEX wishes_person ON wishes (person_id, asset);
-- What keeps somebody from every app: for the list of people, by name. Derived, too.
CREATE TABLE concerns (
    location_id TEXT NOT NULL, person_id TEXT NOT NULL, concern TEXT NOT NULL, name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (location_id, person_id, concern));
CREATE INDEX concerns_named ON concerns (location_id, concern, name, person_id);
-- Lists are in the order of what is kept, whatever the language of the database.
ALTER TABLE people ALTER COLUMN name TYPE TEXT COLLATE "C";
ALTER TABLE devices ALTER COLUMN name TYPE TEXT COLLATE "C";
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
CREATE FUNCTION id_bytes(id TEXT) RETURNS BYTEA LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN length(id) = 36 THEN decode(replace(id, '-', ''), 'hex') END
$$;
-- The members of a group by name, and how many they are: neither is counted or sorted when a page is opened.
ALTER TABLE group_members ADD COLUMN name TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE groups ADD COLUMN members BIGINT NOT NULL DEFAULT 0;
UPDATE group_members SET name = COALESCE(
    (SELECT people.name FROM people WHERE id = member_id), (SELECT devices.name FROM devices WHERE id = member_id), '');
UPDATE groups SET members = (SELECT COUNT(*) FROM group_members WHERE group_id = id);
CREATE INDEX group_members_named ON group_members (group_id, name, member_id);
CREATE FUNCTION names_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.name := COALESCE(
        (SELECT people.name FROM people WHERE id = NEW.member_id),
        (SELECT devices.name FROM devices WHERE id = NEW.member_id), '');
    RETURN NEW;
END $$;
CREATE TRIGGER names_member BEFORE INSERT ON group_members FOR EACH ROW WHEN (NEW.name = '')
    EXECUTE FUNCTION names_member();
-- Once a statement: whoever brings in ten thousand writes the group's row once.
CREATE FUNCTION members_come() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE groups SET members = members + many
    FROM (SELECT group_id, COUNT(*) AS many FROM moved GROUP BY group_id) AS each WHERE id = group_id;
    RETURN NULL;
END $$;
CREATE TRIGGER members_come AFTER INSERT ON group_members REFERENCING NEW TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION members_come();
CREATE FUNCTION members_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE groups SET members = members - many
    FROM (SELECT group_id, COUNT(*) AS many FROM moved GROUP BY group_id) AS each WHERE id = group_id;
    RETURN NULL;
END $$;
CREATE TRIGGER members_go AFTER DELETE ON group_members REFERENCING OLD TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION members_go();
CREATE FUNCTION names_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pairs SET name = NEW.name WHERE person_id = id_bytes(NEW.id);
    UPDATE concerns SET name = NEW.name
    WHERE location_id IN (SELECT id FROM locations) AND person_id = NEW.id;
    UPDATE group_members SET name = NEW.name WHERE member_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER names_person AFTER UPDATE ON people FOR EACH ROW WHEN (OLD.name <> NEW.name)
    EXECUTE FUNCTION names_person();
CREATE FUNCTION names_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE device_pairs SET name = NEW.name
    WHERE person_id = id_bytes(NEW.person_id) AND device_id = id_bytes(NEW.id);
    UPDATE group_members SET name = NEW.name WHERE member_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER names_device AFTER UPDATE ON devices FOR EACH ROW WHEN (OLD.name <> NEW.name)
    EXECUTE FUNCTION names_device();
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

CREATE FUNCTION marks_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id) SELECT id, NEW.id FROM locations;
    RETURN NULL;
END $$;
CREATE TRIGGER marks_person_new AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION marks_person();
CREATE TRIGGER marks_person_changed AFTER UPDATE ON people FOR EACH ROW
    WHEN ((OLD.left_at IS NULL) <> (NEW.left_at IS NULL))
    EXECUTE FUNCTION marks_person();

CREATE FUNCTION marks_client_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location, person
    FROM (SELECT OLD.location_id, OLD.person_id UNION SELECT NEW.location_id, NEW.person_id)
         AS touched (location, person)
    WHERE person IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER marks_client_user AFTER INSERT OR DELETE ON client_users FOR EACH ROW
    EXECUTE FUNCTION marks_client_user();
-- When it was seen counts as when it was accepted, while that is not known.
CREATE TRIGGER marks_client_user_changed AFTER UPDATE ON client_users FOR EACH ROW
    WHEN ((OLD.location_id, OLD.person_id, OLD.status, OLD.invite_code IS NULL, OLD.round, OLD.error_number,
          OLD.not_before, CASE WHEN OLD.status = 'Associated' THEN COALESCE(OLD.accepted_at, OLD.observed_at) END,
          OLD.retiring_at, OLD.replaced_at IS NULL)
        IS DISTINCT FROM
         (NEW.location_id, NEW.person_id, NEW.status, NEW.invite_code IS NULL, NEW.round, NEW.error_number,
          NEW.not_before, CASE WHEN NEW.status = 'Associated' THEN COALESCE(NEW.accepted_at, NEW.observed_at) END,
          NEW.retiring_at, NEW.replaced_at IS NULL))
    EXECUTE FUNCTION marks_client_user();

CREATE FUNCTION marks_invitation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM client_users WHERE client_user_id IN (OLD.client_user_id, NEW.client_user_id);
    RETURN NULL;
END $$;
CREATE TRIGGER marks_invitation AFTER INSERT OR DELETE ON invitations FOR EACH ROW EXECUTE FUNCTION marks_invitation();
CREATE TRIGGER marks_invitation_changed AFTER UPDATE ON invitations FOR EACH ROW
    WHEN ((OLD.client_user_id, OLD.device_id, OLD.round, OLD.queued_at, OLD.ended_at, OLD.outcome)
        IS DISTINCT FROM
         (NEW.client_user_id, NEW.device_id, NEW.round, NEW.queued_at, NEW.ended_at, NEW.outcome))
    EXECUTE FUNCTION marks_invitation();

CREATE FUNCTION marks_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT id, person FROM locations, (SELECT OLD.person_id UNION SELECT NEW.person_id) AS touched (person)
    WHERE person IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER marks_device AFTER INSERT OR DELETE ON devices FOR EACH ROW EXECUTE FUNCTION marks_device();
CREATE TRIGGER marks_device_changed AFTER UPDATE ON devices FOR EACH ROW
    WHEN ((OLD.person_id, OLD.platform, OLD.os_version, OLD.enrolment, OLD.dep, OLD.shared, OLD.awaiting_configuration,
          OLD.serial IS NULL, OLD.informed_at IS NULL, OLD.unreachable_since, OLD.silent_since)
        IS DISTINCT FROM
         (NEW.person_id, NEW.platform, NEW.os_version, NEW.enrolment, NEW.dep, NEW.shared, NEW.awaiting_configuration,
          NEW.serial IS NULL, NEW.informed_at IS NULL, NEW.unreachable_since, NEW.silent_since))
    EXECUTE FUNCTION marks_device();

-- Of a command matters whether it is on its way, and only of those that answer a question of a decision.
CREATE FUNCTION marks_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT locations.id, person_id FROM devices, locations WHERE devices.id IN (OLD.device_id, NEW.device_id);
    RETURN NULL;
END $$;
CREATE TRIGGER marks_command_new AFTER INSERT ON commands FOR EACH ROW
    WHEN (NEW.state IN ('queued', 'sent', 'notNow')
      AND NEW.request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList', 'RemoveProfile',
                               'EraseDevice'))
    EXECUTE FUNCTION marks_command();
CREATE TRIGGER marks_command_gone AFTER DELETE ON commands FOR EACH ROW
    WHEN (OLD.state IN ('queued', 'sent', 'notNow')
      AND OLD.request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList', 'RemoveProfile',
                               'EraseDevice'))
    EXECUTE FUNCTION marks_command();
CREATE TRIGGER marks_command_changed AFTER UPDATE ON commands FOR EACH ROW
    WHEN ((OLD.device_id, OLD.request_type, OLD.state IN ('queued', 'sent', 'notNow'))
         IS DISTINCT FROM (NEW.device_id, NEW.request_type, NEW.state IN ('queued', 'sent', 'notNow'))
      AND (OLD.request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList', 'RemoveProfile',
                                'EraseDevice')
           OR NEW.request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList', 'RemoveProfile',
                                   'EraseDevice')))
    EXECUTE FUNCTION marks_command();

CREATE FUNCTION marks_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT locations.id, people.id FROM people, locations WHERE people.id IN (OLD.member_id, NEW.member_id)
    UNION ALL
    SELECT locations.id, person_id FROM devices, locations WHERE devices.id IN (OLD.member_id, NEW.member_id);
    RETURN NULL;
END $$;
CREATE TRIGGER marks_member AFTER INSERT OR DELETE ON group_members FOR EACH ROW EXECUTE FUNCTION marks_member();
CREATE TRIGGER marks_member_changed AFTER UPDATE ON group_members FOR EACH ROW
    WHEN ((OLD.group_id, OLD.member_id) IS DISTINCT FROM (NEW.group_id, NEW.member_id))
    EXECUTE FUNCTION marks_member();

-- Of a new group the members mark themselves; one that goes had none any more.
CREATE FUNCTION marks_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty_many (location_id, scope, id) SELECT id, 'group', NEW.id FROM locations;
    RETURN NULL;
END $$;
CREATE TRIGGER marks_group_changed AFTER UPDATE ON groups FOR EACH ROW
    WHEN ((OLD.kind, OLD.priority) IS DISTINCT FROM (NEW.kind, NEW.priority))
    EXECUTE FUNCTION marks_group();

CREATE FUNCTION marks_deployment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'group', group_touched
    FROM assets JOIN (SELECT OLD.asset_id, OLD.group_id UNION SELECT NEW.asset_id, NEW.group_id)
                     AS touched (asset_touched, group_touched) ON assets.id = asset_touched;
    RETURN NULL;
END $$;
CREATE TRIGGER marks_deployment AFTER INSERT OR DELETE ON deployments FOR EACH ROW EXECUTE FUNCTION marks_deployment();
CREATE TRIGGER marks_deployment_changed AFTER UPDATE ON deployments FOR EACH ROW
    WHEN ((OLD.asset_id, OLD.group_id, OLD.approval, OLD.deadline, OLD.since)
        IS DISTINCT FROM (NEW.asset_id, NEW.group_id, NEW.approval, NEW.deadline, NEW.since))
    EXECUTE FUNCTION marks_deployment();

CREATE FUNCTION marks_asset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty_many (location_id, scope, id) VALUES (NEW.location_id, 'asset', NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER marks_asset_new AFTER INSERT ON assets FOR EACH ROW EXECUTE FUNCTION marks_asset();
CREATE TRIGGER marks_asset_changed AFTER UPDATE ON assets FOR EACH ROW
    WHEN ((OLD.revocable, OLD.platforms) IS DISTINCT FROM (NEW.revocable, NEW.platforms))
    EXECUTE FUNCTION marks_asset();
-- Whether anything is decided about it at all: for whom, nobody has kept. What Apple lists no more is decided about for
-- as long as somebody has a licence for it. How many are free is looked at where they are given, and marks nobody.
CREATE FUNCTION marks_asset_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty_many (location_id, scope) VALUES (NEW.location_id, 'everybody');
    RETURN NULL;
END $$;
CREATE TRIGGER marks_asset_there AFTER UPDATE ON assets FOR EACH ROW
    WHEN ((OLD.adam_id, OLD.product_type, OLD.gone_at IS NULL OR OLD.taken > 0)
        IS DISTINCT FROM (NEW.adam_id, NEW.product_type, NEW.gone_at IS NULL OR NEW.taken > 0))
    EXECUTE FUNCTION marks_asset_there();

CREATE FUNCTION marks_metadata() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'asset', id FROM assets WHERE id IN (OLD.asset_id, NEW.asset_id);
    RETURN NULL;
END $$;
CREATE TRIGGER marks_metadata AFTER INSERT OR DELETE ON app_metadata FOR EACH ROW EXECUTE FUNCTION marks_metadata();
CREATE TRIGGER marks_metadata_changed AFTER UPDATE ON app_metadata FOR EACH ROW
    WHEN ((OLD.asset_id, OLD.bundle_id, OLD.minimum_os, OLD.device_families)
        IS DISTINCT FROM (NEW.asset_id, NEW.bundle_id, NEW.minimum_os, NEW.device_families))
    EXECUTE FUNCTION marks_metadata();

-- Licences, refused ones, and wishes: of one person and one asset each.
CREATE FUNCTION marks_holder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person
    FROM assets JOIN (SELECT OLD.asset_id, OLD.person_id UNION SELECT NEW.asset_id, NEW.person_id)
                     AS touched (asset, person) ON assets.id = asset;
    RETURN NULL;
END $$;
CREATE TRIGGER marks_seat AFTER INSERT OR DELETE ON seats FOR EACH ROW EXECUTE FUNCTION marks_holder();
CREATE TRIGGER marks_seat_changed AFTER UPDATE ON seats FOR EACH ROW
    WHEN ((OLD.state, OLD.since) IS DISTINCT FROM (NEW.state, NEW.since))
    EXECUTE FUNCTION marks_holder();
CREATE TRIGGER marks_refusal AFTER INSERT OR DELETE ON seat_refusals FOR EACH ROW EXECUTE FUNCTION marks_holder();
CREATE TRIGGER marks_refusal_changed AFTER UPDATE ON seat_refusals FOR EACH ROW
    WHEN ((OLD.asset_id, OLD.person_id, OLD.reason, OLD.not_before)
        IS DISTINCT FROM (NEW.asset_id, NEW.person_id, NEW.reason, NEW.not_before))
    EXECUTE FUNCTION marks_holder();
CREATE TRIGGER marks_request AFTER INSERT OR DELETE ON install_requests FOR EACH ROW EXECUTE FUNCTION marks_holder();
CREATE TRIGGER marks_request_changed AFTER UPDATE ON install_requests FOR EACH ROW
    WHEN ((OLD.asset_id, OLD.person_id, OLD.requested_at)
        IS DISTINCT FROM (NEW.asset_id, NEW.person_id, NEW.requested_at))
    EXECUTE FUNCTION marks_holder();

CREATE TRIGGER marks_moved_up AFTER INSERT OR DELETE ON moved_up FOR EACH ROW EXECUTE FUNCTION marks_holder();
CREATE TRIGGER marks_moved_up_changed AFTER UPDATE ON moved_up FOR EACH ROW
    WHEN ((OLD.asset_id, OLD.person_id, OLD.moved_at) IS DISTINCT FROM (NEW.asset_id, NEW.person_id, NEW.moved_at))
    EXECUTE FUNCTION marks_holder();

CREATE FUNCTION marks_install() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets
    WHERE devices.id IN (OLD.device_id, NEW.device_id) AND assets.id IN (OLD.asset_id, NEW.asset_id);
    RETURN NULL;
END $$;
CREATE TRIGGER marks_install AFTER INSERT OR DELETE ON installs FOR EACH ROW EXECUTE FUNCTION marks_install();
CREATE TRIGGER marks_install_changed AFTER UPDATE ON installs FOR EACH ROW
    WHEN ((OLD.device_id, OLD.asset_id, OLD.command, OLD.command_since, OLD.accepted_at, OLD.removed_at, OLD.checks,
          OLD.failure_class, OLD.failure_code, OLD.failure_at, OLD.failure_attempts, OLD.asked_again_at)
        IS DISTINCT FROM
         (NEW.device_id, NEW.asset_id, NEW.command, NEW.command_since, NEW.accepted_at, NEW.removed_at, NEW.checks,
          NEW.failure_class, NEW.failure_code, NEW.failure_at, NEW.failure_attempts, NEW.asked_again_at))
    EXECUTE FUNCTION marks_install();
CREATE TRIGGER marks_device_app AFTER INSERT OR DELETE ON device_apps FOR EACH ROW EXECUTE FUNCTION marks_install();
CREATE TRIGGER marks_device_app_changed AFTER UPDATE ON device_apps FOR EACH ROW
    WHEN ((OLD.device_id, OLD.asset_id, OLD.seen, OLD.seen_at)
        IS DISTINCT FROM (NEW.device_id, NEW.asset_id, NEW.seen, NEW.seen_at))
    EXECUTE FUNCTION marks_install();

CREATE FUNCTION marks_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty_many (location_id, scope) SELECT id, 'everybody' FROM locations;
    RETURN NULL;
END $$;
CREATE TRIGGER marks_policy_new AFTER INSERT ON settings FOR EACH ROW
    WHEN (NEW.key = 'policy')
    EXECUTE FUNCTION marks_policy();
CREATE TRIGGER marks_policy_gone AFTER DELETE ON settings FOR EACH ROW
    WHEN (OLD.key = 'policy')
    EXECUTE FUNCTION marks_policy();
CREATE TRIGGER marks_policy_changed AFTER UPDATE ON settings FOR EACH ROW
    WHEN ('policy' IN (OLD.key, NEW.key) AND (OLD.key, OLD.value) IS DISTINCT FROM (NEW.key, NEW.value))
    EXECUTE FUNCTION marks_policy();

CREATE FUNCTION marks_location() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty_many (location_id, scope) VALUES (NEW.id, 'everybody');
    RETURN NULL;
END $$;
CREATE TRIGGER marks_location_new AFTER INSERT ON locations FOR EACH ROW EXECUTE FUNCTION marks_location();

-- Counted once the seat is there: before that, a seat that is there already and stays as it is would be counted again.
DROP TRIGGER seats_take ON seats;
CREATE TRIGGER seats_take AFTER INSERT ON seats FOR EACH ROW EXECUTE FUNCTION seats_take();

-- Nobody was decided yet.
INSERT INTO dirty_many (location_id, scope) SELECT id, 'everybody' FROM locations;
