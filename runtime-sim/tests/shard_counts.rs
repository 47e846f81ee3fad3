//! A node that is started with another number of shards than before.

use bytes::Bytes;
use core::time::Duration;
use grete_core::effect::Level;
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::client::Client;
use grete_sim::client::operations::{self, Producer};
use grete_sim::disk::{DiskProfile, Profile, Survival};
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::world::{World, WorldProfile};
use std::sync::Arc;

const BOOT: Duration = Duration::from_secs(10);

#[test]
fn files_of_shards_that_are_none_any_more_go_once_the_others_have_what_they_say() {
    let mut world: World<Shard> = World::new(WorldSeed(31), WorldProfile::default());
    let node = world.add_node(Arc::new(node_config(1)), 3, 1, &DiskProfile::default());
    assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
    let mut client = Client::connect(&mut world, node);
    operations::create_topic(&mut world, &mut client, "orders", 6, &[]).unwrap();
    let files = |world: &World<Shard>| {
        let list = world.disk(node, 0).list();
        let names = list.iter().filter_map(|entry| entry.path.strip_prefix("grete-flushed-")?.parse::<u16>().ok());
        names.collect::<Vec<_>>()
    };
    for (round, shards) in [1_u16, 2, 1, 3, 1].into_iter().enumerate() {
        for partition in 0..6 {
            let batch = operations::batch(&[Bytes::from(format!("{round}"))], 1_700_000_000_000, Producer::NONE);
            let base = operations::produce(&mut world, &mut client, "orders", partition, batch);
            assert_eq!(base, Ok(round as i64), "partition {partition}");
        }
        // What was recorded is in one of the files; a moment later all of it is in those that stay.
        world.run_for(Duration::from_secs(2));
        world.set_shards(node, shards);
        for survival in [Profile::Nothing, Profile::Drawn { per_million: 500_000 }, Profile::Everything] {
            world.power_loss(node, Survival { seed: WorldSeed(round as u64), profile: survival });
            assert!(world.start_and_wait(node, BOOT), "{:?} {:?}", world.state(node), world.notices(node));
            world.run_for(Duration::from_secs(1));
            let left = files(&world);
            assert!(left.iter().all(|shard| *shard < shards), "round {round}, {survival:?}: {left:?}");
        }
        client.reconnect(&mut world);
        for partition in 0..6 {
            let fetched = operations::fetch_all(&mut world, &mut client, "orders", partition).unwrap();
            assert_eq!(fetched.high_watermark, round as i64 + 1, "partition {partition}");
        }
    }
    assert_eq!(world.notices(node).iter().filter(|notice| notice.level == Level::Error).count(), 0);
}
