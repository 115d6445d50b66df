use cachefence::KeyPart;

struct Phantom;

#[derive(KeyPart)]
struct Id(u64, std::marker::PhantomData<Phantom>);

fn main() {}
