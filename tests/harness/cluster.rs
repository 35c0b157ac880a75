//! A cluster of real cinderblock processes.

use crate::authority::Authority;
use crate::client::Client;
use crate::image_service::ImageService;
use crate::process::{Process, end_daemons_below};
use crate::{Servers, files, invariants, ports, rabbitmq, until, until_some};
use anyhow::Context;
use bus::rights::BrokerUser;
use database::DatabaseRole;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The project of the cluster's default client.
pub const PROJECT: &str = "5f2b0e0b7d0f4f6f8f9a3c1d2e4b6a70";

/// How long a process may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Timers that let a test see within seconds what otherwise takes up to a minute.
const SHORT_TIMERS: &str = "heartbeat_seconds = 0.5\ndown_after_seconds = 3.0";
const SHORT_VOLUME_TIMERS: &str = "lease_seconds = 3.0\nsweep_seconds = 0.3";

/// A backend of a cluster.
#[derive(Clone, Debug)]
pub struct BackendSpec {
    /// Its section's name.
    pub name: String,
    /// `file`, `rbd` or `fake`.
    pub driver: &'static str,
    /// More lines for its section.
    pub settings: String,
}

/// As whom processes come to PostgreSQL and the broker.
#[derive(Clone, Debug)]
enum Users {
    /// All as the owner of everything.
    Owner,
    /// Each as the user that the servers of this run have for it, who may do what it needs and no more. The URL is the broker's,
    /// for its owner.
    OfTests(String),
    /// Each as the user that `cinderblock-manage bootstrap` made, with its secrets in this directory.
    Bootstrapped(PathBuf),
}

/// Describes a cluster before it is started.
pub struct ClusterBuilder {
    directory: PathBuf,
    database: Option<String>,
    amqp: String,
    backends: Vec<BackendSpec>,
    apis: usize,
    schedulers: usize,
    workers: usize,
    backup_services: usize,
    settings: String,
    bus_settings: String,
    volume_settings: String,
    log_filter: String,
    timers: &'static str,
    volume_timers: &'static str,
    users: Users,
    /// The image service, where there is one.
    image_service: Option<ImageService>,
    /// A configuration file to use as it is; what differs here goes into the environment.
    given: Option<PathBuf>,
}

impl ClusterBuilder {
    /// A cluster for a test, on the servers of this run: one process of each kind, one fake backend
    /// `a`, short timers.
    ///
    /// # Errors
    /// When there are no servers.
    pub async fn for_test() -> anyhow::Result<Self> {
        let servers = Servers::of_this_run()?;
        Self::on(&servers).await
    }

    /// The same on other servers.
    ///
    /// # Errors
    /// When no database can be made there.
    pub async fn on(servers: &Servers) -> anyhow::Result<Self> {
        Ok(Self {
            directory: files::new_test_directory(),
            database: Some(servers.new_database().await?),
            amqp: servers.amqp.clone(),
            backends: Vec::new(),
            apis: 1,
            schedulers: 1,
            workers: 1,
            backup_services: 0,
            settings: "[quota]\nvolumes = -1\ngigabytes = -1\n".to_owned(),
            bus_settings: String::new(),
            volume_settings: String::new(),
            log_filter: "info".to_owned(),
            timers: SHORT_TIMERS,
            volume_timers: SHORT_VOLUME_TIMERS,
            users: Users::OfTests(servers.amqp.clone()),
            image_service: Some(ImageService::start().await?),
            given: None,
        })
    }

    /// A cluster that people use, in `directory`: the database is named by its URL.
    #[must_use]
    pub fn in_directory(directory: &Path, database: &str, amqp: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            database: Some(database.to_owned()),
            amqp: amqp.to_owned(),
            backends: Vec::new(),
            apis: 1,
            schedulers: 1,
            workers: 1,
            backup_services: 1,
            settings: String::new(),
            bus_settings: String::new(),
            volume_settings: String::new(),
            log_filter: "info".to_owned(),
            timers: SHORT_TIMERS,
            volume_timers: SHORT_VOLUME_TIMERS,
            users: Users::Owner,
            image_service: None,
            given: None,
        }
    }

    /// The configuration that people deploy, with its backends, in place of the builder's own.
    #[must_use]
    pub fn deployed(self) -> Self {
        let given = Some(files::repository().join("deploy/cinderblock.toml"));
        Self { given, ..self }.file("ssd").file("hdd")
    }

    /// What of a given configuration file is different here.
    fn environment(&self, database: &str) -> Vec<(String, String)> {
        if self.given.is_none() {
            return Vec::new();
        }
        let directory = self.directory.display();
        let mut environment = vec![
            ("CINDERBLOCK__DATABASE__URL".to_owned(), database.to_owned()),
            ("CINDERBLOCK__BUS__URL".to_owned(), self.amqp.clone()),
            ("CINDERBLOCK__VOLUME__STATE_DIRECTORY".to_owned(), format!("{directory}/state")),
            ("CINDERBLOCK__BACKUP__BACKUP_POSIX_PATH".to_owned(), format!("{directory}/backups")),
        ];
        for BackendSpec { name, .. } in &self.backends {
            let key = format!("CINDERBLOCK__BACKENDS__{}__FILE__DIRECTORY", name.to_uppercase());
            environment.push((key, format!("{directory}/{name}")));
        }
        environment
    }

    /// One more backend with the `fake` driver.
    #[must_use]
    pub fn fake(self, name: &str) -> Self {
        self.backend(BackendSpec { name: name.to_owned(), driver: "fake", settings: String::new() })
    }

    /// One more backend with the `file` driver.
    #[must_use]
    pub fn file(self, name: &str) -> Self {
        self.backend(BackendSpec { name: name.to_owned(), driver: "file", settings: String::new() })
    }

    /// One more backend with the `file` driver, replicated to these arrays beside its own.
    #[must_use]
    pub fn replicated(self, name: &str, targets: &[&str], settings: &str) -> Self {
        let mut settings = settings.to_owned();
        for target in targets {
            let directory = self.directory.join(target).display().to_string();
            let _ = writeln!(
                settings,
                "[[backends.{name}.replication_device]]\nbackend_id = '{target}'\ndirectory = '{directory}'"
            );
        }
        self.backend(BackendSpec { name: name.to_owned(), driver: "file", settings })
    }

    /// One more backend with the `file` driver, whose servers come over iSCSI.
    #[must_use]
    pub fn iscsi(self, name: &str) -> Self {
        let settings = "file.target_protocol = 'iscsi'\n".to_owned();
        self.backend(BackendSpec { name: name.to_owned(), driver: "file", settings })
    }

    /// One more backend with the `rbd` driver, in a pool of a cluster.
    #[must_use]
    pub fn rbd(self, name: &str, conf: &Path, pool: &str) -> Self {
        let settings = format!(
            "rbd.rbd_ceph_conf = '{}'\nrbd.rbd_pool = '{pool}'\nrbd.rbd_user = 'admin'\n",
            conf.display()
        );
        self.backend(BackendSpec { name: name.to_owned(), driver: "rbd", settings })
    }

    /// One more backend.
    #[must_use]
    pub fn backend(mut self, backend: BackendSpec) -> Self {
        self.backends.push(backend);
        self
    }

    /// The cluster's directory, which starting it makes.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The URL of its database, for the owner.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// How many API processes.
    #[must_use]
    pub fn apis(self, apis: usize) -> Self {
        Self { apis, ..self }
    }

    /// How many schedulers.
    #[must_use]
    pub fn schedulers(self, schedulers: usize) -> Self {
        Self { schedulers, ..self }
    }

    /// How many volume processes, each for all backends. Without any, starting waits for no backend.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// These sections of the configuration in place of the builder's own.
    #[must_use]
    pub fn settings(self, settings: &str) -> Self {
        Self { settings: settings.to_owned(), ..self }
    }

    /// With the users that `cinderblock-manage bootstrap` made, and their secrets in this directory.
    #[must_use]
    pub fn bootstrapped(self, directory: &Path) -> Self {
        Self { users: Users::Bootstrapped(directory.to_owned()), ..self }
    }

    /// Where there is no image service.
    #[must_use]
    pub fn without_image_service(self) -> Self {
        Self { image_service: None, ..self }
    }

    /// With TLS to the servers of this run.
    #[must_use]
    pub fn over_tls(self, servers: &Servers, authority: &Authority) -> Self {
        let mut settings = self.settings;
        for section in ["database", "bus"] {
            let _ = writeln!(settings, "[{section}.tls]");
            for (key, file) in authority.tls(&authority.ca_file()).as_object().into_iter().flatten()
            {
                let _ = writeln!(settings, "{key} = {file}");
            }
        }
        let database = self.database.map(|url| format!("{url}?sslmode=require"));
        let users = Users::OfTests(servers.amqps.clone());
        Self { database, amqp: servers.amqps.clone(), users, settings, ..self }
    }

    /// What the processes log.
    #[must_use]
    pub fn log_filter(self, filter: &str) -> Self {
        Self { log_filter: filter.to_owned(), ..self }
    }

    /// The timers that cinderblock has by itself, in place of short ones.
    #[must_use]
    pub fn default_timers(self) -> Self {
        Self { timers: "", volume_timers: "", ..self }
    }

    /// More lines for the section `[bus]`.
    #[must_use]
    pub fn bus_settings(self, settings: &str) -> Self {
        Self { bus_settings: settings.to_owned(), ..self }
    }

    /// How many backup services, each for all backends.
    #[must_use]
    pub fn backup_services(self, backup_services: usize) -> Self {
        Self { backup_services, ..self }
    }

    /// More lines for the section `[volume]`.
    #[must_use]
    pub fn volume_settings(self, settings: &str) -> Self {
        Self { volume_settings: settings.to_owned(), ..self }
    }

    /// Starts everything and waits until it works.
    ///
    /// # Errors
    /// When something does not start; the error shows its log.
    pub async fn start(mut self) -> anyhow::Result<Cluster> {
        if self.backends.is_empty() {
            self = self.fake("a");
        }
        std::fs::create_dir_all(&self.directory)?;
        let database = self.database.clone().unwrap_or_default();
        let environment = self.environment(&database);
        let config = match self.given.take() {
            Some(given) => given,
            None => {
                let config = self.directory.join("cinderblock.toml");
                std::fs::write(&config, self.config_file(&database)?)?;
                config
            }
        };
        let mut cluster = Cluster {
            directory: self.directory,
            config,
            users: self.users,
            environment,
            image_service: self.image_service,
            database,
            backends: self.backends.iter().map(|backend| backend.name.clone()).collect(),
            apis: Vec::new(),
            schedulers: Vec::new(),
            workers: Vec::new(),
            backup_services: Vec::new(),
        };
        if let Users::OfTests(_) = cluster.users {
            cluster.declare_exchanges().await?;
        }
        for _ in 0..self.schedulers {
            cluster.schedulers.push(cluster.service(Kind::Scheduler, &[])?);
        }
        for _ in 0..self.workers {
            cluster.workers.push(cluster.service(Kind::Volume, &[])?);
        }
        for _ in 0..self.backup_services {
            cluster.backup_services.push(cluster.service(Kind::Backup, &[])?);
        }
        for _ in 0..self.apis {
            cluster.apis.push(cluster.service(Kind::Api, &[])?);
        }
        cluster.wait_until_ready().await?;
        Ok(cluster)
    }

    fn config_file(&self, database: &str) -> anyhow::Result<String> {
        let directory = self.directory.display();
        let names: Vec<_> =
            self.backends.iter().map(|backend| format!("'{}'", backend.name)).collect();
        let (database, amqp) = match self.users {
            Users::Owner | Users::OfTests(_) => {
                (format!("url = '{database}'"), format!("url = '{}'", self.amqp))
            }
            Users::Bootstrapped(_) => (String::new(), String::new()),
        };
        let mut text = format!(
            "[database]\n{database}\n\n\
             [bus]\n{amqp}\nnamespace = '{}'\n{}\n\
             [services]\nhost = 'host'\n{}\n\n\
             [api]\nidentity = 'noauth'\n\n\
             [volume]\nenabled_backends = [{}]\nstate_directory = '{directory}/state'\n\
             image_conversion_dir = '{directory}/conversion'\n{}\n{}\n\
             [backup]\nenabled_backends = [{}]\nbackup_posix_path = '{directory}/backups'\n{}\n\n\
             [log]\nfilter = '{}'\n\n{}\n",
            self.directory.file_name().context("a directory has a name")?.display(),
            self.bus_settings,
            self.timers,
            names.join(", "),
            self.volume_timers,
            self.volume_settings,
            names.join(", "),
            self.volume_timers,
            self.log_filter,
            self.settings,
        );
        if let Some(image_service) = &self.image_service {
            writeln!(text, "[glance]\nendpoint = '{}'\n", image_service.url())?;
        }
        for BackendSpec { name, driver, settings } in &self.backends {
            writeln!(
                text,
                "[backends.{name}]\ndriver = '{driver}'\nfile.directory = '{directory}/{name}'\n{settings}\n"
            )?;
        }
        Ok(text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Api,
    Scheduler,
    Volume,
    Backup,
}

impl Kind {
    const fn program(self) -> &'static str {
        match self {
            Self::Api => "cinderblock-api",
            Self::Scheduler => "cinderblock-scheduler",
            Self::Volume => "cinderblock-volume",
            Self::Backup => "cinderblock-backup",
        }
    }

    const fn users(self) -> (DatabaseRole, BrokerUser) {
        match self {
            Self::Api => (DatabaseRole::Api, BrokerUser::Api),
            Self::Scheduler => (DatabaseRole::Scheduler, BrokerUser::Scheduler),
            Self::Volume => (DatabaseRole::Volume, BrokerUser::Volume),
            Self::Backup => (DatabaseRole::Backup, BrokerUser::Backup),
        }
    }

    const fn address_variable(self) -> &'static str {
        match self {
            Self::Api => "CINDERBLOCK__API__LISTEN",
            Self::Scheduler => "CINDERBLOCK__SCHEDULER__HEALTH_LISTEN",
            Self::Volume => "CINDERBLOCK__VOLUME__HEALTH_LISTEN",
            Self::Backup => "CINDERBLOCK__BACKUP__HEALTH_LISTEN",
        }
    }
}

/// A cinderblock process.
pub struct Service {
    /// The process.
    pub process: Process,
    kind: Kind,
    port: u16,
}

impl Service {
    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A running cluster; it ends when it is dropped.
pub struct Cluster {
    directory: PathBuf,
    config: PathBuf,
    users: Users,
    environment: Vec<(String, String)>,
    image_service: Option<ImageService>,
    /// The URL of its database.
    pub database: String,
    backends: Vec<String>,
    /// The API processes.
    pub apis: Vec<Service>,
    /// The schedulers.
    pub schedulers: Vec<Service>,
    /// The volume processes.
    pub workers: Vec<Service>,
    /// The backup services.
    pub backup_services: Vec<Service>,
}

impl Cluster {
    fn service(&self, kind: Kind, environment: &[(&str, &str)]) -> anyhow::Result<Service> {
        let port = ports::free()?;
        let count = std::fs::read_dir(&self.directory)?.count();
        let log = self.directory.join(format!("{}.{count}.log", kind.program()));
        let mut command = Command::new(files::program(kind.program())?);
        command
            .arg("--config")
            .arg(&self.config)
            .envs(self.own_users(kind)?)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(kind.address_variable(), format!("127.0.0.1:{port}"))
            .envs(environment.iter().copied());
        let process = Process::start(kind.program(), &mut command, &log, false)?;
        Ok(Service { process, kind, port })
    }

    /// The users that a process has in PostgreSQL and on the broker, where each has its own.
    fn own_users(&self, kind: Kind) -> anyhow::Result<Vec<(String, String)>> {
        let (role, user) = kind.users();
        let variables = match &self.users {
            Users::Owner => Vec::new(),
            Users::OfTests(broker) => vec![
                ("CINDERBLOCK__DATABASE__URL", Servers::as_role(&self.database, role)),
                ("CINDERBLOCK__DATABASE__MIGRATE_ON_START", "false".to_owned()),
                ("CINDERBLOCK__BUS__URL", rabbitmq::as_user(broker, user)),
                ("CINDERBLOCK__BUS__DECLARE_EXCHANGES", "false".to_owned()),
            ],
            Users::Bootstrapped(directory) => {
                let file = directory.join(user.as_str()).join("environment");
                return Ok(std::fs::read_to_string(file)?
                    .lines()
                    .filter_map(|line| line.split_once('='))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect());
            }
        };
        Ok(variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Makes what the users of processes may not make.
    async fn declare_exchanges(&self) -> anyhow::Result<()> {
        let config = configuration::Config::load(Some(&self.config))?;
        let stopping = tokio_util::sync::CancellationToken::new();
        let bus = bus::Bus::start(&config.bus, "harness", stopping.clone());
        let is_ready = bus.wait_until_ready(START_TIMEOUT).await;
        stopping.cancel();
        anyhow::ensure!(is_ready, "the broker does not answer");
        Ok(())
    }

    /// The image service, of which every test has one.
    ///
    /// # Errors
    /// When this is no cluster of a test.
    pub fn image_service(&self) -> anyhow::Result<&ImageService> {
        self.image_service.as_ref().context("only tests have an image service")
    }

    /// One more API process, ready to work.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add_api(&mut self, environment: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut service = self.service(Kind::Api, environment)?;
        wait_for(&mut service).await?;
        self.apis.push(service);
        Ok(())
    }

    /// One more scheduler, ready to work.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add_scheduler(&mut self, environment: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut service = self.service(Kind::Scheduler, environment)?;
        wait_for(&mut service).await?;
        self.schedulers.push(service);
        Ok(())
    }

    /// One more volume process, ready to work.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add_worker(&mut self, environment: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut service = self.service(Kind::Volume, environment)?;
        wait_for(&mut service).await?;
        self.workers.push(service);
        Ok(())
    }

    /// The same, and waits until it has reported every backend: that it is ready does not tell that it serves them.
    ///
    /// # Errors
    /// When it does not.
    pub async fn add_serving_worker(&mut self, environment: &[(&str, &str)]) -> anyhow::Result<()> {
        let database = self.database().await?;
        let now: SystemTime = database.query_one("select clock_timestamp()", &[]).await?.get(0);
        self.add_worker(environment).await?;
        until("the worker reports all backends", START_TIMEOUT, || async {
            let sql = "select coalesce(bool_and(seen_at > $1), false) from backends";
            database.query_one(sql, &[&now]).await.is_ok_and(|row| row.get(0))
        })
        .await
        .with_context(|| self.logs())
    }

    /// One more volume process that is not waited for: it may die of its failpoints before it can tell that it works.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_worker(&mut self, environment: &[(&str, &str)]) -> anyhow::Result<()> {
        let service = self.service(Kind::Volume, environment)?;
        self.workers.push(service);
        Ok(())
    }

    /// One more backup service, ready to work.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add_backup_service(&mut self, environment: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut service = self.service(Kind::Backup, environment)?;
        wait_for(&mut service).await?;
        self.backup_services.push(service);
        Ok(())
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let services = self.apis.iter_mut().chain(&mut self.schedulers).chain(&mut self.workers);
        for service in services.chain(&mut self.backup_services) {
            wait_for(service).await?;
        }
        if self.workers.is_empty() {
            return Ok(());
        }
        let client = self.client();
        let expected = self.backends.len();
        let names = until_some("all backends are up", START_TIMEOUT, || async {
            let answered = client.get("/os-services?binary=cinder-volume").await.ok()?;
            let services = answered.body["services"].as_array().cloned().unwrap_or_default();
            let is_up = |service: &Value| service["backend_state"] == "up";
            let name = |service: &Value| {
                let name = service["cluster"].as_str().or(service["host"].as_str());
                name.map(str::to_owned)
            };
            let all_up = services.len() == expected && services.iter().all(is_up);
            all_up.then(|| services.iter().filter_map(name).collect::<BTreeSet<_>>())
        })
        .await
        .with_context(|| self.logs())?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.wait_until_placeable(&names).await?;
        self.wait_until_reached().await
    }

    /// Waits until the backup services reach all backends.
    async fn wait_until_reached(&self) -> anyhow::Result<()> {
        let (database, backends) = (self.database().await?, self.backends.len());
        let expected = i64::try_from(self.backup_services.len() * backends)?;
        until("the backup services reach all backends", START_TIMEOUT, || async {
            let sql = "select coalesce(sum(cardinality(reached)), 0) from services";
            database.query_one(sql, &[]).await.is_ok_and(|row| row.get::<_, i64>(0) >= expected)
        })
        .await
        .with_context(|| self.logs())
    }

    /// Waits until every scheduler would place volumes on these backends, as far as it depends on their being up:
    /// the database knows of a backend before the schedulers' copies do.
    ///
    /// # Errors
    /// When one of them does not in time.
    pub async fn wait_until_placeable(&self, backends: &[&str]) -> anyhow::Result<()> {
        for scheduler in &self.schedulers {
            let url = format!("{}/healthcheck", scheduler.endpoint());
            until("the scheduler sees all backends up", START_TIMEOUT, || async {
                let Ok(answered) = crate::http().get(&url).send().await else { return false };
                let seen: Value = answered.json().await.unwrap_or_default();
                backends.iter().all(|name| {
                    let seen = &seen["backends"][name];
                    let conditions = seen["conditions"].as_array();
                    seen["reports"] == true
                        && conditions.is_some_and(|all| all.iter().all(|one| one != "down"))
                })
            })
            .await
            .with_context(|| self.logs())?;
        }
        Ok(())
    }

    /// A client of the first API process, an admin of [`PROJECT`].
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.endpoint(), PROJECT)
    }

    /// The first API process's `http://127.0.0.1:port`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.apis.first().map(Service::endpoint).unwrap_or_default()
    }

    /// The cluster's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_file(&self) -> &Path {
        &self.config
    }

    /// `host@backend` of one of its backends.
    #[must_use]
    pub fn host(&self, backend: &str) -> String {
        format!("host@{backend}")
    }

    /// A connection to its database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn database(&self) -> anyhow::Result<tokio_postgres::Client> {
        let in_clear = self.database.split('?').next().unwrap_or_default();
        let (client, connection) = tokio_postgres::connect(in_clear, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let functions = database::statements::search_path();
        let settings = format!("set search_path = {functions}; set cinderblock.down_after = '3s'");
        client.batch_execute(&settings).await?;
        Ok(client)
    }

    /// Breaks every connection of its processes to the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cut_database_connections(&self) -> anyhow::Result<()> {
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where datname = current_database() and application_name = 'cinderblock'";
        self.database().await?.query_one(cut, &[]).await?;
        Ok(())
    }

    /// All processes' logs, each line with its process.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut logs = String::new();
        for (path, line) in self.log_lines() {
            let _ = writeln!(logs, "{path}: {line}");
        }
        logs
    }

    /// The lines of all processes' logs, each with the name of its log.
    #[must_use]
    pub fn log_lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let entries = std::fs::read_dir(&self.directory).ok().into_iter().flatten().flatten();
        for entry in
            entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"))
        {
            let name = entry.file_name().display().to_string();
            let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
            lines.extend(log.lines().map(|line| (name.clone(), line.to_owned())));
        }
        lines
    }

    /// Ends the test. Every operation must come to its end and leave everything in order
    /// ([`crate::invariants`]), and no process may have logged a warning or an error that does not
    /// contain one of `expected`.
    ///
    /// # Errors
    /// When that is not so.
    pub async fn finish(self, expected: &[&str]) -> anyhow::Result<()> {
        invariants::check(&self).await?;
        self.finish_unsettled(expected)
    }

    /// The same for a test that leaves operations unfinished on purpose.
    ///
    /// # Errors
    /// When a process has logged something unexpected.
    pub fn finish_unsettled(self, expected: &[&str]) -> anyhow::Result<()> {
        let unexpected: Vec<String> = self
            .log_lines()
            .into_iter()
            .filter(|(_, line)| {
                [" WARN ", "ERROR ", "panicked"].iter().any(|level| line.contains(level))
            })
            .filter(|(_, line)| !expected.iter().any(|text| line.contains(text)))
            .map(|(name, line)| format!("{name}: {line}"))
            .collect();
        anyhow::ensure!(
            unexpected.is_empty(),
            "unexpected in the logs:\n{}",
            unexpected.join("\n")
        );
        let directory = self.directory.clone();
        drop(self);
        std::fs::remove_dir_all(directory)?;
        Ok(())
    }

    /// The directories of its arrays, by backend.
    pub fn arrays(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let arrays = self.backends.iter().map(|name| (name.as_str(), self.directory.join(name)));
        arrays.filter(|(_, directory)| directory.join("volumes").exists())
    }

    /// Ends the processes in order, as an operator would, and then the storage daemons.
    ///
    /// # Errors
    /// When the system does not tell how they ended.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let Self { apis, workers, backup_services, schedulers, .. } = &mut self;
        for services in [apis, backup_services, workers, schedulers] {
            for service in services.iter_mut() {
                service.process.terminate(Duration::from_secs(15))?;
            }
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Self { apis, workers, backup_services, schedulers, .. } = self;
        for services in [apis, backup_services, workers, schedulers] {
            services.clear();
        }
        end_daemons_below(&self.directory);
    }
}

/// Waits until the process is healthy, or has ended.
async fn wait_for(service: &mut Service) -> anyhow::Result<()> {
    let (url, program) = (format!("{}/healthcheck", service.endpoint()), service.kind.program());
    let process = Mutex::new(&mut service.process);
    let require_running =
        || process.lock().unwrap_or_else(PoisonError::into_inner).require_running();
    until_some(program, START_TIMEOUT, || async {
        let known = require_running().is_err()
            || crate::http()
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success());
        known.then_some(())
    })
    .await
    .with_context(|| process.lock().unwrap_or_else(PoisonError::into_inner).end_of_log())?;
    require_running()
}
