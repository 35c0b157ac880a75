//! The capabilities of drivers.

text_enum! {
    /// Something that a driver implements as a whole or not at all.
    pub enum Capability {
        /// Volumes and snapshots: every driver has them.
        Volumes = "volumes",
        /// Data paths, through which servers use volumes.
        Exports = "exports",
        /// Managing and unmanaging storage that exists.
        Manage = "manage",
        /// Filling volumes from images, and making images of volumes.
        Images = "images",
        /// Giving the content of volumes to backups, and taking it from them.
        Backup = "backup",
        /// Moving volumes to and from other backends.
        Migration = "migration",
        /// Replication to other sides.
        Replication = "replication",
    }
}
