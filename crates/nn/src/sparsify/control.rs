//! The controller: which strength of a penalty brings the density to its target.
//!
//! The density is to follow a path `d*(t)` from that of the first step to the target
//! ([`Schedule`](super::Schedule)). Every few steps the controller counts the weights that are not zero, `d`, and
//! * while `d > d*` the penalty acts, and its strength is multiplied by `exp(min(20·ln(d/d*), 0.2))`;
//! * while `d ≤ d*` it rests, and its strength is divided likewise; zeros leave the patterns, as they would not stay zero.
//!
//! That is dual ascent on the logarithm of the multiplier; and as a constraint that holds has multiplier 0 at once, it is
//! ascent with restarts, which does not overshoot for all the multiplier that has piled up (Gallego-Posada et al.,
//! *Controlled sparsity via constrained optimization*, 2022). The first strength is that which, gradients aside, would make as
//! many weights zero until the next count as the path asks for.
//!
//! Neurons have norms too much alike for that: nothing would happen for long, and then too much. For them the strength is, at every count,
//! that which, gradients aside, would make as many neurons zero by the end as must go.

use super::{Penalty, Shape};

/// Largest change of the logarithm of the strength at one count.
const MOST: f64 = 0.2;

/// Change of the logarithm of the strength per relative error of the density.
const GAIN: f64 = 20.0;

/// What a penalty remembers between steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Control {
    /// `λ`; of a ball, the share by which it is smaller than what it holds. 0 before the first estimate.
    pub strength: f64,
    /// Whether the penalty acts.
    pub acts: bool,
    /// The radius of each layer's ball, or of the one ball; ∞ while it does not act.
    pub radii: Vec<f64>,
}

impl Control {
    /// The state before the first step.
    pub fn new(penalty: &Penalty) -> Self {
        match (penalty.strength, penalty.kind) {
            (Some(_), Shape::L1Ball { .. }) => Self { acts: true, ..Self::default() },
            (Some(strength), _) => Self { strength, acts: true, radii: Vec::new() },
            (None, _) => Self::default(),
        }
    }

    /// Takes a density and what it should be. `first` estimates the strength to begin with.
    pub fn steer(&mut self, density: f64, wanted: f64, first: impl FnOnce() -> f64) {
        self.acts = density > wanted;
        if self.strength > 0.0 {
            let error = (density / wanted).ln();
            self.strength *= (GAIN * error).clamp(-MOST, MOST).exp();
        } else if self.acts {
            self.strength = Some(first()).filter(|s| s.is_finite() && *s > 0.0).unwrap_or(0.0);
        }
    }

    /// As whole numbers, for a checkpoint.
    pub fn to_bits(&self) -> Vec<u64> {
        let numbers = [self.strength, f64::from(u8::from(self.acts))].into_iter().chain(self.radii.iter().copied());
        numbers.map(f64::to_bits).collect()
    }

    /// The other way round; `None` for what cannot be.
    pub fn from_bits(bits: &[u64]) -> Option<Self> {
        let numbers: Vec<f64> = bits.iter().copied().map(f64::from_bits).collect();
        let [strength, acts, ref radii @ ..] = numbers[..] else { return None };
        let possible = strength >= 0.0 && strength.is_finite() && (acts == 0.0 || acts == 1.0);
        (possible && radii.iter().all(|&r| r >= 0.0)).then(|| Self {
            strength,
            acts: acts == 1.0,
            radii: radii.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network in which a strength `s` makes the share `c·s` of the weights zero between two counts, whatever `c` is.
    #[test]
    fn the_density_follows_its_path_and_ends_at_the_target() {
        for c in [1e-3, 1.0, 1e4] {
            let (mut control, mut density) = (Control::default(), 1.0);
            for count in 0..300 {
                let left = 1.0 - f64::from(count.min(250)) / 250.0;
                let wanted = 0.05 + 0.95 * f64::powi(left, 3);
                control.steer(density, wanted, || 1e-4 / c);
                if control.acts {
                    density *= 1.0 - (c * control.strength).min(0.9);
                }
                assert!(count < 50 || (density / wanted - 1.0).abs() < 0.1, "{c}: {density}, {wanted} at {count}");
            }
            assert!((density - 0.05).abs() < 0.002, "{c}: {density}");
        }
    }

    #[test]
    fn a_state_survives_its_bits() {
        let control = Control { strength: 0.3, acts: true, radii: vec![1.0, f64::INFINITY] };
        assert_eq!(Control::from_bits(&control.to_bits()), Some(control));
        for wrong in [vec![], vec![0], vec![f64::NAN.to_bits(), 0], vec![0, 2f64.to_bits()], vec![0, 0, u64::MAX]] {
            assert_eq!(Control::from_bits(&wrong), None);
        }
    }
}
