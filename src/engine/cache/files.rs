//! The files of a cache folder: only what belongs to this user, and to nobody else besides, is opened or made.

pub use system::*;

#[cfg(unix)]
mod system {
    use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    /// Opens without following a link in the last place.
    pub fn open_regular(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            // A pipe in the file's place must not be waited for.
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
            .open(path)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    pub fn open_lock(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
            .open(path)
    }

    pub fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    pub fn create_private(folder: &Path) -> io::Result<()> {
        if fs::metadata(folder).is_ok() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    /// The same of a file, which has no other name: who could write there is who may write here.
    pub fn check_file(metadata: &Metadata) -> io::Result<()> {
        check_private(metadata)?;
        match metadata.nlink() {
            1 => Ok(()),
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Belongs to this user, and nobody else may write to it.
    pub fn check_private(metadata: &Metadata) -> io::Result<()> {
        let me = rustix::process::geteuid().as_raw();
        if metadata.uid() == me && metadata.mode() & 0o022 == 0 {
            Ok(())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub fn open_regular(path: &Path) -> io::Result<File> {
        if fs::symlink_metadata(path)?.is_file() {
            File::open(path)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    pub fn open_lock(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
    }

    pub fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub fn create_private(folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    pub fn check_file(metadata: &Metadata) -> io::Result<()> {
        check_private(metadata)
    }

    /// The user's profile is private by its access lists.
    pub fn check_private(_: &Metadata) -> io::Result<()> {
        Ok(())
    }
}
