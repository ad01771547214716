-- Licences of devices: whoever has a licence, waits for one or was refused one is a person, or a device.
ALTER TABLE seats DROP CONSTRAINT seats_person_id_fkey;
ALTER TABLE seats RENAME COLUMN person_id TO holder_id;
ALTER TABLE seats ADD COLUMN kind TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'device'));
ALTER TABLE seats ALTER COLUMN kind DROP DEFAULT;
ALTER INDEX seats_person RENAME TO seats_holder;
ALTER TABLE seat_refusals RENAME COLUMN person_id TO holder_id;
ALTER TABLE seat_refusals ADD COLUMN kind TEXT NOT NULL DEFAULT 'user';
ALTER TABLE seats_ended RENAME COLUMN person_id TO holder_id;
ALTER TABLE seats_ended ADD COLUMN kind TEXT NOT NULL DEFAULT 'user';
-- Whose licence a deployment is for, and whose a device was last told to install an app with.
ALTER TABLE deployments ADD COLUMN license_type TEXT NOT NULL DEFAULT 'user'
    CHECK (license_type IN ('user', 'device', 'automatic'));
ALTER TABLE installs ADD COLUMN license TEXT NOT NULL DEFAULT 'user' CHECK (license IN ('user', 'device'));

CREATE OR REPLACE FUNCTION seats_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.asset_id, NEW.holder_id, NEW.kind) IS DISTINCT FROM (OLD.asset_id, OLD.holder_id, OLD.kind) THEN
        RAISE EXCEPTION 'a seat belongs to one holder and one asset';
    END IF;
    IF NEW.state = 'reserved' AND OLD.state <> 'reserved' THEN
        RAISE EXCEPTION 'a seat is reserved when it is taken';
    END IF;
    RETURN NEW;
END $$;

-- The licence of a device marks whoever has the device.
CREATE FUNCTION marks_licence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dirty (location_id, person_id)
    SELECT location_id, COALESCE((SELECT person_id FROM devices WHERE devices.id = holder), holder)
    FROM assets JOIN (SELECT OLD.asset_id, OLD.holder_id UNION SELECT NEW.asset_id, NEW.holder_id)
                     AS touched (asset, holder) ON assets.id = asset;
    RETURN NULL;
END $$;
DROP TRIGGER marks_seat ON seats;
DROP TRIGGER marks_seat_changed ON seats;
DROP TRIGGER marks_refusal ON seat_refusals;
DROP TRIGGER marks_refusal_changed ON seat_refusals;
CREATE TRIGGER marks_seat AFTER INSERT OR DELETE ON seats FOR EACH ROW EXECUTE FUNCTION marks_licence();
CREATE TRIGGER marks_seat_changed AFTER UPDATE ON seats FOR EACH ROW
    WHEN ((OLD.state, OLD.since) IS DISTINCT FROM (NEW.state, NEW.since))
    EXECUTE FUNCTION marks_licence();
CREATE TRIGGER marks_refusal AFTER INSERT OR DELETE ON seat_refusals FOR EACH ROW EXECUTE FUNCTION marks_licence();
CREATE TRIGGER marks_refusal_changed AFTER UPDATE ON seat_refusals FOR EACH ROW
    WHEN ((OLD.asset_id, OLD.holder_id, OLD.kind, OLD.reason, OLD.not_before)
        IS DISTINCT FROM (NEW.asset_id, NEW.holder_id, NEW.kind, NEW.reason, NEW.not_before))
    EXECUTE FUNCTION marks_licence();
DROP TRIGGER marks_deployment_changed ON deployments;
CREATE TRIGGER marks_deployment_changed AFTER UPDATE ON deployments FOR EACH ROW
    WHEN ((OLD.asset_id, OLD.group_id, OLD.approval, OLD.deadline, OLD.license_type, OLD.since)
        IS DISTINCT FROM (NEW.asset_id, NEW.group_id, NEW.approval, NEW.deadline, NEW.license_type, NEW.since))
    EXECUTE FUNCTION marks_deployment();
DROP TRIGGER marks_asset_changed ON assets;
CREATE TRIGGER marks_asset_changed AFTER UPDATE ON assets FOR EACH ROW
    WHEN ((OLD.revocable, OLD.device_assignable, OLD.platforms)
        IS DISTINCT FROM (NEW.revocable, NEW.device_assignable, NEW.platforms))
    EXECUTE FUNCTION marks_asset();
DROP TRIGGER marks_install_changed ON installs;
CREATE TRIGGER marks_install_changed AFTER UPDATE ON installs FOR EACH ROW
    WHEN ((OLD.device_id, OLD.asset_id, OLD.command, OLD.command_since, OLD.license, OLD.accepted_at, OLD.removed_at,
          OLD.checks, OLD.failure_class, OLD.failure_code, OLD.failure_at, OLD.failure_attempts, OLD.asked_again_at)
        IS DISTINCT FROM
         (NEW.device_id, NEW.asset_id, NEW.command, NEW.command_since, NEW.license, NEW.accepted_at, NEW.removed_at,
          NEW.checks, NEW.failure_class, NEW.failure_code, NEW.failure_at, NEW.failure_attempts, NEW.asked_again_at))
    EXECUTE FUNCTION marks_install();
