CREATE FUNCTION public.claim_classes_give_back() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.claim_classes_take() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO host_capacity AS capacity (host_id, device_class, total, used, observed)
  SELECT host_id, device_class, 0, sum(count), sum(count * observed)
  FROM added WHERE held = 1 GROUP BY host_id, device_class
  ON CONFLICT (host_id, device_class) DO UPDATE
  SET used = capacity.used + excluded.used, observed = capacity.observed + excluded.observed;
  RETURN NULL;
END $$;

CREATE FUNCTION public.claim_devices_one_group() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.event_floor_only_rises() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NEW.seq < OLD.seq OR NEW.seq >= (SELECT coalesce(max(seq), 0) FROM events) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation',
      MESSAGE = 'the floor of the events only rises, and leaves the newest';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION public.events_no_delete() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM gone WHERE seq > (SELECT seq FROM event_floor)) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'events are append-only above the floor';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION public.events_without_gaps() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.intents_live_stay() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.leases_live_stay() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM gone WHERE state <> 'ended') THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'only a lease that has ended is removed';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION public.refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = TG_ARGV[0], TABLE = TG_TABLE_NAME;
END $$;

CREATE TABLE public.batches (
    revision bigint NOT NULL,
    batch_id text NOT NULL COLLATE pg_catalog."C",
    event_seq bigint NOT NULL,
    at_ms bigint NOT NULL
);

CREATE TABLE public.claim_classes (
    lease_id text NOT NULL COLLATE pg_catalog."C",
    device_class text NOT NULL COLLATE pg_catalog."C",
    host_id text NOT NULL COLLATE pg_catalog."C",
    count integer NOT NULL,
    held smallint NOT NULL,
    observed smallint NOT NULL,
    CONSTRAINT claim_classes_count_check CHECK ((count > 0)),
    CONSTRAINT claim_classes_held_check CHECK ((held = ANY (ARRAY[0, 1]))),
    CONSTRAINT claim_classes_observed_check CHECK ((observed = ANY (ARRAY[0, 1])))
);

CREATE TABLE public.claim_devices (
    lease_id text NOT NULL COLLATE pg_catalog."C",
    device_id text NOT NULL COLLATE pg_catalog."C",
    host_id text NOT NULL COLLATE pg_catalog."C",
    held smallint NOT NULL,
    CONSTRAINT claim_devices_held_check CHECK ((held = ANY (ARRAY[0, 1])))
);

CREATE TABLE public.claims (
    lease_id text NOT NULL COLLATE pg_catalog."C",
    host_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    held smallint NOT NULL,
    provisional smallint NOT NULL,
    from_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    vcpus bigint NOT NULL,
    memory_mib bigint NOT NULL,
    disk_gib bigint NOT NULL,
    holding text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT claims_held_check CHECK ((held = ANY (ARRAY[0, 1]))),
    CONSTRAINT claims_kind_check CHECK ((kind = ANY (ARRAY['unit'::text, 'slot'::text]))),
    CONSTRAINT claims_provisional_check CHECK ((provisional = ANY (ARRAY[0, 1])))
);

CREATE TABLE public.control (
    id text NOT NULL COLLATE pg_catalog."C",
    deployment_id text NOT NULL,
    mode text NOT NULL,
    frozen smallint NOT NULL,
    body json NOT NULL,
    CONSTRAINT control_frozen_check CHECK ((frozen = ANY (ARRAY[0, 1]))),
    CONSTRAINT control_id_check CHECK ((id = 'control'::text)),
    CONSTRAINT control_mode_check CHECK ((mode = ANY (ARRAY['act'::text, 'observe'::text])))
);

CREATE TABLE public.devices (
    id text NOT NULL COLLATE pg_catalog."C",
    host_id text NOT NULL COLLATE pg_catalog."C",
    device_class text NOT NULL COLLATE pg_catalog."C",
    address text,
    iommu_group text COLLATE pg_catalog."C",
    numa_node integer,
    parent_id text,
    quarantine text
);

CREATE TABLE public.epoch (
    "only" integer NOT NULL,
    epoch bigint NOT NULL,
    holder json,
    backend_pid integer,
    CONSTRAINT epoch_only_check CHECK (("only" = 1))
);

CREATE TABLE public.event_floor (
    "only" integer NOT NULL,
    seq bigint NOT NULL,
    at_ms bigint NOT NULL,
    CONSTRAINT event_floor_only_check CHECK (("only" = 1)),
    CONSTRAINT event_floor_seq_check CHECK ((seq >= 0))
);

CREATE TABLE public.events (
    seq bigint NOT NULL,
    at_ms bigint NOT NULL,
    actor text NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    entity text NOT NULL COLLATE pg_catalog."C",
    entity_id text NOT NULL COLLATE pg_catalog."C",
    project_id text COLLATE pg_catalog."C",
    reason text,
    data json NOT NULL,
    state_before text,
    state_after text
);

CREATE TABLE public.findings (
    id text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL,
    subject text NOT NULL,
    since_ms bigint NOT NULL,
    body json NOT NULL
);

CREATE TABLE public.flavors (
    id text NOT NULL COLLATE pg_catalog."C",
    provider_id text NOT NULL,
    name text NOT NULL,
    vcpus bigint NOT NULL,
    memory_mib bigint NOT NULL,
    disk_gib bigint NOT NULL,
    disabled smallint NOT NULL,
    body json NOT NULL,
    CONSTRAINT flavors_disabled_check CHECK ((disabled = ANY (ARRAY[0, 1])))
);

CREATE TABLE public.host_capacity (
    host_id text NOT NULL COLLATE pg_catalog."C",
    device_class text NOT NULL COLLATE pg_catalog."C",
    total integer NOT NULL,
    used integer NOT NULL,
    observed integer NOT NULL,
    CONSTRAINT host_capacity_check CHECK (((observed >= 0) AND (observed <= used))),
    CONSTRAINT host_capacity_total_check CHECK ((total >= 0)),
    CONSTRAINT host_capacity_used_check CHECK ((used >= 0))
);

CREATE TABLE public.hosts (
    id text NOT NULL COLLATE pg_catalog."C",
    provider_id text NOT NULL,
    name text NOT NULL,
    claim_kind text NOT NULL,
    status text NOT NULL,
    drained smallint NOT NULL,
    vcpus bigint NOT NULL,
    memory_mib bigint NOT NULL,
    disk_gib bigint NOT NULL,
    body json NOT NULL,
    CONSTRAINT hosts_claim_kind_check CHECK ((claim_kind = ANY (ARRAY['unit'::text, 'slot'::text]))),
    CONSTRAINT hosts_drained_check CHECK ((drained = ANY (ARRAY[0, 1]))),
    CONSTRAINT hosts_status_check CHECK ((status = ANY (ARRAY['up'::text, 'disabled'::text, 'down'::text, 'missing'::text])))
);

CREATE TABLE public.idempotency (
    id text NOT NULL COLLATE pg_catalog."C",
    request_hash text NOT NULL,
    expires_at_ms bigint NOT NULL,
    reply json NOT NULL
);

CREATE TABLE public.intents (
    id text NOT NULL COLLATE pg_catalog."C",
    lease_id text NOT NULL COLLATE pg_catalog."C",
    step text NOT NULL,
    opened_at_ms bigint NOT NULL,
    closed_at_ms bigint,
    timeout_ms bigint NOT NULL,
    body json NOT NULL
);

CREATE TABLE public.leases (
    id text NOT NULL COLLATE pg_catalog."C",
    project_id text NOT NULL COLLATE pg_catalog."C",
    owner_id text NOT NULL,
    name text NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    flavor_id text NOT NULL,
    flavor_name text NOT NULL,
    provider_id text NOT NULL,
    host_id text,
    server_id text,
    address text,
    generation bigint NOT NULL,
    created_at_ms bigint NOT NULL,
    claimed_at_ms bigint,
    wait_until_ms bigint,
    expires_at_ms bigint,
    ended_at_ms bigint,
    end_reason text,
    used_device_ms bigint NOT NULL,
    body json NOT NULL,
    CONSTRAINT leases_check CHECK (((state = 'ended'::text) = (ended_at_ms IS NOT NULL))),
    CONSTRAINT leases_state_check CHECK ((state = ANY (ARRAY['reserved'::text, 'queued'::text, 'starting'::text, 'active'::text, 'shelving'::text, 'shelved'::text, 'ending'::text, 'ended'::text])))
);

CREATE TABLE public.projects (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    limit_gpus bigint,
    limit_leases bigint,
    served_seq bigint NOT NULL,
    body json NOT NULL,
    limit_gpu_hours bigint
);

CREATE TABLE public.schema_migrations (
    id integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL
);

CREATE TABLE public.tokens (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    project_id text NOT NULL,
    role text NOT NULL,
    secret_hash text NOT NULL COLLATE pg_catalog."C",
    created_at_ms bigint NOT NULL,
    created_by text NOT NULL,
    expires_at_ms bigint NOT NULL,
    body json NOT NULL,
    CONSTRAINT tokens_role_check CHECK ((role = ANY (ARRAY['reader'::text, 'member'::text, 'manager'::text, 'admin'::text])))
);

CREATE TABLE public.usage (
    lease_id text NOT NULL COLLATE pg_catalog."C",
    holding bigint NOT NULL,
    device_class text NOT NULL COLLATE pg_catalog."C",
    count integer NOT NULL,
    from_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    lease_name text NOT NULL,
    project_id text NOT NULL COLLATE pg_catalog."C",
    project_name text NOT NULL,
    owner_id text NOT NULL COLLATE pg_catalog."C",
    flavor_id text NOT NULL COLLATE pg_catalog."C",
    flavor_name text NOT NULL,
    purpose text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT usage_check CHECK ((until_ms > from_ms)),
    CONSTRAINT usage_count_check CHECK ((count > 0)),
    CONSTRAINT usage_purpose_check CHECK ((purpose = ANY (ARRAY['interactive'::text, 'ci'::text])))
);

ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_batch_id_key UNIQUE (batch_id);

ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (revision);

ALTER TABLE ONLY public.claim_classes
    ADD CONSTRAINT claim_classes_pkey PRIMARY KEY (lease_id, device_class);

ALTER TABLE ONLY public.claim_devices
    ADD CONSTRAINT claim_devices_pkey PRIMARY KEY (lease_id, device_id);

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (lease_id);

ALTER TABLE ONLY public.control
    ADD CONSTRAINT control_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.epoch
    ADD CONSTRAINT epoch_pkey PRIMARY KEY ("only");

ALTER TABLE ONLY public.event_floor
    ADD CONSTRAINT event_floor_pkey PRIMARY KEY ("only");

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.findings
    ADD CONSTRAINT findings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.flavors
    ADD CONSTRAINT flavors_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.host_capacity
    ADD CONSTRAINT host_capacity_pkey PRIMARY KEY (host_id, device_class);

ALTER TABLE ONLY public.hosts
    ADD CONSTRAINT hosts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.intents
    ADD CONSTRAINT intents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (lease_id, holding, device_class);

CREATE UNIQUE INDEX claim_devices_one_holder ON public.claim_devices USING btree (device_id) WHERE (held = 1);

CREATE INDEX devices_by_group ON public.devices USING btree (host_id, iommu_group);

CREATE INDEX events_by_lease ON public.events USING btree (entity_id, seq) WHERE (entity = 'lease'::text);

CREATE INDEX events_by_project ON public.events USING btree (project_id, seq) WHERE (project_id IS NOT NULL);

CREATE INDEX events_by_type ON public.events USING btree (type, seq);

CREATE INDEX intents_by_lease ON public.intents USING btree (lease_id);

CREATE INDEX intents_open ON public.intents USING btree (id) WHERE (closed_at_ms IS NULL);

CREATE INDEX leases_ended ON public.leases USING btree (ended_at_ms, id) WHERE (state = 'ended'::text);

CREATE INDEX leases_ended_by_project ON public.leases USING btree (project_id, ended_at_ms, id) WHERE (state = 'ended'::text);

CREATE INDEX leases_live ON public.leases USING btree (project_id, created_at_ms) WHERE (state <> 'ended'::text);

CREATE INDEX usage_by_length ON public.usage USING btree (((until_ms - from_ms)));

CREATE INDEX usage_by_project ON public.usage USING btree (project_id, from_ms);

CREATE INDEX usage_by_time ON public.usage USING btree (from_ms);

CREATE TRIGGER claim_classes_are_replaced BEFORE UPDATE ON public.claim_classes FOR EACH ROW EXECUTE FUNCTION public.refuse('rows of claim_classes are replaced, not changed');

CREATE TRIGGER claim_classes_give_back AFTER DELETE ON public.claim_classes REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.claim_classes_give_back();

CREATE TRIGGER claim_classes_take AFTER INSERT ON public.claim_classes REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.claim_classes_take();

CREATE TRIGGER claim_devices_are_replaced BEFORE UPDATE ON public.claim_devices FOR EACH ROW EXECUTE FUNCTION public.refuse('rows of claim_devices are replaced, not changed');

CREATE TRIGGER claim_devices_one_group AFTER INSERT ON public.claim_devices REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.claim_devices_one_group();

CREATE TRIGGER event_floor_only_rises BEFORE UPDATE ON public.event_floor FOR EACH ROW EXECUTE FUNCTION public.event_floor_only_rises();

CREATE TRIGGER event_floor_stays BEFORE DELETE ON public.event_floor FOR EACH ROW EXECUTE FUNCTION public.refuse('the floor of the events stays');

CREATE TRIGGER events_append_only BEFORE UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION public.refuse('events are append-only');

CREATE TRIGGER events_no_delete AFTER DELETE ON public.events REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.events_no_delete();

CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION public.refuse('events are append-only');

CREATE TRIGGER events_without_gaps AFTER INSERT ON public.events REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.events_without_gaps();

CREATE TRIGGER host_capacity_not_born_overdrawn AFTER INSERT ON public.host_capacity FOR EACH ROW WHEN (((new.used > new.total) AND (new.used > new.observed))) EXECUTE FUNCTION public.refuse('a capacity row cannot be overdrawn');

CREATE TRIGGER host_capacity_not_overdrawn BEFORE UPDATE ON public.host_capacity FOR EACH ROW WHEN (((new.used > new.total) AND ((new.used - new.observed) > (old.used - old.observed)))) EXECUTE FUNCTION public.refuse('a capacity row cannot be overdrawn');

CREATE TRIGGER intents_live_stay AFTER DELETE ON public.intents REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.intents_live_stay();

CREATE TRIGGER leases_live_stay AFTER DELETE ON public.leases REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.leases_live_stay();

CREATE TRIGGER usage_append_only BEFORE DELETE OR UPDATE ON public.usage FOR EACH ROW EXECUTE FUNCTION public.refuse('usage is append-only');

CREATE TRIGGER usage_not_truncated BEFORE TRUNCATE ON public.usage FOR EACH STATEMENT EXECUTE FUNCTION public.refuse('usage is append-only');

ALTER TABLE ONLY public.claim_classes
    ADD CONSTRAINT claim_classes_lease_id_fkey FOREIGN KEY (lease_id) REFERENCES public.claims(lease_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.claim_devices
    ADD CONSTRAINT claim_devices_lease_id_fkey FOREIGN KEY (lease_id) REFERENCES public.claims(lease_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_lease_id_fkey FOREIGN KEY (lease_id) REFERENCES public.leases(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_host_id_fkey FOREIGN KEY (host_id) REFERENCES public.hosts(id) ON DELETE CASCADE;
