-- Rows as readers see them.

create view attachment_details as
select a.*, v.backend_id, b.name as backend_name
from attachments a
join volumes v on v.id = a.volume_id
join backends b on b.id = v.backend_id;

-- The joins are outer ones, although every volume has its backend and type: where none of their columns is asked for, as in counts
-- and sums of very many volumes, PostgreSQL leaves them out.
create view volume_details as
select v.*, b.name as backend_name, b.name || '#' || v.pool as host, t.name as volume_type_name,
       case when b.clustered then b.name end as cluster_name,
       coalesce(v.replica_in_sync_at, case when v.replication_extended_status = 'in-sync' then b.replicas_looked_at end)
           as replica_as_of,
       case when q.consumer in ('front-end', 'both') then q.specs end as front_end_qos,
       (select s.id from services s where s.backend_id = v.backend_id order by s.created_at limit 1) as service_id,
       case when exists (select from attachments a
                         where a.volume_id = v.id and a.deleted_at is null
                           and a.status in ('attached', 'detaching', 'error_detaching'))
           then 'attached' else 'detached' end as attach_status,
       -- no server is attached to what has one of these statuses
       case when v.status in ('creating', 'available', 'deleting', 'managing', 'unmanaging') then '[]' else
           (select coalesce(jsonb_agg(to_jsonb(a) - 'connector' - 'connection_info' order by a.attached_at), '[]')
            from attachments a
            where a.volume_id = v.id and a.deleted_at is null
              and a.status in ('attached', 'detaching', 'error_detaching')) end as attachments
from volumes v
left join backends b on b.id = v.backend_id
left join volume_types t on t.id = v.volume_type_id
left join qos_specs q on q.id = t.qos_specs_id;

create view snapshot_details as
select s.*, v.backend_id, b.name as backend_name, v.availability_zone
from snapshots s
join volumes v on v.id = s.volume_id
join backends b on b.id = v.backend_id;

create view backup_details as
select b.*,
       exists (select from backups d where d.parent_id = b.id and d.deleted_at is null) as has_dependent_backups
from backups b;

create view service_details as
select s.*, seen_recently(s.seen_at) as is_up, coalesce(s.epoch = b.epoch, s.backend_id is null) as confirmed_epoch
from services s left join backends b on b.id = s.backend_id;

create view message_details as
select m.*, 'VOLUME_' || m.resource_type || '_' || coalesce(n.numbers, upper(replace(m.action, ' ', '_'))) as event_id
from messages m
-- Cinder's numbers of what was tried and of what came of it; other actions have none there
left join (values ('create volume', '008_012'), ('extend volume', '007_010'), ('unmanage volume', '006_001'),
                  ('create snapshot', '009_013'), ('delete snapshot', '010_016')) n (action, numbers) using (action)
where m.expires_at > now();
