-- Removes for good what was removed, and forgets operations that ended, so long ago: a part at a time. Each table is
-- purged by itself: one that cannot be keeps no other from it. Each function returns how many rows went.

create function purge_attachments(kept_for interval, most integer) returns bigint
language sql as $$
    with gone as (
        delete from attachments where id in
            (select id from attachments where deleted_at < now() - kept_for limit most)
        returning 1)
    select count(*) from gone
$$;

create function purge_snapshots(kept_for interval, most integer) returns bigint
language sql as $$
    with gone as (
        delete from snapshots where id in
            (select id from snapshots where deleted_at < now() - kept_for limit most)
        returning 1)
    select count(*) from gone
$$;

create function purge_transfers(kept_for interval, most integer) returns bigint
language sql as $$
    with gone as (
        delete from transfers where id in
            (select t.id from transfers t join volumes v on v.id = t.volume_id
             where t.deleted_at < now() - kept_for or v.deleted_at < now() - kept_for
             limit most)
        returning 1)
    select count(*) from gone
$$;

create function purge_backups(kept_for interval, most integer) returns bigint
language sql as $$
    with gone as (
        delete from backups where id in
            (select id from backups where deleted_at < now() - kept_for limit most)
        returning 1)
    select count(*) from gone
$$;

create function purge_volumes(kept_for interval, most integer) returns bigint
language sql as $$
    with gone as (
        delete from volumes where id in
            (select id from volumes v
             where deleted_at < now() - kept_for
               and not exists (select from attachments where volume_id = v.id)
               and not exists (select from snapshots where volume_id = v.id)
               and not exists (select from transfers where volume_id = v.id)
             limit most)
        returning 1)
    select count(*) from gone
$$;

create function purge_operations(kept_for interval, most integer) returns bigint
language sql as $$
    with gone as (
        delete from operations where id in
            (select id from operations where finished_at < now() - kept_for limit most)
        returning 1)
    select count(*) from gone
$$;

create function purge_messages(kept_for interval, most integer) returns bigint
language sql as $$
    with gone as (
        delete from messages where id in
            (select id from messages where expires_at < now() or deleted_at < now() - kept_for limit most)
        returning 1)
    select count(*) from gone
$$;
