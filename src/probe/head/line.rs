//! The lines of a response head: which bytes they are made of, and whole plain ones taken at once.

/// What every head begins with; the minor version follows.
pub(super) const VERSION: &[u8] = b"HTTP/1.";

/// The code and the length of the whole plain status line that stands first, if one does. A line without a space behind
/// the code is not plain.
pub(super) fn status_line(bytes: &[u8]) -> Option<(u16, usize)> {
    let &[minor, b' ', first @ b'1'..=b'9', second, third, b' ', ref rest @ ..] =
        bytes.strip_prefix(VERSION)?
    else {
        return None;
    };
    if ![minor, second, third].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = [first, second, third].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Some((status, bytes.len() - rest.len() + line_rest(rest)?))
}

/// The length of the whole plain field line that stands first, if one does.
pub(super) fn field_line(bytes: &[u8]) -> Option<usize> {
    let name = bytes.iter().position(|&byte| !is_token(byte))?;
    if name == 0 || bytes[name] != b':' {
        return None;
    }
    Some(name + 1 + line_rest(&bytes[name + 1..])?)
}

/// How many bytes there are up to the end of the line and with it. `None` without an end, and where there are other
/// bytes than text, or tabs.
fn line_rest(bytes: &[u8]) -> Option<usize> {
    let text = plain(bytes);
    match bytes[text..] {
        [b'\r', b'\n', ..] => Some(text + 2),
        [b'\n', ..] => Some(text + 1),
        _ => None,
    }
}

/// How many bytes at the start are no control characters. Eight are looked at together.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The high bit of the lowest byte below `limit`, which is 128 at most; above that byte, bits may be set wrongly.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & (ONES * 0x80);
    let (words, _) = bytes.as_chunks();
    for (number, &word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(word);
        let control = below(word, 0x20) | below(word ^ (ONES * 0x7f), 1);
        if control != 0 {
            return number * 8 + control.trailing_zeros() as usize / 8;
        }
    }
    let whole = words.len() * 8;
    whole + bytes[whole..].iter().take_while(|byte| !byte.is_ascii_control()).count()
}

/// Which bytes are `tchar` (RFC 9110, section 5.6.2).
const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        token[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        token[others[at] as usize] = true;
        at += 1;
    }
    token
};

pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// What a field value or a reason phrase is made of (RFC 9110, section 5.5): no control characters but the tab.
pub(super) fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_name_and_of_a_value_is_known_wherever_it_stands() {
        for byte in u8::MIN..=u8::MAX {
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token(byte), token, "{byte}");
            for before in 0..20 {
                let bytes = [&b"\xff".repeat(before)[..], &[byte], b"a\x7f \x80 behind it\0"].concat();
                let plain_bytes = before + if byte.is_ascii_control() { 0 } else { 2 };
                assert_eq!(plain(&bytes), plain_bytes, "{bytes:?}");
            }
        }
    }
}
