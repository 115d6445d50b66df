use cachefence::cachefence;

struct Page {
    number: u64,
}

#[cachefence(key = "page:<page::number>", ttl = 60)]
async fn page(page: Page) -> u64 {
    page.number
}

fn main() {}
