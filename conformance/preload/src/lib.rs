//! Preloaded into the unmodified C knockd 0.8, this library gives it a capture to read where it asks for an interface.
//! `preload_world` tells how it is started and what the transcript says.
//!
//! These functions have to be written in libpcap's terms, so each of them is unsafe to call.
#![cfg(target_os = "linux")]

use std::{
    env,
    ffi::{CStr, CString, OsString},
    os::unix::ffi::OsStringExt,
    ptr::null_mut,
    sync::{Mutex, OnceLock, PoisonError},
};

use libc::{_IOLBF, FILE, O_RDONLY, c_char, c_int, c_void, close, exit, open, setvbuf, strncpy};
use preload_pcap::{Header, Packet, Program};
// Their functions are part of this library.
use {preload_names as _, preload_process as _};

#[expect(unsafe_code, reason = "the C library's stream, which the daemon writes to")]
unsafe extern "C" {
    static stdout: *mut FILE;
}

static PACKETS: OnceLock<Vec<Packet>> = OnceLock::new();
static FILTER: Mutex<Vec<[u32; 2]>> = Mutex::new(Vec::new());

/// Opens the capture in place of the interface `name`.
#[expect(unsafe_code, reason = "the daemon finds the function by its name, and passes pointers")]
#[unsafe(no_mangle)]
extern "C" fn pcap_open_live(name: *const c_char, _: c_int, _: c_int, _: c_int, error: *mut c_char) -> *mut c_void {
    let path = env::var_os(preload_world::CAPTURE).map(OsString::into_vec).unwrap_or_default();
    let Ok(path) = CString::new(path) else { preload_world::broken("the capture's path has a zero byte") };
    // SAFETY: the daemon passes a C string. There is one thread, so nobody reads the environment meanwhile.
    let name = unsafe {
        // Commands are not to be preloaded; and a line that a child inherits half written would be written twice.
        env::remove_var("LD_PRELOAD");
        setvbuf(stdout, null_mut(), _IOLBF, 0);
        CStr::from_ptr(name).to_string_lossy()
    };
    // SAFETY: the daemon passes a buffer of 256 bytes (PCAP_ERRBUF_SIZE); the text ends with a zero byte, and is cut before.
    let refuse = |text: &CStr| unsafe { strncpy(error, text.as_ptr(), 255) };
    let (capture, packets) = match preload_pcap::read(&path) {
        Ok(read) => read,
        Err(words) => {
            refuse(&words);
            return null_mut();
        }
    };
    if !preload_world::listen(&name, packets.first().map_or(0, Packet::micros)) {
        let text = CString::new(format!("{name}: No such device exists (No such device exists)")).unwrap_or_default();
        refuse(&text);
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

/// Takes note of the filter, which has to be applied here: packets that do not pass it also move the clock.
#[expect(unsafe_code, reason = "the daemon finds the function by its name, and passes pointers")]
#[unsafe(no_mangle)]
extern "C" fn pcap_setfilter(_capture: *mut c_void, program: *const Program) -> c_int {
    // SAFETY: the daemon passes a program that pcap_compile(3) has made.
    let code = unsafe { &*program }.code();
    *FILTER.lock().unwrap_or_else(PoisonError::into_inner) = code;
    0
}

/// Delivers the next packet if it passes the filter. At the end of the capture the daemon ends, which would go on asking.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn pcap_dispatch(
    _capture: *mut c_void,
    _count: c_int,
    callback: extern "C" fn(*mut c_void, *const Header, *const u8),
    user: *mut c_void,
) -> c_int {
    let packets = PACKETS.get().map_or(&[][..], Vec::as_slice);
    let Some(index) = preload_world::next(|index| packets.get(index).map(Packet::micros)) else {
        // SAFETY: exit(3) may be called by whoever is in no exit handler; it flushes what the daemon has written.
        unsafe { exit(0) }
    };
    let Packet { header, bytes } = &packets[index];
    let code = FILTER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // Without any address the daemon sets no filter.
    let passes = preload_world::hears() && preload_pcap::passes(&code, &packets[index]);
    if passes {
        callback(user, header, bytes.as_ptr());
    }
    c_int::from(passes)
}
