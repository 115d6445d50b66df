//! How much stack a level of recursion takes: a body that calls a cached function polls that function's body on its own
//! stack.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;

use cachefence::{CacheFence, cachefence};

const LEVELS: usize = 50;

/// Where a local variable of each level lies, the outermost level first.
static ADDRESSES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

#[cachefence(key = "deep:<level>", ttl = 60, cache = cache, skip(cache))]
async fn deep(cache: &CacheFence, level: usize) -> Result<usize, String> {
    note_address();
    if level == LEVELS { Ok(level) } else { boxed(cache, level + 1).await }
}

type Boxed<'a> = Pin<Box<dyn Future<Output = Result<usize, String>> + Send + 'a>>;

fn boxed(cache: &CacheFence, level: usize) -> Boxed<'_> {
    Box::pin(deep(cache, level))
}

/// Notes where the caller's part of the stack ends.
#[inline(never)]
fn note_address() {
    let local = 0_u8;
    ADDRESSES.lock().unwrap().push(std::ptr::from_ref(&local).addr());
}

/// Of a build with optimisation each level takes less.
#[tokio::test]
async fn a_level_takes_at_most_2_000_bytes() {
    assert_eq!(deep(&CacheFence::in_memory(), 1).await, Ok(LEVELS));
    let addresses = ADDRESSES.lock().unwrap();
    assert_eq!(addresses.len(), LEVELS);
    let levels: Vec<_> = addresses.windows(2).map(|two| two[0].abs_diff(two[1])).collect();
    assert!(levels.iter().all(|bytes| (1..=2_000).contains(bytes)), "{levels:?}");
}
