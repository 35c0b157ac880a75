-- The operation log. A row here, committed by the admission, *is* the accepted operation;
-- messages only hurry it up.

-- What an operation takes from, or gives back to, one quota of a project.
create type quota_amount as (project_id text, resource text, amount bigint);

create table operations (
    -- made up by who asks: a second delivery of the same request finds the first one by it
    id uuid primary key,
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
    -- the kind of service that executes it
    executor text not null default 'cinder-volume',
    -- the resources that play the other parts
    volume_id uuid,
    snapshot_ids uuid[] not null default '{}',
    volume_type_id uuid,
    backup_id uuid,
    -- resources that it does not change, but that must stay as they are until it ends
    uses uuid[] not null default '{}',
    -- a resource on which no other such operation may be in progress
    exclusive_on uuid,
    -- admitted, running, done, failed, or revoked (the caller gave up before it was admitted)
    state text not null,
    -- columns of its subject that its failure writes, for who ends it without knowing what it is
    columns_when_failed jsonb not null default '{}',
    -- what it has taken of quotas, or is to give back (a negative amount) when it has ended well
    quota quota_amount[] not null default '{}',
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
    constraint operations_executor check (executor in ('cinder-volume', 'cinder-backup')),
    constraint operations_state check (state in ('admitted', 'running', 'done', 'failed', 'revoked'))
) with (
    -- the indexes of what is live turn over many times while the history grows by a fifth
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000
);

create unique index one_live_operation on operations (subject_id) where state in ('admitted', 'running');
create unique index one_live_connection on operations (exclusive_on)
    where state in ('admitted', 'running') and exclusive_on is not null;
create index live_operations_by_backend on operations (backend_id, created_at) where state in ('admitted', 'running');
create index live_uses on operations using gin (uses) with (fastupdate = off) where state in ('admitted', 'running') and uses <> '{}';
create index live_operations_by_volume on operations (volume_id)
    where state in ('admitted', 'running') and volume_id is not null;
create index live_operations_by_snapshot on operations using gin (snapshot_ids) with (fastupdate = off)
    where state in ('admitted', 'running') and snapshot_ids <> '{}';
create index live_operations_by_backup on operations (backup_id)
    where state in ('admitted', 'running') and backup_id is not null;
create index live_backup_operations on operations (created_at)
    where state in ('admitted', 'running') and executor = 'cinder-backup';
create index operations_by_time on operations (created_at desc);
create index live_operations_by_time on operations (created_at desc) where state in ('admitted', 'running');
create index ended_operations on operations (finished_at) where finished_at is not null;

create sequence fence_numbers;

-- Notifications that are to be published, written by the transactions that they are about.
create table outbox (
    id bigint generated always as identity primary key,
    event_type text not null,
    payload jsonb not null,
    -- whoever publishes has it until then
    claimed_until timestamptz,
    created_at timestamptz not null default now()
);
