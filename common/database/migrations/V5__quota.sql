-- Quota: reserved with the admission, committed or returned with the operation's end.

-- The amounts that rules come to, for a row before and after it: for the
-- resource in all, and for the resource of the row's volume type. A type may be renamed: its id counts.
create function quota_amounts(rules jsonb, subject jsonb, when_done jsonb) returns jsonb
language plpgsql stable as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
                   'project_id', subject ->> 'project_id',
                   'resource', counted.resource,
                   'default_limit', counted.default_limit,
                   'each', rule ->> 'rule' = 'each',
                   'amount', case rule ->> 'rule'
                       when 'count' then (rule ->> 'sign')::bigint
                       when 'each' then coalesce(when_done ->> (rule ->> 'column'), subject ->> (rule ->> 'column'))::bigint
                       when 'retype' then counted.sign * coalesce((subject ->> (rule ->> 'column'))::bigint, 1)
                       when 'column' then (rule ->> 'sign')::bigint * (subject ->> (rule ->> 'column'))::bigint
                       when 'growth' then (when_done ->> (rule ->> 'column'))::bigint - (subject ->> (rule ->> 'column'))::bigint
                   end)), '[]')
        from jsonb_array_elements(rules) rule,
             lateral (select rule ->> 'resource', (rule ->> 'default_limit')::bigint, 1
                      where rule ->> 'rule' <> 'retype'
                      union all
                      select (rule ->> 'resource') || '_' || (subject ->> 'volume_type_id'), -1,
                             case rule ->> 'rule' when 'retype' then -1 else 1 end
                      where rule ->> 'rule' <> 'each'
                      union all
                      select (rule ->> 'resource') || '_' || (when_done ->> 'volume_type_id'), -1, 1
                      where rule ->> 'rule' = 'retype') counted (resource, default_limit, sign)
        where (subject ->> 'consumes_quota')::boolean
    );
end $$;

-- The same amounts, one for each resource of a project, and always in the same order: two admissions
-- cannot wait for one another.
create function summed_quota(amounts jsonb) returns jsonb
language plpgsql immutable as $$
begin
    return (
        select jsonb_agg(jsonb_build_object('project_id', project_id, 'resource', resource,
                                            'default_limit', default_limit, 'amount', amount, 'each', "each")
                         order by project_id, resource)
        from (select project_id, resource, min(default_limit) as default_limit,
                     sum(amount) as amount, bool_or("each") as "each"
              from jsonb_to_recordset(amounts)
                   as a (project_id text, resource text, default_limit bigint, amount bigint, "each" boolean)
              group by project_id, resource) summed
    );
end $$;

create function reserve_quota(amounts jsonb) returns void
language plpgsql as $$
declare
    wanted record;
    quota_limit bigint;
    usage quota_usages;
begin
    for wanted in
        select * from jsonb_to_recordset(amounts)
                      as a (project_id text, resource text, default_limit bigint, amount bigint, "each" boolean)
        where amount > 0
    loop
        quota_limit := coalesce(
            (select (quota ->> wanted.resource)::bigint from projects where project_id = wanted.project_id),
            (select (quota ->> wanted.resource)::bigint from quota_classes where name = 'default'),
            wanted.default_limit);
        if wanted."each" then
            if quota_limit >= 0 and wanted.amount > quota_limit then
                perform refuse(jsonb_build_object(
                    'reason', 'over_quota', 'resource', wanted.resource, 'requested', wanted.amount,
                    'in_use', 0, 'limit', quota_limit));
            end if;
            continue;
        end if;
        insert into quota_usages (project_id, resource) values (wanted.project_id, wanted.resource)
        on conflict do nothing;
        update quota_usages u set reserved = u.reserved + wanted.amount
        where u.project_id = wanted.project_id and u.resource = wanted.resource
          and (quota_limit < 0 or u.in_use + u.reserved + wanted.amount <= quota_limit);
        if not found then
            select * into usage from quota_usages u
            where u.project_id = wanted.project_id and u.resource = wanted.resource;
            perform refuse(jsonb_build_object(
                'reason', 'over_quota', 'resource', wanted.resource, 'requested', wanted.amount,
                'in_use', usage.in_use + usage.reserved, 'limit', quota_limit));
        end if;
    end loop;
end $$;

-- The amounts are in the order in which they were reserved: rows are always locked in the same order.
create function settle_quota(amounts jsonb, committed boolean) returns void
language plpgsql as $$
declare
    settled record;
begin
    for settled in
        select * from jsonb_to_recordset(amounts) as a (project_id text, resource text, amount bigint)
    loop
        update quota_usages u
        -- a usage that somebody has changed by hand must not keep an operation from ending
        set reserved = greatest(u.reserved - greatest(settled.amount, 0), 0),
            in_use = u.in_use + case when committed then settled.amount else 0 end
        where u.project_id = settled.project_id and u.resource = settled.resource;
    end loop;
end $$;

-- What is in use by the rows of volumes and snapshots, by project and resource.
create view counted_quota as
select project_id, resource, sum(amount)::bigint as amount
from (select v.project_id, r.resource, r.amount
      from volumes v,
           lateral (values ('volumes', 1), ('gigabytes', v.size_gb), ('volumes_' || v.volume_type_id, 1),
                           ('gigabytes_' || v.volume_type_id, v.size_gb)) r (resource, amount)
      where v.deleted_at is null and v.consumes_quota
      union all
      select s.project_id, r.resource, r.amount
      from snapshots s,
           lateral (values ('snapshots', 1), ('gigabytes', s.size_gb), ('snapshots_' || s.volume_type_id, 1),
                           ('gigabytes_' || s.volume_type_id, s.size_gb)) r (resource, amount)
      where s.deleted_at is null and s.consumes_quota) counted
group by project_id, resource;

-- Usages that are not what the rows come to. True while nothing is in progress.
create view quota_drift as
select coalesce(u.project_id, c.project_id) as project_id, coalesce(u.resource, c.resource) as resource,
       coalesce(u.in_use, 0) as in_use, coalesce(u.reserved, 0) as reserved, coalesce(c.amount, 0) as counted
from quota_usages u
full join counted_quota c on c.project_id = u.project_id and c.resource = u.resource
where coalesce(u.in_use, 0) <> coalesce(c.amount, 0) or coalesce(u.reserved, 0) <> 0;

-- Records what there is as in use, wherever it differs; returns for how many usages. Nothing while an operation is in
-- progress: its reservation would be lost. The lock comes before the look: whoever reserves waits until this
-- is done, and whoever reserved before is seen.
create function sync_quota() returns bigint
language plpgsql as $$
declare
    corrected bigint;
begin
    lock table quota_usages in share row exclusive mode;
    insert into quota_usages (project_id, resource, in_use, reserved)
    select project_id, resource, counted, 0 from quota_drift
    where not exists (select from operations where state in ('admitted', 'running'))
    on conflict (project_id, resource) do update set in_use = excluded.in_use, reserved = 0;
    get diagnostics corrected = row_count;
    return corrected;
end $$;
