use cachefence::cachefence;

#[cachefence(key = "page:<at>:<SIZE::LEN>", ttl = 60)]
async fn page<const SIZE: usize>(at: usize) -> usize {
    at * SIZE
}

fn main() {}
