//! Architectures.
//!
//! ```
//! use rarefy_nn::{Net, net::Build};
//! let net = Net::new(784).linear(1024).relu().linear(1024).relu().linear(10);
//! assert_eq!(net.layers()[0], "linear 1024");
//! let network = net.build(&Build { density: 0.02, ..Build::default() })?;
//! assert!(network.density() <= 0.02);
//! # Ok::<(), rarefy_nn::Error>(())
//! ```

use crate::{Error, Layer, Network, Result, Weight, layer};
use rarefy_core::pattern::{Distribution, Pattern, Structure};
use rarefy_core::random::Key;

/// Streams of random numbers, one for each purpose, so that no two share a draw.
pub mod stream {
    /// Initial values; layer `i` uses `VALUES + i`.
    pub const VALUES: u32 = 0x1000;
    /// Initial patterns; layer `i` uses `PATTERN + i`.
    pub const PATTERN: u32 = 0x2000;
    /// Order of training rows; one step an epoch.
    pub const SHUFFLE: u32 = 0x3000;
    /// Dropout; layer `i` uses `DROPOUT + i`.
    pub const DROPOUT: u32 = 0x4000;
    /// Weights dropped and grown; layer `i` uses `SPARSIFY + i`.
    pub const SPARSIFY: u32 = 0x5000;
    /// Outputs that take part in a step; one step a mini-batch.
    pub const SAMPLE: u32 = 0x6000;
}

/// An architecture: the number of inputs and the layers in order, each in the words of recipes ([`layer::registry`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Net {
    inputs: usize,
    layers: Vec<String>,
}

/// How [`Net::build`] draws weights.
#[derive(Debug, Clone)]
pub struct Build {
    /// Entries kept over all entries of all weight matrices, in 0..=1; 1 is a dense network.
    pub density: f64,
    /// How they are spread over layers.
    pub distribution: Distribution,
    /// Single entries or blocks.
    pub structure: Structure,
    /// The run's seed.
    pub seed: u64,
    /// Moments that the optimizer keeps for each number.
    pub moments: usize,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            density: 1.0,
            distribution: Distribution::ErdosRenyi,
            structure: Structure::Unstructured,
            seed: 0,
            moments: 2,
        }
    }
}

impl Net {
    /// A network of `inputs` features and no layer yet.
    pub fn new(inputs: usize) -> Self {
        Self { inputs, layers: Vec::new() }
    }

    /// Appends a layer in the words of recipes, such as `leaky-relu 0.1`; checked by [`Net::build`].
    pub fn layer(mut self, words: impl Into<String>) -> Self {
        self.layers.push(words.into());
        self
    }

    /// Appends a linear layer with bias.
    pub fn linear(self, outputs: usize) -> Self {
        self.layer(format!("linear {outputs}"))
    }

    /// Appends `max(x, 0)`.
    pub fn relu(self) -> Self {
        self.layer("relu")
    }

    /// Appends `x` where positive, `slope·x` elsewhere.
    pub fn leaky_relu(self, slope: f32) -> Self {
        self.layer(format!("leaky-relu {slope}"))
    }

    /// Appends the hyperbolic tangent.
    pub fn tanh(self) -> Self {
        self.layer("tanh")
    }

    /// Appends `1 / (1 + e⁻ˣ)`.
    pub fn sigmoid(self) -> Self {
        self.layer("sigmoid")
    }

    /// Appends the Gaussian error linear unit.
    pub fn gelu(self) -> Self {
        self.layer("gelu")
    }

    /// Appends softmax over features.
    pub fn softmax(self) -> Self {
        self.layer("softmax")
    }

    /// Appends dropout of this share of the features.
    pub fn dropout(self, rate: f32) -> Self {
        self.layer(format!("dropout {rate}"))
    }

    /// Appends batch normalisation.
    pub fn batch_norm(self) -> Self {
        self.layer("batch-norm")
    }

    /// Number of input features.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The layers, in the words of recipes.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// The layers, their weights still empty.
    ///
    /// # Errors
    /// [`Error::Layer`] naming the first that cannot be made.
    pub fn make(&self) -> Result<Vec<Box<dyn Layer>>> {
        let mut made = Vec::new();
        let mut width = self.inputs;
        for (at, words) in self.layers.iter().enumerate() {
            let wrong = |problem| Error::Layer { at: at + 1, layer: words.clone(), problem };
            let mut split = words.split_whitespace();
            let word = split.next().unwrap_or_default();
            let arguments: Vec<&str> = split.collect();
            let Some(entry) = layer::registry().iter().find(|entry| entry.word == word) else {
                let known: Vec<&str> = layer::registry().iter().map(|entry| entry.usage).collect();
                return Err(wrong(format!("no such layer; known are {}", known.join(", "))));
            };
            let layers = (entry.make)(&arguments, width).map_err(wrong)?;
            width = layers.last().map_or(width, |layer| layer.outputs());
            made.extend(layers);
        }
        if made.is_empty() {
            let problem = "a network needs a layer, such as `linear 10`".to_owned();
            return Err(Error::Layer { at: 0, layer: String::new(), problem });
        }
        Ok(made)
    }

    /// Draws patterns and weights.
    ///
    /// # Errors
    /// [`Error::Layer`] for a layer that cannot be made, [`Error::Core`] for a density out of range or too little memory.
    pub fn build(&self, how: &Build) -> Result<Network> {
        let mut layers = self.make()?;
        let mut weights: Vec<&mut Weight> = layers.iter_mut().filter_map(|layer| layer.weight_mut()).collect();
        let shapes: Vec<(usize, usize)> = weights.iter().map(|weight| (weight.rows(), weight.cols())).collect();
        // A network may have no weight but the rows of `sampled-linear`.
        let entries = if shapes.is_empty() {
            Vec::new()
        } else {
            how.distribution.allocate_within(&shapes, how.structure, how.density, &[])?
        };
        for (i, (weight, entries)) in weights.iter_mut().zip(entries).enumerate() {
            let shape = shapes[i];
            let pattern = if entries == shape.0 * shape.1 {
                Pattern::full(shape.0, shape.1)?
            } else {
                Pattern::random(shape, entries, how.structure, Key::new(how.seed, stream::PATTERN + i as u32))?
            };
            **weight = Weight::random(&pattern, Key::new(how.seed, stream::VALUES + i as u32), how.moments)?;
        }
        for (at, layer) in layers.iter_mut().enumerate() {
            layer.start(at, how.moments);
            layer.draw(Key::new(how.seed, stream::VALUES + 0x800 + at as u32));
        }
        Network::new(self.inputs, layers)
    }
}
