//! Reads the body of a request: never more than a limit, and not for longer than a while.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use crate::output::guard::Refusal;
use crate::runtime::view::View;

/// Longest body of a request, in bytes: AWS's own limit for its query protocol.
pub const LIMIT: usize = 1 << 20;

/// A client that has not sent its body by then is answered without it.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The whole body, if it has at most `limit` bytes and comes within `timeout`.
///
/// # Errors
/// 413 for one that is too long, 408 for one that is too slow, 400 for one that breaks off.
pub async fn read(view: &View, body: Body, limit: usize, timeout: Duration) -> Result<Bytes, Refusal> {
    // One that says so beforehand need not be waited for.
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_long(limit));
    }
    tokio::select! {
        biased;
        bytes = collect(body, limit) => bytes,
        () = view.clock.sleep(timeout) => {
            let message = format!("The body did not come within {} s.", timeout.as_secs());
            Err((StatusCode::REQUEST_TIMEOUT, "body_too_slow", message))
        }
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            (StatusCode::BAD_REQUEST, "body_broken", format!("The body cannot be read: {error}."))
        })?;
        if let Ok(data) = frame.into_data() {
            if bytes.len().saturating_add(data.len()) > limit {
                return Err(too_long(limit));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

fn too_long(limit: usize) -> Refusal {
    let message = format!("The body has more than {limit} bytes, which is the limit.");
    (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::view::Clock;
    use futures_util::stream;

    async fn check(body: Body, timeout: Duration, expected: Result<&[u8], u16>) {
        let view = View::new(Clock::start(), 1);
        let found = read(&view, body, 4, timeout).await;
        assert_eq!(found.as_deref().map_err(|(status, _, _)| status.as_u16()), expected);
    }

    #[tokio::test]
    async fn a_body_is_read_within_its_limits() {
        let pieces = |pieces: &[&'static str]| {
            let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, std::io::Error>(*piece)).collect();
            Body::from_stream(stream::iter(pieces))
        };
        check(Body::empty(), TIMEOUT, Ok(b"")).await;
        check(Body::from("four"), TIMEOUT, Ok(b"four")).await;
        check(Body::from("fives"), TIMEOUT, Err(413)).await;
        check(pieces(&["fo", "ur"]), TIMEOUT, Ok(b"four")).await;
        check(pieces(&["fou", "rs"]), TIMEOUT, Err(413)).await;
        let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("cut off"))]);
        check(Body::from_stream(broken), TIMEOUT, Err(400)).await;
        let silent = stream::pending::<Result<Bytes, std::io::Error>>();
        check(Body::from_stream(silent), Duration::from_millis(1), Err(408)).await;
    }
}
