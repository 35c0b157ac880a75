-- What cinderblock keeps. A row that is gone keeps its place (deleted_at), so that a page marker
-- stays usable; it is purged later.

create table backends (
    id uuid primary key default gen_random_uuid(),
    -- advisory locks are named by integers
    lock_key integer generated always as identity unique,
    name text not null unique,
    availability_zone text not null,
    disabled_at timestamptz,
    disabled_reason text,
    frozen_at timestamptz,
    replication_status text not null default 'disabled',
    active_backend_id text,
    -- moves with every failover; an operation admitted before one is not executed after it
    epoch bigint not null default 1,
    -- counts the changes of everything that the gate reads
    gate_version bigint not null default 1,
    seen_at timestamptz,
    report jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz
) with (fillfactor = 50);

create table services (
    id uuid primary key default gen_random_uuid(),
    binary_name text not null,
    host text not null,
    backend_id uuid references backends (id),
    availability_zone text not null,
    -- the process that reported last
    boot_id uuid not null,
    seen_at timestamptz,
    created_at timestamptz not null default now(),
    unique (binary_name, host)
) with (fillfactor = 50);

create table volume_types (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    description text,
    is_public boolean not null default true,
    extra_specs jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz
);

insert into volume_types (name, description) values ('__DEFAULT__', 'Default Volume Type');

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
    snapshot_id uuid,
    source_volume_id uuid,
    metadata jsonb not null default '{}',
    replication_status text not null default 'disabled',
    consumes_quota boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    deleted_at timestamptz
);

create index volumes_by_project on volumes (project_id, created_at desc, id desc) where deleted_at is null;
create index volumes_by_backend on volumes (backend_id) where deleted_at is null;
create index volumes_removed on volumes (deleted_at) where deleted_at is not null;

create table quotas (
    project_id text not null,
    resource text not null,
    hard_limit bigint not null,
    primary key (project_id, resource)
);

create table quota_usages (
    project_id text not null,
    resource text not null,
    in_use bigint not null default 0,
    reserved bigint not null default 0 check (reserved >= 0),
    primary key (project_id, resource)
) with (fillfactor = 50);
