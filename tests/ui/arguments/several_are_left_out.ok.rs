use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, skip(db, locale, trace))]
async fn user(db: &str, id: u64, locale: &str, trace: bool) -> String {
    format!("{db}:{id}:{locale}:{trace}")
}

fn main() {}
