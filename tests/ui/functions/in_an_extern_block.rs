use cachefence::cachefence;

unsafe extern "C" {
    #[cachefence(key = "user:<id>", ttl = 60)]
    safe fn user(id: u64) -> u64;
}

fn main() {}
