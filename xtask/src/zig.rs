//! Linking for systems with an older glibc than this one's: zig carries what each version has.
//!
//! Only linking differs. Which version of a symbol a program asks for is settled there: compiled Rust says none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::tools;

/// What Rust's own library needs at least.
pub const GLIBC: &str = "2.17";

/// The linker, made under `target/` if need be. Where zig can't be had that is said, and the system's own is what there is.
pub fn linker() -> Option<PathBuf> {
    match made() {
        Ok(path) => Some(path),
        Err(error) => {
            println!("zig can't be had: the wheel will need this system's glibc, or a newer one ({error:#})");
            None
        }
    }
}

fn made() -> anyhow::Result<PathBuf> {
    let folder = tools::environment("tools/zig", &["ziglang==0.17.*", "cargo-zigbuild==0.24.*"])?;
    // It knows which of rustc's arguments zig does not take.
    let wrapper = folder.join("bin/cargo-zigbuild");
    let text = format!(
        "#!/bin/sh\nexport CARGO_ZIGBUILD_ZIG_PATH='{folder}/bin/python-zig'\nexport CARGO_ZIGBUILD_CACHE_DIR='{folder}/cache'\n\
         export ZIG_GLOBAL_CACHE_DIR='{folder}/cache'\nexec '{wrapper}' zig cc -- -target {arch}-linux-gnu.{GLIBC} \"$@\"\n",
        folder = folder.display(),
        wrapper = wrapper.display(),
        arch = std::env::consts::ARCH,
    );
    // By this name rustc knows what arguments it takes.
    let script = folder.join("bin/cc");
    if fs::read_to_string(&script).ok().as_deref() != Some(text.as_str()) {
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    links(&script, &folder.join("tried")).context("it links nothing here")?;
    Ok(script)
}

/// Whether it works here, by the smallest program.
fn links(script: &Path, tried: &Path) -> anyhow::Result<()> {
    let source = tried.with_extension("c");
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let mut command = std::process::Command::new(script);
    command.arg(&source).arg("-o").arg(tried);
    crate::shell::run_quietly(command)
}

/// Whether a wheel, by the name that `auditwheel` has found for it, loads where there is no newer glibc than that.
pub fn fits(wheel: &Path) -> bool {
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    let minor = |text: &str| text.parse::<u32>().ok();
    let oldest =
        name.split(['-', '.']).filter_map(|tag| minor(tag.strip_prefix("manylinux_2_")?.split('_').next()?)).min();
    oldest.zip(GLIBC.strip_prefix("2.").and_then(minor)).is_some_and(|(found, wanted)| found <= wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_fits_by_the_oldest_system_in_its_name() {
        let wheel = |tags: &str| PathBuf::from(format!("wheels/hotsplice-0.1.0-cp310-abi3-{tags}.whl"));
        assert!(fits(&wheel("manylinux_2_17_x86_64.manylinux2014_x86_64")));
        assert!(fits(&wheel("manylinux_2_28_x86_64.manylinux_2_12_x86_64")));
        assert!(!fits(&wheel("manylinux_2_34_x86_64")));
        assert!(!fits(&wheel("linux_x86_64")));
    }

    #[test]
    fn where_zig_links_nothing_the_reason_is_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("cc");
        fs::write(&script, "#!/bin/sh\necho 'no such target' >&2; exit 1\n").expect("written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("ours");
        let error = links(&script, &folder.path().join("tried")).expect_err("it fails").to_string();
        assert!(error.contains("no such target"), "{error}");
    }
}
