//! One HTTP request on loopback, and the JSON of its answer.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long one answer may take. Only a test that fails waits this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The answer's status and body.
pub(crate) fn request(
    port: u16,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    let body = body.map(ToString::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;

    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("not HTTP: {line:?}")))?;
    let mut length = None;
    loop {
        line.clear();
        answer.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
            }
            Some(_) => {}
        }
    }
    let mut body = String::new();
    match length {
        Some(length) => answer.take(length).read_to_string(&mut body)?,
        None => answer.read_to_string(&mut body)?,
    };
    Ok((status, body))
}

/// The JSON that a GET is answered with.
pub(crate) fn get(port: u16, path: &str) -> io::Result<Value> {
    let (status, body) = request(port, "GET", path, None)?;
    if status != 200 {
        return Err(io::Error::other(format!("GET {path}: {status}: {body}")));
    }
    Ok(serde_json::from_str(&body)?)
}
