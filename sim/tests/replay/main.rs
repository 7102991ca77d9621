//! `knocksim replay`: the committed captures, the command line, what people and programs read of it, and broken input.
#![forbid(unsafe_code)]

mod captures;
mod command_line;
mod decisions;
mod errors;
mod json;
mod mutated;
mod reasons;
mod stories;
mod streams;
mod support;
