//! The configuration against files: the example, good files, and one bad file per rule beside its expected errors.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "config/access.rs"]
mod access;

#[path = "config/api.rs"]
mod api;
#[path = "config/example.rs"]
mod example;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use tgprobe::config::{self, CheckFlags, Config, Errors};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A certificate that may be trusted, made on the spot.
fn certificate() -> String {
    rcgen::generate_simple_self_signed(vec!["app.example.com".to_owned()]).unwrap().cert.pem()
}

/// A server's certificate and its key, made once.
fn identity() -> &'static (String, String) {
    static IDENTITY: LazyLock<(String, String)> = LazyLock::new(|| {
        let made = rcgen::generate_simple_self_signed(vec!["probe.example.com".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    });
    &IDENTITY
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let example = || fs::read(root().join("credentials.example.toml"));
    match path.to_str() {
        Some("credentials.toml") => example(),
        Some(name) if name.starts_with("bad-credentials") => {
            fs::read(root().join("tests/configs").join(name))
        }
        Some("task-definition.json") => fs::read(root().join("task-definition.example.json")),
        Some(name) if name.ends_with(".json") => fs::read(root().join("tests/configs").join(name)),
        Some("tls.pem") => Ok(identity().0.clone().into_bytes()),
        Some("tls.key") => Ok(identity().1.clone().into_bytes()),
        Some("other.key") => {
            let made = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
            Ok(made.signing_key.serialize_pem().into_bytes())
        }
        Some("ca.pem" | "../ca.pem") => Ok(certificate().into_bytes()),
        Some("empty.pem") => Ok(Vec::new()),
        Some("broken.pem") => Ok(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
    }
}

fn parse(text: &str) -> Result<Config, Errors> {
    config::parse(text, "a.toml", &read)
}

/// A date is the wrong type for every key, so a key that is known and never read shows as a missing error.
#[test]
fn every_known_key_is_read() {
    for (table, key) in config::known_keys() {
        let header = match table {
            "" => String::new(),
            "server" | "server.journal" | "ecs" => format!("[{table}]\n"),
            "target_group" | "service" | "docker" => format!("[[{table}]]\n"),
            "service.load_balancer" => format!("[[service]]\n[[{table}]]\n"),
            below if below.starts_with("service.") => format!("[[service]]\n[{below}]\n"),
            below if below.starts_with("docker.") => format!("[[docker]]\n[{below}]\n"),
            "target_group.targets" => format!("[[target_group]]\ntargets = [{{ {key} = 1979-05-27 }}]\n"),
            below => format!("[[target_group]]\n[{below}]\n"),
        };
        let text =
            if table == "target_group.targets" { header } else { format!("{header}{key} = 1979-05-27\n") };
        let errors = parse(&text).unwrap_err();
        let wrong = errors.iter().any(|error| {
            error.key.ends_with(key) && error.message.starts_with("found a date or time; allowed: ")
        });
        assert!(wrong, "{table}.{key}:\n{errors}");
    }
}

#[test]
fn a_file_without_anything_is_legal() {
    assert_eq!(parse("").unwrap(), Config::default());
}

fn files(prefix: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join("tests/configs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {prefix}*.toml");
    files
}

/// `UPDATE=1` writes the expected file anew.
#[track_caller]
fn golden(path: &Path, found: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, found).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, expected, "{} differs; UPDATE=1 writes it anew", path.display());
}

#[test]
fn good_files_are_accepted_and_summarised() {
    for path in files("good-") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let config = config::parse(&text, name, &read).unwrap_or_else(|errors| panic!("{errors}"));
        golden(&path.with_extension("txt"), &tgprobe::cli::validate::summary(&config));
    }
}

#[test]
fn bad_files_get_their_errors() {
    for path in files("bad-") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        // A credentials file is read as one, through a configuration that names it.
        let text = if name.starts_with("bad-credentials") {
            format!("[server]\ncredentials_file = '{name}'\n")
        } else {
            text
        };
        let errors = config::parse(&text, name, &read).unwrap_err();
        golden(&path.with_extension("txt"), &format!("{errors}\n"));
    }
}

#[test]
fn two_spellings_of_one_thing_give_one_configuration() {
    let short = "[[target_group]]\nname = 'a'\nport = 80\ntargets = ['10.0.0.5', '[2001:db8:0::1]:81', 'Host.']\n\
                 health_check = { port = 8080, interval = '90s' }\n";
    let long = "[[target_group]]\nname = 'a'\nport = 0x50\ntargets = [{ id = '10.0.0.5', port = 80 }, \
                '[2001:db8::1]:81', { id = 'host' }]\n[target_group.health_check]\nport = '8080'\ninterval = '1m30s'\n";
    assert_eq!(parse(short).unwrap(), parse(long).unwrap());
}

#[test]
fn a_certificate_file_of_two_groups_is_read_once() {
    let reads = std::cell::Cell::new(0);
    let group = |name| {
        format!(
            "[[target_group]]\nname = '{name}'\nport = 443\n\
             health_check = {{ protocol = 'HTTPS', verify = {{ ca_file = 'ca.pem' }} }}\n"
        )
    };
    let config = config::parse(&(group("a") + &group("b")), "a.toml", &|path| {
        reads.set(reads.get() + 1);
        read(path)
    })
    .unwrap();
    assert_eq!(reads.get(), 1);
    let roots = |index: usize| {
        Arc::clone(&config.desired.groups[index].group.health_check.verify.as_ref().unwrap().roots)
    };
    assert!(Arc::ptr_eq(&roots(0), &roots(1)));
}

#[test]
fn a_file_that_cannot_be_read_is_one_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let missing = config::load(&folder.path().join("none.toml")).unwrap_err();
    assert_eq!((missing.len(), missing.iter().next().unwrap().line), (1, 0));
    assert!(missing.to_string().contains("none.toml: cannot be read: "), "{missing}");

    let latin = folder.path().join("latin.toml");
    fs::write(&latin, b"# good\n# \xe4\n").unwrap();
    let errors = config::load(&latin).unwrap_err().to_string();
    assert!(errors.ends_with("latin.toml: not UTF-8 in line 2; allowed: a TOML file in UTF-8"), "{errors}");

    let huge = folder.path().join("huge.toml");
    fs::File::create(&huge).unwrap().set_len((64 << 20) + 1).unwrap();
    let errors = config::load(&huge).unwrap_err().to_string();
    assert!(errors.ends_with("huge.toml: cannot be read: it is longer than 64 MiB"), "{errors}");
}

#[test]
fn validate_exits_with_0_for_a_good_file_and_2_for_any_other() {
    let file = |name: &str| tgprobe::cli::validate::run(&root().join("tests/configs").join(name));
    assert_eq!(file("good-traps.toml"), 0);
    assert_eq!(file("bad-many.toml"), 2);
    assert_eq!(file("no-such-file.toml"), 2);
}

#[test]
fn more_than_a_hundred_errors_are_counted_and_not_printed() {
    let targets = "'0.0.0.0',".repeat(5_000);
    let text = format!("[[target_group]]\nname = 'a'\nport = 80\ntargets = [{targets}]\n");
    let errors = parse(&text).unwrap_err();
    assert_eq!(errors.len(), 5_000);
    assert_eq!(errors.iter().last().unwrap().column, 12 + 10 * 4_999);
    assert!(errors.to_string().ends_with("\nand 4900 more"));
    assert!(errors.to_string().len() < 50_000);
}

/// Generous on purpose: a search in proportion to the square of the targets takes minutes, this takes a second.
#[test]
fn a_hundred_thousand_targets_are_read() {
    let targets: String =
        (0..100_000).map(|n| format!("'10.{}.{}.{}',\n", n >> 16, n >> 8 & 255, n & 255)).collect();
    let text = format!("[[target_group]]\nname = 'a'\nport = 80\ntargets = [{targets}]\n");
    assert_eq!(parse(&text).unwrap().desired.groups[0].targets.len(), 100_000);
}

fn urls(urls: &[&str], flags: &CheckFlags) -> Result<Config, Errors> {
    config::from_urls(&urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>(), flags)
}

#[test]
fn urls_make_the_group_default() {
    let config = urls(
        &["http://10.0.0.5:4567/api/health-check?deep=1", "HTTP://[::1]/api/health-check?deep=1"],
        &CheckFlags { interval: Some("2s".into()), timeout: Some("1s".into()), ..CheckFlags::default() },
    )
    .unwrap();
    let text = "[[target_group]]\nname = 'default'\nport = 4567\ntargets = ['10.0.0.5:4567', '[::1]:80']\n\
                [target_group.health_check]\npath = '/api/health-check?deep=1'\ninterval = '2s'\ntimeout = '1s'\n";
    assert_eq!(config, parse(text).unwrap());

    let secure = urls(&["https://app.example.com"], &CheckFlags::default()).unwrap();
    let text = "[[target_group]]\nname = 'default'\nprotocol = 'HTTPS'\nport = 443\ntargets = ['app.example.com']\n\
                health_check = { protocol = 'HTTPS' }\n";
    assert_eq!(secure, parse(text).unwrap());
}

#[test]
fn bad_urls_and_flags_get_their_errors() {
    let some = |text: &str| Some(text.to_owned());
    let flags = CheckFlags {
        interval: some("30"),
        timeout: some("2h"),
        healthy_threshold: some("0"),
        unhealthy_threshold: some("two"),
        matcher: some("2xx"),
    };
    let bad = [
        "10.0.0.5:80",
        "ftp://a/",
        "http://user:secret@a/",
        "http://a/#top",
        "http:///path",
        "http://0.0.0.0/",
        "http://a:0/",
        "http://a/b c",
        "http://\u{1b}[31m/",
        "http://good/x",
        "https://good/x",
        "http://good/y",
        "http://GOOD:80/x",
    ];
    let mut found = urls(&bad, &flags).unwrap_err().to_string();
    found.push('\n');
    let clash = CheckFlags { interval: some("3s"), ..CheckFlags::default() };
    found += &format!("{}\n", urls(&["http://a/"], &clash).unwrap_err());
    let clash = CheckFlags { timeout: some("30s"), ..CheckFlags::default() };
    found += &format!("{}\n", urls(&["http://a/"], &clash).unwrap_err());
    found += &format!("{}\n", urls(&[], &CheckFlags::default()).unwrap_err());
    golden(&root().join("tests/configs/urls.txt"), &found);
}

/// Pieces that, put together at random, are often nearly a configuration.
fn pieces() -> impl Strategy<Value = String> {
    let known: Vec<String> = config::known_keys().map(|(_, key)| key.to_owned()).collect();
    let words = [
        "[[target_group]]\n",
        "[server]\n",
        "[target_group.health_check]\n",
        "[target_group]\n",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        " = ",
        ",",
        ".",
        "\n",
        "\r\n",
        "\"",
        "'",
        "\"\"\"",
        "#",
        "1",
        "80",
        "-1",
        "1e9",
        "inf",
        "true",
        "0x",
        "99999999999999999999999",
        "\"30s\"",
        "\"HTTP\"",
        "\"off\"",
        "'10.0.0.5'",
        "'[::1]:80'",
        "'ca.pem'",
        "ä",
        "\\",
        "\0",
        "\t",
        "\u{feff}",
        "1979-05-27",
    ];
    let all: Vec<String> = known.into_iter().chain(words.map(str::to_owned)).collect();
    proptest::collection::vec(proptest::sample::select(all), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_panics_and_no_refusal_is_silent(text in prop_oneof![pieces(), "(?s).*"]) {
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.is_empty() && errors.len() == errors.iter().count());
            prop_assert!(!errors.to_string().is_empty());
            let places: Vec<_> = errors.iter().map(|error| (error.line, error.column)).collect();
            prop_assert!(places.is_sorted(), "{places:?}");
        }
    }

    #[test]
    fn no_url_panics(text in prop_oneof!["\\PC*", "https?://\\PC*", "http://[a-z0-9.:@\\[\\]/?#]*"]) {
        if let Err(errors) = urls(&[&text, &text], &CheckFlags::default()) {
            prop_assert!(!errors.is_empty());
        }
    }
}
