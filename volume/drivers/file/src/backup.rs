//! Contents of volumes and snapshots go to backups, and come from them.

use crate::arrays::ActiveArray;
use crate::blocking::blocking;
use crate::fences::ObjectLock;
use crate::file_driver::FileDriver;
use crate::io_error::unusable;
use crate::object::Object;
use crate::room::becomes_scarce;
use crate::{data_paths, replicas};
use driver::backup::{Backup, Content, fill};
use driver::sizes::bytes;
use driver::{CloneSource, DriverError, Fence};
use model::{Side, Volume};
use std::io::{self, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncSeekExt as _, AsyncWriteExt as _, ReadBuf};

/// What of the array's file system a content leaves free, in percent: the rest is for servers that go on to write.
const KEPT_FREE_PERCENT: u64 = 1;
/// How much is read and written at once, in bytes: parts of that size that are zeros become holes.
const AT_ONCE: usize = 1 << 20;

#[driver::async_trait]
impl Backup for FileDriver {
    async fn join(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        let array = self.arrays.of(active)?;
        let (directory, backend) = (array.directory.clone(), self.arrays.backend);
        let array_id = blocking(move || {
            directory.require_active(backend, epoch)?;
            directory.id()
        })
        .await?;
        self.arrays.set_serving(ActiveArray { active: active.clone(), epoch, array_id });
        Ok(())
    }

    async fn read_content(
        &self,
        source: CloneSource<'_>,
        fence: Fence,
    ) -> Result<Content, DriverError> {
        let array = self.arrays.active_array();
        let object = match source {
            CloneSource::Volume(volume) => Object::Volume(volume.id),
            CloneSource::Snapshot(snapshot) => Object::Snapshot(snapshot.id),
        };
        let held = array.lock_exclusive(object, fence).await?;
        self.arrays.require_active(&array).await?;
        let directory = array.directory.clone();
        blocking(move || directory.require_whole(object)).await?;
        let path = array.directory.file(object);
        let file = File::open(&path).await.map_err(|error| unusable(&path, &error))?;
        Ok(Box::new(Held { file, _lock: held }))
    }

    /// The volume gets it as a whole, or not at all.
    async fn write_content(
        &self,
        volume: &Volume,
        content: Content,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let (target, size) = (Object::Volume(volume.id), bytes(volume.size_gb));
        let _held = array.lock_exclusive(target, fence).await?;
        self.arrays.require_active(&array).await?;
        let directory = array.directory.clone();
        blocking(move || directory.prepare_copy(target, size)).await?;
        let unfinished = array.directory.unfinished(target);
        let not_written =
            |error| DriverError::failed(format!("the content was not written: {error}"));
        let copied = tokio::select! {
            copied = copy(content, &unfinished, size) => copied.map_err(not_written),
            scarce = becomes_scarce(&array.directory, KEPT_FREE_PERCENT) => Err(scarce),
        };
        if copied.is_err() {
            // the room is for others
            let removed = tokio::fs::remove_file(&unfinished).await;
            removed.map_err(|error| unusable(&unfinished, &error))?;
        }
        copied?;
        // what took long may have been overtaken
        self.arrays.require_active(&array).await?;
        replicas::stop_mirror(&self.arrays, volume).await?;
        let was_open = array.close_unused(volume.id).await?;
        let directory = array.directory.clone();
        let finished = blocking(move || directory.finish_copy(target, size)).await;
        data_paths::open_again(&array, volume.id, was_open).await?;
        finished
    }
}

/// The file of an object that nobody else works on meanwhile.
struct Held {
    file: File,
    _lock: ObjectLock,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_read(context, buffer)
    }
}

/// Copies to a file that is full of holes, and leaves them where there are zeros.
async fn copy(mut content: Content, to: &Path, size: u64) -> io::Result<()> {
    let mut file = File::options().write(true).open(to).await?;
    let mut part = vec![0; AT_ONCE];
    let mut done = 0;
    loop {
        let length = fill(&mut content, &mut part).await?;
        let read = &part[..length];
        if read.is_empty() {
            break;
        }
        if done + length as u64 > size {
            return Err(io::Error::other("there is more than the volume has room for"));
        }
        if read.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(done)).await?;
            file.write_all(read).await?;
        }
        done += length as u64;
    }
    file.flush().await
}
