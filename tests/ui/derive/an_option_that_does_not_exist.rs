#[derive(cachefence::KeyPart)]
#[key_part(skip(name))]
struct Owner {
    id: u64,
    name: String,
}

fn main() {}
