//! Heads of HTTP/1 answers: the input is what a target sends.

use tgprobe::probe::head::{Head, MAX_BYTES, Verdict};

/// The verdict does not depend on how the answer is cut, stays once it is there, and comes within the limits.
pub fn check(input: &[u8]) -> bool {
    let mut whole = Head::new();
    let verdict = whole.feed(input);
    assert_eq!(verdict, whole.verdict());
    assert!(whole.length() <= input.len().min(MAX_BYTES));

    // One byte at a time, and in pieces of which the input itself says where they end.
    let mut single = Head::new();
    let mut decided = None;
    for (at, byte) in input.iter().enumerate() {
        let known = single.feed(std::slice::from_ref(byte));
        if let Some(before) = decided {
            assert_eq!(known, before, "the verdict changed at byte {at}");
        } else if known != Verdict::Incomplete {
            decided = Some(known);
            assert_eq!(single.length(), at + 1, "decided by the byte that says it");
        }
    }
    assert_eq!(single.verdict(), verdict);
    let mut pieces = Head::new();
    for piece in input.split_inclusive(|byte| byte % 7 == 3) {
        pieces.feed(piece);
    }
    assert_eq!((pieces.verdict(), pieces.length()), (verdict, whole.length()));

    match verdict {
        Verdict::Incomplete => assert_eq!(whole.length(), input.len()),
        Verdict::Final { status } => {
            assert!(status == 101 || (200..=999).contains(&status), "{status}");
            let (head, rest) = input.split_at(whole.length());
            assert!(head.ends_with(b"\n"), "a head ends with a line");
            // What follows is the body's.
            assert_eq!(Head::new().feed(head), verdict);
            assert_eq!(whole.feed(rest), verdict);
        }
        Verdict::Malformed | Verdict::TooLarge | Verdict::Tls => {
            assert_eq!(whole.feed(b"HTTP/1.1 200 OK\r\n\r\n"), verdict);
        }
    }
    matches!(verdict, Verdict::Final { .. })
}
