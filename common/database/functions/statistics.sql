-- Statistics of tables that grow. PostgreSQL looks at them every minute; in the first minute of an installation, plans that were
-- made for empty tables would serve thousands of requests.

-- Gathers statistics of one table that has doubled since they were gathered, if there is one; returns its name.
create function analyze_grown_table() returns text
language plpgsql as $$
declare
    grown text := (
        select s.relname
        from pg_stat_user_tables s join pg_class c on c.oid = s.relid
        where s.schemaname = 'public' and s.n_live_tup > 2 * greatest(100, c.reltuples)
        order by s.n_live_tup desc
        limit 1);
begin
    -- one process at a time
    if grown is null or not pg_try_advisory_xact_lock(43, 2) then
        return null;
    end if;
    execute format('analyze public.%I', grown);
    return grown;
end $$;
