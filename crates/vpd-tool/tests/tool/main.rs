//! The tool as a person or a script meets it.

mod building;
mod comparing;
mod image;
mod schema;
mod showing;
mod statuses;
mod validator;
