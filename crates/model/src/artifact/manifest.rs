//! An artifact's manifest as JSON; unknown keys are refused by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Task;
use crate::{Error, Result};

/// Everything but the numbers in bulk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub rarefy: String,
    pub task: Task,
    pub inputs: usize,
    pub scaling: ManifestScaling,
    pub feature_names: Vec<String>,
    pub image_shape: Option<Vec<usize>>,
    pub nodes: Vec<ManifestNode>,
    pub training: BTreeMap<String, String>,
}

/// How raw features are scaled.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ManifestScaling {
    None {},
    Factor { factor: f64 },
    Columns {},
}

/// A node without its numbers in bulk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestNode {
    pub name: String,
    pub kind: String,
    pub inputs: Vec<usize>,
    pub attributes: Map<String, Value>,
}

impl Manifest {
    pub fn to_json(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|e| Error::manifest("whole", e.to_string()))
    }

    pub fn from_json(json: Value) -> Result<Self> {
        serde_json::from_value(json).map_err(|e| Error::manifest("whole", e.to_string()))
    }
}
