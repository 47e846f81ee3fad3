//! The modules of the generated crate: one for each of Kafka's folders of definitions.

use std::collections::BTreeMap;

use grete_definitions::Definition;

use super::{Sources, names};

/// Adds the `mod.rs` of each folder.
pub(crate) fn add(sources: &mut Sources, definitions: &[Definition]) {
    let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for definition in definitions {
        folders.entry(names::snake(definition.folder)).or_default().push(names::snake(&definition.name));
    }
    for (folder, mut modules) in folders {
        modules.sort();
        let mut text = format!("//! The messages that Kafka defines in its module `{folder}`.\n\n");
        for module in modules {
            text += &format!("pub mod {module};\n");
        }
        sources.insert(format!("{folder}/mod.rs").into(), text);
    }
}
