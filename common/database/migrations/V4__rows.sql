-- One change of one row, described by data: the mechanism below every status that ever changes.

-- What servers must keep to, of the quality of service that goes with a type.
create function front_end_qos(volume_type uuid) returns jsonb
language plpgsql stable as $$
begin
    return (
        select q.specs from volume_types t join qos_specs q on q.id = t.qos_specs_id
        where t.id = volume_type and q.consumer in ('front-end', 'both')
    );
end $$;

-- A name that has no rule would be a precondition that never holds, and a refusal that nobody understands.
create function unknown_precondition(precondition text) returns boolean
language plpgsql stable as $$
begin
    raise exception 'unknown precondition %', precondition;
end $$;

-- Whether a named precondition holds for a row (as JSON), given the operation's arguments.
create function precondition_holds(precondition text, subject jsonb, arguments jsonb) returns boolean
language plpgsql stable as $$
begin
    return case precondition
        when 'not_attached' then
            not exists (select from attachments
                        where volume_id = (subject ->> 'id')::uuid and deleted_at is null)
            and subject ->> 'status' not in ('in-use', 'attaching', 'detaching')
        when 'no_snapshots' then
            not exists (select from snapshots
                        where volume_id = (subject ->> 'id')::uuid and deleted_at is null
                          and not coalesce(arguments -> 'snapshots', '[]') ? id::text)
        when 'reservable' then
            subject ->> 'status' = 'available'
            or (subject ->> 'status' in ('in-use', 'reserved', 'attaching')
                and ((subject ->> 'multiattach')::boolean
                     or exists (select from attachments
                                where volume_id = (subject ->> 'id')::uuid and deleted_at is null
                                  and id <> (arguments ->> 'attachment_id')::uuid
                                  and instance_id = (arguments ->> 'instance_id')::uuid)))
        when 'attach_mode_allowed' then
            not coalesce((subject ->> 'readonly')::boolean, false) or arguments ->> 'mode' = 'ro'
        when 'no_other_connection' then
            (subject ->> 'multiattach')::boolean
            or not exists (select from attachments other
                           where other.volume_id = (subject ->> 'id')::uuid and other.deleted_at is null
                             and other.connector is not null
                             and other.id <> (arguments ->> 'attachment_id')::uuid
                             and other.instance_id is distinct from
                                 (select instance_id from attachments where id = (arguments ->> 'attachment_id')::uuid))
        when 'attach_mode_unchanged' then
            subject ->> 'connector' is null or subject ->> 'attach_mode' = arguments ->> 'mode'
        when 'host_unchanged' then
            subject ->> 'connector' is null
            or subject #> '{connector,host}' is not distinct from arguments #> '{connector,host}'
        when 'not_in_error' then
            subject ->> 'status' not like '%error%'
        when 'not_connected' then
            subject ->> 'connector' is null
        when 'online_copy_supported' then
            subject ->> 'status' = 'available'
            or exists (select from backends
                       where id = (subject ->> 'backend_id')::uuid
                         and (report ->> 'online_snapshot_support')::boolean)
        when 'online_snapshot_supported' then
            subject ->> 'status' = 'available'
            or ((arguments ->> 'while_attached')::boolean
                and exists (select from backends
                            where id = (subject ->> 'backend_id')::uuid
                              and (report ->> 'online_snapshot_support')::boolean))
        when 'newest_of_its_size' then
            not exists (select from snapshots newer
                        where newer.volume_id = (subject ->> 'volume_id')::uuid and newer.deleted_at is null
                          and newer.created_at > (subject ->> 'created_at')::timestamptz)
            and exists (select from volumes
                        where id = (subject ->> 'volume_id')::uuid and size_gb = (subject ->> 'size_gb')::integer)
        when 'size_increases' then
            (arguments ->> 'new_size_gb')::integer > (subject ->> 'size_gb')::integer
        when 'online_extend_supported' then
            subject ->> 'status' <> 'in-use'
            or ((arguments ->> 'while_attached')::boolean
                and exists (select from backends
                            where id = (subject ->> 'backend_id')::uuid
                              and (report ->> 'online_extend_support')::boolean))
        when 'no_operation_in_progress' then
            not exists (select from operations
                        where state in ('admitted', 'running')
                          and (subject_id = (subject ->> 'id')::uuid
                               or others @> jsonb_build_array(jsonb_build_object('id', subject -> 'id'))))
        when 'status_matches_attachments' then
            case when exists (select from attachments
                              where volume_id = (subject ->> 'id')::uuid and deleted_at is null)
                 then arguments ->> 'status' is distinct from 'available' and not (arguments ->> 'detached')::boolean
                 else arguments ->> 'status' is distinct from 'in-use'
            end
        when 'on_active_side' then
            arguments ->> 'status' is null
            or subject ->> 'replication_status' not in ('not-capable', 'failover-error')
        when 'type_changes' then
            subject ->> 'volume_type_id' <> arguments ->> 'volume_type_id'
        when 'keeps_multiattach' then
            subject ->> 'status' = 'available' or subject -> 'multiattach' = arguments -> 'multiattach'
        when 'not_used_by_operation' then
            not exists (select from operations
                        where state in ('admitted', 'running') and uses <> '{}'
                          and uses @> array[(subject ->> 'id')::uuid])
        when 'has_metadata_key' then
            arguments #> '{metadata,remove_key}' is null
            or subject -> 'metadata' ? (arguments #>> '{metadata,remove_key}')
        when 'has_image_metadata_key' then
            arguments #> '{image_metadata,remove_key}' is null
            or subject -> 'image_metadata' ? (arguments #>> '{image_metadata,remove_key}')
        when 'metadata_unchanged' then
            arguments -> 'metadata_seen' is null
            or subject -> 'metadata' = arguments -> 'metadata_seen'
        when 'type_unused' then
            not exists (select from volumes
                        where volume_type_id = (subject ->> 'id')::uuid and deleted_at is null)
            and not exists (select from operations
                            where state in ('admitted', 'running') and uses <> '{}'
                              and uses @> array[(subject ->> 'id')::uuid])
        when 'type_exists' then
            exists (select from volume_types
                    where id = (subject ->> 'volume_type_id')::uuid and deleted_at is null)
        when 'not_a_project_default' then
            not exists (select from projects where default_volume_type_id = (subject ->> 'id')::uuid)
        when 'encryption_changes' then
            (jsonb_typeof(subject -> 'encryption') = 'object') = (arguments ->> 'is_there')::boolean
        when 'no_other_qos' then
            coalesce(subject ->> 'qos_specs_id' = arguments ->> 'qos_specs_id', true)
            and exists (select from qos_specs where id = (arguments ->> 'qos_specs_id')::uuid and deleted_at is null)
        when 'qos_unused' then
            not exists (select from volume_types where qos_specs_id = (subject ->> 'id')::uuid and deleted_at is null)
        when 'has_specs' then
            subject -> 'specs' ?& array(select jsonb_array_elements_text(arguments -> 'remove_keys'))
        when 'keeps_front_end_qos' then
            subject ->> 'status' = 'available'
            or front_end_qos((subject ->> 'volume_type_id')::uuid)
               is not distinct from front_end_qos((arguments ->> 'volume_type_id')::uuid)
        when 'not_the_only_type' then
            exists (select from volume_types where id <> (subject ->> 'id')::uuid and deleted_at is null)
        when 'has_extra_spec' then
            arguments #> '{extra_specs,remove_key}' is null
            or subject -> 'extra_specs' ? (arguments #>> '{extra_specs,remove_key}')
        when 'is_private' then
            not (subject ->> 'is_public')::boolean
        when 'access_changes' then
            subject -> 'access' ? (arguments ->> 'project') <> (arguments ->> 'allowed')::boolean
        when 'limits_cover_usage' then
            not (arguments ->> 'must_cover_usage')::boolean
            or not exists (select from quota_usages u, jsonb_each_text(arguments -> 'limits') l (resource, quota_limit)
                           where u.project_id = arguments ->> 'project' and u.resource = l.resource
                             and l.quota_limit::bigint >= 0 and u.in_use + u.reserved > l.quota_limit::bigint)
        when 'backend_replicates' then
            not (subject ->> 'replicated')::boolean
            or exists (select from backends
                       where id = (subject ->> 'backend_id')::uuid
                         and active_backend_id is null and replication_status = 'enabled')
        when 'not_replicated' then
            not (subject ->> 'replicated')::boolean
        when 'can_fail_over' then
            subject ->> 'replication_status' in ('enabled', 'failed-over', 'failover-error')
        when 'target_configured' then
            (arguments ->> 'target' is null
             or subject #> '{report,replication_targets}' ? (arguments ->> 'target'))
            and (arguments ->> 'target' is distinct from subject ->> 'active_backend_id'
                 or (arguments ->> 'accept_data_loss')::boolean)
        when 'target_is_up' then
            -- what was said long ago is not held against it
            not seen_recently((subject ->> 'seen_at')::timestamptz)
            or not coalesce(subject #> '{report,sides_down}', '[]') ? coalesce(arguments ->> 'target', 'default')
        when 'worker_is_up' then
            -- one whose array has burned does not report any more, but lives
            exists (select from services
                    where backend_id = (subject ->> 'id')::uuid and seen_recently(seen_at))
        when 'is_failed_over' then
            subject ->> 'active_backend_id' is not null
            and subject ->> 'replication_status' in ('failed-over', 'failover-error')
        when 'ready_for_promotion' then
            not seen_recently((subject ->> 'seen_at')::timestamptz)
            or not exists (select from services
                           where backend_id = (subject ->> 'id')::uuid and seen_recently(seen_at))
            or not coalesce(subject #> '{report,replication_targets}', '[]') ? (subject ->> 'active_backend_id')
        when 'can_replicate' then
            subject ->> 'active_backend_id' is null and subject ->> 'replication_status' = 'disabled'
            and jsonb_array_length(coalesce(subject #> '{report,replication_targets}', '[]')) > 0
        when 'is_frozen' then
            subject ->> 'frozen_at' is not null
        when 'is_not_frozen' then
            subject ->> 'frozen_at' is null
        else
            unknown_precondition(precondition)
    end;
end $$;

create function insert_row(target text, columns jsonb) returns jsonb
language plpgsql as $$
declare
    names text := (select string_agg(quote_ident(name), ', ') from jsonb_object_keys(columns) name);
    inserted jsonb;
begin
    execute format('insert into %1$I as t (%2$s) select %2$s from jsonb_populate_record(null::%1$I, $1) returning to_jsonb(t)',
                   target, names)
    into inserted using columns;
    return inserted;
end $$;

-- The same, unless the row is there already.
create function ensure_row(target text, columns jsonb) returns void
language plpgsql as $$
declare
    names text := (select string_agg(quote_ident(name), ', ') from jsonb_object_keys(columns) name);
begin
    execute format('insert into %1$I (%2$s) select %2$s from jsonb_populate_record(null::%1$I, $1) on conflict do nothing',
                   target, names)
    using columns;
end $$;

create function update_row(target text, row_id uuid, columns jsonb) returns jsonb
language plpgsql as $$
declare
    names text := (select string_agg(quote_ident(name), ', ') from jsonb_object_keys(columns) name);
    updated jsonb;
begin
    execute format('update %1$I t set (%2$s) = (select %2$s from jsonb_populate_record(t, $2)) where id = $1 returning to_jsonb(t)',
                   target, names)
    into updated using row_id, columns;
    return updated;
end $$;

-- The row, locked against other changes but not against references to it. A volume type is locked against
-- those, too: one that is being removed gets no new volume.
create function live_row(target text, row_id uuid) returns jsonb
language plpgsql as $$
declare
    found_row jsonb;
begin
    execute format('select to_jsonb(t) from %I t where id = $1 and deleted_at is null for %s', target,
                   case target when 'volume_types' then 'update' else 'no key update' end)
    into found_row using row_id;
    return found_row;
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

-- A volume's status after its attachments changed. Where another operation shows its own status
-- meanwhile, it is what that operation will give back; an error stays an error.
create function derived_status(before jsonb) returns jsonb
language plpgsql stable as $$
begin
    return (
        select case
            when before ->> 'status' in ('available', 'reserved', 'attaching', 'in-use', 'detaching')
                then jsonb_build_object('status', status_by_attachments((before ->> 'id')::uuid))
            when before ->> 'previous_status' in ('available', 'reserved', 'attaching', 'in-use', 'detaching')
                then jsonb_build_object('previous_status', status_by_attachments((before ->> 'id')::uuid))
            else '{}'
        end
    );
end $$;

-- The values that a step gives to columns: what it sets, and what it merges into or removes from maps.
create function changed_columns(step jsonb, before jsonb) returns jsonb
language plpgsql volatile as $$
begin
    return (
        select coalesce(step -> 'set', '{}')
            || coalesce((select jsonb_object_agg(key, (before -> key) || value)
                         from jsonb_each(step -> 'merge')), '{}')
            || coalesce((select jsonb_object_agg(key, (before -> key) - array(select jsonb_array_elements_text(value)))
                         from jsonb_each(step -> 'remove')), '{}')
            || case when (step ->> 'remember_status')::boolean
                    then jsonb_build_object('previous_status', before -> 'status') else '{}' end
            || case when (step ->> 'restore_status')::boolean
                    then jsonb_build_object('status', before -> 'previous_status', 'previous_status', null) else '{}' end
            || case when (step ->> 'derive_status')::boolean then derived_status(before) else '{}' end
            || jsonb_build_object('updated_at', clock_timestamp())
    );
end $$;

-- A row as errors may show it: they reach PostgreSQL's log. What connects a server has its password in it.
create function without_secrets(shown jsonb) returns jsonb
language sql immutable as $$
    select shown - 'connection_info'
$$;

create function check_preconditions(step jsonb, subject jsonb, arguments jsonb) returns void
language plpgsql as $$
declare
    precondition text;
begin
    for precondition in select jsonb_array_elements_text(step -> 'preconditions') loop
        if not coalesce(precondition_holds(precondition, subject, arguments), false) then
            perform refuse(jsonb_build_object('reason', 'precondition', 'precondition', precondition,
                                              'table', step ->> 'table', 'row', without_secrets(subject)));
        end if;
    end loop;
end $$;

-- Begins an operation on a row. A new row is inserted, also one that is only to be there (`base`). An
-- existing one must have one of the expected statuses, and every precondition must hold; then it is
-- changed. Returns a new row as it is, an existing one as it was.
create function begin_on_row(step jsonb, arguments jsonb) returns jsonb
language plpgsql as $$
declare
    target text := step ->> 'table';
    row_id uuid := (step ->> 'id')::uuid;
    before jsonb;
begin
    if (step ->> 'is_new')::boolean then
        before := insert_row(target, step -> 'set');
        perform check_preconditions(step, before, arguments);
        return before;
    end if;
    if step -> 'base' is not null then
        perform ensure_row(target, step -> 'base');
    end if;
    before := live_row(target, row_id);
    if before is null or before ->> 'project_id' <> step ->> 'project_scope' then
        perform refuse(jsonb_build_object('reason', 'not_found', 'table', target, 'id', row_id));
    end if;
    if not coalesce(step -> 'statuses' ? (before ->> 'status'), true) then
        perform refuse(jsonb_build_object('reason', 'wrong_status', 'table', target, 'row', without_secrets(before),
                                          'expected', step -> 'statuses'));
    end if;
    perform check_preconditions(step, before, arguments);
    perform update_row(target, row_id, changed_columns(step, before));
    return before;
end $$;

-- Ends an operation on a row.
create function end_on_row(step jsonb) returns void
language plpgsql as $$
declare
    target text := step ->> 'table';
    row_id uuid := (step ->> 'id')::uuid;
begin
    perform update_row(target, row_id, changed_columns(step, live_row(target, row_id)));
end $$;
