//! `knocksim replay`: the committed captures, the command line, what people and programs read of it, and broken input.
#![forbid(unsafe_code)]

mod captures;
mod decisions;
mod json;
mod support;
