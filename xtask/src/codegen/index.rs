//! The modules of the generated crate, one for each of Kafka's folders of definitions, and the macro that lists all
//! messages.

use std::collections::BTreeMap;

use grete_definitions::Definition;

use super::{Sources, names};

/// Adds the `mod.rs` of each folder, and `for_each_message.rs`.
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
    let list: String = definitions
        .iter()
        .map(|definition| {
            let (folder, module) = (names::snake(definition.folder), names::snake(&definition.name));
            format!("            {folder}::{module}::{}\n", definition.name)
        })
        .collect();
    let text = format!(
        "//! The list of all messages.

/// Calls a macro with `folder::module::Type` of each message, for what is done with every one of them (tests, fuzzing).
#[macro_export]
macro_rules! for_each_message {{
    ($macro:ident) => {{
        $macro! {{
{list}        }}
    }};
}}
"
    );
    sources.insert("for_each_message.rs".into(), text);
}
