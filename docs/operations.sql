-- What each operation does to the database, made from its contract. Written by `make docs`; a test keeps it current.

-- create a volume, empty or from a snapshot, another volume or an image
create function admit_create_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    snapshot snapshots;
    volume volumes;
    related uuid;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.snapshots[1] and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            subject := jsonb_populate_record(null::volumes, r.columns);
            -- type_exists
            if not coalesce((exists (select from volume_types t where t.id = subject.volume_type_id and t.deleted_at is null for key share)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'type_exists');
                exit decide;
            end if;
            -- backend_replicates
            if not coalesce((not subject.replicated
               or exists (select from backends b
                          where b.id = subject.backend_id and b.active_backend_id is null and b.replication_status = 'enabled')), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'backend_replicates');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'volumes', 1, (default_limits ->> 'volumes')::bigint, false),
                    (r.id, subject.project_id, 'volumes_' || subject.volume_type_id, 1, -1, false),
                    (r.id, subject.project_id, 'per_volume_gigabytes', coalesce((r.when_done ->> 'size_gb')::bigint, subject.size_gb), (default_limits ->> 'per_volume_gigabytes')::bigint, true),
                    (r.id, subject.project_id, 'gigabytes', 1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, 1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
            foreach related in array r.snapshots loop
                select * into snapshot from snapshots where id = related and project_id = coalesce(r.project_scope, project_id) for share skip locked;
                if snapshot.id is null or snapshot.deleted_at is not null then
                    refusal := missing_row('snapshots', related, (select deleted_at is null from snapshots where id = related and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if (select v.backend_id from volumes v where v.id = snapshot.volume_id) is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if snapshot.status not in ('available') then
                    refusal := wrong_status('snapshots', to_jsonb(snapshot), array['available']);
                    exit decide;
                end if;
            end loop;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for share skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if volume.status not in ('available', 'in-use') then
                    refusal := wrong_status('volumes', to_jsonb(volume), array['available', 'in-use']);
                    exit decide;
                end if;
                -- online_copy_supported
                if not coalesce((volume.status = 'available'
                   or exists (select from backends b
                              where b.id = volume.backend_id and (b.report ->> 'online_snapshot_support')::boolean)), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'online_copy_supported');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'create_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    insert into volumes (id, project_id, user_id, name, description, size_gb, volume_type_id, multiattach, metadata, snapshot_id, source_volume_id, bootable, image_metadata, replicated, replication_status, backend_id, pool, availability_zone, status)
    select n.id, n.project_id, n.user_id, n.name, n.description, n.size_gb, n.volume_type_id, n.multiattach, n.metadata, n.snapshot_id, n.source_volume_id, n.bootable, n.image_metadata, n.replicated, n.replication_status, n.backend_id, n.pool, n.availability_zone, 'creating'
    from unnest(requests) x, jsonb_populate_record(null::volumes, x.columns) n
    where x.id = any (admitted);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from volume_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_create_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'create_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where q.amount < 0 and (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update volumes t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update volumes t
        set status = 'error',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'create volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- delete a volume that is not attached, with its data
create function admit_delete_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    snapshot snapshots;
    related uuid;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id)),
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.snapshots[1] and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.snapshots && touched then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available', 'error', 'error_extending', 'error_managing', 'error_restoring') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available', 'error', 'error_extending', 'error_managing', 'error_restoring']);
                exit decide;
            end if;
            -- not_attached
            if not coalesce((not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_attached');
                exit decide;
            end if;
            -- no_snapshots
            if not coalesce((not exists (select from snapshots s
                           where s.volume_id = subject.id and s.deleted_at is null
                             and not coalesce(r.arguments -> 'snapshots', '[]') ? s.id::text)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'no_snapshots');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'volumes', -1, (default_limits ->> 'volumes')::bigint, false),
                    (r.id, subject.project_id, 'volumes_' || subject.volume_type_id, -1, -1, false),
                    (r.id, subject.project_id, 'gigabytes', -1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, -1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
            foreach related in array r.snapshots loop
                select * into snapshot from snapshots where id = related and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if snapshot.id is null or snapshot.deleted_at is not null then
                    refusal := missing_row('snapshots', related, (select deleted_at is null from snapshots where id = related and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if snapshot.status not in ('available', 'error') then
                    refusal := wrong_status('snapshots', to_jsonb(snapshot), array['available', 'error']);
                    exit decide;
                end if;
                -- not_used_by_operation
                if not coalesce((not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[snapshot.id])), false) then
                    refusal := precondition_refusal('snapshots', to_jsonb(snapshot), 'not_used_by_operation');
                    exit decide;
                end if;
                if coalesce(snapshot.consumes_quota, true) then
                    asked := asked || array[
                        (r.id, snapshot.project_id, 'snapshots', -1, (default_limits ->> 'snapshots')::bigint, false),
                        (r.id, snapshot.project_id, 'snapshots_' || snapshot.volume_type_id, -1, -1, false),
                        (r.id, snapshot.project_id, 'gigabytes', -1 * snapshot.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                        (r.id, snapshot.project_id, 'gigabytes_' || snapshot.volume_type_id, -1 * snapshot.size_gb, -1, false)
                    ]::quota_demand[];
                end if;
            end loop;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.snapshots;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'delete_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update volumes t
    set status = 'deleting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update snapshots t
    set status = 'deleting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = any (x.snapshots);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_delete_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from snapshots where id = any (array(select unnest(x.snapshots) from unnest(ends) x)) order by id for no key update;
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'delete_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update volumes t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update snapshots t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = any (x.snapshots);
    end if;
    if some_failed then
        update volumes t
        set status = 'error_deleting',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update snapshots t
        set status = 'error_deleting',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = any (x.snapshots);
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'delete volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- delete a volume in any status, unless it is attached or an operation on it is in progress
create function admit_force_delete_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    snapshot snapshots;
    related uuid;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id)),
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.snapshots[1] and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.snapshots && touched then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            -- not_attached
            if not coalesce((not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_attached');
                exit decide;
            end if;
            -- no_snapshots
            if not coalesce((not exists (select from snapshots s
                           where s.volume_id = subject.id and s.deleted_at is null
                             and not coalesce(r.arguments -> 'snapshots', '[]') ? s.id::text)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'no_snapshots');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'volumes', -1, (default_limits ->> 'volumes')::bigint, false),
                    (r.id, subject.project_id, 'volumes_' || subject.volume_type_id, -1, -1, false),
                    (r.id, subject.project_id, 'gigabytes', -1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, -1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
            foreach related in array r.snapshots loop
                select * into snapshot from snapshots where id = related and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if snapshot.id is null or snapshot.deleted_at is not null then
                    refusal := missing_row('snapshots', related, (select deleted_at is null from snapshots where id = related and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                -- no_operation_in_progress
                if not coalesce((not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = snapshot.id)
                   and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = snapshot.id)
                   and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = snapshot.id)
                   and not exists (select from operations o
                                   where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                                     and o.snapshot_ids @> array[snapshot.id])), false) then
                    refusal := precondition_refusal('snapshots', to_jsonb(snapshot), 'no_operation_in_progress');
                    exit decide;
                end if;
                -- not_used_by_operation
                if not coalesce((not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[snapshot.id])), false) then
                    refusal := precondition_refusal('snapshots', to_jsonb(snapshot), 'not_used_by_operation');
                    exit decide;
                end if;
                if coalesce(snapshot.consumes_quota, true) then
                    asked := asked || array[
                        (r.id, snapshot.project_id, 'snapshots', -1, (default_limits ->> 'snapshots')::bigint, false),
                        (r.id, snapshot.project_id, 'snapshots_' || snapshot.volume_type_id, -1, -1, false),
                        (r.id, snapshot.project_id, 'gigabytes', -1 * snapshot.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                        (r.id, snapshot.project_id, 'gigabytes_' || snapshot.volume_type_id, -1 * snapshot.size_gb, -1, false)
                    ]::quota_demand[];
                end if;
            end loop;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.snapshots;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'force_delete_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update volumes t
    set status = 'deleting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update snapshots t
    set status = 'deleting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = any (x.snapshots);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_force_delete_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from snapshots where id = any (array(select unnest(x.snapshots) from unnest(ends) x)) order by id for no key update;
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'force_delete_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update volumes t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update snapshots t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = any (x.snapshots);
    end if;
    if some_failed then
        update volumes t
        set status = 'error_deleting',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update snapshots t
        set status = 'error_deleting',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = any (x.snapshots);
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'force delete volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- grow a volume
create function admit_extend_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available', 'in-use') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available', 'in-use']);
                exit decide;
            end if;
            -- size_increases
            if not coalesce(((r.arguments ->> 'new_size_gb')::integer > subject.size_gb), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'size_increases');
                exit decide;
            end if;
            -- online_extend_supported
            if not coalesce((subject.status <> 'in-use'
               or ((r.arguments ->> 'while_attached')::boolean
                   and exists (select from backends b
                               where b.id = subject.backend_id and (b.report ->> 'online_extend_support')::boolean))), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'online_extend_supported');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'per_volume_gigabytes', coalesce((r.when_done ->> 'size_gb')::bigint, subject.size_gb), (default_limits ->> 'per_volume_gigabytes')::bigint, true),
                    (r.id, subject.project_id, 'gigabytes', (r.when_done ->> 'size_gb')::bigint - subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, (r.when_done ->> 'size_gb')::bigint - subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'extend_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update volumes t
    set status = 'extending',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_extend_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'extend_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            (size_gb) = (select n.size_gb from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update volumes t
        set status = 'error_extending',
            (size_gb) = (select n.size_gb from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'extend volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- revert a volume to its latest snapshot
create function admit_revert_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    snapshot snapshots;
    related uuid;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id)),
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.snapshots[1] and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.snapshots && touched then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available']);
                exit decide;
            end if;
            -- not_attached
            if not coalesce((not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_attached');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            foreach related in array r.snapshots loop
                select * into snapshot from snapshots where id = related and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if snapshot.id is null or snapshot.deleted_at is not null then
                    refusal := missing_row('snapshots', related, (select deleted_at is null from snapshots where id = related and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if snapshot.status not in ('available') then
                    refusal := wrong_status('snapshots', to_jsonb(snapshot), array['available']);
                    exit decide;
                end if;
                -- newest_of_its_size
                if not coalesce((not exists (select from snapshots newer
                               where newer.volume_id = snapshot.volume_id and newer.deleted_at is null
                                 and newer.created_at > snapshot.created_at)
                   and exists (select from volumes v where v.id = snapshot.volume_id and v.size_gb = snapshot.size_gb)), false) then
                    refusal := precondition_refusal('snapshots', to_jsonb(snapshot), 'newest_of_its_size');
                    exit decide;
                end if;
            end loop;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.snapshots;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'revert_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set status = 'reverting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update snapshots t
    set status = 'restoring',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = any (x.snapshots);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_revert_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from snapshots where id = any (array(select unnest(x.snapshots) from unnest(ends) x)) order by id for no key update;
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'revert_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update volumes t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update snapshots t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = any (x.snapshots);
    end if;
    if some_failed then
        update volumes t
        set status = 'error',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update snapshots t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = any (x.snapshots);
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'revert volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- change the type of a volume, and migrate it where the new type needs another backend
create function admit_retype_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    volume_type volume_types;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located || array(select x.destination_id from unnest(requests) x), false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            refusal := gate_refusal(gates, r.destination_id, r.destination_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available', 'in-use') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available', 'in-use']);
                exit decide;
            end if;
            -- type_changes
            if not coalesce((subject.volume_type_id <> (r.arguments ->> 'volume_type_id')::uuid), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'type_changes');
                exit decide;
            end if;
            -- keeps_multiattach
            if not coalesce((subject.status = 'available' or subject.multiattach = (r.arguments ->> 'multiattach')::boolean), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'keeps_multiattach');
                exit decide;
            end if;
            -- keeps_front_end_qos
            if not coalesce((subject.status = 'available'
               or front_end_qos(subject.volume_type_id)
                  is not distinct from front_end_qos((r.arguments ->> 'volume_type_id')::uuid)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'keeps_front_end_qos');
                exit decide;
            end if;
            if r.destination_id is not null then
                -- not_attached
                if not coalesce((not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_attached');
                    exit decide;
                end if;
                -- no_snapshots
                if not coalesce((not exists (select from snapshots s
                               where s.volume_id = subject.id and s.deleted_at is null
                                 and not coalesce(r.arguments -> 'snapshots', '[]') ? s.id::text)), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(subject), 'no_snapshots');
                    exit decide;
                end if;
                -- not_used_by_operation
                if not coalesce((not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_used_by_operation');
                    exit decide;
                end if;
                -- not_replicated
                if not coalesce((not subject.replicated), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_replicated');
                    exit decide;
                end if;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'volumes_' || subject.volume_type_id, -1, -1, false),
                    (r.id, subject.project_id, 'volumes_' || (r.when_done ->> 'volume_type_id'), 1, -1, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, -subject.size_gb, -1, false),
                    (r.id, subject.project_id, 'gigabytes_' || (r.when_done ->> 'volume_type_id'), subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
            if r.volume_type is not null then
                select * into volume_type from volume_types where id = r.volume_type for share skip locked;
                if volume_type.id is null or volume_type.deleted_at is not null then
                    refusal := missing_row('volume_types', r.volume_type, (select deleted_at is null from volume_types where id = r.volume_type));
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'retype_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update volumes t
    set status = 'retyping',
        previous_status = t.status,
        (migration_status) = (select n.migration_status from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_retype_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'retype_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            (volume_type_id, multiattach, replicated, replication_status, migration_status) = (select n.volume_type_id, n.multiattach, n.replicated, n.replication_status, n.migration_status from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            (volume_type_id, multiattach, replicated, replication_status, migration_status) = (select n.volume_type_id, n.multiattach, n.replicated, n.replication_status, n.migration_status from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'retype volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- make an image of a volume
create function admit_upload_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available']);
                exit decide;
            end if;
            -- not_attached
            if not coalesce((not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_attached');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'upload_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set status = 'uploading',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_upload_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'upload_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'upload volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- replace the content of a volume by that of an image
create function admit_reimage_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available', 'reserved', 'error') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available', 'reserved', 'error']);
                exit decide;
            end if;
            -- unused_or_reserved_as_said
            if not coalesce((case subject.status
               when 'reserved' then (r.arguments ->> 'reserved')::boolean
                   and (select count(*) from attachments a where a.volume_id = subject.id and a.deleted_at is null) <= 1
               else not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null) end), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'unused_or_reserved_as_said');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'reimage_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set status = 'downloading',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_reimage_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'reimage_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update volumes t
        set status = status_by_attachments(t.id),
            previous_status = null,
            (bootable, image_metadata) = (select n.bootable, n.image_metadata from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update volumes t
        set status = 'error',
            (bootable, image_metadata) = (select n.bootable, n.image_metadata from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'reimage volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- migrate a volume to another backend
create function admit_migrate_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located || array(select x.destination_id from unnest(requests) x), false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            refusal := gate_refusal(gates, r.destination_id, r.destination_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available']);
                exit decide;
            end if;
            if r.destination_id is not null then
                -- not_attached
                if not coalesce((not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_attached');
                    exit decide;
                end if;
                -- no_snapshots
                if not coalesce((not exists (select from snapshots s
                               where s.volume_id = subject.id and s.deleted_at is null
                                 and not coalesce(r.arguments -> 'snapshots', '[]') ? s.id::text)), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(subject), 'no_snapshots');
                    exit decide;
                end if;
                -- not_used_by_operation
                if not coalesce((not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_used_by_operation');
                    exit decide;
                end if;
                -- not_replicated
                if not coalesce((not subject.replicated), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_replicated');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'migrate_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set status = 'maintenance',
        previous_status = t.status,
        (migration_status) = (select n.migration_status from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_migrate_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'migrate_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            (migration_status) = (select n.migration_status from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            (migration_status) = (select n.migration_status from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'migrate volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- manage existing storage of a backend as a volume
create function admit_manage_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            subject := jsonb_populate_record(null::volumes, r.columns);
            -- type_exists
            if not coalesce((exists (select from volume_types t where t.id = subject.volume_type_id and t.deleted_at is null for key share)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'type_exists');
                exit decide;
            end if;
            -- backend_replicates
            if not coalesce((not subject.replicated
               or exists (select from backends b
                          where b.id = subject.backend_id and b.active_backend_id is null and b.replication_status = 'enabled')), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'backend_replicates');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'volumes', 1, (default_limits ->> 'volumes')::bigint, false),
                    (r.id, subject.project_id, 'volumes_' || subject.volume_type_id, 1, -1, false),
                    (r.id, subject.project_id, 'per_volume_gigabytes', coalesce((r.when_done ->> 'size_gb')::bigint, subject.size_gb), (default_limits ->> 'per_volume_gigabytes')::bigint, true),
                    (r.id, subject.project_id, 'gigabytes', 1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, 1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'manage_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    insert into volumes (id, project_id, user_id, name, description, size_gb, volume_type_id, multiattach, bootable, metadata, replicated, replication_status, backend_id, pool, availability_zone, status)
    select n.id, n.project_id, n.user_id, n.name, n.description, n.size_gb, n.volume_type_id, n.multiattach, n.bootable, n.metadata, n.replicated, n.replication_status, n.backend_id, n.pool, n.availability_zone, 'managing'
    from unnest(requests) x, jsonb_populate_record(null::volumes, x.columns) n
    where x.id = any (admitted);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from volume_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_manage_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'manage_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where q.amount < 0 and (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update volumes t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update volumes t
        set status = 'error_managing',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'manage volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- stop managing a volume; keep its data
create function admit_unmanage_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available', 'error', 'error_managing', 'error_unmanaging') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available', 'error', 'error_managing', 'error_unmanaging']);
                exit decide;
            end if;
            -- not_attached
            if not coalesce((not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_attached');
                exit decide;
            end if;
            -- no_snapshots
            if not coalesce((not exists (select from snapshots s
                           where s.volume_id = subject.id and s.deleted_at is null
                             and not coalesce(r.arguments -> 'snapshots', '[]') ? s.id::text)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'no_snapshots');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'volumes', -1, (default_limits ->> 'volumes')::bigint, false),
                    (r.id, subject.project_id, 'volumes_' || subject.volume_type_id, -1, -1, false),
                    (r.id, subject.project_id, 'gigabytes', -1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, -1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'unmanage_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update volumes t
    set status = 'unmanaging',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_unmanage_volume(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'unmanage_volume' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update volumes t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update volumes t
        set status = 'error_unmanaging',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'unmanage volume', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- manage existing storage of a volume's backend as a snapshot of that volume
create function admit_manage_snapshot(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject snapshots;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            subject := jsonb_populate_record(null::snapshots, r.columns);
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'snapshots', 1, (default_limits ->> 'snapshots')::bigint, false),
                    (r.id, subject.project_id, 'snapshots_' || subject.volume_type_id, 1, -1, false),
                    (r.id, subject.project_id, 'gigabytes', 1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, 1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for share skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if volume.status not in ('available', 'in-use') then
                    refusal := wrong_status('volumes', to_jsonb(volume), array['available', 'in-use']);
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'manage_snapshot', (p.request).arguments, 'snapshots', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    insert into snapshots (id, project_id, user_id, volume_id, volume_type_id, size_gb, name, description, metadata, status)
    select n.id, n.project_id, n.user_id, n.volume_id, n.volume_type_id, n.size_gb, n.name, n.description, n.metadata, 'creating'
    from unnest(requests) x, jsonb_populate_record(null::snapshots, x.columns) n
    where x.id = any (admitted);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from snapshot_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_manage_snapshot(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from snapshots where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'manage_snapshot' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where q.amount < 0 and (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update snapshots t
        set status = 'available',
            (progress) = (select n.progress from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update snapshots t
        set status = 'error',
            (progress) = (select n.progress from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_SNAPSHOT', o.subject_id, 'manage snapshot', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- stop managing a snapshot; keep its data
create function admit_unmanage_snapshot(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject snapshots;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.subject and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('snapshots', r.subject, (select deleted_at is null from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if (select v.backend_id from volumes v where v.id = subject.volume_id) is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available', 'error') then
                refusal := wrong_status('snapshots', to_jsonb(subject), array['available', 'error']);
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('snapshots', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'snapshots', -1, (default_limits ->> 'snapshots')::bigint, false),
                    (r.id, subject.project_id, 'snapshots_' || subject.volume_type_id, -1, -1, false),
                    (r.id, subject.project_id, 'gigabytes', -1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, -1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'unmanage_snapshot', (p.request).arguments, 'snapshots', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update snapshots t
    set status = 'unmanaging',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_unmanage_snapshot(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from snapshots where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'unmanage_snapshot' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update snapshots t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update snapshots t
        set status = 'error',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_SNAPSHOT', o.subject_id, 'unmanage snapshot', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- create a snapshot of a volume
create function admit_create_snapshot(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject snapshots;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            subject := jsonb_populate_record(null::snapshots, r.columns);
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'snapshots', 1, (default_limits ->> 'snapshots')::bigint, false),
                    (r.id, subject.project_id, 'snapshots_' || subject.volume_type_id, 1, -1, false),
                    (r.id, subject.project_id, 'gigabytes', 1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, 1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for share skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if volume.status not in ('available', 'in-use') then
                    refusal := wrong_status('volumes', to_jsonb(volume), array['available', 'in-use']);
                    exit decide;
                end if;
                -- online_snapshot_supported
                if not coalesce((volume.status = 'available'
                   or ((r.arguments ->> 'while_attached')::boolean
                       and exists (select from backends b
                                   where b.id = volume.backend_id and (b.report ->> 'online_snapshot_support')::boolean))), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'online_snapshot_supported');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'create_snapshot', (p.request).arguments, 'snapshots', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    insert into snapshots (id, project_id, user_id, volume_id, volume_type_id, size_gb, name, description, metadata, status)
    select n.id, n.project_id, n.user_id, n.volume_id, n.volume_type_id, n.size_gb, n.name, n.description, n.metadata, 'creating'
    from unnest(requests) x, jsonb_populate_record(null::snapshots, x.columns) n
    where x.id = any (admitted);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from snapshot_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_create_snapshot(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from snapshots where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'create_snapshot' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where q.amount < 0 and (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update snapshots t
        set status = 'available',
            (progress) = (select n.progress from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update snapshots t
        set status = 'error',
            (progress) = (select n.progress from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_SNAPSHOT', o.subject_id, 'create snapshot', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- remove a snapshot
create function admit_delete_snapshot(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject snapshots;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.subject and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('snapshots', r.subject, (select deleted_at is null from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if (select v.backend_id from volumes v where v.id = subject.volume_id) is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available', 'error') then
                refusal := wrong_status('snapshots', to_jsonb(subject), array['available', 'error']);
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('snapshots', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'snapshots', -1, (default_limits ->> 'snapshots')::bigint, false),
                    (r.id, subject.project_id, 'snapshots_' || subject.volume_type_id, -1, -1, false),
                    (r.id, subject.project_id, 'gigabytes', -1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, -1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'delete_snapshot', (p.request).arguments, 'snapshots', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update snapshots t
    set status = 'deleting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_delete_snapshot(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from snapshots where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'delete_snapshot' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update snapshots t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update snapshots t
        set status = 'error_deleting',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_SNAPSHOT', o.subject_id, 'delete snapshot', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- delete a snapshot in any status, unless an operation on it is in progress
create function admit_force_delete_snapshot(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject snapshots;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.subject and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('snapshots', r.subject, (select deleted_at is null from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if (select v.backend_id from volumes v where v.id = subject.volume_id) is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            -- no_operation_in_progress
            if not coalesce((not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = subject.id)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                                 and o.snapshot_ids @> array[subject.id])), false) then
                refusal := precondition_refusal('snapshots', to_jsonb(subject), 'no_operation_in_progress');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('snapshots', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'snapshots', -1, (default_limits ->> 'snapshots')::bigint, false),
                    (r.id, subject.project_id, 'snapshots_' || subject.volume_type_id, -1, -1, false),
                    (r.id, subject.project_id, 'gigabytes', -1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, -1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'force_delete_snapshot', (p.request).arguments, 'snapshots', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update snapshots t
    set status = 'deleting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_force_delete_snapshot(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from snapshots where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'force_delete_snapshot' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update snapshots t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update snapshots t
        set status = 'error_deleting',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_SNAPSHOT', o.subject_id, 'force delete snapshot', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- open a volume's data path for a server's host
create function admit_update_attachment(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.status not in ('reserved', 'attaching', 'attached') then
                refusal := wrong_status('attachments', to_jsonb(subject), array['reserved', 'attaching', 'attached']);
                exit decide;
            end if;
            -- attach_mode_unchanged
            if not coalesce((subject.connector is null or subject.attach_mode = r.arguments ->> 'mode'), false) then
                refusal := precondition_refusal('attachments', to_jsonb(subject), 'attach_mode_unchanged');
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                -- not_in_error
                if not coalesce((volume.status not like '%error%'), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'not_in_error');
                    exit decide;
                end if;
                -- no_other_connection
                if not coalesce((volume.multiattach
                   or not exists (select from attachments other
                                  where other.volume_id = volume.id and other.deleted_at is null
                                    and other.connector is not null
                                    and other.id <> (r.arguments ->> 'attachment_id')::uuid
                                    and other.instance_id is distinct from
                                        (select a.instance_id from attachments a where a.id = (r.arguments ->> 'attachment_id')::uuid))), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'no_other_connection');
                    exit decide;
                end if;
                -- attach_mode_allowed
                if not coalesce((not coalesce(volume.readonly, false) or r.arguments ->> 'mode' = 'ro'), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'attach_mode_allowed');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_attachment', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update attachments t
    set status = 'attaching',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_update_attachment(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from attachments where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    perform from volumes where id = any (array(select x.volume from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'update_attachment' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update attachments t
        set (host_name, mountpoint, attach_mode, connector, connection_info) = (select n.host_name, n.mountpoint, n.attach_mode, n.connector, n.connection_info from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update volumes t
        set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
            previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.volume;
    end if;
    if some_failed then
        update attachments t
        set status = t.previous_status,
            previous_status = null,
            (host_name, mountpoint, attach_mode, connector, connection_info) = (select n.host_name, n.mountpoint, n.attach_mode, n.connector, n.connection_info from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update volumes t
        set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
            previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.volume;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- close a server's data path to a volume
create function admit_delete_attachment(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'delete_attachment', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update attachments t
    set status = 'detaching',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_delete_attachment(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from attachments where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    perform from volumes where id = any (array(select x.volume from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'delete_attachment' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update attachments t
        set status = 'detached',
            deleted_at = clock_timestamp(),
            (detached_at) = (select n.detached_at from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update volumes t
        set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
            previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.volume;
    end if;
    if some_failed then
        update attachments t
        set status = 'error_detaching',
            (detached_at) = (select n.detached_at from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update volumes t
        set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
            previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.volume;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- open a volume's data path for a server that is attaching or attached
create function admit_initialize_connection(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for share skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.status not in ('attaching', 'attached') then
                refusal := wrong_status('attachments', to_jsonb(subject), array['attaching', 'attached']);
                exit decide;
            end if;
            -- host_unchanged
            if not coalesce((subject.connector is null
               or subject.connector -> 'host' is not distinct from r.arguments #> '{connector,host}'), false) then
                refusal := precondition_refusal('attachments', to_jsonb(subject), 'host_unchanged');
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                -- not_in_error
                if not coalesce((volume.status not like '%error%'), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'not_in_error');
                    exit decide;
                end if;
                -- no_other_connection
                if not coalesce((volume.multiattach
                   or not exists (select from attachments other
                                  where other.volume_id = volume.id and other.deleted_at is null
                                    and other.connector is not null
                                    and other.id <> (r.arguments ->> 'attachment_id')::uuid
                                    and other.instance_id is distinct from
                                        (select a.instance_id from attachments a where a.id = (r.arguments ->> 'attachment_id')::uuid))), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'no_other_connection');
                    exit decide;
                end if;
                -- attach_mode_allowed
                if not coalesce((not coalesce(volume.readonly, false) or r.arguments ->> 'mode' = 'ro'), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'attach_mode_allowed');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'initialize_connection', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_initialize_connection(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from attachments where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    perform from volumes where id = any (array(select x.volume from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'initialize_connection' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update attachments t
        set (connector, connection_info) = (select n.connector, n.connection_info from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update volumes t
        set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
            previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.volume;
    end if;
    if some_failed then
        update attachments t
        set (connector, connection_info) = (select n.connector, n.connection_info from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update volumes t
        set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
            previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.volume;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- close a server's data path to a volume that still counts as attached
create function admit_terminate_connection(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for share skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.status not in ('attached', 'detaching', 'error_detaching') then
                refusal := wrong_status('attachments', to_jsonb(subject), array['attached', 'detaching', 'error_detaching']);
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'terminate_connection', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_terminate_connection(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from attachments where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    perform from volumes where id = any (array(select x.volume from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'terminate_connection' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update attachments t
        set (connector, connection_info) = (select n.connector, n.connection_info from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update volumes t
        set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
            previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.volume;
    end if;
    if some_failed then
        update attachments t
        set (connector, connection_info) = (select n.connector, n.connection_info from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update volumes t
        set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
            previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.volume;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- fail a backend over to a replication target, or back to the primary
create function admit_failover_backend(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
            -- can_fail_over
            if not coalesce((subject.replication_status in ('enabled', 'failed-over', 'failover-error')), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'can_fail_over');
                exit decide;
            end if;
            -- target_configured
            if not coalesce(((r.arguments ->> 'target' is null
                or subject.report -> 'replication_targets' ? (r.arguments ->> 'target'))
               and (r.arguments ->> 'target' is distinct from subject.active_backend_id
                    or r.arguments ->> 'accepted_loss' is not null)), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'target_configured');
                exit decide;
            end if;
            -- target_is_up
            if not coalesce((not seen_recently(subject.seen_at)
               or not coalesce(subject.report -> 'sides_down', '[]') ? coalesce(r.arguments ->> 'target', 'default')), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'target_is_up');
                exit decide;
            end if;
            -- worker_is_up
            if not coalesce((exists (select from services s where s.backend_id = subject.id and seen_recently(s.seen_at))), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'worker_is_up');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'failover_backend', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch + 1,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    perform begin_epoch(x.subject, x.id) from unnest(requests) x where x.id = any (admitted);
    update backends t
    set (replication_status, promoted) = (select n.replication_status, n.promoted from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform notify_of(admitted, 'service.failover.start');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_failover_backend(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform lock_backends(array(select x.subject from unnest(ends) x));
    perform from backends where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'failover_backend' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update backends t
        set (replication_status) = (select n.replication_status from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update backends t
        set (replication_status) = (select n.replication_status from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
    end if;
    perform record_failover(x.subject, x.failover) from unnest(ends) x
    where x.failover is not null;
    perform notify_of(array(select x.id from unnest(ends) x where x.succeeded), 'service.failover.end');
    perform notify_of(array(select x.id from unnest(ends) x where not x.succeeded), 'service.failover.error');
    return query select x.id from unnest(ends) x;
end $$;

-- back a volume or a snapshot up
create function admit_create_backup(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backups;
    volume volumes;
    snapshot snapshots;
    backup backups;
    related uuid;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id)),
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.snapshots[1] and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.snapshots && touched then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            subject := jsonb_populate_record(null::backups, r.columns);
            -- backup_service_reaches_source
            if not coalesce((exists (select from services s, volumes v
                       where v.id = subject.volume_id and s.binary_name = 'cinder-backup' and seen_recently(s.seen_at)
                         and v.backend_id = any (s.reached)
                         and s.availability_zone = coalesce(r.arguments ->> 'availability_zone', s.availability_zone))), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'backup_service_reaches_source');
                exit decide;
            end if;
            if true then
                asked := asked || array[
                    (r.id, subject.project_id, 'backups', 1, (default_limits ->> 'backups')::bigint, false),
                    (r.id, subject.project_id, 'backup_gigabytes', 1 * subject.size_gb, (default_limits ->> 'backup_gigabytes')::bigint, false)
                ]::quota_demand[];
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if volume.status not in ('available', 'in-use') then
                    refusal := wrong_status('volumes', to_jsonb(volume), array['available', 'in-use']);
                    exit decide;
                end if;
                -- online_backup_supported
                if not coalesce((volume.status = 'available'
                   or ((r.arguments ->> 'while_attached')::boolean
                       and exists (select from backends b
                                   where b.id = volume.backend_id and (b.report ->> 'online_snapshot_support')::boolean))), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'online_backup_supported');
                    exit decide;
                end if;
            end if;
            foreach related in array r.snapshots loop
                select * into snapshot from snapshots where id = related and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if snapshot.id is null or snapshot.deleted_at is not null then
                    refusal := missing_row('snapshots', related, (select deleted_at is null from snapshots where id = related and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if (select v.backend_id from volumes v where v.id = snapshot.volume_id) is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if snapshot.status not in ('available') then
                    refusal := wrong_status('snapshots', to_jsonb(snapshot), array['available']);
                    exit decide;
                end if;
            end loop;
            if r.backup is not null then
                select * into backup from backups where id = r.backup and project_id = coalesce(r.project_scope, project_id) for share skip locked;
                if backup.id is null or backup.deleted_at is not null then
                    refusal := missing_row('backups', r.backup, (select deleted_at is null from backups where id = r.backup and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if backup.status not in ('available') then
                    refusal := wrong_status('backups', to_jsonb(backup), array['available']);
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.volume;
        touched := touched || r.snapshots;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'create_backup', (p.request).arguments, 'backups', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-backup', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    insert into backups (id, project_id, user_id, volume_id, snapshot_id, parent_id, size_gb, name, description, container, metadata, data_timestamp, status)
    select n.id, n.project_id, n.user_id, n.volume_id, n.snapshot_id, n.parent_id, n.size_gb, n.name, n.description, n.container, n.metadata, n.data_timestamp, 'creating'
    from unnest(requests) x, jsonb_populate_record(null::backups, x.columns) n
    where x.id = any (admitted);
    update volumes t
    set status = 'backing-up',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    update snapshots t
    set status = 'backing-up',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = any (x.snapshots);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from backup_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_create_backup(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from snapshots where id = any (array(select unnest(x.snapshots) from unnest(ends) x)) order by id for no key update;
    perform from volumes where id = any (array(select x.volume from unnest(ends) x)) order by id for no key update;
    perform from backups where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'create_backup' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where q.amount < 0 and (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update backups t
        set status = 'available',
            (container, service_metadata, object_count, availability_zone, fail_reason) = (select n.container, n.service_metadata, n.object_count, n.availability_zone, n.fail_reason from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.volume;
        update snapshots t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = any (x.snapshots);
    end if;
    if some_failed then
        update backups t
        set status = 'error',
            (container, service_metadata, object_count, availability_zone, fail_reason) = (select n.container, n.service_metadata, n.object_count, n.availability_zone, n.fail_reason from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update volumes t
        set status = t.previous_status,
            previous_status = null,
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.volume;
        update snapshots t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = any (x.snapshots);
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_BACKUP', o.subject_id, 'create backup', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- delete a backup, with its data
create function admit_delete_backup(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backups;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backups where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backups', r.subject, (select deleted_at is null from backups where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.status not in ('available', 'error') then
                refusal := wrong_status('backups', to_jsonb(subject), array['available', 'error']);
                exit decide;
            end if;
            -- no_dependent_backups
            if not coalesce((not exists (select from backups d where d.parent_id = subject.id and d.deleted_at is null)), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'no_dependent_backups');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            -- backup_service_up
            if not coalesce((exists (select from services s where s.binary_name = 'cinder-backup' and seen_recently(s.seen_at))), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'backup_service_up');
                exit decide;
            end if;
            if true then
                asked := asked || array[
                    (r.id, subject.project_id, 'backups', -1, (default_limits ->> 'backups')::bigint, false),
                    (r.id, subject.project_id, 'backup_gigabytes', -1 * subject.size_gb, (default_limits ->> 'backup_gigabytes')::bigint, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'delete_backup', (p.request).arguments, 'backups', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-backup', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update backups t
    set status = 'deleting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_delete_backup(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from backups where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'delete_backup' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update backups t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            (fail_reason) = (select n.fail_reason from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update backups t
        set status = 'error_deleting',
            (fail_reason) = (select n.fail_reason from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_BACKUP', o.subject_id, 'delete backup', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- delete a backup in any status, unless an operation on it is in progress
create function admit_force_delete_backup(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backups;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backups where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backups', r.subject, (select deleted_at is null from backups where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            -- no_operation_in_progress
            if not coalesce((not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = subject.id)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                                 and o.snapshot_ids @> array[subject.id])), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'no_operation_in_progress');
                exit decide;
            end if;
            -- no_dependent_backups
            if not coalesce((not exists (select from backups d where d.parent_id = subject.id and d.deleted_at is null)), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'no_dependent_backups');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            -- backup_service_up
            if not coalesce((exists (select from services s where s.binary_name = 'cinder-backup' and seen_recently(s.seen_at))), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'backup_service_up');
                exit decide;
            end if;
            if true then
                asked := asked || array[
                    (r.id, subject.project_id, 'backups', -1, (default_limits ->> 'backups')::bigint, false),
                    (r.id, subject.project_id, 'backup_gigabytes', -1 * subject.size_gb, (default_limits ->> 'backup_gigabytes')::bigint, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'force_delete_backup', (p.request).arguments, 'backups', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-backup', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    update backups t
    set status = 'deleting',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_force_delete_backup(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from backups where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'force_delete_backup' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where (q.amount < 0) = (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update backups t
        set status = 'deleted',
            deleted_at = clock_timestamp(),
            (fail_reason) = (select n.fail_reason from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update backups t
        set status = 'error_deleting',
            (fail_reason) = (select n.fail_reason from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_BACKUP', o.subject_id, 'force delete backup', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- make a backup known that is in the store
create function admit_import_backup(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backups;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            subject := jsonb_populate_record(null::backups, r.columns);
            -- data_stay
            if not coalesce((not exists (select from backups o
                           where o.service_metadata = subject.service_metadata and o.deleted_at is null and o.status = 'deleting')), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'data_stay');
                exit decide;
            end if;
            -- backup_service_up
            if not coalesce((exists (select from services s where s.binary_name = 'cinder-backup' and seen_recently(s.seen_at))), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'backup_service_up');
                exit decide;
            end if;
            if true then
                asked := asked || array[
                    (r.id, subject.project_id, 'backups', 1, (default_limits ->> 'backups')::bigint, false),
                    (r.id, subject.project_id, 'backup_gigabytes', 1 * subject.size_gb, (default_limits ->> 'backup_gigabytes')::bigint, false)
                ]::quota_demand[];
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'import_backup', (p.request).arguments, 'backups', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-backup', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    insert into backups (id, project_id, user_id, volume_id, snapshot_id, parent_id, size_gb, name, description, container, service_metadata, object_count, metadata, data_timestamp, status)
    select n.id, n.project_id, n.user_id, n.volume_id, n.snapshot_id, n.parent_id, n.size_gb, n.name, n.description, n.container, n.service_metadata, n.object_count, n.metadata, n.data_timestamp, 'creating'
    from unnest(requests) x, jsonb_populate_record(null::backups, x.columns) n
    where x.id = any (admitted);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from backup_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_import_backup(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from backups where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'import_backup' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where q.amount < 0 and (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update backups t
        set status = 'available',
            (container, service_metadata, availability_zone, fail_reason) = (select n.container, n.service_metadata, n.availability_zone, n.fail_reason from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
    end if;
    if some_failed then
        update backups t
        set status = 'error',
            (container, service_metadata, availability_zone, fail_reason) = (select n.container, n.service_metadata, n.availability_zone, n.fail_reason from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME_BACKUP', o.subject_id, 'import backup', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- restore a backup to a volume, in place of what that has
create function admit_restore_backup(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    backup backups;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.backup = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available', 'error_restoring') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available', 'error_restoring']);
                exit decide;
            end if;
            -- not_attached
            if not coalesce((not exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_attached');
                exit decide;
            end if;
            -- not_used_by_operation
            if not coalesce((not exists (select from operations o
                           where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'not_used_by_operation');
                exit decide;
            end if;
            -- large_enough
            if not coalesce((subject.size_gb >= (r.arguments ->> 'size_gb')::integer), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'large_enough');
                exit decide;
            end if;
            -- backup_service_reaches_it
            if not coalesce((exists (select from services s
                       where s.binary_name = 'cinder-backup' and seen_recently(s.seen_at) and subject.backend_id = any (s.reached))), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'backup_service_reaches_it');
                exit decide;
            end if;
            if r.backup is not null then
                select * into backup from backups where id = r.backup and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if backup.id is null or backup.deleted_at is not null then
                    refusal := missing_row('backups', r.backup, (select deleted_at is null from backups where id = r.backup and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if backup.status not in ('available') then
                    refusal := wrong_status('backups', to_jsonb(backup), array['available']);
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.backup;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'restore_backup', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-backup', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set status = 'restoring-backup',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update backups t
    set status = 'restoring',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.backup;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_restore_backup(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    perform from backups where id = any (array(select x.backup from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'restore_backup' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded)
    into ends, some_succeeded, some_failed;
    if some_succeeded then
        update volumes t
        set status = 'available',
            (name, description, metadata, image_metadata, bootable) = (select n.name, n.description, n.metadata, n.image_metadata, n.bootable from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update backups t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.backup;
    end if;
    if some_failed then
        update volumes t
        set status = 'error_restoring',
            (name, description, metadata, image_metadata, bootable) = (select n.name, n.description, n.metadata, n.image_metadata, n.bootable from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update backups t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.backup;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'restore backup', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    return query select x.id from unnest(ends) x;
end $$;

-- create a volume from a backup
create function admit_create_volume_from_backup(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    backup backups;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.backup = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            subject := jsonb_populate_record(null::volumes, r.columns);
            -- type_exists
            if not coalesce((exists (select from volume_types t where t.id = subject.volume_type_id and t.deleted_at is null for key share)), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'type_exists');
                exit decide;
            end if;
            -- backend_replicates
            if not coalesce((not subject.replicated
               or exists (select from backends b
                          where b.id = subject.backend_id and b.active_backend_id is null and b.replication_status = 'enabled')), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'backend_replicates');
                exit decide;
            end if;
            -- backup_service_reaches_it
            if not coalesce((exists (select from services s
                       where s.binary_name = 'cinder-backup' and seen_recently(s.seen_at) and subject.backend_id = any (s.reached))), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'backup_service_reaches_it');
                exit decide;
            end if;
            if coalesce(subject.consumes_quota, true) then
                asked := asked || array[
                    (r.id, subject.project_id, 'volumes', 1, (default_limits ->> 'volumes')::bigint, false),
                    (r.id, subject.project_id, 'volumes_' || subject.volume_type_id, 1, -1, false),
                    (r.id, subject.project_id, 'per_volume_gigabytes', coalesce((r.when_done ->> 'size_gb')::bigint, subject.size_gb), (default_limits ->> 'per_volume_gigabytes')::bigint, true),
                    (r.id, subject.project_id, 'gigabytes', 1 * subject.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                    (r.id, subject.project_id, 'gigabytes_' || subject.volume_type_id, 1 * subject.size_gb, -1, false)
                ]::quota_demand[];
            end if;
            if r.backup is not null then
                select * into backup from backups where id = r.backup and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if backup.id is null or backup.deleted_at is not null then
                    refusal := missing_row('backups', r.backup, (select deleted_at is null from backups where id = r.backup and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if backup.status not in ('available') then
                    refusal := wrong_status('backups', to_jsonb(backup), array['available']);
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.backup;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'create_volume_from_backup', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-backup', (p.request).migration, (p.request).columns_when_failed, p.quota, 'admitted', null
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    insert into volumes (id, project_id, user_id, name, description, size_gb, volume_type_id, multiattach, metadata, snapshot_id, source_volume_id, bootable, image_metadata, replicated, replication_status, backend_id, pool, availability_zone, status)
    select n.id, n.project_id, n.user_id, n.name, n.description, n.size_gb, n.volume_type_id, n.multiattach, n.metadata, n.snapshot_id, n.source_volume_id, n.bootable, n.image_metadata, n.replicated, n.replication_status, n.backend_id, n.pool, n.availability_zone, 'creating'
    from unnest(requests) x, jsonb_populate_record(null::volumes, x.columns) n
    where x.id = any (admitted);
    update backups t
    set status = 'restoring',
        previous_status = t.status,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.backup;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from volume_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

create function finish_create_volume_from_backup(ends operation_end[]) returns setof uuid
language plpgsql as $$
declare
    some_succeeded boolean;
    some_failed boolean;
    returned returned_amount[];
begin
    perform from volumes where id = any (array(select x.subject from unnest(ends) x)) order by id for no key update;
    perform from backups where id = any (array(select x.backup from unnest(ends) x)) order by id for no key update;
    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = 'create_volume_from_backup' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded),
           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount
                 from ended d, unnest(d.quota) q where q.amount < 0 and (d.ending).succeeded)
    into ends, some_succeeded, some_failed, returned;
    if some_succeeded then
        update volumes t
        set status = 'available',
            (name, description, metadata, image_metadata, bootable) = (select n.name, n.description, n.metadata, n.image_metadata, n.bootable from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.subject;
        update backups t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where x.succeeded and t.id = x.backup;
    end if;
    if some_failed then
        update volumes t
        set status = 'error',
            (name, description, metadata, image_metadata, bootable) = (select n.name, n.description, n.metadata, n.image_metadata, n.bootable from jsonb_populate_record(t, x.columns) n),
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.subject;
        update backups t
        set status = 'available',
            updated_at = clock_timestamp()
        from unnest(ends) x
        where not x.succeeded and t.id = x.backup;
        insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
        select o.project_id, o.request_id, 'VOLUME', o.subject_id, 'create volume from backup', 'The storage backend could not do it.'
        from unnest(ends) x join operations o on o.id = x.id
        where not x.succeeded and x.tells_user;
    end if;
    perform return_quota(returned);
    return query select x.id from unnest(ends) x;
end $$;

-- change a volume's name, description or metadata
create function admit_update_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            -- has_metadata_key
            if not coalesce((r.arguments #> '{metadata,remove_key}' is null
               or subject.metadata ? (r.arguments #>> '{metadata,remove_key}')), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'has_metadata_key');
                exit decide;
            end if;
            -- metadata_fits
            if not coalesce((r.arguments #> '{metadata,merge}' is null
               or (select count(*) from jsonb_object_keys(subject.metadata || (r.arguments #> '{metadata,merge}'))) <= 128), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'metadata_fits');
                exit decide;
            end if;
            -- metadata_unchanged
            if not coalesce((r.arguments -> 'metadata_seen' is null or subject.metadata = r.arguments -> 'metadata_seen'), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'metadata_unchanged');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_volume', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set (name, description, metadata) = (select n.name, n.description, (n.metadata || coalesce(x.merged -> 'metadata', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'metadata')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- set the status of a volume, unless an operation on it is in progress
create function admit_reset_volume_status(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            -- no_operation_in_progress
            if not coalesce((not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = subject.id)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                                 and o.snapshot_ids @> array[subject.id])), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'no_operation_in_progress');
                exit decide;
            end if;
            -- status_matches_attachments
            if not coalesce((case when exists (select from attachments a where a.volume_id = subject.id and a.deleted_at is null)
                    then coalesce(r.arguments ->> 'status', '') not in ('available', 'creating') and not (r.arguments ->> 'detached')::boolean
                    else r.arguments ->> 'status' is distinct from 'in-use'
               end), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'status_matches_attachments');
                exit decide;
            end if;
            -- on_active_side
            if not coalesce((r.arguments ->> 'status' is null or subject.replication_status not in ('not-capable', 'failover-error')), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'on_active_side');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'reset_volume_status', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set (status, previous_status, migration_status) = (select n.status, n.previous_status, n.migration_status from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- set the read-only flag of a volume
create function admit_set_volume_readonly(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            if subject.status not in ('available') then
                refusal := wrong_status('volumes', to_jsonb(subject), array['available']);
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'set_volume_readonly', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set (readonly) = (select n.readonly from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- set the bootable flag of a volume
create function admit_set_volume_bootable(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'set_volume_bootable', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set (bootable) = (select n.bootable from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- change the image metadata of a volume
create function admit_update_image_metadata(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.subject and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volumes', r.subject, (select deleted_at is null from volumes where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.backend_id is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            -- has_image_metadata_key
            if not coalesce((r.arguments #> '{image_metadata,remove_key}' is null
               or subject.image_metadata ? (r.arguments #>> '{image_metadata,remove_key}')), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'has_image_metadata_key');
                exit decide;
            end if;
            -- image_metadata_fits
            if not coalesce((r.arguments #> '{image_metadata,merge}' is null
               or (select count(*) from jsonb_object_keys(subject.image_metadata || (r.arguments #> '{image_metadata,merge}'))) <= 128), false) then
                refusal := precondition_refusal('volumes', to_jsonb(subject), 'image_metadata_fits');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_image_metadata', (p.request).arguments, 'volumes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volumes t
    set (image_metadata) = (select (n.image_metadata || coalesce(x.merged -> 'image_metadata', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'image_metadata')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- change a snapshot's name, description or metadata
create function admit_update_snapshot(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject snapshots;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.subject and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('snapshots', r.subject, (select deleted_at is null from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if (select v.backend_id from volumes v where v.id = subject.volume_id) is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            -- has_metadata_key
            if not coalesce((r.arguments #> '{metadata,remove_key}' is null
               or subject.metadata ? (r.arguments #>> '{metadata,remove_key}')), false) then
                refusal := precondition_refusal('snapshots', to_jsonb(subject), 'has_metadata_key');
                exit decide;
            end if;
            -- metadata_fits
            if not coalesce((r.arguments #> '{metadata,merge}' is null
               or (select count(*) from jsonb_object_keys(subject.metadata || (r.arguments #> '{metadata,merge}'))) <= 128), false) then
                refusal := precondition_refusal('snapshots', to_jsonb(subject), 'metadata_fits');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_snapshot', (p.request).arguments, 'snapshots', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update snapshots t
    set (name, description, metadata) = (select n.name, n.description, (n.metadata || coalesce(x.merged -> 'metadata', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'metadata')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- set the status of a snapshot, unless an operation on it is in progress
create function admit_reset_snapshot_status(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject snapshots;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.subject and project_id = coalesce(x.project_scope, project_id)))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('snapshots', r.subject, (select deleted_at is null from snapshots where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if (select v.backend_id from volumes v where v.id = subject.volume_id) is distinct from located[n] then
                refusal := '{"reason": "moved"}';
                exit decide;
            end if;
            -- no_operation_in_progress
            if not coalesce((not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = subject.id)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                                 and o.snapshot_ids @> array[subject.id])), false) then
                refusal := precondition_refusal('snapshots', to_jsonb(subject), 'no_operation_in_progress');
                exit decide;
            end if;
            -- status_unchanged
            if not coalesce((r.arguments ->> 'seen' is null or subject.status = r.arguments ->> 'seen'), false) then
                refusal := precondition_refusal('snapshots', to_jsonb(subject), 'status_unchanged');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'reset_snapshot_status', (p.request).arguments, 'snapshots', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update snapshots t
    set (status, previous_status, progress) = (select n.status, n.previous_status, n.progress from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- reserve a volume for a server
create function admit_create_attachment(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            subject := jsonb_populate_record(null::attachments, r.columns);
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                -- reservable
                if not coalesce((volume.status = 'available'
                   or (volume.status in ('in-use', 'reserved', 'attaching')
                       and (volume.multiattach
                            or exists (select from attachments a
                                       where a.volume_id = volume.id and a.deleted_at is null
                                         and a.id <> (r.arguments ->> 'attachment_id')::uuid
                                         and a.instance_id = (r.arguments ->> 'instance_id')::uuid)))), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'reservable');
                    exit decide;
                end if;
                -- attach_mode_allowed
                if not coalesce((not coalesce(volume.readonly, false) or r.arguments ->> 'mode' = 'ro'), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'attach_mode_allowed');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'create_attachment', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into attachments (id, project_id, volume_id, instance_id, attach_mode, status)
    select n.id, n.project_id, n.volume_id, n.instance_id, n.attach_mode, 'reserved'
    from unnest(requests) x, jsonb_populate_record(null::attachments, x.columns) n
    where x.id = any (admitted);
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from attachment_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- record that a server has connected
create function admit_complete_attachment(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.status not in ('reserved', 'attaching', 'attached') then
                refusal := wrong_status('attachments', to_jsonb(subject), array['reserved', 'attaching', 'attached']);
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'complete_attachment', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update attachments t
    set status = 'attached',
        (attached_at) = (select n.attached_at from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- delete an attachment that has no data path
create function admit_release_attachment(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            -- no_operation_in_progress
            if not coalesce((not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = subject.id)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                                 and o.snapshot_ids @> array[subject.id])), false) then
                refusal := precondition_refusal('attachments', to_jsonb(subject), 'no_operation_in_progress');
                exit decide;
            end if;
            -- not_connected
            if not coalesce((subject.connector is null), false) then
                refusal := precondition_refusal('attachments', to_jsonb(subject), 'not_connected');
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'release_attachment', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update attachments t
    set status = 'detached',
        deleted_at = clock_timestamp(),
        (detached_at) = (select n.detached_at from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- reserve a volume for a server that is not named yet
create function admit_reserve_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            subject := jsonb_populate_record(null::attachments, r.columns);
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if volume.status not in ('available', 'in-use') then
                    refusal := wrong_status('volumes', to_jsonb(volume), array['available', 'in-use']);
                    exit decide;
                end if;
                -- reservable
                if not coalesce((volume.status = 'available'
                   or (volume.status in ('in-use', 'reserved', 'attaching')
                       and (volume.multiattach
                            or exists (select from attachments a
                                       where a.volume_id = volume.id and a.deleted_at is null
                                         and a.id <> (r.arguments ->> 'attachment_id')::uuid
                                         and a.instance_id = (r.arguments ->> 'instance_id')::uuid)))), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'reservable');
                    exit decide;
                end if;
                -- attach_mode_allowed
                if not coalesce((not coalesce(volume.readonly, false) or r.arguments ->> 'mode' = 'ro'), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'attach_mode_allowed');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'reserve_volume', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into attachments (id, project_id, volume_id, attach_mode, through_actions, status)
    select n.id, n.project_id, n.volume_id, n.attach_mode, n.through_actions, 'attaching'
    from unnest(requests) x, jsonb_populate_record(null::attachments, x.columns) n
    where x.id = any (admitted);
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from attachment_details v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- record which server has connected to a volume that was reserved
create function admit_attach_volume(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.status not in ('attaching') then
                refusal := wrong_status('attachments', to_jsonb(subject), array['attaching']);
                exit decide;
            end if;
            -- attach_mode_unchanged
            if not coalesce((subject.connector is null or subject.attach_mode = r.arguments ->> 'mode'), false) then
                refusal := precondition_refusal('attachments', to_jsonb(subject), 'attach_mode_unchanged');
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                -- attach_mode_allowed
                if not coalesce((not coalesce(volume.readonly, false) or r.arguments ->> 'mode' = 'ro'), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'attach_mode_allowed');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'attach_volume', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update attachments t
    set status = 'attached',
        (instance_id, host_name, mountpoint, attach_mode, attached_at) = (select n.instance_id, n.host_name, n.mountpoint, n.attach_mode, n.attached_at from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- record that a server is going to disconnect
create function admit_begin_detaching(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.status not in ('attached') then
                refusal := wrong_status('attachments', to_jsonb(subject), array['attached']);
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'begin_detaching', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update attachments t
    set status = 'detaching',
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- record that a server stays connected after all
create function admit_roll_detaching(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject attachments;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from attachments where id = x.subject and project_id = coalesce(x.project_scope, project_id))),
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('attachments', r.subject, (select deleted_at is null from attachments where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if subject.status not in ('detaching') then
                refusal := wrong_status('attachments', to_jsonb(subject), array['detaching']);
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'roll_detaching', (p.request).arguments, 'attachments', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update attachments t
    set status = 'attached',
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end,
        previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) then status_by_attachments(t.id) else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- change a backup's name, description or metadata
create function admit_update_backup(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backups;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backups where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backups', r.subject, (select deleted_at is null from backups where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_backup', (p.request).arguments, 'backups', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backups t
    set (name, description, metadata) = (select n.name, n.description, (n.metadata || coalesce(x.merged -> 'metadata', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'metadata')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- set the status of a backup, unless an operation on it is in progress
create function admit_reset_backup_status(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backups;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backups where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backups', r.subject, (select deleted_at is null from backups where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            -- no_operation_in_progress
            if not coalesce((not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = subject.id)
               and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = subject.id)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                                 and o.snapshot_ids @> array[subject.id])), false) then
                refusal := precondition_refusal('backups', to_jsonb(subject), 'no_operation_in_progress');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'reset_backup_status', (p.request).arguments, 'backups', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backups t
    set (status, previous_status) = (select n.status, n.previous_status from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- offer a volume, and its snapshots, to whoever has the key
create function admit_create_transfer(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject transfers;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            subject := jsonb_populate_record(null::transfers, r.columns);
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if volume.status not in ('available') then
                    refusal := wrong_status('volumes', to_jsonb(volume), array['available']);
                    exit decide;
                end if;
                -- not_offered
                if not coalesce((not exists (select from transfers t where t.volume_id = volume.id and t.deleted_at is null)), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'not_offered');
                    exit decide;
                end if;
                -- snapshots_available
                if not coalesce((coalesce((r.arguments ->> 'no_snapshots')::boolean, false)
                   or not exists (select from snapshots s
                                  where s.volume_id = volume.id and s.deleted_at is null
                                    and (s.status <> 'available' or s.project_id <> volume.project_id))), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'snapshots_available');
                    exit decide;
                end if;
                -- not_used_by_operation
                if not coalesce((not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[volume.id])), false) then
                    refusal := precondition_refusal('volumes', to_jsonb(volume), 'not_used_by_operation');
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'create_transfer', (p.request).arguments, 'transfers', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into transfers (id, project_id, volume_id, name, no_snapshots, salt, crypt_hash)
    select n.id, n.project_id, n.volume_id, n.name, n.no_snapshots, n.salt, n.crypt_hash
    from unnest(requests) x, jsonb_populate_record(null::transfers, x.columns) n
    where x.id = any (admitted);
    update volumes t
    set status = 'awaiting-transfer',
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from transfers v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- take over a volume that was offered, and its snapshots
create function admit_accept_transfer(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject transfers;
    volume volumes;
    snapshot snapshots;
    related uuid;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume),
            (select v.backend_id from volumes v where v.id = (select case when deleted_at is null then volume_id end from snapshots where id = x.snapshots[1]))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
    asked quota_demand[];
    demands quota_demand[] := '{}';
    over record;
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        asked := '{}';
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.snapshots && touched then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from transfers where id = r.subject for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('transfers', r.subject, (select deleted_at is null from transfers where id = r.subject));
                exit decide;
            end if;
            -- key_fits
            if not coalesce((coalesce(subject.crypt_hash = encode(sha256(convert_to(r.arguments ->> 'key_hash', 'utf8')), 'hex')
                        and subject.volume_id = (r.arguments ->> 'volume_id')::uuid, false)), false) then
                refusal := precondition_refusal('transfers', to_jsonb(subject), 'key_fits');
                exit decide;
            end if;
            -- snapshots_go_with_it
            if not coalesce((case when subject.no_snapshots then coalesce(r.arguments -> 'snapshots' = '[]', false)
                    else not exists (select from snapshots s
                                     where s.volume_id = subject.volume_id and s.deleted_at is null
                                       and (s.project_id <> subject.project_id or not r.arguments -> 'snapshots' ? s.id::text))
                     and not exists (select from jsonb_array_elements_text(r.arguments -> 'snapshots') e (id)
                                     join snapshots s on s.id = e.id::uuid and s.volume_id <> subject.volume_id)
               end), false) then
                refusal := precondition_refusal('transfers', to_jsonb(subject), 'snapshots_go_with_it');
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
                if volume.status not in ('awaiting-transfer') then
                    refusal := wrong_status('volumes', to_jsonb(volume), array['awaiting-transfer']);
                    exit decide;
                end if;
                if coalesce(volume.consumes_quota, true) and volume.project_id <> r.project_id then
                    asked := asked || array[
                        (r.id, r.project_id, 'per_volume_gigabytes', coalesce((r.when_done ->> 'size_gb')::bigint, volume.size_gb), (default_limits ->> 'per_volume_gigabytes')::bigint, true),
                        (r.id, r.project_id, 'volumes', 1, (default_limits ->> 'volumes')::bigint, false),
                        (r.id, r.project_id, 'volumes_' || volume.volume_type_id, 1, -1, false),
                        (r.id, r.project_id, 'gigabytes', 1 * volume.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                        (r.id, r.project_id, 'gigabytes_' || volume.volume_type_id, 1 * volume.size_gb, -1, false),
                        (r.id, volume.project_id, 'volumes', -1, (default_limits ->> 'volumes')::bigint, false),
                        (r.id, volume.project_id, 'volumes_' || volume.volume_type_id, -1, -1, false),
                        (r.id, volume.project_id, 'gigabytes', -1 * volume.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                        (r.id, volume.project_id, 'gigabytes_' || volume.volume_type_id, -1 * volume.size_gb, -1, false)
                    ]::quota_demand[];
                end if;
            end if;
            foreach related in array r.snapshots loop
                select * into snapshot from snapshots where id = related for no key update skip locked;
                if snapshot.id is null or snapshot.deleted_at is not null then
                    refusal := missing_row('snapshots', related, (select deleted_at is null from snapshots where id = related));
                    exit decide;
                end if;
                -- no_operation_in_progress
                if not coalesce((not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = snapshot.id)
                   and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = snapshot.id)
                   and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = snapshot.id)
                   and not exists (select from operations o
                                   where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                                     and o.snapshot_ids @> array[snapshot.id])), false) then
                    refusal := precondition_refusal('snapshots', to_jsonb(snapshot), 'no_operation_in_progress');
                    exit decide;
                end if;
                if coalesce(snapshot.consumes_quota, true) and snapshot.project_id <> r.project_id then
                    asked := asked || array[
                        (r.id, r.project_id, 'snapshots', 1, (default_limits ->> 'snapshots')::bigint, false),
                        (r.id, r.project_id, 'snapshots_' || snapshot.volume_type_id, 1, -1, false),
                        (r.id, r.project_id, 'gigabytes', 1 * snapshot.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                        (r.id, r.project_id, 'gigabytes_' || snapshot.volume_type_id, 1 * snapshot.size_gb, -1, false),
                        (r.id, snapshot.project_id, 'snapshots', -1, (default_limits ->> 'snapshots')::bigint, false),
                        (r.id, snapshot.project_id, 'snapshots_' || snapshot.volume_type_id, -1, -1, false),
                        (r.id, snapshot.project_id, 'gigabytes', -1 * snapshot.size_gb, (default_limits ->> 'gigabytes')::bigint, false),
                        (r.id, snapshot.project_id, 'gigabytes_' || snapshot.volume_type_id, -1 * snapshot.size_gb, -1, false)
                    ]::quota_demand[];
                end if;
            end loop;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        touched := touched || r.snapshots;
        demands := demands || asked;
        passed := passed || (r, gate_of(gates, located[n]), array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each))::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'accept_transfer', (p.request).arguments, 'transfers', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    perform lock_usages(array(select d from unnest(demands) d where d.request = any (admitted)));
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
    perform return_quota(array(
        select (q.project_id, q.resource, -q.amount)::returned_amount
        from unnest(passed) p, unnest(p.quota) q where (p.request).id = any (admitted) and q.amount < 0));
    update transfers t
    set deleted_at = clock_timestamp(),
        (accepted, destination_project_id) = (select n.accepted, n.destination_project_id from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = 'available',
        updated_at = clock_timestamp(),
        project_id = x.project_id,
        user_id = x.user_id
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    update snapshots t
    set project_id = x.project_id,
        user_id = x.user_id
    from unnest(requests) x
    where x.id = any (admitted) and t.id = any (x.snapshots);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- withdraw the offer of a volume
create function admit_delete_transfer(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject transfers;
    volume volumes;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            (select case when deleted_at is null then backend_id end from volumes where id = x.volume and project_id = coalesce(x.project_scope, project_id))) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            if r.volume = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from transfers where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('transfers', r.subject, (select deleted_at is null from transfers where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
            if r.volume is not null then
                select * into volume from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
                if volume.id is null or volume.deleted_at is not null then
                    refusal := missing_row('volumes', r.volume, (select deleted_at is null from volumes where id = r.volume and project_id = coalesce(r.project_scope, project_id)));
                    exit decide;
                end if;
                if volume.backend_id is distinct from located[n] then
                    refusal := '{"reason": "moved"}';
                    exit decide;
                end if;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        touched := touched || r.volume;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'delete_transfer', (p.request).arguments, 'transfers', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update transfers t
    set deleted_at = clock_timestamp(),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    update volumes t
    set status = case when t.status = 'awaiting-transfer' then 'available' else t.status end,
        previous_status = case when t.previous_status = 'awaiting-transfer' then 'available' else t.previous_status end,
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.volume;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- create a volume type
create function admit_create_volume_type(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volume_types;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            subject := jsonb_populate_record(null::volume_types, r.columns);
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'create_volume_type', (p.request).arguments, 'volume_types', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into volume_types (id, name, description, is_public, extra_specs)
    select n.id, n.name, n.description, n.is_public, n.extra_specs
    from unnest(requests) x, jsonb_populate_record(null::volume_types, x.columns) n
    where x.id = any (admitted);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from volume_types v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- change the name, description or visibility of a volume type
create function admit_update_volume_type(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volume_types;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volume_types where id = r.subject for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volume_types', r.subject, (select deleted_at is null from volume_types where id = r.subject));
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_volume_type', (p.request).arguments, 'volume_types', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volume_types t
    set (name, description, is_public) = (select n.name, n.description, n.is_public from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- delete an unused volume type
create function admit_delete_volume_type(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volume_types;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volume_types where id = r.subject for update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volume_types', r.subject, (select deleted_at is null from volume_types where id = r.subject));
                exit decide;
            end if;
            -- type_unused
            if not coalesce((not exists (select from volumes v where v.volume_type_id = subject.id and v.deleted_at is null)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'type_unused');
                exit decide;
            end if;
            -- not_the_only_type
            if not coalesce((exists (select from volume_types t where t.id <> subject.id and t.deleted_at is null)), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'not_the_only_type');
                exit decide;
            end if;
            -- not_a_project_default
            if not coalesce((not exists (select from projects p where p.default_volume_type_id = subject.id)), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'not_a_project_default');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'delete_volume_type', (p.request).arguments, 'volume_types', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volume_types t
    set deleted_at = clock_timestamp(),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- change the extra specs of a volume type
create function admit_update_extra_specs(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volume_types;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volume_types where id = r.subject for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volume_types', r.subject, (select deleted_at is null from volume_types where id = r.subject));
                exit decide;
            end if;
            -- has_extra_spec
            if not coalesce((r.arguments #> '{extra_specs,remove_key}' is null
               or subject.extra_specs ? (r.arguments #>> '{extra_specs,remove_key}')), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'has_extra_spec');
                exit decide;
            end if;
            -- type_unused
            if not coalesce((not exists (select from volumes v where v.volume_type_id = subject.id and v.deleted_at is null)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'type_unused');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_extra_specs', (p.request).arguments, 'volume_types', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volume_types t
    set (extra_specs) = (select (n.extra_specs || coalesce(x.merged -> 'extra_specs', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'extra_specs')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- grant a project access to a private volume type, or revoke it
create function admit_update_type_access(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volume_types;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volume_types where id = r.subject for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volume_types', r.subject, (select deleted_at is null from volume_types where id = r.subject));
                exit decide;
            end if;
            -- is_private
            if not coalesce((not subject.is_public), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'is_private');
                exit decide;
            end if;
            -- access_changes
            if not coalesce((subject.access ? (r.arguments ->> 'project') <> (r.arguments ->> 'allowed')::boolean), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'access_changes');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_type_access', (p.request).arguments, 'volume_types', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volume_types t
    set (access) = (select (n.access || coalesce(x.merged -> 'access', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'access')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- change the encryption of a volume type
create function admit_update_type_encryption(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volume_types;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volume_types where id = r.subject for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volume_types', r.subject, (select deleted_at is null from volume_types where id = r.subject));
                exit decide;
            end if;
            -- type_unused
            if not coalesce((not exists (select from volumes v where v.volume_type_id = subject.id and v.deleted_at is null)
               and not exists (select from operations o
                               where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[subject.id])), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'type_unused');
                exit decide;
            end if;
            -- encryption_changes
            if not coalesce((coalesce(jsonb_typeof(subject.encryption) = 'object', false) = (r.arguments ->> 'is_there')::boolean), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'encryption_changes');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_type_encryption', (p.request).arguments, 'volume_types', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volume_types t
    set (encryption) = (select n.encryption from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- set the default volume type of a project
create function admit_set_default_type(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject projects;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from projects where id = r.subject for no key update skip locked;
            if not found then
                subject := jsonb_populate_record(null::projects, r.base);
            end if;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('projects', r.subject, (select deleted_at is null from projects where id = r.subject));
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'set_default_type', (p.request).arguments, 'projects', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into projects (id, project_id)
    select n.id, n.project_id from unnest(requests) x, jsonb_populate_record(null::projects, x.base) n
    where x.id = any (admitted) and n.id is not null
    on conflict do nothing;
    update projects t
    set (default_volume_type_id) = (select n.default_volume_type_id from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- create QoS specs
create function admit_create_qos_specs(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject qos_specs;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            subject := jsonb_populate_record(null::qos_specs, r.columns);
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, false);
            continue;
        end if;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'create_qos_specs', (p.request).arguments, 'qos_specs', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into qos_specs (id, name, consumer, specs)
    select n.id, n.name, n.consumer, n.specs
    from unnest(requests) x, jsonb_populate_record(null::qos_specs, x.columns) n
    where x.id = any (admitted);
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, (select to_jsonb(v) from qos_specs v where v.id = (p.request).subject), null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- change QoS specs
create function admit_update_qos_specs(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject qos_specs;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from qos_specs where id = r.subject for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('qos_specs', r.subject, (select deleted_at is null from qos_specs where id = r.subject));
                exit decide;
            end if;
            -- has_specs
            if not coalesce((subject.specs ?& array(select jsonb_array_elements_text(r.arguments -> 'remove_keys'))), false) then
                refusal := precondition_refusal('qos_specs', to_jsonb(subject), 'has_specs');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_qos_specs', (p.request).arguments, 'qos_specs', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update qos_specs t
    set (specs, consumer) = (select (n.specs || coalesce(x.merged -> 'specs', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'specs')), n.consumer from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- delete QoS specs
create function admit_delete_qos_specs(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject qos_specs;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from qos_specs where id = r.subject for update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('qos_specs', r.subject, (select deleted_at is null from qos_specs where id = r.subject));
                exit decide;
            end if;
            -- qos_unused
            if not coalesce((not exists (select from volume_types t where t.qos_specs_id = subject.id and t.deleted_at is null)), false) then
                refusal := precondition_refusal('qos_specs', to_jsonb(subject), 'qos_unused');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'delete_qos_specs', (p.request).arguments, 'qos_specs', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update qos_specs t
    set deleted_at = clock_timestamp(),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- associate QoS specs with a volume type
create function admit_associate_qos_specs(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volume_types;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volume_types where id = r.subject for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volume_types', r.subject, (select deleted_at is null from volume_types where id = r.subject));
                exit decide;
            end if;
            -- no_other_qos
            if not coalesce((coalesce(subject.qos_specs_id = (r.arguments ->> 'qos_specs_id')::uuid, true)
               and exists (select from qos_specs q
                           where q.id = (r.arguments ->> 'qos_specs_id')::uuid and q.deleted_at is null for key share)), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'no_other_qos');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'associate_qos_specs', (p.request).arguments, 'volume_types', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volume_types t
    set (qos_specs_id) = (select n.qos_specs_id from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- disassociate QoS specs from a volume type
create function admit_disassociate_qos_specs(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject volume_types;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from volume_types where id = r.subject for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('volume_types', r.subject, (select deleted_at is null from volume_types where id = r.subject));
                exit decide;
            end if;
            -- no_other_qos
            if not coalesce((coalesce(subject.qos_specs_id = (r.arguments ->> 'qos_specs_id')::uuid, true)
               and exists (select from qos_specs q
                           where q.id = (r.arguments ->> 'qos_specs_id')::uuid and q.deleted_at is null for key share)), false) then
                refusal := precondition_refusal('volume_types', to_jsonb(subject), 'no_other_qos');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'disassociate_qos_specs', (p.request).arguments, 'volume_types', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update volume_types t
    set (qos_specs_id) = (select n.qos_specs_id from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- set the quota limits of a project
create function admit_update_quota(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject projects;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from projects where id = r.subject for no key update skip locked;
            if not found then
                subject := jsonb_populate_record(null::projects, r.base);
            end if;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('projects', r.subject, (select deleted_at is null from projects where id = r.subject));
                exit decide;
            end if;
            -- limits_cover_usage
            if not coalesce((not exists (select from quota_usages u, jsonb_each_text(r.arguments -> 'limits') l (resource, quota_limit)
                              where u.project_id = r.arguments ->> 'project' and u.resource = l.resource
                                and l.quota_limit::bigint >= 0 and u.used > l.quota_limit::bigint)), false) then
                refusal := precondition_refusal('projects', to_jsonb(subject), 'limits_cover_usage');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_quota', (p.request).arguments, 'projects', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into projects (id, project_id)
    select n.id, n.project_id from unnest(requests) x, jsonb_populate_record(null::projects, x.base) n
    where x.id = any (admitted) and n.id is not null
    on conflict do nothing;
    update projects t
    set (quota) = (select (n.quota || coalesce(x.merged -> 'quota', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'quota')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- reset a project to the default quota limits
create function admit_reset_quota(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject projects;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from projects where id = r.subject for no key update skip locked;
            if not found then
                subject := jsonb_populate_record(null::projects, r.base);
            end if;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('projects', r.subject, (select deleted_at is null from projects where id = r.subject));
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'reset_quota', (p.request).arguments, 'projects', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into projects (id, project_id)
    select n.id, n.project_id from unnest(requests) x, jsonb_populate_record(null::projects, x.base) n
    where x.id = any (admitted) and n.id is not null
    on conflict do nothing;
    update projects t
    set (quota) = (select (n.quota || coalesce(x.merged -> 'quota', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'quota')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- set the limits of a quota class
create function admit_update_quota_class(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject quota_classes;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from quota_classes where id = r.subject for no key update skip locked;
            if not found then
                subject := jsonb_populate_record(null::quota_classes, r.base);
            end if;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('quota_classes', r.subject, (select deleted_at is null from quota_classes where id = r.subject));
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'update_quota_class', (p.request).arguments, 'quota_classes', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    insert into quota_classes (id, name)
    select n.id, n.name from unnest(requests) x, jsonb_populate_record(null::quota_classes, x.base) n
    where x.id = any (admitted) and n.id is not null
    on conflict do nothing;
    update quota_classes t
    set (quota) = (select (n.quota || coalesce(x.merged -> 'quota', '{}')) - array(select jsonb_array_elements_text(x.removed -> 'quota')) from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- remove a message to a user
create function admit_delete_message(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject messages;
    -- the backend of each request
    located uuid[] := array(
        select x.backend_id from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, false);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from messages where id = r.subject and project_id = coalesce(r.project_scope, project_id) for no key update skip locked;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('messages', r.subject, (select deleted_at is null from messages where id = r.subject and project_id = coalesce(r.project_scope, project_id)));
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'delete_message', (p.request).arguments, 'messages', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update messages t
    set deleted_at = clock_timestamp(),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, null::bigint, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- enable a backend
create function admit_enable_backend(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'enable_backend', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backends t
    set (disabled_at, disabled_reason) = (select n.disabled_at, n.disabled_reason from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform notify_of(admitted, 'service.enable.start');
    perform notify_of(admitted, 'service.enable.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- disable a backend
create function admit_disable_backend(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'disable_backend', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backends t
    set (disabled_at, disabled_reason) = (select n.disabled_at, n.disabled_reason from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform notify_of(admitted, 'service.disable.start');
    perform notify_of(admitted, 'service.disable.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- block every change on a backend; the data path stays open
create function admit_freeze_backend(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
            -- is_not_frozen
            if not coalesce((subject.frozen_at is null), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'is_not_frozen');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'freeze_backend', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backends t
    set (frozen_at) = (select n.frozen_at from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform notify_of(admitted, 'service.freeze.start');
    perform notify_of(admitted, 'service.freeze.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- end a freeze
create function admit_thaw_backend(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
            -- is_frozen
            if not coalesce((subject.frozen_at is not null), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'is_frozen');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'thaw_backend', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backends t
    set (frozen_at) = (select n.frozen_at from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform notify_of(admitted, 'service.thaw.start');
    perform notify_of(admitted, 'service.thaw.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- promote the active replication target to primary
create function admit_promote_backend(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
            -- is_frozen
            if not coalesce((subject.frozen_at is not null), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'is_frozen');
                exit decide;
            end if;
            -- is_failed_over
            if not coalesce((subject.active_backend_id is not null and subject.replication_status in ('failed-over', 'failover-error')), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'is_failed_over');
                exit decide;
            end if;
            -- ready_for_promotion
            if not coalesce((not seen_recently(subject.seen_at)
               or not exists (select from services s where s.backend_id = subject.id and seen_recently(s.seen_at))
               or not coalesce(subject.report -> 'replication_targets', '[]') ? subject.active_backend_id), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'ready_for_promotion');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'promote_backend', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch + 1,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    perform begin_epoch(x.subject, x.id) from unnest(requests) x where x.id = any (admitted);
    update backends t
    set (active_backend_id, drill_ends, promoted, replication_status) = (select n.active_backend_id, n.drill_ends, n.promoted, n.replication_status from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform reset_volume_replication(x.subject) from unnest(requests) x where x.id = any (admitted);
    perform notify_of(admitted, 'service.promote.start');
    perform notify_of(admitted, 'service.promote.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- enable the replication of a backend that has replication targets
create function admit_enable_replication(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
            -- can_replicate
            if not coalesce((subject.active_backend_id is null and subject.replication_status = 'disabled'
               and jsonb_array_length(coalesce(subject.report -> 'replication_targets', '[]')) > 0), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'can_replicate');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'enable_replication', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backends t
    set (replication_status) = (select n.replication_status from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform reset_volume_replication(x.subject) from unnest(requests) x where x.id = any (admitted);
    perform notify_of(admitted, 'service.enable_replication.start');
    perform notify_of(admitted, 'service.enable_replication.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- compare the replicas that are in sync with their volumes
create function admit_verify_replicas(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
            -- replicates
            if not coalesce((subject.active_backend_id is null and subject.replication_status in ('enabled', 'failover-error')), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'replicates');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'verify_replicas', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backends t
    set (verification_asked_at, verification_id, verification_repairs) = (select n.verification_asked_at, n.verification_id, n.verification_repairs from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform notify_of(admitted, 'service.verify_replicas.start');
    perform notify_of(admitted, 'service.verify_replicas.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- make writable copies of the replicas on a target, to rehearse a failover
create function admit_begin_drill(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
            -- replicates
            if not coalesce((subject.active_backend_id is null and subject.replication_status in ('enabled', 'failover-error')), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'replicates');
                exit decide;
            end if;
            -- no_drill
            if not coalesce((subject.drill_id is null), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'no_drill');
                exit decide;
            end if;
            -- drill_target_configured
            if not coalesce((coalesce(subject.report -> 'replication_targets' ? (r.arguments ->> 'target'), false)), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'drill_target_configured');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'begin_drill', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backends t
    set (drill_asked_at, drill_ends, drill_id, drill_target) = (select n.drill_asked_at, n.drill_ends, n.drill_id, n.drill_target from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform notify_of(admitted, 'service.begin_drill.start');
    perform notify_of(admitted, 'service.begin_drill.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;

-- remove the copies of a drill
create function admit_end_drill(requests admission_request[], default_limits jsonb) returns setof admission_answer
language plpgsql as $$
declare
    r admission_request;
    n integer := 0;
    subject backends;
    -- the backend of each request
    located uuid[] := array(
        select coalesce(x.backend_id,
            x.subject) from unnest(requests) with ordinality x order by x.ordinality);
    gates backend_gate[];
    refusal jsonb;
    passed passed_request[] := '{}';
    admitted uuid[];
    touched uuid[] := '{}';
begin
    gates := enter_gates(located, true);
    foreach r in array requests loop
        n := n + 1;
        <<decide>>
        begin
            refusal := gate_refusal(gates, located[n], r.allowed_conditions);
            exit decide when refusal is not null;
            if r.subject = any (touched) then
                refusal := '{"reason": "locked"}';
                exit decide;
            end if;
            select * into subject from backends where id = r.subject for no key update;
            if subject.id is null or subject.deleted_at is not null then
                refusal := missing_row('backends', r.subject, false);
                exit decide;
            end if;
            -- has_drill
            if not coalesce((subject.drill_id is not null and coalesce(subject.drill_id = (r.arguments ->> 'drill_id')::uuid, true)), false) then
                refusal := precondition_refusal('backends', to_jsonb(subject), 'has_drill');
                exit decide;
            end if;
        end decide;
        if refusal is not null then
            return next not_admitted(r, refusal, true);
            continue;
        end if;
        touched := touched || r.subject;
        passed := passed || (r, gate_of(gates, located[n]), '{}')::passed_request;
    end loop;
    if cardinality(passed) = 0 then
        return;
    end if;
    with inserted as (
        insert into operations (id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at)
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               'end_drill', (p.request).arguments, 'backends', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, (p.gate).epoch,
               'cinder-volume', (p.request).migration, (p.request).columns_when_failed, p.quota, 'done', clock_timestamp()
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
    update backends t
    set (drill_ends) = (select n.drill_ends from jsonb_populate_record(t, x.columns) n),
        updated_at = clock_timestamp()
    from unnest(requests) x
    where x.id = any (admitted) and t.id = x.subject;
    perform notify_of(admitted, 'service.end_drill.start');
    perform notify_of(admitted, 'service.end_drill.end');
    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, null::jsonb, operations_in_flight((p.request).subject), null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
end $$;
