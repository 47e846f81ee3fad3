//! The fewest bytes that values take: what counts of elements are checked against.

use crate::{Definition, Field, Type};

/// The fewest bytes that an element of type `ty` takes in `version`; `None` if a struct of that name is missing.
pub fn element_size_min(definition: &Definition, ty: &Type, version: i16) -> Option<usize> {
    let flexible = definition.is_flexible(version);
    Some(match ty {
        Type::Bool | Type::Int8 => 1,
        Type::Int16 | Type::Uint16 => 2,
        Type::Int32 | Type::Uint32 => 4,
        Type::Int64 | Type::Float64 => 8,
        Type::Uuid => 16,
        Type::String => {
            if flexible {
                1
            } else {
                2
            }
        }
        Type::Bytes | Type::Records | Type::Array(_) => {
            if flexible {
                1
            } else {
                4
            }
        }
        Type::Struct(name) => {
            let mut size = usize::from(flexible);
            for field in &definition.structure(name)?.fields {
                size += field_size_min(definition, field, version)?;
            }
            size
        }
    })
}

fn field_size_min(definition: &Definition, field: &Field, version: i16) -> Option<usize> {
    let tagged = field.tagged.is_some_and(|(_, versions)| versions.contains(version));
    if tagged || !field.versions.contains(version) {
        return Some(0);
    }
    if field.inflexible {
        return Some(2);
    }
    let nullable = field.nullable.is_some_and(|versions| versions.contains(version));
    if nullable && matches!(field.ty, Type::Struct(_)) {
        // The byte that says null.
        return Some(1);
    }
    element_size_min(definition, &field.ty, version)
}
