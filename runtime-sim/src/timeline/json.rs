//! Writing JSON that may stand within a page.

use core::fmt::Write as _;

/// A JSON text that grows.
#[derive(Default)]
pub(super) struct Json {
    text: String,
    /// Whether something stands before what comes next, within its brackets.
    follows: bool,
}

impl Json {
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn separate(&mut self) {
        if self.follows {
            self.text.push(',');
        }
        self.follows = true;
    }

    /// Something between brackets.
    fn within(&mut self, open: char, close: char, what: impl FnOnce(&mut Self)) {
        self.separate();
        self.text.push(open);
        self.follows = false;
        what(self);
        self.text.push(close);
        self.follows = true;
    }

    pub(super) fn object(&mut self, what: impl FnOnce(&mut Self)) {
        self.within('{', '}', what);
    }

    pub(super) fn list<T>(&mut self, all: impl IntoIterator<Item = T>, mut one: impl FnMut(&mut Self, T)) {
        self.within('[', ']', |json| all.into_iter().for_each(|item| one(json, item)));
    }

    /// A key, to be followed by its value.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.text(key);
        self.text.push(':');
        self.follows = false;
        self
    }

    pub(super) fn null(&mut self) {
        self.separate();
        self.text.push_str("null");
    }

    pub(super) fn number(&mut self, number: impl Into<i128>) {
        self.separate();
        let _ = write!(self.text, "{}", number.into());
    }

    /// A place in a list, or -1 where there is none.
    pub(super) fn place(&mut self, place: Option<usize>) {
        self.number(place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.separate();
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                // So that no text ends the element of the page that holds it.
                '<' => self.text.push_str("\\u003c"),
                control if control < ' ' || matches!(control, '\u{2028}' | '\u{2029}') => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(control));
                }
                other => self.text.push(other),
            }
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json_and_ends_no_element() {
        let mut json = Json::default();
        json.object(|json| {
            json.key("a").list([1, 2], |json, number| json.number(number));
            json.key("b").text("</script>\"\\\n");
            json.key("c").null();
            json.key("d").list(Vec::<u8>::new(), |json, number| json.number(number));
        });
        assert_eq!(json.into_text(), r#"{"a":[1,2],"b":"\u003c/script>\"\\\u000a","c":null,"d":[]}"#);
    }
}
