use cachefence::cachefence;

#[cachefence(key = "user:<tenant>:<id>", ttl = "5m", beta = 1, skip(ctx))]
async fn user(ctx: u64, tenant: u64, id: u64) -> u64 {
    ctx + tenant + id
}

fn main() {}
