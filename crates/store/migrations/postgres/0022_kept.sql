-- Licences that a line of a deployment keeps for its group: until as many are out by it, nobody else gets what is missing.
ALTER TABLE deployments ADD COLUMN kept_licenses BIGINT NOT NULL DEFAULT 0 CHECK (kept_licenses >= 0);
CREATE INDEX deployments_keeping ON deployments (asset_id) WHERE kept_licenses > 0;
DROP TRIGGER marks_deployment_changed ON deployments;
CREATE TRIGGER marks_deployment_changed AFTER UPDATE ON deployments FOR EACH ROW
    WHEN ((OLD.asset_id, OLD.group_id, OLD.approval, OLD.deadline, OLD.license_type, OLD.installation,
           OLD.kept_licenses, OLD.since)
        IS DISTINCT FROM
         (NEW.asset_id, NEW.group_id, NEW.approval, NEW.deadline, NEW.license_type, NEW.installation,
          NEW.kept_licenses, NEW.since))
    EXECUTE FUNCTION marks_deployment();
-- The line of the deployment that keeps licences for whoever stands in a line for one; empty where none does. Each has an order of
-- its own, so that the first of those is found for whom one is left.
ALTER TABLE wishes ADD COLUMN kept_by BYTEA NOT NULL DEFAULT '';
DROP INDEX wishes_line;
CREATE INDEX wishes_line ON wishes (asset, kept_by, behind, only_available, since, device, holder);
DROP INDEX wishes_ready;
CREATE INDEX wishes_ready ON wishes (asset, kept_by, behind, only_available, since, device, holder) WHERE stand = 'ready';
