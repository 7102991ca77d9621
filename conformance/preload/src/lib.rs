//! Preloaded into the unmodified C knockd 0.8, this library gives it a capture to read where it asks for an interface.
//! `preload_world` tells how it is started and what the transcript says.
//!
//! The packets are read all at once, before there is any child that could move the offset of an open file. These functions
//! have to be written in libpcap's terms, so each of them is unsafe to call.
#![cfg(target_os = "linux")]

use std::{
    env,
    ffi::{CStr, CString, OsString},
    os::unix::ffi::OsStringExt,
    ptr::{null, null_mut},
    slice,
    sync::{Mutex, OnceLock, PoisonError},
};

use libc::{_IOLBF, FILE, O_RDONLY, c_char, c_int, c_void, close, exit, open, setvbuf, strncpy, timeval};
// Their functions are part of this library.
use {preload_names as _, preload_process as _};

/// `struct pcap_pkthdr`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Header {
    stamp: timeval,
    captured: u32,
    length: u32,
}

/// `struct bpf_program`; an instruction is eight bytes with an alignment of four.
#[repr(C)]
struct Program {
    length: u32,
    code: *const [u32; 2],
}

#[expect(unsafe_code, reason = "libpcap, which the daemon brings")]
unsafe extern "C" {
    static stdout: *mut FILE;
    fn pcap_open_offline(path: *const c_char, error: *mut c_char) -> *mut c_void;
    fn pcap_next_ex(capture: *mut c_void, header: *mut *const Header, bytes: *mut *const u8) -> c_int;
    fn pcap_offline_filter(program: *const Program, header: *const Header, bytes: *const u8) -> c_int;
}

static PACKETS: OnceLock<Vec<(Header, Vec<u8>)>> = OnceLock::new();
static FILTER: Mutex<Vec<[u32; 2]>> = Mutex::new(Vec::new());

/// Opens the capture in place of the interface `name`.
#[expect(unsafe_code, reason = "the daemon finds the function by its name, and passes pointers")]
#[unsafe(no_mangle)]
extern "C" fn pcap_open_live(name: *const c_char, _: c_int, _: c_int, _: c_int, error: *mut c_char) -> *mut c_void {
    let path = env::var_os(preload_world::CAPTURE).map(OsString::into_vec).unwrap_or_default();
    let Ok(path) = CString::new(path) else { preload_world::broken("the capture's path has a zero byte") };
    let (mut header, mut bytes, mut packets) = (null(), null(), Vec::new());
    // SAFETY: the daemon passes a C string and a buffer for an error. Each packet is copied before the next is asked for,
    // and has as many bytes as its header says. There is one thread, so nobody reads the environment meanwhile.
    let (capture, name) = unsafe {
        // Commands are not to be preloaded; and a line that a child inherits half written would be written twice.
        env::remove_var("LD_PRELOAD");
        setvbuf(stdout, null_mut(), _IOLBF, 0);
        let capture = pcap_open_offline(path.as_ptr(), error);
        while !capture.is_null() && pcap_next_ex(capture, &raw mut header, &raw mut bytes) == 1 {
            packets.push((*header, slice::from_raw_parts(bytes, (*header).captured as usize).to_vec()));
        }
        (capture, CStr::from_ptr(name))
    };
    let start = packets.first().map_or(0, |(header, _)| micros(header));
    let name = name.to_string_lossy();
    if !preload_world::listen(&name, start) {
        let text = CString::new(format!("{name}: No such device exists (No such device exists)")).unwrap_or_default();
        // SAFETY: the buffer has 256 bytes (PCAP_ERRBUF_SIZE); the text ends with a zero byte, and is cut before.
        unsafe { strncpy(error, text.as_ptr(), 255) };
        return null_mut();
    }
    // SAFETY: our copy of standard input is taken, and nothing else has been opened by that number. The lowest number that
    // is free, which is 0 again, becomes that of /dev/null: a command that reads would take answers that are for us.
    unsafe {
        close(0);
        open(c"/dev/null".as_ptr(), O_RDONLY);
    }
    PACKETS.get_or_init(|| packets);
    capture
}

fn micros(header: &Header) -> i64 {
    header.stamp.tv_sec * 1_000_000 + header.stamp.tv_usec
}

/// Takes note of the filter, which has to be applied here: packets that do not pass it also move the clock.
#[expect(unsafe_code, reason = "the daemon finds the function by its name, and passes pointers")]
#[unsafe(no_mangle)]
extern "C" fn pcap_setfilter(_capture: *mut c_void, program: *const Program) -> c_int {
    // SAFETY: the daemon passes a program that pcap_compile(3) has made, which has as many instructions as it says.
    let code = unsafe { slice::from_raw_parts((*program).code, (*program).length as usize) };
    *FILTER.lock().unwrap_or_else(PoisonError::into_inner) = code.to_vec();
    0
}

/// Delivers the next packet if it passes the filter. At the end of the capture the daemon ends, which would go on asking.
#[expect(unsafe_code, reason = "the daemon finds the function by its name, and passes pointers")]
#[unsafe(no_mangle)]
extern "C" fn pcap_dispatch(
    _capture: *mut c_void,
    _count: c_int,
    callback: extern "C" fn(*mut c_void, *const Header, *const u8),
    user: *mut c_void,
) -> c_int {
    let packets = PACKETS.get().map_or(&[][..], Vec::as_slice);
    let Some(index) = preload_world::next(|index| packets.get(index).map(|(header, _)| micros(header))) else {
        // SAFETY: exit(3) may be called by whoever is in no exit handler; it flushes what the daemon has written.
        unsafe { exit(0) }
    };
    let (header, bytes) = &packets[index];
    let code = FILTER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    #[expect(clippy::cast_possible_truncation, reason = "the length was a 32-bit number when it came")]
    let program = Program { length: code.len() as u32, code: code.as_ptr() };
    // SAFETY: the program, the header and as many bytes as that says live until the call returns.
    let filter = || unsafe { pcap_offline_filter(&raw const program, header, bytes.as_ptr()) } != 0;
    // Without any address the daemon sets no filter.
    let passes = preload_world::hears() && (code.is_empty() || filter());
    if passes {
        callback(user, header, bytes.as_ptr());
    }
    c_int::from(passes)
}
