//! The braces of a file name, which stand for several names.

/// How many file names the braces of one may make.
pub(super) const MAX_NAMES: usize = 10_000;
/// How many bytes all of them may have, half-way ones counted.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// What the braces of a name stand for, as in a C shell: `a{b,c}` is `ab` and `ac`. None
/// if that is too much.
pub(super) fn braces(name: &str) -> Option<Vec<String>> {
    let mut finished = Vec::new();
    let mut bytes = 0;
    let mut pending = vec![name.to_owned()];
    while let Some(name) = pending.pop() {
        match first_braces(&name) {
            None => finished.push(name),
            Some((before, alternatives, after)) => {
                let names = finished.len() + pending.len() + alternatives.len();
                let around = before.len() + after.len();
                bytes += alternatives
                    .iter()
                    .map(|it| it.len() + around)
                    .sum::<usize>();
                if names > MAX_NAMES || bytes > MAX_BYTES {
                    return None;
                }
                let made = alternatives.iter().rev();
                pending.extend(made.map(|alternative| format!("{before}{alternative}{after}")));
            }
        }
    }
    Some(finished)
}

/// What stands before the first braces that are closed, the alternatives in them, and
/// what stands behind.
fn first_braces(name: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = name.find('{')?;
    let mut alternatives = Vec::new();
    let (mut depth, mut from) = (0, open + 1);
    for (at, byte) in name.bytes().enumerate().skip(open + 1) {
        match byte {
            b'{' => depth += 1,
            b',' if depth == 0 => {
                alternatives.push(&name[from..at]);
                from = at + 1;
            }
            b'}' if depth == 0 => {
                alternatives.push(&name[from..at]);
                return Some((&name[..open], alternatives, &name[at + 1..]));
            }
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_of_a_name() {
        let made = |name| braces(name).unwrap_or_default();
        assert_eq!(made("a.conf"), ["a.conf"]);
        assert_eq!(
            made("{foo/{,cat,dog},bar}"),
            ["foo/", "foo/cat", "foo/dog", "bar"]
        );
        assert_eq!(made("a{b,c}{1,2}"), ["ab1", "ab2", "ac1", "ac2"]);
        assert_eq!(made("a{b,c"), ["a{b,c"]);
        assert_eq!(braces(&"{a,b}".repeat(40)), None);
        let deep = format!("{}b{}", "{a,".repeat(100_000), "}".repeat(100_000));
        assert_eq!(braces(&deep), None);
        let long = format!("{{{}}}{}", "a,".repeat(9_000), "b".repeat(1 << 20));
        assert_eq!(braces(&long), None);
    }
}
