//! A headless Chromium, driven over `WebDriver`: <https://www.w3.org/TR/webdriver2/>.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use serde_json::{Value, json};

use crate::guard::Group;
use crate::http;

/// How long anything may take on a busy machine. Only a test that fails waits this long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The name of an element's reference in `WebDriver`.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window.
pub(crate) struct Browser {
    _driver: Group,
    port: u16,
    session: String,
    /// Every request since the start.
    requests: Vec<Request>,
    /// Every entry of the console since the start.
    console: Vec<String>,
}

/// A request that the page made.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) url: String,
    /// How many bytes of the answer came over the wire, the headers included.
    pub(crate) bytes: u64,
}

impl Browser {
    /// Starts one, or says that the test is left out because Chromium is missing. Fails instead on a server of continuous
    /// integration where `tests/setup` can install it.
    pub(crate) fn start() -> Option<Self> {
        let missing = |what: &str| {
            let apt = Command::new("apt-get").arg("--version").stdout(Stdio::null()).status();
            let is_left_out = env::var_os("CI").is_none() || apt.is_err();
            assert!(is_left_out, "{what} is missing, although `tests/setup` installs it");
            // Not by `eprintln!`, which the test harness keeps to itself while tests pass.
            let _ = writeln!(
                io::stderr(),
                "NOT RUN: {what} is missing; `tests/setup` installs it where there is apt"
            );
            None
        };
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = match Group::spawn(&mut command) {
            Ok(driver) => driver,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return missing("chromedriver");
            }
            Err(error) => panic!("chromedriver: {error}"),
        };
        let log = BufReader::new(driver.child().stdout.take().expect("stdout is a pipe"));
        let mut lines = log.lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        thread::spawn(move || lines.for_each(drop));
        let mut browser = Self {
            _driver: driver,
            port: port.expect("chromedriver says its port"),
            session: String::new(),
            requests: Vec::new(),
            console: Vec::new(),
        };
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-breakpad", "--no-first-run", "--window-size=1200,900",
            ]},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        match browser.ask("POST", "/session", Some(&capabilities)) {
            Ok(session) => browser.session = text(&session["sessionId"]),
            Err(error) if error.contains("cannot find Chrome binary") => {
                return missing("chromium");
            }
            Err(error) => panic!("{error}"),
        }
        Some(browser)
    }

    /// Opens a page and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// What the body of a JavaScript function returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.run_with(script, &json!([]))
    }

    /// The same with `arguments`.
    pub(crate) fn run_with(&self, script: &str, arguments: &Value) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Waits until the expression is true on the page.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, expression: &str) {
        let begun = Instant::now();
        while self.run(&format!("return Boolean({expression})")) != true {
            assert!(begun.elapsed() < DEADLINE, "it did not happen that {what}: {expression}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Clicks as a user does: an element that is hidden, covered or disabled fails the test.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let element = self.element(selector);
        assert_eq!(self.get(&format!("element/{element}/enabled")), true, "{selector} is disabled");
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// The name that a screen reader says.
    pub(crate) fn accessible_name(&self, selector: &str) -> String {
        text(&self.get(&format!("element/{}/computedlabel", self.element(selector))))
    }

    /// Presses a key, at whatever has the focus.
    pub(crate) fn press(&self, key: &str) {
        let actions = json!([{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key},
        ]}]);
        self.post("actions", &json!({ "actions": actions }));
    }

    /// A command of Chromium's own protocol: <https://chromedevtools.github.io/devtools-protocol/>.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Has the page think that the user prefers `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    /// Makes the window a phone's.
    pub(crate) fn become_a_phone(&self, width: u32) {
        let metrics =
            json!({"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": true});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Every request since the start, in order.
    pub(crate) fn requests(&mut self) -> &[Request] {
        for entry in self.log("performance") {
            let event: Value = serde_json::from_str(&text(&entry["message"])).unwrap_or_default();
            let (event, of) = (&event["message"], &event["message"]["params"]);
            let id = text(&of["requestId"]);
            let known = self.requests.iter_mut().rfind(|request| request.id == id);
            match (text(&event["method"]).as_str(), known) {
                ("Network.requestWillBeSent", _) => {
                    self.requests.push(Request { id, url: text(&of["request"]["url"]), bytes: 0 });
                }
                ("Network.webSocketCreated", _) => {
                    self.requests.push(Request { id, url: text(&of["url"]), bytes: 0 });
                }
                ("Network.loadingFinished", Some(request)) => {
                    request.bytes = of["encodedDataLength"].as_u64().unwrap_or_default();
                }
                _ => {}
            }
        }
        &self.requests
    }

    /// Every entry of the console since the start that is an error.
    pub(crate) fn errors(&mut self) -> &[String] {
        let entries = self.log("browser").into_iter();
        let severe = entries.filter(|entry| entry["level"] == "SEVERE");
        self.console.extend(severe.map(|entry| text(&entry["message"])));
        &self.console
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.post("se/log", &json!({ "type": kind }));
        entries.as_array().cloned().unwrap_or_default()
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let element = self.post("element", &json!({"using": "css selector", "value": selector}));
        text(&element[ELEMENT])
    }

    #[track_caller]
    fn get(&self, command: &str) -> Value {
        let answer = self.ask("GET", &format!("/session/{}/{command}", self.session), None);
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    #[track_caller]
    fn post(&self, command: &str, body: &Value) -> Value {
        let answer = self.ask("POST", &format!("/session/{}/{command}", self.session), Some(body));
        answer.unwrap_or_else(|error| panic!("{command} {body}: {error}"))
    }

    /// The value that `chromedriver` answers with, or its message.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let answer = http::request(self.port, method, path, body);
        let (status, body) = answer.map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&body).map_err(|_| body)?;
        let value = answer["value"].take();
        if status == 200 { Ok(value) } else { Err(text(&value["message"])) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium takes leave; whatever is left of it ends with the group.
        let _ = self.ask("DELETE", &format!("/session/{}", self.session), None);
    }
}

/// A text of JSON; anything else is empty.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
