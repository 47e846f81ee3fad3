"""Cases that all clients have, by an adapter to the client.

An adapter is made with the broker's address and has:
  create(topic, partitions)
  produce(topic, records, codec, acks, idempotent): records are (key, value, partition, timestamp or None); gives the
      offsets, or None where acks is 0
  read(topic, partition, first, count): (offset, key, value) triples
  member(group, topic, instance, cooperative): what harness.Member runs
  offset_at(topic, partition, timestamp)
  committed(group, topic, partition)
"""

import time

from harness import PATIENCE, Member, case, wait_until

# How members of groups are set up, by the names that kafka-python and its descendants have for it.
MEMBER = {
    "auto_offset_reset": "earliest",
    "auto_commit_interval_ms": 500,
    "heartbeat_interval_ms": 300,
    "session_timeout_ms": 10_000,
}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 6


def triples(batches):
    """(partition, offset, value) of what such a client has polled: lists of records by topic and partition."""
    return [(at.partition, record.offset, record.value) for at, records in batches.items() for record in records]


def read_with(poll, count):
    """So many (offset, key, value) triples. `poll` is given how many more are wanted."""
    read, end = [], time.monotonic() + PATIENCE
    while len(read) < count and time.monotonic() < end:
        for records in poll(count - len(read)).values():
            read.extend((record.offset, record.key, record.value) for record in records)
    return read


def register(adapter, prefix, cooperative):
    """Makes the cases of a client. Topics and groups are named with the prefix."""
    for codec in CODECS:
        case(f"codec-{codec}")(lambda address, codec=codec: codecs(adapter(address), prefix, codec))
    case("idempotent")(lambda address: idempotent(adapter(address), prefix))
    case("groups")(lambda address: groups(adapter(address), f"{prefix}.groups", False))
    if cooperative:
        case("cooperative")(lambda address: groups(adapter(address), f"{prefix}.cooperative", True))
    case("static")(lambda address: static(adapter(address), prefix))
    case("seek-by-time")(lambda address: by_time(adapter(address), prefix))
    case("commit-and-resume")(lambda address: resume(adapter(address), prefix))


def values(count, start=0):
    """Records that compress and those that do not, some without a key or value."""
    records = []
    for number in range(start, start + count):
        key = None if number % 7 == 3 else b"key-%d" % number
        value = b"%d-" % number + b"x" * (number % 300) + bytes((number * step) % 256 for step in range(number % 60))
        records.append((key, value, 0, None))
    return records


def codecs(client, prefix, codec):
    """What was sent in a codec is read, whatever is acknowledged."""
    for acks in ["all", 1, 0]:
        topic = f"{prefix}.{codec}.{acks}"
        client.create(topic, 1)
        sent = values(300)
        offsets = client.produce(topic, sent, codec=codec, acks=acks)
        if acks != 0:
            assert offsets == list(range(300)), offsets
        read = client.read(topic, 0, 0, 300)
        assert read == [(at, key, value) for at, (key, value, _, _) in enumerate(sent)], f"{topic}: {len(read)}"


def idempotent(client, prefix):
    """An idempotent producer's records are there once and in order."""
    topic = f"{prefix}.idempotent"
    client.create(topic, 1)
    sent = values(2000)
    offsets = client.produce(topic, sent, acks="all", idempotent=True)
    assert offsets == list(range(2000))
    read = client.read(topic, 0, 0, 2000)
    assert [value for _, _, value in read] == [value for _, value, _, _ in sent]


def groups(client, topic, cooperative):
    """One to four members come and go: each partition is one member's, and each record is read."""
    client.create(topic, PARTITIONS)
    group = f"{topic}.group"
    members, ended, sent = [], [], 0

    def settle(what):
        everything = set(range(PARTITIONS))

        def is_shared_out():
            alive = [member for member in members if not member.error]
            assert len(alive) == len(members), "no member fails"
            owned = [partition for member in members for partition in member.assigned]
            return sorted(owned) == sorted(everything) and all(member.assigned for member in members)

        wait_until(f"{what}: {len(members)} members share {PARTITIONS} partitions", is_shared_out)

    def send_and_wait(what):
        nonlocal sent
        batch = [(None, b"%d" % number, number % PARTITIONS, None) for number in range(sent, sent + 60)]
        client.produce(topic, batch, acks="all")
        sent += 60
        wanted = set(range(sent))

        def have():
            return {int(value) for member in members + ended for _, _, value in member.records}

        wait_until(f"{what}: all of {sent} records are read", lambda: have() == wanted)

    for count in range(1, 5):
        members.append(Member(lambda: client.member(group, topic, None, cooperative)))
        settle(f"member {count} joins")
        send_and_wait(f"member {count} joins")
    while len(members) > 1:
        leaver = members.pop(0)
        leaver.stop()
        ended.append(leaver)
        settle("a member leaves")
        send_and_wait("a member leaves")
    members[0].stop()
    for member in members + ended:
        for partition in range(PARTITIONS):
            offsets = [offset for of, offset, _ in member.records if of == partition]
            # A partition may come back to a member, which goes on from what was committed: never with a gap behind it.
            assert all(after <= before + 1 or after > before for before, after in zip(offsets, offsets[1:]))
    assert sum(client.committed(group, topic, partition) for partition in range(PARTITIONS)) == sent


def static(client, prefix):
    """A static member that comes back finds its partitions, and the others notice nothing (KIP-345)."""
    topic = f"{prefix}.static"
    client.create(topic, 4)
    group = f"{topic}.group"
    members = [Member(lambda name=name: client.member(group, topic, name, False)) for name in ["first", "second"]]
    wait_until(
        "two static members share the partitions",
        lambda: sorted(p for member in members for p in member.assigned) == [0, 1, 2, 3] and all(m.assigned for m in members),
    )
    before, changes = members[0].assigned, members[1].changes
    members[0].stop()
    members[0] = Member(lambda: client.member(group, topic, "first", False))
    wait_until("the member has its partitions again", lambda: members[0].assigned == before)
    client.produce(topic, [(None, b"%d" % number, number % 4, None) for number in range(40)], acks="all")
    wait_until("all is read", lambda: len({v for member in members for _, _, v in member.records}) == 40)
    assert members[1].changes == changes, "the other member keeps what it has"
    for member in members:
        member.stop()


def by_time(client, prefix):
    """The first record at or after a moment."""
    topic = f"{prefix}.time"
    client.create(topic, 1)
    first = 1_700_000_000_000
    sent = [(None, b"%d" % number, 0, first + 1000 * number) for number in range(100)]
    client.produce(topic, sent, acks="all")
    assert client.offset_at(topic, 0, first + 42_000) == 42
    assert client.offset_at(topic, 0, first + 42_001) == 43
    assert client.offset_at(topic, 0, 0) == 0
    assert client.offset_at(topic, 0, first + 1_000_000) in (None, -1, 100), "there is none that late"
    assert client.read(topic, 0, 43, 2) == [(43, None, b"43"), (44, None, b"44")]


def resume(client, prefix):
    """A group goes on where it has committed."""
    topic = f"{prefix}.resume"
    client.create(topic, 1)
    group = f"{topic}.group"
    client.produce(topic, [(None, b"%d" % number, 0, None) for number in range(50)], acks="all")
    first = Member(lambda: client.member(group, topic, None, False))
    wait_until("the first reads all", lambda: len(first.records) == 50)
    first.stop()
    assert client.committed(group, topic, 0) == 50
    client.produce(topic, [(None, b"%d" % number, 0, None) for number in range(50, 60)], acks="all")
    second = Member(lambda: client.member(group, topic, None, False))
    wait_until("the second reads the rest", lambda: len(second.records) >= 10)
    second.stop()
    assert [int(value) for _, _, value in second.records] == list(range(50, 60))
