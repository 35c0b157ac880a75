-- What every admission needs, whatever the operation: the functions that are generated from the contracts call these.
--
-- The order in which locks are taken, by everybody: backends' locks (by their keys), rows of resources, the operation,
-- rows of quota_usages (by project and resource). An admission does not wait for a row that it changes: who asks tries again.

-- A request for admission. Which of its fields matter follows from the operation's contract.
create type admission_request as (
    id uuid,
    request_id text,
    traceparent text,
    user_id text,
    project_id text,
    -- the project that must own the resources; any, when it is null
    project_scope text,
    arguments jsonb,
    subject uuid,
    -- the resources that play the other parts
    volume uuid,
    snapshots uuid[],
    volume_type uuid,
    backup uuid,
    uses uuid[],
    exclusive_on uuid,
    -- where placement puts it; the backend that holds it, when it is null
    backend_id uuid,
    allowed_conditions text[],
    -- the backend that a migration goes to
    destination_id uuid,
    destination_conditions text[],
    migration jsonb,
    -- the subject's row where there is none yet
    base jsonb,
    -- columns of the subject: their values, entries that are merged into maps, keys that go from maps
    columns jsonb,
    merged jsonb,
    removed jsonb,
    -- columns as they will be, for the quota
    when_done jsonb,
    columns_when_failed jsonb
);

-- The answer to one: admitted, repeated, revoked, or refused, with the reason.
create type admission_answer as (
    id uuid,
    outcome text,
    backend_name text,
    subject jsonb,
    operations_in_flight bigint,
    refusal jsonb
);

-- What the gate knows of a backend, read under its lock.
create type backend_gate as (backend_id uuid, name text, epoch bigint, conditions text[]);

-- A request that nothing stands against but the quota.
create type passed_request as (request admission_request, gate backend_gate, quota quota_amount[]);

-- Takes the locks of backends, always in the same order.
create function lock_backends(backend_ids uuid[]) returns void
language plpgsql as $$
declare
    key integer;
begin
    for key in select lock_key from backends where id = any (backend_ids) order by lock_key loop
        perform pg_advisory_xact_lock(42, key);
    end loop;
end $$;

-- Takes the shared locks of backends, or with `exclusive` the exclusive ones, and only then reads their conditions. A
-- shared lock is not waited for: an admission that waited would keep a connection from admissions on other backends. Whoever
-- waits for the exclusive lock comes first nevertheless: no shared lock is granted past it.
create function enter_gates(backend_ids uuid[], exclusive boolean) returns backend_gate[]
language plpgsql as $$
declare
    wanted record;
    locked uuid[] := '{}';
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'admission needs read committed: its reads must be newer than its lock';
    end if;
    if exclusive then
        perform lock_backends(backend_ids);
        locked := backend_ids;
    else
        -- a change of a backend's condition waits for this admission: it must not wait long for anything
        perform set_config('lock_timeout', '250ms', true);
        for wanted in select id, lock_key from backends where id = any (backend_ids) order by lock_key loop
            if pg_try_advisory_xact_lock_shared(42, wanted.lock_key) then
                locked := locked || wanted.id;
            end if;
        end loop;
    end if;
    return array(select (id, name, epoch, conditions)::backend_gate from backend_details where id = any (locked));
end $$;

create function gate_of(gates backend_gate[], backend uuid) returns backend_gate
language plpgsql immutable as $$
declare
    gate backend_gate;
begin
    foreach gate in array gates loop
        if gate.backend_id = backend then
            return gate;
        end if;
    end loop;
    return null;
end $$;

create function condition_refusal(gate backend_gate, allowed_conditions text[]) returns jsonb
language plpgsql as $$
begin
    return jsonb_build_object('reason', 'condition',
                              'backend', (select to_jsonb(b) from backend_details b where b.id = gate.backend_id),
                              'conditions', array(select unnest(gate.conditions) except select unnest(allowed_conditions)));
end $$;

-- What keeps an operation out of a backend; null when nothing does. What is on no backend passes: a volume type. A backend
-- that is not there, or not any more, lets nothing pass.
create function gate_refusal(gates backend_gate[], backend uuid, allowed_conditions text[]) returns jsonb
language plpgsql as $$
declare
    gate backend_gate := gate_of(gates, backend);
begin
    if backend is null or gate.conditions <@ allowed_conditions then
        return null;
    end if;
    if gate.backend_id is not null then
        return condition_refusal(gate, allowed_conditions);
    end if;
    -- The lock was not granted. A condition that stands against the operation is reason enough to refuse it at once; only to
    -- let it pass takes the lock.
    select b.id, b.name, b.epoch, b.conditions into gate from backend_details b where b.id = backend;
    if gate.backend_id is null then
        return jsonb_build_object('reason', 'not_found', 'table', 'backends', 'id', backend);
    elsif gate.conditions <@ allowed_conditions then
        return '{"reason": "locked"}';
    end if;
    return condition_refusal(gate, allowed_conditions);
end $$;

-- What became of a request that was delivered before; null when nothing did.
create function recorded_outcome(operation uuid) returns admission_answer
language plpgsql stable as $$
declare
    recorded admission_answer;
begin
    select o.id, case o.state when 'revoked' then 'revoked' else 'repeated' end, b.name
    into recorded.id, recorded.outcome, recorded.backend_name
    from operations o left join backends b on b.id = o.backend_id
    where o.id = operation;
    return recorded;
end $$;

-- The answer to a request that does not pass: what became of it earlier, the operation that is in its way, or the refusal. An
-- operation that runs beside others has none in its way.
create function not_admitted(request admission_request, refusal jsonb, beside_others boolean) returns admission_answer
language plpgsql as $$
declare
    answer admission_answer := recorded_outcome(request.id);
    other text;
begin
    if answer.id is not null then
        return answer;
    end if;
    if not beside_others and coalesce(refusal ->> 'reason', '') not in ('condition', 'not_found', 'locked') then
        select kind into other from operations where subject_id = request.subject and state in ('admitted', 'running');
        if other is null and request.exclusive_on is not null then
            select kind into other from operations
            where exclusive_on = request.exclusive_on and state in ('admitted', 'running');
        end if;
        if other is not null then
            refusal := jsonb_build_object('reason', 'busy', 'operation', other);
        end if;
    end if;
    -- what was in its way has ended by now
    return (request.id, 'refused', null, null, null, coalesce(refusal, '{"reason": "locked"}'))::admission_answer;
end $$;

-- The refusal of a request whose row was not found, or is locked by somebody.
create function missing_row(target text, id uuid, is_locked boolean) returns jsonb
language sql immutable as $$
    select case when coalesce(is_locked, false) then '{"reason": "locked"}'
                else jsonb_build_object('reason', 'not_found', 'table', target, 'id', id) end
$$;

-- A row as refusals show it: they are logged. What connects a server has its password in it.
create function without_secrets(shown jsonb) returns jsonb
language sql immutable as $$
    select shown - 'connection_info' - 'salt' - 'crypt_hash'
$$;

create function wrong_status(target text, shown jsonb, expected text[]) returns jsonb
language sql immutable as $$
    select jsonb_build_object('reason', 'wrong_status', 'table', target, 'row', without_secrets(shown),
                              'expected', expected)
$$;

create function precondition_refusal(target text, shown jsonb, precondition text) returns jsonb
language sql immutable as $$
    select jsonb_build_object('reason', 'precondition', 'table', target, 'row', without_secrets(shown),
                              'precondition', precondition)
$$;

create function operations_in_flight(backend uuid) returns bigint
language plpgsql stable as $$
begin
    return (
        select count(*) from operations
        where state in ('admitted', 'running')
          and backend in (backend_id, (migration ->> 'from')::uuid, (migration #>> '{to,backend_id}')::uuid)
    );
end $$;

-- What servers must keep to, of the quality of service that goes with a type.
create function front_end_qos(volume_type uuid) returns jsonb
language plpgsql stable as $$
begin
    return (
        select q.specs from volume_types t join qos_specs q on q.id = t.qos_specs_id
        where t.id = volume_type and q.consumer in ('front-end', 'both')
    );
end $$;

-- What a volume's attachments come to.
create function status_by_attachments(volume uuid) returns text
language plpgsql stable as $$
begin
    return (
        select coalesce(
            (select case status when 'attached' then 'in-use' else status end
             from attachments
             where volume_id = volume and deleted_at is null
               and status in ('attached', 'attaching', 'detaching', 'reserved')
             order by array_position(array['attached', 'attaching', 'detaching', 'reserved'], status)
             limit 1),
            'available')
    );
end $$;

-- Whether a volume shows what its attachments come to. While another operation shows its own status, that is what it will
-- give back; an error stays an error.
create function follows_attachments(status text) returns boolean
language sql immutable as $$
    select coalesce(status in ('available', 'reserved', 'attaching', 'in-use', 'detaching'), false)
$$;

-- The caller gives up on a request. Nothing when it can never be admitted any more; what became of it when it already was.
create function revoke_request(operation uuid, asked_by text, by_user text, by_project text, asked_kind text,
                               asked_arguments jsonb, target text, target_id uuid) returns setof admission_answer
language plpgsql as $$
declare
    recorded admission_answer;
begin
    insert into operations (id, request_id, user_id, project_id, kind, arguments, subject_table, subject_id, state, finished_at)
    values (operation, asked_by, by_user, by_project, asked_kind, asked_arguments, target, target_id, 'revoked', clock_timestamp())
    on conflict do nothing;
    recorded := recorded_outcome(operation);
    if recorded.outcome is distinct from 'revoked' then
        return next recorded;
    end if;
end $$;

-- A new epoch of a backend, which begins with an operation that was admitted: what was admitted before does not happen any
-- more.
create function begin_epoch(backend uuid, begins_with uuid) returns void
language plpgsql as $$
begin
    update backends set epoch = epoch + 1 where id = backend;
    perform end_operations(array(
        select id from operations
        where state in ('admitted', 'running') and id <> begins_with
          and backend in (backend_id, (migration ->> 'from')::uuid, (migration #>> '{to,backend_id}')::uuid)),
        'superseded by a failover');
end $$;

-- The volumes of a backend whose replication restarts from where it serves now. What is not there any
-- more stays in error, and does not wait for a failback.
create function reset_volume_replication(backend uuid) returns void
language plpgsql as $$
begin
    perform from volumes where backend_id = backend and deleted_at is null order by id for no key update;
    update volumes
    set replication_status = case when replicated and status <> 'error' then 'enabled' else 'disabled' end,
        previous_status = case when replication_status not in ('not-capable', 'failover-error') then previous_status end,
        replication_driver_data = null,
        replica_in_sync_at = null,
        updated_at = now()
    where backend_id = backend and deleted_at is null;
end $$;
