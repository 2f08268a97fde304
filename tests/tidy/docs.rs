//! What the documents say and what the sources say must be the same.

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::split;
use crate::{File, everything, files, holds, rust};

/// Every metric name in a text, without the endings a histogram adds.
fn metric_names(text: &str) -> BTreeSet<String> {
    text.match_indices("tgprobe_")
        .filter(|(at, _)| !text[..*at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_'))
        .map(|(at, _)| {
            let rest = &text[at..];
            let name =
                &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())];
            let base = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
            base.unwrap_or(name).to_owned()
        })
        .collect()
}

/// The names in string literals of one source that begin with the prefix of our metrics.
fn metrics_used(text: &str) -> BTreeSet<String> {
    split(text)
        .strings
        .iter()
        .filter(|string| string.starts_with("tgprobe_"))
        .flat_map(|string| metric_names(string).into_iter().next())
        .collect()
}

#[test]
fn metrics_are_documented_and_what_is_documented_exists() {
    assert_eq!(
        metrics_used("f(\"tgprobe_a_sum\", \"x tgprobe_b\", \"tgprobe_c{d}\") // \"tgprobe_e\"").len(),
        2
    );
    let documented = metric_names(&files("docs", &["metrics.md"])[0].text);
    assert!(documented.len() > 10, "docs/metrics.md names too few metrics: {documented:?}");
    let used: BTreeSet<_> = files("src", &[".rs"]).iter().flat_map(|file| metrics_used(&file.text)).collect();
    let missing: Vec<_> = used.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/metrics.md: {missing:?}");
    let invented: Vec<_> = documented.difference(&used).collect();
    assert!(invented.is_empty(), "in docs/metrics.md and nowhere in src/: {invented:?}");
}

/// The citations of docs/semantics.md in a source that name no section of it.
fn uncited(text: &str, sections: &BTreeSet<String>) -> Vec<String> {
    let joined: Vec<_> = text.lines().map(|line| line.trim().trim_start_matches(['/', '!']).trim()).collect();
    let joined = joined.join(" ").replace("\\\"", "\"");
    let document = concat!("docs/semantics", ".md");
    joined
        .match_indices(document)
        .filter_map(|(at, _)| {
            let after = &joined[at + document.len()..];
            let section = after.strip_prefix(", \"").and_then(|rest| rest.split('"').next());
            match section {
                Some(name) if sections.contains(name) => None,
                Some(name) => Some(format!("cites a section \"{name}\" that does not exist")),
                None => Some(format!("cites {document} without a section in quotes")),
            }
        })
        .collect()
}

#[test]
fn every_section_cited_exists() {
    let document = &files("docs", &["semantics.md"])[0];
    let sections: BTreeSet<_> =
        document.text.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let cite = |section: &str| format!("/// A rule ({},\n/// {section}).", concat!("docs/semantics", ".md"));
    assert_eq!(uncited(&cite("\"Reasons\""), &sections), Vec::<String>::new());
    assert_eq!(uncited(&cite("\"Nonsense\""), &sections).len(), 1);
    assert_eq!(uncited(&cite("somewhere"), &sections).len(), 1);
    let wrong: Vec<_> = rust()
        .iter()
        .filter(|file| file.path != "tests/tidy/docs.rs")
        .flat_map(|file| {
            uncited(&file.text, &sections).into_iter().map(|what| format!("{}: {what}", file.path))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn dead_links(file: &File) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join(&file.path).parent().map(Path::to_path_buf).unwrap_or_default();
    let links = file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .filter(|link| !folder.join(link.split('#').next().unwrap_or_default()).exists())
        .map(|link| format!("links to `{link}`, which does not exist"))
        .collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = files("docs", &[".md"]);
    documents.extend(
        everything().into_iter().filter(|file| file.path.ends_with(".md") && !file.path.contains('/')),
    );
    holds(dead_links, &documents, "docs/a.md", "See [that](nowhere.md#at-all).");
}
