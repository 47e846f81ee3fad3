//! Inputs as steps: each a byte that says what, two bytes of length, and as many bytes of content (fewer at the end).

/// The steps of an input at most: time is better spent on another input.
const STEPS_MAX: usize = 64;

/// One step of an input.
pub struct Step<'a> {
    /// What to do.
    pub what: u8,
    /// With what.
    pub content: &'a [u8],
}

/// The steps of an input.
pub fn steps(mut input: &[u8]) -> impl Iterator<Item = Step<'_>> {
    std::iter::from_fn(move || {
        let (&[what, l0, l1], rest) = input.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l0, l1])).min(rest.len());
        let (content, rest) = rest.split_at(length);
        input = rest;
        Some(Step { what, content })
    })
    .take(STEPS_MAX)
}

/// Appends a step to an input.
pub fn push(input: &mut Vec<u8>, what: u8, content: &[u8]) {
    input.push(what);
    input.extend_from_slice(&u16::try_from(content.len()).expect("a step is small").to_be_bytes());
    input.extend_from_slice(content);
}
