//! What each service may do in the database, and no more.
//!
//! Every service reads everything. What changes a resource goes through functions that run with the rights of the schema's owner,
//! and each service may call its own: the API cannot admit, a scheduler cannot end, a worker cannot admit. A role is called after
//! the database and the service, so that several installations in one PostgreSQL keep apart. Roles that are not there are not
//! missed: then everybody is the owner.

use super::DbError;
use configuration::with_user;
use operation::OperationKind;
use operation::contract::Runs;
use postgres_protocol::password;
use tokio_postgres::{Config, GenericClient, Transaction};

/// A service's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseRole {
    /// `cinderblock-api`
    Api,
    /// `cinderblock-scheduler`
    Scheduler,
    /// `cinderblock-volume`
    Volume,
    /// `cinderblock-backup`
    Backup,
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
    pub const ALL: [Self; 4] = [Self::Api, Self::Scheduler, Self::Volume, Self::Backup];

    /// How it is called: the name of the role ends with it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Scheduler => "scheduler",
            Self::Volume => "volume",
            Self::Backup => "backup",
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
                        "purge_backups",
                        "purge_transfers",
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
                        "record_replica_ages",
                        "record_verified",
                        "record_drill_copy",
                        "record_drill_end",
                    ]))
                    .collect(),
                writes: &[
                    ("insert, update", "services"),
                    ("update (seen_at, report, storage_id, replicas_looked_at)", "backends"),
                ],
            },
            Self::Backup => Rights {
                functions: OperationKind::ALL
                    .iter()
                    .filter(|kind| matches!(kind.runs(), Runs::InBackupService(_)))
                    .map(|kind| format!("finish_{kind}"))
                    .chain(named(&[
                        "claim_for_backup",
                        "due_for_backup",
                        "renew_lease",
                        "expire_leases",
                    ]))
                    .collect(),
                writes: &[("insert, update", "services"), ("update (seen_at)", "backends")],
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

/// Gives the services' roles that are there what they need, with the functions of this schema, and takes what they do not need.
pub(crate) async fn grant(client: &Transaction<'_>, schema: &str) -> Result<(), DbError> {
    for role in DatabaseRole::ALL {
        let Some(found) = find_role(client, role).await? else { continue };
        let name = &found.quoted;
        let Rights { functions, writes } = role.rights();
        let functions: Vec<_> =
            functions.iter().map(|function| format!("{schema}.{function}")).collect();
        let mut sql = format!(
            "revoke all on all tables in schema public from {name}; revoke all on all functions in schema {schema} from {name}; \
             grant usage on schema public, {schema} to {name}; grant select on all tables in schema public to {name}; \
             grant execute on function {} to {name};",
            functions.join(", ")
        );
        for (rights, table) in writes {
            sql += &format!("grant {rights} on {table} to {name};");
        }
        client.batch_execute(&sql).await?;
        require_no_more(client, &found).await?;
    }
    Ok(())
}

/// A service's role as the server has it.
struct FoundRole {
    name: String,
    /// Its name as SQL has it.
    quoted: String,
    /// Whether it may do more than log in.
    is_privileged: bool,
}

async fn find_role<C: GenericClient>(
    client: &C,
    role: DatabaseRole,
) -> Result<Option<FoundRole>, DbError> {
    let sql = "select rolname::text, quote_ident(rolname), \
                      rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls \
               from pg_roles where rolname = current_database() || '_' || $1";
    let row = client.query_opt(sql, &[&role.as_str()]).await?;
    Ok(row.map(|row| FoundRole { name: row.get(0), quoted: row.get(1), is_privileged: row.get(2) }))
}

/// Fails when a role could do what its service must not. Functions that run as their owner look for tables in `public`: who could
/// make something there could have them call it.
async fn require_no_more<C: GenericClient>(client: &C, role: &FoundRole) -> Result<(), DbError> {
    let FoundRole { name, is_privileged, .. } = role;
    if *is_privileged {
        return Err(refused(format!("the role {name} may do more than a service needs")));
    }
    let sql = "select has_schema_privilege($1::text, 'public', 'create')";
    if client.query_one(sql, &[name]).await?.get(0) {
        return Err(refused(format!(
            "the role {name} may create in the schema public: revoke create on schema public from public"
        )));
    }
    Ok(())
}

fn refused(reason: String) -> DbError {
    DbError::Defect(reason.into())
}

/// Makes a service's role, or gives it another password; returns its name. The server learns a verifier of the password alone.
pub(crate) async fn make_role(
    client: &Transaction<'_>,
    role: DatabaseRole,
    password: &str,
) -> Result<String, DbError> {
    let known = find_role(client, role).await?;
    if let Some(known) = &known {
        require_no_more(client, known).await?;
    }
    let verb = if known.is_some() { "alter" } else { "create" };
    let verifier = password::scram_sha_256(password.as_bytes());
    let row = client
        .query_one(
            "select format('%s role %I login password %L; grant connect on database %I to %I', \
                           $1::text, name, $3::text, current_database(), name), name \
             from (select current_database() || '_' || $2 as name) r",
            &[&verb, &role.as_str(), &verifier],
        )
        .await?;
    client.batch_execute(row.get(0)).await?;
    Ok(row.get(1))
}

/// The URL of a database for a service's role: with the role's name, this password, and everything else as it was.
///
/// # Errors
/// When the URL has a form in which another user or password would count.
pub fn url_of_role(url: &str, role: DatabaseRole, password: &str) -> Result<String, DbError> {
    let parsed = |url: &str| url.parse::<Config>().map_err(|error| DbError::Defect(error.into()));
    let owners = parsed(url)?;
    let database = owners.get_dbname().or(owners.get_user());
    let database = database.ok_or_else(|| refused("the URL names no database".to_owned()))?;
    let name = format!("{database}_{}", role.as_str());
    let form = || {
        refused("the URL must be postgres://user:password@host/database, with no other user or password after it".to_owned())
    };
    let url = with_user(url, &name, password).ok_or_else(form)?;
    let meant = Config::user(&mut owners.clone(), &name).password(password).to_owned();
    if parsed(&url)? != meant { Err(form()) } else { Ok(url) }
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
            let executes = matches!(role, DatabaseRole::Volume | DatabaseRole::Backup);
            assert_eq!(has("finish_"), executes, "{role:?}");
        }
    }

    #[test]
    fn a_url_in_which_the_owner_would_count_is_refused() {
        let of_api = |url| url_of_role(url, DatabaseRole::Api, "new").ok();
        for (url, expected) in [
            (
                "postgres://a:b@h1:1,h2/db?sslmode=require",
                "postgres://db_api:new@h1:1,h2/db?sslmode=require",
            ),
            ("postgres://own:pa/ss@h/db", "postgres://db_api:new@h/db"),
            ("postgres:///db?host=/run", "postgres://db_api:new@/db?host=/run"),
        ] {
            assert_eq!(of_api(url).as_deref(), Some(expected));
        }
        for url in [
            // the owner, too, is everything before the first @
            "postgres://h/db?application_name=a@b",
            "postgres:///db?host=/run&user=own&password=x",
            "host=h dbname=d",
            "postgres://h",
        ] {
            assert_eq!(of_api(url), None, "{url}");
        }
    }
}
