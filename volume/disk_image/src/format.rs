//! The formats, by Glance's names and by QEMU's.

use model::text_enum;

text_enum! {
    /// What a file with a disk in it looks like, in Glance's words.
    pub enum DiskFormat {
        /// The disk, byte by byte.
        Raw = "raw",
        /// QEMU's own.
        Qcow2 = "qcow2",
        /// VMware's, in one file.
        Vmdk = "vmdk",
        /// VirtualBox's.
        Vdi = "vdi",
        /// Hyper-V's.
        Vhdx = "vhdx",
        /// Virtual PC's.
        Vhd = "vhd",
    }
}

impl DiskFormat {
    /// The format of an image that Glance says is of this one. That of Amazon's machines and of optical disks is the disk itself.
    #[must_use]
    pub fn of_glance(disk_format: &str) -> Option<Self> {
        match disk_format {
            "iso" | "ami" | "aki" | "ari" => Some(Self::Raw),
            other => other.parse().ok(),
        }
    }

    pub(crate) const fn of_qemu(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vdi => "vdi",
            Self::Vhdx => "vhdx",
            Self::Vhd => "vpc",
        }
    }

    /// What `qemu-img convert` is told of a new one: what is sent to others is compressed where that is usual, and of the disk's size.
    pub(crate) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Qcow2 => &["-c"],
            // it would be rounded up to whole cylinders
            Self::Vhd => &["-o", "force_size=on"],
            Self::Raw | Self::Vmdk | Self::Vdi | Self::Vhdx => &[],
        }
    }
}
