//! The `[sparsity]` of a recipe.

use super::Spread;

/// How sparse.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparsity {
    /// A method's name; see [`rarefy_nn::sparsify::registry`].
    pub method: String,
    /// The sparsity wanted over all weight matrices: zeros over entries.
    pub target: f64,
    /// Instead: so many weights are kept.
    pub nonzeros: Option<u64>,
    /// Instead: as many weights are kept as an artifact of so many bytes holds.
    pub file_bytes: Option<u64>,
    /// Instead: the sparsest model that is at most so many points of validation accuracy below its dense twin, in percent.
    pub within: Option<f64>,
    /// Instead: the strength of the penalty (prox-l1, elastic-net, group-l1).
    pub lambda: Option<f64>,
    /// Share of L1 in the penalty (elastic-net).
    pub l1_ratio: Option<f64>,
    /// Instead of a target: the largest sum of absolute weights (l1-ball).
    pub radius: Option<f64>,
    /// One ball for the `network`, or one a `layer` (l1-ball).
    pub ball: Option<String>,
    /// How density is spread over layers.
    pub distribution: Spread,
    /// Single entries or blocks.
    pub structure: String,
    /// Steps between changes of the pattern.
    pub every: u64,
    /// The share of the weights that the first change replaces; `None` is the method's own.
    pub fraction: Option<f64>,
    /// The share of training after which the pattern stays; `None` is the method's own.
    pub until: Option<f64>,
    /// The share of training before the first change (gmp, granet, ac-dc).
    pub begin: Option<f64>,
    /// The sparsity of the first steps (gmp, granet).
    pub initial: Option<f64>,
    /// Prunings, or pairs of phases (one-shot, lottery, ac-dc).
    pub rounds: Option<u64>,
    /// What goes back after a pruning (one-shot, lottery).
    pub rewind: Option<String>,
    /// Where it goes back to: a share of the first round's steps (one-shot, lottery).
    pub rewind_to: Option<f64>,
    /// Weights trained behind those in use, over the number of those (top-kast).
    pub reserve: Option<f64>,
    /// An idle weight's mean gradient is below this times its layer's (trigger).
    pub gradient_below: Option<f64>,
    /// An idle weight is below this times its layer's root mean square (trigger).
    pub weight_below: Option<f64>,
    /// Memory of the mean gradient (trigger).
    pub gradient_memory: Option<f64>,
    /// The score by which weights are dropped; `None` is the method's own.
    pub drop: Option<String>,
    /// The score by which weights are grown; `None` is the method's own.
    pub grow: Option<String>,
    /// How many times `train.epochs` the sparse model trains.
    pub epochs_factor: f64,
}

impl Default for Sparsity {
    fn default() -> Self {
        Self {
            method: "rigl".to_owned(),
            target: 0.0,
            nonzeros: None,
            file_bytes: None,
            within: None,
            lambda: None,
            l1_ratio: None,
            radius: None,
            ball: None,
            distribution: Spread::Named("erdos-renyi".to_owned()),
            structure: "unstructured".to_owned(),
            every: 100,
            fraction: None,
            until: None,
            begin: None,
            initial: None,
            rounds: None,
            rewind: None,
            rewind_to: None,
            reserve: None,
            gradient_below: None,
            weight_below: None,
            gradient_memory: None,
            drop: None,
            grow: None,
            epochs_factor: 1.0,
        }
    }
}

impl Sparsity {
    /// What says how sparse: the keys that do, given or not.
    fn targets(&self) -> [(&'static str, bool); 6] {
        [
            ("sparsity.target", self.target > 0.0),
            ("sparsity.nonzeros", self.nonzeros.is_some()),
            ("sparsity.file-bytes", self.file_bytes.is_some()),
            ("sparsity.within", self.within.is_some()),
            ("sparsity.lambda", self.lambda.is_some()),
            ("sparsity.radius", self.radius.is_some()),
        ]
    }

    /// Whether anything is to be zero.
    pub(crate) fn wanted(&self) -> bool {
        self.method != "dense" && self.targets().iter().any(|(_, given)| *given)
    }

    /// Takes back what said how sparse before `key` does.
    pub(super) fn say_by(&mut self, key: &str) {
        if self.targets().iter().any(|(name, _)| *name == key) {
            let unsaid = Self::default();
            self.target = unsaid.target;
            (self.nonzeros, self.file_bytes, self.within) = (unsaid.nonzeros, unsaid.file_bytes, unsaid.within);
            (self.lambda, self.radius) = (unsaid.lambda, unsaid.radius);
        }
    }

    /// Refuses two answers to one question.
    pub(super) fn check_target(&self) -> Result<(), String> {
        let given: Vec<&str> = self.targets().into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
        match given[..] {
            [first, second, ..] => Err(format!("{first} and {second} both say how sparse; give one of them")),
            _ => Ok(()),
        }
    }
}
