use cachefence::cachefence;

#[cachefence(key = "names:<names>", ttl = 60)]
async fn count(names: Vec<String>) -> usize {
    drop(names.clone());
    names.len()
}

fn main() {}
