//! The ready file: where an exchange listens and which key opens it.
//!
//! `kalshi-exec sim` writes one when it accepts connections; `run --exchange FILE` reads one, so
//! the engine can be pointed at any endpoint that speaks the API. Holds paths of secrets, never
//! a secret itself. Cold: read once, before anything connects.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// One exchange endpoint and the credentials for it.
///
/// ```
/// use kalshi_exec::net::ready::ReadyFile;
/// let text = r#"{"rest":"https://127.0.0.1:8443/trade-api/v2",
///     "ws":"wss://127.0.0.1:8443/trade-api/ws/v2","ca_file":"/keys/ca.pem",
///     "key_id":"5f0c9c4e-6d0f-8c1b-9a49-1f6f0d7c2b11","private_key_file":"/keys/ed25519.pem"}"#;
/// let ready: ReadyFile = serde_json::from_str(text).unwrap();
/// assert_eq!(ready.rsa_key_id, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyFile {
    /// REST base URL without a trailing slash: `https://HOST:PORT/trade-api/v2`.
    pub rest: String,
    /// WebSocket URL: `wss://HOST:PORT/trade-api/ws/v2`.
    pub ws: String,
    /// PEM file with the certificate authority to trust.
    pub ca_file: PathBuf,
    /// Key id to send with every signature.
    pub key_id: String,
    /// PEM file with the private key of `key_id`.
    pub private_key_file: PathBuf,
    /// Id of a second, RSA key of the same account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsa_key_id: Option<String>,
    /// PEM file with the private key of `rsa_key_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsa_private_key_file: Option<PathBuf>,
}

/// A ready file could not be read or written. Fits "failed to {error}".
#[derive(Debug, thiserror::Error)]
pub enum ReadyFileError {
    /// The file system refused.
    #[error("{verb} ready file {}: {why}", path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// The ready file.
        path: PathBuf,
        /// The system's words.
        why: io::Error,
    },
    /// The content is not JSON, or a field is missing or of another type.
    #[error("understand ready file {}: {why}", path.display())]
    Json {
        /// The ready file.
        path: PathBuf,
        /// The parser's words, naming the field.
        why: serde_json::Error,
    },
    /// A field is there but useless.
    #[error("use ready file {}: field `{field}` {expected}, got {got:?}", path.display())]
    Field {
        /// The ready file.
        path: PathBuf,
        /// Its JSON key.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What is there.
        got: String,
    },
}

impl ReadyFile {
    /// Reads and checks `path`. Relative paths inside are taken from the file's own directory.
    ///
    /// # Errors
    /// [`ReadyFileError`], naming the file and the field at fault.
    pub fn read(path: &Path) -> Result<Self, ReadyFileError> {
        let text = fs::read_to_string(path).map_err(|why| ReadyFileError::File {
            verb: "read",
            path: path.to_owned(),
            why,
        })?;
        let mut ready: Self = serde_json::from_str(&text)
            .map_err(|why| ReadyFileError::Json { path: path.to_owned(), why })?;
        ready.check(path)?;
        let directory = path.parent().unwrap_or_else(|| Path::new(""));
        ready.ca_file = directory.join(&ready.ca_file);
        ready.private_key_file = directory.join(&ready.private_key_file);
        ready.rsa_private_key_file = ready.rsa_private_key_file.map(|file| directory.join(file));
        Ok(ready)
    }

    /// Writes the file so that a reader sees all of it or nothing.
    ///
    /// # Errors
    /// [`ReadyFileError::File`] when the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), ReadyFileError> {
        let failed = |why| ReadyFileError::File { verb: "write", path: path.to_owned(), why };
        let text = serde_json::to_string_pretty(self).map_err(|why| failed(why.into()))?;
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.tmp", std::process::id()));
        fs::write(&temporary, text + "\n").map_err(failed)?;
        fs::rename(&temporary, path).map_err(failed)
    }

    fn check(&self, path: &Path) -> Result<(), ReadyFileError> {
        let require = |met: Requirement<'_>| {
            if (met.accepts)(met.got) {
                return Ok(());
            }
            let Requirement { field, expected, got, .. } = met;
            Err(ReadyFileError::Field { path: path.to_owned(), field, expected, got: got.into() })
        };
        require(Requirement {
            field: "rest",
            expected: "must be an https:// URL without a trailing slash",
            got: &self.rest,
            accepts: |url| url.starts_with("https://") && !url.ends_with('/'),
        })?;
        require(Requirement {
            field: "ws",
            expected: "must be a wss:// URL without a trailing slash",
            got: &self.ws,
            accepts: |url| url.starts_with("wss://") && !url.ends_with('/'),
        })?;
        require(Requirement {
            field: "key_id",
            expected: "must not be empty",
            got: &self.key_id,
            accepts: |id| !id.is_empty(),
        })
    }
}

/// One rule about one field of the file.
struct Requirement<'a> {
    field: &'static str,
    expected: &'static str,
    got: &'a str,
    accepts: fn(&str) -> bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ReadyFile {
        ReadyFile {
            rest: "https://127.0.0.1:8443/trade-api/v2".into(),
            ws: "wss://127.0.0.1:8443/trade-api/ws/v2".into(),
            ca_file: "/keys/ca.pem".into(),
            key_id: "k".into(),
            private_key_file: "/keys/ed25519.pem".into(),
            rsa_key_id: None,
            rsa_private_key_file: None,
        }
    }

    fn error_of(content: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready.json");
        fs::write(&path, content).unwrap();
        let error = ReadyFile::read(&path).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        error
    }

    #[test]
    fn what_is_written_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready.json");
        let both = ReadyFile {
            rsa_key_id: Some("r".into()),
            rsa_private_key_file: Some("/keys/rsa.pem".into()),
            ..sample()
        };
        for ready in [sample(), both] {
            ready.write(&path).unwrap();
            assert_eq!(ReadyFile::read(&path).unwrap(), ready);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary is left");
    }

    #[test]
    fn keys_are_the_documented_ones() {
        let value = serde_json::to_value(sample()).unwrap();
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["ca_file", "key_id", "private_key_file", "rest", "ws"]);
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready.json");
        ReadyFile { ca_file: "ca.pem".into(), ..sample() }.write(&path).unwrap();
        let ready = ReadyFile::read(&path).unwrap();
        assert_eq!(ready.ca_file, directory.path().join("ca.pem"));
        assert_eq!(ready.private_key_file, Path::new("/keys/ed25519.pem"));
    }

    #[test]
    fn errors_name_the_file_and_the_field() {
        assert!(error_of(r#"{"rest":"https://h/v2"}"#).contains("`ws`"));
        assert!(error_of("not json").contains("understand"));
        let http = ReadyFile { rest: "http://h/v2".into(), ..sample() };
        let error = error_of(&serde_json::to_string(&http).unwrap());
        assert!(error.contains("`rest` must be an https:// URL"), "{error}");
        let nameless = ReadyFile { key_id: String::new(), ..sample() };
        assert!(error_of(&serde_json::to_string(&nameless).unwrap()).contains("`key_id`"));
        let missing = ReadyFile::read(Path::new("/nonexistent/ready.json")).unwrap_err();
        assert!(missing.to_string().contains("/nonexistent/ready.json"));
    }
}
