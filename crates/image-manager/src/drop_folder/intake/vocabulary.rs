//! What happens to dropped files, what is to be done then, and how it ends.

use crate::drop_folder::folder::{Identity, NotTaken, Stamp};
use std::ffi::OsString;

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// A file was written and closed, or came by its name.
    Written(OsString),
    /// A name has appeared: of a new file, or one more of a file that there was before.
    Created(OsString),
    /// A file was opened, as new ones are by the program that makes them.
    Opened(OsString),
    /// The watch has lost events: all files are to be looked at.
    EventsLost,
    /// The watched folder is gone, or lies elsewhere.
    FolderGone,
    /// The folder's path may lead to another one.
    PathChanged,
    /// Whether the path still leads to the folder.
    PathLeads {
        /// To the same folder.
        is_same: bool,
    },
    /// Whether the folder is watched.
    Watched {
        /// It is.
        is_watched: bool,
    },
    /// Names of the files in the folder, the oldest first.
    Listed(Vec<OsString>),
    /// What a name leads to.
    Looked(OsString, Why, Result<Found, NotTaken>),
    /// There are so many free bytes.
    Free(u64),
    /// An image has gone, so there may be room.
    RoomMade,
    /// A file that is done with could not be removed, as a program has it open for writing; how it stood when it was read.
    NotRemoved(OsString, Stamp),
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Look whether the folder's path still leads to it.
    CheckPath,
    /// Watch the folder that the path leads to.
    Watch,
    /// List the folder's files.
    List,
    /// Look what a name leads to.
    Look(OsString, Why),
    /// Remove a file that is done with, if it still stands so.
    Remove(OsString, Stamp),
    /// Say that a file is left alone, and why.
    LeftAlone(OsString, NotTaken),
    /// Ask how much is free.
    AskFree,
}

/// Why a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was written.
    Written,
    /// It has appeared.
    Created,
    /// It was found in the folder.
    Listed,
    /// It has rested.
    Rested,
    /// It had other names, or a writer.
    Again,
}

/// A dropped file as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Which file, and how long.
    pub stamp: Stamp,
    /// A program has it open for writing; nothing where that cannot be told.
    pub has_writer: Option<bool>,
}

/// What became of a file that was being taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is done with, and gone unless another has come.
    Done,
    /// It was taken in; and whether there is something under its name that was not.
    Taken { is_there: bool },
    /// It ended early, at this size.
    Early { size: u64 },
    /// It needs so many free bytes.
    NoRoom { needed: u64 },
    /// As many images are kept as may be.
    NoPlace,
    /// It is to be left alone as long as it is this file.
    LeftAlone(Identity),
    /// It is wrong; and whether the same file is still there.
    Bad { is_there: bool },
    /// A program writes it still, or again: what was read of it says nothing.
    HasWriter,
}

/// What follows from an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The file is looked at again, no event is sent yet.
    Again,
    /// There is no room; the file stays, and an event says so.
    Kept,
    /// This was the last look.
    Final,
}
