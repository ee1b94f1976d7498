-- Usage records, limits of projects, and the purpose of leases.
--
-- With ten million events and a million leases it takes some minutes: each lease is rewritten once, and the
-- events of those that have used something are looked up by their index.

-- What leases have held and given back, by class of device: one row for each time and class. Written in the
-- transaction that frees the claim. Kept when the lease and its events are deleted, so it refers to nothing,
-- and names things as they were called.
CREATE TABLE usage (
  lease_id TEXT COLLATE "C" NOT NULL,
  holding BIGINT NOT NULL,
  device_class TEXT COLLATE "C" NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  from_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  lease_name TEXT NOT NULL,
  project_id TEXT COLLATE "C" NOT NULL,
  project_name TEXT NOT NULL,
  owner_id TEXT COLLATE "C" NOT NULL,
  flavor_id TEXT COLLATE "C" NOT NULL,
  flavor_name TEXT NOT NULL,
  purpose TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('interactive', 'ci')),
  PRIMARY KEY (lease_id, holding, device_class),
  CHECK (until_ms > from_ms)
);
CREATE INDEX usage_by_time ON usage (from_ms);
CREATE INDEX usage_by_project ON usage (project_id, from_ms);
-- The longest time of all tells how far before an interval those begin that reach into it.
CREATE INDEX usage_by_length ON usage ((until_ms - from_ms));
CREATE TRIGGER usage_append_only BEFORE UPDATE OR DELETE ON usage
FOR EACH ROW EXECUTE FUNCTION refuse('usage is append-only');
CREATE TRIGGER usage_not_truncated BEFORE TRUNCATE ON usage
FOR EACH STATEMENT EXECUTE FUNCTION refuse('usage is append-only');

-- What was used before: a lease held its devices from when it was granted until the first event after which
-- it waits, is shelved, or has ended.
INSERT INTO usage (
  lease_id, holding, device_class, count, from_ms, until_ms, lease_name, project_id, project_name, owner_id,
  flavor_id, flavor_name, purpose
)
SELECT
  lease.id, held.holding, device.key, device.value::integer, held.from_ms, held.until_ms, lease.name,
  lease.project_id, coalesce(project.name, lease.project_id), lease.owner_id, lease.flavor_id,
  lease.flavor_name, 'interactive'
FROM (
  SELECT
    began.entity_id AS lease_id,
    row_number() OVER (PARTITION BY began.entity_id ORDER BY began.seq) AS holding,
    began.at_ms AS from_ms,
    (
      SELECT later.at_ms FROM events AS later
      WHERE later.entity = 'lease' AND later.entity_id = began.entity_id AND later.seq > began.seq
        AND later.state_after IN ('queued', 'shelved', 'ended')
      ORDER BY later.seq LIMIT 1
    ) AS until_ms
  FROM events AS began
  WHERE began.type IN ('lease.granted', 'lease.adopted')
) AS held
JOIN leases AS lease ON lease.id = held.lease_id
CROSS JOIN LATERAL json_each_text(lease.body #> '{request,demand,devices}') AS device
LEFT JOIN projects AS project ON project.id = lease.project_id
WHERE held.until_ms > held.from_ms AND device.value::integer > 0;

UPDATE leases SET body = jsonb_set(
  body::jsonb, '{request}', (body::jsonb -> 'request') || '{"purpose": "interactive", "exempt": null}'
)::json;

-- The quotas are two of the limits now; null and missing: no limit.
ALTER TABLE projects RENAME COLUMN quota_gpus TO limit_gpus;
ALTER TABLE projects RENAME COLUMN quota_leases TO limit_leases;
ALTER TABLE projects ADD COLUMN limit_gpu_hours BIGINT;
UPDATE projects SET body = (
  (body::jsonb - 'quota') || jsonb_build_object(
    'limits', jsonb_build_object(
      'gpus', body::jsonb #> '{quota,gpus}',
      'gpusByClass', jsonb_build_object(),
      'leases', body::jsonb #> '{quota,leases}',
      'gpuHoursPerMonth', NULL,
      'durationMs', NULL,
      'queued', NULL
    ),
    'perUser', jsonb_build_object(
      'gpus', NULL,
      'gpusByClass', jsonb_build_object(),
      'leases', NULL,
      'gpuHoursPerMonth', NULL,
      'durationMs', NULL,
      'queued', NULL
    ),
    'users', jsonb_build_object()
  )
)::json;
UPDATE control SET body = (body::jsonb || '{"monthFromMs": null}')::json;
