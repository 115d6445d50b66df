use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = "5x", beta = -1, skip(cx))]
async fn user(ctx: u64, tenant: u64, id: u64) -> u64 {
    ctx + tenant + id
}

fn main() {}
