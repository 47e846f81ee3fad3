//! Record batches for the cases: built from a description, and described back as trees.

use serde_json::{Map, Value, json};

use super::codec::{bytes_of, hex_value};

/// Bytes of a batch's header, up to its records.
const HEADER_BYTES: usize = 61;
/// Bytes before the part that a batch's length counts.
const LENGTH_START: usize = 12;
/// Where the part that the checksum covers starts.
const CHECKED_START: usize = 21;
/// A record's time when a case does not say: fixed, so that answers can be compared. 2024-01-01T00:00:00Z.
const TIMESTAMP: i64 = 1_704_067_200_000;

/// One batch. `options` may set `baseOffset`, `leaderEpoch`, `magic`, `attributes`, `timestamp`, `producerId`,
/// `producerEpoch`, `baseSequence`, `lastOffsetDelta`, `count` (the header's number of records), `crc`, `length`;
/// each of `values` is one record: text is its value, an object may have `key`, `value`, `headers`, `time` (its
/// distance from the batch's time, in ms) and `delta` (its offset's distance).
pub(super) fn batch(options: &Map<String, Value>, values: &[Value]) -> Result<Vec<u8>, String> {
    let number = |name: &str, otherwise: i64| options.get(name).and_then(Value::as_i64).unwrap_or(otherwise);
    let timestamp = number("timestamp", TIMESTAMP);
    let mut records = Vec::new();
    let mut time_max = 0;
    for (index, value) in values.iter().enumerate() {
        let plain = Map::new();
        let details = match value {
            Value::Object(map) if !map.contains_key(super::codec::HEX) => map,
            _ => &plain,
        };
        let time = details.get("time").and_then(Value::as_i64).unwrap_or(0);
        time_max = time_max.max(time);
        let mut record = vec![0];
        put_varlong(time, &mut record);
        put_varlong(details.get("delta").and_then(Value::as_i64).unwrap_or(index as i64), &mut record);
        put_bytes(details.get("key").unwrap_or(&Value::Null), &mut record)?;
        put_bytes(
            if std::ptr::eq(details, &plain) { value } else { details.get("value").unwrap_or(&Value::Null) },
            &mut record,
        )?;
        let no_headers = Map::new();
        let headers = details.get("headers").and_then(Value::as_object).unwrap_or(&no_headers);
        put_varlong(headers.len() as i64, &mut record);
        for (name, content) in headers {
            put_bytes(&Value::from(name.as_str()), &mut record)?;
            put_bytes(content, &mut record)?;
        }
        put_varlong(record.len() as i64, &mut records);
        records.extend_from_slice(&record);
    }
    let last = values.len() as i64 - 1;
    let mut out = Vec::with_capacity(HEADER_BYTES + records.len());
    out.extend_from_slice(&number("baseOffset", 0).to_be_bytes());
    let length = (HEADER_BYTES - LENGTH_START + records.len()) as i64;
    out.extend_from_slice(&(number("length", length) as i32).to_be_bytes());
    out.extend_from_slice(&(number("leaderEpoch", -1) as i32).to_be_bytes());
    out.push(number("magic", 2) as u8);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(number("attributes", 0) as i16).to_be_bytes());
    out.extend_from_slice(&(number("lastOffsetDelta", last) as i32).to_be_bytes());
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(&number("maxTimestamp", timestamp + time_max).to_be_bytes());
    out.extend_from_slice(&number("producerId", -1).to_be_bytes());
    out.extend_from_slice(&(number("producerEpoch", -1) as i16).to_be_bytes());
    out.extend_from_slice(&(number("baseSequence", -1) as i32).to_be_bytes());
    out.extend_from_slice(&(number("count", values.len() as i64) as i32).to_be_bytes());
    out.extend_from_slice(&records);
    let crc = number("crc", i64::from(crc32c(&out[CHECKED_START..]))) as u32;
    out[CHECKED_START - 4..CHECKED_START].copy_from_slice(&crc.to_be_bytes());
    Ok(out)
}

/// What lies in a `records` field: batches as objects with their records, and bytes that are no whole batch.
pub(super) fn describe(mut bytes: &[u8]) -> Value {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        match describe_batch(bytes) {
            Some((batch, size)) => {
                batches.push(batch);
                bytes = &bytes[size..];
            }
            None => {
                batches.push(json!({ "partial": bytes.len() }));
                break;
            }
        }
    }
    Value::Array(batches)
}

fn describe_batch(bytes: &[u8]) -> Option<(Value, usize)> {
    let at = |start: usize, count: usize| {
        let mut value = if bytes.get(start)? & 0x80 == 0 { 0 } else { -1_i64 };
        for byte in bytes.get(start..start + count)? {
            value = value << 8 | i64::from(*byte);
        }
        Some(value)
    };
    let size = LENGTH_START + usize::try_from(at(8, 4)?).ok()?;
    if size < HEADER_BYTES || size > bytes.len() || bytes[16] != 2 {
        return None;
    }
    let whole = &bytes[..size];
    let attributes = at(21, 2)?;
    let mut batch = json!({
        "baseOffset": at(0, 8)?, "leaderEpoch": at(12, 4)?, "attributes": attributes, "lastOffsetDelta": at(23, 4)?,
        "baseTimestamp": at(27, 8)?, "maxTimestamp": at(35, 8)?, "producerId": at(43, 8)?, "producerEpoch": at(51, 2)?,
        "baseSequence": at(53, 4)?, "count": at(57, 4)?,
    });
    let map = batch.as_object_mut()?;
    if crc32c(&whole[CHECKED_START..]) as i32 != at(17, 4)? as i32 {
        map.insert("crc".to_owned(), Value::from("wrong"));
    }
    let content = &whole[HEADER_BYTES..];
    // Compressed records are compared as the bytes they are: a broker hands on what the producer sent.
    let records = if attributes & 7 == 0 { describe_records(content) } else { None };
    map.insert("records".to_owned(), records.unwrap_or_else(|| hex_value(content)));
    Some((batch, size))
}

fn describe_records(mut content: &[u8]) -> Option<Value> {
    let mut records = Vec::new();
    while !content.is_empty() {
        let size = usize::try_from(take_varlong(&mut content)?).ok()?;
        let mut record = content.get(..size)?;
        content = &content[size..];
        record = record.get(1..)?;
        let time = take_varlong(&mut record)?;
        let delta = take_varlong(&mut record)?;
        let key = take_bytes(&mut record)?;
        let value = take_bytes(&mut record)?;
        let mut described = json!({ "delta": delta, "time": time, "key": key, "value": value });
        let mut headers = Vec::new();
        for _ in 0..take_varlong(&mut record)? {
            headers.push(json!([take_bytes(&mut record)?, take_bytes(&mut record)?]));
        }
        if !headers.is_empty() {
            described["headers"] = Value::Array(headers);
        }
        records.push(described);
    }
    Some(Value::Array(records))
}

fn put_varlong(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn take_varlong(input: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

fn put_bytes(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    if value.is_null() {
        put_varlong(-1, out);
        return Ok(());
    }
    let content = bytes_of(value)?;
    put_varlong(content.len() as i64, out);
    out.extend_from_slice(&content);
    Ok(())
}

fn take_bytes(input: &mut &[u8]) -> Option<Value> {
    let size = take_varlong(input)?;
    if size == -1 {
        return Some(Value::Null);
    }
    let size = usize::try_from(size).ok()?;
    let content = input.get(..size)?;
    *input = &input[size..];
    Some(match std::str::from_utf8(content) {
        Ok(text) if !text.chars().any(char::is_control) => Value::from(text),
        _ => hex_value(content),
    })
}

/// CRC-32C bit by bit: slow, and independent of the one that Grete uses.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_described_as_it_was_built() {
        let options = json!({ "baseSequence": 7 });
        let values = [json!("a"), json!({ "key": "k", "value": null, "headers": { "h": "x" }, "time": -5 })];
        let bytes = batch(options.as_object().unwrap(), &values).unwrap();
        let described = describe(&bytes);
        assert_eq!(described[0]["baseSequence"], json!(7));
        assert_eq!(described[0]["crc"], Value::Null);
        assert_eq!(
            described[0]["records"][1],
            json!({ "delta": 1, "time": -5, "key": "k", "value": null, "headers": [["h", "x"]] })
        );
        assert_eq!(describe(&bytes[..70]), json!([{ "partial": 70 }]));
    }

    #[test]
    fn the_checksum_is_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
