//! Plays one case against one server and gathers its answers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use super::codec;
use super::definitions::{Api, Definitions, Versions};
use super::language::{Asking, Edit, Expression, Statement};
use super::records;

/// How long an answer may take when a case does not say.
const ANSWER_MS_DEFAULT: u64 = 8_000;
/// How long `until` and the wait for a new topic go on.
const UNTIL_MS: u64 = 10_000;
/// A longer frame is taken for nonsense.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// The versions that the reference server serves, by API name: what "all versions" and "the newest" mean.
pub(super) type Served = BTreeMap<String, Versions>;

/// One story at one version with one value for each of its choices.
pub(super) struct Case {
    /// `produce/title@v9[choice]`.
    pub(super) name: String,
    pub(super) under_test: Option<(String, i16)>,
    pub(super) variables: Vec<(String, Expression)>,
    pub(super) statements: Vec<(usize, Statement)>,
}

/// An answer, with what was asked for.
pub(super) struct Step {
    /// `ask Fetch@12`
    pub(super) asked: String,
    pub(super) api: String,
    /// The body as the case gives it, for the report of a difference.
    pub(super) request: Value,
    pub(super) answer: Value,
}

/// Where a server is asked.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) broker: String,
    /// The controller's listener.
    pub(super) controller: String,
}

impl Addresses {
    /// Where a connection of this name leads: those whose name begins with `controller` to the controller's listener.
    fn of(&self, connection: &str) -> &str {
        if connection.starts_with("controller") { &self.controller } else { &self.broker }
    }
}

/// What the names of a case start with: short, unique, and new in every run, so that a server can be used again and
/// an order that depends on hashes of names does not pass for a fixed one.
pub(super) fn prefix(case: &str) -> String {
    static RUN: OnceLock<u64> = OnceLock::new();
    let since_epoch = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let run = RUN.get_or_init(|| since_epoch().as_nanos() as u64);
    let bytes = run.to_be_bytes().into_iter().chain(case.bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("w{:010x}", hash >> 24)
}

pub(super) fn play(case: &Case, server: &Addresses, definitions: &Definitions, served: &Served) -> Vec<Step> {
    let mut session = Session {
        case,
        server,
        definitions,
        served,
        prefix: prefix(&case.name),
        variables: BTreeMap::new(),
        connections: BTreeMap::new(),
        topics: Vec::new(),
        steps: Vec::new(),
        last: Value::Null,
    };
    if let Err(error) = session.run() {
        session.push("run", "", Value::Null, json!({ "broken case": error }));
    }
    session.delete_topics();
    session.steps
}

struct Session<'a> {
    case: &'a Case,
    server: &'a Addresses,
    definitions: &'a Definitions,
    served: &'a Served,
    prefix: String,
    variables: BTreeMap<String, Value>,
    connections: BTreeMap<String, Connection>,
    topics: Vec<String>,
    steps: Vec<Step>,
    last: Value,
}

#[derive(Default)]
struct Connection {
    stream: Option<TcpStream>,
    correlation_id: i32,
    /// Requests whose answer has not been read: correlation id, API, version, the request and `mine`.
    waiting: Vec<(i32, String, i16, Value, Vec<String>)>,
}

impl Session<'_> {
    fn run(&mut self) -> Result<(), String> {
        for (name, value) in &self.case.variables {
            let value = super::language::without_label(self.evaluate(value)?);
            self.variables.insert(name.clone(), value);
        }
        for (line, statement) in &self.case.statements {
            self.statement(statement).map_err(|error| format!("line {line}: {error}"))?;
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), String> {
        match statement {
            Statement::Topic { name, partitions, configs } => self.topic(name, *partitions, configs)?,
            Statement::Name(name) => {
                let value = format!("{}-{name}", self.prefix);
                self.variables.insert(name.clone(), Value::from(value));
            }
            Statement::Let(name, value) => {
                let value = self.evaluate(value)?;
                self.variables.insert(name.clone(), value);
            }
            Statement::Ask(asking) => {
                let start = Instant::now();
                loop {
                    self.send(asking)?;
                    let step = self.receive(&asking.connection, asking.within_ms);
                    let done = asking.until.as_ref().is_none_or(|(path, value)| at_path(&step.answer, path) == value);
                    if done || start.elapsed() > Duration::from_millis(UNTIL_MS) {
                        self.last.clone_from(&step.answer);
                        self.steps.push(step);
                        return Ok(());
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Statement::Send(asking) => self.send(asking)?,
            Statement::Receive { connection, within_ms } => {
                let step = self.receive(connection, *within_ms);
                self.last.clone_from(&step.answer);
                self.steps.push(step);
            }
            Statement::Raw { connection, bytes } => {
                let value = self.evaluate(bytes)?;
                let bytes = codec::bytes_of(&value)?;
                let link = self.connections.entry(connection.clone()).or_default();
                link.write(self.server.of(connection), &bytes);
                let answer = match link.read_frame(Duration::from_millis(1_000)) {
                    Ok(frame) => codec::hex_value(&frame),
                    Err(end) => end.describe(),
                };
                self.push("raw", "", value, answer);
            }
            Statement::Keep { name, path } => {
                let value = at_path(&self.last, path).clone();
                self.variables.insert(name.clone(), value);
            }
            Statement::Wait(ms) => std::thread::sleep(Duration::from_millis(*ms)),
            Statement::Close(name) => drop(self.connections.remove(name)),
        }
        Ok(())
    }

    fn push(&mut self, asked: &str, api: &str, request: Value, answer: Value) {
        self.steps.push(Step { asked: asked.to_owned(), api: api.to_owned(), request, answer });
    }

    /// Creates a topic and waits until all its partitions have a leader. Only a failure is an answer of the case.
    fn topic(&mut self, name: &str, partitions: i64, configs: &Expression) -> Result<(), String> {
        let full = format!("{}-{name}", self.prefix);
        let configs = self.evaluate(configs)?;
        let configs: Vec<Value> = configs
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let topic = json!({ "name": full, "numPartitions": partitions, "replicationFactor": 1, "configs": configs });
        let created = self.quietly("CreateTopics", 7, &json!({ "topics": [topic], "timeoutMs": 10_000 }))?;
        if *at_path(&created, "topics[0].errorCode") != json!(0) {
            return Err(format!("topic {name}: {created}"));
        }
        self.topics.push(full.clone());
        self.variables.insert(name.to_owned(), Value::from(full.clone()));
        self.variables.insert(format!("{name}_id"), at_path(&created, "topics[0].topicId").clone());
        let start = Instant::now();
        loop {
            let request = json!({ "topics": [{ "name": full }], "allowAutoTopicCreation": false });
            let metadata = self.quietly("Metadata", 12, &request)?;
            let leaders = at_path(&metadata, "topics[0].partitions").as_array().map_or(0, |partitions| {
                partitions.iter().filter(|partition| partition["leaderId"].as_i64().is_some_and(|id| id >= 0)).count()
            });
            // A broker may know a partition before it leads it: ask the log as well.
            if leaders as i64 == partitions {
                let indexes: Vec<Value> =
                    (0..partitions).map(|index| json!({ "partitionIndex": index, "timestamp": -1 })).collect();
                let request = json!({ "replicaId": -1, "topics": [{ "name": full, "partitions": indexes }] });
                let offsets = self.quietly("ListOffsets", 7, &request)?;
                let led = at_path(&offsets, "topics[0].partitions")
                    .as_array()
                    .is_some_and(|partitions| partitions.iter().all(|partition| partition["errorCode"] == json!(0)));
                if led {
                    return Ok(());
                }
            }
            if start.elapsed() > Duration::from_millis(UNTIL_MS) {
                return Err(format!("topic {name} has no leaders: {metadata}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn delete_topics(&mut self) {
        if self.topics.is_empty() {
            return;
        }
        let topics = std::mem::take(&mut self.topics);
        // Best effort: what is left only takes room.
        let _ = self.quietly("DeleteTopics", 5, &json!({ "topicNames": topics, "timeoutMs": 5_000 }));
    }

    /// Asks on a connection of its own, without a trace in the answers.
    fn quietly(&mut self, name: &str, version: i16, body: &Value) -> Result<Value, String> {
        let api = self.definitions.api(name)?;
        let connection = self.connections.entry("(setup)".to_owned()).or_default();
        connection.ask(&self.server.broker, api, version, body)
    }

    fn version_of(&self, asking: &Asking) -> Result<i16, String> {
        match (asking.version, &self.case.under_test) {
            (Some(version), _) => Ok(version),
            (None, Some((api, version))) if *api == asking.api => Ok(*version),
            _ => {
                let stable = codec::stable(&self.definitions.api(&asking.api)?.request);
                Ok(self.served.get(&asking.api).map_or(stable.last, |versions| versions.last.min(stable.last)))
            }
        }
    }

    fn send(&mut self, asking: &Asking) -> Result<(), String> {
        let api = self.definitions.api(&asking.api)?;
        let version = self.version_of(asking)?;
        let body = self.evaluate(&asking.body)?;
        let mut unknown = Vec::new();
        codec::unknown_names(&api.request.fields, &body, "", &mut unknown);
        if !unknown.is_empty() {
            return Err(format!("{} has no field {}", asking.api, unknown.join(", ")));
        }
        let client = match &asking.client {
            Some(client) => self.evaluate(client)?,
            None => Value::from("wirediff"),
        };
        let mut edits = Vec::new();
        for edit in &asking.edits {
            edits.push(match edit {
                Edit::Add(bytes) => Bytes::Add(codec::bytes_of(&self.evaluate(bytes)?)?),
                Edit::Patch(at, bytes) => Bytes::Patch(*at, codec::bytes_of(&self.evaluate(bytes)?)?),
                Edit::Cut(count) => Bytes::Cut(self.number(count)? as usize),
                Edit::Length(length) => Bytes::Length(self.number(length)?),
                Edit::Key(key) => Bytes::Patch(0, self.short(key)?),
                Edit::Claim(version) => Bytes::Patch(2, self.short(version)?),
            });
        }
        let connection = self.connections.entry(asking.connection.clone()).or_default();
        connection.correlation_id += 1;
        let frame = frame(api, version, connection.correlation_id, &client, &body, &edits)?;
        connection.write(self.server.of(&asking.connection), &frame);
        let waiting = (connection.correlation_id, asking.api.clone(), version, body, asking.mine.clone());
        connection.waiting.push(waiting);
        Ok(())
    }

    fn receive(&mut self, name: &str, within_ms: Option<u64>) -> Step {
        let connection = self.connections.entry(name.to_owned()).or_default();
        let within = Duration::from_millis(within_ms.unwrap_or(ANSWER_MS_DEFAULT));
        let frame = connection.read_frame(within);
        let correlation_id =
            frame.as_ref().ok().and_then(|frame| frame.first_chunk::<4>()).map(|id| i32::from_be_bytes(*id));
        // Requests before the one that is answered had no answer (acks=0); without an answer it is about the last one.
        let asked = match correlation_id {
            Some(id) => connection.waiting.iter().position(|waiting| waiting.0 == id),
            None => connection.waiting.len().checked_sub(1),
        };
        let Some(index) = asked else {
            let answer = match frame {
                Ok(frame) => json!({ "unasked": codec::hex_value(&frame) }),
                Err(end) => end.describe(),
            };
            return Step { asked: "receive".to_owned(), api: String::new(), request: Value::Null, answer };
        };
        let (_, api, version, request, mine) = connection.waiting.drain(..=index).next_back().unwrap_or_default();
        let mut answer = match frame {
            Err(end) => end.describe(),
            Ok(frame) => match self.definitions.api(&api).and_then(|api| read_answer(api, version, &frame)) {
                Ok(answer) => answer,
                Err(error) => json!({ "undecodable": error, "frame": codec::hex_value(&frame) }),
            },
        };
        for path in mine {
            keep_mine(&mut answer, &path, &self.prefix);
        }
        Step { asked: format!("ask {api}@{version}"), api, request, answer }
    }

    fn number(&self, expression: &Expression) -> Result<i64, String> {
        let value = self.evaluate(expression)?;
        value.as_i64().ok_or_else(|| format!("{value} is no number"))
    }

    fn short(&self, expression: &Expression) -> Result<Vec<u8>, String> {
        Ok((self.number(expression)? as i16).to_be_bytes().to_vec())
    }

    fn evaluate(&self, expression: &Expression) -> Result<Value, String> {
        Ok(match expression {
            Expression::Constant(value) => value.clone(),
            Expression::Variable(path) => {
                let (name, rest) = path.split_once('.').unwrap_or((path, ""));
                let value = self.variables.get(name).ok_or_else(|| format!("no ${name}"))?;
                at_path(value, rest).clone()
            }
            Expression::Array(items) => {
                Value::Array(items.iter().map(|item| self.evaluate(item)).collect::<Result<_, _>>()?)
            }
            Expression::Object(entries) => {
                let mut map = Map::new();
                for (name, value) in entries {
                    match (name, self.evaluate(value)?) {
                        (Some(name), value) => drop(map.insert(name.clone(), value)),
                        (None, Value::Object(spread)) => map.extend(spread),
                        (None, other) => return Err(format!("...{other} is no object")),
                    }
                }
                Value::Object(map)
            }
            Expression::Call(name, arguments) => {
                let values = arguments.iter().map(|argument| self.evaluate(argument)).collect::<Result<Vec<_>, _>>()?;
                call(name, &values)?
            }
        })
    }
}

/// The functions of the language.
fn call(name: &str, values: &[Value]) -> Result<Value, String> {
    let count =
        |index: usize| values.get(index).and_then(Value::as_u64).ok_or_else(|| format!("{name}: a count expected"));
    match (name, values) {
        // batch("a", "b") or batch({ options }, ["a", "b"]): a record batch.
        ("batch", [Value::Object(options), Value::Array(records)]) => {
            Ok(codec::hex_value(&records::batch(options, records)?))
        }
        ("batch", records) => Ok(codec::hex_value(&records::batch(&Map::new(), records)?)),
        ("hex", [Value::String(digits)]) => Ok(codec::hex_value(&codec::from_hex(digits)?)),
        // join("a", $b): text after text, or bytes after bytes.
        ("join", parts) if parts.iter().all(Value::is_string) => {
            Ok(Value::from(parts.iter().filter_map(Value::as_str).collect::<String>()))
        }
        ("join", parts) => {
            let parts = parts.iter().map(codec::bytes_of).collect::<Result<Vec<_>, _>>()?;
            Ok(codec::hex_value(&parts.concat()))
        }
        // cut(bytes, n): without the last n.
        ("cut", [bytes, _]) => {
            let bytes = codec::bytes_of(bytes)?;
            Ok(codec::hex_value(&bytes[..bytes.len().saturating_sub(count(1)? as usize)]))
        }
        ("repeat", [Value::String(text), _]) => Ok(Value::from(text.repeat(count(1)? as usize))),
        // items(n, value): n times the same.
        ("items", [_, value]) => Ok(Value::Array(vec![value.clone(); count(0)? as usize])),
        // numbers(n): 0 to n-1.
        ("numbers", [_]) => Ok(Value::Array((0..count(0)?).map(Value::from).collect())),
        _ => Err(format!("no function {name} with {} such arguments", values.len())),
    }
}

enum Bytes {
    Cut(usize),
    Add(Vec<u8>),
    Patch(usize, Vec<u8>),
    Length(i64),
}

/// A request with its length in front.
fn frame(
    api: &Api,
    version: i16,
    correlation_id: i32,
    client: &Value,
    body: &Value,
    edits: &[Bytes],
) -> Result<Vec<u8>, String> {
    // A version that no definition has gets the body of the nearest one that has.
    let known = version.clamp(api.request.valid.first, api.request.valid.last);
    let mut content = api.key.to_be_bytes().to_vec();
    content.extend_from_slice(&version.to_be_bytes());
    content.extend_from_slice(&correlation_id.to_be_bytes());
    if client.is_null() {
        content.extend_from_slice(&(-1_i16).to_be_bytes());
    } else {
        let client = codec::bytes_of(client)?;
        content.extend_from_slice(&(client.len() as u16).to_be_bytes());
        content.extend_from_slice(&client);
    }
    if api.request.flexible.contains(known) {
        content.push(0);
    }
    content.extend(codec::encode(&api.request, known, body)?);
    let mut claimed = None;
    for edit in edits {
        match edit {
            Bytes::Cut(count) => content.truncate(content.len().saturating_sub(*count)),
            Bytes::Add(bytes) => content.extend_from_slice(bytes),
            Bytes::Patch(at, bytes) => {
                let target = content.get_mut(*at..at + bytes.len()).ok_or("a patch behind the end")?;
                target.copy_from_slice(bytes);
            }
            Bytes::Length(length) => claimed = Some(*length as i32),
        }
    }
    let mut frame = claimed.unwrap_or(content.len() as i32).to_be_bytes().to_vec();
    frame.extend_from_slice(&content);
    Ok(frame)
}

fn read_answer(api: &Api, version: i16, frame: &[u8]) -> Result<Value, String> {
    let body = frame.get(4..).ok_or("an answer without header")?;
    // KIP-511: ApiVersions answers without a flexible header, and an unknown version in the form of version 0.
    let discovery = api.name == "ApiVersions";
    let known = api.response.valid.contains(version);
    if discovery && (!known || body.starts_with(&[0, 35])) {
        return codec::decode(&api.response, 0, body);
    }
    let known = version.clamp(api.response.valid.first, api.response.valid.last);
    let body = if api.response.flexible.contains(known) && !discovery {
        match body {
            [0, rest @ ..] => rest,
            _ => return Err("a header with tagged fields".to_owned()),
        }
    } else {
        body
    };
    codec::decode(&api.response, known, body)
}

/// Why there is no answer.
enum End {
    Closed,
    Silent,
    TooLong(usize),
}

impl End {
    fn describe(&self) -> Value {
        match self {
            End::Closed => json!({ "connection": "closed" }),
            End::Silent => json!({ "connection": "silent" }),
            End::TooLong(size) => json!({ "connection": format!("a frame of {size} bytes") }),
        }
    }
}

impl Connection {
    /// Writes what it can: a connection that breaks is seen by the read that follows.
    fn write(&mut self, address: &str, bytes: &[u8]) {
        if self.stream.is_none() {
            self.stream = TcpStream::connect(address).ok();
            if let Some(stream) = &self.stream {
                let _ = stream.set_nodelay(true);
            }
        }
        if let Some(stream) = &mut self.stream {
            let _ = stream.write_all(bytes);
        }
    }

    fn read_frame(&mut self, within: Duration) -> Result<Vec<u8>, End> {
        let result = self.try_read(within);
        // After a silence a late answer would be taken for the next one's.
        if result.is_err() {
            self.stream = None;
        }
        result
    }

    fn try_read(&mut self, within: Duration) -> Result<Vec<u8>, End> {
        let stream = self.stream.as_mut().ok_or(End::Closed)?;
        let end = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => End::Silent,
            _ => End::Closed,
        };
        stream.set_read_timeout(Some(within)).map_err(end)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length).map_err(end)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(End::TooLong(length));
        }
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame).map_err(end)?;
        Ok(frame)
    }

    fn ask(&mut self, address: &str, api: &Api, version: i16, body: &Value) -> Result<Value, String> {
        self.correlation_id += 1;
        let frame = frame(api, version, self.correlation_id, &Value::from("wirediff"), body, &[])?;
        self.write(address, &frame);
        match self.read_frame(Duration::from_millis(ANSWER_MS_DEFAULT)) {
            Ok(frame) => read_answer(api, version, &frame),
            Err(end) => Err(format!("{}: {}", api.name, end.describe())),
        }
    }
}

/// Asks one request on a connection of its own.
pub(super) fn ask_once(address: &str, api: &Api, version: i16, body: &Value) -> Result<Value, String> {
    Connection::default().ask(address, api, version, body)
}

/// The value at `a[0].b`, or null.
pub(super) fn at_path<'a>(tree: &'a Value, path: &str) -> &'a Value {
    path.split(['.', '[', ']']).filter(|part| !part.is_empty()).fold(tree, |tree, part| match part.parse::<usize>() {
        Ok(index) => &tree[index],
        Err(_) => &tree[part],
    })
}

/// Keeps of the array at `groups.groupId` (or `results[].topics.name`) what belongs to this case.
fn keep_mine(tree: &mut Value, path: &str, prefix: &str) {
    let Some((array, field)) = path.rsplit_once('.') else { return };
    let mut places = vec![tree];
    for part in array.split('.') {
        let (name, each) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
        places = places.into_iter().filter_map(|place| place.get_mut(name)).collect();
        if each {
            places = places.into_iter().filter_map(Value::as_array_mut).flatten().collect();
        }
    }
    for items in places.into_iter().filter_map(Value::as_array_mut) {
        items.retain(|item| item[field].as_str().is_some_and(|name| name.contains(prefix)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::definitions::Type;
    use super::*;

    /// Whether every struct of a definition could be read (see the note on trees in `definitions`).
    fn is_whole(kind: &Type) -> bool {
        match kind {
            Type::Struct(fields) => !fields.is_empty() && fields.iter().all(|field| is_whole(&field.kind)),
            Type::Array(element) => is_whole(element),
            _ => true,
        }
    }

    #[test]
    fn the_apis_under_test_have_whole_definitions() {
        let definitions = Definitions::load(&super::super::root().join("protocol/messages/clients")).unwrap();
        for api in definitions.all().filter(|api| api.key < 62) {
            let fields = api.request.fields.iter().chain(&*api.response.fields);
            assert!(fields.into_iter().all(|field| is_whole(&field.kind)), "{}", api.name);
        }
    }

    #[test]
    fn a_request_is_framed() {
        let definitions = Definitions::load(&super::super::root().join("protocol/messages/clients")).unwrap();
        let api = definitions.api("Heartbeat").unwrap();
        let body = json!({ "groupId": "g", "generationId": -1, "memberId": "m" });
        let bytes = frame(api, 0, 7, &Value::Null, &body, &[Bytes::Cut(1), Bytes::Length(99)]).unwrap();
        assert_eq!(bytes, [0, 0, 0, 99, 0, 12, 0, 0, 0, 0, 0, 7, 255, 255, 0, 1, b'g', 255, 255, 255, 255, 0, 1]);
    }

    #[test]
    fn only_what_is_mine_is_kept() {
        let mut tree = json!({ "results": [{ "topics": [{ "name": "w1-t" }, { "name": "other" }] }] });
        keep_mine(&mut tree, "results[].topics.name", "w1");
        assert_eq!(tree, json!({ "results": [{ "topics": [{ "name": "w1-t" }] }] }));
    }
}
