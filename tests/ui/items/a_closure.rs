use cachefence::cachefence;

fn users() {
    #[cachefence(key = "user:<id>", ttl = 60)]
    let user = async |id: u64| id;
    drop(user(1));
}

fn main() {}
