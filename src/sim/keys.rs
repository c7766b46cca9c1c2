//! Key material of the simulated exchange, kept in one directory from start to start.
//!
//! Account keys (Ed25519, RSA-2048) as the exchange hands them out, and the server's
//! certificates. Each file is made once and never replaced: whoever comes second, even from
//! another process, reads what the first wrote. Private keys are readable by their owner only.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair},
};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rustls_pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    auth::{KeyRing, PublicKey, REST_ROOT, WS_PATH},
    cert::{self, Identity},
    venue::UserId,
};
use crate::net::ready::ReadyFile;

/// DER of a PKCS#8 version 1 Ed25519 key up to its 32-byte seed: what OpenSSL writes. The
/// version 2 that `ring` would generate is not read by OpenSSL.
const ED25519_PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

const MODE_PRIVATE: u32 = 0o600;
const MODE_PUBLIC: u32 = 0o644;

/// Which account keys to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKinds {
    /// Only Ed25519: instant, for an exchange inside the engine's process.
    Ed25519Only,
    /// Ed25519 and RSA-2048; making the latter takes up to seconds, once.
    Both,
}

/// One key of the account.
#[derive(Clone, Debug)]
pub struct AccountKey {
    /// A UUID derived from the public key, so that the two can not come apart.
    pub key_id: String,
    /// PEM file with the private key.
    pub private_key_file: PathBuf,
    /// What the exchange knows.
    pub public_key: PublicKey,
}

/// Everything in a key directory.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// The account's Ed25519 key; PKCS#8 PEM.
    pub ed25519: AccountKey,
    /// The account's RSA key, when asked for; PKCS#1 PEM.
    pub rsa: Option<AccountKey>,
    /// PEM file with the certificate authority that clients must trust.
    pub ca_file: PathBuf,
    identity: Identity,
}

/// Key material could not be made or read. Fits "failed to {error}".
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file system refused.
    #[error("{verb} {}: {why}", path.display())]
    File {
        /// What was to be done with it, e.g. `read`.
        verb: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's words.
        why: io::Error,
    },
    /// A file holds something else.
    #[error("use {}: {why}; delete it to have it made anew", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The random source or the crypto library failed.
    #[error("generate {what}: {why}")]
    Generate {
        /// Which key.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

impl KeySet {
    /// Opens a key directory; what is missing is made.
    ///
    /// # Errors
    /// [`KeysError`] naming the file.
    pub fn open(directory: &Path, kinds: KeyKinds) -> Result<Self, KeysError> {
        fs::create_dir_all(directory).map_err(|why| KeysError::File {
            verb: "create",
            path: directory.to_owned(),
            why,
        })?;
        // Others read these paths from a ready file, in another working directory.
        let directory = std::path::absolute(directory).map_err(|why| KeysError::File {
            verb: "resolve",
            path: directory.to_owned(),
            why,
        })?;
        let rsa = match kinds {
            KeyKinds::Ed25519Only => None,
            KeyKinds::Both => Some(open_rsa(directory.join("rsa.pem"))?),
        };
        let ed25519 = open_ed25519(directory.join("ed25519.pem"))?;
        let identity = open_identity(&directory.join("server.pem"))?;
        let ca_file = directory.join("ca.pem");
        write_authority(&ca_file, &identity.ca_pem)?;
        Ok(Self { ed25519, rsa, ca_file, identity })
    }

    /// A key ring with the account's keys registered for `user`.
    #[must_use]
    pub fn key_ring(&self, user: UserId) -> KeyRing {
        let mut ring = KeyRing::default();
        for key in [Some(&self.ed25519), self.rsa.as_ref()].into_iter().flatten() {
            ring.register(key.key_id.clone(), key.public_key.clone(), user);
        }
        ring
    }

    /// What a client needs to reach an exchange that listens at `address` with these keys.
    #[must_use]
    pub fn ready_file(&self, address: SocketAddr) -> ReadyFile {
        ReadyFile {
            rest: format!("https://{address}{REST_ROOT}"),
            ws: format!("wss://{address}{WS_PATH}"),
            ca_file: self.ca_file.clone(),
            key_id: self.ed25519.key_id.clone(),
            private_key_file: self.ed25519.private_key_file.clone(),
            rsa_key_id: self.rsa.as_ref().map(|key| key.key_id.clone()),
            rsa_private_key_file: self.rsa.as_ref().map(|key| key.private_key_file.clone()),
        }
    }

    /// What the server shows.
    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }
}

fn open_ed25519(path: PathBuf) -> Result<AccountKey, KeysError> {
    let text = open_or_make(&path, MODE_PRIVATE, || {
        let mut der = Zeroizing::new([0; 48]);
        let (prefix, seed) = der.split_at_mut(ED25519_PKCS8_PREFIX.len());
        prefix.copy_from_slice(&ED25519_PKCS8_PREFIX);
        SystemRandom::new().fill(seed).map_err(|why| generate("Ed25519 key", why))?;
        Ok(cert::pem("PRIVATE KEY", &*der))
    })?;
    let pair = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes())
        .map_err(|why| content(&path, why))
        .and_then(|der| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
                .map_err(|why| content(&path, why))
        })?;
    Ok(account_key(path, PublicKey::Ed25519(pair.public_key().as_ref().into())))
}

fn open_rsa(path: PathBuf) -> Result<AccountKey, KeysError> {
    let text = open_or_make(&path, MODE_PRIVATE, || {
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)
            .map_err(|why| generate("RSA key", why))?;
        let pem =
            key.to_pkcs1_pem(rsa::pkcs1::LineEnding::LF).map_err(|why| generate("RSA key", why))?;
        Ok(pem.to_string())
    })?;
    let pair = PrivatePkcs1KeyDer::from_pem_slice(text.as_bytes())
        .map_err(|why| content(&path, why))
        .and_then(|der| {
            RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(|why| content(&path, why))
        })?;
    Ok(account_key(path, PublicKey::Rsa(pair.public_key().as_ref().into())))
}

fn open_identity(path: &Path) -> Result<Identity, KeysError> {
    let text = open_or_make(path, MODE_PRIVATE, || {
        cert::issue().map_err(|why| generate("server certificate", why))
    })?;
    Identity::from_pem(&text).map_err(|why| content(path, why))
}

/// The authority's certificate is a copy out of `server.pem`, put back whenever it differs.
fn write_authority(path: &Path, pem: &str) -> Result<(), KeysError> {
    let failed = |why| KeysError::File { verb: "write", path: path.to_owned(), why };
    if fs::read_to_string(path).is_ok_and(|found| found == pem) {
        return Ok(());
    }
    let temporary = write_temporary(path, MODE_PUBLIC, pem).map_err(failed)?;
    fs::rename(temporary, path).map_err(failed)
}

fn account_key(private_key_file: PathBuf, public_key: PublicKey) -> AccountKey {
    let (PublicKey::Ed25519(bytes) | PublicKey::Rsa(bytes)) = &public_key;
    let mut id = [0; 16];
    id.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..16]);
    AccountKey { key_id: Uuid::new_v8(id).to_string(), private_key_file, public_key }
}

/// The text of `path`, made and written first when there is none.
fn open_or_make(
    path: &Path,
    mode: u32,
    make: impl FnOnce() -> Result<String, KeysError>,
) -> Result<Zeroizing<String>, KeysError> {
    let failed = |verb| move |why| KeysError::File { verb, path: path.to_owned(), why };
    match fs::read_to_string(path) {
        Ok(text) => return Ok(Zeroizing::new(text)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(failed("read")(why)),
    }
    let text = Zeroizing::new(make()?);
    let temporary = write_temporary(path, mode, &text).map_err(failed("write"))?;
    // A link, unlike a rename, leaves what another process put there in the meantime.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary).map_err(failed("write"))?;
    match linked {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => Err(failed("write")(why)),
        _ => fs::read_to_string(path).map(Zeroizing::new).map_err(failed("read")),
    }
}

fn write_temporary(path: &Path, mode: u32, text: &str) -> io::Result<PathBuf> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", Uuid::new_v4()));
    let temporary = PathBuf::from(temporary);
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(temporary)
}

fn content(path: &Path, why: impl ToString) -> KeysError {
    KeysError::Content { path: path.to_owned(), why: why.to_string() }
}

fn generate(what: &'static str, why: impl ToString) -> KeysError {
    KeysError::Generate { what, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_survive_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let first = KeySet::open(directory.path(), KeyKinds::Both).unwrap();
        let ca = fs::read(&first.ca_file).unwrap();
        fs::remove_file(&first.ca_file).unwrap();
        let second = KeySet::open(directory.path(), KeyKinds::Both).unwrap();

        assert_eq!(first.ed25519.key_id, second.ed25519.key_id);
        let (rsa, rsa_again) = (first.rsa.unwrap(), second.rsa.unwrap());
        assert_eq!(rsa.key_id, rsa_again.key_id);
        assert_eq!(rsa.public_key, rsa_again.public_key);
        assert_eq!(fs::read(&second.ca_file).unwrap(), ca, "a lost copy is put back");
        assert!(
            fs::read_to_string(rsa.private_key_file)
                .unwrap()
                .starts_with("-----BEGIN RSA PRIVATE KEY-----\n")
        );
    }

    #[test]
    fn private_keys_belong_to_their_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeySet::open(directory.path(), KeyKinds::Ed25519Only).unwrap();
        assert_eq!(mode_of(&keys.ed25519.private_key_file), 0o600);
        assert_eq!(mode_of(&directory.path().join("server.pem")), 0o600);
        assert!(keys.rsa.is_none());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "no temporary is left");
    }

    #[test]
    fn ed25519_files_are_what_openssl_writes() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeySet::open(directory.path(), KeyKinds::Ed25519Only).unwrap();
        let text = fs::read_to_string(&keys.ed25519.private_key_file).unwrap();
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI"), "{text}");
        assert_eq!(text.lines().count(), 3);
        let id = Uuid::parse_str(&keys.ed25519.key_id).unwrap();
        assert_eq!(id.get_version_num(), 8);
    }

    #[test]
    fn starts_at_the_same_time_agree() {
        let directory = tempfile::tempdir().unwrap();
        let ids: Vec<String> = std::thread::scope(|scope| {
            let open = || KeySet::open(directory.path(), KeyKinds::Ed25519Only).unwrap();
            let started: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            started.into_iter().map(|opened| opened.join().unwrap().ed25519.key_id).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn damaged_files_are_named_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ed25519.pem");
        fs::write(&path, "nonsense").unwrap();
        let error = KeySet::open(directory.path(), KeyKinds::Ed25519Only).unwrap_err().to_string();
        assert!(error.contains("ed25519.pem"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "nonsense");
    }
}
