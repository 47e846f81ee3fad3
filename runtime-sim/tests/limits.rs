//! The bounds of what clients can make a whole node hold.

use bytes::Bytes;
use core::time::Duration;
use grete_core::group::GroupSettings;
use grete_core::shard::Shard;
use grete_protocol::ErrorCode;
use grete_sim::broker::node_config;
use grete_sim::client::{CallError, Client, operations};
use grete_sim::disk::DiskProfile;
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::world::{World, WorldProfile};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{GroupId, JoinGroupRequest};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;

const BOOT: Duration = Duration::from_secs(10);
/// What the members of all groups may hold here.
const MEMBERS_BYTES_MAX: usize = 10_000;

fn join(world: &mut World<Shard>, client: &mut Client, group: usize, metadata_bytes: usize) -> Result<i16, CallError> {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let metadata = Bytes::from(vec![0; metadata_bytes]);
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(metadata);
    let request = JoinGroupRequest::default()
        .with_group_id(GroupId(text(&format!("group {group}"))))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    client.call(world, &request, 3).map(|answer| answer.error_code)
}

/// The offsets of groups lie in several partitions, each with a coordinator of its own: together they hold no more.
#[test]
fn members_of_all_groups_are_bounded_together() {
    let mut world = World::new(WorldSeed(1), WorldProfile::default());
    let settings = GroupSettings {
        initial_rebalance_delay_ms: 0,
        members_bytes_max: MEMBERS_BYTES_MAX,
        ..GroupSettings::default()
    };
    let mut config = node_config(1);
    config.groups = Arc::new(settings);
    config.topics.offsets_partitions = 8;
    let node = world.add_node(Arc::new(config), 1, 1, &DiskProfile::default());
    assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
    let mut client = Client::connect(&mut world, node);
    operations::find_coordinator(&mut world, &mut client, "group").expect("it is created");
    world.run_for(Duration::from_secs(1));
    for group in 0..9 {
        assert_eq!(join(&mut world, &mut client, group, 1_000), Ok(0), "group {group} has room");
    }
    let full = ErrorCode::GroupMaxSizeReached.code();
    assert_eq!(join(&mut world, &mut client, 9, 1_000), Ok(full));
    assert_eq!(join(&mut world, &mut client, 9, 100), Ok(0), "a little fits");
    world.check_invariants();
}
