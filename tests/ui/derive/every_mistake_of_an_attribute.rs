use cachefence::{KeyPart, cachefence};

#[derive(KeyPart)]
#[key_part(crate = "cachefence", rename_all = "lowercase")]
enum Scope {
    #[key_part(rename = "all")]
    All,
    Owner {
        id: u64,
        #[key_part(skip)]
        name: String,
    },
}

#[cachefence(key = "search:<scope>", ttl = 60)]
async fn search(scope: Scope) -> u64 {
    1
}

fn main() {}
