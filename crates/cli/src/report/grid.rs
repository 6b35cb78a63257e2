//! Pictures made of cells, in SVG: input pixels and confusion.

use std::fmt::Write as _;

use super::chart::escape;

/// More classes than this do not fit a page.
pub const MOST_CLASSES: usize = 40;
/// Cells along the longer side of a picture; larger ones are summed into blocks.
const MOST_CELLS: usize = 64;
/// Size of the drawings in user units.
const SIZE: f64 = 400.0;

/// How many weights read each pixel.
pub fn pixels(counts: &[u32], height: usize, width: usize) -> String {
    let block = height.max(width).div_ceil(MOST_CELLS);
    let (rows, cols) = (height.div_ceil(block), width.div_ceil(block));
    let mut sums = vec![0u64; rows * cols];
    for (i, &count) in counts.iter().enumerate() {
        sums[i / width / block * cols + i % width / block] += u64::from(count);
    }
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    let side = SIZE / cols.max(rows) as f64;
    let (w, h) = (side * cols as f64, side * rows as f64);
    let mut svg =
        format!("<svg viewBox=\"0 0 {w:.1} {:.1}\" role=\"img\" aria-label=\"weights of each input pixel\">", h + 26.0);
    let _ = write!(svg, "<rect class=\"ground\" width=\"{w:.1}\" height=\"{h:.1}\"/>");
    for (i, &sum) in sums.iter().enumerate() {
        let (row, col) = (i / cols, i % cols);
        let opacity = sum as f64 / most as f64;
        let s = if sum == 1 { "" } else { "s" };
        let _ = write!(
            svg,
            "<rect class=\"heat\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill-opacity=\"{opacity:.2}\"><title>row {}, column {}: {sum} weight{s}</title></rect>",
            col as f64 * side,
            row as f64 * side,
            side * 0.96,
            side * 0.96,
            row * block + 1,
            col * block + 1,
        );
    }
    // The scale: five cells from none to the most.
    let _ = write!(svg, "<text x=\"0\" y=\"{:.1}\">0</text>", h + 19.0);
    for step in 0..=10 {
        let opacity = f64::from(step) / 10.0;
        let _ = write!(
            svg,
            "<rect class=\"heat\" x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" fill-opacity=\"{opacity:.2}\"/>",
            14.0 + 12.0 * f64::from(step),
            h + 9.0
        );
    }
    let _ = write!(svg, "<text x=\"152\" y=\"{:.1}\">{most} weights</text></svg>", h + 19.0);
    svg
}

/// Lines of pictures, each line with its name: shades from 0 to 1, row by row.
pub fn pictures(lines: &[(&str, &[Vec<f32>])], height: usize, width: usize) -> String {
    let most = lines.iter().map(|(_, pictures)| pictures.len()).max().unwrap_or(0).max(1);
    let (left, gap) = (78.0, 4.0);
    let across = (SIZE * 1.6 - left) / most as f64;
    let cell = (across - gap) / width.max(1) as f64;
    let down = cell * height as f64 + gap;
    let (w, h) = (SIZE * 1.6, down * lines.len() as f64);
    let mut svg = format!("<svg viewBox=\"0 0 {w:.1} {h:.1}\" role=\"img\" aria-label=\"reconstructions\">");
    for (line, (name, pictures)) in lines.iter().enumerate() {
        let y = line as f64 * down;
        let _ = write!(svg, "<text x=\"0\" y=\"{:.1}\">{}</text>", y + down / 2.0, escape(name));
        for (at, picture) in pictures.iter().enumerate() {
            let x = left + at as f64 * across;
            let _ = write!(
                svg,
                "<rect class=\"ground\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                across - gap,
                down - gap
            );
            // One path for each of eight shades: a page of a thousand rectangles a picture would be megabytes.
            let mut shades = vec![String::new(); 8];
            for (pixel, &value) in picture.iter().take(height * width).enumerate() {
                let shade = (value.clamp(0.0, 1.0) * 8.0).round() as usize;
                if shade > 0 {
                    let (i, j) = (pixel / width, pixel % width);
                    let path = &mut shades[shade - 1];
                    let (x, y) = (x + j as f64 * cell, y + i as f64 * cell);
                    let _ = write!(path, "M{x:.1} {y:.1}h{cell:.2}v{cell:.2}h-{cell:.2}z");
                }
            }
            for (shade, path) in shades.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
                let opacity = (shade + 1) as f64 / 8.0;
                let _ = write!(svg, "<path class=\"heat\" fill-opacity=\"{opacity:.3}\" d=\"{path}\"/>");
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Rows of each true class taken for each class.
pub fn confusion(counts: &[Vec<u64>], classes: &[String]) -> String {
    let k = counts.len().max(1);
    let (left, top) = (52.0, 34.0);
    let side = (SIZE - left) / k as f64;
    let height = top + side * k as f64 + 4.0;
    let mistakes =
        || counts.iter().enumerate().flat_map(|(i, row)| row.iter().enumerate().filter(move |(j, _)| i != *j));
    let worst = mistakes().map(|(_, &n)| n).max().unwrap_or(0).max(1);
    let name = |class: usize| short(classes.get(class).map_or("?", String::as_str), 7);
    let mut svg = format!("<svg viewBox=\"0 0 {SIZE} {height:.1}\" role=\"img\" aria-label=\"confusion matrix\">");
    let font = (side * 0.38).clamp(4.0, 12.0);
    let _ = write!(svg, "<text class=\"middle name\" x=\"{:.1}\" y=\"12\">answer</text>", (left + SIZE) / 2.0);
    let _ = write!(
        svg,
        "<text class=\"middle name\" transform=\"translate(12 {:.1}) rotate(-90)\">true class</text>",
        top + side * k as f64 / 2.0
    );
    for (i, row) in counts.iter().enumerate() {
        let (x, y) = (left + (i as f64 + 0.5) * side, top + (i as f64 + 0.5) * side);
        let _ = write!(
            svg,
            "<text class=\"middle\" style=\"font-size:{font:.1}px\" x=\"{x:.1}\" y=\"{}\">{}</text>",
            top - 6.0,
            escape(&name(i))
        );
        let _ = write!(
            svg,
            "<text class=\"end\" style=\"font-size:{font:.1}px\" x=\"{}\" y=\"{:.1}\">{}</text>",
            left - 6.0,
            y + font * 0.36,
            escape(&name(i))
        );
        let all: u64 = row.iter().sum();
        for (j, &n) in row.iter().enumerate() {
            let (class, strength) = match i == j {
                true => ("right", n as f64 / all.max(1) as f64 * 0.55),
                false => ("wrong", (n as f64 / worst as f64).sqrt() * 0.75),
            };
            let title = format!(
                "{} taken for {}: {n} of {all}",
                classes.get(i).map_or("?", String::as_str),
                classes.get(j).map_or("?", String::as_str)
            );
            let _ = write!(
                svg,
                "<g><rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill-opacity=\"{strength:.2}\"/>",
                left + j as f64 * side,
                top + i as f64 * side,
                side - 1.0,
                side - 1.0
            );
            if n > 0 && k <= 16 {
                let _ = write!(
                    svg,
                    "<text class=\"middle\" style=\"font-size:{font:.1}px\" x=\"{:.1}\" y=\"{:.1}\">{n}</text>",
                    left + (j as f64 + 0.5) * side,
                    y + font * 0.36
                );
            }
            let _ = write!(svg, "<title>{}</title></g>", escape(&title));
        }
    }
    svg.push_str("</svg>");
    svg
}

/// The first characters of a name.
fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most { name.to_owned() } else { name.chars().take(most - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_is_summed_into_blocks() {
        let svg = pixels(&vec![1; 300 * 200], 300, 200);
        assert_eq!(svg.matches("<title>").count(), 60 * 40);
        assert!(svg.contains(": 25 weights"));
    }

    #[test]
    fn every_cell_of_a_confusion_tells_its_count() {
        let svg = confusion(&[vec![5, 1], vec![0, 7]], &["cat".into(), "a long dog".into()]);
        assert!(svg.contains("cat taken for a long dog: 1 of 6") && svg.contains("a long…"));
    }
}
