//! The tools that talk to the controller's listener.

use super::{equal, expect, output};
use crate::interop::Context;

/// The quorum, the cluster, features and configurations, asked of the controller; the broker tells the same.
pub(super) fn bootstrap(context: &Context<'_>) -> Result<(), String> {
    let Some(broker) = context.broker else { return Err("where the controller listens is not known".to_owned()) };
    let (controller, address) = (broker.node().controller_address(), broker.node().address());
    let run = |tool: &str, before: &[&str], at: [&str; 2], after: &[&str]| {
        let mut command = context.tool(tool);
        command.args(before).args(at).args(after);
        output(tool, command, "")
    };
    let [of_controller, of_broker] = [["--bootstrap-controller", &controller], ["--bootstrap-server", &address]];

    for at in [of_controller, of_broker] {
        let quorum = run("metadata-quorum", &[], at, &["describe", "--status"])?;
        expect(&quorum, "LeaderId:               1")?;
        let (_, port) = controller.rsplit_once(':').ok_or("no port")?;
        // The voter is where the controller listens, whoever is asked.
        expect(&quorum, &format!(":{port}\"]"))?;
        expect(&run("features", &[], at, &["describe"])?, "Feature: metadata.version")?;
    }
    let id = |at| run("cluster", &["cluster-id"], at, &[]);
    equal("the cluster's id", &id(of_controller)?, &id(of_broker)?)?;
    let endpoints = |at| run("cluster", &["list-endpoints"], at, &[]);
    expect(&endpoints(of_controller)?, "controller")?;
    expect(&endpoints(of_broker)?, "broker")?;
    // A broker knows no controllers, and a controller no topics.
    let refused = run("topics", &[], ["--bootstrap-server", &controller], &["--list", "--command-config", "/dev/null"]);
    expect(&refused.err().unwrap_or_default(), "METADATA")?;

    let brokers = ["--entity-type", "brokers", "--entity-default"];
    let alter = |change: [&str; 2]| run("configs", &["--alter"], of_controller, &[&change[..], &brokers].concat());
    let described = |at| run("configs", &["--describe"], at, &brokers);
    alter(["--add-config", "log.retention.ms=86400000"])?;
    for at in [of_controller, of_broker] {
        expect(&described(at)?, "log.retention.ms=86400000")?;
    }
    alter(["--delete-config", "log.retention.ms"])?;
    equal("what is left", &described(of_broker)?.contains("log.retention.ms"), &false)
}
