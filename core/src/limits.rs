//! The bound of everything that grows. What a configuration key sets is not here; what bounds memory, queues and loops is.

/// A frame of at most this many bytes is read without asking; a larger one is announced first. It bounds what an
/// unadmitted connection makes the broker hold.
pub const FRAME_SMALL_BYTES_MAX: usize = 16 * 1024;

/// A frame of more than this many bytes is a giant: it waits for other giants only, and none but giants wait for it. Clients
/// as they come from the box send no requests that are larger.
pub const FRAME_MIDDLE_BYTES_MAX: usize = FRAME_STEP_BYTES_MAX;

/// What is admitted of an announced frame at once at most.
pub const FRAME_STEP_BYTES_MAX: usize = (1 << 20) + (64 << 10);

/// What is admitted of an announced frame at once where room is scarce, but for the end of a frame.
pub const FRAME_STEP_BYTES_MIN: usize = 16 * 1024;

/// What is admitted of a giant before it has shown that it comes.
pub const FRAME_STEP_FIRST_BYTES: usize = 64 * 1024;

/// How fast a middle frame must come where others wait for room: the largest in some four seconds.
pub const FRAME_MIDDLE_BYTES_PER_SECOND_MIN: usize = 256 * 1024;

/// How fast a giant must come where others wait for room.
pub const FRAME_GIANT_BYTES_PER_SECOND_MIN: usize = 256 * 1024;

/// How fast the eldest frame of its class must come where others wait for room: slower than the others, so that of several
/// slow ones some get through.
pub const FRAME_ELDEST_BYTES_PER_SECOND_MIN: usize = 128 * 1024;

/// The largest frame of a Produce where no topic takes larger batches, whatever `socket.request.max.bytes` says: what a few
/// dozen partitions take at once.
pub const FRAME_PRODUCE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The events that a runtime puts into one step at most. It bounds how long a step takes.
pub const STEP_EVENTS_MAX: usize = 256;

/// Requests of one connection that are under way at once; reading pauses beyond it.
pub const CONNECTION_REQUESTS_MAX: usize = 64;

/// The batches of one append to a log at most. A request has one for each partition; a follower's fetch may have more.
pub const LOG_APPEND_BATCHES_MAX: usize = 65_536;

/// The index entries of a segment that wait to be written at most, before they are.
pub const LOG_INDEX_UNWRITTEN_MAX: usize = 128;

/// The bytes of one read from a log's file at most, but for a single batch that is larger.
pub const LOG_READ_BYTES_MAX: u32 = 1 << 20;

/// The reads from logs' files that a shard has under way at once; more wait.
pub const LOG_READS_UNDER_WAY_MAX: usize = 64;

/// The bytes of index entries of an active segment that stay in memory; beyond it they are read again where needed.
pub const LOG_INDEX_ACTIVE_BYTES_MAX: usize = 256 << 10;

/// The bytes of index entries of closed segments that a shard keeps in memory.
pub const LOG_INDEX_BYTES_MAX: usize = 16 << 20;

/// The bytes of one index file that are read at most; what lies beyond is found by scanning.
pub const LOG_INDEX_FILE_BYTES_MAX: u32 = 16 << 20;

/// What the members of all groups of a node may hold in memory by what they join with and are assigned, in bytes.
pub const GROUP_MEMBERS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The least of that which the groups of each shard have, so that a large group fits however many shards there are. With more
/// than two shards it is the bound: all groups of a node may then hold this much for each shard.
pub const GROUP_MEMBERS_SHARE_BYTES_MIN: usize = 16 << 20;

/// Ids of one group that were given to clients who have not joined with them yet.
pub const GROUP_PENDING_MEMBERS_MAX: usize = 10_000;

/// The bytes of any one name that groups deal in: names, ids and strategies. It is what a string of a record can hold, less
/// what is added to make an id unique.
pub const GROUP_NAME_BYTES_MAX: usize = i16::MAX as usize - 64;

/// Groups of one coordinator.
pub const GROUPS_MAX: usize = 100_000;

/// Offsets of one group.
pub const GROUP_OFFSETS_MAX: usize = 1_000_000;

/// Batches of one coordinator that are appended and not committed.
pub const GROUP_APPENDS_MAX: usize = 10_000;

/// Timers that a coordinator handles in one step; the others come right after.
pub const GROUP_TIMERS_PER_STEP_MAX: usize = 256;

/// Groups that are looked through for what has expired in one step.
pub const GROUPS_EXPIRED_PER_STEP_MAX: usize = 256;

/// What is shown of the reasons that clients give for what they do, in characters.
pub const NOTICE_REASON_CHARS_MAX: usize = 255;

/// Bytes of answers that a client may leave untaken before its next request begins.
pub const CONNECTION_UNSENT_BYTES_MAX: usize = 256 * 1024;

/// What a request under way is charged beside its frame: its place in queues, and what is kept of it.
pub const REQUEST_OVERHEAD_BYTES: usize = 512;

/// What an answer that has not left is charged beside its bytes.
pub const ANSWER_OVERHEAD_BYTES: usize = 256;

/// The bytes of an answer that are handed to the runtime as one send. What a slow client has taken of a large answer is seen,
/// and given back, in steps of this: who takes one in [`CONNECTION_STALLED_MS`] is never cut for it. A runtime may
/// write each by itself, so that they are not tiny.
pub const SEND_BYTES_MAX: usize = 64 * 1024;

/// What a Fetch may return at least while there is room for answers at all.
pub const FETCH_GRANT_BYTES_MIN: usize = 64 * 1024;

/// How long a client may take none of the sends that its answers consist of, or be behind with what it sends, where others
/// wait for the room that it holds or its connection is to close; then the connection is cut.
pub const CONNECTION_STALLED_MS: i64 = 1_000;

/// How long a connection whose client has ended its side is kept while none of its requests is answered. What they do is done
/// all the same.
pub const CONNECTION_HUNG_UP_MS: i64 = 2_000;

/// How often such clients are looked for, where they may be in the way.
pub const CONNECTION_WATCH_MS: i64 = CONNECTION_STALLED_MS / 4;

/// The largest frame of any request but Produce, whatever `socket.request.max.bytes` says: none of them has a use for more.
pub const FRAME_OTHER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The elements of all arrays of one request together: what a node of some ten thousand partitions has use for. It bounds
/// what answering costs, in memory and in time.
pub const REQUEST_ELEMENTS_MAX: usize = 50_000;

/// What is told of configurations in one answer, in bytes; what is asked for beyond is refused.
pub const ANSWER_CONFIGS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most bytes of records in one Fetch response, whatever the client and `fetch.max.bytes` say.
pub const FETCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What all fetch sessions may hold in memory, in bytes. Whom there is no room for fetches without a session.
pub const FETCH_SESSIONS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a fetch session is charged for a partition beside its topic's name: its places in two maps.
pub const FETCH_SESSION_PARTITION_BYTES: usize = 256;

/// What is read at once of a partition that is loaded as a whole.
pub const LOAD_BYTES_MAX: u32 = 1024 * 1024;

/// A compressed batch of at most this many bytes is validated in the step; a larger one by a job.
pub const VALIDATE_INLINE_BYTES_MAX: usize = 4 * 1024;

/// What the records of one batch may inflate to.
pub const INFLATED_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The partitions that one CreateTopics may ask for, as in Kafka.
pub const PARTITIONS_CREATED_MAX: i64 = 10_000;

/// The partitions of one topic at most.
pub const PARTITIONS_PER_TOPIC_MAX: i32 = 100_000;

/// What the frames of all connections may hold at once, but for one frame in the node that is larger than its shard's share,
/// and what has come of small ones before anybody could say no.
pub const FRAME_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The least of that which each shard has, so that several frames of the usual size fit however many shards there are. With
/// more than eight shards it is the bound: all frames of a node may then hold this much for each shard.
pub const FRAME_SHARE_BYTES_MIN: usize = 4 << 20;

/// What answers may hold that have not left.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most bytes of records that a commit round writes to the journal. A larger one syncs the files of its logs.
pub const LOG_JOURNAL_ROUND_BYTES_MAX: usize = 128 << 10;

/// Frames of a journal begin at multiples of this: what is being written lies in no page with what is durable.
pub const LOG_JOURNAL_FRAME_BYTES: u64 = 4096;

/// The bytes that are written at once to make room for a journal.
pub const LOG_JOURNAL_PIECE_BYTES: usize = 1 << 20;

/// A flushed-ends file is not written anew before it has this many bytes.
pub const LOG_ENDS_FILE_BYTES_MIN: u64 = 256 << 10;

/// Indexes that retention reads at once to learn how old segments are.
pub const LOG_RETENTION_LOADS_MAX: usize = 64;

/// The bytes to which a batch may inflate that is searched by time.
pub const LOG_SEARCH_INFLATED_BYTES_MAX: usize = 256 << 20;

/// Removals of files that a shard has under way at once.
pub const LOG_REMOVALS_UNDER_WAY_MAX: usize = 32;

/// The logs of a shard that are recovered at once; each has one read under way.
pub const LOG_RECOVERIES_MAX: usize = 64;

/// The refused connections that the operator is told of one by one, in each window of time.
pub const REFUSALS_TOLD_MAX: u32 = 10;

/// The length of that window.
pub const REFUSALS_WINDOW_MS: i64 = 60_000;

/// The snapshots of the metadata that are kept. With two of them, one may turn out to be damaged.
pub const SNAPSHOTS_KEPT: usize = 2;

/// The records of a snapshot that are encoded and written in one step.
pub const SNAPSHOT_RECORDS_PER_WRITE: usize = 1000;

/// A batch of a snapshot is closed before it grows beyond this.
pub const SNAPSHOT_BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The largest batch of a snapshot that is read; other brokers make them of 8 MiB.
pub const SNAPSHOT_READ_BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The records that one request may make the controller append: they are one batch. Kafka has 10,000; a request for as many
/// partitions has the records of their topics beside them.
pub const DECISION_RECORDS_MAX: usize = 30_000;
