//! How the size of what the inventory holds is counted: by a formula that is never less than what `GetManagedObjects` carries.
//!
//! | what | bytes |
//! |---|---|
//! | an interface | 24, and its name |
//! | a property, given or not | 28, its name, and its value |
//! | a value: truth or number | 8 |
//! | a value: text or bytes | 5, and the bytes |
//! | a value: list | 8, for each text 8 and its bytes, for each association 8 |
//!
//! The constants of the formula are D-Bus's worst: padding to 8 bytes, lengths of 4, signatures of 8 bytes at most.

/// Counted for each interface, beside its name.
pub const PER_INTERFACE: usize = 24;
/// Counted for each property, beside its name and value.
pub const PER_PROPERTY: usize = 28;

/// So many times its counted size something takes in the journal and in its file, at most: the worst is a list of texts of
/// four control characters each, of which each takes 12 bytes as counted and 22 in the file. Bytes take four thirds.
pub const GROWTH: u64 = 2;
