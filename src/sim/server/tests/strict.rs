//! Python's TLS in its strict mode takes the certificates.

use std::{path::PathBuf, process::Command};

use super::*;

/// Connects by name and by address; prints the version that ran.
const SCRIPT: &str = r#"
import http.client, ssl, sys
host, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
connection = http.client.HTTPSConnection(host, port, context=context, timeout=20)
connection.request("GET", "/trade-api/v2/exchange/status")
assert connection.getresponse().status == 200
print("python %d.%d, %s" % (sys.version_info[0], sys.version_info[1], ssl.OPENSSL_VERSION))
"#;

/// Python interpreters that may be strict, the strictest first.
fn interpreters() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("python3.13")];
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let new = |name: &str| name.starts_with("3.13") || name.starts_with("3.14");
    for version in versions.into_iter().flatten().flatten() {
        if version.file_name().to_str().is_some_and(new) {
            found.push(version.path().join("bin").join("python"));
        }
    }
    found
}

fn is_strict(interpreter: &PathBuf) -> bool {
    let probe = "import ssl, sys; sys.exit(sys.version_info < (3, 13))";
    Command::new(interpreter).args(["-c", probe]).output().is_ok_and(|out| out.status.success())
}

#[test]
fn strict_verifiers_accept_the_certificates() {
    let Some(python) = interpreters().into_iter().find(is_strict) else {
        println!("skipped: no Python 3.13 or later with ssl here");
        return;
    };
    let fixture = Fixture::plain();
    let address = fixture.server.address();
    for host in ["127.0.0.1", "localhost"] {
        let output = Command::new(&python)
            .args(["-c", SCRIPT, host, &address.port().to_string()])
            .arg(&fixture.server.ready().ca_file)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{host}: {errors}");
        println!("{host}: {}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
