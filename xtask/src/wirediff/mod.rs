//! `cargo xtask wirediff`: the same raw requests to Apache Kafka and to Grete, and their answers compared.
//!
//! The cases are stories in `tests/wirediff/cases` (their language: [`language`]), what may differ is listed with
//! reasons in `masks.txt` and `differences.txt` beside them. Anything else that differs fails the run, and so does an
//! entry of `differences.txt` that matches nothing.

mod codec;
mod compare;
mod definitions;
mod language;
mod masks;
mod recording;
mod records;
mod report;
mod session;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Node, Server};
use compare::{KnownDifferences, glob};
use definitions::{Definitions, Versions};
use language::Expression;
use masks::Masks;
use recording::Recording;
use session::{Addresses, Case, Served, Step};

/// Cases that run at the same time against a server.
const WORKERS: usize = 4;
/// How long a server may take until its coordinators answer.
const WARM_UP: Duration = Duration::from_secs(60);
/// Small index files that are deleted soon let thousands of topics come and go within the limit of open files; members are
/// waited for as briefly as a case wants.
const PROPERTIES: &str =
    "log.index.size.max.bytes=65536\nlog.segment.delete.delay.ms=1000\ngroup.min.session.timeout.ms=100\n";
const RECORDING: &str = "tests/wirediff/recording.txt";

/// Sends the same requests to Apache Kafka and to Grete and compares the answers
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Run only the cases whose names start so: `produce`, `fetch/*@v12`
    #[arg(long)]
    only: Vec<String>,
    /// A running Apache Kafka instead of one that is started: where its broker is, and where its controller
    #[arg(long, num_args = 2, value_names = ["HOST:PORT", "HOST:PORT"])]
    kafka: Option<Vec<String>>,
    /// A running Grete instead of one that is started: the same
    #[arg(long, num_args = 2, value_names = ["HOST:PORT", "HOST:PORT"])]
    grete: Option<Vec<String>>,
    /// The server to start; it gets its properties by `--config`
    #[arg(long, default_value = "target/debug/grete")]
    binary: PathBuf,
    /// Save Kafka's answers; Grete is not asked
    #[arg(long, num_args = 0..=1, default_missing_value = RECORDING)]
    record: Option<PathBuf>,
    /// Compare with saved answers instead of a running Kafka
    #[arg(long, num_args = 0..=1, default_missing_value = RECORDING)]
    against: Option<PathBuf>,
    /// Print Kafka's answers; Grete is not asked
    #[arg(long)]
    show: bool,
    /// Only count and name the cases
    #[arg(long)]
    list: bool,
    /// Differences to print in full
    #[arg(long, default_value_t = 40)]
    print: usize,
}

/// Runs the comparison; an error is a failed run.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    let here = root().join("tests/wirediff");
    let definitions = Definitions::load(&root().join("protocol/messages/clients"))?;
    let masks = Masks::parse(&read(&here.join("masks.txt"))?)?;
    let mut known = KnownDifferences::parse(&read(&here.join("differences.txt"))?)?;
    let stories = stories(&here.join("cases"))?;

    let mut recording = match &args.against {
        Some(file) => Some(Recording::parse(&read(&root().join(file))?)?),
        None => None,
    };
    let mut started = Vec::new();
    let reference = match (&args.kafka, &recording) {
        (_, Some(_)) => None,
        (Some(given), None) => Some(addresses(given)?),
        (None, None) => {
            let server = Server::new_kafka(&node()?)?;
            let both = running(&server);
            started.push(server);
            Some(both)
        }
    };
    let served = match (&recording, &reference) {
        (Some(recording), _) => recording.served.clone(),
        (None, Some(server)) => {
            wait_until_ready(&server.broker, &definitions)?;
            served_by(&server.broker, &definitions)?
        }
        (None, None) => Served::new(),
    };
    let mut cases = expand(&stories, &definitions, &served)?;
    if !args.only.is_empty() {
        cases.retain(|case| args.only.iter().any(|only| glob(&format!("{only}*"), &case.name)));
    }
    if args.list {
        cases.iter().for_each(|case| println!("{}", case.name));
        println!("{} stories, {} cases", stories.len(), cases.len());
        return Ok(());
    }
    let start = Instant::now();
    if args.show || args.record.is_some() {
        let server = reference.ok_or("--show and --record ask Kafka: they do not go with --against")?;
        let answers = play_all(&cases, &server, &definitions, &served, &masks);
        println!("{} cases in {:.1} s", cases.len(), start.elapsed().as_secs_f64());
        return report::keep_or_show(args, &cases, answers, served);
    }

    let subject = match &args.grete {
        Some(given) => addresses(given)?,
        None => {
            let server = Server::grete(&node()?, &root().join(&args.binary))?;
            let both = running(&server);
            started.push(server);
            both
        }
    };
    wait_until_ready(&subject.broker, &definitions)?;
    let (expected, answers) = std::thread::scope(|scope| {
        let reference =
            reference.as_ref().map(|server| scope.spawn(|| play_all(&cases, server, &definitions, &served, &masks)));
        let answers = play_all(&cases, &subject, &definitions, &served, &masks);
        let expected = match (reference, &mut recording) {
            (Some(thread), _) => thread.join().map_err(|_| "the reference's thread panicked".to_owned()),
            (None, Some(recording)) => Ok(cases.iter().map(|case| recorded(recording, &case.name, &masks)).collect()),
            (None, None) => Err("nothing to compare with".to_owned()),
        };
        expected.map(|expected| (expected, answers))
    })?;
    let seconds = start.elapsed().as_secs_f64();
    report::compare_all(args.print, &cases, &expected, &answers, &mut known, seconds)
}

/// `cargo xtask kafka`
pub(crate) fn kafka_until_end_of_input() -> Result<(), String> {
    let server = Server::new_kafka(&node()?)?;
    println!("{} {}", server.node().address(), server.node().controller_address());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(|error| error.to_string())?;
    Ok(())
}

/// A node for one of the two.
fn node() -> Result<Arc<Node>, String> {
    Node::new("wirediff", "127.0.0.1", PROPERTIES).map(Arc::new)
}

fn running(server: &Server) -> Addresses {
    Addresses { broker: server.node().address(), controller: server.node().controller_address() }
}

/// The addresses of a server that is given by the command line.
fn addresses(given: &[String]) -> Result<Addresses, String> {
    match given {
        [broker, controller] => Ok(Addresses { broker: broker.clone(), controller: controller.clone() }),
        _ => Err("a server has the address of a broker and that of a controller".to_owned()),
    }
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn recorded(recording: &mut Recording, case: &str, masks: &Masks) -> Vec<Step> {
    let mut steps = recording.take(case).unwrap_or_default();
    // Masks may have been added since it was recorded.
    masks.apply(case, &mut steps);
    steps
}

/// All stories, in the order of their files' names.
fn stories(directory: &Path) -> Result<Vec<language::Story>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    let mut stories = Vec::new();
    for file in files {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        stories.extend(language::parse(stem, &read(&file)?)?);
    }
    Ok(stories)
}

/// Every story at each of its versions with each of its choices.
fn expand(stories: &[language::Story], definitions: &Definitions, served: &Served) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for story in stories {
        let versions: Vec<Option<i16>> = match &story.every {
            None => vec![None],
            Some((api, wanted)) => {
                let stable = codec::stable(&definitions.api(api)?.request);
                let known = served.get(api).copied().unwrap_or(stable);
                let fits =
                    |version: &i16| known.contains(*version) && wanted.is_none_or(|wanted| wanted.contains(*version));
                (stable.first..=stable.last).filter(fits).map(Some).collect()
            }
        };
        if versions.is_empty() {
            return Err(format!("{}: no such version is served", story.name));
        }
        for version in versions {
            for (label, variables) in choices(&story.choices) {
                let at = version.map(|version| format!("@v{version}")).unwrap_or_default();
                cases.push(Case {
                    name: format!("{}{at}{label}", story.name),
                    under_test: story.every.as_ref().zip(version).map(|((api, _), version)| (api.clone(), version)),
                    variables,
                    statements: story.statements.clone(),
                });
            }
        }
    }
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two cases named {}", pair[0])),
        None => Ok(cases),
    }
}

type Choice = (String, Vec<(String, Expression)>);

/// The product of a story's lists, each with its label in brackets.
fn choices(lists: &[(String, Vec<Expression>)]) -> Vec<Choice> {
    let mut found: Vec<Choice> = vec![(String::new(), Vec::new())];
    for (name, values) in lists {
        let extended = found.iter().flat_map(|(label, variables)| {
            values.iter().enumerate().map(move |(index, value)| {
                let mut variables = variables.clone();
                variables.push((name.clone(), value.clone()));
                (format!("{label}[{}]", language::label(index, value)), variables)
            })
        });
        found = extended.collect();
    }
    found
}

/// Plays all cases against one server, several at a time; the masked answers stand in the order of the cases.
fn play_all(
    cases: &[Case],
    server: &Addresses,
    definitions: &Definitions,
    served: &Served,
    masks: &Masks,
) -> Vec<Vec<Step>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(cases.iter().map(|_| Vec::new()).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((index, case)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|index| Some((index, cases.get(index)?)))
                {
                    let mut steps = session::play(case, server, definitions, served);
                    masks.apply(&case.name, &mut steps);
                    if let Ok(mut answers) = answers.lock() {
                        answers[index] = steps;
                    }
                }
            });
        }
    });
    answers.into_inner().unwrap_or_default()
}

/// The versions that a server offers for the APIs that the definitions know.
fn served_by(address: &str, definitions: &Definitions) -> Result<Served, String> {
    let answer = session::ask_once(address, definitions.api("ApiVersions")?, 0, &json!({}))?;
    let mut served = Served::new();
    for range in answer["apiKeys"].as_array().into_iter().flatten() {
        let number = |name: &str| range[name].as_i64().unwrap_or(-1) as i16;
        if let Some(api) = definitions.all().find(|api| api.key == number("apiKey")) {
            served.insert(api.name.clone(), Versions { first: number("minVersion"), last: number("maxVersion") });
        }
    }
    Ok(served)
}

/// Waits until the server has its coordinators: their topic is made on first use, and loads in the background.
fn wait_until_ready(address: &str, definitions: &Definitions) -> Result<(), String> {
    let start = Instant::now();
    let mut groups: Vec<String> = (0..400).map(|index| format!("warm-up-{index}")).collect();
    let mut last = Value::Null;
    while start.elapsed() < WARM_UP {
        let request = json!({ "key": "warm-up", "keyType": 0 });
        match session::ask_once(address, definitions.api("FindCoordinator")?, 2, &request) {
            Ok(answer) if answer["errorCode"] == json!(0) => {
                // 400 names reach each of the 50 partitions.
                groups.retain(|group| {
                    let request = json!({ "groupId": group, "generationId": 1, "memberId": "nobody" });
                    let answer =
                        definitions.api("Heartbeat").and_then(|api| session::ask_once(address, api, 3, &request));
                    last = answer.unwrap_or_else(Value::from);
                    is_loading(&last)
                });
                let transactions = json!({ "key": "warm-up", "keyType": 1 });
                let answer = session::ask_once(address, definitions.api("FindCoordinator")?, 2, &transactions);
                if groups.is_empty() && answer.is_ok_and(|answer| !is_loading(&answer)) {
                    return Ok(());
                }
            }
            answer => last = answer.unwrap_or_else(Value::from),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("{address} is not ready after {} s: {last}", WARM_UP.as_secs()))
}

/// Whether an answer asks for patience: COORDINATOR_LOAD_IN_PROGRESS, NOT_AVAILABLE, NOT_COORDINATOR, or none at all.
fn is_loading(answer: &Value) -> bool {
    answer["errorCode"].as_i64().is_none_or(|code| (14..=16).contains(&code))
}

/// An id as Kafka prints it.
pub(crate) fn id_text(bytes: [u8; 16]) -> String {
    codec::uuid_text(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_is_recorded_and_nothing_else() {
        let definitions = Definitions::load(&root().join("protocol/messages/clients")).unwrap();
        let stories = stories(&root().join("tests/wirediff/cases")).unwrap();
        let recording = Recording::parse(&read(&root().join(RECORDING)).unwrap()).unwrap();
        let cases = expand(&stories, &definitions, &recording.served).unwrap();
        assert!(cases.len() > 4_000, "{} cases", cases.len());
        let written: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        let recorded: BTreeSet<&str> = recording.names().collect();
        let missing: Vec<_> = written.difference(&recorded).collect();
        let stray: Vec<_> = recorded.difference(&written).collect();
        assert!(missing.is_empty() && stray.is_empty(), "record again: missing {missing:?}, stray {stray:?}");
    }

    #[test]
    fn the_checked_in_lists_are_read() {
        Masks::parse(&read(&root().join("tests/wirediff/masks.txt")).unwrap()).unwrap();
        KnownDifferences::parse(&read(&root().join("tests/wirediff/differences.txt")).unwrap()).unwrap();
    }

    #[test]
    fn choices_multiply() {
        let list = |values: &[i64]| values.iter().map(|value| Expression::Constant(Value::from(*value))).collect();
        let found = choices(&[("a".to_owned(), list(&[1, 2])), ("b".to_owned(), list(&[-3, 4]))]);
        let labels: Vec<&str> = found.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(labels, ["[1][-3]", "[1][4]", "[2][-3]", "[2][4]"]);
    }
}
