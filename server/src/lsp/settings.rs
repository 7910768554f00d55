//! What the user has set, under `hotsplice` in the editor's settings.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::workspace::PathMapping;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PatchOnSave {
    #[default]
    Never,
    /// Explicit saves only.
    Manual,
    /// Explicit saves of files that had been edited.
    ManualIfDirty,
    #[serde(alias = "always")]
    All,
    AllIfDirty,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    pub patch_on_save: PatchOnSave,
    /// The older name of `lens`: `false` is `never`.
    code_lens: bool,
    lens: Lens,
    /// Patch also what other programs change on disk.
    pub patch_on_external_change: bool,
    pub path_mappings: Vec<PathMapping>,
    pub sessions: Sessions,
    pub guard: Guard,
}

/// Which calls that fail are held in the processes of the window, beside those of functions that were guarded by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Guard {
    #[default]
    Off,
    /// Of functions of the window's folders, if nobody would handle it: it ends a thread, or the program.
    Uncaught,
    /// The same, also where a framework would handle it.
    Workspace,
}

/// When a line stands over a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lens {
    /// Where there is something to do or to know: edited, refused, just gone live, old code still running.
    #[default]
    Changes,
    /// Also where all is as it should be.
    Always,
    Never,
}

/// As users write them.
const NAMES: [&str; 7] =
    ["patchOnSave", "codeLens", "lens", "patchOnExternalChange", "pathMappings", "sessions", "guard"];

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sessions {
    #[serde(rename = "match")]
    pub matching: Match,
}

/// Which processes belong to the editor's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Match {
    #[default]
    Workspace,
    All,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            patch_on_save: PatchOnSave::default(),
            code_lens: true,
            lens: Lens::default(),
            patch_on_external_change: false,
            path_mappings: Vec::new(),
            sessions: Sessions::default(),
            guard: Guard::default(),
        }
    }
}

impl Settings {
    /// Takes `{"hotsplice": {…}}` or what is in it. The error is for the user; what can't be read, or is about something
    /// else (some editors send every server the same), leaves the settings as they are.
    pub fn update(&mut self, value: &Value) -> Result<(), String> {
        let own = value.get("hotsplice").unwrap_or(value);
        let Some(given) = own.as_object() else { return Ok(()) };
        if value.get("hotsplice").is_none() && !given.keys().any(|name| NAMES.contains(&name.as_str())) {
            return Ok(());
        }
        *self = Self::deserialize(own).map_err(|error| format!("the settings of hotsplice can't be read: {error}"))?;
        Ok(())
    }

    pub fn lens(&self) -> Lens {
        if self.code_lens { self.lens } else { Lens::Never }
    }

    pub fn patches(&self, explicit: bool, dirty: bool) -> bool {
        match self.patch_on_save {
            PatchOnSave::Never => false,
            PatchOnSave::Manual => explicit,
            PatchOnSave::ManualIfDirty => explicit && dirty,
            PatchOnSave::All => true,
            PatchOnSave::AllIfDirty => dirty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_can_not_be_read_leaves_the_settings_as_they_are() {
        let mut settings = Settings::default();
        assert_eq!(settings.update(&json!({ "hotsplice": { "patchOnSave": "manual" } })), Ok(()));
        assert!(settings.patches(true, false) && !settings.patches(false, true));
        assert!(settings.update(&json!({ "patchOnSave": "sometimes" })).is_err());
        for other in [json!(null), json!({}), json!({ "python": { "analysis": {} } })] {
            assert_eq!(settings.update(&other), Ok(()));
        }
        assert_eq!(settings.patch_on_save, PatchOnSave::Manual);
        assert_eq!(settings.update(&json!({ "patchOnSave": "always" })), Ok(()));
        assert!(settings.patches(false, false));
    }
}
