//! A run drawn as one page for a browser: lanes for nodes and clients, messages between them, what went wrong, the ends of the
//! logs, and the promise that was broken. The page needs no server and nothing beside it.
//!
//! ```text
//! facts    what the trace and the history of a run say, as what is drawn
//! notable  what stands out: things that went back, or came too early
//! json     how the facts get into the page
//! page/    the page itself, for the browser
//! ```

mod facts;
mod json;
mod notable;

use crate::checker::Violation;
use crate::history::{ClientIndex, History};
use crate::script::Script;
use crate::trace::{Name, Trace, tell_partition, tell_values};
use facts::{Facts, Lane};
use json::Json;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");

/// The page's scripts, in the order in which they build on each other.
const SCRIPTS: [&str; 8] = [
    include_str!("page/data.js"),
    include_str!("page/colours.js"),
    include_str!("page/view.js"),
    include_str!("page/lanes.js"),
    include_str!("page/charts.js"),
    include_str!("page/details.js"),
    include_str!("page/search.js"),
    include_str!("page/main.js"),
];

/// What a page tells.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What it is called.
    pub title: &'a str,
    /// What was run.
    pub script: &'a Script,
    /// What happened.
    pub trace: &'a Trace,
    /// What the clients did.
    pub history: &'a History,
    /// The promise that was broken, where one was.
    pub verdict: Option<&'a Violation>,
    /// That promise in one line, where it is known.
    pub promise: Option<&'a str>,
}

impl Told<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        PAGE.replace("/*STYLE*/", STYLE)
            .replace("/*SCRIPTS*/", &SCRIPTS.concat())
            .replace("TITLE", &escaped(self.title))
            // At last: nothing that clients said is replaced.
            .replace("/*DATA*/", &self.data())
    }

    fn data(&self) -> String {
        let facts = Facts::of(self);
        let mut json = Json::default();
        json.object(|json| {
            json.key("title").text(self.title);
            json.key("heal").number(self.script.heal_at.0);
            json.key("end").number(self.trace.entries().last().map_or(0, |entry| entry.at.0));
            json.key("verdict");
            self.write_verdict(json, &facts);
            json.key("notable").list(notable::find(self, &facts), |json, of| {
                json.list([()], |json, ()| {
                    json.number(of.at.0);
                    json.number(of.event as u64);
                    json.text(&of.what);
                });
            });
            json.key("script").list(self.script.to_string().lines(), Json::text);
            facts.write(json, self.trace);
        });
        json.into_text()
    }

    fn write_verdict(&self, json: &mut Json, facts: &Facts) {
        let Some(violation) = self.verdict else { return json.null() };
        let last = self.trace.entries().len().saturating_sub(1);
        // It is seen when the last operation that shows it has ended; what no operation shows, at the end.
        let ends = violation.operations.iter().filter_map(|id| facts.ended.get(id));
        let event = ends.max().copied().unwrap_or(last);
        json.object(|json| {
            json.key("checker").text(violation.checker);
            json.key("expected").text(self.promise.unwrap_or(""));
            json.key("seen").text(&tell_values(&violation.what, &*names(self.script)));
            json.key("event").number(event as u64);
            json.key("at").number(self.trace.entries().get(event).map_or(0, |entry| entry.at.0));
            json.key("operations").list(&violation.operations, |json, id| json.place(Some(id.0)));
            json.key("partition").text(&violation.partition.as_ref().map_or(String::new(), tell_partition));
            json.key("lane").place(violation.client.and_then(|client| facts.lane(Lane::Client(client))));
        });
    }
}

/// What names clients in a script.
fn names(script: &Script) -> Box<Name<'_>> {
    Box::new(move |client: ClientIndex| {
        script.clients.get(client.0).map_or_else(|| "auditor".to_owned(), |plan| plan.name.to_string())
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests;
