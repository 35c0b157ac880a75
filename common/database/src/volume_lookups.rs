//! Look-ups of volumes by their ids, those of a process that wait at the same moment in one statement: whoever has asked for an
//! operation asks again and again how far it is.

use super::columns::column;
use super::group_commit::{Batch, GroupCommit};
use super::listing::Listed;
use super::{Database, DbError};
use model::{Volume, VolumeId};
use std::collections::HashMap;
use uuid::Uuid;

/// The look-ups of volumes of a process. Cheap to clone.
#[derive(Clone)]
pub struct VolumeLookups(GroupCommit<LookupStatement>);

impl VolumeLookups {
    /// Look-ups in a database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self(GroupCommit::new(LookupStatement(database)))
    }

    /// The volume with this id, unless it is removed or belongs to another project than `project_scope`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(
        &self,
        id: VolumeId,
        project_scope: Option<&str>,
    ) -> Result<Option<Volume>, DbError> {
        let found = self.0.call((), id).await?.transpose()?;
        Ok(found.filter(|volume| project_scope.is_none_or(|scope| volume.project_id == scope)))
    }
}

/// The statement that looks volumes up.
struct LookupStatement(Database);

impl Batch for LookupStatement {
    type Key = ();
    type Call = VolumeId;
    /// One that cannot be read concerns no other.
    type Answer = Option<Result<Volume, DbError>>;

    // nothing is locked or written: what another statement costs is its way there and back
    const MOST_AT_ONCE: usize = 4;
    const WORTH_ANOTHER: usize = 4;

    async fn answer(&self, (): (), calls: Vec<VolumeId>) -> Result<Vec<Self::Answer>, DbError> {
        let sql = format!(
            "select {} from {} v where v.id = any ($1) and v.deleted_at is null",
            Volume::COLUMNS,
            Volume::VIEW
        );
        let ids: Vec<Uuid> = calls.iter().map(|id| id.0).collect();
        let rows = self.0.typed_rows(&sql, &[&ids]).await?;
        let mut rows_by_id = HashMap::new();
        for row in &rows {
            rows_by_id.insert(column::<Uuid>(row, 0)?, row);
        }
        Ok(ids.iter().map(|id| rows_by_id.get(id).map(|row| Volume::read(row))).collect())
    }
}
