//! From Kafka's names to Rust's.

/// `maxWaitMs`, `MaxWaitMs` or `max-wait-ms` as `max_wait_ms`. A run of capitals is one word, as is `KRaft`.
pub(crate) fn snake(name: &str) -> String {
    let name = name.replace("KRaft", "Kraft");
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let after_small = index > 0 && !letters[index - 1].is_ascii_uppercase();
        let before_small = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && index > 0 && (after_small || before_small) {
            snake.push('_');
        }
        snake.push(if letter == '-' { '_' } else { letter.to_ascii_lowercase() });
    }
    snake
}

/// The name of a struct's field.
pub(crate) fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" => format!("r#{name}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found() {
        for (name, expected) in [
            ("MaxWaitMs", "max_wait_ms"),
            ("topicId", "topic_id"),
            ("Enable2Pc", "enable2_pc"),
            ("V3AndBelowTopics", "v3_and_below_topics"),
            ("KRaftVersionFeature", "kraft_version_feature"),
            ("group-coordinator", "group_coordinator"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(field("Type"), "r#type");
    }
}
