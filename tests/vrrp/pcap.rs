//! Reads captures (pcap-savefile(5)) of Ethernet frames, little endian.

/// The IPv4 datagrams of protocol 112 in a capture.
pub fn adverts(capture: &[u8]) -> Vec<Vec<u8>> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap()) as usize;
    assert!(matches!(word(0), 0xa1b2_c3d4 | 0xa1b2_3c4d), "no capture");
    let mut found = Vec::new();
    let mut at = 24;
    while at < capture.len() {
        let length = word(at + 8);
        let frame = &capture[at + 16..at + 16 + length];
        let datagram = &frame[14..];
        if frame[12..14] == [0x08, 0x00] && datagram[9] == 112 {
            let total = usize::from(datagram[2]) * 256 + usize::from(datagram[3]);
            found.push(datagram[..total].to_vec());
        }
        at += 16 + length;
    }
    found
}
