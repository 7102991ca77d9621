//! Reading captures: every format by hand, every fault by its words, and what holds of any file at all.

mod faults;
mod files;
mod formats;
mod properties;
mod seen;
mod streams;
