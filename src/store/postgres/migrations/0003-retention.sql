-- What has been kept for as long as the operator wants may go, and nothing else: ended leases, intents of
-- leases that are not there any more or have ended, and the events up to the floor. No row is rewritten.

-- Events up to `seq` were removed, the last of them of `at_ms`. One row; 0: none was.
CREATE TABLE event_floor (
  "only" INTEGER PRIMARY KEY CHECK ("only" = 1),
  seq BIGINT NOT NULL CHECK (seq >= 0),
  at_ms BIGINT NOT NULL
);
INSERT INTO event_floor ("only", seq, at_ms) VALUES (1, 0, 0);

CREATE FUNCTION event_floor_only_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq < OLD.seq OR NEW.seq >= (SELECT coalesce(max(seq), 0) FROM events) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation',
      MESSAGE = 'the floor of the events only rises, and leaves the newest';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER event_floor_only_rises BEFORE UPDATE ON event_floor
FOR EACH ROW EXECUTE FUNCTION event_floor_only_rises();
CREATE TRIGGER event_floor_stays BEFORE DELETE ON event_floor
FOR EACH ROW EXECUTE FUNCTION refuse('the floor of the events stays');

DROP TRIGGER events_append_only ON events;
CREATE TRIGGER events_append_only BEFORE UPDATE ON events
FOR EACH ROW EXECUTE FUNCTION refuse('events are append-only');
CREATE FUNCTION events_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM gone WHERE seq > (SELECT seq FROM event_floor)) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'events are append-only above the floor';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER events_no_delete AFTER DELETE ON events
REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION events_no_delete();

CREATE FUNCTION leases_live_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM gone WHERE state <> 'ended') THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'only a lease that has ended is removed';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER leases_live_stay AFTER DELETE ON leases
REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION leases_live_stay();

CREATE FUNCTION intents_live_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM gone LEFT JOIN leases ON leases.id = gone.lease_id
    WHERE gone.closed_at_ms IS NULL OR leases.state <> 'ended'
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation',
      MESSAGE = 'without its intent nothing of a lease that lives may be deleted';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER intents_live_stay AFTER DELETE ON intents
REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION intents_live_stay();

-- After the last event that is left, or the floor where none is.
CREATE OR REPLACE FUNCTION events_without_gaps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  first_seq BIGINT;
  last_seq BIGINT;
  row_count BIGINT;
  before_seq BIGINT;
BEGIN
  SELECT min(seq), max(seq), count(*) INTO first_seq, last_seq, row_count FROM added;
  SELECT coalesce(max(seq), (SELECT seq FROM event_floor)) INTO before_seq FROM events WHERE seq < first_seq;
  IF row_count > 0 AND (first_seq <> before_seq + 1 OR last_seq <> before_seq + row_count) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'events are numbered without gaps';
  END IF;
  RETURN NULL;
END $$;

UPDATE control SET body = (body::jsonb || '{"eventFloor": null}')::json;
