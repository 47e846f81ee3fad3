//! Opens timelines of the simulator in a real browser and uses them: `cargo xtask timeline`.
//!
//! The pages are used by keys, wheel and pointer (`runtime-sim/tests/timeline/check.js`), and screenshots of them are kept. The
//! browser is a headless Chromium, as distributions package it (`chromium-headless-shell`, `chromium`).

use crate::shell;
use clap::Args;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that can be the browser.
const BROWSERS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/// The events of the large page, at least.
const LARGE_EVENTS: u64 = 100_000;

/// What the median frame of the large page may take, in milliseconds: 20 in a second, drawn without a graphics card.
const FRAME_MS_MAX: f64 = 50.0;

/// Opens timelines of the simulator in a headless browser, uses them, and keeps screenshots
#[derive(Args)]
pub(crate) struct Arguments {
    /// The browser
    #[arg(long)]
    browser: Option<PathBuf>,
    /// Where pages and screenshots go; target/timeline where it is not said
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let browser = arguments.browser.clone().or_else(find).ok_or_else(|| {
        format!("no browser: install one of {} (Debian: apt install chromium-headless-shell)", BROWSERS.join(", "))
    })?;
    let keep = arguments.keep.clone().unwrap_or_else(|| shell::root().join("target/timeline"));
    fs::create_dir_all(&keep).map_err(|error| error.to_string())?;
    let keep = fs::canonicalize(&keep).map_err(|error| error.to_string())?;
    let large = keep.join("large.script");
    fs::write(&large, large_script()).map_err(|error| error.to_string())?;
    let failure = shell::root().join("runtime-sim/tests/timeline/failure.script");
    for (name, script, broker) in [("failure", &failure, "early-answer"), ("large", &large, "grete")] {
        let page = keep.join(format!("{name}.html"));
        draw(script, broker, &page)?;
        let report = check(&browser, &page)?;
        println!("{name}: {}", report["facts"]);
        let failures = report["failures"].as_array().map_or(&[][..], Vec::as_slice);
        if !failures.is_empty() {
            let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
            return Err(format!("{name}: {}", told.join("; ")));
        }
        if name == "large" {
            check_large(&report["facts"])?;
        }
        for light in ["light", "dark"] {
            screenshot(&browser, &page, light, &keep.join(format!("{name}-{light}.png")))?;
        }
    }
    println!("pages and screenshots are in {}", keep.display());
    Ok(())
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut all = std::env::split_paths(&path).flat_map(|dir| BROWSERS.map(|name| dir.join(name)));
    all.find(|program| program.is_file())
}

/// Ten producers and two consumers for a minute: more than a hundred thousand events.
fn large_script() -> String {
    let mut script = String::from("seed 1\nnode n0 shards 2 dirs 1\ntopic orders partitions 20\n");
    for client in 0..10 {
        let _ = writeln!(script, "client p{client} producer acks all idempotent in-flight 5");
    }
    for client in 0..2 {
        let _ = writeln!(script, "client c{client} consumer group g topics orders");
    }
    for tenth in 0..600_u32 {
        for client in 0..10 {
            let partition = (tenth * 7 + client) % 20;
            let at = tenth * 100 + client * 9;
            let _ = writeln!(script, "at {}ms p{client} send orders/{partition} records 2 bytes 50", 1_000 + at);
        }
    }
    script.push_str("at 20s n0 power-loss half restart-after 2s\nat 35s net p3 n0 cut for 3s\nheal at 62s\n");
    script
}

fn draw(script: &Path, broker: &str, page: &Path) -> Result<(), String> {
    let (script, page) = (script.to_string_lossy(), page.to_string_lossy());
    let build = ["run", "--quiet", "--package", "grete-sim", "--bin", "grete-sim", "--"];
    let arguments = ["timeline", &*script, "--broker", broker, "-o", &*page];
    shell::run(&shell::cargo(), &[&build[..], &arguments].concat())
}

/// Opens the page with the check behind it and reads its report.
fn check(browser: &Path, page: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(page).map_err(|error| error.to_string())?;
    let check = include_str!("../../runtime-sim/tests/timeline/check.js");
    let checked = page.with_extension("check.html");
    let with = text.replacen("</body>", &format!("<script>\n{check}</script>\n</body>"), 1);
    fs::write(&checked, with).map_err(|error| error.to_string())?;
    let output = open(browser, &checked, &["--dump-dom".to_owned()])?;
    let from = output.find("<pre id=\"report\"").and_then(|at| output[at..].find('>').map(|end| at + end + 1));
    let report = from.and_then(|from| output[from..].split_once("</pre>")).map(|(report, _)| report);
    let report = report.ok_or_else(|| format!("{} did not come to its report", checked.display()))?;
    let report = report.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&report).map_err(|error| format!("{error}: {report}"))
}

fn check_large(facts: &Value) -> Result<(), String> {
    let events = facts["events"].as_u64().unwrap_or(0);
    if events < LARGE_EVENTS {
        return Err(format!("the large page has {events} events, not {LARGE_EVENTS}"));
    }
    let median = facts["frame"]["median"].as_f64().unwrap_or(f64::MAX);
    if median > FRAME_MS_MAX { Err(format!("a frame takes {median:.1} ms, not {FRAME_MS_MAX}")) } else { Ok(()) }
}

fn screenshot(browser: &Path, page: &Path, light: &str, to: &Path) -> Result<(), String> {
    let text = fs::read_to_string(page).map_err(|error| error.to_string())?;
    let turned = format!(
        "<script>if ({} !== document.documentElement.classList.contains('dark')) turnTheme(); draw();</script>\n</body>",
        light == "dark"
    );
    let shown = page.with_extension(format!("{light}.html"));
    fs::write(&shown, text.replacen("</body>", &turned, 1)).map_err(|error| error.to_string())?;
    open(browser, &shown, &[format!("--screenshot={}", to.display())])?;
    fs::remove_file(&shown).map_err(|error| error.to_string())
}

fn open(browser: &Path, page: &Path, more: &[String]) -> Result<String, String> {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1680,1000"])
        .args(more)
        .arg(format!("file://{}", page.display()))
        .output()
        .map_err(|error| format!("{}: {error}", browser.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
