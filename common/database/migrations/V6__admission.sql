-- Admission: one call, one round trip, one commit.

-- What became of a request that was delivered before.
create function recorded_outcome(key text) returns jsonb
language plpgsql stable as $$
begin
    return (
        select jsonb_build_object('outcome', case state when 'revoked' then 'revoked' else 'repeated' end,
                                  'operation_id', o.id, 'backend_name', b.name)
        from operations o left join backends b on b.id = o.backend_id
        where o.request_key = key
    );
end $$;

create function shown_row(view_name text, row_id uuid) returns jsonb
language plpgsql stable as $$
declare
    shown jsonb;
begin
    execute format('select to_jsonb(v) from %I v where id = $1', view_name) into shown using row_id;
    return shown;
end $$;

-- The backend that holds a row, or null when the caller may not see such a row.
create function backend_of(target text, row_id uuid, project_scope text) returns uuid
language plpgsql stable as $$
begin
    return (
        select case target
            when 'volumes' then (select backend_id from volumes
                                 where id = row_id and deleted_at is null
                                   and project_id = coalesce(project_scope, project_id))
            when 'snapshots' then (select v.backend_id from snapshots s join volumes v on v.id = s.volume_id
                                   where s.id = row_id and s.deleted_at is null
                                     and s.project_id = coalesce(project_scope, s.project_id))
            when 'attachments' then (select v.backend_id from attachments a join volumes v on v.id = a.volume_id
                                     where a.id = row_id and a.deleted_at is null
                                       and a.project_id = coalesce(project_scope, a.project_id))
            when 'backends' then (select id from backends where id = row_id and deleted_at is null)
        end
    );
end $$;

-- What keeps the operation out of a backend, as a reason for `refuse`; null when nothing does. A backend that is not there,
-- or not any more, lets nothing pass.
create function condition_refusal(backend uuid, allowed_conditions jsonb) returns jsonb
language plpgsql volatile as $$
declare
    found_backend backend_details;
begin
    select * into found_backend from backend_details where id = backend;
    if not found then
        return jsonb_build_object('reason', 'not_found', 'table', 'backends', 'id', backend);
    end if;
    if allowed_conditions @> to_jsonb(found_backend.conditions) then
        return null;
    end if;
    return jsonb_build_object('reason', 'condition', 'backend', to_jsonb(found_backend),
                              'conditions', to_jsonb(array(select unnest(found_backend.conditions)
                                                           except select jsonb_array_elements_text(allowed_conditions))));
end $$;

create function operations_in_flight(backend uuid) returns bigint
language plpgsql stable as $$
begin
    return (
        select count(*) from operations
        where state in ('admitted', 'running')
          and backend in (backend_id, (migration ->> 'from')::uuid, (migration #>> '{to,backend_id}')::uuid)
    );
end $$;

-- Of several backends that an operation needs, the reason of the first that keeps it out.
create function first_condition_refusal(gates jsonb) returns jsonb
language plpgsql volatile as $$
begin
    return (
        select refusal
        from jsonb_array_elements(gates) gate, condition_refusal((gate ->> 'backend_id')::uuid, gate -> 'allowed_conditions') refusal
        -- what is on no backend passes: a volume type
        where gate ->> 'backend_id' is not null and refusal is not null
        limit 1
    );
end $$;

-- Ends operations as failed, together with their rows and quota, whoever works on them: what these do from
-- now on does not count.
create function end_operations(ids uuid[], reason text) returns bigint
language plpgsql as $$
declare
    ended operations;
    step jsonb;
    ended_ids uuid[] := '{}';
begin
    perform lock_changed_by(coalesce((select jsonb_agg(s) from operations o, jsonb_array_elements(o.when_failed) s
                                      where o.id = any (ids)), '[]'));
    for ended in
        update operations
        set state = 'failed', error = reason, finished_at = clock_timestamp(),
            fence = next_fence(), lease_until = null
        where state in ('admitted', 'running') and id = any (ids)
        returning *
    loop
        for step in select jsonb_array_elements(ended.when_failed) loop
            perform end_on_row(step);
        end loop;
        perform notify_of(ended.id, 'error');
        ended_ids := ended_ids || ended.id;
    end loop;
    -- the rows of all of them in the order in which everybody locks them
    perform from quota_usages u
    where (u.project_id, u.resource) in
          (select a.project_id, a.resource
           from operations o, jsonb_to_recordset(o.quota) as a (project_id text, resource text)
           where o.id = any (ended_ids))
    order by u.project_id, u.resource
    for no key update;
    perform settle_quota(o.quota, o.fails_with_quota) from operations o where o.id = any (ended_ids);
    return cardinality(ended_ids);
end $$;

-- What was admitted for a backend before it began to serve from elsewhere does not happen any more.
create function begin_epoch(backend uuid) returns void
language plpgsql as $$
begin
    update backends set epoch = epoch + 1 where id = backend;
    perform end_operations(array(
        select id from operations
        where state in ('admitted', 'running')
          and backend in (backend_id, (migration ->> 'from')::uuid, (migration #>> '{to,backend_id}')::uuid)),
        'superseded by a failover');
end $$;

-- The volumes of a backend whose replication restarts from where it serves now. What is not there any
-- more stays in error, and does not wait for a failback.
create function reset_volume_replication(backend uuid) returns void
language sql as $$
    update volumes
    set replication_status = case when replicated and status <> 'error' then 'enabled' else 'disabled' end,
        previous_status = case when replication_status not in ('not-capable', 'failover-error') then previous_status end,
        updated_at = now()
    where backend_id = backend and deleted_at is null
$$;

create function admit(request jsonb) returns jsonb
language plpgsql as $$
declare
    operation jsonb := request -> 'operation';
    key text := operation ->> 'request_key';
    steps jsonb := request -> 'steps';
    subject jsonb := steps -> 0;
    -- the row by which the backend is found: the subject's, or that of what a new subject belongs to
    located jsonb := request -> 'located_by';
    located_id uuid := (located ->> 'id')::uuid;
    project_scope text := subject ->> 'project_scope';
    backend uuid := coalesce((request ->> 'backend_id')::uuid, backend_of(located ->> 'table', located_id, project_scope));
    gates jsonb := jsonb_build_array(jsonb_build_object('backend_id', backend, 'allowed_conditions', request -> 'allowed_conditions'))
                   || (request -> 'additional_backends');
    refusal jsonb;
    step jsonb;
    amounts jsonb := '[]';
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'admission needs read committed: its reads must be newer than its lock';
    end if;

    if not (request ->> 'exclusive')::boolean then
        -- a change of the backend's condition waits for this admission: it must not wait long for a row
        perform set_config('lock_timeout', '250ms', true);
    end if;
    perform lock_backends(array(select (gate ->> 'backend_id')::uuid from jsonb_array_elements(gates) gate),
                          (request ->> 'exclusive')::boolean);
    refusal := first_condition_refusal(gates);
    if refusal is not null then
        -- a request that was admitted before the gate closed stays admitted
        return coalesce(recorded_outcome(key), refuse(refusal));
    end if;

    if (request ->> 'begins_epoch')::boolean and recorded_outcome(key) is null then
        perform begin_epoch(backend);
    end if;
    insert into operations (id, request_key, request_id, traceparent, user_id, project_id, kind, arguments,
                            subject_table, subject_id, others, uses, exclusive_on, backend_id, backend_epoch, migration,
                            when_failed, fails_with_quota, event, state, finished_at)
    select (operation ->> 'id')::uuid, key, operation ->> 'request_id',
           operation ->> 'traceparent', operation ->> 'user_id', operation ->> 'project_id',
           operation ->> 'kind', operation -> 'arguments', subject ->> 'table', (subject ->> 'id')::uuid,
           request -> 'others', array(select jsonb_array_elements_text(request -> 'uses')::uuid), (request ->> 'exclusive_on')::uuid,
           backend, (select epoch from backends where id = backend), nullif(request -> 'migration', 'null'),
           request -> 'when_failed', (request ->> 'fails_with_quota')::boolean, request ->> 'event',
           case when in_admission then 'done' else 'admitted' end,
           case when in_admission then clock_timestamp() end
    from (select (operation ->> 'in_admission')::boolean) o (in_admission)
    on conflict (request_key) do nothing;
    if not found then
        return recorded_outcome(key);
    end if;

    for step in select jsonb_array_elements(steps) loop
        amounts := amounts || quota_amounts(step -> 'quota', begin_on_row(step, operation -> 'arguments'), step -> 'when_done');
    end loop;
    -- null where the operation has removed the row itself
    if backend <> backend_of(located ->> 'table', located_id, null) then
        perform refuse('{"reason": "moved"}');
    end if;

    if (request ->> 'restarts_replication')::boolean then
        perform reset_volume_replication(backend);
    end if;

    if amounts <> '[]' then
        amounts := summed_quota(amounts);
        perform reserve_quota(amounts);
        if (operation ->> 'in_admission')::boolean then
            perform settle_quota(amounts, true);
        end if;
        update operations set quota = amounts where id = (operation ->> 'id')::uuid;
    end if;

    perform notify_of((operation ->> 'id')::uuid, 'start');
    if (operation ->> 'in_admission')::boolean then
        perform notify_of((operation ->> 'id')::uuid, 'end');
    end if;

    return recorded_outcome(key) || jsonb_build_object(
        'outcome', 'admitted',
        'subject', case when request ->> 'view' is not null then shown_row(request ->> 'view', (subject ->> 'id')::uuid) end,
        'operations_in_flight', case when (request ->> 'count_in_flight')::boolean then operations_in_flight(backend) end);
end $$;

-- The caller gives up on a request. Null when it can never be admitted any more; what became of it
-- when it already was.
create function revoke_request(operation jsonb, subject_table text, subject_id uuid) returns jsonb
language plpgsql as $$
declare
    recorded jsonb;
begin
    insert into operations (id, request_key, request_id, user_id, project_id, kind, arguments,
                            subject_table, subject_id, state, finished_at)
    values ((operation ->> 'id')::uuid, operation ->> 'request_key', operation ->> 'request_id',
            operation ->> 'user_id', operation ->> 'project_id', operation ->> 'kind',
            operation -> 'arguments', subject_table, subject_id, 'revoked', clock_timestamp())
    on conflict (request_key) do nothing;
    recorded := recorded_outcome(operation ->> 'request_key');
    return case when recorded ->> 'outcome' <> 'revoked' then recorded end;
end $$;
