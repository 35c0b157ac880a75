//! Who may do what: Cinder's default rules on every route and action, and what a policy file changes.

use anyhow::Context as _;
use harness::{Client, Cluster, ClusterBuilder, until};
use policy::Rule;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the services may take to read a policy file again.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Nothing has this id: whoever may ask is told so.
const ID: &str = "00000000-0000-0000-0000-000000000000";

/// Cinder 29's routes and actions with its default rules: who may (admins, members, readers, or anyone who is known), the rule
/// that refuses, the method, the path below the project, and the body.
const CINDER: &str = r#"
R volume:get_all GET volumes
R volume:get_all GET volumes/detail
R volume:get_all GET volumes/summary
M volume:create POST volumes {"volume":{"size":1}}
R volume:get GET volumes/ID
M volume:update PUT volumes/ID {"volume":{}}
M volume:delete DELETE volumes/ID
A volume:force_delete DELETE volumes/ID?force=true
R volume:get_volume_metadata GET volumes/ID/metadata
M volume:create_volume_metadata POST volumes/ID/metadata {"metadata":{}}
M volume:update_volume_metadata PUT volumes/ID/metadata {"metadata":{}}
R volume:get_volume_metadata GET volumes/ID/metadata/k
M volume:update_volume_metadata PUT volumes/ID/metadata/k {"meta":{"k":"v"}}
M volume:delete_volume_metadata DELETE volumes/ID/metadata/k
R volume_extension:volume_encryption_metadata GET volumes/ID/encryption
R volume_extension:volume_encryption_metadata GET volumes/ID/encryption/k
M volume:extend POST volumes/ID/action {"os-extend":{"new_size":2}}
A volume_extension:volume_admin_actions:force_delete POST volumes/ID/action {"os-force_delete":{}}
M volume:revert_to_snapshot POST volumes/ID/action {"revert":{}}
M volume:retype POST volumes/ID/action {"os-retype":{"new_type":"t"}}
A volume_extension:volume_admin_actions:migrate_volume POST volumes/ID/action {"os-migrate_volume":{}}
A volume_extension:volume_admin_actions:migrate_volume_completion POST volumes/ID/action {"os-migrate_volume_completion":{}}
A volume_extension:volume_admin_actions:extend_volume_completion POST volumes/ID/action {"os-extend_volume_completion":{}}
A volume_extension:volume_unmanage POST volumes/ID/action {"os-unmanage":{}}
M volume_extension:volume_actions:reserve POST volumes/ID/action {"os-reserve":{}}
M volume_extension:volume_actions:unreserve POST volumes/ID/action {"os-unreserve":{}}
M volume_extension:volume_actions:initialize_connection POST volumes/ID/action {"os-initialize_connection":{}}
M volume_extension:volume_actions:terminate_connection POST volumes/ID/action {"os-terminate_connection":{}}
M volume_extension:volume_actions:attach POST volumes/ID/action {"os-attach":{}}
M volume_extension:volume_actions:detach POST volumes/ID/action {"os-detach":{}}
M volume_extension:volume_actions:begin_detaching POST volumes/ID/action {"os-begin_detaching":{}}
M volume_extension:volume_actions:roll_detaching POST volumes/ID/action {"os-roll_detaching":{}}
A volume_extension:volume_admin_actions:force_detach POST volumes/ID/action {"os-force_detach":{}}
A volume_extension:volume_admin_actions:reset_status POST volumes/ID/action {"os-reset_status":{}}
M volume:update_readonly_flag POST volumes/ID/action {"os-update_readonly_flag":{}}
M volume:update POST volumes/ID/action {"os-set_bootable":{}}
M volume_extension:volume_image_metadata:set POST volumes/ID/action {"os-set_image_metadata":{}}
M volume_extension:volume_image_metadata:remove POST volumes/ID/action {"os-unset_image_metadata":{}}
R volume:get_volume_metadata POST volumes/ID/action {"os-show_image_metadata":{}}
M volume_extension:volume_actions:upload_image POST volumes/ID/action {"os-volume_upload_image":{}}
M volume:reimage POST volumes/ID/action {"os-reimage":{}}
A volume_extension:list_manageable GET manageable_volumes
A volume_extension:list_manageable GET manageable_volumes/detail
A volume_extension:volume_manage POST manageable_volumes {"volume":{}}
A volume_extension:list_manageable GET os-volume-manage
A volume_extension:list_manageable GET os-volume-manage/detail
A volume_extension:volume_manage POST os-volume-manage {"volume":{}}
A snapshot_extension:list_manageable GET manageable_snapshots
A snapshot_extension:list_manageable GET manageable_snapshots/detail
A snapshot_extension:snapshot_manage POST manageable_snapshots {"snapshot":{}}
A snapshot_extension:list_manageable GET os-snapshot-manage
A snapshot_extension:list_manageable GET os-snapshot-manage/detail
A snapshot_extension:snapshot_manage POST os-snapshot-manage {"snapshot":{}}
E - GET attachments
E - GET attachments/detail
E - GET attachments/ID
M volume:attachment_create POST attachments {"attachment":{"volume_uuid":"ID"}}
M volume:attachment_update PUT attachments/ID {"attachment":{"connector":{}}}
M volume:attachment_delete DELETE attachments/ID
M volume:attachment_complete POST attachments/ID/action {"os-complete":{}}
R backup:get_all GET backups
R backup:get_all GET backups/detail
M backup:create POST backups {"backup":{"volume_id":"ID"}}
A backup:backup-import POST backups/import_record {"backup-record":{}}
R backup:get GET backups/ID
M backup:update PUT backups/ID {"backup":{}}
M backup:delete DELETE backups/ID
M backup:restore POST backups/ID/restore {"restore":{}}
A backup:export-import GET backups/ID/export_record
A volume_extension:backup_admin_actions:reset_status POST backups/ID/action {"os-reset_status":{}}
A volume_extension:backup_admin_actions:force_delete POST backups/ID/action {"os-force_delete":{}}
R volume:get_all_snapshots GET snapshots
R volume:get_all_snapshots GET snapshots/detail
M volume:create_snapshot POST snapshots {"snapshot":{"volume_id":"ID"}}
R volume:get_snapshot GET snapshots/ID
M volume:update_snapshot PUT snapshots/ID {"snapshot":{}}
M volume:delete_snapshot DELETE snapshots/ID
R volume:get_snapshot_metadata GET snapshots/ID/metadata
M volume:update_snapshot_metadata POST snapshots/ID/metadata {"metadata":{}}
M volume:update_snapshot_metadata PUT snapshots/ID/metadata {"metadata":{}}
R volume:get_snapshot_metadata GET snapshots/ID/metadata/k
M volume:update_snapshot_metadata PUT snapshots/ID/metadata/k {"meta":{"k":"v"}}
M volume:delete_snapshot_metadata DELETE snapshots/ID/metadata/k
A volume_extension:snapshot_admin_actions:reset_status POST snapshots/ID/action {"os-reset_status":{}}
A volume_extension:snapshot_admin_actions:force_delete POST snapshots/ID/action {"os-force_delete":{}}
M snapshot_extension:snapshot_actions:update_snapshot_status POST snapshots/ID/action {"os-update_snapshot_status":{}}
A snapshot_extension:snapshot_unmanage POST snapshots/ID/action {"os-unmanage":{}}
R volume:get_all_transfers GET volume-transfers
R volume:get_all_transfers GET volume-transfers/detail
M volume:create_transfer POST volume-transfers {"transfer":{"volume_id":"ID"}}
R volume:get_transfer GET volume-transfers/ID
M volume:accept_transfer POST volume-transfers/ID/accept {"accept":{"auth_key":"k"}}
M volume:delete_transfer DELETE volume-transfers/ID
R volume:get_all_transfers GET os-volume-transfer
R volume:get_all_transfers GET os-volume-transfer/detail
M volume:create_transfer POST os-volume-transfer {"transfer":{"volume_id":"ID"}}
R volume:get_transfer GET os-volume-transfer/ID
M volume:accept_transfer POST os-volume-transfer/ID/accept {"accept":{"auth_key":"k"}}
M volume:delete_transfer DELETE os-volume-transfer/ID
R volume_extension:type_get_all GET types
R volume_extension:type_get GET types/ID
A volume_extension:type_create POST types {"volume_type":{}}
A volume_extension:type_update PUT types/ID {"volume_type":{}}
A volume_extension:type_delete DELETE types/ID
R volume_extension:types_extra_specs:index GET types/ID/extra_specs
R volume_extension:types_extra_specs:show GET types/ID/extra_specs/k
A volume_extension:types_extra_specs:create POST types/ID/extra_specs {"extra_specs":{}}
A volume_extension:types_extra_specs:update PUT types/ID/extra_specs/k {"k":"v"}
A volume_extension:types_extra_specs:delete DELETE types/ID/extra_specs/k
A volume_extension:volume_type_access:get_all_for_type GET types/ID/os-volume-type-access
A volume_extension:volume_type_access:addProjectAccess POST types/ID/action {"addProjectAccess":{}}
A volume_extension:volume_type_access:removeProjectAccess POST types/ID/action {"removeProjectAccess":{}}
A volume_extension:volume_type_encryption:get GET types/ID/encryption
A volume_extension:volume_type_encryption:create POST types/ID/encryption {"encryption":{}}
A volume_extension:volume_type_encryption:get GET types/ID/encryption/k
A volume_extension:volume_type_encryption:update PUT types/ID/encryption/k {"encryption":{}}
A volume_extension:volume_type_encryption:delete DELETE types/ID/encryption/k
A volume_extension:default_get_all GET default-types
A volume_extension:default_get GET default-types/project
A volume_extension:default_set_or_update PUT default-types/project {"default_type":{}}
A volume_extension:default_unset DELETE default-types/project
A volume_extension:qos_specs_manage:get_all GET qos-specs
A volume_extension:qos_specs_manage:get GET qos-specs/ID
A volume_extension:qos_specs_manage:create POST qos-specs {"qos_specs":{}}
A volume_extension:qos_specs_manage:update PUT qos-specs/ID {"qos_specs":{}}
A volume_extension:qos_specs_manage:delete DELETE qos-specs/ID
A volume_extension:qos_specs_manage:delete PUT qos-specs/ID/delete_keys {"keys":[]}
A volume_extension:qos_specs_manage:get_all GET qos-specs/ID/associations
A volume_extension:qos_specs_manage:update GET qos-specs/ID/associate?vol_type_id=ID
A volume_extension:qos_specs_manage:update GET qos-specs/ID/disassociate?vol_type_id=ID
A volume_extension:qos_specs_manage:update GET qos-specs/ID/disassociate_all
R volume_extension:quotas:show GET os-quota-sets/PROJECT
R volume_extension:quotas:show GET os-quota-sets/PROJECT/defaults
A volume_extension:quotas:show GET os-quota-sets/other
A volume_extension:quotas:show GET os-quota-sets/other/defaults
A volume_extension:quotas:update PUT os-quota-sets/other {"quota_set":{}}
A volume_extension:quotas:delete DELETE os-quota-sets/other
A volume_extension:quota_classes:get GET os-quota-class-sets/c
A volume_extension:quota_classes:update PUT os-quota-class-sets/c {"quota_class_set":{}}
E - GET limits
R message:get_all GET messages
R message:get GET messages/ID
M message:delete DELETE messages/ID
E - GET extensions
E - GET extensions/x
E - GET resource_filters
E - GET os-availability-zone
A volume_extension:capabilities GET capabilities/h
A volume_extension:services:index GET os-services
A volume_extension:services:index GET os-services/protection?host=h
A volume_extension:services:update PUT os-services/enable {}
A volume_extension:services:update PUT os-services/disable {}
A volume_extension:services:update PUT os-services/disable-log-reason {}
A volume_extension:services:update PUT os-services/freeze {}
A volume_extension:services:update PUT os-services/thaw {}
A volume_extension:services:update PUT os-services/failover_host {}
A volume_extension:services:update PUT os-services/failover {}
A volume_extension:services:update PUT os-services/reset_active_backend {}
A volume_extension:services:update PUT os-services/replication_enable {}
A volume_extension:services:update PUT os-services/set-log {}
A volume_extension:services:update PUT os-services/get-log {}
A scheduler_extension:scheduler_stats:get_pools GET scheduler-stats/get_pools
A volume_extension:hosts GET os-hosts
A volume_extension:hosts GET os-hosts/h
A volume_extension:hosts PUT os-hosts/h {}
A clusters:get_all GET clusters
A clusters:get_all GET clusters/detail
A clusters:get GET clusters/c
A clusters:update PUT clusters/enable {}
A clusters:update PUT clusters/disable {}
A workers:cleanup POST workers/cleanup {}
"#;

/// Rules that no line of the walk can meet alone: they decide on fields, or after another rule, or on the state of a volume.
const NOT_WALKED: &[Rule] = &[
    Rule::VolumeMultiattach,
    Rule::VolumeCreateFromImage,
    Rule::VolumeReimageReserved,
    Rule::VolumeUploadPublic,
    Rule::VolumeHostAttribute,
    Rule::VolumeTenantAttribute,
    Rule::VolumeMigrationAttribute,
    Rule::VolumeImageMetadataShow,
    Rule::VolumeExtendAttached,
    Rule::AttachmentMultiattachBootable,
    Rule::SnapshotExtendedAttributes,
    Rule::BackupProjectAttribute,
    Rule::TypeExtraSpecsAttribute,
    Rule::TypeQosSpecsAttribute,
    Rule::TypeAccessAttribute,
    Rule::ExtraSpecsReadSensitive,
    Rule::LimitsUsed,
    Rule::FreezeHost,
    Rule::ThawHost,
    Rule::FailoverHost,
];

/// A line of [`CINDER`].
struct Line {
    allowed: char,
    rule: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
}

fn lines(project: &str) -> anyhow::Result<Vec<Line>> {
    let line = |text: &'static str| {
        let mut parts = text.splitn(5, ' ');
        let mut next = || parts.next().context(text);
        let (allowed, rule, method, path) = (next()?, next()?, next()?, next()?);
        let body = parts.next().map(|body| body.replace("ID", ID).parse());
        Ok(Line {
            allowed: allowed.chars().next().context(text)?,
            rule,
            method: method.parse()?,
            path: format!("/{}", path.replace("ID", ID).replace("PROJECT", project)),
            body: body.transpose()?,
        })
    };
    CINDER.trim().lines().map(line).collect()
}

async fn ask(client: &Client, line: &Line) -> anyhow::Result<(u16, String)> {
    let request = client.request(line.method.clone(), &line.path);
    let request = match &line.body {
        Some(body) => request.json(body),
        None => request,
    };
    let answer = Client::send(request).await?;
    Ok((answer.status, answer.body.to_string()))
}

/// How Cinder refuses a line. Whoever may not see an object is told that first: of a volume, that it is not there.
fn refusal(line: &Line, can_see: bool) -> (u16, String) {
    let of_a_volume = line.path.starts_with(&format!("/volumes/{ID}"));
    let of_a_snapshot = line.path.starts_with(&format!("/snapshots/{ID}"));
    let of_a_backup = line.path.starts_with(&format!("/backups/{ID}"));
    let rule = match line.rule {
        encryption if encryption.ends_with("volume_encryption_metadata") => encryption,
        _ if of_a_volume && !can_see => {
            return (404, format!("Volume {ID} could not be found."));
        }
        _ if of_a_snapshot && !can_see => "volume:get_snapshot",
        _ if of_a_backup && !can_see => "backup:get",
        rule if rule.starts_with("volume_extension:default_") => {
            return (403, "You are not authorized to perform this operation.".to_owned());
        }
        rule => rule,
    };
    (403, format!("Policy doesn't allow {rule} to be performed."))
}

/// Whoever has these roles, and the lines that they may.
const PERSONAS: [(&str, &str); 6] = [
    ("admin", "AMRE"),
    ("member,reader", "MRE"),
    ("reader", "RE"),
    ("service", "E"),
    ("disabled", "E"),
    ("Member,Reader", "MRE"),
];

#[tokio::test]
async fn every_route_and_action_lets_those_pass_whom_cinder_lets_pass() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    for (roles, may) in PERSONAS {
        let client = cluster.client().in_project("mine").with_roles(roles);
        for line in lines("mine")? {
            let (status, body) = ask(&client, &line).await?;
            let what = format!("{roles}: {} {}: {status} {body}", line.method, line.path);
            assert_ne!(status, 500, "{what}");
            if may.contains(line.allowed) {
                assert_ne!(status, 403, "{what}");
                continue;
            }
            let (expected, text) = refusal(&line, may.contains('R'));
            assert_eq!(status, expected, "{what}");
            assert!(body.contains(&text), "{what}");
        }
    }
    cluster.finish(&[]).await
}

#[test]
fn the_walk_meets_every_rule() -> anyhow::Result<()> {
    let walked: BTreeSet<_> =
        lines("p")?.iter().filter_map(|line| line.rule.parse::<Rule>().ok()).collect();
    for rule in Rule::ALL {
        assert_ne!(walked.contains(rule), NOT_WALKED.contains(rule), "{rule}");
    }
    Ok(())
}

#[tokio::test]
async fn what_belongs_to_another_project_is_not_there() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    let backup = format!("/backups/{}", client.create_backup(&volume).await?);
    let stranger = client.in_project("stranger").with_roles("member,reader");
    let theirs = [format!("/volumes/{volume}"), format!("/snapshots/{snapshot}"), backup.clone()];
    for path in theirs {
        assert_eq!(stranger.get(&path).await?.status, 404, "{path}");
        assert_eq!(stranger.delete(&path).await?.status, 404, "{path}");
    }
    let body = json!({ "snapshot": { "volume_id": volume } });
    assert_eq!(stranger.post("/snapshots", body).await?.status, 404);
    let body = json!({ "backup": { "volume_id": volume } });
    assert_eq!(stranger.post("/backups", body).await?.status, 404);
    let body = json!({ "restore": {} });
    assert_eq!(stranger.post(&format!("{backup}/restore"), body).await?.status, 404);
    assert_eq!(stranger.get("/backups").await?.body["backups"], json!([]));
    cluster.finish(&[]).await
}

/// Writes a policy file, and waits until a list of volumes is answered so.
async fn write(cluster: &Cluster, text: &str, client: &Client, status: u16) -> anyhow::Result<()> {
    std::fs::write(cluster.directory().join("policy.yaml"), text)?;
    until("the policy is read again", RELOAD_TIMEOUT, || async {
        client.get("/volumes").await.is_ok_and(|answer| answer.status == status)
    })
    .await
}

async fn log_says(cluster: &Cluster, text: &str) -> anyhow::Result<()> {
    until("the log tells it", RELOAD_TIMEOUT, || async { cluster.logs().contains(text) }).await
}

#[tokio::test]
async fn a_policy_file_is_followed_and_a_broken_one_changes_nothing() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let guest = cluster.client().with_roles("guest");
    assert_eq!(guest.get("/volumes").await?.status, 403);
    write(&cluster, "volume:get_all: role:guest\n", &guest, 200).await?;
    // the broken file names another rule: when that one were in force, the good one after it were so too
    std::fs::write(cluster.directory().join("policy.yaml"), "volume:get_al: '!'\n")?;
    log_says(&cluster, "volume:get_al").await?;
    assert_eq!(guest.get("/volumes").await?.status, 200);
    write(&cluster, "volume:get_all: role:other\n", &guest, 403).await?;
    std::fs::remove_file(cluster.directory().join("policy.yaml"))?;
    log_says(&cluster, "it is not there any more").await?;
    assert_eq!(cluster.client().with_roles("other").get("/volumes").await?.status, 200);
    cluster.finish(&["the policy cannot be read again"]).await
}

#[tokio::test]
async fn rules_can_compare_an_objects_user() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let text = "volume:get_all: role:x\n\
                volume:delete: user_id:%(user_id)s\n\
                volume:get_snapshot: user_id:%(user_id)s\n\
                volume:create_snapshot: user_id:%(user_id)s\n";
    let (volume, x) = (client.available_volume(1).await?, client.with_roles("member,reader,x"));
    write(&cluster, text, &client.with_roles("x"), 200).await?;
    let snapshot = json!({ "snapshot": { "volume_id": volume } });
    let colleague = x.as_user("colleague");
    let refused = colleague.delete(&format!("/volumes/{volume}")).await?.expect_status(403)?;
    assert_eq!(refused.fault(), "Policy doesn't allow volume:delete to be performed.");
    colleague.post("/snapshots", snapshot.clone()).await?.expect_status(403)?;
    let snapshot = x.post("/snapshots", snapshot).await?.expect_status(202)?;
    let id = snapshot.body["snapshot"]["id"].as_str().unwrap_or_default();
    let of_snapshot = json!({ "volume": { "size": 1, "snapshot_id": id } });
    colleague.post("/volumes", of_snapshot).await?.expect_status(403)?;
    x.wait_until(&format!("/snapshots/{id}"), "snapshot", "available").await?;
    x.delete(&format!("/snapshots/{id}")).await?.expect_status(202)?;
    until("the snapshot is gone", RELOAD_TIMEOUT, || async {
        x.get(&format!("/snapshots/{id}")).await.is_ok_and(|answer| answer.status == 404)
    })
    .await?;
    x.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    cluster.finish(&[]).await
}
