//! The iSCSI targets of an array: a private `tgtd`, and what `tgtadm` tells it.
//!
//! A target gives a volume to whoever logs in with the CHAP account of a host that it is attached to. It lets initiators in last of
//! all, so that one which a crash left half made is known by its closed door and made again.

use crate::blocking::blocking;
use crate::chap::Chap;
use crate::directory::Directory;
use crate::file_lock::lock_file;
use crate::io_error::unusable;
use crate::names::export_name;
use crate::object::Object;
use crate::target_listing::{Target, connections, targets};
use crate::{port, target_daemon};
use configuration::FileDriverConfig;
use driver::DriverError;
use model::{AttachMode, Connector, VolumeId, host_of};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use uuid::Uuid;

/// What Cinder's targets are called, too.
const PREFIX: &str = "iqn.2010-10.org.openstack:";
/// The number of the disk in each target; 0 is the controller.
pub(crate) const LUN: u32 = 1;
/// How `tgtd` and `tgtadm` are told of their socket.
const SOCKET: &str = "tgtd.sock";
/// How long the daemon may take for one answer.
const TGTADM_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the daemon is given to answer after its start.
const START_TRIES: u32 = 50;
const START_PAUSE: Duration = Duration::from_millis(50);

/// What a server needs to log in.
pub(crate) struct Login {
    /// `address:port`
    pub portal: String,
    /// The target's name.
    pub iqn: String,
    /// The name and the secret.
    pub chap: Chap,
}

/// The target daemon of an array.
pub(crate) struct IscsiTargets {
    directory: Directory,
    config: FileDriverConfig,
}

impl IscsiTargets {
    pub fn new(directory: &Directory, config: &FileDriverConfig) -> Self {
        Self { directory: directory.clone(), config: config.clone() }
    }

    /// Finds the daemon of an earlier worker, or starts one; `true` when it was started.
    pub async fn ensure_running(&self) -> Result<bool, DriverError> {
        if self.answers().await {
            return Ok(false);
        }
        let _alone = self.lock_daemon().await?;
        // another worker may have been faster
        if self.answers().await {
            return Ok(false);
        }
        self.start().await.map(|()| true)
    }

    /// Keeps every other worker of the array away from the daemon while the result lives.
    async fn lock_daemon(&self) -> Result<File, DriverError> {
        let lock = self.directory.run_file("tgtd.lock");
        blocking(move || lock_file(&lock).map_err(|error| unusable(&lock, &error))).await
    }

    async fn start(&self) -> Result<(), DriverError> {
        let address = self.config.iscsi_address;
        let note = self.directory.run_file("iscsi.port");
        let port = port::choose(address, self.config.iscsi_port, &note)
            .map_err(|error| DriverError::failed(format!("no port for iSCSI: {error}")))?;
        let mut command = self.command(&self.config.tgtd);
        command.current_dir("/").arg("--iscsi").arg(format!("portal={address}:{port}"));
        command.arg("--pid-file").arg(self.directory.run_file("tgtd.pid"));
        run(command).await?;
        // it answers, or refuses to start, only after its parent has ended
        for _ in 0..START_TRIES {
            if self.answers().await {
                tracing::info!(%address, port, "iSCSI target daemon started");
                return Ok(());
            }
            tokio::time::sleep(START_PAUSE).await;
        }
        let tgtd = self.config.tgtd.display();
        Err(DriverError::failed(format!("{tgtd} does not start; perhaps port {port} is taken")))
    }

    /// Opens a target for a volume, unless it is open, and tells how the servers on a host log in.
    pub async fn export(
        &self,
        id: VolumeId,
        mode: AttachMode,
        connector: &Connector,
    ) -> Result<Login, DriverError> {
        let _alone = self.lock_daemon().await?;
        let chap = Chap::keep(&self.account(id, mode, host_of(connector)))?;
        self.open(id, mode).await?;
        let port = port::noted(&self.directory.run_file("iscsi.port"))
            .ok_or_else(|| DriverError::failed("the port of the iSCSI portal is not known"))?;
        let portal = format!("{}:{port}", self.config.iscsi_address);
        Ok(Login { portal, iqn: iqn(id, mode), chap })
    }

    /// Opens the target of a volume again, for those who could log in before.
    pub async fn restore(&self, id: VolumeId, mode: AttachMode) -> Result<(), DriverError> {
        let _alone = self.lock_daemon().await?;
        self.open(id, mode).await
    }

    /// Makes sure that there is a target, and that everybody can log in who has an account; targets have numbers that are chosen
    /// among those in use, so nobody else may open one meanwhile.
    async fn open(&self, id: VolumeId, mode: AttachMode) -> Result<(), DriverError> {
        let accounts = Chap::all(&self.accounts(id, mode))?;
        let targets = self.targets().await?;
        let known = targets.iter().find(|target| target.iqn == iqn(id, mode));
        if let Some(open) = known.filter(|target| target.lets_in) {
            let missing = accounts.iter().filter(|account| !open.accounts.contains(&account.name));
            return self.bind(&open.number.to_string(), missing).await;
        }
        if let Some(half_made) = known {
            self.close_target(half_made.number, &["--force"]).await?;
        }
        let unused = targets.iter().map(|target| target.number).max().unwrap_or(0) + 1;
        self.open_target(unused, id, mode, &accounts).await
    }

    async fn open_target(
        &self,
        number: u32,
        id: VolumeId,
        mode: AttachMode,
        accounts: &[Chap],
    ) -> Result<(), DriverError> {
        // without an account it would let in whoever comes
        if accounts.is_empty() {
            return Err(DriverError::failed("nobody has an account for the target"));
        }
        let number = number.to_string();
        let lun = LUN.to_string();
        let file = self.directory.file(Object::Volume(id)).display().to_string();
        let readonly = match mode {
            AttachMode::ReadOnly => 1,
            AttachMode::ReadWrite => 0,
        };
        // initiators tell disks from one another by these
        let identity = format!(
            "vendor_id=CINDERBL,product_id=volume,scsi_id={id},scsi_sn={id},readonly={readonly}"
        );
        let of_target = ["--mode", "target", "--tid", &number];
        let of_disk = ["--mode", "logicalunit", "--tid", &number, "--lun", &lun];
        self.tell(&of_target, "new", &["--targetname", &iqn(id, mode)]).await?;
        self.tell(&of_disk, "new", &["--bstype", "rdwr", "--backing-store", &file]).await?;
        self.tell(&of_disk, "update", &["--params", &identity]).await?;
        self.bind(&number, accounts.iter()).await?;
        self.tell(&of_target, "bind", &["--initiator-address", "ALL"]).await
    }

    /// Lets accounts log in to a target.
    async fn bind(
        &self,
        number: &str,
        accounts: impl Iterator<Item = &Chap>,
    ) -> Result<(), DriverError> {
        for account in accounts {
            // a target that a crash left half made may have had it
            self.remove_account(&account.name).await;
            target_daemon::make_account(&self.management_socket(), account).await?;
            let of_target = ["--mode", "account", "--tid", number];
            self.tell(&of_target, "bind", &["--user", &account.name]).await?;
        }
        Ok(())
    }

    /// Closes a target of a volume; its initiators lose their sessions.
    pub async fn unexport(&self, id: VolumeId, mode: AttachMode) -> Result<(), DriverError> {
        let _alone = self.lock_daemon().await?;
        let accounts = self.accounts(id, mode);
        self.close_mode(id, mode, &["--force"]).await?;
        for account in Chap::all(&accounts)? {
            self.remove_account(&account.name).await;
        }
        Chap::forget_all(&accounts)
    }

    /// The servers on a host cannot log in any more, and lose their sessions.
    pub async fn forget_host(
        &self,
        id: VolumeId,
        mode: AttachMode,
        connector: &Connector,
    ) -> Result<(), DriverError> {
        let _alone = self.lock_daemon().await?;
        let file = self.account(id, mode, host_of(connector));
        if file.exists() {
            let account = Chap::keep(&file)?;
            let targets = self.targets().await?;
            if let Some(target) = targets.iter().find(|target| target.iqn == iqn(id, mode)) {
                self.take_account(target, &account.name).await?;
                self.cut_off(target, connector).await?;
            }
            self.remove_account(&account.name).await;
            Chap::forget(&file)?;
        }
        // an earlier worker may have died while the target let nobody in
        if Chap::all(&self.accounts(id, mode))?.is_empty() {
            return Ok(());
        }
        self.open(id, mode).await
    }

    /// Takes an account from a target, which lets nobody in meanwhile: without any account it would ask for none. tgtd keeps the
    /// accounts in a list, leaves a gap in it, and dies of the gap when it shows the list; so the last one goes to where this was.
    async fn take_account(&self, target: &Target, account: &str) -> Result<(), DriverError> {
        if !target.accounts.iter().any(|bound| bound == account) {
            return Ok(());
        }
        let number = target.number.to_string();
        if target.accounts.len() == 1 {
            return self.close_target(target.number, &["--force"]).await;
        }
        let of_target = ["--mode", "target", "--tid", &number];
        let of_account = ["--mode", "account", "--tid", &number];
        let everybody = ["--initiator-address", "ALL"];
        self.tell(&of_target, "unbind", &everybody).await?;
        self.tell(&of_account, "unbind", &["--user", account]).await?;
        if let Some(last) = target.accounts.last().filter(|last| *last != account) {
            self.tell(&of_account, "unbind", &["--user", last]).await?;
            self.tell(&of_account, "bind", &["--user", last]).await?;
        }
        self.tell(&of_target, "bind", &everybody).await
    }

    /// Closes the connections of a host's initiator; where it did not name one, all, and the others come again.
    async fn cut_off(&self, target: &Target, connector: &Connector) -> Result<(), DriverError> {
        let number = target.number.to_string();
        let of_target = ["--mode", "conn", "--tid", &number];
        let shown = self.ask(&[&of_target[..], &["--op", "show"]].concat()).await?;
        let initiator = connector.get("initiator").and_then(Value::as_str);
        for connection in connections(&shown) {
            if initiator.is_none_or(|initiator| initiator == connection.initiator) {
                let (session, id) = (connection.session, connection.id);
                // that it has ended by now is what was wanted
                let _ = self.tell(&of_target, "delete", &["--sid", session, "--cid", id]).await;
            }
        }
        Ok(())
    }

    /// The file of a host's account. What the host is called can be anything.
    fn account(&self, id: VolumeId, mode: AttachMode, host: &str) -> PathBuf {
        let name = Uuid::new_v5(&Uuid::NAMESPACE_DNS, host.as_bytes());
        self.accounts(id, mode).join(name.to_string())
    }

    /// The directory of the accounts of a target.
    fn accounts(&self, id: VolumeId, mode: AttachMode) -> PathBuf {
        self.directory.chap_accounts(&export_name(id, mode))
    }

    /// Closes everything that is open of a volume.
    pub async fn close(&self, id: VolumeId) -> Result<(), DriverError> {
        for mode in AttachMode::ALL {
            self.unexport(id, *mode).await?;
        }
        Ok(())
    }

    /// Closes everything that is open of a volume and returns what was; fails when an initiator is logged
    /// in.
    pub async fn close_unused(&self, id: VolumeId) -> Result<Vec<AttachMode>, DriverError> {
        let _alone = self.lock_daemon().await?;
        let mut closed = Vec::new();
        for mode in AttachMode::ALL {
            if self.close_mode(id, *mode, &[]).await? {
                closed.push(*mode);
            }
        }
        Ok(closed)
    }

    async fn close_mode(
        &self,
        id: VolumeId,
        mode: AttachMode,
        how: &[&str],
    ) -> Result<bool, DriverError> {
        let targets = self.targets().await?;
        let Some(open) = targets.iter().find(|target| target.iqn == iqn(id, mode)) else {
            return Ok(false);
        };
        self.close_target(open.number, how).await.map(|()| true)
    }

    async fn close_target(&self, number: u32, how: &[&str]) -> Result<(), DriverError> {
        self.tell(&["--mode", "target", "--tid", &number.to_string()], "delete", how).await
    }

    /// Removes an account, which may not be there.
    async fn remove_account(&self, name: &str) {
        let _ = self.tell(&["--mode", "account", "--user", name], "delete", &[]).await;
    }

    /// Whether there is a daemon that answers.
    async fn answers(&self) -> bool {
        self.ask(&["--mode", "sys", "--op", "show"]).await.is_ok()
    }

    /// The targets; asked while the daemon is locked, because it must not be asked while an account goes.
    async fn targets(&self) -> Result<Vec<Target>, DriverError> {
        let shown = self.ask(&["--mode", "target", "--op", "show"]).await?;
        Ok(targets(&shown))
    }

    async fn tell(&self, what: &[&str], verb: &str, more: &[&str]) -> Result<(), DriverError> {
        let arguments: Vec<&str> =
            what.iter().chain(&["--op", verb]).chain(more).copied().collect();
        self.ask(&arguments).await.map(drop)
    }

    async fn ask(&self, arguments: &[&str]) -> Result<String, DriverError> {
        let mut command = self.command(&self.config.tgtadm);
        command.args(["--lld", "iscsi"]).args(arguments);
        run(command).await
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.kill_on_drop(true).env("TGT_IPC_SOCKET", self.directory.run_file(SOCKET));
        command
    }

    /// tgtd adds the number of its control port to the socket's name.
    fn management_socket(&self) -> PathBuf {
        self.directory.run_file(&format!("{SOCKET}.0"))
    }
}

/// Runs a program and returns what it prints.
async fn run(mut command: Command) -> Result<String, DriverError> {
    let program = command.as_std().get_program().display().to_string();
    let output = match tokio::time::timeout(TGTADM_TIMEOUT, command.output()).await {
        Err(_) => return Err(DriverError::failed(format!("{program} does not answer"))),
        Ok(Err(error)) => return Err(DriverError::failed(format!("{program}: {error}"))),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(DriverError::failed(format!("{program}: {}", complaint.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn iqn(id: VolumeId, mode: AttachMode) -> String {
    format!("{PREFIX}{}", export_name(id, mode))
}
