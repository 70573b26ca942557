//! The secret by which the processes of a system know each other.
//!
//! It is the user's: made on the first start, kept in a file that nobody else can read, and the same for all systems of
//! that user on the machine. Whoever can read it can do what the user's actors can.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The variable that names the file.
pub const FILE_VARIABLE: &str = "THESPIAN_SECRET_FILE";

/// The fewest bytes of a secret that a program brings itself.
pub const SHORTEST: usize = 16;

/// What the file begins with; the secret follows in hexadecimal digits, and a newline.
const HEADER: &str = "thespian-secret-1 ";

/// The bytes of a secret that is made here.
const LENGTH: usize = 32;

/// The secret of a system.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A secret that the program brings itself.
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(bytes)
    }

    /// One of 32 random bytes, that nobody else has.
    ///
    /// # Errors
    ///
    /// A sentence: the operating system gives no random bits.
    pub fn random() -> Result<Secret, String> {
        let mut bits = vec![0; LENGTH];
        getrandom::fill(&mut bits).map_err(|error| no_bits(&error))?;
        Ok(Secret(bits))
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none, so that anybody could know it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A keyed hash that only those who have the secret can make and check.
    pub fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length")
    }

    /// Reads the secret from the file; makes it if there is no such file.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the file, and what to do.
    pub fn of_file(path: &Path) -> Result<Secret, String> {
        match read(path) {
            Ok(secret) => secret,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
            Err(error) => Err(format!("the secret in {} cannot be read: {error}", path.display())),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A secret has no business in a log.
        f.write_str("Secret(..)")
    }
}

/// Where the secret is when the program says nothing: what `THESPIAN_SECRET_FILE` names, or `thespian/secret` below
/// `$XDG_STATE_HOME`, or that below `$HOME/.local/state`. `variable` is [`std::env::var_os`], or what takes its place in a test.
///
/// # Errors
///
/// A sentence: no variable says where.
pub fn default_file(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, String> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = given(FILE_VARIABLE) {
        return Ok(path);
    }
    // The directory's specification wants relative paths in its variables to be ignored.
    let state = given("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| given("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("thespian/secret")).ok_or_else(|| {
        format!(
            "there is no place for the secret by which the system's processes know each other: neither HOME nor \
             XDG_STATE_HOME is set; set one, or name a file in {FILE_VARIABLE}, or give the transport one"
        )
    })
}

/// The outer error is that of the file system.
fn read(path: &Path) -> io::Result<Result<Secret, String>> {
    let shown = path.display();
    // Before it is opened: to open a pipe would wait for its other end.
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Ok(Err(format!(
            "{shown} should hold the secret and is no file: name another in {FILE_VARIABLE}"
        )));
    }
    let mode = about.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Ok(Err(format!(
            "the secret in {shown} can be read by others (mode {mode:04o}): if nobody has, run `chmod 600 {shown}`; \
             if somebody may have, run `rm {shown}` and start again"
        )));
    }
    // A file of this form has a known length; one byte more shows that it is not.
    let mut content = Vec::new();
    File::open(path)?.take((HEADER.len() + 2 * LENGTH + 2) as u64).read_to_end(&mut content)?;
    Ok(parse(&content).ok_or_else(|| {
        format!(
            "the secret in {shown} is damaged: end the systems that use it, run `rm {shown}`, and start again, which \
             makes a new one"
        )
    }))
}

fn parse(content: &[u8]) -> Option<Secret> {
    let digits = content.strip_prefix(HEADER.as_bytes())?.strip_suffix(b"\n")?;
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.len() != 2 * LENGTH || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok();
    (0..LENGTH).map(byte).collect::<Option<Vec<u8>>>().map(Secret)
}

/// Makes the file in one step: of several programs that start at once, one makes it and all use it.
fn create(path: &Path) -> Result<Secret, String> {
    let mut bits = [0; LENGTH];
    let mut name = [0; 8];
    getrandom::fill(&mut bits).and_then(|()| getrandom::fill(&mut name)).map_err(|error| no_bits(&error))?;
    let failed = |error: io::Error| {
        format!("no secret can be made at {}: {error}; name another file in {FILE_VARIABLE}", path.display())
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let draft = path.with_file_name(format!(".secret-{:016x}", u64::from_le_bytes(name)));
    let written = write(&draft, &bits);
    // A link fails if the other name is taken, which a rename would not.
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Ok(()) => {
            removed.map_err(failed)?;
            if let Some(folder) = folder {
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    read(path).map_err(failed)?
}

fn no_bits(error: &getrandom::Error) -> String {
    format!("the operating system gives no random bits for a secret: {error}")
}

fn write(path: &Path, bits: &[u8]) -> io::Result<()> {
    let mut text = String::from(HEADER);
    for byte in bits {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // The mode above is subject to the process's mask, which may take away too much.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread;

    /// A folder of the test's own, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            let mut bits = [0; 8];
            getrandom::fill(&mut bits).expect("random bits");
            let path =
                std::env::temp_dir().join(format!("thespian-secret-{:016x}", u64::from_le_bytes(bits)));
            fs::create_dir(&path).expect("a folder");
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_secret_is_made_once_and_only_its_user_can_read_it() {
        let folder = Folder::new();
        let path = folder.0.join("a/thespian/secret");
        let first = Secret::of_file(&path).expect("a secret");
        assert_eq!(Secret::of_file(&path), Ok(first.clone()));
        assert_eq!(first.len(), LENGTH);
        let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("a folder")), 0o700);
        let entries = fs::read_dir(path.parent().expect("a folder")).expect("a folder").count();
        assert_eq!(entries, 1, "a draft was left");
    }

    #[test]
    fn two_first_starts_agree_on_one_secret() {
        let folder = Folder::new();
        let path = folder.0.join("secret");
        let start = Barrier::new(8);
        let secrets: Vec<Secret> = thread::scope(|scope| {
            let starter = || {
                start.wait();
                Secret::of_file(&path).expect("a secret")
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(starter)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused_with_the_way_out() {
        let folder = Folder::new();
        let path = folder.0.join("secret");
        Secret::of_file(&path).expect("a secret");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("permissions");
        let error = Secret::of_file(&path).expect_err("others can read it");
        assert!(error.contains("mode 0640") && error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_damaged_secret_is_refused_with_the_way_out() {
        let folder = Folder::new();
        let path = folder.0.join("secret");
        Secret::of_file(&path).expect("a secret");
        let whole = fs::read(&path).expect("a file");
        let damaged = [&whole[..0], &whole[..whole.len() - 2], &[&whole[..], b"0"].concat(), &[b'x'; 83]];
        for content in damaged {
            fs::write(&path, content).expect("written");
            let error = Secret::of_file(&path).expect_err("it is damaged");
            assert!(error.contains("damaged") && error.contains("rm "), "{error}");
        }
        let error = Secret::of_file(&folder.0).expect_err("a folder");
        assert!(error.contains("no file") || error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn the_place_follows_the_variables_and_their_lack_is_explained() {
        let file = |pairs: &[(&str, &str)]| {
            default_file(|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into()))
        };
        let all = [("THESPIAN_SECRET_FILE", "/s"), ("XDG_STATE_HOME", "/state"), ("HOME", "/u")];
        assert_eq!(file(&all), Ok("/s".into()));
        assert_eq!(file(&all[1..]), Ok("/state/thespian/secret".into()));
        assert_eq!(file(&all[2..]), Ok("/u/.local/state/thespian/secret".into()));
        assert_eq!(
            file(&[("XDG_STATE_HOME", "relative"), all[2]]),
            Ok("/u/.local/state/thespian/secret".into())
        );
        assert!(file(&[("HOME", "")]).expect_err("nowhere").contains("HOME"));
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new(vec![7; 32])), "Secret(..)");
    }
}
