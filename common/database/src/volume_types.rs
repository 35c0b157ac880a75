//! Volume types, as readers see them. Changes come through admitted operations alone.

use super::listing::{self, Listed};
use super::{Database, DbError};
use model::{VolumeType, VolumeTypeId};
use serde::Deserialize;
use tokio_postgres::Row;
use uuid::Uuid;

impl Listed for VolumeType {
    const VIEW: &'static str = "volume_types";

    fn read(row: &Row) -> Result<Self, DbError> {
        listing::from_json(row)
    }

    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// The type with this id or name, unless it is removed or private to other projects than
/// `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id_or_name: &str,
    project_scope: Option<&str>,
) -> Result<Option<VolumeType>, DbError> {
    database
        .row(
            "select to_jsonb(t) from volume_types t \
             where (id = $3 or name = $1) and deleted_at is null \
               and ($2::text is null or is_public or access ? $2) \
             order by id = $3 desc nulls last limit 1",
            &[&id_or_name, &project_scope, &Uuid::parse_str(id_or_name).ok()],
        )
        .await
}

/// The type that a project gets when it asks for none: what was said of the project, or of the installation, by id or
/// name.
///
/// # Errors
/// When the database does not answer.
pub async fn default_of(
    database: &Database,
    project: &str,
    of_the_installation: &str,
) -> Result<Option<VolumeType>, DbError> {
    let sql = "select to_jsonb(t) from volume_types t \
               where t.deleted_at is null and t.id = coalesce( \
                   (select default_volume_type_id from projects where project_id = $1), \
                   (select id from volume_types where (id = $3 or name = $2) and deleted_at is null \
                    order by id = $3 desc nulls last limit 1))";
    let id = Uuid::parse_str(of_the_installation).ok();
    database.row(sql, &[&project, &of_the_installation, &id]).await
}

/// A project with the type that it gets when it asks for none.
#[derive(Clone, Debug, Deserialize)]
pub struct ProjectDefault {
    /// The project.
    pub project_id: String,
    /// The type.
    pub volume_type_id: VolumeTypeId,
}

/// The projects for which a default was said; this one, or all.
///
/// # Errors
/// When the database does not answer.
pub async fn defaults(
    database: &Database,
    project: Option<&str>,
) -> Result<Vec<ProjectDefault>, DbError> {
    let sql = "select jsonb_build_object('project_id', project_id, 'volume_type_id', default_volume_type_id) \
               from projects where default_volume_type_id is not null \
                 and project_id = coalesce($1, project_id) order by project_id";
    database.rows(sql, &[&project]).await
}
