#[derive(cachefence::KeyPart)]
struct Owner {
    id: u64,
    name: String,
}

fn main() {}
