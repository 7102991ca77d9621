//! libpcap, loaded when a program runs and not linked when it is built, so that the build needs no headers and whoever
//! captures nothing never maps it.
#![expect(unsafe_code, reason = "libpcap is C; each block says what makes it right")]

use std::{ffi::*, os::fd::BorrowedFd, slice};

/// A captured frame: seconds and nanoseconds since the epoch, length on the wire, captured bytes.
pub type Packet<'a> = (i64, i64, usize, &'a [u8]);

/// `struct pcap_pkthdr`: when, how many bytes were captured, how many there were.
#[repr(C)]
struct Header(libc::timeval, u32, u32);
type Each = extern "C" fn(*mut c_void, *const Header, *const u8);

macro_rules! library {
    ($($name:ident($($kind:ty),*) -> $result:ty;)*) => {
        /// The library's functions; it is never unloaded.
        #[derive(Debug)]
        pub struct Library { $($name: unsafe extern "C" fn($($kind),*) -> $result,)* }

        impl Library {
            /// Loads what the dynamic loader knows as `name`, such as Debian's `libpcap.so.0.8`, or gives its words.
            pub fn load(name: &str) -> Result<Self, libloading::Error> {
                // SAFETY: loading has no side effects; these are the functions' types since 1.5; leaked, they stay there.
                unsafe {
                    let library = Box::leak(Box::new(libloading::Library::new(name)?));
                    Ok(Self { $($name: *library.get(stringify!($name).as_bytes())?,)* })
                }
            }
        }
    };
}

type Handle = *mut c_void;
library! {
    pcap_create(*const c_char, *mut c_char) -> Handle; pcap_activate(Handle) -> c_int; pcap_close(Handle) -> ();
    pcap_set_snaplen(Handle, c_int) -> c_int; pcap_set_timeout(Handle, c_int) -> c_int;
    pcap_set_buffer_size(Handle, c_int) -> c_int; pcap_set_tstamp_precision(Handle, c_int) -> c_int;
    pcap_setnonblock(Handle, c_int, *mut c_char) -> c_int; pcap_datalink(Handle) -> c_int;
    pcap_get_selectable_fd(Handle) -> c_int; pcap_statustostr(c_int) -> *const c_char;
    pcap_dispatch(Handle, c_int, Each, *mut c_void) -> c_int;
}

/// A live capture, closed when it is dropped.
#[derive(Debug)]
pub struct Capture<'l>(&'l Library, *mut c_void);

impl<'l> Capture<'l> {
    /// Opens `device` for reading without waiting, with these settings: the most bytes of a frame, the ring's bytes, and
    /// the milliseconds after which a block of frames is handed out that is not full. An error is libpcap's number for
    /// what is wrong, such as -8 for a missing permission, and its words.
    pub fn open(library: &'l Library, device: &CStr, settings: [c_int; 3]) -> Result<Self, (c_int, String)> {
        let (mut words, [snaplen, ring, timeout]) = ([0; 256], settings);
        // SAFETY: name and words (PCAP_ERRBUF_SIZE bytes) outlive the calls, the handle is new, the last text static.
        unsafe {
            let capture = Self(library, (library.pcap_create)(device.as_ptr(), words.as_mut_ptr()));
            let mut status = -1;
            if !capture.1.is_null() {
                (library.pcap_set_snaplen)(capture.1, snaplen);
                (library.pcap_set_buffer_size)(capture.1, ring);
                (library.pcap_set_timeout)(capture.1, timeout);
                (library.pcap_set_tstamp_precision)(capture.1, 1);
                status = (library.pcap_activate)(capture.1);
            }
            if status >= 0 && (library.pcap_setnonblock)(capture.1, 1, words.as_mut_ptr()) == 0 {
                return Ok(capture);
            }
            Err((status, CStr::from_ptr((library.pcap_statustostr)(status)).to_string_lossy().into_owned()))
        }
    }

    /// What to poll for readability, and the number of its link type as libpcap has it (`DLT_`).
    pub fn descriptor(&self) -> (BorrowedFd<'_>, c_int) {
        // SAFETY: an active capture on Linux has a descriptor, which stays open as long as the handle.
        unsafe { (BorrowedFd::borrow_raw((self.0.pcap_get_selectable_fd)(self.1)), (self.0.pcap_datalink)(self.1)) }
    }

    /// Hands at most `most` frames that are there to `each`. `None`: no more can be read, since the interface is gone.
    pub fn dispatch<F: FnMut(Packet<'_>)>(&mut self, most: c_int, mut each: F) -> Option<usize> {
        extern "C" fn hand<F: FnMut(Packet<'_>)>(each: *mut c_void, header: *const Header, bytes: *const u8) {
            // SAFETY: libpcap hands back the closure that it was given below, and a header with as many bytes as it says,
            // all of them good until this function returns. A panic ends the process at this function's edge.
            let (each, Header(at, _, length), bytes) =
                unsafe { (&mut *each.cast::<F>(), &*header, slice::from_raw_parts(bytes, (*header).1 as usize)) };
            each((at.tv_sec, at.tv_usec, *length as usize, bytes));
        }
        // SAFETY: the handle is good, and the closure lives until the call returns.
        usize::try_from(unsafe { (self.0.pcap_dispatch)(self.1, most, hand::<F>, (&raw mut each).cast()) }).ok()
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        if !self.1.is_null() {
            // SAFETY: it was opened, and is closed only here.
            unsafe { (self.0.pcap_close)(self.1) };
        }
    }
}
