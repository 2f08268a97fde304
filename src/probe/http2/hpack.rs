//! Header compression (RFC 7541): a reader of all of it, and a writer that uses none of its state.
//!
//! Written here and not taken from elsewhere: a reader is two hundred lines with its vectors in the RFC, a check needs
//! two fields of one answer, and what there is apart from a whole HTTP/2 client has seen few releases.

use std::borrow::Cow;

use crate::probe::http2::Fault;
use crate::probe::http2::hpack::table::Table;

mod huffman;
mod table;

/// A reader of the header blocks of one connection.
#[derive(Debug)]
pub(super) struct Decoder(Table);

impl Decoder {
    pub(super) fn new() -> Self {
        Self(Table::new())
    }

    /// Gives each field of a whole block to `each`, in order.
    ///
    /// # Errors
    /// Where the block is none, and whatever `each` says.
    pub(super) fn decode(
        &mut self,
        mut block: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut first = true;
        while let Some(&byte) = block.first() {
            match byte {
                0x80.. => {
                    let index = integer(&mut block, 7)?;
                    let (name, value) = self.0.field(index).ok_or(Fault::Malformed)?;
                    each(name, value)?;
                }
                // A change of the table's size comes first (RFC 7541, section 4.2).
                0x20..0x40 => {
                    let limit = integer(&mut block, 5)?;
                    if !first || limit > table::LARGEST {
                        return Err(Fault::Malformed);
                    }
                    self.0.resize(limit);
                    continue;
                }
                0x40..0x80 | 0..0x20 => {
                    let kept = byte >= 0x40;
                    let index = integer(&mut block, if kept { 6 } else { 4 })?;
                    let name = match index {
                        0 => string(&mut block)?,
                        _ => Cow::Owned(self.0.field(index).ok_or(Fault::Malformed)?.0.to_vec()),
                    };
                    let value = string(&mut block)?;
                    each(&name, &value)?;
                    if kept {
                        self.0.insert(&name, &value);
                    }
                }
            }
            first = false;
        }
        Ok(())
    }
}

/// Takes an integer with a prefix of `bits` off the front (RFC 7541, section 5.1).
fn integer(block: &mut &[u8], bits: u32) -> Result<usize, Fault> {
    let mask = (1 << bits) - 1;
    let mut value = usize::from(byte(block)? & mask);
    if value < usize::from(mask) {
        return Ok(value);
    }
    // Three more bytes make two million, which is more than any length or index here.
    for shift in [0, 7, 14] {
        let byte = byte(block)?;
        value += usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Fault::Malformed)
}

fn byte(block: &mut &[u8]) -> Result<u8, Fault> {
    let (&byte, rest) = block.split_first().ok_or(Fault::Malformed)?;
    *block = rest;
    Ok(byte)
}

/// Takes a string off the front (RFC 7541, section 5.2).
fn string<'a>(block: &mut &'a [u8]) -> Result<Cow<'a, [u8]>, Fault> {
    let coded = block.first().is_some_and(|byte| byte & 0x80 != 0);
    let length = integer(block, 7)?;
    let (string, rest) = block.split_at_checked(length).ok_or(Fault::Malformed)?;
    *block = rest;
    if coded { huffman::decode(string).map(Cow::Owned) } else { Ok(Cow::Borrowed(string)) }
}

/// Writes a field that nobody on the way is to keep (RFC 7541, section 6.2.3), or the index of one that both sides know.
pub(super) fn put_field(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if let Some(index) = table::index_of_field(name, value) {
        return put_integer(block, 0x80, 7, index);
    }
    match table::index_of(name) {
        Some(index) => put_integer(block, 0x10, 4, index),
        None => {
            block.push(0x10);
            put_string(block, name);
        }
    }
    put_string(block, value);
}

fn put_string(block: &mut Vec<u8>, string: &[u8]) {
    put_integer(block, 0, 7, string.len());
    block.extend_from_slice(string);
}

fn put_integer(block: &mut Vec<u8>, pattern: u8, bits: u32, value: usize) {
    let most = (1 << bits) - 1;
    let small = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
    if value < most {
        return block.push(pattern | small(value));
    }
    block.push(pattern | small(most));
    let mut rest = value - most;
    while rest >= 0x80 {
        block.push(small(rest & 0x7f) | 0x80);
        rest >>= 7;
    }
    block.push(small(rest));
}

#[cfg(test)]
mod tests;
