//! Calls that are refused, and those that are taken although they could be.

use super::refused;
use super::server::Server;

#[tokio::test]
async fn nothing() {
    let server = Server::with_scene().await;
    assert_eq!(refused(&server, "DescribeTasks", "{}").await.0, "InvalidParameterException");
}
