//! Which rules of an ACL a cache needs: with the ones of `docs/redis.md` it does all that it does, and one that is left
//! out is noticed.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cachefence::observe::Stats;
use cachefence::store::Health;
use cachefence::{CacheFence, Entry, Inspected};
use cachefence_tests::{
    CLUSTER_RULES, DEADLINE, Loads, RULES, RULES_WITHOUT_SCRIPTS, RedisServer, SENTINEL_RULES,
    Stop, WATCHED_RULES, until,
};
use tokio::task::JoinSet;

const TTL: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "app";

/// The rules that a server of the tests gives its user, for the keys of the namespace alone.
fn of_namespace(rules: &str) -> String {
    format!("~{NAMESPACE}:* {rules}")
}

async fn build(url: &str) -> Result<CacheFence, cachefence::Error> {
    let builder = CacheFence::builder().redis(url).namespace(NAMESPACE);
    builder.op_timeout(DEADLINE).beta(0.0).retry_after(DEADLINE).build().await
}

/// Has two caches in the database of this number do all that caches do, and returns what tells of what was refused.
async fn refused(rules: &str, database: u8) -> Vec<String> {
    let server = RedisServer::builder().rules(rules).start();
    // A URL without a number is that of the first one, which needs no `SELECT`.
    let number = if database == 0 { String::new() } else { format!("/{database}") };
    let url = server.url() + &number;
    let [ours, theirs] = match (build(&url).await, build(&url).await) {
        (Ok(ours), Ok(theirs)) => [ours, theirs],
        (Err(error), _) | (_, Err(error)) => return vec![format!("build: {error}")],
    };
    let mut signs = Vec::new();
    cached(&ours, &theirs, &mut signs).await;
    woken(&server, &ours, &theirs, &mut signs).await;
    held_off(&ours, &theirs, &mut signs).await;
    voided(&ours, &theirs, &mut signs).await;
    invalidated(&ours, &theirs, &mut signs).await;
    for cache in [&ours, &theirs] {
        let status = cache.status();
        signs.push(health(status.health, [status.scripts, status.pushes, status.writes]));
        let Stats { failures, bypasses, troubles, .. } = cache.stats();
        signs.push(format!("{failures:?} {bypasses:?}"));
        signs.push(format!("degraded: {}", troubles.degraded));
    }
    signs
}

async fn cached(ours: &CacheFence, theirs: &CacheFence, signs: &mut Vec<String>) {
    let loads = Loads::default();
    for cache in [ours, theirs] {
        let load = async || Ok::<_, Infallible>(loads.begin().number);
        cache.get_or_set("cached", TTL, load).await.unwrap();
    }
    signs.push(format!("cached: {} loads", loads.count()));
}

/// A load that another process waits for, of a value that is its own ttl: one of them is not to be cached.
async fn woken(
    server: &RedisServer,
    ours: &CacheFence,
    theirs: &CacheFence,
    signs: &mut Vec<String>,
) {
    for (key, ttl) in [("waited for", TTL), ("not to be cached", Duration::ZERO)] {
        let (loads, stop) = (Loads::default(), Stop::new());
        let call = |cache: &CacheFence| {
            let (loads, stop) = (loads.clone(), Arc::clone(&stop));
            let entry = cache.entry::<Duration>(key).ttl_of(|ttl| *ttl);
            tokio::spawn(entry.get_or_set(async move || {
                let _running = loads.begin();
                stop.pass().await;
                Ok::<_, Infallible>(ttl)
            }))
        };
        let holder = call(theirs);
        stop.reached().await;
        let waiter = call(ours);
        let waits = || {
            server.info("clients", "tracking_clients") > 0
                || !ours.status().pushes
                || ours.stats().failures != <_>::default()
        };
        until("the other one waits", waits).await;
        stop.let_go(2);
        for call in [holder, waiter] {
            call.await.unwrap().unwrap();
        }
        signs.push(format!("{key}: {} loads", loads.count()));
    }
}

/// A stale value, whose refresh fails: nobody tries again for a while.
async fn held_off(ours: &CacheFence, theirs: &CacheFence, signs: &mut Vec<String>) {
    let loads = Loads::default();
    let entry = |cache: &CacheFence| -> Entry<usize> {
        cache.entry("stale").ttl(Duration::from_millis(1)).stale_if_error(TTL)
    };
    let stored = async || io::Result::Ok(loads.begin().number);
    let fails = async || {
        drop(loads.begin());
        Err::<usize, _>(io::Error::other("the database is down"))
    };
    entry(ours).get_or_set(stored).await.unwrap();
    while loads.count() == 1 {
        let _ = entry(ours).get_or_set(fails).await;
    }
    // Each knows the server's clock to a round trip of its own only.
    let is_fresh = |found: Option<Inspected<usize>>| found.is_some_and(|found| !found.is_stale());
    while entry(theirs).inspect().await.is_ok_and(is_fresh) {}
    let _ = entry(theirs).get_or_set(fails).await;
    signs.push(format!("stale: {} loads", loads.count()));
}

/// A load whose key is invalidated meanwhile: its value is not stored.
async fn voided(ours: &CacheFence, theirs: &CacheFence, signs: &mut Vec<String>) {
    let (loads, stop) = (Loads::default(), Stop::new());
    let load = async || {
        let running = loads.begin();
        stop.pass().await;
        Ok::<_, Infallible>(running.number)
    };
    let change = async {
        stop.reached().await;
        let _ = theirs.invalidate("voided").await;
        stop.go();
    };
    let (called, ()) = tokio::join!(ours.get_or_set("voided", TTL, load), change);
    called.unwrap();
    signs.push(format!("voided: {} loads", loads.count()));
}

async fn invalidated(ours: &CacheFence, theirs: &CacheFence, signs: &mut Vec<String>) {
    let removed = ours.invalidate("cached").await;
    let left = theirs.entry::<usize>("cached").peek().await;
    signs.push(format!("invalidated: {removed:?} {left:?}"));
}

fn health(health: Health, [scripts, pushes, writes]: [bool; 3]) -> String {
    format!("{health:?}, scripts: {scripts}, pushes: {pushes}, writes: {writes}")
}

/// What is told where nothing is refused.
fn nothing(scripts: bool) -> Vec<String> {
    let what = [
        "cached: 1 loads",
        "waited for: 1 loads",
        "not to be cached: 2 loads",
        "stale: 2 loads",
        "voided: 1 loads",
        "invalidated: Ok(()) Ok(None)",
    ];
    let works = if scripts { Health::Up } else { Health::Degraded };
    let up = health(works, [scripts, scripts, true]);
    let Stats { failures, bypasses, .. } = Stats::default();
    let none = format!("{failures:?} {bypasses:?}");
    let degraded = format!("degraded: {}", u8::from(!scripts));
    let each = [up, none, degraded];
    what.map(str::to_owned).into_iter().chain(each.clone()).chain(each).collect()
}

#[tokio::test]
async fn with_the_rules_a_cache_is_refused_nothing() {
    assert_eq!(refused(&of_namespace(RULES), 0).await, nothing(true));
    assert_eq!(refused(&of_namespace(RULES_WITHOUT_SCRIPTS), 0).await, nothing(false));
}

#[tokio::test]
async fn with_another_pattern_of_keys_this_is_noticed() {
    assert_ne!(refused(&format!("~other:* {RULES}"), 0).await, nothing(true));
}

#[tokio::test]
async fn another_database_than_the_first_takes_a_rule_more() {
    assert_eq!(refused(&of_namespace(&format!("{RULES} +select")), 1).await, nothing(true));
    let told = refused(&of_namespace(RULES), 1).await;
    assert!(told[0].starts_with("build: "), "{told:#?}");
}

/// Asserts that each of the rules is missed. Not those that change nothing on a server that is well: `refusals` shows
/// what `PING` is for, and `engine::options` what `INFO` is.
async fn each_is_missed(rules: &'static str, scripts: bool) {
    let mut each = JoinSet::new();
    for left_out in rules.split(' ').filter(|rule| !["+ping", "+info"].contains(rule)) {
        let others: Vec<_> = rules.split(' ').filter(|rule| *rule != left_out).collect();
        let others = of_namespace(&others.join(" "));
        each.spawn(async move { (left_out, refused(&others, 0).await) });
    }
    for (left_out, told) in each.join_all().await {
        println!("without {left_out}: {told:#?}");
        assert_ne!(told, nothing(scripts), "without {left_out}");
    }
}

#[tokio::test]
async fn a_rule_that_is_left_out_is_noticed() {
    each_is_missed(RULES, true).await;
}

#[tokio::test]
async fn a_rule_that_is_left_out_is_noticed_without_scripts() {
    each_is_missed(RULES_WITHOUT_SCRIPTS, false).await;
}

#[test]
fn the_guide_states_the_rules() {
    let page = include_str!("../../../cachefence/docs/redis.md");
    let all =
        [RULES, RULES_WITHOUT_SCRIPTS].map(|rules| format!("on >PASSWORD {}", of_namespace(rules)));
    let more = [CLUSTER_RULES, WATCHED_RULES].map(str::to_owned);
    let of_sentinel = [format!("on >PASSWORD {SENTINEL_RULES}")];
    for rules in all.into_iter().chain(more).chain(of_sentinel) {
        let line = format!("ACL SETUSER app {rules}");
        assert!(page.lines().any(|other| other == line), "{line}");
    }
}
