-- The resources. A deleted row stays (deleted_at) until it is purged, so that a page marker remains usable.
-- The words of statuses and modes are those of the Rust types; a test compares both.

create table backends (
    id uuid primary key default gen_random_uuid(),
    -- advisory locks are named by integers
    lock_key integer generated always as identity unique,
    name text not null unique,
    availability_zone text not null,
    disabled_at timestamptz,
    disabled_reason text,
    frozen_at timestamptz,
    -- whether several workers are meant to share it; then its name is that of their cluster
    clustered boolean not null default false,
    replication_status text not null default 'disabled',
    active_backend_id text,
    -- what identifies the storage that holds its volumes; no other one is served
    storage_id text,
    -- whether the epoch began with the promotion of a target
    promoted boolean not null default false,
    -- moves with every failover; an operation admitted before one is not executed after it
    epoch bigint not null default 1,
    -- counts the changes of everything that the gate reads
    gate_version bigint not null default 1,
    seen_at timestamptz,
    report jsonb,
    -- the last look at the replicas of its volumes
    replicas_looked_at timestamptz,
    -- the newest verification of its replicas, and whether it makes equal what differs
    verification_id uuid,
    verification_asked_at timestamptz,
    verification_repairs boolean not null default false,
    -- the drill whose copies are on a target, or are going to be, and whether they are being removed
    drill_id uuid,
    drill_target text,
    drill_asked_at timestamptz,
    drill_ends boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz,
    constraint backends_replication_status check (replication_status in ('disabled', 'enabled', 'failing-over', 'failed-over', 'not-capable', 'failover-error'))
) with (fillfactor = 50);

create table services (
    id uuid primary key default gen_random_uuid(),
    binary_name text not null,
    host text not null,
    backend_id uuid references backends (id),
    availability_zone text not null,
    -- the process that reported last
    boot_id uuid not null,
    -- the epoch of its backend on whose side it works
    epoch bigint,
    -- target to level
    log_levels jsonb not null default '{}',
    -- the backends to whose volumes a backup service has access
    reached uuid[] not null default '{}',
    seen_at timestamptz,
    created_at timestamptz not null default now(),
    unique (binary_name, host),
    constraint services_binary_name check (binary_name in ('cinder-scheduler', 'cinder-volume', 'cinder-backup'))
) with (fillfactor = 50);

create index services_by_backend on services (backend_id, created_at);

create table qos_specs (
    id uuid primary key,
    name text not null,
    -- who keeps them: front-end, back-end or both
    consumer text not null,
    specs jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz,
    constraint qos_specs_consumer check (consumer in ('front-end', 'back-end', 'both'))
);

create unique index qos_specs_name on qos_specs (name) where deleted_at is null;

create table volume_types (
    id uuid primary key,
    name text not null,
    description text,
    is_public boolean not null default true,
    extra_specs jsonb not null default '{}',
    -- the projects that may use it although it is not public: project id to true
    access jsonb not null default '{}',
    encryption jsonb,
    qos_specs_id uuid references qos_specs (id),
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz
);

create unique index volume_types_name on volume_types (name) where deleted_at is null;

insert into volume_types (id, name, description) values (gen_random_uuid(), '__DEFAULT__', 'Default Volume Type');

create table volumes (
    id uuid primary key,
    project_id text not null,
    user_id text not null,
    backend_id uuid not null references backends (id),
    pool text not null,
    availability_zone text not null,
    volume_type_id uuid not null references volume_types (id),
    name text,
    description text,
    size_gb integer not null check (size_gb > 0),
    status text not null,
    previous_status text,
    migration_status text,
    bootable boolean not null default false,
    multiattach boolean not null default false,
    readonly boolean,
    snapshot_id uuid,
    source_volume_id uuid,
    metadata jsonb not null default '{}',
    image_metadata jsonb not null default '{}',
    -- whether its type asks for replication
    replicated boolean not null default false,
    replication_status text not null default 'disabled',
    -- whether the replica has every acknowledged write, and on which target it is
    replication_extended_status text,
    replication_driver_data text,
    -- the last look at which it was in sync; null when that was the backend's last one, and when there was none
    replica_in_sync_at timestamptz,
    -- when the look began that has recorded this
    replica_recorded_at timestamptz,
    -- the newest verification of the replica that has come to its end, when that was, and how much differed
    replica_verification_id uuid,
    replica_verified_at timestamptz,
    replica_differing_bytes bigint,
    consumes_quota boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz,
    constraint volumes_status check (status in ('creating', 'available', 'reserved', 'attaching', 'in-use', 'detaching', 'awaiting-transfer', 'extending',
        'reverting', 'downloading', 'uploading', 'backing-up', 'restoring-backup', 'retyping', 'maintenance', 'managing', 'unmanaging', 'deleting', 'deleted',
        'error', 'error_extending', 'error_managing', 'error_restoring', 'error_unmanaging', 'error_deleting')),
    constraint volumes_previous_status check (previous_status in ('creating', 'available', 'reserved', 'attaching', 'in-use', 'detaching', 'awaiting-transfer', 'extending',
        'reverting', 'downloading', 'uploading', 'backing-up', 'restoring-backup', 'retyping', 'maintenance', 'managing', 'unmanaging', 'deleting', 'deleted',
        'error', 'error_extending', 'error_managing', 'error_restoring', 'error_unmanaging', 'error_deleting')),
    constraint volumes_migration_status check (migration_status in ('starting', 'migrating', 'completing', 'success', 'error')),
    constraint volumes_replication_status check (replication_status in ('disabled', 'enabled', 'failing-over', 'failed-over', 'not-capable', 'failover-error')),
    constraint volumes_replication_extended_status check (replication_extended_status in ('in-sync', 'out-of-sync'))
);

create index volumes_by_project on volumes (project_id, created_at desc, id desc) where deleted_at is null;
-- the lists of all projects
create index volumes_by_time on volumes (created_at desc, id desc) where deleted_at is null;
-- the lists of volumes with a name
create index volumes_by_name on volumes (name) where deleted_at is null;
create index volumes_by_backend on volumes (backend_id, pool) include (size_gb) where deleted_at is null;
create index volumes_removed on volumes (deleted_at) where deleted_at is not null;

create table snapshots (
    id uuid primary key,
    project_id text not null,
    user_id text not null,
    volume_id uuid not null references volumes (id),
    volume_type_id uuid not null references volume_types (id),
    name text,
    description text,
    size_gb integer not null check (size_gb > 0),
    status text not null,
    previous_status text,
    progress text not null default '0%',
    metadata jsonb not null default '{}',
    consumes_quota boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz,
    constraint snapshots_status check (status in ('creating', 'available', 'restoring', 'backing-up', 'unmanaging', 'deleting', 'deleted', 'error',
        'error_deleting')),
    constraint snapshots_previous_status check (previous_status in ('creating', 'available', 'restoring', 'backing-up', 'unmanaging', 'deleting', 'deleted', 'error',
        'error_deleting'))
);

create index snapshots_by_project on snapshots (project_id, created_at desc, id desc) where deleted_at is null;
create index snapshots_by_time on snapshots (created_at desc, id desc) where deleted_at is null;
create index snapshots_by_volume on snapshots (volume_id, created_at desc) where deleted_at is null;
-- for the purge: whether a volume is referred to by a row that was removed
create index snapshots_of_volume on snapshots (volume_id);
create index snapshots_removed on snapshots (deleted_at) where deleted_at is not null;

create table attachments (
    id uuid primary key,
    project_id text not null,
    volume_id uuid not null references volumes (id),
    instance_id uuid,
    host_name text,
    mountpoint text,
    -- rw or ro
    attach_mode text not null default 'rw',
    status text not null,
    previous_status text,
    connector jsonb,
    connection_info jsonb,
    -- made by the volume's actions (os-reserve, os-attach), which do not name it
    through_actions boolean not null default false,
    attached_at timestamptz,
    detached_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz,
    constraint attachments_status check (status in ('reserved', 'attaching', 'attached', 'detaching', 'detached', 'error_detaching')),
    constraint attachments_previous_status check (previous_status in ('reserved', 'attaching', 'attached', 'detaching', 'detached', 'error_detaching')),
    constraint attachments_attach_mode check (attach_mode in ('rw', 'ro'))
);

create index attachments_by_volume on attachments (volume_id) where deleted_at is null;
create index attachments_of_volume on attachments (volume_id);
create index attachments_removed on attachments (deleted_at) where deleted_at is not null;
create index attachments_by_project on attachments (project_id, created_at desc, id desc) where deleted_at is null;

-- Contents of volumes, kept apart from every backend. A backup outlives its volume and its snapshot.
create table backups (
    id uuid primary key,
    project_id text not null,
    user_id text not null,
    volume_id uuid not null,
    snapshot_id uuid,
    -- the backup from which it differs
    parent_id uuid,
    name text,
    description text,
    size_gb integer not null check (size_gb > 0),
    status text not null,
    previous_status text,
    fail_reason text,
    availability_zone text,
    -- where in the store it is, and what the names of its objects begin with
    container text,
    service_metadata text,
    object_count integer not null default 0,
    metadata jsonb not null default '{}',
    -- as of when its content is
    data_timestamp timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz,
    constraint backups_status check (status in ('creating', 'available', 'restoring', 'deleting', 'deleted', 'error', 'error_deleting')),
    constraint backups_previous_status check (previous_status in ('creating', 'available', 'restoring', 'deleting', 'deleted', 'error', 'error_deleting'))
);

create index backups_by_project on backups (project_id, created_at desc, id desc) where deleted_at is null;
create index backups_by_time on backups (created_at desc, id desc) where deleted_at is null;
create index backups_by_volume on backups (volume_id, data_timestamp desc) where deleted_at is null;
-- those that were removed, too
create index backups_of_volume on backups (volume_id);
create index backups_by_parent on backups (parent_id) where deleted_at is null and parent_id is not null;
create index backups_by_data on backups (service_metadata) where deleted_at is null;
create index backups_removed on backups (deleted_at) where deleted_at is not null;

-- Offers of volumes to whoever has the key.
create table transfers (
    id uuid primary key,
    -- the one that offers
    project_id text not null,
    volume_id uuid not null references volumes (id),
    name text,
    -- whether the volume's snapshots stay
    no_snapshots boolean not null,
    -- what is kept of the key: SHA-256 of its HMAC-SHA-256 with the salt, with which a volume is taken over
    salt text not null,
    crypt_hash text not null,
    accepted boolean not null default false,
    destination_project_id text,
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz
);

create index transfers_by_project on transfers (project_id, created_at desc, id desc) where deleted_at is null;
create index transfers_of_volume on transfers (volume_id);
-- a volume is offered once
create unique index transfers_offer on transfers (volume_id) where deleted_at is null;
create index transfers_removed on transfers (deleted_at) where deleted_at is not null;

-- The copies that the drill of a backend makes of replicas. A row is there before its copy is, and goes when that is gone.
create table drill_copies (
    backend_id uuid not null references backends (id),
    -- it may be purged before its copy is removed
    volume_id uuid not null,
    began_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    -- how long it was copied
    copying_ms bigint,
    -- what came of it; null until then
    outcome text,
    -- how it is reached, if it is there
    connection_info jsonb,
    -- why it could not be made
    reason text,
    primary key (backend_id, volume_id),
    constraint drill_copies_outcome check (outcome in ('copied', 'not-in-sync', 'failed'))
);

-- What operators decided about a project. Its id is made from the project's.
create table projects (
    id uuid primary key,
    project_id text not null unique,
    default_volume_type_id uuid references volume_types (id),
    -- resource to limit
    quota jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz
);

create table quota_classes (
    id uuid primary key,
    name text not null unique,
    -- resource to limit
    quota jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz
);

create table quota_usages (
    project_id text not null,
    resource text not null,
    -- by what is there, and by what is being made
    used bigint not null default 0,
    primary key (project_id, resource)
) with (fillfactor = 50);

-- What users are told of operations that failed after they had been accepted.
create table messages (
    id uuid primary key default gen_random_uuid(),
    project_id text not null,
    request_id text not null,
    resource_type text not null,
    resource_id uuid not null,
    action text not null,
    detail text not null,
    message_level text not null default 'ERROR',
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    expires_at timestamptz not null default now() + interval '30 days',
    deleted_at timestamptz,
    constraint messages_message_level check (message_level in ('ERROR'))
);

create index messages_by_project on messages (project_id, created_at desc) where deleted_at is null;
