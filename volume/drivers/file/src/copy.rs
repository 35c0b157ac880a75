//! A volume or snapshot is copied within its array: by the file system, by the daemon, or byte by byte.

use crate::array::Array;
use crate::blocking::blocking;
use crate::mirror::Mirror;
use crate::object::Object;
use crate::open_copy::OpenCopy;
use crate::room::require_room;
use crate::sparse_copy::SparseCopy;
use driver::DriverError;
use model::VolumeId;

/// What of the array's file system a copy leaves free, in percent, where the file system cannot copy by reference.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// When it begins, with what it needs in use.
    pub kept_free_percent: u64,
    /// Below this it is given up.
    pub least_free_percent: u64,
}

/// Room for what a user asks for: the rest is for servers that go on to write.
const FOR_USERS: Room = Room { kept_free_percent: 1, least_free_percent: 1 };

/// A copy.
pub(crate) struct Copy<'a> {
    pub source: Object,
    pub target: Object,
    /// How large the target becomes, in bytes.
    pub size: u64,
    /// That of the source, if it has one: the daemon does one thing with a volume at a time.
    pub mirror: Option<Mirror<'a>>,
    pub room: Room,
    /// How fast the daemon copies; 0 for as fast as can be.
    pub bytes_per_second: u64,
}

/// Gives `target` the content of `source` at the moment when the copy begins, and `size` bytes.
pub(crate) async fn copy(
    array: &Array,
    source: Object,
    target: Object,
    size: u64,
    mirror: Option<Mirror<'_>>,
) -> Result<(), DriverError> {
    Copy { source, target, size, mirror, room: FOR_USERS, bytes_per_second: 0 }
        .carry_out(array)
        .await
}

impl Copy<'_> {
    /// Copies, as the source is when this begins.
    pub async fn carry_out(self, array: &Array) -> Result<(), DriverError> {
        let Self { source, target, size, .. } = self;
        let _kept = array.lock_shared(source).await?;
        if self.copied_by_reference(array).await? {
            return Ok(());
        }
        match source {
            Object::Volume(id) if array.daemon.is_written_to(id).await? => {
                self.copy_open(array, id).await?;
            }
            Object::Volume(_) | Object::Snapshot(_) | Object::Drill(_) => {
                SparseCopy::new(&array.directory, source, target).carry_out().await?;
            }
        }
        let directory = array.directory.clone();
        blocking(move || directory.finish_copy(target, size)).await
    }

    /// Whether the file system has copied; otherwise there is room to copy.
    async fn copied_by_reference(&self, array: &Array) -> Result<bool, DriverError> {
        let Self { source, target, size, room, .. } = *self;
        let directory = array.directory.clone();
        blocking(move || {
            directory.require_whole(source)?;
            let is_copied = directory.reflink(source, target, size)?;
            if !is_copied {
                require_room(&directory, directory.allocated(source)?, room.kept_free_percent)?;
            }
            Ok(is_copied)
        })
        .await
    }

    async fn copy_open(self, array: &Array, id: VolumeId) -> Result<(), DriverError> {
        let Self { source, target, mirror, room, bytes_per_second, .. } = self;
        if let Some(mirror) = mirror {
            mirror.stop().await?;
        }
        let directory = array.directory.clone();
        blocking(move || directory.prepare_copy(target, directory.size(source)?)).await?;
        let least_free_percent = room.least_free_percent;
        OpenCopy { array, id, target, least_free_percent, bytes_per_second }.carry_out().await
    }
}
