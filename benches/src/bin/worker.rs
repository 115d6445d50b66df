//! Runs one subject: see `cachefence_benches::worker`.

fn main() {
    cachefence_benches::worker::run();
}
