//! Every entry ends by itself: 1 <= PTTL <= ttl + stale window (G9).

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use cachefence::Error;
use cachefence_tests::RedisServer;

/// The longest ttl.
const LONGEST: Duration = Duration::from_millis(1 << 53);

/// The least and the most that `PTTL` may say: some of the ttl may have passed when the test looks.
fn bounds(ttl: Duration, stale: Duration) -> (i64, i64) {
    const PASSED: i64 = 30_000;
    let most = ttl.saturating_add(stale).min(LONGEST);
    let most = i64::try_from(most.as_millis()).unwrap();
    (most - PASSED, most)
}

fn spans() -> Vec<Duration> {
    let powers = (0..=53).step_by(4).map(|power| Duration::from_millis(1 << power));
    let odd = [
        Duration::from_micros(1_001),
        Duration::from_micros(1_999),
        Duration::from_millis(999),
        Duration::new(60, 999_999_999),
        LONGEST.saturating_sub(Duration::from_nanos(1)),
        LONGEST,
    ];
    powers.chain(odd).collect()
}

#[tokio::test]
async fn over_the_whole_range() {
    for server in [RedisServer::start(), RedisServer::without_scripts()] {
        let cache = server.cache().await;
        let mut marked = 0;
        let stale = [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(90), LONGEST / 2];
        for ttl in spans() {
            // Together they are at most as long as the longest ttl.
            for stale in stale.into_iter().filter(|stale| ttl + *stale <= LONGEST) {
                for jitter in [0.0, 1.0] {
                    let entry = || {
                        let entry = cache.entry::<u8>("k").ttl(ttl).jitter(jitter);
                        entry.stale_if_error(stale).stale_while_revalidate(stale / 2)
                    };
                    let what = format!("ttl {ttl:?}, stale {stale:?}, jitter {jitter}");
                    server.cli(&["FLUSHALL"]);
                    entry().get_or_set(|| ready(Ok::<_, Infallible>(1))).await.unwrap();
                    check(&server, ttl, stale, jitter, &what);
                    // Marked after a refresh that failed, in place.
                    let failing = entry().beta(1e300).get_or_set(|| ready(Err::<u8, _>("down")));
                    let _ = failing.await;
                    check(&server, ttl, stale, jitter, &what);
                    let mark = server.cli(&["GETRANGE", "k", "36", "43"]);
                    marked += u32::from(mark.bytes().any(|byte| byte != 0));
                    entry().set(&2).await.unwrap();
                    check(&server, ttl, stale, 0.0, &what);
                }
            }
        }
        assert!(marked > 50, "{marked} entries were marked");
    }
}

#[track_caller]
fn check(server: &RedisServer, ttl: Duration, stale: Duration, jitter: f64, what: &str) {
    let left: i64 = server.cli(&["PTTL", "k"]).parse().unwrap();
    let (least, most) = bounds(ttl, stale);
    // -2 is gone, which it may be by now; 0 is about to be. -1, never, is what must not be.
    let least = if jitter > 0.0 { 0 } else { least.max(0) };
    let gone = left == -2 && (least == 0);
    assert!(gone || (least..=most).contains(&left), "{what}: PTTL {left}");
    let lock: i64 = server.cli(&["PTTL", "~lock:{k}"]).parse().unwrap();
    assert!(lock == -2 || (0..=2_000).contains(&lock), "{what}: PTTL {lock} of the lock");
}

#[tokio::test]
async fn what_redis_cannot_hold_is_refused_before_anything_runs() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    server.reset_stats();
    let too_long =
        [LONGEST + Duration::from_nanos(1), Duration::from_millis(u64::MAX), Duration::MAX];
    let too_short = [Duration::ZERO, Duration::from_nanos(1), Duration::from_nanos(999_999)];
    for ttl in too_short.into_iter().chain(too_long) {
        let entry = || cache.entry::<u8>("k").ttl(ttl);
        let error =
            entry().get_or_set(async || -> Result<u8, Infallible> { panic!("it ran") }).await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Option(_)) && error.to_string().contains("ttl"), "{error}");
        assert!(matches!(entry().set(&1).await.unwrap_err(), Error::Option(_)), "{ttl:?}");
    }
    assert!(server.command_stats().is_empty(), "nothing was asked: {:?}", server.command_stats());
}
