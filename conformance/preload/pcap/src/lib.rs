//! A capture read, and packets filtered, by the libpcap that the preloaded daemon brings.
#![cfg(target_os = "linux")]

use std::{
    ffi::{CStr, CString},
    ptr::null,
    slice,
};

use libc::{c_char, c_int, c_void, timeval};

/// `struct pcap_pkthdr`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Header {
    stamp: timeval,
    captured: u32,
    length: u32,
}

/// `struct bpf_program`; an instruction is eight bytes with an alignment of four.
#[derive(Debug)]
#[repr(C)]
pub struct Program {
    length: u32,
    code: *const [u32; 2],
}

#[expect(unsafe_code, reason = "libpcap, which the daemon brings")]
unsafe extern "C" {
    fn pcap_open_offline(path: *const c_char, error: *mut c_char) -> *mut c_void;
    fn pcap_next_ex(capture: *mut c_void, header: *mut *const Header, bytes: *mut *const u8) -> c_int;
    fn pcap_offline_filter(program: *const Program, header: *const Header, bytes: *const u8) -> c_int;
}

/// A packet of a capture.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Its header; the length in it is that of `bytes`.
    pub header: Header,
    /// What was captured of it.
    pub bytes: Vec<u8>,
}

impl Packet {
    /// Its stamp, in microseconds since 1970.
    #[must_use]
    pub fn micros(&self) -> i64 {
        self.header.stamp.tv_sec * 1_000_000 + self.header.stamp.tv_usec
    }
}

/// Reads a capture at once, before there is any child that could move the offset of an open file: its handle, which stays
/// open, and its packets.
///
/// # Errors
///
/// libpcap's words.
pub fn read(path: &CStr) -> Result<(*mut c_void, Vec<Packet>), CString> {
    let mut error = [0_u8; 256];
    let (mut header, mut bytes, mut packets) = (null(), null(), Vec::new());
    // SAFETY: the path is a C string, and the buffer as long as PCAP_ERRBUF_SIZE. Each packet is copied before the next is
    // asked for, and has as many bytes as its header says.
    #[expect(unsafe_code, reason = "see above")]
    let capture = unsafe {
        let capture = pcap_open_offline(path.as_ptr(), error.as_mut_ptr().cast());
        while !capture.is_null() && pcap_next_ex(capture, &raw mut header, &raw mut bytes) == 1 {
            let bytes = slice::from_raw_parts(bytes, (*header).captured as usize).to_vec();
            packets.push(Packet { header: *header, bytes });
        }
        capture
    };
    let words = || CStr::from_bytes_until_nul(&error).map(CStr::to_owned).unwrap_or_default();
    if capture.is_null() { Err(words()) } else { Ok((capture, packets)) }
}

/// Whether a packet passes a filter, a program that pcap_compile(3) has made. Without an instruction all do.
#[must_use]
pub fn passes(code: &[[u32; 2]], packet: &Packet) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "the length was a 32-bit number when it came")]
    let program = Program { length: code.len() as u32, code: code.as_ptr() };
    // SAFETY: the program, the header and as many bytes as that says live until the call returns.
    #[expect(unsafe_code, reason = "see above")]
    let filter = || unsafe { pcap_offline_filter(&raw const program, &raw const packet.header, packet.bytes.as_ptr()) };
    code.is_empty() || filter() != 0
}

impl Program {
    /// Its instructions.
    #[must_use]
    pub fn code(&self) -> Vec<[u32; 2]> {
        // SAFETY: pcap_compile(3) has made it, with as many instructions as it says; nobody else can make one.
        #[expect(unsafe_code, reason = "see above")]
        unsafe { slice::from_raw_parts(self.code, self.length as usize) }.to_vec()
    }
}
