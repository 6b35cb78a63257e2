//! Finding the delimiter.

/// Tab, `;` and `,`, the surest first: a table with decimal commas has commas in every line too.
const CANDIDATES: [u8; 3] = [b'\t', b';', b','];
/// Lines looked at.
const LINES: usize = 20;

/// The first candidate that every line has equally often, or else the one that the first line has most of, or else a comma.
pub(super) fn delimiter(head: &[u8]) -> u8 {
    // The last line may be cut off; it counts only if there is no other.
    let whole = head.iter().rposition(|&b| b == b'\n').map_or(head, |end| &head[..end]);
    let counts = count(whole);
    let steady = |&&candidate: &&usize| {
        let mut lines = counts.iter().map(|line| line[candidate]);
        let first = lines.next().unwrap_or(0);
        first > 0 && lines.all(|n| n == first)
    };
    let first = counts.first().copied().unwrap_or_default();
    let most = || (0..CANDIDATES.len()).rev().max_by_key(|&i| first[i]).filter(|&i| first[i] > 0);
    let chosen = [0, 1, 2].iter().find(steady).copied().or_else(most);
    CANDIDATES[chosen.unwrap_or(2)]
}

/// How often each candidate stands outside quotes, line by line; blank lines are left out.
fn count(text: &[u8]) -> Vec<[usize; 3]> {
    let mut lines = Vec::new();
    let (mut line, mut length, mut quoted) = ([0; 3], 0, false);
    for &byte in text.iter().chain(b"\n") {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                if length > 0 {
                    lines.push(line);
                }
                (line, length) = ([0; 3], 0);
                if lines.len() == LINES {
                    break;
                }
                continue;
            }
            b'\r' => continue,
            _ if !quoted => {
                if let Some(i) = CANDIDATES.iter().position(|&c| c == byte) {
                    line[i] += 1;
                }
            }
            _ => {}
        }
        length += 1;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::delimiter;

    #[test]
    fn each_delimiter_is_found() {
        assert_eq!(delimiter(b"a,b\n1,2\n"), b',');
        assert_eq!(delimiter(b"a;b\n1,5;2,5\n3,5;4,5\n"), b';');
        assert_eq!(delimiter(b"a\tb\n1\t2\n"), b'\t');
        assert_eq!(delimiter(b"one\n1\n"), b',');
        assert_eq!(delimiter(b"\"a;b\",c\n\"d;;e\",f\n"), b',');
    }

    #[test]
    fn a_ragged_table_keeps_the_delimiter_of_its_first_line() {
        assert_eq!(delimiter(b"a;b;c\n1;2\n"), b';');
    }
}
