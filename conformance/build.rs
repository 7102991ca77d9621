//! The built-in cases and ledgers are compiled in; a file that is added or removed must be seen, too.

fn main() {
    for directory in ["cases", "ledger"] {
        println!("cargo:rerun-if-changed={directory}");
    }
}
