//! The files of the project: what git tracks or would track, and nothing that a build left behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::failure::{Failure, Outcome};
use crate::lexer;
use crate::process::Cmd;

/// A text file of the project.
pub(crate) struct TextFile {
    /// From the workspace's root, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Every text file of the project. Binary files (not UTF-8, or with a zero byte) are nobody's business here.
pub(crate) fn all(root: &Path) -> Outcome<Vec<TextFile>> {
    let listing = Cmd::git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).read(root)?;
    let mut files = Vec::new();
    for path in listing.split_terminator('\0') {
        let bytes = match fs::read(root.join(path)) {
            Ok(bytes) => bytes,
            // Tracked and deleted but not yet committed, or a link to a folder: not a file now.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => continue,
            Err(error) => return Err(Failure::Check(format!("cannot read {path}: {error}"))),
        };
        match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => files.push(TextFile { path: path.to_owned(), text }),
            _ => {}
        }
    }
    Ok(files)
}

/// The Rust files that are the body of a `#[cfg(test)] mod name;` elsewhere: test code without an attribute of
/// their own. The modules below such a module are test code too.
pub(crate) fn test_modules(files: &[TextFile]) -> BTreeSet<&str> {
    let mut folders = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let code = lexer::code(&file.text);
        for item in lexer::test_items(&code) {
            if let [.., keyword, name, end] = &code[item]
                && keyword.is("mod")
                && end.is(";")
            {
                folders.push(format!("{}/{}", module_folder(&file.path), name.text));
            }
        }
    }
    let is_below = |path: &str| {
        folders.iter().any(|folder| {
            path.strip_prefix(folder.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    };
    files.iter().map(|file| file.path.as_str()).filter(|path| is_below(path)).collect()
}

/// The folder in which the modules declared in the file at `path` are looked for.
fn module_folder(path: &str) -> &str {
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder,
        _ => path.trim_end_matches(".rs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_test_code_with_all_below_it() {
        let files = [
            file(
                "a/src/lib.rs",
                "#[cfg(test)]\nmod tests;\nmod tests_of_nothing;\n#[cfg(test)] mod inline { }",
            ),
            file("a/src/tests.rs", ""),
            file("a/src/tests/deep.rs", ""),
            file("a/src/tests_of_nothing.rs", ""),
            file("a/src/b.rs", "#[cfg(test)] pub(crate) mod kit;"),
            file("a/src/b/kit.rs", ""),
            file("a/src/kit.rs", ""),
        ];
        let found: Vec<&str> = test_modules(&files).into_iter().collect();
        assert_eq!(found, ["a/src/b/kit.rs", "a/src/tests.rs", "a/src/tests/deep.rs"]);
    }
}
