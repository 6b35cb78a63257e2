//! The optimizers as their papers write them, in `f64`; the fast loop is compared with this.

use super::{AdamStep, Prox, Rule, Sums};

/// One step for one value: from gradient, value and moments to the new value and moments.
pub fn step(rule: &Rule, g: f64, w: f64, [m, v, s, start]: [f64; 4]) -> (f64, [f64; 4]) {
    let (w, [m, v, s]) = moved(rule, g, w, [m, v, s]);
    (w, [m, v, s, start])
}

/// What one value adds to the sums of a step: gradient and value before it, moments after it.
pub fn sums(rule: &Rule, g: f64, w: f64, [_, _, s, start]: [f64; 4]) -> Sums {
    match *rule {
        Rule::Prodigy { adam: AdamStep { weight_decay, decoupled, .. }, .. } => {
            let g = if decoupled { g } else { g + f64::from(weight_decay) * w };
            Sums { descent: g * (start - w), length: s.abs() }
        }
        _ => Sums::default(),
    }
}

fn moved(rule: &Rule, g: f64, w: f64, [m, v, s]: [f64; 3]) -> (f64, [f64; 3]) {
    match *rule {
        Rule::Sgd { learning_rate, momentum, nesterov, weight_decay } => {
            let (rate, mu) = (f64::from(learning_rate), f64::from(momentum));
            let g = g + f64::from(weight_decay) * w;
            let m = if momentum == 0.0 { m } else { mu * m + g };
            let direction = match (momentum == 0.0, nesterov) {
                (true, _) => g,
                (false, false) => m,
                (false, true) => g + mu * m,
            };
            (w - rate * direction, [m, v, s])
        }
        Rule::Adam(step) => {
            let (w, [m, v], _) = adam(step, 1.0, g, w, [m, v]);
            (w, [m, v, s])
        }
        Rule::Prodigy { adam: step, distance } => {
            let d = f64::from(distance);
            let (w, [m, v], g) = adam(step, d, g, w, [m, v]);
            (w, [m, v, f64::from(step.beta2).sqrt() * s + d * d * g])
        }
        Rule::RmsProp { learning_rate, alpha, momentum, epsilon, weight_decay } => {
            let (rate, a, mu) = (f64::from(learning_rate), f64::from(alpha), f64::from(momentum));
            let g = g + f64::from(weight_decay) * w;
            let square = a * m + (1.0 - a) * g * g;
            let step = g / (square.sqrt() + f64::from(epsilon));
            let v = if momentum == 0.0 { v } else { mu * v + step };
            (w - rate * if momentum == 0.0 { step } else { v }, [square, v, s])
        }
    }
}

/// Adam where gradients and `ε` are multiplied by `d`; also the gradient with the decay that is a part of it.
fn adam(step: AdamStep, d: f64, g: f64, w: f64, [m, v]: [f64; 2]) -> (f64, [f64; 2], f64) {
    let [rate, b1, b2, decay] = [step.learning_rate, step.beta1, step.beta2, step.weight_decay].map(f64::from);
    let (w, g) = if step.decoupled { (w - rate * decay * w, g) } else { (w, g + decay * w) };
    let m = b1 * m + (1.0 - b1) * d * g;
    let v = b2 * v + (1.0 - b2) * (d * g).powi(2);
    let root = (v / f64::from(step.correction2)).sqrt() + d * f64::from(step.epsilon);
    (w - rate * (m / f64::from(step.correction1)) / root, [m, v], g)
}

/// The proximal step for one value, given the moments after the optimizer's step: by trying the two half-lines and zero.
pub fn prox(prox: Prox, rule: &Rule, w: f64, [m, v, ..]: [f64; 4]) -> f64 {
    let size = match *rule {
        Rule::Sgd { learning_rate, .. } => f64::from(learning_rate),
        Rule::Adam(AdamStep { learning_rate, epsilon, correction2, .. }) => {
            f64::from(learning_rate) / ((v / f64::from(correction2)).sqrt() + f64::from(epsilon))
        }
        Rule::RmsProp { learning_rate, epsilon, .. } => f64::from(learning_rate) / (m.sqrt() + f64::from(epsilon)),
        Rule::Prodigy { adam, distance } => {
            let [rate, d, epsilon] = [adam.learning_rate, distance, adam.epsilon].map(f64::from);
            rate * d / ((v / f64::from(adam.correction2)).sqrt() + d * epsilon)
        }
    };
    let (l1, l2) = (f64::from(prox.l1), f64::from(prox.l2));
    let objective = |u: f64| (u - w) * (u - w) / (2.0 * size) + l1 * u.abs() + l2 / 2.0 * u * u;
    // The minimum on each half-line, were it the whole line.
    let candidates = [1.0, -1.0].map(|sign| sign * ((sign * w - size * l1) / (1.0 + size * l2)).max(0.0));
    let [a, b] = candidates;
    if objective(a) <= objective(b) { a } else { b }
}
