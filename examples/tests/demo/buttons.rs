//! Each button does what it says.
//!
//! The counts are the demo's own, fed by what `SQLite` runs and what the cache tells. Processes are asked of the
//! operating system, and entries of Redis.

use std::net::TcpStream;
use std::thread;

use serde_json::Value;

use crate::processes::{self, Process};
use crate::service::Demo;
use crate::visit::{Page, alone, count, events, last_event, visit};

/// Loads of the fenced side that were told of after an event, for the whole fleet.
fn loads(state: &Value, since: u64) -> usize {
    ["miss", "early", "bypass", "failed"].map(|kind| events(state, kind, since).len()).iter().sum()
}

/// Has the page press a button, and returns the state from before, the number of the event that tells of it, and a
/// state from after.
#[track_caller]
fn press(page: &Page, button: &str, told_as: &str) -> (Value, u64, Value) {
    let before = page.demo.state();
    let said = page.press(button);
    assert!(!said.is_empty());
    let told = page.demo.until("the event is told", |state| {
        !events(state, told_as, last_event(&before)).is_empty()
    });
    let log = format!("document.querySelector('#log li[data-kind={told_as}]')");
    page.browser.until("the page's log tells of it", &log);
    let seq = events(&told, told_as, last_event(&before))[0]["seq"].as_u64().expect("a number");
    (before, seq, told)
}

/// Waits until a side has answered that many more requests.
#[track_caller]
fn until_answered(demo: &Demo, side: &str, more: u64, since: &Value) -> Value {
    let target = count(since, side, "requests_total") + more;
    demo.until(&format!("the {side} side answers {more} requests"), |state| {
        count(state, side, "requests_total") >= target
    })
}

/// Presses a button until the fleet is seen to load once because of it. On a busy machine Redis may answer too late, and
/// a process then runs its own query; or an early refresh that ran already stores its value after the button. The page
/// tells of either, and the button is pressed again.
fn costs_one_load(button: &str) {
    visit(&[], |page| {
        let undisturbed = (0..5).any(|_| {
            let (before, pressed, _) = press(page, button, button);
            let loaded =
                page.demo.until("the fenced side loads", |state| loads(state, pressed) > 0);
            let after = until_answered(&page.demo, "fenced", 300, &loaded);
            let queries =
                |side| count(&after, side, "queries_total") - count(&before, side, "queries_total");
            let told = loads(&after, last_event(&before));
            // One query may run that is told of at its end.
            assert!(
                queries("fenced") <= 1 + told as u64,
                "{} queries, {told} told",
                queries("fenced")
            );
            for side in ["naive", "fenced"] {
                assert_eq!(count(&after, side, "errors_total"), 0, "{side}");
            }
            assert_eq!(count(&after, "fenced", "old_answers_total"), 0);
            let disturbed =
                ["bypass", "failed"].map(|kind| events(&after, kind, last_event(&before)).len());
            let misses = events(&after, "miss", pressed).len();
            if disturbed != [0, 0] || misses == 0 {
                return false;
            }
            assert_eq!(misses, 1, "one load for the whole fleet");
            assert!(
                queries("naive") > queries("fenced"),
                "{} against {}",
                queries("naive"),
                queries("fenced")
            );
            true
        });
        assert!(undisturbed, "the fleet is not seen to load once because of it");
    });
}

#[test]
fn expire_costs_the_fleet_one_load() {
    costs_one_load("expire");
}

#[test]
fn invalidate_costs_the_fleet_one_load() {
    costs_one_load("invalidate");
}

/// The process ids of the workers, as the page shows them.
fn shown_workers(page: &Page) -> Vec<u32> {
    let ids =
        "return [0, 1].map(slot => Number(document.getElementById(`worker-${slot}`).dataset.pid))";
    serde_json::from_value(page.browser.run(ids)).expect("process ids")
}

#[test]
fn kill_the_leader_kills_it_and_another_worker_serves() {
    visit(&[], |page| {
        let workers = shown_workers(page);
        let children = page.demo.processes();
        for worker in &workers {
            assert!(children.iter().any(|child| child.pid == *worker), "{worker}: {children:#?}");
        }
        let (before, killed, told) = press(page, "kill-leader", "kill");
        let died = events(&told, "died", last_event(&before));
        let pid = died[0]["pid"].as_u64().expect("who");
        assert!(died[0]["seq"].as_u64() < Some(killed), "the death is told before the kill");
        let pid = u32::try_from(pid).expect("a process id");
        assert!(workers.contains(&pid), "{pid} is none of the workers {workers:?}");
        assert!(!processes::runs(pid), "the leader {pid} lives");
        page.browser.until(
            "another process takes its place",
            &format!(
                "[0, 1].map(slot => document.getElementById(`worker-${{slot}}`).dataset).every(worker => \
                 Number(worker.pid) > 0 && worker.pid !== '{pid}' && worker.state !== 'starting')"
            ),
        );
        let now = shown_workers(page);
        for worker in &now {
            assert!(processes::runs(*worker), "the page shows {worker}, which does not run");
        }
        let state = page.demo.state();
        let after = until_answered(&page.demo, "fenced", 300, &state);
        page.demo
            .until("another process loads", |state| loads(state, killed) > loads(&after, killed));
    });
}

/// The server that the demo has started.
fn redis(page: &mut Page) -> Vec<Process> {
    let mut servers = page.demo.processes();
    servers.retain(|process| process.command.starts_with("redis-server"));
    servers
}

#[test]
fn stop_redis_stops_it_and_the_fenced_side_goes_on() {
    visit(&[], |page| {
        let up = page.demo.state();
        let address = up["store"]["where"].as_str().expect("an address").to_owned();
        let server = redis(page);
        assert_eq!(server.len(), 1, "{server:#?}");

        let (before, stopped, _) = press(page, "redis", "redis-stop");
        assert!(!processes::runs(server[0].pid), "Redis runs");
        TcpStream::connect(&address).expect_err("nobody listens");
        page.until_attribute("btn-redis", "aria-pressed", "true");
        page.browser.until(
            "the page says so",
            "document.getElementById('btn-redis').textContent.includes('Start Redis')",
        );
        page.demo.until("workers see it", |state| {
            let workers = state["workers"].as_array().expect("workers");
            workers.iter().all(|worker| worker["store"] == "down")
        });
        let down = page.demo.state();
        assert_eq!(down["store"]["up"], false);
        let after = until_answered(&page.demo, "fenced", 500, &down);
        assert_eq!(
            count(&after, "fenced", "errors_total"),
            count(&before, "fenced", "errors_total")
        );
        assert!(!events(&after, "bypass", stopped).is_empty(), "bodies run without a lease");

        press(page, "redis", "redis-start");
        page.until_attribute("btn-redis", "aria-pressed", "false");
        assert_eq!(redis(page).len(), 1);
        let hit = page.demo.until("Redis has the value again", |state| {
            state["store"]["up"] == true && stats(&address, "keyspace_hits") > 20
        });
        let after = until_answered(&page.demo, "fenced", 500, &hit);
        let queries =
            count(&after, "fenced", "queries_total") - count(&hit, "fenced", "queries_total");
        assert!(queries < 50, "{queries} queries for 500 requests");
    });
}

/// A count of the server's own.
fn stats(address: &str, name: &str) -> u64 {
    let client = redis::Client::open(format!("redis://{address}/")).expect("an address");
    let mut connection = client.get_connection().expect("Redis answers");
    let info: redis::InfoDict =
        redis::cmd("INFO").arg("stats").query(&mut connection).expect("INFO");
    info.get(name).expect("a count of Redis")
}

/// How many milliseconds longer each query of a slow database takes.
const SLOWER: f64 = 1_500.0;

#[test]
fn slow_database_makes_loads_slow() {
    visit(&[], |page| {
        let (_, switched, told) = press(page, "slow", "slow-on");
        assert_eq!(told["database"]["slow"], true);
        page.until_attribute("btn-slow", "aria-pressed", "true");
        page.demo.until("a load takes 1.5 s longer", |state| {
            loads(state, switched) > 0 && state["last_lead"]["ms"].as_f64() >= Some(SLOWER)
        });
        let (_, _, told) = press(page, "slow", "slow-off");
        assert_eq!(told["database"]["slow"], false);
        page.until_attribute("btn-slow", "aria-pressed", "false");
        page.demo.until("a load is as fast as before", |state| {
            state["last_lead"]["ms"].as_f64() < Some(SLOWER)
        });
    });
}

#[test]
fn failing_database_gives_errors_to_the_naive_side_only() {
    visit(&[], |page| {
        let (before, _, _) = press(page, "failing", "failing-on");
        page.until_attribute("btn-failing", "aria-pressed", "true");
        let errors = |state: &Value, side| {
            count(state, side, "errors_total") - count(&before, side, "errors_total")
        };
        let failing = page.demo.until(
            "the naive side has errors, and the fenced side serves what is stale",
            |state| {
                errors(state, "naive") > 0
                    && count(state, "fenced", "stale_total")
                        > count(&before, "fenced", "stale_total")
            },
        );
        page.browser.until(
            "the page shows the errors",
            "Number(document.getElementById('naive-errors').dataset.value) > 0",
        );
        assert_eq!(errors(&failing, "fenced"), 0);
        assert!(page.figure("fenced-errors") <= 0.0);

        press(page, "failing", "failing-off");
        page.until_attribute("btn-failing", "aria-pressed", "false");
        let mended = page.demo.until("each visitor of the naive side has an answer", |state| {
            state["sides"]["naive"]["visitors"] == ".".repeat(100)
        });
        let later = until_answered(&page.demo, "naive", 300, &mended);
        assert_eq!(errors(&later, "naive"), errors(&mended, "naive"), "no more errors");
    });
}

#[test]
fn presses_at_once_are_done_one_after_another() {
    alone(|| {
        let demo = Demo::start(&["--memory"]);
        let answers = thread::scope(|scope| {
            let presses = [(); 8].map(|()| scope.spawn(|| demo.post("/api/slow")));
            presses.map(|press| press.join().expect("an answer"))
        });
        let says = |words| answers.iter().filter(|answer| answer.1.contains(words)).count();
        assert_eq!((says("longer"), says("as fast as before")), (4, 4), "{answers:?}");
        assert_eq!(demo.state()["database"]["slow"], false);
        demo.end("TERM");
    });
}

#[test]
fn a_button_that_cannot_act_says_why() {
    visit(&["--memory"], |page| {
        page.browser
            .until("the button is disabled", "document.getElementById('btn-redis').disabled");
        let why =
            page.browser.run("return document.getElementById('why-redis').textContent.trim()");
        assert!(why.as_str().unwrap_or_default().len() > 10, "{why}");
    });
}
