//! A connection on which replies belong to other commands: what is another key's is never served (G8), and the
//! connection is replaced.

use std::io;
use std::time::Instant;

use cachefence_tests::{NO_SCRIPTS, Proxy, RedisServer};

use super::callers::{Callers, KEYS, TTL, all};

/// Callers of a warm cache whose connections a proxy can mix up.
struct MixedUp {
    _server: RedisServer,
    proxy: Proxy,
    callers: Callers,
}

impl MixedUp {
    async fn new(args: &[&str]) -> Self {
        let server = RedisServer::builder().args(args.iter().copied()).start();
        let proxy = Proxy::start(server.port());
        let callers = Callers::new(&proxy.url());
        callers.warm().await;
        Self { _server: server, proxy, callers }
    }

    /// Calls for all keys at the same time, again and again, in the midst of which `mix_up` is called. `Callers::call`
    /// looks at what it is given.
    async fn serves_none_of_them(&self, what: &str, mix_up: impl Fn(&Proxy)) {
        let connections = self.proxy.connections();
        let mut rounds = 0;
        // A reply that comes while no command is under way belongs to nobody, and the connection stays. So again and again.
        while self.proxy.connections() == connections {
            rounds += 1;
            assert!(rounds < 50, "{what}: the connection is replaced");
            let calls = all((0..KEYS).map(|caller| async move {
                for id in 0..KEYS {
                    self.callers.call(id % 2 == 0, (caller + id) % KEYS).await;
                }
            }));
            tokio::join!(calls, async { mix_up(&self.proxy) });
        }
        println!("{what}: replaced within {rounds} rounds");
        self.callers.until_a_hit().await;
        self.callers.warm().await;
    }
}

#[tokio::test]
async fn each_reply_is_the_next_ones() {
    for args in [&[][..], &NO_SCRIPTS] {
        let mixed = MixedUp::new(args).await;
        mixed.serves_none_of_them("a lost reply", |proxy| proxy.lose_replies(1)).await;
    }
}

#[tokio::test]
async fn each_reply_is_the_one_before() {
    for args in [&[][..], &NO_SCRIPTS] {
        let mixed = MixedUp::new(args).await;
        mixed.serves_none_of_them("a reply that came twice", |proxy| proxy.repeat_replies(1)).await;
    }
}

#[tokio::test]
async fn replies_of_loads_and_invalidations() {
    for args in [&[][..], &NO_SCRIPTS] {
        for mix_up in [Proxy::lose_replies, Proxy::repeat_replies] {
            let mixed = MixedUp::new(args).await;
            let MixedUp { proxy, callers, .. } = &mixed;
            for _ in 0..2 {
                let calls = (0..KEYS).map(|id| async move {
                    // The reply to the invalidation may be any of those that were mixed up.
                    let _ = callers.cache.invalidate(format!("row:{id}")).await;
                    callers.call(true, id).await;
                    callers.call(false, (id + 1) % KEYS).await;
                });
                tokio::join!(all(calls), async { mix_up(proxy, 1) });
            }
            callers.until_a_hit().await;
            callers.warm().await;
        }
    }
}

#[tokio::test]
async fn a_reply_that_cannot_be_one_to_what_was_asked() {
    let mixed = MixedUp::new(&[]).await;
    let MixedUp { proxy, callers, .. } = &mixed;
    let entry = callers.cache.entry::<String>("row:0").ttl(TTL);
    let connections = proxy.connections();
    proxy.lose_replies(1);
    // The last one is not answered at all.
    let set = async { entry.set(&"another row".to_owned()).await };
    let (lost, _) = tokio::join!(callers.cache.invalidate("other"), set);
    assert!(lost.is_err(), "what a script says is no count");
    assert!(entry.peek().await.is_ok());
    assert!(proxy.connections() > connections, "the link is replaced");
}

/// To a reader it looks as if the replies had slipped, for as long as the copy is there.
#[tokio::test]
async fn an_entry_that_was_copied_to_another_key() {
    const CALLS: u64 = 200;
    // One for reads and one for writes.
    const OF_A_LINK: u64 = 2;
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let callers = Callers::patient(&proxy.url());
    callers.warm().await;
    server.cli(&["COPY", "row:0", "copy"]);
    let (began, connections, before) = (Instant::now(), proxy.connections(), callers.bodies());
    let mut misses = 0;
    for id in 0..CALLS {
        let body = async || {
            misses += 1;
            Err::<String, _>(io::Error::other("the database is down"))
        };
        callers.cache.get_or_set("copy", TTL, body).await.unwrap_err();
        callers.call(true, id % KEYS).await;
    }
    assert_eq!(misses, CALLS, "another key's entry is a miss");
    assert_eq!(callers.bodies(), before, "and the others are hits");
    let made = u64::try_from(proxy.connections() - connections).unwrap();
    assert!(made <= (began.elapsed().as_secs() + 1) * OF_A_LINK, "{made} connections");
}
