-- Licences of devices: whoever has a licence, waits for one or was refused one is a person, or a device.
DROP TRIGGER assets_taken;
DROP TRIGGER counting_true;
DROP TRIGGER counting_unchanged;
DROP TABLE counting;
CREATE TABLE held (
    asset_id TEXT NOT NULL REFERENCES assets (id), holder_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'device')),
    state TEXT NOT NULL CHECK (state IN ('reserved', 'held', 'returning')), operation_id TEXT, since BIGINT NOT NULL,
    PRIMARY KEY (asset_id, holder_id));
INSERT INTO held (asset_id, holder_id, kind, state, operation_id, since)
SELECT asset_id, person_id, 'user', state, operation_id, since FROM seats;
DROP TABLE seats;
ALTER TABLE held RENAME TO seats;
CREATE INDEX seats_operation ON seats (operation_id);
CREATE INDEX seats_holder ON seats (holder_id);
CREATE INDEX seats_moving ON seats (asset_id, state) WHERE state <> 'held';
ALTER TABLE seat_refusals RENAME COLUMN person_id TO holder_id;
ALTER TABLE seat_refusals ADD COLUMN kind TEXT NOT NULL DEFAULT 'user';
ALTER TABLE seats_ended RENAME COLUMN person_id TO holder_id;
ALTER TABLE seats_ended ADD COLUMN kind TEXT NOT NULL DEFAULT 'user';
-- Whose licence a deployment is for, and whose a device was last told to install an app with.
ALTER TABLE deployments ADD COLUMN license_type TEXT NOT NULL DEFAULT 'user'
    CHECK (license_type IN ('user', 'device', 'automatic'));
ALTER TABLE installs ADD COLUMN license TEXT NOT NULL DEFAULT 'user' CHECK (license IN ('user', 'device'));

-- As before, of whoever holds it.
CREATE TRIGGER seats_take BEFORE INSERT ON seats
BEGIN
    SELECT RAISE(ABORT, 'overdraft') WHERE NEW.state <> 'held' AND NOT EXISTS (
        SELECT 1 FROM assets
        WHERE id = NEW.asset_id AND gone_at IS NULL AND (unlimited OR taken + foreign_held < owned));
END;
CREATE TRIGGER seats_stay BEFORE UPDATE OF asset_id, holder_id, kind ON seats
BEGIN
    SELECT RAISE(ABORT, 'a seat belongs to one holder and one asset');
END;
CREATE TRIGGER seats_forward BEFORE UPDATE OF state ON seats WHEN NEW.state = 'reserved' AND OLD.state <> 'reserved'
BEGIN
    SELECT RAISE(ABORT, 'a seat is reserved when it is taken');
END;
CREATE TABLE counting (
    asset_id TEXT NOT NULL, holder_id TEXT NOT NULL, there BOOLEAN NOT NULL, PRIMARY KEY (asset_id, holder_id))
    WITHOUT ROWID;
CREATE TRIGGER counting_true BEFORE INSERT ON counting
    WHEN NEW.there <> EXISTS (SELECT 1 FROM seats WHERE asset_id = NEW.asset_id AND holder_id = NEW.holder_id)
BEGIN
    SELECT RAISE(ABORT, 'taken is counted by the database');
END;
CREATE TRIGGER counting_unchanged BEFORE UPDATE ON counting
BEGIN
    SELECT RAISE(ABORT, 'taken is counted by the database');
END;
CREATE TRIGGER seats_come BEFORE INSERT ON seats
    WHEN NOT EXISTS (SELECT 1 FROM seats WHERE asset_id = NEW.asset_id AND holder_id = NEW.holder_id)
BEGIN
    INSERT OR REPLACE INTO counting (asset_id, holder_id, there) VALUES (NEW.asset_id, NEW.holder_id, FALSE);
END;
CREATE TRIGGER seats_go BEFORE DELETE ON seats
BEGIN
    INSERT OR REPLACE INTO counting (asset_id, holder_id, there) VALUES (OLD.asset_id, OLD.holder_id, TRUE);
END;
CREATE TRIGGER seats_taken AFTER INSERT ON seats
BEGIN
    UPDATE assets SET taken = taken + 1 WHERE id = NEW.asset_id;
    DELETE FROM counting WHERE asset_id = NEW.asset_id AND holder_id = NEW.holder_id;
END;
CREATE TRIGGER seats_given_back AFTER DELETE ON seats
BEGIN
    UPDATE assets SET taken = taken - 1 WHERE id = OLD.asset_id;
    DELETE FROM counting WHERE asset_id = OLD.asset_id AND holder_id = OLD.holder_id;
END;
CREATE TRIGGER assets_taken BEFORE UPDATE OF taken ON assets
    WHEN NEW.taken <> OLD.taken AND NOT EXISTS (
        SELECT 1 FROM counting
        WHERE asset_id = OLD.id AND NEW.taken - OLD.taken = CASE WHEN there THEN -1 ELSE 1 END
          AND there <> EXISTS (SELECT 1 FROM seats
                               WHERE seats.asset_id = counting.asset_id AND seats.holder_id = counting.holder_id))
BEGIN
    SELECT RAISE(ABORT, 'taken is counted by the database');
END;

-- The licence of a device marks whoever has the device.
CREATE TRIGGER marks_seat_new AFTER INSERT ON seats
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, COALESCE((SELECT person_id FROM devices WHERE id = NEW.holder_id), NEW.holder_id)
    FROM assets WHERE id = NEW.asset_id;
END;
CREATE TRIGGER marks_seat_gone AFTER DELETE ON seats
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, COALESCE((SELECT person_id FROM devices WHERE id = OLD.holder_id), OLD.holder_id)
    FROM assets WHERE id = OLD.asset_id;
END;
CREATE TRIGGER marks_seat_changed AFTER UPDATE ON seats
    WHEN (OLD.state, OLD.since) IS DISTINCT FROM (NEW.state, NEW.since)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, COALESCE((SELECT person_id FROM devices WHERE id = NEW.holder_id), NEW.holder_id)
    FROM assets WHERE id = NEW.asset_id;
END;
DROP TRIGGER marks_refusal_new;
DROP TRIGGER marks_refusal_gone;
DROP TRIGGER marks_refusal_changed;
CREATE TRIGGER marks_refusal_new AFTER INSERT ON seat_refusals
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, COALESCE((SELECT person_id FROM devices WHERE id = NEW.holder_id), NEW.holder_id)
    FROM assets WHERE id = NEW.asset_id;
END;
CREATE TRIGGER marks_refusal_gone AFTER DELETE ON seat_refusals
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, COALESCE((SELECT person_id FROM devices WHERE id = OLD.holder_id), OLD.holder_id)
    FROM assets WHERE id = OLD.asset_id;
END;
CREATE TRIGGER marks_refusal_changed AFTER UPDATE ON seat_refusals
    WHEN (OLD.asset_id, OLD.holder_id, OLD.kind, OLD.reason, OLD.not_before)
        IS DISTINCT FROM (NEW.asset_id, NEW.holder_id, NEW.kind, NEW.reason, NEW.not_before)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, COALESCE((SELECT person_id FROM devices WHERE id = OLD.holder_id), OLD.holder_id)
    FROM assets WHERE id = OLD.asset_id
    UNION
    SELECT location_id, COALESCE((SELECT person_id FROM devices WHERE id = NEW.holder_id), NEW.holder_id)
    FROM assets WHERE id = NEW.asset_id;
END;
DROP TRIGGER marks_deployment_changed;
CREATE TRIGGER marks_deployment_changed AFTER UPDATE ON deployments
    WHEN (OLD.asset_id, OLD.group_id, OLD.approval, OLD.deadline, OLD.license_type, OLD.since)
        IS DISTINCT FROM (NEW.asset_id, NEW.group_id, NEW.approval, NEW.deadline, NEW.license_type, NEW.since)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'group', OLD.group_id FROM assets WHERE id = OLD.asset_id
    UNION
    SELECT location_id, 'group', NEW.group_id FROM assets WHERE id = NEW.asset_id;
END;
DROP TRIGGER marks_asset_changed;
CREATE TRIGGER marks_asset_changed AFTER UPDATE ON assets
    WHEN (OLD.revocable, OLD.device_assignable, OLD.platforms)
        IS DISTINCT FROM (NEW.revocable, NEW.device_assignable, NEW.platforms)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id) VALUES (NEW.location_id, 'asset', NEW.id);
END;
DROP TRIGGER marks_install_changed;
CREATE TRIGGER marks_install_changed AFTER UPDATE ON installs
    WHEN (OLD.device_id, OLD.asset_id, OLD.command, OLD.command_since, OLD.license, OLD.accepted_at, OLD.removed_at,
          OLD.checks, OLD.failure_class, OLD.failure_code, OLD.failure_at, OLD.failure_attempts, OLD.asked_again_at)
        IS DISTINCT FROM
         (NEW.device_id, NEW.asset_id, NEW.command, NEW.command_since, NEW.license, NEW.accepted_at, NEW.removed_at,
          NEW.checks, NEW.failure_class, NEW.failure_code, NEW.failure_at, NEW.failure_attempts, NEW.asked_again_at)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets
    WHERE devices.id IN (OLD.device_id, NEW.device_id) AND assets.id IN (OLD.asset_id, NEW.asset_id);
END;
