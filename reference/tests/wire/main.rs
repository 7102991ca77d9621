//! The decoder, judged by hand-made frames (`rules`), and by etherparse and smoltcp on random ones (`properties`).

mod frames;
mod oracles;
mod properties;
mod rules;
