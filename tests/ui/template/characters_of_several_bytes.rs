use cachefence::cachefence;

#[cachefence(key = "größe:<maß>", ttl = 60)]
async fn size(länge: u64) -> u64 {
    länge
}

fn main() {}
