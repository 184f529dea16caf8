//! What a script writes, as lines for the log.

/// How many lines of one run are told.
const LINES: usize = 64;
/// How many bytes of one line are told.
const LINE: usize = 512;

/// Makes lines of bytes: a few, none too long, none with control characters. The
/// script may be run by anyone, and the log is read in terminals.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    /// The current line has had more than is kept of it.
    cut: bool,
    told: usize,
    full: bool,
}

impl Lines {
    /// Takes what was read and tells the lines that it completes.
    pub fn take(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(&str)) {
        while !self.full && !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let kept = part.len().min(LINE - self.line.len());
            self.line.extend_from_slice(&part[..kept]);
            self.cut |= kept < part.len();
            let Some(end) = end else { return };
            self.end_line(tell);
            bytes = &bytes[end + 1..];
        }
    }

    /// Tells the last line, which no newline may have ended.
    pub fn end(&mut self, tell: &mut impl FnMut(&str)) {
        self.end_line(tell);
    }

    fn end_line(&mut self, tell: &mut impl FnMut(&str)) {
        let (line, cut) = (
            std::mem::take(&mut self.line),
            std::mem::take(&mut self.cut),
        );
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() || self.full {
            return;
        }
        if self.told == LINES {
            self.full = true;
            tell("(the rest of what it writes is left out)");
            return;
        }
        self.told += 1;
        let mut clean = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '\t' => clean.push(' '),
                control if control.is_control() => clean.extend(control.escape_default()),
                other => clean.push(other),
            }
        }
        if cut {
            clean.push('…');
        }
        tell(&clean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told when these come one after the other.
    fn told(parts: &[&[u8]]) -> Vec<String> {
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        let mut lines = Lines::default();
        for part in parts {
            lines.take(part, &mut tell);
        }
        lines.end(&mut tell);
        told
    }

    #[test]
    fn lines_are_put_together_and_empty_ones_left_out() {
        assert_eq!(told(&[b"on", b"e\n\n  \ntw", b"o"]), ["one", "two"]);
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn control_characters_and_bytes_that_are_no_text_do_not_reach_a_terminal() {
        assert_eq!(told(&[b"a\x1b[2J\tb\xff\r\n"]), ["a\\u{1b}[2J b\u{fffd}"]);
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = vec![b'x'; LINE + 1];
        let expected = format!("{}…", "x".repeat(LINE));
        assert_eq!(told(&[&long, &long, b"\nnext"]), [&expected, "next"]);
        assert_eq!(told(&[&long[1..]]), ["x".repeat(LINE)]);
    }

    #[test]
    fn after_many_lines_the_rest_is_left_out_once() {
        let many = "line\n".repeat(LINES);
        assert_eq!(told(&[many.as_bytes()]).len(), LINES);
        let more = told(&[many.as_bytes(), many.as_bytes(), b"end"]);
        assert_eq!(more.len(), LINES + 1);
        assert!(more[LINES].contains("left out"));
    }
}
