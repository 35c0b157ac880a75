-- The gate: what admissions and changes of a backend's condition agree on.
--
-- An admission takes the backend's lock shared and only then reads the condition; a change takes it
-- exclusive. The exclusive lock is granted once every admission inside has committed or aborted, so
-- when a freeze has answered, nothing it refuses is admitted any more. Lock and read must be two
-- statements: a statement's snapshot is older than the lock it waits for.

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
-- as volatile as the clock that it reads: otherwise it would be planned in every call
language sql volatile as $$
    select coalesce(seen_at >= clock_timestamp() - current_setting('cinderblock.down_after')::interval, false)
$$;

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
