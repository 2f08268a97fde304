//! Groups in place of others.

use super::*;

#[tokio::test]
async fn a_group_made_in_place_of_one_from_the_file_begins_without_its_targets() {
    let server = Server::start().await;
    let file = Account::default().arn("us-east-1", &GroupName::parse("file").unwrap(), Tick(0));
    let register = format!("Action=RegisterTargets&TargetGroupArn={file}{}", targets(0..2));
    assert_eq!(server.call(&register).await.0, StatusCode::OK);
    server.writer.file(Desired::default()).await.unwrap();
    let arn = make(&server, "file").await;
    let health = server.call(&format!("Action=DescribeTargetHealth&TargetGroupArn={arn}")).await.1;
    assert!(!health.contains("<State>initial</State>"), "{health}");
    // Nor do they wait any longer.
    let groups = vec![from_file("file", &[], |_| ())];
    assert_eq!(
        server.writer.file(Desired { groups, ..Desired::default() }).await.map(|changes| changes.registered),
        Some(0)
    );
}
