-- The whole of the first schema, for PostgreSQL 15 and newer.
--
-- Rule for every table with a `body`: body is the entity as JSON, byte for byte as Berth wrote it (type json,
-- not jsonb), and is what Berth reads back; the other columns are written from it in the same statement, for
-- operators, queries and constraints. Times are milliseconds since the Unix epoch, booleans are 0 or 1, as in
-- the SQLite store. Change nothing by hand while a server runs: it keeps the world in memory.
--
-- Texts that are keys or are sorted have the collation "C": their order must not depend on the locale of the
-- cluster, nor change with a new libc. There is one writer, which a lock and the epoch see to; so triggers may
-- look at other rows without locking them.

-- Which migrations made this schema. A server refuses a database with one that it does not know.
CREATE TABLE schema_migrations (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL
);

-- +1 at every load. A commit names the epoch that it was decided in; an older one is refused (fencing).
-- `holder` says which process took it (host, pid, version, since), `backend_pid` with which connection.
CREATE TABLE epoch (
  "only" INTEGER PRIMARY KEY CHECK ("only" = 1),
  epoch BIGINT NOT NULL,
  holder JSON,
  backend_pid INTEGER
);
INSERT INTO epoch ("only", epoch) VALUES (1, 0);

-- Switches of the whole service: one row, `control`.
CREATE TABLE control (
  id TEXT COLLATE "C" PRIMARY KEY CHECK (id = 'control'),
  deployment_id TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('act', 'observe')),
  frozen SMALLINT NOT NULL CHECK (frozen IN (0, 1)),
  body JSON NOT NULL
);

CREATE TABLE hosts (
  id TEXT COLLATE "C" PRIMARY KEY,
  provider_id TEXT NOT NULL,
  name TEXT NOT NULL,
  claim_kind TEXT NOT NULL CHECK (claim_kind IN ('unit', 'slot')),
  status TEXT NOT NULL CHECK (status IN ('up', 'disabled', 'down', 'missing')),
  drained SMALLINT NOT NULL CHECK (drained IN (0, 1)),
  vcpus BIGINT NOT NULL,
  memory_mib BIGINT NOT NULL,
  disk_gib BIGINT NOT NULL,
  body JSON NOT NULL
);

-- The cards of hosts where Berth knows the cards. Rewritten only when the host's cards change.
CREATE TABLE devices (
  id TEXT COLLATE "C" PRIMARY KEY,
  host_id TEXT COLLATE "C" NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  device_class TEXT COLLATE "C" NOT NULL,
  address TEXT,
  iommu_group TEXT COLLATE "C",
  numa_node INTEGER,
  parent_id TEXT,
  quarantine TEXT
);
CREATE INDEX devices_by_group ON devices (host_id, iommu_group);

CREATE TABLE flavors (
  id TEXT COLLATE "C" PRIMARY KEY,
  provider_id TEXT NOT NULL,
  name TEXT NOT NULL,
  vcpus BIGINT NOT NULL,
  memory_mib BIGINT NOT NULL,
  disk_gib BIGINT NOT NULL,
  disabled SMALLINT NOT NULL CHECK (disabled IN (0, 1)),
  body JSON NOT NULL
);

-- Quotas: upper limits on what is held at one moment; null: no limit.
CREATE TABLE projects (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT NOT NULL,
  quota_gpus BIGINT,
  quota_leases BIGINT,
  served_seq BIGINT NOT NULL,
  body JSON NOT NULL
);

-- All leases ever. No foreign key to projects: a lease outlives what its project was called.
CREATE TABLE leases (
  id TEXT COLLATE "C" PRIMARY KEY,
  project_id TEXT COLLATE "C" NOT NULL,
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (
    state IN ('reserved', 'queued', 'starting', 'active', 'shelving', 'shelved', 'ending', 'ended')
  ),
  flavor_id TEXT NOT NULL,
  flavor_name TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  host_id TEXT,
  server_id TEXT,
  address TEXT,
  generation BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  claimed_at_ms BIGINT,
  wait_until_ms BIGINT,
  expires_at_ms BIGINT,
  ended_at_ms BIGINT,
  end_reason TEXT,
  used_device_ms BIGINT NOT NULL,
  body JSON NOT NULL,
  CHECK ((state = 'ended') = (ended_at_ms IS NOT NULL))
);
-- Partial, so that the load reads live leases only, however many have ended.
CREATE INDEX leases_live ON leases (project_id, created_at_ms) WHERE state <> 'ended';
CREATE INDEX leases_ended ON leases (ended_at_ms, id) WHERE state = 'ended';
CREATE INDEX leases_ended_by_project ON leases (project_id, ended_at_ms, id) WHERE state = 'ended';

-- What a lease holds, or (held = 0) is promised for a future window. `holding` is the JSON of what the rows
-- of claim_classes and claim_devices say; the writer leaves those rows alone while it is the same text.
CREATE TABLE claims (
  lease_id TEXT COLLATE "C" PRIMARY KEY REFERENCES leases (id) ON DELETE CASCADE,
  host_id TEXT COLLATE "C" NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('unit', 'slot')),
  held SMALLINT NOT NULL CHECK (held IN (0, 1)),
  provisional SMALLINT NOT NULL CHECK (provisional IN (0, 1)),
  from_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  vcpus BIGINT NOT NULL,
  memory_mib BIGINT NOT NULL,
  disk_gib BIGINT NOT NULL,
  holding TEXT COLLATE "C" NOT NULL
);

CREATE TABLE claim_classes (
  lease_id TEXT COLLATE "C" NOT NULL REFERENCES claims (lease_id) ON DELETE CASCADE,
  device_class TEXT COLLATE "C" NOT NULL,
  host_id TEXT COLLATE "C" NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  held SMALLINT NOT NULL CHECK (held IN (0, 1)),
  observed SMALLINT NOT NULL CHECK (observed IN (0, 1)),
  PRIMARY KEY (lease_id, device_class)
);

CREATE TABLE claim_devices (
  lease_id TEXT COLLATE "C" NOT NULL REFERENCES claims (lease_id) ON DELETE CASCADE,
  device_id TEXT COLLATE "C" NOT NULL,
  host_id TEXT COLLATE "C" NOT NULL,
  held SMALLINT NOT NULL CHECK (held IN (0, 1)),
  PRIMARY KEY (lease_id, device_id)
);
-- A device is in at most one active claim.
CREATE UNIQUE INDEX claim_devices_one_holder ON claim_devices (device_id) WHERE held = 1;

-- Says what a row trigger refuses; the text is the trigger's argument.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = TG_ARGV[0], TABLE = TG_TABLE_NAME;
END $$;

-- Devices of one IOMMU group are never in two machines: they could read each other's memory.
CREATE FUNCTION claim_devices_one_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1
  FROM added
  JOIN devices AS mine ON mine.id = added.device_id
  JOIN devices AS peer ON peer.host_id = mine.host_id AND peer.iommu_group = mine.iommu_group
  JOIN claim_devices AS other ON other.device_id = peer.id AND other.held = 1
  WHERE added.held = 1 AND other.lease_id <> added.lease_id;
  IF FOUND THEN
    RAISE EXCEPTION USING
      ERRCODE = 'check_violation', MESSAGE = 'an IOMMU group cannot be shared by two leases';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER claim_devices_one_group AFTER INSERT ON claim_devices
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION claim_devices_one_group();
CREATE TRIGGER claim_devices_are_replaced BEFORE UPDATE ON claim_devices
FOR EACH ROW EXECUTE FUNCTION refuse('rows of claim_devices are replaced, not changed');

-- Devices of a class on a host: what leases may use in all (what others use is taken off), and what they
-- hold. Of `used`, `observed` is the part that was not granted but seen: Nova put the server there, whatever
-- we had counted.
CREATE TABLE host_capacity (
  host_id TEXT COLLATE "C" NOT NULL,
  device_class TEXT COLLATE "C" NOT NULL,
  total INTEGER NOT NULL CHECK (total >= 0),
  used INTEGER NOT NULL CHECK (used >= 0),
  observed INTEGER NOT NULL CHECK (observed BETWEEN 0 AND used),
  PRIMARY KEY (host_id, device_class)
);
-- A capacity row cannot be overdrawn by a grant. Two things may leave used above total, because they are
-- facts that no refusal undoes: an observation that shows fewer devices, and a claim that was observed where
-- we did not expect it.
CREATE TRIGGER host_capacity_not_overdrawn BEFORE UPDATE ON host_capacity
FOR EACH ROW WHEN (NEW.used > NEW.total AND NEW.used - NEW.observed > OLD.used - OLD.observed)
EXECUTE FUNCTION refuse('a capacity row cannot be overdrawn');
CREATE TRIGGER host_capacity_not_born_overdrawn AFTER INSERT ON host_capacity
FOR EACH ROW WHEN (NEW.used > NEW.total AND NEW.used > NEW.observed)
EXECUTE FUNCTION refuse('a capacity row cannot be overdrawn');

CREATE FUNCTION claim_classes_take() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO host_capacity AS capacity (host_id, device_class, total, used, observed)
  SELECT host_id, device_class, 0, sum(count), sum(count * observed)
  FROM added WHERE held = 1 GROUP BY host_id, device_class
  ON CONFLICT (host_id, device_class) DO UPDATE
  SET used = capacity.used + excluded.used, observed = capacity.observed + excluded.observed;
  RETURN NULL;
END $$;
CREATE FUNCTION claim_classes_give_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE host_capacity AS capacity
  SET used = capacity.used - given.used, observed = capacity.observed - given.observed
  FROM (
    SELECT host_id, device_class, sum(count) AS used, sum(count * observed) AS observed
    FROM gone WHERE held = 1 GROUP BY host_id, device_class
  ) AS given
  WHERE capacity.host_id = given.host_id AND capacity.device_class = given.device_class;
  RETURN NULL;
END $$;
CREATE TRIGGER claim_classes_take AFTER INSERT ON claim_classes
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION claim_classes_take();
CREATE TRIGGER claim_classes_give_back AFTER DELETE ON claim_classes
REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION claim_classes_give_back();
CREATE TRIGGER claim_classes_are_replaced BEFORE UPDATE ON claim_classes
FOR EACH ROW EXECUTE FUNCTION refuse('rows of claim_classes are replaced, not changed');

-- Every outside call that was ever decided. Closed, never deleted: without a row here nothing outside may be
-- deleted.
CREATE TABLE intents (
  id TEXT COLLATE "C" PRIMARY KEY,
  lease_id TEXT COLLATE "C" NOT NULL,
  step TEXT NOT NULL,
  opened_at_ms BIGINT NOT NULL,
  closed_at_ms BIGINT,
  timeout_ms BIGINT NOT NULL,
  body JSON NOT NULL
);
CREATE INDEX intents_by_lease ON intents (lease_id);
CREATE INDEX intents_open ON intents (id) WHERE closed_at_ms IS NULL;

-- API tokens. The secret is nowhere: only its SHA-256.
CREATE TABLE tokens (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT NOT NULL,
  project_id TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('reader', 'member', 'manager', 'admin')),
  secret_hash TEXT COLLATE "C" NOT NULL UNIQUE,
  created_at_ms BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  body JSON NOT NULL
);

CREATE TABLE findings (
  id TEXT COLLATE "C" PRIMARY KEY,
  code TEXT NOT NULL,
  subject TEXT NOT NULL,
  since_ms BIGINT NOT NULL,
  body JSON NOT NULL
);

-- Answers to repeat. `id` begins with the time of expiry: rows come at one end and go at the other.
CREATE TABLE idempotency (
  id TEXT COLLATE "C" PRIMARY KEY,
  request_hash TEXT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  reply JSON NOT NULL
);

-- The audit log: append-only, numbered without gaps.
CREATE TABLE events (
  seq BIGINT PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  entity TEXT COLLATE "C" NOT NULL,
  entity_id TEXT COLLATE "C" NOT NULL,
  project_id TEXT COLLATE "C",
  reason TEXT,
  data JSON NOT NULL,
  state_before TEXT,
  state_after TEXT
);
CREATE INDEX events_by_lease ON events (entity_id, seq) WHERE entity = 'lease';
CREATE INDEX events_by_project ON events (project_id, seq) WHERE project_id IS NOT NULL;
CREATE INDEX events_by_type ON events (type, seq);

CREATE FUNCTION events_without_gaps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  first_seq BIGINT;
  last_seq BIGINT;
  row_count BIGINT;
  before_seq BIGINT;
BEGIN
  SELECT min(seq), max(seq), count(*) INTO first_seq, last_seq, row_count FROM added;
  SELECT coalesce(max(seq), 0) INTO before_seq FROM events WHERE seq < first_seq;
  IF row_count > 0 AND (first_seq <> before_seq + 1 OR last_seq <> before_seq + row_count) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'events are numbered without gaps';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER events_without_gaps AFTER INSERT ON events
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION events_without_gaps();
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
FOR EACH ROW EXECUTE FUNCTION refuse('events are append-only');
CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse('events are append-only');

-- One row per group commit: tells after a COMMIT without an answer whether it is there. The oldest are
-- pruned.
CREATE TABLE batches (
  revision BIGINT PRIMARY KEY,
  batch_id TEXT COLLATE "C" NOT NULL UNIQUE,
  event_seq BIGINT NOT NULL,
  at_ms BIGINT NOT NULL
);
