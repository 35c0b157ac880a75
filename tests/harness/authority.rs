//! Certificates for the servers of a run, and for whoever connects to them with TLS.

use crate::files::ServerUser;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Who vouches for the servers and the clients, and the files with what it has signed.
pub struct Authority {
    directory: PathBuf,
}

impl Authority {
    /// Makes everything anew in `directory`.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn establish(directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let authority = Self { directory: directory.to_owned() };
        let issuer = issuer("authority")?;
        std::fs::write(authority.ca_file(), issuer.pem())?;
        std::fs::write(authority.strangers_ca_file(), self::issuer("stranger")?.pem())?;
        for (name, purpose) in [
            ("server", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
            params.distinguished_name = called(name);
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate()?;
            std::fs::write(authority.file(name, "pem"), params.signed_by(&key, &issuer)?.pem())?;
            std::fs::write(authority.file(name, "key"), key.serialize_pem())?;
        }
        Ok(authority)
    }

    /// What was established in `directory`.
    #[must_use]
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The certificate of the authority.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca", "pem")
    }

    /// The certificate of an authority that has signed nothing.
    #[must_use]
    pub fn strangers_ca_file(&self) -> PathBuf {
        self.file("stranger", "pem")
    }

    /// A certificate or key, by its owner: `server` or `client`; `pem` or `key`.
    #[must_use]
    pub fn file(&self, owner: &str, kind: &str) -> PathBuf {
        self.directory.join(format!("{owner}.{kind}"))
    }

    /// A section of the configuration for a client that believes those whose certificates are in a file.
    #[must_use]
    pub fn tls(&self, ca_file: &Path) -> Value {
        json!({
            "ca_file": ca_file,
            "certificate_file": self.file("client", "pem"),
            "key_file": self.file("client", "key"),
        })
    }

    /// Copies what a server needs to where its user may read it, and nobody else the key.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn equip(&self, user: Option<&ServerUser>, directory: &Path) -> anyhow::Result<()> {
        for (owner, kind) in [("ca", "pem"), ("server", "pem"), ("server", "key")] {
            let copy = directory.join(format!("{owner}.{kind}"));
            std::fs::copy(self.file(owner, kind), &copy)?;
            std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o600))?;
            if let Some(user) = user {
                chown(&copy, Some(user.uid), Some(user.gid))?;
            }
        }
        Ok(())
    }
}

/// What is signed must be called otherwise than who has signed it, or it counts as signed by itself.
fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn issuer(name: &str) -> anyhow::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name = called(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}
