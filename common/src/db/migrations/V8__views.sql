-- Rows as readers see them.

create view volume_details as
select v.*, b.name as backend_name, b.name || '#' || v.pool as host, t.name as volume_type_name,
       (select s.id from services s where s.backend_id = v.backend_id order by s.created_at limit 1) as service_id
from volumes v
join backends b on b.id = v.backend_id
join volume_types t on t.id = v.volume_type_id;

create view service_details as
select s.*, seen_recently(s.seen_at) as is_up
from services s;
