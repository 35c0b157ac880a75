-- Gives what is on a backend to another one: the same storage under a new name. Answers with the number of
-- volumes, or with the reason why nothing was changed.

create function update_host(current uuid, renamed uuid) returns jsonb
language plpgsql as $$
declare
    reason text;
    moved bigint;
begin
    perform lock_backends(array[current, renamed], true);
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
    update volumes set backend_id = renamed where backend_id = current and deleted_at is null;
    get diagnostics moved = row_count;
    return jsonb_build_object('moved', moved);
end $$;
