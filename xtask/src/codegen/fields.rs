//! One field: its type, its default, and how it is read and written.

use anyhow::{Result, bail};
use grete_definitions::{Default, Definition, Entity, Field, Range, Type};

use super::names;

/// A condition on `version` that holds in `range`, given that it lies in `within`; none if it always holds.
pub(crate) fn condition(range: Range, within: Range) -> Option<String> {
    match (range.min <= within.min, range.max >= within.max) {
        (true, true) => None,
        (false, true) if range.min == within.max => Some(format!("version == {}", range.min)),
        (false, true) => Some(format!("version >= {}", range.min)),
        (true, false) if range.max == within.min => Some(format!("version == {}", range.max)),
        (true, false) => Some(format!("version <= {}", range.max)),
        (false, false) if range.min == range.max => Some(format!("version == {}", range.min)),
        (false, false) => Some(format!("({}..={}).contains(&version)", range.min, range.max)),
    }
}

/// The opposite of [`condition`]; none if it never holds.
fn condition_not(range: Range, within: Range) -> Option<String> {
    match (range.min <= within.min, range.max >= within.max) {
        (true, true) => None,
        (false, true) => Some(format!("version < {}", range.min)),
        (true, false) => Some(format!("version > {}", range.max)),
        (false, false) => Some(format!("!({}..={}).contains(&version)", range.min, range.max)),
    }
}

/// Whether a value of type `ty` borrows from the frame.
pub(crate) fn borrows(definition: &Definition, ty: &Type) -> bool {
    match ty {
        Type::String | Type::Bytes | Type::Records => true,
        Type::Array(element) => borrows(definition, element),
        Type::Struct(name) => definition
            .structure(name)
            .is_some_and(|structure| structure.fields.iter().any(|field| borrows(definition, &field.ty))),
        _ => false,
    }
}

/// A field, as seen from the struct it stands in.
pub(crate) struct FieldCode<'d> {
    pub(crate) definition: &'d Definition,
    pub(crate) field: &'d Field,
    /// Its name in Rust.
    pub(crate) name: String,
    /// Its name in errors.
    quoted: String,
}

impl<'d> FieldCode<'d> {
    pub(crate) fn new(definition: &'d Definition, field: &'d Field) -> Result<Self> {
        if field.tagged.is_some_and(|(_, tagged)| tagged != field.versions) {
            bail!("{} is tagged in some of its versions only", field.name);
        }
        let quoted = format!("{:?}", names::snake(&field.name));
        Ok(Self { definition, field, name: names::field(&field.name), quoted })
    }

    /// The type in Rust.
    pub(crate) fn rust_type(&self) -> String {
        let inner = self.value_type(&self.field.ty);
        if self.field.nullable.is_some() { format!("Option<{inner}>") } else { inner }
    }

    fn value_type(&self, ty: &Type) -> String {
        match (ty, self.field.entity) {
            (Type::Array(element), _) => format!("Vec<{}>", self.value_type(element)),
            (Type::Struct(name), _) if borrows(self.definition, ty) => format!("{name}<'a>"),
            (Type::Struct(name), _) => name.clone(),
            (Type::String, Some(Entity::TopicName)) => "TopicName<'a>".to_owned(),
            (Type::String, Some(Entity::GroupId)) => "GroupId<'a>".to_owned(),
            (Type::String, Some(Entity::TransactionalId)) => "TransactionalId<'a>".to_owned(),
            (Type::Int32, Some(Entity::BrokerId)) => "BrokerId".to_owned(),
            (Type::Int64, Some(Entity::ProducerId)) => "ProducerId".to_owned(),
            (Type::String, _) => "Cow<'a, str>".to_owned(),
            (Type::Bytes, _) => "Cow<'a, [u8]>".to_owned(),
            (Type::Records, _) => "Records<'a>".to_owned(),
            (Type::Bool, _) => "bool".to_owned(),
            (Type::Int8, _) => "i8".to_owned(),
            (Type::Int16, _) => "i16".to_owned(),
            (Type::Uint16, _) => "u16".to_owned(),
            (Type::Int32, _) => "i32".to_owned(),
            (Type::Uint32, _) => "u32".to_owned(),
            (Type::Int64, _) => "i64".to_owned(),
            (Type::Float64, _) => "f64".to_owned(),
            (Type::Uuid, _) => "Uuid".to_owned(),
        }
    }

    /// The constructor of the newtype around the value, if it has one.
    fn newtype(&self) -> Option<&'static str> {
        Some(match (&self.field.ty, self.field.entity?) {
            (Type::String, Entity::TopicName) => "TopicName",
            (Type::String, Entity::GroupId) => "GroupId",
            (Type::String, Entity::TransactionalId) => "TransactionalId",
            (Type::Int32, Entity::BrokerId) => "BrokerId",
            (Type::Int64, Entity::ProducerId) => "ProducerId",
            _ => return None,
        })
    }

    /// Whether the default is what `derive(Default)` gives.
    pub(crate) fn default_is_derived(&self) -> bool {
        match self.field.default {
            Default::Zero => self.field.nullable.is_none(),
            Default::Null => true,
            Default::True | Default::Int(_) => false,
        }
    }

    /// The default as an expression.
    pub(crate) fn default(&self) -> String {
        let value = match (&self.field.default, &self.field.ty) {
            (Default::Null, _) => return "None".to_owned(),
            (Default::True, _) => "true".to_owned(),
            (Default::Zero, Type::Bool) => "false".to_owned(),
            (Default::Zero, Type::Uuid) => "Uuid::ZERO".to_owned(),
            (Default::Zero, Type::Float64) => "0.0".to_owned(),
            (Default::Zero, Type::String) => "\"\".into()".to_owned(),
            (Default::Zero, Type::Bytes) => "Cow::Borrowed(&[])".to_owned(),
            (Default::Zero, Type::Records) => "Records::default()".to_owned(),
            (Default::Zero, Type::Struct(name)) => format!("{name}::default()"),
            (Default::Zero, Type::Array(_)) => "Vec::new()".to_owned(),
            (number, _) => {
                let number = if let Default::Int(number) = number { *number } else { 0 };
                let text = if number == i64::MAX { "i64::MAX".to_owned() } else { number.to_string() };
                self.newtype().map_or(text.clone(), |newtype| format!("{newtype}({text})"))
            }
        };
        if self.field.nullable.is_some() { format!("Some({value})") } else { value }
    }

    /// A condition that holds if the value is not the default.
    fn differs(&self) -> String {
        let place = format!("self.{}", self.name);
        match (&self.field.default, &self.field.ty, self.field.nullable.is_some()) {
            (Default::Null, _, _) => format!("{place}.is_some()"),
            (Default::True, _, _) => format!("!{place}"),
            (_, Type::Bool, _) => place,
            (_, Type::String | Type::Bytes | Type::Records | Type::Array(_), false) => format!("!{place}.is_empty()"),
            (_, Type::String | Type::Bytes | Type::Records | Type::Array(_), true) => {
                format!("{place}.as_ref().is_none_or(|value| !value.is_empty())")
            }
            _ => format!("{place} != {}", self.default()),
        }
    }

    /// How the value is read, wherever the wire has it.
    fn read(&self) -> String {
        let quoted = &self.quoted;
        match self.field.nullable {
            None => self.read_as(false),
            Some(nullable) => match condition(nullable, self.field.versions) {
                None => self.read_as(true),
                Some(condition) => {
                    format!("if {condition} {{ {} }} else {{ Some({}) }}", self.read_as(true), self.read_as(false))
                }
            },
        }
        .replace("NAME", quoted)
    }

    fn read_as(&self, nullable: bool) -> String {
        let prefix = if nullable { "nullable_" } else { "" };
        let value = match &self.field.ty {
            Type::Bool => "d.bool(NAME)?".to_owned(),
            Type::Int8 => "d.i8(NAME)?".to_owned(),
            Type::Int16 => "d.i16(NAME)?".to_owned(),
            Type::Uint16 => "d.u16(NAME)?".to_owned(),
            Type::Int32 => "d.i32(NAME)?".to_owned(),
            Type::Uint32 => "d.u32(NAME)?".to_owned(),
            Type::Int64 => "d.i64(NAME)?".to_owned(),
            Type::Float64 => "d.f64(NAME)?".to_owned(),
            Type::Uuid => "d.uuid(NAME)?".to_owned(),
            Type::String if self.field.inflexible => "d.nullable_string_inflexible(NAME)?".to_owned(),
            Type::String => format!("d.{prefix}string(NAME)?"),
            Type::Bytes => format!("d.{prefix}bytes(NAME)?"),
            Type::Records => format!("d.{prefix}records(NAME)?"),
            Type::Array(_) => format!("d.{prefix}array(NAME, version)?"),
            Type::Struct(_) if nullable && self.field.tagged.is_some() => {
                "d.nullable_nested_tagged(NAME, version)?".to_owned()
            }
            Type::Struct(_) => format!("d.{prefix}nested(NAME, version)?"),
        };
        match self.newtype() {
            Some(newtype) if nullable => format!("{value}.map({newtype})"),
            Some(newtype) => format!("{newtype}({value})"),
            None => value,
        }
    }

    /// The initialiser of the field in its struct.
    pub(crate) fn initialiser(&self) -> String {
        let value = if self.field.tagged.is_some() {
            self.default()
        } else {
            match condition(self.field.versions, self.definition.valid) {
                None => self.read(),
                Some(condition) => format!("if {condition} {{ {} }} else {{ {} }}", self.read(), self.default()),
            }
        };
        format!("{}: {value},", self.name)
    }

    /// The arm that reads a tagged field.
    pub(crate) fn tag_arm(&self) -> Option<String> {
        let (tag, versions) = self.field.tagged?;
        let guard = condition(versions, self.tagged_within()).map_or(String::new(), |guard| format!(" if {guard}"));
        Some(format!("{tag}{guard} => this.{} = {},", self.name, self.read()))
    }

    /// The versions in which there are tagged fields at all.
    fn tagged_within(&self) -> Range {
        let valid = self.definition.valid;
        Range { min: self.definition.flexible_from.unwrap_or(valid.min).max(valid.min), max: valid.max }
    }

    /// The statement that writes a field that is not tagged, or refuses to.
    pub(crate) fn write_statement(&self) -> String {
        let (versions, valid) = (self.field.versions, self.definition.valid);
        let refuse = format!("{{ e.unsupported({}); }}", self.quoted);
        if self.field.tagged.is_some() {
            return match condition_not(versions, valid) {
                Some(absent) if !self.field.ignorable => format!("if {absent} && {} {refuse}", self.differs()),
                _ => String::new(),
            };
        }
        let write = self.write("e");
        match condition(versions, valid) {
            None => write,
            Some(condition) if self.field.ignorable => format!("if {condition} {{ {write} }}"),
            Some(condition) => format!("if {condition} {{ {write} }} else if {} {refuse}", self.differs()),
        }
    }

    /// The statement that writes a tagged field.
    pub(crate) fn tag_statement(&self) -> Option<String> {
        let (tag, versions) = self.field.tagged?;
        let present = condition(versions, self.definition.valid).map_or(String::new(), |text| format!("{text} && "));
        Some(format!("if {present}{} {{ {} }}", self.differs(), self.write(&format!("tags.field({tag})"))))
    }

    fn write(&self, encoder: &str) -> String {
        match self.field.nullable {
            None => self.write_as(encoder, ""),
            Some(nullable) => match condition(nullable, self.field.versions) {
                None => self.write_as(encoder, "nullable_"),
                Some(condition) => format!(
                    "if {condition} {{ {} }} else {{ {} }}",
                    self.write_as(encoder, "nullable_"),
                    self.write_as(encoder, "required_")
                ),
            },
        }
    }

    fn write_as(&self, encoder: &str, prefix: &str) -> String {
        let (place, name) = (format!("self.{}", self.name), &self.quoted);
        let nullable = !prefix.is_empty();
        let number = if self.newtype().is_some() { ".0" } else { "" };
        match &self.field.ty {
            Type::Bool => format!("{encoder}.bool({place});"),
            Type::Int8 => format!("{encoder}.i8({place});"),
            Type::Int16 => format!("{encoder}.i16({place});"),
            Type::Uint16 => format!("{encoder}.u16({place});"),
            Type::Int32 => format!("{encoder}.i32({place}{number});"),
            Type::Uint32 => format!("{encoder}.u32({place});"),
            Type::Int64 => format!("{encoder}.i64({place}{number});"),
            Type::Float64 => format!("{encoder}.f64({place});"),
            Type::Uuid => format!("{encoder}.uuid({place});"),
            Type::String if self.field.inflexible => {
                format!("{encoder}.nullable_string_inflexible({name}, {place}.as_deref());")
            }
            Type::String if nullable => format!("{encoder}.{prefix}string({name}, {place}.as_deref());"),
            Type::String => format!("{encoder}.string({name}, &{place});"),
            Type::Bytes if nullable => format!("{encoder}.{prefix}bytes({name}, {place}.as_deref());"),
            Type::Bytes => format!("{encoder}.bytes({name}, &{place});"),
            Type::Records if nullable => format!("{encoder}.{prefix}records({name}, {place}.as_ref());"),
            Type::Records => format!("{encoder}.records({name}, &{place});"),
            Type::Array(_) if nullable => format!("{encoder}.{prefix}array({name}, {place}.as_deref(), version);"),
            Type::Array(_) => format!("{encoder}.array({name}, &{place}, version);"),
            Type::Struct(_) => match prefix {
                "" => format!("{place}.write({encoder}, version);"),
                "required_" => format!("{encoder}.required_nested({name}, {place}.as_ref(), version);"),
                _ if self.field.tagged.is_some() => {
                    format!("{encoder}.nullable_nested_tagged({place}.as_ref(), version);")
                }
                _ => format!("{encoder}.nullable_nested({place}.as_ref(), version);"),
            },
        }
    }
}
