-- Quota as it should be, by the rows that there are.

-- What is in use by the rows of volumes, snapshots and backups, by project and resource.
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
      where s.deleted_at is null and s.consumes_quota
      union all
      select b.project_id, r.resource, r.amount
      from backups b, lateral (values ('backups', 1), ('backup_gigabytes', b.size_gb)) r (resource, amount)
      where b.deleted_at is null) counted
group by project_id, resource;

-- Usages that are not what the rows come to. True while nothing is in progress.
create view quota_drift as
select coalesce(u.project_id, c.project_id) as project_id, coalesce(u.resource, c.resource) as resource,
       coalesce(u.used, 0) as used, coalesce(c.amount, 0) as counted
from quota_usages u
full join counted_quota c on c.project_id = u.project_id and c.resource = u.resource
where coalesce(u.used, 0) <> coalesce(c.amount, 0);

-- What operations in progress have reserved, by project and resource: the part of a usage that is not there yet.
create view reserved_quota as
select q.project_id, q.resource, sum(q.amount)::bigint as amount
from operations o, unnest(o.quota) q
where o.state in ('admitted', 'running') and q.amount > 0
group by q.project_id, q.resource;
