//! The conditions of the named preconditions, as SQL over a typed row and the operation's arguments.

use operation::change::MOST_ITEMS;

/// The condition of a precondition for the row that SQL knows as `row`, given arguments that it knows as `arguments` (JSON).
/// Null counts as false: a precondition without a condition would never hold.
#[must_use]
pub fn condition(precondition: &str, row: &str, arguments: &str) -> String {
    let found = CONDITIONS.iter().find(|(name, _)| *name == precondition);
    let text = found.map_or("null", |(_, text)| text);
    let text = text.replace("{row}", row).replace("{arguments}", arguments);
    format!("({})", text.replace("{most_items}", &MOST_ITEMS.to_string()))
}

/// Every condition by the name of its precondition.
pub(super) const CONDITIONS: &[(&str, &str)] = &[
    (
        "not_attached",
        "not exists (select from attachments a where a.volume_id = {row}.id and a.deleted_at is null)",
    ),
    (
        "unused_or_reserved_as_said",
        "case {row}.status
when 'reserved' then ({arguments} ->> 'reserved')::boolean
    and (select count(*) from attachments a where a.volume_id = {row}.id and a.deleted_at is null) <= 1
else not exists (select from attachments a where a.volume_id = {row}.id and a.deleted_at is null) end",
    ),
    (
        "no_snapshots",
        "not exists (select from snapshots s
            where s.volume_id = {row}.id and s.deleted_at is null
              and not coalesce({arguments} -> 'snapshots', '[]') ? s.id::text)",
    ),
    (
        "reservable",
        "{row}.status = 'available'
or ({row}.status in ('in-use', 'reserved', 'attaching')
    and ({row}.multiattach
         or exists (select from attachments a
                    where a.volume_id = {row}.id and a.deleted_at is null
                      and a.id <> ({arguments} ->> 'attachment_id')::uuid
                      and a.instance_id = ({arguments} ->> 'instance_id')::uuid)))",
    ),
    ("attach_mode_allowed", "not coalesce({row}.readonly, false) or {arguments} ->> 'mode' = 'ro'"),
    (
        "no_other_connection",
        "{row}.multiattach
or not exists (select from attachments other
               where other.volume_id = {row}.id and other.deleted_at is null
                 and other.connector is not null
                 and other.id <> ({arguments} ->> 'attachment_id')::uuid
                 and other.instance_id is distinct from
                     (select a.instance_id from attachments a where a.id = ({arguments} ->> 'attachment_id')::uuid))",
    ),
    (
        "attach_mode_unchanged",
        "{row}.connector is null or {row}.attach_mode = {arguments} ->> 'mode'",
    ),
    (
        "host_unchanged",
        "{row}.connector is null
or {row}.connector -> 'host' is not distinct from {arguments} #> '{connector,host}'",
    ),
    ("not_in_error", "{row}.status not like '%error%'"),
    ("not_connected", "{row}.connector is null"),
    (
        "online_copy_supported",
        "{row}.status = 'available'
or exists (select from backends b
           where b.id = {row}.backend_id and (b.report ->> 'online_snapshot_support')::boolean)",
    ),
    (
        "online_snapshot_supported",
        "{row}.status = 'available'
or (({arguments} ->> 'while_attached')::boolean
    and exists (select from backends b
                where b.id = {row}.backend_id and (b.report ->> 'online_snapshot_support')::boolean))",
    ),
    (
        "newest_of_its_size",
        "not exists (select from snapshots newer
            where newer.volume_id = {row}.volume_id and newer.deleted_at is null
              and newer.created_at > {row}.created_at)
and exists (select from volumes v where v.id = {row}.volume_id and v.size_gb = {row}.size_gb)",
    ),
    ("size_increases", "({arguments} ->> 'new_size_gb')::integer > {row}.size_gb"),
    (
        "online_extend_supported",
        "{row}.status <> 'in-use'
or (({arguments} ->> 'while_attached')::boolean
    and exists (select from backends b
                where b.id = {row}.backend_id and (b.report ->> 'online_extend_support')::boolean))",
    ),
    (
        "no_operation_in_progress",
        "not exists (select from operations o where o.state in ('admitted', 'running') and o.subject_id = {row}.id)
and not exists (select from operations o where o.state in ('admitted', 'running') and o.volume_id = {row}.id)
and not exists (select from operations o where o.state in ('admitted', 'running') and o.backup_id = {row}.id)
and not exists (select from operations o
                where o.state in ('admitted', 'running') and o.snapshot_ids <> '{}'
                  and o.snapshot_ids @> array[{row}.id])",
    ),
    (
        "status_matches_attachments",
        "case when exists (select from attachments a where a.volume_id = {row}.id and a.deleted_at is null)
     then coalesce({arguments} ->> 'status', '') not in ('available', 'creating') and not ({arguments} ->> 'detached')::boolean
     else {arguments} ->> 'status' is distinct from 'in-use'
end",
    ),
    (
        "status_unchanged",
        "{arguments} ->> 'seen' is null or {row}.status = {arguments} ->> 'seen'",
    ),
    (
        "on_active_side",
        "{arguments} ->> 'status' is null or {row}.replication_status not in ('not-capable', 'failover-error')",
    ),
    ("type_changes", "{row}.volume_type_id <> ({arguments} ->> 'volume_type_id')::uuid"),
    (
        "keeps_multiattach",
        "{row}.status = 'available' or {row}.multiattach = ({arguments} ->> 'multiattach')::boolean",
    ),
    (
        "not_used_by_operation",
        "not exists (select from operations o
            where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[{row}.id])",
    ),
    (
        "metadata_fits",
        "{arguments} #> '{metadata,merge}' is null
or (select count(*) from jsonb_object_keys({row}.metadata || ({arguments} #> '{metadata,merge}'))) <= {most_items}",
    ),
    (
        "image_metadata_fits",
        "{arguments} #> '{image_metadata,merge}' is null
or (select count(*) from jsonb_object_keys({row}.image_metadata || ({arguments} #> '{image_metadata,merge}'))) <= {most_items}",
    ),
    (
        "has_metadata_key",
        "{arguments} #> '{metadata,remove_key}' is null
or {row}.metadata ? ({arguments} #>> '{metadata,remove_key}')",
    ),
    (
        "has_image_metadata_key",
        "{arguments} #> '{image_metadata,remove_key}' is null
or {row}.image_metadata ? ({arguments} #>> '{image_metadata,remove_key}')",
    ),
    (
        "metadata_unchanged",
        "{arguments} -> 'metadata_seen' is null or {row}.metadata = {arguments} -> 'metadata_seen'",
    ),
    (
        "type_unused",
        "not exists (select from volumes v where v.volume_type_id = {row}.id and v.deleted_at is null)
and not exists (select from operations o
                where o.state in ('admitted', 'running') and o.uses <> '{}' and o.uses @> array[{row}.id])",
    ),
    (
        "type_exists",
        // locked: a type that is being removed gets no new volume
        "exists (select from volume_types t where t.id = {row}.volume_type_id and t.deleted_at is null for key share)",
    ),
    (
        "not_a_project_default",
        "not exists (select from projects p where p.default_volume_type_id = {row}.id)",
    ),
    (
        "encryption_changes",
        "coalesce(jsonb_typeof({row}.encryption) = 'object', false) = ({arguments} ->> 'is_there')::boolean",
    ),
    (
        "no_other_qos",
        "coalesce({row}.qos_specs_id = ({arguments} ->> 'qos_specs_id')::uuid, true)
and exists (select from qos_specs q
            where q.id = ({arguments} ->> 'qos_specs_id')::uuid and q.deleted_at is null for key share)",
    ),
    (
        "qos_unused",
        "not exists (select from volume_types t where t.qos_specs_id = {row}.id and t.deleted_at is null)",
    ),
    (
        "has_specs",
        "{row}.specs ?& array(select jsonb_array_elements_text({arguments} -> 'remove_keys'))",
    ),
    (
        "keeps_front_end_qos",
        "{row}.status = 'available'
or front_end_qos({row}.volume_type_id)
   is not distinct from front_end_qos(({arguments} ->> 'volume_type_id')::uuid)",
    ),
    (
        "not_the_only_type",
        "exists (select from volume_types t where t.id <> {row}.id and t.deleted_at is null)",
    ),
    (
        "has_extra_spec",
        "{arguments} #> '{extra_specs,remove_key}' is null
or {row}.extra_specs ? ({arguments} #>> '{extra_specs,remove_key}')",
    ),
    ("is_private", "not {row}.is_public"),
    (
        "access_changes",
        "{row}.access ? ({arguments} ->> 'project') <> ({arguments} ->> 'allowed')::boolean",
    ),
    (
        "limits_cover_usage",
        "not exists (select from quota_usages u, jsonb_each_text({arguments} -> 'limits') l (resource, quota_limit)
               where u.project_id = {arguments} ->> 'project' and u.resource = l.resource
                 and l.quota_limit::bigint >= 0 and u.used > l.quota_limit::bigint)",
    ),
    (
        "backend_replicates",
        "not {row}.replicated
or exists (select from backends b
           where b.id = {row}.backend_id and b.active_backend_id is null and b.replication_status = 'enabled')",
    ),
    ("not_replicated", "not {row}.replicated"),
    (
        "can_fail_over",
        "{row}.replication_status in ('enabled', 'failed-over', 'failover-error')",
    ),
    (
        "target_configured",
        "({arguments} ->> 'target' is null
 or {row}.report -> 'replication_targets' ? ({arguments} ->> 'target'))
and ({arguments} ->> 'target' is distinct from {row}.active_backend_id
     or {arguments} ->> 'accepted_loss' is not null)",
    ),
    (
        "target_is_up",
        // what was said long ago is not held against it
        "not seen_recently({row}.seen_at)
or not coalesce({row}.report -> 'sides_down', '[]') ? coalesce({arguments} ->> 'target', 'default')",
    ),
    (
        "worker_is_up",
        // one whose array has burned does not report any more, but lives
        "exists (select from services s where s.backend_id = {row}.id and seen_recently(s.seen_at))",
    ),
    (
        "is_failed_over",
        "{row}.active_backend_id is not null and {row}.replication_status in ('failed-over', 'failover-error')",
    ),
    (
        "ready_for_promotion",
        "not seen_recently({row}.seen_at)
or not exists (select from services s where s.backend_id = {row}.id and seen_recently(s.seen_at))
or not coalesce({row}.report -> 'replication_targets', '[]') ? {row}.active_backend_id",
    ),
    (
        "can_replicate",
        "{row}.active_backend_id is null and {row}.replication_status = 'disabled'
and jsonb_array_length(coalesce({row}.report -> 'replication_targets', '[]')) > 0",
    ),
    (
        "replicates",
        "{row}.active_backend_id is null and {row}.replication_status in ('enabled', 'failover-error')",
    ),
    (
        "not_offered",
        "not exists (select from transfers t where t.volume_id = {row}.id and t.deleted_at is null)",
    ),
    (
        "snapshots_available",
        "coalesce(({arguments} ->> 'no_snapshots')::boolean, false)
or not exists (select from snapshots s
               where s.volume_id = {row}.id and s.deleted_at is null
                 and (s.status <> 'available' or s.project_id <> {row}.project_id))",
    ),
    (
        "key_fits",
        "coalesce({row}.crypt_hash = encode(sha256(convert_to({arguments} ->> 'key_hash', 'utf8')), 'hex')
         and {row}.volume_id = ({arguments} ->> 'volume_id')::uuid, false)",
    ),
    (
        // what the donor has kept of others stays theirs
        "snapshots_go_with_it",
        "case when {row}.no_snapshots then coalesce({arguments} -> 'snapshots' = '[]', false)
     else not exists (select from snapshots s
                      where s.volume_id = {row}.volume_id and s.deleted_at is null
                        and (s.project_id <> {row}.project_id or not {arguments} -> 'snapshots' ? s.id::text))
      and not exists (select from jsonb_array_elements_text({arguments} -> 'snapshots') e (id)
                      join snapshots s on s.id = e.id::uuid and s.volume_id <> {row}.volume_id)
end",
    ),
    (
        "backup_service_reaches_source",
        "exists (select from services s, volumes v
        where v.id = {row}.volume_id and s.binary_name = 'cinder-backup' and seen_recently(s.seen_at)
          and v.backend_id = any (s.reached)
          and s.availability_zone = coalesce({arguments} ->> 'availability_zone', s.availability_zone))",
    ),
    (
        "backup_service_reaches_it",
        "exists (select from services s
        where s.binary_name = 'cinder-backup' and seen_recently(s.seen_at) and {row}.backend_id = any (s.reached))",
    ),
    (
        "backup_service_up",
        "exists (select from services s where s.binary_name = 'cinder-backup' and seen_recently(s.seen_at))",
    ),
    (
        "online_backup_supported",
        "{row}.status = 'available'
or (({arguments} ->> 'while_attached')::boolean
    and exists (select from backends b
                where b.id = {row}.backend_id and (b.report ->> 'online_snapshot_support')::boolean))",
    ),
    (
        "data_stay",
        "not exists (select from backups o
            where o.service_metadata = {row}.service_metadata and o.deleted_at is null and o.status = 'deleting')",
    ),
    (
        "no_dependent_backups",
        "not exists (select from backups d where d.parent_id = {row}.id and d.deleted_at is null)",
    ),
    ("large_enough", "{row}.size_gb >= ({arguments} ->> 'size_gb')::integer"),
    ("no_drill", "{row}.drill_id is null"),
    (
        "has_drill",
        "{row}.drill_id is not null and coalesce({row}.drill_id = ({arguments} ->> 'drill_id')::uuid, true)",
    ),
    (
        "drill_target_configured",
        "coalesce({row}.report -> 'replication_targets' ? ({arguments} ->> 'target'), false)",
    ),
    ("is_frozen", "{row}.frozen_at is not null"),
    ("is_not_frozen", "{row}.frozen_at is null"),
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_precondition_of_an_operation_has_its_condition_and_no_condition_is_left_over() {
        let mut conditions: Vec<_> = super::CONDITIONS.iter().map(|(name, _)| *name).collect();
        conditions.sort_unstable();
        let known = operation::preconditions();
        let names: Vec<_> = known.iter().map(|precondition| precondition.name).collect();
        assert_eq!(names, conditions);
    }
}
