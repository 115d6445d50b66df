//! Lints: what the expansion adds gives no warning, and nothing that a `forbid` does not let pass.

use std::sync::atomic::Ordering;

use super::*;

#[forbid(dead_code, unused_variables, unused_imports, unused_mut)]
mod forbidden {
    use super::*;

    #[cachefence(key = "lints-forbid:<id>:<b>", ttl = 60, skip(db, a))]
    pub(super) async fn cached(db: u64, id: u64, (a, b): (u64, u64)) -> Result<u64, String> {
        Ok(db + id + a + b)
    }
}

#[tokio::test]
async fn below_a_forbid_the_companion_may_go_unused() {
    assert_eq!(forbidden::cached(1, 2, (3, 4)).await, Ok(10));
}

#[deny(warnings, clippy::all, clippy::pedantic)]
mod denied {
    use super::*;

    // Fulfilled by the function; the companion takes one argument.
    #[expect(clippy::too_many_arguments, clippy::many_single_char_names)]
    #[cachefence(key = "lints-expect:<a>", ttl = 60, skip(b, c, d, e, f, g, h))]
    pub(super) async fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> Option<u8> {
        [a, b, c, d, e, f, g, h].into_iter().max()
    }

    // Fulfilled by the function without the attribute.
    #[expect(clippy::unused_async, clippy::needless_pass_by_value, reason = "a handler has to")]
    #[cachefence(key = "lints-unfulfilled:<name>", ttl = 60)]
    pub(super) async fn handler(name: String) -> usize {
        name.len()
    }
}

#[tokio::test]
async fn what_the_function_expects_of_lints_is_fulfilled() {
    assert_eq!(denied::many(1, 2, 3, 4, 5, 6, 7, 8).await, Some(8));
    assert_eq!(denied::handler("ann".to_owned()).await, 3);
}

#[tokio::test]
async fn a_pattern_of_which_the_key_reads_a_part() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[deny(unused_variables)]
    #[cachefence(key = "lints-pattern:<b>", ttl = 60, skip(a))]
    async fn cached((a, b): (u64, u64)) -> u64 {
        ran(&BODIES);
        a + b
    }

    assert_eq!(cached((1, 2)).await, 3);
    assert_eq!(cached_entry((1, 2)).peek().await.unwrap(), Some(3));
    assert_eq!(BODIES.load(Ordering::Relaxed), 1);
}
