//! How answers are read, whole, broken and in pieces.

use super::*;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Verdict {
    Head::new().feed(bytes)
}

#[test]
fn the_final_status_is_found() {
    for (bytes, status) in [
        ("HTTP/1.1 200 OK\r\n\r\n", 200),
        ("HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nbody", 404),
        ("HTTP/1.1 200\r\n\r\n", 200),
        ("HTTP/1.1 200 \r\n\r\n", 200),
        ("HTTP/1.9 200 OK\r\n\r\n", 200),
        ("HTTP/1.1 200 OK\n\n", 200),
        ("HTTP/1.1 200 OK\nA: b\r\nC: d\n\r\n", 200),
        ("HTTP/1.1 503 G\u{e4}nzlich\tweg\r\nA:\u{fc}\t\r\nB:\r\n\r\n", 503),
        ("HTTP/1.1 200 OK\r\nA: b\r\n  folded\r\n\tand again\r\n\r\n", 200),
        ("HTTP/1.1 200 OK\nA: b\n folded\n\n", 200),
        ("HTTP/1.1 999 ?\r\n\r\n", 999),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204),
        ("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 199 ?\n\nHTTP/1.1 301 x\r\n\r\n", 301),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 101),
    ] {
        assert_eq!(read(bytes.as_bytes()), Verdict::Final { status }, "{bytes:?}");
    }
}

#[test]
fn what_is_not_a_head_is_refused_at_its_first_bad_byte() {
    // The last byte is the bad one: without it more is waited for.
    for bytes in [
        "<",
        "\0",
        "\n",
        "h",
        "HE",
        "HTTP/2",
        "HTTP/1.x",
        "HTTP/1.1\t",
        "HTTP/1.1  ",
        "HTTP/1.1 +",
        "HTTP/1.1 20\r",
        "HTTP/1.1 2000",
        "HTTP/1.1 200O",
        "HTTP/1.1 099 ",
        "HTTP/1.1 000\r",
        "HTTP/1.1 200 O\0",
        "HTTP/1.1 200 OK\rx",
        "HTTP/1.1 200 OK\r\r",
        "HTTP/1.1 200 OK\r\n:",
        "HTTP/1.1 200 OK\r\n ",
        "HTTP/1.1 200 OK\n ",
        "HTTP/1.1 200 OK\r\nA ",
        "HTTP/1.1 200 OK\r\nA\r",
        "HTTP/1.1 200 OK\r\n<",
        "HTTP/1.1 200 OK\r\nA: \u{1}",
        "HTTP/1.1 200 OK\r\nA: \u{7f}",
        "HTTP/1.1 200 OK\r\nA: b\rc",
        "HTTP/1.1 200 OK\r\nA: b\r\n\rx",
        "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n ",
        "HTTP/1.1 100 Continue\r\n\r\n\r",
        "HTTP/1.1 100 Continue\r\n\r\n\u{16}",
        "\u{16}\u{16}",
    ] {
        let bytes = bytes.as_bytes();
        let (bad, good) = bytes.split_last().unwrap();
        let mut head = Head::new();
        assert_eq!(head.feed(good), Verdict::Incomplete, "{:?}", good.escape_ascii().to_string());
        assert_eq!(head.feed(&[*bad]), Verdict::Malformed, "{:?}", bytes.escape_ascii().to_string());
        assert_eq!(head.feed(b"HTTP/1.1 200 OK\r\n\r\n"), Verdict::Malformed);
    }
}

#[test]
fn a_tls_record_is_told_from_garbage() {
    assert_eq!(read(b"\x15\x03\x01\x00\x02\x02\x46"), Verdict::Tls);
    assert_eq!(read(b"\x16\x03"), Verdict::Tls);
    assert_eq!(read(b"\x16"), Verdict::Incomplete);
    assert_eq!(read(b"\x17\x03"), Verdict::Malformed);
}

#[test]
fn a_head_may_have_so_many_bytes_and_not_one_more() {
    let head = |bytes: usize| {
        let (start, end) = ("HTTP/1.1 200 OK\r\nA: ", "\r\n\r\n");
        format!("{start}{}{end}body", "a".repeat(bytes - start.len() - end.len()))
    };
    assert_eq!(read(head(MAX_BYTES).as_bytes()), Verdict::Final { status: 200 });
    assert_eq!(read(head(MAX_BYTES + 1).as_bytes()), Verdict::TooLarge);
    assert_eq!(read(&head(MAX_BYTES + 1).as_bytes()[..MAX_BYTES - 1]), Verdict::Incomplete);
    // Interim responses count.
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_BYTES / 25 + 1);
    assert_eq!(read(flood.as_bytes()), Verdict::TooLarge);
}

#[test]
fn a_head_may_have_so_many_fields_and_not_one_more() {
    let head = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(fields));
    assert_eq!(read(head(MAX_HEADERS).as_bytes()), Verdict::Final { status: 200 });
    assert_eq!(read(head(MAX_HEADERS + 1).as_bytes()), Verdict::TooLarge);
    let interim = head(MAX_HEADERS).replace("200", "103");
    assert_eq!(read(format!("{interim}{}", head(0)).as_bytes()), Verdict::Final { status: 200 });
    assert_eq!(read(format!("{interim}{}", head(1)).as_bytes()), Verdict::TooLarge);
}

/// Bytes that reach deep into the reader more often than bytes by chance do.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "HTTP/1.1 200 OK\r\n", "HTTP/1.0 500 x\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 101\r\n",
            "A: b\r\n", "Name:\n", "\r\n", "\n", " folded\r\n", "HTTP/1.", "\x16\x03", "\r", " ", ":",
            "Content-Type: text/html; charset=utf-8\r\n", "X: \t tabs\n", "Date", "a value, and more of it", "\u{fc}",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn where_the_answer_is_cut_makes_no_difference(bytes in answers(), cuts in prop::collection::vec(0..200_usize, 0..6)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let mut head = Head::new();
        let mut from = 0;
        for cut in cuts {
            head.feed(&bytes[from..cut]);
            from = cut;
        }
        prop_assert_eq!(head.feed(&[]), read(&bytes));
    }

    // One byte at a time, no line is ever whole, so nothing is taken at once.
    #[test]
    fn a_byte_at_a_time_every_start_of_an_answer_means_what_it_means_at_once(bytes in answers()) {
        let mut head = Head::new();
        for (at, byte) in bytes.iter().enumerate() {
            let mut whole = Head::new();
            whole.feed(&bytes[..=at]);
            prop_assert_eq!(head.feed(&[*byte]), whole.verdict());
            // Where more can come, what is known must be the same too.
            if whole.verdict() == Verdict::Incomplete {
                prop_assert_eq!((head.state, head.bytes, head.headers), (whole.state, whole.bytes, whole.headers));
            }
        }
    }

    #[test]
    fn heads_near_the_limits_may_come_in_two_pieces(
        length in MAX_BYTES - 60..MAX_BYTES + 60, fields in MAX_HEADERS - 2..MAX_HEADERS + 3, cut in 0..MAX_BYTES + 60,
    ) {
        let start = format!("HTTP/1.1 200 OK\r\n{}B: ", "A: some value\r\n".repeat(fields - 1));
        let bytes = format!("{start}{}\r\n\r\n", "b".repeat(length - start.len() - 4)).into_bytes();
        prop_assert_eq!(bytes.len(), length);
        let expected = if length <= MAX_BYTES && fields <= MAX_HEADERS {
            Verdict::Final { status: 200 }
        } else {
            Verdict::TooLarge
        };
        let (first, second) = bytes.split_at(cut.min(length));
        let mut head = Head::new();
        head.feed(first);
        prop_assert_eq!(head.feed(second), expected);
        prop_assert_eq!(read(&bytes), expected);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        _ = read(&bytes);
    }

    // An independent parser as a witness. It refuses folded lines and later minor versions, skips empty lines
    // at the start and knows no TLS; those are left out.
    #[test]
    fn another_parser_finds_the_same_status(bytes in answers()) {
        let text = String::from_utf8_lossy(&bytes);
        let later = text.split("HTTP/1.").skip(1).any(|rest| rest.starts_with(|c: char| ('2'..='9').contains(&c)));
        if later || text.starts_with(['\r', '\n', '\u{15}', '\u{16}']) || text.contains("\n ") || text.contains("\n\t") {
            return Ok(());
        }
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut fields);
        let theirs = response.parse(&bytes);
        match (read(&bytes), theirs) {
            (Verdict::Final { status }, Ok(httparse::Status::Complete(length))) => {
                // Theirs stops at the first head, ours at the final one.
                let first = response.code.unwrap();
                prop_assert!(status == first || (first < 200 && length < bytes.len()));
            }
            (Verdict::Final { .. }, theirs) => prop_assert!(false, "theirs: {theirs:?}"),
            (Verdict::Incomplete, theirs) => prop_assert!(theirs.is_ok(), "theirs: {theirs:?}"),
            (Verdict::Malformed | Verdict::TooLarge | Verdict::Tls, Ok(httparse::Status::Complete(_))) => {
                prop_assert!(response.code.unwrap() < 200, "theirs: {response:?}");
            }
            (Verdict::Malformed | Verdict::TooLarge | Verdict::Tls, _) => {}
        }
    }
}
