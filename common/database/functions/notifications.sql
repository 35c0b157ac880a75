-- Notifications, written by the transactions that they are about.

create function notify_of(ended uuid[], event_type text) returns void
language plpgsql as $$
begin
    insert into outbox (event_type, payload)
    select notify_of.event_type,
           jsonb_build_object('operation_id', o.id, 'request_id', o.request_id, 'project_id', o.project_id,
                              'user_id', o.user_id, 'backend', b.name, 'arguments', o.arguments,
                              'result', o.result, 'error', o.error)
    from operations o left join backends b on b.id = o.backend_id
    where o.id = any (ended);
end $$;

-- Notifications for whoever publishes them now; another one gets them when this one has not in time.
create function claim_notifications(most integer) returns setof outbox
language sql as $$
    update outbox set claimed_until = clock_timestamp() + interval '30 seconds'
    where id in (select id from outbox where claimed_until is null or claimed_until < clock_timestamp()
                 order by id limit most for update skip locked)
    returning *
$$;
