//! Images as `tar` and `openssl` see them, and parts that give none.

mod refusals;
mod results;
mod tools;
