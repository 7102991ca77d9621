//! The processes and the time of the preloaded daemon: children run one after the other, and sleeping takes no time.
//!
//! These functions have to be written in the C library's terms, so each of them is unsafe to call.
#![cfg(target_os = "linux")]

use std::{ffi::CStr, mem::transmute};

use libc::{RTLD_NEXT, c_char, c_int, c_uint, dlsym, pid_t, time_t};

#[expect(unsafe_code, reason = "the C library's own fork, under the name that is not replaced here")]
unsafe extern "C" {
    fn __fork() -> pid_t;
}

/// Forks; the child waits until the daemon is done with the packet, and the daemon then until the child has ended.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn fork() -> pid_t {
    let (child, parent) = preload_world::pair();
    // SAFETY: the daemon has one thread, so its child may do whatever it could do itself.
    #[expect(unsafe_code, reason = "see above")]
    let pid = unsafe { __fork() };
    match pid {
        0 => {
            drop(parent);
            preload_world::await_turn(child);
        }
        1.. => preload_world::keep_back(parent),
        _ => {}
    }
    pid
}

/// Runs a command with the C library's own function, between two lines in the transcript.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn system(command: *const c_char) -> c_int {
    preload_world::mark(&format!("run {}", text(command)));
    // SAFETY: the name is a C string; what is found under it is the next function of this name, thus of this type, and
    // without it this program could not have been loaded.
    #[expect(unsafe_code, reason = "see above; there is no other name for that function")]
    let status = unsafe {
        let next: extern "C" fn(*const c_char) -> c_int = transmute(dlsym(RTLD_NEXT, c"system".as_ptr()));
        next(command)
    };
    preload_world::mark(&format!("ran {status}"));
    status
}

/// Moves this process's clock.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn sleep(seconds: c_uint) -> c_uint {
    preload_world::sleep(seconds);
    0
}

/// Tells the time by the capture.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn time(place: *mut time_t) -> time_t {
    let seconds = preload_world::now().div_euclid(1_000_000);
    if !place.is_null() {
        // SAFETY: time(2) takes a null pointer or one to a place for the time.
        #[expect(unsafe_code, reason = "see above; the result goes through a pointer")]
        unsafe {
            *place = seconds;
        }
    }
    seconds
}

/// Writes a message to the transcript alone. The daemon's format is always `%s`.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn __syslog_chk(_priority: c_int, _flag: c_int, _format: *const c_char, message: *const c_char) {
    preload_world::mark(&format!("syslog {}", text(message).trim_end_matches('\n')));
}

fn text(of: *const c_char) -> String {
    // SAFETY: the daemon passes a string of C to each function that calls this.
    #[expect(unsafe_code, reason = "see above")]
    let text = unsafe { CStr::from_ptr(of) };
    text.to_string_lossy().into_owned()
}
