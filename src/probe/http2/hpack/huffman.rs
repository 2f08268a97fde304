//! The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical: among codes of one length the symbols count up, and the first code of a length follows the
//! last one of the length before. So the lengths alone tell the whole of it.

use crate::probe::http2::Fault;

/// The length of each byte's code, in bits. The end of a string, a symbol that no string may contain, has the last code
/// of the longest ones.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26,
];

/// The longest code, in bits.
const LONGEST: usize = 30;

/// How many codes there are of each length, without the end's.
const COUNTS: [usize; LONGEST + 1] = {
    let mut counts = [0; LONGEST + 1];
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        counts[LENGTHS[symbol] as usize] += 1;
        symbol += 1;
    }
    counts
};

/// All bytes in the order of their codes.
const SYMBOLS: [u8; 256] = {
    let mut symbols = [0; 256];
    let (mut length, mut place) = (1, 0);
    while length <= LONGEST {
        let mut symbol = 0_u8;
        loop {
            if LENGTHS[symbol as usize] as usize == length {
                symbols[place] = symbol;
                place += 1;
            }
            if symbol == u8::MAX {
                break;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
};

/// The text that `bytes` stand for.
///
/// # Errors
/// Where they contain the end of a string, or are not filled up with the start of its code, in less than a byte.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    // The shortest code has five bits.
    let mut text = Vec::with_capacity(bytes.len() * 8 / 5);
    // Bits of the present code, its length, the first code of that length, and the place of its symbol.
    let (mut code, mut length, mut first, mut place) = (0, 0, 0, 0);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| usize::from(byte >> at & 1))) {
        code = code << 1 | bit;
        first <<= 1;
        length += 1;
        let count = *COUNTS.get(length).ok_or(Fault::Malformed)?;
        if code < first + count {
            let symbol = SYMBOLS.get(place + code - first).ok_or(Fault::Malformed)?;
            text.push(*symbol);
            (code, length, first, place) = (0, 0, 0, 0);
        } else {
            first += count;
            place += count;
        }
    }
    let filled_up = length < 8 && code == (1 << length) - 1;
    if filled_up { Ok(text) } else { Err(Fault::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes as the appendix has them, most significant bit first.
    const CODES: [(u8, u32, u32); 14] = [
        (0, 0x1ff8, 13),
        (1, 0x7f_ffd8, 23),
        (10, 0x3fff_fffc, 30),
        (b' ', 0x14, 6),
        (b'0', 0x0, 5),
        (b'%', 0x15, 6),
        (b':', 0x5c, 7),
        (b'a', 0x3, 5),
        (b'z', 0x7b, 7),
        (b'{', 0x7ffe, 15),
        (127, 0xfff_fffc, 28),
        (203, 0x7ff_ffde, 27),
        (249, 0xfff_fffe, 28),
        (255, 0x3ff_ffee, 26),
    ];

    fn bits(code: u32, length: u32) -> Vec<u8> {
        let filled = u64::from(code) << (40 - length) | ((1 << (40 - length)) - 1);
        filled.to_be_bytes()[3..3 + usize::try_from(length.div_ceil(8)).unwrap()].to_vec()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (symbol, code, length) in CODES {
            assert_eq!(decode(&bits(code, length)), Ok(vec![symbol]), "{symbol}");
        }
        // What is left is the end of a string, and only that.
        assert_eq!(
            COUNTS.iter().enumerate().map(|(length, count)| count << (LONGEST - length)).sum::<usize>(),
            (1 << 30) - 1
        );
    }

    #[test]
    fn filling_up_is_less_than_a_byte_of_ones() {
        assert_eq!(decode(b""), Ok(vec![]));
        for wrong in [&b"\xff"[..], b"\xff\xff\xff\xff", b"\x00", b"\x1f\xff", b"\x18", b"\xff\xff\xff\xfc"] {
            assert_eq!(decode(wrong), Err(Fault::Malformed), "{wrong:x?}");
        }
        assert_eq!(decode(b"\x1f"), Ok(b"a".to_vec()));
        assert_eq!(decode(b"\x07"), Ok(b"0".to_vec()));
    }
}
