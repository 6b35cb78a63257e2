//! The state of a whole run in one file: finished models, and the one in training.
//!
//! A [`container`](rarefy_model::container) of kind `run`. Its manifest:
//! ```json
//! { "rarefy": "0.1.0", "recipe": "[data]…", "data": "SHA-256 SHA-256", "done": [{ "role": "sparse", … }], "tried": [],
//!   "training": "twin" }
//! ```
//! and its tensors: `sparse.model`, the artifact of a finished model, as bytes; `training`, the trainer's own checkpoint, as
//! bytes. So that a run that goes on gives the same bits as one that was never interrupted, a checkpoint resumes only with the
//! same recipe, data and version.

use std::path::Path;

use rarefy_model::artifact::Artifact;
use rarefy_model::container::{Container, Tensor};
use serde::{Deserialize, Serialize};

use super::outcome::{Record, Trained};
use super::plan::Role;
use super::search::Try;
use crate::{Error, Recipe, Result};

/// The container's kind.
const KIND: &str = "run";

/// The newest version of the format.
const VERSION: u32 = 1;

/// The tensor that holds the trainer's checkpoint.
const TRAINING: &str = "training";

/// What a checkpoint belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The recipe as run.
    pub recipe: Recipe,
    /// The data's fingerprint.
    pub data: String,
}

/// The state of a run.
#[derive(Default)]
pub struct State {
    /// Finished models.
    pub done: Vec<Trained>,
    /// What a search for the sparsest model has tried.
    pub tried: Vec<Try>,
    /// The model in training, and the trainer's checkpoint.
    pub training: Option<(Role, Container)>,
}

/// A checkpoint's manifest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    rarefy: String,
    recipe: String,
    data: String,
    done: Vec<Done>,
    tried: Vec<Try>,
    training: Option<Role>,
}

/// A finished model, its artifact aside.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    role: Role,
    history: Vec<Record>,
    state_bytes: usize,
    ended: String,
}

/// The tensor of a finished model's artifact.
fn model_tensor(role: Role) -> String {
    format!("{}.model", role.name())
}

/// A manifest's problem.
fn wrong(problem: &serde_json::Error) -> rarefy_model::Error {
    rarefy_model::Error::Manifest { key: "whole".to_owned(), problem: problem.to_string() }
}

/// The bytes of a checkpoint with the trainer's own of a model in training; `state` is asked for all else.
pub fn to_bytes(
    identity: &Identity,
    state: &State,
    training: Option<(Role, &Container)>,
) -> rarefy_model::Result<Vec<u8>> {
    let mut container = Container::new(KIND, VERSION);
    let mut list = Vec::with_capacity(state.done.len());
    for Trained { role, artifact, history, state_bytes, ended } in &state.done {
        let bytes = artifact.to_bytes()?;
        container.insert(model_tensor(*role), Tensor::from_u8(&[bytes.len()], &bytes)?)?;
        let (history, ended) = (history.clone(), ended.clone());
        list.push(Done { role: *role, history, state_bytes: *state_bytes, ended });
    }
    if let Some((_, state)) = training {
        let bytes = state.to_bytes()?;
        container.insert(TRAINING, Tensor::from_u8(&[bytes.len()], &bytes)?)?;
    }
    let manifest = Manifest {
        rarefy: env!("CARGO_PKG_VERSION").to_owned(),
        recipe: identity.recipe.to_toml(),
        data: identity.data.clone(),
        done: list,
        tried: state.tried.clone(),
        training: training.map(|(role, _)| role),
    };
    container.manifest = serde_json::to_value(manifest).map_err(|e| wrong(&e))?;
    container.to_bytes()
}

/// The manifest of a checkpoint file, of this program's version.
fn open(path: &Path) -> Result<(Container, Manifest)> {
    let mut container = Container::read(path, KIND, VERSION)?;
    let manifest: Manifest = serde_json::from_value(container.manifest.take()).map_err(|e| wrong(&e))?;
    let now = env!("CARGO_PKG_VERSION");
    if manifest.rarefy != now {
        let difference = format!("made by Rarefy {}, this is {now}", manifest.rarefy);
        return Err(Error::Resume { checkpoint: path.to_owned(), difference });
    }
    Ok((container, manifest))
}

/// The recipe as run of a checkpoint file.
pub fn recipe(path: &Path) -> Result<Recipe> {
    Recipe::parse(&open(path)?.1.recipe, &format!("{}: recipe", path.display()))
}

/// The state in a checkpoint file, if it belongs to the same run.
pub fn read(path: &Path, identity: &Identity) -> Result<State> {
    let differs = |difference| Err(Error::Resume { checkpoint: path.to_owned(), difference });
    let (mut container, manifest) = open(path)?;
    let then = Recipe::parse(&manifest.recipe, &format!("{}: recipe", path.display()))?;
    if let Some((key, then, now)) = then.difference(&identity.recipe) {
        return differs(format!("the recipe differs: {key} was {then}, now it is {now}"));
    }
    if manifest.data != identity.data {
        let short = |print: &str| print.chars().take(12).collect::<String>();
        let (then, now) = (short(&manifest.data), short(&identity.data));
        return differs(format!("the data differ (fingerprint {then}… was used, now it is {now}…)"));
    }
    let mut done = Vec::with_capacity(manifest.done.len());
    for Done { role, history, state_bytes, ended } in manifest.done {
        let name = model_tensor(role);
        let artifact = Artifact::from_bytes(container.take(&name)?.bytes())?;
        done.push(Trained { role, artifact, history, state_bytes, ended });
    }
    let training = match manifest.training {
        Some(role) => {
            let bytes = container.take(TRAINING)?;
            let state = Container::from_bytes(bytes.bytes(), rarefy_nn::trainer::KIND, rarefy_nn::trainer::VERSION)?;
            Some((role, state))
        }
        None => None,
    };
    container.finish()?;
    Ok(State { done, tried: manifest.tried, training })
}
