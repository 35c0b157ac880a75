//! What each service may do in the database, and no more.
//!
//! Every service reads everything. What changes a resource goes through functions that run with the rights of the schema's owner,
//! and each service may call its own: the API cannot admit, a scheduler cannot end, a worker cannot admit. A role is called after
//! the database and the service, so that several installations in one PostgreSQL keep apart. Roles that are not there are not
//! missed: then everybody is the owner.

use super::DbError;
use operation::OperationKind;
use operation::contract::Runs;
use postgres_protocol::password;
use tokio_postgres::Client;

/// A service's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseRole {
    /// `cinderblock-api`
    Api,
    /// `cinderblock-scheduler`
    Scheduler,
    /// `cinderblock-volume`
    Volume,
}

/// What a role may do beside reading.
struct Rights {
    /// The functions that it may call.
    functions: Vec<String>,
    /// What it may do to tables: rights and table.
    writes: &'static [(&'static str, &'static str)],
}

impl DatabaseRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Api, Self::Scheduler, Self::Volume];

    /// How it is called: the name of the role ends with it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Scheduler => "scheduler",
            Self::Volume => "volume",
        }
    }

    fn rights(self) -> Rights {
        match self {
            Self::Api => Rights {
                functions: named(&["revoke_request", "operations_in_flight", "expire_leases_of"]),
                writes: &[("update (log_levels)", "services")],
            },
            Self::Scheduler => Rights {
                functions: OperationKind::ALL
                    .iter()
                    .map(|kind| format!("admit_{kind}"))
                    .chain(named(&[
                        "recorded_outcome",
                        "revoke_request",
                        "claim_notifications",
                        "purge_attachments",
                        "purge_snapshots",
                        "purge_volumes",
                        "purge_operations",
                        "purge_messages",
                        "analyze_grown_table",
                    ]))
                    .collect(),
                writes: &[
                    ("insert, update", "services"),
                    ("update (seen_at)", "backends"),
                    ("delete", "outbox"),
                ],
            },
            Self::Volume => Rights {
                functions: OperationKind::ALL
                    .iter()
                    .filter(|kind| matches!(kind.runs(), Runs::OnBackend(_)))
                    .map(|kind| format!("finish_{kind}"))
                    .chain(named(&[
                        "claim",
                        "renew_lease",
                        "hand_over",
                        "due_operations",
                        "expire_leases",
                        "register_backend",
                        "unequal_replicas",
                        "record_replicas",
                    ]))
                    .collect(),
                writes: &[
                    ("insert, update", "services"),
                    ("update (seen_at, report, storage_id)", "backends"),
                ],
            },
        }
    }
}

fn named(functions: &[&str]) -> Vec<String> {
    functions.iter().map(|name| (*name).to_owned()).collect()
}

/// For the functions of a schema that was just made: nobody else may call them, and those that services call run as their owner.
pub(crate) fn closed(schema: &str) -> String {
    let mut called: Vec<_> =
        DatabaseRole::ALL.iter().flat_map(|role| role.rights().functions).collect();
    called.sort_unstable();
    called.dedup();
    let run_as_owner = called.iter().map(|function| {
        format!(
            "alter function {schema}.{function} security definer set search_path = {schema}, public, pg_temp;\n"
        )
    });
    format!("revoke execute on all functions in schema {schema} from public;\n")
        + &run_as_owner.collect::<String>()
}

/// Gives the services' roles that are there what they need, with the functions of this schema.
pub(crate) async fn grant(client: &Client, schema: &str) -> Result<(), DbError> {
    for role in DatabaseRole::ALL {
        let Some(name) = quoted_name(client, role).await? else { continue };
        let Rights { functions, writes } = role.rights();
        let functions: Vec<_> =
            functions.iter().map(|function| format!("{schema}.{function}")).collect();
        let mut sql = format!(
            "grant usage on schema public, {schema} to {name}; grant select on all tables in schema public to {name}; \
             grant execute on function {} to {name};",
            functions.join(", ")
        );
        for (rights, table) in writes {
            sql += &format!("grant {rights} on {table} to {name};");
        }
        client.batch_execute(&sql).await?;
    }
    Ok(())
}

/// The name of a service's role as SQL has it, if there is such a role.
async fn quoted_name(client: &Client, role: DatabaseRole) -> Result<Option<String>, DbError> {
    let sql =
        "select quote_ident(rolname) from pg_roles where rolname = current_database() || '_' || $1";
    let row = client.query_opt(sql, &[&role.as_str()]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Makes a service's role, or gives it another password; returns its name. The server learns a verifier of the password alone.
pub(crate) async fn make_role(
    client: &Client,
    role: DatabaseRole,
    password: &str,
) -> Result<String, DbError> {
    let name: String =
        client.query_one("select current_database() || '_' || $1", &[&role.as_str()]).await?.get(0);
    let verb = if quoted_name(client, role).await?.is_some() { "alter" } else { "create" };
    let verifier = password::scram_sha_256(password.as_bytes());
    let sql: String = client
        .query_one(
            "select format('%s role %I login nosuperuser nocreatedb nocreaterole password %L; \
                            grant connect on database %I to %I', $1::text, $2::text, $3::text, current_database(), $2)",
            &[&verb, &name, &verifier],
        )
        .await?
        .get(0);
    client.batch_execute(&sql).await?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_admits_ends_nothing_and_who_ends_admits_nothing() {
        for role in DatabaseRole::ALL {
            let functions = role.rights().functions;
            let has = |prefix: &str| functions.iter().any(|name| name.starts_with(prefix));
            assert_eq!(has("admit_"), role == DatabaseRole::Scheduler, "{role:?}");
            assert_eq!(has("finish_"), role == DatabaseRole::Volume, "{role:?}");
        }
    }
}
