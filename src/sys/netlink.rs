//! Splits what a netlink socket has received into messages.
//!
//! By hand, because neli's `Nlmsghdr` subtracts from lengths that it has not
//! checked, and the rtnetlink crate copies everything; what is inside of a message is
//! left to them.

/// `sizeof(struct nlmsghdr)`
const HEADER: usize = 16;
/// linux/netlink.h: of an error, what it was about, and the flags that say what follows.
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLM_F_DUMP_INTR: u16 = 0x10;

/// What cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The sequence number of the request that it answers.
    pub seq: u32,
    /// What is dumped has changed meanwhile: parts of it may be missing.
    pub is_interrupted: bool,
    pub body: Body<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// NLMSG_ERROR: the end of a request, with an errno above 0 or 0 for success, and
    /// the kernel's words if it has any.
    End(i32, Option<&'a str>),
    /// NLMSG_DONE: the end of a dump, with an errno above 0 or 0 for success.
    Done(i32),
    /// NLMSG_NOOP and other control messages.
    Control,
    /// A message of a protocol: its type, and what follows the header.
    Data(u16, &'a [u8]),
}

/// The messages in `received`. The first malformed one ends it.
pub fn frames(received: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, Malformed>> {
    let mut rest = received;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let frame = split(rest);
        rest = match &frame {
            Ok((_, rest)) => rest,
            Err(Malformed) => &[],
        };
        Some(frame.map(|(frame, _)| frame))
    })
}

fn split(bytes: &[u8]) -> Result<(Frame<'_>, &[u8]), Malformed> {
    let length = u32_at(bytes, 0)? as usize;
    let kind = u16_at(bytes, 4)?;
    let flags = u16_at(bytes, 6)?;
    let seq = u32_at(bytes, 8)?;
    let payload = bytes.get(HEADER..length).ok_or(Malformed)?;
    let body = match i32::from(kind) {
        // struct nlmsgerr: the errno below 0, then the request.
        libc::NLMSG_ERROR => Body::End(errno(payload)?, words(payload, flags)),
        // Old kernels end a dump without saying how it went.
        libc::NLMSG_DONE if payload.is_empty() => Body::Done(0),
        libc::NLMSG_DONE => Body::Done(errno(payload)?),
        control if control < libc::NLMSG_MIN_TYPE => Body::Control,
        _ => Body::Data(kind, payload),
    };
    let next = length.next_multiple_of(4).min(bytes.len());
    let frame = Frame {
        seq,
        is_interrupted: flags & NLM_F_DUMP_INTR != 0,
        body,
    };
    Ok((frame, &bytes[next..]))
}

fn errno(payload: &[u8]) -> Result<i32, Malformed> {
    let negative = u32_at(payload, 0)? as i32;
    // A dump's length of what was sent last may stand here, above 0.
    Ok(negative.min(0).saturating_neg())
}

/// The kernel's words about a refusal: behind the errno, and behind the request or as
/// much of it as is sent back.
fn words(payload: &[u8], flags: u16) -> Option<&str> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let request = match flags & NLM_F_CAPPED {
        0 => (u32_at(payload, 4).ok()? as usize).next_multiple_of(4),
        _ => HEADER,
    };
    let mut attributes = payload.get(4 + request..)?;
    loop {
        let length = usize::from(u16_at(attributes, 0).ok()?);
        let value = attributes.get(4..length)?;
        if u16_at(attributes, 2).ok()? == NLMSGERR_ATTR_MSG {
            let value = value.strip_suffix(&[0]).unwrap_or(value);
            return str::from_utf8(value).ok();
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    let bytes = bytes.get(at..at + 2).ok_or(Malformed)?;
    Ok(u16::from_ne_bytes([bytes[0], bytes[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let bytes = bytes.get(at..at + 4).ok_or(Malformed)?;
    Ok(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32, kind: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0, 0]);
        bytes.extend(seq.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes
    }

    fn bodies(bytes: &[u8]) -> Vec<Result<(u32, Body<'_>), Malformed>> {
        frames(bytes)
            .map(|frame| frame.map(|frame| (frame.seq, frame.body)))
            .collect()
    }

    #[test]
    fn several_messages_in_one_buffer() {
        let mut bytes = message(19, 0x21, 1, &[1, 2, 3, 0]);
        bytes.extend(message(
            20,
            libc::NLMSG_ERROR as u16,
            2,
            &(-2i32).to_ne_bytes(),
        ));
        bytes.extend(message(20, libc::NLMSG_DONE as u16, 3, &0i32.to_ne_bytes()));
        bytes.extend(message(16, libc::NLMSG_NOOP as u16, 4, &[]));
        // The padding of the last may be missing.
        bytes.extend(message(17, 0x21, 5, &[9]));
        assert_eq!(
            bodies(&bytes),
            [
                Ok((1, Body::Data(0x21, &[1, 2, 3]))),
                Ok((2, Body::End(libc::ENOENT, None))),
                Ok((3, Body::Done(0))),
                Ok((4, Body::Control)),
                Ok((5, Body::Data(0x21, &[9]))),
            ]
        );
    }

    #[test]
    fn lengths_are_not_believed() {
        for length in [0, 1, 15, 21, u32::MAX] {
            let bytes = message(length, 0x21, 1, &[0; 4]);
            assert_eq!(bodies(&bytes), [Err(Malformed)], "length {length}");
        }
        let bytes = message(18, libc::NLMSG_ERROR as u16, 1, &[0; 4]);
        assert_eq!(bodies(&bytes), [Err(Malformed)]);
        assert_eq!(bodies(&[1, 2, 3]), [Err(Malformed)]);
        assert_eq!(bodies(&[]), []);
    }

    #[test]
    fn the_lowest_errno_is_an_errno() {
        let bytes = message(20, libc::NLMSG_ERROR as u16, 1, &i32::MIN.to_ne_bytes());
        assert_eq!(bodies(&bytes), [Ok((1, Body::End(i32::MAX, None)))]);
    }

    #[test]
    fn refusals_have_the_kernels_words() {
        let mut payload = (-libc::EADDRNOTAVAIL).to_ne_bytes().to_vec();
        payload.extend([0; HEADER]);
        payload.extend(10u16.to_ne_bytes());
        payload.extend(NLMSGERR_ATTR_MSG.to_ne_bytes());
        payload.extend(b"gone \0");
        let length = (HEADER + payload.len()) as u32;
        let mut bytes = message(length, libc::NLMSG_ERROR as u16, 1, &payload);
        bytes[6..8].copy_from_slice(&(NLM_F_CAPPED | NLM_F_ACK_TLVS).to_ne_bytes());
        let end = Body::End(libc::EADDRNOTAVAIL, Some("gone "));
        assert_eq!(bodies(&bytes), [Ok((1, end))]);
        for end in HEADER..bytes.len() {
            let mut cut = bytes[..end].to_vec();
            cut[..4].copy_from_slice(&(end as u32).to_ne_bytes());
            // Only the words may be missing.
            let is_end = matches!(
                bodies(&cut)[..],
                [Ok((1, Body::End(libc::EADDRNOTAVAIL, None)))]
            );
            assert_eq!(is_end, end >= HEADER + 4, "{end}");
        }
    }
}
