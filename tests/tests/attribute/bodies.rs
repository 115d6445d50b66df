//! An annotated function runs its body as its plain twin does, whatever the body is made of.
//!
//! Each test has a function without the attribute and the same function with it; see `shapes`.

// The twins are what users write: some of them await nothing, some could be written more shortly.
#![allow(clippy::needless_return, clippy::unnecessary_wraps, clippy::unused_async)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use cachefence::cachefence;
use cachefence_tests::{assert_twins, ran};

/// Something to await that is not ready at once.
async fn load(id: u64) -> Result<u64, std::num::TryFromIntError> {
    tokio::task::yield_now().await;
    u8::try_from(id).map(u64::from)
}

#[tokio::test]
async fn question_marks_and_awaits() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        ran(&BODIES);
        let first = load(id).await?;
        let second: u64 = "2".parse()?;
        Ok(first + second)
    }

    #[cachefence(key = "question:<id>", ttl = 60)]
    async fn cached(id: u64) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        ran(&BODIES);
        let first = load(id).await?;
        let second: u64 = "2".parse()?;
        Ok(first + second)
    }

    assert_twins(&BODIES, async || plain(1).await.unwrap(), async || cached(1).await.unwrap())
        .await;
    assert_eq!(
        plain(256).await.unwrap_err().to_string(),
        cached(256).await.unwrap_err().to_string()
    );
}

#[tokio::test]
async fn a_question_mark_on_an_option() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(names: &[&str]) -> Option<usize> {
        ran(&BODIES);
        let first = names.first()?;
        Some(first.len())
    }

    #[cachefence(key = "question-option:<names>", ttl = 60)]
    async fn cached(names: &[&str]) -> Option<usize> {
        ran(&BODIES);
        let first = names.first()?;
        Some(first.len())
    }

    assert_twins(&BODIES, async || plain(&[]).await, async || cached(&[]).await).await;
}

#[tokio::test]
async fn early_returns() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> &'static str {
        ran(&BODIES);
        if id == 0 {
            return "none";
        }
        "some"
    }

    #[cachefence(key = "early:<id>", ttl = 60)]
    async fn cached(id: u64) -> String {
        ran(&BODIES);
        if id == 0 {
            return "none".into();
        }
        "some".into()
    }

    assert_twins(&BODIES, async || plain(0).await.to_owned(), async || cached(0).await).await;
}

#[tokio::test]
async fn a_return_at_the_end() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> Result<u64, String> {
        ran(&BODIES);
        return Ok(id);
    }

    #[cachefence(key = "end:<id>", ttl = 60)]
    async fn cached(id: u64) -> Result<u64, String> {
        ran(&BODIES);
        return Ok(id);
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn macros() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    macro_rules! give_up_on {
        ($id:expr, $value:expr) => {
            if $id == 0 {
                return $value;
            }
        };
    }

    async fn plain(id: u64) -> Vec<String> {
        ran(&BODIES);
        give_up_on!(id, vec!["none".to_owned()]);
        assert_ne!(id, 0);
        vec![format!("{id}"), format!("{}", id + 1), concat!("a", "b").to_owned()]
    }

    #[cachefence(key = "macros:<id>", ttl = 60)]
    async fn cached(id: u64) -> Vec<String> {
        ran(&BODIES);
        give_up_on!(id, vec!["none".to_owned()]);
        assert_ne!(id, 0);
        vec![format!("{id}"), format!("{}", id + 1), concat!("a", "b").to_owned()]
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
    assert_eq!(plain(0).await, cached(0).await);
}

#[tokio::test]
async fn tokio_select_and_join() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> u64 {
        ran(&BODIES);
        let (first, second) = tokio::join!(load(id), load(id + 1));
        tokio::select! {
            () = std::future::ready(()) => first.unwrap_or(0) + second.unwrap_or(0),
            () = std::future::pending() => unreachable!(),
        }
    }

    #[cachefence(key = "select:<id>", ttl = 60)]
    async fn cached(id: u64) -> u64 {
        ran(&BODIES);
        let (first, second) = tokio::join!(load(id), load(id + 1));
        tokio::select! {
            () = std::future::ready(()) => first.unwrap_or(0) + second.unwrap_or(0),
            () = std::future::pending() => unreachable!(),
        }
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn closures() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(names: &[String], suffix: String) -> Vec<String> {
        ran(&BODIES);
        let mut seen = 0;
        let mut decorate = |name: &String| {
            seen += 1;
            format!("{seen}{name}{suffix}")
        };
        let by_value = move |name: String| name + "!";
        names.iter().map(&mut decorate).map(by_value).collect()
    }

    #[cachefence(key = "closures:<names>:<suffix>", ttl = 60)]
    async fn cached(names: &[String], suffix: String) -> Vec<String> {
        ran(&BODIES);
        let mut seen = 0;
        let mut decorate = |name: &String| {
            seen += 1;
            format!("{seen}{name}{suffix}")
        };
        let by_value = move |name: String| name + "!";
        names.iter().map(&mut decorate).map(by_value).collect()
    }

    let names = ["a".to_owned(), "b".to_owned()];
    assert_twins(
        &BODIES,
        async || plain(&names, "x".to_owned()).await,
        async || cached(&names, "x".to_owned()).await,
    )
    .await;
}

#[tokio::test]
async fn async_blocks_and_closures() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> Result<u64, String> {
        ran(&BODIES);
        let block: Result<u64, std::num::TryFromIntError> = async { Ok(load(id).await? + 1) }.await;
        let closure = async |more: u64| load(more).await.unwrap_or(id);
        let spawned = tokio::spawn(async move { id }).await.map_err(|error| error.to_string())?;
        Ok(block.unwrap_or(0) + closure(2).await + spawned)
    }

    #[cachefence(key = "async-blocks:<id>", ttl = 60)]
    async fn cached(id: u64) -> Result<u64, String> {
        ran(&BODIES);
        let block: Result<u64, std::num::TryFromIntError> = async { Ok(load(id).await? + 1) }.await;
        let closure = async |more: u64| load(more).await.unwrap_or(id);
        let spawned = tokio::spawn(async move { id }).await.map_err(|error| error.to_string())?;
        Ok(block.unwrap_or(0) + closure(2).await + spawned)
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn loops_with_labels() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(limit: u64) -> u64 {
        ran(&BODIES);
        let mut sum = 0;
        'rows: for row in 0..limit {
            for column in 0.. {
                if column > row {
                    continue 'rows;
                }
                if sum > 50 {
                    break 'rows;
                }
                sum += load(column).await.unwrap_or(0);
            }
        }
        let extra = 'block: {
            if sum > 3 {
                break 'block 1;
            }
            2
        };
        sum + extra
    }

    #[cachefence(key = "labels:<limit>", ttl = 60)]
    async fn cached(limit: u64) -> u64 {
        ran(&BODIES);
        let mut sum = 0;
        'rows: for row in 0..limit {
            for column in 0.. {
                if column > row {
                    continue 'rows;
                }
                if sum > 50 {
                    break 'rows;
                }
                sum += load(column).await.unwrap_or(0);
            }
        }
        let extra = 'block: {
            if sum > 3 {
                break 'block 1;
            }
            2
        };
        sum + extra
    }

    assert_twins(&BODIES, async || plain(9).await, async || cached(9).await).await;
}

#[tokio::test]
async fn inner_items() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> u64 {
        use std::ops::Add as _;
        const STEP: u64 = 3;
        static CALLS: AtomicU32 = AtomicU32::new(0);
        struct Row(u64);
        impl Row {
            fn next(&self) -> u64 {
                self.0.add(STEP)
            }
        }
        fn double(id: u64) -> u64 {
            id * 2
        }
        ran(&BODIES);
        ran(&CALLS);
        double(Row(id).next()) + u64::from(CALLS.load(Ordering::Relaxed))
    }

    #[cachefence(key = "items:<id>", ttl = 60)]
    async fn cached(id: u64) -> u64 {
        use std::ops::Add as _;
        const STEP: u64 = 3;
        static CALLS: AtomicU32 = AtomicU32::new(0);
        struct Row(u64);
        impl Row {
            fn next(&self) -> u64 {
                self.0.add(STEP)
            }
        }
        fn double(id: u64) -> u64 {
            id * 2
        }
        ran(&BODIES);
        ran(&CALLS);
        double(Row(id).next()) + u64::from(CALLS.load(Ordering::Relaxed))
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn inner_attributes() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> u64 {
        #![allow(non_snake_case)]
        ran(&BODIES);
        let userId = id;
        userId + 1
    }

    #[cachefence(key = "inner-attributes:<id>", ttl = 60)]
    async fn cached(id: u64) -> u64 {
        #![allow(non_snake_case)]
        ran(&BODIES);
        let userId = id;
        userId + 1
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn borrowed_arguments_across_awaits() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(names: &[String], log: &mut Vec<usize>) -> usize {
        ran(&BODIES);
        let mut sum = 0;
        for name in names {
            let tail = &name[1..];
            log.push(tail.len());
            tokio::task::yield_now().await;
            sum += tail.len();
        }
        log.push(sum);
        sum
    }

    #[cachefence(key = "across:<names>", ttl = 60, skip(log))]
    async fn cached(names: &[String], log: &mut Vec<usize>) -> usize {
        ran(&BODIES);
        let mut sum = 0;
        for name in names {
            let tail = &name[1..];
            log.push(tail.len());
            tokio::task::yield_now().await;
            sum += tail.len();
        }
        log.push(sum);
        sum
    }

    let names = ["ann".to_owned(), "lee".to_owned()];
    let (mut one, mut other) = (Vec::new(), Vec::new());
    assert_twins(
        &BODIES,
        async || plain(&names, &mut one).await,
        async || cached(&names, &mut other).await,
    )
    .await;
    assert_eq!(one, other);
}

#[tokio::test]
async fn patterns_and_let_else() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(name: Option<&str>) -> usize {
        ran(&BODIES);
        let Some(name) = name else {
            return 0;
        };
        match name.split_once(' ') {
            Some((first, _)) if !first.is_empty() => first.len(),
            _ => name.len(),
        }
    }

    #[cachefence(key = "let-else:<name>", ttl = 60)]
    async fn cached(name: Option<&str>) -> usize {
        ran(&BODIES);
        let Some(name) = name else {
            return 0;
        };
        match name.split_once(' ') {
            Some((first, _)) if !first.is_empty() => first.len(),
            _ => name.len(),
        }
    }

    assert_twins(
        &BODIES,
        async || plain(Some("ann lee")).await,
        async || cached(Some("ann lee")).await,
    )
    .await;
    assert_eq!(plain(None).await, cached(None).await);
}

#[tokio::test]
async fn types_inferred_from_the_return_type() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(text: &str) -> Result<BTreeMap<String, u8>, std::num::ParseIntError> {
        ran(&BODIES);
        if text.is_empty() {
            return Ok([].into());
        }
        text.split(',').map(|pair| Ok((pair[..1].into(), pair[1..].parse()?))).collect()
    }

    #[cachefence(key = "inferred:<text>", ttl = 60)]
    async fn cached(text: &str) -> Result<BTreeMap<String, u8>, std::num::ParseIntError> {
        ran(&BODIES);
        if text.is_empty() {
            return Ok([].into());
        }
        text.split(',').map(|pair| Ok((pair[..1].into(), pair[1..].parse()?))).collect()
    }

    assert_twins(&BODIES, async || plain("a1,b2").await, async || cached("a1,b2").await).await;
    assert_eq!(plain("ax").await, cached("ax").await);
}

#[tokio::test]
async fn literals_of_the_return_type() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain() -> (u8, i64, f32) {
        ran(&BODIES);
        (1, -2, 0.5)
    }

    #[cachefence(key = "literals", ttl = 60)]
    async fn cached() -> (u8, i64, f32) {
        ran(&BODIES);
        (1, -2, 0.5)
    }

    assert_twins(&BODIES, async || plain().await, async || cached().await).await;
}

#[tokio::test]
async fn values_coerced_to_the_return_type() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u8) -> Box<[u8]> {
        ran(&BODIES);
        if id == 0 {
            return Box::new([]);
        }
        Box::new([id, id + 1])
    }

    #[cachefence(key = "coerced:<id>", ttl = 60)]
    async fn cached(id: u8) -> Box<[u8]> {
        ran(&BODIES);
        if id == 0 {
            return Box::new([]);
        }
        Box::new([id, id + 1])
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
    assert_eq!(plain(0).await, cached(0).await);
}

#[tokio::test]
async fn errors_coerced_to_the_return_type() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        ran(&BODIES);
        match id {
            0 => return Err(Box::new(std::fmt::Error)),
            1 => Err(Box::new(std::io::Error::other("one"))),
            _ => Ok(id),
        }
    }

    #[cachefence(key = "coerced-error:<id>", ttl = 60)]
    async fn cached(id: u64) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        ran(&BODIES);
        match id {
            0 => return Err(Box::new(std::fmt::Error)),
            1 => Err(Box::new(std::io::Error::other("one"))),
            _ => Ok(id),
        }
    }

    assert_twins(&BODIES, async || plain(2).await.unwrap(), async || cached(2).await.unwrap())
        .await;
    for id in [0, 1] {
        let [plain, cached] = [plain(id).await, cached(id).await].map(|error| error.unwrap_err());
        assert_eq!(plain.to_string(), cached.to_string());
    }
}

#[tokio::test]
async fn a_body_that_returns_nothing() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(_id: u64) {
        ran(&BODIES);
    }

    #[cachefence(key = "unit:<id>", ttl = 60)]
    async fn cached(id: u64) {
        ran(&BODIES);
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn a_body_that_ends_in_a_loop() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(mut id: u64) -> u64 {
        ran(&BODIES);
        loop {
            id += 1;
            if id.is_multiple_of(7) {
                return id;
            }
        }
    }

    #[cachefence(key = "endless:<id>", ttl = 60)]
    async fn cached(mut id: u64) -> u64 {
        ran(&BODIES);
        loop {
            id += 1;
            if id.is_multiple_of(7) {
                return id;
            }
        }
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn a_body_that_never_returns() {
    #[cachefence(key = "never:<id>", ttl = 60)]
    async fn cached(id: u64) -> Result<u64, String> {
        unimplemented!("some day")
    }

    assert!(tokio::spawn(cached(1)).await.unwrap_err().is_panic());
}

#[tokio::test]
async fn arguments_are_dropped_once_each() {
    static BODIES: AtomicU32 = AtomicU32::new(0);
    static DROPS: AtomicU32 = AtomicU32::new(0);

    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            ran(&DROPS);
        }
    }

    async fn plain(_guard: Guard, used: Guard) -> u32 {
        ran(&BODIES);
        drop(used);
        DROPS.swap(0, Ordering::Relaxed)
    }

    #[cachefence(key = "drops", ttl = 60, skip(_guard, used))]
    async fn cached(_guard: Guard, used: Guard) -> u32 {
        ran(&BODIES);
        drop(used);
        DROPS.swap(0, Ordering::Relaxed)
    }

    let drops = || DROPS.swap(0, Ordering::Relaxed);
    assert_twins(
        &BODIES,
        async || (plain(Guard, Guard).await, drops()).0,
        async || (cached(Guard, Guard).await, drops()).0,
    )
    .await;
    cached(Guard, Guard).await;
    assert_eq!(drops(), 2, "a hit drops both");
}
