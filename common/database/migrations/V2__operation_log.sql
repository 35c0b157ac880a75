-- The operation log. A row here, committed by the admission, *is* the accepted operation;
-- messages only hurry it up.

create table operations (
    id uuid primary key,
    -- a second delivery of the same request finds the first one by this
    request_key text not null unique,
    request_id text not null,
    traceparent text,
    user_id text not null,
    project_id text not null,
    kind text not null,
    arguments jsonb not null,
    subject_table text not null,
    subject_id uuid not null,
    backend_id uuid references backends (id),
    backend_epoch bigint,
    -- the other resources that it changes: [{"role", "view", "id"}]
    others jsonb not null default '[]',
    -- resources that it does not change, but that must stay as they are until it ends
    uses uuid[] not null default '{}',
    -- a resource on which no other such operation may be in progress
    exclusive_on uuid,
    -- admitted, running, done, failed, or revoked (the caller gave up before it was admitted)
    state text not null,
    -- what becomes of its rows when it fails, and whether its quota is taken all the same: for who ends it
    -- without knowing what it is
    when_failed jsonb not null default '[]',
    fails_with_quota boolean not null default false,
    -- what notifications about it are called, if there are any: service.failover
    event text,
    -- the amounts that are committed or returned when it ends
    quota jsonb not null default '[]',
    -- grows with every claim; whoever holds an older one has lost the operation
    fence bigint not null default 0,
    owner text,
    lease_until timestamptz,
    attempts integer not null default 0,
    -- where a volume goes that changes its backend, and how far it has come
    migration jsonb,
    result jsonb,
    error text,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint operations_state check (state in ('admitted', 'running', 'done', 'failed', 'revoked'))
);

create unique index one_live_operation on operations (subject_id) where state in ('admitted', 'running');
create unique index one_live_connection on operations (exclusive_on) where state in ('admitted', 'running');
create index live_operations_by_backend on operations (backend_id, created_at) where state in ('admitted', 'running');
create index live_uses on operations using gin (uses) where state in ('admitted', 'running') and uses <> '{}';
create index operations_by_time on operations (created_at desc);
create index live_operations_by_time on operations (created_at desc) where state in ('admitted', 'running');
create index ended_operations on operations (finished_at) where finished_at is not null;

create sequence fence_numbers;

-- The number of a claim, larger than all before it. It follows the clock, in microseconds, so that it does not go back
-- when the database is restored from a backup, or a standby takes over that lacks the last of the sequence: the storage
-- remembers the numbers that it has seen.
create function next_fence() returns bigint
language plpgsql as $$
declare
    following bigint := nextval('fence_numbers');
    by_clock bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
    if following >= by_clock then
        return following;
    end if;
    return setval('fence_numbers', by_clock);
end $$;

-- Notifications that are to be published, written by the transactions that they are about.
create table outbox (
    id bigint generated always as identity primary key,
    event_type text not null,
    payload jsonb not null,
    -- whoever publishes has it until then
    claimed_until timestamptz,
    created_at timestamptz not null default now()
);

create function notify_of(operation uuid, ending text) returns void
language plpgsql as $$
begin
        insert into outbox (event_type, payload)
        select o.event || '.' || ending,
               jsonb_build_object('operation_id', o.id, 'request_id', o.request_id, 'project_id', o.project_id,
                                  'user_id', o.user_id, 'backend', b.name, 'arguments', o.arguments,
                                  'result', o.result, 'error', o.error)
        from operations o left join backends b on b.id = o.backend_id
        where o.id = operation and o.event is not null;
end $$;

-- Notifications for whoever publishes them now; another one gets them when this one has not in time.
create function claim_notifications(most integer) returns setof outbox
language sql as $$
    update outbox set claimed_until = clock_timestamp() + interval '30 seconds'
    where id in (select id from outbox where claimed_until is null or claimed_until < clock_timestamp()
                 order by id limit most for update skip locked)
    returning *
$$;
