//! What Nova asks for when servers come, move and go, call by call, with the user's token and its own; over both data paths.

use anyhow::Context as _;
use harness::keystone::Keystone;
use harness::scene::connector;
use harness::{Client, Cluster, ClusterBuilder, access_data};
use serde_json::{Value, json};
use uuid::Uuid;

const WRITE: &[&str] = &["write -P 0x5a 0 1M", "flush"];
const READ: &[&str] = &["read -P 0x5a 0 1M"];

/// A Nova beside cinderblock.
struct Nova {
    cluster: Cluster,
    /// For the owner of the servers.
    owner: Compute,
    /// For an operator, of another project.
    operator: Compute,
    _keystone: Keystone,
}

/// What Nova asks on behalf of a user.
struct Compute(Client);

impl Nova {
    async fn start() -> anyhow::Result<Self> {
        let builder = ClusterBuilder::for_test().await?.file("nbd").iscsi("iscsi");
        let mut cluster = builder.start().await?;
        let keystone = Keystone::start(&cluster.directory().join("keystone"), 3600).await?;
        let api = keystone.add_api(&mut cluster).await?;
        let project = keystone.create_project("servers").await?;
        keystone.create_user("owner", "member", &project).await?;
        keystone.create_service_user("nova").await?;
        let service = keystone.token("nova", "nova", "service").await?;
        let client = cluster.client().at(&api).with_service_token(&service);
        let owner = keystone.token("owner", "owner", "servers").await?;
        let owner = Compute(client.in_project(&project).with_token(&owner));
        let found = keystone.ask(reqwest::Method::GET, "/projects?name=admin", Value::Null).await?;
        let project = found["projects"][0]["id"].as_str().context("a project")?;
        let operator = keystone.token("admin", "admin", "admin").await?;
        let operator = Compute(client.in_project(project).with_token(&operator));
        for (name, backend, multiattach) in [
            ("nbd", "nbd", false),
            ("iscsi", "iscsi", false),
            ("shared-nbd", "nbd", true),
            ("shared-iscsi", "iscsi", true),
        ] {
            let mut specs = json!({ "volume_backend_name": backend });
            if multiattach {
                specs["multiattach"] = json!("<is> True");
            }
            let specs = json!({ "extra_specs": specs });
            cluster.client().create_volume_type(name, specs).await?;
        }
        Ok(Self { cluster, owner, operator, _keystone: keystone })
    }

    /// A volume of the owner's on each data path.
    async fn volumes(&self, kind: &str) -> anyhow::Result<Vec<String>> {
        let mut volumes = Vec::new();
        for path in ["nbd", "iscsi"] {
            let volume = json!({ "size": 1, "volume_type": format!("{kind}{path}") });
            let volume = self.owner.0.create_volume(volume).await?;
            self.owner.0.wait_for_status(&volume, "available").await?;
            volumes.push(volume);
        }
        Ok(volumes)
    }

    async fn expect(&self, volume: &str, status: &str) -> anyhow::Result<()> {
        let shown = self.owner.0.volume_status(volume).await?;
        anyhow::ensure!(shown.as_deref() == Some(status), "{shown:?}, not {status}");
        Ok(())
    }
}

impl Compute {
    /// Keeps a volume for a server; the attachment's id.
    async fn reserve(&self, volume: &str, server: Uuid) -> anyhow::Result<String> {
        self.0.with_version("volume 3.44").reserve(volume, Some(server)).await
    }

    /// Keeps a volume for a server, and opens its data path for the host that the server is to move to.
    async fn reserve_on(
        &self,
        volume: &str,
        server: Uuid,
        host: &str,
    ) -> anyhow::Result<(String, Value)> {
        let body = json!({ "attachment": {
            "volume_uuid": volume, "instance_uuid": server, "connector": connector(host) } });
        let made = self.0.post("/attachments", body).await?.expect_status(200)?.body;
        let made = &made["attachment"];
        let id = made["id"].as_str().context("an id")?.to_owned();
        Ok((id, made["connection_info"].clone()))
    }

    /// Opens the data path of an attachment for a host.
    async fn connect(&self, attachment: &str, host: &str) -> anyhow::Result<Value> {
        let mut connector = connector(host);
        connector["mountpoint"] = json!("/dev/vdb");
        let body = json!({ "attachment": { "connector": connector } });
        let path = format!("/attachments/{attachment}");
        let answer = self.0.put(&path, body).await?.expect_status(200)?;
        Ok(answer.body["attachment"]["connection_info"].clone())
    }

    async fn complete(&self, attachment: &str) -> anyhow::Result<()> {
        let path = format!("/attachments/{attachment}/action");
        self.0.post(&path, json!({ "os-complete": null })).await?.expect_status(204).map(drop)
    }

    async fn close(&self, attachment: &str) -> anyhow::Result<()> {
        self.0.delete(&format!("/attachments/{attachment}")).await?.expect_status(200).map(drop)
    }

    /// A server that runs on a host gets a volume; the attachment and where its data is.
    async fn attach(
        &self,
        volume: &str,
        server: Uuid,
        host: &str,
    ) -> anyhow::Result<(String, Value)> {
        self.0.get(&format!("/volumes/{volume}")).await?.expect_status(200)?;
        let attachment = self.reserve(volume, server).await?;
        let connection = self.connect(&attachment, host).await?;
        self.complete(&attachment).await?;
        Ok((attachment, connection))
    }

    /// A server that is leaving its host keeps its volume: first the new attachment, then without the old one.
    async fn leave_host(
        &self,
        volume: &str,
        server: Uuid,
        attachment: &str,
    ) -> anyhow::Result<String> {
        let next = self.reserve(volume, server).await?;
        self.close(attachment).await?;
        Ok(next)
    }
}

#[tokio::test]
async fn a_volume_is_attached_and_detached() -> anyhow::Result<()> {
    let nova = Nova::start().await?;
    for volume in nova.volumes("").await? {
        let (attachment, connection) = nova.owner.attach(&volume, Uuid::new_v4(), "host-1").await?;
        nova.expect(&volume, "in-use").await?;
        access_data(&connection, WRITE)?;
        access_data(&connection, READ)?;
        nova.owner.0.act(&volume, "os-begin_detaching", json!(null)).await?.expect_status(202)?;
        nova.expect(&volume, "detaching").await?;
        nova.owner.close(&attachment).await?;
        nova.expect(&volume, "available").await?;
        assert!(access_data(&connection, READ).is_err(), "the data path is closed");
    }
    nova.cluster.finish(&[]).await
}

#[tokio::test]
async fn a_detachment_that_fails_is_taken_back() -> anyhow::Result<()> {
    let nova = Nova::start().await?;
    for volume in nova.volumes("").await? {
        let (_, connection) = nova.owner.attach(&volume, Uuid::new_v4(), "host-1").await?;
        nova.owner.0.act(&volume, "os-begin_detaching", json!(null)).await?.expect_status(202)?;
        nova.owner.0.act(&volume, "os-roll_detaching", json!(null)).await?.expect_status(202)?;
        nova.expect(&volume, "in-use").await?;
        access_data(&connection, WRITE)?;
    }
    nova.cluster.finish(&[]).await
}

#[tokio::test]
async fn a_server_migrates_while_it_runs() -> anyhow::Result<()> {
    let nova = Nova::start().await?;
    for volume in nova.volumes("").await? {
        let server = Uuid::new_v4();
        let (source, connection) = nova.owner.attach(&volume, server, "host-1").await?;
        access_data(&connection, WRITE)?;
        // first in vain: the destination gives up
        let (destination, _) = nova.operator.reserve_on(&volume, server, "host-2").await?;
        nova.operator.close(&destination).await?;
        access_data(&connection, READ)?;
        nova.expect(&volume, "in-use").await?;

        let (destination, there) = nova.operator.reserve_on(&volume, server, "host-2").await?;
        // both hosts have it while the memory moves
        access_data(&connection, READ)?;
        access_data(&there, READ)?;
        nova.operator.close(&source).await?;
        nova.operator.complete(&destination).await?;
        nova.expect(&volume, "in-use").await?;
        access_data(&there, READ)?;
        // the owner has it all the time, whoever moved the server
        nova.owner.close(&destination).await?;
        nova.expect(&volume, "available").await?;
    }
    nova.cluster.finish(&[]).await
}

#[tokio::test]
async fn a_server_is_evacuated_from_a_host_that_is_gone() -> anyhow::Result<()> {
    let nova = Nova::start().await?;
    for volume in nova.volumes("").await? {
        let server = Uuid::new_v4();
        let (lost, connection) = nova.owner.attach(&volume, server, "host-1").await?;
        access_data(&connection, WRITE)?;
        let next = nova.operator.leave_host(&volume, server, &lost).await?;
        let there = nova.operator.connect(&next, "host-2").await?;
        nova.operator.complete(&next).await?;
        nova.expect(&volume, "in-use").await?;
        access_data(&there, READ)?;
        for (compute, host) in [(&nova.operator, json!("host-2")), (&nova.owner, json!(null))] {
            let shown = compute.0.get(&format!("/volumes/{volume}")).await?.body;
            assert_eq!(shown["volume"]["attachments"][0]["attachment_id"], json!(next));
            assert_eq!(shown["volume"]["attachments"][0]["host_name"], host);
        }
        nova.owner.close(&next).await?;
    }
    nova.cluster.finish(&[]).await
}

#[tokio::test]
async fn a_server_is_shelved_and_unshelved() -> anyhow::Result<()> {
    let nova = Nova::start().await?;
    for volume in nova.volumes("").await? {
        let server = Uuid::new_v4();
        let (attachment, connection) = nova.owner.attach(&volume, server, "host-1").await?;
        access_data(&connection, WRITE)?;
        let kept = nova.owner.leave_host(&volume, server, &attachment).await?;
        nova.expect(&volume, "reserved").await?;
        assert!(access_data(&connection, READ).is_err(), "no host has it");
        // nobody else gets it meanwhile
        let other = json!({ "attachment": {
            "volume_uuid": volume, "instance_uuid": Uuid::new_v4() } });
        assert_eq!(nova.owner.0.post("/attachments", other).await?.status, 400);
        let there = nova.owner.connect(&kept, "host-2").await?;
        nova.owner.complete(&kept).await?;
        nova.expect(&volume, "in-use").await?;
        access_data(&there, READ)?;
    }
    nova.cluster.finish(&[]).await
}

#[tokio::test]
async fn a_server_that_is_resized_may_go_back() -> anyhow::Result<()> {
    let nova = Nova::start().await?;
    for volume in nova.volumes("").await? {
        let server = Uuid::new_v4();
        let (attachment, connection) = nova.owner.attach(&volume, server, "host-1").await?;
        access_data(&connection, WRITE)?;
        let mut attachment = attachment;
        // to the other host, and, as the user does not confirm it, back
        for host in ["host-2", "host-1"] {
            attachment = nova.owner.leave_host(&volume, server, &attachment).await?;
            let connection = nova.owner.connect(&attachment, host).await?;
            nova.owner.complete(&attachment).await?;
            nova.expect(&volume, "in-use").await?;
            access_data(&connection, READ)?;
        }
        nova.owner.close(&attachment).await?;
        nova.expect(&volume, "available").await?;
    }
    nova.cluster.finish(&[]).await
}

#[tokio::test]
async fn several_servers_share_a_volume_and_leave_one_by_one() -> anyhow::Result<()> {
    let nova = Nova::start().await?;
    for volume in nova.volumes("shared-").await? {
        let (first, there) = nova.owner.attach(&volume, Uuid::new_v4(), "host-1").await?;
        let (second, here) = nova.owner.attach(&volume, Uuid::new_v4(), "host-2").await?;
        access_data(&there, WRITE)?;
        access_data(&here, READ)?;
        for (attachment, left) in [(first, "in-use"), (second, "available")] {
            nova.owner
                .0
                .act(&volume, "os-begin_detaching", json!(null))
                .await?
                .expect_status(202)?;
            nova.owner.close(&attachment).await?;
            nova.expect(&volume, left).await?;
        }
        assert!(access_data(&here, READ).is_err(), "the data path is closed");
    }
    nova.cluster.finish(&[]).await
}
