//! The import of openpower-vpd-parser's JSON as a person meets it.

mod backup;
mod folder;
mod golden;
mod hostile;
mod keys;
mod losses;
mod places;
mod trial;
