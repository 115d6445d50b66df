use cachefence::cachefence;

#[cachefence(key = "sum:<a>", ttl = 60)]
async fn sum((a, b): (u8, u8)) -> u8 {
    a + b
}

fn main() {}
