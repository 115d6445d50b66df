//! How a function that caches is tested: each test has a cache of its own, and lets time pass as it likes.
//!
//! ```sh
//! cargo test --bin testing     # the tests below
//! cargo run --bin testing      # what they test
//! ```
//!
//! The program prints two prices, for which the bank is asked once.

use std::sync::atomic::{AtomicU32, Ordering};

use cachefence::{BoxError, CacheFence, cachefence};

/// Stands for a bank that is asked over the network.
struct Bank {
    cents_per_euro: AtomicU32,
    requests: AtomicU32,
}

impl Bank {
    fn new(cents_per_euro: u32) -> Self {
        Self { cents_per_euro: cents_per_euro.into(), requests: 0.into() }
    }

    async fn rate(&self) -> u32 {
        self.requests.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await; // a round trip
        self.cents_per_euro.load(Ordering::Relaxed)
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

#[cachefence(key = "rate", ttl = "1m", skip(bank))]
async fn rate(bank: &Bank) -> u32 {
    bank.rate().await
}

/// The function under test: the price in dollars.
async fn price(bank: &Bank, euros: u32) -> String {
    let cents = euros * rate(bank).await;
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    CacheFence::in_memory().install()?;
    let bank = Bank::new(112);
    println!("{} and {}", price(&bank, 1).await, price(&bank, 3).await);
    println!("requests to the bank: {}", bank.requests());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cachefence::force_refresh;

    use super::*;

    /// In a scope, functions that name no cache use this one. So no test sees the rate of another test.
    #[tokio::test]
    async fn two_prices_cost_one_request() {
        let bank = Bank::new(112);
        let test = async {
            assert_eq!(price(&bank, 1).await, "$1.12");
            assert_eq!(price(&bank, 3).await, "$3.36");
        };
        CacheFence::in_memory().scope(test).await;
        assert_eq!(bank.requests(), 1);
    }

    /// In a disabled cache each call runs its body, as without the attribute.
    #[tokio::test]
    async fn without_a_cache_each_price_is_a_request() {
        let bank = Bank::new(112);
        let test = async {
            assert_eq!(price(&bank, 1).await, "$1.12");
            assert_eq!(price(&bank, 3).await, "$3.36");
        };
        CacheFence::disabled().scope(test).await;
        assert_eq!(bank.requests(), 2);
    }

    /// The store in memory goes by tokio's clock. While that is paused, a minute takes no time.
    #[tokio::test(start_paused = true)]
    async fn a_rate_is_good_for_a_minute() {
        let bank = Bank::new(112);
        let test = async {
            assert_eq!(price(&bank, 1).await, "$1.12");
            bank.cents_per_euro.store(108, Ordering::Relaxed);
            tokio::time::advance(Duration::from_secs(59)).await;
            assert_eq!(price(&bank, 1).await, "$1.12");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(price(&bank, 1).await, "$1.08");
        };
        CacheFence::in_memory().scope(test).await;
    }

    /// `force_refresh` loads although there is a rate, and caches the new one.
    #[tokio::test]
    async fn a_reload_asks_the_bank() {
        let bank = Bank::new(112);
        let test = async {
            assert_eq!(price(&bank, 1).await, "$1.12");
            bank.cents_per_euro.store(108, Ordering::Relaxed);
            assert_eq!(force_refresh(price(&bank, 1)).await, "$1.08");
            assert_eq!(price(&bank, 1).await, "$1.08");
        };
        CacheFence::in_memory().scope(test).await;
        assert_eq!(bank.requests(), 2);
    }
}
