-- Who brings the app onto the devices: we, or somebody else, and then we give licences only.
ALTER TABLE deployments ADD COLUMN installation TEXT NOT NULL DEFAULT 'managed'
    CHECK (installation IN ('managed', 'external'));
DROP TRIGGER marks_deployment_changed;
CREATE TRIGGER marks_deployment_changed AFTER UPDATE ON deployments
    WHEN (OLD.asset_id, OLD.group_id, OLD.approval, OLD.deadline, OLD.license_type, OLD.installation, OLD.since)
        IS DISTINCT FROM
         (NEW.asset_id, NEW.group_id, NEW.approval, NEW.deadline, NEW.license_type, NEW.installation, NEW.since)
BEGIN
    INSERT INTO dirty_many (location_id, scope, id)
    SELECT location_id, 'group', OLD.group_id FROM assets WHERE id = OLD.asset_id
    UNION
    SELECT location_id, 'group', NEW.group_id FROM assets WHERE id = NEW.asset_id;
END;
