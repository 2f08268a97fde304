//! The answer of `grpc.health.v1.Health/Check`: one message, whose first field is the status of the service.

use crate::probe::http2::Fault;

/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: u64 = 1;

/// Whether the one message in the body says that the service serves.
///
/// # Errors
/// Where there is no whole message, one that is compressed, which nobody asked for, or one that is no protocol buffer.
pub(super) fn is_serving(body: &[u8]) -> Result<bool, Fault> {
    let Some((&[0, a, b, c, d], message)) = body.split_first_chunk() else { return Err(Fault::Malformed) };
    if usize::try_from(u32::from_be_bytes([a, b, c, d])) != Ok(message.len()) {
        return Err(Fault::Malformed);
    }
    let (mut status, mut rest) = (0, message);
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let length = match (key >> 3, key & 7) {
            // A field that is there twice has its last value.
            (1, 0) => {
                status = varint(&mut rest)?;
                0
            }
            (_, 0) => varint(&mut rest).map(|_| 0)?,
            (_, 1) => 8,
            (_, 2) => usize::try_from(varint(&mut rest)?).map_err(|_| Fault::Malformed)?,
            (_, 5) => 4,
            _ => return Err(Fault::Malformed),
        };
        rest = rest.get(length..).ok_or(Fault::Malformed)?;
    }
    Ok(status == SERVING)
}

/// Takes a number of seven bits a byte off the front, the lowest first.
fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Fault::Malformed)?;
        *bytes = rest;
        // What does not fit into 64 bits is cut off, as everywhere.
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Fault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_serving_serves() {
        for (body, serves) in [
            (&b"\0\0\0\0\x02\x08\x01"[..], true),
            (b"\0\0\0\0\x02\x08\x02", false),
            (b"\0\0\0\0\x02\x08\x03", false),
            (b"\0\0\0\0\0", false),
            (b"\0\0\0\0\x04\x08\x02\x08\x01", true),
            (b"\0\0\0\0\x06\x12\x02hi\x08\x01", true),
            (b"\0\0\0\0\x09\x08\x01\x15\0\0\0\0\x18\x05", true),
            (b"\0\0\0\0\x03\x08\x81\x00", true),
        ] {
            assert_eq!(is_serving(body), Ok(serves), "{body:x?}");
        }
        for wrong in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\0\0\x02\x08",
            b"\0\0\0\0\x02\x08\x01x",
            b"\x01\0\0\0\x02\x08\x01",
            b"\0\0\0\0\x01\x08",
            b"\0\0\0\0\x02\x12\x05",
            b"\0\0\0\0\x02\x0b\x01",
            b"\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(is_serving(wrong), Err(Fault::Malformed), "{wrong:x?}");
        }
    }
}
