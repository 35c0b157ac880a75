//! A private RabbitMQ broker with its own port mapper.

use crate::authority::Authority;
use crate::ports;
use crate::process::Process;
use crate::wait::until;
use anyhow::Context;
use bus::rights::{self, BrokerUser, NewUser};
use configuration::BusConfig;
use rustix::process::Signal;
use serde_json::json;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The namespaces of the clusters of tests: the beginnings of UUIDs.
const TEST_NAMESPACES: &str = "[0-9a-f]{8}";
/// The password of all test users.
const TEST_PASSWORD: &str = "test";

const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// A running broker.
pub struct RabbitMq {
    directory: PathBuf,
    node: String,
    port: u16,
    tls_port: u16,
    mapper_port: u16,
    distribution_port: u16,
    mapper: Process,
    broker: Process,
}

impl RabbitMq {
    /// Makes a new, empty broker in `directory` and starts it. Over TLS it takes those for whom the authority vouches.
    ///
    /// # Errors
    /// When RabbitMQ is not installed or does not start.
    pub async fn start(directory: &Path, authority: &Authority) -> anyhow::Result<Self> {
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        std::fs::create_dir_all(directory)?;
        authority.equip(None, directory)?;
        let (port, tls_port) = (ports::free()?, ports::free()?);
        let (mapper_port, distribution_port) = (ports::free()?, ports::free()?);
        let at = directory.display();
        std::fs::write(
            directory.join("rabbitmq.conf"),
            format!(
                "listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users = none\nvm_memory_high_watermark.relative = 0.6\ndisk_free_limit.absolute = 50MB\nlog.console = false\n\
                 listeners.ssl.1 = 127.0.0.1:{tls_port}\nssl_options.cacertfile = {at}/ca.pem\nssl_options.certfile = {at}/server.pem\n\
                 ssl_options.keyfile = {at}/server.key\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
                 load_definitions = {at}/definitions.json\n"
            ),
        )?;
        std::fs::write(directory.join("definitions.json"), users()?.to_string())?;
        std::fs::write(directory.join("enabled_plugins"), "[].\n")?;
        // short node names keep Erlang from looking up the host
        let node = format!("cinderblock{port}@localhost");
        let mut mapper = Command::new("epmd");
        mapper.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
        let mapper = Process::start("epmd", &mut mapper, &directory.join("epmd.log"), true)
            .context("RabbitMQ is not installed: `make packages`")?;
        let broker = start_broker(directory, &node, mapper_port, distribution_port)?;
        let directory = directory.to_owned();
        let mut started = Self {
            directory,
            node,
            port,
            tls_port,
            mapper_port,
            distribution_port,
            mapper,
            broker,
        };
        started.write_control_program()?;
        started.wait_until_ready().await?;
        Ok(started)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let port = self.port;
        until("RabbitMQ takes connections", Duration::from_secs(60), || speaks_amqp(port))
            .await
            .with_context(|| self.broker.end_of_log())?;
        self.broker.require_running()
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Its URL with TLS.
    #[must_use]
    pub fn url_with_tls(&self) -> String {
        format!("amqps://guest:guest@127.0.0.1:{}/%2f", self.tls_port)
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.broker.log()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.broker.kill();
    }

    /// SIGSTOP or SIGCONT.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.broker.signal(signal)
    }

    /// Starts it again after [`Self::kill`], with what it had stored. Returns once it takes connections.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.broker =
            start_broker(&self.directory, &self.node, self.mapper_port, self.distribution_port)?;
        self.wait_until_ready().await
    }

    /// Runs `rabbitmqctl`.
    ///
    /// # Errors
    /// When it complains.
    pub async fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = tokio::process::Command::new(self.control_program());
        let output = command.args(arguments).output().await?;
        anyhow::ensure!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A program that is `rabbitmqctl` for this broker.
    #[must_use]
    pub fn control_program(&self) -> PathBuf {
        self.directory.join("rabbitmqctl")
    }

    /// Writes it.
    fn write_control_program(&self) -> anyhow::Result<()> {
        let mut script = "#!/bin/sh\n".to_owned();
        for (name, value) in environment(&self.directory, &self.node, self.mapper_port) {
            let _ = writeln!(script, "export {name}='{value}'");
        }
        let _ = writeln!(script, "exec {PROGRAMS}/rabbitmqctl --node '{}' \"$@\"", self.node);
        let program = self.control_program();
        std::fs::write(&program, script)?;
        Ok(std::fs::set_permissions(program, Permissions::from_mode(0o700))?)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.broker.kill();
        self.mapper.kill();
        std::fs::remove_dir_all(self.directory.join("mnesia"))?;
        Ok(())
    }
}

/// Those who may do everything, and for the clusters of tests those with the rights of the services.
fn users() -> anyhow::Result<serde_json::Value> {
    let service = |of: BrokerUser| NewUser { of, name: test_user(of), password: TEST_PASSWORD };
    let services = BrokerUser::ALL.map(service);
    let config = BusConfig::default();
    let mut users =
        rights::users(&config, TEST_NAMESPACES, &services).map_err(anyhow::Error::msg)?;
    let guest = json!({ "name": "guest", "password": "guest", "tags": ["administrator"] });
    let all =
        json!({ "user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*" });
    for (section, entry) in [("users", guest), ("permissions", all)] {
        users[section].as_array_mut().context("a list")?.push(entry);
    }
    Ok(users)
}

/// The name of the user that has the rights of a service in the clusters of tests.
fn test_user(of: BrokerUser) -> String {
    format!("test-{}", of.as_str())
}

/// A URL of the broker for the user that has the rights of a service.
#[must_use]
pub fn as_user(url: &str, of: BrokerUser) -> String {
    url.replacen("//guest:guest@", &format!("//{}:{TEST_PASSWORD}@", test_user(of)), 1)
}

fn environment(directory: &Path, node: &str, mapper_port: u16) -> Vec<(&'static str, String)> {
    let file = |name: &str| directory.join(name).display().to_string();
    vec![
        ("HOME", directory.display().to_string()),
        ("RABBITMQ_NODENAME", node.to_owned()),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", file("mnesia")),
        ("RABBITMQ_LOG_BASE", file("log")),
        ("RABBITMQ_PID_FILE", file("pid")),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("ERL_EPMD_PORT", mapper_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
    ]
}

fn start_broker(
    directory: &Path,
    node: &str,
    mapper_port: u16,
    distribution_port: u16,
) -> anyhow::Result<Process> {
    let mut command = Command::new(format!("{PROGRAMS}/rabbitmq-server"));
    command.envs(environment(directory, node, mapper_port));
    // what the broker dumps when it is killed
    command.current_dir(directory);
    command.env("RABBITMQ_DIST_PORT", distribution_port.to_string());
    command.env("RABBITMQ_SERVER_START_ARGS", "-start_epmd false");
    // idle schedulers of Erlang look for work in a loop, and take the processors from those who have some
    let idle_is_idle = "+sbwt none +sbwtdcpu none +sbwtdio none";
    command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", idle_is_idle);
    Process::start("rabbitmq", &mut command, &directory.join("broker.log"), true)
        .context("RabbitMQ is not installed: `make packages`")
}

/// The port is open before the broker answers on it.
async fn speaks_amqp(port: u16) -> bool {
    let handshake = async {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        stream.read_u8().await
    };
    matches!(tokio::time::timeout(Duration::from_millis(500), handshake).await, Ok(Ok(1)))
}
