//! One optimizer step: batches forward and backward, the optimizer, and what follows it.

use super::Trainer;
use super::split::Feed;
use crate::net::stream;
use crate::optimizer::Distance;
use crate::sample::Sample;
use crate::{Layer, Mode, Result, Step};
use rarefy_core::kernels::update::Rule;
use rarefy_core::random::Key;

impl Trainer {
    /// One optimizer step on these rows, or on the hardest of them.
    pub(super) fn train_on(&mut self, feed: &mut Feed<'_>, rows: &[u32], total: u64) -> Result<()> {
        let hardest = if self.config.hardest < 1.0 { Some(self.hardest(feed, rows)?) } else { None };
        let rows = hardest.as_deref().unwrap_or(rows);
        let Self { config, loss, network, position, control, distance, .. } = self;
        let step = position.step;
        config.sparsity.before_step(network, control, step, total);
        let clock = config.sparsity.clock(step, total);
        if clock.age == 0 {
            *distance = Distance::default(); // as the moments, after a rewind
        }
        let (rule, keep) = (config.optimizer.rule_at(clock, distance), config.keeps_gradients());
        let weight = feed.weight(rows);
        let scale = if weight > 0.0 { weight.recip() as f32 } else { 0.0 };
        let size = config.hardest_of(config.batch);
        for (number, batch) in rows.chunks(size).enumerate() {
            let mode = Mode::Train { seed: config.seed, step, row: (number * size) as u64 };
            let sample = match network.sampled() {
                Some(layer) => {
                    let (size, draw) = layer.sample();
                    let (key, count) = (Key::new(config.seed, stream::SAMPLE), step * config.accumulate as u64);
                    let targets = feed.distinct_targets(batch);
                    let sample = Sample::draw(&targets, layer.outputs(), size, draw, key, count + number as u64)?;
                    layer.choose(Some(sample.outputs.clone()));
                    Some(sample)
                }
                None => None,
            };
            feed.fill(batch, network)?;
            network.forward(mode);
            let (z, dz) = network.output()?;
            let (targets, weights) = feed.targets();
            let sum = match &sample {
                Some(sample) => loss.evaluate_sample(z, sample, &targets, weights, scale, Some(dz))?,
                None => loss.evaluate(z, &targets, weights, scale, Some(dz))?,
            };
            if !sum.is_finite() {
                return Err(position.diverged(format!("the loss is {sum}")));
            }
            // A sample of the outputs does not tell which class the network would name.
            let (weight, right) = (feed.weight(batch), if sample.is_some() { None } else { feed.right(z) });
            position.running.add(sum, weight, right);
            network.backward(mode, if keep { Step::Accumulate } else { Step::Apply(&rule) });
        }
        if keep {
            config.sparsity.see_gradients(network);
            network.clip(config.optimizer.clip);
            network.apply(&rule);
        }
        distance.follow(&rule, network.sums());
        if let Some(layer) = network.sampled() {
            layer.choose(None);
        }
        self.after_step(&rule, total)
    }

    /// The rows whose loss is largest, so many of each batch as [`Config::hardest_of`](super::Config::hardest_of) says, in the
    /// order in which they came; of equal ones the first. What is not a number is hardest.
    ///
    /// Jiang et al., *Accelerating deep learning by focusing on the biggest losers*, 2019. The losses are those of evaluation:
    /// dropout is off, and running statistics stay.
    fn hardest(&mut self, feed: &mut Feed<'_>, rows: &[u32]) -> Result<Vec<u32>> {
        let Self { config, loss, network, .. } = self;
        let mut chosen = Vec::with_capacity(config.hardest_of(rows.len()));
        for batch in rows.chunks(config.batch) {
            feed.fill(batch, network)?;
            let z = network.forward(Mode::Eval);
            let (targets, weights) = feed.targets();
            let mut losses = loss.each(z, &targets)?;
            if let Some(weights) = weights {
                losses.iter_mut().zip(weights).for_each(|(loss, &weight)| *loss *= f64::from(weight));
            }
            let mut order: Vec<usize> = (0..batch.len()).collect();
            order.sort_by(|&a, &b| losses[b].total_cmp(&losses[a])); // stable
            order.truncate(config.hardest_of(batch.len()));
            order.sort_unstable();
            chosen.extend(order.into_iter().map(|at| batch[at]));
        }
        Ok(chosen)
    }

    /// What follows the optimizer. Inputs and gradients of the last batch are still in the network
    /// ([`Network::each_weight`](crate::Network::each_weight)).
    fn after_step(&mut self, rule: &Rule, total: u64) -> Result<()> {
        let Self { config, network, position, control, .. } = self;
        config.sparsity.shrink(network, control, rule, config.seed, (position.step, total))?;
        config.sparsity.after_step(network, config.seed, position.step, total)
    }
}
