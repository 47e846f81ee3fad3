//! What goes wrong.

use super::shape::Shape;
use super::{Draws, FAULTS_MIN, Profile};
use crate::clock::WorldTime;
use crate::disk::{self, OpKind, Profile as Survivors};
use crate::history::ClientIndex;
use crate::node::NodeIndex;
use crate::script::{End, Fault, NetworkFault};
use core::time::Duration;
use std::sync::Arc;

/// The kinds of faults: the address of their draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Stop = 1,
    Kill,
    PowerLoss,
    KillAt,
    PowerLossAt,
    EndInRecovery,
    Pause,
    ClockForward,
    ClockBack,
    Drift,
    Reset,
    ResetAll,
    Cut,
    CutAll,
    CutToNode,
    CutToClient,
    SlowNetwork,
    NotReading,
    DiskError,
    SyncError,
    ReadError,
    NoSpace,
    SlowDisk,
    StuckDisk,
    IndexRot,
    StopAt,
    NameError,
    WriteError,
    LyingDisk,
    RecordRot,
}

use Kind::{
    ClockBack, ClockForward, Cut, CutAll, CutToClient, CutToNode, DiskError, Drift, EndInRecovery, IndexRot, Kill,
    KillAt, LyingDisk, NameError, NoSpace, NotReading, Pause, PowerLoss, PowerLossAt, ReadError, RecordRot, Reset,
    ResetAll, SlowDisk, SlowNetwork, Stop, StopAt, StuckDisk, SyncError, WriteError,
};

/// How often each kind strikes at most, in one script.
const ENDS: &[(Kind, u64)] =
    &[(Stop, 2), (Kill, 3), (PowerLoss, 3), (KillAt, 2), (PowerLossAt, 2), (EndInRecovery, 2), (StopAt, 1)];
const CLOCKS: &[(Kind, u64)] = &[(Pause, 3), (ClockForward, 2), (ClockBack, 2), (Drift, 2)];
const NETWORK: &[(Kind, u64)] = &[
    (Reset, 12),
    (ResetAll, 4),
    (Cut, 5),
    (CutAll, 3),
    (CutToNode, 4),
    (CutToClient, 4),
    (SlowNetwork, 5),
    (NotReading, 3),
];
const DISK: &[(Kind, u64)] = &[
    (DiskError, 2),
    (SyncError, 2),
    (ReadError, 2),
    (NoSpace, 2),
    (SlowDisk, 5),
    (StuckDisk, 2),
    (IndexRot, 2),
    (NameError, 1),
    (WriteError, 1),
    (LyingDisk, 1),
    (RecordRot, 1),
];
/// The ends of a process: each script has one of these.
const CRASHES: [Kind; 3] = [Kill, PowerLoss, EndInRecovery];

/// The parts of paths at which an end or an error is aimed.
const PATHS: [&str; 8] =
    ["", "", ".log", ".log", "checkpoint", ".snapshot", "__consumer_offsets", "__cluster_metadata"];

pub(super) fn draw(draws: Draws, profile: Profile, shape: &Shape) -> Vec<(WorldTime, Fault)> {
    let (kinds, staple): (Vec<&[(Kind, u64)]>, Kind) = match profile {
        Profile::Gentle => return Vec::new(),
        Profile::Network => (vec![NETWORK, CLOCKS, &[(Kill, 2)]], Reset),
        Profile::Disk => (vec![DISK, ENDS, &[(Pause, 1)]], PowerLoss),
        Profile::Chaos => (vec![NETWORK, DISK, ENDS, CLOCKS], Kill),
        Profile::Clients => {
            (vec![&[(Reset, 8), (Cut, 2), (NotReading, 2), (Kill, 2), (PowerLoss, 1), (Pause, 1)]], Reset)
        }
    };
    let drawing = Drawing { draws, shape };
    let mut faults = Vec::new();
    let crash = if profile == Profile::Network || profile == Profile::Clients {
        Kill
    } else {
        draws.one_of("the crash that must be", &[], &CRASHES)
    };
    for (kind, most) in kinds.into_iter().flatten() {
        let address = [*kind as u64];
        let strikes = draws.percent("whether it strikes", &address, percent_of(*kind));
        let count = if strikes { draws.of("how often", &address).among(&(1..=*most)) } else { 0 };
        let count = if *kind == crash { count.max(1) } else { count };
        faults.extend((0..count).flat_map(|number| drawing.fault(*kind, number)));
    }
    // Others of the kind that the profile is about; their numbers are none of those above.
    for number in 1_000.. {
        if faults.len() >= FAULTS_MIN {
            break;
        }
        faults.extend(drawing.fault(staple, number));
    }
    faults
}

/// How many seeds of a hundred have a kind. What takes from a broker what it has acknowledged is rare: such seeds show less.
const fn percent_of(kind: Kind) -> u64 {
    match kind {
        LyingDisk | RecordRot => 3,
        NameError | WriteError | StopAt => 30,
        _ => 60,
    }
}

struct Drawing<'a> {
    draws: Draws,
    shape: &'a Shape,
}

impl Drawing<'_> {
    fn fault(&self, kind: Kind, number: u64) -> Vec<(WorldTime, Fault)> {
        let at = &[kind as u64, number][..];
        let draws = self.draws;
        let node = NodeIndex(draws.below("node", at, self.shape.nodes.len() as u64) as usize);
        let client = ClientIndex(draws.below("client", at, self.shape.clients.len() as u64) as usize);
        let time = draws.time("fault", at);
        let restart_after = draws.millis("restart", at, 1, 4_000);
        let power_loss = End::PowerLoss(draws.one_of("survivors", at, &Survivors::ALL));
        let end = |how| Fault::End { node, how, restart_after };
        let network = |client, what| {
            let time = match what {
                NetworkFault::Reset => Duration::ZERO,
                NetworkFault::Cut
                | NetworkFault::CutToNode
                | NetworkFault::CutToClient
                | NetworkFault::Slow(_)
                | NetworkFault::NotReading => draws.millis("for how long", at, 50, 12_000),
            };
            Fault::Network { client, node, what, time }
        };
        let fault = match kind {
            Stop => end(End::Stop),
            Kill => end(End::Kill),
            PowerLoss => end(power_loss),
            KillAt => self.end_at(at, node, End::Kill, restart_after),
            PowerLossAt => self.end_at(at, node, power_loss, restart_after),
            StopAt => self.end_at(at, node, End::Stop, restart_after),
            EndInRecovery => {
                let how = draws.one_of("end in recovery", at, &[End::Kill, power_loss]);
                let op = draws.one_of("op in recovery", at, &[OpKind::Read, OpKind::Read, OpKind::Write, OpKind::Sync]);
                let nth = draws.of("nth in recovery", at).among(&(1..=30));
                let again = Fault::EndAt { node, how, op, path: "".into(), nth, restart_after };
                // It is counted from the end of the first process on: its successor reads all that there is.
                return vec![(time, end(how)), (time, again)];
            }
            Pause => Fault::Pause { node, time: draws.millis("pause", at, 100, 20_000) },
            ClockForward => Fault::Clock { node, millis: self.jump(at) },
            ClockBack => Fault::Clock { node, millis: -self.jump(at) },
            Drift => Fault::Drift { node, per_million: draws.one_of("drift", at, &[-200_000, -500, 300, 100_000]) },
            Reset => network(Some(client), NetworkFault::Reset),
            ResetAll => network(None, NetworkFault::Reset),
            Cut => network(Some(client), NetworkFault::Cut),
            CutAll => network(None, NetworkFault::Cut),
            CutToNode => network(Some(client), NetworkFault::CutToNode),
            CutToClient => network(Some(client), NetworkFault::CutToClient),
            SlowNetwork => network(Some(client), NetworkFault::Slow(draws.millis("slow by", at, 5, 3_000))),
            NotReading => network(Some(client), NetworkFault::NotReading),
            DiskError => self.disk(at, node, &[OpKind::Write, OpKind::Create, OpKind::Rename], disk::Fault::Error),
            NameError => self.disk(at, node, &[OpKind::Create, OpKind::Rename, OpKind::Remove], disk::Fault::Error),
            WriteError => self.disk(at, node, &[OpKind::Write, OpKind::Truncate], disk::Fault::Error),
            LyingDisk => self.disk(at, node, &[OpKind::Sync, OpKind::SyncDir], disk::Fault::Ignored),
            RecordRot => self.disk(at, node, &[OpKind::Read], disk::Fault::Rot),
            SyncError => self.disk(at, node, &[OpKind::Sync, OpKind::SyncDir], disk::Fault::Error),
            ReadError => self.disk(at, node, &[OpKind::Read], disk::Fault::Error),
            NoSpace => self.disk(at, node, &[OpKind::Write, OpKind::Create, OpKind::MakeDir], disk::Fault::NoSpace),
            SlowDisk => self.disk(at, node, &[], disk::Fault::Slow(draws.millis("slow disk by", at, 5, 2_000))),
            StuckDisk => self.disk(at, node, &[], disk::Fault::Stuck),
            IndexRot => {
                let rot = self.disk(at, node, &[OpKind::Read], disk::Fault::Rot);
                // What an index says can be found out again from the log; what the log says cannot.
                let aimed: Arc<str> = draws.one_of("rotten", at, &[".index", ".timeindex"]).into();
                match rot {
                    Fault::Disk { node, dir, ops, what, per_million, time, .. } => {
                        Fault::Disk { node, dir, ops, path: aimed, what, per_million, time }
                    }
                    other => other,
                }
            }
        };
        vec![(time, fault)]
    }

    fn end_at(&self, at: &[u64], node: NodeIndex, how: End, restart_after: Duration) -> Fault {
        use OpKind::{Create, Remove, Rename, Sync, SyncDir, Truncate, Write};
        let op = self.draws.one_of("op", at, &[Write, Write, Sync, Sync, Create, Rename, SyncDir, Truncate, Remove]);
        // There are many of some kinds, and few of others.
        let most = if matches!(op, Write | Sync) { 40 } else { 4 };
        let nth = self.draws.of("nth", at).among(&(1..=most));
        let path = self.draws.one_of("path", at, &PATHS).into();
        Fault::EndAt { node, how, op, path, nth, restart_after }
    }

    fn disk(&self, at: &[u64], node: NodeIndex, ops: &[OpKind], what: disk::Fault) -> Fault {
        let dirs = u64::from(self.shape.nodes[node.0].dirs);
        Fault::Disk {
            node,
            dir: self.draws.below("dir", at, dirs) as u16,
            ops: ops.to_vec(),
            path: self.draws.one_of("path", at, &PATHS).into(),
            what,
            per_million: self.draws.one_of("chance", at, &[1_000, 20_000, 300_000, 1_000_000]),
            time: self.draws.millis("disk fault for", at, 20, 5_000),
        }
    }

    /// In milliseconds; never so far that records of a run are older than a week.
    fn jump(&self, at: &[u64]) -> i64 {
        self.draws.millis("jump", at, 100, 7_200_000).as_millis() as i64
    }
}
