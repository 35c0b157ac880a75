//! Images: their data come from the image service to a scratch directory, are inspected there, and go to volumes; and the other way round.

use anyhow::Context as _;
use configuration::Config;
use disk_image::{DiskFormat, DiskImage, ImageError, NewImage};
use driver::sizes::bytes;
use openstack::glance::{Access, Glance, GlanceError, Image};
use openstack::own_token::OwnAccount;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use steps::step::StepError;
use tempfile::TempDir;
use tokio::fs::File;
use uuid::Uuid;

/// What the file with an image's data is called.
const DATA: &str = "image";
/// The status of an image that has data.
const ACTIVE: &str = "active";
/// How often the progress of a download is told: each time so many percent more have come.
const PERCENT: u64 = 10;

/// What the workers of one backend on this machine need for images.
pub(crate) struct ImageService {
    glance: Option<Glance>,
    account: Option<Arc<OwnAccount>>,
    directory: PathBuf,
    /// What its scratch directories are called: others of this machine have others.
    prefix: String,
}

/// An image's data, in a directory of their own that goes with them.
pub(crate) struct Downloaded {
    pub image: DiskImage,
    _directory: TempDir,
}

/// An image that is going to get data, in a directory of its own that goes with it.
pub(crate) struct ToUpload {
    pub image: NewImage,
    id: Uuid,
    _directory: TempDir,
}

impl ImageService {
    /// As the configuration says. Where no other process of this machine works for the backend, what one that died has left is removed.
    ///
    /// # Errors
    /// When the scratch directory, or a certificate, cannot be used.
    pub fn new(
        config: &Config,
        account: Option<Arc<OwnAccount>>,
        worker: &str,
        is_alone: bool,
    ) -> anyhow::Result<Self> {
        let service = Self {
            glance: Glance::new(&config.glance)?,
            account,
            directory: config.volume.image_conversion_dir.clone(),
            prefix: format!("{worker}#"),
        };
        if service.glance.is_some() {
            service.prepare(is_alone).with_context(|| {
                format!("volume.image_conversion_dir: {}", service.directory.display())
            })?;
        }
        Ok(service)
    }

    fn prepare(&self, is_alone: bool) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        if !is_alone {
            return Ok(());
        }
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&self.prefix) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// An image, as it is now; it can be used.
    pub async fn find(&self, id: Uuid) -> Result<Image, StepError> {
        let image = self.ask(async |glance, access| glance.image(id, access).await).await?;
        match &*image.status {
            ACTIVE => Ok(image),
            other => Err(StepError::failed(format!("image {id} is {other}"))),
        }
    }

    /// Fetches an image that a volume of so many GiB is to be filled from.
    pub async fn fetch(&self, image: &Image, size_gb: i32) -> Result<Downloaded, StepError> {
        let format = format(image)?;
        let size = image.size.ok_or_else(|| {
            StepError::failed(format!("Glance does not say how large image {} is", image.id))
        })?;
        self.require_room(size)?;
        let directory = self.scratch()?;
        let path = directory.path().join(DATA);
        self.ask(async |glance, access| download(glance, image, access, &path).await).await?;
        let inspected = DiskImage::inspect(&path, format).await.map_err(image_fault)?;
        if inspected.virtual_size() > bytes(size_gb) {
            return Err(StepError::failed(format!(
                "the disk in image {} has {} bytes, which are more than the volume's {size_gb} GiB",
                image.id,
                inspected.virtual_size()
            )));
        }
        Ok(Downloaded { image: inspected, _directory: directory })
    }

    /// Where the data of an image go that is there and has none; `None` when it has them already.
    pub async fn begin_upload(
        &self,
        id: Uuid,
        disk_format: &str,
    ) -> Result<Option<ToUpload>, StepError> {
        if self.ask(async |glance, access| glance.image(id, access).await).await?.status == ACTIVE {
            // by a worker that died before it could say so
            return Ok(None);
        }
        let format: DiskFormat =
            disk_format.parse().map_err(|error| StepError::failed(format!("{error}")))?;
        let directory = self.scratch()?;
        let image = NewImage { path: directory.path().join(DATA), format };
        Ok(Some(ToUpload { image, id, _directory: directory }))
    }

    /// Sends an image's data.
    pub async fn upload(&self, upload: &ToUpload) -> Result<(), StepError> {
        let send = async |glance: &Glance, access: &Access| {
            let data = File::open(&upload.image.path).await.map_err(GlanceError::Local)?;
            glance.upload(upload.id, data, access).await
        };
        self.ask(send).await
    }

    /// Removes an image that gets no data; `false` when it has them already.
    pub async fn remove_without_data(&self, id: Uuid) -> Result<bool, StepError> {
        let remove = async |glance: &Glance, access: &Access| match glance.image(id, access).await {
            Ok(image) if image.status == ACTIVE => Ok(false),
            Ok(_) => glance.delete(id, access).await.map(|()| true),
            Err(GlanceError::NotFound) => Ok(true),
            Err(error) => Err(error),
        };
        self.ask(remove).await
    }

    /// Asks Glance on this service's own account.
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Glance, &Access) -> Result<T, GlanceError>,
    ) -> Result<T, StepError> {
        let glance = self.glance.as_ref().ok_or_else(|| {
            StepError::failed("this worker knows no image service: [glance] is not configured")
        })?;
        let access = match &self.account {
            None => Access::default(),
            Some(account) => {
                let own = account.access().await;
                Access::own(&own.map_err(|error| StepError::Transient(format!("{error:#}")))?)
            }
        };
        let answered = question(glance, &access).await;
        if let (Err(GlanceError::Unauthorized), Some(account), Some(token)) =
            (&answered, &self.account, &access.token)
        {
            account.forget(token).await;
        }
        answered.map_err(glance_fault)
    }

    fn scratch(&self) -> Result<TempDir, StepError> {
        let made = tempfile::Builder::new().prefix(&self.prefix).tempdir_in(&self.directory);
        made.map_err(|error| StepError::failed(format!("{}: {error}", self.directory.display())))
    }

    /// Fails when what is to come would not leave anything free.
    fn require_room(&self, needed: u64) -> Result<(), StepError> {
        let told = |error: rustix::io::Errno| StepError::failed(error.to_string());
        let room = rustix::fs::statvfs(&self.directory).map_err(told)?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if free > needed {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "volume.image_conversion_dir has no room: {} MiB are needed, and {} MiB are free",
            needed >> 20,
            free >> 20
        )))
    }
}

/// Where a disk is, byte by byte, that storage could clone.
pub(crate) fn addresses(image: &Image) -> Vec<String> {
    match (image.disk_format.as_deref(), image.container_format.as_deref()) {
        (Some("raw"), Some("bare")) => image.addresses(),
        _ => Vec::new(),
    }
}

/// The format of an image's data, if it is one that is read here.
fn format(image: &Image) -> Result<DiskFormat, StepError> {
    let (disk, container) = (&image.disk_format, &image.container_format);
    let said = disk.as_deref().unwrap_or_default();
    if container.as_deref() == Some("compressed") {
        return Err(StepError::failed(format!("image {} is compressed as a whole", image.id)));
    }
    DiskFormat::of_glance(said)
        .ok_or_else(|| StepError::failed(format!("image {} has the format {said}", image.id)))
}

async fn download(
    glance: &Glance,
    image: &Image,
    access: &Access,
    path: &Path,
) -> Result<(), GlanceError> {
    let mut file = File::create(path).await.map_err(GlanceError::Local)?;
    let mut told = 0;
    let tell = |come: u64| {
        let size = image.size.unwrap_or_default().max(1);
        let percent = come.saturating_mul(100) / size;
        if percent >= told + PERCENT {
            told = percent - percent % PERCENT;
            tracing::info!(image.id = %image.id, percent = told, "downloading");
        }
    };
    glance.download(image, access, &mut file, tell).await
}

/// What a fault of Glance means for an operation.
fn glance_fault(error: GlanceError) -> StepError {
    match error {
        GlanceError::Unavailable(_) | GlanceError::Unauthorized => {
            StepError::Transient(error.to_string())
        }
        // Glance is still at what another attempt has sent
        GlanceError::Refused { status: 409, .. } => StepError::Transient(error.to_string()),
        GlanceError::NotFound
        | GlanceError::Refused { .. }
        | GlanceError::Local(_)
        | GlanceError::Damaged => StepError::Failed(error.to_string()),
    }
}

/// What a fault of an image means for an operation.
fn image_fault(error: ImageError) -> StepError {
    match error {
        ImageError::Unacceptable(why) => StepError::Failed(format!("the image is refused: {why}")),
        ImageError::Failed(why) => StepError::Failed(why),
    }
}
