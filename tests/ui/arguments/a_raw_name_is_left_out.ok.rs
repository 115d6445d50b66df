use cachefence::cachefence;

#[cachefence(key = "users:<type>", ttl = 60)]
async fn users(r#type: u8) -> u8 {
    r#type
}

fn main() {}
