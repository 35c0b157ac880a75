-- Quota: what is asked for counts as used from the admission on; what an operation gives back is subtracted when it has ended
-- well, and what it had taken when it has failed. Most operations end without touching the quota. Requests that are admitted
-- together lock and change each usage once.

-- What a request asks of a quota. With `is_each` nothing is taken: the amount must be within the limit, whatever else there is.
create type quota_demand as (
    request uuid, project_id text, resource text, amount bigint, default_limit bigint, is_each boolean
);

-- What the end of operations gives back to one quota of a project.
create type returned_amount as (project_id text, resource text, amount bigint);

-- The limit of a project: its own, that of the default class, or the configured one. A negative one is none.
create function quota_limit(project text, limited text, default_limit bigint) returns bigint
language plpgsql stable as $$
begin
    return coalesce(
        (select (quota ->> limited)::bigint from projects where project_id = project),
        (select (quota ->> limited)::bigint from quota_classes where name = 'default'),
        default_limit);
end $$;

create function over_quota(limited text, requested bigint, used bigint, quota_limit bigint) returns jsonb
language sql immutable as $$
    select jsonb_build_object('reason', 'over_quota', 'resource', limited, 'requested', requested, 'in_use', used,
                              'limit', quota_limit)
$$;

-- What one resource of one project is asked for by several requests.
create type quota_total as (project_id text, resource text, amount bigint, quota_limit bigint);

-- What demands come to, by project and resource. Limits of single volumes are no part of it.
create function quota_totals(demands quota_demand[]) returns quota_total[]
language plpgsql stable as $$
begin
    return array(
        select (t.project_id, t.resource, t.amount, quota_limit(t.project_id, t.resource, t.default_limit))::quota_total
        from (select d.project_id, d.resource, sum(d.amount) as amount, min(d.default_limit) as default_limit
              from unnest(demands) d
              where d.amount > 0 and not d.is_each
              group by d.project_id, d.resource) t);
end $$;

-- Reserves what requests demand; returns those that the quota refuses, for which nothing is reserved. Where everything
-- fits, each usage is changed once; otherwise the requests of a project that exceeds its quota are looked at one by one, in
-- their order.
create function reserve_quota(demands quota_demand[]) returns table (request uuid, refusal jsonb)
language plpgsql as $$
declare
    too_large uuid[];
    totals quota_total[];
    exceeding text;
    of_project quota_demand[];
begin
    for reserve_quota.request, reserve_quota.refusal in
        select distinct on (d.request) d.request, over_quota(d.resource, d.amount, 0, l.quota_limit)
        from unnest(demands) d, quota_limit(d.project_id, d.resource, d.default_limit) l (quota_limit)
        where d.is_each and d.amount > l.quota_limit and l.quota_limit >= 0
    loop
        too_large := too_large || reserve_quota.request;
        return next;
    end loop;
    if too_large is not null then
        demands := array(select d from unnest(demands) d where d.request <> all (too_large));
    end if;
    totals := quota_totals(demands);
    if cardinality(totals) = 0 then
        return;
    end if;
    insert into quota_usages (project_id, resource)
    select t.project_id, t.resource from unnest(totals) t
    where not exists (select from quota_usages u where u.project_id = t.project_id and u.resource = t.resource)
    order by t.project_id, t.resource
    on conflict do nothing;
    if usages_cover(totals) then
        perform add_used(totals);
        return;
    end if;
    for exceeding in select distinct t.project_id from unnest(totals) t order by t.project_id loop
        of_project := array(select d from unnest(demands) d where d.project_id = exceeding);
        if usages_cover(quota_totals(of_project)) then
            perform add_used(quota_totals(of_project));
        else
            return query select * from reserve_one_by_one(of_project);
        end if;
    end loop;
end $$;

-- Locks what requests take and what they give back, in the order of everybody: they are of two projects.
create function lock_usages(demands quota_demand[]) returns void
language plpgsql as $$
begin
    perform from quota_usages u
    join (select distinct project_id, resource from unnest(demands) where not is_each) d using (project_id, resource)
    order by u.project_id, u.resource
    for no key update of u;
end $$;

create function reserve_one_by_one(demands quota_demand[]) returns table (request uuid, refusal jsonb)
language plpgsql as $$
declare
    totals quota_total[];
begin
    for reserve_one_by_one.request in
        select d.request
        from unnest(demands) with ordinality d (request, project_id, resource, amount, default_limit, is_each, n)
        group by d.request order by min(d.n)
    loop
        totals := quota_totals(array(select d from unnest(demands) d where d.request = reserve_one_by_one.request));
        if usages_cover(totals) then
            perform add_used(totals);
        else
            select over_quota(t.resource, t.amount, u.used, t.quota_limit) into reserve_one_by_one.refusal
            from unnest(totals) t
            join quota_usages u on u.project_id = t.project_id and u.resource = t.resource
            where t.quota_limit >= 0 and u.used + t.amount > t.quota_limit
            order by t.project_id, t.resource
            limit 1;
            return next;
        end if;
    end loop;
end $$;

-- Locks usages, and tells whether all limits allow so much more.
create function usages_cover(totals quota_total[]) returns boolean
language plpgsql as $$
begin
    return (
        select coalesce(bool_and(locked.quota_limit < 0 or locked.used + locked.amount <= locked.quota_limit), true)
        from (select t.amount, t.quota_limit, u.used as used
              from unnest(totals) t
              join quota_usages u on u.project_id = t.project_id and u.resource = t.resource
              order by u.project_id, u.resource
              for no key update of u) locked
    );
end $$;

create function add_used(totals quota_total[]) returns void
language plpgsql as $$
begin
    update quota_usages u set used = u.used + t.amount
    from unnest(totals) t
    where u.project_id = t.project_id and u.resource = t.resource;
end $$;

create function return_quota(returned returned_amount[]) returns void
language plpgsql as $$
begin
    if cardinality(returned) = 0 then
        return;
    end if;
    perform from quota_usages u
    join (select distinct project_id, resource from unnest(returned)) r using (project_id, resource)
    order by u.project_id, u.resource
    for no key update of u;
    update quota_usages u set used = u.used - r.amount
    from (select x.project_id, x.resource, sum(x.amount) as amount
          from unnest(returned) x
          group by x.project_id, x.resource) r
    where u.project_id = r.project_id and u.resource = r.resource;
end $$;

-- Records what there is as used, wherever it differs; returns for how many usages. Nothing while an operation is in
-- progress: what it has reserved would be lost. The lock comes before the look: whoever reserves waits until this
-- is done, and whoever reserved before is seen.
create function sync_quota() returns bigint
language plpgsql as $$
declare
    corrected bigint;
begin
    lock table quota_usages in share row exclusive mode;
    insert into quota_usages (project_id, resource, used)
    select project_id, resource, counted from quota_drift
    where not exists (select from operations where state in ('admitted', 'running'))
    on conflict (project_id, resource) do update set used = excluded.used;
    get diagnostics corrected = row_count;
    return corrected;
end $$;
