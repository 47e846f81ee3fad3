//! The order of the core's modules: lower ones never import upper ones.

use super::Source;

/// From the lowest to the highest. Modules on one line do not import each other.
const LAYERS: &[&[&str]] = &[
    &["ids"],
    &["time", "limits", "rng"],
    &["timer", "budget"],
    &["config"],
    &["log"],
    &["validation"],
    &["effect"],
    &["event"],
    &["metadata"],
    &["replica"],
    &["coordinator"],
    &["quorum", "group", "controller", "fetch", "node"],
    &["api"],
    &["shard"],
];

/// What may reach beyond its layer, with the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("log", "effect", "the log asks for file operations"),
    ("log", "event", "the log takes their results"),
    ("effect", "event", "an effect's documentation names its completion"),
    ("event", "effect", "an event carries what an effect asked for"),
    ("controller", "quorum", "the controller's records stand in the quorum's batches"),
    ("node", "controller", "the configuration has the controller's part"),
    ("node", "group", "the configuration has the groups' part"),
];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let layer = |module: &str| LAYERS.iter().position(|modules| modules.contains(&module));
    let mut breaches = Vec::new();
    for source in sources {
        let Some(inner) = source.path.strip_prefix("core/src/").filter(|path| path.ends_with(".rs")) else { continue };
        let module = inner.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(own) = layer(module) else {
            breaches.push(format!("{}: the module {module} has no place in the order of layers", source.path));
            continue;
        };
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            for rest in line.split("crate::").skip(1) {
                let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
                let other = &rest[..end];
                let allowed = EXCEPTIONS.iter().any(|(from, to, _)| *from == module && *to == other);
                if other == module || allowed {
                    continue;
                }
                if let Some(theirs) = layer(other).filter(|theirs| *theirs >= own) {
                    let _ = theirs;
                    breaches.push(format!(
                        "{}:{}: {module} imports {other}, which is not below it",
                        source.path,
                        number + 1
                    ));
                }
            }
        }
    }
    breaches
}
