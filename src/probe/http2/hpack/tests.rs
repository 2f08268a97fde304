//! Header blocks of RFC 7541, appendix C, and broken ones.

use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<String, Fault> {
    let mut fields = String::new();
    decoder.decode(block, |name, value| {
        fields.push_str(&format!("{}: {}\n", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        Ok(())
    })?;
    Ok(fields)
}

/// Blocks of one connection in a row, and the fields of each.
#[track_caller]
fn check(limit: usize, blocks: &[(&str, &str)]) {
    let mut decoder = Decoder::new();
    decoder.0.resize(limit);
    for (block, fields) in blocks {
        let expected: String = fields.lines().map(|line| format!("{}\n", line.trim_start())).collect();
        assert_eq!(decode(&mut decoder, &hex(block)), Ok(expected), "{block}");
    }
}

#[test]
fn single_fields() {
    check(
        4096,
        &[
            ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header"),
            ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path"),
            ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret"),
            ("82", ":method: GET"),
            ("be", "custom-key: custom-header"),
        ],
    );
}

const REQUESTS: [&str; 3] = [
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com",
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache",
    ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value",
];

#[test]
fn requests_of_one_connection() {
    check(
        4096,
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", REQUESTS[0]),
            ("8286 84be 5808 6e6f 2d63 6163 6865", REQUESTS[1]),
            ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", REQUESTS[2]),
        ],
    );
    check(
        4096,
        &[
            ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", REQUESTS[0]),
            ("8286 84be 5886 a8eb 1064 9cbf", REQUESTS[1]),
            ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", REQUESTS[2]),
        ],
    );
}

const RESPONSES: [&str; 3] = [
    ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com",
    ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com",
    ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\n\
     content-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
];

#[test]
fn responses_that_fill_a_small_table() {
    check(
        256,
        &[
            (
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 \
             3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                RESPONSES[0],
            ),
            ("4803 3330 37c1 c0bf", RESPONSES[1]),
            (
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 \
             7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 \
             6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
                RESPONSES[2],
            ),
        ],
    );
    check(
        256,
        &[
            (
                "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
             1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
                RESPONSES[0],
            ),
            ("4883 640e ffc1 c0bf", RESPONSES[1]),
            (
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
             e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
                RESPONSES[2],
            ),
        ],
    );
}

#[test]
fn the_peer_may_shrink_the_table_first_of_all_and_not_beyond_its_size() {
    let mut decoder = Decoder::new();
    let kept = hex("400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65");
    assert!(decode(&mut decoder, &kept).is_ok());
    assert_eq!(decode(&mut decoder, &hex("be")), Ok("custom-key: custom-value\n".to_owned()));
    assert_eq!(decode(&mut decoder, &hex("203fe11f88")), Ok(":status: 200\n".to_owned()));
    assert_eq!(decode(&mut decoder, &hex("be")), Err(Fault::Malformed), "the table was emptied");
    assert_eq!(decode(&mut decoder, &hex("3fe21f")), Err(Fault::Malformed), "4,097");
    assert_eq!(decode(&mut decoder, &hex("8820")), Err(Fault::Malformed), "not the first");
}

#[test]
fn what_is_no_block_is_malformed() {
    for wrong in [
        "80",
        "be",
        "ff",
        "ff80808001",
        "7f",
        "0f",
        "00",
        "0001",
        "000161",
        "00016102",
        "0081ff",
        "0a",
        "ffffffffff",
    ] {
        assert_eq!(decode(&mut Decoder::new(), &hex(wrong)), Err(Fault::Malformed), "{wrong}");
    }
}

#[test]
fn an_entry_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::new();
    let mut block = hex("4001610162 40016101");
    block.pop();
    put_integer(&mut block, 0, 7, 5000);
    block.extend([b'x'; 5000]);
    assert!(decode(&mut decoder, &block).is_ok());
    assert_eq!(decode(&mut decoder, &hex("be")), Err(Fault::Malformed));
}

proptest! {
    #[test]
    fn no_bytes_panic(blocks: Vec<Vec<u8>>) {
        let mut decoder = Decoder::new();
        for block in blocks {
            _ = decode(&mut decoder, &block);
        }
    }

    #[test]
    fn what_is_written_is_read(fields in prop::collection::vec(("[a-z-]{1,20}", "[ -~]{0,300}"), 0..10)) {
        let mut block = Vec::new();
        let mut expected = String::new();
        for (name, value) in &fields {
            put_field(&mut block, name.as_bytes(), value.as_bytes());
            expected.push_str(&format!("{name}: {value}\n"));
        }
        prop_assert_eq!(decode(&mut Decoder::new(), &block), Ok(expected));
    }
}
