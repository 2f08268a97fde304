//! Response heads as targets send them, for the benches.

/// What nginx answers for a small page: some 210 bytes.
#[must_use]
pub(crate) fn typical() -> Vec<u8> {
    let lines = [
        "HTTP/1.1 200 OK",
        "Server: nginx/1.26.3",
        "Date: Tue, 22 Sep 2026 08:49:37 GMT",
        "Content-Type: text/html",
        "Content-Length: 615",
        "Last-Modified: Wed, 05 Feb 2025 11:06:32 GMT",
        "Connection: close",
        "Accept-Ranges: bytes",
    ];
    head(&lines)
}

/// 30 fields and 2 KiB, as behind proxies and frameworks.
#[must_use]
pub(crate) fn large() -> Vec<u8> {
    let fields = (0..30).map(|number| format!("X-Some-Field-{number:02}: {}", "value ".repeat(8)));
    let lines: Vec<String> = std::iter::once("HTTP/1.1 200 OK".to_owned()).chain(fields).collect();
    head(&lines)
}

fn head(lines: &[impl AsRef<str>]) -> Vec<u8> {
    let ended = lines.iter().flat_map(|line| [line.as_ref(), "\r\n"]);
    ended.chain(["\r\n"]).collect::<String>().into_bytes()
}
