-- What a worker does with an admitted operation. Each function is one round trip.

create function view_of(target text) returns text
language sql immutable as $$
    select case target
        when 'volumes' then 'volume_details'
        when 'snapshots' then 'snapshot_details'
        when 'attachments' then 'attachment_details'
        when 'volume_types' then 'volume_types'
        when 'backends' then 'backend_details'
    end
$$;

-- Takes an operation, with its subject. Null when somebody else has it, it has ended, the backend has
-- failed over since it was admitted, or the claimant does not know yet from where the backend serves now.
create function claim(operation uuid, backend uuid, known_epoch bigint, claimant text, lease interval) returns jsonb
language plpgsql as $$
declare
    claimed operations;
begin
    update operations o
    set state = 'running', fence = next_fence(), owner = claimant,
        attempts = o.attempts + 1, lease_until = clock_timestamp() + lease
    from backends b
    where o.id = operation and o.backend_id = backend and b.id = backend and o.backend_epoch = b.epoch
      -- a failover itself is for whoever still serves from the other side
      and (b.epoch = known_epoch or o.subject_id = backend)
      and (o.state = 'admitted' or (o.state = 'running' and o.lease_until < clock_timestamp()))
    returning o.* into claimed;
    if not found then
        return null;
    end if;
    return to_jsonb(claimed) || jsonb_build_object(
        'subject', shown_row(view_of(claimed.subject_table), claimed.subject_id),
        'others', (select coalesce(jsonb_agg(jsonb_build_object(
                              'role', other ->> 'role',
                              'row', shown_row(view_of(other ->> 'table'), (other ->> 'id')::uuid))), '[]')
                   from jsonb_array_elements(claimed.others) other));
end $$;

create function renew_lease(operation uuid, held_fence bigint, lease interval) returns boolean
language sql as $$
    update operations set lease_until = clock_timestamp() + lease
    where id = operation and state = 'running' and fence = held_fence
    returning true
$$;

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
    update volumes v
    set replication_status = case
            when o.outcome = 'not-replicated' then 'not-capable'
            when o.outcome is distinct from 'failed-over' then 'failover-error'
            when not v.replicated then 'disabled'
            when new_active is null then 'enabled'
            else 'failed-over'
        end,
        replication_extended_status = null,
        replication_driver_data = null,
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
    from jsonb_to_recordset(failover -> 'volumes') as o (id uuid, outcome text)
    where v.id = o.id and v.backend_id = backend and v.deleted_at is null;
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

-- Records how far the replicas of a backend's volumes are: those in sync, and those that lack something. What is in
-- neither list keeps what was recorded, as long as it is replicated.
create function record_replicas(backend uuid, in_sync uuid[], behind uuid[], driver_data text) returns void
language sql as $$
    update volumes v
    set replication_extended_status = n.status, replication_driver_data = n.driver_data
    from (select id,
                 case when not has_one then null when said.is_in_sync then 'in-sync' else 'out-of-sync' end as status,
                 case when has_one then record_replicas.driver_data end as driver_data
          from volumes
          left join (select id, bool_or(is_in_sync) as is_in_sync
                     from (select unnest(in_sync), true union all select unnest(behind), false) each (id, is_in_sync)
                     group by id) said using (id),
          lateral (select replicated and replication_status = 'enabled') r (has_one)
          where backend_id = backend and deleted_at is null and (said.is_in_sync is not null or not has_one)) n
    where v.id = n.id
      and (v.replication_extended_status, v.replication_driver_data) is distinct from (n.status, n.driver_data)
$$;

-- Ends an operation together with its effect on rows and quota. False when the fence was lost:
-- then somebody else owns the operation, and nothing changed.
create function finish(request jsonb) returns boolean
language plpgsql as $$
declare
    succeeded boolean := (request ->> 'succeeded')::boolean;
    ended operations;
    step jsonb;
begin
    perform lock_changed_by(request -> 'steps');
    update operations
    set state = case when succeeded then 'done' else 'failed' end,
        result = request -> 'result', error = request ->> 'error',
        finished_at = clock_timestamp(), lease_until = null
    where id = (request ->> 'operation_id')::uuid and state = 'running' and fence = (request ->> 'fence')::bigint
    returning * into ended;
    if not found then
        return false;
    end if;
    for step in select jsonb_array_elements(request -> 'steps') loop
        perform end_on_row(step);
    end loop;
    perform settle_quota(ended.quota, (request ->> 'takes_quota')::boolean);
    if request -> 'failover' is not null then
        perform record_failover(ended.backend_id, request -> 'failover');
    end if;
    perform notify_of(ended.id, case when succeeded then 'end' else 'error' end);
    if request -> 'message' is not null then
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select ended.project_id, ended.request_id, m ->> 'resource_type', ended.subject_id, m ->> 'action', m ->> 'detail'
        from (select request -> 'message') r (m);
    end if;
    return true;
end $$;

-- Gives a migration to the backend that does what is next of it, together with a change of its subject.
-- Returns that backend's name; null when the fence was lost: then nothing changed.
create function hand_over(operation uuid, held_fence bigint, reached jsonb, next_backend uuid, change jsonb) returns text
language plpgsql as $$
begin
    update operations
    set migration = reached, backend_id = next_backend,
        backend_epoch = (select epoch from backends where id = next_backend),
        state = 'admitted', owner = null, lease_until = null, attempts = 0
    where id = operation and state = 'running' and fence = held_fence;
    if not found then
        return null;
    end if;
    if change is not null then
        perform end_on_row(change);
    end if;
    return (select name from backends where id = next_backend);
end $$;

-- Operations that no message announced, or whose owner is gone.
create function due_operations(backend uuid, unclaimed_for interval, most integer) returns setof uuid
language sql stable as $$
    select id from operations
    where backend_id = backend
      and ((state = 'admitted' and created_at < clock_timestamp() - unclaimed_for)
           or (state = 'running' and lease_until < clock_timestamp()))
    order by created_at
    limit most
$$;

-- A process that knows that its predecessor is dead ends that one's leases at once, and one that stops ends its own. The
-- new fence keeps whoever still executes one of them from renewing its lease.
create function expire_leases(backend uuid, owner_prefix text) returns bigint
language sql as $$
    with expired as (
        update operations set lease_until = clock_timestamp(), fence = next_fence()
        where backend_id = backend and state = 'running' and starts_with(owner, owner_prefix)
          and lease_until > clock_timestamp()
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
        where id = operation and state = 'running'
        returning 1)
    select exists (select from taken)
$$;

-- The leases of a start of a process that is known to be dead.
create function expire_leases_of(boot uuid) returns bigint
language sql as $$
    with expired as (
        update operations set lease_until = clock_timestamp(), fence = next_fence()
        where state = 'running' and owner like '%/' || boot::text and lease_until > clock_timestamp()
        returning 1)
    select count(*) from expired
$$;
