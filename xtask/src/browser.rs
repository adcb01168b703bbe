//! The console's page in a real Chromium, used as a person does: sign in, ask with a completion, narrow the answer, see which machines
//! gave a row, come back by the address, sign out. Keys and clicks go through the browser's own input, and what is looked at is what the page shows.
//!
//! Chromium is told what to do over two pipes (the DevTools protocol, a JSON message and a nought byte each way), so that nothing else is
//! needed: no driver, no port. Nothing is slept for: the page itself says when what is waited for is there.

use crate::packages;
use crate::shell::{cargo, target_dir, works};
use crate::world::{PASSWORD, Process, SOON, World};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

const QUESTION: &str = "Get Running Processes from all machines";

/// Runs all of it.
pub fn check() -> Result<()> {
    if !works("chromium", &["--version"]) {
        packages::these(&["chromium"])?;
    }
    cargo(&["build", "--locked", "--package", "cordon"])?;
    let place = target_dir().join("browser");
    let world = World::start(&place)?;
    let mut page = Page::open(&place, &world.http)?;
    use_it(&mut page).with_context(|| page.state())?;
    page.end()?;
    world.end()?;
    println!("1 passed, 0 failed");
    Ok(())
}

fn use_it(page: &mut Page) -> Result<()> {
    // Who is not signed in sees the form for that and nothing else.
    page.until("!$('#login').hidden && $('#ask').hidden")?;
    page.write("#login [name=name]", "admin")?;
    page.write("#login [name=password]", "wrong")?;
    page.enter()?;
    page.until("$('#message').textContent !== ''")?;
    page.write("#login [name=password]", PASSWORD)?;
    page.enter()?;
    page.until("!$('#ask').hidden && $('#login').hidden")?;

    // What is typed is completed; what is no question is told, with its place selected.
    page.write("#text", "Get Running Proc")?;
    page.until(
        "[...$$('#offers option')].some((o) => o.value.startsWith('Get Running Processes'))",
    )?;
    page.write("#text", "Get Runing Processes from all machines")?;
    page.enter()?;
    page.until("$('#message').textContent.includes('Running Processes')")?;
    page.until("$('#text').selectionStart === 4")?;

    // The answer fills up until all have answered.
    page.write("#text", QUESTION)?;
    page.enter()?;
    page.until("$('#coverage').textContent.startsWith('3 of 3 machines')")?;
    page.until("$('#message').textContent === '' && $('#canonical').textContent !== ''")?;
    page.until("rows().length > 5")?;
    ensure!(
        page.look("counts().every((n, at, all) => at === 0 || all[at - 1] >= n)")?,
        "common rows come first"
    );
    page.choose("#order", "count")?;
    page.until("counts().every((n, at, all) => at === 0 || all[at - 1] <= n)")?;

    // Narrowed by a word, by columns, by a bound: each shows what it says and no more.
    let all = page.number("rows().length")?;
    page.write("#contains", "SSH")?;
    page.until("$('.table header span').textContent.includes('found')")?;
    page.until(&format!("rows().length > 0 && rows().length < {all} && rows().every((row) => row.textContent.toLowerCase().includes('ssh'))"))?;
    page.write("#contains", "")?;
    page.until(&format!("rows().length === {all}"))?;
    let column = page.text("[...$$('.table th')][1].textContent")?;
    page.write("#by", &format!("\"{column}\""))?;
    page.enter()?;
    // Looked at and taken in one go: the table may be drawn anew between two looks.
    page.until(
        "[...$$('.table th')].length === 2 && counts().length > 0 && (window.most = Math.max(...counts())) > 0",
    )?;
    let most = page.number("window.most")?;
    page.write("#count", &format!(">{most}"))?;
    page.enter()?;
    page.until("rows().length === 0 && $('.table header span').textContent.startsWith('0 rows')")?;
    page.write("#count", "few")?;
    page.enter()?;
    page.until("$('#message').textContent.includes('few')")?;
    page.write("#count", &format!("={most}"))?;
    page.enter()?;
    page.until(&format!(
        "rows().length > 0 && counts().every((n) => n === {most})"
    ))?;

    // Which machines gave a row: as many as its count says, and gone with the next click.
    page.click(".table tbody tr button")?;
    page.until("$('.members') !== null")?;
    let names = page.text("$('.members').textContent")?;
    ensure!(
        names.split(", ").count() as u64 == most,
        "{most} machines: {names}"
    );
    page.click(".table tbody tr button")?;
    page.until("$('.members') === null")?;

    // The address names the question; who has signed in comes back to it.
    ensure!(
        page.look("/^#question\\/\\d+$/.test(location.hash)")?,
        "the address names the question"
    );
    page.reload()?;
    page.until("$('#coverage').textContent.startsWith('3 of 3 machines') && rows().length > 5")?;
    page.click("#logout")?;
    page.until("!$('#login').hidden && $('#answer').hidden")
}

/// Shorthand that every expression has.
const SHORT: &str = "const $ = (s) => document.querySelector(s), $$ = (s) => document.querySelectorAll(s);
    const rows = () => [...$$('.table tbody tr')].filter((row) => row.querySelector('button'));
    const counts = () => rows().map((row) => Number(row.querySelector('button').textContent.replaceAll(',', '')));";

/// A page in a browser.
struct Page {
    browser: Process,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// What the page did that it must not: errors of its script, what its policy forbids.
    wrong: Vec<String>,
}

impl Page {
    fn open(place: &Path, url: &str) -> Result<Self> {
        // Its two pipes are numbered 3 and 4.
        let pipes = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null";
        let profile = format!("--user-data-dir={}", place.join("chromium").display());
        let mut browser = Command::new("sh")
            .args([
                "-c",
                pipes,
                "sh",
                "chromium",
                "--headless=new",
                "--remote-debugging-pipe",
            ])
            .args([
                "--no-first-run",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
            ])
            // In a container of its own kind there is no sandbox for root; the page is the only one it opens.
            .arg("--no-sandbox")
            // The certificate is the server's own.
            .arg("--ignore-certificate-errors")
            .args([&profile, "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(place.join("chromium.log"))?)
            .spawn()
            .context("chromium does not start")?;
        let to = browser.stdin.take().context("no pipe to chromium")?;
        let out = browser.stdout.take().context("no pipe from chromium")?;
        let (tell, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(out).split(0) {
                let read = message
                    .ok()
                    .and_then(|text| serde_json::from_slice(&text).ok());
                // Whoever listened may have gone.
                match read.map(|value: Value| tell.send(value)) {
                    Some(Ok(())) => {}
                    _ => return,
                }
            }
        });
        let mut page = Self {
            browser: Process(browser),
            to,
            from,
            session: None,
            next: 0,
            wrong: Vec::new(),
        };
        let target = page.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let wanted = json!({"targetId": target["targetId"], "flatten": true});
        let attached = page.call("Target.attachToTarget", wanted)?;
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}))?;
        }
        page.navigate("Page.navigate", json!({"url": url}))?;
        Ok(page)
    }

    /// Says something to the browser and waits for its reply.
    fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if let (Some(session), Some(members)) = (&self.session, message.as_object_mut()) {
            members.insert("sessionId".to_owned(), json!(session));
        }
        self.to.write_all(message.to_string().as_bytes())?;
        self.to.write_all(&[0])?;
        loop {
            let reply = self.hear(method)?;
            if reply["id"] != self.next {
                continue;
            }
            if !reply["error"].is_null() {
                bail!("{method}: {}", reply["error"]["message"]);
            }
            return Ok(reply["result"].clone());
        }
    }

    /// The next message of the browser.
    fn hear(&mut self, during: &str) -> Result<Value> {
        let message = self.from.recv_timeout(SOON);
        let message = message.with_context(|| format!("the browser says nothing to {during}"))?;
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                let details = &message["params"]["exceptionDetails"];
                self.wrong
                    .push(details["exception"]["description"].to_string());
            }
            Some("Log.entryAdded") => {
                let entry = &message["params"]["entry"];
                if entry["source"] == "security" {
                    self.wrong.push(entry["text"].to_string());
                }
            }
            _ => {}
        }
        Ok(message)
    }

    /// Goes to a page and waits until it is there.
    fn navigate(&mut self, method: &str, params: Value) -> Result<()> {
        self.call(method, params)?;
        loop {
            if self.hear(method)?["method"] == "Page.loadEventFired" {
                return Ok(());
            }
        }
    }

    fn reload(&mut self) -> Result<()> {
        self.navigate("Page.reload", json!({}))
    }

    /// The value of an expression in the page.
    fn value(&mut self, expression: &str) -> Result<Value> {
        let wanted = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let found = self.call("Runtime.evaluate", wanted)?;
        if !found["exceptionDetails"].is_null() {
            bail!(
                "`{expression}` failed: {}",
                found["exceptionDetails"]["exception"]["description"]
            );
        }
        Ok(found["result"]["value"].clone())
    }

    fn short(&mut self, expression: &str) -> Result<Value> {
        self.value(&format!("(() => {{ {SHORT} return {expression}; }})()"))
    }

    fn look(&mut self, expression: &str) -> Result<bool> {
        Ok(self.short(expression)? == json!(true))
    }

    fn number(&mut self, expression: &str) -> Result<u64> {
        let value = self.short(expression)?;
        value
            .as_u64()
            .with_context(|| format!("`{expression}` is {value}"))
    }

    fn text(&mut self, expression: &str) -> Result<String> {
        let value = self.short(expression)?;
        let text = value.as_str().map(str::to_owned);
        text.with_context(|| format!("`{expression}` is {value}"))
    }

    /// Waits until this holds in the page; the page looks whenever it changes.
    fn until(&mut self, holds: &str) -> Result<()> {
        let wait = format!(
            "new Promise((done) => {{ {SHORT}
                const events = ['input', 'select', 'selectionchange', 'focusin'];
                const look = () => {{
                    if (!({holds})) return;
                    observer.disconnect();
                    events.forEach((name) => document.removeEventListener(name, look, true));
                    done(true);
                }};
                const observer = new MutationObserver(look);
                observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                events.forEach((name) => document.addEventListener(name, look, true));
                look();
            }})"
        );
        let held = self
            .value(&wait)
            .with_context(|| format!("waiting for `{holds}`"))?;
        ensure!(held == json!(true), "`{holds}` does not hold: {held}");
        Ok(())
    }

    /// Types into a field in place of what is there.
    fn write(&mut self, field: &str, text: &str) -> Result<()> {
        let focused = self.short(&format!(
            "($('{field}').focus(), $('{field}').select(), document.activeElement === $('{field}'))"
        ))?;
        ensure!(focused == json!(true), "{field} cannot be typed into");
        if text.is_empty() {
            return self.key("Backspace", 8, "");
        }
        self.call("Input.insertText", json!({"text": text}))?;
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        self.key("Enter", 13, "\r")
    }

    fn key(&mut self, key: &str, code: u32, text: &str) -> Result<()> {
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event)?;
        }
        Ok(())
    }

    /// Clicks on the middle of an element.
    fn click(&mut self, element: &str) -> Result<()> {
        let place = self.short(&format!(
            "(($('{element}').scrollIntoView({{ block: 'center' }})), (({{ x, y, width, height }}) => [x + width / 2, y + height / 2])($('{element}').getBoundingClientRect()))"
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event)?;
        }
        Ok(())
    }

    /// Chooses in a list, which is drawn by the system and not by the page.
    fn choose(&mut self, list: &str, value: &str) -> Result<()> {
        self.short(&format!(
            "($('{list}').value = '{value}', $('{list}').dispatchEvent(new Event('change', {{ bubbles: true }})))"
        ))?;
        Ok(())
    }

    /// What the page shows, for whoever has to find out why something does not hold.
    fn state(&mut self) -> String {
        match self.value("document.body.innerText") {
            Ok(shown) => format!("the page shows: {shown}; {:?}", self.wrong),
            Err(error) => format!(
                "the page shows nothing any more: {error:#}; {:?}",
                self.wrong
            ),
        }
    }

    /// Its script must not have failed.
    fn end(mut self) -> Result<()> {
        self.session = None;
        self.call("Browser.close", json!({}))?;
        self.browser.0.wait()?;
        ensure!(
            self.wrong.is_empty(),
            "the page's script failed: {:?}",
            self.wrong
        );
        Ok(())
    }
}
