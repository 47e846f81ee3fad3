//! Canonical bytes of messages, by chance, from their definitions.

use grete_definitions::{Default, Definition, Field, Type};

/// Random numbers that a seed repeats (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// How a message is filled.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    /// Anything that the definition allows.
    Any,
    /// The same, but without tags of 2^31 and up, and without tags that another version knows.
    AnyFreshTags,
    /// As little on the wire for as much in memory as somebody might mean it: arrays of structs have elements, many in
    /// the outermost ones and one in those inside, and names have three letters; what can be null or empty is.
    Sparse,
    /// As little on the wire for as much in memory as can be: many elements, everything in them null or empty.
    Hollow,
}

/// Bytes of a message in a version, as an encoder writes them.
pub(crate) fn message(definition: &Definition, version: i16, style: Style, seed: u64) -> Vec<u8> {
    let flexible = definition.is_flexible(version);
    let mut filler = Filler { definition, version, flexible, style, random: Random(seed), depth: 0, out: Vec::new() };
    filler.fields(&definition.fields);
    filler.out
}

impl Style {
    fn is_any(self) -> bool {
        matches!(self, Self::Any | Self::AnyFreshTags)
    }
}

struct Filler<'d> {
    definition: &'d Definition,
    version: i16,
    flexible: bool,
    style: Style,
    random: Random,
    depth: usize,
    out: Vec<u8>,
}

impl<'d> Filler<'d> {
    fn fields(&mut self, fields: &'d [Field]) {
        for field in fields {
            if field.versions.contains(self.version) && field.tagged.is_none() {
                self.field(field);
            }
        }
        if self.flexible {
            self.tags(fields);
        }
    }

    fn tags(&mut self, fields: &'d [Field]) {
        let mut tags: Vec<(u32, Vec<u8>)> = Vec::new();
        let known: Vec<&Field> =
            fields.iter().filter(|field| field.tagged.is_some_and(|(_, range)| range.contains(self.version))).collect();
        for field in &known {
            let value = self.apart(|filler| filler.field(field));
            let default = self.apart(|filler| filler.default(field));
            if self.style.is_any() && self.random.percent(60) && value != default {
                tags.push((field.tagged.unwrap().0, value));
            }
        }
        if self.style.is_any() && self.random.percent(25) {
            let count = if self.random.percent(3) { 130 } else { 1 + self.random.below(4) };
            for _ in 0..count {
                let tag = match self.random.below(4) {
                    0 if self.style == Style::AnyFreshTags => self.random.next() as u32 >> 1,
                    0 => self.random.next() as u32,
                    1 => self.random.below(300) as u32,
                    _ => self.random.below(10) as u32,
                };
                let knows = |field: &Field| field.tagged.is_some_and(|known| known.0 == tag);
                let taken = tags.iter().any(|known| known.0 == tag) || known.iter().any(|field| knows(field));
                let stale = self.style == Style::AnyFreshTags && fields.iter().any(knows);
                if !taken && !stale {
                    let length = self.length();
                    tags.push((tag, (0..length).map(|_| self.random.next() as u8).collect()));
                }
            }
        }
        tags.sort();
        self.uvarint(tags.len());
        for (tag, value) in tags {
            self.uvarint(tag as usize);
            self.uvarint(value.len());
            self.out.extend(value);
        }
    }

    /// What `write` would add, without adding it.
    fn apart(&mut self, write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let before = std::mem::take(&mut self.out);
        write(self);
        std::mem::replace(&mut self.out, before)
    }

    fn is_nullable(&self, field: &Field) -> bool {
        field.nullable.is_some_and(|range| range.contains(self.version))
    }

    fn field(&mut self, field: &'d Field) {
        let nullable = self.is_nullable(field);
        if nullable && (!self.style.is_any() || self.random.percent(30)) {
            return self.null(field);
        }
        if nullable && matches!(field.ty, Type::Struct(_)) {
            self.out.push(1);
        }
        self.value(&field.ty, field.inflexible);
    }

    fn value(&mut self, ty: &Type, inflexible: bool) {
        match ty {
            Type::Bool => self.out.push(self.random.below(2) as u8),
            Type::Int8 => self.number(1),
            Type::Int16 | Type::Uint16 => self.number(2),
            Type::Int32 | Type::Uint32 => self.number(4),
            Type::Int64 | Type::Float64 => self.number(8),
            Type::Uuid => self.number(16),
            Type::String => {
                let text = self.text();
                self.short_length(text.len(), inflexible);
                self.out.extend(text.bytes());
            }
            Type::Bytes | Type::Records => {
                let length = self.length();
                self.long_length(length);
                self.number(length);
            }
            Type::Array(element) => {
                let length = self.count(element);
                self.long_length(length);
                self.depth += 1;
                for _ in 0..length {
                    self.value(element, false);
                }
                self.depth -= 1;
            }
            Type::Struct(name) => self.fields(&self.definition.structure(name).unwrap().fields),
        }
    }

    fn count(&mut self, element: &Type) -> usize {
        match (self.style, self.depth, element) {
            (Style::Any | Style::AnyFreshTags, 0, _) if self.random.percent(2) => 130,
            (Style::Any | Style::AnyFreshTags, _, _) => self.random.below(4),
            (Style::Sparse, 0, _) => 100,
            (Style::Sparse, _, Type::Struct(_)) => 1,
            (Style::Sparse, _, _) => 0,
            (Style::Hollow, 0, _) => 300,
            (Style::Hollow, _, _) => 0,
        }
    }

    /// Random bytes, or small numbers: defaults and signs should occur.
    fn number(&mut self, size: usize) {
        let small = self.random.percent(30);
        let fill = if self.random.percent(50) { 0 } else { 0xff };
        for index in 0..size {
            let byte = if small && index + 1 < size { fill } else { self.random.next() as u8 };
            self.out.push(byte);
        }
    }

    fn length(&mut self) -> usize {
        match self.random.below(20) {
            _ if !self.style.is_any() => 0,
            0 => 120 + self.random.below(16),
            1..=4 => 0,
            _ => 1 + self.random.below(12),
        }
    }

    fn text(&mut self) -> String {
        match self.style {
            Style::Any | Style::AnyFreshTags => {
                let length = self.length();
                (0..length).map(|_| ['a', 'Z', '-', 'é', '香', '🦀'][self.random.below(6)]).collect()
            }
            Style::Sparse => "abc".to_owned(),
            Style::Hollow => String::new(),
        }
    }

    fn null(&mut self, field: &Field) {
        match &field.ty {
            // Kafka writes null as 0 where a struct is tagged, and as -1 elsewhere.
            Type::Struct(_) => self.out.push(if field.tagged.is_some() { 0 } else { 0xff }),
            _ if self.flexible && !field.inflexible => self.out.push(0),
            Type::String => self.out.extend([0xff; 2]),
            _ => self.out.extend([0xff; 4]),
        }
    }

    fn default(&mut self, field: &'d Field) {
        match field.default {
            Default::Null => self.null(field),
            Default::True => self.out.push(1),
            Default::Int(number) => {
                let size = match field.ty {
                    Type::Int8 => 1,
                    Type::Int16 | Type::Uint16 => 2,
                    Type::Int32 | Type::Uint32 => 4,
                    _ => 8,
                };
                self.out.extend(&number.to_be_bytes()[8 - size..]);
            }
            Default::Zero => {
                if self.is_nullable(field) && matches!(field.ty, Type::Struct(_)) {
                    self.out.push(1);
                }
                self.zero(&field.ty, field.inflexible);
            }
        }
    }

    fn zero(&mut self, ty: &Type, inflexible: bool) {
        match ty {
            Type::Bool | Type::Int8 => self.out.push(0),
            Type::Int16 | Type::Uint16 => self.out.extend([0; 2]),
            Type::Int32 | Type::Uint32 => self.out.extend([0; 4]),
            Type::Int64 | Type::Float64 => self.out.extend([0; 8]),
            Type::Uuid => self.out.extend([0; 16]),
            Type::String => self.short_length(0, inflexible),
            Type::Bytes | Type::Records | Type::Array(_) => self.long_length(0),
            Type::Struct(name) => {
                let fields = &self.definition.structure(name).unwrap().fields;
                for field in fields {
                    if field.versions.contains(self.version) && field.tagged.is_none() {
                        self.default(field);
                    }
                }
                if self.flexible {
                    self.out.push(0);
                }
            }
        }
    }

    fn short_length(&mut self, length: usize, inflexible: bool) {
        if self.flexible && !inflexible {
            self.uvarint(length + 1);
        } else {
            self.out.extend((length as i16).to_be_bytes());
        }
    }

    fn long_length(&mut self, length: usize) {
        if self.flexible {
            self.uvarint(length + 1);
        } else {
            self.out.extend((length as i32).to_be_bytes());
        }
    }

    fn uvarint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}
