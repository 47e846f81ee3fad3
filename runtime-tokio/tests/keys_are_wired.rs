//! Every key that is said to work is read by something.

use grete_core::config::{Table, Treatment};
use std::path::{Path, PathBuf};

#[test]
fn every_key_that_works_is_read() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in [here.join("src"), here.join("../core/src")] {
        collect(&folder, &mut sources);
    }
    // The table itself, and what reads it whole, would hide what nothing reads.
    sources.retain(|path| !path.components().any(|part| part.as_os_str() == "keys"));
    let texts: Vec<String> = sources.iter().map(|path| std::fs::read_to_string(path).expect("a source file")).collect();
    assert!(texts.len() > 100, "{} source files", texts.len());
    let read: Vec<&str> = texts.iter().map(|text| text.split("#[cfg(test)]").next().unwrap_or_default()).collect();
    let of_topics: Vec<&str> = [Table::Topic, Table::Group]
        .into_iter()
        .flat_map(Table::keys)
        .filter(|key| key.treatment == Treatment::Works)
        .flat_map(|key| key.synonyms)
        .map(|(name, _)| *name)
        .collect();
    let idle: Vec<&str> = Table::Broker
        .keys()
        .filter(|key| key.treatment == Treatment::Works)
        .map(|key| key.name)
        .filter(|name| !of_topics.contains(name))
        .filter(|name| !read.iter().any(|text| text.contains(&format!("\"{name}\""))))
        .collect();
    assert!(idle.is_empty(), "nothing reads these keys, which are said to work: {idle:?}");
    let unread: Vec<&str> = Table::Topic
        .keys()
        .filter(|key| key.treatment == Treatment::Works)
        .map(|key| key.name)
        .filter(|name| !read.iter().any(|text| text.contains(&format!("\"{name}\""))))
        .collect();
    assert!(unread.is_empty(), "nothing reads these keys of topics, which are said to work: {unread:?}");
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}
