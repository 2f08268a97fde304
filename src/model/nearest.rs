//! What the writer of an unknown word may have meant.

/// The candidate that differs from `typed` by few letters, whatever their case, if there is one.
#[must_use]
pub fn nearest<'a>(typed: &str, candidates: &[&'a str]) -> Option<&'a str> {
    // No word is near this long; comparing takes time in proportion to the product of both lengths.
    if typed.len() > 64 {
        return None;
    }
    let typed = typed.to_ascii_lowercase();
    let distance = |word: &&str| strsim::osa_distance(&typed, &word.to_ascii_lowercase());
    let near = candidates.iter().copied().min_by_key(distance)?;
    (distance(&near) <= (near.len() / 3).max(1)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_may_differ() {
        let words = ["interval", "timeout"];
        assert_eq!(nearest("Intervall", &words), Some("interval"));
        assert_eq!(nearest("colour", &words), None);
        assert_eq!(nearest("colour", &[]), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &words), None);
    }
}
