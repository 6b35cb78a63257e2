//! One optimizer step: batches forward and backward, the optimizer, and what follows it.

use super::Trainer;
use super::split::Feed;
use crate::{Mode, Result, Step};

impl Trainer {
    /// One optimizer step on these rows.
    pub(super) fn train_on(&mut self, feed: &mut Feed<'_>, rows: &[u32], total: u64) -> Result<()> {
        let Self { config, loss, network, position, .. } = self;
        let step = position.step;
        let (rule, keep) = (config.optimizer.rule_at(config.sparsity.clock(step, total)), config.keeps_gradients());
        let weight = feed.weight(rows);
        let scale = if weight > 0.0 { weight.recip() as f32 } else { 0.0 };
        for (number, batch) in rows.chunks(config.batch).enumerate() {
            let mode = Mode::Train { seed: config.seed, step, row: (number * config.batch) as u64 };
            feed.fill(batch, network)?;
            network.forward(mode);
            let (z, dz) = network.output()?;
            let (targets, weights) = feed.targets();
            let sum = loss.evaluate(z, &targets, weights, scale, Some(dz))?;
            if !sum.is_finite() {
                return Err(position.diverged(format!("the loss is {sum}")));
            }
            position.running.add(sum, feed.weight(batch), feed.classes(z));
            network.backward(mode, if keep { Step::Accumulate } else { Step::Apply(&rule) });
        }
        if keep {
            config.sparsity.see_gradients(network);
            network.clip(config.optimizer.clip);
            network.apply(&rule);
        }
        self.after_step(total)
    }

    /// What follows the optimizer. Inputs and gradients of the last batch are still in the network
    /// ([`Network::each_weight`](crate::Network::each_weight)).
    fn after_step(&mut self, total: u64) -> Result<()> {
        let Self { config, network, position, .. } = self;
        config.sparsity.after_step(network, config.seed, position.step, total)
    }
}
