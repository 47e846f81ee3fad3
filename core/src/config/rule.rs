//! Which values a key takes, with Kafka's words for those that it does not.

use super::key::{Key, Kind};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Which values a key takes, beyond those of its [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// All.
    Any,
    /// Whole numbers from this one.
    Min(i64),
    /// Whole numbers from the first to the second.
    Range(i64, i64),
    /// Fractions from this one.
    From(f64),
    /// Fractions from the first to the second.
    Between(f64, f64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of these, in upper or lower case.
    OneOfAnyCase(&'static [&'static str]),
    /// A list of some of these.
    EachOf(&'static [&'static str]),
    /// A text that is not empty.
    NotEmpty,
    /// A level of gzip.
    GzipLevel,
    /// `*`, or `partition:broker` with commas.
    ThrottledReplicas,
    /// `latest`, `earliest`, or `by_duration:` with a duration.
    OffsetReset,
}

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid value {value} for configuration {key}: {reason}")]
pub struct InvalidValue {
    /// The key.
    pub key: &'static str,
    /// The value.
    pub value: String,
    /// What is wrong.
    pub reason: String,
}

impl Key {
    /// Reads a value; gives it as Kafka would print it.
    ///
    /// # Errors
    /// Where it is not one of the key's values.
    pub fn parse(&self, value: &str) -> Result<String, InvalidValue> {
        let invalid =
            |value: &str, reason: &str| InvalidValue { key: self.name, value: value.into(), reason: reason.into() };
        let trimmed = value.trim();
        match self.kind {
            Kind::Boolean => match trimmed {
                text if text.eq_ignore_ascii_case("true") => Ok("true".into()),
                text if text.eq_ignore_ascii_case("false") => Ok("false".into()),
                _ => Err(invalid(value, "Expected value to be either true or false")),
            },
            Kind::Int | Kind::Short | Kind::Long => {
                let (name, limits) = match self.kind {
                    Kind::Short => ("SHORT", i64::from(i16::MIN)..=i64::from(i16::MAX)),
                    Kind::Int => ("INT", i64::from(i32::MIN)..=i64::from(i32::MAX)),
                    _ => ("LONG", i64::MIN..=i64::MAX),
                };
                let number = trimmed.parse::<i64>().ok().filter(|number| limits.contains(number));
                let number = number.ok_or_else(|| invalid(value, &format!("Not a number of type {name}")))?;
                self.rule.check_number(number).map_err(|reason| invalid(&number.to_string(), &reason))?;
                Ok(number.to_string())
            }
            Kind::Double => {
                let number = trimmed.parse::<f64>().map_err(|_| invalid(value, "Not a number of type DOUBLE"))?;
                self.rule.check_fraction(number).map_err(|reason| invalid(&java_double(number), &reason))?;
                Ok(java_double(number))
            }
            Kind::List => {
                let parts: Vec<&str> = if trimmed.is_empty() { Vec::new() } else { split_list(trimmed) };
                for part in &parts {
                    self.rule.check_text(self.name, part).map_err(|reason| {
                        let whole = format!("[{}]", parts.join(", "));
                        invalid(if self.rule == Rule::ThrottledReplicas { &whole } else { part }, &reason)
                    })?;
                }
                Ok(parts.join(","))
            }
            Kind::Text | Kind::Class => {
                self.rule.check_text(self.name, trimmed).map_err(|reason| invalid(trimmed, &reason))?;
                Ok(trimmed.into())
            }
            Kind::Password => Ok(trimmed.into()),
        }
    }
}

impl Rule {
    fn check_number(&self, number: i64) -> Result<(), String> {
        let (min, max) = match *self {
            Self::Min(min) => (min, i64::MAX),
            Self::Range(min, max) => (min, max),
            Self::GzipLevel if number != -1 && !(1..=9).contains(&number) => {
                return Err("Value must be between 1 and 9 or equal to -1".into());
            }
            _ => return Ok(()),
        };
        match number {
            number if number < min => Err(format!("Value must be at least {min}")),
            number if number > max => Err(format!("Value must be no more than {max}")),
            _ => Ok(()),
        }
    }

    fn check_fraction(&self, number: f64) -> Result<(), String> {
        let (min, max) = match *self {
            Self::From(min) => (min, f64::MAX),
            Self::Between(min, max) => (min, max),
            _ => return Ok(()),
        };
        // The bounds are printed as Kafka declares them: whole ones without a fraction.
        match number {
            number if number < min => Err(format!("Value must be at least {min}")),
            number if number > max => Err(format!("Value must be no more than {max}")),
            _ => Ok(()),
        }
    }

    fn check_text(&self, key: &str, text: &str) -> Result<(), String> {
        let holds = match *self {
            Self::OneOf(names) | Self::EachOf(names) => names.contains(&text),
            Self::OneOfAnyCase(names) => names.iter().any(|name| name.eq_ignore_ascii_case(text)),
            Self::NotEmpty => !text.is_empty(),
            Self::ThrottledReplicas => is_throttled_replica(text),
            Self::OffsetReset => {
                let text = text.to_ascii_lowercase();
                matches!(text.as_str(), "latest" | "earliest") || text.starts_with("by_duration:p")
            }
            Self::Any | Self::Min(_) | Self::Range(..) | Self::From(_) | Self::Between(..) | Self::GzipLevel => true,
        };
        if holds { Ok(()) } else { Err(self.describe(key)) }
    }

    fn describe(&self, key: &str) -> String {
        match *self {
            Self::OneOf(names) | Self::EachOf(names) => format!("String must be one of: {}", names.join(", ")),
            Self::OneOfAnyCase(names) => format!("String must be one of (case insensitive): {}", names.join(", ")),
            Self::NotEmpty => "String must be non-empty".into(),
            Self::ThrottledReplicas => format!(
                "{key} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],..."
            ),
            Self::OffsetReset => "it is latest, earliest or by_duration:PnDTnHnMn.nS".into(),
            Self::Any | Self::Min(_) | Self::Range(..) | Self::From(_) | Self::Between(..) | Self::GzipLevel => {
                String::new()
            }
        }
    }
}

/// The parts of a list, as Kafka splits it. Of a list that is not empty.
pub(super) fn split_list(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).collect()
}

fn is_throttled_replica(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text == "*" || text.split_once(':').is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
}

/// A fraction as Java prints it, where it is neither very large nor very small.
fn java_double(number: f64) -> String {
    if number == f64::MAX { "1.7976931348623157E308".into() } else { format!("{number:?}") }
}
