use cachefence::KeyPart;

#[derive(KeyPart)]
struct Celsius(f64);

#[derive(KeyPart)]
struct Tile {
    layer: String,
    corner: Option<f32>,
}

#[derive(KeyPart)]
enum Place {
    Nowhere,
    Named(Vec<u8>, f64),
}

#[cachefence::cachefence(key = "tile:<tile>:<place>:<celsius>", ttl = 60)]
async fn weather(tile: &Tile, place: &Place, celsius: Celsius) -> u64 {
    1
}

fn main() {}
