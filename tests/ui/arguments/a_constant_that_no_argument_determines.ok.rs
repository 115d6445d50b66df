use cachefence::cachefence;

#[cachefence(key = "page:<ids>", ttl = 60)]
async fn page<const SIZE: usize>(ids: [usize; SIZE]) -> usize {
    ids.len() * SIZE
}

fn main() {}
