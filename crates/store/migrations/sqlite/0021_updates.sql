-- Versions of apps: the store's newest, the one that a device has, and which one it was told of last. They are counted as the
-- store counts them, `externalVersionId`.
ALTER TABLE app_metadata ADD COLUMN store_version BIGINT;
ALTER TABLE device_apps ADD COLUMN version BIGINT;
ALTER TABLE installs ADD COLUMN told_version BIGINT;

-- Whether new versions go to devices by themselves, and which was released by hand.
ALTER TABLE assets ADD COLUMN updates_by_hand BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE assets ADD COLUMN released_version BIGINT;
ALTER TABLE assets ADD COLUMN updates_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE assets ADD COLUMN updates_changed_at BIGINT;
ALTER TABLE assets ADD COLUMN updates_changed_by TEXT;

DROP TRIGGER marks_asset_changed;
CREATE TRIGGER marks_asset_changed AFTER UPDATE ON assets
    WHEN (OLD.revocable, OLD.device_assignable, OLD.platforms, OLD.updates_by_hand, OLD.released_version)
        IS DISTINCT FROM (NEW.revocable, NEW.device_assignable, NEW.platforms, NEW.updates_by_hand,
            NEW.released_version)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id) VALUES (NEW.location_id, 'asset', NEW.id);
END;
DROP TRIGGER marks_metadata_changed;
CREATE TRIGGER marks_metadata_changed AFTER UPDATE ON app_metadata
    WHEN (OLD.asset_id, OLD.bundle_id, OLD.minimum_os, OLD.device_families, OLD.store_version)
        IS DISTINCT FROM (NEW.asset_id, NEW.bundle_id, NEW.minimum_os, NEW.device_families, NEW.store_version)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'asset', id FROM assets WHERE id IN (OLD.asset_id, NEW.asset_id);
END;
DROP TRIGGER marks_install_changed;
CREATE TRIGGER marks_install_changed AFTER UPDATE ON installs
    WHEN (OLD.device_id, OLD.asset_id, OLD.command, OLD.command_since, OLD.license, OLD.told_version,
        OLD.accepted_at, OLD.removed_at, OLD.checks, OLD.failure_class, OLD.failure_code, OLD.failure_at,
        OLD.failure_attempts, OLD.asked_again_at)
        IS DISTINCT FROM (NEW.device_id, NEW.asset_id, NEW.command, NEW.command_since, NEW.license, NEW.told_version,
            NEW.accepted_at, NEW.removed_at, NEW.checks, NEW.failure_class, NEW.failure_code, NEW.failure_at,
            NEW.failure_attempts, NEW.asked_again_at)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets
    WHERE devices.id IN (OLD.device_id, NEW.device_id) AND assets.id IN (OLD.asset_id, NEW.asset_id);
END;
DROP TRIGGER marks_device_app_changed;
CREATE TRIGGER marks_device_app_changed AFTER UPDATE ON device_apps
    WHEN (OLD.device_id, OLD.asset_id, OLD.seen, OLD.seen_at, OLD.version)
        IS DISTINCT FROM (NEW.device_id, NEW.asset_id, NEW.seen, NEW.seen_at, NEW.version)
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, person_id FROM devices, assets
    WHERE devices.id IN (OLD.device_id, NEW.device_id) AND assets.id IN (OLD.asset_id, NEW.asset_id);
END;
