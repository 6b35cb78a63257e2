//! A network with weights, and the batches that flow through it.

use crate::layer::{Layer, Mode, Pass, Sampled};
use crate::{Error, Input, Param, Result, Step, Weight};
use rarefy_core::kernels::sparse_input::SparseBatch;
use rarefy_core::kernels::update::{Rule, Sums};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::{Graph, Op};

/// A network with weights.
///
/// It owns one batch for its input and one for the output of each [`Transform`](crate::layer::Transform); a
/// [`Map`](crate::layer::Map) works in the batch of the layer before it, unless that layer's backward pass will read its output:
/// then it works in a copy. Gradients have batches of the same shapes, but for
/// the input.
pub struct Network {
    inputs: usize,
    layers: Vec<Box<dyn Layer>>,
    /// Each layer that shares a weight, and the layer that has it.
    tied: Vec<(usize, usize)>,
    /// Whether the output of each layer is in a batch of its own.
    own: Vec<bool>,
    /// `values[0]` is the input.
    values: Vec<Batch>,
    /// `gradients[i]` is that of `values[i + 1]`.
    gradients: Vec<Batch>,
    /// The input, if it was last put in sparse; `values[0]` is then not in use.
    sparse: Option<SparseBatch>,
    /// Whether it was.
    is_sparse: bool,
}

impl Network {
    /// A network of these layers.
    ///
    /// # Errors
    /// [`Error::Layer`] when there is none that transforms its input, or when one has numbers to train before there is a
    /// gradient.
    pub fn new(inputs: usize, layers: Vec<Box<dyn Layer>>) -> Result<Self> {
        let mut layers = absorb(layers);
        let tied = find_tied(&mut layers)?;
        let mut own = Vec::with_capacity(layers.len());
        let (mut batches, mut read) = (0, false);
        let last = layers.len().saturating_sub(1);
        for (at, layer) in layers.iter_mut().enumerate() {
            if at < last && layer.sampled().is_some() {
                let problem = "it computes a part of its outputs, so nothing can read them; put it last".to_owned();
                return Err(Error::Layer { at: at + 1, layer: layer.kind().to_owned(), problem });
            }
            let trained = !layer.params().is_empty();
            let (new, reads) = match layer.pass() {
                Pass::Transform(_) => (true, false),
                Pass::Map(_) if trained && batches == 0 => {
                    let problem = "nothing would train it here; put it after a layer such as `linear 10`".to_owned();
                    return Err(Error::Layer { at: at + 1, layer: layer.kind().to_owned(), problem });
                }
                Pass::Map(map) => (read, batches > 0 && map.reads_output()),
            };
            (batches, read) = (batches + usize::from(new), reads);
            own.push(new);
        }
        if batches == 0 {
            let problem = "a network needs a layer with weights, such as `linear 10`".to_owned();
            return Err(Error::Layer { at: layers.len(), layer: String::new(), problem });
        }
        let empty = |count| (0..count).map(|_| Batch::zeros(0, 0)).collect::<rarefy_core::Result<Vec<_>>>();
        let (values, gradients) = (empty(batches + 1)?, empty(batches)?);
        Ok(Self { inputs, layers, tied, own, values, gradients, sparse: None, is_sparse: false })
    }

    /// The network of a graph that [`Network::lower`] has made, its layers without dropout and ready for an optimizer that keeps
    /// `moments` moments.
    ///
    /// # Errors
    /// [`Error::Model`] for a graph that is not valid, [`Error::Layer`] naming a node that is not one of `lower`'s.
    pub fn from_graph(graph: &Graph, moments: usize) -> Result<Self> {
        let mut layers = crate::layer::lift(graph)?;
        for (at, layer) in layers.iter_mut().enumerate() {
            for (_, param) in layer.params_mut() {
                *param = Param::new(std::mem::take(&mut param.values), moments);
            }
            layer.start(at, moments);
        }
        Self::new(graph.inputs, layers)
    }

    /// Number of input features.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of output features.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(self.inputs, |layer| layer.outputs())
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[Box<dyn Layer>] {
        &self.layers
    }

    /// The layers, to change.
    pub fn layers_mut(&mut self) -> &mut [Box<dyn Layer>] {
        &mut self.layers
    }

    /// The last layer, if it computes a sample of its outputs while training.
    pub fn sampled(&mut self) -> Option<&mut Sampled> {
        self.layers.last_mut().and_then(|layer| layer.sampled())
    }

    /// The weights, in order.
    pub fn weights(&self) -> impl Iterator<Item = &Weight> {
        self.layers.iter().filter_map(|layer| layer.weight())
    }

    /// Nonzeros of all weight matrices.
    pub fn nnz(&self) -> usize {
        self.weights().map(Weight::nnz).sum()
    }

    /// Nonzeros over entries of all weight matrices.
    pub fn density(&self) -> f64 {
        self.nnz() as f64 / self.weights().map(|w| w.rows() * w.cols()).sum::<usize>().max(1) as f64
    }

    /// Trainable numbers: weights in the pattern, biases, norms.
    pub fn parameters(&self) -> usize {
        let of = |layer: &dyn Layer| match layer.weight() {
            Some(weight) => weight.nnz(),
            None => layer.params().iter().map(|(_, p)| p.values.len()).sum(),
        };
        self.layers.iter().map(|layer| of(layer.as_ref())).sum()
    }

    /// Bytes of training state: parameters, moments, gradients if kept, indices.
    pub fn state_bytes(&self) -> usize {
        let of = |layer: &dyn Layer| match layer.weight() {
            Some(weight) => weight.bytes(),
            None => layer.params().iter().map(|(_, p)| p.bytes()).sum(),
        };
        self.layers.iter().map(|layer| of(layer.as_ref())).sum()
    }

    /// Makes room for batches of `len` samples, and returns the input batch to fill.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn input(&mut self, len: usize) -> Result<&mut Batch> {
        self.values[0].reshape(self.inputs, len)?;
        self.is_sparse = false;
        self.reserve(len)?;
        Ok(&mut self.values[0])
    }

    /// As [`Network::input`], for samples of which few features are not zero. No array of `features × len` exists then; the first
    /// layer's weight is stored sparse from now on.
    ///
    /// # Errors
    /// [`Error::Layer`] if the first layer is not linear or shares its weight; when there is no memory.
    pub fn sparse_input(&mut self, len: usize) -> Result<&mut SparseBatch> {
        if let Some(&(tied, _)) = self.tied.iter().find(|&&(_, source)| source == 0) {
            let problem =
                "it shares the weight of the first layer, whose input is sparse; use `linear` here".to_owned();
            return Err(Error::Layer { at: tied + 1, layer: self.layers[tied].kind().to_owned(), problem });
        }
        self.first_weight()?.store_sparse()?;
        self.is_sparse = true;
        self.reserve(len)?;
        match &mut self.sparse {
            Some(batch) => Ok(batch),
            none => Ok(none.insert(SparseBatch::new(self.inputs)?)),
        }
    }

    /// Copies the input last put in, every number of it: what an autoencoder's outputs should be.
    pub(crate) fn copy_input(&self, to: &mut Batch) -> Result<()> {
        match &self.sparse {
            Some(sparse) if self.is_sparse => {
                to.reshape(self.inputs, sparse.len())?;
                to.data_mut().fill(0.0);
                let stride = to.stride();
                for (a, &j) in sparse.active().iter().enumerate() {
                    let (samples, values) = sparse.feature(a);
                    let row = &mut to.data_mut()[j as usize * stride..][..stride];
                    samples.iter().zip(values).for_each(|(&s, &value)| row[s as usize] = value);
                }
            }
            _ => {
                to.reshape(self.inputs, self.values[0].len())?;
                to.data_mut().copy_from_slice(self.values[0].data());
            }
        }
        Ok(())
    }

    /// The weight of the first layer, which alone can read sparse input.
    pub(crate) fn first_weight(&mut self) -> Result<&mut Weight> {
        let layer = &mut self.layers[0];
        let kind = layer.kind();
        layer.weight_mut().ok_or_else(|| {
            let problem = "sparse data go into a linear layer first, such as `linear 256`".to_owned();
            Error::Layer { at: 1, layer: kind.to_owned(), problem }
        })
    }

    /// Brings up to date what lazy training on sparse input has left behind.
    pub fn catch_up(&mut self) {
        if let Some(weight) = self.layers[0].weight_mut() {
            weight.catch_up(None);
        }
    }

    /// Makes room for the outputs of all layers.
    fn reserve(&mut self, len: usize) -> Result<()> {
        let owners = self.layers.iter().zip(&self.own).filter(|(_, own)| **own);
        for (value, (layer, _)) in self.values[1..].iter_mut().zip(owners) {
            value.reshape(layer.outputs_now(), len)?;
        }
        Ok(())
    }

    /// Runs the batch last put into [`Network::input`] through all layers, and returns the output.
    pub fn forward(&mut self, mode: Mode) -> &Batch {
        let mut at = 0;
        for (number, &own) in self.own.iter().enumerate() {
            exchange(&mut self.layers, &self.tied, number);
            let first = (number == 0 && self.is_sparse).then(|| self.layers[0].weight_mut()).flatten();
            if let (Some(x), Some(weight)) = (&self.sparse, first) {
                if let Mode::Train { .. } = mode {
                    weight.catch_up(Some(x.active()));
                }
                weight.forward(x, &mut self.values[1]);
                at = 1;
                continue;
            }
            let (before, after) = self.values.split_at_mut(at + 1);
            match self.layers[number].pass() {
                Pass::Map(map) if own => {
                    after[0].data_mut().copy_from_slice(before[at].data());
                    map.forward(&mut after[0], mode);
                }
                Pass::Map(map) => map.forward(&mut before[at], mode),
                Pass::Transform(transform) => transform.forward(&before[at], &mut after[0], mode),
            }
            exchange(&mut self.layers, &self.tied, number);
            at += usize::from(own);
        }
        &self.values[at]
    }

    /// The output of the last [`Network::forward`], and the batch in which [`Network::backward`] expects its gradient.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn output(&mut self) -> Result<(&Batch, &mut Batch)> {
        for (value, gradient) in self.values[1..].iter().zip(&mut self.gradients) {
            gradient.reshape(value.features(), value.len())?;
        }
        let last = self.gradients.len();
        Ok((&self.values[last], &mut self.gradients[last - 1]))
    }

    /// Takes the gradient put into [`Network::output`] back through all layers.
    pub fn backward(&mut self, mode: Mode, step: Step<'_>) {
        let mut at = self.gradients.len();
        for number in (0..self.layers.len()).rev() {
            exchange(&mut self.layers, &self.tied, number);
            let shared = self.tied.iter().any(|&(_, source)| source == number);
            let layer = &mut self.layers[number];
            let (before, after) = self.gradients.split_at_mut(at.saturating_sub(1));
            let x = |i: usize| &self.values[i];
            if let (0, true, Some(x), Some(weight)) = (number, self.is_sparse, &self.sparse, layer.weight_mut()) {
                weight.backward(x, &after[0], None, step);
                break;
            }
            match layer.pass() {
                // Nobody needs the gradient of the input.
                Pass::Map(_) if at == 0 => {}
                Pass::Map(map) => {
                    map.backward(x(at), &mut after[0], mode, step);
                    // From the copy to what it is a copy of.
                    if let (true, Some(before)) = (self.own[number], before.last_mut()) {
                        std::mem::swap(before, &mut after[0]);
                        at -= 1;
                    }
                }
                Pass::Transform(transform) => {
                    // What others have found of a shared weight is there already; its own layer comes last.
                    let how = if shared { Step::Accumulate } else { step };
                    transform.backward(x(at - 1), &after[0], before.last_mut(), mode, how);
                    at -= 1;
                    if let (true, Step::Apply(rule), Some(weight)) = (shared, step, layer.weight_mut()) {
                        weight.param_mut().apply_gradient(rule);
                    }
                }
            }
            exchange(&mut self.layers, &self.tied, number);
        }
    }

    /// After [`Network::backward`]: `visit` sees the number of each layer with a weight, the weight, the layer's input and the
    /// gradient of its output, both of the last batch.
    ///
    /// # Errors
    /// The first that `visit` returns.
    pub fn each_weight(
        &mut self,
        mut visit: impl FnMut(usize, &mut Weight, Input<'_>, &Batch) -> Result<()>,
    ) -> Result<()> {
        // The batch that each layer reads.
        let read = |number: usize| self.own[..number].iter().filter(|own| **own).count();
        for number in 0..self.layers.len() {
            let at = read(number);
            let Some(weight) = self.layers[number].weight_mut() else { continue };
            if let (0, true, Some(x)) = (number, self.is_sparse, &self.sparse) {
                visit(number, weight, x.into(), &self.gradients[at])?;
                continue;
            }
            // A tied layer's input takes the place of the gradient: Wᵀ has the gradient transposed.
            let others = self.tied.iter().filter(|&&(_, source)| source == number).map(|&(tied, _)| read(tied));
            let (mut x, mut dy) = (vec![&self.values[at]], vec![&self.gradients[at]]);
            for at in others {
                x.push(&self.gradients[at]);
                dy.push(&self.values[at]);
            }
            match x.len() {
                1 => visit(number, weight, x[0].into(), dy[0])?,
                _ => visit(number, weight, (&side_by_side(&x)?).into(), &side_by_side(&dy)?)?,
            }
        }
        Ok(())
    }

    /// Applies and clears all accumulated gradients.
    pub fn apply(&mut self, rule: &Rule) {
        for layer in &mut self.layers {
            match layer.weight_mut() {
                Some(weight) => weight.apply_gradient(rule),
                None => layer.params_mut().into_iter().for_each(|(_, param)| param.apply_gradient(rule)),
            }
        }
    }

    /// What the last update summed over all trainable numbers, in the order of the layers.
    pub fn sums(&self) -> Sums {
        self.layers.iter().flat_map(|layer| layer.params()).map(|(_, param)| param.sums).sum()
    }

    /// The network as data, for an artifact.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn lower(&self) -> Result<Graph> {
        let mut graph = Graph::new(self.inputs);
        let mut counts = std::collections::HashMap::new();
        let mut nodes = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let first = graph.nodes.len();
            for mut op in layer.lower()? {
                if let Op::TiedLinear { of } = &mut op {
                    *of = nodes[*of];
                }
                let count = counts.entry(op.kind()).or_insert(0);
                *count += 1;
                graph.push(format!("{}{count}", op.kind()), op);
            }
            nodes.push(first);
        }
        Ok(graph)
    }
}

/// Finds the weights of tied layers: each such layer, and the one that has its weight.
fn find_tied(layers: &mut [Box<dyn Layer>]) -> Result<Vec<(usize, usize)>> {
    let mut found = Vec::new();
    let mut width = None;
    for number in 0..layers.len() {
        let (before, rest) = layers.split_at_mut(number);
        if let Some(tied) = rest[0].tied() {
            let wrong = |problem| Error::Layer { at: number + 1, layer: "tied-linear".to_owned(), problem };
            tied.find(before, width.unwrap_or(0)).map_err(wrong)?;
            found.push((number, tied.source));
        }
        width = Some(rest[0].outputs());
    }
    Ok(found)
}

/// Lends layer `number` the weight that it shares, or takes it back; nothing if it shares none.
fn exchange(layers: &mut [Box<dyn Layer>], tied: &[(usize, usize)], number: usize) {
    let Some(&(_, source)) = tied.iter().find(|&&(tied, _)| tied == number) else { return };
    let (before, rest) = layers.split_at_mut(number);
    if let (Some(tied), Some(weight)) = (rest[0].tied(), before[source].weight_mut()) {
        tied.exchange(weight);
    }
}

/// The samples of several batches of the same features as one batch.
fn side_by_side(batches: &[&Batch]) -> Result<Batch> {
    let mut all = Batch::zeros(batches[0].features(), batches.iter().map(|batch| batch.len()).sum())?;
    for j in 0..all.features() {
        let mut row = all.row_mut(j);
        for batch in batches {
            let (part, rest) = row.split_at_mut(batch.len());
            part.copy_from_slice(batch.row(j));
            row = rest;
        }
    }
    Ok(all)
}

/// Leaves out the layers whose work the one before takes over.
fn absorb(layers: Vec<Box<dyn Layer>>) -> Vec<Box<dyn Layer>> {
    let mut kept: Vec<Box<dyn Layer>> = Vec::with_capacity(layers.len());
    for layer in layers {
        if !kept.last_mut().is_some_and(|last| last.absorb(&*layer)) {
            kept.push(layer);
        }
    }
    kept
}
