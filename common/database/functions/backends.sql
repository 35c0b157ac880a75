-- Backends as their workers and operators register and rename them.

-- Where the replication of a backend stands whose worker starts: what it says counts as long as no failover does.
create function registered_replication(backend backends, said text) returns text
language sql immutable as $$
    select case when backend.replication_status in ('enabled', 'disabled') and backend.active_backend_id is null
                then said else backend.replication_status end
$$;

-- A worker says what its backend is. What operators have decided stays. The lock is taken only when something is
-- different: a worker that starts does not wait for admissions.
create function register_backend(backend_name text, zone text, enabled boolean, has_targets boolean, is_clustered boolean) returns uuid
language plpgsql as $$
declare
    known uuid;
    said text := case when has_targets then 'enabled' else 'disabled' end;
begin
    insert into backends (name, availability_zone, disabled_at, replication_status, clustered)
    values (backend_name, zone, case when not enabled then now() end, said, is_clustered)
    on conflict (name) do nothing
    returning id into known;
    if found then
        return known;
    end if;
    select id into known from backends b
    where name = backend_name
      and (availability_zone, clustered, replication_status)
          is not distinct from (zone, is_clustered, registered_replication(b, said));
    if not found then
        select id into known from backends where name = backend_name;
        perform lock_backends(array[known]);
        update backends b
        set availability_zone = zone, clustered = is_clustered, replication_status = registered_replication(b, said)
        where id = known;
    end if;
    return known;
end $$;

-- Gives what is on a backend to another one: the same storage under a new name. Answers with the number of
-- volumes, or with the reason why nothing was changed.

create function update_host(current uuid, renamed uuid) returns jsonb
language plpgsql as $$
declare
    reason text;
    moved bigint;
begin
    perform lock_backends(array[current, renamed]);
    select b.name || ' ' || case
               when b.id = current and seen_recently(b.seen_at) then 'is up: stop its workers first'
               when b.frozen_at is not null then 'is frozen'
               when b.active_backend_id is not null or b.replication_status in ('failing-over', 'failover-error')
                   then 'is failed over'
               when operations_in_flight(b.id) > 0
                   then 'has operations in progress'
               when exists (select from backends other
                            where other.id in (current, renamed) and other.storage_id <> b.storage_id)
                   then 'has a different storage id'
           end
    into reason
    from backends b where b.id in (current, renamed)
    order by 1 nulls last limit 1;
    if reason is not null then
        return jsonb_build_object('reason', reason);
    end if;
    perform from volumes where backend_id = current and deleted_at is null order by id for no key update;
    -- what was looked at was so when the old backend looked
    update volumes v
    set backend_id = renamed,
        replica_in_sync_at = case when v.replication_extended_status = 'in-sync'
                                  then coalesce(v.replica_in_sync_at, b.replicas_looked_at) else v.replica_in_sync_at end
    from backends b
    where b.id = current and v.backend_id = current and v.deleted_at is null;
    get diagnostics moved = row_count;
    return jsonb_build_object('moved', moved);
end $$;
