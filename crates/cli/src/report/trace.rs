//! Charts over the logarithm of a penalty's strength, in SVG: coefficients, and cross-validation with bars.

use std::fmt::Write as _;

use super::chart::{Axis, BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, decimals, escape};
use crate::number::significant;

/// The least distance of two labels, in user units: the height of their text.
const APART: f64 = 12.5;

/// A line over strengths; a name is written at its weak end, in the colour of `class`.
pub struct Trace {
    pub name: String,
    pub class: String,
    pub named: bool,
    /// Strength and height.
    pub points: Vec<(f64, f64)>,
}

/// A mean with its standard error.
pub struct Held {
    pub lambda: f64,
    pub mean: f64,
    pub error: f64,
}

/// A drawing with its axes.
struct Frame {
    x: Axis,
    y: Axis,
    svg: String,
}

impl Frame {
    /// Over these strengths and heights.
    fn over(title: &str, lambdas: impl Iterator<Item = f64>, heights: impl Iterator<Item = f64>) -> Self {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let ends = values
                .filter(|x| x.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
            if ends.0 <= ends.1 { ends } else { (0.0, 1.0) }
        };
        let (low, high) = range(&mut lambdas.map(f64::log10));
        let x = Axis::over(low, high, 5.0);
        let (low, high) = range(&mut { heights });
        let y = Axis::over(low, high, 4.0);
        let svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escape(title));
        let mut frame = Self { x, y, svg };
        frame.axes();
        frame
    }

    fn axes(&mut self) {
        for mark in self.y.marks().collect::<Vec<f64>>() {
            let (at, text) = (self.up(mark), decimals(mark, self.y.step));
            let _ =
                write!(self.svg, "<line class=\"mark\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
            let (x, y) = (LEFT - 6.0, at + 4.0);
            let _ = write!(self.svg, "<text class=\"end\" x=\"{x}\" y=\"{y:.1}\">{text}</text>");
        }
        for mark in self.x.marks().collect::<Vec<f64>>() {
            let at = LEFT + self.x.place(mark) * (RIGHT - LEFT);
            let (y, text) = (BOTTOM + 16.0, decimals(mark, self.x.step));
            let _ = write!(self.svg, "<text class=\"middle\" x=\"{at:.1}\" y=\"{y}\">{text}</text>");
        }
        let (middle, below) = ((LEFT + RIGHT) / 2.0, BOTTOM + 34.0);
        let _ = write!(self.svg, "<text class=\"middle name\" x=\"{middle}\" y=\"{below}\">log₁₀ λ</text>");
    }

    fn across(&self, lambda: f64) -> f64 {
        LEFT + self.x.place(lambda.log10()) * (RIGHT - LEFT)
    }

    fn up(&self, height: f64) -> f64 {
        BOTTOM - self.y.place(height) * (BOTTOM - TOP)
    }

    /// A strength all the way up, with its name on top.
    fn rule(&mut self, lambda: f64, class: &str, name: &str) {
        let at = self.across(lambda);
        let _ = write!(
            self.svg,
            "<line class=\"line rule {class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>"
        );
        // Kept within the drawing.
        let (x, y) = (at.clamp(LEFT + 30.0, RIGHT - 30.0), TOP - 6.0);
        let _ = write!(self.svg, "<text class=\"middle {class}\" x=\"{x:.1}\" y=\"{y}\">{name}</text>");
    }

    fn line(&mut self, class: &str, name: &str, points: &[(f64, f64)]) {
        let places: Vec<String> =
            points.iter().map(|&(x, y)| format!("{:.1},{:.1}", self.across(x), self.up(y))).collect();
        let _ = write!(
            self.svg,
            "<polyline class=\"line {class}\" points=\"{}\"><title>{}</title></polyline>",
            places.join(" "),
            escape(name)
        );
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// Coefficients over strengths, the chosen one marked.
pub fn coefficients(title: &str, traces: &[Trace], chosen: f64) -> String {
    let all = || traces.iter().flat_map(|trace| &trace.points);
    let mut frame =
        Frame::over(title, all().map(|p| p.0).chain([chosen]), all().map(|p| p.1).chain(std::iter::once(0.0)));
    // Named ones on top of the others.
    for named in [false, true] {
        for trace in traces.iter().filter(|trace| trace.named == named) {
            frame.line(&trace.class, &trace.name, &trace.points);
        }
    }
    frame.rule(chosen, "soft", "chosen");
    let mut labels: Vec<(f64, &Trace)> = (traces.iter().filter(|trace| trace.named))
        .filter_map(|trace| trace.points.last().map(|p| (frame.up(p.1), trace)))
        .collect();
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut last = TOP - APART;
    for (at, trace) in labels {
        last = at.max(last + APART);
        let (x, name) = (LEFT + 4.0, escape(&trace.name));
        let _ =
            write!(frame.svg, "<text class=\"label {}\" x=\"{x}\" y=\"{:.1}\">{name}</text>", trace.class, last - 3.0);
    }
    frame.finish()
}

/// Cross-validated deviance over strengths with bars of one standard error, the chosen one and that of the other rule marked.
pub fn validation(title: &str, held: &[Held], marked: &[(f64, &str)]) -> String {
    let heights = held.iter().flat_map(|h| [h.mean - h.error, h.mean + h.error]);
    let mut frame = Frame::over(title, held.iter().map(|h| h.lambda), heights);
    let points: Vec<(f64, f64)> = held.iter().map(|h| (h.lambda, h.mean)).collect();
    for h in held {
        let (x, top, bottom) = (frame.across(h.lambda), frame.up(h.mean + h.error), frame.up(h.mean - h.error));
        let (lambda, mean, error) = (format!("{:.2e}", h.lambda), significant(h.mean), significant(h.error));
        let _ = write!(
            frame.svg,
            "<path class=\"bar sparse\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"><title>λ {lambda}: {mean} ± {error}</title></path>"
        );
    }
    frame.line("sparse", title, &points);
    for &(lambda, name) in marked {
        frame.rule(lambda, "soft", name);
    }
    frame.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_lie_on_each_other() {
        let trace = |name: &str, end: f64| Trace {
            name: name.to_owned(),
            class: "layer0".to_owned(),
            named: true,
            points: vec![(1.0, 0.0), (0.1, end)],
        };
        let svg = coefficients("t", &[trace("a<b", 1.0), trace("c", 1.01), trace("d", -2.0)], 0.5);
        let places: Vec<f64> = (svg.match_indices("class=\"label"))
            .map(|(at, _)| svg[at..].split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(places.len(), 3);
        assert!(places.windows(2).all(|two| two[1] - two[0] > APART - 0.2), "{places:?}");
        assert!(svg.contains("a&lt;b") && svg.contains("chosen") && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn a_path_of_one_strength_has_a_picture() {
        let svg = validation("t", &[Held { lambda: 0.3, mean: 2.0, error: 0.0 }], &[(0.3, "chosen")]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
