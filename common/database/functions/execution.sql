-- What a worker does with an admitted operation. Each function is one round trip.
--
-- An operation is looked up by its id alone, and its state is compared in a `case`: while few operations are in progress, PostgreSQL
-- would otherwise plan to read the whole of an index of those, and keep that plan when there are many.

-- The number of a claim, larger than every earlier one of the same operation. It follows the clock, in microseconds, so that it does not go back
-- when the database is restored from a backup, or a standby takes over that lacks the last of the sequence: the storage
-- remembers the numbers that it has seen.
create function next_fence() returns bigint
language plpgsql as $$
declare
    following bigint := nextval('fence_numbers');
    by_clock bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
    if following >= by_clock then
        return following;
    end if;
    return setval('fence_numbers', by_clock);
end $$;

-- The end of an operation: of a claim, by its fence. Which of its fields matter follows from the operation's contract.
create type operation_end as (
    id uuid,
    fence bigint,
    subject uuid,
    -- the resources that play the other parts
    volume uuid,
    snapshots uuid[],
    backup uuid,
    succeeded boolean,
    -- columns of the subject
    columns jsonb,
    result jsonb,
    error text,
    -- what a failover came to
    failover jsonb,
    -- whether the user, who has had an answer, is told of a failure
    tells_user boolean
);

-- A resource with everything that a worker needs to know of it.
create function shown_row(target text, row_id uuid) returns jsonb
language plpgsql stable as $$
begin
    case target
        when 'volumes' then return (select to_jsonb(v) from volume_details v where v.id = row_id);
        when 'snapshots' then return (select to_jsonb(s) from snapshot_details s where s.id = row_id);
        when 'attachments' then return (select to_jsonb(a) from attachment_details a where a.id = row_id);
        when 'backups' then return (select to_jsonb(b) from backup_details b where b.id = row_id);
        when 'volume_types' then return (select to_jsonb(t) from volume_types t where t.id = row_id);
        when 'backends' then return (select to_jsonb(b) from backend_details b where b.id = row_id);
    end case;
end $$;

-- The resources that play the other parts.
create function related_rows(snapshots uuid[], volume uuid, backup uuid, volume_type uuid) returns jsonb
language plpgsql stable as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('role', role, 'row', shown_row(target, id))), '[]')
        from (select 'snapshot' as role, 'snapshots' as target, unnest(snapshots) as id
              union all
              select 'volume', 'volumes', volume where volume is not null
              union all
              select 'backup', 'backups', backup where backup is not null
              union all
              select 'volume_type', 'volume_types', volume_type where volume_type is not null) r
    );
end $$;

-- Takes operations, with their subjects: those that nobody else has, that have not ended, and whose backend has not failed
-- over since they were admitted, nor since the claimant looked.
create function claim(ids uuid[], backend uuid, known_epoch bigint, claimant text, lease interval)
returns table (id uuid, kind text, arguments jsonb, request_id text, traceparent text, fence bigint, attempts integer,
               migration jsonb, subject jsonb, others jsonb)
language plpgsql as $$
begin
    return query
        with locked as materialized (
            select * from operations o where o.id = any (ids) order by o.id for no key update skip locked),
        free as materialized (
            select l.id from locked l, backends b
            where l.backend_id = backend and b.id = backend and l.backend_epoch = b.epoch and l.executor = 'cinder-volume'
              -- a failover itself is for whoever still serves from the other side
              and (b.epoch = known_epoch or l.subject_id = backend)
              and (l.state = 'admitted' or (l.state = 'running' and l.lease_until < clock_timestamp()))),
        claimed as (
            update operations o
            set state = 'running', fence = next_fence(), owner = claimant,
                attempts = o.attempts + 1, lease_until = clock_timestamp() + lease
            from free f
            where o.id = f.id
            returning o.*)
        select c.id, c.kind, c.arguments, c.request_id, c.traceparent, c.fence, c.attempts, c.migration,
               shown_row(c.subject_table, c.subject_id),
               related_rows(c.snapshot_ids, c.volume_id, c.backup_id, c.volume_type_id)
        from claimed c;
end $$;

-- The same for a backup service in a zone that has access to the volumes of these backends: with the side on which the backend of an operation
-- serves, if it has one. While that fails over, nothing is taken.
create function claim_for_backup(ids uuid[], reached uuid[], zone text, claimant text, lease interval)
returns table (id uuid, kind text, arguments jsonb, request_id text, traceparent text, fence bigint, attempts integer,
               migration jsonb, subject jsonb, others jsonb, serving jsonb)
language plpgsql as $$
begin
    return query
        with locked as materialized (
            select * from operations o where o.id = any (ids) order by o.id for no key update skip locked),
        free as materialized (
            select l.id from locked l left join backends b on b.id = l.backend_id
            where l.executor = 'cinder-backup'
              and coalesce(l.arguments ->> 'availability_zone', zone) = zone
              and (l.backend_id is null
                   or (b.id = any (reached) and l.backend_epoch = b.epoch and b.replication_status <> 'failing-over'))
              and (l.state = 'admitted' or (l.state = 'running' and l.lease_until < clock_timestamp()))),
        claimed as (
            update operations o
            set state = 'running', fence = next_fence(), owner = claimant,
                attempts = o.attempts + 1, lease_until = clock_timestamp() + lease
            from free f
            where o.id = f.id
            returning o.*)
        select c.id, c.kind, c.arguments, c.request_id, c.traceparent, c.fence, c.attempts, c.migration,
               shown_row(c.subject_table, c.subject_id),
               related_rows(c.snapshot_ids, c.volume_id, c.backup_id, c.volume_type_id),
               (select jsonb_build_object('backend_id', b.id, 'active', b.active_backend_id, 'epoch', b.epoch)
                from backends b where b.id = c.backend_id)
        from claimed c;
end $$;

create function renew_lease(operation uuid, held_fence bigint, lease interval) returns boolean
language sql as $$
    update operations set lease_until = clock_timestamp() + lease
    where id = operation and case when state = 'running' then fence = held_fence end
    returning true
$$;

-- Writes what a failover came to for each volume. Whatever is known of the tables when it is planned, the volumes of the backend
-- are read once, and so are the outcomes.
create function record_outcomes(backend uuid, new_active text, outcomes jsonb) returns void
language plpgsql set enable_nestloop = off as $$
declare
    looked_at timestamptz := (select replicas_looked_at from backends where id = backend);
begin
    update volumes v
    set replication_status = case
            when o.outcome = 'not-replicated' then 'not-capable'
            when o.outcome is distinct from 'failed-over' then 'failover-error'
            when not v.replicated then 'disabled'
            when new_active is null then 'enabled'
            else 'failed-over'
        end,
        replication_extended_status = null,
        -- what was left behind is on the target that it was on, as old as it is
        replication_driver_data = case when o.outcome = 'failed' then v.replication_driver_data end,
        replica_in_sync_at = case when o.outcome = 'failed' then
            coalesce(v.replica_in_sync_at, case when v.replication_extended_status = 'in-sync' then looked_at end) end,
        status = case
            when o.outcome is distinct from 'failed-over' then 'error'
            when v.replication_status in ('not-capable', 'failover-error') then coalesce(v.previous_status, v.status)
            else v.status
        end,
        previous_status = case
            when o.outcome is distinct from 'failed-over' and v.replication_status in ('not-capable', 'failover-error') then v.previous_status
            when o.outcome is distinct from 'failed-over' then v.status
        end,
        updated_at = now()
    from jsonb_to_recordset(outcomes) as o (id uuid, outcome text)
    where v.id = o.id and v.backend_id = backend and v.deleted_at is null;
end $$;

-- Writes what a failover came to, in a number of statements that does not grow with the volumes:
-- {"active", "storage_id", "volumes": [{"id", "outcome"}], "snapshots": [ids of those that are there]}.
-- A volume without a known outcome counts as failed: it is not served.
-- Whoever calls it has the backend's lock.
create function record_failover(backend uuid, failover jsonb) returns void
language plpgsql as $$
declare
    new_active text := failover ->> 'active';
begin
    update backends
    set active_backend_id = new_active,
        storage_id = failover ->> 'storage_id',
        replication_status = case when new_active is null then 'enabled' else 'failed-over' end
    where id = backend;
    perform from snapshots s join volumes v on v.id = s.volume_id
    where v.backend_id = backend and s.deleted_at is null order by s.id for no key update of s;
    perform from volumes where backend_id = backend and deleted_at is null order by id for no key update;
    perform record_outcomes(backend, new_active, failover -> 'volumes');
    -- a snapshot that is not there is in error as long as it is not there
    update snapshots s
    set status = case when there.id is null then 'error' else coalesce(s.previous_status, s.status) end,
        previous_status = case when there.id is null then coalesce(s.previous_status, s.status) end,
        updated_at = now()
    from volumes v, jsonb_array_elements_text(failover -> 'known_snapshots') known (id)
         left join jsonb_array_elements_text(failover -> 'snapshots') there (id) on there.id = known.id
    where s.id = known.id::uuid and v.id = s.volume_id and v.backend_id = backend and s.deleted_at is null
      and ((there.id is null and s.status <> 'error') or (there.id is not null and s.previous_status is not null));
end $$;

-- What is recorded of the replicas of a backend's volumes on a target, and differs from these lists: of those in sync, and those that
-- lack something. What is in neither keeps what was recorded, as long as it is replicated, but is not known to be in sync any more.
-- Whatever is known of the tables when it is planned, the volumes of the backend are read once, and so are the lists.
create function unequal_replicas(backend uuid, in_sync uuid[], out_of_sync uuid[], target text)
returns table (replica_status text, replica_target text, is_current boolean, ids uuid[])
language plpgsql stable set enable_nestloop = off as $$
begin
    return query
        with said as materialized (
            select id, bool_or(is_in_sync) as is_in_sync
            from (select unnest(in_sync), true union all select unnest(out_of_sync), false) each (id, is_in_sync)
            group by id)
        select n.status, n.target, n.is_current, array_agg(v.id order by v.id)
        from volumes v
        left join said on said.id = v.id,
        lateral (select v.replicated and v.replication_status = 'enabled' as has_one,
                        v.replication_status not in ('not-capable', 'failover-error') as is_served) r,
        lateral (select case when not has_one then null
                             when said.is_in_sync is null then v.replication_extended_status
                             when said.is_in_sync then 'in-sync' else 'out-of-sync' end,
                        case when not has_one and is_served then null
                             when said.is_in_sync is null then v.replication_driver_data
                             else unequal_replicas.target end,
                        has_one and coalesce(said.is_in_sync, false)) n (status, target, is_current)
        where v.backend_id = backend and v.deleted_at is null
          and ((v.replication_extended_status, v.replication_driver_data) is distinct from (n.status, n.target)
               or (has_one and (v.replication_extended_status = 'in-sync' and v.replica_in_sync_at is null) <> n.is_current))
        group by n.status, n.target, n.is_current;
end $$;

-- Records the status of the replicas of these volumes, as a look has found it that began then; null for those that have none. What is
-- not known to be in sync now was so, if it was, at the look before. What somebody has locked, what has begun or ended to be replicated
-- since it was looked at, and what a later look has found something else of, keeps what was recorded. Returns how many were recorded.
create function record_replicas(
    backend uuid, ids uuid[], replica_status text, target text, is_current boolean, looked_at timestamptz) returns bigint
language sql as $$
    with free as materialized (
        select v.id from volumes v join unnest(ids) each (id) using (id)
        where v.backend_id = backend and v.deleted_at is null
          and (v.replicated and v.replication_status = 'enabled') = (replica_status is not null)
          and coalesce(v.replica_recorded_at <= looked_at, true)
        for no key update of v skip locked),
    recorded as (
        update volumes v
        set replication_extended_status = replica_status, replication_driver_data = target, replica_recorded_at = looked_at,
            replica_in_sync_at = case
                when is_current or v.replication_driver_data is distinct from target then null
                when v.replica_in_sync_at is null and v.replication_extended_status = 'in-sync' then b.replicas_looked_at
                else v.replica_in_sync_at
            end
        from free, backends b
        where v.id = free.id and b.id = backend
        returning 1)
    select count(*) from recorded
$$;

-- Records as of when these replicas have everything, which are not in sync. What somebody has locked is recorded the next time.
create function record_replica_ages(backend uuid, target text, ids uuid[], as_of timestamptz[]) returns void
language sql as $$
    with free as materialized (
        select v.id, known.as_of
        from unnest(ids, as_of) known (id, as_of) join volumes v using (id)
        where v.backend_id = backend and v.deleted_at is null and v.replication_extended_status = 'out-of-sync'
          and v.replication_driver_data = target and coalesce(v.replica_in_sync_at < known.as_of, true)
        for no key update of v skip locked)
    update volumes v set replica_in_sync_at = free.as_of
    from free
    where v.id = free.id
$$;

-- Records what a verification has found of the replicas of these volumes. What somebody has locked is recorded the next time.
create function record_verified(backend uuid, verification uuid, ids uuid[], differing_bytes bigint[]) returns void
language sql as $$
    with free as materialized (
        select v.id, found.bytes
        from unnest(ids, differing_bytes) found (id, bytes) join volumes v using (id)
        where v.backend_id = backend and v.deleted_at is null
        for no key update of v skip locked)
    update volumes v
    set replica_verification_id = verification, replica_verified_at = now(), replica_differing_bytes = free.bytes
    from free
    where v.id = free.id
$$;

-- Gives a migration to the backend that does what is next of it; with `arrives`, its subject is at its destination from now on.
-- Returns that backend's name; null when the fence was lost: then nothing changed.
create function hand_over(operation uuid, held_fence bigint, reached jsonb, next_backend uuid, arrives boolean) returns text
language plpgsql as $$
declare
    volume uuid := (select subject_id from operations where id = operation);
begin
    perform from volumes where id = volume for no key update;
    update operations
    set migration = reached, backend_id = next_backend,
        backend_epoch = (select epoch from backends where id = next_backend),
        state = 'admitted', owner = null, lease_until = null, attempts = 0
    where id = operation and case when state = 'running' then
        -- it goes where it was admitted to go
        fence = held_fence and migration -> 'from' = reached -> 'from' and migration -> 'to' = reached -> 'to'
        and next_backend in ((migration ->> 'from')::uuid, (migration #>> '{to,backend_id}')::uuid) end;
    if not found then
        return null;
    end if;
    if arrives then
        update volumes
        set backend_id = (reached #>> '{to,backend_id}')::uuid, pool = reached #>> '{to,pool}',
            availability_zone = reached #>> '{to,availability_zone}', updated_at = clock_timestamp()
        where id = volume;
    end if;
    return (select name from backends where id = next_backend);
end $$;

-- Operations that no message announced, or whose owner is gone.
create function due_operations(backend uuid, unclaimed_for interval, most integer) returns setof uuid
language sql stable as $$
    select id from operations
    where backend_id = backend and executor = 'cinder-volume'
      and ((state = 'admitted' and created_at < clock_timestamp() - unclaimed_for)
           or (state = 'running' and lease_until < clock_timestamp()))
    order by created_at
    limit most
$$;

-- The same for a backup service in a zone that has access to the volumes of these backends.
create function due_for_backup(reached uuid[], zone text, unclaimed_for interval, most integer) returns setof uuid
language sql stable as $$
    select id from operations
    where executor = 'cinder-backup' and state in ('admitted', 'running')
      and coalesce(arguments ->> 'availability_zone', zone) = zone
      and (backend_id is null or backend_id = any (reached))
      and ((state = 'admitted' and created_at < clock_timestamp() - unclaimed_for)
           or (state = 'running' and lease_until < clock_timestamp()))
    order by created_at
    limit most
$$;

-- A process that knows that its predecessor is dead ends that one's leases at once, and one that stops ends its own. The
-- new fence keeps whoever still executes one of them from renewing its lease.
create function expire_leases(backend uuid, owner_prefix text) returns bigint
language sql as $$
    with free as materialized (
        -- one that is locked is about to end, or to be claimed by another one
        select id from operations
        where (backend_id = backend or (backend is null and executor = 'cinder-backup')) and state = 'running' and starts_with(owner, owner_prefix)
          and lease_until > clock_timestamp()
        for no key update skip locked),
    expired as (
        update operations o set lease_until = clock_timestamp(), fence = next_fence()
        from free f where o.id = f.id
        returning 1)
    select count(*) from expired
$$;

-- Takes a running operation from whoever works on it: what that one does from now on does not count. The next worker
-- has as many attempts as with a new one.
create function retry(operation uuid) returns boolean
language sql as $$
    with taken as (
        update operations
        set owner = null, lease_until = clock_timestamp(), attempts = 0, fence = next_fence()
        where id = operation and case when state = 'running' then true end
        returning 1)
    select exists (select from taken)
$$;

-- The leases of a start of a process that is known to be dead.
create function expire_leases_of(boot uuid) returns bigint
language sql as $$
    with free as materialized (
        select id from operations
        where state = 'running' and owner like '%/' || boot::text and lease_until > clock_timestamp()
        for no key update skip locked),
    expired as (
        update operations o set lease_until = clock_timestamp(), fence = next_fence()
        from free f where o.id = f.id
        returning 1)
    select count(*) from expired
$$;
