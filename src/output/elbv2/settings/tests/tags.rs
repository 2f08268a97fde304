//! Tags.

use super::*;

fn tags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn keys(group: &TargetGroup) -> Vec<String> {
    group.description.tags.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// Tags are refused alike when they are added and when a group is made with them.
#[track_caller]
fn refused_both_ways(pairs: &[(&str, &str)], why: &str) {
    let group = make(HTTP, "").unwrap();
    assert_eq!(error(add_tags(&group, &tags(pairs))), why);
    let with = Create { tags: tags(pairs), ..asked(HTTP) };
    assert_eq!(error(create(&with, &Account::default(), "us-east-1", Tick(7))), why);
}

#[test]
fn tags_are_added_replaced_and_removed() {
    let group = make(HTTP, "Tag=a:1").unwrap();
    let group = add_tags(&group, &tags(&[("b", ""), ("a", "2")])).unwrap();
    assert_eq!(keys(&group), ["a=2", "b="]);
    let group = remove_tags(&group, &["a".to_owned(), "zzz".to_owned()]).unwrap();
    assert_eq!(keys(&group), ["b="]);
}

#[test]
fn letters_of_every_language_are_allowed() {
    let group = make(HTTP, "").unwrap();
    for good in ["été", "ключ", "名前", "a b_.:/=+-@9", "½", "\u{2003}", &"é".repeat(128)] {
        assert!(add_tags(&group, &tags(&[(good, good)])).is_ok(), "{good}");
    }
    for bad in ["a*", "a\tb", "a\nb", "🙂", "a,b", "\u{0}"] {
        let pattern = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";
        let broken = |member: &str| {
            format!(
                "ValidationError: 1 validation error detected: Value '{bad}' at '{member}' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: {pattern}"
            )
        };
        refused_both_ways(&[("a", "b"), (bad, "")], &broken("tags.2.member.key"));
        refused_both_ways(&[("a", bad)], &broken("tags.1.member.value"));
    }
}

#[test]
fn keys_and_values_have_lengths() {
    let (key, value) = ("k".repeat(129), "v".repeat(257));
    let broken = |value: &str, member: &str, limit: &str| {
        format!(
            "ValidationError: 1 validation error detected: Value '{value}' at '{member}' failed to satisfy \
             constraint: Member must have length {limit}"
        )
    };
    refused_both_ways(&[(&key, "")], &broken(&key, "tags.1.member.key", "less than or equal to 128"));
    refused_both_ways(&[("", "")], &broken("", "tags.1.member.key", "greater than or equal to 1"));
    let cut = format!("{}...", &value[..256]);
    refused_both_ways(&[("a", &value)], &broken(&cut, "tags.1.member.value", "less than or equal to 256"));
    assert_eq!(
        error(remove_tags(&make(HTTP, "").unwrap(), std::slice::from_ref(&key))),
        broken(&key, "tagKeys.1.member", "less than or equal to 128")
    );
}

#[test]
fn keys_differ_and_are_not_reserved() {
    refused_both_ways(&[("a", "1"), ("a", "1")], "DuplicateTagKeys: A tag key was specified more than once");
    for key in ["aws:x", "AWS:x", "aws:"] {
        let why = format!(
            "ValidationError: Tag key '{key}' is not allowed. Keys that begin with 'aws:' are reserved for \
             system use"
        );
        refused_both_ways(&[(key, "")], &why);
        assert_eq!(error(remove_tags(&make(HTTP, "").unwrap(), &[key.to_owned()])), why);
    }
}

#[test]
fn a_group_has_at_most_fifty_tags() {
    let numbered: Vec<_> = (0..51).map(|number| (format!("k{number}"), String::new())).collect();
    let group = add_tags(&make(HTTP, "").unwrap(), &numbered[..50]).unwrap();
    let full = "TooManyTags: You've reached the limit on the number of tags for this resource";
    assert_eq!(error(add_tags(&group, &numbered[50..])), full);
    assert!(add_tags(&group, &numbered[..1]).is_ok(), "a key that is there takes no further place");
    let with = Create { tags: numbered, ..asked(HTTP) };
    assert_eq!(error(create(&with, &Account::default(), "us-east-1", Tick(7))), full);
}

#[test]
fn an_error_repeats_the_first_of_many_broken_limits() {
    let wrong: Vec<_> = (0..3_000).map(|number| (format!("*{number}"), String::new())).collect();
    let why = error(add_tags(&make(HTTP, "").unwrap(), &wrong));
    assert!(why.starts_with("ValidationError: 3000 validation errors detected: Value '*0' at"), "{why}");
    assert!(why.contains("'*19'") && !why.contains("'*20'") && why.len() < 8_192, "{why}");
}
