use image_format::MemberName;
use std::io::{self, Read, Write};

/// Where members go.
///
/// Names come in checked and normalised, each once, a folder before what lies in it.
pub trait Folder {
    /// A file that is being written.
    type File: Write;
    /// A file that is read again.
    type Reader: Read;

    /// Makes a folder.
    fn create_folder(&mut self, name: &MemberName) -> io::Result<()>;

    /// Makes a file, which must not be there yet.
    fn create(&mut self, name: &MemberName) -> io::Result<Self::File>;

    /// All has been written.
    fn finish(&mut self, file: Self::File) -> io::Result<()>;

    /// Opens a file that was written.
    fn open(&self, name: &MemberName) -> io::Result<Self::Reader>;

    /// Free bytes and all bytes of the file system.
    fn space(&self) -> io::Result<(u64, u64)>;
}

/// A folder that keeps nothing, for checks alone.
#[derive(Debug)]
pub struct Nowhere;

impl Folder for Nowhere {
    type File = io::Sink;
    type Reader = io::Empty;

    fn create_folder(&mut self, _name: &MemberName) -> io::Result<()> {
        Ok(())
    }

    fn create(&mut self, _name: &MemberName) -> io::Result<Self::File> {
        Ok(io::sink())
    }

    fn finish(&mut self, _file: Self::File) -> io::Result<()> {
        Ok(())
    }

    fn open(&self, _name: &MemberName) -> io::Result<Self::Reader> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn space(&self) -> io::Result<(u64, u64)> {
        Ok((u64::MAX, u64::MAX))
    }
}
