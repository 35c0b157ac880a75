//! QoS specs, as readers see them. Changes come through admitted operations alone.

use super::listing::{self, Listed};
use super::{Database, DbError};
use model::{QosSpecs, QosSpecsId, VolumeType};
use tokio_postgres::Row;
use uuid::Uuid;

impl Listed for QosSpecs {
    const VIEW: &'static str = "qos_specs";

    fn read(row: &Row) -> Result<Self, DbError> {
        listing::from_json(row)
    }

    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// The one with this id, unless it is removed.
///
/// # Errors
/// When the database does not answer.
pub async fn find(database: &Database, id: QosSpecsId) -> Result<Option<QosSpecs>, DbError> {
    let sql = "select to_jsonb(q) from qos_specs q where id = $1 and deleted_at is null";
    database.row(sql, &[&id.0]).await
}

/// The volume types that have it, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn types_of(database: &Database, id: QosSpecsId) -> Result<Vec<VolumeType>, DbError> {
    let sql = "select to_jsonb(t) from volume_types t \
               where qos_specs_id = $1 and deleted_at is null order by name";
    database.rows(sql, &[&id.0]).await
}
