-- Removes for good what was removed, and forgets operations that ended, so long ago. A part at a time:
-- returns how many rows went, and when that is none, there is nothing left to do.

create function purge(kept_for interval, most integer) returns bigint
language plpgsql as $$
declare
    before timestamptz := now() - kept_for;
    count bigint;
    total bigint := 0;
begin
    delete from attachments where id in
        (select id from attachments where deleted_at < before limit most);
    get diagnostics count = row_count;
    total := total + count;
    delete from snapshots where id in
        (select id from snapshots where deleted_at < before limit most);
    get diagnostics count = row_count;
    total := total + count;
    delete from volumes where id in
        (select id from volumes v
         where deleted_at < before
           and not exists (select from attachments where volume_id = v.id)
           and not exists (select from snapshots where volume_id = v.id)
         limit most);
    get diagnostics count = row_count;
    total := total + count;
    delete from operations where id in
        (select id from operations where finished_at < before limit most);
    get diagnostics count = row_count;
    total := total + count;
    delete from messages where id in
        (select id from messages where expires_at < now() or deleted_at < before limit most);
    get diagnostics count = row_count;
    return total + count;
end $$;
