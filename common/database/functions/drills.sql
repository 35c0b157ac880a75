-- Drills: what workers record of the copies of replicas that they make and remove.

-- Records that a copy is begun, or, with an outcome, what came of it. Returns false, and records nothing, when the drill is to end, or
-- has ended.
create function record_drill_copy(
    backend uuid, drill uuid, volume uuid, outcome text, copying_ms bigint, connection jsonb, why_not text) returns boolean
language plpgsql as $$
begin
    -- who ends the drill waits, and is seen
    perform from backends where id = backend and drill_id = drill and not drill_ends for share;
    if not found then
        return false;
    end if;
    insert into drill_copies as c (backend_id, volume_id) values (backend, volume)
    on conflict (backend_id, volume_id) do update
    set began_at = case when record_drill_copy.outcome is null then clock_timestamp() else c.began_at end,
        ended_at = case when record_drill_copy.outcome is not null then clock_timestamp() end,
        outcome = record_drill_copy.outcome, copying_ms = record_drill_copy.copying_ms,
        connection_info = connection, reason = why_not;
    return true;
end $$;

-- Records that no copy of a drill is left.
create function record_drill_end(backend uuid, drill uuid) returns void
language plpgsql as $$
begin
    update backends set drill_id = null, drill_target = null, drill_asked_at = null, drill_ends = false
    where id = backend and drill_id = drill and drill_ends;
    if found then
        delete from drill_copies where backend_id = backend;
    end if;
end $$;
