//! The optimizers as their papers write them, in `f64`; the fast loop is compared with this.

use super::Rule;

/// One step for one value: from gradient, value and moments to the new value and moments.
pub fn step(rule: &Rule, g: f64, w: f64, [m, v]: [f64; 2]) -> (f64, [f64; 2]) {
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
            (w - rate * direction, [m, v])
        }
        Rule::Adam { learning_rate, beta1, beta2, epsilon, weight_decay, decoupled, correction1, correction2 } => {
            let (rate, b1, b2, decay) =
                (f64::from(learning_rate), f64::from(beta1), f64::from(beta2), f64::from(weight_decay));
            let (w, g) = if decoupled { (w - rate * decay * w, g) } else { (w, g + decay * w) };
            let m = b1 * m + (1.0 - b1) * g;
            let v = b2 * v + (1.0 - b2) * g * g;
            let root = (v / f64::from(correction2)).sqrt() + f64::from(epsilon);
            (w - rate * (m / f64::from(correction1)) / root, [m, v])
        }
        Rule::RmsProp { learning_rate, alpha, momentum, epsilon, weight_decay } => {
            let (rate, a, mu) = (f64::from(learning_rate), f64::from(alpha), f64::from(momentum));
            let g = g + f64::from(weight_decay) * w;
            let square = a * m + (1.0 - a) * g * g;
            let step = g / (square.sqrt() + f64::from(epsilon));
            let v = if momentum == 0.0 { v } else { mu * v + step };
            (w - rate * if momentum == 0.0 { step } else { v }, [square, v])
        }
    }
}
