use cachefence::KeyPart;

#[derive(KeyPart)]
struct Celsius(u64);

#[derive(KeyPart)]
struct Tile {
    layer: String,
    corner: Option<u32>,
}

#[derive(KeyPart)]
enum Place {
    Nowhere,
    Named(Vec<u8>, u64),
}

#[cachefence::cachefence(key = "tile:<tile>:<place>:<celsius>", ttl = 60)]
async fn weather(tile: &Tile, place: &Place, celsius: Celsius) -> u64 {
    1
}

fn main() {}
