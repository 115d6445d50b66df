use cachefence::{KeyPart, cachefence};

#[derive(KeyPart)]
#[key_part(crate = cachefence)]
enum Scope {
    All,
    Owner { id: u64, name: String },
}

#[cachefence(key = "search:<scope>", ttl = 60)]
async fn search(scope: Scope) -> u64 {
    1
}

fn main() {}
