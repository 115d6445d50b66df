use cachefence::cachefence;

struct Row {
    id: u64,
}

#[cachefence(key = "row:<row.id>", ttl = 60)]
async fn row(row: &Row) -> u64 {
    row.id
}

fn main() {}
