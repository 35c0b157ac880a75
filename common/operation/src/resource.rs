//! The resources that operations change, and their roles in an operation.

use model::text_enum;

text_enum! {
    /// The kinds of resources; the text form appears in error messages.
    pub enum Resource {
        /// A volume.
        Volume = "volume",
        /// A snapshot.
        Snapshot = "snapshot",
        /// An attachment.
        Attachment = "attachment",
        /// A backup.
        Backup = "backup",
        /// The offer of a volume to another project.
        Transfer = "transfer",
        /// A volume type.
        VolumeType = "volume_type",
        /// A quality of service.
        QosSpecs = "qos_specs",
        /// A message to a user.
        Message = "message",
        /// What operators decided about a project.
        Project = "project",
        /// A set of limits that projects share.
        QuotaClass = "quota_class",
        /// A backend.
        Backend = "backend",
    }
}

impl Resource {
    /// What people call it.
    #[must_use]
    pub fn noun(self) -> String {
        self.as_str().replace('_', " ")
    }

    /// The noun as a sentence begins with it.
    #[must_use]
    pub fn capital_noun(self) -> String {
        let mut noun = self.noun();
        noun[..1].make_ascii_uppercase();
        noun
    }

    /// What messages to users call it (`resource_type`). `None` when there are none: nobody but the
    /// caller waits for the end of an operation on it, and the caller gets an answer.
    #[must_use]
    pub const fn message_type(self) -> Option<&'static str> {
        match self {
            Self::Volume => Some("VOLUME"),
            Self::Snapshot => Some("VOLUME_SNAPSHOT"),
            Self::Backup => Some("VOLUME_BACKUP"),
            Self::Attachment
            | Self::Transfer
            | Self::VolumeType
            | Self::QosSpecs
            | Self::Message
            | Self::Project
            | Self::QuotaClass
            | Self::Backend => None,
        }
    }

    /// The resource that a table holds.
    #[must_use]
    pub fn of_table(table: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|resource| resource.table() == table)
    }

    /// The table that holds it.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Volume => "volumes",
            Self::Snapshot => "snapshots",
            Self::Attachment => "attachments",
            Self::Backup => "backups",
            Self::Transfer => "transfers",
            Self::VolumeType => "volume_types",
            Self::QosSpecs => "qos_specs",
            Self::Message => "messages",
            Self::Project => "projects",
            Self::QuotaClass => "quota_classes",
            Self::Backend => "backends",
        }
    }

    /// The view that shows it in full.
    #[must_use]
    pub const fn view(self) -> &'static str {
        match self {
            Self::Volume => "volume_details",
            Self::Snapshot => "snapshot_details",
            Self::Attachment => "attachment_details",
            Self::Backup => "backup_details",
            Self::Transfer => "transfers",
            Self::VolumeType => "volume_types",
            Self::QosSpecs => "qos_specs",
            Self::Message => "message_details",
            Self::Project => "projects",
            Self::QuotaClass => "quota_classes",
            Self::Backend => "backend_details",
        }
    }
}

text_enum! {
    /// The role of a resource in an operation.
    pub enum Role {
        /// The operation is about it.
        Subject = "subject",
        /// The volume that the subject belongs to.
        Volume = "volume",
        /// A snapshot that belongs to the subject, or that the subject is made like again.
        Snapshot = "snapshot",
        /// The backup whose content the subject gets, or from which the subject differs.
        Backup = "backup",
        /// The volume type that the subject gets.
        VolumeType = "volume_type",
    }
}
