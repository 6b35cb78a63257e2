//! What a [`Sparsity`] does to a network in training: before the first step, at each gradient, after each step, and when the
//! time is over.

use super::{Evolution, Penalty, Shape, Sparsity, evolve};
use crate::net::stream;
use crate::{Error, Network, Result, Weight};
use rarefy_core::pattern::{Distribution, Pattern, Structure, TopK};
use rarefy_core::random::Key;

impl Sparsity {
    /// Makes a network that has just been drawn ready for the first step.
    ///
    /// # Errors
    /// [`Error::Setting`] when whole neurons are to go and a layer shares the weight of another: its rows are read there too.
    pub(crate) fn start(&self, network: &mut Network) -> Result<()> {
        let whole_neurons = matches!(self.penalty, Some(Penalty { kind: Shape::GroupL1, .. }));
        if whole_neurons && network.layers_mut().iter_mut().any(|layer| layer.tied().is_some()) {
            let expected = "no tied-linear layer in the network, or another method".to_owned();
            return Err(Error::Setting { name: "sparsity method", found: "group-l1".to_owned(), expected });
        }
        for layer in network.layers_mut() {
            let is_weight = layer.weight().is_some();
            for (_, param) in layer.params_mut() {
                if self.rewinds_weights() {
                    param.memory = param.values.clone();
                } else if self.trigger.is_some() && is_weight {
                    param.memory = vec![0.0; param.values.len()];
                }
            }
        }
        self.choose_fronts(network)
    }

    /// Looks at the gradients that have been accumulated for a step, before the optimizer takes them.
    pub(crate) fn see_gradients(&self, network: &mut Network) {
        if let Some(trigger) = &self.trigger {
            let weights = network.layers_mut().iter_mut().filter_map(|layer| layer.weight_mut());
            weights.for_each(|weight| trigger.see(weight.param_mut()));
        }
    }

    /// Changes the patterns of a network after `step`, counted from 0, of `total`, if it is time; remembers and rewinds.
    pub(crate) fn after_step(&self, network: &mut Network, seed: u64, step: u64, total: u64) -> Result<()> {
        if self.schedule.remembered(total, self.until) == Some(step + 1) {
            let params = network.layers_mut().iter_mut().flat_map(|layer| layer.params_mut());
            params.for_each(|(_, param)| param.memory.clone_from(&param.values));
        }
        if self.penalty.is_some() || !self.changes_at(step, total) {
            return Ok(());
        }
        let density = self.density_at(step, total);
        let pruned = self.density_changes_at(step, total);
        let triggered = if pruned { None } else { self.trigger.as_ref() };
        let structure = self.structure_at(density);
        let counts = match (pruned, triggered) {
            (true, _) => Some(self.counts(network, density)?),
            (false, Some(_)) => Some(self.counts(network, self.density)?),
            (false, None) => None,
        };
        let (drop, grow) = self.scores()?;
        network.catch_up();
        let mut number = 0;
        network.each_weight(|layer, weight, x, dy| {
            let nnz = weight.nnz();
            let count = counts.as_ref().map_or(nnz, |counts| counts[number]);
            number += 1;
            let key = Key::new(seed, stream::SPARSIFY + layer as u32);
            let fraction = self.fraction_at(step, total) * self.reserve_share(weight);
            let how = Evolution {
                drop,
                grow,
                entries: count,
                fraction,
                structure,
                key,
                step,
                first: None,
                floor: f32::NEG_INFINITY,
            };
            let Some(trigger) = triggered else { return evolve(weight, &how, x, dy).map(|_| ()) };
            let idle = trigger.idle(weight);
            let gone = idle.iter().filter(|idle| **idle).count();
            let back = (fraction * gone as f64).round() as usize;
            let entries = (nnz - gone + back).max(count.min(nnz));
            let fraction = back as f64 / entries.max(1) as f64;
            evolve(weight, &Evolution { entries, fraction, first: Some(&idle), ..how }, x, dy)?;
            trigger.welcome(weight)
        })?;
        if pruned && self.rewinds_weights() && step + 1 < total {
            for (_, param) in network.layers_mut().iter_mut().flat_map(|layer| layer.params_mut()) {
                param.values.clone_from(&param.memory);
                param.restart();
            }
        }
        if pruned { Ok(()) } else { self.choose_fronts(network) }
    }

    /// Brings a network whose training ends before its time to the density of its end: the smallest weights go.
    pub(crate) fn finish(&self, network: &mut Network) -> Result<()> {
        match self.penalty {
            Some(Penalty { strength: Some(_), .. }) => return Ok(()),
            Some(Penalty { kind: Shape::GroupL1, .. }) => return self.finish_rows(network),
            _ => {}
        }
        let counts = self.counts(network, self.density)?;
        let weights = network.layers_mut().iter_mut().filter_map(|layer| layer.weight_mut());
        for (weight, count) in weights.zip(counts) {
            if weight.nnz() > count {
                let (_, largest) = self.largest(weight, count)?;
                weight.move_to(&largest)?;
            }
        }
        Ok(())
    }

    /// Of the entries that a change may replace: all, or the share that stands behind the front.
    fn reserve_share(&self, weight: &Weight) -> f64 {
        if self.reserve == 0.0 {
            return 1.0;
        }
        let front = weight.front().map_or(weight.nnz(), |front| front.len());
        1.0 - front as f64 / weight.nnz().max(1) as f64
    }

    /// Puts the largest weights of each layer to the front, if there is a reserve.
    fn choose_fronts(&self, network: &mut Network) -> Result<()> {
        if self.reserve == 0.0 {
            return Ok(());
        }
        let counts = self.counts(network, self.density)?;
        let weights = network.layers_mut().iter_mut().filter_map(|layer| layer.weight_mut());
        for (weight, count) in weights.zip(counts) {
            let (pattern, largest) = self.largest(weight, count.min(weight.nnz()))?;
            let mut positions = Vec::with_capacity(largest.nnz());
            for i in 0..pattern.rows() {
                let mut at = pattern.indptr()[i];
                for &j in largest.row(i) {
                    at += pattern.row(i)[(at - pattern.indptr()[i]) as usize..].partition_point(|&k| k < j) as u32;
                    positions.push(at);
                }
            }
            weight.set_front(&positions)?;
        }
        Ok(())
    }

    /// The pattern of a weight, and that of its `count` largest entries, in the structure asked for.
    fn largest(&self, weight: &Weight, count: usize) -> Result<(Pattern, Pattern)> {
        let pattern = weight.pattern()?;
        let sizes = pattern.iter().zip(weight.values()).map(|((i, j), value)| (i, j, value.abs()));
        let largest = Pattern::from_scores((pattern.rows(), pattern.cols()), count, self.structure, sizes)?;
        Ok((pattern, largest))
    }

    /// The structure of patterns of this density: windows hold from the density on that they have room for.
    pub(crate) fn structure_at(&self, density: f64) -> Structure {
        let windows = matches!(self.structure, Structure::Window { .. });
        if windows && density > self.structure.most() { Structure::Unstructured } else { self.structure }
    }

    /// How entries are spread at this density, before weights are there to be ranked. Given densities of layers are those of the
    /// end; at a share `s` of the sparsity of the end, each layer has `s` of its own.
    pub(crate) fn distribution_at(&self, density: f64) -> Distribution {
        match &self.distribution {
            Distribution::Global => Distribution::ErdosRenyi,
            Distribution::PerLayer(last) if density > self.density => {
                let share = (1.0 - density) / (1.0 - self.density);
                let most = self.structure_at(density).most();
                Distribution::PerLayer(last.iter().map(|d| (1.0 - share * (1.0 - d)).min(most)).collect())
            }
            other => other.clone(),
        }
    }

    /// How many entries each weight has at this density.
    pub(super) fn counts(&self, network: &Network, density: f64) -> Result<Vec<usize>> {
        let shapes: Vec<_> = network.weights().map(|weight| (weight.rows(), weight.cols())).collect();
        if shapes.is_empty() {
            return Ok(Vec::new());
        }
        let structure = self.structure_at(density);
        let counts = self.distribution_at(density).allocate_within(&shapes, structure, density, &[])?;
        if self.distribution != Distribution::Global || density == 1.0 {
            return Ok(counts);
        }
        let mut rooms = Vec::with_capacity(shapes.len());
        for (shape, weight) in shapes.iter().zip(network.weights()) {
            rooms.push(structure.capacity(*shape)?.min(weight.nnz()));
        }
        let budget = counts.iter().sum();
        let drop = self.scores()?.0;
        let mut best = TopK::new(budget)?;
        let (mut ends, mut first) = (Vec::new(), 0);
        for weight in network.weights() {
            let scores: Vec<f32> = weight.values().iter().map(|&value| drop.score(value, 0.0, 0.0, 0.0)).collect();
            best.extend(first, &scores);
            first += scores.len() as u64;
            ends.push(first);
        }
        let mut counts = vec![0usize; shapes.len()];
        best.into_indices().iter().for_each(|index| counts[ends.partition_point(|end| end <= index)] += 1);
        // What a layer has no room for goes to the first that has.
        let mut left = 0;
        for (count, &room) in counts.iter_mut().zip(&rooms) {
            left += count.saturating_sub(room);
            *count = (*count).min(room);
        }
        for (count, &room) in counts.iter_mut().zip(&rooms) {
            let more = left.min(room - *count);
            *count += more;
            left -= more;
        }
        Ok(counts)
    }
}
