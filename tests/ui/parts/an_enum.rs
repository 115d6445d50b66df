use cachefence::cachefence;

enum Scope {
    All,
    Owner(u64),
}

#[cachefence(key = "search:<scope>", ttl = 60)]
async fn search(scope: Scope) -> u64 {
    1
}

fn main() {}
