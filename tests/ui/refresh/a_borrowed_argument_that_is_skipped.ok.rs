use cachefence::cachefence;

#[cachefence(key = "k", ttl = 60, refresh = "background", skip(ids))]
async fn get(ids: Vec<u64>) -> u64 {
    ids.len() as u64
}

fn main() {}
