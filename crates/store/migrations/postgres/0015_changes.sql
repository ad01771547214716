-- What people changed of what they want, with what it said before, so that it can be told and restored. Added to only; deleted
-- as history is. Members are kept as who came and who went.
CREATE TABLE changes (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at BIGINT NOT NULL, actor_kind TEXT NOT NULL, actor_id TEXT, made_by TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('deployment', 'groupMembers', 'groupRule', 'settings', 'updates', 'personLeft')),
    -- The app, the group, the person; 'settings' of those.
    thing_id TEXT NOT NULL, name TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, promised TEXT NOT NULL,
    digest TEXT, undoes BIGINT, held_id TEXT, asked_by TEXT);
CREATE INDEX changes_thing ON changes (thing_id, id);
CREATE INDEX changes_undoes ON changes (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX changes_at ON changes (at);
CREATE TRIGGER changes_unchanged BEFORE UPDATE ON changes FOR EACH ROW EXECUTE FUNCTION events_unchanged();
CREATE TRIGGER changes_kept BEFORE DELETE ON changes FOR EACH ROW EXECUTE FUNCTION events_kept();
CREATE TRIGGER changes_not_emptied BEFORE TRUNCATE ON changes EXECUTE FUNCTION not_emptied();

-- Changes that wait for another administrator. Each ends once; what ended is deleted as history is.
CREATE TABLE held_changes (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, thing_id TEXT NOT NULL, name TEXT NOT NULL, intent TEXT NOT NULL,
    base BIGINT NOT NULL, digest TEXT NOT NULL, take_back BIGINT NOT NULL, promised TEXT NOT NULL, undoes BIGINT,
    asked_at BIGINT NOT NULL, asked_by TEXT NOT NULL, asker_kind TEXT NOT NULL, asker_id TEXT, expires_at BIGINT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'turnedDown', 'withdrawn', 'expired')),
    ended_at BIGINT, ended_by TEXT, reason TEXT, change_id BIGINT);
CREATE INDEX held_changes_open ON held_changes (expires_at) WHERE state = 'open';
CREATE INDEX held_changes_ended ON held_changes (ended_at) WHERE state <> 'open';
