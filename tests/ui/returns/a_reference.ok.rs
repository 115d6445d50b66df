use cachefence::cachefence;

#[cachefence(key = "first:<names>", ttl = 60)]
async fn first(names: &[String]) -> Option<String> {
    names.first().cloned()
}

fn main() {}
