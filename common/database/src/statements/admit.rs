//! The function that admits requests for one operation.
//!
//! It looks at every request, with its rows locked, before it changes anything: what is refused leaves no trace. Several
//! requests share one transaction, and each gets its own answer; of those that change the same row only the first can pass, and
//! the others have to ask again.
//!
//! A row is looked up by its id alone, and whether it was removed is looked at afterwards: while tables are small, PostgreSQL
//! would otherwise plan to read a whole index of the rows that are there, and keep that plan when there are many.

use super::rows::{self, variable};
use super::{conditions, quota};
use model::Binary;
use operation::OperationKind;
use operation::contract::{Contract, Effect, Ending, Resource, Role, Runs, StartsFrom, Touch};
use operation::precondition::Precondition;
use std::fmt::Write as _;

/// What is the same for every line of one operation's function.
struct Admission {
    kind: OperationKind,
    contract: &'static Contract,
    runs: Runs,
}

/// The text of the function.
pub(super) fn function(kind: OperationKind) -> String {
    Admission { kind, contract: kind.contract(), runs: kind.runs() }.function()
}

/// The columns of a request that every operation records.
const RECORDED: &str = "\
id, request_id, traceparent, user_id, project_id, kind, arguments, subject_table, subject_id,
                                volume_id, snapshot_ids, volume_type_id, backup_id, uses, exclusive_on, backend_id, backend_epoch,
                                executor, migration, columns_when_failed, quota, state, finished_at";

/// A row of a request that no other request of the transaction may change.
struct ChangedRow {
    ids: &'static str,
    /// What stands before and after the list of rows in the condition that it is among them.
    is_one_of: (&'static str, &'static str),
}

impl Admission {
    fn function(&self) -> String {
        let Self { kind, contract, .. } = self;
        let mut sql = format!(
            "\n-- {}\ncreate function admit_{kind}(requests admission_request[], default_limits jsonb) \
             returns setof admission_answer\nlanguage plpgsql as $$\n",
            contract.summary
        );
        sql += &self.declarations();
        let _ = writeln!(
            sql,
            "begin\n    gates := enter_gates(located{}, {});",
            if self.migrates() {
                " || array(select x.destination_id from unnest(requests) x)"
            } else {
                ""
            },
            contract.class.is_exclusive()
        );
        sql += &self.decisions();
        sql += &self.operations();
        sql += &self.reservations();
        sql += &self.changes();
        sql += &self.answers();
        sql += "end $$;\n";
        sql
    }

    fn declarations(&self) -> String {
        let mut sql = "declare\n    r admission_request;\n    n integer := 0;\n".to_owned();
        for (role, touch) in self.contract.parts() {
            let _ = writeln!(sql, "    {} {};", variable(role), touch.resource.table());
        }
        if self.contract.parts().any(|(role, _)| role == Role::Snapshot) {
            sql += "    related uuid;\n";
        }
        let _ = writeln!(
            sql,
            "    -- the backend of each request\n    located uuid[] := array(\n        select {} \
             from unnest(requests) with ordinality x order by x.ordinality);",
            self.located()
        );
        sql += "    gates backend_gate[];\n    refusal jsonb;\n    passed passed_request[] := '{}';\n    admitted uuid[];\n";
        if !self.changed_rows().is_empty() {
            sql += "    touched uuid[] := '{}';\n";
        }
        if self.has_quota() {
            sql += "    asked quota_demand[];\n    demands quota_demand[] := '{}';\n    over record;\n";
        }
        sql
    }

    /// Where placement put it, or the backend that holds the first of its resources that are there.
    fn located(&self) -> String {
        let holders =
            self.contract.parts().filter(|(_, touch)| touch.starts_from != StartsFrom::New);
        let holders = holders.filter_map(|(role, touch)| self.backend_of(role, touch.resource));
        let all: Vec<_> = ["x.backend_id".to_owned()].into_iter().chain(holders).collect();
        match all.as_slice() {
            [one] => one.clone(),
            several => format!("coalesce({})", several.join(",\n            ")),
        }
    }

    fn decisions(&self) -> String {
        let asked = if self.has_quota() { "\n        asked := '{}';" } else { "" };
        let mut sql = format!(
            "    foreach r in array requests loop\n        n := n + 1;{asked}\n        <<decide>>\n        begin\n"
        );
        self.passes_gate(&mut sql, "located[n], r.allowed_conditions");
        if self.migrates() {
            self.passes_gate(&mut sql, "r.destination_id, r.destination_conditions");
        }
        let changed = self.changed_rows();
        for row in &changed {
            let (before, after) = row.is_one_of;
            let _ = writeln!(
                sql,
                "            if {before}touched{after} then\n                refusal := '{{\"reason\": \"locked\"}}';\n                exit decide;\n            end if;"
            );
        }
        for (role, touch) in self.contract.parts() {
            sql += &self.look_at(role, touch);
        }
        let _ = writeln!(
            sql,
            "        end decide;\n        if refusal is not null then\n            return next not_admitted(r, refusal, {});\n            continue;\n        end if;",
            self.runs_beside_others()
        );
        for row in &changed {
            let _ = writeln!(sql, "        touched := touched || {};", row.ids);
        }
        let amounts = if self.has_quota() {
            sql += "        demands := demands || asked;\n";
            "array(select (a.project_id, a.resource, a.amount)::quota_amount from unnest(asked) a where not a.is_each)"
        } else {
            "'{}'"
        };
        let _ = writeln!(
            sql,
            "        passed := passed || (r, gate_of(gates, located[n]), {amounts})::passed_request;\n    end loop;\n    \
             if cardinality(passed) = 0 then\n        return;\n    end if;"
        );
        sql
    }

    /// The rows that are there and that the admission changes.
    fn changed_rows(&self) -> Vec<ChangedRow> {
        let mut changed = Vec::new();
        for (role, touch) in self.contract.parts() {
            let row = match role {
                Role::Subject if touch.starts_from != StartsFrom::New => {
                    ChangedRow { ids: "r.subject", is_one_of: ("r.subject = any (", ")") }
                }
                Role::Volume if self.is_changed(role, touch) => {
                    ChangedRow { ids: "r.volume", is_one_of: ("r.volume = any (", ")") }
                }
                Role::Snapshot if self.is_changed(role, touch) => {
                    ChangedRow { ids: "r.snapshots", is_one_of: ("r.snapshots && ", "") }
                }
                Role::Backup if self.is_changed(role, touch) => {
                    ChangedRow { ids: "r.backup", is_one_of: ("r.backup = any (", ")") }
                }
                Role::Subject | Role::Volume | Role::Snapshot | Role::Backup | Role::VolumeType => {
                    continue;
                }
            };
            changed.push(row);
        }
        changed
    }

    fn passes_gate(&self, sql: &mut String, gate: &str) {
        let _ = writeln!(
            sql,
            "            refusal := gate_refusal(gates, {gate});\n            exit decide when refusal is not null;"
        );
    }

    /// Looks at a resource, locked: whether it is there, and nothing stands against the operation.
    fn look_at(&self, role: Role, touch: &Touch) -> String {
        let row = variable(role);
        match (role, touch.starts_from) {
            (Role::Subject, StartsFrom::New) => {
                let table = touch.resource.table();
                let indent = "            ";
                let mut sql =
                    format!("{indent}{row} := jsonb_populate_record(null::{table}, r.columns);\n");
                sql += &preconditions(touch.preconditions, touch.resource, row, indent);
                sql + &self.demands(touch, row, indent)
            }
            (Role::Subject, _) => self.look_at_row(role, touch, "r.subject", "            "),
            (Role::Volume | Role::Backup | Role::VolumeType, _) => format!(
                "            if r.{row} is not null then\n{}            end if;\n",
                self.look_at_row(role, touch, &format!("r.{row}"), "                ")
            ),
            (Role::Snapshot, _) => format!(
                "            foreach related in array r.snapshots loop\n{}            end loop;\n",
                self.look_at_row(role, touch, "related", "                ")
            ),
        }
    }

    fn look_at_row(&self, role: Role, touch: &Touch, id: &str, indent: &str) -> String {
        let (row, table) = (variable(role), touch.resource.table());
        let scope = self.scope(touch.resource, "r");
        let mode = self.lock_mode(role, touch);
        let mut sql = format!(
            "{indent}select * into {row} from {table} where id = {id}{scope} for {mode};\n"
        );
        let missing = if self.contract.class.is_exclusive() {
            "false".to_owned()
        } else {
            format!("(select deleted_at is null from {table} where id = {id}{scope})")
        };
        let missing = format!("missing_row('{table}', {id}, {missing})");
        if makes_base(touch.resource) && role == Role::Subject {
            let _ = writeln!(
                sql,
                "{indent}if not found then\n{indent}    {row} := jsonb_populate_record(null::{table}, r.base);\n{indent}end if;"
            );
        }
        let _ = writeln!(
            sql,
            "{indent}if {row}.id is null or {row}.deleted_at is not null then\n{indent}    refusal := {missing};\n{indent}    exit decide;\n{indent}end if;"
        );
        if let Some(holder) = self.held_by(role, touch.resource) {
            let _ = writeln!(
                sql,
                "{indent}if {holder} is distinct from located[n] then\n{indent}    refusal := '{{\"reason\": \"moved\"}}';\n{indent}    exit decide;\n{indent}end if;"
            );
        }
        if let StartsFrom::Statuses(statuses) = touch.starts_from {
            let words: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
            let list = words.join("', '");
            let _ = writeln!(
                sql,
                "{indent}if {row}.status not in ('{list}') then\n{indent}    refusal := wrong_status('{table}', to_jsonb({row}), array['{list}']);\n{indent}    exit decide;\n{indent}end if;"
            );
        }
        sql += &preconditions(touch.preconditions, touch.resource, row, indent);
        if role == Role::Subject && self.migrates() {
            let deeper = format!("{indent}    ");
            let _ = write!(
                sql,
                "{indent}if r.destination_id is not null then\n{}{indent}end if;\n",
                preconditions(Effect::Migrates.preconditions(), touch.resource, row, &deeper)
            );
        }
        sql + &self.demands(touch, row, indent)
    }

    /// What a row demands of the quota: of its project's, or of those of its old and its new one.
    fn demands(&self, touch: &Touch, row: &str, indent: &str) -> String {
        if self.changes_owner() {
            quota::demands_of_new_owner(touch, row, indent)
        } else {
            quota::demands(touch, row, indent)
        }
    }

    /// A row that is only looked at is kept as it is until the admission is committed. A type is locked against references,
    /// too, where it is removed: it gets no new volume.
    fn lock_mode(&self, role: Role, touch: &Touch) -> String {
        let is_changed = !self.assigned(role, touch).is_empty();
        let is_removed = matches!(touch.when_done, Ending::Removed(_));
        let mode = match touch.resource {
            Resource::VolumeType | Resource::QosSpecs if is_removed => "update",
            _ if is_changed || self.contract.class.is_exclusive() => "no key update",
            _ => "share",
        };
        // an operator waits for a heartbeat; everybody else asks again
        let wait = if self.contract.class.is_exclusive() { "" } else { " skip locked" };
        format!("{mode}{wait}")
    }

    /// The backend that holds a row that is locked, where that is to be compared with the one whose gate it passed.
    fn held_by(&self, role: Role, resource: Resource) -> Option<String> {
        let row = variable(role);
        let knows_volume = self.contract.parts().any(|(_, touch)| {
            touch.resource == Resource::Volume && touch.starts_from != StartsFrom::New
        });
        match resource {
            Resource::Volume => Some(format!("{row}.backend_id")),
            Resource::Snapshot | Resource::Attachment
                if !knows_volume || self.has_one_of_sources() =>
            {
                Some(format!("(select v.backend_id from volumes v where v.id = {row}.volume_id)"))
            }
            Resource::Snapshot
            | Resource::Attachment
            | Resource::Backup
            | Resource::Transfer
            | Resource::VolumeType
            | Resource::QosSpecs
            | Resource::Message
            | Resource::Project
            | Resource::QuotaClass
            | Resource::Backend => None,
        }
    }

    /// The condition that the caller may see the row; what changes its owner is not the caller's yet.
    fn scope(&self, resource: Resource, request: &str) -> String {
        match resource {
            _ if self.changes_owner() => String::new(),
            Resource::Volume
            | Resource::Snapshot
            | Resource::Attachment
            | Resource::Backup
            | Resource::Transfer
            | Resource::Message => {
                format!(" and project_id = coalesce({request}.project_scope, project_id)")
            }
            Resource::VolumeType
            | Resource::QosSpecs
            | Resource::Project
            | Resource::QuotaClass
            | Resource::Backend => String::new(),
        }
    }

    /// The backend that holds a resource of the request `x`; `None` for what is on no backend.
    fn backend_of(&self, role: Role, resource: Resource) -> Option<String> {
        let id = match role {
            Role::Subject => "x.subject",
            Role::Volume => "x.volume",
            Role::Snapshot => "x.snapshots[1]",
            Role::Backup | Role::VolumeType => return None,
        };
        match resource {
            Resource::Volume => Some(format!(
                "(select case when deleted_at is null then backend_id end from volumes where id = {id}{})",
                self.scope(resource, "x")
            )),
            Resource::Snapshot | Resource::Attachment => Some(format!(
                "(select v.backend_id from volumes v where v.id = \
             (select case when deleted_at is null then volume_id end from {} where id = {id}{}))",
                resource.table(),
                self.scope(resource, "x")
            )),
            Resource::Backend => Some(id.to_owned()),
            Resource::Backup
            | Resource::Transfer
            | Resource::VolumeType
            | Resource::QosSpecs
            | Resource::Message
            | Resource::Project
            | Resource::QuotaClass => None,
        }
    }

    fn operations(&self) -> String {
        let Self { kind, contract, runs } = self;
        let epoch =
            if contract.has(Effect::BeginsEpoch) { "(p.gate).epoch + 1" } else { "(p.gate).epoch" };
        let (state, finished) = match runs {
            Runs::InAdmission => ("done", "clock_timestamp()"),
            Runs::OnBackend(_) | Runs::InBackupService(_) => ("admitted", "null"),
        };
        let executor = match runs {
            Runs::InAdmission | Runs::OnBackend(_) => Binary::Volume,
            Runs::InBackupService(_) => Binary::Backup,
        };
        let table = contract.subject.resource.table();
        format!(
            "    with inserted as (
        insert into operations ({RECORDED})
        select (p.request).id, (p.request).request_id, (p.request).traceparent, (p.request).user_id, (p.request).project_id,
               '{kind}', (p.request).arguments, '{table}', (p.request).subject, (p.request).volume, (p.request).snapshots,
               (p.request).volume_type, (p.request).backup, (p.request).uses, (p.request).exclusive_on, (p.gate).backend_id, {epoch},
               '{executor}', (p.request).migration, (p.request).columns_when_failed, p.quota, '{state}', {finished}
        from unnest(passed) p
        on conflict do nothing
        returning id)
    select array(select id from inserted) into admitted;
    if cardinality(admitted) < cardinality(passed) then
        return query
            select a.* from unnest(passed) p, not_admitted(p.request, null, false) a where (p.request).id <> all (admitted);
    end if;
"
        )
    }

    fn reservations(&self) -> String {
        if !self.has_quota() {
            return String::new();
        }
        let mut sql = String::new();
        if self.changes_owner() {
            sql += "    perform lock_usages(array(select d from unnest(demands) d where d.request = any (admitted)));\n";
        }
        sql += "    \
    for over in
        select * from reserve_quota(array(select d from unnest(demands) d where d.request = any (admitted)))
    loop
        delete from operations where id = over.request;
        admitted := array_remove(admitted, over.request);
        return next (over.request, 'refused', null, null, null, over.refusal)::admission_answer;
    end loop;
";
        if self.runs == Runs::InAdmission {
            sql += "    perform return_quota(array(\n        select (q.project_id, q.resource, -q.amount)::returned_amount\n        from unnest(passed) p, unnest(p.quota) q where (p.request).id = any (admitted) and q.amount < 0));\n";
        }
        sql
    }

    fn changes(&self) -> String {
        let mut sql = String::new();
        if self.contract.has(Effect::BeginsEpoch) {
            sql += "    perform begin_epoch(x.subject, x.id) from unnest(requests) x where x.id = any (admitted);\n";
        }
        for (role, touch) in self.contract.parts() {
            sql += &self.change(role, touch);
        }
        if self.contract.has(Effect::RestartsReplication) {
            sql += "    perform reset_volume_replication(x.subject) from unnest(requests) x where x.id = any (admitted);\n";
        }
        if let Some(event) = self.kind.event() {
            let _ = writeln!(sql, "    perform notify_of(admitted, '{event}.start');");
            if self.runs == Runs::InAdmission {
                let _ = writeln!(sql, "    perform notify_of(admitted, '{event}.end');");
            }
        }
        sql
    }

    fn change(&self, role: Role, touch: &Touch) -> String {
        let table = touch.resource.table();
        if touch.starts_from == StartsFrom::New {
            let columns = rows::inserted(self.contract);
            let values: Vec<_> = columns.iter().map(|column| format!("n.{column}")).collect();
            let status = rows::first_status(touch, self.runs);
            let (status_column, status) = match status {
                Some(status) => (", status", format!(", '{}'", status.as_str())),
                None => ("", String::new()),
            };
            return format!(
                "    insert into {table} ({}{status_column})\n    select {}{status}\n    from unnest(requests) x, jsonb_populate_record(null::{table}, x.columns) n\n    where x.id = any (admitted);\n",
                columns.join(", "),
                values.join(", ")
            );
        }
        let mut sql = String::new();
        if role == Role::Subject && makes_base(touch.resource) {
            let owner = if touch.resource == Resource::Project { "project_id" } else { "name" };
            let _ = writeln!(
                sql,
                "    insert into {table} (id, {owner})\n    select n.id, n.{owner} from unnest(requests) x, jsonb_populate_record(null::{table}, x.base) n\n    where x.id = any (admitted) and n.id is not null\n    on conflict do nothing;"
            );
        }
        let from = format!(
            "from unnest(requests) x\n    where x.id = any (admitted) and {}",
            rows::is_the_row(role)
        );
        sql + &rows::update(touch.resource, &self.assigned(role, touch), &from)
    }

    /// The assignments with which the admission changes a row that is there.
    fn assigned(&self, role: Role, touch: &Touch) -> Vec<String> {
        let columns = if role == Role::Subject { self.contract.written_on_admission } else { &[] };
        let mut assigned = rows::on_admission(touch, self.runs, columns);
        if self.changes_owner() && matches!(touch.resource, Resource::Volume | Resource::Snapshot) {
            assigned
                .extend(["project_id = x.project_id".to_owned(), "user_id = x.user_id".to_owned()]);
        }
        assigned
    }

    /// Whether the admission changes a row that is there, or only looks at it.
    fn is_changed(&self, role: Role, touch: &Touch) -> bool {
        touch.starts_from != StartsFrom::New && !self.assigned(role, touch).is_empty()
    }

    fn answers(&self) -> String {
        let subject = &self.contract.subject;
        let shown = if subject.starts_from == StartsFrom::New {
            format!(
                "(select to_jsonb(v) from {} v where v.id = (p.request).subject)",
                subject.resource.view()
            )
        } else {
            "null::jsonb".to_owned()
        };
        let in_flight = if self.contract.class.is_exclusive() {
            "operations_in_flight((p.request).subject)"
        } else {
            "null::bigint"
        };
        format!(
            "    return query
        select (p.request).id, 'admitted'::text, (p.gate).name, {shown}, {in_flight}, null::jsonb
        from unnest(passed) p where (p.request).id = any (admitted);
"
        )
    }

    fn has_quota(&self) -> bool {
        self.contract.touches().any(|touch| !touch.quota.is_empty())
    }

    /// Whether it passes whatever else is in progress on its subject: it is over at once, and needs no particular status, nor
    /// that nothing is in progress.
    fn runs_beside_others(&self) -> bool {
        let subject = &self.contract.subject;
        let is_alone = |required: &Precondition| required.name == "no_operation_in_progress";
        self.runs == Runs::InAdmission
            && subject.starts_from == StartsFrom::Anything
            && !subject.preconditions.iter().any(is_alone)
    }

    fn changes_owner(&self) -> bool {
        self.contract.has(Effect::ChangesOwner)
    }

    fn migrates(&self) -> bool {
        self.contract.has(Effect::Migrates)
    }

    /// Whether the subject is made of a volume or of a snapshot.
    fn has_one_of_sources(&self) -> bool {
        self.contract.subject.starts_from == StartsFrom::New
            && matches!(self.contract.subject.resource, Resource::Volume | Resource::Backup)
    }
}

/// Whether the resource exists by being spoken of.
const fn makes_base(resource: Resource) -> bool {
    matches!(resource, Resource::Project | Resource::QuotaClass)
}

fn preconditions(required: &[Precondition], resource: Resource, row: &str, indent: &str) -> String {
    let mut sql = String::new();
    for Precondition { name, .. } in required {
        let condition = conditions::condition(name, row, "r.arguments");
        let condition = condition.replace('\n', &format!("\n{indent}   "));
        let _ = writeln!(
            sql,
            "{indent}-- {name}\n{indent}if not coalesce({condition}, false) then\n{indent}    refusal := precondition_refusal('{}', to_jsonb({row}), '{name}');\n{indent}    exit decide;\n{indent}end if;",
            resource.table()
        );
    }
    sql
}
