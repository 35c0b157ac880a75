-- The gate: what admissions and changes of a backend's condition agree on.
--
-- An admission takes the backend's lock shared and only then reads the condition; a change takes it
-- exclusive. The exclusive lock is granted once every admission inside has committed or aborted, so
-- when a freeze has answered, nothing it refuses is admitted any more. Lock and read must be two
-- statements: a statement's snapshot is older than the lock it waits for.

-- The shared lock is not waited for: an admission that waited would keep a connection from admissions on other backends.
-- Who asks tries again. Whoever waits for the exclusive lock comes first nevertheless: no shared lock is granted past it.

create function lock_backends(backend_ids uuid[], exclusive boolean) returns void
language plpgsql as $$
declare
    key integer;
begin
    -- always in the same order, so that two admissions on two backends cannot wait for one another
    for key in select lock_key from backends where id = any (backend_ids) order by lock_key loop
        if exclusive then
            perform pg_advisory_xact_lock(42, key);
        elsif not pg_try_advisory_xact_lock_shared(42, key) then
            perform refuse('{"reason": "locked"}');
        end if;
    end loop;
end $$;

-- The lock comes before the rows also where an operation ends: whoever had a backend's row first and then waited for
-- its lock would wait for a freeze, and the freeze for the row.
create function lock_changed_by(steps jsonb) returns void
language plpgsql as $$
begin
    perform lock_backends(array(select (step ->> 'id')::uuid from jsonb_array_elements(steps) step
                                where step ->> 'table' = 'backends'), true);
end $$;

-- Whoever changes a condition by another way, psql included, takes the same lock.
create function lock_changed_backend() returns trigger
language plpgsql as $$
begin
    perform pg_advisory_xact_lock(42, old.lock_key);
    new.gate_version := old.gate_version + 1;
    return new;
end $$;

create trigger condition_changes_take_the_lock
before update of disabled_at, disabled_reason, frozen_at, replication_status, active_backend_id, epoch
on backends for each row execute function lock_changed_backend();

-- `cinderblock.down_after` is a setting of the session: how long a silent worker counts as alive.
create function seen_recently(seen_at timestamptz) returns boolean
language sql stable as $$
    select coalesce(seen_at >= clock_timestamp() - current_setting('cinderblock.down_after')::interval, false)
$$;

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
        perform lock_backends(array[known], true);
        update backends b
        set availability_zone = zone, clustered = is_clustered, replication_status = registered_replication(b, said)
        where id = known;
    end if;
    return known;
end $$;

create view backend_details as
select b.*,
       array_remove(array[
           case when b.disabled_at is not null then 'disabled' end,
           case when b.frozen_at is not null then 'frozen' end,
           case when b.replication_status = 'failing-over' then 'failing_over' end,
           case when not seen_recently(b.seen_at) then 'down' end
       ], null) as conditions
from backends b
where b.deleted_at is null;

-- Ends the admission; everything it did is undone. The caller reads the reason from the detail.
create function refuse(reason jsonb) returns jsonb
language plpgsql as $$
begin
    raise exception 'refused' using errcode = 'CBREF', detail = reason::text;
end $$;
