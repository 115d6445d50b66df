use cachefence::cachefence;

struct NoSuchUser;

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> Result<u8, NoSuchUser> {
    Ok(u8::try_from(id)?)
}

fn main() {}
