//! The cases, numbered as in the suite they are taken from.

use super::frame;

/// A frame the client sent, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// FIN, reserved bits and opcode.
    pub(crate) first: u8,
    /// What it carried.
    pub(crate) payload: Vec<u8>,
}

/// How a case ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Close {
    /// The server closes when it has its answers; the client echoes the code.
    Normal,
    /// The client fails the connection with this code.
    Failed(u16),
    /// The server's own close frame is part of the case; the client echoes this code.
    Echoed(u16),
}

/// One case: bytes to send, and what must come back.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The suite's number.
    pub(crate) name: String,
    parts: Vec<Vec<u8>>,
    answers: Vec<Heard>,
    close: Close,
}

impl Case {
    fn new(name: impl Into<String>, frames: &[Vec<u8>]) -> Self {
        Self {
            name: name.into(),
            parts: frames.to_vec(),
            answers: Vec::new(),
            close: Close::Normal,
        }
    }

    /// Sends `count` bytes at a time.
    fn chopped(mut self, count: usize) -> Self {
        let bytes = self.parts.concat();
        self.parts = bytes.chunks(count).map(<[u8]>::to_vec).collect();
        self
    }

    fn answered(mut self, first: u8, payload: &[u8]) -> Self {
        self.answers.push(Heard { first, payload: payload.to_vec() });
        self
    }

    fn failed(mut self, code: u16) -> Self {
        self.close = Close::Failed(code);
        self
    }

    fn closed(mut self, code: u16) -> Self {
        self.close = Close::Echoed(code);
        self
    }

    pub(crate) fn parts(&self) -> &[Vec<u8>] {
        &self.parts
    }

    pub(crate) fn answers_before_close(&self) -> usize {
        self.answers.len()
    }

    /// Whether the end comes without the server's goodbye.
    pub(crate) fn closes_itself(&self) -> bool {
        self.close != Close::Normal
    }

    /// What is wrong with what the client said.
    pub(crate) fn judge(&self, heard: &[Heard]) -> Result<(), String> {
        let code = match self.close {
            Close::Normal => 1_000,
            Close::Failed(code) | Close::Echoed(code) => code,
        };
        let Some((last, answers)) = heard.split_last() else {
            return Err("the client said nothing, not even goodbye".to_owned());
        };
        if answers != self.answers {
            let brief = |said: &[Heard]| -> Vec<String> {
                said.iter()
                    .map(|it| format!("{:#x} {} bytes", it.first, it.payload.len()))
                    .collect()
            };
            return Err(format!("answers {:?} and not {:?}", brief(answers), brief(&self.answers)));
        }
        let expected = Heard { first: 0x88, payload: code.to_be_bytes().to_vec() };
        if *last == expected {
            Ok(())
        } else {
            Err(format!("ends with {last:?}, not {expected:?}"))
        }
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(framing());
    cases.extend(pings_and_pongs());
    cases.extend(reserved());
    cases.extend(fragmentation());
    cases.extend(utf8());
    cases.extend(closing());
    cases.extend(close_codes());
    cases
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// 1.1.1 to 1.2.8 and 10.1.1: sizes around every length encoding, chopped or not.
fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    for (section, first, byte) in [("1.1", TEXT, b'*'), ("1.2", BINARY, 0xfe)] {
        for (number, len) in [0, 125, 126, 127, 128, 65_535, 65_536].into_iter().enumerate() {
            let payload = vec![byte; len];
            let name = format!("{section}.{}", number + 1);
            cases.push(Case::new(name, &[frame(first, &payload)]).answered(first, &payload));
        }
        let payload = vec![byte; 65_536];
        let case = Case::new(format!("{section}.8"), &[frame(first, &payload)]);
        cases.push(case.chopped(997).answered(first, &payload));
    }
    let payload = vec![b'*'; 65_536];
    let frames = fragments(0x01, &payload, 1_300);
    cases.push(Case::new("10.1.1", &frames).answered(TEXT, &payload));
    cases
}

/// A message in frames of at most `len` bytes.
fn fragments(opcode: u8, payload: &[u8], len: usize) -> Vec<Vec<u8>> {
    let count = payload.chunks(len).count();
    let frames = payload.chunks(len).enumerate().map(|(at, part)| {
        let first = if at == 0 { opcode } else { 0 };
        frame(if at + 1 == count { first | 0x80 } else { first }, part)
    });
    frames.collect()
}

/// 2.1 to 2.11.
fn pings_and_pongs() -> Vec<Case> {
    let long = vec![0xfe; 125];
    let ten: Vec<Vec<u8>> =
        (0..10).map(|at| frame(PING, format!("ping {at}").as_bytes())).collect();
    let pongs = |case: Case| {
        (0..10).fold(case, |case, at| case.answered(PONG, format!("ping {at}").as_bytes()))
    };
    vec![
        Case::new("2.1", &[frame(PING, b"")]).answered(PONG, b""),
        Case::new("2.2", &[frame(PING, b"Hello, world!")]).answered(PONG, b"Hello, world!"),
        Case::new("2.3", &[frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")])
            .answered(PONG, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
        Case::new("2.4", &[frame(PING, &long)]).answered(PONG, &long),
        Case::new("2.5", &[frame(PING, &[0xfe; 126])]).failed(1_002),
        Case::new("2.6", &[frame(PING, &long)]).chopped(1).answered(PONG, &long),
        Case::new("2.7", &[frame(PONG, b"")]),
        Case::new("2.8", &[frame(PONG, b"unsolicited")]),
        Case::new("2.9", &[frame(PONG, b"unsolicited"), frame(PING, b"asked")])
            .answered(PONG, b"asked"),
        pongs(Case::new("2.10", &ten)),
        pongs(Case::new("2.11", &ten).chopped(1)),
    ]
}

/// 3.1 to 4.2.5: reserved bits and opcodes, alone and behind a message.
fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    let hello = b"Hello, world!";
    for (number, bits) in [0x40, 0x20, 0x30, 0x10, 0x50, 0x60, 0x70].into_iter().enumerate() {
        for (kind, opcode) in [("text", TEXT), ("binary", BINARY), ("ping", PING), ("close", CLOSE)]
        {
            let bad = frame(opcode | bits, hello);
            let name = format!("3.{} {kind}", number + 1);
            cases.push(Case::new(name.clone(), std::slice::from_ref(&bad)).failed(1_002));
            let behind = Case::new(format!("{name} behind"), &[frame(TEXT, hello), bad]);
            cases.push(behind.chopped(7).answered(TEXT, hello).failed(1_002));
        }
    }
    for opcode in (3..=7).chain(0xb..=0xf) {
        let bad = frame(0x80 | opcode, hello);
        cases.push(
            Case::new(format!("4 opcode {opcode}"), std::slice::from_ref(&bad)).failed(1_002),
        );
        let frames = [frame(TEXT, hello), bad, frame(PING, b"")];
        let behind = Case::new(format!("4 opcode {opcode} behind"), &frames);
        cases.push(behind.answered(TEXT, hello).failed(1_002));
    }
    cases
}

/// 5.1 to 5.20.
fn fragmentation() -> Vec<Case> {
    let (one, two) = (b"fragment1".as_slice(), b"fragment2".as_slice());
    let both = [one, two].concat();
    let message = [frame(0x01, one), frame(0x80, two)];
    let with_ping = [frame(0x01, one), frame(PING, b"ping"), frame(0x80, two)];
    let orphan = [frame(0x80, b"orphan"), frame(TEXT, b"Hello")];
    let mut cases = vec![
        Case::new("5.1", &[frame(0x09, one), frame(0x80, two)]).failed(1_002),
        Case::new("5.2", &[frame(0x0a, one), frame(0x80, two)]).failed(1_002),
        Case::new("5.18", &[frame(0x01, one), frame(TEXT, two)]).failed(1_002),
    ];
    for (at, chop) in [usize::MAX, 4, 1].into_iter().enumerate() {
        let case = |number: usize, frames: &[Vec<u8>]| {
            Case::new(format!("5.{}", number + at), frames).chopped(chop)
        };
        cases.push(case(3, &message).answered(TEXT, &both));
        cases.push(case(6, &with_ping).answered(PONG, b"ping").answered(TEXT, &both));
        cases.push(case(9, &orphan).failed(1_002));
        let unfinished = [frame(0x00, b"orphan"), frame(TEXT, b"Hello")];
        cases.push(case(12, &unfinished).failed(1_002));
        let again = [&unfinished[..], &message[..]].concat();
        cases.push(case(15, &again).failed(1_002));
    }
    let parts: Vec<&[u8]> = vec![b"f1", b"f2", b"f3", b"f4", b"f5"];
    let many = [
        frame(0x01, parts[0]),
        frame(0x00, parts[1]),
        frame(PING, b"first"),
        frame(0x00, parts[2]),
        frame(0x00, parts[3]),
        frame(PING, b"second"),
        frame(0x80, parts[4]),
    ];
    for (number, chop) in [("5.19", usize::MAX), ("5.20", 1)] {
        let case = Case::new(number, &many).chopped(chop);
        let case = case.answered(PONG, b"first").answered(PONG, b"second");
        cases.push(case.answered(TEXT, &parts.concat()));
    }
    cases
}

/// Section 6: text that is UTF-8, and text that is not.
fn utf8() -> Vec<Case> {
    let good: &[&[u8]] = &[
        b"",
        "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!".as_bytes(),
        "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}".as_bytes(),
        b"\x00",
        b"\xc2\x80",
        b"\xe0\xa0\x80",
        b"\xf0\x90\x80\x80",
        b"\x7f",
        b"\xdf\xbf",
        b"\xef\xbf\xbf",
        b"\xf4\x8f\xbf\xbf",
        b"\xed\x9f\xbf",
        b"\xee\x80\x80",
        b"\xef\xbf\xbd",
        b"\xef\xbf\xbe",
        b"\xf0\x9f\xbf\xbe",
    ];
    let bad: &[&[u8]] = &[
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xf7\xbf\xbf\xbf",
        b"\xfb\xbf\xbf\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xbf",
        b"\x80\xbf\x80\xbf",
        b"\xc0 \xc1 \xc2 ",
        b"\xe0 \xe1 \xef ",
        b"\xf0 \xf1 \xf4 ",
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xfe",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
    ];
    let mut cases = Vec::new();
    for (at, text) in good.iter().enumerate() {
        let whole = [frame(TEXT, text)];
        cases.push(Case::new(format!("6 good {at}"), &whole).answered(TEXT, text));
        if !text.is_empty() {
            let frames = fragments(0x01, text, 1);
            let case = Case::new(format!("6 good {at} in fragments"), &frames);
            cases.push(case.answered(TEXT, text));
        }
    }
    for (at, text) in bad.iter().enumerate() {
        cases.push(Case::new(format!("6 bad {at}"), &[frame(TEXT, text)]).failed(1_007));
        let frames = fragments(0x01, text, 1);
        cases.push(Case::new(format!("6 bad {at} in fragments"), &frames).failed(1_007));
    }
    // 6.4: the rest never comes, so only who looks at the parts can tell.
    let start = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90";
    let frames = [frame(0x01, start)];
    cases.push(Case::new("6.4.1", &frames).failed(1_007));
    let mut unfinished = frame(TEXT, &[start.as_slice(), &[b'x'; 90]].concat());
    unfinished.truncate(2 + start.len());
    cases.push(Case::new("6.4.3", &[unfinished]).failed(1_007));
    cases
}

/// 7.1.1 to 7.5.1: the order of goodbyes.
fn closing() -> Vec<Case> {
    let normal = frame(CLOSE, &1_000_u16.to_be_bytes());
    let reason = |text: &[u8]| frame(CLOSE, &[&1_000_u16.to_be_bytes(), text].concat());
    let hello = frame(TEXT, b"Hello World!");
    let echoed = |name: &str, frames: &[Vec<u8>]| {
        Case::new(name, frames).answered(TEXT, b"Hello World!").closed(1_000)
    };
    let open = frame(0x01, b"fragment");
    vec![
        echoed("7.1.1", &[hello.clone(), normal.clone()]),
        Case::new("7.1.2", &[normal.clone(), normal.clone()]).closed(1_000),
        Case::new("7.1.3", &[normal.clone(), frame(PING, b"late")]).closed(1_000),
        Case::new("7.1.4", &[normal.clone(), hello]).closed(1_000),
        Case::new("7.1.5", &[open, normal.clone(), frame(0x80, b"late")]).closed(1_000),
        Case::new("7.3.1", &[frame(CLOSE, b"")]).closed(1_000),
        Case::new("7.3.2", &[frame(CLOSE, b"a")]).failed(1_002),
        Case::new("7.3.3", &[normal]).closed(1_000),
        Case::new("7.3.4", &[reason(b"Hello World!")]).closed(1_000),
        Case::new("7.3.5", &[reason(&[b'*'; 123])]).closed(1_000),
        Case::new("7.3.6", &[reason(&[b'*'; 124])]).failed(1_002),
        Case::new("7.5.1", &[reason(b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited")]).failed(1_007),
    ]
}

/// 7.7 and 7.9: codes that may be sent, and codes that may not.
fn close_codes() -> Vec<Case> {
    let close = |code: u16| frame(CLOSE, &code.to_be_bytes());
    let good =
        [1_000, 1_001, 1_002, 1_003, 1_007, 1_008, 1_009, 1_010, 1_011, 3_000, 3_999, 4_000, 4_999];
    let bad = [0, 999, 1_004, 1_005, 1_006, 1_016, 1_100, 2_000, 2_999];
    let good = good.map(|code| Case::new(format!("7.7 {code}"), &[close(code)]).closed(code));
    let bad = bad.map(|code| Case::new(format!("7.9 {code}"), &[close(code)]).failed(1_002));
    good.into_iter().chain(bad).collect()
}
