use cachefence::cachefence;

struct UserId(u64);

impl cachefence::KeyPart for UserId {
    fn write_part(&self, part: &mut cachefence::PartWriter<'_>) {
        self.0.write_part(part);
    }
}

#[cachefence(key = "users:<ids>", ttl = 60)]
async fn users(ids: &[UserId]) -> u64 {
    ids.iter().map(|id| id.0).sum()
}

fn main() {}
