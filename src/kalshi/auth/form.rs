//! What kind of key a file holds: PEM blocks in, their DER and its [`Form`] out.
//!
//! The form is read from the encoded key, never from the PEM label: people rename labels, and
//! the exchange itself hands out PKCS#1 where OpenSSL writes PKCS#8. Nothing here keeps a copy
//! of what it decoded: every buffer is wiped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Most PEM blocks looked at in one file: a key with its certificate chain stays below.
const BLOCKS_MAX: usize = 8;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// What a DER document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// PKCS#8 with an Ed25519 key.
    Ed25519,
    /// An RSA private key of this many bits, in PKCS#8.
    RsaPkcs8 { bits: usize },
    /// An RSA private key of this many bits, in PKCS#1.
    RsaPkcs1 { bits: usize },
    /// A private key of an algorithm the exchange does not take.
    OtherKey { algorithm: &'static str },
    /// A public key.
    Public,
    /// A private key behind a passphrase.
    Encrypted,
    /// None of these.
    Unknown,
}

/// One block of a PEM file.
pub(super) struct Block {
    /// The words between `BEGIN` and the dashes.
    pub(super) label: String,
    /// The decoded document; `None` when it is not base64.
    pub(super) der: Option<Zeroizing<Vec<u8>>>,
    /// Whether a `Proc-Type: 4,ENCRYPTED` header says that the document is a ciphertext.
    pub(super) enciphered: bool,
}

/// Splits a PEM file into its blocks. Text around them is ignored.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut rest = text;
    while found.len() < BLOCKS_MAX {
        let Some((_, after)) = rest.split_once(BEGIN) else { break };
        let Some((label, after)) = after.split_once("-----") else { break };
        let Some((body, after)) = after.split_once(END) else { break };
        found.push(block(label, body));
        rest = after;
    }
    found
}

fn block(label: &str, body: &str) -> Block {
    let mut packed = Zeroizing::new(Vec::with_capacity(body.len()));
    let mut enciphered = false;
    for line in body.lines() {
        if line.contains(':') {
            enciphered |= line.contains("ENCRYPTED");
        } else {
            packed.extend(line.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        }
    }
    Block { label: label.to_owned(), der: decode(&packed), enciphered }
}

fn decode(packed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut der = Zeroizing::new(vec![0; packed.len() / 4 * 3 + 3]);
    let len = STANDARD.decode_slice(packed, &mut der).ok()?;
    der.truncate(len);
    (len > 0).then_some(der)
}

/// Names what `der` is, by its structure.
pub(super) fn identify(der: &[u8]) -> Form {
    form_of(der).unwrap_or(Form::Unknown)
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

fn form_of(der: &[u8]) -> Option<Form> {
    let (SEQUENCE, body, _) = element(der)? else { return None };
    let (first_tag, _, rest) = element(body)?;
    let (second_tag, second, rest) = element(rest)?;
    match (first_tag, second_tag) {
        (SEQUENCE, BIT_STRING) => Some(Form::Public),
        (SEQUENCE, OCTET_STRING) => Some(Form::Encrypted),
        (INTEGER, SEQUENCE) => pkcs8(second, rest),
        (INTEGER, INTEGER) if rest.is_empty() => Some(Form::Public),
        (INTEGER, INTEGER) => Some(Form::RsaPkcs1 { bits: bit_length(second) }),
        (INTEGER, OCTET_STRING) => Some(Form::OtherKey { algorithm: "EC" }),
        _ => None,
    }
}

/// `algorithm` is the body of the AlgorithmIdentifier, `rest` begins with the private key.
fn pkcs8(algorithm: &[u8], rest: &[u8]) -> Option<Form> {
    let (OBJECT_ID, oid, _) = element(algorithm)? else { return None };
    let (OCTET_STRING, key, _) = element(rest)? else { return None };
    match oid {
        [0x2b, 0x65, 0x70] => Some(Form::Ed25519),
        [0x2b, 0x65, 0x71] => Some(Form::OtherKey { algorithm: "Ed448" }),
        [0x2b, 0x65, 0x6e | 0x6f] => Some(Form::OtherKey { algorithm: "X25519 or X448" }),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => Some(Form::OtherKey { algorithm: "EC" }),
        [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => Some(Form::OtherKey { algorithm: "DSA" }),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] => match form_of(key)? {
            Form::RsaPkcs1 { bits } => Some(Form::RsaPkcs8 { bits }),
            _ => None,
        },
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => {
            Some(Form::OtherKey { algorithm: "RSA restricted to PSS" })
        }
        _ => Some(Form::OtherKey { algorithm: "unknown" }),
    }
}

/// Splits one DER element off: its tag, its body, what follows.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (len.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (body, rest) = rest.split_at_checked(len)?;
    Some((tag, body, rest))
}

/// How many bits an unsigned big-endian integer has.
fn bit_length(integer: &[u8]) -> usize {
    let start = integer.iter().position(|&byte| byte != 0).unwrap_or(integer.len());
    let digits = &integer[start..];
    digits.first().map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}
