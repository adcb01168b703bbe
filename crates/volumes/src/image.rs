//! Disk images: the container a disk is kept in, its partitions, and what file systems they hold.
//!
//! [`open()`] tells the container by its first bytes, never by its name (names only lead to further segments). The disk in it
//! is a [`ReadAt`](crate::source::ReadAt) like any file, so what lies above does not know the difference.

mod block;
mod ewf;
mod partition;
mod probe;
mod qcow2;
mod raw;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;

use crate::entry::{FileSystem, VolumeError};
use crate::ext4::Ext;
use crate::ntfs::Ntfs;
use crate::source::{FileSource, Shared, Window};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use partition::{Partition, PartitionType, partitions};
use probe::probe_both_ends;
pub use probe::{FileSystemKind, probe};

/// Why an image cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file itself.
    #[error("cannot open {}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// A further file of the same image.
    #[error("cannot open {}, a part of the image", path.display())]
    Segment {
        /// Which.
        path: PathBuf,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// The head of the container.
    #[error("cannot read the head of the {container} image")]
    Header {
        /// Which format.
        container: &'static str,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// The container contradicts itself.
    #[error("the {container} image is damaged: {why}")]
    Damaged {
        /// Which format.
        container: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// The container needs something that is not built.
    #[error("this {container} image needs something that is not supported: {what}")]
    Unsupported {
        /// Which format.
        container: &'static str,
        /// What it needs.
        what: &'static str,
    },
}

impl OpenError {
    /// For what is wrong with a container of this format.
    fn damaged(container: &'static str) -> impl Fn(&'static str) -> Self + Copy {
        move |why| Self::Damaged { container, why }
    }

    /// For what the system says when the head of a container of this format cannot be read.
    fn header(container: &'static str) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Self::Header { container, source }
    }
}

/// A part of a disk that may hold a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// First byte on the disk.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// What its first bytes say it is.
    pub kind: FileSystemKind,
}

/// An open image.
pub struct Image {
    disk: Shared,
    container: &'static str,
    stored_md5: Option<[u8; 16]>,
    /// Keeps account of what was found damaged.
    ewf: Option<Arc<ewf::Ewf>>,
    volumes: Vec<Volume>,
}

/// Opens an image, a raw disk or a block device.
pub fn open(path: &Path) -> Result<Image, OpenError> {
    let opened = File::open(path).and_then(FileSource::new);
    let file = opened.map_err(|source| OpenError::Open {
        path: path.to_owned(),
        source,
    })?;
    open_source(Arc::new(file), path)
}

/// Opens an image whose (first) file is at hand. Further files are looked for beside `path`.
pub fn open_source(file: Shared, path: &Path) -> Result<Image, OpenError> {
    let mut start = [0; 512];
    let failed = |source| OpenError::Open {
        path: path.to_owned(),
        source,
    };
    let filled = file.read_full_at(0, &mut start).map_err(failed)?;
    let start = start.get(..filled).unwrap_or_default();
    let mut stored_md5 = None;
    let mut checked = None;
    let (container, disk): (_, Shared) = match () {
        () if qcow2::Qcow2::is(start) => ("qcow2", Arc::new(qcow2::Qcow2::open(file)?)),
        () if ewf::Ewf::is(start) => {
            let image = Arc::new(ewf::Ewf::open(file, path)?);
            stored_md5 = image.md5;
            checked = Some(Arc::clone(&image));
            ("EWF", image)
        }
        () if vmdk::is(start) => ("VMDK", vmdk::open(file, start, path)?),
        () if vhdx::Vhdx::is(start) => ("VHDX", Arc::new(vhdx::Vhdx::open(file)?)),
        () if vdi::Vdi::is(start) => ("VDI", Arc::new(vdi::Vdi::open(file)?)),
        () if vhd::is(&file, start) => ("VHD", vhd::open(file)?),
        () => ("raw", raw::open(file, path)?),
    };
    Ok(Image {
        stored_md5,
        ewf: checked,
        ..Image::on(disk, container)
    })
}

impl Image {
    /// A disk that comes from elsewhere than a file.
    pub fn from_disk(disk: Shared) -> Image {
        Image::on(disk, "raw")
    }

    fn on(disk: Shared, container: &'static str) -> Image {
        let volumes = volumes(&disk);
        Image {
            disk,
            container,
            stored_md5: None,
            ewf: None,
            volumes,
        }
    }

    /// Format of the container.
    pub fn container(&self) -> &'static str {
        self.container
    }

    /// The whole disk.
    pub fn disk(&self) -> &Shared {
        &self.disk
    }

    /// The MD5 of the whole disk that was written down when the image was taken (EWF).
    pub fn stored_md5(&self) -> Option<[u8; 16]> {
        self.stored_md5
    }

    /// What of the container was found to be damaged so far, by its own checksums (EWF): for people, the first ones named and
    /// the others counted.
    pub fn damage(&self) -> Vec<String> {
        self.ewf
            .as_ref()
            .map(|ewf| ewf.damage())
            .unwrap_or_default()
    }

    /// The volumes: the partitions, or the whole disk when it has no partition table.
    pub fn volumes(&self) -> Vec<Volume> {
        self.volumes.clone()
    }

    /// The bytes of a volume.
    pub fn bytes(&self, volume: &Volume) -> Shared {
        Arc::new(Window::new(self.disk.clone(), volume.offset, volume.len))
    }

    /// Opens the file system of a volume.
    pub fn file_system(&self, volume: &Volume) -> Result<Box<dyn FileSystem>, VolumeError> {
        let bytes = self.bytes(volume);
        match volume.kind {
            FileSystemKind::Ntfs => Ok(Box::new(Ntfs::open(bytes)?)),
            FileSystemKind::Ext => Ok(Box::new(Ext::open(bytes)?)),
            other => Err(VolumeError::Unsupported { what: other.name() }),
        }
    }
}

/// A file system that starts with the disk is the only volume: its boot sector may look like a partition table.
fn volumes(disk: &Shared) -> Vec<Volume> {
    let whole = |kind| {
        vec![Volume {
            offset: 0,
            len: disk.len(),
            kind,
        }]
    };
    let kind = probe(disk);
    if kind != FileSystemKind::Unknown {
        return whole(kind);
    }
    let found: Vec<Volume> = partitions(disk)
        .into_iter()
        .filter(|partition| !partition.kind.is_extended() && partition.offset < disk.len())
        .map(|partition| {
            let bytes: Shared =
                Arc::new(Window::new(disk.clone(), partition.offset, partition.len));
            Volume {
                offset: partition.offset,
                len: bytes.len(),
                kind: probe_both_ends(&bytes),
            }
        })
        .collect();
    if found.is_empty() {
        whole(probe_both_ends(disk))
    } else {
        found
    }
}
