//! Why a key cannot be used, in words that tell the remedy. Never quotes the key.

/// A key could not be used. Says what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error("read the key file {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// Others than the file's owner may read or change it.
    #[error("the key file {path} is open to other users (mode {mode:03o}); run `chmod 600 {path}`")]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// No PEM block at all.
    #[error(
        "no PEM block found; the file must contain `-----BEGIN PRIVATE KEY-----` or \
         `-----BEGIN RSA PRIVATE KEY-----` as downloaded from the exchange"
    )]
    NotPem,
    /// A PEM block whose content is not a key.
    #[error("the PEM block `{label}` holds no readable private key; download or export it again")]
    Damaged {
        /// The block's label.
        label: String,
    },
    /// The key needs a passphrase.
    #[error("the private key is encrypted; decrypt it with `openssl pkey -in KEY -out PLAIN_KEY`")]
    Encrypted,
    /// The other half of the pair.
    #[error("this is a public key; give the private key shown when the API key was created")]
    PublicKey,
    /// A key the exchange does not take.
    #[error(
        "keys of type {algorithm} are not accepted by the exchange; create an Ed25519 or RSA-2048 \
         API key"
    )]
    Algorithm {
        /// What it is.
        algorithm: &'static str,
    },
    /// An OpenSSH file.
    #[error(
        "the key is in OpenSSH's own format; convert it with `ssh-keygen -p -m PKCS8 -f KEY` or \
         export it as PKCS#8"
    )]
    OpenSsh,
    /// An RSA key outside the accepted sizes.
    #[error(
        "the RSA key has {bits} bits; 2048 to 4096 are accepted: create an RSA-2048 or Ed25519 key"
    )]
    RsaSize {
        /// Its modulus length.
        bits: usize,
    },
    /// The key's numbers do not fit each other.
    #[error("the {kind} key is invalid ({why}); download or export it again")]
    Rejected {
        /// `Ed25519` or `RSA`.
        kind: &'static str,
        /// The crypto library's word.
        why: String,
    },
    /// The API key's id cannot stand in a header.
    #[error("the API key id must be 1 to 64 printable characters, as shown by the exchange")]
    KeyId,
}
