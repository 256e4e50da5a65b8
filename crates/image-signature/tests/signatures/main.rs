//! Keys and signatures of the `openssl` command line against ours, and bytes that are none.

mod hostile;
mod keys;
mod openssl;
#[cfg(feature = "sign")]
mod signing;
mod text;
mod verifying;
