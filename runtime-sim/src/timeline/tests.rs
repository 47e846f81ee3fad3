use super::*;
use crate::checker::ALL;
use crate::machine::Machine;
use crate::mutant::{Bug, Mutant};
use crate::run::{Finished, Run};
use std::sync::Arc;

const SCRIPT: &str = include_str!("../../tests/timeline/failure.script");

fn finished<M: Machine>(mut run: Run<M>) -> Finished<M> {
    run.trace_on();
    run.finish(ALL)
}

fn page<M: Machine>(title: &str, finished: &Finished<M>) -> String {
    let told = Told {
        title,
        script: finished.run.script(),
        trace: finished.run.trace().expect("a trace"),
        history: finished.run.history(),
        verdict: finished.outcome.verdict.as_ref(),
        promise: Some("that promise"),
    };
    told.page()
}

fn of_broken(title: &str) -> String {
    let script: Arc<Script> = Arc::new(SCRIPT.parse().expect("a script"));
    page(title, &finished(Run::<Mutant>::new(&script, |config| (config, Bug::EarlyAnswer)).expect("a run")))
}

#[test]
fn a_page_needs_nothing_beside_it_and_is_the_same_twice() {
    let page = of_broken("one <two>");
    assert!(page.contains("<title>one &lt;two></title>"));
    for outside in ["http://", "https://", "src=", "href=", "@import", "/*DATA*/", "/*STYLE*/", "/*SCRIPTS*/"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("</script>").count(), 2, "the data end no element");
    assert!(page == of_broken("one <two>"));
}

#[test]
fn a_page_tells_what_was_broken_and_what_stands_out() {
    let page = of_broken("failure");
    assert!(page.contains(r#""verdict":{"checker":"lost-write","expected":"that promise","#));
    assert!(page.contains(r#""partition":"orders/1""#));
    assert!(page.contains("on n0: the visible end went back from"), "what was lost stands out");
    assert!(page.contains(r#""power-loss","n0 power-loss nothing restart-after 1s""#), "the fault is named");
    // Records are called by who sent them, and not by their numbers.
    assert!(page.contains("record p1:") && !page.contains("record 2814"), "values are told");
}

#[test]
fn watching_changes_nothing() {
    let script: Arc<Script> = Arc::new(crate::plan::script(5, crate::plan::Profile::Chaos));
    let run = || Run::<grete_core::shard::Shard>::new(&script, |config| config).expect("a run");
    let (watched, alone) = (finished(run()), run().finish(ALL));
    assert_eq!(watched.outcome.hash, alone.outcome.hash);
    assert_eq!(watched.outcome.verdict, alone.outcome.verdict);
    assert_eq!(watched.outcome.counters, alone.outcome.counters);
    assert!(!page("seed 5", &watched).is_empty());
}

#[test]
fn the_state_at_an_event_is_what_the_trace_says() {
    use crate::run::Moment;
    use crate::trace::Fact;
    let script: Arc<Script> = Arc::new(SCRIPT.parse().expect("a script"));
    let run = || Run::<grete_core::shard::Shard>::new(&script, |config| config).expect("a run");
    let whole = finished(run());
    let entries = whole.run.trace().expect("a trace").entries();
    let event = entries
        .iter()
        .position(|entry| matches!(&entry.fact, Fact::Log(_, ends) if &*ends.topic == "orders" && ends.log_end.0 > 0));
    let event = event.expect("something is appended");
    let mut run = run();
    run.trace_until(Moment::Event(event));
    let then = run.finish(ALL);
    let state = then.run.state_then().expect("a state");
    assert!(state.contains(entries[event].text.as_str()), "{state}\n{}", entries[event].text);
    assert!(state.contains("group    g1") && state.contains("segments"), "{state}");
}
