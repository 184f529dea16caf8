//! How much of a text is taken apart at a time.

/// How much is handed to the grammar at a time, in bytes. A token takes some 80
/// bytes, so a whole file would take many times its own size.
const PORTION: usize = 64 << 10;

/// The end of the portion that begins at `start`: that of a line, unless a line is
/// very long. Such a line is cut between two tokens or words.
pub(super) fn end_of_portion(text: &str, start: usize) -> usize {
    let rest = &text.as_bytes()[start..];
    if rest.len() <= PORTION {
        return text.len();
    }
    if let Some(newline) = rest[..PORTION].iter().rposition(|byte| *byte == b'\n') {
        return start + newline + 1;
    }
    let (mut quoted, mut reference) = (false, false);
    for (offset, byte) in rest.iter().enumerate() {
        match byte {
            b'\n' => return start + offset + 1,
            b'"' => quoted = !quoted,
            b'#' | b'!' if !quoted => {
                let newline = rest[offset..].iter().position(|byte| *byte == b'\n');
                return newline.map_or(text.len(), |length| start + offset + length + 1);
            }
            b'{' => reference = offset > 0 && rest[offset - 1] == b'$',
            b'}' => reference = false,
            b'$' => {
                reference = false;
                if offset >= PORTION && !quoted && rest[offset - 1] == b'{' {
                    return start + offset;
                }
                continue;
            }
            b' ' => {}
            _ => continue,
        }
        if offset >= PORTION && !quoted && !reference {
            return start + offset + 1;
        }
    }
    text.len()
}
