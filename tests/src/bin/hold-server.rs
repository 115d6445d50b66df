//! Starts a server, prints its port and directory, and holds the server until standard input ends: for the
//! test that kills the holder.

use std::io;

use cachefence_tests::RedisServer;

fn main() -> io::Result<()> {
    let server = RedisServer::start();
    println!("{} {}", server.port(), server.dir().display());
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}
