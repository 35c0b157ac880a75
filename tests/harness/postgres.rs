//! A private PostgreSQL server.

use crate::authority::Authority;
use crate::files::{self, ServerUser};
use crate::ports;
use crate::process::Process;
use crate::wait::until;
use anyhow::Context;
use rustix::process::Signal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio_postgres::NoTls;

/// A database for which users need their passwords.
pub const WITH_PASSWORDS: &str = "with_passwords";

/// A running server.
pub struct Postgres {
    process: Process,
    port: u16,
    data: PathBuf,
}

impl Postgres {
    /// Makes a new, empty server in `directory` and starts it. Without `durable` it does not wait for
    /// the disk, which is all the same as long as the machine runs. Over TLS it takes those for whom the authority vouches.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub async fn start(
        directory: &Path,
        durable: bool,
        authority: &Authority,
    ) -> anyhow::Result<Self> {
        let user = files::server_user()?;
        let directory = files::directory_for(user.as_ref(), directory)?;
        let data = directory.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        let mut initdb = program("initdb", user.as_ref())?;
        initdb
            .args(["--auth=trust", "--username=cinderblock", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(&data);
        let made = initdb.output().context("initdb")?;
        anyhow::ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        authority.equip(user.as_ref(), &data)?;
        let rules = data.join("pg_hba.conf");
        let known = std::fs::read_to_string(&rules)?;
        let first = format!(
            "host {WITH_PASSWORDS} all 127.0.0.1/32 scram-sha-256\n\
             hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n"
        );
        std::fs::write(&rules, format!("{first}{known}"))?;

        let port = ports::free()?;
        let mut command = program("postgres", user.as_ref())?;
        let socket = format!("unix_socket_directories={}", directory.display());
        command.arg("-D").arg(&data).args(["-c", "listen_addresses=127.0.0.1", "-c", &socket]);
        command.args(["-c", &format!("port={port}"), "-c", "max_connections=300"]);
        command.args(["-c", "ssl=on", "-c", "ssl_ca_file=ca.pem"]);
        command.args(["-c", "ssl_cert_file=server.pem", "-c", "ssl_key_file=server.key"]);
        if !durable {
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        let log = directory.join("postgres.log");
        let mut server =
            Self { process: Process::start("postgres", &mut command, &log, false)?, port, data };
        server.wait_until_ready().await?;
        Ok(server)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let url = self.url("postgres");
        until("PostgreSQL takes connections", Duration::from_secs(30), || async {
            tokio_postgres::connect(&url, NoTls).await.is_ok()
        })
        .await
        .with_context(|| self.process.end_of_log())?;
        self.process.require_running()
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://cinderblock@127.0.0.1:{}/{database}", self.port)
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// Ends it in order: connections are closed, the rest is written.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> anyhow::Result<()> {
        // SIGINT is PostgreSQL's fast shutdown
        self.process.signal(Signal::INT)?;
        self.process.terminate(Duration::from_secs(10))?;
        std::fs::remove_dir_all(&self.data)?;
        Ok(())
    }
}

/// A program of the newest PostgreSQL that is installed, run by this user, or by our own.
///
/// # Errors
/// When none is installed.
pub fn program(name: &str, user: Option<&ServerUser>) -> anyhow::Result<Command> {
    let versions = Path::new("/usr/lib/postgresql");
    let installed = std::fs::read_dir(versions).ok().into_iter().flatten().flatten();
    let newest = installed
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .context("PostgreSQL is not installed: `make packages`")?;
    let mut command = Command::new(versions.join(newest.to_string()).join("bin").join(name));
    command.env("LC_ALL", "C").current_dir("/");
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    Ok(command)
}
