//! The language of the cases. A file is a list of stories, a story a list of statements:
//!
//! ```text
//! story a batch with a wrong checksum            # the rest of the line is its title
//!   every Produce 3-12                           # runs once at each of these versions (all, when none are named)
//!   for bad in [0, -1, { as: "max", crc: 1 }]    # and once for each value, here as $bad; a label is optional
//!   topic t 2 { "cleanup.policy": "compact" }    # creates a topic of its own name, $t, with the id $t_id
//!   name g                                       # a name that nothing else uses, $g
//!   let wrong = batch({ crc: 1 }, ["a"])
//!   ask Produce { acks: 1, ...$bad, name: $t }   # `ask Fetch@12 { .. }` asks at that version
//!   keep producer = producerId                   # from the last answer
//!   send JoinGroup on b { .. }                   # on a connection named b; `receive on b` reads the answer
//!   wait 100
//!   close b
//!   raw hex("00000001 00") on b                  # bytes as they are
//!
//! recipe joined                                  # statements to be used by `do joined`
//! ```
//!
//! What may follow `ask` and `send`: see [`Asking`].

use serde_json::{Map, Value};

use super::definitions::Versions;

/// An expression; see [`super::session`] for what the functions do.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Constant(Value),
    /// `$name`, or a field of its value: `$name.field`.
    Variable(String),
    Call(String, Vec<Expression>),
    Array(Vec<Expression>),
    /// A spread has no name.
    Object(Vec<(Option<String>, Expression)>),
}

/// One request, with everything that may be odd about it.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) api: String,
    /// `@N`: the version of header and body. None: that of the story if it is the API under test, else the newest.
    pub(super) version: Option<i16>,
    pub(super) body: Expression,
    /// `on NAME`: the connection; one whose name begins with `controller` is to the controller's listener.
    pub(super) connection: String,
    /// `client EXPRESSION`: the client id of the header.
    pub(super) client: Option<Expression>,
    /// `mine PATH`: of the array at the path before the last name, keep the elements whose field is of this case.
    pub(super) mine: Vec<String>,
    /// `until PATH = VALUE`: ask again until it is so, at most for ten seconds.
    pub(super) until: Option<(String, Value)>,
    /// `within MS`: how long to wait for the answer.
    pub(super) within_ms: Option<u64>,
    pub(super) edits: Vec<Edit>,
}

/// What is done to the bytes of a request after they are encoded. Positions count from the API key.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// `cut EXPRESSION`: so many of the last bytes are left out, the length fits.
    Cut(Expression),
    /// `add EXPRESSION`: bytes after the end, the length fits.
    Add(Expression),
    /// `patch POSITION EXPRESSION`: other bytes at a position.
    Patch(usize, Expression),
    /// `length EXPRESSION`: the length that the frame claims.
    Length(Expression),
    /// `key EXPRESSION`: another API key in the header.
    Key(Expression),
    /// `claim EXPRESSION`: another version in the header.
    Claim(Expression),
}

#[derive(Clone, Debug)]
pub(super) enum Statement {
    Topic { name: String, partitions: i64, configs: Expression },
    Name(String),
    Let(String, Expression),
    Ask(Asking),
    Send(Asking),
    Receive { connection: String, within_ms: Option<u64> },
    Raw { connection: String, bytes: Expression },
    Keep { name: String, path: String },
    Wait(u64),
    Close(String),
}

#[derive(Clone, Debug)]
pub(super) struct Story {
    /// `file/title-with-dashes`.
    pub(super) name: String,
    pub(super) every: Option<(String, Option<Versions>)>,
    pub(super) choices: Vec<(String, Vec<Expression>)>,
    /// With the line of each.
    pub(super) statements: Vec<(usize, Statement)>,
}

/// The stories of one file; `file` is its name without ending.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Story>, String> {
    let mut parser = Parser { text, at: 0 };
    parser.file(file).map_err(|error| format!("{file}.txt:{}: {error}", parser.line()))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

type Recipes = Vec<(String, Vec<(usize, Statement)>)>;

impl Parser<'_> {
    fn line(&self) -> usize {
        1 + self.text[..self.at].matches('\n').count()
    }

    fn file(&mut self, file: &str) -> Result<Vec<Story>, String> {
        let mut stories: Vec<Story> = Vec::new();
        let mut recipes = Recipes::new();
        while self.peek().is_some() {
            match self.word()?.as_str() {
                "story" => {
                    let title = self.rest_of_line();
                    let name = format!("{file}/{}", slug(&title));
                    if stories.iter().any(|story| story.name == name) {
                        return Err(format!("a second story {title:?}"));
                    }
                    let mut story = Story { name, every: None, choices: Vec::new(), statements: Vec::new() };
                    self.statements(&mut story, &recipes)?;
                    stories.push(story);
                }
                "recipe" => {
                    let name = self.word()?;
                    let mut story = Story { name, every: None, choices: Vec::new(), statements: Vec::new() };
                    self.statements(&mut story, &recipes)?;
                    if story.every.is_some() || !story.choices.is_empty() {
                        return Err("a recipe has statements only".to_owned());
                    }
                    recipes.push((story.name, story.statements));
                }
                other => return Err(format!("story or recipe expected, not {other:?}")),
            }
        }
        Ok(stories)
    }

    fn statements(&mut self, story: &mut Story, recipes: &Recipes) -> Result<(), String> {
        loop {
            let before = self.at;
            if self.peek().is_none() {
                return Ok(());
            }
            let line = self.line();
            let word = self.word()?;
            let statement = match word.as_str() {
                "story" | "recipe" => {
                    self.at = before;
                    return Ok(());
                }
                "every" => {
                    let api = self.word()?;
                    story.every = Some((api, self.versions()?));
                    continue;
                }
                "for" => {
                    let name = self.word()?;
                    self.keyword("in")?;
                    match self.expression()? {
                        Expression::Array(values) => story.choices.push((name, values)),
                        _ => return Err("for .. in [ .. ] expected".to_owned()),
                    }
                    continue;
                }
                "do" => {
                    let name = self.word()?;
                    let recipe = recipes.iter().find(|(known, _)| *known == name);
                    let (_, statements) = recipe.ok_or_else(|| format!("no recipe {name:?}"))?;
                    story.statements.extend(statements.iter().cloned());
                    continue;
                }
                "topic" => {
                    let name = self.word()?;
                    let partitions =
                        if self.peek().is_some_and(|next| next.is_ascii_digit()) { self.number()? } else { 1 };
                    let configs = match self.peek() {
                        Some('{') => self.expression()?,
                        _ => Expression::Object(Vec::new()),
                    };
                    Statement::Topic { name, partitions, configs }
                }
                "name" => Statement::Name(self.word()?),
                "let" => {
                    let name = self.word()?;
                    self.expect('=')?;
                    Statement::Let(name, self.expression()?)
                }
                "ask" => Statement::Ask(self.asking()?),
                "send" => Statement::Send(self.asking()?),
                "receive" => {
                    let connection = self.connection()?;
                    let within_ms = if self.option("within") { Some(self.number()? as u64) } else { None };
                    Statement::Receive { connection, within_ms }
                }
                "raw" => {
                    let bytes = self.expression()?;
                    Statement::Raw { bytes, connection: self.connection()? }
                }
                "keep" => {
                    let name = self.word()?;
                    self.expect('=')?;
                    Statement::Keep { name, path: self.path() }
                }
                "wait" => Statement::Wait(self.number()? as u64),
                "close" => Statement::Close(self.word()?),
                other => return Err(format!("{other:?} is no statement")),
            };
            story.statements.push((line, statement));
        }
    }

    fn asking(&mut self) -> Result<Asking, String> {
        let api = self.word()?;
        let mut asking = Asking {
            api,
            version: None,
            body: Expression::Object(Vec::new()),
            connection: "main".to_owned(),
            client: None,
            mine: Vec::new(),
            until: None,
            within_ms: None,
            edits: Vec::new(),
        };
        if self.peek() == Some('@') {
            self.expect('@')?;
            asking.version = Some(self.number()? as i16);
        }
        loop {
            if self.peek() == Some('{') {
                asking.body = self.expression()?;
            } else if self.option("on") {
                asking.connection = self.word()?;
            } else if self.option("client") {
                asking.client = Some(self.expression()?);
            } else if self.option("mine") {
                asking.mine.push(self.path());
            } else if self.option("until") {
                let path = self.path();
                self.expect('=')?;
                match self.expression()? {
                    Expression::Constant(value) => asking.until = Some((path, value)),
                    Expression::Array(items) if items.is_empty() => {
                        asking.until = Some((path, Value::Array(Vec::new())))
                    }
                    _ => return Err("until wants a plain value".to_owned()),
                }
            } else if self.option("within") {
                asking.within_ms = Some(self.number()? as u64);
            } else if self.option("cut") {
                asking.edits.push(Edit::Cut(self.expression()?));
            } else if self.option("add") {
                asking.edits.push(Edit::Add(self.expression()?));
            } else if self.option("patch") {
                asking.edits.push(Edit::Patch(self.number()? as usize, self.expression()?));
            } else if self.option("length") {
                asking.edits.push(Edit::Length(self.expression()?));
            } else if self.option("key") {
                asking.edits.push(Edit::Key(self.expression()?));
            } else if self.option("claim") {
                asking.edits.push(Edit::Claim(self.expression()?));
            } else {
                return Ok(asking);
            }
        }
    }

    fn connection(&mut self) -> Result<String, String> {
        if self.option("on") { self.word() } else { Ok("main".to_owned()) }
    }

    /// `3-8`, `3` or nothing.
    fn versions(&mut self) -> Result<Option<Versions>, String> {
        if !self.peek().is_some_and(|next| next.is_ascii_digit()) {
            return Ok(None);
        }
        let first = self.digits()?;
        let last = if self.text[self.at..].starts_with('-') {
            self.at += 1;
            self.digits()?
        } else {
            first
        };
        Ok(Some(Versions { first, last }))
    }

    fn digits(&mut self) -> Result<i16, String> {
        self.take_while(|letter| letter.is_ascii_digit()).parse().map_err(|_| "a version expected".to_owned())
    }

    fn expression(&mut self) -> Result<Expression, String> {
        match self.peek() {
            Some('{') => self.object(),
            Some('[') => {
                self.expect('[')?;
                let mut items = Vec::new();
                while self.peek() != Some(']') {
                    items.push(self.expression()?);
                    self.separator(']')?;
                }
                self.expect(']')?;
                Ok(Expression::Array(items))
            }
            Some('"') => Ok(Expression::Constant(Value::String(self.string()?))),
            Some('$') => {
                self.expect('$')?;
                Ok(Expression::Variable(self.word()?))
            }
            Some(next) if next.is_ascii_digit() || next == '-' => Ok(Expression::Constant(Value::from(self.number()?))),
            Some(_) => match self.word()?.as_str() {
                "null" => Ok(Expression::Constant(Value::Null)),
                "true" => Ok(Expression::Constant(Value::Bool(true))),
                "false" => Ok(Expression::Constant(Value::Bool(false))),
                function => {
                    let function = function.to_owned();
                    self.expect('(')?;
                    let mut arguments = Vec::new();
                    while self.peek() != Some(')') {
                        arguments.push(self.expression()?);
                        self.separator(')')?;
                    }
                    self.expect(')')?;
                    Ok(Expression::Call(function, arguments))
                }
            },
            None => Err("a value expected".to_owned()),
        }
    }

    fn object(&mut self) -> Result<Expression, String> {
        self.expect('{')?;
        let mut entries = Vec::new();
        while self.peek() != Some('}') {
            if self.text[self.at..].starts_with("...") {
                self.at += 3;
                entries.push((None, self.expression()?));
            } else {
                let name = if self.peek() == Some('"') { self.string()? } else { self.word()? };
                self.expect(':')?;
                entries.push((Some(name), self.expression()?));
            }
            self.separator('}')?;
        }
        self.expect('}')?;
        Ok(Expression::Object(entries))
    }

    /// A comma, or nothing before the closing bracket.
    fn separator(&mut self, closing: char) -> Result<(), String> {
        if self.peek() == Some(closing) { Ok(()) } else { self.expect(',') }
    }

    fn string(&mut self) -> Result<String, String> {
        self.skip();
        let mut values = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter::<String>();
        let value = values.next().ok_or("a string expected")?.map_err(|error| error.to_string())?;
        self.at += values.byte_offset();
        Ok(value)
    }

    fn number(&mut self) -> Result<i64, String> {
        self.skip();
        let text = self.take_while(|letter| letter.is_ascii_alphanumeric() || letter == '-').to_owned();
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        parsed.map_err(|_| format!("{text:?} is no number"))
    }

    /// `topics[0].partitions[0].errorCode`
    fn path(&mut self) -> String {
        self.skip();
        self.take_while(|letter| letter.is_alphanumeric() || "[]._*".contains(letter)).to_owned()
    }

    fn word(&mut self) -> Result<String, String> {
        self.skip();
        let word = self.take_while(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.');
        if word.is_empty() {
            let next: String = self.text[self.at..].chars().take(10).collect();
            return Err(format!("a word expected before {next:?}"));
        }
        Ok(word.to_owned())
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), String> {
        if self.option(keyword) { Ok(()) } else { Err(format!("{keyword} expected")) }
    }

    /// Takes `keyword` if it comes next.
    fn option(&mut self, keyword: &str) -> bool {
        let before = self.at;
        if self.word().is_ok_and(|word| word == keyword) {
            return true;
        }
        self.at = before;
        false
    }

    fn rest_of_line(&mut self) -> String {
        let rest = self.take_while(|letter| letter != '\n');
        rest.split('#').next().unwrap_or_default().trim().to_owned()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.peek() {
            Some(next) if next == wanted => {
                self.at += wanted.len_utf8();
                Ok(())
            }
            next => Err(format!("{wanted:?} expected, not {next:?}")),
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.skip();
        self.text[self.at..].chars().next()
    }

    /// White space and comments.
    fn skip(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if !self.text[self.at..].starts_with('#') {
                return;
            }
            self.take_while(|letter| letter != '\n');
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let rest = &self.text[start..];
        self.at += rest.find(|letter| !wanted(letter)).unwrap_or(rest.len());
        &self.text[start..self.at]
    }
}

fn slug(title: &str) -> String {
    let letters = title.chars().map(|letter| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { ' ' });
    letters.collect::<String>().split_whitespace().collect::<Vec<_>>().join("-")
}

/// The label of a choice: its own `as`, or its place in the list.
pub(super) fn label(index: usize, choice: &Expression) -> String {
    match choice {
        Expression::Object(entries) => {
            let named = entries.iter().find(|(name, _)| name.as_deref() == Some("as"));
            match named {
                Some((_, Expression::Constant(Value::String(text)))) => slug(text),
                _ => format!("{}", index + 1),
            }
        }
        Expression::Constant(Value::Number(number)) => number.to_string(),
        Expression::Constant(Value::String(text)) if !text.is_empty() && text.len() < 24 && slug(text) == *text => {
            text.clone()
        }
        _ => format!("{}", index + 1),
    }
}

/// An object without its label.
pub(super) fn without_label(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().filter(|(name, _)| name != "as").collect::<Map<_, _>>()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_read() {
        let text = "# about\nrecipe one\n  ask Metadata {}\nstory A first, story # note\n  every Fetch 4-5\n  for x in [1, { as: \"Big One\", a: 2 }]\n  do one\n  ask Fetch@3 { a: [$x, hex(\"00\")], ...$x } on b cut 3 until a[0].b = 0\n  keep y = a.b\n";
        let stories = parse("f", text).unwrap();
        assert_eq!(stories[0].name, "f/a-first-story");
        assert_eq!(stories[0].every, Some(("Fetch".to_owned(), Some(Versions { first: 4, last: 5 }))));
        assert_eq!(stories[0].statements.len(), 3);
        assert_eq!(label(1, &stories[0].choices[0].1[1]), "big-one");
        let Statement::Ask(asking) = &stories[0].statements[1].1 else { panic!("an ask") };
        assert_eq!((asking.version, asking.connection.as_str()), (Some(3), "b"));
        assert_eq!(asking.until, Some(("a[0].b".to_owned(), Value::from(0))));
    }

    #[test]
    fn a_slip_is_told_with_its_line() {
        assert!(parse("f", "story a\n  aks Fetch {}\n").unwrap_err().starts_with("f.txt:2:"));
        assert!(parse("f", "story a\n  do nothing\n").unwrap_err().contains("no recipe"));
    }
}
