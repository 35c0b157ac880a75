//! The function that ends operations of one kind: its record, the resources that it touches and its quota change together.

use super::rows::{self, is_the_row};
use operation::OperationKind;
use operation::contract::{Contract, Effect, Ending, Resource, Role, Runs, StartsFrom};
use std::fmt::Write as _;

/// The text of the function.
pub(super) fn function(kind: OperationKind) -> String {
    let contract = kind.contract();
    let mut sql = format!(
        "\ncreate function finish_{kind}(ends operation_end[]) returns setof uuid\nlanguage plpgsql as $$\n"
    );
    let has_quota = contract.touches().any(|touch| !touch.quota.is_empty());
    sql += "declare\n    some_succeeded boolean;\n    some_failed boolean;\n";
    if has_quota {
        sql += "    returned returned_amount[];\n";
    }
    sql += "begin\n";
    sql += &locks(contract);
    sql += &records(kind, contract, has_quota);
    sql += &Outcome::Succeeded.where_some(&changes(contract, Outcome::Succeeded));
    let mut failures = changes(contract, Outcome::Failed);
    failures += &messages(kind, contract);
    sql += &Outcome::Failed.where_some(&failures);
    if has_quota {
        sql += "    perform return_quota(returned);\n";
    }
    if contract.has(Effect::BeginsEpoch) {
        sql += "    perform record_failover(x.subject, x.failover) from unnest(ends) x\n    where x.failover is not null;\n";
    }
    sql += &notifications(kind);
    sql += "    return query select x.id from unnest(ends) x;\nend $$;\n";
    sql
}

/// How an operation ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed,
}

impl Outcome {
    /// The condition that the end `x` is such a one.
    const fn condition(self) -> &'static str {
        match self {
            Self::Succeeded => "x.succeeded",
            Self::Failed => "not x.succeeded",
        }
    }

    /// Statements that are about such ends: nothing of them runs where there are none.
    fn where_some(self, statements: &str) -> String {
        let some = match self {
            Self::Succeeded => "some_succeeded",
            Self::Failed => "some_failed",
        };
        if statements.is_empty() {
            return String::new();
        }
        let indented: String = statements.lines().map(|line| format!("    {line}\n")).collect();
        format!("    if {some} then\n{indented}    end if;\n")
    }
}

/// How the resources change with such an end.
fn changes(contract: &Contract, outcome: Outcome) -> String {
    let mut sql = String::new();
    for (role, touch) in contract.parts() {
        let columns = if role == Role::Subject { contract.written_at_end } else { &[] };
        let (which, row) = (outcome.condition(), is_the_row(role));
        let from = format!("from unnest(ends) x\n    where {which} and {row}");
        let assigned = rows::at_end(touch, outcome == Outcome::Succeeded, columns);
        sql += &rows::update(touch.resource, &assigned, &from);
    }
    sql
}

/// The functions that end operations of any kind.
pub(super) fn dispatch() -> String {
    let kinds = OperationKind::ALL.iter().filter(|kind| kind.runs() != Runs::InAdmission);
    let cases: String = kinds
        .map(|kind| {
            format!("        when '{kind}' then return query select finish_{kind}(ends);\n")
        })
        .collect();
    format!(
        "
create function finish_operations(kind text, ends operation_end[]) returns setof uuid
language plpgsql as $$
begin
    case kind
{cases}    end case;
end $$;

-- Ends operations as failed, whoever works on them: what these do from now on does not count. Returns how many.
create function end_operations(ids uuid[], reason text) returns bigint
language plpgsql as $$
declare
    ending record;
    count bigint := 0;
    last_fence bigint := next_fence();
begin
    perform lock_backends(array(select subject_id from operations where id = any (ids) and subject_table = 'backends'));
    -- joins, and no lists in conditions: these would be searched from one end to the other for each row that somebody changes
    -- meanwhile
    perform from attachments t
    join unnest(array(select subject_id from operations where id = any (ids))) touched (id) using (id)
    order by t.id for no key update of t;
    perform from snapshots t
    join unnest(array(select subject_id from operations where id = any (ids)
                      union select unnest(snapshot_ids) from operations where id = any (ids))) touched (id) using (id)
    order by t.id for no key update of t;
    perform from volumes t
    join unnest(array(select subject_id from operations where id = any (ids)
                      union select volume_id from operations where id = any (ids))) touched (id) using (id)
    order by t.id for no key update of t;
    perform from backups t
    join unnest(array(select subject_id from operations where id = any (ids)
                      union select backup_id from operations where id = any (ids))) touched (id) using (id)
    order by t.id for no key update of t;
    perform from quota_usages u
    join (select distinct q.project_id, q.resource from operations o, unnest(o.quota) q where o.id = any (ids)) r
        using (project_id, resource)
    order by u.project_id, u.resource for no key update of u;
    for ending in
        with running as (
            update operations o set state = 'running', fence = last_fence
            from unnest(ids) each (id)
            where o.id = each.id and case when o.state in ('admitted', 'running') then true end
            returning o.*)
        select kind, array_agg((id, fence, subject_id, volume_id, snapshot_ids, backup_id, false, columns_when_failed, null, reason,
                                null, false)::operation_end) as ends
        from running
        group by kind
    loop
        count := count + (select count(*) from finish_operations(ending.kind, ending.ends));
    end loop;
    return count;
end $$;
"
    )
}

/// Rows are locked before the operation, table by table in the order of [`lock_order`], and in the order of their ids.
fn locks(contract: &Contract) -> String {
    let mut sql = String::new();
    if contract.subject.resource == Resource::Backend {
        sql += "    perform lock_backends(array(select x.subject from unnest(ends) x));\n";
    }
    let mut parts: Vec<_> = contract.parts().collect();
    parts.sort_by_key(|(_, touch)| lock_order(touch.resource));
    for (role, touch) in parts {
        let ids = match role {
            Role::Subject => "x.subject",
            Role::Volume => "x.volume",
            Role::Snapshot => "unnest(x.snapshots)",
            Role::Backup => "x.backup",
            Role::VolumeType => continue,
        };
        let changes = [true, false].iter().any(|succeeded| {
            let columns = if role == Role::Subject { contract.written_at_end } else { &[] };
            !rows::at_end(touch, *succeeded, columns).is_empty()
        });
        if changes {
            let _ = writeln!(
                sql,
                "    perform from {} where id = any (array(select {ids} from unnest(ends) x)) order by id for no key update;",
                touch.resource.table()
            );
        }
    }
    sql
}

/// What depends on a volume comes before it.
const fn lock_order(resource: Resource) -> usize {
    match resource {
        Resource::Attachment => 0,
        Resource::Snapshot => 1,
        Resource::Volume => 2,
        Resource::Backup
        | Resource::Transfer
        | Resource::VolumeType
        | Resource::QosSpecs
        | Resource::Message
        | Resource::Project
        | Resource::QuotaClass
        | Resource::Backend => 3,
    }
}

fn records(kind: OperationKind, contract: &Contract, has_quota: bool) -> String {
    let (returned, into) = if has_quota {
        // what it was to give back, if it ended well; what it had taken, unless that stays
        let given_back = if stays_when_failed(contract) {
            "q.amount < 0 and (d.ending).succeeded"
        } else {
            "(q.amount < 0) = (d.ending).succeeded"
        };
        (
            format!(
                ",\n           array(select (q.project_id, q.resource, abs(q.amount))::returned_amount\n                 \
                 from ended d, unnest(d.quota) q where {given_back})"
            ),
            "ends, some_succeeded, some_failed, returned",
        )
    } else {
        (String::new(), "ends, some_succeeded, some_failed")
    };
    format!(
        "    -- those that were lost to another claim are not among them any more
    with ended as (
        update operations o
        set state = case when x.succeeded then 'done' else 'failed' end, result = x.result, error = x.error,
            finished_at = clock_timestamp(), lease_until = null
        from unnest(ends) x
        where o.id = x.id and case when o.state = 'running' then
            -- what is said to have ended is what was admitted
            o.fence = x.fence and o.kind = '{kind}' and o.subject_id = x.subject
            and o.volume_id is not distinct from x.volume and o.snapshot_ids = x.snapshots
            and o.backup_id is not distinct from x.backup end
        returning o.quota, x as ending)
    select array(select d.ending from ended d),
           exists (select from ended d where (d.ending).succeeded),
           exists (select from ended d where not (d.ending).succeeded){returned}
    into {into};
"
    )
}

/// Whether the quota is taken although the operation failed. What an operation has made counts as long as its row is there,
/// though it be in error; what it only changed counts when the change succeeded.
fn stays_when_failed(contract: &Contract) -> bool {
    match contract.subject.when_failed {
        Ending::Removed(_) => false,
        Ending::Becomes(_)
        | Ending::PreviousStatus
        | Ending::ByAttachments
        | Ending::WholeByAttachments
        | Ending::AsAsked
        | Ending::AwaitsNoTransfer
        | Ending::Unchanged => contract.subject.starts_from == StartsFrom::New,
    }
}

/// Notifications of what operators wait for.
fn notifications(kind: OperationKind) -> String {
    let mut sql = String::new();
    if let Some(event) = kind.event() {
        for (ending, outcome) in [("end", Outcome::Succeeded), ("error", Outcome::Failed)] {
            let _ = writeln!(
                sql,
                "    perform notify_of(array(select x.id from unnest(ends) x where {}), '{event}.{ending}');",
                outcome.condition()
            );
        }
    }
    sql
}

/// Messages to users about what was answered before it failed. The operator finds the cause in the log, by the request's id.
fn messages(kind: OperationKind, contract: &Contract) -> String {
    let Some(resource_type) = contract.subject.resource.message_type() else {
        return String::new();
    };
    format!(
        "    insert into messages (project_id, request_id, resource_type, resource_id, action, detail)
    select o.project_id, o.request_id, '{resource_type}', o.subject_id, '{}', 'The storage backend could not do it.'
    from unnest(ends) x join operations o on o.id = x.id
    where not x.succeeded and x.tells_user;\n",
        kind.spoken()
    )
}
