//! The engine on a simulated network: a fleet of workers, a store, a database, and somebody who
//! makes trouble.
//!
//! A seed stands for a run: how many workers and callers there are, their options, the network's
//! latencies and losses, when links are cut, held and slow, when the store and the workers are
//! killed and restarted. Workers get, in the caller or detached, drop at a deadline, stall, fail, panic, hang, return
//! what is not to be cached, change the database and invalidate. All of it runs on one thread in virtual time. The
//! `oracle` says what must hold at every step, `waits` how long each call may take, and once the trouble is over
//! everything must be well again.
//!
//! 200 seeds by default, 10,000 with `CACHEFENCE_LONG=1`, the one that `CACHEFENCE_SEED` names with
//! that. A failure prints its seed, its plan and what led to it. The engine draws its tokens, pauses
//! and early refreshes from the seed as well: the same seed brings back every step.

mod caller;
mod change;
mod dice;
mod fate;
mod journal;
mod load;
mod nemesis;
mod oracle;
mod pipeline;
mod plan;
mod pool;
mod remote;
mod run;
mod seeds;
mod server;
mod table;
mod waits;
mod wire;
mod worker;
mod world;

#[test]
fn no_schedule_breaks_a_promise() {
    let seeds = seeds::chosen();
    let stats = seeds::run_all(&seeds);
    println!("{stats:#?}");
    // A run may come to nothing; a hundred cannot.
    if seeds.len() >= 100 {
        assert!(stats.accepted > 0 && stats.stored > 0 && stats.refused > 0, "nothing was tried");
        assert!(stats.detached > 0 && stats.panics > 0 && stats.guests > 0, "nobody waited");
    }
}

#[test]
fn a_seed_brings_back_every_step() {
    for seed in 0..10 {
        let journal = || run::play(seed).state().journal.all();
        let (once, again) = (journal(), journal());
        let differs = once.iter().zip(&again).position(|(a, b)| a != b);
        if let Some(at) = differs {
            let from = at.saturating_sub(12);
            let (once, again) = (once[from..=at].join("\n"), again[from..=at].join("\n"));
            panic!("seed {seed}, step {at}:\n{once}\nand\n{again}");
        }
        assert_eq!(once.len(), again.len(), "seed {seed}");
        assert!(once.len() > 50, "seed {seed} did next to nothing");
    }
}
